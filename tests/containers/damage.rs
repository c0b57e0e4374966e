//! Cut, corrupt and hostile captures: read to the damage, never further, never with a panic.

use std::io::Cursor;

use idlegap::capture::{Error, Reader};
use proptest::prelude::*;

use crate::build::{Flavour, Ng, PLAIN, packets, pcap, pcapng};
use crate::{Drip, drain, open, read};

/// A small capture with the offsets at which its file header and each of its records end.
fn with_ends(whole: &dyn Fn(u32) -> Vec<u8>, count: u32) -> (Vec<u8>, Vec<usize>) {
    (whole(count), (0..=count).map(|n| whole(n).len()).collect())
}

#[test]
fn a_cut_at_any_byte_gives_the_whole_records_before_it() {
    let modified = Flavour { big: true, nano: false, modified: true };
    let variants: [&dyn Fn(u32) -> Vec<u8>; 4] = [
        &|n| pcap(PLAIN, 1, &packets(n)),
        &|n| pcap(modified, 1, &packets(n)),
        &|n| pcapng(false, 1, &packets(n)),
        &|n| pcapng(true, 1, &packets(n)),
    ];
    for whole in variants {
        let (bytes, ends) = with_ends(whole, 6);
        let all = read(bytes.clone()).0;
        assert_eq!(all.len(), 6);
        for cut in 0..=bytes.len() {
            let Ok(reader) = open(&bytes[..cut]) else {
                assert!(cut < 28, "refused though {cut} bytes are there");
                continue;
            };
            let (records, info) = drain(reader);
            let complete = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            assert_eq!(records, all[..complete], "cut at {cut}");
            let truncated = info.truncated;
            // A pcapng file may also end whole between the section header and the interface, at byte 28.
            assert_eq!(truncated.is_none(), ends.contains(&cut) || cut == 28 && whole(0).len() > 28, "cut at {cut}");
            if let Some(truncation) = truncated {
                assert_eq!(truncation.frame, complete as u64 + 1);
                assert!(truncation.offset < cut as u64 && truncation.reason.contains("ends inside"), "{truncation:?}");
                assert!(complete == 0 || truncation.offset == ends[complete] as u64, "{truncation:?}");
            }
        }
    }
}

#[test]
fn a_header_that_is_cut_is_named() {
    for (bytes, part) in [
        (&pcap(PLAIN, 1, &[])[..23], "pcap file that is cut inside its file header"),
        (&pcapng(false, 1, &[])[..27], "pcapng file with a damaged or cut section header"),
    ] {
        let Err(error) = open(bytes) else { panic!("{part}") };
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn lengths_that_cannot_be_end_the_reading() {
    let good = pcap(PLAIN, 1, &packets(3));
    let mut absurd = good.clone();
    absurd.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xef, 0xbe, 0xad, 0xde, 0xef, 0xbe, 0xad, 0xde]);
    absurd.extend([0; 100]);
    let (records, info) = read(absurd);
    let truncation = info.truncated.unwrap();
    assert_eq!((records.len(), truncation.offset, truncation.frame), (3, good.len() as u64, 4));
    assert!(truncation.reason.contains("3735928559 bytes"), "{}", truncation.reason);

    let begin = Ng::new(false).interface(1, 0, &[]).enhanced(0, 1, b"good", 4, &[]);
    let offset = begin.bytes.len() as u64;
    let mut differing = begin.clone().enhanced(0, 2, b"bad!", 4, &[]);
    *differing.bytes.last_mut().unwrap() = 1;
    let mut overlong = begin.clone().enhanced(0, 2, b"bad!", 4, &[]);
    overlong.bytes[offset as usize + 20] = 5;
    let mut short = begin.clone();
    short.bytes.extend([6, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0]);
    for (ng, reason) in [
        (differing, "lengths of a block differ"),
        (overlong, "claims 5 bytes, more than its block holds"),
        (short, "less than its own header"),
        (begin.clone().enhanced(3, 2, b"bad!", 4, &[]), "names interface 3, which is not described"),
        (begin.clone().block(6, b"tiny"), "too short"),
        (begin.clone().block(1, b"t"), "too short"),
        (begin.clone().block(0x0a0d_0d0a, &0x1a2b_3c4d_u32.to_le_bytes()), "too short"),
    ] {
        let (records, info) = read(ng.enhanced(0, 3, b"behind", 6, &[]).bytes);
        let truncation = info.truncated.unwrap();
        assert_eq!((records.len(), truncation.offset, truncation.frame), (1, offset, 2), "{reason}");
        assert!(truncation.reason.contains(reason), "{}", truncation.reason);
    }
}

#[test]
fn a_cut_or_damaged_compression_is_read_to_the_damage() {
    let plain = pcap(PLAIN, 1, &packets(4_000));
    let all = read(plain.clone()).0;
    for (name, whole) in crate::sources::compressed(&plain) {
        for part in [2, 3, 50] {
            let cut = whole.len() - whole.len() / part;
            let (records, info) = read(&whole[..cut]);
            assert_eq!(records, all[..records.len()], "{name}");
            // The packets compress evenly, so nearly the same part must come out as is there; a block may be lost.
            let bytes: usize = records.iter().map(|record| record.data.len() + 16).sum();
            let fair = plain.len() * cut / whole.len();
            assert!(bytes + (160 << 10) > fair, "{name}: {bytes} of about {fair} bytes");
            let reason = info.truncated.expect("the cut is told").reason;
            assert_eq!(reason, format!("the file ends inside the {name} data"));
        }
        // Its first bytes alone: an error that names the file and the compression.
        let error = open(&whole[..7]).err().expect("no capture in seven bytes").to_string();
        assert!(error.starts_with("test ") && error.contains(name), "{error}");
    }
}

