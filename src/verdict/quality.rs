//! What limits the verdicts of a capture, found in the flows themselves and in the accounts of their files.
//!
//! A limit is counted only where the capture shows it: silence of a peer is no one-sided capture, a segment that came late
//! leaves no hole, and a connection that began before the capture is the normal case. What lowers the confidence of a
//! verdict, and how far, is decided by [`ceiling`].

mod ending;
mod selection;
mod sides;
mod translation;

use crate::analyzer::{Analysis, Traffic};
use crate::capture::CaptureInfo;
use crate::flow::store::Brief;
use crate::flow::{Direction, Flow, FrameId, Orientation};
use crate::time::Span;
use crate::verdict::{Confidence, VerdictId};

pub use ending::{Ending, SHORTEST_USUAL_TIMER};
pub use selection::Selection;
pub use translation::{Translated, Translation};

/// What limits a verdict; its name is the stable id under which the report lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// The flow began before the capture.
    Midstream,
    /// Only one direction was captured.
    OneSided,
    /// The capturing machine lost packets.
    Drops,
    /// Octets of several flows are missing from the capture.
    Incomplete,
    /// The capture's clock ran backwards within the flow.
    ClockSteps,
    /// A silence within the flow is longer than anybody captures.
    ClockJumps,
    /// Records have no time of their own.
    Untimed,
    /// The times are invented: successive records lie at one distance.
    SyntheticClock,
    /// The flow's packets stand in the capture twice.
    Replayed,
    /// The capture filter let RSTs alone pass.
    ResetsOnly,
    /// The capture filter let SYN, FIN and RST alone pass.
    ControlOnly,
    /// The capture filter removed segments without payload: keepalive probes among them.
    NoBareAcks,
    /// The capture filter removed segments with payload.
    NoPayload,
}

impl Limit {
    /// The stable id, kebab-case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Midstream => "midstream",
            Self::OneSided => "one-sided",
            Self::Drops => "drops",
            Self::Incomplete => "incomplete",
            Self::ClockSteps => "clock-steps",
            Self::ClockJumps => "clock-jumps",
            Self::Untimed => "untimed",
            Self::SyntheticClock => "synthetic-clock",
            Self::Replayed => "replayed",
            Self::ResetsOnly => "resets-only",
            Self::ControlOnly => "control-only",
            Self::NoBareAcks => "no-bare-acks",
            Self::NoPayload => "no-payload",
        }
    }
}

/// What limits the verdicts of one timeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Flows in all.
    pub flows: u64,
    /// The capture began in the middle of them.
    pub midstream: u64,
    /// Only one direction was captured, and the other is not known to have been silent.
    pub one_sided: u64,
    /// Both directions were captured, but octets of them are missing, or were acknowledged unseen.
    pub incomplete: u64,
    /// The capture's clock ran backwards within them.
    pub clock_steps: u64,
    /// They begin a second time in the capture.
    pub replayed: u64,
    /// A FULLNAT director shows itself by the TOA option.
    pub behind_fullnat: u64,
    /// A tunnel carried them.
    pub tunnelled: u64,
    /// ICMP errors spoke of them.
    pub icmp_errors: u64,
    /// The one distance between successive records, where the times are invented; zero where all are the same.
    pub synthetic_clock: Option<Span>,
    /// What the capture filter let pass.
    pub selection: Selection,
    /// Conversations seen under two pairs of addresses.
    pub translated: Translated,
    /// How the capture ended: in silence or not.
    pub ending: Ending,
    /// All segments by what they carry.
    pub traffic: Traffic,
    /// Records analysed.
    pub records: u64,
    /// Packets that the capturing machine says it received, as far as the files were entered.
    pub received: u64,
    /// Packets that the capturing machine lost, as far as the files were entered.
    pub lost: u64,
    /// Records without a time of their own, as far as the files were entered.
    pub untimed: u64,
    /// The first frame of each file at which its clock stepped back so far that gaps prove nothing.
    pub stepped: Vec<FrameId>,
    /// Time between the first and the last record.
    pub span: Span,
}

