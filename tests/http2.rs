//! HTTP/2 in the report: the request in flight, and servers that end connections for too many PINGs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use idlegap::script::{Script, to_pcap};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The JSON report on a capture.
fn report(capture: &[u8]) -> Value {
    report_of_first(u32::MAX, capture)
}

/// The same on its first `count` packets.
fn report_of_first(count: u32, capture: &[u8]) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_idlegap"))
        .args(["--format", "json", "-c", &count.to_string(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(capture).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of_script(name: &str) -> Value {
    let text = std::fs::read_to_string(fixtures().join("scripts").join(format!("{name}.pkt"))).unwrap();
    report(&to_pcap(&Script::parse(&text).unwrap()))
}

fn recording(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("captures/{name}/{name}.pcap"))).unwrap()
}

#[test]
fn too_many_pings_are_a_finding() {
    let report = of_script("http2-too-many-pings");
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = &findings[0];
    assert_eq!(finding["id"], "too-many-pings");
    assert_eq!(
        finding["title"],
        "1 flow to 203.0.113.80:50051 was ended by the server because the client pinged too often"
    );
    // Frames 1 to 8 are the handshake, the call and the ACK behind its answer; then PING, answer and ACK twice (9 to 14), the
    // third PING (15) and the GOAWAY.
    assert_eq!(finding["frames"], serde_json::json!([16]));
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.contains("too_many_pings, after 3 PINGs"), "{detail}");
    let advice = finding["advice"].as_array().unwrap();
    let stacks: Vec<_> = advice.iter().map(|advice| advice["stack"].as_str().unwrap()).collect();
    assert_eq!(stacks, ["any", "grpc"]);
    assert!(advice[0]["text"].as_str().unwrap().contains("too eager"));
    assert!(advice[1]["snippet"].as_str().unwrap().contains("EnforcementPolicy{MinTime"));
}

#[test]
fn other_goaways_are_none() {
    for name in ["http2-goaway-max-age", "http2-goaway-other-flood"] {
        let report = of_script(name);
        assert_eq!(report["findings"], serde_json::json!([]), "{name}");
        assert!(!report.to_string().contains("ping"), "{name}");
    }
}

/// Recorded between two ends of gRPC; Wireshark 4.0 shows the GOAWAY behind the answer to a PING in frame 26, PINGs of the
/// client that are no answers in frames 16, 19, 22 and 25, and the path of the call in frame 11.
#[test]
fn a_server_of_grpc_says_so_too() {
    let report = report(&recording("grpc-too-many-pings"));
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == "too-many-pings");
    assert_eq!(finding.unwrap()["frames"], serde_json::json!([26]));
    assert!(finding.unwrap()["detail"].as_str().unwrap().contains("after 4 PINGs"));
    let until_the_call = report_of_first(12, &recording("grpc-too-many-pings"));
    let waiting = &until_the_call["flows"][0]["waiting"];
    assert_eq!(waiting["request"], "gRPC /idlegap.Reports/Annual (host 198.51.100.80:8081)");
}

#[test]
fn a_call_in_flight_is_named_where_the_connection_dies() {
    let report = report(&recording("http2-idle-reset"));
    let flow = &report["flows"][0];
    assert_eq!(flow["verdict"]["id"], "idle-reset");
    assert_eq!(flow["waiting"]["request"], "GET /report/annual (host reports.example)");
}

/// Settings that the server sent after the call (frame 5) do not answer it (frame 4), and nobody waits for the answer to the
/// client's PING (frame 9).
#[test]
fn what_waits_is_a_request() {
    let script = std::fs::read_to_string(fixtures().join("scripts/http2-goaway-max-age.pkt")).unwrap();
    let capture = to_pcap(&Script::parse(&script).unwrap());
    let waiting = |count| report_of_first(count, &capture)["flows"][0]["waiting"].clone();
    for count in [4, 5, 6] {
        assert_eq!(waiting(count)["request"], "gRPC /shop.Orders/List (host orders:50051)", "{count} packets");
        assert_eq!(waiting(count)["since_frame"], 4, "{count} packets");
    }
    for count in [7, 8, 9] {
        assert_eq!(waiting(count), Value::Null, "{count} packets");
    }
}
