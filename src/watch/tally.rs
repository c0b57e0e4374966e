//! What a watch has counted, for the summary, the view and whoever asks by signal or over the network.

use std::collections::BTreeMap;

use crate::flow::SegmentKind;
use crate::watch::event::What;

/// Services whose deaths are counted one by one; those of further ones are counted under [`OTHERS`].
const SERVICES: usize = 256;
/// The name under which deaths of services beyond the first 256 are counted.
pub const OTHERS: &str = "others";

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// TCP segments, duplicates not counted.
    pub segments: u64,
    /// Keepalive probes seen.
    pub probes: u64,
    /// Answers to keepalive probes seen.
    pub probe_answers: u64,
    /// Events by type.
    pub events: BTreeMap<&'static str, u64>,
    /// RSTs by who sent them: `endpoint`, `middlebox`, `unknown`.
    pub resets: BTreeMap<&'static str, u64>,
    /// Deaths by verdict and server.
    pub deaths: BTreeMap<(&'static str, String), u64>,
    /// Packets that the capturing side lost.
    pub lost: u64,
    /// Flows that had to leave for want of memory.
    pub evicted: u64,
}

impl Tally {
    /// Counts a segment.
    pub(super) const fn segment(&mut self, kind: SegmentKind) {
        match kind {
            SegmentKind::DuplicateFrame => return,
            SegmentKind::KeepaliveProbe => self.probes += 1,
            SegmentKind::KeepaliveAck => self.probe_answers += 1,
            _ => {}
        }
        self.segments += 1;
    }

    /// Counts an event.
    pub(super) fn note(&mut self, what: &What) {
        *self.events.entry(what.name()).or_default() += 1;
        match what {
            What::Reset(reset) => *self.resets.entry(reset.reset.origin).or_default() += 1,
            What::Death(death) => {
                let own = (death.verdict.id, death.of.server.clone());
                let crowded = self.deaths.len() >= SERVICES && !self.deaths.contains_key(&own);
                let key = if crowded { (own.0, OTHERS.to_owned()) } else { own };
                *self.deaths.entry(key).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Events of one type.
    #[must_use]
    pub fn events_of(&self, name: &str) -> u64 {
        self.events.get(name).copied().unwrap_or(0)
    }
}