/// The octets that a damaged or cut gzip stream still gives do not depend on how many are asked for, or come, at a time.
#[test]
fn everything_before_the_damage_of_a_gzip_stream_is_read() {
    let plain = pcap(PLAIN, 1, &packets(4_000));
    let (_, whole) = crate::sources::compressed(&plain).swap_remove(0);
    for (place, fault) in [(whole.len() / 3, 0x55), (whole.len() / 2, 0xff), (whole.len() - 100, 0x0f)] {
        let mut damaged = whole.clone();
        damaged[place] ^= fault;
        damaged[place + 1] ^= fault;
        for bytes in [damaged, whole[..place].to_vec()] {
            let (records, info) = read(bytes.clone());
            let reason = info.truncated.expect("the damage is told").reason;
            let dripped = Reader::from_source("drip".to_owned(), Drip { bytes: Cursor::new(bytes), step: 1 }, None);
            let (slowly, info) = drain(dripped.unwrap());
            assert_eq!(info.truncated.expect("the damage is told").reason, reason);
            assert_eq!(slowly.len(), records.len(), "{reason}");
            assert_eq!(slowly, records);
            // As far as the octets before the damage go: the packets compress evenly.
            let read: usize = records.iter().map(|record| record.data.len() + 16).sum();
            let fair = plain.len() * place / whole.len();
            assert!(read + (64 << 10) > fair, "{read} of about {fair} octets: {reason}");
        }
    }
}

/// Found by the fuzzer: the decompressor gave other words for the same damage where it met it in a later call.
#[test]
fn damage_at_the_very_beginning_of_a_gzip_stream_is_told_in_the_same_words() {
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
    let damaged = [0xba, 0x72, 0x78, 0xd3, 0x42, 0x26, 0x06, 0x16, 0x0d, 0x38, 0x60, 0x04, 0x2c, 0x06, 0xf5, 0x63];
    let bytes = [&head[..], &damaged, &[0; 4]].concat();
    let told = |step| {
        let source = Drip { bytes: Cursor::new(bytes.clone()), step };
        Reader::from_source("drip".to_owned(), source, None).err().expect("nothing of a capture").to_string()
    };
    assert_eq!(told(1), told(1_000));
    assert!(told(1).contains("damaged"), "{}", told(1));
}

#[test]
fn a_failing_source_is_an_error_and_names_the_file() {
    struct Failing(bool);
    impl std::io::Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            if self.0 {
                return Err(std::io::Error::other("the disk is on fire"));
            }
            self.0 = true;
            let bytes = pcap(PLAIN, 1, &packets(3));
            buf[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let mut reader = Reader::from_source("disk.pcap".to_owned(), Failing(false), None).unwrap();
    for _ in 0..3 {
        assert!(reader.next_record().unwrap().is_some());
    }
    let error = reader.next_record().err().unwrap();
    assert!(matches!(error, Error::Read { .. }));
    assert_eq!(error.to_string(), "cannot read disk.pcap: the disk is on fire");
    assert!(Reader::from_source("x".to_owned(), Failing(true), None).is_err());
}

/// Reads whatever it is; what comes out can only be what went in.
fn survive(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(mut reader) = open(bytes) {
        let mut total = 0;
        while let Some(record) = reader.next_record().unwrap() {
            total += record.data.len() + 1;
        }
        if reader.info().format.compression.is_none() {
            prop_assert!(total <= bytes.len());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        survive(&bytes)?;
    }

    #[test]
    fn any_bytes_behind_a_file_header(which in 0..3_usize, tail in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let header = [pcap(PLAIN, 1, &[]), pcapng(false, 1, &[]), pcapng(true, 1, &[])][which].clone();
        survive(&[header, tail].concat())?;
    }

    /// Of gzip and zstd, what comes out before some damage depends on the damage alone.
    #[test]
    fn damage_is_met_at_the_same_record_from_a_slow_pipe(
        which in 0..2_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        step in 1..200_usize,
    ) {
        let mut bytes = crate::sources::compressed(&pcap(PLAIN, 1, &packets(60))).swap_remove(which).1;
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let told = |reader: Result<Reader, Error>| match reader {
            Ok(reader) => {
                let (records, info) = drain(reader);
                (records, info.truncated.map_or("the end".to_owned(), |cut| cut.reason))
            }
            Err(error) => (Vec::new(), error.to_string()),
        };
        let at_once = told(open(bytes.clone()));
        let slowly = told(Reader::from_source("test".to_owned(), Drip { bytes: Cursor::new(bytes), step }, None));
        prop_assert_eq!(at_once, slowly);
    }

    #[test]
    fn a_capture_with_some_bytes_changed(
        which in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let plain = pcapng(false, 1, &packets(12));
        let mut bytes = match which {
            0 => pcap(PLAIN, 1, &packets(12)),
            1 => plain,
            2 => pcapng(true, 1, &packets(12)),
            _ => crate::sources::compressed(&plain).swap_remove(which - 3).1,
        };
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        survive(&bytes)?;
    }
}
