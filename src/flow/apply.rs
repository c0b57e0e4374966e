//! What a classified segment changes in its flow.

use crate::capture::Told;
use crate::flow::classify::{Class, HeldFate};
use crate::flow::kind::{Notes, SegmentKind};
use crate::flow::mark::{FrameId, Mark};
use crate::flow::probes::dating::Stamped;
use crate::flow::probes::{Answer, Probes};
use crate::flow::resets::{self, Acceptability};
use crate::flow::turns::{Budget, Heads, Piece};
use crate::flow::{Direction, Flow, IcmpEvent, Orientation, Turn};
use crate::seq::Seq;
use crate::time::Timestamp;
use crate::wire::{Flags, Segment};

/// What flows share while segments are applied.
pub struct Shared<'a> {
    /// Judgements on earlier segments, not yet taken by the reader.
    pub relabels: &'a mut Vec<Relabel>,
    /// Memory for the heads of turns.
    pub heads: &'a mut Budget,
}

/// A judgement on an earlier segment, made or changed by a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relabel {
    /// The segment's frame.
    pub frame: FrameId,
    /// What it is after all.
    pub kind: SegmentKind,
    /// The remarks that take the place of the earlier ones.
    pub notes: Notes,
}

impl Flow {
    /// Takes `segment` into the state of the flow; judgements on earlier segments go to `shared`. Returns what its payload
    /// told of the turn that it belongs to.
    pub fn apply(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        class: Class,
        shared: Shared<'_>,
    ) -> Told {
        let Shared { relabels, heads } = shared;
        let mut told = Told::NOTHING;
        let kind = class.kind.unwrap_or(SegmentKind::Ack);
        self.note_base(direction, segment);
        if kind == SegmentKind::DuplicateFrame {
            let duplicates = &mut self.end_mut(direction).counters_mut().duplicates;
            *duplicates = duplicates.saturating_add(1);
            return told;
        }
        if mark.time < self.last.time {
            let steps = &mut self.extras_mut().clock_steps;
            *steps = steps.saturating_add(1);
        }
        self.observe_life(direction, kind, mark);
        self.follow_gaps(direction, segment, mark, kind, class.notes);
        if kind == SegmentKind::Rst {
            self.resolve_held(direction, &class, relabels);
            self.apply_reset(direction, segment, mark, &class);
        } else if kind == SegmentKind::ChallengeAck && self.end(direction).isn.is_none() && self.in_handshake() {
            // The old generation speaks (rule 20): its numbers say nothing about this one.
        } else {
            self.resolve_held(direction, &class, relabels);
            self.apply_answer(direction, segment, mark, &class);
            self.apply_probe(direction, segment, mark, &class, kind, relabels);
            told = self.apply_sequence(direction, segment, mark, &class, kind, heads);
        }
        if kind == SegmentKind::Rst || self.fins() == 2 {
            self.release_heads(heads);
        }
        self.apply_common(direction, segment, mark, kind);
        self.is_settled = self.is_ordinary();
        told
    }

    /// The rest of a fragmented segment was seen: its payload reaches from `seq` over `whole` octets, not over `part`.
    pub(crate) fn extend(&mut self, direction: Direction, seq: Seq, part: u32, whole: u32, mark: Mark) {
        let end = self.end_mut(direction);
        let (short, full) = (seq.plus(part), seq.plus(whole));
        if end.snd_nxt.is_some_and(|nxt| !nxt.before(short) && nxt.before(full)) {
            end.snd_nxt = Some(full);
            end.payload_bytes += u64::from(whole.saturating_sub(part));
        }
        self.last = self.last.max_by_time(mark);
    }

    /// Takes note of an ICMP error about a segment of this flow.
    pub(crate) fn icmp(&mut self, event: IcmpEvent) {
        self.extras_mut().icmp.push(event);
    }

    /// The capture holds the flow's beginning a second time.
    pub(crate) fn mark_replayed(&mut self) {
        self.extras_mut().replayed = true;
    }

