//! The walk over a classic pcap file (draft-ietf-opsawg-pcap), and over its modified variant with longer record headers.

use std::io::Read;

use super::LinkType;
use super::bytes::ByteOrder;
use super::info::{Container, Subsecond};
use super::walk::{Found, MAX_RECORD_LEN, Stop};
use super::window::Window;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Bytes of the file header.
pub(super) const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// The modified variant adds interface index (4), protocol (2), packet type (1) and padding (1).
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

const MAGIC_MICRO: u32 = 0xa1b2_c3d4;
const MAGIC_NANO: u32 = 0xa1b2_3c4d;
/// The variant of Alexey Kuznetzov's patches to libpcap.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;

/// Which of the two lengths of a record header comes first.
#[derive(Clone, Copy)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Files of version 2.3 exist with both; the captured length is never the greater one.
    Unsure,
}

/// A classic pcap file.
#[derive(Clone, Copy)]
pub(super) struct Pcap {
    order: ByteOrder,
    nanos_per_tick: i64,
    header_len: usize,
    lengths: Lengths,
    link: LinkType,
}

/// The variant that begins with these bytes.
pub(super) fn sniff(first: &[u8]) -> Option<Container> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
        let (subsecond, modified) = match order.u32(first, 0)? {
            MAGIC_MICRO => (Subsecond::Micro, false),
            MAGIC_NANO => (Subsecond::Nano, false),
            MAGIC_MODIFIED => (Subsecond::Micro, true),
            _ => return None,
        };
        Some(Container::Pcap { order, subsecond, modified })
    })
}

impl Pcap {
    /// The file with this header; `None` if the header is cut.
    pub(super) fn new(order: ByteOrder, subsecond: Subsecond, modified: bool, header: &[u8]) -> Option<Self> {
        let [major, minor] = [order.u16(header, 4)?, order.u16(header, 6)?];
        // The upper half of the field tells of frame check sequences, which the IP lengths leave out anyway.
        let link = LinkType((order.u32(header, 20)? & 0xffff) as u16);
        Some(Self {
            order,
            nanos_per_tick: if subsecond == Subsecond::Nano { 1 } else { 1_000 },
            header_len: if modified { MODIFIED_RECORD_HEADER_LEN } else { RECORD_HEADER_LEN },
            // Up to version 2.2 the lengths stood the other way round (libpcap, sf-pcap.c).
            lengths: match (major, minor) {
                (2, 0..=2) => Lengths::OriginalFirst,
                (2, 3) => Lengths::Unsure,
                _ => Lengths::CapturedFirst,
            },
            link,
        })
    }

    /// The next record, if it stands wholly in `bytes`, so that finding it reads nothing.
    #[inline]
    pub(super) fn at_hand(&self, bytes: &[u8]) -> Option<Found> {
        let fields = self.fields(bytes.first_chunk()?);
        let [_, _, captured, _] = fields;
        let total = self.header_len + captured as usize;
        (captured <= MAX_RECORD_LEN && bytes.len() >= total).then(|| self.found(fields, total))
    }

    /// Finds the next record and makes it wholly available in the window.
    pub(super) fn next<R: Read>(&mut self, window: &mut Window<R>) -> Result<Found, Stop> {
        if !window.need(self.header_len)? {
            return Err(Stop::at_end(window.bytes().len(), "a record header", self.header_len));
        }
        let fields = self.fields(window.bytes().first_chunk().unwrap_or(&[0; RECORD_HEADER_LEN]));
        let [_, _, captured, _] = fields;
        if captured > MAX_RECORD_LEN {
            return Err(Stop::damaged(format!("a record claims {captured} bytes")));
        }
        let total = self.header_len + captured as usize;
        if !window.need(total)? {
            return Err(Stop::at_end(window.bytes().len(), "a record", total));
        }
        Ok(self.found(fields, total))
    }

    /// The record with these header fields, which takes `total` bytes.
    #[inline]
    fn found(&self, [seconds, ticks, _, original_len]: [u32; 4], total: usize) -> Found {
        let nanos = i64::from(seconds) * NANOS_PER_SECOND + i64::from(ticks) * self.nanos_per_tick;
        Found {
            time: Some(Timestamp::from_nanos(nanos)),
            link: self.link,
            interface: 0,
            original_len,
            data: self.header_len..total,
            total,
            told: None,
        }
    }

    /// Seconds, parts of a second, captured length and original length.
    #[inline]
    fn fields(&self, header: &[u8; RECORD_HEADER_LEN]) -> [u32; 4] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *header;
        let (seconds, ticks) = (self.order.word([a, b, c, d]), self.order.word([e, f, g, h]));
        let (first, second) = (self.order.word([i, j, k, l]), self.order.word([m, n, o, p]));
        match self.lengths {
            Lengths::CapturedFirst => [seconds, ticks, first, second],
            Lengths::OriginalFirst => [seconds, ticks, second, first],
            Lengths::Unsure => [seconds, ticks, first.min(second), first.max(second)],
        }
    }
}
