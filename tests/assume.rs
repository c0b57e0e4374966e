//! `--assume` and `--stack` on recordings: what was recorded is in the NOTE.md of each, what must be said follows from it.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn recording(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures").join(name);
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    files
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end.to_string_lossy().starts_with("pcap")))
        .unwrap()
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).arg(recording(name)).stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8");
    command.output().unwrap()
}

fn report(name: &str, arguments: &[&str]) -> Value {
    let output = run(name, &[&["--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(name: &str, arguments: &[&str]) -> String {
    String::from_utf8(run(name, arguments).stdout).unwrap()
}

/// The verdict on an assumption, and its reasons in one string.
fn assumed(name: &str, id: &str) -> (String, String) {
    let assumption = report(name, &["--assume", id])["assumption"].take();
    assert_eq!(assumption["id"], id);
    let reasons: Vec<_> = assumption["reasons"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    (assumption["verdict"].as_str().unwrap().to_owned(), reasons.join("\n"))
}

#[track_caller]
fn expect(name: &str, id: &str, verdict: &str, words: &[&str]) {
    let (said, reasons) = assumed(name, id);
    assert_eq!(said, verdict, "{name}, {id}: {reasons}");
    for word in words {
        assert!(reasons.contains(word), "{name}, {id}: no {word:?} in {reasons}");
    }
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
            "2 flows died after 90.0 s (flow 3, frames 25 and 32)",
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
    expect("loss-bulk-client", "alibaba-lvs-fullnat-established", "untested", &[]);
}

#[test]
fn the_users_own_rows_can_be_assumed() {
    let own = tempfile::NamedTempFile::new().unwrap();
    let row = "[[timeout]]\nid = 'our-box'\nproduct = 'Our box'\nlayer = 'l4'\nkind = 'balancer'\nidle_seconds = 6\n\
               resets_on_keepalive = true\non_expiry = ['rst-on-next-packet', 'silent-drop']\n";
    std::io::Write::write_all(&mut own.as_file(), row.as_bytes()).unwrap();
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

#[test]
fn an_unknown_id_is_an_error_that_guesses_what_was_meant() {
    let output = run(LVS, &["--assume", "aws-nlb"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(
        message.contains("\"aws-nlb\"") && message.contains("Did you mean") && message.contains("aws-nlb-tcp"),
        "{message}"
    );
    let nothing_alike = String::from_utf8(run(LVS, &["--assume", "zzz"]).stderr).unwrap();
    assert!(!nothing_alike.contains("Did you mean") && nothing_alike.contains("idlegap timeouts"), "{nothing_alike}");
}

#[test]
fn without_an_assumption_nothing_is_said_of_one() {
    assert!(report(LVS, &[]).get("assumption").is_none());
    assert!(!text(LVS, &[]).contains("Assumed"));
}

#[test]
fn advice_for_one_stack_stands_beside_the_general_one() {
    let stacks = |arguments: &[&str]| -> Vec<String> {
        let report = report(LVS, arguments);
        let advice = report["findings"][0]["advice"].as_array().unwrap().clone();
        advice.iter().map(|advice| advice["stack"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(stacks(&["--stack", "go"]), ["any", "go"]);
    assert!(stacks(&[]).contains(&"nginx".to_owned()));
    let text = text(LVS, &["--stack", "postgresql"]);
    assert!(text.contains("tcp_keepalives_idle") && !text.contains("so_keepalive="), "{text}");

    let output = run(LVS, &["--stack", "cobol"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for stack in idlegap::verdict::advice::Stack::ALL {
        assert!(message.contains(stack.name()), "{} in {message}", stack.name());
    }
}
