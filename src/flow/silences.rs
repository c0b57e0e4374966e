//! How segments begin, question and decide the idle gaps of a flow, on both clocks.

use crate::flow::gaps::{Clock, Ender, Gap, Gaps, LEAST_GAP, Outcome};
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::mark::Mark;
use crate::flow::resets;
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};
use crate::wire::Segment;

/// However short the path, so long may a host wait before it repeats its data (RFC 6298 2.1 and 2.4 have 1 s, doubled once).
const LEAST_PATIENCE: Span = Span::from_secs(3);

impl Flow {
    /// Lets the segment end, answer or repeat the question of idle gaps, on both clocks.
    #[inline(always)]
    pub(super) fn follow_gaps(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        kind: SegmentKind,
        notes: Notes,
    ) {
        let is_payload = matches!(kind, SegmentKind::Data | SegmentKind::OutOfOrder | SegmentKind::Rst)
            || (kind == SegmentKind::Fin && !notes.has(Notes::RETRANSMISSION));
        // As long as that at the least: longer than a nanosecond less.
        let lasted = |since: Mark| mark.time.is_beyond(since.time, LEAST_GAP.minus(Span::from_nanos(1)));
        let silences = [lasted(self.last), is_payload && lasted(self.quiet_since())];
        // Most segments come soon after another, and nobody has asked.
        if (silences, self.in_question) != ([false; 2], [false; 2]) && self.is_established() {
            self.follow_clocks(silences, direction, segment, mark, kind, notes);
        }
    }

    /// Before the first payload the connection itself is what was last heard of.
    fn quiet_since(&self) -> Mark {
        self.last_payload.unwrap_or(self.first)
    }

    /// Both clocks; `silent` and `quiet` say on which of them this segment ends a silence that may be an idle gap.
    fn follow_clocks(
        &mut self,
        [silent, quiet]: [bool; 2],
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        kind: SegmentKind,
        notes: Notes,
    ) {
        // What acknowledges octets that the capture lacks ends no silence: they did, at a time that nobody knows.
        let is_whole = !notes.has(Notes::UNSEEN);
        if !is_whole {
            self.note_unseen_answer(direction);
        }
        self.forget_stale_questions(mark.time);
        let is_gap = |since: &Mark| is_whole && mark.time.since(since.time) >= self.gap_threshold();
        let silence = silent.then_some(self.last).filter(is_gap);
        let quiet = quiet.then(|| self.quiet_since()).filter(is_gap);
        let [packets_asked, payload_asked] = self.in_question;
        if silence.is_some() || packets_asked {
            self.follow_clock(Clock::Packet, silence, direction, segment, mark, kind);
        }
        if quiet.is_some() || payload_asked {
            self.follow_clock(Clock::Payload, quiet, direction, segment, mark, kind);
        }
    }

    /// Who asked acknowledges what the capture does not have (rule 19): the other end answered, though out of sight.
    fn note_unseen_answer(&mut self, direction: Direction) {
        for gaps in self.gaps.iter_mut().flat_map(|gaps| gaps.iter_mut()) {
            if gaps.undecided().is_some_and(|undecided| undecided.asked == direction) {
                gaps.decide(Outcome::Survived);
            }
        }
    }

    /// One clock: `gap_since` is where the idle gap began that this segment ends, if it ends one.
    fn follow_clock(
        &mut self,
        clock: Clock,
        gap_since: Option<Mark>,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        kind: SegmentKind,
    ) {
        let needs = (!segment.is_empty() && !kind.is_probe()).then(|| segment.end());
        // A silence that began with a question open is no idle gap, but the wait for its answer.
        let in_question =
            self.is_in_question(clock) && self.settle(clock, direction, segment, kind, needs, gap_since.is_some());
        let Some(start) = gap_since.filter(|_| !in_question && !self.was_waiting(direction, kind, mark.time)) else {
            return;
        };
        let half_closed = self.fins() == 1;
        *by_clock(&mut self.in_question, clock) = kind != SegmentKind::Rst;
        let gaps = by_clock(self.gaps.get_or_insert_default(), clock);
        let ended_by = Some(Ender { mark, direction, kind });
        let length = mark.time.since(start.time);
        let gap = Gap { start, ended_by, length, outcome: Outcome::Open, half_closed };
        if kind == SegmentKind::Rst {
            gaps.keep(Gap { outcome: Outcome::Died, ..gap });
        } else {
            gaps.ended(gap, direction, needs);
        }
    }

    /// Whether a gap may wait for its decision on `clock`.
    fn is_in_question(&self, clock: Clock) -> bool {
        let [packet, payload] = self.in_question;
        if clock == Clock::Packet { packet } else { payload }
    }

    /// Decides the gap that waits for an answer, if this segment decides it; returns whether one was waiting.
    fn settle(
        &mut self,
        clock: Clock,
        direction: Direction,
        segment: &Segment<'_>,
        kind: SegmentKind,
        needs: Option<Seq>,
        silence: bool,
    ) -> bool {
        let Some(gaps) = self.gaps_mut(clock) else { return false };
        let was_asked = settle(gaps, clock, direction, segment, kind, needs, silence);
        let is_asked = gaps.undecided().is_some();
        *by_clock(&mut self.in_question, clock) = is_asked;
        was_asked
    }

