//! What became of one flow, by itself. What other flows of the service add is in `service`.
//!
//! The questions in their order: was it ever established; did a RST end it, and who sent it; was something left
//! unanswered; did somebody close it, and after what silence; else it lives.

use crate::analyzer::Analysis;
use crate::flow::gaps::{Clock, Gap};
use crate::flow::resets::{Acceptability, Reset};
use crate::flow::turns::Heads;
use crate::flow::{Direction, Flow, Orientation, SegmentKind};
use crate::time::{Span, Timestamp};
use crate::verdict::attribution::{Attribution, decisive, half_open_after};
use crate::verdict::{Confidence, Origin, Reason, Verdict, VerdictId};

/// A SYN this long without an answer was not answered: the second retransmission (RFC 6298 2.1 and 5.7) is out by then.
const SYN_WAIT: Span = Span::from_secs(3);
/// Unanswered probes in a row from which on silence is more than a lost probe (RFC 1122 4.2.3.6).
const PROBES_THAT_TELL: u32 = 2;

/// Judges `flow`, whose capture ended as `analysis` says.
#[must_use]
pub fn judge(flow: &Flow, analysis: &Analysis) -> Verdict {
    judge_at(flow, analysis.end)
}

/// Judges `flow` as it had come out at `end`.
#[must_use]
pub fn judge_at(flow: &Flow, end: Timestamp) -> Verdict {
    let verdict = handshake(flow, end)
        .or_else(|| by_reset(flow))
        .or_else(|| one_sided(flow))
        .or_else(|| unanswered(flow, end))
        .or_else(|| timed_out_in_words(flow))
        .or_else(|| closed(flow))
        .unwrap_or_else(|| open(flow));
    let steps = flow.extras().is_some_and(|extras| extras.clock_steps > 0);
    if steps && verdict.id.is_idle_death() {
        let confidence = Confidence::Possible;
        return Verdict { confidence, ..verdict }.because(Reason::ClockSteps);
    }
    verdict
}

/// Judges a flow that a RST ended, if that is what its verdict rests on: so it comes out whenever the capture ends after that.
/// The clock of the capture must not have stepped back within it.
pub(crate) fn judge_reset(flow: &Flow) -> Option<Verdict> {
    if is_unanswered_call(flow) { refused(flow) } else { by_reset(flow) }
}

/// Whether there is nothing but a call, and what refused it.
fn is_unanswered_call(flow: &Flow) -> bool {
    let (client, server) = (flow.end(Direction::FromInitiator), flow.end(Direction::FromResponder));
    client.isn.is_some() && server.snd_nxt.is_none() && client.snd_una.is_none()
}

/// A call that a RST refused.
fn refused(flow: &Flow) -> Option<Verdict> {
    let reset = flow.resets().find(|reset| reset.direction == Direction::FromResponder && reset.is_effective())?;
    let verdict = Verdict::new(VerdictId::Refused, Confidence::Certain);
    Some(verdict.because(Reason::SynRefused).at(flow.first.frame).at(reset.mark.frame))
}

/// A connection that never came to be.
fn handshake(flow: &Flow, end: Timestamp) -> Option<Verdict> {
    if !is_unanswered_call(flow) {
        return None;
    }
    if let Some(verdict) = refused(flow) {
        return Some(verdict);
    }
    let client = flow.end(Direction::FromInitiator);
    if flow.extras().is_some_and(|extras| extras.icmp.total() > 0) {
        let verdict = Verdict::new(VerdictId::Refused, Confidence::Likely);
        return Some(verdict.because(Reason::IcmpError).at(flow.first.frame));
    }
    let waited = end.since(flow.first.time);
    let tries = client.counters().packets;
    if waited >= SYN_WAIT {
        // One SYN and no more is what a scanner sends; a host would have tried again (RFC 6298 5.7).
        let confidence = if tries > 1 { Confidence::Likely } else { Confidence::Possible };
        let verdict = Verdict::new(VerdictId::Refused, confidence);
        return Some(verdict.because(Reason::SynUnanswered(waited, tries)).at(flow.first.frame).at(flow.last.frame));
    }
    let verdict = Verdict::new(VerdictId::Inconclusive, Confidence::Possible);
    Some(verdict.because(Reason::EndsTooSoon).at(flow.first.frame))
}

