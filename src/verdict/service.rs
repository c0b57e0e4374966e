//! What the flows toward one server say together: the longest silence that survived and the shortest that died bracket a
//! timer on the path, and a death that could be read two ways alone reads one way among its like.

use std::collections::HashMap;

use crate::analyzer::Analysis;
use crate::flow::gaps::{Clock, Gaps, LEAST_GAP};
use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow, Orientation, Socket};
use crate::time::{Span, Timestamp};
use crate::timeouts::Expiry;
use crate::verdict::attribution::decisive;
use crate::verdict::outcome::judge;
use crate::verdict::{Confidence, Reason, Verdict, VerdictId};

/// Deaths from which on a bracket decides what one death leaves open.
const DEATHS_THAT_TELL: u64 = 3;

/// Silences of one clock over the flows of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bracket {
    /// The longest that survived: the timer is longer.
    pub survived_max: Option<Span>,
    /// The shortest that died: the timer is no longer.
    pub died_min: Option<Span>,
    /// The longest that died.
    pub died_max: Option<Span>,
    /// How many died.
    pub died: u64,
    /// Deaths that one sign alone leaves open between a forgetful box and an end that gave up or forgot.
    pub ambiguous: u64,
    manner: Option<Expiry>,
}

impl Bracket {
    /// Whether every silence that died was longer than every one that survived, and some survived.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        matches!((self.survived_max, self.died_min), (Some(survived), Some(died)) if survived < died)
    }

    /// The most telling manner in which flows died: a kill that was seen before one that showed only later.
    #[must_use]
    pub const fn manner(&self) -> Option<Expiry> {
        self.manner
    }

    fn survive(&mut self, length: Span) {
        self.survived_max = Some(self.survived_max.map_or(length, |most| most.max(length)));
    }

    fn die(&mut self, length: Span, manner: Option<Expiry>) {
        self.died += 1;
        self.died_min = Some(self.died_min.map_or(length, |least| least.min(length)));
        self.died_max = Some(self.died_max.map_or(length, |most| most.max(length)));
        const TELLING: [Expiry; 4] = [Expiry::RstBoth, Expiry::Fin, Expiry::RstOnNextPacket, Expiry::SilentDrop];
        self.manner = TELLING.into_iter().find(|telling| manner == Some(*telling) || self.manner == Some(*telling));
    }
}

/// Ages at which flows died by a RST that no endpoint is known to have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    died: u64,
    ages: Option<(Span, Span)>,
    starts: Option<(Timestamp, Timestamp)>,
    gaps: Option<(Span, Span)>,
}

impl Ages {
    /// Whether the flows died at one age: alike in age, begun at different times, and with silences before the end that
    /// are less alike than their ages.
    #[must_use]
    pub fn limit(&self) -> Option<Span> {
        let ((youngest, oldest), (first, last)) = self.ages.zip(self.starts)?;
        let spread = oldest.minus(youngest);
        let alike = spread <= Span::from_secs(1).max(Span::from_nanos(oldest.as_nanos() / 20));
        let begun_apart = last.since(first) > spread.times(3).max(LEAST_GAP);
        let idle_alike = self
            .gaps
            .is_some_and(|(least, most)| least >= LEAST_GAP && most.minus(least) <= spread.max(Span::from_millis(100)));
        (self.died >= DEATHS_THAT_TELL && alike && begun_apart && !idle_alike).then_some(youngest)
    }

    fn add(&mut self, flow: &Flow, end: Timestamp, silence: Span) {
        self.died += 1;
        widen(&mut self.ages, end.since(flow.first.time));
        widen(&mut self.starts, flow.first.time);
        widen(&mut self.gaps, silence);
    }
}

fn widen<T: Copy + Ord>(bounds: &mut Option<(T, T)>, value: T) {
    *bounds = Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))));
}

