//! Two hosts, the path between them, and a capture of it.

use std::net::SocketAddr;

use idlegap::script::{Direction, Event, FlowSpec, Framing, Position, Script, SegmentSpec, Step, TcpOption, Time};
use idlegap::seq::Seq;
use idlegap::time::Span;
use idlegap::wire::Flags;

use crate::acts::{Act, Answer, Fate, Kind, Setting, Style};

/// One end.
#[derive(Clone, Copy, Debug)]
struct Host {
    /// Next sequence number, relative to the initial one.
    next: i64,
    /// The other end's next number, as this end knows it.
    heard: i64,
    window: u16,
    closed: bool,
    /// The value of the timestamp that the other end sent last.
    echo: u32,
}

/// Plays acts and writes down what a capture would show.
pub(crate) struct Stage {
    pub(crate) script: Script,
    setting: Setting,
    hosts: [Host; 2],
    /// Time since the beginning, and that of the last frame, in microseconds.
    now: i64,
    shown: i64,
    over: bool,
}

const A: Direction = Direction::FromInitiator;
const B: Direction = Direction::FromResponder;
/// Flags of an ordinary segment, and of one with payload.
const ACK: Flags = Flags::ACK;
const PUSH: Flags = Flags(Flags::ACK.0 | Flags::PSH.0);
/// How far behind the first of two RSTs the second stands, in microseconds.
const TOGETHER: i64 = 40;

impl Stage {
    /// The stage before the first act, the handshake over.
    pub(crate) fn new(setting: Setting, net: u8) -> Self {
        let ends: (SocketAddr, SocketAddr) = if setting.ipv6 {
            let end = |host: u8, port: u16| format!("[2001:db8:{net:x}::{host}]:{port}").parse().expect("an address");
            (end(1, 40_000), end(2, setting.port))
        } else {
            (([10, net, 0, 1], 40_000).into(), ([10, net, 0, 2], setting.port).into())
        };
        let flow = FlowSpec {
            name: Some("f0".to_owned()),
            isn: (Seq(setting.isn.0), Seq(setting.isn.1)),
            hop_limits: setting.hop_limits,
            ..FlowSpec::new(ends.0, ends.1)
        };
        let script = Script { flows: vec![flow], other_findings_allowed: true, ..Script::default() };
        let host = Host { next: 1, heard: 1, window: 500, closed: false, echo: 0 };
        let mut stage = Self { script, hosts: [host; 2], now: 1_000_000, shown: 0, over: false, setting };
        if !stage.setting.midstream {
            stage.handshake();
        }
        stage
    }

    fn handshake(&mut self) {
        self.hosts.iter_mut().for_each(|host| (host.next, host.heard) = (0, 0));
        self.send(A, Flags::SYN, 0, 0, false);
        self.host_mut(A).next = 1;
        self.host_mut(B).heard = 1;
        self.now += self.setting.rtt;
        self.send(B, Flags(Flags::SYN.0 | Flags::ACK.0), 0, 0, true);
        self.host_mut(B).next = 1;
        self.host_mut(A).heard = 1;
        self.now += 30;
        self.acknowledge(A);
    }

    /// Plays one act.
    pub(crate) fn play(&mut self, act: Act) {
        match act {
            Act::Silence(millis) => self.now += millis * 1_000,
            Act::Reuse(one, other) => self.reuse(one, other),
            Act::Copy(micros) => self.copy(micros),
            _ if self.over => {}
            Act::Say(from, len, fate) if !self.host(from).closed => self.say(from, len, fate),
            Act::Say(..) => {}
            Act::Probes { from, count, every, octet, answer } => self.probe(from, count, every, octet, answer),
            Act::Stall { reader, probes, style, reopens } => self.stall(reader, probes, style, reopens),
            Act::Reset(from, kind) => self.reset(from, kind),
            Act::Close(from, answered) => self.close(from, answered),
            Act::Stray { from, offset, len, flags, ack_offset } => {
                self.now += 700;
                let host = *self.host(from);
                self.host_mut(from).heard = host.heard + ack_offset;
                // A RST that nobody obeys, and nothing else, is not to be had from hosts: see `Kind`.
                self.send(from, Flags(flags & !Flags::RST.0), host.next + offset, len, true);
                self.host_mut(from).heard = host.heard;
            }
        }
    }

