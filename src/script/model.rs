//! What a packet script says, apart from how it is written.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::seq::Seq;
use crate::time::Span;
use crate::wire::Flags;

/// The kinds of segment that `idlegap trace` prints, and a script can expect.
pub const KINDS: &[&str] = &[
    "syn",
    "syn-ack",
    "data",
    "ack",
    "dup-ack",
    "window-update",
    "keepalive-probe",
    "keepalive-ack",
    "zero-window-probe",
    "zero-window-probe-ack",
    "retransmission",
    "out-of-order",
    "challenge-ack",
    "fin",
    "rst",
    "duplicate-frame",
];

/// The verdicts on a flow, a closed list.
pub const VERDICTS: &[&str] = &[
    "idle-reset",
    "idle-reset-next",
    "idle-drop",
    "idle-close",
    "half-closed-timeout",
    "keepalive-exhausted",
    "retransmission-exhausted",
    "zero-window-stall",
    "close-race",
    "age-limit",
    "endpoint-abort",
    "endpoint-no-socket",
    "injected-reset",
    "refused",
    "graceful",
    "open",
    "inconclusive",
];

/// Who sent a RST.
pub const ORIGINS: &[&str] = &["endpoint", "middlebox", "unknown"];

/// How sure a finding is.
pub const CONFIDENCES: &[&str] = &["certain", "likely", "possible"];

/// The end of a flow that still believes in it.
pub const SIDES: &[&str] = &["client", "server"];

/// A whole packet script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The link layer of the capture.
    pub link: LinkLayer,
    /// Bytes kept of each frame, where the file says so.
    pub snap: Option<u32>,
    /// The flows, each declared before its first event.
    pub flows: Vec<FlowSpec>,
    /// What the capture shows, in capture order.
    pub steps: Vec<Step>,
    /// When the capture ended, if that was later than its last segment.
    pub end: Option<Time>,
    /// What the analysis must conclude.
    pub expectations: Vec<Expectation>,
    /// Whether findings that no expectation names are accepted.
    pub other_findings_allowed: bool,
}

/// The link layer of the capture that a script becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkLayer {
    /// Ethernet II.
    #[default]
    Ethernet,
    /// Linux cooked capture.
    Sll,
    /// Linux cooked capture, version 2 (`tcpdump -i any`).
    Sll2,
    /// IP without a link layer.
    Raw,
}

/// One connection between two endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSpec {
    /// What the event lines call it; needed where there are several.
    pub name: Option<String>,
    /// Who opened it, or would have.
    pub initiator: SocketAddr,
    /// The other end.
    pub responder: SocketAddr,
    /// Initial sequence numbers, initiator's first.
    pub isn: (Seq, Seq),
    /// TTL or hop limit with which each side's packets are seen, initiator's first.
    pub hop_limits: (u8, u8),
    /// MAC addresses, initiator's first.
    pub macs: ([u8; 6], [u8; 6]),
    /// How its frames are wrapped where an event does not say otherwise.
    pub framing: Framing,
}

impl FlowSpec {
    /// A flow between two endpoints with everything else at its default.
    #[must_use]
    pub const fn new(initiator: SocketAddr, responder: SocketAddr) -> Self {
        Self {
            name: None,
            initiator,
            responder,
            isn: (Seq(0), Seq(0)),
            hop_limits: (64, 64),
            macs: ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
            framing: Framing::NONE,
        }
    }

    /// The number on the wire for a position in the sequence space of the side that sends in `direction`.
    #[must_use]
    pub const fn sequence(&self, direction: Direction, position: Position) -> Seq {
        let isn = match direction {
            Direction::FromInitiator => self.isn.0,
            Direction::FromResponder => self.isn.1,
        };
        match position {
            Position::Relative(offset) if offset < 0 => isn.minus(offset.unsigned_abs() as u32),
            Position::Relative(offset) => isn.plus(offset.unsigned_abs() as u32),
            Position::Absolute(number) => Seq(number),
        }
    }
}

