//! Captures in memory, and what may be done to them.

use idlegap::capture::{LinkType, Record};
use idlegap::flow::FrameId;
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};

use crate::observe::{Observer, Outcome};

/// A captured frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) time: Timestamp,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original_len: u32,
    /// Octets up to the payload of its segment.
    pub(crate) header_len: usize,
}

/// Everything in this file is Ethernet.
pub(crate) const LINK: LinkType = LinkType(1);

/// The frames of a script.
pub(crate) fn packets(script: &Script) -> Vec<Packet> {
    let packet = |frame: idlegap::script::Frame<'_>| {
        let payload = frame.segment.map_or(0, |(_, segment)| usize::from(segment.payload_len));
        let header_len = frame.bytes.len().saturating_sub(payload);
        Packet { time: frame.time, bytes: frame.bytes, original_len: frame.original_len, header_len }
    };
    script.frames().into_iter().map(packet).collect()
}

/// A frame that belongs to nothing (ARP) and shows that the capture went on until `time`.
pub(crate) fn end_mark(time: Timestamp) -> Packet {
    let mut bytes = vec![0; 42];
    bytes[12..14].copy_from_slice(&[8, 6]);
    Packet { time, original_len: 42, header_len: 42, bytes }
}

/// The time of the last frame, and `after` more.
pub(crate) fn end_of(packets: &[Packet], after: Span) -> Timestamp {
    packets.iter().map(|packet| packet.time).max().unwrap_or_default().plus(after)
}

/// The analysis of all packets in one go.
pub(crate) fn analyse(packets: &[Packet]) -> Outcome {
    let mut observer = Observer::new();
    for (frame, packet) in (1..).zip(packets) {
        observer.push(&record(packet, frame));
    }
    observer.finish()
}

/// The packet as frame number `frame` of a capture.
pub(crate) fn record(packet: &Packet, frame: u64) -> Record<'_> {
    let Packet { time, bytes, original_len, .. } = packet;
    Record { time: *time, frame, link: LINK, interface: 0, data: bytes, original_len: *original_len, told: None }
}

/// Frames by their numbers in the only file.
pub(crate) fn plain(frame: FrameId) -> u64 {
    u64::from(frame.number)
}