    /// What Wireshark 4 takes for the initial numbers: those of a SYN, else one below the first number seen, the
    /// other end's acknowledgments included.
    fn note_base(&mut self, direction: Direction, segment: &Segment<'_>) {
        if segment.fragment.is_some() {
            return;
        }
        let is_syn = segment.flags.has(Flags::SYN);
        let end = self.end_mut(direction);
        if end.base.is_none() || (is_syn && segment.flags.has(Flags::ACK)) {
            end.base = Some(if is_syn { segment.seq } else { segment.seq.minus(1) });
        }
        if let Some(ack) = segment.acknowledged() {
            self.end_mut(direction.reverse()).base.get_or_insert(ack.minus(1));
        }
    }

    /// The capture ended at `end`: decides what is left to decide.
    pub fn finish(&mut self, end: Timestamp, relabels: &mut Vec<Relabel>) {
        for direction in Direction::BOTH {
            if let Some(held) = self.probes_mut(direction).as_mut().and_then(|probes| probes.held.take()) {
                let kind = if held.len == 0 { SegmentKind::Ack } else { SegmentKind::Data };
                let unresolved = |mark: Mark| Relabel { frame: mark.frame, kind, notes: Notes::UNRESOLVED };
                relabels.extend(held.marks().map(unresolved));
            }
        }
        self.finish_gaps(end);
    }

    fn in_handshake(&self) -> bool {
        Direction::BOTH.into_iter().any(|direction| {
            let end = self.end(direction);
            end.isn.is_some() && end.snd_una.is_none()
        })
    }

    fn observe_life(&mut self, direction: Direction, kind: SegmentKind, mark: Mark) {
        if self.extras.is_none() {
            return;
        }
        let rtt = self.rtt();
        if let Some(extras) = &mut self.extras {
            for reset in extras.resets.iter_mut() {
                resets::observe_life(reset, direction, kind, mark.time, rtt);
            }
        }
    }

    fn apply_reset(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark, class: &Class) {
        let reset = resets::observe(self, direction, segment, mark);
        if class.notes.has(Notes::RESETS_PROBE)
            && let Some(probes) = self.probes_mut(direction.reverse())
        {
            probes.reset();
        }
        if reset.acceptability == Acceptability::InWindow {
            self.end_mut(direction.reverse()).rare_mut().challenged = Some(mark.time);
        }
        self.extras_mut().resets.push(reset);
    }

    fn apply_answer(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark, class: &Class) {
        let peer = direction.reverse();
        if class.answer != Answer::None {
            self.note_answer(peer, segment, mark, class.answer);
        }
        if let Some(ack) = segment.acknowledged() {
            let end = self.end_mut(peer);
            let unseen = end.acknowledge(ack, mark.time);
            if class.notes.has(Notes::UNSEEN) {
                end.counters_mut().unseen_bytes += u64::from(unseen);
            }
        }
    }

    /// Takes `segment` for the answer to a probe of `prober`.
    pub(super) fn note_answer(&mut self, prober: Direction, segment: &Segment<'_>, mark: Mark, which: Answer) {
        let end = self.end(prober);
        // The timestamps of the probe, if it is what the prober sent last.
        let stamp = end.last.zip(end.timestamps);
        if let Some(probes) = self.probes_mut(prober) {
            note_answer(probes, segment, mark, which, stamp);
        }
    }

