//! What the extract takes over of the capture itself: interfaces, times, losses.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use idlegap::capture::{
    CaptureInfo, Counters, Input, InterfaceOptions, LinkType, PcapWriter, PcapngWriter, Reader, SectionOptions,
};
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};

use crate::captures::{Cut, cut, cut_set, recordings};
use crate::verdicts::{differences, judged};

/// A flow that dies of silence, with the time in odd nanoseconds.
const DEATH: &str = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000 ttl 64 60
    0.000000007 > S 0:0(0)
    +.010000001 < S. 0:0(0) ack 1
    +.0001 > . 1:1(0) ack 1
    +1 > P. 1:101(100) ack 1
    +.010 < . 1:1(0) ack 101
    +90.000000003 > P. 101:201(100) ack 1
    +.4 > P. 101:201(100) ack 1
    +.8 > P. 101:201(100) ack 1
    +1.6 > P. 101:201(100) ack 1
    end +5";

/// Writes the flow from two interfaces, cooked frames from the second, with `lost` packets.
fn capture(path: &Path, lost: u64, received: u64) {
    let (plain, cooked) = (Script::parse(DEATH).unwrap(), Script::parse(&format!("link sll\n{DEATH}")).unwrap());
    let mut writer = PcapngWriter::new(File::create(path).unwrap(), &SectionOptions::default()).unwrap();
    let interface = |link, name| InterfaceOptions { link, snaplen: 0, name: Some(name), filter: None, comments: &[] };
    writer.interface(&interface(LinkType(1), "lan0")).unwrap();
    writer.interface(&interface(LinkType(113), "any\u{1b}[31m")).unwrap();
    for (number, (frame, other)) in plain.frames().iter().zip(cooked.frames()).enumerate() {
        let (interface, frame) = if number < 5 { (0, frame) } else { (1, &other) };
        writer.packet(interface, frame.time, &frame.bytes, frame.original_len, &["secret of 10.0.0.1"]).unwrap();
    }
    let counters = Counters { received: Some(received), system_drops: Some(lost), ..Counters::default() };
    writer.statistics(0, Timestamp::default(), &counters).unwrap();
    writer.finish().unwrap();
}

fn read(path: &Path) -> (Vec<(LinkType, Timestamp)>, CaptureInfo) {
    let mut reader = Reader::open(&Input::Path(path.to_owned())).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        records.push((record.link, record.time));
    }
    (records, reader.into_info())
}

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("whole.pcapng"), folder.join("extract.pcapng"))
}

#[test]
fn interfaces_and_times_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = paths(folder.path());
    capture(&whole, 0, 10);
    assert!(cut(&whole, &extract, Cut::Whole, &[]));
    let ((before, _), (after, info)) = (read(&whole), read(&extract));
    assert_eq!(before, after);
    assert_eq!(before[1].1.since(before[0].1), Span::from_nanos(10_000_001));
    let names: Vec<_> = info.interfaces.iter().map(|interface| interface.name.clone().unwrap()).collect();
    assert_eq!(names[0], "lan0");
    assert!(!names[1].contains('\u{1b}') && names[1].contains("any"), "{names:?}");

    assert!(cut(&whole, &extract, Cut::Anonymised, &[]));
    let (anonymised, info) = read(&extract);
    assert_eq!(before, anonymised);
    assert!(info.interfaces.iter().all(|interface| interface.name.is_none()));
    let bytes = std::fs::read(&extract).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"), "comments of the capture stay there");
}

/// One packet lost of ten is much, of ten million nothing: in the extract as in the whole.
#[test]
fn losses_limit_the_extract_as_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = paths(folder.path());
    for received in [10, 10_000_000] {
        capture(&whole, 1, received);
        assert!(cut(&whole, &extract, Cut::Stripped, &[]));
        let (before, after) = (read(&whole).1, read(&extract).1);
        assert_eq!(after.counters.system_drops, before.counters.system_drops);
        let [before, after] = [&whole, &extract].map(|path| judged(path, folder.path()));
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }
}

