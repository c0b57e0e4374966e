//! Flows: both directions of a connection joined, what each segment is, and what happened.
//!
//! `table` finds the flow of a segment, [`classify`](classify::classify) judges the segment by the state before it
//! without changing anything, [`Flow::apply`] changes the state. Headers only; nothing here grows with a flow's length.

pub mod apply;
pub mod bounded;
pub mod classify;
pub mod duplicates;
pub mod endpoint;
mod fold;
pub mod fragments;
pub mod gaps;
pub mod heads;
mod held;
mod index;
pub mod joined;
pub mod key;
pub mod kind;
pub mod mark;
mod packed;
mod places;
mod plain;
pub mod probes;
pub mod resets;
mod silences;
pub mod store;
pub mod table;
pub mod turns;

use std::net::SocketAddr;

pub use apply::{Relabel, Shared};
pub use key::{Direction, FlowKey, Keyed, Socket};
pub use kind::{Notes, SegmentKind};
pub use mark::{FrameId, Mark};

use crate::flow::bounded::FirstLast;
use crate::flow::endpoint::Endpoint;
use crate::flow::gaps::{Gaps, LEAST_GAP};
use crate::flow::probes::Probes;
use crate::flow::resets::Reset;
use crate::flow::turns::Heads;
use crate::time::Span;
use crate::wire::{Flags, IcmpKind, Segment, Tunnel};

/// How it is known which end initiated the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// A SYN or SYN-ACK was captured.
    Handshake,
    /// Inferred from the port numbers and from who was seen first.
    Inferred,
}

/// An ICMP error that quoted a segment of the flow.
#[derive(Clone, Copy, Debug)]
pub struct IcmpEvent {
    /// When and where.
    pub mark: Mark,
    /// The direction of the quoted segment.
    pub about: Direction,
    /// Who sent the error.
    pub from: std::net::IpAddr,
    /// What it said.
    pub kind: IcmpKind,
}

/// A run of payload in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub direction: Direction,
    /// The first segment of the turn.
    pub start: Mark,
    /// The last segment of the turn.
    pub last: Mark,
    /// Payload octets of the turn.
    pub octets: u64,
}

/// What few flows have: kept apart so that the common flow stays small.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// The innermost tunnel of the first segment that had one.
    pub tunnel: Option<Tunnel>,
    /// The client behind a FULLNAT director (TOA option).
    pub real_client: Option<SocketAddr>,
    /// ICMP errors about the flow.
    pub icmp: FirstLast<IcmpEvent>,
    /// RSTs.
    pub resets: FirstLast<Reset>,
    /// How often the capture's clock ran backwards within the flow.
    pub clock_steps: u32,
    /// A SYN of the same number came again after the flow had moved on: the capture holds packets twice.
    pub replayed: bool,
}

/// One connection (one generation of its addresses and ports), as the capture shows it.
///
/// # What lives where
///
/// Where many flows are alive, each packet finds its flow out of cache, and what it costs is counted in lines of memory (64
/// octets), more than in instructions. So it matters what stands here, and what hangs on it:
///
/// ```text
/// index, places    8 + 4   two lines, shared with strangers                       index, store
/// Flow             672     eleven lines, at a border between lines                here
///   key             40     five words, compared and hashed without a branch       key
///   marks          136     first, last, payload, the turn, who was heard          here
///   ends       2 x 224     numbers, times, timing, baseline, longest silence      endpoint
/// Probes           280     of an end that sent probes: the last one, the rhythm   probes
///   frames         128     of the first eight and the last eight                  bounded
///   previous, held, dating   while a probe is unanswered; undecided; timestamps   probes
/// Gaps       2 x   192     three lines a clock: the question; lengths; sums       gaps
///   longest        256     eight a clock, 32 octets each                          gaps::brief
///   fatal                  of flows that died of silence                          gaps
/// Rare              96     of an end with holes, repeats, challenges              endpoint
/// Extras                   RSTs, ICMP errors, a tunnel, a real client             here
/// Heads                    what could be named of the payload                     turns
/// ```
///
/// The rules: what the usual packet reads or writes (data in order, an ACK, a probe, its answer) stands in the flow, in its
/// probes or in the first lines of its gaps. What few flows have hangs apart, and is made when it is first needed: a usual
/// packet tests one pointer for it. Lists are written without being searched: what decides about an entry (`lengths`) stands in
/// front of them. `touch` and what follows it read ahead what a packet will most likely need, for many packets
/// together, in the order in which one address leads to the next.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Addresses and ports.
    pub key: FlowKey,
    initiator_is_low: bool,
    /// How it is known who initiated.
    pub orientation: Orientation,
    /// Wireshark's `tcp.stream` for the same file; `None` where Wireshark would show none.
    pub stream: Option<u32>,
    /// First segment.
    pub first: Mark,
    /// Last segment, duplicate frames not counted.
    pub last: Mark,
    /// The last segment with new payload, or the FIN after it.
    pub last_payload: Option<Mark>,
    /// The run of payload that came last.
    pub turn: Option<Turn>,
    ends: [Endpoint; 2],
    last_kinds: [Option<SegmentKind>; 2],
    /// The last segment of each end that restarts the other's keepalive timer: anything but an empty probe.
    heard: [Option<Mark>; 2],
    probes: [Option<Box<Probes>>; 2],
    /// On the clock of any packet, and on that of payload.
    gaps: Option<Box<[Gaps; 2]>>,
    extras: Option<Box<Extras>>,
    heads: Option<Box<Heads>>,
    /// Whether the initiator has sent payload.
    initiator_spoke: bool,
    /// Whether segments may go the short way: see `plain`. What could change that goes the long way, or says so.
    is_settled: bool,
    /// On either clock: whether a gap may wait for its decision.
    in_question: [bool; 2],
}