    fn say(&mut self, from: Direction, len: u16, fate: Fate) {
        let to = from.reverse();
        let start = self.host(from).next;
        let end = start + i64::from(len);
        self.now += 500;
        self.host_mut(from).next = end;
        let half = len / 2;
        match fate {
            Fate::Unseen => {}
            Fate::Reordered | Fate::LostThenFast if half > 0 => {
                self.send(from, PUSH, start + i64::from(half), len - half, true);
            }
            _ => self.send(from, PUSH, start, len, true),
        }
        match fate {
            Fate::Reordered if half > 0 => {
                self.now += 150;
                self.send(from, PUSH, start, half, true);
            }
            Fate::LostThenFast if half > 0 => {
                for _ in 0..3 {
                    self.now += self.setting.rtt / 2 + 10;
                    self.acknowledge(to);
                }
                self.now += 1_000;
                self.send(from, PUSH, start, half, true);
            }
            Fate::Repeated(times) | Fate::Unanswered(times) => self.repeat(from, start, len, times),
            _ => {}
        }
        if matches!(fate, Fate::Unanswered(_)) {
            return;
        }
        self.now += self.setting.rtt;
        self.host_mut(to).heard = end;
        if fate != Fate::AcknowledgedUnseen {
            self.acknowledge(to);
        }
        if fate == Fate::Spurious {
            self.now += 210_000;
            self.send(from, PUSH, start, len, true);
            self.now += self.setting.rtt;
            self.acknowledge(to);
        }
    }

    /// Retransmissions at a doubling timeout.
    fn repeat(&mut self, from: Direction, start: i64, len: u16, times: u32) {
        let mut timeout = (3 * self.setting.rtt).max(205_000);
        for _ in 0..times {
            self.now += timeout;
            self.send(from, PUSH, start, len, true);
            timeout *= 2;
        }
    }

    fn probe(&mut self, from: Direction, count: u32, every: i64, octet: bool, answer: Answer) {
        let to = from.reverse();
        for number in 0..count {
            self.now += every * 1_000;
            let below = self.host(from).next - 1;
            self.send_data(from, ACK, below, u16::from(octet), true, if octet { vec![0] } else { Vec::new() });
            match answer {
                Answer::LateAck if number == 0 => continue,
                Answer::Ack | Answer::LateAck => {
                    self.now += self.setting.rtt;
                    self.acknowledge(to);
                }
                Answer::Payload if !self.host(to).closed => {
                    self.now += self.setting.rtt;
                    let start = self.host(to).next;
                    self.send(to, PUSH, start, 20, true);
                    self.host_mut(to).next += 20;
                    self.now += 40;
                    self.host_mut(from).heard = start + 20;
                    self.acknowledge(from);
                }
                Answer::Reset => {
                    self.now += self.setting.rtt;
                    let seq = self.host(from).heard;
                    self.send(to, Flags::RST, seq, 0, false);
                    self.over = true;
                    return;
                }
                Answer::Payload | Answer::Nothing | Answer::GivenUp => {}
            }
        }
        if answer == Answer::GivenUp {
            self.now += every * 1_000;
            let next = self.host(from).next;
            self.send(from, Flags(Flags::RST.0 | Flags::ACK.0), next, 0, true);
            self.over = true;
        }
    }

    fn stall(&mut self, reader: Direction, probes: u32, style: Style, reopens: bool) {
        let writer = reader.reverse();
        self.now += 300;
        self.host_mut(reader).window = 0;
        self.acknowledge(reader);
        let mut wait = 210_000;
        for _ in 0..probes {
            self.now += if let Style::Steady(millis) = style { millis * 1_000 } else { wait };
            wait *= 2;
            let next = self.host(writer).next;
            if style == Style::Octet {
                self.send(writer, ACK, next, 1, true);
            } else {
                self.send(writer, ACK, next - 1, 0, true);
            }
            self.now += self.setting.rtt;
            self.acknowledge(reader);
        }
        if reopens {
            self.now += 90_000;
            self.host_mut(reader).window = 480;
            self.acknowledge(reader);
        }
    }

    fn reset(&mut self, from: Direction, kind: Kind) {
        let to = from.reverse();
        self.now += 400;
        let next = self.host(from).next;
        self.over = !matches!(kind, Kind::Old | Kind::Ahead);
        match kind {
            Kind::Abort => self.send(from, Flags(Flags::RST.0 | Flags::ACK.0), next, 0, true),
            Kind::Bare => self.send(from, Flags::RST, next, 0, false),
            Kind::Both | Kind::Fullnat => {
                self.bare(from, kind == Kind::Fullnat);
                self.now += TOGETHER;
                self.bare(to, false);
            }
            Kind::NoSocket => {
                self.say(to, 30, Fate::Unanswered(0));
                self.now += self.setting.rtt;
                let seq = self.host(to).heard;
                self.send(from, Flags::RST, seq, 0, false);
            }
            Kind::Old => self.send(from, Flags::RST, next - 1_000, 0, false),
            Kind::Ahead => {
                self.send(from, Flags::RST, next + 50, 0, false);
                self.now += self.setting.rtt;
                self.acknowledge(to);
            }
            Kind::Injected => {
                self.bare(from, false);
                self.now += 200_000;
                self.send(from, PUSH, next, 10, true);
                self.now += self.setting.rtt;
                let seq = self.host(from).heard;
                self.send(to, Flags::RST, seq, 0, false);
            }
        }
    }

