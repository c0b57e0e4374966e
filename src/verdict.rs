//! From flows to conclusions: who sent each RST, what became of each flow, what the flows of a service say of a timer.
//!
//! Never more certain than the evidence: `inconclusive` is cheap to reach, and a box on the path is accused only by signs
//! that an endpoint does not give.

pub mod advice;
pub mod ages;
pub mod assume;
pub mod attribution;
pub mod bracket;
pub mod company;
pub mod digest;
pub mod group;
pub mod inventory;
pub mod outcome;
pub mod path;
pub mod quality;
pub mod service;
pub mod settings;

use crate::flow::gaps::{Clock, Gap};
use crate::flow::{Direction, FrameId};
use crate::time::Span;
use crate::verdict::quality::{Ceiling, Limit};

/// What became of a flow: the closed list of `docs/FINDINGS.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictId {
    /// A box on the path reset the silent flow when its limit was reached.
    IdleReset,
    /// A box forgot the silent flow and answered the next packet with a RST.
    IdleResetNext,
    /// A box forgot the silent flow; what came after was never answered.
    IdleDrop,
    /// An intermediary or server closed in good order at its own timer.
    IdleClose,
    /// As the above, after one side's FIN.
    HalfClosedTimeout,
    /// One end gave up after unanswered probes.
    KeepaliveExhausted,
    /// Data stayed unanswered with no idle gap before it.
    RetransmissionExhausted,
    /// Not idle: the receiver stopped reading.
    ZeroWindowStall,
    /// A request met the server's FIN.
    CloseRace,
    /// Flows die at one age, busy or not.
    AgeLimit,
    /// A live socket of the peer aborted.
    EndpointAbort,
    /// The peer's host has no such connection any more.
    EndpointNoSocket,
    /// A box reset the flow with no idle gap before it.
    InjectedReset,
    /// The handshake was refused or unanswered.
    Refused,
    /// Closed in good order by its ends.
    Graceful,
    /// Alive at the end of the capture.
    Open,
    /// The capture cannot tell.
    Inconclusive,
}

impl VerdictId {
    /// Every id, the most severe kinds of death first.
    pub const ALL: [Self; 17] = [
        Self::IdleReset,
        Self::IdleResetNext,
        Self::IdleDrop,
        Self::IdleClose,
        Self::HalfClosedTimeout,
        Self::KeepaliveExhausted,
        Self::RetransmissionExhausted,
        Self::ZeroWindowStall,
        Self::CloseRace,
        Self::AgeLimit,
        Self::EndpointAbort,
        Self::EndpointNoSocket,
        Self::InjectedReset,
        Self::Refused,
        Self::Graceful,
        Self::Open,
        Self::Inconclusive,
    ];

    /// The stable name, in JSON and for `--fail-on`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdleReset => "idle-reset",
            Self::IdleResetNext => "idle-reset-next",
            Self::IdleDrop => "idle-drop",
            Self::IdleClose => "idle-close",
            Self::HalfClosedTimeout => "half-closed-timeout",
            Self::KeepaliveExhausted => "keepalive-exhausted",
            Self::RetransmissionExhausted => "retransmission-exhausted",
            Self::ZeroWindowStall => "zero-window-stall",
            Self::CloseRace => "close-race",
            Self::AgeLimit => "age-limit",
            Self::EndpointAbort => "endpoint-abort",
            Self::EndpointNoSocket => "endpoint-no-socket",
            Self::InjectedReset => "injected-reset",
            Self::Refused => "refused",
            Self::Graceful => "graceful",
            Self::Open => "open",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// The id of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.name() == name)
    }

    /// Whether the flow died of silence and of somebody's timer.
    #[must_use]
    pub const fn is_idle_death(self) -> bool {
        matches!(
            self,
            Self::IdleReset | Self::IdleResetNext | Self::IdleDrop | Self::IdleClose | Self::HalfClosedTimeout
        )
    }

    /// Whether the flows of one service that share the verdict share a finding.
    #[must_use]
    pub const fn is_about_service(self) -> bool {
        self.is_idle_death() || matches!(self, Self::KeepaliveExhausted)
    }

    /// Whether a reader of the report should see the flow.
    #[must_use]
    pub const fn matters(self) -> bool {
        !matches!(self, Self::Graceful | Self::Open)
    }
}

/// How sure a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// It fits, and so may other explanations.
    Possible,
    /// Other explanations would be odd.
    Likely,
    /// No other explanation is known.
    Certain,
}

impl Confidence {
    /// `possible`, `likely` or `certain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// Who sent a RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The stack that sent this direction's earlier segments.
    Endpoint,
    /// Anything else.
    Middlebox,
    /// The evidence does not say.
    Unknown,
}

impl Origin {
    /// `endpoint`, `middlebox` or `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Middlebox => "middlebox",
            Self::Unknown => "unknown",
        }
    }
}

