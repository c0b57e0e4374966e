//! The TCP header and its options.

use std::net::SocketAddr;

use idlegap::capture::LinkType;
use idlegap::seq::Seq;
use idlegap::wire::{Decoded, Flags, Layer, Options, SkipReason, decode};

use crate::frames::*;
use crate::{segment, skip};

/// The options of a segment with these bytes, filled up to whole words with the end of the list.
fn options(bytes: &[u8]) -> Options {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let frame = ip4(6, &tcp_with(&bytes, PAYLOAD));
    let segment = segment(101, &frame);
    assert_eq!((segment.payload_len, segment.payload), (3, PAYLOAD));
    segment.options
}

fn client(text: &str) -> Options {
    let client: SocketAddr = text.parse().expect("an address");
    Options { toa: Some(client), ..Options::default() }
}

#[test]
fn options_of_a_syn() {
    let bytes = [
        2, 4, 0x05, 0xb4, // MSS 1460
        4, 2, // SACK permitted
        8, 10, 0, 0, 1, 0, 0, 0, 2, 0, // timestamps 256 and 512
        1, // no operation
        3, 3, 7, // window scale 7
    ];
    let expected = Options {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some((256, 512)),
        window_scale: Some(7),
        ..Options::default()
    };
    assert_eq!(options(&bytes), expected);
}

#[test]
fn the_first_of_up_to_four_sack_blocks() {
    let block = |n: u8| [0, 0, n, 0, 0, 0, n, 0x80];
    let edges = |n: u32| Some((Seq(n << 8), Seq((n << 8) + 0x80)));
    let three = [&[1, 1, 5, 26][..], &block(1), &block(2), &block(3)].concat();
    assert_eq!(options(&three).sack, edges(1));
    let four = [&[5, 34][..], &block(1), &block(2), &block(3), &block(4)].concat();
    assert_eq!(options(&four).sack, edges(1));
    assert_eq!(options(&[5, 9, 1, 2, 3, 4, 5, 6, 7]).sack, None);
}

#[test]
fn fast_open_and_multipath() {
    let fast_open = Options { fast_open: true, ..Options::default() };
    assert_eq!(options(&[34, 2]), fast_open);
    assert_eq!(options(&[34, 10, 1, 2, 3, 4, 5, 6, 7, 8]), fast_open);
    assert_eq!(options(&[254, 4, 0xf9, 0x89]), fast_open);
    // A cookie of four bytes makes the option as long as a client's address, one of sixteen as long as that of IPv6.
    assert_eq!(options(&[254, 8, 0xf9, 0x89, 1, 2, 3, 4]), fast_open);
    assert_eq!(options(&[&[254, 20, 0xf9, 0x89][..], &[7; 16]].concat()), fast_open);
    let multipath = Options { multipath: true, ..Options::default() };
    assert_eq!(options(&[30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8]), multipath);
}