/// Counts what limits the verdicts on the flows of `analysis`; [`Limits::enter`] adds what only the files know.
#[must_use]
pub fn limits(analysis: &Analysis) -> Limits {
    let mut survey = Survey::new(analysis);
    (0..).zip(analysis.flows.iter()).for_each(|(number, flow)| survey.add(number, &flow));
    analysis.flows.iter().for_each(|flow| survey.add_again(&flow));
    survey.finish()
}

/// The same in two looks at each flow, for those who look at the flows for other reasons, too.
pub(crate) struct Survey<'a> {
    analysis: &'a Analysis,
    limits: Limits,
    /// Flows that lack octets.
    lacking: u64,
    sides: sides::SilentPeers,
    unseen: selection::Unseen,
    /// Whoever invents times invents numbers: what is alike in them is no translation.
    translation: Option<translation::Search>,
    silences: ending::Silences,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(analysis: &'a Analysis) -> Self {
        let synthetic_clock = analysis.accounts.iter().find_map(|account| account.pace.invented());
        let limits = Limits {
            span: analysis.end.since(analysis.start),
            flows: analysis.flows.len() as u64,
            synthetic_clock,
            records: analysis.accounts.iter().map(|account| account.records).sum(),
            traffic: selection::total(&analysis.accounts),
            ..Limits::default()
        };
        Self {
            analysis,
            limits,
            lacking: 0,
            sides: sides::SilentPeers::default(),
            unseen: selection::Unseen::default(),
            translation: synthetic_clock.is_none().then(translation::Search::default),
            silences: ending::Silences::default(),
        }
    }

    /// First look at flow `number`; flows come in their order.
    pub(crate) fn add(&mut self, number: u32, flow: &Flow) {
        self.sides.add(number, flow);
        self.unseen.add(flow);
        self.silences.add(flow);
        if let Some(search) = &mut self.translation {
            search.add(flow);
        }
        let limits = &mut self.limits;
        limits.midstream += u64::from(flow.orientation == Orientation::Inferred);
        self.lacking += u64::from(lacks_octets(flow));
        if let Some(extras) = flow.extras() {
            limits.clock_steps += u64::from(extras.clock_steps > 0);
            limits.replayed += u64::from(extras.replayed);
            limits.behind_fullnat += u64::from(extras.real_client.is_some());
            limits.tunnelled += u64::from(extras.tunnel.is_some());
            limits.icmp_errors += u64::from(extras.icmp.total() > 0);
        }
    }

    /// The same for a flow of which its beginning is known: all that [`digest`](crate::verdict::digest) leaves to say.
    pub(crate) fn add_brief(&mut self, brief: &Brief) {
        if let Some(search) = &mut self.translation {
            search.add_brief(brief);
        }
    }

    /// Whether the second look is wanted at flows that were never silent, too.
    pub(crate) fn wants_all(&self) -> bool {
        self.sides.are_there()
    }

    /// Second look at a flow.
    pub(crate) fn add_again(&mut self, flow: &Flow) {
        self.silences.add_again(flow);
        if self.sides.are_there() {
            self.sides.listen(flow);
        }
    }

    pub(crate) fn finish(mut self) -> Limits {
        let one_way = self.sides.one_way().iter().filter_map(|number| self.analysis.flows.get(*number));
        let one_sided = one_way.filter(|flow| self.sides.is_one_sided(flow));
        let (one_sided, lacking) =
            one_sided.fold((0, 0), |(count, lacking), flow| (count + 1, lacking + u64::from(lacks_octets(&flow))));
        self.limits.one_sided = one_sided;
        self.limits.incomplete = self.lacking - lacking;
        self.limits.selection = Selection::of(&self.limits.traffic, self.unseen);
        self.limits.translated = self.translation.map(translation::Search::finish).unwrap_or_default();
        self.limits.ending = self.silences.ending();
        self.limits
    }
}

