//! Where the bytes come from: compressed, slow, in several files, or no capture at all.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use idlegap::capture::{Error, Filter, Input, Reader, Timelines, plan};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::build::{Flavour, Ng, PLAIN, Packet, packets, pcap, pcapng};
use crate::{Drip, drain, has, open, read};

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    (!bytes.iter().fold(u32::MAX, step)).to_le_bytes()
}

fn with_crc32(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32(&bytes));
    bytes
}

/// A number in the variable-length form of the .xz format.
fn variable(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// An .xz stream of one block whose LZMA2 chunks are stored as they are.
fn xz_stored(plain: &[u8]) -> Vec<u8> {
    let mut stream = b"\xfd7zXZ\0".to_vec();
    stream.extend(with_crc32_of(&[0, 0]));
    let header = with_crc32(vec![2, 0, 0x21, 1, 8, 0, 0, 0]);
    let mut chunks = Vec::new();
    for (i, chunk) in plain.chunks(60_000).enumerate() {
        chunks.push(if i == 0 { 1 } else { 2 });
        chunks.extend((chunk.len() as u16 - 1).to_be_bytes());
        chunks.extend(chunk);
    }
    chunks.push(0);
    let unpadded = header.len() + chunks.len();
    stream.extend(header);
    stream.extend(chunks);
    stream.resize(stream.len().next_multiple_of(4), 0);
    let mut index = vec![0, 1];
    index.extend(variable(unpadded));
    index.extend(variable(plain.len()));
    index.resize(index.len().next_multiple_of(4), 0);
    let index = with_crc32(index);
    let mut footer = (index.len() as u32 / 4 - 1).to_le_bytes().to_vec();
    footer.extend([0, 0]);
    stream.extend(index);
    stream.extend(crc32(&footer));
    stream.extend(footer);
    stream.extend(b"YZ");
    stream
}

fn with_crc32_of(bytes: &[u8]) -> Vec<u8> {
    with_crc32(bytes.to_vec())
}

/// The same bytes in every compression, with its name.
pub(crate) fn compressed(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain).unwrap();
    let blocks = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Linked).content_checksum(true);
    let mut lz4 = FrameEncoder::with_frame_info(blocks, Vec::new());
    lz4.write_all(plain).unwrap();
    vec![
        ("gzip", gzip.finish().unwrap()),
        ("zstd", compress_to_vec(plain, CompressionLevel::Fastest)),
        ("lz4", lz4.finish().unwrap()),
        ("xz", xz_stored(plain)),
    ]
}

#[test]
fn compressed_is_what_plain_is() {
    let plain = pcapng(false, 1, &packets(3_000));
    let expected = read(plain.clone()).0;
    for (name, bytes) in compressed(&plain) {
        let (records, info) = read(bytes);
        assert_eq!(records, expected, "{name}");
        assert_eq!(info.format.to_string(), format!("pcapng, {name}"));
        assert_eq!(info.truncated, None);
    }
}

#[test]
fn compressed_pieces_one_after_the_other() {
    let plain = pcap(PLAIN, 1, &packets(3_000));
    let expected = read(plain.clone()).0;
    let (head, tail) = plain.split_at(plain.len() / 3 + 1);
    let pieces = compressed(head).into_iter().zip(compressed(tail));
    for ((name, head), (_, tail)) in pieces {
        let joined = [head, tail].concat();
        assert_eq!(read(joined).0, expected, "{name}");
    }
    // A skippable frame of three bytes before, between and after.
    let skippable = b"\x51\x2a\x4d\x18\x03\0\0\0abc";
    let frames: Vec<Vec<u8>> = [head, tail].map(|part| compressed(part).swap_remove(1).1).into();
    let joined = [skippable, &frames[0][..], skippable, &frames[1], skippable].concat();
    let (records, info) = read(joined);
    assert_eq!((records, info.truncated), (expected, None));
}

#[test]
fn a_wrong_zstd_checksum_is_told() {
    let plain = pcap(PLAIN, 1, &packets(10));
    let mut bytes = compressed(&plain).swap_remove(1).1;
    *bytes.last_mut().unwrap() ^= 1;
    let (records, info) = read(bytes);
    assert_eq!(records.len(), 10);
    assert!(info.truncated.unwrap().reason.contains("checksum"));
}

#[test]
fn a_slow_pipe_is_what_a_file_is() {
    let mixed =
        Ng::new(true).interface(1, 0, &[]).simple(b"a", 1).block(0x4242, &[7; 5_000]).enhanced(0, 1, b"b", 1, &[]);
    let plain = [pcap(PLAIN, 1, &packets(50)), pcapng(true, 1, &packets(50)), mixed.bytes];
    for bytes in plain.iter().flat_map(|plain| [compressed(plain), vec![("plain", plain.clone())]].concat()) {
        let (name, bytes) = bytes;
        let expected = read(bytes.clone()).0;
        for step in [1, 7, 1_000] {
            let drip = Drip { bytes: Cursor::new(bytes.clone()), step };
            let reader = Reader::from_source("drip".to_owned(), drip, None).unwrap();
            assert_eq!(drain(reader).0, expected, "{name} by {step}");
        }
    }
}

#[test]
fn what_the_usual_programs_compress_can_be_read() {
    let plain = pcapng(false, 1, &packets(5_000));
    let expected = read(plain.clone()).0;
    for (program, arguments) in [
        ("gzip", &["-9"][..]),
        ("zstd", &["-3"]),
        ("zstd", &["-19", "--check"]),
        ("xz", &["-0"]),
        ("xz", &["-9", "--check=sha256"]),
        ("lz4", &["-1"]),
        ("lz4", &["-9", "-BD", "--content-size"]),
    ] {
        if !has(program) {
            continue;
        }
        let mut child = Command::new(program)
            .args(arguments)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = plain.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
        let bytes = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap();
        let (records, info) = read(bytes);
        assert_eq!((records.len(), info.truncated), (expected.len(), None), "{program} {arguments:?}");
        assert_eq!(records, expected, "{program} {arguments:?}");
    }
}

