//! The age at which flows died: a limit of age ends them busy or not, an idle timer at one silence.

use crate::flow::gaps::LEAST_GAP;
use crate::flow::resets::Reset;
use crate::flow::{Flow, Orientation};
use crate::time::{Span, Timestamp};
use crate::verdict::attribution::decisive;
use crate::verdict::bracket::latest;
use crate::verdict::{Verdict, VerdictId};

/// Deaths from which on the ages tell more than chance.
const DEATHS_THAT_TELL: u64 = 3;

/// Ages at which flows died by a RST that no endpoint is known to have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    died: u64,
    ages: Option<(Span, Span)>,
    starts: Option<(Timestamp, Timestamp)>,
    gaps: Option<(Span, Span)>,
    outlived: Option<Span>,
}

impl Ages {
    /// Whether the flows died at one age: alike in age, begun at different times, with silences before the end that are
    /// less alike than their ages, and none that grew older.
    #[must_use]
    pub fn limit(&self) -> Option<Span> {
        let ((youngest, oldest), (first, last)) = self.ages.zip(self.starts)?;
        let spread = oldest.minus(youngest);
        let alike = spread <= Span::from_secs(1).max(Span::from_nanos(oldest.as_nanos() / 20));
        let begun_apart = last.since(first) > spread.times(3).max(LEAST_GAP);
        let idle_alike = self.gaps.is_some_and(|(least, most)| {
            least >= LEAST_GAP && most.minus(least) <= spread.times(2).max(Span::from_millis(100))
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
    pub(crate) fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        fn widen<T: Copy + Ord>(bounds: &mut Option<(T, T)>, value: T) {
            *bounds = Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))));
        }
        let Some(reset) = died_of_age(flow, verdict) else {
            return self.outlive(flow);
        };
        self.died += 1;
        widen(&mut self.ages, reset.mark.time.since(flow.first.time));
        widen(&mut self.starts, flow.first.time);
        widen(&mut self.gaps, reset.silence);
    }

    /// Takes in a flow that no limit of age ended.
    pub(crate) fn outlive(&mut self, flow: &Flow) {
        let age = flow.last.time.since(flow.first.time);
        if flow.is_established() {
            self.outlived = Some(self.outlived.map_or(age, |most| most.max(age)));
        }
    }
}

/// The RST that ended the flow, if an age limit could have sent it: its beginning is known, and no endpoint aborted it.
pub(crate) fn died_of_age<'a>(flow: &'a Flow, verdict: &Verdict) -> Option<&'a Reset> {
    let fits = matches!(verdict.id, VerdictId::InjectedReset | VerdictId::IdleReset | VerdictId::Inconclusive);
    let (reset, _) = decisive(flow).filter(|_| fits && flow.orientation == Orientation::Handshake)?;
    flow.is_established().then_some(reset)
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
            ages(&[(100, 3), (100, 40), (101, 12)]).limit(),
            Some(Span::from_secs(100)),
            "one age, unlike silences"
        );
        assert_eq!(ages(&[(100, 30), (160, 30), (220, 30)]).limit(), None, "one silence, unlike ages");
        assert_eq!(ages(&[(30, 30), (30, 30), (30, 30)]).limit(), None, "silent from the beginning");
        assert_eq!(ages(&[(100, 3), (100, 40)]).limit(), None, "two deaths are too few");
    }

    #[test]
    fn a_flow_that_grew_older_refutes_a_limit() {
        let with =
            |outlived| Ages { outlived: Some(Span::from_secs(outlived)), ..ages(&[(100, 3), (100, 40), (100, 12)]) };
        // A timer of 100 s may be 12.5 s late.
        assert_eq!(with(112).limit(), Some(Span::from_secs(100)));
        assert_eq!(with(113).limit(), None);
    }
}
