//! How segments begin, question and decide the idle gaps of a flow, on both clocks.

use crate::flow::classify::Class;
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
    pub(super) fn follow_gaps(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        class: &Class,
        kind: SegmentKind,
    ) {
        if !self.is_established() {
            return;
        }
        let is_payload = matches!(kind, SegmentKind::Data | SegmentKind::OutOfOrder)
            || (kind == SegmentKind::Fin && !class.notes.has(Notes::RETRANSMISSION));
        self.note_unseen_answer(direction, class);
        // What acknowledges octets that the capture lacks ends no silence: they did, at a time that nobody knows.
        let is_whole = !class.notes.has(Notes::UNSEEN);
        self.forget_stale_questions(mark.time);
        self.follow_clock(Clock::Packet, Some(self.last).filter(|_| is_whole), direction, segment, mark, kind);
        if is_payload || kind == SegmentKind::Rst || self.payload_gaps().is_some() {
            // Before the first payload the connection itself is what was last heard of.
            let start =
                self.last_payload.or(Some(self.first)).filter(|_| is_whole && (is_payload || kind == SegmentKind::Rst));
            self.follow_clock(Clock::Payload, start, direction, segment, mark, kind);
        }
    }

    /// Who asked acknowledges what the capture does not have (rule 19): the other end answered, though out of sight.
    fn note_unseen_answer(&mut self, direction: Direction, class: &Class) {
        if !class.notes.has(Notes::UNSEEN) {
            return;
        }
        for gaps in self.gaps.iter_mut().flat_map(|gaps| gaps.iter_mut()) {
            if gaps.undecided().is_some_and(|undecided| undecided.asked == direction) {
                gaps.decide(Outcome::Survived);
            }
        }
    }

    /// One clock: `start` is where the silence that this segment ends began, if it ends any.
    fn follow_clock(
        &mut self,
        clock: Clock,
        start: Option<Mark>,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        kind: SegmentKind,
    ) {
        let length = start.map_or(Span::ZERO, |start| mark.time.since(start.time));
        let is_gap = length >= LEAST_GAP && length >= self.gap_threshold();
        let needs = (!segment.is_empty() && !kind.is_probe()).then(|| segment.end());
        // A silence that began with a question open is no idle gap, but the wait for its answer.
        let in_question = match self.gaps_mut(clock) {
            Some(gaps) if gaps.undecided().is_some() => settle(gaps, clock, direction, segment, kind, needs, is_gap),
            _ => false,
        };
        let Some(start) = start.filter(|_| is_gap && !in_question && !self.was_waiting(direction, kind, mark.time))
        else {
            return;
        };
        let half_closed = self.fins() == 1;
        let gaps = by_clock(self.gaps.get_or_insert_default(), clock);
        let ended_by = Some(Ender { mark, direction, kind });
        let gap = Gap { start, ended_by, length, outcome: Outcome::Open, half_closed };
        if kind == SegmentKind::Rst {
            gaps.keep(Gap { outcome: Outcome::Died, ..gap });
        } else {
            gaps.ended(gap, direction, needs);
        }
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
        let spacing = self.end(direction).payload_spacing.filter(|_| repeats).unwrap_or(Span::ZERO);
        LEAST_PATIENCE.max(spacing.times(4)).max(self.rto().times(4))
    }

    /// Data that was not repeated when it should have been has its answer; the capture lacks it, and what became of the gap
    /// before stays open. (Where one direction is missing, answers never show.)
    fn forget_stale_questions(&mut self, now: Timestamp) {
        let silence = now.since(self.last.time);
        if silence <= LEAST_PATIENCE || !self.ends.iter().all(|end| end.last.is_some()) {
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

const fn by_clock([packet, payload]: &mut [Gaps; 2], clock: Clock) -> &mut Gaps {
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
    let Some(undecided) = gaps.undecided().copied() else {
        return false;
    };
    let probe_asked = undecided.ender_kind().is_probe();
    if kind == SegmentKind::Rst {
        gaps.decide(Outcome::Died);
    } else if direction == undecided.asked {
        let asked_nothing = undecided.answer.is_none() && !probe_asked;
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
        let closed = undecided.ender_kind() == SegmentKind::Fin;
        if answered && closed && clock == Clock::Payload {
            gaps.decide_closed();
        } else if answered {
            gaps.decide(Outcome::Survived);
        }
    }
    true
}
