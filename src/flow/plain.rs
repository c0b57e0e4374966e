//! The short way of the segments that most are: payload in order and its acknowledgment, a keepalive probe and its answer.
//!
//! Kernels call it header prediction. What the next segment will be like is told from a few numbers of both ends; one that is
//! so takes those steps of [`apply`](Flow::apply) alone that do something then. Every other segment goes the long way, and a
//! test holds the two ways against each other: not a bit of a flow may tell which of them a segment went.

use crate::capture::Told;
use crate::flow::classify::is_garbage_octet;
use crate::flow::endpoint::{Endpoint, Unit};
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::mark::Mark;
use crate::flow::probes::{Answer, Probes};
use crate::flow::turns::Budget;
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::Timestamp;
use crate::wire::{Flags, Segment};

impl Flow {
    /// Takes `segment` the short way, if that is one for it: returns what it is, and adds to `told` what its payload told. With
    /// `None` nothing has changed.
    pub(crate) fn pass<'b>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        told: &mut Told,
        budget: impl FnOnce() -> &'b mut Budget,
    ) -> Option<(SegmentKind, Notes)> {
        let kind = self.foresee(direction, segment, mark.time)?;
        let notes =
            if kind == SegmentKind::KeepaliveProbe && segment.payload_len > 0 { Notes::ONE_BYTE } else { Notes::NONE };
        self.follow_gaps(direction, segment, mark, kind, notes);
        if kind == SegmentKind::KeepaliveAck {
            self.note_answer(direction.reverse(), segment, mark, Answer::Latest);
        }
        self.end_mut(direction.reverse()).acknowledge(segment.ack, mark.time);
        match kind {
            SegmentKind::Data => self.take_payload(direction, segment, mark, told, budget),
            SegmentKind::KeepaliveProbe => self.send_keepalive(direction, segment, mark),
            _ => {}
        }
        self.leave_traces(direction, segment, mark, kind);
        Some((kind, notes))
    }

    /// Whether nothing about the flow itself bars the short way. Segments that go it do not change that.
    pub(super) fn is_ordinary(&self) -> bool {
        let is_known = |end: &Endpoint| {
            let numbers = [end.base, end.snd_nxt, end.snd_una];
            numbers.iter().all(Option::is_some)
                && end.last.is_some()
                && end.fin_end.is_none()
                && end.challenged().is_none()
        };
        // What answers a SYN may refuse its payload.
        let opens = |kind: &Option<SegmentKind>| matches!(kind, Some(SegmentKind::Syn | SegmentKind::SynAck));
        self.extras.is_none()
            && self.ends.iter().all(is_known)
            && !self.last_kinds.iter().any(opens)
            && !self.holds_segments()
            && !self.is_attempt()
    }

    /// What `segment` is, if it is what most are. Nothing is judged here in another way than by `classify`, but less is.
    #[inline(always)]
    fn foresee(&self, direction: Direction, segment: &Segment<'_>, time: Timestamp) -> Option<SegmentKind> {
        const TOLD_APART: u16 = Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0 | Flags::ACK.0;
        let is_bare = segment.flags.0 & TOLD_APART == Flags::ACK.0
            && segment.fragment.is_none()
            && segment.tunnel.is_none()
            && segment.options.toa.is_none()
            && segment.told.is_none();
        if !is_bare || !self.is_settled || time < self.last.time {
            return None;
        }
        let (sender, peer) = (self.end(direction), self.end(direction.reverse()));
        let (next, acknowledged) = (sender.snd_nxt?, sender.snd_una?);
        // Acknowledged but unseen, or sent against a closed window.
        if segment.ack.after(peer.snd_nxt?) || peer.window_closed() {
            return None;
        }
        if segment.seq == acknowledged.minus(1) {
            return self.foresee_probe(direction, segment, time).filter(|_| next == acknowledged);
        }
        if segment.seq != next {
            return None;
        }
        let is_settled =
            |probes: &Probes| probes.previous.is_none() && probes.latest.is_none_or(|probe| probe.answered);
        if let Some(theirs) = self.probes(direction.reverse())
            && !is_settled(theirs)
        {
            return foresee_answer(theirs, segment);
        }
        if segment.payload_len > 0 {
            // A damaged length may reach around half of the circle.
            return next.plus(segment.payload_len).after(next).then_some(SegmentKind::Data);
        }
        let is_same_place = sender.last_ack == Some(segment.ack);
        let is_plain = !is_same_place || (!peer.in_flight() && sender.window == Some(segment.window));
        is_plain.then_some(SegmentKind::Ack)
    }

    /// One of a train of keepalive probes, one below what is acknowledged.
    fn foresee_probe(&self, direction: Direction, segment: &Segment<'_>, time: Timestamp) -> Option<SegmentKind> {
        let sender = self.end(direction);
        let is_reordered = match (segment.options.timestamps, sender.timestamps) {
            (Some((now, _)), Some((last, _))) => Seq(now).before(Seq(last)),
            _ => false,
        };
        if is_reordered || sender.top == Some(Unit::Fin) || self.probes(direction).is_none() {
            return None;
        }
        let is_probe = match segment.payload_len {
            0 => true,
            1 => is_garbage_octet(self, direction, segment, time),
            _ => false,
        };
        is_probe.then_some(SegmentKind::KeepaliveProbe)
    }

    /// The part of `apply_probe` that concerns a keepalive probe of an end that has sent others.
    fn send_keepalive(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark) {
        let heard = *self.heard_mut(direction.reverse());
        let has_stamped = self.has_stamped(direction);
        if let Some(probes) = self.probes_mut(direction) {
            probes.send(SegmentKind::KeepaliveProbe, segment, mark, heard, has_stamped);
        }
    }

    /// The part of `apply_sequence` that concerns payload at SND.NXT.
    #[inline(always)]
    fn take_payload<'b>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        told: &mut Told,
        budget: impl FnOnce() -> &'b mut Budget,
    ) {
        let len = segment.payload_len;
        let end = self.end_mut(direction);
        let after = segment.seq.plus(len);
        let before = end.snd_nxt.replace(after);
        end.top = Some(Unit::Data);
        end.take_payload(segment, len, mark.time);
        if end.timed().is_none() {
            end.set_timed(Some((after, mark.time)));
        }
        let starts_turn = self.starts_turn(direction);
        if self.reads_head(direction, segment, starts_turn) {
            let octet = told.octet;
            *told = Told { octet, ..self.read_head(direction, segment, mark, before, starts_turn, budget()) };
        }
        self.last_payload = Some(mark);
        self.take_turn(direction, mark, len);
    }
}

