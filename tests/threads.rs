//! The report does not depend on the number of threads, in none of its forms, octet by octet.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const THREADS: [&str; 4] = ["1", "2", "3", "8"];
const FORMS: [&str; 6] = ["text", "json", "jsonl", "csv", "markdown", "html"];

fn idlegap(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    output(arguments).stdout
}

fn output(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent").stdin(Stdio::null());
    command.args(arguments).output().expect("the program starts")
}

/// All forms of the report.
fn reports(arguments: &[&str], captures: &[&Path], threads: &str) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |form: &&str| folder.path().join(form);
    let wanted = FORMS.iter().map(|form| format!("--report={form}={}", at(form).display()));
    let mut all: Vec<String> = wanted.collect();
    all.extend(["--quiet", "--threads", threads].into_iter().chain(arguments.iter().copied()).map(str::to_owned));
    all.extend(captures.iter().map(|path| path.display().to_string()));
    idlegap(&all);
    // A capture that holds nothing to report has no reports, whatever the threads.
    FORMS.iter().map(|form| ((*form).to_owned(), fs::read(at(form)).unwrap_or_default())).collect()
}

fn same_for_all(arguments: &[&str], captures: &[&Path]) {
    let one = reports(arguments, captures, THREADS[0]);
    for threads in &THREADS[1..] {
        for ((form, expected), (_, report)) in one.iter().zip(reports(arguments, captures, threads)) {
            let (expected, report) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(&report));
            for (line, other) in expected.lines().zip(report.lines()) {
                assert_eq!(line, other, "{form} of {captures:?} by {threads} threads");
            }
            assert_eq!(expected.len(), report.len(), "{form} of {captures:?} by {threads} threads");
        }
    }
}

fn fixtures() -> Vec<PathBuf> {
    let mut captures = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    for folder in fs::read_dir(root).expect("fixtures").flatten().filter(|entry| entry.path().is_dir()) {
        let files = fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path());
        captures.extend(files.filter(|path| path.extension().is_some_and(|end| end != "md" && end != "toml")));
    }
    captures.sort();
    captures
}

#[test]
fn of_every_capture() {
    let captures = fixtures();
    assert!(captures.len() > 50, "{captures:?}");
    captures.iter().for_each(|capture| same_for_all(&[], &[capture]));
}

/// Some captures at a time: frames, flows and streams are numbered over all of them, and capture points are told apart.
#[test]
fn of_several_captures() {
    for captures in fixtures().chunks(7) {
        same_for_all(&[], &captures.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    }
}

#[test]
fn of_a_part_of_a_capture() {
    for capture in fixtures().iter().step_by(5) {
        same_for_all(&["-c", "20"], &[capture]);
        if cfg!(feature = "live") {
            same_for_all(&["-f", "tcp"], &[capture]);
        }
    }
}

#[test]
fn of_a_trace() {
    for capture in fixtures().iter().step_by(5) {
        let trace = |threads| {
            let options = ["trace", "--threads", threads, "--format", "jsonl"].map(OsStr::new);
            idlegap(options.into_iter().chain([capture.as_os_str()]))
        };
        let one = trace("1");
        THREADS[1..].iter().for_each(|threads| assert!(trace(threads) == one, "{}", capture.display()));
    }
}

/// A capture of `count` SYNs, each of another client, that ends inside its last record.
fn flood(count: u32) -> Vec<u8> {
    let mut octets: Vec<u8> =
        [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101].iter().flat_map(|word| word.to_le_bytes()).collect();
    for index in 0..count {
        octets.extend([index / 10_000, index % 10_000 * 100, 40, 40].iter().flat_map(|word| word.to_le_bytes()));
        octets.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
        octets.extend((0x0a00_0000 | index).to_be_bytes());
        octets.extend([192, 0, 2, 1, 0x9c, 0x40, 0, 80]);
        octets.extend([index.to_be_bytes(), [0; 4]].concat());
        octets.extend([0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    }
    octets.truncate(octets.len() - 1);
    octets
}

/// More attempts at connections than memory is granted for: the earliest leave, and what is said of them is the same, once.
#[test]
fn of_a_flood_of_attempts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cut, flooded) = (folder.path().join("cut.pcap"), folder.path().join("flood.pcap"));
    fs::write(&cut, flood(2)).expect("a file");
    fs::write(&flooded, flood(300_000)).expect("a file");
    let of = |threads| {
        let options = ["--format", "json", "--flows", "matter", "--threads", threads].map(OsStr::new);
        output(options.into_iter().chain([cut.as_os_str(), flooded.as_os_str()]))
    };
    let one = of("1");
    let report = String::from_utf8_lossy(&one.stdout);
    assert!(report.contains("flows-evicted"), "{}", report.get(..3_000).unwrap_or(&report));
    let warnings = String::from_utf8_lossy(&one.stderr);
    assert_eq!(warnings.lines().filter(|line| line.contains("cut.pcap")).count(), 1, "{warnings}");
    for threads in ["2", "3"] {
        let several = of(threads);
        assert_eq!(String::from_utf8_lossy(&several.stderr), warnings);
        assert!(several.stdout == one.stdout, "{threads} threads");
    }
}
