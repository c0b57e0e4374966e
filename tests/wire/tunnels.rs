//! Tunnels: how deep they are followed, and what only looks like one.

use idlegap::capture::LinkType;
use idlegap::wire::{Decoded, Layer, SkipReason, Tunnel, decode};

use crate::frames::*;
use crate::{check, segment, skip};

#[test]
fn eight_tunnels_are_followed_and_no_more() {
    let nested = |count: usize| (0..count).fold(tcp4(), |inner, _| outer4(4, &inner));
    let eighth = nested(8);
    let segment = segment(101, &eighth);
    check(&segment);
    assert_eq!(segment.tunnel, Some(Tunnel::IpInIp));
    let skip = skip(101, &nested(9));
    assert_eq!((skip.layer, skip.reason, skip.offset), (Layer::Tunnel, SkipReason::TooDeep, 180));
}

#[test]
fn the_innermost_tunnel_is_named() {
    let vxlan = udp(4789, &cat(&[&[8, 0, 0, 0, 0, 0, 5, 0], &ethernet(0x0800, &tcp4())]));
    let frame = outer4(47, &cat(&[&[0, 0, 0x08, 0x00], &ip4(17, &vxlan)]));
    assert_eq!(segment(101, &frame).tunnel, Some(Tunnel::Vxlan(5)));
}

#[test]
fn what_a_port_alone_suggests_may_be_wrong() {
    let inner = ethernet(0x0800, &tcp4());
    let broken = ethernet(0x0800, &cat(&[&[0x41], &tcp4()[1..]]));
    for (port, payload) in [
        (4789, cat(&[&[0; 8], &inner])),
        (4789, vec![8, 0, 0]),
        (4789, cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &broken])),
        (4789, vec![8, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3]),
        (4790, cat(&[&[0x0c, 0, 0, 9, 0, 0, 1, 0], &inner])),
        (6081, cat(&[&[0x40, 0, 0x65, 0x58, 0, 0, 1, 0], &inner])),
        (6081, vec![0x3f, 0, 0x65, 0x58, 0, 0, 1, 0]),
        (2152, vec![0x30, 1, 0, 0, 0, 0, 0, 0]),
        (2152, vec![0x34, 255, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0x85, 0]),
        (2152, vec![0x30, 255, 0, 1, 0, 0, 0, 0, 0x10]),
        (2152, vec![]),
    ] {
        let skip = skip(101, &outer4(17, &udp(port, &payload)));
        assert_eq!(
            (skip.layer, skip.reason, skip.offset),
            (Layer::Ip, SkipReason::NotTcp(17), 20),
            "{port} {payload:x?}"
        );
    }
}

#[test]
fn a_cut_tunnel_is_still_one() {
    let inner = ethernet(0x0800, &tcp4());
    let frame = outer4(17, &udp(4789, &cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner])));
    let Decoded::Skip(skip) = decode(LinkType(101), &frame[..60], frame.len() as u32) else { panic!("no skip") };
    assert_eq!((skip.layer, skip.reason), (Layer::Ip, SkipReason::TooShort { needed: 20, available: 10 }));
}

#[test]
fn faults_of_gre_are_named() {
    for (payload, reason) in [
        (vec![0, 2, 8, 0], SkipReason::BadField("Ver", 2)),
        (vec![0x40, 0, 8, 0], SkipReason::BadField("Routing Present", 1)),
        (vec![0x20, 0, 8, 0, 1, 2], SkipReason::TooShort { needed: 4, available: 2 }),
        (vec![0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 9], SkipReason::NotTcp(47)),
        (cat(&[&[0x10, 0, 0x22, 0xeb], &[0; 4], &[0; 10], &[0x04, 0]]), SkipReason::NotTcp(0x22eb)),
    ] {
        let skip = skip(101, &outer4(47, &payload));
        assert_eq!((skip.layer, skip.reason), (Layer::Tunnel, reason), "{payload:x?}");
    }
}

#[test]
fn fragments_inside_a_tunnel_are_those_of_the_inner_packet() {
    let first = segment_of(outer4(4, &ip4_fragment(6, 0x2000, &tcp_with(&[], &[0x61; 8]))));
    assert_eq!(first, Some(28));
    // The outer packet is in fragments, the inner one is not: its header gives the length.
    let mut outer = outer4(4, &ip4(6, &tcp_with(&[], &[0x61; 8])));
    outer[6] = 0x20;
    assert_eq!(segment_of(outer), None);
}

fn segment_of(frame: Vec<u8>) -> Option<u32> {
    let segment = segment(101, &frame);
    assert_eq!(segment.payload_len, 8);
    segment.fragment.map(|fragment| fragment.len)
}
