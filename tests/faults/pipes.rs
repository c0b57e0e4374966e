//! Pipes that are slow, or stand still, or end at once, and files of which one cannot be read.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::child::{busy, command, feed, run};
use crate::samples;

/// The report of a capture that comes octet by octet is that of one which comes at once.
#[test]
fn one_byte_at_a_time() {
    for (name, bytes) in samples::all() {
        let at_once = run(&["--format", "json", "-"], &bytes);
        let slowly = feed(&["--format", "json", "-"], |pipe| {
            for byte in &bytes {
                pipe.write_all(&[*byte])?;
                pipe.flush()?;
            }
            Ok(())
        });
        assert_eq!(slowly.code, Some(0), "{name}");
        assert_eq!(slowly.json(), at_once.json(), "{name}");
    }
}

/// A pipe that stands still is waited for without computing; one that ends in the middle of a record is read up to there.
#[test]
fn a_pipe_that_stalls_and_closes() {
    let bytes = samples::pcap();
    let mut child = command(&["--format", "json", "-"]).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&bytes[..bytes.len() - 10]).unwrap();
    thread::sleep(Duration::from_millis(300));
    let before = busy(child.id());
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    assert!(busy(child.id()) <= before + 2, "it waits in peace");
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ends inside"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["captures"][0]["packets"].as_u64(), Some(9));
}

#[test]
fn a_pipe_that_closes_at_once() {
    for bytes in [&b""[..], b"\n", &[0xd4, 0xc3, 0xb2]] {
        let ended = run(&["-"], bytes);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("is not a capture"), "{}", ended.stderr);
    }
}

/// Nobody reads on: that is no error.
#[test]
fn a_reader_that_goes_away() {
    for arguments in [&["trace", "-"][..], &["--format", "json", "-"], &["-"]] {
        let mut child = command(arguments).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let writer = thread::spawn(move || {
            let records = samples::pcap().split_off(24).repeat(2_000);
            drop(pipe.write_all(&samples::pcap()).and_then(|()| pipe.write_all(&records)));
        });
        if arguments[0] == "trace" {
            stdout.read_exact(&mut [0; 10]).unwrap();
        }
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), complaint.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

/// What can be read is reported, what cannot is named, and the exit code says that something was missing.
#[test]
fn an_unreadable_file_among_several() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, last) = (path("first.pcap"), path("last.pcap"));
    fs::write(&first, samples::pcap()).unwrap();
    fs::write(&last, samples::pcapng()).unwrap();
    let gzip = samples::compressions()[0].1(&samples::pcap()).unwrap();
    let bad: [(&str, Option<&[u8]>); 6] = [
        ("missing.pcap", None),
        ("text.pcap", Some(b"12:00 IP 10.0.0.1 > 10.0.0.2")),
        ("empty.pcap", Some(b"")),
        ("header.pcap", Some(&samples::pcap()[..20])),
        ("damaged.pcap.gz", Some(&[&gzip[..10], &[0xff; 50]].concat())),
        (".", None),
    ];
    for (name, bytes) in bad {
        let second = path(name);
        if let Some(bytes) = bytes {
            fs::write(&second, bytes).unwrap();
        }
        let output = command(&["--format", "json", &first, &second, &last]).stdin(Stdio::null()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {complaint}");
        let is_named = complaint.contains(Path::new(&second).file_name().map_or(".", |name| name.to_str().unwrap()));
        assert!(is_named, "{name}: {complaint}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let files: Vec<_> = report["captures"].as_array().unwrap().iter().map(|it| it["packets"].as_u64()).collect();
        assert_eq!(files, [Some(10), Some(10)], "{name}");
    }
}

/// A file that loses its end while it is read gives what was there.
#[test]
fn a_file_that_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shrinks.pcap");
    let records = samples::pcap().split_off(24).repeat(20_000);
    fs::write(&path, [samples::pcap(), records].concat()).unwrap();
    let child = command(&[path.to_str().unwrap()]).stdin(Stdio::null()).spawn().unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5_000).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