impl Flow {
    /// A flow whose first segment is `segment`, from the lower end of `key` if `from_low`.
    #[must_use]
    pub fn new(key: FlowKey, from_low: bool, segment: &Segment<'_>, mark: Mark) -> Self {
        let (sender_initiated, orientation) = orient(segment);
        let initiator_is_low = sender_initiated == from_low;
        Self { key, initiator_is_low, orientation, first: mark, last: mark, ..Self::blank() }
    }

    /// A flow of which nothing is known, to be filled in.
    fn blank() -> Self {
        Self {
            key: FlowKey::blank(),
            initiator_is_low: false,
            orientation: Orientation::Inferred,
            stream: None,
            first: Mark::default(),
            last: Mark::default(),
            last_payload: None,
            turn: None,
            ends: [Endpoint::default(), Endpoint::default()],
            last_kinds: [None; 2],
            heard: [None; 2],
            probes: [None, None],
            gaps: None,
            extras: None,
            heads: None,
            initiator_spoke: false,
            is_settled: false,
            in_question: [false; 2],
        }
    }

    /// The direction of a segment that the key's lower end sent (or the higher one).
    #[must_use]
    pub fn direction(&self, from_low: bool) -> Direction {
        if from_low == self.initiator_is_low { Direction::FromInitiator } else { Direction::FromResponder }
    }

    /// The end that sends in `direction`.
    #[must_use]
    pub const fn end(&self, direction: Direction) -> &Endpoint {
        let [initiator, responder] = &self.ends;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }

    /// The initiator's address and port.
    #[must_use]
    pub const fn client(&self) -> Socket {
        if self.initiator_is_low { self.key.low() } else { self.key.high() }
    }

    /// The responder's address and port.
    #[must_use]
    pub const fn server(&self) -> Socket {
        if self.initiator_is_low { self.key.high() } else { self.key.low() }
    }

    /// The probes that the sender in `direction` sent, if any.
    #[must_use]
    pub fn probes(&self, direction: Direction) -> Option<&Probes> {
        let [initiator, responder] = &self.probes;
        match direction {
            Direction::FromInitiator => initiator.as_deref(),
            Direction::FromResponder => responder.as_deref(),
        }
    }

    /// Idle gaps on the clock of any packet, if there were any.
    #[must_use]
    pub fn packet_gaps(&self) -> Option<&Gaps> {
        let [gaps, _] = self.gaps.as_deref()?;
        (!gaps.is_blank()).then_some(gaps)
    }

    /// Idle gaps on the clock of payload, if there were any.
    #[must_use]
    pub fn payload_gaps(&self) -> Option<&Gaps> {
        let [_, gaps] = self.gaps.as_deref()?;
        (!gaps.is_blank()).then_some(gaps)
    }

    /// What few flows have, if this one has any of it.
    #[must_use]
    pub fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    /// What the heads of turns said, if they said anything.
    #[must_use]
    pub fn heads(&self) -> Option<&Heads> {
        self.heads.as_deref()
    }

