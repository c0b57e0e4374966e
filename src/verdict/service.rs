//! What the flows toward one server say together: the longest silence that survived and the shortest that died bracket a
//! timer on the path, and a death that could be read two ways alone reads one way among its like.

use std::collections::HashMap;

use crate::analyzer::Analysis;
use crate::flow::gaps::Clock;
use crate::flow::{Flow, Socket};
use crate::verdict::ages::{Ages, died_of_age};
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
    /// Ages at death.
    pub ages: Ages,
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
    by_server: HashMap<Socket, Service>,
    splits: HashMap<Socket, Split>,
}

impl Services {
    /// Gathers the silences of all flows, each flow judged by itself.
    #[must_use]
    pub fn gather(analysis: &Analysis) -> Self {
        let mut by_server: HashMap<Socket, Service> = HashMap::new();
        for flow in analysis.flows.iter().filter(|flow| is_telling(flow)) {
            by_server.entry(flow.server()).or_default().add(flow, &judge(flow, analysis));
        }
        for flow in &analysis.flows {
            if let Some(service) = by_server.get_mut(&flow.server()) {
                service.flows += 1;
                if !is_telling(flow) {
                    service.ages.outlive(flow);
                }
            }
        }
        forget_aged(analysis, &mut by_server);
        // What ended in one moment shows no timer of payload.
        let stopped = by_server.values_mut().filter(|service| service.company.closed_in_one_moment());
        stopped.for_each(|service| service.payload = Bracket::default());
        let splits = splits(analysis, &by_server);
        Self { by_server, splits }
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
        let verdict = judge(flow, analysis);
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
                Verdict { confidence: Confidence::Possible, ..verdict }.because(reason)
            }
            None => verdict,
        }
    }
}

impl Service {
    fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        self.packet.add(Clock::Packet, flow, verdict);
        self.payload.add(Clock::Payload, flow, verdict);
        self.ages.add(flow, verdict);
        self.company.add(flow, verdict);
    }
}

/// Whether a flow was ever silent, reset, or repeated anything.
fn is_telling(flow: &Flow) -> bool {
    repeated(flow) || flow.packet_gaps().is_some() || flow.payload_gaps().is_some() || flow.resets().next().is_some()
}

/// Whether a box is said to have killed the flow for want of packets, at a timer that is the same for the whole service.
fn is_kill_of_packet_timer(verdict: &Verdict) -> bool {
    let by_packets = verdict.gap.is_some_and(|(clock, gap)| clock == Clock::Packet && !gap.half_closed);
    by_packets && matches!(verdict.id, VerdictId::IdleReset | VerdictId::IdleResetNext | VerdictId::IdleDrop)
}

/// Takes the deaths out of the brackets that a limit of age explains: silence did not kill those.
fn forget_aged(analysis: &Analysis, by_server: &mut HashMap<Socket, Service>) {
    let mut any = false;
    for service in by_server.values_mut().filter(|service| service.ages.limit().is_some()) {
        (service.packet, service.payload) = (Bracket::default(), Bracket::default());
        any = true;
    }
    for flow in analysis.flows.iter().filter(|flow| any && is_telling(flow)) {
        let Some(service) = by_server.get_mut(&flow.server()).filter(|service| service.ages.limit().is_some()) else {
            continue;
        };
        let verdict = by_age(flow, judge(flow, analysis), service);
        service.packet.add(Clock::Packet, flow, &verdict);
        service.payload.add(Clock::Payload, flow, &verdict);
    }
}

/// The verdict with what the ages of the service add.
fn by_age(flow: &Flow, verdict: Verdict, service: &Service) -> Verdict {
    let Some(age) = service.ages.limit().filter(|_| died_of_age(flow, &verdict).is_some()) else {
        return verdict;
    };
    let mut reasons = vec![Reason::OneAge(service.ages.died(), age)];
    reasons.extend(verdict.reasons);
    let id = VerdictId::AgeLimit;
    Verdict { id, confidence: Confidence::Likely, reasons, timeout: Some(age), gap: None, ..verdict }
}

/// The paths of those services whose flows no single timer explains.
fn splits(analysis: &Analysis, by_server: &HashMap<Socket, Service>) -> HashMap<Socket, Split> {
    let contradictory = by_server.iter().filter(|(_, service)| service.packet.contradiction().is_some());
    let Some(mut sorter) = Sorter::of(contradictory.map(|(server, _)| *server)) else {
        return HashMap::new();
    };
    for flow in &analysis.flows {
        if sorter.wants(flow.server()) {
            sorter.add(flow, &judge(flow, analysis));
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