impl Limits {
    /// Adds what a file of the timeline says of itself: losses, and records without a time.
    pub fn enter(&mut self, file: usize, info: &CaptureInfo) {
        let steps = info.backward_steps;
        if steps.largest >= LEAST_CLOCK_STEP {
            self.stepped.push(FrameId::new(u32::try_from(file).unwrap_or(u32::MAX), steps.first_frame));
        }
        self.lost = self.lost.saturating_add(lost(info));
        self.received = self.received.saturating_add(info.counters.received.unwrap_or(0));
        self.untimed = self.untimed.saturating_add(info.untimed);
    }

    /// Whether so many packets were lost that silence may well be loss: one in a thousand of those analysed or, if these
    /// are a part of them, received.
    #[must_use]
    pub const fn loses_much(&self) -> bool {
        let of = if self.received > self.records { self.received } else { self.records };
        self.lost > 0 && self.lost.saturating_mul(1_000) >= of
    }

    /// Whether octets are missing from more than one flow in twenty: then segments without octets are missing, too.
    #[must_use]
    pub const fn misses_much(&self) -> bool {
        self.incomplete > 0 && self.incomplete.saturating_mul(20) >= self.flows
    }

    /// Whether the clock of a file stepped back while `flow` lasted, seen in the flow itself or not.
    #[must_use]
    pub fn steps_within(&self, flow: &Flow) -> bool {
        let lasted = |step: &&FrameId| step.file == flow.first.frame.file && step.file == flow.last.frame.file;
        let within = |step: &FrameId| flow.first.frame.number < step.number && step.number <= flow.last.frame.number;
        self.stepped.iter().filter(lasted).any(within)
    }

    /// Whether some silence in the capture, ended or not, lasted as long as `timer`. If not, the capture can neither show
    /// nor refute a timer of that length.
    #[must_use]
    pub fn reaches(&self, timer: Span) -> bool {
        self.ending.longest_silence >= timer
    }
}

/// A clock that steps back by less than this is put right by no one: several queues or interfaces hand over their packets
/// a little out of order.
pub const LEAST_CLOCK_STEP: Span = Span::from_millis(100);

/// Whether a silence of this length is more likely the seam of joined captures than a silence: a week. Such a silence says
/// nothing of a timer.
#[must_use]
pub fn is_stitched(length: Span) -> bool {
    const WEEK: Span = Span::from_secs(7 * 86_400);
    length >= WEEK
}

/// Packets that the capturing side lost: dropped by system or interface, or reported lost between records.
#[must_use]
pub fn lost(info: &CaptureInfo) -> u64 {
    let drops = [info.counters.system_drops, info.counters.interface_drops];
    drops.into_iter().flatten().fold(info.lost_between, u64::saturating_add)
}

/// How sure a verdict can be at most, and what limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The most that may be claimed.
    pub confidence: Confidence,
    /// Why.
    pub limit: Limit,
}

