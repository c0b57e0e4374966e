//! Decoding of frames laid out by hand, field by field, with tshark as a second reader.
#![expect(clippy::indexing_slicing, reason = "the places in a frame laid out by hand are known")]

#[path = "wire/frames.rs"]
mod frames;
#[path = "wire/links.rs"]
mod links;
#[path = "wire/network.rs"]
mod network;
#[path = "wire/properties.rs"]
mod properties;
#[path = "wire/samples.rs"]
mod samples;
#[path = "wire/transport.rs"]
mod transport;
#[path = "wire/tshark.rs"]
mod tshark;
#[path = "wire/tunnels.rs"]
mod tunnels;

use std::net::IpAddr;

use frames::{DST4, DST6, PAYLOAD, SRC4, SRC6};
use idlegap::capture::LinkType;
use idlegap::seq::Seq;
use idlegap::wire::{Decoded, Flags, Segment, Skip, decode};

/// Decodes a frame captured in full.
fn whole(link: u16, frame: &[u8]) -> Decoded<'_> {
    decode(LinkType(link), frame, frame.len() as u32)
}

#[track_caller]
fn segment(link: u16, frame: &[u8]) -> Segment<'_> {
    match whole(link, frame) {
        Decoded::Segment(segment) => segment,
        other => panic!("no segment: {other:?}"),
    }
}

#[track_caller]
fn skip(link: u16, frame: &[u8]) -> Skip {
    match whole(link, frame) {
        Decoded::Skip(skip) => skip,
        Decoded::Damaged(damaged) => damaged.skip,
        other => panic!("no skip: {other:?}"),
    }
}

/// Checks that `segment` is the one of [`frames`], by IPv4 or IPv6.
#[track_caller]
fn check(segment: &Segment<'_>) {
    let v4 = segment.src.is_ipv4();
    let (src, dst): (IpAddr, IpAddr) = if v4 { (SRC4.into(), DST4.into()) } else { (SRC6.into(), DST6.into()) };
    assert_eq!((segment.src, segment.dst), (src, dst));
    assert_eq!((segment.src_port, segment.dst_port), (40000, 443));
    assert_eq!((segment.seq, segment.ack), (Seq(0x1122_3344), Seq(0x5566_7788)));
    assert_eq!((segment.flags, segment.window), (Flags::PSH | Flags::ACK, 0x7210));
    assert_eq!((segment.payload_len, segment.payload), (3, PAYLOAD));
    assert_eq!((segment.hop_limit, segment.dont_fragment), if v4 { (61, true) } else { (62, true) });
    assert_eq!(segment.fragment, None);
}

#[test]
fn every_wrapping_gives_the_same_segment() {
    for sample in samples::all() {
        println!("{}", sample.name);
        let segment = segment(sample.link, &sample.frame);
        check(&segment);
        assert_eq!(segment.tunnel, sample.tunnel);
        let atomic = sample.name == "IPv6 atomic fragment";
        assert_eq!(segment.ip_id, (segment.src.is_ipv4() || atomic).then_some(0x1234));
    }
}