    /// Since when the client waits for an answer: it spoke last, or its latest request of HTTP/2 has no answer, whatever frames
    /// without a meaning for requests came after it.
    #[must_use]
    pub fn asked_since(&self) -> Option<Mark> {
        let spoke_last = self.turn.filter(|turn| turn.direction == Direction::FromInitiator);
        self.heads().and_then(Heads::asked_since).unwrap_or(spoke_last.map(|turn| turn.start))
    }

    /// The client behind a balancer or proxy, as a TOA option or a PROXY header tells it.
    #[must_use]
    pub fn real_client(&self) -> Option<SocketAddr> {
        let by_option = self.extras().and_then(|extras| extras.real_client);
        by_option.or_else(|| self.heads()?.real_client())
    }

    /// The RSTs that were kept, the earliest first.
    pub fn resets(&self) -> impl Iterator<Item = &Reset> {
        self.extras.iter().flat_map(|extras| extras.resets.iter())
    }

    /// What the last segment in `direction` was.
    #[must_use]
    pub const fn last_kind(&self, direction: Direction) -> Option<SegmentKind> {
        let [initiator, responder] = self.last_kinds;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }

    /// Round-trip time between the ends: the least time each took to acknowledge, as seen at the capture point, added.
    #[must_use]
    pub fn rtt(&self) -> Option<Span> {
        let [initiator, responder] = &self.ends;
        match (initiator.ack_delay, responder.ack_delay) {
            (Some(there), Some(here)) => Some(there.plus(here)),
            (one, other) => one.or(other),
        }
    }

    /// Retransmission timeout as Linux would first set it: RFC 6298 2.2 (SRTT + 4 RTTVAR, that is 3 RTT), at least 200 ms.
    #[must_use]
    pub fn rto(&self) -> Span {
        const LEAST: Span = Span::from_millis(200);
        self.rtt().map_or(LEAST, |rtt| rtt.times(3).max(LEAST))
    }

    /// Silence from this length on is an idle gap: at least a second, and three times the retransmission timeout.
    #[must_use]
    pub fn gap_threshold(&self) -> Span {
        LEAST_GAP.max(self.rto().times(3))
    }

    /// Whether both ends sent payload, SYN or FIN that the other acknowledged: the handshake is over.
    #[must_use]
    pub fn is_established(&self) -> bool {
        let [initiator, responder] = &self.ends;
        let answered_syn = initiator.isn.is_none() || initiator.snd_una.is_some();
        let acknowledged = responder.isn.is_none() || responder.snd_una.is_some();
        answered_syn && acknowledged && (initiator.last.is_some() || responder.last.is_some())
    }

    /// Whether the capture shows no more than an attempt at a connection: no handshake that was completed, no octet, no
    /// FIN, no probe, and, in the middle of a connection, no silence.
    #[must_use]
    pub fn is_attempt(&self) -> bool {
        let [initiator, responder] = &self.ends;
        let was_tried = initiator.isn.is_some() || responder.isn.is_some();
        let was_opened = was_tried && responder.snd_una.is_some();
        let was_used = self.ends.iter().any(|end| end.counters().payload_bytes > 0 || end.fin_end.is_some())
            || self.probes.iter().flatten().any(|probes| probes.latest.is_some());
        let was_silent = !was_tried && self.packet_gaps().is_some();
        !was_opened && !was_used && !was_silent
    }

    /// How many of the two ends have sent a FIN.
    #[must_use]
    pub fn fins(&self) -> usize {
        self.ends.iter().filter(|end| end.fin_end.is_some()).count()
    }

    /// Whether the FIN of the end that sends in `direction` was acknowledged.
    #[must_use]
    pub fn fin_acknowledged(&self, direction: Direction) -> bool {
        let end = self.end(direction);
        matches!((end.fin_end, end.snd_una), (Some(fin), Some(una)) if !una.before(fin))
    }

    /// Reads a little of each line of memory that the flow takes.
    fn touch(&self) -> u64 {
        let of = |end: &Endpoint| {
            end.packets
                ^ u64::from(end.dup_acks)
                ^ u64::from(end.baseline.timestamps)
                ^ u64::from(end.silence.start.number)
        };
        let [initiator, responder] = &self.ends;
        let own = u64::from(self.first.frame.number) ^ u64::from(self.last.frame.number);
        let [.., ports] = self.key.words();
        own ^ of(initiator) ^ of(responder) ^ ports
    }