/// A flow that a RST ended.
fn by_reset(flow: &Flow) -> Option<Verdict> {
    let (reset, who) = decisive(flow)?;
    let verdict = reset_verdict(flow, reset, &who);
    // A box that resets out of silence resets both ends (LVS FULLNAT), of which one end's capture shows one RST.
    let resets_both = verdict.id == VerdictId::IdleReset;
    let half_open = half_open_after(flow, reset, who.origin);
    let half_open =
        half_open.filter(|_| verdict.id.matters() && !(resets_both && reset.is_effective())).or(verdict.half_open);
    let seen_once = resets_both && flow.resets().all(|other| other.direction == reset.direction);
    let verdict = if seen_once { verdict.because(Reason::OneResetSeen(reset.direction.reverse())) } else { verdict };
    // A RST that its receiver need not obey proves no end.
    let obeyed = reset.is_effective() && reset.acceptability == Acceptability::Exact;
    let confidence = if obeyed { verdict.confidence } else { verdict.confidence.min(Confidence::Likely) };
    let mut reasons = verdict.reasons;
    if reasons.is_empty() {
        reasons = who.reasons;
    } else {
        reasons.extend(who.reasons);
    }
    Some(Verdict { reasons, half_open, confidence, ..verdict }.at(reset.mark.frame))
}

fn reset_verdict(flow: &Flow, reset: &Reset, who: &Attribution) -> Verdict {
    let (sender, receiver) = (flow.end(reset.direction), flow.end(reset.direction.reverse()));
    let gap = fatal_gap(flow, reset.mark.time);
    if let Some(verdict) = gave_up(flow, reset, who) {
        return verdict;
    }
    if sender.fin_end.is_some() && receiver.fin_end.is_some() || flow.fin_acknowledged(reset.direction.reverse()) {
        return Verdict::new(VerdictId::Graceful, Confidence::Likely).because(Reason::AfterClose);
    }
    // An end that has closed answers what still comes by RST: a box has to be seen clearly.
    let is_box = who.origin == Origin::Middlebox && who.confidence > Confidence::Possible;
    if sender.fin_end.is_some() && !is_box {
        return after_own_fin(flow, reset);
    }
    let one_sided = receiver.last.is_none() && who.origin != Origin::Endpoint && !reset.sender_lives;
    match (gap, reset.trigger.is_none()) {
        (Some(gap), true) if is_of_syn_proxy(flow, reset, &gap) => {
            let verdict = Verdict::new(VerdictId::Inconclusive, Confidence::Possible).of_gap(Clock::Packet, Some(&gap));
            verdict.because(Reason::AlsoFits(VerdictId::InjectedReset)).because(Reason::AlsoFits(VerdictId::IdleReset))
        }
        _ if one_sided => Verdict::new(VerdictId::Inconclusive, Confidence::Possible).because(Reason::OneSided),
        (Some(gap), _) if who.origin == Origin::Middlebox && survived_longer(flow, &gap).is_some() => {
            let confidence = who.confidence.min(Confidence::Likely);
            let longer = survived_longer(flow, &gap).map(Reason::SurvivedLonger);
            longer.into_iter().fold(Verdict::new(VerdictId::InjectedReset, confidence), Verdict::because)
        }
        (Some(gap), true) => spontaneous(flow, &gap, who),
        (Some(gap), false) => provoked(flow, &gap, reset, who),
        (None, _) => without_gap(reset, who),
    }
}

/// Whether a SYN proxy may have ended what never began: the director answered the handshake itself, asked the real server four
/// times, 3 s apart, and gives up about 12 s in (alibaba/LVS). Where the server speaks first, nothing was sent until then.
fn is_of_syn_proxy(flow: &Flow, reset: &Reset, gap: &Gap) -> bool {
    const TRIES: std::ops::RangeInclusive<Span> = Span::from_secs(9)..=Span::from_secs(15);
    let nothing_sent = Direction::BOTH.into_iter().all(|side| flow.end(side).counters().payload_bytes == 0);
    let from_the_beginning = flow.orientation == Orientation::Handshake && TRIES.contains(&gap.length);
    nothing_sent && from_the_beginning && !reset.has_ack && flow.end(Direction::FromResponder).isn.is_some()
}

/// A silence that the flow survived and that is longer than `gap` by more than the sweep of any timer: then `gap` is not
/// what killed it. Half-closed connections have timers of their own.
fn survived_longer(flow: &Flow, gap: &Gap) -> Option<Span> {
    const SWEEP: Span = Span::from_secs(2);
    let survived = flow.packet_gaps()?.longest_survived()?.length;
    let latest = gap.length.plus(SWEEP.max(Span::from_nanos(gap.length.as_nanos() / 8)));
    (!gap.half_closed && survived > latest).then_some(survived)
}

