//! What each container says is what is read.

use idlegap::capture::{Counters, LinkType};
use idlegap::time::Span;

use crate::build::{Flavour, Ng, PLAIN, Packet, packets, pcap, pcap_header, pcap_record, pcapng};
use crate::{Owned, read};

const MICROS: u64 = 1_700_000_000_000_000;

fn expected(packets: &[Packet], link: u16) -> Vec<Owned> {
    let owned = |(i, packet): (usize, &Packet)| Owned {
        frame: i as u64 + 1,
        nanos: packet.time(),
        link: LinkType(link),
        interface: 0,
        data: packet.data.clone(),
        original_len: packet.original_len,
    };
    packets.iter().enumerate().map(owned).collect()
}

#[test]
fn pcap_in_every_flavour() {
    let packets = packets(40);
    for (flavour, name) in [
        (Flavour { big: false, nano: false, modified: false }, "pcap"),
        (Flavour { big: true, nano: false, modified: false }, "pcap, big-endian"),
        (Flavour { big: false, nano: true, modified: false }, "pcap, nanoseconds"),
        (Flavour { big: true, nano: true, modified: false }, "pcap, nanoseconds, big-endian"),
        (Flavour { big: false, nano: false, modified: true }, "modified pcap"),
        (Flavour { big: true, nano: false, modified: true }, "modified pcap, big-endian"),
    ] {
        let (records, info) = read(pcap(flavour, 1, &packets));
        assert_eq!(records, expected(&packets, 1), "{name}");
        assert_eq!(info.format.to_string(), name);
        assert_eq!((info.packets, info.frames, info.truncated), (40, 40, None));
    }
}

#[test]
fn the_upper_bits_of_a_link_type_are_no_part_of_it() {
    // 0x5 << 28 says "frame check sequence of 4 bytes", 1 << 26 that this is told.
    let (records, info) = read(pcap(PLAIN, 0x5400_0000 | 113, &packets(1)));
    assert_eq!(records[0].link, LinkType(113));
    assert_eq!(info.link_types, [LinkType(113)]);
}

#[test]
fn old_versions_with_the_lengths_the_other_way_round() {
    let packet = Packet { secs: 5, nanos: 0, data: vec![1; 60], original_len: 100 };
    let right = pcap_record(PLAIN, &packet);
    let mut swapped = right.clone();
    swapped[8..12].copy_from_slice(&right[12..16]);
    swapped[12..16].copy_from_slice(&right[8..12]);
    for (version, record) in [((2, 2), &swapped), ((2, 3), &swapped), ((2, 3), &right), ((2, 4), &right)] {
        let bytes = [pcap_header(PLAIN, version, 1), record.clone(), record.clone()].concat();
        let (records, _) = read(bytes);
        assert_eq!(records.len(), 2, "{version:?}");
        assert_eq!((records[1].data.len(), records[1].original_len), (60, 100), "{version:?}");
    }
}

#[test]
fn pcapng_in_both_byte_orders_is_what_pcap_is() {
    let packets = packets(40);
    for big in [false, true] {
        let (records, info) = read(pcapng(big, 1, &packets));
        assert_eq!(records, expected(&packets, 1));
        assert_eq!(info.format.to_string(), if big { "pcapng, big-endian" } else { "pcapng" });
    }
}

#[test]
fn sections_interfaces_and_every_kind_of_packet_block() {
    let ng = Ng::new(false)
        .interface(1, 0, &[])
        .interface(276, 0, &[(9, &[9])])
        .enhanced(0, MICROS, b"one", 3, &[])
        .enhanced(1, MICROS * 1_000 + 1, b"two!", 9, &[])
        .block(0x0000_4242, b"of a kind that nobody knows")
        .block(10, b"secrets!")
        .obsolete(0, 3, MICROS + 2, b"three", 5)
        .simple(b"four", 4)
        .block(0x0bad, b"\x39\x30\x00\x00custom")
        // A section of the other byte order, whose length is given, and whose interface 0 is another one.
        .section(true, 300, &[])
        .interface(101, 2, &[(9, &[0x80 | 10]), (14, &1_600_000_000_u64.to_be_bytes())])
        .simple(b"fi", 5)
        .enhanced(0, 1_024 + 512, b"6", 1, &[])
        .block(9, b"__REALTIME_TIMESTAMP=1\n")
        .obsolete(0, u16::MAX, 2_048, b"seven", 5);
    let (records, info) = read(ng.bytes);
    let brief: Vec<_> = records
        .iter()
        .map(|r| (r.frame, r.nanos, r.link.0, r.interface, std::str::from_utf8(&r.data).unwrap(), r.original_len))
        .collect();
    let t = MICROS as i64 * 1_000;
    assert_eq!(
        brief,
        [
            (1, t, 1, 0, "one", 3),
            (2, t + 1, 276, 1, "two!", 9),
            (3, t + 2_000, 1, 0, "three", 5),
            (4, t + 2_000, 1, 0, "four", 4),
            // Frame 5 is the custom block.
            (6, t + 2_000, 101, 0, "fi", 5),
            (7, 1_600_000_001_500_000_000, 101, 0, "6", 1),
            // Frame 8 is the journal entry.
            (9, 1_600_000_002_000_000_000, 101, 0, "seven", 5),
        ]
    );
    assert_eq!((info.packets, info.frames, info.untimed, info.sections), (7, 9, 2, 2));
    assert_eq!(info.link_types, [1, 276, 101].map(LinkType));
    assert_eq!(info.lost_between, 3, "all ones are unknown, not 65535 lost packets");
    assert_eq!((info.snaplen_cuts.count, info.snaplen_cuts.smallest), (2, Some(2)));
    assert_eq!(info.first_time.unwrap().as_nanos(), 1_600_000_001_500_000_000);
    assert_eq!(info.last_time.unwrap().as_nanos(), t + 2_000);
}

