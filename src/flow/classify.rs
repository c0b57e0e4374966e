//! What a segment is, judged by the state of its flow *before* it. Pure: nothing here changes anything.
//!
//! The rules are tried in the order of their numbers and the first match wins. Everything hangs on the peer's
//! cumulative acknowledgment: a keepalive probe lies one below `snd_una` (RFC 9293 3.8.4), which holds in the middle
//! of a conversation too, where the sender's own history is unknown.
//!
//! ```text
//!  0  duplicate frame             found by the caller, see `duplicates`
//!  1  RST, SYN, FIN
//!  2  zero-window probe           one new octet against a closed window
//!  3  zero-window probe           empty, one below snd_una, window closed; or a keepalive: the spacing tells
//!  4  keepalive probe             empty, one below snd_una, nothing in flight
//!  5  keepalive probe             one acknowledged octet; or a spurious retransmission: two signs tell
//!  6  keepalive probe             empty, one below snd_una, data outstanding
//!  7  keepalive probe             the flow's first segment: what follows tells
//!  8  retransmission              of one unacknowledged octet
//!  9  stale pure ACK              one below snd_nxt, not acknowledged
//! 10  keepalive ACK               also 13, zero-window probe ACK
//! 11  data that answers a probe   12: RST that answers a probe
//! 14  window update   15  duplicate ACK   16  spurious retransmission   17  retransmission, out of order
//! 18, 19  holes, noted            20  port reuse, see `table`
//! ```

use crate::capture::LoneOctet;
use crate::flow::endpoint::{Endpoint, Unit};
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::probes::{Answer, Held, LEAST_RHYTHM, Pending, Probes};
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};
use crate::wire::{Flags, Segment};

/// How long after a probe its answer may come when the round-trip time is unknown (rule 10).
const ANSWER_WAIT: Span = Span::from_secs(3);
/// Within this time a hole is filled by reordering where no round-trip time is known (rule 17).
const REORDERING: Span = Span::from_millis(3);
/// A retransmission this soon after a duplicate ACK is a fast one (rule 17).
const FAST_RETRANSMIT: Span = Span::from_millis(20);
/// How soon an unacceptable segment is challenged, at the least (RFC 5961 7 limits the rate, not the delay).
const CHALLENGE_WAIT: Span = Span::from_secs(1);

/// The judgement on one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// What it is; `None` only before the judgement.
    pub kind: Option<SegmentKind>,
    /// What else is worth saying.
    pub notes: Notes,
    /// Which probe of the other end it answers.
    pub answer: Answer,
    /// What becomes of the sender's held segments.
    pub held: HeldFate,
    /// What becomes of the peer's held segments.
    pub peer_held: HeldFate,
    /// The sender's last zero-window probe was a keepalive: the spacing shows it now (rule 3).
    pub earlier_was_keepalive: bool,
}

/// What a segment means for the segments of its sender that wait for a judgement (rule 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeldFate {
    /// Nothing, or nothing is held.
    #[default]
    Unchanged,
    /// This one is held with them.
    Join,
    /// They were keepalive probes.
    Promote,
    /// They were probes of a window that is still closed.
    PromoteToWindowProbe,
    /// They were not.
    Release,
}

impl HeldFate {
    /// Whether what was held were probes.
    #[must_use]
    pub const fn is_promotion(self) -> bool {
        matches!(self, Self::Promote | Self::PromoteToWindowProbe)
    }
}

impl Class {
    const fn new(kind: SegmentKind) -> Self {
        Self {
            kind: Some(kind),
            notes: Notes::NONE,
            answer: Answer::None,
            held: HeldFate::Unchanged,
            peer_held: HeldFate::Unchanged,
            earlier_was_keepalive: false,
        }
    }

    /// Whether it decides about segments of either end that are held.
    pub(super) const fn resolves_held(&self) -> bool {
        const fn resolves(fate: HeldFate) -> bool {
            !matches!(fate, HeldFate::Unchanged | HeldFate::Join)
        }
        resolves(self.held) || resolves(self.peer_held)
    }

    fn note(mut self, notes: Notes) -> Self {
        self.notes |= notes;
        self
    }

