//! What the flows toward one server say together: the longest silence that survived and the shortest that died bracket a
//! timer on the path, and a death that could be read two ways alone reads one way among its like.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::analyzer::Analysis;
use crate::flow::gaps::Clock;
use crate::flow::{Flow, Socket};
use crate::time::Span;
use crate::verdict::ages::{Ages, Manner, died_of_age};
use crate::verdict::bracket::{Bracket, Contradiction, is_ambiguous};
use crate::verdict::company::{Company, repeated};
use crate::verdict::outcome::judge;
use crate::verdict::path::{Sorter, Split};
use crate::verdict::{Confidence, Reason, Verdict, VerdictId};

/// Deaths from which on a bracket decides what one death leaves open.
const DEATHS_THAT_TELL: u64 = 3;

/// The flows toward one server, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Flows in all.
    pub flows: u64,
    /// Silence of any packet.
    pub packet: Bracket,
    /// Silence of payload.
    pub payload: Bracket,
    /// Ages at death by RST.
    ages: Ages,
    /// Ages at which the server closed.
    closing_ages: Ages,
    /// What happened beside any timer.
    company: Company,
}

impl Service {
    /// Whether flows died of silence, or may have.
    #[must_use]
    pub const fn has_deaths(&self) -> bool {
        self.packet.died + self.packet.ambiguous + self.payload.died > 0
    }

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
    by_server: HashMap<Socket, Service, RandomState>,
    /// Whether there is a service with a limit of age.
    has_age_limits: bool,
    splits: HashMap<Socket, Split>,
}

impl Services {
    /// Gathers the silences of all flows, each flow judged by itself.
    #[must_use]
    pub fn gather(analysis: &Analysis) -> Self {
        let mut services = Self::default();
        analysis.flows.iter().for_each(|flow| services.add(&flow, &judge(&flow, analysis)));
        analysis.flows.iter().for_each(|flow| services.add_again(&flow));
        services.conclude(analysis, &HashMap::new());
        services
    }

    /// Second look at a flow, after the first one at all of them: nothing new where it was telling.
    pub(crate) fn add_again(&mut self, flow: &Flow) {
        if let Some(service) = self.by_server.get_mut(&flow.server()).filter(|_| !is_telling(flow)) {
            service.flows += 1;
        }
        self.outlive(flow);
    }

    /// A flow that tells nothing else shows at least how old flows of its service become.
    pub(crate) fn outlive(&mut self, flow: &Flow) {
        if let Some(service) = self.by_server.get_mut(&flow.server()).filter(|_| !is_telling(flow)) {
            service.ages.outlive(flow);
            service.closing_ages.outlive(flow);
        }
    }

    /// Counts a flow toward `server` that a RST ended, and that tells nothing else; with its `age` if the handshake was over.
    pub(crate) fn count(&mut self, server: Socket, age: Option<Span>) {
        let service = self.by_server.entry(server).or_default();
        service.flows += 1;
        if let Some(age) = age {
            service.ages.outlive_age(age);
            service.closing_ages.outlive_age(age);
        }
    }

    /// Whether there is a service whose flows a limit of age ends; known when all flows have been looked at.
    pub(crate) const fn has_age_limits(&self) -> bool {
        self.has_age_limits
    }

    /// All flows have been looked at twice, but those that are not there any more, so many `gone` by server.
    pub(crate) fn conclude(&mut self, analysis: &Analysis, gone: &HashMap<Socket, u64>) {
        for (server, flows) in gone {
            if let Some(service) = self.by_server.get_mut(server) {
                service.flows += flows;
            }
        }
        self.has_age_limits = forget_aged(analysis, &mut self.by_server);
        // What ended in one moment shows no timer of payload.
        let stopped = self.by_server.values_mut().filter(|service| service.company.closed_in_one_moment());
        stopped.for_each(|service| service.payload = Bracket::default());
        self.splits = splits(analysis, &self.by_server);
    }

