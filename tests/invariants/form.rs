//! How a conversation was captured and kept does not matter, beyond what is lost.

use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};

use flate2::write::GzEncoder;
use idlegap::capture::{InterfaceOptions, PcapWriter, PcapngWriter, Reader, SectionOptions};
use idlegap::flow::{FrameId, SegmentKind};
use idlegap::script::Script;
use idlegap::time::Span;
use lz4_flex::frame::FrameEncoder;
use proptest::prelude::*;
use proptest::sample::Index;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::conversation::conversation;
use crate::observe::{Observer, Outcome};
use crate::packets::{LINK, Packet, analyse, end_mark, end_of, packets, record};
use crate::story::{Names, Tale, tales};
use crate::{by_port, config, same, same_lines, told};

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn vlan_tags(talk in conversation(1), tags in prop::collection::vec(0..0xfff_u16, 1..3)) {
        let before = packets(&talk.0);
        let tagged: Vec<Packet> = before.iter().map(|packet| tag(packet, &tags)).collect();
        same(&told(&analyse(&before)), &told(&analyse(&tagged)))?;
    }

    /// Only one octet that may be a garbage one needs its payload to be judged (rule 5).
    #[test]
    fn headers_only(talk in conversation(1)) {
        let whole = packets(&talk.0);
        let cut: Vec<Packet> = whole.iter().map(headers).collect();
        let (before, after) = (told(&analyse(&whole)), told(&analyse(&cut)));
        prop_assert_eq!(before.len(), after.len());
        for (one, other) in before.iter().zip(&after) {
            prop_assert_eq!(&one.ends, &other.ends);
            if looks_alike(&talk.0, one, other)? {
                continue;
            }
            same_lines(&one.facts, &other.facts)?;
            less_certain(&one.verdict, &other.verdict)?;
        }
    }

    #[test]
    fn containers_and_sources(talk in conversation(1)) {
        let packets = packets(&talk.0);
        let told_of = |bytes: Vec<u8>| read(Cursor::new(bytes)).map(|outcome| told(&outcome));
        let before = told(&analyse(&packets));
        let (pcap, pcapng) = (pcap(&packets), pcapng(&packets));
        for bytes in [gzip(&pcap), compress_to_vec(pcapng.as_slice(), CompressionLevel::Fastest), lz4(&pcap)] {
            same(&before, &told_of(bytes)?)?;
        }
        for bytes in [pcap, pcapng] {
            same(&before, &told(&read(Drip(Cursor::new(bytes.clone())))?))?;
            same(&before, &told_of(bytes)?)?;
        }
    }

    #[test]
    fn several_files(talk in conversation(1), cuts in prop::collection::vec(any::<Index>(), 1..4)) {
        let packets = packets(&talk.0);
        let mut starts: Vec<usize> = cuts.iter().map(|cut| cut.index(packets.len() + 1)).collect();
        starts.push(0);
        starts.sort_unstable();
        let mut observer = Observer::new();
        for (file, start) in (0..).zip(&starts) {
            let end = starts.get(file as usize + 1).copied().unwrap_or(packets.len());
            observer.begin_file(file);
            for (frame, packet) in (1..).zip(&packets[*start..end]) {
                observer.push(&record(packet, frame));
            }
        }
        let number = |frame: FrameId| starts[frame.file as usize] as u64 + u64::from(frame.number);
        let split = tales(&observer.finish(), &Names { end: &by_port, frame: &number });
        same(&told(&analyse(&packets)), &split)?;
    }

    /// A mirror port that sees both directions shows every frame twice.
    #[test]
    fn every_frame_twice(talk in conversation(1), delays in prop::collection::vec(0..1_000_i64, 1..9)) {
        let mut once = packets(&talk.0);
        let end = end_mark(end_of(&once, Span::from_secs(1)));
        let mut twice: Vec<(u64, bool, Packet)> = Vec::new();
        for ((frame, packet), delay) in (1..).zip(&once).zip(delays.iter().cycle()) {
            let soon = packet.time.plus(Span::from_millis(1));
            let meets_syn = once.iter().any(|other| is_syn(other) && other.time > packet.time && other.time <= soon);
            let late = has_identification(packet) && !meets_syn;
            let delay = if late { Span::from_micros(*delay) } else { Span::ZERO };
            twice.push((frame, false, packet.clone()));
            twice.push((frame, true, Packet { time: packet.time.plus(delay), ..packet.clone() }));
        }
        // Frames stay in the order of their times, and a copy comes after its original.
        twice.sort_by_key(|(_, _, packet)| packet.time);
        once.push(end.clone());
        twice.push((once.len() as u64, false, end));
        let mut all: Vec<Packet> = Vec::new();
        twice.iter().for_each(|(_, _, packet)| all.push(packet.clone()));
        let (before, mut after) = (analyse(&once), analyse(&all));
        let copies = before.labels.len() as u64;
        prop_assert_eq!(after.analysis.accounts[0].duplicates, before.analysis.accounts[0].duplicates + copies);
        let is_copy = |frame: FrameId| twice[frame.number as usize - 1].1;
        for (frame, label) in &after.labels {
            if is_copy(*frame) {
                prop_assert_eq!(label.kind, SegmentKind::DuplicateFrame, "frame {}", frame.number);
            }
        }
        after.labels.retain(|frame, _| !is_copy(*frame));
        let number = |frame: FrameId| twice[frame.number as usize - 1].0;
        let after = tales(&after, &Names { end: &by_port, frame: &number });
        same(&without_copies(told(&before)), &without_copies(after))?;
    }
}