    /// A RST of a box, at the number that its receiver expects.
    fn bare(&mut self, from: Direction, marked: bool) {
        let seq = self.host(from.reverse()).heard;
        self.send(from, Flags::RST, seq, 0, false);
        if let Some(Step { event: Event::Segment(segment), framing, .. }) = self.script.steps.last_mut() {
            segment.window = Some(0);
            segment.ack = marked.then_some(Position::Absolute(0xcafe_f00d));
            framing.ip_id = Some(0);
        }
    }

    fn close(&mut self, from: Direction, answered: bool) {
        if self.host(from).closed {
            return;
        }
        self.now += 600;
        let start = self.host(from).next;
        self.send(from, Flags(Flags::FIN.0 | Flags::ACK.0), start, 0, true);
        *self.host_mut(from) = Host { next: start + 1, closed: true, ..*self.host(from) };
        if answered {
            self.now += self.setting.rtt;
            self.host_mut(from.reverse()).heard = start + 1;
            self.acknowledge(from.reverse());
        }
    }

    fn reuse(&mut self, one: u32, other: u32) {
        if self.script.flows.len() > 3 {
            return;
        }
        self.now += 2_000_000;
        let generation = self.script.flows.len();
        let mut flow = self.script.flows[generation - 1].clone();
        flow.name = Some(format!("f{generation}"));
        // The same number again would be a retransmission (rule 20).
        flow.isn = (flow.isn.0.plus(one.max(1)), flow.isn.1.plus(other.max(1)));
        self.script.flows.push(flow);
        self.over = false;
        self.hosts.iter_mut().for_each(|host| (host.window, host.closed) = (500, false));
        self.handshake();
    }

    fn copy(&mut self, micros: i64) {
        let last = self.script.steps.last();
        if last.is_none_or(|step| matches!(step.event, Event::Duplicate(_))) {
            return;
        }
        let framing = Framing { hop_limit: (micros % 2 == 0).then_some(63), ..Framing::NONE };
        let time = Time::After(Span::from_micros(micros));
        self.script.steps.push(Step { time, event: Event::Duplicate(1), framing, expected: None, repeat: None });
        self.shown += micros;
        self.now = self.now.max(self.shown);
    }

    fn acknowledge(&mut self, from: Direction) {
        let next = self.host(from).next;
        self.send(from, ACK, next, 0, true);
    }

    fn send(&mut self, from: Direction, flags: Flags, start: i64, len: u16, acknowledges: bool) {
        self.send_data(from, flags, start, len, acknowledges, Vec::new());
    }

    fn send_data(&mut self, from: Direction, flags: Flags, start: i64, len: u16, acknowledges: bool, data: Vec<u8>) {
        let host = *self.host(from);
        let mut options = Vec::new();
        if self.setting.timestamps && acknowledges | flags.has(Flags::SYN) {
            let value = u32::try_from(self.now / 1_000 % 1_000_000_000).expect("a number below 2^32");
            options.push(TcpOption::Timestamps(value, host.echo));
            self.host_mut(from.reverse()).echo = value;
        }
        let has_ack = flags.has(Flags::ACK);
        let segment = SegmentSpec {
            flow: self.script.flows.len() - 1,
            direction: from,
            flags,
            start: Position::Relative(start),
            payload_len: len,
            ack: has_ack.then_some(Position::Relative(host.heard)),
            window: Some(host.window),
            options,
            data,
        };
        let time = Time::After(Span::from_micros(self.now - self.shown));
        self.shown = self.now;
        let event = Event::Segment(segment);
        self.script.steps.push(Step { time, event, framing: Framing::NONE, expected: None, repeat: None });
    }

    fn host(&self, side: Direction) -> &Host {
        &self.hosts[usize::from(side == B)]
    }

    fn host_mut(&mut self, side: Direction) -> &mut Host {
        &mut self.hosts[usize::from(side == B)]
    }
}
