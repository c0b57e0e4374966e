//! The program says the same of the same packets, wherever they come from.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use crate::config;
use crate::conversation::conversation;
use crate::form::{gzip, pcap, pcapng};
use crate::packets::{Packet, end_mark, end_of, packets};
use idlegap::time::Span;

/// The most threads that are asked for: more than the file has batches, and more than most machines have cores.
const THREADS: [&str; 4] = ["1", "2", "3", "16"];

/// Whether this program can be told how many threads to use.
static HAS_THREADS: LazyLock<bool> = LazyLock::new(|| {
    let output = program().arg("--help").output().expect("the program starts");
    String::from_utf8_lossy(&output.stdout).contains("--threads")
});

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The report on some files, without what it says of the files themselves.
fn report(arguments: &[&str], files: &[&Path]) -> Value {
    let output = program().args(["--format", "json"]).args(arguments).args(files).output().expect("the program starts");
    parsed(&output)
}

/// The report on what comes through a pipe.
fn piped(arguments: &[&str], bytes: &[u8]) -> Value {
    let mut child = program().args(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("a writer that ends").expect("a pipe that takes");
    parsed(&output)
}

fn parsed(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).expect("an object");
    for capture in report["captures"].as_array_mut().expect("captures") {
        for name in ["file", "format", "quality"] {
            capture.as_object_mut().expect("an object").remove(name);
        }
        // pcap has one unnamed interface.
        capture.as_object_mut().expect("an object").remove("interfaces");
        capture.as_object_mut().expect("an object").remove("comments");
    }
    report
}

/// What a report says of a flow that does not depend on how frames are numbered.
fn told(report: &Value) -> Vec<Value> {
    let verdict = |flow: &Value| {
        let verdict = &flow["verdict"];
        serde_json::json!([
            flow["client"],
            flow["server"],
            flow["packets"],
            flow["first_time"],
            flow["last_time"],
            flow["payload_bytes"],
            flow["retransmissions"],
            flow["zero_window_probes"],
            flow["gaps_total"],
            verdict["id"],
            verdict["confidence"],
            verdict["gap_s"],
            verdict["timeout_s"],
            flow["half_open"],
        ])
    };
    report["flows"].as_array().expect("flows").iter().map(verdict).collect()
}

/// Every number of a frame, as it would be if each frame had come twice: number 5 is 9 then.
fn doubled(value: &mut Value) {
    let double = |number: &mut Value| {
        if let Some(frame) = number.as_u64() {
            *number = (2 * frame - 1).into();
        }
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "frame" | "first_frame" | "start_frame" | "end_frame" | "since_frame" => double(member),
                    "frames" => member.as_array_mut().into_iter().flatten().for_each(double),
                    _ => doubled(member),
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(doubled),
        _ => {}
    }
}

/// Without the counts of frames that were captured again, and without the numbers of frames in display filters.
fn without_copies(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("duplicate_frames");
            members.remove("filters");
            members.values_mut().for_each(without_copies);
        }
        Value::Array(members) => members.iter_mut().for_each(without_copies),
        _ => {}
    }
}

/// What is said of the quality of the only file.
fn quality(arguments: &[&str], file: &Path) -> Vec<Value> {
    let output = program().args(["--format", "json"]).args(arguments).arg(file).output().expect("the program starts");
    let report: Value = serde_json::from_slice(&output.stdout).expect("an object");
    report["captures"][0]["quality"].as_array().expect("a list").clone()
}

/// A conversation beside another one, as a capture that goes on for a while.
fn both(one: &crate::conversation::Conversation, other: &crate::conversation::Conversation) -> Vec<Packet> {
    let mut all = [packets(&one.0), packets(&other.0)].concat();
    all.sort_by_key(|packet| packet.time);
    all.push(end_mark(end_of(&all, Span::from_secs(1))));
    all
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn from_a_file_a_pipe_a_watch_or_any_container(one in conversation(1), other in conversation(2)) {
        let packets = both(&one, &other);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("capture");
        let (pcap, pcapng) = (pcap(&packets), pcapng(&packets));
        fs::write(&path, &pcap).expect("a file");
        let whole = report(&[], &[&path]);
        prop_assert_eq!(&piped(&["--format", "json", "-"], &pcap), &whole);
        prop_assert_eq!(&piped(&["--format", "json", "-"], &gzip(&pcapng)), &whole);
        let live = piped(&["live", "--format", "json", "-"], &pcapng);
        for part in ["flows", "services", "findings"] {
            prop_assert_eq!(&live[part], &whole[part], "live, {}", part);
        }
        fs::write(&path, &pcapng).expect("a file");
        prop_assert_eq!(&report(&[], &[&path]), &whole);
        fs::write(&path, gzip(&pcap)).expect("a file");
        prop_assert_eq!(&report(&[], &[&path]), &whole);
    }

    #[test]
    fn with_any_number_of_threads(one in conversation(1), other in conversation(2)) {
        let packets = both(&one, &other);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("capture");
        for bytes in [pcap(&packets), gzip(&pcap(&packets))] {
            fs::write(&path, &bytes).expect("a file");
            let whole = report(&[], &[&path]);
            for threads in THREADS.iter().filter(|_| *HAS_THREADS) {
                prop_assert_eq!(&report(&["--threads", threads], &[&path]), &whole, "{} threads", threads);
            }
        }
    }

    /// A mirror port that shows every frame twice adds a note on the quality, and nothing else changes.
    #[test]
    fn with_every_frame_twice(one in conversation(1), other in conversation(2)) {
        let once = both(&one, &other);
        let twice: Vec<Packet> = once.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["once", "twice"].map(|name| folder.path().join(name));
        for (path, packets) in paths.iter().zip([&once, &twice]) {
            fs::write(path, pcap(packets)).expect("a file");
        }
        let [mut before, mut after] = paths.each_ref().map(|path| report(&[], &[path]));
        doubled(&mut before);
        without_copies(&mut before);
        without_copies(&mut after);
        for part in ["flows", "services", "findings"] {
            prop_assert_eq!(&after[part], &before[part], "{}", part);
        }
        let [before, after] = paths.each_ref().map(|path| quality(&[], path));
        let is_new = |note: &&Value| note["id"] == "duplicates";
        prop_assert!(after.iter().any(|note| is_new(&note)));
        let others = |notes: &[Value]| -> Vec<Value> {
            notes.iter().filter(|note| !is_new(note)).map(|note| note["id"].clone()).collect()
        };
        prop_assert_eq!(others(&after), others(&before));
    }

    /// Rotated files tell what the whole tells. Frames are numbered by file, so that only what has none is compared.
    #[test]
    fn in_several_files(one in conversation(1), other in conversation(2), cut in any::<Index>()) {
        let packets = both(&one, &other);
        let folder = tempfile::tempdir().expect("a folder");
        let cut = cut.index(packets.len() - 1) + 1;
        let (head, tail) = packets.split_at(cut);
        // Files that share a moment overlap: they may as well come from two places.
        prop_assume!(tail.is_empty() || head.last().map(|packet| packet.time) < tail.first().map(|packet| packet.time));
        let paths = ["whole", "rotated_00001", "rotated_00002"].map(|name| folder.path().join(name));
        for (path, packets) in paths.iter().zip([&packets, head, tail]) {
            fs::write(path, pcap(packets)).expect("a file");
        }
        let whole = report(&[], &[&paths[0]]);
        let parts = report(&[], &[&paths[1], &paths[2]]);
        prop_assert_eq!(told(&parts), told(&whole));
    }
}