/// A pipe is read twice, too; where there is no room for it, that is said.
#[test]
fn a_pipe_gives_the_same_extract() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = paths(folder.path());
    capture(&whole, 0, 10);
    assert!(cut(&whole, &extract, Cut::Whole, &[]));
    let run = |temporary: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
        command
            .args(["evidence", "-o", "-", "-"])
            .env("TMPDIR", temporary)
            .stdin(Stdio::from(File::options().read(true).open(&whole).unwrap()));
        command.output().unwrap()
    };
    let output = run(&folder.path().display().to_string());
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    assert_eq!(complaint, "idlegap: kept 1 of 1 flow and 9 of 10 packets\n");
    assert!(output.stdout == std::fs::read(&extract).unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");

    let output = run("/nowhere");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("cannot keep standard input in /nowhere to read it again"), "{complaint}");
}

/// Packets without a time limit what may be said, in the extract as in the whole.
#[test]
fn untimed_packets_limit_the_extract_as_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = paths(folder.path());
    let script = Script::parse(DEATH).unwrap();
    let mut writer = PcapngWriter::new(File::create(&whole).unwrap(), &SectionOptions::default()).unwrap();
    let interface = InterfaceOptions { link: LinkType(1), snaplen: 0, name: None, filter: None, comments: &[] };
    writer.interface(&interface).unwrap();
    for frame in script.frames() {
        writer.packet(0, frame.time, &frame.bytes, frame.original_len, &[]).unwrap();
    }
    writer.untimed().unwrap();
    writer.finish().unwrap();
    assert!(cut(&whole, &extract, Cut::Stripped, &[]));
    let [before, after] = [&whole, &extract].map(|path| judged(path, folder.path()));
    assert_eq!(read(&extract).1.untimed, 1);
    assert!(format!("{before:?}").contains("(untimed)"), "{before:?}");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}

/// Clocks that begin before 1970 are told as they are.
#[test]
fn times_before_1970_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = paths(folder.path());
    let script = Script::parse(DEATH).unwrap();
    let frames = script.frames();
    // The flow begins half a second before 1969 ended, and dies in 1970.
    let earlier = |time: Timestamp| Timestamp::from_nanos(time.since(frames[0].time).as_nanos() - 500_000_007);
    let mut writer = PcapngWriter::new(File::create(&whole).unwrap(), &SectionOptions::default()).unwrap();
    writer.begin_clocks_at(earlier(frames[0].time));
    let interface = InterfaceOptions { link: LinkType(1), snaplen: 0, name: None, filter: None, comments: &[] };
    writer.interface(&interface).unwrap();
    for frame in &frames {
        writer.packet(0, earlier(frame.time), &frame.bytes, frame.original_len, &[]).unwrap();
    }
    writer.finish().unwrap();
    for how in Cut::ALL {
        assert!(cut(&whole, &extract, how, &[]));
        let (before, after) = (read(&whole).0, read(&extract).0);
        assert_eq!(before[0].1.as_nanos(), -500_000_007);
        assert_eq!(before, after);
        let found = differences(&judged(&whole, folder.path()), &judged(&extract, folder.path()), &[]);
        assert!(found.is_empty(), "{how:?}: {found:#?}");
    }
}

/// A rotated set is one capture, and so is its extract.
#[test]
fn a_rotated_set_gives_the_extract_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let extract = folder.path().join("extract.pcapng");
    for name in ["f5-300s-client", "lvs-incident-200-flows", "silent-drop-client"] {
        let whole = recordings().into_iter().find(|(of, _)| of == name).unwrap().1;
        let parts = ["part0.pcap", "part1.pcap"].map(|part| folder.path().join(part));
        let half = read(&whole).0.len() / 2;
        let mut reader = Reader::open(&Input::Path(whole.clone())).unwrap();
        let mut writers =
            parts.each_ref().map(|part| PcapWriter::new(File::create(part).unwrap(), LinkType(1), 262_144).unwrap());
        while let Some(record) = reader.next_record().unwrap() {
            let part = usize::from(record.frame > half as u64);
            writers[part].packet(record.time, record.data, record.original_len).unwrap();
        }
        writers.into_iter().for_each(|writer| drop(writer.finish().unwrap()));
        assert!(cut_set(&parts, &extract, Cut::Anonymised, &[]));
        let differences = differences(&judged(&whole, folder.path()), &judged(&extract, folder.path()), &[]);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
    }
}
