//! Captures that arrive while they are watched.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use idlegap::script::{Script, to_pcap};
use serde_json::Value;

use crate::schema;

fn watch(options: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.arg("live").args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A flow that a box resets after 90 s of silence.
const RESET: &str = "flow 10.0.0.1:40000 > 10.0.0.2:80 isn 1000 5000 ttl 64 57
0      > S  0:0(0) win 64240 <mss 1460>
+.010  < S. 0:0(0) ack 1 win 65160 <mss 1460>
+.001  > .  1:1(0) ack 1
+.001  > P. 1:11(10) ack 1
+.010  < .  1:1(0) ack 11
+90    < R. 1:1(0) ack 11 win 0 ttl 62 ipid 0
+.0004 > R. 11:11(0) ack 1 win 0 ttl 62 ipid 0
+1     > S  0:0(0) win 64240 <mss 1460>
";

fn capture() -> Vec<u8> {
    to_pcap(&Script::parse(RESET).unwrap())
}

/// A RST that is the last thing of all is told as well, with the death that it means.
#[test]
fn what_ends_the_input_is_told() {
    let (script, _) = RESET.trim_end().rsplit_once('\n').unwrap();
    let mut child = watch(&["-"]);
    child.stdin.take().unwrap().write_all(&to_pcap(&Script::parse(script).unwrap())).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reset", "reset", "death", "summary"]);
    assert_eq!(events[2]["verdict"]["id"], "idle-reset");
}

/// What has arrived is told while the pipe stays open, and so is what comes due while nothing arrives.
#[test]
fn events_come_while_the_pipe_is_open() {
    let mut child = watch(&["--timeout", "2s", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let bytes = capture();
    // File header and five records: no more arrives, and time goes on.
    let five = 24 + record_lengths(&bytes).iter().take(5).sum::<usize>();
    stdin.write_all(&bytes[..five]).unwrap();
    stdin.flush().unwrap();
    let begun = Instant::now();
    let warning: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let waited = begun.elapsed();
    assert_eq!((&warning["type"], &warning["idle_s"]), (&"idle-warning".into(), &1.6.into()));
    assert!(waited > Duration::from_millis(1_500) && waited < Duration::from_secs(6), "{waited:?}");
    stdin.write_all(&bytes[five..]).unwrap();
    stdin.flush().unwrap();
    let next = |lines: &mut dyn Iterator<Item = std::io::Result<String>>| -> Value {
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    let kinds: Vec<_> = (0..3).map(|_| next(&mut lines)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["reset", "reset", "death"]);
    drop(stdin);
    let summary = next(&mut lines);
    assert_eq!((&summary["type"], &summary["ended_by"]), (&"summary".into(), &"end-of-input".into()));
    schema::validate_all(&[warning, summary]);
    assert!(child.wait().unwrap().success());
}

fn record_lengths(pcap: &[u8]) -> Vec<usize> {
    let mut at = 24;
    let mut lengths = Vec::new();
    while at < pcap.len() {
        let captured = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().unwrap()) as usize;
        lengths.push(16 + captured);
        at += 16 + captured;
    }
    lengths
}

fn run(options: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = watch(options);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A form that is asked for takes the place of the events; in a file it leaves them where they are.
#[test]
fn the_report_takes_the_place_of_the_events_where_it_is_asked_for() {
    let (code, stdout, _) = run(&["--format", "json", "-"], &capture());
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["verdicts"]["idle-reset"]), (Some(0), &1.into()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let (code, stdout, _) = run(&["--format", "json", "--output", file.to_str().unwrap(), "-"], &capture());
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["type"], &last["report"]), (Some(0), &"summary".into(), &Value::Null));
    let in_file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(in_file["flows"], report["flows"]);
}

#[test]
fn the_usual_limits_and_codes() {
    let (code, stdout, _) = run(&["-c", "5", "-"], &capture());
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["ended_by"], &last["packets"]), (Some(0), &"count".into(), &5.into()));
    assert_eq!(run(&["--fail-on", "idle-reset", "-"], &capture()).0, Some(1));
    let (code, _, stderr) = run(&["-"], b"no capture at all");
    assert!(code == Some(2) && stderr.contains("not a capture"), "{stderr}");
    let (code, _, stderr) = run(&["-i", "no-such-interface"], b"");
    assert!(code == Some(2) && stderr.contains("no-such-interface"), "{stderr}");
    let (code, stdout, _) = run(&["-", "tcp", "port", "81"], &capture());
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["packets"]), (Some(0), &0.into()));
}

/// A recording of what came through a pipe is the same capture, and a full disk does not stop the watch.
#[test]
fn what_comes_through_a_pipe_can_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.pcapng");
    let (code, first, _) = run(&["--timeout", "90s", "-w", file.to_str().unwrap(), "-"], &capture());
    assert_eq!(code, Some(0));
    let (_, again, _) = run(&["--timeout", "90s", "-"], &std::fs::read(&file).unwrap());
    let events =
        |text: &str| text.lines().filter(|line| !line.contains("summary")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(events(&first), events(&again));
    assert!(!events(&first).is_empty());
    if cfg!(target_os = "linux") {
        let (code, stdout, stderr) = run(&["-w", "/dev/full", "-"], &capture());
        assert!(code == Some(0) && stdout.contains("\"type\":\"death\""), "{stdout}");
        assert!(stderr.contains("8 not recorded"), "{stderr}");
    }
}
