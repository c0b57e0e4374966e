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
        let idle_alike = self
            .gaps
            .is_some_and(|(least, most)| least >= LEAST_GAP && most.minus(least) <= spread.max(Span::from_millis(100)));
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
