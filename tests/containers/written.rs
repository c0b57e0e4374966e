//! What is written can be read, by us and by others.

use std::process::Command;

use idlegap::capture::{Counters, InterfaceOptions, LinkType, PcapWriter, PcapngWriter, SectionOptions};
use idlegap::time::Timestamp;
use proptest::prelude::*;

use crate::{has, read};

fn any_packet() -> impl Strategy<Value = (u32, u32, Vec<u8>, u32)> {
    (any::<u32>(), 0..1_000_000_000_u32, prop::collection::vec(any::<u8>(), 0..200), 0..2_000_u32)
}

fn time(secs: u32, nanos: u32) -> Timestamp {
    Timestamp::from_nanos(i64::from(secs) * 1_000_000_000 + i64::from(nanos))
}

proptest! {
    #[test]
    fn pcap_comes_back(packets in prop::collection::vec(any_packet(), 0..20), link: u16) {
        let mut writer = PcapWriter::new(Vec::new(), LinkType(link), 262_144).unwrap();
        for (secs, nanos, data, more) in &packets {
            writer.packet(time(*secs, *nanos), data, data.len() as u32 + more).unwrap();
        }
        let (records, info) = read(writer.finish().unwrap());
        prop_assert_eq!(info.format.to_string(), "pcap, nanoseconds");
        prop_assert_eq!(records.len(), packets.len());
        for (record, (secs, nanos, data, more)) in records.iter().zip(&packets) {
            prop_assert_eq!(record.nanos, time(*secs, *nanos).as_nanos());
            prop_assert_eq!((&record.data, record.original_len), (data, data.len() as u32 + more));
            prop_assert_eq!(record.link, LinkType(link));
        }
    }

    #[test]
    fn pcapng_comes_back(packets in prop::collection::vec((any_packet(), 0..2_u32, ".{0,9}"), 0..20)) {
        let mut writer = PcapngWriter::new(Vec::new(), &SectionOptions::default()).unwrap();
        for link in [1, 113] {
            writer.interface(&InterfaceOptions { link: LinkType(link), snaplen: 0, name: None, filter: None, comments: &[] }).unwrap();
        }
        for ((secs, nanos, data, more), interface, comment) in &packets {
            let comments = [comment.as_str()];
            let comments = if comment.is_empty() { &[][..] } else { &comments };
            writer.packet(*interface, time(*secs, *nanos), data, data.len() as u32 + more, comments).unwrap();
        }
        let (records, info) = read(writer.finish().unwrap());
        let commented = packets.iter().filter(|(_, _, comment)| !comment.is_empty()).count();
        prop_assert_eq!(info.commented_packets, commented as u64);
        prop_assert_eq!(records.len(), packets.len());
        for (record, ((secs, nanos, data, more), interface, _)) in records.iter().zip(&packets) {
            prop_assert_eq!(record.nanos, time(*secs, *nanos).as_nanos());
            prop_assert_eq!((&record.data, record.original_len), (data, data.len() as u32 + more));
            prop_assert_eq!((record.interface, record.link), (*interface, LinkType([1, 113][*interface as usize])));
        }
    }
}

/// A capture with everything that the writer can write.
fn everything() -> Vec<u8> {
    let section = SectionOptions {
        hardware: Some("a machine"),
        os: Some("Linux"),
        application: Some("idlegap"),
        comments: &["altered by idlegap", "second"],
    };
    let mut writer = PcapngWriter::new(Vec::new(), &section).unwrap();
    let options = InterfaceOptions {
        link: LinkType(101),
        snaplen: 96,
        name: Some("tun0"),
        filter: Some("tcp port 80"),
        comments: &["the interface"],
    };
    let tun = writer.interface(&options).unwrap();
    let start = time(1_700_000_000, 123_456_789);
    writer.packet(tun, start, &[0x45; 21], 40, &["the last packet before the gap", "90 s"]).unwrap();
    writer.packet(tun, start, &[0x45; 40], 40, &[]).unwrap();
    let counters = Counters {
        received: Some(10),
        interface_drops: Some(1),
        accepted: Some(9),
        system_drops: Some(2),
        delivered: Some(7),
    };
    writer.statistics(tun, start, &counters).unwrap();
    writer.section(&SectionOptions::default()).unwrap();
    writer
        .interface(&InterfaceOptions { link: LinkType(1), snaplen: 0, name: None, filter: None, comments: &[] })
        .unwrap();
    writer.packet(0, start, &[1; 14], 14, &[]).unwrap();
    writer.finish().unwrap()
}

#[test]
fn everything_written_is_read() {
    let (records, info) = read(everything());
    assert_eq!(records.iter().map(|record| record.link.0).collect::<Vec<_>>(), [101, 101, 1]);
    assert_eq!(records[0].nanos, 1_700_000_000_123_456_789);
    assert_eq!((info.sections, info.interfaces_total, info.truncated), (2, 2, None));
    assert_eq!(info.comments, ["altered by idlegap", "second", "the interface"]);
    assert_eq!(info.application.as_deref(), Some("idlegap"));
    assert_eq!(info.interfaces[0].filter.as_deref(), Some("tcp port 80"));
    assert_eq!(info.counters.system_drops, Some(2));
    assert_eq!((info.snaplen_cuts.count, info.snaplen_cuts.smallest), (1, Some(21)));
}

#[test]
fn wireshark_reads_what_is_written() {
    if !has("tshark") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("written.pcapng");
    std::fs::write(&path, everything()).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-E", "separator=|", "-e", "frame.number", "-e", "frame.time_epoch"])
        .args(["-e", "frame.len", "-e", "frame.comment", "-r"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("damaged")).count(), 0);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1|1700000000.123456789|40|the last packet before the gap,90 s\n\
         2|1700000000.123456789|40|\n\
         3|1700000000.123456789|14|\n"
    );
}

#[test]
fn what_a_format_cannot_express_is_refused() {
    let mut pcap = PcapWriter::new(Vec::new(), LinkType(1), 0).unwrap();
    assert!(pcap.packet(Timestamp::from_nanos(-1), b"", 0).is_err());
    assert!(pcap.packet(Timestamp::from_nanos(i64::MAX), b"", 0).is_err());
    let mut pcapng = PcapngWriter::new(Vec::new(), &SectionOptions::default()).unwrap();
    assert!(pcapng.packet(0, Timestamp::from_nanos(0), b"", 0, &[]).is_err(), "no interface yet");
    let options = InterfaceOptions { link: LinkType(1), snaplen: 0, name: None, filter: None, comments: &[] };
    let interface = pcapng.interface(&options).unwrap();
    assert!(pcapng.packet(interface, Timestamp::from_nanos(-1), b"", 0, &[]).is_err());
    assert!(pcapng.packet(interface, Timestamp::from_nanos(0), b"", 0, &[&"x".repeat(70_000)]).is_err());
    assert_eq!(read(pcapng.finish().unwrap()).0.len(), 0, "nothing half-written");
}