    const fn answering(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    const fn held(mut self, fate: HeldFate) -> Self {
        self.held = fate;
        self
    }
}

/// Classifies `segment`, seen at `time` going in `direction`, against the state of `flow` before it.
#[must_use]
pub fn classify(flow: &Flow, direction: Direction, segment: &Segment<'_>, time: Timestamp) -> Class {
    let view = View::new(flow, direction, segment, time);
    let class = if segment.flags.any(Flags::RST | Flags::SYN | Flags::FIN) {
        view.control()
    } else {
        view.probe().unwrap_or_else(|| if segment.payload_len > 0 { view.payload() } else { view.pure_ack() })
    };
    view.with_remarks(class)
}

/// Rule 5: whether the one octet of `segment`, one below what the other end has acknowledged, is that of a keepalive probe.
pub(super) fn is_garbage_octet(flow: &Flow, direction: Direction, segment: &Segment<'_>, time: Timestamp) -> bool {
    View::new(flow, direction, segment, time).garbage_octet().is_some()
}

/// Everything that the rules look at.
struct View<'a> {
    flow: &'a Flow,
    sender: &'a Endpoint,
    peer: &'a Endpoint,
    /// The sender's own probes.
    own: Option<&'a Probes>,
    /// The other end's probes, which this segment may answer.
    theirs: Option<&'a Probes>,
    segment: &'a Segment<'a>,
    time: Timestamp,
}

impl<'a> View<'a> {
    fn new(flow: &'a Flow, direction: Direction, segment: &'a Segment<'a>, time: Timestamp) -> Self {
        let (sender, peer) = (flow.end(direction), flow.end(direction.reverse()));
        let (own, theirs) = (flow.probes(direction), flow.probes(direction.reverse()));
        Self { flow, sender, peer, own, theirs, segment, time }
    }

    /// Rules 1 and 12.
    fn control(&self) -> Class {
        let flags = self.segment.flags;
        if flags.has(Flags::RST) {
            let answers = self.answers_probe_within_wait();
            return Class::new(SegmentKind::Rst).note(if answers { Notes::RESETS_PROBE } else { Notes::NONE });
        }
        if flags.has(Flags::SYN) {
            let kind = if flags.has(Flags::ACK) { SegmentKind::SynAck } else { SegmentKind::Syn };
            let again = self.sender.isn == Some(self.segment.seq);
            let crossing = kind == SegmentKind::Syn && self.peer.isn.is_some() && self.peer.snd_una.is_none();
            return Class::new(kind).note(if again { Notes::RETRANSMISSION } else { Notes::NONE }).note(if crossing {
                Notes::SIMULTANEOUS_OPEN
            } else {
                Notes::NONE
            });
        }
        let again = self.sender.fin_end.is_some_and(|end| !self.segment.end().after(end));
        let answer = self.answer_by_payload();
        Class::new(SegmentKind::Fin)
            .note(if again { Notes::RETRANSMISSION } else { Notes::NONE })
            .note(if answer == Answer::None { Notes::NONE } else { Notes::ANSWERS_PROBE })
            .answering(answer)
    }

    /// Rules 2 to 7: everything that may be a probe.
    fn probe(&self) -> Option<Class> {
        if self.segment.payload_len > 1 || !self.segment.flags.has(Flags::ACK) || self.is_of_old_generation() {
            return None;
        }
        match self.sender.snd_una {
            Some(una) => self.anchored_probe(una),
            None => self.unanchored_probe(),
        }
    }

    /// Rules 2 to 6, by the peer's cumulative acknowledgment.
    fn anchored_probe(&self, una: Seq) -> Option<Class> {
        let (segment, closed) = (self.segment, self.peer.window_closed());
        if closed && segment.payload_len == 1 && segment.seq == una && self.sender.nothing_in_flight() {
            return Some(Class::new(SegmentKind::ZeroWindowProbe).note(Notes::ONE_BYTE));
        }
        if segment.seq != una.minus(1) {
            return self.probe_with_lost_acknowledgment();
        }
        if self.is_reordered() {
            return None;
        }
        if segment.payload_len == 1 {
            return self.garbage_octet();
        }
        if closed {
            return Some(self.closed_window_probe());
        }
        if self.sender.top == Some(Unit::Fin) {
            let probe = Class::new(SegmentKind::KeepaliveProbe).note(Notes::AFTER_FIN);
            return (self.flow_silence() >= LEAST_RHYTHM).then_some(probe);
        }
        let notes = if self.sender.in_flight() { Notes::DATA_OUTSTANDING } else { Notes::NONE };
        Some(Class::new(SegmentKind::KeepaliveProbe).note(notes))
    }

