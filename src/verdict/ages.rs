//! The age at which flows died: a limit of age ends them busy or not, an idle timer at one silence.

use crate::flow::gaps::LEAST_GAP;
use crate::flow::{Flow, Orientation};
use crate::time::{Span, Timestamp};
use crate::verdict::attribution::decisive_reset;
use crate::verdict::bracket::latest;
use crate::verdict::{Reason, Verdict, VerdictId};

/// Deaths from which on the ages tell more than chance.
const DEATHS_THAT_TELL: u64 = 3;

/// How a limit of age ends a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By a RST that no endpoint is known to have sent.
    Reset,
    /// By the server's FIN, out of a silence.
    Close,
}

/// Ages at which flows died in one manner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    died: u64,
    ages: Option<(Span, Span)>,
    starts: Option<(Timestamp, Timestamp)>,
    gaps: Option<(Span, Span)>,
    outlived: Option<Span>,
}

/// The end of a flow that a limit of age may have made.
#[derive(Clone, Copy, Debug)]
struct End {
    time: Timestamp,
    silence: Span,
    manner: Manner,
}

impl Ages {
    /// Whether the flows died at one age: alike in age, begun at different times, with silences before the end that are
    /// less alike than their ages (by more than a fifth, where they were closed in good order), and none that grew older.
    #[must_use]
    pub(crate) fn limit(&self, manner: Manner) -> Option<Span> {
        let ((youngest, oldest), (first, last)) = self.ages.zip(self.starts)?;
        let spread = oldest.minus(youngest);
        let alike = spread <= Span::from_secs(1).max(Span::from_nanos(oldest.as_nanos() / 20));
        let begun_apart = last.since(first) > spread.times(3).max(LEAST_GAP);
        let idle_alike = self.gaps.is_some_and(|(least, most)| {
            let closed_alike = manner == Manner::Close && most.times(10) <= least.times(12);
            least >= LEAST_GAP && most.minus(least) <= spread.times(2).max(Span::from_millis(100)) || closed_alike
        });
        let outlived = self.outlived.is_some_and(|age| age > latest(youngest));
        (self.died >= DEATHS_THAT_TELL && alike && begun_apart && !idle_alike && !outlived).then_some(youngest)
    }

    /// Flows that died so.
    #[must_use]
    pub const fn died(&self) -> u64 {
        self.died
    }

    /// Takes in a flow, judged alone.
    pub(crate) fn add(&mut self, manner: Manner, flow: &Flow, verdict: &Verdict) {
        fn widen<T: Copy + Ord>(bounds: &mut Option<(T, T)>, value: T) {
            *bounds = Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))));
        }
        let Some(end) = end(flow, verdict).filter(|end| end.manner == manner) else {
            return self.outlive(flow);
        };
        self.died += 1;
        widen(&mut self.ages, end.time.since(flow.first.time));
        widen(&mut self.starts, flow.first.time);
        widen(&mut self.gaps, end.silence);
    }

    /// Takes in a flow that no limit of age ended.
    pub(crate) fn outlive(&mut self, flow: &Flow) {
        if flow.is_established() {
            self.outlive_age(flow.last.time.since(flow.first.time));
        }
    }

    /// The same for a flow whose handshake was over, and that became so old.
    pub(crate) fn outlive_age(&mut self, age: Span) {
        self.outlived = Some(self.outlived.map_or(age, |most| most.max(age)));
    }
}

/// The manner in which the flow ended, if a limit of age could have ended it.
pub(crate) fn died_of_age(flow: &Flow, verdict: &Verdict) -> Option<Manner> {
    end(flow, verdict).map(|end| end.manner)
}

/// How the flow ended, if an age limit could have done it: its beginning is known, and no endpoint aborted it.
fn end(flow: &Flow, verdict: &Verdict) -> Option<End> {
    if flow.orientation != Orientation::Handshake || !flow.is_established() {
        return None;
    }
    match verdict.id {
        VerdictId::InjectedReset | VerdictId::IdleReset | VerdictId::Inconclusive => {
            let reset = decisive_reset(flow)?;
            Some(End { time: reset.mark.time, silence: reset.silence, manner: Manner::Reset })
        }
        VerdictId::IdleClose if verdict.reasons.contains(&Reason::ServerFin) => {
            let (_, gap) = verdict.gap?;
            Some(End { time: gap.start.time.plus(gap.length), silence: gap.length, manner: Manner::Close })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deaths at these ages, of flows begun 10 s apart, after these silences.
    fn ages(deaths: &[(i64, i64)]) -> Ages {
        let bounds = |values: Vec<i64>| {
            (Span::from_secs(*values.iter().min().unwrap()), Span::from_secs(*values.iter().max().unwrap()))
        };
        let start = |n: usize| Timestamp::from_nanos(n as i64 * 10_000_000_000);
        Ages {
            died: deaths.len() as u64,
            ages: Some(bounds(deaths.iter().map(|(age, _)| *age).collect())),
            starts: Some((start(0), start(deaths.len() - 1))),
            gaps: Some(bounds(deaths.iter().map(|(_, gap)| *gap).collect())),
            outlived: None,
        }
    }

    #[test]
    fn the_tighter_spread_wins() {
        assert_eq!(
            ages(&[(100, 3), (100, 40), (101, 12)]).limit(Manner::Reset),
            Some(Span::from_secs(100)),
            "one age, unlike silences"
        );
        assert_eq!(ages(&[(100, 30), (160, 30), (220, 30)]).limit(Manner::Reset), None, "one silence, unlike ages");
        assert_eq!(ages(&[(30, 30), (30, 30), (30, 30)]).limit(Manner::Reset), None, "silent from the beginning");
        assert_eq!(ages(&[(100, 3), (100, 40)]).limit(Manner::Reset), None, "two deaths are too few");
    }

    #[test]
    fn orderly_closes_need_silences_that_differ_by_a_fifth() {
        assert_eq!(ages(&[(100, 10), (100, 11), (100, 12)]).limit(Manner::Close), None);
        assert_eq!(ages(&[(100, 10), (100, 11), (100, 13)]).limit(Manner::Close), Some(Span::from_secs(100)));
    }

    #[test]
    fn a_flow_that_grew_older_refutes_a_limit() {
        let with =
            |outlived| Ages { outlived: Some(Span::from_secs(outlived)), ..ages(&[(100, 3), (100, 40), (100, 12)]) };
        // A timer of 100 s may be 12.5 s late.
        assert_eq!(with(112).limit(Manner::Reset), Some(Span::from_secs(100)));
        assert_eq!(with(113).limit(Manner::Reset), None);
    }
}
