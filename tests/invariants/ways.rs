//! Which way a segment went through its flow, the short one or the long one, shows nowhere.
//!
//! Two analyses take the same records, one of them the long way alone. After each record both must have said the same of it
//! and have the same flow, down to the last field.

use std::fs;
use std::path::{Path, PathBuf};

use idlegap::analyzer::{Analyzer, Options, Seen};
use idlegap::capture::{Input, Reader, Record};
use idlegap::flow::Relabel;
use idlegap::script::Script;
use idlegap::time::Span;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use crate::config;
use crate::conversation::conversation;
use crate::packets::{Packet, packets, record};

/// An analysis that may go both ways, and one that goes the long way.
struct Both([Analyzer; 2]);

impl Both {
    fn new() -> Self {
        let analyzer = |short_way| Analyzer::new(Options { short_way, ..Options::default() });
        Self([true, false].map(analyzer))
    }

    /// Both take `record`, and must come to the same.
    fn take(&mut self, record: &Record<'_>) -> TestCaseResult {
        let [short, long] = self.0.each_mut().map(|analyzer| after(analyzer, record));
        prop_assert_eq!(short, long, "frame {}", record.frame);
        Ok(())
    }
}

/// What is said of a record, what it changed about earlier ones, and what its flow is like behind it.
fn after(analyzer: &mut Analyzer, record: &Record<'_>) -> (String, Vec<Relabel>, String) {
    let seen = analyzer.push(record);
    let flow = if let Seen::Segment(segment) = seen { Some(segment.flow) } else { None };
    let said = format!("{seen:?}");
    let relabels = analyzer.drain_relabels().collect();
    (said, relabels, format!("{:#?}", flow.and_then(|number| analyzer.flow(number))))
}

fn compare(packets: &[Packet]) -> TestCaseResult {
    let mut both = Both::new();
    (1..).zip(packets).try_for_each(|(frame, packet)| both.take(&record(packet, frame)))
}

proptest! {
    #![proptest_config(config(1_024))]

    #[test]
    fn of_conversations(talks in (conversation(1), conversation(2)), cut in any::<bool>()) {
        let mut packets: Vec<Packet> = [&talks.0, &talks.1].iter().flat_map(|talk| packets(&talk.0)).collect();
        packets.sort_by_key(|packet| packet.time);
        // Headers only, as most captures of production are.
        packets.iter_mut().filter(|_| cut).for_each(|packet| packet.bytes.truncate(packet.header_len));
        compare(&packets)?;
    }

    /// Frames that were damaged, lost or moved in time: what is nearly usual.
    #[test]
    fn of_damaged_conversations(talk in conversation(1), faults in vec((any::<Index>(), 14..60_usize, 0..8_u8, 0..6_u8), 1..8)) {
        let mut packets = packets(&talk.0);
        for (place, octet, bit, how) in faults {
            if packets.is_empty() {
                break;
            }
            let place = place.index(packets.len());
            let packet = &mut packets[place];
            match how {
                0 => drop(packets.remove(place)),
                1 => packet.time = packet.time.plus(Span::from_millis((octet as i64 - 30) * 300)),
                _ if octet < packet.bytes.len() => packet.bytes[octet] ^= 1 << bit,
                _ => {}
            }
        }
        compare(&packets)?;
    }
}

fn fixtures(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end.to_string_lossy().starts_with(extension)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn of_scripts() {
    let scripts = fixtures("scripts", "pkt");
    assert!(scripts.len() > 50, "{scripts:?}");
    for path in scripts {
        let script = Script::parse(&fs::read_to_string(&path).expect("a script")).expect("a script");
        compare(&packets(&script)).unwrap_or_else(|difference| panic!("{}: {difference}", path.display()));
    }
}

/// What conversations at random hardly bring about, in flows that have gone the short way.
#[test]
fn of_rare_turns() {
    const BEGINNING: &str = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n\
        0     > S   0:0(0)            win 64240 <mss 1460>\n\
        +.010 < S.  0:0(0)     ack 1  win 65160 <mss 1460>\n\
        +.001 > .   1:1(0)     ack 1\n\
        +.001 > P.  1:101(100) ack 1\n\
        +.010 < P.  1:201(200) ack 101\n\
        +.001 > .   101:101(0) ack 201\n\
        +.001 < .   201:201(0) ack 101\n";
    for (what, rest) in [
        (
            "the real client shows late",
            "+1 > P. 101:111(10) ack 201 <TOA 203.0.113.9:4242>\n+1 < . 201:201(0) ack 111\n",
        ),
        (
            "a SYN comes again and is challenged",
            "+1 > S 0:0(0) win 64240 <mss 1460>\n+1 > . 101:101(0) ack 201\n+.1 < . 201:201(0) ack 101\n",
        ),
    ] {
        let script = Script::parse(&format!("{BEGINNING}{rest}")).expect("a script");
        compare(&packets(&script)).unwrap_or_else(|difference| panic!("{what}: {difference}"));
    }
}

#[test]
fn of_recordings() {
    let captures = fixtures("captures", "pcap");
    assert!(captures.len() > 50, "{captures:?}");
    for path in captures {
        let mut reader = Reader::open(&Input::Path(path.clone())).expect("a capture");
        let mut both = Both::new();
        while let Some(record) = reader.next_record().expect("a record") {
            both.take(&record).unwrap_or_else(|difference| panic!("{}: {difference}", path.display()));
        }
    }
}