    /// Rule 3. A persist timer backs off; a keepalive timer keeps its rhythm and never runs under a second.
    fn closed_window_probe(&self) -> Class {
        let probe = Class::new(SegmentKind::ZeroWindowProbe);
        // An octet against a closed window (rule 2) is no keepalive, whatever the rhythm.
        let is_like = |before: &Pending| before.seq == self.segment.seq && !before.one_byte;
        let before = self.own.and_then(|own| own.latest).filter(is_like);
        let (Some(own), Some(before)) = (self.own, before) else {
            let first_wait_is_short = self.flow_silence() < LEAST_RHYTHM;
            return probe.note(if first_wait_is_short { Notes::NONE } else { Notes::AMBIGUOUS });
        };
        let spacing = self.time.since(before.mark.time);
        // After a keepalive one longer wait is no back-off yet, and an earlier one says nothing any more.
        let same_kind = before.kind == SegmentKind::ZeroWindowProbe;
        match own.window_spacing {
            _ if spacing < LEAST_RHYTHM || (same_kind && own.backing_off) => probe,
            Some(earlier) if like(spacing, earlier) => {
                Class { earlier_was_keepalive: before.ambiguous, ..Class::new(SegmentKind::KeepaliveProbe) }
            }
            Some(earlier) if same_kind && backs_off(earlier, spacing) => probe,
            _ => probe.note(Notes::AMBIGUOUS),
        }
    }

    /// Rule 5, and its one honest look-alike: a one-octet write whose acknowledgment the sender did not get.
    fn garbage_octet(&self) -> Option<Class> {
        if self.sender.in_flight() {
            return None;
        }
        let pushed = self.segment.flags.has(Flags::PSH);
        let repeated = self.sender.lone_octet(self.segment) == Some(LoneOctet::Repeated);
        let by_retransmission_timer = self.sender.last_payload.is_some_and(|sent| {
            let spacing = self.time.since(sent);
            spacing < LEAST_RHYTHM
                || self.sender.payload_spacing().is_some_and(|earlier| doubles(earlier, spacing) && !self.is_train())
        });
        let signs = [pushed, repeated, by_retransmission_timer].into_iter().filter(|sign| *sign).count();
        let probe = Class::new(SegmentKind::KeepaliveProbe).note(Notes::ONE_BYTE);
        (signs < 2).then_some(probe)
    }

    /// A capture that lost the peer's acknowledgment, but not the probe: one below `snd_nxt` after a silence that no
    /// retransmission timer would have kept.
    fn probe_with_lost_acknowledgment(&self) -> Option<Class> {
        let nxt = self.sender.snd_nxt?;
        let is_candidate =
            self.segment.payload_len == 0 && self.segment.seq == nxt.minus(1) && self.sender.top == Some(Unit::Data);
        let silent = self.flow_silence() >= self.flow.gap_threshold();
        (is_candidate && silent).then(|| Class::new(SegmentKind::KeepaliveProbe).note(Notes::INFERRED))
    }

    /// Rule 7 and one-sided captures: the peer has acknowledged nothing yet.
    fn unanchored_probe(&self) -> Option<Class> {
        if let Some(held) = self.own.and_then(|own| own.held.as_deref()) {
            return self.against_held(held);
        }
        let Some(nxt) = self.sender.snd_nxt else {
            return self.first_of_direction();
        };
        // Without an ACK of its own a sender whose SYN is all we know is still in SYN-SENT, where nobody probes.
        let below_next =
            self.segment.seq == nxt.minus(1) && (self.sender.top != Some(Unit::Syn) || self.sender.last_ack.is_some());
        if !below_next || self.sender_silence() < LEAST_RHYTHM {
            return None;
        }
        // An octet that was there before, or that was not captured, tells nothing; then the train does.
        let unlike_data = || match self.sender.lone_octet(self.segment) {
            Some(comparison) => comparison == LoneOctet::Differs,
            None => self.is_train(),
        };
        let is_probe = self.segment.payload_len == 0 || (!self.segment.flags.has(Flags::PSH) && unlike_data());
        is_probe.then(|| self.inferred_probe())
    }

