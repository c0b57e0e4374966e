//! From [`Script`] to the frames of a capture, and to a capture file.

use super::build::{end_marker, frames_of};
use super::model::{Direction, Event, Expected, FlowSpec, Framing, LinkLayer, Script, SegmentSpec, Step, Time};
use crate::time::{NANOS_PER_SECOND, Span, Timestamp};

/// When every script begins: 2024-01-01T00:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_nanos(1_704_067_200 * NANOS_PER_SECOND);

/// The snapshot length in the file's header; no frame of a script is longer.
const SNAPLEN: u32 = 262_144;

/// One frame of the capture that a script describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// The captured bytes, link layer first.
    pub bytes: Vec<u8>,
    /// Octets it had on the wire.
    pub original_len: u32,
    /// Index of the step that made it; `None` for the frame that marks the end of the capture.
    pub step: Option<usize>,
    /// The segment it carries and the flow of that; `None` for a later fragment, inside an ICMP error, and at the end.
    pub segment: Option<(&'a FlowSpec, &'a SegmentSpec)>,
    /// What the analysis must call it, where the script says so.
    pub expected: Option<&'a Expected>,
}

impl Script {
    /// The frames in capture order; frame numbers are positions from 1.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame<'_>> {
        let counters = vec![(0x1000, 0x8000); self.flows.len()];
        let mut camera = Camera { script: self, clock: Span::ZERO, frames: Vec::new(), sent: Vec::new(), counters };
        for (index, step) in self.steps.iter().enumerate() {
            camera.shoot(index, step);
        }
        if let Some(end) = self.end {
            let time = camera.moment(end);
            camera.keep(time, end_marker(self.link), Frame { step: None, ..Frame::default() }, self.snap);
        }
        camera.frames
    }
}

impl Default for Frame<'_> {
    fn default() -> Self {
        Self { time: BEGINNING, bytes: Vec::new(), original_len: 0, step: None, segment: None, expected: None }
    }
}

/// A classic pcap file with nanosecond times, little-endian, of everything that `script` shows.
#[must_use]
pub fn to_pcap(script: &Script) -> Vec<u8> {
    let link: u32 = match script.link {
        LinkLayer::Ethernet => 1,
        LinkLayer::Raw => 101,
        LinkLayer::Sll => 113,
        LinkLayer::Sll2 => 276,
    };
    let mut file = Vec::new();
    file.extend(0xa1b2_3c4d_u32.to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(4_u16.to_le_bytes());
    for word in [0, 0, SNAPLEN, link] {
        file.extend(word.to_le_bytes());
    }
    for frame in script.frames() {
        let nanos = frame.time.as_nanos();
        let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let seconds = u32::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u32::MAX);
        let fraction = u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0);
        for word in [seconds, fraction, captured, frame.original_len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame.bytes);
    }
    file
}

/// What is sent already: the segment's step and the IP identification of its last copy.
struct Sent<'a> {
    segment: &'a SegmentSpec,
    framing: &'a Framing,
    ip_id: u16,
}

/// Walks through the script and keeps what a capture would.
struct Camera<'a> {
    script: &'a Script,
    clock: Span,
    frames: Vec<Frame<'a>>,
    sent: Vec<Sent<'a>>,
    counters: Vec<(u16, u16)>,
}

impl<'a> Camera<'a> {
    fn shoot(&mut self, index: usize, step: &'a Step) {
        let start = self.moment(step.time);
        let (count, every) = step.repeat.map_or((1, Span::ZERO), |repeat| (repeat.count, repeat.every));
        for copy in 0..count {
            let time = start.plus(every.times(i64::from(copy)));
            self.clock = time;
            match &step.event {
                Event::Segment(segment) => self.send(index, step, segment, time),
                Event::Duplicate(back) => self.send_again(index, step, *back, time),
            }
        }
    }

    /// The moment that `time` means now, which becomes the new now.
    fn moment(&mut self, time: Time) -> Span {
        self.clock = match time {
            Time::At(span) => span,
            Time::After(span) => self.clock.plus(span),
        };
        self.clock
    }

