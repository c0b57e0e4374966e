//! Whether the analysis says of an extract what it says of the whole: asked every time, since whoever gets an extract
//! relies on it.

use super::extract::Plan;
use crate::flow::gaps::Clock;
use crate::report::build::Built;
use crate::time::Span;
use crate::verdict::{Confidence, Verdict, VerdictId};

/// A flow that is judged otherwise in the extract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number in the report on the whole.
    pub flow: u32,
    /// What the whole says.
    pub whole: Gist,
    /// What the extract says; `None` if the flow is not there.
    pub extract: Option<Gist>,
}

/// What must be the same of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gist {
    /// The verdict.
    pub id: VerdictId,
    /// How sure it is.
    pub confidence: Confidence,
    /// The silence that it is about.
    pub gap: Option<(Clock, Span)>,
    /// The timer that shows.
    pub timeout: Option<Span>,
}

impl Gist {
    pub(super) fn of(verdict: &Verdict) -> Self {
        let gap = verdict.gap.map(|(clock, gap)| (clock, gap.length));
        Self { id: verdict.id, confidence: verdict.confidence, gap, timeout: verdict.timeout }
    }
}

/// What `extract` says otherwise than the capture that `plan` is for.
#[must_use]
pub fn differences(plan: &Plan<'_>, extract: &Built) -> Vec<Difference> {
    // Flows keep their order, as they are numbered by their first segments.
    let of_extract = |place: u32| extract.judged(place).map(|(_, verdict, _)| Gist::of(&verdict));
    let both = (0..).zip(plan.gists()).map(|(place, (flow, whole))| (flow, whole, of_extract(place)));
    both.filter(|(_, whole, extract)| *extract != Some(*whole))
        .map(|(flow, whole, extract)| Difference { flow, whole, extract })
        .collect()
}
