//! Segments that wait for a judgement (rule 7): what becomes of them.

use std::net::IpAddr;

use crate::flow::apply::Relabel;
use crate::flow::classify::{Class, HeldFate};
use crate::flow::endpoint::Unit;
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::mark::Mark;
use crate::flow::probes::{Held, Pending};
use crate::flow::{Direction, Flow};
use crate::wire::{Flags, Segment};

impl Flow {
    /// The peer of a sender whose segments are held, undecided between unanswered probes and answers, if there is one.
    #[must_use]
    pub fn silent_peer(&self) -> Option<IpAddr> {
        let undecided = |direction: &Direction| {
            let held = self.probes(*direction).and_then(|probes| probes.held.as_deref());
            held.is_some_and(|held| held.count > 2)
        };
        let direction = Direction::BOTH.into_iter().find(undecided)?;
        Some(if direction == Direction::FromInitiator { self.server().ip } else { self.client().ip })
    }

    /// The capture shows the peer's segments elsewhere: its silence here is real, and what it left unanswered were
    /// probes, if they came in a rhythm (rule 7).
    pub(crate) fn settle_silent_peer(&mut self, relabels: &mut Vec<Relabel>) {
        for direction in Direction::BOTH {
            let slot = self.probes_mut(direction);
            if let Some(held) = slot.as_mut().and_then(|probes| probes.held.take_if(|held| held.is_rhythmic())) {
                self.promote(direction, &held, SegmentKind::KeepaliveProbe, relabels);
            }
        }
    }

    /// Rule 7: what was held becomes a probe, or an ordinary segment again.
    pub(super) fn resolve_held(&mut self, direction: Direction, class: &Class, relabels: &mut Vec<Relabel>) {
        if !class.resolves_held() {
            return;
        }
        for (owner, fate) in [(direction, class.held), (direction.reverse(), class.peer_held)] {
            let slot = self.probes_mut(owner);
            if matches!(fate, HeldFate::Unchanged | HeldFate::Join) {
                continue;
            }
            let Some(held) = slot.as_mut().and_then(|probes| probes.held.take()) else {
                continue;
            };
            match fate {
                HeldFate::Unchanged | HeldFate::Join => {}
                HeldFate::Promote => self.promote(owner, &held, SegmentKind::KeepaliveProbe, relabels),
                HeldFate::PromoteToWindowProbe => self.promote(owner, &held, SegmentKind::ZeroWindowProbe, relabels),
                HeldFate::Release => self.release(owner, &held, relabels),
            }
            let slot = self.probes_mut(owner);
            if slot.as_ref().is_some_and(|probes| probes.latest.is_none()) {
                *slot = None;
            }
        }
    }

    /// What was held are ordinary segments: an octet that stood there again was sent again (rule 8).
    fn release(&mut self, owner: Direction, held: &Held, relabels: &mut Vec<Relabel>) {
        let kinds = if held.len == 0 {
            [SegmentKind::Ack; 2]
        } else {
            let count = &mut self.end_mut(owner).counters_mut().retransmissions;
            *count = count.saturating_add(u32::from(held.count.saturating_sub(1)));
            [SegmentKind::Data, SegmentKind::Retransmission]
        };
        let [first, again] = kinds;
        let kinds = std::iter::once(first).chain(std::iter::repeat(again));
        relabels.extend(held.marks().zip(kinds).map(|(mark, kind)| Relabel {
            frame: mark.frame,
            kind,
            notes: Notes::NONE,
        }));
    }

    fn promote(&mut self, owner: Direction, held: &Held, kind: SegmentKind, relabels: &mut Vec<Relabel>) {
        let notes = if held.len == 0 { Notes::INFERRED } else { Notes::INFERRED | Notes::ONE_BYTE };
        let probes = self.probes_mut(owner).get_or_insert_default();
        for mark in held.marks() {
            let probe = Pending {
                seq: held.seq,
                mark,
                kind,
                one_byte: held.len == 1,
                ambiguous: false,
                answered: false,
                answer: None,
                echo: held.echo,
            };
            probes.sent(probe, None);
            probes.keepalive.inferred = probes.keepalive.inferred.saturating_add(1);
            relabels.push(Relabel { frame: mark.frame, kind, notes });
        }
        if kind == SegmentKind::ZeroWindowProbe {
            let count = &mut self.end_mut(owner).counters_mut().zero_window_probes;
            *count = count.saturating_add(u32::from(held.count));
        }
        let end = self.end_mut(owner);
        let next = held.seq.plus(1);
        end.snd_nxt = Some(end.snd_nxt.map_or(next, |nxt| nxt.max(next)));
        end.top = Some(Unit::Data);
        end.payload_bytes = end.payload_bytes.saturating_sub(u64::from(held.len));
    }

    pub(super) fn hold(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark) {
        let held = &mut self.probes_mut(direction).get_or_insert_default().held;
        let fresh = || Held {
            seq: segment.seq,
            ack: segment.ack,
            len: segment.payload_len,
            pushed: segment.flags.has(Flags::PSH),
            echo: segment.options.timestamps.map(|(_, echo)| echo),
            marks: Default::default(),
            count: 0,
            spacing: None,
        };
        held.get_or_insert_with(|| Box::new(fresh())).join(mark);
    }
}
