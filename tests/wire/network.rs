//! IPv4 and IPv6: lengths, fragments, extension headers, and ICMP errors about TCP.

use std::net::SocketAddr;

use idlegap::capture::LinkType;
use idlegap::seq::Seq;
use idlegap::wire::{Decoded, Fragment, FragmentInfo, IcmpError, IcmpKind, Layer, SkipReason, decode};

use crate::frames::*;
use crate::{check, segment, skip, whole};

#[track_caller]
fn captured(frame: &[u8], original_len: usize) -> idlegap::wire::Segment<'_> {
    match decode(LinkType(1), frame, original_len as u32) {
        Decoded::Segment(segment) => segment,
        other => panic!("no segment: {other:?}"),
    }
}

#[test]
fn the_snapshot_length_changes_no_length() {
    let frame = ethernet(0x0800, &ip4(6, &tcp_with(&[], &[0x61; 1000])));
    let segment = captured(&frame[..60], frame.len());
    assert_eq!((segment.payload_len, segment.payload), (1000, &[0x61; 6][..]));
}

#[test]
fn padding_is_no_payload() {
    let mut frame = ethernet(0x0800, &ip4(6, &tcp_with(&[], &[])));
    frame.resize(60, 0);
    let segment = captured(&frame, 60);
    assert_eq!((segment.payload_len, segment.payload.len()), (0, 0));
}

#[test]
fn a_length_of_zero_is_that_of_the_frame() {
    let mut v4 = ethernet(0x0800, &ip4(6, &tcp_with(&[], &[0x61; 100])));
    v4[16..18].fill(0);
    assert_eq!(captured(&v4, v4.len()).payload_len, 100);
    // Cut by the snapshot length: the frame was 70,000 bytes on the wire.
    assert_eq!(captured(&v4[..80], 70_000).payload_len, 70_000 - 54);
    let mut v6 = ethernet(0x86dd, &ip6(6, &tcp_with(&[], &[0x61; 100])));
    v6[18..20].fill(0);
    assert_eq!(captured(&v6[..90], 70_000).payload_len, 70_000 - 74);
}

/// RFC 2516 4: the length of the PPPoE payload. What carries the packet says how long it can be, whatever the packet says.
#[test]
fn a_packet_is_no_longer_than_what_carries_it() {
    // Four octets of padding follow the 102 of PPP and IP with 60 octets of payload.
    let carried = |length: u16, total: u16| {
        let mut packet = ip4(6, &tcp_with(&[], &[0x61; 60]));
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        let [high, low] = length.to_be_bytes();
        ethernet(0x8864, &cat(&[&[0x11, 0, 0x12, 0x34, high, low, 0x00, 0x21], &packet, &[0; 4]]))
    };
    for (length, total, payload) in [
        (102, 100, 60),
        (102, 104, 60),
        (102, 1_400, 60),
        (102, 0, 60),
        (62, 100, 20),
        (1_402, 1_400, 1_360),
        // Neither is known before the network card has cut the segment up.
        (0, 0, 64),
        (0, 100, 60),
    ] {
        let frame = carried(length, total);
        let segment = captured(&frame, frame.len());
        let there = payload.min(64) as usize;
        assert_eq!((segment.payload_len, segment.payload.len()), (payload, there), "PPPoE {length}, IP {total}");
    }
    // No room for the headers.
    let frame = carried(41, 100);
    assert!(matches!(decode(LinkType(1), &frame, frame.len() as u32), Decoded::Damaged(_) | Decoded::Skip(_)));
}

#[test]
fn a_jumbogram_tells_its_length_in_an_option() {
    // 70,000 bytes of payload behind the 20 bytes of TCP and the 8 of the options: 70,028, or 0x1118c.
    let options = [6, 0, 0xc2, 4, 0, 0x01, 0x11, 0x8c];
    let mut frame = ethernet(0x86dd, &ip6(0, &cat(&[&options, &tcp_with(&[], &[0x61; 40])])));
    frame[18..20].fill(0);
    let segment = captured(&frame, frame.len());
    assert_eq!((segment.payload_len, segment.payload.len()), (70_000, 40));
    // Behind padding of one byte and of two.
    let options = [6, 1, 0, 1, 1, 0, 0, 0, 0xc2, 4, 0, 0x01, 0x11, 0x94, 1, 0];
    let mut frame = ethernet(0x86dd, &ip6(0, &cat(&[&options, &tcp_with(&[], &[])])));
    frame[18..20].fill(0);
    // Pad1, PadN of 3, Pad1, the jumbo option, PadN of 2.
    frame[56..62].copy_from_slice(&[0, 1, 1, 0, 0, 0]);
    assert_eq!(captured(&frame, frame.len()).payload_len, 70_000);
}