/// The flows toward one server, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Flows in all.
    pub flows: u64,
    /// Silence of any packet.
    pub packet: Bracket,
    /// Silence of payload.
    pub payload: Bracket,
    /// Ages at death.
    pub ages: Ages,
    /// The first and the last moment at which a flow in use lost its peer.
    lost_in_use: Option<(Timestamp, Timestamp)>,
}

impl Service {
    /// The clock on which flows of the service died, with its bracket; any packet where none died.
    #[must_use]
    pub fn telling(&self) -> (Clock, &Bracket) {
        if self.packet.died == 0 && self.payload.died > 0 {
            (Clock::Payload, &self.payload)
        } else {
            (Clock::Packet, &self.packet)
        }
    }
}

/// All services of a capture whose flows were ever silent.
#[derive(Clone, Debug, Default)]
pub struct Services {
    by_server: HashMap<Socket, Service>,
}

impl Services {
    /// Gathers the silences of all flows, each flow judged by itself.
    #[must_use]
    pub fn gather(analysis: &Analysis) -> Self {
        let mut services = Self::default();
        analysis.flows.iter().for_each(|flow| services.add(&flow, &judge(&flow, analysis)));
        analysis.flows.iter().for_each(|flow| services.count(flow.server()));
        services
    }

    /// First look at a flow, with its own verdict: what it says of its service.
    pub(crate) fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        let repeats = Direction::BOTH.into_iter().any(|side| flow.end(side).counters.retransmissions > 0);
        let silent = flow.packet_gaps().is_some() || flow.payload_gaps().is_some();
        if silent || repeats || flow.resets().next().is_some() {
            self.by_server.entry(flow.server()).or_default().add(flow, verdict);
        }
    }

    /// Second look: counts a flow of `server`, if anything was said of it.
    pub(crate) fn count(&mut self, server: Socket) {
        if let Some(service) = self.by_server.get_mut(&server) {
            service.flows += 1;
        }
    }

    /// The service at `server`, if a flow of it was ever silent.
    #[must_use]
    pub fn of(&self, server: Socket) -> Option<&Service> {
        self.by_server.get(&server)
    }

    /// All services: those with the most deaths first, then by address.
    #[must_use]
    pub fn ranked(&self) -> Vec<(Socket, &Service)> {
        let mut all: Vec<_> = self.by_server.iter().map(|(server, service)| (*server, service)).collect();
        all.sort_by_key(|(server, service)| (std::cmp::Reverse(service.packet.died + service.payload.died), *server));
        all
    }

    /// The verdict on `flow`, with what its service adds.
    #[must_use]
    pub fn judge(&self, flow: &Flow, analysis: &Analysis) -> Verdict {
        let verdict = judge(flow, analysis);
        match self.of(flow.server()) {
            Some(service) => refine(flow, verdict, service),
            None => verdict,
        }
    }
}

impl Service {
    fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        let survived = |gaps: Option<&Gaps>| gaps.and_then(Gaps::longest_survived).map(|gap| gap.length);
        if let Some(length) = survived(flow.packet_gaps()) {
            self.packet.survive(length);
        }
        // The silence that a server's words or FIN ended is what it died of, though it was answered.
        let closing = verdict.gap.filter(|(clock, _)| *clock == Clock::Payload).map(|(_, gap)| gap.length);
        if let Some(length) = survived(flow.payload_gaps()).filter(|length| Some(*length) != closing) {
            self.payload.survive(length);
        }
        if let Some(reset) = died_of_age(flow, verdict) {
            self.ages.add(flow, reset.mark.time, reset.silence);
        }
        if verdict.id == VerdictId::RetransmissionExhausted {
            widen(&mut self.lost_in_use, flow.last.time);
        }
        let Some((clock, gap)) = verdict.gap.filter(|(_, gap)| !gap.half_closed) else {
            return;
        };
        let bracket = match clock {
            Clock::Packet => &mut self.packet,
            Clock::Payload => &mut self.payload,
        };
        if verdict.id.is_idle_death() {
            bracket.die(gap.length, manner(verdict.id));
        } else if is_ambiguous(verdict) {
            bracket.ambiguous += 1;
            bracket.die(gap.length, None);
        }
    }
}

