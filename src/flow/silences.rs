//! How segments begin, question and decide the idle gaps of a flow, on both clocks.

use crate::flow::classify::Class;
use crate::flow::gaps::{Clock, Ender, Gap, Gaps, Outcome};
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::mark::Mark;
use crate::flow::resets;
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};
use crate::wire::Segment;

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
        self.follow_clock(Clock::Packet, Some(self.last).filter(|_| is_whole), direction, segment, mark, kind);
        if is_payload || kind == SegmentKind::Rst || self.payload_gaps.is_some() {
            // Before the first payload the connection itself is what was last heard of.
            let start =
                self.last_payload.or(Some(self.first)).filter(|_| is_whole && (is_payload || kind == SegmentKind::Rst));
            self.follow_clock(Clock::Payload, start, direction, segment, mark, kind);
        }
    }

    /// Who asked acknowledges what the capture does not have (rule 19): the other end answered, though out of sight.
    fn note_unseen_answer(&mut self, direction: Direction, class: &Class) {
        for gaps in [&mut self.packet_gaps, &mut self.payload_gaps].into_iter().flatten() {
            if class.notes.has(Notes::UNSEEN) && gaps.undecided().is_some_and(|undecided| undecided.asked == direction)
            {
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
        let threshold = self.gap_threshold();
        let length = start.map_or(Span::ZERO, |start| mark.time.since(start.time));
        let waits_for_acknowledgment = match kind {
            SegmentKind::Retransmission => self.end(direction).in_flight(),
            // Whoever resets after repeats without an answer ends that wait, and no idle gap.
            SegmentKind::Rst => Direction::BOTH.into_iter().any(|side| self.repeats_in_vain(side)),
            _ => false,
        };
        let half_closed = self.fins() == 1;
        let needs = (!segment.is_empty() && !kind.is_probe()).then(|| segment.end());
        let slot = match clock {
            Clock::Packet => &mut self.packet_gaps,
            Clock::Payload => &mut self.payload_gaps,
        };
        // A silence that began with a question open is no idle gap, but the wait for its answer.
        let in_question =
            slot.as_mut().is_some_and(|gaps| settle(gaps, clock, direction, segment, kind, needs, length >= threshold));
        let (Some(start), false) = (start, in_question || length < threshold || waits_for_acknowledgment) else {
            return;
        };
        let gaps = slot.get_or_insert_default();
        let ended_by = Some(Ender { mark, direction, kind });
        let gap = Gap { start, ended_by, length, outcome: Outcome::Open, half_closed };
        if kind == SegmentKind::Rst {
            gaps.keep(Gap { outcome: Outcome::Died, ..gap });
        } else {
            gaps.ended(gap, direction, needs);
        }
    }

    fn repeats_in_vain(&self, direction: Direction) -> bool {
        self.last_kind(direction) == Some(SegmentKind::Retransmission) && self.end(direction).in_flight()
    }

    pub(super) fn finish_gaps(&mut self, end: Timestamp) {
        let (threshold, rto) = (self.gap_threshold(), self.rto());
        let obeyed = !self.resets().any(|reset| reset.sender_lives && reset.receiver_lives);
        let over = self.fins() == 2 || (obeyed && self.resets().any(resets::Reset::is_effective));
        let both_seen = self.ends.iter().all(|end| end.last.is_some());
        let half_closed = self.fins() == 1;
        let starts = [(Clock::Packet, Some(self.last)), (Clock::Payload, self.last_payload.or(Some(self.first)))];
        for (clock, start) in starts {
            let slot = match clock {
                Clock::Packet => &mut self.packet_gaps,
                Clock::Payload => &mut self.payload_gaps,
            };
            if let Some(gaps) = slot {
                let unanswered = gaps.undecided().is_some_and(|undecided| {
                    let asked = undecided.gap.ended_by.map_or(end, |ender| ender.mark.time);
                    let waited = end.since(asked) >= rto.times(3).max(threshold);
                    both_seen && waited && (undecided.answer.is_some() || undecided.repeats > 0)
                });
                gaps.decide(if unanswered { Outcome::Died } else { Outcome::Open });
            }
            let Some(start) = start.filter(|_| !over) else {
                continue;
            };
            let length = end.since(start.time);
            let asked = slot.as_ref().and_then(|gaps| gaps.died()).is_some();
            if length >= threshold && !asked {
                let gap = Gap { start, ended_by: None, length, outcome: Outcome::Open, half_closed };
                slot.get_or_insert_default().keep(gap);
            }
        }
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
    let probe_asked = undecided.gap.ended_by.is_some_and(|ender| ender.kind.is_probe());
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
        let closed = undecided.gap.ended_by.is_some_and(|ender| ender.kind == SegmentKind::Fin);
        if answered && closed && clock == Clock::Payload {
            gaps.decide_closed();
        } else if answered {
            gaps.decide(Outcome::Survived);
        }
    }
    true
}