#[test]
fn a_total_length_beyond_the_frame_is_believed() {
    let mut frame = ethernet(0x0800, &ip4(6, &tcp_with(&[], &[])));
    frame[16..18].copy_from_slice(&1500u16.to_be_bytes());
    let segment = captured(&frame, frame.len());
    assert_eq!((segment.payload_len, segment.payload.len()), (1460, 0));
}

#[test]
fn impossible_fields_are_named() {
    let v4 = |offset: usize, value: u8| {
        let mut packet = tcp4();
        packet[offset] = value;
        skip(101, &packet)
    };
    let bad = |field, value| SkipReason::BadField(field, value);
    assert_eq!(v4(0, 0x44).reason, bad("IHL", 4));
    assert_eq!(v4(3, 19).reason, bad("Total Length", 19));
    assert_eq!(v4(0, 0x55).reason, bad("Version", 5));
    assert_eq!(skip(228, &tcp6()).reason, bad("Version", 6));
    assert_eq!(skip(229, &tcp4()).reason, bad("Version", 4));
    assert_eq!(skip(101, &ip4(51, &[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).reason, bad("Payload Len", 0));
    let short = skip(1, &ethernet(0x0800, &tcp4()[..19]));
    assert_eq!((short.layer, short.offset), (Layer::Ip, 14));
    assert_eq!(short.reason, SkipReason::TooShort { needed: 20, available: 19 });
    let options = skip(101, &cat(&[&[0x4f], &tcp4()[1..30]]));
    assert_eq!(options.reason, SkipReason::TooShort { needed: 60, available: 30 });
}

#[test]
fn other_protocols_are_named() {
    assert_eq!(skip(101, &ip4(132, &[0; 12])).reason, SkipReason::NotTcp(132));
    assert_eq!(skip(101, &ip6(59, &[])).reason, SkipReason::NotTcp(59));
    assert_eq!(skip(101, &ip4(50, &[0; 40])).reason, SkipReason::Opaque);
    assert_eq!(skip(101, &ip6(50, &[0; 40])).reason, SkipReason::Opaque);
    assert_eq!(skip(101, &ip4(17, &udp(53, &[0; 12]))).reason, SkipReason::NotTcp(17));
}

#[test]
fn a_first_fragment_counts_and_a_later_one_is_accounted_for() {
    // 1480 bytes of datagram in the first fragment; the second, at 1480 (185 words of 8), has 100 and is the last.
    let first = ip4_fragment(6, 0x2000, &tcp_with(&[], &[0x61; 1460]));
    let first = segment(101, &first);
    assert_eq!((first.payload_len, first.dont_fragment), (1460, false));
    assert_eq!(first.fragment, Some(FragmentInfo { id: 0x1234, len: 1480 }));
    for (bits, last) in [(185, true), (0x2000 | 185, false)] {
        let later = ip4_fragment(6, bits, &[0x61; 100]);
        let Decoded::Fragment(later) = whole(101, &later) else { panic!("no fragment") };
        let expected = Fragment { src: SRC4.into(), dst: DST4.into(), id: 0x1234, offset: 1480, len: 100, last };
        assert_eq!(later, expected);
    }
    let other = ip4_fragment(17, 185, &[0; 100]);
    assert_eq!(skip(101, &other).reason, SkipReason::NotTcp(17));
}

#[test]
fn fragments_of_ipv6_have_a_header_of_their_own() {
    let first = ip6(44, &cat(&[&[6, 0, 0, 1, 0xab, 0xcd, 0x12, 0x34], &tcp_with(&[], &[0x61; 100])]));
    let first = segment(101, &first);
    assert_eq!((first.payload_len, first.ip_id), (100, Some(0x1234)));
    assert_eq!(first.fragment, Some(FragmentInfo { id: 0xabcd_1234, len: 120 }));
    let later = ip6(44, &cat(&[&[6, 0, 0, 120, 0xab, 0xcd, 0x12, 0x34], &[0x61; 50]]));
    let Decoded::Fragment(later) = whole(101, &later) else { panic!("no fragment") };
    let id = 0xabcd_1234;
    assert_eq!(later, Fragment { src: SRC6.into(), dst: DST6.into(), id, offset: 120, len: 50, last: true });
}

#[test]
fn a_first_fragment_too_short_for_tcp_is_passed_over() {
    let skip = skip(101, &ip4_fragment(6, 0x2000, &tcp()[..8]));
    assert_eq!((skip.layer, skip.offset), (Layer::Tcp, 20));
    assert_eq!(skip.reason, SkipReason::TooShort { needed: 16, available: 8 });
}

#[test]
fn icmp_errors_quote_the_segment_they_are_about() {
    let quote = &tcp4()[..28];
    let from = |packet: &[u8]| match whole(101, packet) {
        Decoded::Icmp(error) => error,
        other => panic!("no ICMP error: {other:?}"),
    };
    let kinds = [
        ([3, 1, 0, 0, 0, 0, 0, 0], IcmpKind::Unreachable(1)),
        ([3, 4, 0, 0, 0, 0, 0x05, 0x78], IcmpKind::TooBig(1400)),
        ([11, 0, 0, 0, 0, 0, 0, 0], IcmpKind::TimeExceeded),
        ([12, 1, 0, 0, 20, 0, 0, 0], IcmpKind::Other(12, 1)),
    ];
    for (header, kind) in kinds {
        let error = from(&outer4(1, &cat(&[&header, quote])));
        let (src, dst) = (SocketAddr::from((SRC4, 40000)), SocketAddr::from((DST4, 443)));
        let (from, seq) = ([192, 0, 2, 1].into(), Seq(0x1122_3344));
        let expected = IcmpError { from, kind, src, dst, seq, quoted_len: 8 };
        assert_eq!(error, expected);
    }
    let kinds = [
        ([1, 4, 0, 0, 0, 0, 0, 0], IcmpKind::Unreachable(4)),
        ([2, 0, 0, 0, 0, 0, 0x05, 0x00], IcmpKind::TooBig(1280)),
        ([3, 0, 0, 0, 0, 0, 0, 0], IcmpKind::TimeExceeded),
        ([4, 1, 0, 0, 0, 0, 0, 40], IcmpKind::Other(4, 1)),
    ];
    for (header, kind) in kinds {
        let error = from(&outer6(58, &cat(&[&header, &tcp6()])));
        assert_eq!((error.kind, error.seq, error.quoted_len), (kind, Seq(0x1122_3344), 23));
        assert_eq!((error.src, error.dst), (SocketAddr::from((SRC6, 40000)), SocketAddr::from((DST6, 443))));
    }
    // Inside a tunnel, too.
    let tunnelled = outer4(4, &ip4(1, &cat(&[&[3, 3, 0, 0, 0, 0, 0, 0], quote])));
    assert_eq!(from(&tunnelled).kind, IcmpKind::Unreachable(3));
}

#[test]
fn other_icmp_is_no_error_about_tcp() {
    let echo = skip(101, &ip4(1, &[8, 0, 0, 0, 0, 1, 0, 1]));
    assert_eq!((echo.layer, echo.reason, echo.offset), (Layer::Icmp, SkipReason::NotTcp(1), 20));
    assert_eq!(skip(101, &ip6(58, &[135, 0, 0, 0, 0, 0, 0, 0])).reason, SkipReason::NotTcp(58));
    let about_udp = cat(&[&[3, 3, 0, 0, 0, 0, 0, 0], &ip4(17, &udp(53, &[]))]);
    assert_eq!(skip(101, &ip4(1, &about_udp)).reason, SkipReason::NotTcp(17));
    let cut = skip(101, &ip4(1, &cat(&[&[3, 3, 0, 0, 0, 0, 0, 0], &tcp4()[..27]])));
    assert_eq!((cut.layer, cut.offset), (Layer::Icmp, 48));
    assert_eq!(cut.reason, SkipReason::TooShort { needed: 8, available: 7 });
}

#[test]
fn extension_headers_are_followed_and_their_faults_named() {
    let cut = skip(101, &ip6(60, &[6, 1, 0, 0, 0, 0, 0, 0]));
    assert_eq!((cut.layer, cut.offset), (Layer::Ip, 40));
    assert_eq!(cut.reason, SkipReason::TooShort { needed: 16, available: 8 });
    let frame = ip6(43, &cat(&[&[60, 0, 4, 0, 0, 0, 0, 0], &[6, 0, 1, 4, 0, 0, 0, 0], &tcp()]));
    check(&segment(101, &frame));
}
