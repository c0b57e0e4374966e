//! The same bytes read by others: pcap-parser, libpcap and tshark.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapReader, OptionCode, PcapBlockOwned, PcapError, PcapNGSlice,
};

use idlegap::time::Timestamp;

use crate::build::{Flavour, Ng, packets, pcap};
use crate::{Owned, has, read};

const FLAVOURS: [Flavour; 4] = [
    Flavour { big: false, nano: false, modified: false },
    Flavour { big: true, nano: false, modified: false },
    Flavour { big: false, nano: true, modified: false },
    Flavour { big: true, nano: true, modified: false },
];

/// Time, bytes and original length.
type Brief = (i64, Vec<u8>, u32);

fn brief(records: Vec<Owned>) -> Vec<Brief> {
    records.into_iter().map(|record| (record.nanos, record.data, record.original_len)).collect()
}

fn pcap_parser_reads(bytes: Vec<u8>, nanos_per_tick: i64) -> Vec<Brief> {
    let mut reader = LegacyPcapReader::new(1 << 16, Cursor::new(bytes)).unwrap();
    let mut records = Vec::new();
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                if let PcapBlockOwned::Legacy(block) = block {
                    let nanos = i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * nanos_per_tick;
                    records.push((nanos, block.data.to_vec(), block.origlen));
                }
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return records,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn pcap_parser_agrees_on_pcap() {
    for flavour in FLAVOURS {
        let bytes = pcap(flavour, 1, &packets(60));
        let expected = pcap_parser_reads(bytes.clone(), if flavour.nano { 1 } else { 1_000 });
        assert_eq!(brief(read(bytes).0), expected, "{flavour:?}");
    }
}

#[test]
fn pcap_parser_agrees_on_pcapng() {
    for big in [false, true] {
        let bytes = mixed(big);
        // The first section has the byte order asked for, the second the other one.
        let mut section_is_big = !big;
        let mut interfaces = Vec::new();
        let mut expected: Vec<Brief> = Vec::new();
        for block in PcapNGSlice::from_slice(&bytes).unwrap() {
            match block.unwrap() {
                PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                    section_is_big = !section_is_big;
                    interfaces.clear();
                }
                PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                    interfaces.push((block.if_tsresol, offset_of(&block, section_is_big)));
                }
                PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                    let (resolution, offset) = interfaces[block.if_id as usize];
                    let ticks = i128::from(block.ts_high) << 32 | i128::from(block.ts_low);
                    let per_second = match resolution {
                        power @ 0x80.. => 1_i128 << (power & 0x7f),
                        power => 10_i128.pow(power.into()),
                    };
                    let nanos = ticks * 1_000_000_000 / per_second + i128::from(offset) * 1_000_000_000;
                    expected.push((nanos as i64, block.packet_data().to_vec(), block.origlen));
                }
                _ => {}
            }
        }
        assert_eq!(expected.len(), 40);
        assert!(brief(read(bytes).0) == expected);
    }
}

/// The time offset of an interface. pcap-parser's own field reads it as little-endian in every section.
fn offset_of(block: &InterfaceDescriptionBlock<'_>, big: bool) -> i64 {
    let option = block.options.iter().find(|option| option.code == OptionCode::IfTsoffset);
    let value: Option<[u8; 8]> = option.map(|option| option.value[..8].try_into().unwrap());
    value.map_or(0, |bytes| if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) })
}

/// Two sections, three clocks, blocks between the packets.
fn mixed(big: bool) -> Vec<u8> {
    let offset = Ng { big, bytes: Vec::new() }.n64(1_699_999_000);
    let negative = Ng { big: !big, bytes: Vec::new() }.n64((-3_600_i64) as u64);
    let begin = Ng::new(big).interface(1, 0, &[(2, b"lan"), (9, &[9])]).interface(
        1,
        262_144,
        &[(9, &[0x80 | 20]), (14, &offset)],
    );
    let first = packets(20).iter().enumerate().fold(begin, |ng, (i, packet)| {
        let ticks = if i % 2 == 0 { packet.time() as u64 } else { (1_000 + i as u64) << 20 | 12_345 };
        ng.enhanced(i as u32 % 2, ticks, &packet.data, packet.original_len, &[(1, b"comment")])
    });
    let second = first
        .statistics(0, &[(4, 20)])
        .section(!big, u64::MAX, &[(4, b"test")])
        .block(0x4242, b"skipped")
        .interface(1, 0, &[(9, &[7]), (14, &negative)]);
    let whole = packets(20)
        .iter()
        .fold(second, |ng, packet| ng.enhanced(0, packet.time() as u64 / 100, &packet.data, packet.original_len, &[]));
    whole.bytes
}

