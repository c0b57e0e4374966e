//! What other programs say of extracts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::captures::{Cut, cut, recordings};

const FIELDS: [&str; 12] = [
    "frame.time_epoch",
    "frame.cap_len",
    "frame.len",
    "ip.checksum.status",
    "tcp.checksum.status",
    "icmp.checksum.status",
    "udp.checksum.status",
    "tcp.seq_raw",
    "tcp.flags",
    "tcp.len",
    "_ws.malformed",
    "frame.comment",
];

/// Every extract of a recording, whole and anonymised, in tshark's eyes: the same frames, none malformed, checksums as
/// good or as wrong as they were wherever they can be checked, and comments that are shown.
#[test]
fn tshark_reads_extracts() {
    if let Err(error) = Command::new("tshark").arg("--version").output() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark must be there: {error}");
        eprintln!("NOT TESTED: tshark does not start: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Sections may stand one behind the other, so that one run reads all.
    let (mut whole, mut anonymised) = (Vec::new(), Vec::new());
    let extract = folder.path().join("extract");
    for (_, capture) in recordings() {
        for (how, bytes) in [(Cut::Whole, &mut whole), (Cut::Anonymised, &mut anonymised)] {
            if cut(&capture, &extract, how, &[]) {
                bytes.extend(fs::read(&extract).unwrap());
            }
        }
    }
    let rows = [whole, anonymised].map(|bytes| {
        fs::write(&extract, bytes).unwrap();
        tshark(&extract)
    });
    let [before, after] = rows;
    assert_eq!(before.len(), after.len());
    let mut checked = HashMap::<(&str, &str), u32>::new();
    for (number, (before, after)) in (1..).zip(before.iter().zip(&after)) {
        for field in ["frame.time_epoch", "frame.len", "ip.checksum.status", "tcp.seq_raw", "tcp.flags", "tcp.len"] {
            assert_eq!(before[field], after[field], "frame {number}: {field}");
        }
        let is_cut = before["frame.cap_len"] != after["frame.cap_len"];
        for field in ["tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"] {
            if !is_cut {
                assert_eq!(before[field], after[field], "frame {number}: {field}");
            }
            *checked.entry((field, after[field].as_str())).or_default() += 1;
        }
        assert_eq!(before["_ws.malformed"], "", "frame {number}");
        assert_eq!(after["_ws.malformed"], "", "frame {number}");
        assert_eq!(before["frame.comment"].is_empty(), after["frame.comment"].is_empty(), "frame {number}");
    }
    let comments = after.iter().filter(|row| !row["frame.comment"].is_empty()).count();
    assert!(comments > 300, "{comments} comments");
    // 1 is good, 0 is bad.
    assert!(checked.get(&("tcp.checksum.status", "1")).is_some_and(|good| *good > 200), "{checked:?}");
}

/// capinfos shows the verdict, and finds nothing wrong.
#[test]
fn capinfos_shows_the_comment_of_the_section() {
    let folder = tempfile::tempdir().unwrap();
    let extract = folder.path().join("extract");
    let incident = recordings().into_iter().find(|(name, _)| name == "lvs-fullnat-90s-both").unwrap().1;
    assert!(cut(&incident, &extract, Cut::Anonymised, &[]));
    let Ok(output) = Command::new("capinfos").args(["-k", "-F"]).arg(&extract).output() else {
        eprintln!("NOT TESTED: capinfos does not start");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Evidence cut by idlegap") && text.contains("idle-reset: "), "{text}");
}

/// One row a frame, by the names of the fields.
fn tshark(path: &Path) -> Vec<HashMap<&'static str, String>> {
    let mut command = Command::new("tshark");
    command.env("WIRESHARK_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-preferences"));
    let checks = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
    command.args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-r"]).arg(path);
    command.args(checks.iter().flat_map(|check| ["-o", check]));
    command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| FIELDS.into_iter().zip(line.split('\t').map(str::to_owned)).collect();
    text.lines().map(row).collect()
}