/// The answer to the last probe of the other end, while it and nothing else waits for one.
fn foresee_answer(theirs: &Probes, segment: &Segment<'_>) -> Option<SegmentKind> {
    let probe = theirs.latest.filter(|probe| !probe.answered && probe.kind == SegmentKind::KeepaliveProbe)?;
    let is_answer = segment.payload_len == 0 && segment.ack == probe.seq.plus(1) && segment.options.sack.is_none();
    is_answer.then_some(SegmentKind::KeepaliveAck)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::flow::classify::classify;
    use crate::flow::{FrameId, Keyed, Shared};
    use crate::script::Script;
    use crate::wire::{Decoded, decode};

    /// Of each segment of the only flow of a script, whether it goes the short way (`+`) or the long one (`-`).
    fn ways(script: &str) -> String {
        let script = Script::parse(script).unwrap();
        let (mut relabels, mut budget) = (Vec::new(), Budget::default());
        let mut flow: Option<Flow> = None;
        let mut ways = String::new();
        for (number, frame) in (1..).zip(script.frames()) {
            let Decoded::Segment(segment) = decode(LinkType(1), &frame.bytes, frame.original_len) else {
                panic!("frame {number} is no segment")
            };
            let mark = Mark { time: frame.time, frame: FrameId::new(0, number) };
            let keyed = Keyed::of(&segment);
            let flow = flow.get_or_insert_with(|| Flow::new(keyed.key, keyed.from_low, &segment, mark));
            let direction = flow.direction(keyed.from_low);
            if flow.pass(direction, &segment, mark, &mut Told::default(), || &mut budget).is_some() {
                ways.push('+');
                continue;
            }
            let class = classify(flow, direction, &segment, mark.time);
            flow.apply(direction, &segment, mark, class, Shared { relabels: &mut relabels, heads: &mut budget });
            ways.push('-');
        }
        ways
    }

    const HANDSHAKE: &str = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n\
        0     > S   0:0(0)            win 64240 <mss 1460>\n\
        +.010 < S.  0:0(0)     ack 1  win 65160 <mss 1460>\n\
        +.001 > .   1:1(0)     ack 1\n\
        +.001 > P.  1:101(100) ack 1\n\
        +.010 < P.  1:201(200) ack 101\n";

    /// Once both ends have said more than their SYN, all but what is sent again.
    #[test]
    fn payload_in_order_and_its_acknowledgment() {
        let rest = "+.001 > .  101:101(0)    ack 201\n\
            +.01 < P. 201:1201(1000)  ack 101\n\
            +.01 < P. 1201:2201(1000) ack 101\n\
            +.01 > .  101:101(0)      ack 2201\n\
            +.01 < P. 2201:2202(1)    ack 101\n\
            +.30 < P. 2201:2202(1)    ack 101\n\
            +.01 > .  101:101(0)      ack 2202\n";
        assert_eq!(ways(&format!("{HANDSHAKE}{rest}")), "-----+++++-+");
    }

    /// All but the first probe and the RST, whether they are answered or not.
    #[test]
    fn probes_and_their_answers() {
        let rest = "+.001 > .  101:101(0) ack 201\n\
            +60   > .  100:100(0) ack 201\n\
            +.01  < .  201:201(0) ack 101\n\
            +60   > .  100:100(0) ack 201\n\
            +.01  < .  201:201(0) ack 101\n\
            +60   > .  100:100(0) ack 201\n\
            +10   > .  100:100(0) ack 201\n\
            +10   > .  100:100(0) ack 201\n\
            +1    > R. 101:101(0) ack 201\n";
        assert_eq!(ways(&format!("{HANDSHAKE}{rest}")), "-----+-++++++-");
    }
}