/// The sender of the RST asked, got no answer, and gave up.
fn gave_up(flow: &Flow, reset: &Reset, who: &Attribution) -> Option<Verdict> {
    let sender = flow.end(reset.direction);
    let probes = flow.probes(reset.direction);
    let run = probes.map_or(0, |probes| probes.keepalive.run);
    if who.origin == Origin::Middlebox && who.confidence == Confidence::Certain {
        return None;
    }
    if stalled(flow, reset.direction) {
        return Some(zero_window(flow, reset.direction));
    }
    if run >= 1 && reset.has_ack && reset.trigger.is_none_or(|trigger| !trigger.kind.is_probe()) {
        let confidence = if run >= PROBES_THAT_TELL { Confidence::Certain } else { Confidence::Likely };
        let gap = fatal_gap(flow, reset.mark.time);
        let verdict = Verdict::new(VerdictId::KeepaliveExhausted, confidence).because(Reason::ProbesUnanswered(run));
        let verdict = verdict.of_gap(Clock::Packet, gap.as_ref());
        return Some(Verdict { half_open: Some(reset.direction.reverse()), ..verdict });
    }
    let retransmitted = sender.counters().retransmissions > sender.counters().spurious;
    let peer_silent = reset.trigger.is_none();
    (sender.in_flight() && retransmitted && reset.has_ack && peer_silent)
        .then(|| unanswered_data(flow, reset.direction))
}

/// The sender had closed; data that came after its FIN met a RST.
fn after_own_fin(flow: &Flow, reset: &Reset) -> Verdict {
    let (closer, other) = (flow.end(reset.direction), flow.end(reset.direction.reverse()));
    let sent_after = closer.fin_time.is_some_and(|fin| other.last_payload.is_some_and(|sent| sent >= fin));
    // Or before it, and met it on its way: the FIN does not acknowledge it.
    if (sent_after || other.in_flight()) && reset.direction == Direction::FromResponder {
        return Verdict::new(VerdictId::CloseRace, Confidence::Likely).because(Reason::DataAfterFin);
    }
    Verdict::new(VerdictId::Graceful, Confidence::Likely).because(Reason::AfterClose)
}

/// A RST out of silence.
fn spontaneous(flow: &Flow, gap: &Gap, who: &Attribution) -> Verdict {
    let half_closed = gap.half_closed;
    match who.origin {
        Origin::Middlebox => {
            let id = if half_closed { VerdictId::HalfClosedTimeout } else { VerdictId::IdleReset };
            let verdict = Verdict::new(id, who.confidence).of_gap(Clock::Packet, Some(gap));
            Verdict { timeout: Some(gap.length), ..verdict }.unless_sure(VerdictId::EndpointNoSocket)
        }
        Origin::Endpoint => Verdict::new(VerdictId::EndpointAbort, who.confidence).of_gap(Clock::Packet, Some(gap)),
        Origin::Unknown => Verdict::new(VerdictId::Inconclusive, Confidence::Possible)
            .of_gap(Clock::Packet, Some(gap))
            .because(Reason::AlsoFits(VerdictId::IdleReset))
            .because(Reason::AlsoFits(VerdictId::EndpointAbort)),
    }
    .because_keepalives(flow)
}

/// A RST in answer to what ended the silence.
fn provoked(flow: &Flow, gap: &Gap, reset: &Reset, who: &Attribution) -> Verdict {
    let (id, confidence) = match who.origin {
        Origin::Middlebox if gap.half_closed => (VerdictId::HalfClosedTimeout, who.confidence),
        Origin::Middlebox => (VerdictId::IdleResetNext, who.confidence),
        Origin::Endpoint if reset.has_ack => (VerdictId::EndpointAbort, who.confidence),
        Origin::Endpoint => (VerdictId::EndpointNoSocket, who.confidence),
        Origin::Unknown if reset.has_ack => (VerdictId::EndpointAbort, Confidence::Possible),
        Origin::Unknown => (VerdictId::Inconclusive, Confidence::Possible),
    };
    let verdict = Verdict::new(id, confidence).of_gap(Clock::Packet, Some(gap));
    if id == VerdictId::Inconclusive {
        let verdict = verdict.because(Reason::AlsoFits(VerdictId::IdleResetNext));
        return verdict.because(Reason::AlsoFits(VerdictId::EndpointNoSocket)).because_keepalives(flow);
    }
    if who.origin == Origin::Middlebox { verdict.unless_sure(VerdictId::EndpointNoSocket) } else { verdict }
}

