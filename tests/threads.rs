//! The report does not depend on the number of threads, in none of its forms, octet by octet.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use idlegap::capture::{LinkType, PcapWriter};
use idlegap::time::{Span, Timestamp};

const THREADS: [&str; 4] = ["1", "2", "3", "8"];
const FORMS: [&str; 6] = ["text", "json", "jsonl", "csv", "markdown", "html"];

fn idlegap(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent").stdin(Stdio::null());
    command.args(arguments).output().expect("the program starts").stdout
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

/// More attempts at connections than are kept: those that leave are judged by what left before them.
#[test]
fn of_a_flood_of_attempts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flood.pcap");
    let mut capture = PcapWriter::new(Vec::new(), LinkType(101), 65_535).expect("memory takes");
    for number in 0..400_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let mut packet = [0; 40];
        packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6]);
        packet[12..20].copy_from_slice(&[10, a, b, c, 192, 0, 2, 1]);
        packet[20..24].copy_from_slice(&[0x9c, 0x40, 0, 80]);
        (packet[32], packet[33]) = (0x50, 2);
        let time = Timestamp::from_nanos(0).plus(Span::from_micros(i64::from(number) * 20));
        capture.packet(time, &packet, 40).expect("a time in range");
    }
    fs::write(&path, capture.finish().expect("memory takes")).expect("a file");
    let report = |threads| {
        let options = ["--format", "json", "--flows", "matter", "--threads", threads].map(OsStr::new);
        idlegap(options.into_iter().chain([path.as_os_str()]))
    };
    let one = report("1");
    assert!(String::from_utf8_lossy(&one).contains("flows-evicted"));
    THREADS[1..].iter().for_each(|threads| assert!(report(threads) == one, "{threads} threads"));
}
