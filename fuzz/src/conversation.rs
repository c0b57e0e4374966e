//! Plausible TCP conversations that are then broken: the input is read as a list of acts, each an octet and its
//! parameters, so that the fuzzer composes silences, probes, resets and faults instead of guessing headers.

use std::net::Ipv6Addr;

use idlegap::capture::{LinkType, Record};
use idlegap::script::{Direction, Event, FlowSpec, Framing, Position, Script, SegmentSpec, Step, TcpOption, Time};
use idlegap::seq::Seq;
use idlegap::time::{Span, Timestamp};
use idlegap::wire::Flags;

use super::analysis::Course;

/// Frames of one conversation at most.
const MOST: usize = 300;
/// Milliseconds of silence: thinking times, timers and their neighbourhood.
const SILENCES: [i64; 16] =
    [0, 1, 40, 200, 999, 1_000, 1_001, 5_000, 60_000, 75_000, 90_000, 90_500, 300_000, 350_000, 7_200_000, 604_800_000];

/// What payload begins with: nothing that means anything, or what verdicts rest on, whole and in parts.
const WORDS: [&[u8]; 8] = [
    b"",
    b"HTTP/1.1 504 Gateway Time-out\r\n\r\n",
    b"HTTP/1.1 408 Request Timeout\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 504 Late\r\n\r\n",
    b"HTTP/1.1 5",
    b"04 Gateway Time-out\r\n\r\n",
    b"PROXY TCP4 198.51.100.10 10.0.0.80 40001 8081\r\n",
    b"GET /report HTTP/1.1\r\nHost: shop.example\r\n\r\n",
];

/// Plays the acts; the analysis must be sound, and must not depend on when the capture began or where it was cut in two, nor
/// on which way segments took through it.
pub fn run(data: &[u8]) {
    let mut acts = Acts(data);
    let [setting, isn, other_isn, cut] = acts.octets();
    let (frames, is_sound) = play(0, [setting, isn, other_isn], &mut acts);
    let whole = tale(Course::default(), &frames, None, Span::ZERO);
    assert_eq!(whole, tale(Course::default(), &frames, None, Span::from_secs(86_399)), "another day, another story");
    assert_eq!(whole, tale(Course::by(false), &frames, None, Span::ZERO), "another way, another story");
    let half = usize::from(cut) * frames.len() / 256;
    if is_sound {
        assert_eq!(
            whole,
            tale(Course::default(), &frames, Some(half), Span::ZERO),
            "cut in two it tells another story"
        );
    }
}

/// The frames of conversation `number` of several, each between ports of its own.
pub fn conversation(number: u16, data: &[u8]) -> Vec<Frame> {
    let mut acts = Acts(data);
    let setting = acts.octets();
    play(number, setting, &mut acts).0
}

/// The frames that the acts bring about, and whether none of them was damaged.
fn play(number: u16, [setting, isn, other_isn]: [u8; 3], acts: &mut Acts<'_>) -> (Vec<Frame>, bool) {
    let mut stage = Stage::new(number, setting, isn, other_isn);
    while stage.script.steps.len() < MOST && !acts.0.is_empty() {
        stage.play(acts);
    }
    let mut frames = frames(&stage.script);
    stage.faults.iter().for_each(|fault| fault.strike(&mut frames));
    (frames, stage.faults.is_empty())
}

/// The input, act by act; octets that are missing are zero.
struct Acts<'a>(&'a [u8]);

impl Acts<'_> {
    fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        for octet in &mut octets {
            let Some((first, rest)) = self.0.split_first() else { break };
            (*octet, self.0) = (*first, rest);
        }
        octets
    }
}

/// One end: its next sequence number and what it has heard of the other's, relative to the initial ones.
#[derive(Clone, Copy)]
struct Host {
    next: i64,
    heard: i64,
    window: u16,
}

struct Stage {
    script: Script,
    hosts: [Host; 2],
    timestamps: bool,
    /// Milliseconds of silence before the next frame.
    pause: i64,
    now: i64,
    faults: Vec<Fault>,
}

