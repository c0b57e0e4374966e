//! Every capture container, laid out by hand byte by byte, damaged in every way, and held against other readers.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod build;
mod damage;
mod formats;
mod oracles;
mod sources;
mod written;

use std::io::{Cursor, Read};

use idlegap::capture::{CaptureInfo, Error, LinkType, Reader};

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    frame: u64,
    nanos: i64,
    link: LinkType,
    interface: u32,
    data: Vec<u8>,
    original_len: u32,
}

/// Reads a capture to its end.
fn drain(mut reader: Reader) -> (Vec<Owned>, CaptureInfo) {
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        records.push(Owned {
            frame: record.frame,
            nanos: record.time.as_nanos(),
            link: record.link,
            interface: record.interface,
            data: record.data.to_vec(),
            original_len: record.original_len,
        });
    }
    assert!(reader.next_record().unwrap().is_none(), "the end stays the end");
    (records, reader.into_info())
}

fn open(bytes: impl Into<Vec<u8>>) -> Result<Reader, Error> {
    Reader::from_source("test".to_owned(), Cursor::new(bytes.into()), None)
}

fn read(bytes: impl Into<Vec<u8>>) -> (Vec<Owned>, CaptureInfo) {
    drain(open(bytes).unwrap())
}

/// Gives a few bytes at a time, as a slow pipe does.
struct Drip {
    bytes: Cursor<Vec<u8>>,
    step: usize,
}

impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = self.step.min(buf.len());
        self.bytes.read(&mut buf[..len])
    }
}

/// Whether a program is there. It may be missing on a desk, never in continuous integration.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var("CI").is_err(), "{program} is not installed, and CI is set");
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}