    /// Rule 7: the first segment of a direction may be a probe; only what follows tells.
    fn first_of_direction(&self) -> Option<Class> {
        if self.segment.flags.0 & !(Flags::ACK | Flags::PSH).0 != 0 {
            return None;
        }
        let kind = if self.segment.payload_len == 0 { SegmentKind::Ack } else { SegmentKind::Data };
        Some(Class::new(kind).note(Notes::UNRESOLVED).held(HeldFate::Join))
    }

    fn inferred_probe(&self) -> Class {
        let octet = if self.segment.payload_len == 1 { Notes::ONE_BYTE } else { Notes::NONE };
        Class::new(SegmentKind::KeepaliveProbe).note(Notes::INFERRED).note(octet)
    }

    /// A further segment of a sender whose first ones are held.
    fn against_held(&self, held: &Held) -> Option<Class> {
        let segment = self.segment;
        let same = segment.seq == held.seq && segment.payload_len == held.len && segment.ack == held.ack;
        let spacing = self.time.since(held.last().time);
        if !same || spacing < LEAST_RHYTHM {
            return None;
        }
        let in_rhythm = held.spacing.is_some_and(|earlier| like(earlier, spacing));
        let is_probe = match (held.echo, segment.options.timestamps) {
            // What is echoed moves on only when the unseen peer was heard, and the answers to probes do not move it:
            // they are out of window (RFC 7323 4.3). An echo that stays may be an unanswered probe or an answer.
            (Some(before), Some((_, now))) => Seq(now).after(Seq(before)),
            _ => in_rhythm,
        };
        if is_probe {
            return Some(self.inferred_probe().held(HeldFate::Promote));
        }
        self.first_of_direction()
    }

    /// Rules 8, 11 and 16 to 18.
    fn payload(&self) -> Class {
        let segment = self.segment;
        let answer = self.answer_by_payload();
        let remark = if answer == Answer::None { Notes::NONE } else { Notes::ANSWERS_PROBE };
        let class = match self.sender.snd_nxt {
            Some(nxt) if segment.seq.before(nxt) => self.repeated_payload(),
            // One above a held probe nothing is missing.
            Some(nxt) if segment.seq.after(nxt) && !self.held_fate().is_promotion() => {
                Class::new(SegmentKind::Data).note(Notes::HOLE)
            }
            _ => Class::new(SegmentKind::Data),
        };
        class.note(remark).answering(answer).held(self.held_fate())
    }

    fn repeated_payload(&self) -> Class {
        let (segment, sender) = (self.segment, self.sender);
        let reordering = self.flow.rtt().unwrap_or(REORDERING);
        let fills = sender.rare().and_then(|rare| rare.hole).is_some_and(|hole| {
            !segment.seq.before(hole.start)
                && !segment.end().after(hole.end)
                && self.time.since(hole.since) < reordering
        });
        if fills {
            return Class::new(SegmentKind::OutOfOrder);
        }
        let again = Class::new(SegmentKind::Retransmission);
        if sender.snd_una.is_some_and(|una| !segment.end().after(una)) {
            return again.note(Notes::SPURIOUS);
        }
        let fast = self.peer.dup_acks >= 2
            && self.peer.last_ack == Some(segment.seq)
            && self
                .peer
                .rare()
                .and_then(|rare| rare.last_dup_ack)
                .is_some_and(|last| self.time.since(last) < FAST_RETRANSMIT);
        again.note(if fast { Notes::FAST } else { Notes::NONE })
    }

    /// Rules 9, 10 and 13 to 15, challenge ACKs, and the ACKs that are nothing more.
    fn pure_ack(&self) -> Class {
        let (segment, sender) = (self.segment, self.sender);
        let held = self.held_fate();
        if self.is_challenge() {
            return Class::new(SegmentKind::ChallengeAck).held(held);
        }
        if let Some(class) = self.probe_answer() {
            return class.held(held);
        }
        let ack = Class::new(SegmentKind::Ack).held(held);
        if sender.snd_nxt.is_some_and(|nxt| segment.seq.before(nxt)) {
            return ack.note(Notes::STALE);
        }
        let same_place = sender.last_ack == Some(segment.ack) && sender.snd_nxt == Some(segment.seq);
        let same_window = sender.window.is_none_or(|window| window == segment.window);
        let selective = segment.options.sack.is_some();
        if same_place && self.peer.in_flight() && (same_window || selective) {
            return Class::new(SegmentKind::DupAck).held(held);
        }
        if same_place && !same_window {
            return Class::new(SegmentKind::WindowUpdate).held(held);
        }
        ack
    }

