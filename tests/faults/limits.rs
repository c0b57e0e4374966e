//! Counters and clocks at the ends of their ranges.

use idlegap::capture::{LinkType, Record};
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};

use crate::child::{self, Ended};
use crate::observe::{Observer, Outcome};
use crate::samples;

const STORY: &str = "\
flow 10.0.0.1:40000 > 10.0.0.2:80 isn 4294967295 4294967290
0     > S   0:0(0)
+.02  < S.  0:0(0)      ack 1
+.001 > P.  1:60001(60000) ack 1
+.02  < .   1:1(0)      ack 60001
+60   > .   60000:60000(0) ack 1
+.02  < .   1:1(0)      ack 60001
+90   < R   1:1(0)
";

/// The analysis of the story, its records changed before they are seen.
fn analyse(change: impl Fn(usize, &mut Record<'_>)) -> Outcome {
    let script = Script::parse(STORY).unwrap();
    let mut observer = Observer::new();
    for (index, frame) in script.frames().iter().enumerate() {
        let mut record = Record {
            time: frame.time,
            frame: index as u64 + 1,
            link: LinkType(1),
            interface: 0,
            data: &frame.bytes,
            original_len: frame.original_len,
            told: None,
        };
        change(index, &mut record);
        observer.push(&record);
    }
    observer.finish()
}

/// Frame numbers are counted with 64 bits and remembered with 32: beyond them they stay at the end, and never begin anew.
#[test]
fn frame_numbers() {
    for first in [u64::from(u32::MAX) - 3, u64::from(u32::MAX) + 1, u64::MAX - 10] {
        let outcome = analyse(|index, record| record.frame = first + index as u64);
        assert_eq!(outcome.analysis.flows.len(), 1);
        let least = u32::try_from(first).unwrap_or(u32::MAX);
        assert!(outcome.labels.keys().all(|frame| frame.number >= least), "{:?}", outcome.labels.keys());
        assert_eq!(outcome.analysis.flows.get(0).unwrap().resets().count(), 1);
    }
}

/// What a record says of its length on the wire changes nothing where the IP header says more.
#[test]
fn original_lengths() {
    let plain = analyse(|_, _| {});
    let claimed = analyse(|_, record| record.original_len = u32::MAX);
    assert_eq!(plain.labels, claimed.labels);
    assert_eq!(plain.verdicts[0].id, claimed.verdicts[0].id);
}

/// Years back and forth, and times that no clock shows.
#[test]
fn times() {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    for one in ends {
        for other in ends {
            let outcome = analyse(|index, record| {
                record.time = Timestamp::from_nanos(if index % 2 == 0 { one } else { other });
            });
            for flow in outcome.analysis.flows.iter() {
                let gaps = flow.packet_gaps().into_iter().flat_map(|gaps| gaps.kept());
                assert!(gaps.into_iter().all(|gap| gap.length > Span::ZERO), "{one} and {other}");
            }
        }
    }
    for years in [-400_i64, -30, -1, 1, 30, 80, 200] {
        let step = Span::from_secs(years * 31_556_952);
        for at in 1..7 {
            let outcome = analyse(|index, record| {
                if index >= at {
                    record.time = record.time.plus(step);
                }
            });
            assert_eq!(outcome.labels.len(), 7);
        }
    }
}

/// A pcapng file of the sample's frames, whose clock ticks `resolution` (10^-n, or 2^-n with the highest bit), has this
/// offset in seconds, and shows `ticks`.
fn pcapng(resolution: u8, offset: i64, ticks: [u64; 2]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    file.extend(words(&[1, 44, 1, 0, 1 << 16 | 9, u32::from(resolution), 8 << 16 | 14]));
    file.extend(offset.to_le_bytes());
    file.extend(words(&[0, 44]));
    for (index, frame) in Script::parse(STORY).unwrap().frames().iter().enumerate() {
        let len = frame.bytes.len();
        let total = (32 + len.next_multiple_of(4)) as u32;
        let time = ticks[index % 2];
        file.extend(words(&[6, total, 0, (time >> 32) as u32, time as u32, len as u32, len as u32]));
        file.extend(&frame.bytes);
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend(words(&[total]));
    }
    file
}

/// Every form of output can say every time that a file can claim.
#[test]
fn clocks_of_files() {
    let said = |ended: &Ended, what: &str| {
        assert_eq!(ended.code, Some(0), "{what}: {}", ended.stderr);
        assert!(!ended.stdout.is_empty());
    };
    for resolution in [0, 3, 6, 9, 20, 127, 0x80, 0x80 | 63, 0xff] {
        for offset in [i64::MIN, 0, i64::MAX] {
            let bytes = pcapng(resolution, offset, [0, u64::MAX]);
            let ended = child::run(&["--format", "json", "-"], &bytes);
            let what = format!("resolution {resolution}, offset {offset}");
            said(&ended, &what);
            let report = ended.json();
            let flow = &report["flows"][0];
            for time in [&report["captures"][0]["first_time"], &flow["first_time"], &flow["last_time"]] {
                let time = time.as_str().unwrap_or_else(|| panic!("{what}: {time}"));
                assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{what}: {time}");
            }
        }
    }
    let ends = pcapng(9, 0, [u64::MAX, 1]);
    for arguments in [
        &["-"][..],
        &["--time", "local", "-"],
        &["--time", "epoch", "-"],
        &["trace", "-"],
        &["trace", "--format", "jsonl", "-"],
        &["trace", "--time", "relative", "-"],
    ] {
        said(&child::run(arguments, &ends), &format!("{arguments:?}"));
    }
    let mut classic = samples::pcap();
    classic[24..32].fill(0xff);
    said(&child::run(&["-"], &classic), "the end of the range of a pcap file");
}