impl Stage {
    fn new(number: u16, setting: u8, isn: u8, other_isn: u8) -> Self {
        let ends = if setting & 1 == 0 {
            (([10, 0, 0, 1], 40_000 + number).into(), ([10, 0, 0, 2], 443).into())
        } else {
            let host = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
            ((host(1), 40_000 + number).into(), (host(2), 443).into())
        };
        let near_the_wrap =
            |octet: u8| Seq(u32::MAX.wrapping_sub(u32::from(octet)).wrapping_add(u32::from(octet & 1) * 200));
        let flow = FlowSpec {
            isn: (near_the_wrap(isn), near_the_wrap(other_isn)),
            hop_limits: (64, if setting & 2 == 0 { 64 } else { 52 }),
            ..FlowSpec::new(ends.0, ends.1)
        };
        let host = Host { next: 1, heard: 1, window: 500 };
        let script = Script { flows: vec![flow], other_findings_allowed: true, ..Script::default() };
        let timestamps = setting & 4 != 0;
        let mut stage = Self { script, hosts: [host; 2], timestamps, pause: 0, now: 0, faults: Vec::new() };
        if setting & 8 == 0 {
            stage.show(0, Flags::SYN, 0, 0, false);
            stage.show(1, Flags::SYN | Flags::ACK, 0, 0, true);
            stage.show(0, Flags::ACK, 1, 0, true);
        }
        stage
    }

    fn play(&mut self, acts: &mut Acts<'_>) {
        let [act, value] = acts.octets();
        let side = usize::from(act >> 7);
        let [next, heard] = [self.host(side).next, self.host(1 - side).next];
        match act & 0x0f {
            0 | 1 => self.pause += SILENCES.get(usize::from(value & 15)).copied().unwrap_or(0) + i64::from(value >> 4),
            2 | 3 => {
                let words = WORDS.get(usize::from(act >> 4 & 7)).copied().unwrap_or_default();
                self.say(side, u16::from(value).max(1), words, act & 0x0f == 2);
            }
            4 => {
                self.host_mut(side).heard = heard;
                self.show(side, Flags::ACK, next, 0, true);
            }
            5 => {
                self.show(side, Flags::ACK, next - 1, u16::from(value & 1), true);
                self.say_instead(value >> 1);
            }
            6 => self.show(side, Flags::RST, next, 0, false),
            7 => self.show(side, Flags::RST | Flags::ACK, next, 0, true),
            8 => {
                self.show(side, Flags::RST, next, 0, value & 1 == 0);
                self.show(1 - side, Flags::RST, heard, 0, value & 1 == 0);
            }
            9 => {
                self.show(side, Flags::FIN | Flags::ACK, next, 0, true);
                self.host_mut(side).next += 1;
            }
            10 => self.copy(),
            11 => {
                let [offset, ack_offset] = acts.octets().map(|octet: u8| i64::from(octet as i8));
                self.host_mut(side).heard += ack_offset;
                self.show(side, Flags(u16::from(value)), next + offset, u16::from(value & 3), true);
                self.host_mut(side).heard -= ack_offset;
            }
            12 => {
                self.host_mut(side).window = u16::from(value & 7) * 100;
                self.show(side, Flags::ACK, next, 0, true);
            }
            13 => self.show(0, Flags::SYN, -i64::from(value) * 1_000, 0, false),
            14 => {
                let [place, how] = acts.octets();
                self.faults.push(Fault { frame: self.script.steps.len(), place, value, how });
            }
            _ => self.now -= i64::from(value) * 50,
        }
    }

    /// Has a lone octet be another than the letter of its place.
    fn say_instead(&mut self, octet: u8) {
        if let Some(Step { event: Event::Segment(segment), .. }) = self.script.steps.last_mut()
            && segment.payload_len == 1
            && octet != 0
        {
            segment.data = vec![octet - 1];
        }
    }

    /// Payload, and its acknowledgment.
    fn say(&mut self, side: usize, len: u16, words: &[u8], acknowledged: bool) {
        let next = self.host(side).next;
        self.show(side, Flags::ACK | Flags::PSH, next, len, true);
        if let Some(Step { event: Event::Segment(segment), .. }) = self.script.steps.last_mut() {
            segment.data = words.iter().copied().take(len.into()).collect();
        }
        self.host_mut(side).next += i64::from(len);
        if acknowledged {
            self.host_mut(1 - side).heard = next + i64::from(len);
            let other = self.host(1 - side).next;
            self.show(1 - side, Flags::ACK, other, 0, true);
        }
    }