/// The way a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `>`: initiator to responder.
    FromInitiator,
    /// `<`: responder to initiator.
    FromResponder,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::FromInitiator => Self::FromResponder,
            Self::FromResponder => Self::FromInitiator,
        }
    }
}

/// A point in a sequence space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Octets after (or before) the initial sequence number, from -(2^31) to 2^32-1.
    Relative(i64),
    /// The number as it is on the wire.
    Absolute(u32),
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// So long after the beginning of the script.
    At(Span),
    /// So long after the frame before; negative where the capture's clock ran backwards.
    After(Span),
}

/// One line of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When its frame was captured.
    pub time: Time,
    /// What was captured.
    pub event: Event,
    /// How the frame is wrapped, where that differs from the flow's manner.
    pub framing: Framing,
    /// What the analysis must call it.
    pub expected: Option<Expected>,
    /// How often it comes again.
    pub repeat: Option<Repeat>,
}

/// What a step shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A segment.
    Segment(SegmentSpec),
    /// The segment of the given number of segment lines before (1 is the last one), captured again.
    Duplicate(usize),
}

/// A TCP segment as a script writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentSpec {
    /// Which of the script's flows it belongs to.
    pub flow: usize,
    /// Which way it went.
    pub direction: Direction,
    /// Control bits.
    pub flags: Flags,
    /// Its first sequence number.
    pub start: Position,
    /// Octets of payload.
    pub payload_len: u16,
    /// The acknowledgment field, relative to the other side; zero on the wire where it is absent.
    pub ack: Option<Position>,
    /// The window field, unscaled.
    pub window: Option<u16>,
    /// TCP options in order; padded with zeros to whole words.
    pub options: Vec<TcpOption>,
    /// The first payload bytes; the rest follows a fixed pattern.
    pub data: Vec<u8>,
}

/// The window of segments that do not name one.
pub(super) const DEFAULT_WINDOW: u16 = 512;

/// A TCP option of a script's segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// `eol`
    EndOfList,
    /// `nop`
    NoOperation,
    /// `mss N`
    MaximumSegmentSize(u16),
    /// `wscale N`
    WindowScale(u8),
    /// `sackOK`
    SackPermitted,
    /// `sack A:B ...`, relative to the other side's sequence numbers.
    Sack(Vec<(Position, Position)>),
    /// `TS val N ecr N`
    Timestamps(u32, u32),
    /// `FO` (a cookie request) or `FO HEX`
    FastOpen(Vec<u8>),
    /// `TOA ADDR:PORT`, option 254 with the client's address (LVS FULLNAT)
    Toa(SocketAddr),
    /// `TOA253 [ADDR]:PORT`, the older number for IPv6
    Toa253(SocketAddrV6),
    /// `kind N HEX`, any other option
    Raw(u8, Vec<u8>),
}

impl TcpOption {
    /// Octets on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        match self {
            Self::EndOfList | Self::NoOperation => 1,
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::MaximumSegmentSize(_) => 4,
            Self::Timestamps(..) => 10,
            Self::Toa(SocketAddr::V4(_)) => 8,
            Self::Toa(SocketAddr::V6(_)) | Self::Toa253(_) => 20,
            Self::Sack(blocks) => blocks.len().saturating_mul(8).saturating_add(2),
            Self::FastOpen(bytes) | Self::Raw(_, bytes) => bytes.len().saturating_add(2),
        }
    }
}