#[test]
fn the_real_client_behind_a_full_nat() {
    let v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99];
    // Port 51234 is 0xc822.
    assert_eq!(options(&[254, 8, 0xc8, 0x22, 203, 0, 113, 5]), client("203.0.113.5:51234"));
    assert_eq!(options(&[&[254, 20, 0xc8, 0x22][..], &v6].concat()), client("[2001:db8::99]:51234"));
    assert_eq!(options(&[&[253, 20, 0xc8, 0x22][..], &v6].concat()), client("[2001:db8::99]:51234"));
    // In front of the options of the segment itself.
    let both = options(&[254, 8, 0xc8, 0x22, 203, 0, 113, 5, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert_eq!((both.toa, both.timestamps), (client("203.0.113.5:51234").toa, Some((1, 2))));
}

#[test]
fn other_experiments_are_no_client() {
    for bytes in [
        &[253, 8, 0xc8, 0x22, 203, 0, 113, 5][..],
        &[254, 6, 0xe2, 0xd4, 0xc3, 0xd9],
        &[254, 8, 0xe2, 0xd4, 0xc3, 0xd9, 1, 2],
        &[254, 8, 0x45, 0x4e, 1, 2, 3, 4],
        &[254, 7, 0xac, 0xce, 1, 2, 3],
        &[254, 10, 0xc8, 0x22, 203, 0, 113, 5, 6, 7],
        &[254, 3, 1],
        &[254, 2],
    ] {
        assert_eq!(options(bytes), Options::default(), "{bytes:x?}");
    }
}

#[test]
fn a_broken_option_ends_the_list() {
    let mss = Options { mss: Some(1460), ..Options::default() };
    assert_eq!(options(&[2, 4, 0x05, 0xb4, 8, 0, 3, 3]), mss);
    assert_eq!(options(&[2, 4, 0x05, 0xb4, 8, 1, 3, 3]), mss);
    assert_eq!(options(&[2, 4, 0x05, 0xb4, 8, 10, 3, 3]), mss);
    assert_eq!(options(&[2, 4, 0x05, 0xb4, 0, 3, 3, 7]), mss);
    assert_eq!(options(&[2, 4, 0x05, 0xb4, 1, 1, 1, 3]), mss);
    // A length that the kind cannot have hides that option alone, and a kind that nobody knows none.
    assert_eq!(options(&[3, 4, 7, 7, 2, 4, 0x05, 0xb4]), mss);
    assert_eq!(options(&[99, 4, 7, 7, 2, 4, 0x05, 0xb4]), mss);
}

#[test]
fn the_hash_tells_options_apart() {
    let hash = |bytes: &[u8]| segment(101, &ip4(6, &tcp_with(bytes, &[]))).options_hash();
    assert_eq!(hash(&[]), 0);
    let timestamps = |n: u8| [1, 1, 8, 10, 0, 0, 0, n, 0, 0, 0, 1];
    let mut all: Vec<u32> = (0..=255).map(|n| hash(&timestamps(n))).collect();
    all.extend([hash(&[1, 1, 1, 1]), hash(&[1, 1, 1, 0]), hash(&[1, 1, 1, 1, 1, 1, 1, 1]), hash(&[0; 4])]);
    assert_eq!(hash(&timestamps(7)), all[7]);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 260);
}

#[test]
fn all_flags_are_read() {
    for bit in 0..9 {
        let flags = Flags(1 << bit);
        let mut packet = tcp4();
        packet[32] = 0x50 | (flags.0 >> 8) as u8;
        packet[33] = flags.0 as u8;
        assert_eq!(segment(101, &packet).flags, flags);
    }
    // The reserved bits are none.
    let mut packet = tcp4();
    packet[32] = 0x5e;
    assert_eq!(segment(101, &packet).flags, Flags::PSH | Flags::ACK);
}

#[test]
fn a_data_offset_that_cannot_be_is_named() {
    for (offset, words) in [(0x40, 4), (0, 0), (0x60, 6), (0xf0, 15)] {
        let mut packet = tcp4();
        packet[32] = offset;
        let skip = skip(101, &packet);
        assert_eq!((skip.layer, skip.offset), (Layer::Tcp, 20));
        assert_eq!(skip.reason, SkipReason::BadField("Data Offset", words));
    }
}

#[test]
fn options_that_were_cut_off_change_nothing_else() {
    let option_bytes = [2, 4, 0x05, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let frame = ip4(6, &tcp_with(&option_bytes, &[0x61; 50]));
    let Decoded::Segment(cut) = decode(LinkType(101), &frame[..47], frame.len() as u32) else { panic!("no segment") };
    assert_eq!((cut.payload_len, cut.payload.len()), (50, 0));
    assert_eq!(cut.options, Options { mss: Some(1460), ..Options::default() });
    // The header tells everything up to its window, 16 octets; before that nothing.
    let Decoded::Segment(cut) = decode(LinkType(101), &frame[..36], frame.len() as u32) else { panic!("no segment") };
    assert_eq!((cut.payload_len, cut.window, cut.options), (50, 29200, Options::default()));
    let Decoded::Skip(skip) = decode(LinkType(101), &frame[..35], frame.len() as u32) else { panic!("no skip") };
    assert_eq!(skip.reason, SkipReason::TooShort { needed: 16, available: 15 });
}
