//! What a watch remembers of one flow beside the flow itself, and what it concludes.

use crate::analyzer::Labelled;
use crate::flow::gaps::Clock;
use crate::flow::probes::{Pending, Probes};
use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow, FrameId, Mark, SegmentKind};
use crate::report::build;
use crate::report::model::{Both, Frame, Waiting};
use crate::time::{Span, Timestamp};
use crate::timeouts::Table;
use crate::verdict::outcome::judge_at;
use crate::verdict::quality::{Limits, ceiling};
use crate::verdict::{Verdict, VerdictId};
use crate::watch::deadlines::Check;
use crate::watch::event::{Against, Death, FlowName, IdleWarning, ProbeUnanswered, ResetSeen, Saved, What};
use crate::watch::timer::{Timer, Timers};
use crate::watch::{PATIENCE, SETTLING};

/// Where nothing is known of a timer, or too much, a silent flow is looked at again after this share of its silence, so
/// that what is learnt meanwhile is used no later than that.
const AGAIN: i64 = 8;
/// But not more often than this.
const LEAST_AGAIN: Span = Span::from_secs(1);
/// A lost retransmission is no lost connection.
const REPEATS_THAT_TELL: u32 = 2;

/// The memory of one flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Follow {
    /// The checks that wait among the deadlines.
    queued: u8,
    /// Whether its death was told.
    pub(super) died: bool,
    /// Where the silence began that was warned of.
    warned: Option<Timestamp>,
    /// The last probe of each end that was told to be unanswered.
    told_probes: [Option<Timestamp>; 2],
    /// The last RST that was told.
    told_reset: Option<FrameId>,
    /// The last RST or FIN, until it is looked at.
    unsettled: Option<Timestamp>,
    silence: Silence,
}

/// The silence of payload that lasts.
#[derive(Clone, Debug, Default)]
struct Silence {
    since: Option<Timestamp>,
    /// The last segment.
    last: Option<Timestamp>,
    /// The longest time without any packet in it.
    quietest: Span,
    /// Probes answered in it.
    answered: u32,
    /// Who probed last.
    prober: Option<Direction>,
    /// Whether it was told that probes carried the flow past the timer.
    told: bool,
}

impl Follow {
    pub(super) const fn is_queued(&self, check: Check) -> bool {
        self.queued & check.bit() != 0
    }

    pub(super) const fn queue(&mut self, check: Check) {
        self.queued |= check.bit();
    }

    pub(super) const fn unqueue(&mut self, check: Check) {
        self.queued &= !check.bit();
    }

    /// Takes note of a segment that `flow` has just taken in; says whether it shows that probes saved the flow.
    pub(super) fn observe(&mut self, flow: &Flow, segment: &Labelled<'_>, timer: Option<&Timer>) -> Option<Saved> {
        let Labelled { direction, kind, mark, .. } = *segment;
        if kind == SegmentKind::DuplicateFrame {
            return None;
        }
        if matches!(kind, SegmentKind::Rst | SegmentKind::Fin) {
            self.unsettled = Some(mark.time);
        }
        let silence = &mut self.silence;
        if let Some(last) = silence.last.replace(mark.time) {
            silence.quietest = silence.quietest.max(mark.time.since(last));
        }
        if kind == SegmentKind::KeepaliveAck {
            silence.answered = silence.answered.saturating_add(1);
            silence.prober = Some(direction.reverse());
        }
        let shows_life = !kind.is_probe() && kind != SegmentKind::Rst;
        let saved = timer.filter(|_| shows_life).and_then(|timer| silence.saved(flow, segment, timer));
        silence.told |= saved.is_some();
        let since = Some(flow.last_payload.unwrap_or(flow.first).time);
        if silence.since != since {
            *silence = Silence { since, last: silence.last, ..Silence::default() };
        }
        saved
    }

    /// When `check` is to be made, as things stand at `now`.
    pub(super) fn due(
        &self,
        check: Check,
        flow: &Flow,
        now: Timestamp,
        timers: &Timers,
        warn_at: f64,
    ) -> Option<Timestamp> {
        match check {
            Check::Settled => self.unsettled.map(|time| time.plus(SETTLING)),
            _ if self.died => None,
            Check::Probe => self.untold_probes(flow).map(|(_, probe)| answers_until(flow, probe)).min(),
            Check::Stalled => {
                let asked = flow.packet_gaps()?.undecided()?.ended_by()?.mark.time;
                let first = asked.plus(PATIENCE);
                Some(if first > now { first } else { now.plus(PATIENCE) })
            }
            Check::Idle => self.idle_due(flow, now, timers, warn_at),
        }
    }

