//! Small captures, cut at every byte and with every bit turned round, through the whole analysis.

use std::io::Cursor;

use idlegap::capture::{CaptureInfo, Reader};

use crate::child;
use crate::observe::{Observer, Outcome};
use crate::samples;

/// What an analysis makes of `bytes`; `None` where they are refused as no capture.
fn analyse(bytes: &[u8]) -> Option<(Outcome, CaptureInfo)> {
    let mut reader = Reader::from_source("test".to_owned(), Cursor::new(bytes.to_vec()), None).ok()?;
    let mut observer = Observer::new();
    while let Some(record) = reader.next_record().unwrap() {
        observer.push(&record);
    }
    Some((observer.finish(), reader.into_info()))
}

/// Every cut is told, and more bytes never show less.
#[test]
fn cut_at_every_byte() {
    for (name, bytes) in samples::all() {
        let (whole, info) = analyse(&bytes).unwrap();
        assert!(info.truncated.is_none() && info.packets == 10, "{name}: {info:?}");
        let compressed = name.contains(',');
        let mut before = 0;
        for cut in 0..bytes.len() {
            let Some((outcome, info)) = analyse(&bytes[..cut]) else {
                assert_eq!(before, 0, "{name}: refused at byte {cut}, though less was not");
                continue;
            };
            assert!(info.packets >= before, "{name}: {} packets at byte {cut}, {before} before", info.packets);
            before = info.packets;
            assert!(outcome.analysis.flows.len() <= whole.analysis.flows.len());
            assert_eq!(outcome.labels.len() as u64, info.packets, "{name} cut at byte {cut}");
            // Where only the mark at the end of the data is missing, nothing is.
            let told = info.truncated.is_some() || info.packets == 10;
            assert!(!compressed || told, "{name}: the cut at byte {cut} is not told");
            assert!(info.packets == 10 || outcome.analysis.flows.iter().all(|flow| flow.resets().count() == 0));
        }
    }
}

#[test]
fn every_bit_turned_round() {
    for (name, bytes) in samples::all() {
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << bit;
                let Some((outcome, info)) = analyse(&damaged) else { continue };
                assert!(outcome.labels.len() as u64 <= info.packets, "{name}: bit {bit} of byte {place}");
                // An added or lost record is possible, a hundred are not.
                assert!(info.packets < 100, "{name}: bit {bit} of byte {place}");
            }
        }
    }
}

/// The program from outside, on some of these.
#[test]
fn the_program_reports_what_is_left() {
    for (name, bytes) in samples::all() {
        for part in 1..8 {
            let cut = bytes.len() * part / 8;
            let ended = child::run(&["--format", "json", "-"], &bytes[..cut]);
            match ended.code {
                Some(0) => {
                    let report = ended.json();
                    let captures = report["captures"].as_array().unwrap();
                    let told = captures[0]["truncated"] == true;
                    assert!(told || !name.contains(','), "{name} cut at byte {cut}");
                }
                Some(2) => assert!(ended.stderr.starts_with("idlegap: "), "{name} cut at {cut}: {}", ended.stderr),
                code => panic!("{name} cut at byte {cut} ended with {code:?}: {}", ended.stderr),
            }
        }
    }
}
