//! From scripts and files to what the report says of their quality.

use std::io::Cursor;
use std::path::Path;

use idlegap::analyzer::{Analysis, Analyzer, Options};
use idlegap::capture::{CaptureInfo, Input, Reader};
use idlegap::report::build::{Asked, Timeline, build};
use idlegap::report::model::Quality;
use idlegap::report::numbers::FlowNumbers;
use idlegap::script::{Script, to_pcap};
use idlegap::timeouts::Table;

/// The analysis of everything that `reader` gives, and what is known of the capture beside.
fn analyze(mut reader: Reader) -> (Analysis, CaptureInfo) {
    let mut analyzer = Analyzer::new(Options::default());
    while let Some(record) = reader.next_record().unwrap() {
        analyzer.push(&record);
        analyzer.drain_relabels().for_each(drop);
    }
    (analyzer.finish(drop), reader.into_info())
}

pub(crate) fn analysis(text: &str) -> (Analysis, CaptureInfo) {
    let script = Script::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    from_bytes(to_pcap(&script))
}

pub(crate) fn from_bytes(capture: Vec<u8>) -> (Analysis, CaptureInfo) {
    analyze(Reader::from_source("test".to_owned(), Cursor::new(capture), None).unwrap())
}

/// What the report says of the quality of a script's capture.
pub(crate) fn quality(text: &str) -> Vec<Quality> {
    let (analysis, info) = analysis(text);
    report(analysis, info)
}

pub(crate) fn quality_of_file(path: &Path) -> Vec<Quality> {
    let (analysis, info) = analyze(Reader::open(&Input::Path(path.to_owned())).unwrap());
    report(analysis, info)
}

pub(crate) fn report(analysis: Analysis, info: CaptureInfo) -> Vec<Quality> {
    let table = Table::built_in().unwrap();
    let mut numbers = FlowNumbers::default();
    numbers.begin_file(0);
    (0u32..).zip(analysis.flows.iter()).for_each(|(index, _)| numbers.note(0, index));
    let built = build(vec![Timeline { analysis, files: vec![(0, info)] }], numbers, &table, Asked::default());
    built.report.captures[0].quality.clone()
}

pub(crate) fn ids(quality: &[Quality]) -> Vec<&str> {
    quality.iter().map(|quality| quality.id.as_str()).collect()
}

/// The sentence with this id; it must be there, and it must be the only one.
pub(crate) fn only<'a>(quality: &'a [Quality], id: &str) -> &'a Quality {
    assert_eq!(ids(quality), [id], "{quality:#?}");
    &quality[0]
}