#[cfg(feature = "live")]
#[test]
fn libpcap_agrees_where_it_can_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let mut captures: Vec<Vec<u8>> = FLAVOURS.map(|flavour| pcap(flavour, 1, &packets(60))).into();
    captures.push(pcap(Flavour { big: false, nano: false, modified: true }, 1, &packets(60)));
    captures.push(pcap(Flavour { big: true, nano: false, modified: true }, 1, &packets(60)));
    captures.push(crate::build::pcapng(false, 1, &packets(60)));
    captures.push(crate::build::pcapng(true, 1, &packets(60)));
    for bytes in captures {
        std::fs::write(&path, &bytes).unwrap();
        let mut libpcap = pcap::Capture::from_file_with_precision(&path, pcap::Precision::Nano).unwrap();
        let mut expected = Vec::new();
        while let Ok(packet) = libpcap.next_packet() {
            let time = packet.header.ts;
            expected.push((time.tv_sec * 1_000_000_000 + time.tv_usec, packet.data.to_vec(), packet.header.len));
        }
        assert_eq!(expected.len(), 60);
        assert_eq!(brief(read(bytes).0), expected);
    }
}

/// One line per frame as tshark has it: number, time, captured length, length.
fn tshark_reads(path: &Path) -> String {
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields"])
        .args(["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len"].map(|field| format!("-e{field}")))
        .arg("-r")
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn lines(records: &[Owned]) -> String {
    let line = |record: &Owned| {
        let (secs, nanos) = (record.nanos.div_euclid(1_000_000_000), record.nanos.rem_euclid(1_000_000_000));
        format!("{}\t{secs}.{nanos:09}\t{}\t{}\n", record.frame, record.data.len(), record.original_len)
    };
    records.iter().map(line).collect()
}

#[test]
fn tshark_agrees_on_frame_numbers_times_and_lengths() {
    if !has("tshark") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let mut captures: Vec<Vec<u8>> = FLAVOURS.map(|flavour| pcap(flavour, 1, &packets(60))).into();
    captures.extend([mixed(false), mixed(true)]);
    let cut = mixed(false);
    captures.push(cut[..cut.len() - 21].to_vec());
    let other = Ng::new(false).interface(1, 0, &[]).obsolete(0, 1, 1_700_000_000_000_000, b"obsolete packet", 15);
    captures.push(other.section(true, u64::MAX, &[]).interface(101, 0, &[]).enhanced(0, 7, &[0x45; 40], 40, &[]).bytes);
    for bytes in captures {
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(lines(&read(bytes).0), tshark_reads(&path));
    }
}

#[test]
fn tshark_agrees_on_which_blocks_are_frames() {
    if !has("tshark") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let body = [&[0; 4][..], &[0; 40]].concat();
    let journal = b"__REALTIME_TIMESTAMP=1700000000000005\nMESSAGE=hello\n";
    for (kind, body) in [
        (4, &[0; 4][..]),
        (5, &[0; 12]),
        (9, journal),
        (10, b"KLST\x04\0\0\0abcd"),
        (0x0bad, b"\x39\x30\0\0custom"),
        (0x4000_0bad, b"\x39\x30\0\0custom"),
        (0x0204, &body),
        (0x0208, &body),
        (0x0216, &body),
        (0x0221, &body),
        (0x4242, &body),
        (0x8000_0001, &body),
    ] {
        let begin = Ng::new(false).interface(1, 0, &[]).enhanced(0, 1, &[1; 60], 60, &[]);
        let bytes = begin.block(kind, body).simple(&[2; 60], 60).enhanced(0, 2, &[3; 60], 60, &[]).bytes;
        std::fs::write(&path, &bytes).unwrap();
        let numbers = tshark_reads(&path).lines().count() as u64;
        let (records, info) = read(bytes);
        assert_eq!(records.len(), 3);
        assert_eq!((info.frames, records[2].frame), (numbers, numbers), "block type {kind:#x}");
    }
}

#[test]
fn capinfos_agrees_on_counts_and_times() {
    if !has("capinfos") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let bytes = mixed(true);
    std::fs::write(&path, &bytes).unwrap();
    let output = Command::new("capinfos").args(["-T", "-r", "-m", "-c", "-a", "-e", "-S"]).arg(&path).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let fields: Vec<&str> = output.trim().split(',').skip(1).collect();
    let (_, info) = read(bytes);
    // capinfos prints the digits of the first interface's clock at most.
    let expected = [info.packets.to_string(), seconds(info.first_time), seconds(info.last_time)];
    assert_eq!(fields.len(), 3);
    for (ours, theirs) in expected.iter().zip(fields) {
        assert!(ours.starts_with(theirs) && theirs.len() + 3 >= ours.len(), "{ours} {theirs}");
    }
}

fn seconds(time: Option<Timestamp>) -> String {
    let nanos = time.unwrap().as_nanos();
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
