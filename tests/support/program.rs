//! What the program under test says of a capture, segment by segment.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A line of `idlegap trace`, with the stream number of its flow from the report.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) frame: u64,
    pub(crate) flow: u64,
    pub(crate) stream: Option<u64>,
    pub(crate) kind: String,
    pub(crate) note: String,
    pub(crate) seq: u64,
    pub(crate) ack: u64,
    pub(crate) len: u64,
    pub(crate) window: u64,
}

/// Every segment of `capture`, in order of frames; otherwise, what the program complains of.
pub(crate) fn read(capture: &Path) -> Result<BTreeMap<u64, Vec<Segment>>, String> {
    let report: Value = serde_json::from_slice(&run(&["--format", "json"], capture)?).unwrap();
    let streams: BTreeMap<u64, Option<u64>> = report["flows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| (flow["id"].as_u64().unwrap(), flow["wireshark_stream"].as_u64()))
        .collect();
    let mut frames: BTreeMap<u64, Vec<Segment>> = BTreeMap::new();
    for line in
        run(&["trace", "--format", "jsonl"], capture)?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    {
        let segment = segment(&serde_json::from_slice(line).unwrap(), &streams);
        frames.entry(segment.frame).or_default().push(segment);
    }
    Ok(frames)
}

fn segment(line: &Value, streams: &BTreeMap<u64, Option<u64>>) -> Segment {
    let number = |name: &str| line[name].as_u64().unwrap_or_default();
    Segment {
        frame: number("frame"),
        flow: number("flow"),
        stream: streams.get(&number("flow")).copied().flatten(),
        kind: line["kind"].as_str().unwrap().to_owned(),
        note: line["note"].as_str().unwrap_or_default().to_owned(),
        seq: number("seq"),
        ack: number("ack"),
        len: number("len"),
        window: number("window"),
    }
}

fn run(arguments: &[&str], capture: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_idlegap")).args(arguments).arg(capture).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert!(matches!(output.status.code(), Some(0 | 2)), "{arguments:?} {}: {complaint}", capture.display());
    if output.status.success() { Ok(output.stdout) } else { Err(complaint) }
}
