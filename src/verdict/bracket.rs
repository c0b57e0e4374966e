//! The bracket of a timer: the longest silence that survived it and the shortest that died of it, on one clock.
//!
//! A bracket is a summary: two of them taken together are the bracket of all their flows, in whatever order.

use crate::flow::Flow;
use crate::flow::gaps::{Clock, Gaps};
use crate::time::Span;
use crate::timeouts::{Expiry, Layer, lateness};
use crate::verdict::{Reason, Verdict, VerdictId};

/// Silences of one clock over several flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bracket {
    /// The longest that survived: the timer is longer.
    pub survived_max: Option<Span>,
    /// The shortest that died: the timer is no longer.
    pub died_min: Option<Span>,
    /// The longest that died.
    pub died_max: Option<Span>,
    /// How many died.
    pub died: u64,
    /// Deaths beside those, which one sign alone leaves open between a forgetful box and an end that gave up or forgot.
    pub ambiguous: u64,
    open: Option<(Span, Span)>,
    in_sight: Option<(Span, Span)>,
    manner: Option<Expiry>,
}

/// How a bracket contradicts itself, so that no single timer explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A silence survived that is longer than one that died, by more than timers are late: the one, and the other.
    Outlived(Span, Span),
    /// Kills were seen at silences that are farther apart than one timer fires late: the shortest and the longest.
    Scattered(Span, Span),
}

impl Bracket {
    /// Whether every silence that died was longer than every one that survived, and some survived.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        matches!((self.survived_max, self.died_min), (Some(survived), Some(died)) if survived < died)
    }

    /// The most telling manner in which flows died: a kill that was seen before one that showed only later.
    #[must_use]
    pub const fn manner(&self) -> Option<Expiry> {
        self.manner
    }

    /// The timer itself, where the kill was seen: the least and the greatest silence at which it fired. They differ by the
    /// time between two looks of the box for expired flows; by more than a timer may be late they are not one timer.
    #[must_use]
    pub fn timer(&self) -> Option<(Span, Span)> {
        self.in_sight.filter(|(least, most)| *most <= latest(*least))
    }

    /// Why no single timer can have made this bracket of silences without a packet.
    #[must_use]
    pub fn contradiction(&self) -> Option<Contradiction> {
        let scattered = self.in_sight.filter(|(least, most)| *most > latest(*least));
        let outlived = self.survived_max.zip(self.died_min).filter(|(survived, died)| *survived > latest(*died));
        let outlived = outlived.map(|(survived, died)| Contradiction::Outlived(survived, died));
        outlived.or(scattered.map(|(least, most)| Contradiction::Scattered(least, most)))
    }

    /// How many flows died so if one more that died of `length` is among them: all of silences longer than every one that
    /// survived. With the shortest and longest of their silences.
    #[must_use]
    pub(crate) fn like(&self, length: Span) -> Option<(u64, Span, Span)> {
        let survived = self.survived_max.filter(|survived| *survived < length)?;
        let clear = self.died_min.zip(self.died_max);
        // What is left open and shorter is the end of another kind: it speaks for no box, and against none.
        let open = self.open.filter(|(least, _)| *least > survived);
        match (clear, open) {
            (Some((least, _)), _) if least <= survived => None,
            (None, None) => None,
            (None, Some((least, most))) => Some((self.ambiguous, least, most)),
            (Some((least, most)), None) => Some((self.died + 1, least.min(length), most.max(length))),
            (Some((least, most)), Some((other_least, other_most))) => {
                Some((self.died + self.ambiguous, least.min(other_least), most.max(other_most)))
            }
        }
    }

    /// Takes in what `flow`, judged alone, shows on the clock `on`.
    pub(crate) fn add(&mut self, on: Clock, flow: &Flow, verdict: &Verdict) {
        let gaps = match on {
            Clock::Packet => flow.packet_gaps(),
            Clock::Payload => flow.payload_gaps(),
        };
        let fatal = verdict.gap.filter(|(clock, _)| *clock == on).map(|(_, gap)| gap);
        let survived = gaps.and_then(Gaps::longest_survived).map(|gap| gap.length);
        // The silence that a server's words or FIN ended is what it died of, though it was answered.
        let closing = fatal.filter(|_| on == Clock::Payload).map(|gap| gap.length);
        if let Some(length) = survived.filter(|length| Some(*length) != closing) {
            widen(&mut self.survived_max, length, Ord::max);
        }
        let Some(gap) = fatal.filter(|gap| !gap.half_closed) else { return };
        if verdict.id.is_idle_death() {
            self.die(gap.length, manner(verdict.id), verdict.timeout.is_some());
        } else if is_ambiguous(verdict) {
            self.ambiguous += 1;
            extend(&mut self.open, gap.length);
        }
    }

    /// Takes in another bracket on the same clock.
    pub(crate) fn merge(&mut self, other: &Self) {
        let ends = [(other.survived_max, &mut self.survived_max), (other.died_max, &mut self.died_max)];
        for (length, most) in ends {
            length.into_iter().for_each(|length| widen(most, length, Ord::max));
        }
        other.died_min.into_iter().for_each(|length| widen(&mut self.died_min, length, Ord::min));
        for (bounds, all) in [(other.open, &mut self.open), (other.in_sight, &mut self.in_sight)] {
            bounds.into_iter().flat_map(|(least, most)| [least, most]).for_each(|length| extend(all, length));
        }
        self.died += other.died;
        self.ambiguous += other.ambiguous;
        self.manner = more_telling(self.manner, other.manner);
    }

    /// The same without its deaths: what survived, to be held against the deaths of others.
    pub(crate) fn survivors(&self) -> Self {
        Self { survived_max: self.survived_max, ..Self::default() }
    }

    /// A flow died of a silence of `length`, in sight if the kill itself was seen at its end.
    pub(crate) fn die(&mut self, length: Span, manner: Option<Expiry>, in_sight: bool) {
        self.died += 1;
        widen(&mut self.died_min, length, Ord::min);
        widen(&mut self.died_max, length, Ord::max);
        if in_sight {
            extend(&mut self.in_sight, length);
        }
        self.manner = more_telling(self.manner, manner);
    }
}