    /// Adds what one flow shows. One that is not telling is counted when it is looked at again: whether its service ever
    /// has a telling one is not known before.
    pub(crate) fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        if is_telling(flow) {
            let service = self.by_server.entry(flow.server()).or_default();
            service.flows += 1;
            service.add(flow, verdict);
        }
    }

    /// The same for a flow that is counted elsewhere.
    pub(crate) fn add_uncounted(&mut self, flow: &Flow, verdict: &Verdict) {
        if is_telling(flow) {
            self.by_server.entry(flow.server()).or_default().add(flow, verdict);
        }
    }

    /// How the paths to `server` differ, where its flows do not fit one timer and the paths explain why.
    #[must_use]
    pub fn split(&self, server: Socket) -> Option<&Split> {
        self.splits.get(&server)
    }

    /// The service at `server`, if a flow of it was ever silent.
    #[must_use]
    pub fn of(&self, server: Socket) -> Option<&Service> {
        self.by_server.get(&server)
    }

    /// Whether flows to several servers died of silence, so that something may stand before all of them.
    #[must_use]
    pub fn several_died(&self) -> bool {
        self.by_server.values().filter(|service| service.has_deaths()).nth(1).is_some()
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
        self.refined(flow, judge(flow, analysis))
    }

    /// The verdict on `flow`, which was judged by itself, with what its service adds as far as that is known.
    pub(crate) fn refined(&self, flow: &Flow, verdict: Verdict) -> Verdict {
        let Some(service) = self.of(flow.server()) else { return verdict };
        let verdict = refine(flow, verdict, service);
        // Where paths differ, each has a bracket of its own.
        let disagreement = service.packet.contradiction().filter(|_| self.split(flow.server()).is_none());
        match disagreement.filter(|_| is_kill_of_packet_timer(&verdict)) {
            Some(contradiction) => {
                let reason = match contradiction {
                    Contradiction::Outlived(survived, died) => Reason::Outlived(survived, died),
                    Contradiction::Scattered(least, most) => Reason::Scattered(least, most),
                };
                doubted(verdict).because(reason)
            }
            None => verdict,
        }
    }
}

impl Service {
    /// Whether flows died, or were closed, in a way that a limit of age could explain.
    #[must_use]
    pub fn may_have_age_limit(&self) -> bool {
        self.ages.died() + self.closing_ages.died() > 0
    }

    /// The limit of age that ends flows in that manner, with how many it ended.
    fn age_limit(&self, manner: Manner) -> Option<(Span, u64)> {
        let ages = match manner {
            Manner::Reset => &self.ages,
            Manner::Close => &self.closing_ages,
        };
        Some((ages.limit(manner)?, ages.died()))
    }

    fn has_age_limit(&self) -> bool {
        [Manner::Reset, Manner::Close].into_iter().any(|manner| self.age_limit(manner).is_some())
    }

    fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        self.packet.add(Clock::Packet, flow, verdict);
        self.payload.add(Clock::Payload, flow, verdict);
        self.ages.add(Manner::Reset, flow, verdict);
        self.closing_ages.add(Manner::Close, flow, verdict);
        self.company.add(flow, verdict);
    }
}

/// Whether the other flows of its service may change the verdict on `flow`.
pub(crate) fn may_be_refined(flow: &Flow, verdict: &Verdict) -> bool {
    verdict.gap.is_some() || is_ambiguous(verdict) || died_of_age(flow, verdict).is_some()
}

/// Whether a flow was ever silent, reset, or repeated anything.
pub(crate) fn is_telling(flow: &Flow) -> bool {
    repeated(flow) || flow.packet_gaps().is_some() || flow.payload_gaps().is_some() || flow.resets().next().is_some()
}

/// Whether a box is said to have killed the flow for want of packets, at a timer that is the same for the whole service.
fn is_kill_of_packet_timer(verdict: &Verdict) -> bool {
    let by_packets = verdict.gap.is_some_and(|(clock, gap)| clock == Clock::Packet && !gap.half_closed);
    by_packets && matches!(verdict.id, VerdictId::IdleReset | VerdictId::IdleResetNext | VerdictId::IdleDrop)
}

/// A kill by a timer of packets in a service whose silences contradict each other: possible where the RST is a box's beyond
/// doubt; where a host could have sent it, nothing speaks for a timer any more.
fn doubted(verdict: Verdict) -> Verdict {
    let by_reset = matches!(verdict.id, VerdictId::IdleReset | VerdictId::IdleResetNext);
    if by_reset && verdict.confidence == Confidence::Possible {
        let killed = Reason::AlsoFits(verdict.id);
        return Verdict { id: VerdictId::Inconclusive, timeout: None, half_open: None, ..verdict }.because(killed);
    }
    Verdict { confidence: Confidence::Possible, ..verdict }
}