    fn send(&mut self, index: usize, step: &'a Step, segment: &'a SegmentSpec, time: Span) {
        let ip_id = step.framing.ip_id.unwrap_or_else(|| self.next_ip_id(segment));
        // The copies of a repeat are one line, so that `dup N` counts lines.
        self.sent.pop_if(|sent| std::ptr::eq(sent.segment, segment));
        self.sent.push(Sent { segment, framing: &step.framing, ip_id });
        self.capture(index, step, segment, step.framing.clone(), ip_id, time);
    }

    fn send_again(&mut self, index: usize, step: &'a Step, back: usize, time: Span) {
        let Some(sent) = self.sent.len().checked_sub(back).and_then(|at| self.sent.get(at)) else { return };
        let ip_id = step.framing.ip_id.unwrap_or(sent.ip_id);
        let (segment, framing) = (sent.segment, step.framing.over(sent.framing));
        self.capture(index, step, segment, framing, ip_id, time);
    }

    fn next_ip_id(&mut self, segment: &SegmentSpec) -> u16 {
        let Some((initiator, responder)) = self.counters.get_mut(segment.flow) else { return 0 };
        let counter = if segment.direction == Direction::FromInitiator { initiator } else { responder };
        let ip_id = *counter;
        *counter = counter.wrapping_add(1);
        ip_id
    }

    fn capture(
        &mut self,
        index: usize,
        step: &'a Step,
        segment: &'a SegmentSpec,
        framing: Framing,
        ip_id: u16,
        time: Span,
    ) {
        let Some(flow) = self.script.flows.get(segment.flow) else { return };
        let framing = framing.over(&flow.framing);
        let snap = framing.snap.or(self.script.snap);
        for (part, bytes) in frames_of(self.script.link, flow, segment, &framing, ip_id).into_iter().enumerate() {
            let carries_header = part == 0 && framing.icmp.is_none();
            let frame = Frame {
                step: Some(index),
                segment: carries_header.then_some((flow, segment)),
                expected: step.expected.as_ref().filter(|_| carries_header),
                ..Frame::default()
            };
            self.keep(time, bytes, frame, snap);
        }
    }

    fn keep(&mut self, time: Span, mut bytes: Vec<u8>, frame: Frame<'a>, snap: Option<u32>) {
        let original_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes.truncate(snap.unwrap_or(SNAPLEN).try_into().unwrap_or(usize::MAX));
        let time = BEGINNING.plus(time).max(Timestamp::from_nanos(0));
        self.frames.push(Frame { time, bytes, original_len, ..frame });
    }
}