/// The most that a verdict `id` on `flow` may claim in a capture with `limits`; `None` where nothing limits it.
///
/// Invented or stepping times leave any statement about silence and age `possible`. A filter that removed segments, and
/// packets that stand in the capture twice, leave every statement `possible`. Where only one direction was captured, what
/// rests on an answer that was not seen is `possible`; where packets were lost, or octets are missing, `likely`. Who sent a RST is at most
/// `likely` where the capture began too late to know the claimed sender.
#[must_use]
pub fn ceiling(flow: &Flow, limits: &Limits, id: VerdictId) -> Option<Ceiling> {
    let possible = Confidence::Possible;
    let rules = [
        (is_replayed(flow), possible, Limit::Replayed),
        (rests_on_time(id) && limits.synthetic_clock.is_some(), possible, Limit::SyntheticClock),
        (rests_on_time(id) && (has_clock_steps(flow) || limits.steps_within(flow)), possible, Limit::ClockSteps),
        (rests_on_time(id) && has_clock_jumps(flow), possible, Limit::ClockJumps),
        (rests_on_time(id) && limits.untimed > 0, possible, Limit::Untimed),
        (limits.selection == Selection::ResetsOnly, possible, Limit::ResetsOnly),
        (limits.selection == Selection::ControlOnly && id.matters(), possible, Limit::ControlOnly),
        (limits.selection == Selection::NoBareAcks && rests_on_silence(id), possible, Limit::NoBareAcks),
        (limits.selection == Selection::NoPayload && rests_on_silence(id), possible, Limit::NoPayload),
        (rests_on_silence(id) && sides::shows_one_direction(flow), possible, Limit::OneSided),
        (rests_on_silence(id) && limits.loses_much(), Confidence::Likely, Limit::Drops),
        (rests_on_silence(id) && limits.misses_much(), Confidence::Likely, Limit::Incomplete),
        (rests_on_sender(id) && lacks_baseline(flow), Confidence::Likely, Limit::Midstream),
    ];
    // The first of the lowest: rules stand in the order in which they are worth saying.
    let met = rules.into_iter().filter(|(applies, ..)| *applies);
    let lowest = met.min_by_key(|(_, confidence, _)| *confidence)?;
    Some(Ceiling { confidence: lowest.1, limit: lowest.2 })
}

/// Whether the verdict is about how long something lasted.
const fn rests_on_time(id: VerdictId) -> bool {
    matches!(
        id,
        VerdictId::IdleReset
            | VerdictId::IdleResetNext
            | VerdictId::IdleDrop
            | VerdictId::IdleClose
            | VerdictId::HalfClosedTimeout
            | VerdictId::KeepaliveExhausted
            | VerdictId::RetransmissionExhausted
            | VerdictId::AgeLimit
            | VerdictId::InjectedReset
    )
}

/// Whether the verdict rests on something that was not seen: packets in a gap, or an answer.
const fn rests_on_silence(id: VerdictId) -> bool {
    matches!(
        id,
        VerdictId::IdleReset
            | VerdictId::IdleResetNext
            | VerdictId::IdleDrop
            | VerdictId::IdleClose
            | VerdictId::HalfClosedTimeout
            | VerdictId::KeepaliveExhausted
            | VerdictId::RetransmissionExhausted
            | VerdictId::ZeroWindowStall
    )
}

/// Whether the verdict says who sent a RST.
const fn rests_on_sender(id: VerdictId) -> bool {
    matches!(
        id,
        VerdictId::IdleReset
            | VerdictId::IdleResetNext
            | VerdictId::InjectedReset
            | VerdictId::EndpointAbort
            | VerdictId::EndpointNoSocket
    )
}

fn is_replayed(flow: &Flow) -> bool {
    flow.extras().is_some_and(|extras| extras.replayed)
}

fn has_clock_steps(flow: &Flow) -> bool {
    flow.extras().is_some_and(|extras| extras.clock_steps > 0)
}

/// Whether the flow was silent for longer than anybody captures.
fn has_clock_jumps(flow: &Flow) -> bool {
    let gaps = [flow.packet_gaps(), flow.payload_gaps()].into_iter().flatten();
    gaps.flat_map(crate::flow::gaps::Gaps::lengths).any(is_stitched)
}

/// Whether the end that a RST claims to come from is hardly known: midstream, with fewer than two segments of its own.
fn lacks_baseline(flow: &Flow) -> bool {
    const KNOWN_BY: u64 = 2;
    let resets = |direction| flow.resets().filter(|reset| reset.direction == direction).count() as u64;
    let known = |direction: Direction| flow.end(direction).counters().packets.saturating_sub(resets(direction));
    flow.orientation == Orientation::Inferred && flow.resets().any(|reset| known(reset.direction) < KNOWN_BY)
}

/// Whether octets of a flow are missing from the capture, or were acknowledged unseen.
#[must_use]
pub fn lacks_octets(flow: &Flow) -> bool {
    Direction::BOTH.into_iter().any(|direction| flow.end(direction).counters().lacks_octets())
}
