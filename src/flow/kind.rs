//! What a segment is, in one word, and what else is worth saying about it.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The closed list of segment kinds; their kebab-case names are part of the trace's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// Payload that advances the sequence space, or the first seen.
    Data,
    /// An ACK that is none of the more specific kinds.
    Ack,
    /// Duplicate ACK while the other side has data in flight (RFC 5681 2).
    DupAck,
    /// Same sequence and acknowledgment number, another window.
    WindowUpdate,
    /// One below the next sequence number, zero or one octet (RFC 9293 3.8.4).
    KeepaliveProbe,
    /// The answer to a keepalive probe.
    KeepaliveAck,
    /// A probe while the other side advertises a zero window (RFC 9293 3.8.6.1).
    ZeroWindowProbe,
    /// The answer to a zero-window probe, the window still closed.
    ZeroWindowProbeAck,
    /// Sequence numbers that were sent before.
    Retransmission,
    /// Fills a hole so soon that the network, not a timer, delivered it late.
    OutOfOrder,
    /// Answers an unacceptable SYN or RST (RFC 5961 3 and 4).
    ChallengeAck,
    /// FIN.
    Fin,
    /// RST.
    Rst,
    /// The same frame captured again.
    DuplicateFrame,
}

impl SegmentKind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 16] = [
        Self::Syn,
        Self::SynAck,
        Self::Data,
        Self::Ack,
        Self::DupAck,
        Self::WindowUpdate,
        Self::KeepaliveProbe,
        Self::KeepaliveAck,
        Self::ZeroWindowProbe,
        Self::ZeroWindowProbeAck,
        Self::Retransmission,
        Self::OutOfOrder,
        Self::ChallengeAck,
        Self::Fin,
        Self::Rst,
        Self::DuplicateFrame,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::Data => "data",
            Self::Ack => "ack",
            Self::DupAck => "dup-ack",
            Self::WindowUpdate => "window-update",
            Self::KeepaliveProbe => "keepalive-probe",
            Self::KeepaliveAck => "keepalive-ack",
            Self::ZeroWindowProbe => "zero-window-probe",
            Self::ZeroWindowProbeAck => "zero-window-probe-ack",
            Self::Retransmission => "retransmission",
            Self::OutOfOrder => "out-of-order",
            Self::ChallengeAck => "challenge-ack",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::DuplicateFrame => "duplicate-frame",
        }
    }

    /// Whether the segment asks the other side for a sign of life and carries nothing new.
    #[must_use]
    pub const fn is_probe(self) -> bool {
        matches!(self, Self::KeepaliveProbe | Self::ZeroWindowProbe)
    }
}

impl fmt::Display for SegmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What else is worth saying of a segment: a small set of remarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notes(u32);

impl Notes {
    /// Nothing to add.
    pub const NONE: Self = Self(0);
    /// Keepalive probe over unacknowledged data (rule 6).
    pub const DATA_OUTSTANDING: Self = Self(1);
    /// Keepalive probe after the prober's own FIN.
    pub const AFTER_FIN: Self = Self(1 << 1);
    /// Recognised only by what followed (rule 7).
    pub const INFERRED: Self = Self(1 << 2);
    /// Everything in it was acknowledged before (rule 16).
    pub const SPURIOUS: Self = Self(1 << 3);
    /// Keepalive or zero-window probe: the spacing has not told yet (rule 3).
    pub const AMBIGUOUS: Self = Self(1 << 4);
    /// May be a probe: nothing that followed has told (rule 7).
    pub const UNRESOLVED: Self = Self(1 << 5);
    /// A SYN or FIN sent again.
    pub const RETRANSMISSION: Self = Self(1 << 6);
    /// Sent on duplicate ACKs, not on a timer (rule 17).
    pub const FAST: Self = Self(1 << 7);
    /// An old or reordered pure ACK (rule 9).
    pub const STALE: Self = Self(1 << 8);
    /// Octets before this segment are missing from the capture (rule 18).
    pub const HOLE: Self = Self(1 << 9);
    /// Acknowledges octets that the capture does not hold (rule 19).
    pub const UNSEEN: Self = Self(1 << 10);
    /// Payload that answers a probe (rule 11).
    pub const ANSWERS_PROBE: Self = Self(1 << 11);
    /// A RST that answers a probe (rule 12).
    pub const RESETS_PROBE: Self = Self(1 << 12);
    /// Opens a new generation on known addresses and ports (rule 20).
    pub const PORT_REUSE: Self = Self(1 << 13);
    /// A probe that carries one octet.
    pub const ONE_BYTE: Self = Self(1 << 14);
    /// The SYN-ACK did not accept the payload of the SYN (RFC 7413).
    pub const FAST_OPEN_REFUSED: Self = Self(1 << 15);
    /// First fragment of a fragmented datagram.
    pub const FRAGMENTED: Self = Self(1 << 16);
    /// Both ends sent a SYN (RFC 9293 3.5).
    pub const SIMULTANEOUS_OPEN: Self = Self(1 << 17);

    const WORDS: [(Self, &'static str); 18] = [
        (Self::INFERRED, "inferred"),
        (Self::UNRESOLVED, "unresolved"),
        (Self::AMBIGUOUS, "ambiguous"),
        (Self::SPURIOUS, "spurious"),
        (Self::FAST, "fast"),
        (Self::RETRANSMISSION, "retransmission"),
        (Self::DATA_OUTSTANDING, "data outstanding"),
        (Self::AFTER_FIN, "keepalive after FIN"),
        (Self::ONE_BYTE, "one byte"),
        (Self::STALE, "stale"),
        (Self::HOLE, "previous segment not captured"),
        (Self::UNSEEN, "acknowledges unseen data"),
        (Self::ANSWERS_PROBE, "answers a probe"),
        (Self::RESETS_PROBE, "answers a probe: no such connection"),
        (Self::PORT_REUSE, "port reuse"),
        (Self::FAST_OPEN_REFUSED, "Fast Open data refused"),
        (Self::FRAGMENTED, "fragmented"),
        (Self::SIMULTANEOUS_OPEN, "simultaneous open"),
    ];

    /// Whether every remark of `other` is made.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `self` without the remarks of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Notes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Notes {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The remarks in words, separated by commas.
impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Self::WORDS.iter().filter(|(note, _)| self.has(*note)).map(|(_, word)| word);
        if let Some(first) = words.next() {
            f.write_str(first)?;
        }
        words.try_for_each(|word| write!(f, ", {word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_print_as_a_list() {
        assert_eq!(Notes::NONE.to_string(), "");
        assert_eq!(Notes::SPURIOUS.to_string(), "spurious");
        assert_eq!((Notes::HOLE | Notes::INFERRED).to_string(), "inferred, previous segment not captured");
    }

    #[test]
    fn kind_names_are_distinct() {
        let names: std::collections::BTreeSet<_> = SegmentKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), SegmentKind::ALL.len());
    }
}