#[test]
fn what_is_no_capture_is_named_with_what_is_supported() {
    for (bytes, found) in [
        (&b""[..], "an empty file"),
        (b"x", "a text file"),
        (b"<!doctype html><html>", "an HTML page"),
        (b"\x7fELF\x02\x01\x01\0\0", "an ELF program"),
        (b"\xd0\x0d\xfe\xed\0\0\0\0", "a file of unknown kind that begins with d0 0d fe ed"),
    ] {
        let error = open(bytes).err().unwrap().to_string();
        assert!(error.contains(found) && error.starts_with("test is not a capture"), "{error}");
        assert!(error.contains("pcap and pcapng, plain or compressed with gzip, zstd, lz4 or xz"), "{error}");
    }
    let text = b"12:00:00.000000 IP 10.0.0.1.80 > 10.0.0.2.4242: Flags [R]\n".repeat(20);
    for (name, bytes) in compressed(&text) {
        let error = open(bytes).err().unwrap().to_string();
        assert!(error.contains(&format!("{name} data that hold a text file")), "{error}");
    }
}

/// A directory with the files of one test.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, bytes: &[u8]) -> Input {
        fs::write(self.path(name), bytes).unwrap();
        Input::Path(self.path(name))
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named_with_the_reason() {
    let files = Files::new();
    let missing = Input::Path(files.path("missing.pcap"));
    let error = Reader::open(&missing).err().unwrap().to_string();
    assert!(error.starts_with("cannot open ") && error.contains("missing.pcap: No such file"), "{error}");
    let error = Reader::open(&Input::Path(files.0.path().into())).err().unwrap().to_string();
    assert!(error.contains("it is a directory"), "{error}");
}

#[test]
fn progress_is_counted_in_bytes_of_the_stored_file() {
    let files = Files::new();
    for (name, bytes) in compressed(&pcap(PLAIN, 1, &packets(500))) {
        let mut reader = Reader::open(&files.add(name, &bytes)).unwrap();
        assert_eq!(reader.progress().total, Some(bytes.len() as u64));
        while reader.next_record().unwrap().is_some() {}
        assert_eq!(reader.progress().read, bytes.len() as u64, "{name}");
    }
}

#[test]
fn readers_and_filters_can_move_to_another_thread() {
    fn can_move<T: Send>() {}
    can_move::<Reader>();
    can_move::<Filter>();
}

fn capture_between(first: u32, last: u32) -> Vec<u8> {
    let packet = |secs| Packet { secs, nanos: 0, data: vec![secs as u8], original_len: 1 };
    pcap(PLAIN, 1, &(first..=last).map(packet).collect::<Vec<_>>())
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn several_files_are_read_in_order_of_their_first_records() {
    let files = Files::new();
    let inputs = [
        files.add("east_2.pcap", &capture_between(200, 300)),
        files.add("west_1.pcap", &capture_between(150, 250)),
        files.add("empty.pcap", &capture_between(1, 0)),
        files.add("east_1.pcap", &compressed(&capture_between(100, 200))[0].1),
        files.add("west_2.pcap", &pcap(Flavour { big: true, nano: true, modified: false }, 113, &packets(3))),
    ];
    let mut timelines = Timelines::default();
    let mut seen = Vec::new();
    for file in plan(&inputs).unwrap() {
        let Input::Path(path) = file.input.clone() else { panic!() };
        let timeline = timelines.place(&file.input, file.first_time);
        let argument = file.argument;
        let (records, info) = drain(file.open().unwrap());
        assert_eq!(records.first().map(|record| record.frame), (info.packets > 0).then_some(1));
        timelines.finish(timeline, &Input::Path(path.clone()), info.first_time.zip(info.last_time));
        seen.push((name(&path).to_owned(), argument, info.packets, timeline));
    }
    let expected = [
        ("east_1.pcap", 3, 101, 0),
        ("west_1.pcap", 1, 101, 1),
        ("east_2.pcap", 0, 101, 0),
        ("west_2.pcap", 4, 3, 1),
        ("empty.pcap", 2, 0, 1),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, argument, packets, timeline)| (name.to_owned(), argument, packets, timeline))
    );
    assert_eq!(timelines.len(), 2);
}

#[cfg(unix)]
#[test]
fn a_file_named_twice_is_refused() {
    let files = Files::new();
    let first = files.add("a.pcap", &capture_between(1, 2));
    let other = files.add("b.pcap", &capture_between(3, 4));
    std::os::unix::fs::symlink(files.path("a.pcap"), files.path("link.pcap")).unwrap();
    let link = Input::Path(files.path("link.pcap"));
    assert!(matches!(plan(&[first, other, link]), Err(Error::SameFile { .. })));
    assert!(matches!(plan(&[Input::Stdin, Input::Stdin]), Err(Error::SameFile { .. })));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_opened_once() {
    let files = Files::new();
    let pipe = files.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let target = pipe.clone();
    let writer = std::thread::spawn(move || fs::write(target, capture_between(10, 20)).unwrap());
    let late = files.add("late.pcap", &capture_between(30, 31));
    let planned = plan(&[late, Input::Path(pipe)]).unwrap();
    let counts: Vec<u64> = planned.into_iter().map(|file| drain(file.open().unwrap()).1.packets).collect();
    assert_eq!(counts, [11, 2]);
    writer.join().unwrap();
}
