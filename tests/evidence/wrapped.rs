//! Every way in which a segment can be wrapped, rewritten.

use idlegap::capture::{LinkType, Record};
use idlegap::evidence::pseudonyms::{Key, Pseudonyms};
use idlegap::evidence::rewrite::Rewriter;
use idlegap::time::Timestamp;
use idlegap::wire::{Decoded, IcmpKind, Segment, decode};

use crate::captures::KEY;
use crate::frames::*;
use crate::samples;

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new(Some(&Key::from_argument(KEY).unwrap()))
}

fn record(link: u16, data: &[u8]) -> Record<'_> {
    let original_len = data.len() as u32;
    Record { time: Timestamp::default(), frame: 1, link: LinkType(link), interface: 0, data, original_len, told: None }
}

fn segment<'a>(name: &str, decoded: Decoded<'a>) -> Segment<'a> {
    match decoded {
        Decoded::Segment(segment) => segment,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn whatever_wraps_a_segment_is_rewritten() {
    let mut rewriter = Rewriter { strip: false, pseudonyms: Some(pseudonyms()) };
    for sample in samples::all() {
        let record = record(sample.link, &sample.frame);
        let frame = rewriter.rewrite(&record);
        let before = segment(sample.name, decode(record.link, record.data, record.original_len));
        let after = segment(sample.name, decode(frame.link, &frame.data, frame.original_len));
        let numbers = |segment: &Segment<'_>| {
            let Segment { src_port, dst_port, seq, ack, flags, window, payload_len, hop_limit, ip_id, .. } = *segment;
            (src_port, dst_port, seq, ack, flags, window, payload_len, hop_limit, ip_id, segment.tunnel)
        };
        assert_eq!(numbers(&after), numbers(&before), "{}", sample.name);
        assert_eq!(after.payload, b"", "{}", sample.name);
        let mut names = pseudonyms();
        assert_eq!(after.src, names.address(before.src), "{}", sample.name);
        assert_eq!(after.dst, names.address(before.dst), "{}", sample.name);
        if frame.link == record.link {
            assert_eq!(after.link.src_mac, before.link.src_mac.map(|mac| names.mac(mac)), "{}", sample.name);
            assert_eq!(after.link.dst_mac, before.link.dst_mac.map(|mac| names.mac(mac)), "{}", sample.name);
            assert_eq!(after.link.vlan, before.link.vlan, "{}", sample.name);
        }
        let outer = [192, 0, 2];
        let secrets: [&[u8]; 7] =
            [&SRC4.octets(), &DST4.octets(), &SRC6.octets(), &DST6.octets(), &SRC_MAC, &DST_MAC, &outer];
        for secret in secrets {
            let found = frame.data.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{}: {secret:02x?} is left in {:02x?}", sample.name, frame.data);
        }
    }
}

/// An ICMP error with a quote, a redirect that names a gateway, options on the way.
#[test]
fn quotes_and_options_are_rewritten() {
    let mut rewriter = Rewriter { strip: false, pseudonyms: Some(pseudonyms()) };
    let quoted = tcp4();
    let error = cat(&[&[3, 1, 0, 0, 0, 0, 0, 0], &quoted]);
    let frame = ethernet(0x0800, &ip4(1, &error));
    let record = record(1, &frame);
    let rewritten = rewriter.rewrite(&record);
    let Decoded::Icmp(after) = decode(rewritten.link, &rewritten.data, rewritten.original_len) else { panic!() };
    let mut names = pseudonyms();
    assert_eq!(after.kind, IcmpKind::Unreachable(1));
    assert_eq!(after.src.ip(), names.address(SRC4.into()));
    assert_eq!(after.dst.ip(), names.address(DST4.into()));
    assert!(!rewritten.data.windows(PAYLOAD.len()).any(|window| window == PAYLOAD), "the quote's payload is cut");
    assert_eq!(rewritten.original_len, record.original_len);
}

/// What an option may hold beside numbers: the address of a real client, cookies, what nobody knows.
#[test]
fn tcp_options_tell_nothing() {
    let mut rewriter = Rewriter { strip: false, pseudonyms: Some(pseudonyms()) };
    let secret = [0xa1, 0xb2, 0xc3, 0xd4];
    let options = [
        &[254, 8, 0x9c, 0x41][..],
        &secret,
        &[34, 6],
        &secret,
        &[99, 6],
        &secret,
        &[8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0],
        // Behind the end of the list.
        &secret,
    ]
    .concat();
    let frame = ethernet(0x0800, &ip4(6, &tcp_with(&options, b"")));
    let record = record(1, &frame);
    let rewritten = rewriter.rewrite(&record);
    let before = segment("before", decode(record.link, record.data, record.original_len));
    let after = segment("after", decode(rewritten.link, &rewritten.data, rewritten.original_len));
    assert_eq!(after.options.timestamps, before.options.timestamps);
    assert!(after.options.fast_open);
    let (client, pseudonym) = (before.options.toa.unwrap(), after.options.toa.unwrap());
    assert_eq!(pseudonym.port(), client.port());
    assert_eq!(pseudonym.ip(), pseudonyms().address(client.ip()));
    assert!(!rewritten.data.windows(4).any(|window| window == secret));
    // Cut anywhere, it tells no more.
    for len in 0..frame.len() {
        let cut = Record { data: &frame[..len], ..record };
        let rewritten = rewriter.rewrite(&cut);
        assert!(!rewritten.data.windows(3).any(|window| window == &secret[..3]), "cut at {len}");
    }
}