    fn apply_probe(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        class: &Class,
        kind: SegmentKind,
        relabels: &mut Vec<Relabel>,
    ) {
        if class.held == HeldFate::Join {
            self.hold(direction, segment, mark);
        }
        if !kind.is_probe() {
            return;
        }
        let heard = *self.heard_mut(direction.reverse());
        let flow_last = self.last.time;
        let peer_unseen = self.end(direction.reverse()).last.is_none();
        let has_stamped = self.has_stamped(direction);
        let peer_payload = self.end(direction.reverse()).last_payload;
        let probes = self.probes_mut(direction).get_or_insert_default();
        if class.earlier_was_keepalive
            && let Some(earlier) = probes.relabel_latest()
        {
            let relabel = |mark: Mark, kind| Relabel { frame: mark.frame, kind, notes: Notes::NONE };
            relabels.push(relabel(earlier.mark, SegmentKind::KeepaliveProbe));
            // An answer with payload is payload (rule 11).
            let answer = earlier.answer.filter(|mark| peer_payload != Some(mark.time));
            relabels.extend(answer.map(|mark| relabel(mark, SegmentKind::KeepaliveAck)));
        }
        if kind == SegmentKind::ZeroWindowProbe {
            note_window_spacing(probes, segment.seq, mark.time, flow_last);
        }
        if class.notes.has(Notes::INFERRED) {
            probes.keepalive.inferred = probes.keepalive.inferred.saturating_add(1);
        }
        let echo = segment.options.timestamps.map(|(_, echo)| echo);
        let unseen_answer = match (probes.latest.and_then(|probe| probe.echo), echo) {
            (Some(before), Some(now)) if peer_unseen => Seq(now).after(Seq(before)),
            _ => false,
        };
        if unseen_answer {
            probes.answered(Answer::Latest, None);
        }
        probes.send(kind, segment, mark, heard, has_stamped);
        if class.notes.has(Notes::AMBIGUOUS)
            && let Some(probe) = &mut probes.latest
        {
            probe.ambiguous = true;
        }
        if kind == SegmentKind::ZeroWindowProbe {
            let count = &mut self.end_mut(direction).counters_mut().zero_window_probes;
            *count = count.saturating_add(1);
        }
    }

    fn apply_sequence(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        class: &Class,
        kind: SegmentKind,
        heads: &mut Budget,
    ) -> Told {
        let mut told = Told::NOTHING;
        let refused = self.fast_open_refusal(direction, segment);
        let end = self.end_mut(direction);
        if kind == SegmentKind::ZeroWindowProbe || kind == SegmentKind::KeepaliveProbe {
            return told;
        }
        let repeated = kind == SegmentKind::Retransmission || class.notes.has(Notes::RETRANSMISSION);
        if repeated {
            let counters = end.counters_mut();
            counters.retransmissions = counters.retransmissions.saturating_add(1);
            counters.spurious = counters.spurious.saturating_add(u32::from(class.notes.has(Notes::SPURIOUS)));
            end.set_timed(None);
        } else if kind == SegmentKind::OutOfOrder {
            let count = &mut end.counters_mut().out_of_order;
            *count = count.saturating_add(1);
        }
        if segment.flags.has(Flags::SYN) {
            end.isn = Some(segment.seq);
            end.window_scale = segment.options.window_scale;
        }
        let before = end.snd_nxt;
        end.advance(segment, mark.time);
        if segment.payload_len > 0 {
            told = self.apply_payload(direction, segment, mark, kind, before, heads);
        }
        let end = self.end_mut(direction);
        if segment.flags.has(Flags::FIN) {
            end.fin_end = Some(segment.end());
            end.fin_time.get_or_insert(mark.time);
            self.last_payload = Some(mark);
        }
        let end = self.end_mut(direction);
        if !segment.is_empty() && !repeated && end.timed().is_none() {
            end.set_timed(Some((segment.end(), mark.time)));
        }
        if let Some(accepted) = refused {
            self.end_mut(direction.reverse()).snd_nxt = Some(accepted);
        }
        told
    }

    /// Takes the payload of `segment`, before which SND.NXT stood at `before`.
    fn apply_payload(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        kind: SegmentKind,
        before: Option<Seq>,
        heads: &mut Budget,
    ) -> Told {
        let fills = kind == SegmentKind::OutOfOrder;
        let beyond = before.map_or(segment.payload_len, |nxt| {
            u32::try_from(segment.end().since(nxt)).unwrap_or(0).min(segment.payload_len)
        });
        let new = if fills { segment.payload_len } else { beyond };
        self.end_mut(direction).take_payload(segment, new, mark.time);
        let starts_turn = beyond > 0 && self.starts_turn(direction);
        let told = if self.reads_head(direction, segment, starts_turn) {
            self.read_head(direction, segment, mark, before, starts_turn, heads)
        } else {
            Told::NOTHING
        };
        if new > 0 {
            self.last_payload = Some(mark);
        }
        if beyond > 0 {
            self.take_turn(direction, mark, beyond);
        }
        told
    }

