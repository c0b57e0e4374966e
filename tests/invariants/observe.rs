//! Runs the analysis over records and keeps its last word on every segment.

use std::collections::BTreeMap;

use idlegap::analyzer::{Analysis, Analyzer, Options, Seen};
use idlegap::capture::Record;
use idlegap::flow::{Direction, FrameId, Notes, Relabel, SegmentKind};
use idlegap::verdict::Verdict;
use idlegap::verdict::service::Services;

/// The last word on one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// Number of its flow.
    pub(crate) flow: u32,
    /// Which way it went.
    pub(crate) direction: Direction,
    /// What it is.
    pub(crate) kind: SegmentKind,
    /// What else is said of it.
    pub(crate) notes: Notes,
}

/// An analysis that takes records, then ends.
pub(crate) struct Observer {
    analyzer: Analyzer,
    labels: BTreeMap<FrameId, Label>,
}

impl Observer {
    /// Has seen nothing.
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    /// The same with other options.
    pub(crate) fn with(options: Options) -> Self {
        Self { analyzer: Analyzer::new(options), labels: BTreeMap::new() }
    }

    /// What follows stands in file number `file`.
    #[allow(dead_code, reason = "recordings are single files")]
    pub(crate) fn begin_file(&mut self, file: u32) {
        self.analyzer.begin_file(file);
    }

    /// Takes one record.
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        if let Seen::Segment(seen) = self.analyzer.push(record) {
            let label = Label { flow: seen.flow, direction: seen.direction, kind: seen.kind, notes: seen.notes };
            self.labels.insert(seen.mark.frame, label);
        }
        for relabel in self.analyzer.drain_relabels() {
            change(&mut self.labels, &relabel);
        }
    }

    /// The capture has ended.
    pub(crate) fn finish(self) -> Outcome {
        let Self { analyzer, mut labels } = self;
        let analysis = analyzer.finish(|relabel| change(&mut labels, &relabel));
        let services = Services::gather(&analysis);
        let verdicts = analysis.flows.iter().map(|flow| services.judge(&flow, &analysis)).collect();
        Outcome { labels, analysis, verdicts }
    }
}

fn change(labels: &mut BTreeMap<FrameId, Label>, relabel: &Relabel) {
    let label = labels.get_mut(&relabel.frame).expect("only segments are judged anew");
    label.kind = relabel.kind;
    label.notes = relabel.notes;
}

/// Everything that was concluded.
pub(crate) struct Outcome {
    /// The last word on every segment.
    pub(crate) labels: BTreeMap<FrameId, Label>,
    /// Flows and accounts.
    pub(crate) analysis: Analysis,
    /// The verdict on each flow, in their order.
    pub(crate) verdicts: Vec<Verdict>,
}
