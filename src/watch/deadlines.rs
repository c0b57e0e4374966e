//! What is to be looked at, and when.
//!
//! A binary heap in which a flow has at most one entry per sort of check. Nothing is moved when packets postpone what an
//! entry waits for: when its time has come it is looked at, and put in again if it is too early. So a packet costs nothing
//! here, and the heap holds no more than four entries a flow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// What a flow is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Whether a probe was answered.
    Probe,
    /// What a RST or FIN came to.
    Settled,
    /// Whether what ended a silence was answered.
    Stalled,
    /// Whether its silence nears the timer.
    Idle,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Probe, Self::Settled, Self::Stalled, Self::Idle];

    /// A bit of its own.
    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The entries, the earliest first; of equal ones the flow with the lower number.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u32, Check)>>,
}

impl Deadlines {
    /// Has flow number `flow` looked at when `due` has come.
    pub fn push(&mut self, due: Timestamp, flow: u32, check: Check) {
        self.heap.push(Reverse((due, flow, check)));
    }

    /// The first entry that is due before `time`, or at it where `inclusive`.
    pub fn pop(&mut self, time: Timestamp, inclusive: bool) -> Option<(Timestamp, u32, Check)> {
        let due = self.next()?;
        let has_come = due < time || (inclusive && due == time);
        if !has_come {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// When the first entry is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((due, ..))| *due)
    }

    /// Forgets the entries of flows that are not held any more.
    pub fn retain(&mut self, is_held: impl Fn(u32) -> bool) {
        self.heap.retain(|Reverse((_, flow, _))| is_held(*flow));
    }

    /// Entries that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is put in comes out once, in order of time, and never early.
        #[test]
        fn entries_come_out_in_order(times in prop::collection::vec((0..100_i64, 0..5_u32), 0..200), until in 0..100_i64) {
            let mut deadlines = Deadlines::default();
            for (nanos, flow) in &times {
                deadlines.push(Timestamp::from_nanos(*nanos), *flow, Check::Idle);
            }
            let until = Timestamp::from_nanos(until);
            let popped: Vec<_> = std::iter::from_fn(|| deadlines.pop(until, false)).collect();
            prop_assert!(popped.is_sorted());
            prop_assert!(popped.iter().all(|(due, ..)| *due < until));
            prop_assert_eq!(popped.len() + deadlines.len(), times.len());
            prop_assert!(deadlines.next().is_none_or(|due| due >= until));
        }
    }

    #[test]
    fn a_tick_includes_its_own_time_and_a_record_does_not() {
        let mut deadlines = Deadlines::default();
        let due = Timestamp::from_nanos(7);
        deadlines.push(due, 1, Check::Probe);
        assert_eq!(deadlines.pop(due, false), None);
        assert_eq!(deadlines.pop(due, true), Some((due, 1, Check::Probe)));
        assert!(deadlines.is_empty());
    }
}
