//! Outputs that take nothing more: a full disk, a terminal that is gone.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::child::command;
use crate::{has, samples};

/// A device that is always full (full(4)).
fn full() -> Stdio {
    Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
}

/// A folder with a capture.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("story.pcap");
    fs::write(&path, samples::pcap()).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

const FORMS: [&[&str]; 5] =
    [&[], &["--format", "json"], &["trace"], &["trace", "--format", "jsonl"], &["--output", "/dev/full"]];

#[test]
fn a_full_disk_is_told() {
    let (_folder, path) = folder();
    for form in FORMS {
        let output = command(form).arg(&path).stdin(Stdio::null()).stdout(full()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{form:?}: {complaint}");
        assert!(complaint.contains("No space left on device"), "{form:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{form:?}: {complaint}");
        // Where not even that can be said, the exit code remains.
        let status = command(form).arg(&path).stdin(Stdio::null()).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{form:?}");
    }
}

/// A report that does not fit on the disk leaves the old one as it was.
#[test]
fn a_disk_that_fills_up() {
    let (folder, path) = folder();
    // A small file system in a namespace of its own; not every machine lets a test have one.
    let script = "mount -t tmpfs -o size=16k none \"$1\" && echo old > \"$1/report\" && \
        \"$0\" --format json --output \"$1/report\" \"$2\"; echo $?; cat \"$1/report\"; ls -A \"$1\"";
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mut capture = samples::pcap();
    // Many generations make a report of many kilobytes.
    capture.extend(samples::pcap().split_off(24).repeat(100));
    fs::write(&path, capture).unwrap();
    // Root needs no namespace of users, and may not have one.
    let namespaces: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];
    let mut outputs = namespaces.iter().filter_map(|namespaces| {
        let arguments = ["sh", "-c", script, env!("CARGO_BIN_EXE_idlegap"), disk.to_str()?, &path];
        Command::new("unshare").args(*namespaces).args(arguments).output().ok()
    });
    let was_mounted = |output: &std::process::Output| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        !complaint.contains("unshare") && !complaint.contains("mount")
    };
    let Some(output) = outputs.find(was_mounted) else {
        return eprintln!("NOT TESTED: this machine mounts no file system for a test");
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2\nold\nreport\n", "{complaint}");
    assert!(complaint.contains("No space left on device"), "{complaint}");
}

#[test]
fn closed_outputs() {
    let (_folder, path) = folder();
    for (redirection, code) in [("2>&-", 0), (">&-", 2), (">&- 2>&-", 2)] {
        let line = format!("exec \"$0\" \"$1\" {redirection}");
        let status = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_idlegap"), &path])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        // The standard library opens /dev/null in place of what is closed, so that nothing is written elsewhere.
        assert!(status.code() == Some(code) || status.code() == Some(0), "{redirection}: {status}");
    }
}

/// Runs the program in a terminal, on a named pipe; takes the terminal away in the middle of the capture. Returns what
/// the shell around it wrote of its end, and whether it still read.
fn terminal_taken_away(hang_up: &str) -> (Option<String>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, status) = (folder.path().join("pipe"), folder.path().join("status"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let line =
        format!("{hang_up} '{}' '{}'; echo $? > '{}'", env!("CARGO_BIN_EXE_idlegap"), pipe.display(), status.display());
    let mut terminal = Command::new("script")
        .args(["-q", "-c", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let bytes = samples::pcap();
    writer.write_all(&bytes[..200]).unwrap();
    thread::sleep(Duration::from_millis(200));
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    thread::sleep(Duration::from_millis(200));
    let reads = writer.write_all(&bytes[200..]).is_ok();
    drop(writer);
    (wait_for(&status), reads)
}

fn wait_for(path: &Path) -> Option<String> {
    for _ in 0..100 {
        if let Ok(text) = fs::read_to_string(path)
            && !text.is_empty()
        {
            return Some(text.trim().to_owned());
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The signal ends the program, as every program; where it is ignored (nohup), writing fails and is told by the code.
#[test]
fn a_terminal_that_vanishes() {
    if !has("script") {
        return;
    }
    // Whoever runs the tests may have them ignore it.
    assert_eq!(terminal_taken_away("env --default-signal=HUP"), (None, false));
    assert_eq!(terminal_taken_away("trap '' HUP;"), (Some("2".to_owned()), true));
}