/// A RST with no idle gap before it.
fn without_gap(reset: &Reset, who: &Attribution) -> Verdict {
    match who.origin {
        Origin::Middlebox => Verdict::new(VerdictId::InjectedReset, who.confidence),
        Origin::Endpoint | Origin::Unknown if reset.has_ack => {
            Verdict::new(VerdictId::EndpointAbort, who.confidence.min(Confidence::Likely))
        }
        Origin::Endpoint => Verdict::new(VerdictId::EndpointNoSocket, who.confidence),
        Origin::Unknown => Verdict::new(VerdictId::Inconclusive, Confidence::Possible)
            .because(Reason::AlsoFits(VerdictId::EndpointNoSocket))
            .because(Reason::AlsoFits(VerdictId::InjectedReset)),
    }
}

/// Nothing can be said of answers when only one direction was captured.
fn one_sided(flow: &Flow) -> Option<Verdict> {
    let unseen = Direction::BOTH.into_iter().find(|direction| flow.end(*direction).last.is_none())?;
    let seen = flow.end(unseen.reverse());
    let run = flow.probes(unseen.reverse()).map_or(0, |probes| probes.keepalive.run);
    let asked = seen.counters().retransmissions > 0 || run >= PROBES_THAT_TELL;
    let id = if asked { VerdictId::Inconclusive } else { VerdictId::Open };
    Some(Verdict::new(id, Confidence::Possible).because(Reason::OneSided).at(flow.last.frame))
}

/// Probes, data or a closed window that nothing answered until the capture ended.
fn unanswered(flow: &Flow, end: Timestamp) -> Option<Verdict> {
    for direction in Direction::BOTH {
        if stalled(flow, direction) {
            return Some(zero_window(flow, direction).at(flow.last.frame));
        }
        let run = flow.probes(direction).map_or(0, |probes| probes.keepalive.run);
        if run >= PROBES_THAT_TELL && !flow.end(direction).in_flight() {
            let verdict = Verdict::new(VerdictId::KeepaliveExhausted, Confidence::Likely);
            let gap = fatal_gap(flow, end);
            let verdict =
                verdict.because(Reason::ProbesUnanswered(run)).of_gap(Clock::Packet, gap.as_ref()).at(flow.last.frame);
            return Some(Verdict { half_open: Some(direction.reverse()), ..verdict });
        }
        let sender = flow.end(direction);
        let repeated = flow.last_kind(direction) == Some(SegmentKind::Retransmission)
            || sender.counters().retransmissions > sender.counters().spurious && flow.packet_died();
        if sender.in_flight() && (repeated || flow.packet_died()) {
            let verdict = unanswered_data(flow, direction).at(flow.last.frame);
            // A sender repeats itself. One that does not has its answer, or is gone itself.
            if !repeated && end.since(flow.last.time) > flow.patience(direction) {
                let confidence = Confidence::Possible;
                return Some(Verdict { confidence, ..verdict }.because(Reason::NotRepeated));
            }
            return Some(verdict);
        }
    }
    None
}

/// Data without an answer: the box forgot the flow, if a silence came before.
fn unanswered_data(flow: &Flow, direction: Direction) -> Verdict {
    let repeats = flow.end(direction).counters().retransmissions;
    let gap = flow.packet_gaps().and_then(|gaps| gaps.died()).filter(|gap| survived_longer(flow, gap).is_none());
    let (id, confidence) = match gap {
        Some(gap) if gap.half_closed => (VerdictId::HalfClosedTimeout, Confidence::Possible),
        Some(_) => (VerdictId::IdleDrop, Confidence::Likely),
        None => (VerdictId::RetransmissionExhausted, Confidence::Likely),
    };
    let verdict =
        Verdict::new(id, confidence).of_gap(Clock::Packet, gap.as_ref()).because(Reason::DataUnanswered(repeats));
    let verdict = Verdict { half_open: Some(direction.reverse()), ..verdict };
    if id.is_idle_death() && flow.extras().is_some_and(|extras| extras.icmp.total() > 0) {
        // A router that cannot reach the host any more says that it vanished, not that a box forgot the flow.
        return Verdict { confidence: Confidence::Possible, ..verdict }.because(Reason::IcmpError);
    }
    verdict
}

/// Whether the sender in `direction` ended before a window that stayed closed.
fn stalled(flow: &Flow, direction: Direction) -> bool {
    let probed = flow.end(direction).counters().zero_window_probes;
    let closed = flow.end(direction.reverse()).window_closed();
    let probing = flow.probes(direction).and_then(|probes| probes.latest);
    probed > 1 && closed && probing.is_some_and(|probe| probe.kind == SegmentKind::ZeroWindowProbe)
}

