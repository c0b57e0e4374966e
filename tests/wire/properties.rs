//! What holds for any bytes and any cut.

use idlegap::capture::LinkType;
use idlegap::wire::{Decoded, Segment, decode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::frames::*;
use crate::samples::{self, Sample};
use crate::{check, segment, whole};

fn links() -> impl Strategy<Value = u16> {
    let mut links: Vec<u16> = samples::all().iter().map(|sample| sample.link).collect();
    links.sort_unstable();
    links.dedup();
    prop_oneof![9 => select(links), 1 => any::<u16>()]
}

fn sample() -> impl Strategy<Value = Sample> {
    any::<Index>().prop_map(|index| {
        let mut all = samples::all();
        let index = index.index(all.len());
        all.swap_remove(index)
    })
}

/// Everything of a segment that truncation must leave alone.
fn headers(segment: &Segment<'_>) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (segment.src, segment.dst, segment.src_port, segment.dst_port, segment.seq, segment.ack, segment.flags),
        (segment.window, segment.payload_len, segment.hop_limit, segment.ip_id, segment.dont_fragment),
        (segment.fragment, segment.link, segment.tunnel),
    )
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(link in links(), data in vec(any::<u8>(), 0..200), original_len: u32) {
        let Decoded::Segment(segment) = decode(LinkType(link), &data, original_len) else { return Ok(()) };
        prop_assert!(segment.payload.len() <= data.len());
    }

    #[test]
    fn no_damage_is_too_strange(sample in sample(), damage in vec((any::<Index>(), any::<u8>()), 1..6), cut: Index) {
        let Sample { link, mut frame, .. } = sample;
        for (index, byte) in damage {
            *index.get_mut(&mut frame) = byte;
        }
        let captured = &frame[..cut.index(frame.len() + 1)];
        if let Decoded::Segment(segment) = decode(LinkType(link), captured, frame.len() as u32) {
            prop_assert!(segment.payload.len() <= captured.len());
            prop_assert!(segment.payload.len() <= segment.payload_len as usize);
        }
    }

    #[test]
    fn any_tcp_header_is_a_segment_or_a_skip(bytes in vec(any::<u8>(), 0..80)) {
        let header_len = bytes.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
        let possible = (20..=bytes.len()).contains(&header_len);
        match whole(101, &ip4(6, &bytes)) {
            Decoded::Segment(segment) => {
                prop_assert!(possible);
                prop_assert_eq!(segment.payload_len as usize, bytes.len() - header_len);
                prop_assert_eq!(segment.payload, &bytes[header_len..]);
            }
            other => prop_assert!(!possible, "{:?}", other),
        }
    }

    #[test]
    fn tags_change_nothing_but_the_vlan(tags in vec((select(vec![0x8100u16, 0x88a8, 0x9100]), any::<u16>()), 0..5)) {
        let mut frame = cat(&[&DST_MAC, &SRC_MAC]);
        let vlan = tags.first().map(|(_, tag)| tag & 0x0fff);
        for (ether_type, tag) in tags {
            frame.extend(ether_type.to_be_bytes());
            frame.extend(tag.to_be_bytes());
        }
        frame.extend([0x08, 0x00]);
        frame.extend(tcp4());
        let untagged = ethernet(0x0800, &tcp4());
        let mut tagged = segment(1, &frame);
        prop_assert_eq!(tagged.link.vlan, vlan);
        tagged.link.vlan = None;
        prop_assert_eq!(headers(&tagged), headers(&segment(1, &untagged)));
        check(&tagged);
    }

    #[test]
    fn extension_headers_may_stand_in_any_order(
        kinds in vec(select(vec![0u8, 43, 51, 60, 135, 139, 140]), 0..8),
        lens in vec(0u8..4, 8),
    ) {
        let mut packet = tcp();
        let mut next = 6;
        for (kind, len) in kinds.into_iter().zip(lens) {
            // An authentication header counts words of four bytes, less two; the others words of eight, less one.
            let (len, bytes) = if kind == 51 { (len + 1, (usize::from(len) + 3) * 4) } else { (len, (usize::from(len) + 1) * 8) };
            let mut header = vec![1; bytes];
            header[..2].copy_from_slice(&[next, len]);
            packet.splice(0..0, header);
            next = kind;
        }
        let frame = ip6(next, &packet);
        check(&segment(101, &frame));
    }
}

#[test]
fn a_cut_removes_bytes_and_nothing_else() {
    for Sample { name, link, frame, .. } in samples::all() {
        let full = segment(link, &frame);
        for len in 0..frame.len() {
            match decode(LinkType(link), &frame[..len], frame.len() as u32) {
                Decoded::Segment(cut) => {
                    assert_eq!(headers(&cut), headers(&full), "{name} cut to {len}");
                    assert!(full.payload.starts_with(cut.payload));
                }
                Decoded::Skip(_) => {}
                other => panic!("{name} cut to {len}: {other:?}"),
            }
        }
    }
}