/// How long a silence may last at the most before a box kills it whose timer is at most `timer`.
pub(crate) fn latest(timer: Span) -> Span {
    timer.plus(lateness(timer, Layer::L4))
}

fn more_telling(one: Option<Expiry>, other: Option<Expiry>) -> Option<Expiry> {
    const TELLING: [Expiry; 4] = [Expiry::RstBoth, Expiry::Fin, Expiry::RstOnNextPacket, Expiry::SilentDrop];
    TELLING.into_iter().find(|telling| one == Some(*telling) || other == Some(*telling))
}

fn widen(bound: &mut Option<Span>, length: Span, pick: fn(Span, Span) -> Span) {
    *bound = Some(bound.map_or(length, |bound| pick(bound, length)));
}

fn extend(bounds: &mut Option<(Span, Span)>, length: Span) {
    *bounds = Some(bounds.map_or((length, length), |(least, most)| (least.min(length), most.max(length))));
}

/// Whether a box that forgot the flow would look the same.
pub(crate) fn is_ambiguous(verdict: &Verdict) -> bool {
    verdict.id == VerdictId::KeepaliveExhausted
        || verdict.id == VerdictId::Inconclusive
            && verdict.reasons.contains(&Reason::AlsoFits(VerdictId::IdleResetNext))
}

/// How a flow of that verdict was killed.
#[must_use]
pub const fn manner(id: VerdictId) -> Option<Expiry> {
    match id {
        VerdictId::IdleReset => Some(Expiry::RstBoth),
        VerdictId::IdleResetNext => Some(Expiry::RstOnNextPacket),
        VerdictId::IdleDrop => Some(Expiry::SilentDrop),
        VerdictId::IdleClose => Some(Expiry::Fin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: i64) -> Span {
        Span::from_secs(secs)
    }

    /// A bracket of silences that survived and of kills in sight.
    fn bracket(survived: &[i64], killed: &[i64]) -> Bracket {
        let mut bracket = Bracket::default();
        survived.iter().for_each(|length| widen(&mut bracket.survived_max, secs(*length), Ord::max));
        killed.iter().for_each(|length| bracket.die(secs(*length), Some(Expiry::RstBoth), true));
        bracket
    }

    #[test]
    fn a_timer_that_fires_late_is_one_timer_and_a_scatter_is_none() {
        // 90 s may be 11.25 s late (an eighth): 101 s is late, 102 s is another timer.
        assert_eq!(bracket(&[60], &[90, 101]).timer(), Some((secs(90), secs(101))));
        assert_eq!(bracket(&[60], &[90, 102]).timer(), None);
        assert_eq!(bracket(&[60], &[102, 90]).contradiction(), Some(Contradiction::Scattered(secs(90), secs(102))));
    }

    #[test]
    fn survivors_contradict_beyond_the_lateness_of_timers() {
        assert_eq!(bracket(&[101], &[90]).contradiction(), None);
        assert!(!bracket(&[101], &[90]).is_consistent());
        assert_eq!(bracket(&[102], &[90]).contradiction(), Some(Contradiction::Outlived(secs(102), secs(90))));
        assert_eq!(bracket(&[500], &[]).contradiction(), None);
    }

    #[test]
    fn an_end_that_gave_up_early_does_not_blur_the_bracket() {
        let mut all = bracket(&[60], &[90, 91]);
        all.ambiguous = 1;
        all.open = Some((secs(30), secs(30)));
        assert_eq!(all.died_min, Some(secs(90)));
        assert_eq!(all.like(secs(30)), None, "60 s survived");
        assert_eq!(all.like(secs(95)), Some((3, secs(90), secs(95))));
        // Without any clear death, all that is open has to be longer than what survived.
        let mut open = bracket(&[60], &[]);
        (open.ambiguous, open.open) = (2, Some((secs(70), secs(80))));
        assert_eq!(open.like(secs(70)), Some((2, secs(70), secs(80))));
        open.open = Some((secs(50), secs(80)));
        assert_eq!(open.like(secs(80)), None);
    }

    proptest! {
        #[test]
        fn brackets_merge_to_that_of_all_flows_in_any_order(
            one in (prop::collection::vec(1..500i64, 0..4), prop::collection::vec(1..500i64, 0..4)),
            other in (prop::collection::vec(1..500i64, 0..4), prop::collection::vec(1..500i64, 0..4)),
        ) {
            let whole = bracket(&[one.0.clone(), other.0.clone()].concat(), &[one.1.clone(), other.1.clone()].concat());
            let (one, other) = (bracket(&one.0, &one.1), bracket(&other.0, &other.1));
            let (mut forth, mut back) = (one, other);
            forth.merge(&other);
            back.merge(&one);
            prop_assert_eq!(forth, whole);
            prop_assert_eq!(back, whole);
        }
    }
}
