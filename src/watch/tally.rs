//! What a watch counts, for the view and whoever asks by signal or over the network.

use std::collections::BTreeMap;

use crate::flow::SegmentKind;
use crate::watch::event::What;

/// Pairs of verdict and service whose deaths are told one by one; those of others are told under [`OTHERS`].
const SHOWN: usize = 256;
/// Pairs that are known at most: more are a scan.
const KNOWN: usize = 1 << 16;
/// The name under which deaths at services are counted that are not told one by one.
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
    /// Deaths by verdict and service.
    pub deaths: Deaths,
    /// Packets that the capturing side lost.
    pub lost: u64,
    /// Flows that had to leave for want of memory.
    pub evicted: u64,
}

/// Deaths by verdict and service, those services by name where most flows died.
///
/// A death is counted in one place for ever, so that no count goes backwards: at its service if that is among the shown ones
/// at that moment, else under [`OTHERS`]. A service gets the place of a shown one when more than twice as many flows have died there;
/// it begins at what was counted at it when it was shown before, if it ever was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    known: BTreeMap<(&'static str, String), Count>,
    shown: usize,
    /// At every shown service at least so many died: spares looking at all of them.
    least: u64,
    others: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    all: u64,
    /// Of these, those that were counted here and not under the others.
    own: u64,
    is_shown: bool,
}

impl Deaths {
    /// Verdict, service and deaths of the shown services, and of all others together.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        let shown = self.known.iter().filter(|(_, count)| count.is_shown);
        let shown = shown.map(|((verdict, service), count)| (*verdict, service.as_str(), count.own));
        shown.chain(self.others.iter().map(|(verdict, count)| (*verdict, OTHERS, *count)))
    }

    /// All deaths by verdict.
    #[must_use]
    pub fn by_verdict(&self) -> BTreeMap<&'static str, u64> {
        let mut sums = self.others.clone();
        for ((verdict, _), count) in &self.known {
            *sums.entry(verdict).or_default() += count.own;
        }
        sums
    }

    fn note(&mut self, verdict: &'static str, service: &str) {
        let key = (verdict, service.to_owned());
        let is_known = self.known.len() < KNOWN || self.known.contains_key(&key);
        let count = match is_known {
            true => *self
                .known
                .entry(key.clone())
                .and_modify(|count| count.all += 1)
                .or_insert(Count { all: 1, ..Count::default() }),
            false => Count::default(),
        };
        if is_known && (count.is_shown || self.make_place(count)) {
            self.shown += usize::from(!count.is_shown);
            let own = count.own + 1;
            self.known.insert(key, Count { own, is_shown: true, ..count });
        } else {
            *self.others.entry(verdict).or_default() += 1;
        }
    }

    /// Whether there is a place for a service that is not shown, or can be made.
    fn make_place(&mut self, count: Count) -> bool {
        if self.shown < SHOWN {
            return true;
        }
        if count.all / 2 <= self.least {
            return false;
        }
        let shown = self.known.values_mut().filter(|count| count.is_shown);
        let Some(least) = shown.min_by_key(|count| count.all) else { return false };
        self.least = least.all;
        if count.all / 2 <= least.all {
            return false;
        }
        least.is_shown = false;
        self.shown -= 1;
        true
    }
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
            What::Death(death) => self.deaths.note(death.verdict.id, &death.of.server),
            _ => {}
        }
    }

    /// Events of one type.
    #[must_use]
    pub fn events_of(&self, name: &str) -> u64 {
        self.events.get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(deaths: &Deaths, service: &str) -> Option<u64> {
        deaths.iter().find(|(_, name, _)| *name == service).map(|(.., count)| count)
    }

    #[test]
    fn a_service_where_many_die_is_shown_however_late_it_comes() {
        let mut deaths = Deaths::default();
        (0..SHOWN + 50).for_each(|port| deaths.note("idle-reset", &format!("10.0.0.1:{port}")));
        assert_eq!((of(&deaths, "10.0.0.1:255"), of(&deaths, "10.0.0.1:256")), (Some(1), None), "the first 256");
        assert_eq!(of(&deaths, OTHERS), Some(50));
        (0..9).for_each(|_| deaths.note("idle-reset", "10.9.9.9:443"));
        // With the fourth it had more than twice as many as another one: half of that, rounded down, is more than one.
        assert_eq!((of(&deaths, "10.9.9.9:443"), of(&deaths, OTHERS)), (Some(6), Some(53)));
        assert_eq!(deaths.iter().count(), SHOWN + 1);
        assert_eq!(deaths.by_verdict(), BTreeMap::from([("idle-reset", SHOWN as u64 + 50 + 9)]));
    }

    proptest! {
        /// No count goes backwards, none is lost, and there are never more than so many.
        #[test]
        fn counts_only_grow(services in prop::collection::vec((0..3_usize, 0..600_u32), 0..4_000)) {
            let mut deaths = Deaths::default();
            let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
            for (sum, (verdict, service)) in (1..).zip(services) {
                let verdict = ["idle-drop", "idle-reset", "idle-close"][verdict];
                // Some far more often than others.
                deaths.note(verdict, &format!("10.0.0.1:{}", service.isqrt() * 20));
                if sum % 97 == 0 {
                    for (verdict, service, count) in deaths.iter() {
                        let before = last.insert((verdict.to_owned(), service.to_owned()), count);
                        prop_assert!(before.is_none_or(|before| before <= count));
                    }
                    prop_assert!(deaths.iter().count() <= SHOWN + 3);
                    prop_assert_eq!(deaths.by_verdict().values().sum::<u64>(), sum);
                }
            }
        }
    }
}