/// Takes the deaths out of the brackets that a limit of age explains: silence did not kill those. Whether there was any.
fn forget_aged(analysis: &Analysis, by_server: &mut HashMap<Socket, Service, RandomState>) -> bool {
    let mut any = false;
    for service in by_server.values_mut().filter(|service| service.has_age_limit()) {
        (service.packet, service.payload) = (Bracket::default(), Bracket::default());
        any = true;
    }
    if !any {
        return false;
    }
    for flow in analysis.flows.iter().filter(|flow| is_telling(flow)) {
        let Some(service) = by_server.get_mut(&flow.server()).filter(|service| service.has_age_limit()) else {
            continue;
        };
        let verdict = by_age(&flow, judge(&flow, analysis), service);
        service.packet.add(Clock::Packet, &flow, &verdict);
        service.payload.add(Clock::Payload, &flow, &verdict);
    }
    true
}

/// The verdict with what the ages of the service add.
fn by_age(flow: &Flow, verdict: Verdict, service: &Service) -> Verdict {
    let Some((age, died)) = died_of_age(flow, &verdict).and_then(|manner| service.age_limit(manner)) else {
        return verdict;
    };
    let mut reasons = vec![Reason::OneAge(died, age)];
    reasons.extend(verdict.reasons);
    let id = VerdictId::AgeLimit;
    Verdict { id, confidence: Confidence::Likely, reasons, timeout: Some(age), gap: None, ..verdict }
}

/// The paths of those services whose flows no single timer explains.
fn splits(analysis: &Analysis, by_server: &HashMap<Socket, Service, RandomState>) -> HashMap<Socket, Split> {
    let contradictory = by_server.iter().filter(|(_, service)| service.packet.contradiction().is_some());
    let Some(mut sorter) = Sorter::of(contradictory.map(|(server, _)| *server)) else {
        return HashMap::new();
    };
    for flow in analysis.flows.iter() {
        if sorter.wants(flow.server()) {
            sorter.add(&flow, &judge(&flow, analysis));
        }
    }
    sorter.splits()
}

/// What one death leaves open, its like may decide: deaths above a length, survivors below it.
fn refine(flow: &Flow, verdict: Verdict, service: &Service) -> Verdict {
    let verdict = by_age(flow, verdict, service);
    if let Some(explained) = service.company.explain(&verdict) {
        return explained;
    }
    let consistent = verdict.id == VerdictId::IdleReset || service.packet.is_consistent();
    if verdict.confidence == Confidence::Possible && consistent && service.company.no_restart(&verdict) {
        let mut verdict = Verdict { confidence: Confidence::Likely, ..verdict };
        verdict.reasons.retain(|reason| *reason != Reason::AlsoFits(VerdictId::EndpointNoSocket));
        return verdict.because(Reason::NoRestart);
    }
    let gap = verdict.gap.filter(|(clock, gap)| *clock == Clock::Packet && !gap.half_closed && is_ambiguous(&verdict));
    let Some((died, least, most)) = gap.and_then(|(_, gap)| service.packet.like(gap.length)) else {
        return verdict;
    };
    let like_others = Reason::LikeOthers(died, service.packet.survived_max);
    if verdict.id == VerdictId::KeepaliveExhausted && died > 1 {
        let confidence = Confidence::Likely.min(verdict.confidence);
        let mut reasons = vec![like_others, Reason::AlsoFits(VerdictId::KeepaliveExhausted)];
        reasons.extend(verdict.reasons);
        return Verdict { id: VerdictId::IdleDrop, confidence, reasons, ..verdict };
    }
    let spread = most.times(10) > least.times(12);
    if verdict.id == VerdictId::Inconclusive && died >= DEATHS_THAT_TELL && spread {
        let mut reasons = vec![like_others];
        reasons.extend(verdict.reasons);
        return Verdict { id: VerdictId::IdleResetNext, confidence: Confidence::Possible, reasons, ..verdict };
    }
    verdict
}