impl Service {
    /// Whether, in the silence that the flow died of, flows in use lost their peer too, which no box that forgets does.
    fn peer_was_lost(&self, verdict: &Verdict) -> bool {
        let Some(((first, last), (_, gap))) = self.lost_in_use.zip(verdict.gap) else { return false };
        let until = gap.start.time.plus(gap.length);
        first <= until && gap.start.time <= last
    }
}

/// Whether the other flows of its service may change the verdict on `flow`.
pub(crate) fn may_be_refined(flow: &Flow, verdict: &Verdict) -> bool {
    verdict.gap.is_some() || is_ambiguous(verdict) || died_of_age(flow, verdict).is_some()
}

/// The RST that ended the flow, if an age limit could have sent it: its beginning is known, and no endpoint aborted it.
fn died_of_age<'a>(flow: &'a Flow, verdict: &Verdict) -> Option<&'a Reset> {
    let fits = matches!(verdict.id, VerdictId::InjectedReset | VerdictId::IdleReset | VerdictId::Inconclusive);
    let (reset, _) = decisive(flow).filter(|_| fits && flow.orientation == Orientation::Handshake)?;
    flow.is_established().then_some(reset)
}

/// Whether a box that forgot the flow would look the same.
fn is_ambiguous(verdict: &Verdict) -> bool {
    verdict.id == VerdictId::KeepaliveExhausted
        || verdict.id == VerdictId::Inconclusive
            && verdict.reasons.contains(&Reason::AlsoFits(VerdictId::IdleResetNext))
}

/// How a flow of that verdict was killed.
#[must_use]
pub const fn manner(id: VerdictId) -> Option<Expiry> {
    match id {
        VerdictId::IdleReset => Some(Expiry::RstBoth),
        VerdictId::IdleResetNext => Some(Expiry::RstOnNextPacket),
        VerdictId::IdleDrop => Some(Expiry::SilentDrop),
        VerdictId::IdleClose => Some(Expiry::Fin),
        _ => None,
    }
}

/// What one death leaves open, its like may decide: deaths above a length, survivors below it.
fn refine(flow: &Flow, verdict: Verdict, service: &Service) -> Verdict {
    if let Some(age) = service.ages.limit().filter(|_| died_of_age(flow, &verdict).is_some()) {
        let mut reasons = vec![Reason::OneAge(service.ages.died, age)];
        reasons.extend(verdict.reasons);
        let id = VerdictId::AgeLimit;
        return Verdict { id, confidence: Confidence::Likely, reasons, timeout: Some(age), gap: None, ..verdict };
    }
    if service.peer_was_lost(&verdict) {
        return match verdict.id {
            VerdictId::IdleDrop => Verdict { confidence: Confidence::Possible, ..verdict }.because(Reason::PeerLost),
            _ => verdict,
        };
    }
    let bracket = &service.packet;
    if !is_ambiguous(&verdict) || !bracket.is_consistent() {
        return verdict;
    }
    let like_others = Reason::LikeOthers(bracket.died, bracket.survived_max);
    if verdict.id == VerdictId::KeepaliveExhausted && bracket.died > 1 {
        let confidence = Confidence::Likely.min(verdict.confidence);
        let mut reasons = vec![like_others, Reason::AlsoFits(VerdictId::KeepaliveExhausted)];
        reasons.extend(verdict.reasons);
        return Verdict { id: VerdictId::IdleDrop, confidence, reasons, ..verdict };
    }
    let spread = bracket.died_min.zip(bracket.died_max).is_some_and(|(least, most)| most.times(10) > least.times(12));
    if verdict.id == VerdictId::Inconclusive && bracket.died >= DEATHS_THAT_TELL && spread {
        let mut reasons = vec![like_others];
        reasons.extend(verdict.reasons);
        return Verdict { id: VerdictId::IdleResetNext, confidence: Confidence::Possible, reasons, ..verdict };
    }
    verdict
}