    /// Whether a silence that ends with a segment of `kind` was the wait for an acknowledgment.
    fn was_waiting(&self, direction: Direction, kind: SegmentKind, until: Timestamp) -> bool {
        match kind {
            SegmentKind::Retransmission => self.end(direction).in_flight(),
            // Whoever resets after repeats without an answer ends that wait, and no idle gap.
            SegmentKind::Rst => Direction::BOTH.into_iter().any(|side| self.repeats_in_vain(side, until)),
            _ => false,
        }
    }

    /// The gaps on `clock`, if there is one on either.
    fn gaps_mut(&mut self, clock: Clock) -> Option<&mut Gaps> {
        self.gaps.as_deref_mut().map(|gaps| by_clock(gaps, clock))
    }

    fn repeats_in_vain(&self, direction: Direction, until: Timestamp) -> bool {
        self.last_kind(direction) == Some(SegmentKind::Retransmission)
            && self.end(direction).in_flight()
            && until.since(self.last.time) <= self.patience(direction)
    }

    /// How long the data of `direction` may wait before it is sent again: timers double (RFC 6298 5.5). Silence beyond that
    /// is no wait any more: the answer was there, though the capture lacks it.
    pub(crate) fn patience(&self, direction: Direction) -> Span {
        let repeats = self.last_kind(direction) == Some(SegmentKind::Retransmission);
        let spacing = self.end(direction).payload_spacing().filter(|_| repeats).unwrap_or(Span::ZERO);
        LEAST_PATIENCE.max(spacing.times(4)).max(self.rto().times(4))
    }

    /// Data that was not repeated when it should have been has its answer; the capture lacks it, and what became of the gap
    /// before stays open. (Where one direction is missing, answers never show.)
    fn forget_stale_questions(&mut self, now: Timestamp) {
        let silence = now.since(self.last.time);
        if silence <= LEAST_PATIENCE
            || self.in_question == [false; 2]
            || !self.ends.iter().all(|end| end.last.is_some())
        {
            return;
        }
        for clock in [Clock::Packet, Clock::Payload] {
            let question = self.gaps_mut(clock).and_then(|gaps| gaps.undecided());
            let asked = question.filter(|question| question.answer.is_some()).map(|question| question.asked);
            let is_stale = asked.is_some_and(|side| silence > self.patience(side));
            if let Some(gaps) = self.gaps_mut(clock)
                && is_stale
            {
                gaps.decide(Outcome::Open);
            }
        }
    }

    pub(super) fn finish_gaps(&mut self, end: Timestamp) {
        let (threshold, rto) = (self.gap_threshold(), self.rto());
        let obeyed = !self.resets().any(|reset| reset.sender_lives && reset.receiver_lives);
        let over = self.fins() == 2 || (obeyed && self.resets().any(resets::Reset::is_effective));
        let both_seen = self.ends.iter().all(|end| end.last.is_some());
        let half_closed = self.fins() == 1;
        let starts = [(Clock::Packet, Some(self.last)), (Clock::Payload, self.last_payload.or(Some(self.first)))];
        for (clock, start) in starts {
            if let Some(gaps) = self.gaps_mut(clock) {
                let unanswered = gaps.undecided().is_some_and(|undecided| {
                    let asked = undecided.ended_by().map_or(end, |ender| ender.mark.time);
                    let waited = end.since(asked) >= rto.times(3).max(threshold);
                    both_seen && waited && (undecided.answer.is_some() || undecided.repeats > 0)
                });
                gaps.decide(if unanswered { Outcome::Died } else { Outcome::Open });
            }
            let Some(start) = start.filter(|_| !over) else {
                continue;
            };
            let length = end.since(start.time);
            let asked = self.gaps_mut(clock).and_then(|gaps| gaps.died()).is_some();
            if length >= threshold && !asked {
                let gap = Gap { start, ended_by: None, length, outcome: Outcome::Open, half_closed };
                by_clock(self.gaps.get_or_insert_default(), clock).keep(gap);
            }
        }
    }
}

const fn by_clock<T>([packet, payload]: &mut [T; 2], clock: Clock) -> &mut T {
    match clock {
        Clock::Packet => packet,
        Clock::Payload => payload,
    }
}

/// Decides the gap that waits for an answer, if this segment decides it; returns whether one was waiting.
fn settle(
    gaps: &mut Gaps,
    clock: Clock,
    direction: Direction,
    segment: &Segment<'_>,
    kind: SegmentKind,
    needs: Option<Seq>,
    silence: bool,
) -> bool {
    let Some(undecided) = gaps.undecided() else {
        return false;
    };
    let ender = undecided.ender_kind();
    if kind == SegmentKind::Rst {
        gaps.decide(Outcome::Died);
    } else if direction == undecided.asked {
        let asked_nothing = undecided.answer.is_none() && !ender.is_probe();
        if asked_nothing && silence && undecided.repeats == 0 {
            gaps.decide(Outcome::Open);
            return false;
        }
        gaps.repeated(kind, needs);
    } else {
        let answered = match undecided.answer {
            Some(end) => segment.acknowledged().is_some_and(|ack| !ack.before(end)),
            None => !kind.is_probe(),
        };
        if answered && ender == SegmentKind::Fin && clock == Clock::Payload {
            gaps.decide_closed();
        } else if answered {
            gaps.decide(Outcome::Survived);
        }
    }
    true
}
