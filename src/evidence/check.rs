//! Whether the analysis says of an extract what it says of the whole: asked every time, since whoever gets an extract
//! relies on it.

use super::extract::Plan;
use crate::report::build::Built;
use crate::verdict::VerdictId;

/// A flow that is judged otherwise in the extract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number in the report on the whole.
    pub flow: u32,
    /// The verdict in the whole.
    pub whole: VerdictId,
    /// The verdict in the extract; `None` if it is not there.
    pub extract: Option<VerdictId>,
}

/// What `extract` says otherwise than the capture that `plan` is for. Where payload was cut, an `idle-close` that payload
/// told may be `graceful`.
#[must_use]
pub fn differences(plan: &Plan<'_>, extract: &Built, payload_cut: bool) -> Vec<Difference> {
    // Flows keep their order, as they are numbered by their first segments.
    let of_extract = |place: u32| extract.judged(place).map(|(_, verdict, _)| verdict.id);
    let both = (0..).zip(plan.verdicts()).map(|(place, (flow, whole))| (flow, whole, of_extract(place)));
    both.filter(|(_, whole, extract)| {
        let told = payload_cut && *whole == VerdictId::IdleClose && *extract == Some(VerdictId::Graceful);
        *extract != Some(*whole) && !told
    })
    .map(|(flow, whole, extract)| Difference { flow, whole, extract })
    .collect()
}