/// One compressor has no library here; the format is tested elsewhere.
#[test]
fn xz() {
    let script = Script::parse("flow 10.1.0.1:40000 > 10.1.0.2:80\n0 > S 0:0(0)\n+.1 < S. 0:0(0) ack 1\n+9 > R 1:1(0)");
    let packets = packets(&script.expect("a script"));
    let child = Command::new("xz").args(["-c", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        println!("skipped: xz is not installed");
        return;
    };
    child.stdin.take().expect("a pipe").write_all(&pcap(&packets)).expect("a pipe that takes");
    let bytes = child.wait_with_output().expect("xz ends").stdout;
    let outcome = read(Cursor::new(bytes)).expect("a capture");
    same(&told(&analyse(&packets)), &told(&outcome)).expect("the same tale");
}

/// Copies stand in the counters alone.
fn without_copies(mut tales: Vec<Tale>) -> Vec<Tale> {
    let strip = |line: &mut String| {
        if let Some((head, tail)) = line.split_once("duplicates: ") {
            let rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
            *line = format!("{head}duplicates: _{rest}");
        }
    };
    tales.iter_mut().flat_map(|tale| &mut tale.facts).for_each(strip);
    tales
}

/// Whether a copy at another time can be told from another transmission: IPv4 with an identification that is not 0.
fn has_identification(packet: &Packet) -> bool {
    packet.bytes[12..14] == [8, 0] && packet.bytes[18..20] != [0, 0]
}

/// Whether the segment may open another flow between the same ends, to which a copy behind it would belong.
fn is_syn(packet: &Packet) -> bool {
    packet.bytes[12..14] == [8, 0] && packet.bytes[47] & 2 != 0
}

fn tag(packet: &Packet, tags: &[u16]) -> Packet {
    let mut bytes = packet.bytes[..12].to_vec();
    for tag in tags {
        bytes.extend([0x81, 0]);
        bytes.extend(tag.to_be_bytes());
    }
    bytes.extend(&packet.bytes[12..]);
    let more = 4 * tags.len();
    Packet { bytes, original_len: packet.original_len + more as u32, header_len: packet.header_len + more, ..*packet }
}

fn headers(packet: &Packet) -> Packet {
    Packet { bytes: packet.bytes[..packet.header_len].to_vec(), ..packet.clone() }
}

/// Whether a one-octet segment is judged in another way; everything before it must be judged alike.
fn looks_alike(script: &Script, before: &Tale, after: &Tale) -> Result<bool, TestCaseError> {
    let frames = script.frames();
    for (one, other) in before.segments.iter().zip(&after.segments) {
        if one != other {
            let number: usize = one.split(' ').next().and_then(|word| word.parse().ok()).expect("a frame number");
            let segment = frames[number - 1].segment;
            prop_assert_eq!(segment.map(|(_, segment)| segment.payload_len), Some(1), "{} became {}", one, other);
            return Ok(true);
        }
    }
    prop_assert_eq!(before.segments.len(), after.segments.len());
    Ok(false)
}

fn less_certain(before: &[String], after: &[String]) -> Result<(), TestCaseError> {
    const RISING: [&str; 3] = ["possible", "likely", "certain"];
    if before[0] == "idle-close" && after[0] == "graceful" {
        return Ok(());
    }
    prop_assert_eq!(&before[0], &after[0]);
    let rank = |word: &str| RISING.iter().position(|known| *known == word);
    prop_assert!(rank(&after[1]) <= rank(&before[1]), "{:?} became {:?}", before, after);
    same_lines(&before[2..4], &after[2..4])
}

fn read(source: impl Read + Send + 'static) -> Result<Outcome, TestCaseError> {
    let fail = |error: idlegap::capture::Error| TestCaseError::fail(error.to_string());
    let mut reader = Reader::from_source("test".to_owned(), source, None).map_err(fail)?;
    let mut observer = Observer::new();
    while let Some(record) = reader.next_record().map_err(fail)? {
        observer.push(&record);
    }
    prop_assert!(reader.info().truncated.is_none());
    Ok(observer.finish())
}

/// A source that gives one byte at a time.
struct Drip<R>(R);

impl<R: Read> Read for Drip<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = buf.len().min(1);
        self.0.read(&mut buf[..len])
    }
}

pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LINK, 262_144).expect("memory takes");
    for packet in packets {
        writer.packet(packet.time, &packet.bytes, packet.original_len).expect("a time in range");
    }
    writer.finish().expect("memory takes")
}

pub(crate) fn pcapng(packets: &[Packet]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), &SectionOptions::default()).expect("memory takes");
    let options = InterfaceOptions { link: LINK, snaplen: 0, name: Some("tap0"), filter: None, comments: &["a test"] };
    let interface = writer.interface(&options).expect("memory takes");
    for packet in packets {
        writer.packet(interface, packet.time, &packet.bytes, packet.original_len, &[]).expect("a time in range");
    }
    writer.finish().expect("memory takes")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes");
    encoder.finish().expect("memory takes")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("memory takes");
    encoder.finish().expect("memory takes")
}
