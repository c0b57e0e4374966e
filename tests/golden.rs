//! What the program says of the main recordings, byte for byte.
//!
//! A change of wording or of judgement shows here as a difference to read. When it is meant, `UPDATE_GOLDEN=1 cargo test
//! --test golden` writes the new words into `fixtures/golden`, and the commit shows them.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The recordings whose report and trace are kept, by folder of `fixtures/captures`.
const CASES: [&str; 14] = [
    "f5-300s-both",
    "ipv6-gives-up",
    "keepalive-gives-up",
    "keepalive-meets-reset",
    "keepalive-never-in-time",
    "keepalive-saves",
    "lvs-fullnat-90s-both",
    "lvs-fullnat-90s-client",
    "midstream-keepalive",
    "nginx-keepalive-timeout-65s",
    "one-byte-probes",
    "silent-drop-client",
    "sll2-router",
    "zero-window-stall",
];

/// Recordings too large for anything but the report.
const REPORTS_ONLY: [&str; 1] = ["lvs-incident-200-flows"];

/// Name of the kept file, and the arguments that make it.
const FORMS: [(&str, &[&str]); 4] = [
    ("report.txt", &["--width", "100", "--color", "never", "--time", "utc"]),
    ("report.json", &["--format", "json"]),
    ("trace.txt", &["trace", "--time", "relative"]),
    ("trace.jsonl", &["trace", "--format", "jsonl"]),
];

/// Lines shown around a difference.
const CONTEXT: usize = 2;
/// Differences shown of one file.
const SHOWN: usize = 40;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn kept() -> impl Iterator<Item = (&'static str, &'static (&'static str, &'static [&'static str]))> {
    let whole = CASES.into_iter().flat_map(|case| FORMS.iter().map(move |form| (case, form)));
    whole.chain(REPORTS_ONLY.into_iter().flat_map(|case| FORMS.iter().take(1).map(move |form| (case, form))))
}

/// The path of a recording, from the root of the repository: the reports name it so.
fn recording(case: &str) -> String {
    let folder = format!("fixtures/captures/{case}");
    let files = std::fs::read_dir(root().join(&folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = files.map(|file| file.expect("a readable folder").file_name().to_string_lossy().into_owned());
    let mut captures = names.filter(|name| name.starts_with(case));
    let name = captures.next().unwrap_or_else(|| panic!("{folder} holds no capture"));
    assert_eq!(captures.next(), None, "{folder} holds one capture");
    format!("{folder}/{name}")
}

/// Standard output of the program, in surroundings of which nothing leaks in.
fn said(arguments: &[&str], capture: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).arg(capture).current_dir(root()).stdin(Stdio::null());
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    let output = command.output().expect("the program starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{arguments:?} {capture}: {complaint}");
    String::from_utf8(output.stdout).expect("the program prints UTF-8")
}

#[test]
fn the_program_says_what_it_said() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut report = String::new();
    for (case, (name, arguments)) in kept() {
        let path = format!("fixtures/golden/{case}/{name}");
        let now = said(arguments, &recording(case));
        let file = root().join(&path);
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        if now == before {
            continue;
        }
        let _ = writeln!(report, "--- {path}\n{}", difference(&before, &now));
        if update {
            std::fs::create_dir_all(file.parent().expect("a file stands in a folder")).expect("a writable repository");
            std::fs::write(&file, now).expect("a writable repository");
        }
    }
    if update {
        println!("{report}");
    } else {
        let hint = "If every line of it is meant: UPDATE_GOLDEN=1 cargo test --test golden";
        assert!(report.is_empty(), "the program no longer says what it said:\n{report}{hint}");
    }
}

#[test]
fn nothing_is_kept_that_nobody_compares() {
    let folder = root().join("fixtures/golden");
    let mut files: Vec<String> = Vec::new();
    for case in std::fs::read_dir(&folder).expect("goldens are kept").map(|case| case.expect("a readable folder")) {
        for file in std::fs::read_dir(case.path()).expect("goldens stand in folders") {
            files.push(in_folder(&folder, &file.expect("a readable folder").path()));
        }
    }
    files.sort();
    let mut wanted: Vec<String> = kept().map(|(case, (name, _))| format!("{case}/{name}")).collect();
    wanted.sort();
    assert_eq!(files, wanted);
}

fn in_folder(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).expect("the file stands in the folder").to_string_lossy().into_owned()
}

#[test]
fn a_difference_shows_what_was_and_what_is() {
    let shown = difference("one\ntwo\nthree\nfour\nfive\n", "one\ntwo\n3\nfour\nfive\nsix\n");
    assert_eq!(shown, "  one\n  two\n- three\n+ 3\n  four\n  five\n+ six\n");
    assert_eq!(difference("same\n", "same\n"), "");
    assert_eq!(difference("a\nb\n", "a\nb"), "  (the end of the file differs)\n");
}

/// The lines that differ, with some around them, by the longest common subsequence of what lies between the common
/// beginning and the common end.
fn difference(before: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    if old == new {
        let ends_differ = before != now;
        return if ends_differ { "  (the end of the file differs)\n".to_owned() } else { String::new() };
    }
    let edits = edits(&old, &new);
    let changed: Vec<usize> = (0..edits.len()).filter(|&index| edits[index].0 != ' ').collect();
    let near = |index: usize| changed.iter().any(|&change| change.abs_diff(index) <= CONTEXT);
    let mut text = String::new();
    let mut last = None;
    for (index, (sign, line)) in edits.iter().enumerate().filter(|(index, _)| near(*index)).take(SHOWN) {
        if last.is_some_and(|last| last + 1 != index) {
            text.push_str("  ...\n");
        }
        last = Some(index);
        let _ = writeln!(text, "{sign} {line}");
    }
    let left = changed.iter().filter(|&&change| last.is_some_and(|last| change > last)).count();
    if left > 0 {
        let _ = writeln!(text, "  ... and {left} more lines");
    }
    text
}

/// Every line with ' ' if it stayed, '-' if it went, '+' if it came.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let common = |one: &mut dyn Iterator<Item = (&&str, &&str)>| one.take_while(|(old, new)| old == new).count();
    let start = common(&mut old.iter().zip(new));
    let end = common(&mut old[start..].iter().rev().zip(new[start..].iter().rev()));
    let (gone, come) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    // Length of the longest common subsequence of the rests from each pair of places on.
    let mut longest = vec![vec![0_usize; come.len() + 1]; gone.len() + 1];
    for row in (0..gone.len()).rev() {
        for column in (0..come.len()).rev() {
            longest[row][column] = if gone[row] == come[column] {
                longest[row + 1][column + 1] + 1
            } else {
                longest[row + 1][column].max(longest[row][column + 1])
            };
        }
    }
    let mut edits: Vec<(char, &str)> = old[..start].iter().map(|line| (' ', *line)).collect();
    let (mut row, mut column) = (0, 0);
    while row < gone.len() || column < come.len() {
        if row < gone.len() && column < come.len() && gone[row] == come[column] {
            edits.push((' ', gone[row]));
            (row, column) = (row + 1, column + 1);
        } else if column == come.len() || (row < gone.len() && longest[row + 1][column] >= longest[row][column + 1]) {
            edits.push(('-', gone[row]));
            row += 1;
        } else {
            edits.push(('+', come[column]));
            column += 1;
        }
    }
    edits.extend(old[old.len() - end..].iter().map(|line| (' ', *line)));
    edits
}
