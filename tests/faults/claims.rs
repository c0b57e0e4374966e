//! Files that claim more than there is: lengths, dictionaries, windows, numbers of interfaces.

use std::io::Write;

use crate::child::{Ended, feed, run};
use crate::samples;
use crate::stream;
use crate::{MEMORY, has};

/// The largest record that is believed, in bytes.
const LARGEST: u32 = 64 << 20;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn small(ended: &Ended, what: &str) {
    assert!(ended.peak < MEMORY, "{what}: {} MiB", ended.peak >> 20);
    assert!(matches!(ended.code, Some(0 | 2)), "{what}: {:?} {}", ended.code, ended.stderr);
}

/// A record that claims much and brings little, or much.
#[test]
fn lengths_of_records() {
    for claimed in [LARGEST, LARGEST + 1, u32::MAX] {
        let head = [stream::header(), words(&[1, 0, claimed, claimed])].concat();
        let ended = run(&["--format", "json", "-"], &[&head[..], &[0; 100]].concat());
        small(&ended, "a record that is not there");
        assert_eq!(ended.json()["captures"][0]["packets"].as_u64(), Some(0), "{claimed}");
        assert_eq!(ended.json()["captures"][0]["truncated"], true, "{claimed}");
    }
    let ended = feed(&["--format", "json", "-"], |pipe| {
        pipe.write_all(&stream::header())?;
        for second in 0..3 {
            pipe.write_all(&words(&[second, 0, LARGEST, LARGEST]))?;
            (0..LARGEST >> 20).try_for_each(|_| pipe.write_all(&[0; 1 << 20]))?;
        }
        Ok(())
    });
    ended.holds("three records of 64 MiB");
    assert_eq!(ended.json()["captures"][0]["packets"].as_u64(), Some(3));
}

/// The length on the wire is claimed by the record, that of the segment by its IP header; neither is allocated.
#[test]
fn original_lengths() {
    for (at, value) in [(8, u32::MAX), (12, u32::MAX), (12, 0), (12, 1)] {
        let mut bytes = samples::pcap();
        bytes[24 + at..28 + at].copy_from_slice(&value.to_le_bytes());
        small(&run(&["--format", "json", "-"], &bytes), "an original length");
    }
}

/// A section may describe 65,536 interfaces, and a file may have any number of sections.
#[test]
fn interfaces_and_sections() {
    let section = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    let name = [b'n'; 60_000];
    // Option 2 is the name.
    let long = [&words(&[1, 60_028, 1, 0, 60_000 << 16 | 2])[..], &name, &words(&[0, 60_028])].concat();
    let short = words(&[1, 20, 1, 0, 20]);
    let ended = feed(&["--format", "json", "-"], |pipe| {
        for _ in 0..4 {
            pipe.write_all(&section)?;
            (0..1_000).try_for_each(|_| pipe.write_all(&long))?;
            (0..60_000).try_for_each(|_| pipe.write_all(&short))?;
        }
        Ok(())
    });
    ended.holds("244,000 interfaces, 4,000 of them with long names");
    assert_eq!(ended.json()["captures"][0]["truncated"], false);
    let ended = feed(&["-"], |pipe| {
        pipe.write_all(&section)?;
        (0..200_000).try_for_each(|_| pipe.write_all(&short))
    });
    small(&ended, "too many interfaces");
    assert!(ended.stderr.contains("more than 65536 interfaces"), "{}", ended.stderr);
}

/// Zstandard frames state their window, up to 3.75 TiB.
#[test]
fn windows_of_zstd() {
    // Magic number, nothing in the frame header but the window; a raw block that begins a capture; then blocks of
    // 128 KiB of zeros that take four bytes each.
    for (window, mebibytes) in [(0x80, 64), (0x84, 96), (0x88, 128), (0xff, 3_932_160)] {
        let begin = [stream::header(), words(&[0, 0, LARGEST, LARGEST])].concat();
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
        frame.extend(&(begin.len() as u32 * 8).to_le_bytes()[..3]);
        frame.extend(begin);
        let ended = feed(&["-"], |pipe| {
            pipe.write_all(&frame)?;
            (0..8_192).try_for_each(|_| pipe.write_all(&[2, 0, 0x10, 0]))
        });
        small(&ended, &format!("a window of {mebibytes} MiB"));
        assert_eq!(ended.code == Some(0), mebibytes <= 64, "{mebibytes}: {}", ended.stderr);
    }
}

/// LZ4 frames state the length of their content.
#[test]
fn content_of_lz4() {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
    let info = FrameInfo::new().content_size(Some(1 << 62)).block_size(BlockSize::Max4MB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(&samples::pcap()).unwrap();
    encoder.flush().unwrap();
    let ended = run(&["--format", "json", "-"], encoder.get_ref());
    small(&ended, "a content of 4 EiB");
    assert_eq!(ended.json()["captures"][0]["packets"].as_u64(), Some(10));
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    (!bytes.iter().fold(u32::MAX, step)).to_le_bytes()
}

/// The header of an xz block states its dictionary, up to 4 GiB (the .xz file format, 5.3.1).
#[test]
fn dictionaries_of_xz() {
    if !has("xz") {
        return;
    }
    for (code, is_read) in [(18, true), (30, true), (31, false), (40, false)] {
        let mut bytes = samples::xz(&samples::pcap()).unwrap();
        // Behind the stream header of twelve bytes: size, flags, LZMA2, one property.
        let length = (usize::from(bytes[12]) + 1) * 4;
        let at = 12 + bytes[12..].windows(2).position(|pair| pair == [0x21, 1]).unwrap() + 2;
        bytes[at] = code;
        let crc = crc32(&bytes[12..12 + length - 4]);
        bytes[12 + length - 4..12 + length].copy_from_slice(&crc);
        let ended = run(&["-"], &bytes);
        small(&ended, "a dictionary");
        assert_eq!(ended.code == Some(0), is_read, "{code}: {}", ended.stderr);
    }
}
