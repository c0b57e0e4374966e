//! What the link layer says of a frame, and where it ends the reading.

use idlegap::wire::{Layer, LinkInfo, SkipReason};

use crate::frames::*;
use crate::samples;
use crate::{segment, skip};

/// What the frame of the sample called `name` says of its link.
fn link(name: &str) -> LinkInfo {
    let sample = samples::all().into_iter().find(|sample| sample.name == name).expect("a sample of this name");
    segment(sample.link, &sample.frame).link
}

#[test]
fn addresses_come_from_the_header_that_has_them() {
    let macs = LinkInfo { src_mac: Some(SRC_MAC), dst_mac: Some(DST_MAC), ..LinkInfo::default() };
    for name in [
        "ethernet, IPv4",
        "MPLS, pseudowire without",
        "802.11, ad hoc",
        "802.11, from the access point",
        "802.11, QoS and HT control",
        "802.11, four addresses",
        "Token Ring with a route",
        "FDDI",
        "PKTAP",
        "VXLAN",
    ] {
        assert_eq!(link(name), macs, "{name}");
    }
    assert_eq!(link("three tags"), LinkInfo { vlan: Some(200), ..macs }, "of several tags the outermost");
    assert_eq!(link("NULL, little-endian"), LinkInfo::default());
}

#[test]
fn cooked_captures_name_the_sender_alone() {
    let v1 = LinkInfo { src_mac: Some(SRC_MAC), packet_type: Some(4), ..LinkInfo::default() };
    assert_eq!(link("SLL"), v1);
    let v2 = LinkInfo { src_mac: Some(SRC_MAC), packet_type: Some(0), if_index: Some(7), ..LinkInfo::default() };
    assert_eq!(link("SLL2"), v2);
    // A loopback interface has no address: its length is zero.
    let frame = cat(&[&[0, 0, 3, 4, 0, 0], &[0; 8], &[0x08, 0x00], &tcp4()]);
    assert_eq!(segment(113, &frame).link, LinkInfo { packet_type: Some(0), ..LinkInfo::default() });
}

#[test]
fn a_tunnel_hides_no_outer_address() {
    let mut inner = ethernet(0x0800, &tcp4());
    inner[..12].fill(0x77);
    let frame = ethernet(0x0800, &outer4(17, &udp(4789, &cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner]))));
    assert_eq!(segment(1, &frame).link, link("ethernet, IPv4"));
}

#[test]
fn other_protocols_are_named_where_they_stand() {
    let not_tcp = |number| SkipReason::NotTcp(number);
    for (link, frame, reason, offset) in [
        (1, ethernet(0x0806, &[0; 28]), not_tcp(0x0806), 14),
        (1, ethernet(0x8863, &[0x11, 9, 0, 0, 0, 0]), not_tcp(0x8863), 14),
        (1, ethernet(0x8100, &cat(&[&[0, 1, 0x08, 0x06], &[0; 28]])), not_tcp(0x0806), 18),
        (1, ethernet(38, &[0x42, 0x42, 0x03, 0, 0]), not_tcp(0x4242), 14),
        (1, ethernet(38, &[0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20, 0x00]), not_tcp(0x2000), 14),
        (1, ethernet(0x88e5, &[0; 30]), SkipReason::Opaque, 14),
        (9, vec![0xff, 0x03, 0xc0, 0x21, 1], not_tcp(0xc021), 4),
        (0, vec![7, 0, 0, 0], not_tcp(7), 0),
        (113, cat(&[&[0, 0, 3, 0x38, 0, 0], &[0; 8], &[0, 0]]), not_tcp(0), 16),
        (147, tcp4(), SkipReason::UnknownLink(147), 0),
    ] {
        let skip = skip(link, &frame);
        assert_eq!((skip.layer, skip.reason, skip.offset), (Layer::Link, reason, offset), "{frame:02x?}");
    }
}

#[test]
fn headers_that_cannot_be_are_named() {
    let bad = |field, value| SkipReason::BadField(field, value);
    for (link, frame, reason) in [
        (1, ethernet(0x8864, &[0x21, 0, 0, 1, 0, 0]), bad("VER/TYPE", 0x21)),
        (127, vec![1, 0, 8, 0, 0, 0, 0, 0], bad("it_version", 1)),
        (127, vec![0, 0, 7, 0, 0, 0, 0, 0], bad("it_len", 7)),
        (192, vec![0, 0, 7, 0, 105, 0, 0, 0], bad("header length", 7)),
        (239, vec![2, 1, 0, 0], bad("version", 1)),
        (239, vec![2, 0, 0, 0, 3, 0, 1, 0], bad("length", 3)),
    ] {
        let skip = skip(link, &frame);
        assert_eq!((skip.layer, skip.reason), (Layer::Link, reason), "{frame:02x?}");
    }
}

#[test]
fn a_cut_header_tells_how_much_is_missing() {
    let short = |needed, available| SkipReason::TooShort { needed, available };
    for (frame, reason, offset) in [
        (vec![0; 13], short(14, 13), 0),
        (ethernet(0x8100, &[0, 1, 8]), short(4, 3), 14),
        (ethernet(0x8847, &[0, 1, 0x20, 0x40, 0, 1]), short(4, 2), 18),
    ] {
        let skip = skip(1, &frame);
        assert_eq!((skip.layer, skip.reason, skip.offset), (Layer::Link, reason, offset));
    }
}

#[test]
fn wireless_frames_without_readable_data_are_told_apart() {
    let with = |kind: u8, flags: u8, fragment: u8| cat(&[&[kind, flags, 0, 0], &[2; 18], &[fragment, 0], &[0; 40]]);
    assert_eq!(skip(105, &with(0x80, 0, 0)).reason, SkipReason::NotTcp(0x80));
    // An acknowledgment has one address.
    assert_eq!(skip(105, &[0xd4, 0, 0, 0, 2, 2, 2, 2, 2, 2]).reason, SkipReason::NotTcp(0xd4));
    assert_eq!(skip(105, &with(0x48, 0, 0)).reason, SkipReason::NotTcp(0x48));
    assert_eq!(skip(105, &with(0x08, 0x42, 0)).reason, SkipReason::Opaque);
    assert_eq!(skip(105, &with(0x08, 0x02, 1)).reason, SkipReason::Opaque);
}

#[test]
fn tags_end_somewhere() {
    let tags = |count: usize| ethernet(0x8100, &cat(&[&[0, 1, 0x81, 0].repeat(count - 1), &[0, 1, 8, 0], &tcp4()]));
    assert_eq!(segment(1, &tags(20)).payload_len, 3);
    assert_eq!(skip(1, &tags(100)).reason, SkipReason::TooDeep);
}
