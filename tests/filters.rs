//! The display filters of every finding, run by tshark on the recordings: each selects what it says and nothing else.
//!
//! Without tshark the comparison cannot run: it says so by hand, and fails where `CI=true`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of a test may fail loudly, and must say when it does not run"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

/// Recordings whose findings are about enough frames to take minutes.
const TOO_LARGE: [&str; 1] = ["lvs-incident-200-flows"];

#[test]
fn every_filter_selects_exactly_its_packets() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark must be here");
        eprintln!("NOT TESTED: tshark is not here, so no filter was tried");
        return;
    }
    let captures = captures();
    let queue = Mutex::new(captures.iter());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let tried: usize = thread::scope(|scope| {
        let work = || {
            let mut tried = 0;
            loop {
                let next = queue.lock().unwrap().next();
                let Some(capture) = next else { return tried };
                tried += try_filters(capture);
            }
        };
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum()
    });
    assert!(tried > 100, "only {tried} filters were tried");
}

/// Between the same hosts two flows have the same two ports, each as the other's: every filter knows them apart.
#[test]
fn swapped_ports_are_another_flow() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return;
    }
    let script = "flow one 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000
        flow other 10.0.0.1:5432 > 10.0.0.2:40000 isn 3000 7000
        0      one   > S 0:0(0)
        +.01   one   < S. 0:0(0) ack 1
        +.0001 one   > . 1:1(0) ack 1
        +.01   one   > P. 1:101(100) ack 1
        +.01   one   < . 1:1(0) ack 101
        +.01   other > S 0:0(0)
        +.01   other < S. 0:0(0) ack 1
        +.0001 other > . 1:1(0) ack 1
        +.01   other > P. 1:101(100) ack 1
        +.01   other < . 1:1(0) ack 101
        +90    one   < R 1:1(0)
        end +5";
    let script = idlegap::script::Script::parse(script).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("swapped.pcap");
    std::fs::write(&capture, idlegap::script::to_pcap(&script)).unwrap();
    assert!(try_filters(&capture) >= 3);
}

/// Tries the filters of a capture; returns how many there are.
fn try_filters(capture: &Path) -> usize {
    let report: Value = serde_json::from_str(&idlegap(&["--format", "json"], capture)).unwrap();
    let trace: Vec<Value> = idlegap(&["trace", "--format", "jsonl"], capture)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let segments: BTreeSet<u64> = trace.iter().map(|row| row["frame"].as_u64().unwrap()).collect();
    let ends = |flow: &Value| {
        let flow = &report["flows"][usize::try_from(flow.as_u64().unwrap()).unwrap()];
        (flow["client"].clone(), flow["server"].clone())
    };
    let mut tried = 0;
    for finding in report["findings"].as_array().unwrap() {
        let flows = finding["flows"].as_array().unwrap();
        for filter in finding["filters"].as_array().unwrap() {
            let selected = tshark(capture, filter["filter"].as_str().unwrap());
            let wanted: BTreeSet<u64> = match filter["by"].as_str().unwrap() {
                "frames" => finding["frames"].as_array().unwrap().iter().map(|frame| frame.as_u64().unwrap()).collect(),
                // Generations of the same addresses and ports look alike from outside.
                "addresses" => {
                    let ends: Vec<_> = flows.iter().map(ends).collect();
                    let is_wanted = |row: &&Value| ends.contains(&self::ends_of(&report, row));
                    trace.iter().filter(is_wanted).map(|row| row["frame"].as_u64().unwrap()).collect()
                }
                _ => {
                    let rows = trace.iter().filter(|row| flows.contains(&row["flow"]));
                    rows.map(|row| row["frame"].as_u64().unwrap()).collect()
                }
            };
            // ICMP errors quote segments, and fragments belong to one: neither is a segment of its own.
            let is_segment = |frame: &u64| filter["by"] == "frames" || segments.contains(frame);
            let selected: BTreeSet<u64> = selected.into_iter().filter(is_segment).collect();
            assert_eq!(selected, wanted, "{}: {}", capture.display(), filter["filter"]);
            tried += 1;
        }
    }
    tried
}

fn ends_of(report: &Value, row: &Value) -> (Value, Value) {
    let flow = &report["flows"][usize::try_from(row["flow"].as_u64().unwrap()).unwrap()];
    (flow["client"].clone(), flow["server"].clone())
}

/// The numbers of the frames that a filter selects.
fn tshark(capture: &Path, filter: &str) -> BTreeSet<u64> {
    let output = Command::new("tshark")
        .env("WIRESHARK_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-preferences"))
        .args(["-n", "-Y", filter, "-T", "fields", "-e", "frame.number", "-r"])
        .arg(capture)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {filter}: {complaint}", capture.display());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

fn idlegap(arguments: &[&str], capture: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).arg(capture).stdin(Stdio::null());
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn captures() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path());
    let folders = folders.filter(|folder| !TOO_LARGE.iter().any(|name| folder.ends_with(name)));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    let mut captures: Vec<_> = files.filter(|file| file.to_string_lossy().contains(".pcap")).collect();
    captures.sort();
    captures
}