fn zero_window(flow: &Flow, direction: Direction) -> Verdict {
    let probes = flow.end(direction).counters().zero_window_probes;
    let last = flow.probes(direction).and_then(|probes| probes.latest);
    let verdict = Verdict::new(VerdictId::ZeroWindowStall, Confidence::Certain).because(Reason::WindowClosed(probes));
    last.into_iter().fold(verdict, |verdict, probe| verdict.at(probe.mark.frame))
}

/// The server's side ended the silence by saying that its time was up: HTTP 408 or 504 (RFC 9110 15.5.9, 15.6.5).
fn timed_out_in_words(flow: &Flow) -> Option<Verdict> {
    let status = flow.heads()?.status(Direction::FromResponder).filter(|status| matches!(status, 408 | 504))?;
    let spoke = |gap: &Gap| {
        gap.ended_by.is_some_and(|ender| ender.direction == Direction::FromResponder && ender.kind == SegmentKind::Data)
    };
    let gap = flow.payload_gaps()?.last_that(spoke)?;
    let verdict = Verdict::new(VerdictId::IdleClose, Confidence::Certain).because(Reason::HttpStatus(status));
    let verdict = verdict.of_gap(Clock::Payload, Some(&gap));
    Some(Verdict { timeout: Some(gap.length), ..verdict }.because_keepalives(flow))
}

/// A flow that its ends, or one of them, closed.
fn closed(flow: &Flow) -> Option<Verdict> {
    if flow.fins() == 0 {
        return None;
    }
    let closing = closing_gap(flow);
    let first_is_server = match (flow.end(Direction::FromInitiator).fin_end, flow.end(Direction::FromResponder).fin_end)
    {
        (None, Some(_)) => true,
        (Some(_), None) => false,
        _ => closing.is_some_and(|(_, direction)| direction == Direction::FromResponder),
    };
    let by_proxy = flow.heads().is_some_and(Heads::is_proxied);
    let gap = closing.filter(|_| first_is_server || by_proxy).map(|(gap, _)| gap);
    if let Some(gap) = gap.filter(|_| by_proxy && !first_is_server) {
        // The client of this connection is a proxy, as its PROXY header says: its FIN is an intermediary's.
        let verdict = Verdict::new(VerdictId::IdleClose, Confidence::Likely).of_gap(Clock::Payload, Some(&gap));
        let verdict = Verdict { timeout: Some(gap.length), ..verdict }.because(Reason::ProxyFin);
        return Some(verdict.because_keepalives(flow));
    }
    if let Some(gap) = gap {
        let verdict = Verdict::new(VerdictId::IdleClose, Confidence::Likely).of_gap(Clock::Payload, Some(&gap));
        let verdict = Verdict { timeout: Some(gap.length), ..verdict }.because(Reason::ServerFin);
        return Some(verdict.because_keepalives(flow));
    }
    (flow.fins() == 2).then(|| Verdict::new(VerdictId::Graceful, Confidence::Certain).at(flow.last.frame))
}

/// The payload silence that a first FIN ended, and whose FIN it was.
fn closing_gap(flow: &Flow) -> Option<(Gap, Direction)> {
    let by_fin = |gap: &Gap| gap.ended_by.is_some_and(|ender| ender.kind == SegmentKind::Fin);
    let gap = flow.payload_gaps()?.first_that(|gap| !gap.half_closed && by_fin(gap))?;
    Some((gap, gap.ended_by?.direction))
}

/// A flow that lives when the capture ends.
fn open(flow: &Flow) -> Verdict {
    Verdict::new(VerdictId::Open, Confidence::Certain).at(flow.last.frame)
}

/// The last silence of any packet that the flow did not survive and that had ended by `until`.
fn fatal_gap(flow: &Flow, until: Timestamp) -> Option<Gap> {
    flow.packet_gaps()?.died_by(until)
}

impl Flow {
    fn packet_died(&self) -> bool {
        self.packet_gaps().is_some_and(|gaps| gaps.died().is_some())
    }
}

impl Verdict {
    /// Names what would look the same, where that is more than a theory.
    fn unless_sure(self, other: VerdictId) -> Self {
        if self.confidence == Confidence::Possible { self.because(Reason::AlsoFits(other)) } else { self }
    }

    /// Answered keepalives in the silence: the timer counts payload, and keepalive cannot help.
    fn because_keepalives(self, flow: &Flow) -> Self {
        let answered = |direction| flow.probes(direction).map_or(0, |probes| probes.keepalive.answered);
        let answered = answered(Direction::FromInitiator) + answered(Direction::FromResponder);
        if answered > 0 { self.because(Reason::KeepalivesAnswered(answered)) } else { self }
    }
}