    /// Whether new payload in `direction` begins a turn.
    pub(super) fn starts_turn(&self, direction: Direction) -> bool {
        self.turn.is_none_or(|turn| turn.direction != direction)
    }

    /// Whether the payload of `segment` is of use to the reader of heads: most segments lie behind the head of their turn.
    #[inline(always)]
    pub(super) fn reads_head(&mut self, direction: Direction, segment: &Segment<'_>, starts_turn: bool) -> bool {
        let is_idle = |heads: &Heads| heads.is_idle(direction);
        let is_read = starts_turn || segment.told.is_some() || !self.heads.as_deref().is_none_or(is_idle);
        self.initiator_spoke |= !is_read && direction == Direction::FromInitiator;
        is_read
    }

    /// Gives the payload to the reader of heads. Where a turn begins is known once the capture has seen the flow's
    /// beginning, another turn, or a silence between: in the middle of a stream nothing is guessed.
    pub(super) fn read_head(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        mark: Mark,
        next: Option<Seq>,
        starts_turn: bool,
        budget: &mut Budget,
    ) -> Told {
        let initiator_spoke = self.initiator_spoke;
        self.initiator_spoke |= direction == Direction::FromInitiator;
        let known = starts_turn
            && (self.orientation == Orientation::Handshake
                || self.turn.is_some()
                || mark.time.since(self.first.time) >= self.gap_threshold());
        let piece = Piece::new(direction, segment, None, mark);
        let begins = known.then(|| next.unwrap_or(piece.seq));
        let piece = Piece { begins, ..piece };
        if let Some(heads) = &mut self.heads {
            return heads.hear(&piece, segment.told, budget);
        }
        // Much of what flows carry has no name: then nothing is kept.
        if segment.told.is_none() && Heads::is_nameless(&piece, initiator_spoke) {
            return Told::NOTHING;
        }
        let mut heads = Heads::behind(initiator_spoke);
        let told = heads.hear(&piece, segment.told, budget);
        if !heads.is_blank() {
            self.heads = Some(Box::new(heads));
        }
        told
    }

    /// The flow has ended: no head is completed any more.
    pub(crate) fn release_heads(&mut self, budget: &mut Budget) {
        if let Some(heads) = &mut self.heads {
            heads.release(budget);
        }
    }

    /// RFC 7413 4.2.2: an answer that acknowledges the SYN alone refuses its payload, which is then sent again. The same
    /// goes for the payload of a SYN-ACK.
    fn fast_open_refusal(&self, direction: Direction, segment: &Segment<'_>) -> Option<Seq> {
        if !matches!(self.last_kind(direction.reverse()), Some(SegmentKind::Syn | SegmentKind::SynAck)) {
            return None;
        }
        let opener = self.end(direction.reverse());
        // One segment and its repetitions: behind a SYN that comes late there may be payload that nobody refused.
        let counters = opener.counters();
        let sent_nothing_else = counters.packets == u64::from(counters.retransmissions) + 1;
        let only_syn = opener.isn.is_some_and(|isn| segment.acknowledged() == Some(isn.plus(1)));
        // What was acknowledged without having been captured was not the SYN's.
        let had_more = opener.payload_bytes > 0 || opener.fin_end.is_some();
        let is_behind = opener.snd_nxt.is_some_and(|nxt| nxt.after(segment.ack));
        (sent_nothing_else && only_syn && had_more && is_behind).then_some(segment.ack)
    }

    #[inline(always)]
    pub(super) fn take_turn(&mut self, direction: Direction, mark: Mark, octets: u32) {
        match &mut self.turn {
            Some(turn) if turn.direction == direction => {
                turn.last = mark;
                turn.octets = turn.octets.saturating_add(u64::from(octets));
            }
            turn => *turn = Some(Turn { direction, start: mark, last: mark, octets: u64::from(octets) }),
        }
    }

