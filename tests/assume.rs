//! `--assume` and `--stack` on recordings: what was recorded is in the NOTE.md of each, what must be said follows from it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it cannot go on")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use idlegap::script::{Script, to_pcap};
use serde_json::Value;
use tempfile::NamedTempFile;

fn recording(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures").join(name);
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end.to_string_lossy().starts_with("pcap"));
    files.into_iter().find(is_capture).unwrap()
}

/// A temporary file with this content.
fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

/// A packet script as a capture.
fn script(name: &str) -> NamedTempFile {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts").join(name);
    file(&to_pcap(&Script::parse(&std::fs::read_to_string(path).unwrap()).unwrap()))
}

/// A row `our-box` of a user's own.
fn row(idle: u32, keys: &str) -> NamedTempFile {
    let row =
        format!("[[timeout]]\nid = 'our-box'\nproduct = 'Our box'\nkind = 'balancer'\nidle_seconds = {idle}\n{keys}\n");
    file(row.as_bytes())
}

fn run(capture: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).arg(capture).stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8");
    command.output().unwrap()
}

fn report(capture: &Path, arguments: &[&str]) -> Value {
    let output = run(capture, &[&["--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(name: &str, arguments: &[&str]) -> String {
    String::from_utf8(run(&recording(name), arguments).stdout).unwrap()
}

/// The verdict on the assumption that the arguments make, and its reasons in one string.
fn assumed(capture: &Path, arguments: &[&str]) -> (String, String) {
    let assumption = report(capture, arguments)["assumption"].take();
    let reasons: Vec<_> = assumption["reasons"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    (assumption["verdict"].as_str().unwrap().to_owned(), reasons.join("\n"))
}

#[track_caller]
fn expect_in(capture: &Path, arguments: &[&str], verdict: &str, words: &[&str]) {
    let (said, reasons) = assumed(capture, arguments);
    assert_eq!(said, verdict, "{arguments:?}: {reasons}");
    for word in words {
        assert!(reasons.contains(word), "{arguments:?}: no {word:?} in {reasons}");
    }
}

/// What is said of row `id` of the table.
#[track_caller]
fn expect(name: &str, id: &str, verdict: &str, words: &[&str]) {
    expect_in(&recording(name), &["--assume", id], verdict, words);
}

/// What is said of a row of the user's own.
#[track_caller]
fn expect_own(capture: &Path, idle: u32, keys: &str, verdict: &str, words: &[&str]) {
    let row = row(idle, keys);
    expect_in(capture, &["--timeouts", row.path().to_str().unwrap(), "--assume", "our-box"], verdict, words);
}

const LVS: &str = "lvs-fullnat-90s-client";

// Flows 1 and 3 were reset out of 90 s of silence (frames 15 and 31, 25 and 32), flow 2 survived 85 s.
#[test]
fn the_director_of_the_incident_holds() {
    expect(
        LVS,
        "alibaba-lvs-fullnat-established",
        "holds",
        &[
            "2 flows died after 90.0 s (such as flow 3, frames 25 and 32)",
            "by a RST to both ends, as it kills",
            "85.0 s survived (flow 2",
        ],
    );
    // Both halves of one journey, at both of its ends.
    expect("lvs-fullnat-90s-server", "iqiyi-dpvs-established", "holds", &[]);
}

// 90 s are less than 350 s, whatever the manner.
#[test]
fn deaths_shorter_than_the_timer_contradict() {
    expect(
        LVS,
        "aws-nlb-tcp",
        "contradicted",
        &["2 flows died after 90.0 s", "less than its timer", "(60 s to 6000 s)"],
    );
}

// Survived 290 s, died after 310 s by a RST in answer to the next packet.
#[test]
fn the_f5_of_the_story_holds_and_a_director_does_not() {
    let capture = "f5-300s-client";
    expect(
        capture,
        "f5-bigip-reset-disabled",
        "holds",
        &["1 flow died after 310 s", "by a RST to whoever speaks next", "290 s"],
    );
    expect(capture, "alibaba-lvs-fullnat-established", "contradicted", &["290 s (4m50s) without packets survived"]);
    expect(capture, "aws-nlb-tcp", "contradicted", &["310 s (5m10s)"]);
}

// nginx closed by itself when 65 s had passed without a request; the timer of a box that passes packets on does not show.
#[test]
fn a_server_that_closes_says_nothing_about_a_box_that_forgets() {
    let capture = "nginx-keepalive-timeout-65s";
    expect(capture, "aws-nlb-tcp", "untested", &["not the box's doing"]);
    expect(capture, "nginx-keepalive", "contradicted", &["less than its timer"]);
}

#[test]
fn what_no_silence_can_show_is_untested() {
    expect(LVS, "linux-ipvs-udp", "untested", &["UDP"]);
    expect(LVS, "alibaba-lvs-syn-sent", "untested", &["handshakes"]);
    expect(LVS, "alibaba-lvs-fullnat-halfclosed", "untested", &[]);
    expect("loss-bulk-client", "alibaba-lvs-fullnat-established", "untested", &["nothing tests a timer"]);
}

#[test]
fn the_users_own_rows_can_be_assumed() {
    let own = row(6, "layer = 'l4'\nresets_on_keepalive = true\non_expiry = ['rst-on-next-packet', 'silent-drop']");
    let own = own.path().to_str().unwrap();
    // The recording: a box that forgets after 6 s; 3 s survive, 8 s or more die.
    let text = text("silent-drop-client", &["--timeouts", own, "--assume", "Our-Box"]);
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Assumed: "));
    assert!(
        lines.next().unwrap().starts_with("Assumed: through Our box, 6.00 s (our-box): the capture agrees."),
        "{text}"
    );
    assert!(lines.next().unwrap().starts_with("  - 203.0.113.80:7000: 1 flow died after 8.00 s"), "{text}");
    assert!(text.find("Assumed:") < text.find("What happened"), "{text}");
}

// Probes every 60 s, all answered; the server closes 270 s after the last payload, 28 s after the last packet.
#[test]
fn answered_keepalives_tell_the_clocks_apart() {
    let capture = script("answered-keepalives-then-close.pkt");
    let payload = "layer = 'l7'\nresets_on_keepalive = false\non_expiry = ['fin']";
    let packets = "layer = 'l7'\nresets_on_keepalive = true\non_expiry = ['fin']";
    expect_own(capture.path(), 270, payload, "holds", &["270 s (4m30s)", "by a FIN, as it kills"]);
    expect_own(capture.path(), 240, payload, "contradicted", &["later than the 242 s"]);
    expect_own(capture.path(), 270, packets, "contradicted", &["28.5 s", "less than its timer"]);
    // 45 s and 12.5 % of it are less than 60.5 s.
    let forgets = "layer = 'l4'\nresets_on_keepalive = true\non_expiry = ['silent-drop']";
    expect_own(capture.path(), 45, forgets, "contradicted", &["60.5 s without packets survived"]);
    expect_own(capture.path(), 61, forgets, "untested", &["60.5 s", "not counted"]);
}

// A RST to both ends out of 300 s of silence.
#[test]
fn a_kill_in_sight_is_the_timer() {
    let capture = script("idle-reset-both-300.pkt");
    let at_once = "layer = 'l4'\nresets_on_keepalive = true\non_expiry = ['rst-both']";
    expect_own(capture.path(), 300, at_once, "holds", &["300 s (5m)"]);
    // 12.5 % late it would still have killed after 225 s.
    expect_own(capture.path(), 200, at_once, "contradicted", &["later than the 225 s"]);
    let on_next = "layer = 'l4'\nresets_on_keepalive = true\non_expiry = ['rst-on-next-packet']";
    expect_own(capture.path(), 200, on_next, "contradicted", &["by a RST to both ends, which is not how it kills"]);
}

// The connection of the script lives for 270.04 s.
#[test]
fn limits_of_age_are_held_against_ages() {
    let capture = script("answered-keepalives-then-close.pkt");
    let age = "layer = 'l7'\nresets_on_keepalive = false\non_expiry = ['fin']\ncounts = 'lifetime'";
    expect_own(capture.path(), 200, age, "contradicted", &["a connection lived for 270 s (4m30s)"]);
    expect_own(capture.path(), 300, age, "untested", &["270 s (4m30s) at most"]);
    // Five connections died at the age of 8 s.
    let forgets = "layer = 'l4'\nresets_on_keepalive = true\non_expiry = ['rst-both']\ncounts = 'lifetime'";
    expect_own(&recording("age-limit"), 8, forgets, "holds", &["5 flows died after 8.00 s"]);
    expect_own(&recording("age-limit"), 20, forgets, "contradicted", &["less than its timer"]);
}

#[test]
fn an_unknown_id_is_an_error_that_guesses_what_was_meant() {
    let output = run(&recording(LVS), &["--assume", "aws-nlb"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(
        message.contains("\"aws-nlb\"") && message.contains("Did you mean") && message.contains("aws-nlb-tcp"),
        "{message}"
    );
    let nothing_alike = String::from_utf8(run(&recording(LVS), &["--assume", "zzz"]).stderr).unwrap();
    assert!(!nothing_alike.contains("Did you mean") && nothing_alike.contains("idlegap timeouts"), "{nothing_alike}");
}

#[test]
fn without_an_assumption_nothing_is_said_of_one() {
    assert!(report(&recording(LVS), &[]).get("assumption").is_none());
    assert!(!text(LVS, &[]).contains("Assumed"));
}

#[test]
fn advice_for_one_stack_stands_beside_the_general_one() {
    let stacks = |arguments: &[&str]| -> Vec<String> {
        let report = report(&recording(LVS), arguments);
        let advice = report["findings"][0]["advice"].as_array().unwrap().clone();
        advice.iter().map(|advice| advice["stack"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(stacks(&["--stack", "go"]), ["any", "go"]);
    assert!(stacks(&[]).contains(&"nginx".to_owned()));
    let text = text(LVS, &["--stack", "postgresql"]);
    assert!(text.contains("tcp_keepalives_idle") && !text.contains("so_keepalive="), "{text}");

    let output = run(&recording(LVS), &["--stack", "cobol"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for stack in idlegap::verdict::advice::Stack::ALL {
        assert!(message.contains(stack.name()), "{} in {message}", stack.name());
    }
}
