//! What is kept of a segment until all of them are known.

use crate::analyzer::Labelled;
use crate::capture::{Record, Told};
use crate::flow::SegmentKind;
use crate::seq::Seq;
use crate::time::Timestamp;
use crate::wire::{Flags, IcmpError, IcmpKind, Station, trail};
use std::net::{IpAddr, SocketAddr};

/// Octets of a TCP header in front of its options.
const FIXED_LEN: usize = 20;

/// A segment of the flow, or an ICMP error that quotes one.
#[derive(Clone, Debug)]
pub struct Kept {
    pub(super) time: Timestamp,
    pub(super) src: SocketAddr,
    pub(super) flags: Flags,
    pub(super) seq: Seq,
    pub(super) ack: Seq,
    pub(super) window: Option<u16>,
    pub(super) payload_len: u32,
    /// The octets of the options, as far as they were captured.
    pub(super) options: Vec<u8>,
    pub(super) hop_limit: Option<u8>,
    pub(super) ip_id: Option<u16>,
    pub(super) dont_fragment: bool,
    pub(super) src_mac: Option<[u8; 6]>,
    /// What its payload told.
    pub(super) told: Told,
    pub(super) error: Option<(IcmpKind, IpAddr)>,
}

impl Kept {
    /// A segment; `None` for a frame captured again.
    pub(super) fn segment(record: &Record<'_>, labelled: &Labelled<'_>) -> Option<Self> {
        if labelled.kind == SegmentKind::DuplicateFrame {
            return None;
        }
        let segment = &labelled.segment;
        let places = trail(record.link, record.data, record.original_len);
        let tcp = places.last().filter(|place| place.station == Station::Tcp)?;
        let header = record.data.get(tcp.start..tcp.end).unwrap_or_default();
        let header_len = header.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4).min(header.len());
        Some(Self {
            time: record.time,
            src: SocketAddr::new(segment.src, segment.src_port),
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            window: Some(segment.window),
            payload_len: segment.payload_len,
            options: header.get(FIXED_LEN..header_len).unwrap_or_default().to_vec(),
            hop_limit: Some(segment.hop_limit),
            ip_id: segment.ip_id.filter(|_| segment.src.is_ipv4()),
            dont_fragment: segment.dont_fragment,
            src_mac: segment.link.src_mac,
            told: labelled.told,
            error: None,
        })
    }

    /// An ICMP error, if scripts have a word for it.
    pub(super) fn error(time: Timestamp, error: &IcmpError) -> Option<Self> {
        if matches!(error.kind, IcmpKind::Other(..)) {
            return None;
        }
        Some(Self {
            time,
            src: error.src,
            flags: Flags::default(),
            seq: error.seq,
            ack: Seq(0),
            window: None,
            payload_len: 0,
            options: Vec::new(),
            hop_limit: None,
            ip_id: None,
            dont_fragment: true,
            src_mac: None,
            told: Told::NOTHING,
            error: Some((error.kind, error.from)),
        })
    }

    /// A later fragment brought `len` octets more.
    pub(super) fn extend(&mut self, len: u32) {
        self.payload_len = self.payload_len.saturating_add(len);
    }
}