    fn show(&mut self, side: usize, flags: Flags, start: i64, len: u16, ack: bool) {
        let direction = if side == 0 { Direction::FromInitiator } else { Direction::FromResponder };
        let Host { heard, window, .. } = self.host(side);
        let clock = u32::try_from(self.now.max(0)).unwrap_or(u32::MAX);
        let options = if self.timestamps && !flags.has(Flags::RST) {
            vec![TcpOption::NoOperation, TcpOption::NoOperation, TcpOption::Timestamps(clock, clock / 2)]
        } else {
            Vec::new()
        };
        let segment = SegmentSpec {
            flow: 0,
            direction,
            flags,
            start: Position::Relative(start),
            payload_len: len,
            ack: ack.then_some(Position::Relative(heard)),
            window: Some(window),
            options,
            data: Vec::new(),
        };
        self.step(Event::Segment(segment));
    }

    fn copy(&mut self) {
        if !self.script.steps.is_empty() {
            self.step(Event::Duplicate(1));
        }
    }

    fn step(&mut self, event: Event) {
        self.now += self.pause + 1;
        self.pause = 0;
        let time = Time::At(Span::from_millis(self.now.max(0)));
        self.script.steps.push(Step { time, event, framing: Framing::NONE, expected: None, repeat: None });
    }

    fn host(&self, side: usize) -> Host {
        let [initiator, responder] = self.hosts;
        if side == 0 { initiator } else { responder }
    }

    fn host_mut(&mut self, side: usize) -> &mut Host {
        let [initiator, responder] = &mut self.hosts;
        if side == 0 { initiator } else { responder }
    }
}

/// Damage to a frame.
struct Fault {
    frame: usize,
    place: u8,
    value: u8,
    how: u8,
}

impl Fault {
    fn strike(&self, frames: &mut [Frame]) {
        let Some(frame) = frames.get_mut(self.frame) else { return };
        let place = usize::from(self.place);
        match self.how % 4 {
            0 => frame.bytes.truncate(place),
            1 => frame.original_len = u32::from(self.value) * 16,
            _ => {
                if let Some(octet) = frame.bytes.get_mut(place) {
                    *octet ^= self.value;
                }
            }
        }
    }
}

/// A frame as it is captured.
pub struct Frame {
    /// When.
    pub time: Timestamp,
    /// Its octets.
    pub bytes: Vec<u8>,
    /// Octets that it had on the wire.
    pub original_len: u32,
}

fn frames(script: &Script) -> Vec<Frame> {
    let frames = script.frames().into_iter();
    frames.map(|frame| Frame { time: frame.time, bytes: frame.bytes, original_len: frame.original_len }).collect()
}

/// What is concluded of each flow, without any absolute time or file number.
fn tale(mut course: Course, frames: &[Frame], cut: Option<usize>, later: Span) -> Vec<String> {
    for (index, frame) in frames.iter().enumerate() {
        if cut == Some(index) {
            course.begin_file();
        }
        let first = cut.filter(|cut| index >= *cut).unwrap_or(0);
        course.push(&Record {
            time: frame.time.plus(later),
            frame: (index - first + 1) as u64,
            link: LinkType(1),
            interface: 0,
            data: &frame.bytes,
            original_len: frame.original_len,
            told: None,
        });
    }
    let (analysis, verdicts) = course.conclude();
    let tell = |(flow, verdict): (&idlegap::flow::Flow, &idlegap::verdict::Verdict)| {
        let gap = verdict.gap.map(|(clock, gap)| (clock.name(), gap.length));
        let gaps = [flow.packet_gaps(), flow.payload_gaps()].map(|gaps| gaps.map(idlegap::flow::gaps::Gaps::total));
        format!(
            "{} -> {} {} {:?} {gap:?} {gaps:?}",
            flow.client(),
            flow.server(),
            verdict.id.name(),
            verdict.confidence
        )
    };
    analysis.flows.iter().zip(&verdicts).map(|(flow, verdict)| tell((&flow, verdict))).collect()
}
