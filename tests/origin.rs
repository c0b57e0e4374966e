//! The findings that the project exists for, word for word, as they go into a ticket.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use idlegap::script::{Script, to_pcap};

/// The whole report in one line of words.
fn report(capture: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    let output = command.args(["--width", "100", "--color", "never"]).arg(capture).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn of_script(name: &str) -> String {
    let text = std::fs::read_to_string(fixture(&format!("scripts/{name}.pkt"))).expect("the script is there");
    let mut file = tempfile::Builder::new().suffix(".pcap").tempfile().expect("a temporary file");
    file.write_all(&to_pcap(&Script::parse(&text).expect("a script"))).expect("a writable file");
    report(file.path())
}

fn says(report: &str, all: &[&str]) {
    for words in all {
        assert!(report.contains(words), "{words}\nnot in\n{report}");
    }
}

/// The timer was 90 s and two requests were waiting, as the recording's `expect.toml` has it; half of it is 45 s.
#[test]
fn lvs_at_90_s_with_both_resets_and_the_waiting_request() {
    let both = report(&fixture("captures/lvs-fullnat-90s-both/lvs-fullnat-90s-both.pcapng"));
    says(
        &both,
        &[
            "2 of 4 flows to 203.0.113.80:80 died of silence: after 90.0 s without a packet a box on the path reset both ends",
            "both while a request was waiting (the first: GET /report/annual (host reports.example))",
            "the longest silence that survived is 85.0 s; looks like Alibaba LVS FULLNAT (90 s)",
            "on the box's other side, to 10.0.0.80:80, 2 connections ended in the same way",
            "The timer is 90 s: turn on TCP keepalive at one end at least, with a time and an interval of at most 45 s",
        ],
    );
}

#[test]
fn f5_at_300_s_with_the_half_open_end() {
    let client = report(&fixture("captures/f5-300s-client/f5-300s-client.pcap"));
    says(
        &client,
        &[
            "1 of 4 flows to 203.0.113.80:80 died of silence: most likely a box on the path forgot it, and the first packet \
             after 310 s (5m10s) met its RST",
            "; the server was not told and stays half-open; the longest silence that survived is 290 s",
            "looks like F5 BIG-IP LTM (300 s)",
            "with a time and an interval of at most 150 s",
            "The server was left half-open and can hold the dead connection for ever",
        ],
    );
}

/// To scale: 60 s against 20 s. No probe was seen where the timer killed, one was where it did not.
#[test]
fn keepalive_that_never_had_a_chance_as_another_flow_shows() {
    let report = report(&fixture("captures/keepalive-never-in-time/keepalive-never-in-time.pcap"));
    says(
        &report,
        &[
            "after 20.0 s without a packet a box on the path reset them",
            "No probe was seen in 20 s of silence from either end: keepalive is off, as it is unless a socket asks for it, or \
             its time is longer than that (Linux: 7200 s by default)",
            "if keepalive is on here too, with 60 s against 20 s it never had a chance",
            "at most 10 s",
        ],
    );
}

/// The real figures: the sibling died at 360 s, the survivor spoke after 340 s, and the first probe came after 7200 s. Half of the
/// 350 s of the known box in the bracket is 175 s.
#[test]
fn keepalive_at_7200_s_that_never_had_a_chance() {
    let report = of_script("keepalive-7200-against-350");
    says(
        &report,
        &[
            "2 of 3 flows to 10.0.0.2:5432 died of silence",
            "the server was not told and stays half-open; the client's keepalive was on, but with 7200 s (2h) it came too late",
            "Keepalive is already on at the client, but with 7200 s against 350 s: it never had a chance. Lower it to 175 s.",
        ],
    );
}
