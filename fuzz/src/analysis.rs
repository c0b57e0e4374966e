//! The whole analysis in memory, and what holds of it whatever was captured.

use idlegap::analyzer::{Analysis, Analyzer, Options, Seen};
use idlegap::capture::{CaptureInfo, Record};
use idlegap::report::Listed;
use idlegap::report::build::{Asked, Timeline, build};
use idlegap::report::json::{self, JsonOptions};
use idlegap::report::numbers::FlowNumbers;
use idlegap::report::selection::Wanted;
use idlegap::report::text::{self, TextOptions};
use idlegap::report::units::TimeFormat;
use idlegap::time::Span;
use idlegap::timeouts::Table;
use idlegap::verdict::Verdict;
use idlegap::verdict::service::Services;

/// Takes records, then concludes.
pub struct Course {
    analyzer: Analyzer,
    numbers: FlowNumbers,
    files: u32,
}

impl Default for Course {
    fn default() -> Self {
        Self::by(true)
    }
}

impl Course {
    /// Segments take the short way where there is one, or none does.
    pub fn by(short_way: bool) -> Self {
        let mut course = Self {
            analyzer: Analyzer::new(Options { number_streams: true, short_way, ..Options::default() }),
            numbers: FlowNumbers::default(),
            files: 0,
        };
        course.begin_file();
        course
    }

    /// What follows stands in another file of the same timeline.
    pub fn begin_file(&mut self) {
        self.analyzer.begin_file(self.files);
        self.numbers.begin_file(0);
        self.files += 1;
    }

    /// Takes one record.
    pub fn push(&mut self, record: &Record<'_>) {
        if let Seen::Segment(segment) = self.analyzer.push(record) {
            assert!(u64::from(segment.mark.frame.number) == record.frame, "a frame got another number");
            self.numbers.note(0, segment.flow);
        }
        self.analyzer.drain_relabels().for_each(drop);
    }

    /// The capture has ended: what it says of its flows.
    pub fn conclude(self) -> (Analysis, Vec<Verdict>) {
        let analysis = self.analyzer.finish(drop);
        let services = Services::gather(&analysis);
        let verdicts: Vec<Verdict> = analysis.flows.iter().map(|flow| services.judge(&flow, &analysis)).collect();
        for (flow, verdict) in analysis.flows.iter().zip(&verdicts) {
            for gaps in [flow.packet_gaps(), flow.payload_gaps()].into_iter().flatten() {
                assert!(gaps.kept().iter().all(|gap| gap.length > Span::ZERO), "a gap without length: {gaps:?}");
                assert!(gaps.total() >= gaps.kept().len() as u64, "more gaps kept than seen: {gaps:?}");
            }
            assert!(verdict.frames.iter().all(|frame| frame.number > 0), "a frame without number: {verdict:?}");
        }
        (analysis, verdicts)
    }

    /// The capture has ended: the report in every form, each of which must be sound by itself.
    pub fn report(self, info: CaptureInfo, table: &Table) {
        let timeline = Timeline { analysis: self.analyzer.finish(drop), files: vec![(0, info)] };
        let built = build(vec![timeline], self.numbers, table, Asked::default());
        let mut page = Vec::new();
        text::render(&built.report, &built, &TEXT, &mut page).expect("memory takes everything");
        let page = String::from_utf8(page).expect("text is UTF-8");
        assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "a control character reached the terminal");
        let mut object = Vec::new();
        json::render(&built.report, &built, &JSON, &mut object).expect("memory takes everything");
        assert!(object.starts_with(b"{") && object.ends_with(b"}\n"), "no whole object");
    }
}

const TEXT: TextOptions = TextOptions {
    width: 80,
    color: false,
    ascii: false,
    wanted: Wanted { flows: Listed::All, limit: 0, min_gap: Span::ZERO },
    time: TimeFormat::Utc,
};

const JSON: JsonOptions = JsonOptions { flows: Listed::All, min_gap: Span::ZERO };
