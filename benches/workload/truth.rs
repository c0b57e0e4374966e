//! What was generated, counted while it is.

use std::fmt;

/// Sorts of segments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Syn,
    SynAck,
    HandshakeAck,
    Data,
    Ack,
    Keepalive,
    KeepaliveAck,
    Rst,
    Fin,
}

/// The names of the sorts, in their order.
const NAMES: [&str; 9] = ["syn", "syn-ack", "handshake-ack", "data", "ack", "keepalive", "keepalive-ack", "rst", "fin"];

/// Exact counts of what a capture holds.
#[derive(Clone, Default)]
pub(crate) struct Truth {
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    /// Bytes of the frames and of their record headers.
    pub(crate) bytes: u64,
    sorts: [u64; NAMES.len()],
}

impl Truth {
    /// Counts a frame of `len` bytes.
    pub(crate) fn add(&mut self, sort: Sort, len: usize) {
        self.packets += 1;
        self.bytes += 16 + len as u64;
        self.sorts[sort as usize] += 1;
    }

    /// How many segments of that sort there are.
    #[allow(dead_code, reason = "the tests ask for it, the program prints all of them")]
    pub(crate) fn count(&self, sort: Sort) -> u64 {
        self.sorts[sort as usize]
    }
}

/// One line for the whole, and one for each sort that occurs.
impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "flows {}", self.flows)?;
        writeln!(f, "packets {}", self.packets)?;
        writeln!(f, "bytes {}", self.bytes)?;
        let mut occurring = NAMES.iter().zip(self.sorts).filter(|(_, count)| *count > 0);
        occurring.try_for_each(|(name, count)| writeln!(f, "{name} {count}"))
    }
}