    fn idle_due(&self, flow: &Flow, now: Timestamp, timers: &Timers, warn_at: f64) -> Option<Timestamp> {
        if !can_idle(flow) {
            return None;
        }
        let timer = timers.of(flow);
        let since = since(flow, timer.map_or(Clock::Packet, |timer| timer.clock)).time;
        if self.warned == Some(since) {
            return None;
        }
        let warning = timer.map(|timer| since.plus(timer.share(warn_at)));
        if !timers.learns() {
            return warning;
        }
        let again = now.plus(LEAST_AGAIN.max(Span::from_nanos(now.since(since).as_nanos() / AGAIN)));
        Some(warning.filter(|warning| *warning > now).map_or(again, |warning| warning.min(again)))
    }

    /// Warns if the silence has lasted its share of the timer at `due`.
    pub(super) fn idle(
        &mut self,
        number: u32,
        flow: &Flow,
        due: Timestamp,
        timers: &Timers,
        (warn_at, table): (f64, &Table),
    ) -> Option<What> {
        let timer = timers.of(flow).filter(|_| can_idle(flow) && !self.died)?;
        let since = since(flow, timer.clock);
        let idle = due.since(since.time);
        if idle < timer.share(warn_at) || self.warned == Some(since.time) {
            return None;
        }
        self.warned = Some(since.time);
        let model = build::flow(number, flow, &judge_at(flow, due), None, table);
        let waited_s = flow.asked_since().map_or(0.0, |since| due.since(since.time).as_secs_f64());
        Some(What::IdleWarning(Box::new(IdleWarning {
            of: FlowName::new(number, flow),
            idle_s: idle.as_secs_f64(),
            share: idle.as_secs_f64() / timer.length.as_secs_f64().max(f64::MIN_POSITIVE),
            left_s: timer.length.minus(idle).max(Span::ZERO).as_secs_f64(),
            against: Against::from(timer),
            since_frame: frame(since.frame),
            keepalive_probes: Both { c2s: model.keepalive.c2s.probes, s2c: model.keepalive.s2c.probes },
            waiting: model.waiting.map(|waiting| Waiting { waited_s, ..waiting }),
        })))
    }

    /// Tells of probes that nothing has answered until `due`.
    pub(super) fn unanswered_probes(&mut self, number: u32, flow: &Flow, due: Timestamp, happened: &mut Vec<What>) {
        let late = self.untold_probes(flow).filter(|(_, probe)| answers_until(flow, probe) <= due);
        let late: Vec<_> = late.map(|(direction, probe)| (direction, *probe)).collect();
        for (direction, probe) in late {
            let is_keepalive = probe.kind == SegmentKind::KeepaliveProbe;
            let run = flow.probes(direction).map_or(0, |probes| probes.keepalive.run);
            happened.push(What::ProbeUnanswered(ProbeUnanswered {
                of: FlowName::new(number, flow),
                side: direction.sender(),
                probe: probe.kind.name(),
                frame: frame(probe.mark.frame),
                waited_s: due.since(probe.mark.time).as_secs_f64(),
                in_a_row: if is_keepalive { run } else { 0 },
            }));
            let told = self.told_probes.get_mut(direction as usize);
            told.into_iter().for_each(|told| *told = (*told).max(Some(probe.mark.time)));
        }
    }

    /// Unanswered probes that were not told of, the earlier one of an end first. Where an end was never seen, its answers
    /// cannot be.
    fn untold_probes<'a>(&'a self, flow: &'a Flow) -> impl Iterator<Item = (Direction, &'a Pending)> {
        let of_end = move |direction: Direction| {
            let told = self.told_probes.get(direction as usize).copied().flatten();
            let is_seen = flow.end(direction.reverse()).last.is_some();
            let probes = flow.probes(direction).filter(|_| is_seen);
            let pending =
                |probes: &'a Probes| [probes.previous.as_deref(), probes.latest.as_ref()].into_iter().flatten();
            let untold = move |probe: &&Pending| !probe.answered && told.is_none_or(|told| probe.mark.time > told);
            probes.into_iter().flat_map(pending).filter(untold).map(move |probe| (direction, probe))
        };
        Direction::BOTH.into_iter().flat_map(of_end)
    }

    /// Tells of the RSTs since the last look at `due`, with who sent them.
    pub(super) fn resets(
        &mut self,
        number: u32,
        flow: &Flow,
        due: Timestamp,
        (began, table): (Option<Timestamp>, &Table),
        happened: &mut Vec<What>,
    ) {
        if self.unsettled.is_some_and(|time| time.plus(SETTLING) <= due) {
            self.unsettled = None;
        }
        let is_news = |reset: &Reset| self.told_reset.is_none_or(|told| reset.mark.frame > told);
        if !flow.resets().any(is_news) {
            return;
        }
        let model = build::flow(number, flow, &judge_at(flow, due), began, table);
        for (reset, told) in flow.resets().zip(model.resets).filter(|(reset, _)| is_news(reset)) {
            let (of, silence_s) = (FlowName::new(number, flow), reset.silence.as_secs_f64());
            happened.push(What::Reset(Box::new(ResetSeen { of, silence_s, reset: told })));
        }
        self.told_reset = flow.resets().map(|reset| reset.mark.frame).max();
    }
}

