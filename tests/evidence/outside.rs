//! What other programs say of extracts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::captures::{Cut, cut, recordings};
use crate::verdicts::findings;

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

/// Every extract of a recording, whole, stripped and anonymised, in tshark's eyes: the same frames, none malformed,
/// checksums as good or as wrong as they were wherever they can be checked, and comments that are shown.
#[test]
fn tshark_reads_extracts() {
    if let Err(error) = Command::new("tshark").arg("--version").output() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark must be there: {error}");
        eprintln!("NOT TESTED: tshark does not start: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Sections may stand one behind the other, so that one run reads all.
    let extract = folder.path().join("extract");
    let mut sections = [Cut::Whole, Cut::Stripped, Cut::Anonymised].map(|how| (how, Vec::new()));
    for (_, capture) in recordings() {
        for (how, bytes) in &mut sections {
            if cut(&capture, &extract, *how, &[]) {
                bytes.extend(fs::read(&extract).unwrap());
            }
        }
    }
    let [whole, stripped, anonymised] = sections.map(|(_, bytes)| {
        fs::write(&extract, bytes).unwrap();
        tshark(&extract)
    });
    compare(&whole, &stripped);
    compare(&whole, &anonymised);
    let comments = |rows: &[Row], text: &str| rows.iter().filter(|row| row["frame.comment"].contains(text)).count();
    assert!(comments(&anonymised, "idlegap: flow ") > 300);
    assert!(comments(&stripped, "idlegap: payload told ") > 3);
    assert_eq!(comments(&whole, "idlegap: payload told "), 0);
    for (text, what) in
        [("the last packet before", "gaps"), ("keepalive probe ", "probes"), ("RST in the name of", "RSTs")]
    {
        assert!(comments(&stripped, text) > 20, "{what}");
    }
}

/// What must be the same of two extracts of the same captures, the second of which lacks payload.
fn compare(before: &[Row], after: &[Row]) {
    assert_eq!(before.len(), after.len());
    let mut checked = HashMap::<(&str, &str), u32>::new();
    for (number, (before, after)) in (1..).zip(before.iter().zip(after)) {
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
        assert!(before["frame.comment"].is_empty() || !after["frame.comment"].is_empty(), "frame {number}");
    }
    // 1 is good, 0 is bad.
    assert!(checked.get(&("tcp.checksum.status", "1")).is_some_and(|good| *good > 200), "{checked:?}");
}

/// capinfos shows the verdicts of every extract, and finds nothing wrong.
#[test]
fn capinfos_shows_the_comment_of_the_section() {
    let folder = tempfile::tempdir().unwrap();
    let extract = folder.path().join("extract");
    for (name, capture) in recordings() {
        if !cut(&capture, &extract, Cut::Anonymised, &[]) {
            continue;
        }
        let Ok(output) = Command::new("capinfos").args(["-k", "-F"]).arg(&extract).output() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "capinfos must be there");
            eprintln!("NOT TESTED: capinfos does not start");
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}: {text}");
        assert!(text.contains("Evidence cut by idlegap"), "{name}: {text}");
        for (id, _) in findings(&capture, folder.path()) {
            assert!(text.contains(&format!("{id}: ")), "{name}: {id}: {text}");
        }
    }
}

/// A frame, by the names of the fields.
type Row = HashMap<&'static str, String>;

/// One row a frame.
fn tshark(path: &Path) -> Vec<Row> {
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
