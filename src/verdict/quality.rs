//! What limits the verdicts of a capture, found in the flows themselves.

use crate::analyzer::Analysis;
use crate::flow::{Direction, Flow, Orientation};
use crate::time::Span;

/// Flows that share a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Flows in all.
    pub flows: u64,
    /// The capture began in the middle of them.
    pub midstream: u64,
    /// Only one direction was captured.
    pub one_sided: u64,
    /// Octets are missing from the capture, or were acknowledged unseen.
    pub incomplete: u64,
    /// The capture's clock ran backwards within them.
    pub clock_steps: u64,
    /// They begin a second time in the capture.
    pub replayed: u64,
    /// A FULLNAT director shows itself by the TOA option.
    pub behind_fullnat: u64,
    /// Time between the first and the last record.
    pub span: Span,
}

/// Counts what limits the verdicts on the flows of `analysis`.
#[must_use]
pub fn limits(analysis: &Analysis) -> Limits {
    let span = analysis.end.since(analysis.start);
    let mut limits = Limits { span, flows: analysis.flows.len() as u64, ..Limits::default() };
    for flow in &analysis.flows {
        limits.midstream += u64::from(flow.orientation == Orientation::Inferred);
        limits.one_sided += u64::from(is_one_sided(flow));
        limits.incomplete += u64::from(is_incomplete(flow));
        if let Some(extras) = flow.extras() {
            limits.clock_steps += u64::from(extras.clock_steps > 0);
            limits.replayed += u64::from(extras.replayed);
            limits.behind_fullnat += u64::from(extras.real_client.is_some());
        }
    }
    limits
}

fn is_one_sided(flow: &Flow) -> bool {
    // A lone SYN is a refused connection, not a one-sided capture.
    let lone_syn =
        flow.end(Direction::FromInitiator).isn.is_some() && flow.end(Direction::FromResponder).last.is_none();
    !lone_syn && Direction::BOTH.into_iter().any(|direction| flow.end(direction).last.is_none())
}

fn is_incomplete(flow: &Flow) -> bool {
    Direction::BOTH.into_iter().any(|direction| {
        let counters = flow.end(direction).counters;
        counters.missing_bytes + counters.unseen_bytes > 0
    })
}