impl Silence {
    /// Whether `segment` shows the flow alive after a silence of payload that the timer would not have allowed, but for
    /// probes.
    fn saved(&self, flow: &Flow, segment: &Labelled<'_>, timer: &Timer) -> Option<Saved> {
        let silent = segment.mark.time.since(self.since?);
        let carried = self.answered > 0 && silent >= timer.length && self.quietest < timer.length;
        let prober = self.prober.filter(|_| carried && !self.told && timer.clock == Clock::Packet)?;
        Some(Saved {
            of: FlowName::new(segment.flow, flow),
            silent_s: silent.as_secs_f64(),
            against: Against::from(timer),
            probes_answered: self.answered,
            by: prober.sender(),
            frame: frame(segment.mark.frame),
        })
    }
}

/// Whether a silence of the flow means anything: it has begun, nobody has ended it, and nobody waits for an acknowledgment,
/// so that it is silent and not lost.
fn can_idle(flow: &Flow) -> bool {
    flow.is_established() && flow.fins() == 0 && !flow.resets().any(Reset::is_effective) && !is_in_question(flow)
}

/// Whether octets are sent again and again, or ended a silence, and were not acknowledged by an end that was ever seen.
fn is_in_question(flow: &Flow) -> bool {
    let both_seen = Direction::BOTH.into_iter().all(|direction| flow.end(direction).last.is_some());
    let asked =
        flow.packet_gaps().and_then(|gaps| gaps.undecided()).is_some_and(|undecided| undecided.answer.is_some());
    let repeats = |direction: Direction| {
        flow.last_kind(direction) == Some(SegmentKind::Retransmission) && flow.end(direction).in_flight()
    };
    both_seen && (asked || Direction::BOTH.into_iter().any(repeats))
}

/// Where the silence that lasts began, on a clock.
pub(super) fn since(flow: &Flow, clock: Clock) -> Mark {
    match clock {
        Clock::Packet => flow.last,
        Clock::Payload => flow.last_payload.unwrap_or(flow.first),
    }
}

/// Until when an answer to `probe` is waited for: as long as any silence that is judged.
fn answers_until(flow: &Flow, probe: &Pending) -> Timestamp {
    probe.mark.time.plus(flow.gap_threshold())
}

const fn frame(id: FrameId) -> Frame {
    Frame::Only(id.number)
}

/// The death of `flow`, which is settled as if the capture ended at `due`, if `check` has found one.
pub(super) fn death(
    number: u32,
    flow: &Flow,
    due: Timestamp,
    check: Check,
    limits: &Limits,
    (began, table): (Option<Timestamp>, &Table),
) -> Option<(Verdict, Death)> {
    let verdict = judge_at(flow, due);
    let by_reset = flow.resets().any(Reset::is_effective);
    let repeats = Direction::BOTH.into_iter().map(|direction| flow.end(direction).counters().retransmissions).max();
    let is_death = match (check, verdict.id) {
        (_, VerdictId::Graceful | VerdictId::Open | VerdictId::Refused) => false,
        (Check::Settled, VerdictId::IdleClose | VerdictId::HalfClosedTimeout) => true,
        (Check::Settled, _) => by_reset && flow.is_established(),
        (Check::Stalled, VerdictId::IdleDrop | VerdictId::HalfClosedTimeout) => repeats >= Some(REPEATS_THAT_TELL),
        _ => false,
    };
    if !is_death {
        return None;
    }
    let ceiling = ceiling(flow, limits, verdict.id).filter(|ceiling| ceiling.confidence < verdict.confidence);
    let verdict = match ceiling {
        Some(ceiling) => verdict.limited(ceiling),
        None => verdict,
    };
    let model = build::flow(number, flow, &verdict, began, table);
    let death = Death {
        of: FlowName::new(number, flow),
        verdict: model.verdict,
        waiting: model.waiting,
        half_open: model.half_open,
        lived_s: flow.last.time.since(flow.first.time).as_secs_f64(),
        keepalive_probes: Both { c2s: model.keepalive.c2s.probes, s2c: model.keepalive.s2c.probes },
    };
    Some((verdict, death))
}
