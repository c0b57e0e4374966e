//! Every link type and what stands between link and IP.

use idlegap::wire::{Layer, LinkInfo, SkipReason};

use crate::frames::*;
use crate::{check, segment, skip};

const MACS: LinkInfo = LinkInfo { src_mac: Some(SRC_MAC), dst_mac: Some(DST_MAC), packet_type: None, if_index: None };

#[test]
fn ethernet_carries_both_versions() {
    for frame in [ethernet(0x0800, &tcp4()), ethernet(0x86dd, &tcp6())] {
        let segment = segment(1, &frame);
        check(&segment);
        assert_eq!((segment.link, segment.tunnel), (MACS, None));
    }
}

#[test]
fn vlan_tags_stack() {
    let one = [&[0x20, 0x0a][..], &[0x08, 0x00], &tcp4()].concat();
    let two = [&[0x00, 0x64, 0x81, 0x00][..], &one].concat();
    let three = [&[0x00, 0xc8, 0x88, 0xa8][..], &two].concat();
    for (ether_type, payload) in [(0x8100, &one), (0x88a8, &two), (0x9100, &two), (0x9100, &three)] {
        let frame = ethernet(ether_type, payload);
        let segment = segment(1, &frame);
        check(&segment);
        assert_eq!(segment.link, MACS);
    }
}

#[test]
fn cooked_captures_name_the_sender() {
    let v1 = cat(&[&[0, 4, 0, 1, 0, 6], &SRC_MAC, &[0, 0, 0x08, 0x00], &tcp4()]);
    let v1 = segment(113, &v1);
    check(&v1);
    assert_eq!(v1.link, LinkInfo { src_mac: Some(SRC_MAC), packet_type: Some(4), ..LinkInfo::default() });

    let v2 = cat(&[&[0x86, 0xdd, 0, 0, 0, 0, 0, 7, 0, 1, 0, 6], &SRC_MAC, &[0, 0], &tcp6()]);
    let v2 = segment(276, &v2);
    check(&v2);
    assert_eq!(v2.link, LinkInfo { src_mac: Some(SRC_MAC), packet_type: Some(0), if_index: Some(7), dst_mac: None });
}

#[test]
fn a_link_type_that_nobody_knows_is_named() {
    let skip = skip(147, &tcp4());
    assert_eq!((skip.layer, skip.reason, skip.offset), (Layer::Link, SkipReason::UnknownLink(147), 0));
}
