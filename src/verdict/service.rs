//! What the flows toward one server say together: the longest silence that survived and the shortest that died bracket a
//! timer on the path, and a death that could be read two ways alone reads one way among its like.

use std::collections::HashMap;

use crate::analyzer::Analysis;
use crate::flow::gaps::{Clock, Gaps};
use crate::flow::{Flow, Socket};
use crate::time::Span;
use crate::timeouts::Expiry;
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
    /// How the flows died, where all died alike.
    manner: Option<Expiry>,
    mixed: bool,
}

impl Bracket {
    /// Whether every silence that died was longer than every one that survived, and some survived.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        matches!((self.survived_max, self.died_min), (Some(survived), Some(died)) if survived < died)
    }

    /// How the flows died, if all died alike.
    #[must_use]
    pub fn manner(&self) -> Option<Expiry> {
        self.manner.filter(|_| !self.mixed)
    }

    fn survive(&mut self, length: Span) {
        self.survived_max = Some(self.survived_max.map_or(length, |most| most.max(length)));
    }

    fn die(&mut self, length: Span, manner: Option<Expiry>) {
        self.died += 1;
        self.died_min = Some(self.died_min.map_or(length, |least| least.min(length)));
        self.died_max = Some(self.died_max.map_or(length, |most| most.max(length)));
        if let Some(manner) = manner {
            self.mixed |= self.manner.is_some_and(|earlier| earlier != manner);
            self.manner = Some(manner);
        }
    }
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
        let mut by_server: HashMap<Socket, Service> = HashMap::new();
        for flow in &analysis.flows {
            if flow.packet_gaps().is_none() && flow.payload_gaps().is_none() {
                continue;
            }
            let verdict = judge(flow, analysis);
            by_server.entry(flow.server()).or_default().add(flow, &verdict);
        }
        for flow in &analysis.flows {
            if let Some(service) = by_server.get_mut(&flow.server()) {
                service.flows += 1;
            }
        }
        Self { by_server }
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
            Some(service) => refine(verdict, service),
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
        if let Some(length) = survived(flow.payload_gaps()) {
            self.payload.survive(length);
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

/// Whether a box that forgot the flow would look the same.
fn is_ambiguous(verdict: &Verdict) -> bool {
    verdict.id == VerdictId::KeepaliveExhausted
        || verdict.id == VerdictId::Inconclusive
            && verdict.reasons.contains(&Reason::AlsoFits(VerdictId::IdleResetNext))
}

const fn manner(id: VerdictId) -> Option<Expiry> {
    match id {
        VerdictId::IdleReset => Some(Expiry::RstBoth),
        VerdictId::IdleResetNext => Some(Expiry::RstOnNextPacket),
        VerdictId::IdleDrop => Some(Expiry::SilentDrop),
        VerdictId::IdleClose => Some(Expiry::Fin),
        _ => None,
    }
}

/// What one death leaves open, its like may decide: deaths above a length, survivors below it.
fn refine(verdict: Verdict, service: &Service) -> Verdict {
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