/// How a frame is wrapped. `None` and empty lists leave the flow's manner as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// `ttl N`: TTL or hop limit.
    pub hop_limit: Option<u8>,
    /// `ipid N`: IPv4 identification; otherwise a counter per side.
    pub ip_id: Option<u16>,
    /// `mac SOURCE DESTINATION`
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// `vlan N.M`: VLAN tags, the outermost first.
    pub vlans: Vec<u16>,
    /// `df 0`, `df 1`: IPv4 don't-fragment bit, set by default.
    pub dont_fragment: Option<bool>,
    /// `pad`: filled up to the 60 octets that Ethernet asks for.
    pub padded: bool,
    /// `snap N`: only so many bytes captured.
    pub snap: Option<u32>,
    /// `frag N`: cut into IP fragments of N octets (a multiple of 8), each a frame of its own.
    pub fragment_at: Option<u16>,
    /// `iplen N`: what the IP length field says instead of the truth (0: segmentation offload).
    pub ip_length: Option<u16>,
    /// `ext hop,dst`: IPv6 extension headers in order.
    pub extensions: Vec<Extension>,
    /// `tunnel vxlan 7`: what carries the packet.
    pub tunnel: Option<Encapsulation>,
    /// `icmp ... from ADDR`: the frame is an ICMP error that quotes the segment.
    pub icmp: Option<IcmpQuote>,
}

impl Framing {
    /// Nothing said.
    pub const NONE: Self = Self {
        hop_limit: None,
        ip_id: None,
        macs: None,
        vlans: Vec::new(),
        dont_fragment: None,
        padded: false,
        snap: None,
        fragment_at: None,
        ip_length: None,
        extensions: Vec::new(),
        tunnel: None,
        icmp: None,
    };
}

/// An IPv6 extension header of 8 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// `hop`: hop-by-hop options, filled with padding.
    HopByHop,
    /// `dst`: destination options, filled with padding.
    Destination,
    /// `route`: a routing header with no segments left.
    Routing,
    /// `frag`: the fragment header of a datagram that is whole (RFC 6946).
    AtomicFragment,
}

/// What carries a packet through a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encapsulation {
    /// `vxlan VNI` (RFC 7348)
    Vxlan(u32),
    /// `geneve VNI` (RFC 8926)
    Geneve(u32),
    /// `gre` (RFC 2784)
    Gre,
    /// `ipip` (RFC 2003)
    IpInIp,
}

/// An ICMP error about the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpQuote {
    /// `icmp unreachable CODE from ADDR`
    Unreachable(u8, IpAddr),
    /// `icmp too-big MTU from ADDR`
    TooBig(u16, IpAddr),
    /// `icmp time-exceeded from ADDR`
    TimeExceeded(IpAddr),
}

/// `x5 every 10`: the frame comes so often, so far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// How often in all, from 2.
    pub count: u32,
    /// From one to the next.
    pub every: Span,
}

/// `= kind: note`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// Words that the note must contain.
    pub note: Option<String>,
}

/// What an expectation speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A finding of the report; the set of findings must be equal.
    Finding,
    /// The verdict on one flow.
    Verdict,
}

/// A timer or count that the analysis infers, or must not claim to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// `unknown`
    Unknown,
    /// The range that the analysis gives contains this.
    Value(T),
}

/// An `expect` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What it speaks of.
    pub subject: Subject,
    /// One of [`VERDICTS`].
    pub id: &'static str,
    /// The flow by its number in the script; `None` only for findings.
    pub flow: Option<usize>,
    /// Keepalive time.
    pub idle: Option<Setting<Span>>,
    /// Keepalive interval.
    pub interval: Option<Setting<Span>>,
    /// Keepalive probes.
    pub count: Option<Setting<u32>>,
    /// The silence that decided.
    pub gap: Option<Span>,
    /// One of [`ORIGINS`].
    pub origin: Option<&'static str>,
    /// One of [`CONFIDENCES`].
    pub confidence: Option<&'static str>,
    /// One of [`SIDES`].
    pub half_open: Option<&'static str>,
    /// First and last frame of the evidence.
    pub evidence: Option<(u64, u64)>,
}

impl Expectation {
    /// An expectation that names nothing but the id.
    #[must_use]
    pub const fn new(subject: Subject, id: &'static str) -> Self {
        Self {
            subject,
            id,
            flow: None,
            idle: None,
            interval: None,
            count: None,
            gap: None,
            origin: None,
            confidence: None,
            half_open: None,
            evidence: None,
        }
    }
}
