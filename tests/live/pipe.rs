//! Captures that arrive while they are watched.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use idlegap::script::{Script, to_pcap};
use serde_json::Value;
use tempfile::TempDir;

use crate::schema;
use crate::soak::Flood;

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

/// A terminal or connection that goes away ends the watch as any other end does; `nohup` has it go on.
#[test]
fn a_hangup_ends_the_watch_with_its_report_unless_it_is_ignored() {
    for (signals, ended_by) in [("--default-signal=HUP", "signal"), ("--ignore-signal=HUP", "end-of-input")] {
        let mut child = Command::new("env")
            .args([signals, env!("CARGO_BIN_EXE_idlegap"), "live", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        stdin.write_all(&capture()).unwrap();
        stdin.flush().unwrap();
        // Told once it watches: the two RSTs, and the death.
        (0..3).for_each(|_| drop(lines.next().unwrap().unwrap()));
        assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
        if ended_by != "signal" {
            std::thread::sleep(Duration::from_millis(500));
            assert!(child.try_wait().unwrap().is_none(), "a hangup that is ignored ends nothing");
            drop(stdin);
        }
        let summary: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!((&summary["type"], &summary["ended_by"]), (&"summary".into(), &ended_by.into()));
        assert_eq!(summary["report"]["verdicts"]["idle-reset"], 1);
        assert!(child.wait().unwrap().success());
    }
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
    assert!(last["time"].as_str() >= Some("1970"), "no packet told the time: {}", last["time"]);
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

fn analysed(options: &[&str], capture: &[u8]) -> Value {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("capture.pcap");
    std::fs::write(&file, capture).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_idlegap")).args(options).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One flow survives a silence of 60 s and is closed; two are probed after 120 s, in vain. Then others begin.
const LEAVING: &str = "flow a 10.0.0.1:40001 > 10.0.0.2:5432
flow b 10.0.0.1:40002 > 10.0.0.2:5432
flow c 10.0.0.1:40003 > 10.0.0.2:5432
flow d 10.0.0.1:40004 > 10.0.0.2:5432
flow e 10.0.0.1:40005 > 10.0.0.2:5432
flow f 10.0.0.1:40006 > 10.0.0.2:5432
0 a > P.  1:101(100)  ack 1
+.010 a < P.  1:201(200)  ack 101
+.0001 a > .   101:101(0)  ack 201
1 b > P.  1:101(100)  ack 1
+.010 b < P.  1:201(200)  ack 101
+.0001 b > .   101:101(0)  ack 201
6 c > P.  1:101(100)  ack 1
+.010 c < P.  1:201(200)  ack 101
+.0001 c > .   101:101(0)  ack 201
60    a > P.  101:201(100) ack 201
+.0101 a < P.  201:401(200) ack 201
+.0001 a > .   201:201(0)  ack 401
+1 a > F.  201:201(0)  ack 401
+.010 a < F.  401:401(0)  ack 202
+.0001 a > .   202:202(0)  ack 402
122.1  b > .   100:100(0)  ack 201
127.1  c > .   100:100(0)  ack 201
132.2  b > .   100:100(0)  ack 201
137.2  c > .   100:100(0)  ack 201
142.3  b > .   100:100(0)  ack 201
147.3  c > .   100:100(0)  ack 201
152.4  b > R.  101:101(0)  ack 201
157.4  c > R.  101:101(0)  ack 201
200 d > P.  1:101(100)  ack 1
+.010 d < .  1:1(0)  ack 101
201 e > P.  1:101(100)  ack 1
+.010 e < .  1:1(0)  ack 101
202 f > P.  1:101(100)  ack 1
+.010 f < .  1:1(0)  ack 101
";

/// Flows that leave are counted, and judged with what those before them showed: the second of two that were probed in vain
/// died as the first one did, above a silence that survived. Files and watches hold the same flows.
#[test]
fn flows_that_leave_are_counted_in_files_and_watches_alike() {
    let capture = to_pcap(&Script::parse(LEAVING).unwrap());
    let bounded = analysed(&["--format", "json", "--max-flows", "3"], &capture);
    let all = analysed(&["--format", "json"], &capture);
    assert_eq!(all["verdicts"], serde_json::json!({"idle-drop": 2, "graceful": 1, "open": 3}));
    assert_eq!(
        bounded["verdicts"],
        serde_json::json!({"idle-drop": 1, "keepalive-exhausted": 1, "graceful": 1, "open": 3})
    );
    assert_eq!((&bounded["flows_total"], bounded["flows"].as_array().unwrap().len()), (&6.into(), 3));
    let numbers: Vec<_> = bounded["flows"].as_array().unwrap().iter().map(|flow| flow["id"].clone()).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let quality = bounded["captures"][0]["quality"].as_array().unwrap();
    let told = quality.iter().find(|note| note["id"] == "flows-evicted").expect("it is said");
    assert_eq!(told["count"], 3);
    let (_, live, _) = run(&["--format", "json", "--max-flows", "3", "-"], &capture);
    let live: Value = serde_json::from_str(&live).unwrap();
    for part in ["flows", "flows_total", "verdicts", "services", "findings"] {
        assert_eq!(live[part], bounded[part], "{part}");
    }
}

/// What is seen at two points is bounded at each of them, and what left one tells nothing of the other.
#[test]
fn two_capture_points_are_bounded_each() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, script: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, to_pcap(&Script::parse(script).unwrap())).unwrap();
        path
    };
    let (one, other) = (file("one.pcap", LEAVING), file("other.pcap", &LEAVING.replace("10.0.0.2:", "10.0.0.3:")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    let output = command.args(["--format", "json", "--max-flows", "3"]).args([one, other]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["flows_total"], report["flows"].as_array().unwrap().len()), (&12.into(), 6));
    for capture in report["captures"].as_array().unwrap() {
        let quality = capture["quality"].as_array().unwrap();
        let told = quality.iter().find(|note| note["id"] == "flows-evicted").expect("it is said");
        assert_eq!(told["count"], 3, "{capture}");
    }
    let services = report["services"].as_array().unwrap();
    let servers: Vec<_> = services.iter().map(|service| (&service["server"], &service["flows"])).collect();
    assert_eq!(servers, [(&"10.0.0.2:5432".into(), &6.into()), (&"10.0.0.3:5432".into(), &6.into())]);
}

/// A page of what was recorded shows the courses of its flows, as a page of the recording does.
#[test]
fn a_page_of_a_recorded_watch_has_timelines() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (page, recording) = (path("page.html"), path("seen.pcapng"));
    let (code, ..) = run(&["--report", &format!("html={page}"), "-w", &recording, "-"], &capture());
    let of_file = Command::new(env!("CARGO_BIN_EXE_idlegap")).args(["--format", "html", &recording]).output().unwrap();
    let timelines = |page: &str| {
        let (_, from) = page.split_once("id=\"timelines\"").expect("there are timelines");
        from.split_once("id=\"quality\"").expect("quality comes next").0.to_owned()
    };
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(timelines(&page), timelines(&String::from_utf8(of_file.stdout).unwrap()));
}

/// Flows that a box resets out of a silence of 20 s, so many that their events fill any pipe.
fn noisy(flows: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut flood = Flood::begin(&mut bytes, 1);
    (0..flows).for_each(|number| flood.flow(number));
    flood.end(flows);
    bytes
}

/// Runs a watch of `noisy` flows for three seconds whose events nobody reads, until `late` does.
fn unread(late: impl FnOnce(&mut std::process::ChildStdout) -> String) -> (Option<i32>, String, String, u64) {
    let folder = TempDir::new().unwrap();
    let recording = folder.path().join("seen.pcapng");
    let mut child = watch(&["--duration", "3s", "--timeout", "10s", "-w", recording.to_str().unwrap(), "-"]);
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = noisy(16_000);
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let told = late(&mut stdout);
    let code = child.wait().unwrap().code();
    drop(stdout);
    writer.join().unwrap();
    let mut errors = String::new();
    stderr.read_to_string(&mut errors).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_idlegap")).args(["--format", "json"]).arg(recording).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    (code, told, errors, report["captures"][0]["packets"].as_u64().unwrap())
}

/// Nobody reads the events: the watch ends when it is to end, says so, and its recording is whole.
#[test]
fn a_pipe_that_nobody_reads_does_not_hold_the_watch_up() {
    let begun = Instant::now();
    let (code, _, errors, recorded) = unread(|_| String::new());
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    assert!(code == Some(2) && errors.contains("nobody reads standard output"), "{errors}");
    let captured = errors.lines().find_map(|line| line.strip_suffix(" packets captured")).expect(&errors);
    let captured: String = captured.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(captured, recorded.to_string());
}

/// Somebody reads late: what found no room is counted, and the report is there.
#[test]
fn events_that_found_no_room_are_counted() {
    let (code, told, errors, recorded) = unread(|stdout| {
        std::thread::sleep(Duration::from_secs(8));
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["type"], &last["packets"]), (Some(0), &"summary".into(), &recorded.into()), "{errors}");
    let counted: u64 = last["events"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let untold = last["events_untold"].as_u64().unwrap();
    assert_eq!(told.lines().count() as u64 - 1 + untold, counted);
    schema::validate_all(&[last]);
}

/// Whoever stops reading ends the watch, and loses nothing of the recording by it.
#[test]
fn a_reader_that_goes_away_leaves_a_whole_recording() {
    let folder = TempDir::new().unwrap();
    let (recording, page) = (folder.path().join("seen.pcapng"), folder.path().join("report.json"));
    let page_option = format!("json={}", page.display());
    let mut child = watch(&["-w", recording.to_str().unwrap(), "--report", &page_option, "-"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // The RSTs find nobody to be told to: that ends the watch while its input is still open.
    stdin.write_all(&capture()).unwrap();
    stdin.flush().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let report: Value = serde_json::from_slice(&std::fs::read(page).unwrap()).unwrap();
    let recorded = analysed(&["--format", "json"], &std::fs::read(recording).unwrap());
    assert_eq!((&report["captures"][0]["packets"], &recorded["captures"][0]["packets"]), (&8.into(), &8.into()));
}

/// Where the kernel has Landlock, a link in the folder of the recording leads nowhere else, whoever made it.
#[test]
fn a_confined_watch_writes_nowhere_else() {
    if !crate::scene::has_landlock() {
        eprintln!("SKIPPED: this kernel has no Landlock");
        return;
    }
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let stolen = elsewhere.path().join("stolen");
    std::fs::write(&stolen, "untouched").unwrap();
    std::os::unix::fs::symlink(&stolen, folder.path().join("w-00002.pcapng")).unwrap();
    let first = folder.path().join("w.pcapng");
    let (code, _, errors) = run(&["-w", first.to_str().unwrap(), "-C", "1K", "-"], &noisy(100));
    assert!(code == Some(0) && errors.contains("w-00002.pcapng: Permission denied"), "{errors}");
    assert_eq!(std::fs::read_to_string(stolen).unwrap(), "untouched");
}
