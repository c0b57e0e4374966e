//! Tiny captures, written with the program's own writer.

use idlegap::capture::{LinkType, PcapWriter};
use idlegap::time::{Span, Timestamp};

/// 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000_000_000_000;

/// An Ethernet frame and when it was captured, in seconds after the start of all tests.
pub(crate) struct Packet {
    pub(crate) seconds: f64,
    frame: Vec<u8>,
}

impl Packet {
    /// Who has 10.0.0.1?
    pub(crate) fn arp(seconds: f64) -> Self {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 1, 0x08, 0x06]);
        frame.extend([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]);
        Self { seconds, frame }
    }

    /// A segment between 10.0.0.1:`port` and 10.0.0.2:80, to the server where `to_server`.
    fn tcp(seconds: f64, port: u16, to_server: bool, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) -> Self {
        let (from, to) = if to_server { ((1, port), (2, 80)) } else { ((2, 80), (1, port)) };
        let mut frame = vec![2, 0, 0, 0, 0, to.0, 2, 0, 0, 0, 0, from.0, 0x08, 0x00];
        frame.extend([0x45, 0]);
        frame.extend(u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, from.0, 10, 0, 0, to.0]);
        for number in [from.1, to.1] {
            frame.extend(number.to_be_bytes());
        }
        for number in [seq, ack] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        frame.extend(payload);
        Self { seconds, frame }
    }
}

/// A handshake, a request, its answer, and both FINs: ten segments over three seconds from `begin` on.
pub(crate) fn conversation(begin: f64, port: u16) -> Vec<Packet> {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;
    const PUSH: u8 = 0x18;
    let tcp = |after: f64, to_server, flags, numbers, payload: &[u8]| {
        Packet::tcp(begin + after, port, to_server, flags, numbers, payload)
    };
    vec![
        tcp(0.000, true, SYN, (999, 0), b""),
        tcp(0.010, false, SYN | ACK, (4999, 1000), b""),
        tcp(0.020, true, ACK, (1000, 5000), b""),
        tcp(0.030, true, PUSH, (1000, 5000), b"ping"),
        tcp(1.000, false, ACK, (5000, 1004), b""),
        tcp(2.000, false, PUSH, (5000, 1004), b"pong"),
        tcp(2.010, true, ACK, (1004, 5004), b""),
        tcp(3.000, true, FIN, (1004, 5004), b""),
        tcp(3.010, false, FIN, (5004, 1005), b""),
        tcp(3.020, true, ACK, (1005, 5005), b""),
    ]
}

/// A pcap file of Ethernet frames.
pub(crate) fn capture(packets: &[Packet]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType(1), 65_535).unwrap();
    for packet in packets {
        let time = Timestamp::from_nanos(START).plus(Span::from_secs_f64(packet.seconds));
        writer.packet(time, &packet.frame, u32::try_from(packet.frame.len()).unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

/// A handshake with 10.0.1.`server`:80, then 90 s of silence and a RST in the server's name that nothing provoked.
pub(crate) fn reset_in_silence(begin: f64, port: u16, server: u8) -> Vec<Packet> {
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    let tcp = |after: f64, to_server: bool, flags, numbers| {
        let mut packet = Packet::tcp(begin + after, port, to_server, flags, numbers, b"");
        // The last two octets of the source or destination address.
        let address = if to_server { 32..34 } else { 28..30 };
        packet.frame.splice(address, [1, server]);
        packet
    };
    vec![
        tcp(0.000, true, SYN, (999, 0)),
        tcp(0.010, false, SYN | ACK, (4999, 1000)),
        tcp(0.020, true, ACK, (1000, 5000)),
        tcp(90.020, false, RST, (5000, 1000)),
    ]
}