    /// The same for what lies apart from it, once the flow itself is at hand. A segment that `speaks`, with more than one octet,
    /// is no probe; one that does not concerns no gap of payload, unless such a gap waits for its answer.
    fn touch_further(&self, speaks: bool) -> u64 {
        let [initiator, responder] = &self.probes;
        let probes = |probes: &Option<Box<Probes>>| probes.as_ref().map_or(0, |probes| probes.touch(speaks));
        let gaps =
            self.near_gaps(speaks).map_or(0, |(packet, payload)| packet.touch() ^ payload.map_or(0, Gaps::touch));
        let heads = self.heads.as_ref().filter(|_| speaks).map_or(0, |heads| heads.touch());
        let extras = self.extras.as_ref().map_or(0, |extras| u64::from(extras.clock_steps) ^ extras.resets.total());
        probes(initiator) ^ probes(responder) ^ gaps ^ heads ^ extras
    }

    /// The same for what lies apart from that in turn.
    fn touch_last(&self, speaks: bool) -> u64 {
        let [initiator, responder] = &self.probes;
        let frames = |probes: &Option<Box<Probes>>| {
            probes.as_ref().filter(|_| !speaks).map_or(0, |probes| probes.touch_frames())
        };
        let reset = self.resets().next().map_or(0, |reset| u64::from(reset.seq.0));
        let longest =
            |(packet, payload): (&Gaps, Option<&Gaps>)| packet.touch_longest() ^ payload.map_or(0, Gaps::touch_longest);
        frames(initiator) ^ frames(responder) ^ reset ^ self.near_gaps(speaks).map_or(0, longest)
    }

    /// The gaps that a segment most likely concerns: those on the clock of any packet, and those of payload if it does.
    fn near_gaps(&self, speaks: bool) -> Option<(&Gaps, Option<&Gaps>)> {
        let ([packet, payload], [_, is_asked]) = (self.gaps.as_deref()?, self.in_question);
        Some((packet, Some(payload).filter(|_| speaks || is_asked)))
    }

    /// Whether both ends have closed, or a RST has ended it as far as is known.
    pub(crate) fn is_over(&self) -> bool {
        self.fins() == 2 || self.resets().any(Reset::is_effective)
    }

    /// Whether a silence or a probe was seen: what is kept of those takes more memory than all the rest.
    fn was_silent(&self) -> bool {
        self.gaps.is_some() || self.probes.iter().any(Option::is_some)
    }

    /// Whether a RST has ended it, nothing waits for a judgement, and no silence was or will be seen, so that it comes out the
    /// same whenever the capture ends.
    pub(crate) fn is_reset_for_good(&self) -> bool {
        let obeyed = !self.resets().any(|reset| reset.sender_lives && reset.receiver_lives);
        obeyed && self.resets().any(Reset::is_effective) && !self.was_silent()
    }

    /// Whether segments wait for a judgement (rule 7).
    fn holds_segments(&self) -> bool {
        self.probes.iter().flatten().any(|probes| probes.held.is_some())
    }

    fn end_mut(&mut self, direction: Direction) -> &mut Endpoint {
        let [initiator, responder] = &mut self.ends;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.is_settled = false;
        self.extras.get_or_insert_default()
    }

    fn probes_mut(&mut self, direction: Direction) -> &mut Option<Box<Probes>> {
        let [initiator, responder] = &mut self.probes;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }

    fn heard_mut(&mut self, direction: Direction) -> &mut Option<Mark> {
        let [initiator, responder] = &mut self.heard;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }

    fn last_kind_mut(&mut self, direction: Direction) -> &mut Option<SegmentKind> {
        let [initiator, responder] = &mut self.last_kinds;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }
}

/// Whether the sender of a flow's first segment initiated it, and how that is known.
fn orient(segment: &Segment<'_>) -> (bool, Orientation) {
    if segment.flags.has(Flags::SYN) {
        return (!segment.flags.has(Flags::ACK), Orientation::Handshake);
    }
    // The well-known port is the server's (RFC 6335 6), else the one below the ephemeral range, else the lower one.
    let rank = |port: u16| match port {
        0..1024 => 0,
        1024..32_768 => 1,
        _ => 2,
    };
    let (src, dst) = (segment.src_port, segment.dst_port);
    let sender_initiated = (rank(src), src) >= (rank(dst), dst);
    (sender_initiated, Orientation::Inferred)
}
