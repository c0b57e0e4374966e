//! Which flows a report shows to people.

use std::collections::HashSet;

use super::Listed;
use super::model::{Flow, Flows, Report};
use super::phrases::longest_gap_s;
use crate::time::Span;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which flows.
    pub flows: Listed,
    /// Flows at most; 0 for no limit.
    pub limit: u32,
    /// Flows without a gap as long as this are not shown.
    pub min_gap: Span,
}

impl Wanted {
    /// Flows, or anything else of which there may be many, shown at most.
    #[must_use]
    pub fn most(&self) -> usize {
        if self.limit == 0 { usize::MAX } else { self.limit as usize }
    }
}

/// Flows to show, and how many are not shown.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those shown, the ones that matter first, the worst of them at the top.
    pub shown: Vec<Flow>,
    /// Not shown for want of room.
    pub by_limit: usize,
    /// Not shown because their gaps are short.
    pub by_gap: u64,
}

impl Selection {
    /// Selects what is wanted.
    #[must_use]
    pub fn new(report: &Report, flows: &impl Flows, wanted: Wanted) -> Self {
        let mut selection = Self::default();
        let min_gap_s = wanted.min_gap.as_secs_f64();
        for id in ids(report, wanted.flows) {
            let is_full = selection.shown.len() >= wanted.most();
            // Without a shortest gap, flows beyond the limit need not be built to be counted.
            if is_full && min_gap_s <= 0.0 {
                selection.by_limit += 1;
                continue;
            }
            let Some(flow) = flows.flow(id) else { continue };
            if longest_gap_s(&flow) < min_gap_s {
                selection.by_gap += 1;
            } else if is_full {
                selection.by_limit += 1;
            } else {
                selection.shown.push(flow);
            }
        }
        selection
    }
}

/// Those that matter first.
fn ids(report: &Report, listed: Listed) -> impl Iterator<Item = u32> {
    let others = if listed == Listed::All { 0..report.flows_total } else { 0..0 };
    let matter: HashSet<u32> = if others.is_empty() { HashSet::new() } else { report.matter.iter().copied().collect() };
    report.matter.iter().copied().chain(others.filter(move |id| !matter.contains(id)))
}