    /// What every segment leaves behind.
    fn apply_common(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark, kind: SegmentKind) {
        let last = self.last;
        self.leave_traces(direction, segment, mark, kind);
        if segment.flags.has(Flags::SYN) && self.end(direction.reverse()).isn.is_some() && last.time < mark.time {
            let repeated = self.end(direction).snd_una.is_some() && !segment.flags.has(Flags::ACK);
            if repeated {
                self.end_mut(direction.reverse()).rare_mut().challenged = Some(mark.time);
            }
        }
        if let Some(toa) = segment.options.toa {
            self.extras_mut().real_client.get_or_insert(toa);
        }
        if let Some(tunnel) = segment.tunnel {
            self.extras_mut().tunnel.get_or_insert(tunnel);
        }
    }

    /// The part of it that usual segments leave.
    #[inline(always)]
    pub(super) fn leave_traces(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark, kind: SegmentKind) {
        self.end_mut(direction).leave_traces(segment, mark, kind);
        if kind != SegmentKind::Rst {
            self.note_for_probes(direction, segment, mark, kind);
        }
        if !kind.is_probe() || segment.payload_len > 0 {
            *self.heard_mut(direction) = Some(mark);
        }
        *self.last_kind_mut(direction) = Some(kind);
        self.last = mark;
    }

    /// Whether the end that sends in `direction` uses timestamps. A SYN offers the option and echoes nothing yet (RFC 7323 3.2).
    pub(super) fn has_stamped(&self, direction: Direction) -> bool {
        self.end(direction).timestamps.is_some_and(|(_, echo)| echo != 0)
    }

    /// What the probes of either end are compared with: the hop limits of data, the clocks behind the timestamps.
    #[inline(always)]
    fn note_for_probes(&mut self, direction: Direction, segment: &Segment<'_>, mark: Mark, kind: SegmentKind) {
        let is_data = segment.payload_len > 0 && !kind.is_probe();
        if is_data {
            self.end_mut(direction).baseline.data_hop_limits.add(segment.hop_limit);
        }
        if matches!(self.probes, [None, None]) {
            return;
        }
        for owner in Direction::BOTH {
            let Some(probes) = self.probes_mut(owner) else {
                continue;
            };
            if is_data && owner != direction {
                probes.keepalive.answers.compare_data(segment.hop_limit);
            }
            if let Some((value, _)) = segment.options.timestamps {
                probes.dating_mut().observe(owner == direction, value, mark.time);
            }
        }
    }
}

/// Keeps what an answer shows of its sender, and with `stamp` (when the prober sent last, and with which timestamps) of the
/// time before the capture.
fn note_answer(
    probes: &mut Probes,
    segment: &Segment<'_>,
    mark: Mark,
    which: Answer,
    stamp: Option<(Mark, (u32, u32))>,
) {
    let Some(probe) = probes.answered(which, Some(mark)) else {
        return;
    };
    if segment.is_empty() {
        probes.keepalive.answers.add(mark.time.since(probe.mark.time), segment.hop_limit);
    }
    if let Some((last, (value, echo))) = stamp
        && let Some((answer_value, answer_echo)) = segment.options.timestamps
        && last == probe.mark
        && probe.echo.is_some()
    {
        let answer = Stamped { value: answer_value, echo: answer_echo, time: mark.time };
        probes.dating_mut().exchanged(Stamped { value, echo, time: probe.mark.time }, answer);
    }
}

/// Rule 3: keeps the spacing of zero-window probes, the wait before the first one included.
fn note_window_spacing(probes: &mut Probes, seq: Seq, time: Timestamp, flow_last: Timestamp) {
    let before = probes.latest.filter(|probe| probe.seq == seq && probe.kind == SegmentKind::ZeroWindowProbe);
    let spacing = time.since(before.map_or(flow_last, |probe| probe.mark.time));
    let doubled = probes.window_spacing.is_some_and(|earlier| spacing.times(2) >= earlier.times(3));
    probes.backing_off = before.is_some() && (probes.backing_off || doubled);
    probes.window_spacing = Some(spacing);
}