/// One piece of evidence; `report::words` puts it into a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The claimed sender kept sending after its RST.
    SenderLives,
    /// Its receiver kept sending as if nothing had happened.
    ReceiverLives,
    /// The RST came sooner than the claimed sender can answer: delay, least time that sender ever took.
    TooFast(Span, Span),
    /// The RST came no sooner than the claimed sender answers: delay, least time.
    AsFastAsSender(Span, Span),
    /// Hop limit of the RST and the nearest hop limit of the claimed sender.
    OtherHopLimit(u8, u8),
    /// Hop limit as the claimed sender's.
    SameHopLimit(u8),
    /// RSTs in both directions within this time, out of silence.
    BothDirections(Span),
    /// Only one of the RSTs that a box sends to both ends was captured: the one toward this end.
    OneResetSeen(Direction),
    /// Nothing provoked the RST: silence before it.
    Spontaneous(Span),
    /// Bare RST with an acknowledgment field: a FULLNAT director is on the path.
    FullnatMark,
    /// The window carries a known vendor code.
    VendorCode(u16),
    /// RST with ACK and the flow's own timestamps, as a live socket sends it.
    SocketShape,
    /// RST with ACK, without timestamps although the flow negotiated them.
    SocketShapeWithoutTimestamps,
    /// Bare RST at the acknowledgment number of what it answers, as RFC 9293 3.10.7.1 has a host without the connection do.
    StatelessShape,
    /// IP identification continues the claimed sender's.
    IpIdContinues,
    /// IP identification does not continue the claimed sender's counter.
    IpIdBreaks,
    /// Another source MAC address than the claimed sender's segments.
    OtherMac,
    /// The RST lies where its receiver ignores it.
    Unacceptable,
    /// Its receiver challenged it and lived.
    Challenged,
    /// Unanswered probes before the sender gave up.
    ProbesUnanswered(u32),
    /// Data unanswered: retransmissions.
    DataUnanswered(u32),
    /// The silence before the end, and the clock it is on.
    Gap(Clock, Span),
    /// The server's side answered the silence with this HTTP status.
    HttpStatus(u16),
    /// A FIN of the server ended the silence.
    ServerFin,
    /// A FIN of the client ended the silence, and the client is a proxy.
    ProxyFin,
    /// Keepalives were answered throughout: a timer of payload, keepalive does not help.
    KeepalivesAnswered(u32),
    /// The window stayed closed over this many probes.
    WindowClosed(u32),
    /// No SYN-ACK in this time, over this many SYNs.
    SynUnanswered(Span, u64),
    /// The peer refused the SYN by RST.
    SynRefused,
    /// An ICMP error said so.
    IcmpError,
    /// Data came after the server's FIN.
    DataAfterFin,
    /// The flow had survived a silence as long as this, longer than the one before its end.
    SurvivedLonger(Span),
    /// Only one direction was captured.
    OneSided,
    /// Every sign fits this too.
    AlsoFits(VerdictId),
    /// Other flows of the service died after like gaps while shorter ones survived: deaths, longest survived.
    LikeOthers(u64, Option<Span>),
    /// This many flows of the service died at this age, with unlike silences before.
    OneAge(u64, Span),
    /// The capture ends too soon after the last question.
    EndsTooSoon,
    /// The flow had to leave for want of memory too soon after the last question.
    LeftTooSoon,
    /// The capture's clock ran backwards within the flow.
    ClockSteps,
    /// The capture allows no surer statement.
    Limited(Limit),
    /// RST after both ends had closed.
    AfterClose,
    /// No single timer explains the service: so long a silence survived, and a shorter one did not.
    Outlived(Span, Span),
    /// No single timer explains the service: kills were seen after the one and after the other silence.
    Scattered(Span, Span),
    /// The server closed so many idle connections in one moment, after unlike silences.
    ClosedTogether(u64),
    /// No single restart of the host explains the flows of the service that died so.
    NoRestart,
    /// The data was not sent again either: the capture may lack its answer.
    NotRepeated,
    /// Flows of the service that were in use lost their peer in the same silence.
    PeerLost,
}

/// The judgement on one flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What became of it.
    pub id: VerdictId,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The gap it died of, with its clock.
    pub gap: Option<(Clock, Gap)>,
    /// The timer itself, where the capture shows more than a bound.
    pub timeout: Option<Span>,
    /// Frames to look at, in order.
    pub frames: Vec<FrameId>,
    /// The end that still believes in the connection.
    pub half_open: Option<Direction>,
}

impl Verdict {
    fn new(id: VerdictId, confidence: Confidence) -> Self {
        Self { id, confidence, reasons: Vec::new(), gap: None, timeout: None, frames: Vec::new(), half_open: None }
    }

    /// Nothing but what became of it.
    pub(crate) fn of(id: VerdictId) -> Self {
        Self::new(id, Confidence::Possible)
    }

    fn because(mut self, reason: Reason) -> Self {
        self.reasons.push(reason);
        self
    }

    /// The gap it died of: shown as a reason, and its frames as evidence.
    fn of_gap(mut self, clock: Clock, gap: Option<&Gap>) -> Self {
        if let Some(gap) = gap {
            self.reasons.push(Reason::Gap(clock, gap.length));
            self.frames.push(gap.start.frame);
            self.frames.extend(gap.ended_by.map(|ender| ender.mark.frame));
            self.gap = Some((clock, *gap));
        }
        self
    }

    /// No surer than `ceiling`.
    pub(crate) fn limited(mut self, ceiling: Ceiling) -> Self {
        self.confidence = self.confidence.min(ceiling.confidence);
        self.reasons.push(Reason::Limited(ceiling.limit));
        // That nothing was idle before the RST is what such a capture cannot show.
        let hides_silence = matches!(ceiling.limit, Limit::ControlOnly | Limit::Untimed | Limit::SyntheticClock);
        if hides_silence && self.id == VerdictId::InjectedReset {
            self.reasons.push(Reason::AlsoFits(VerdictId::InjectedReset));
            self.id = VerdictId::Inconclusive;
        }
        self
    }

    fn at(mut self, frame: FrameId) -> Self {
        if !self.frames.contains(&frame) {
            self.frames.push(frame);
        }
        self
    }
}
