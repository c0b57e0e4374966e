//! Flows written down as packet scripts, and read again.

use std::path::Path;

use idlegap::capture::{Input, Reader};
use idlegap::commands::output::Target;
use idlegap::commands::read::Source;
use idlegap::commands::script::{Job, run};
use idlegap::flow::{Flow, SegmentKind};
use idlegap::script::{Script, to_pcap};
use idlegap::verdict::attribution::decisive;
use idlegap::verdict::outcome::judge;

use crate::captures::all;
use crate::observe::{Observer, Outcome};

/// Flows written down of one capture at most: all of every recording and script.
const FLOWS: usize = 1_000;

/// Which flow by itself, without payload, is judged otherwise, and why.
const EXCEPTIONS: [(&str, usize, &str); 2] = [
    ("silent-peer-seen-elsewhere", 0, "that the silence is real shows in another flow"),
    ("syn-again-behind-a-foreign-syn-ack", 1, "that the SYN came before shows in another flow"),
];

/// The script of a flow gives the kinds of its segments and its verdict, once more.
#[test]
fn a_flow_written_down_is_judged_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = String::new();
    for (name, capture) in all(folder.path()) {
        let whole = observe(Reader::open(&Input::Path(capture.clone())).unwrap());
        let flows = whole.analysis.flows.len();
        for number in (0..flows).step_by(flows.div_ceil(FLOWS).max(1)) {
            let text = write_down(&capture, number, folder.path());
            let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            let bytes = to_pcap(&script);
            let again = observe(Reader::from_source("script".to_owned(), std::io::Cursor::new(bytes), None).unwrap());
            if EXCEPTIONS.iter().any(|(of, flow, _)| *of == name && *flow == number) {
                assert!(!differences(&whole, number, &again).is_empty(), "{name} is no exception any more");
                continue;
            }
            for line in differences(&whole, number, &again) {
                report.push_str(&format!("{name}, flow {number}: {line}\n"));
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn differences(whole: &Outcome, number: usize, again: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let kinds = |outcome: &Outcome, flow: usize| -> Vec<&'static str> {
        let of_flow = outcome.labels.values().filter(|label| label.flow as usize == flow);
        of_flow
            .map(|label| label.kind)
            .filter(|kind| *kind != SegmentKind::DuplicateFrame)
            .map(SegmentKind::name)
            .collect()
    };
    let (before, after) = (kinds(whole, number), kinds(again, 0));
    for (place, (before, after)) in before.iter().zip(&after).enumerate().filter(|(_, (one, other))| one != other) {
        found.push(format!("segment {place} was {before} and is {after}"));
    }
    if before.len() != after.len() {
        found.push(format!("{} segments became {}", before.len(), after.len()));
    }
    let number = u32::try_from(number).unwrap();
    let flow = whole.analysis.flows.get(number).unwrap();
    let verdict = judge(&flow, &whole.analysis);
    let sender = |flow: &Flow| decisive(flow).map(|(_, who)| (who.origin, who.confidence));
    let after = again.analysis.flows.get(0).and_then(|flow| sender(&flow));
    if sender(&flow) != after {
        found.push(format!("the RST of {:?} became one of {after:?}", sender(&flow)));
    }
    let Some(again) = again.verdicts.first() else { return vec!["no flow".to_owned()] };
    if verdict.confidence != again.confidence {
        found.push(format!("{} became {}", verdict.confidence.name(), again.confidence.name()));
    }
    if verdict.id != again.id {
        found.push(format!("{} became {}", verdict.id.name(), again.id.name()));
    }
    if verdict.gap.map(|(_, gap)| gap.length) != again.gap.map(|(_, gap)| gap.length) {
        found.push("another gap".to_owned());
    }
    found
}

fn observe(mut reader: Reader) -> Outcome {
    let mut observer = Observer::new();
    while let Some(record) = reader.next_record().unwrap() {
        observer.push(&record);
    }
    observer.finish()
}

fn write_down(capture: &Path, flow: usize, folder: &Path) -> String {
    let target = folder.join("flow.pkt");
    let job = Job {
        source: Source { inputs: vec![Input::Path(capture.to_owned())], filter: None, count: None, threads: 1 },
        flow: flow as u32,
        target: Target::File(target.clone()),
        quiet: true,
    };
    run(&job).unwrap();
    std::fs::read_to_string(target).unwrap()
}
