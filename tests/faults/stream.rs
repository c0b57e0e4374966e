//! A pcap file of TCP segments, written as it goes.

use std::io::{self, Write};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// Seconds at which every stream begins: 2023-11-14T22:13:20Z.
const START: u64 = 1_700_000_000;

/// An IPv4 address and a port.
pub(crate) type End = ([u8; 4], u16);

/// One segment, without payload unless it is given some.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) payload: &'a [u8],
}

pub(crate) struct Stream<'a> {
    sink: &'a mut dyn Write,
    record: Vec<u8>,
    /// Identification of the next datagram: no two segments are copies of each other.
    id: u16,
}

impl<'a> Stream<'a> {
    /// A file of Ethernet frames with times in nanoseconds.
    pub(crate) fn new(sink: &'a mut dyn Write) -> io::Result<Self> {
        sink.write_all(&header())?;
        Ok(Self { sink, record: Vec::new(), id: 1 })
    }

    /// Writes a segment captured so many nanoseconds after the start.
    pub(crate) fn send(&mut self, nanos: u64, segment: &Segment<'_>) -> io::Result<()> {
        self.id = self.id.wrapping_add(1).max(1);
        let length = 40 + segment.payload.len() as u16;
        self.record.clear();
        let seconds = (START + nanos / 1_000_000_000) as u32;
        let captured = u32::from(length) + 14;
        for word in [seconds, (nanos % 1_000_000_000) as u32, captured, captured] {
            self.record.extend(word.to_le_bytes());
        }
        self.record.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
        self.record.extend(length.to_be_bytes());
        self.record.extend(self.id.to_be_bytes());
        self.record.extend([0x40, 0, 64, 6, 0, 0]);
        self.record.extend(segment.from.0);
        self.record.extend(segment.to.0);
        self.record.extend(segment.from.1.to_be_bytes());
        self.record.extend(segment.to.1.to_be_bytes());
        self.record.extend(segment.seq.to_be_bytes());
        self.record.extend(segment.ack.to_be_bytes());
        self.record.extend([0x50, segment.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        self.record.extend(segment.payload);
        self.sink.write_all(&self.record)
    }
}

/// The header of a little-endian pcap file of Ethernet frames with nanoseconds.
pub(crate) fn header() -> Vec<u8> {
    let mut header = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
    header.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.extend([0, 0, 4, 0, 1, 0, 0, 0]);
    header
}