#[test]
fn what_the_capturing_side_tells_is_kept() {
    let ng = Ng::new(false)
        .section(false, u64::MAX, &[(1, b"incident 17"), (2, b"EPYC"), (3, b"Linux 6.1"), (4, b"Dumpcap 4.0.17")])
        .interface(1, 96, &[(2, b"eth0"), (3, b"uplink"), (11, b"\0tcp port 443"), (12, b"Linux"), (1, b"mirror")])
        .interface(113, 0, &[(2, b"any\0"), (11, b"\x01\x06\0\0\0")])
        .statistics(0, &[(4, 500), (5, 7)])
        .enhanced(0, MICROS, b"1", 1, &[(1, b"look"), (1, b"here"), (4, &12_u64.to_le_bytes())])
        .enhanced(1, MICROS, b"2", 1, &[(2, &[0; 4])])
        .enhanced(1, MICROS, b"3", 1, &[(1, b"and here")])
        // Statistics count from the start: the last of an interface stands, interfaces add up.
        .statistics(0, &[(4, 1_000), (5, 8), (6, 900), (7, 3), (8, 897)])
        .statistics(1, &[(4, 10), (7, 2)])
        .statistics(9, &[(5, 1_000_000)]);
    let (records, info) = read(ng.bytes);
    assert_eq!(records.len(), 3);
    assert_eq!(info.comments, ["incident 17", "mirror"]);
    assert_eq!(info.commented_packets, 2);
    assert_eq!(info.lost_between, 12);
    assert_eq!(info.hardware.as_deref(), Some("EPYC"));
    assert_eq!(info.os.as_deref(), Some("Linux 6.1"));
    assert_eq!(info.application.as_deref(), Some("Dumpcap 4.0.17"));
    let counters = Counters {
        received: Some(1_010),
        interface_drops: Some(8),
        accepted: Some(900),
        system_drops: Some(5),
        delivered: Some(897),
    };
    assert_eq!(info.counters, counters);
    let [eth0, any] = &info.interfaces[..] else { panic!("{:?}", info.interfaces) };
    assert_eq!(eth0.name.as_deref(), Some("eth0"));
    assert_eq!(eth0.description.as_deref(), Some("uplink"));
    assert_eq!(eth0.filter.as_deref(), Some("tcp port 443"));
    assert_eq!(eth0.os.as_deref(), Some("Linux"));
    assert_eq!((eth0.section, eth0.number, eth0.snaplen, eth0.link), (1, 0, 96, LinkType(1)));
    assert_eq!((any.name.as_deref(), any.filter.as_deref(), any.number), (Some("any"), None, 1));
}

#[test]
fn texts_and_lists_are_bounded() {
    let long = vec![b'x'; 60_000];
    let begin = Ng::new(false).section(false, u64::MAX, &[(1, &long)]);
    let many = (0..200).fold(begin, |ng, _| ng.interface(1, 0, &[(1, &long), (2, &long)]));
    let (_, info) = read(many.bytes);
    assert_eq!((info.comments.len(), info.interfaces.len(), info.interfaces_total), (64, 64, 200));
    assert!(info.comments.iter().all(|comment| comment.len() == 512));
}

#[test]
fn a_clock_that_runs_backwards_is_counted() {
    let times = [10, 20, 15, 16, 40, 30, 41];
    let ng =
        times.iter().fold(Ng::new(false).interface(1, 0, &[(9, &[0])]), |ng, secs| ng.enhanced(0, *secs, b"", 0, &[]));
    let (_, info) = read(ng.bytes);
    let steps = info.backward_steps;
    assert_eq!((steps.count, steps.largest, steps.first_frame), (2, Span::from_secs(10), 3));
    assert_eq!(info.first_time.unwrap().as_nanos(), 10_000_000_000);
    assert_eq!(info.last_time.unwrap().as_nanos(), 41_000_000_000);
}

#[test]
fn a_record_larger_than_the_window() {
    let data: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 253) as u8).collect();
    let mut all = packets(3);
    all.insert(1, Packet { secs: 1_700_000_000, nanos: 0, original_len: data.len() as u32, data });
    let pcapng = pcapng(true, 1, &all);
    assert_eq!(read(pcapng).0, expected(&all, 1));
    assert_eq!(read(pcap(PLAIN, 1, &all)).0, expected(&all, 1));
}

#[test]
fn a_total_length_without_the_padding_is_understood() {
    // Some writers count a block of 53 packet bytes as 85 bytes long, though padding follows.
    let whole = Ng::new(false).interface(1, 0, &[]).enhanced(0, MICROS, &[7; 53], 53, &[]);
    let mut bytes = whole.bytes.clone();
    let block = bytes.len() - 88;
    bytes[block + 4..block + 8].copy_from_slice(&85_u32.to_le_bytes());
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&85_u32.to_le_bytes());
    let again = [&bytes[..], &bytes[block..]].concat();
    let (records, info) = read(again);
    assert_eq!((records.len(), info.truncated), (2, None));
    assert_eq!(records[1].data, [7; 53]);
}