    /// Rules 10 and 13.
    fn probe_answer(&self) -> Option<Class> {
        let theirs = self.theirs?;
        if self.sender.snd_nxt.is_some_and(|nxt| nxt != self.segment.seq) {
            return None;
        }
        match self.peer_held() {
            HeldFate::Promote => return Some(Class::new(SegmentKind::KeepaliveAck).answering(Answer::Held)),
            HeldFate::PromoteToWindowProbe => {
                return Some(Class::new(SegmentKind::ZeroWindowProbeAck).answering(Answer::Held));
            }
            _ => {}
        }
        let (probe, answer) = self.open_probe(theirs)?;
        match (probe.kind, self.segment.window) {
            (SegmentKind::KeepaliveProbe, _) => Some(Class::new(SegmentKind::KeepaliveAck).answering(answer)),
            (_, 0) => Some(Class::new(SegmentKind::ZeroWindowProbeAck).answering(answer)),
            (_, _) if self.sender.last_ack == Some(self.segment.ack) => {
                Some(Class::new(SegmentKind::WindowUpdate).answering(answer))
            }
            // The window opened and the probe's octet was taken.
            (_, _) => Some(Class::new(SegmentKind::Ack).answering(answer)),
        }
    }

    /// The nearest unanswered probe that this segment's acknowledgment fits.
    fn open_probe(&self, theirs: &Probes) -> Option<(Pending, Answer)> {
        // A hole above what is acknowledged, in what the prober sent after its probe: that is what this ACK is about.
        let selective = self.segment.options.sack;
        let reports_hole = selective.is_some_and(|(start, _)| start.after(self.segment.ack));
        let about_later =
            |probe: &Pending| reports_hole && self.peer.last_payload.is_some_and(|sent| sent > probe.mark.time);
        let fits = |probe: &Pending| {
            let octet_refused = probe.kind == SegmentKind::ZeroWindowProbe && self.segment.ack == probe.seq;
            !probe.answered && !about_later(probe) && (self.segment.ack == probe.seq.plus(1) || octet_refused)
        };
        let latest = theirs.latest?;
        if fits(&latest) {
            return Some((latest, Answer::Latest));
        }
        let wait = self.flow.rtt().map_or(ANSWER_WAIT, |rtt| rtt.times(2));
        let previous = theirs.previous.as_deref().copied().filter(|probe| self.time.since(probe.mark.time) <= wait)?;
        fits(&previous).then_some((previous, Answer::Previous))
    }

    /// Rule 11: payload that acknowledges a probe before a pure ACK does.
    fn answer_by_payload(&self) -> Answer {
        if self.peer_held().is_promotion() {
            return Answer::Held;
        }
        let open = self.theirs.and_then(|theirs| theirs.latest).filter(|probe| !probe.answered);
        let acknowledged = self.segment.acknowledged();
        match open {
            Some(probe) if acknowledged == Some(probe.seq.plus(1)) => Answer::Latest,
            _ => Answer::None,
        }
    }

    /// Rule 12: whether a RST comes while a probe waits for its answer.
    fn answers_probe_within_wait(&self) -> bool {
        let wait = self.flow.rtt().map_or(ANSWER_WAIT, |rtt| rtt.times(2).max(Span::from_millis(200)));
        let open = self.theirs.and_then(|theirs| theirs.latest).filter(|probe| !probe.answered);
        open.is_some_and(|probe| self.time.since(probe.mark.time) <= wait)
    }

    /// Whether the segment answers an unacceptable SYN or RST (RFC 5961 3.2 and 4.2).
    fn is_challenge(&self) -> bool {
        let expected = || self.flow.rtt().map_or(CHALLENGE_WAIT, |rtt| rtt.times(2).max(CHALLENGE_WAIT));
        let provoked = self.sender.challenged().is_some_and(|when| self.time.since(when) <= expected());
        self.is_of_old_generation() || (provoked && self.sender.last_ack.is_none_or(|ack| ack == self.segment.ack))
    }

    /// Whether a SYN of a new generation is answered by an end that still lives in the old one (rule 20).
    fn is_of_old_generation(&self) -> bool {
        // An end that has acknowledged something is past SYN-SENT: then it is the SYN-ACK that was not captured.
        let waits = self.peer.isn.is_some() && self.peer.snd_una.is_none() && self.peer.last_ack.is_none();
        let in_syn_sent = waits && self.sender.isn.is_none();
        in_syn_sent && self.segment.acknowledged().is_some_and(|ack| self.peer.snd_nxt.is_some_and(|nxt| ack != nxt))
    }