impl Framing {
    /// What `self` says, and what `below` says where `self` is silent.
    #[must_use]
    fn over(&self, below: &Self) -> Self {
        fn longer<T: Clone>(own: &[T], below: &[T]) -> Vec<T> {
            if own.is_empty() { below.to_vec() } else { own.to_vec() }
        }
        Self {
            hop_limit: self.hop_limit.or(below.hop_limit),
            ip_id: self.ip_id.or(below.ip_id),
            macs: self.macs.or(below.macs),
            vlans: longer(&self.vlans, &below.vlans),
            dont_fragment: self.dont_fragment.or(below.dont_fragment),
            padded: self.padded || below.padded,
            snap: self.snap.or(below.snap),
            fragment_at: self.fragment_at.or(below.fragment_at),
            ip_length: self.ip_length.or(below.ip_length),
            extensions: longer(&self.extensions, &below.extensions),
            tunnel: self.tunnel.or(below.tunnel),
            icmp: self.icmp.or(below.icmp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::arbitrary::any_script;
    use proptest::prelude::*;

    fn times(text: &str) -> Vec<i64> {
        let script = Script::parse(text).expect("the script is well-formed");
        script.frames().iter().map(|frame| frame.time.since(BEGINNING).as_nanos() / 1_000_000).collect()
    }

    #[test]
    fn relative_times_follow_the_last_copy() {
        let text = "flow 10.0.0.1:1 > 10.0.0.2:2\n1.5 > . 0:0(0) ack 1 x3 every 10\n+.25 < . 1:1(0) ack 0\n-2 dup\n5 dup 2\nend +3";
        assert_eq!(times(text), [1_500, 11_500, 21_500, 21_750, 19_750, 5_000, 8_000]);
    }

    #[test]
    fn a_segment_has_the_bytes_that_the_rfcs_lay_down() {
        let text = "flow 10.0.0.1:258 > 10.0.0.2:80 isn 4294967295 16\n0 > P. 1:3(2) ack 1 win 772 data \"hi\" ipid 5";
        let script = Script::parse(text).expect("the script is well-formed");
        let frames = script.frames();
        let header = [0x45, 0, 0, 42, 0, 5, 0x40, 0, 64, 6];
        assert_eq!(frames[0].bytes[14..24], header, "RFC 791 3.1");
        assert_eq!(frames[0].bytes[26..34], [10, 0, 0, 1, 10, 0, 0, 2]);
        // Source port 258, sequence number 2^32-1 + 1 = 0, acknowledgment 17, five words, PSH and ACK, window 772.
        let tcp = [1, 2, 0, 80, 0, 0, 0, 0, 0, 0, 0, 17, 0x50, 0x18, 3, 4];
        assert_eq!(frames[0].bytes[34..50], tcp, "RFC 9293 3.1");
        assert_eq!(frames[0].bytes[54..], *b"hi");
    }

    #[test]
    fn a_copy_keeps_the_identification_and_takes_new_framing() {
        let text = "flow 10.0.0.1:1 > 10.0.0.2:2\n0 > . 0:0(0) ack 1\n+.001 dup ttl 63";
        let script = Script::parse(text).expect("the script is well-formed");
        let frames = script.frames();
        assert_eq!(frames[0].bytes[18..20], frames[1].bytes[18..20]);
        assert_eq!((frames[0].bytes[22], frames[1].bytes[22]), (64, 63));
    }

    proptest! {
        #[test]
        fn every_script_becomes_a_file_of_the_right_size(script in any_script()) {
            let records: usize = script.frames().iter().map(|frame| 16 + frame.bytes.len()).sum();
            prop_assert_eq!(to_pcap(&script).len(), 24 + records);
        }

        /// etherparse as a second source for headers, options and checksums.
        #[test]
        fn etherparse_reads_what_the_script_says(mut script in any_script()) {
            script.link = LinkLayer::Ethernet;
            script.snap = None;
            script.flows.iter_mut().for_each(|flow| flow.framing = Framing::default());
            script.steps.iter_mut().for_each(|step| step.framing = Framing::default());
            for frame in script.frames() {
                let Some((flow, segment)) = frame.segment else { continue };
                let packet = etherparse::PacketHeaders::from_ethernet_slice(&frame.bytes)
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                let (Some(ip), Some(tcp)) = (packet.net, packet.transport.and_then(|header| header.tcp())) else {
                    return Err(TestCaseError::fail("no TCP in IP"));
                };
                let payload = packet.payload.slice();
                prop_assert_eq!(tcp.sequence_number, flow.sequence(segment.direction, segment.start).0);
                prop_assert_eq!(tcp.ack, segment.flags.has(crate::wire::Flags::ACK));
                prop_assert_eq!(payload.len(), usize::from(segment.payload_len));
                prop_assert!(payload.starts_with(&segment.data));
                let options = segment.options.iter().map(crate::script::TcpOption::wire_len).sum::<usize>();
                prop_assert_eq!(tcp.options.len(), options.next_multiple_of(4));
                let sum = match ip {
                    etherparse::NetHeaders::Ipv4(ip, _) => {
                        prop_assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                        tcp.calc_checksum_ipv4(&ip, payload)
                    }
                    etherparse::NetHeaders::Ipv6(ip, _) => tcp.calc_checksum_ipv6(&ip, payload),
                    etherparse::NetHeaders::Arp(_) => return Err(TestCaseError::fail("ARP")),
                };
                prop_assert_eq!(Ok(tcp.checksum), sum);
            }
        }
    }
}
