//! What a capture filter let pass, by what is absent.

use crate::analyzer::{FileAccount, Traffic};
use crate::flow::{Direction, Flow};

/// Segments with payload from which on the absence of any bare ACK is no chance: a handshake ends with one, and so does
/// every transfer in one direction.
const PAYLOAD_THAT_TELLS: u64 = 20;
/// Octets passed over or acknowledged unseen that are more than a probe's one octet and a FIN.
const OCTETS_THAT_TELL: u64 = 16;

/// What the capture filter let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// No sort of segment is missing for certain.
    #[default]
    Everything,
    /// RSTs alone.
    ResetsOnly,
    /// SYN, FIN and RST alone, although connections came to be and octets passed.
    ControlOnly,
    /// No segment without payload: keepalive probes, their answers and all bare ACKs are missing.
    NoBareAcks,
    /// No segment with payload, although octets passed.
    NoPayload,
}

/// What passed although nobody saw it, over all flows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unseen {
    lived: bool,
    passed: bool,
    both_sides: bool,
}

impl Unseen {
    /// Looks at `flow`.
    pub(super) fn add(&mut self, flow: &Flow) {
        self.lived = self.lived || lived_unseen(flow);
        self.passed = self.passed || passed_unseen(flow);
        self.both_sides = self.both_sides || has_both_sides(flow);
    }
}

impl Selection {
    /// Concludes from the `traffic` of all files and from what passed unseen in the flows.
    pub(super) fn of(traffic: &Traffic, unseen: Unseen) -> Self {
        let Traffic { with_payload, bare_acks, control, resets, .. } = *traffic;
        match (with_payload, bare_acks) {
            (0, 0) if control == 0 => Self::Everything,
            (0, 0) if resets == control => Self::ResetsOnly,
            (0, 0) if unseen.lived => Self::ControlOnly,
            (0, 1..) if unseen.passed => Self::NoPayload,
            (PAYLOAD_THAT_TELLS.., 0) if unseen.both_sides => Self::NoBareAcks,
            _ => Self::Everything,
        }
    }

    /// Whether `flow` is one of those that show it.
    pub(crate) fn shows_in(self, flow: &Flow) -> bool {
        match self {
            Self::Everything => false,
            Self::ResetsOnly => true,
            Self::ControlOnly => lived_unseen(flow),
            Self::NoBareAcks => has_both_sides(flow),
            Self::NoPayload => passed_unseen(flow),
        }
    }
}

/// The segments of all files together.
pub(super) fn total(accounts: &[FileAccount]) -> Traffic {
    accounts.iter().map(|account| account.traffic).fold(Traffic::default(), |mut total, traffic| {
        total.with_payload += traffic.with_payload;
        total.bare_acks += traffic.bare_acks;
        total.control += traffic.control;
        total.resets += traffic.resets;
        total.hidden_octets += traffic.hidden_octets;
        total.oversized += traffic.oversized;
        total.longest = total.longest.max(traffic.longest);
        total
    })
}

/// Whether control segments alone show that more was sent: a FIN beyond what was seen, or two FINs that nobody
/// acknowledged by a segment of its own.
fn lived_unseen(flow: &Flow) -> bool {
    flow.fins() == 2 || passed_over(flow) > 0
}

fn has_both_sides(flow: &Flow) -> bool {
    Direction::BOTH.into_iter().all(|direction| flow.end(direction).counters().payload_bytes > 0)
}

/// Whether both ends were seen, and octets passed between them that were not.
fn passed_unseen(flow: &Flow) -> bool {
    Direction::BOTH.into_iter().all(|direction| flow.end(direction).last.is_some())
        && passed_over(flow) >= OCTETS_THAT_TELL
}

fn passed_over(flow: &Flow) -> u64 {
    let counters = Direction::BOTH.into_iter().map(|direction| flow.end(direction).counters());
    counters.map(|counters| counters.missing_bytes.saturating_add(counters.unseen_bytes)).sum()
}