    /// What this segment, itself no probe, tells of the sender's held ones.
    fn held_fate(&self) -> HeldFate {
        let Some(held) = self.own.and_then(|own| own.held.as_deref()) else {
            return HeldFate::Unchanged;
        };
        // Nothing but a probe stands one below the next segment of a sender that sent nothing between.
        let next_is_above = self.segment.seq == held.seq.plus(1) && held.len == 0;
        if next_is_above { HeldFate::Promote } else { HeldFate::Release }
    }

    /// What this segment tells of the peer's held ones: a peer that sent nothing else and has octet `seq` acknowledged
    /// had sent it before, so `seq` was one below its next number.
    fn peer_held(&self) -> HeldFate {
        let held = self.theirs.and_then(|theirs| theirs.held.as_deref());
        let (Some(held), Some(ack)) = (held, self.segment.acknowledged()) else {
            return HeldFate::Unchanged;
        };
        let was_probe = held.len == 0 || !held.pushed || self.is_dsack(held.seq);
        match was_probe && ack == held.seq.plus(1) {
            true if self.segment.window == 0 && held.len == 0 => HeldFate::PromoteToWindowProbe,
            true => HeldFate::Promote,
            false => HeldFate::Release,
        }
    }

    fn is_dsack(&self, seq: Seq) -> bool {
        self.segment.options.sack == Some((seq, seq.plus(1)))
    }

    /// Whether the segment left its sender before others that the capture shows earlier.
    fn is_reordered(&self) -> bool {
        match (self.segment.options.timestamps, self.sender.timestamps) {
            (Some((now, _)), Some((last, _))) => Seq(now).before(Seq(last)),
            _ => false,
        }
    }

    /// Whether the sender's last probe stood at the same place.
    fn is_train(&self) -> bool {
        self.own.and_then(|own| own.latest).is_some_and(|probe| probe.seq == self.segment.seq)
    }

    /// Time since the last segment of the flow, either way.
    fn flow_silence(&self) -> Span {
        self.time.since(self.flow.last.time)
    }

    /// Time since the sender's last segment.
    fn sender_silence(&self) -> Span {
        self.sender.last.map_or(Span::ZERO, |last| self.time.since(last.time))
    }

    /// Rules 18 and 19 and other remarks that any kind can carry.
    fn with_remarks(&self, class: Class) -> Class {
        let peer_held = self.peer_held();
        let unseen = match (self.segment.acknowledged(), self.peer.snd_nxt) {
            (Some(ack), Some(nxt)) => {
                let window_octet = self.theirs.and_then(|theirs| theirs.latest).is_some_and(|probe| {
                    probe.kind == SegmentKind::ZeroWindowProbe && probe.seq == nxt && ack == nxt.plus(1)
                });
                let says_nothing = matches!(class.kind, Some(SegmentKind::ChallengeAck | SegmentKind::Rst));
                ack.after(nxt) && !window_octet && !says_nothing && !peer_held.is_promotion()
            }
            _ => false,
        };
        let held = match class.kind {
            Some(SegmentKind::Rst | SegmentKind::Fin) => self.held_fate(),
            _ => class.held,
        };
        Class { held, peer_held, ..class }
            .note(if unseen { Notes::UNSEEN } else { Notes::NONE })
            .note(if self.segment.fragment.is_some() { Notes::FRAGMENTED } else { Notes::NONE })
    }
}

/// Whether two spacings are the same rhythm: a timer is never early and up to 12.5 % late.
fn like(one: Span, other: Span) -> bool {
    let (short, long) = (one.min(other), one.max(other));
    short >= LEAST_RHYTHM && long.times(100) <= short.times(125)
}

/// Whether `later` follows `earlier` as a backed-off timer does.
fn backs_off(earlier: Span, later: Span) -> bool {
    later.times(2) >= earlier.times(3)
}

/// Whether `later` is about twice `earlier`, as retransmissions are spaced (RFC 6298 5.5).
fn doubles(earlier: Span, later: Span) -> bool {
    later.times(10) >= earlier.times(17) && later.times(10) <= earlier.times(25)
}
