//! What the report says of keepalives beyond their rhythm: who answers them, whose they look like, and the silence before the
//! capture. Expected by hand, from the comments of the scripts and the settings of the recordings.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use idlegap::script::{Script, to_pcap};
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn report(capture: &Path, format: &[&str]) -> Vec<u8> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_idlegap")).args(format).arg(capture).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Keepalives of the flow from port 40000 or the only one, and the text of the report in one line.
fn of_capture(capture: &Path) -> (Value, String) {
    let json: Value = serde_json::from_slice(&report(capture, &["--format", "json"])).expect("JSON");
    let flows = json["flows"].as_array().expect("a list");
    let is_idle = |flow: &&Value| flow["client"].as_str().expect("text").ends_with(":40000");
    let flow = flows.iter().find(is_idle).unwrap_or(&flows[0]);
    let text = String::from_utf8(report(capture, &["--flows", "all"])).expect("text");
    (flow["keepalive"].clone(), text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn of_script(name: &str) -> (Value, String) {
    let text = std::fs::read_to_string(fixtures().join("scripts").join(name).with_extension("pkt")).expect("a script");
    let capture = tempfile::Builder::new().suffix(".pcap").tempfile().expect("a temporary file");
    std::fs::write(capture.path(), to_pcap(&Script::parse(&text).expect("a script"))).expect("a writable file");
    of_capture(capture.path())
}

fn of_recording(name: &str) -> Value {
    of_capture(&fixtures().join("captures").join(name).join(format!("{name}.pcap"))).0
}

#[test]
fn answers_are_held_against_data() {
    let (keepalive, _) = of_script("probes-answered-nearby");
    let nearby = &keepalive["c2s"]["answered_nearby"];
    assert_eq!(nearby["confidence"], "certain");
    assert_eq!(nearby["reasons"][0], "the answers have TTL 64, data of that end has 57");
    assert_eq!(nearby["reasons"].as_array().unwrap().len(), 2, "{nearby}");
    let (keepalive, _) = of_script("probes-answered-over-another-path");
    assert_eq!(keepalive["c2s"]["answered_nearby"]["confidence"], "possible");
}

#[test]
fn without_a_sign_nobody_is_said_to_answer_for_the_peer() {
    for name in ["probes-answered-by-peer-with-delayed-acks", "keepalive-answered", "keepalive-only-time-set"] {
        assert_eq!(of_script(name).0["c2s"]["answered_nearby"], Value::Null, "{name}");
    }
}

/// No recording has a box that answers for others.
#[test]
fn no_recorded_peer_is_taken_for_a_box() {
    for folder in std::fs::read_dir(fixtures().join("captures")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let capture = fixtures().join("captures").join(&name).join(format!("{name}.pcap"));
        if !capture.exists() {
            continue;
        }
        let json: Value = serde_json::from_slice(&report(&capture, &["--format", "json"])).unwrap();
        for flow in json["flows"].as_array().unwrap() {
            for side in ["c2s", "s2c"] {
                assert_eq!(flow["keepalive"][side]["answered_nearby"], Value::Null, "{name} {}", flow["id"]);
            }
        }
    }
}

#[test]
fn timestamps_date_silence_from_before_the_capture() {
    let (keepalive, text) = of_script("silent-before-capture");
    assert_eq!(keepalive["c2s"]["idle_before_capture_s"], json!(414.0));
    assert_eq!(keepalive["s2c"]["idle_before_capture_s"], json!(44.89));
    assert!(text.contains("already silent when"), "{text}");
    let (keepalive, text) = of_script("silent-before-capture-coarse-clock");
    for side in ["c2s", "s2c"] {
        assert_eq!(keepalive[side]["idle_before_capture_s"], Value::Null);
    }
    assert!(!text.contains("already silent"), "{text}");
}

/// Frames 1 and 2: TSval 1561919017 less TSecr 1561915805 is 3212 ms, and so is 1298623528 less 1298620316.
#[test]
fn a_recording_that_starts_in_silence_is_dated() {
    let keepalive = of_recording("midstream-keepalive");
    assert_eq!(keepalive["c2s"]["idle_before_capture_s"], json!(3.212));
    let peer = keepalive["s2c"]["idle_before_capture_s"].as_f64().unwrap();
    assert!((peer - 3.212).abs() < 0.001, "{peer}");
    assert_eq!(of_recording("keepalive-late-timers")["c2s"]["idle_before_capture_s"], Value::Null, "seen from its SYN");
}

#[test]
fn probes_look_like_those_who_send_such() {
    let looks_like = |name: &str| of_script(name).0["c2s"]["looks_like"].clone();
    assert_eq!(looks_like("keepalive-only-time-set"), json!(["linux", "freebsd", "macos"]));
    assert_eq!(looks_like("keepalive-linux-defaults"), json!(["linux"]));
    assert_eq!(looks_like("keepalive-go"), json!(["go-net", "go-mysql-driver"]));
    assert_eq!(looks_like("probes-exponential"), json!(["solaris"]));
    assert_eq!(looks_like("probes-without-timestamps"), json!(["freebsd", "macos"]));
    assert_eq!(of_recording("one-byte-probes-exhausted")["c2s"]["looks_like"], json!(["windows"]));
    assert_eq!(of_recording("one-byte-probes-exponential")["c2s"]["looks_like"], json!(["solaris"]));
}

#[test]
fn round_values_name_nobody() {
    for name in ["keepalive-round-values", "keepalive-exhausted", "keepalive-answered", "keepalive-two-seconds"] {
        assert_eq!(of_script(name).0["c2s"]["looks_like"], json!([]), "{name}");
    }
    for name in ["keepalive-saves", "keepalive-late-timers", "one-byte-probes", "keepalive-gives-up"] {
        assert_eq!(of_recording(name)["c2s"]["looks_like"], json!([]), "{name}");
    }
}

#[test]
fn what_answered_probes_hide_is_not_claimed() {
    let (keepalive, text) = of_script("keepalive-answered");
    assert_eq!(keepalive["c2s"]["interval_s"], Value::Null);
    assert_eq!(keepalive["c2s"]["count"], Value::Null);
    assert!(text.contains("unknown"), "{text}");
    let (keepalive, _) = of_script("keepalive-only-time-set");
    assert_eq!(
        keepalive["c2s"]["interval_s"],
        json!(75.0),
        "answered probes repeat at the larger of time and interval"
    );
    let (keepalive, _) = of_script("probes-exponential");
    assert_eq!(keepalive["c2s"]["interval_s"], Value::Null, "no interval explains a spacing that doubles");
    assert_eq!(of_recording("keepalive-slow-repeat")["c2s"]["interval_s"], json!(6.0));
}
