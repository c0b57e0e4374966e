//! RSTs: what they looked like, what came before them, and whether anybody obeyed.

use crate::flow::kind::SegmentKind;
use crate::flow::mark::Mark;
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};
use crate::wire::{Flags, Segment};

/// What the receiver of a RST does with it by the rules (RFC 5961 3.2, RFC 9293 3.10.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptability {
    /// At RCV.NXT (or, in SYN-SENT, acknowledging the SYN): the connection is reset.
    Exact,
    /// In the window but not at RCV.NXT: answered by a challenge ACK.
    InWindow,
    /// Outside the window: dropped.
    Outside,
    /// The capture does not show what the receiver expected.
    Unknown,
}

/// A segment that provoked a RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The segment of the other end before the RST.
    pub mark: Mark,
    /// What it was.
    pub kind: SegmentKind,
    /// Whether the RST's sequence number is the acknowledgment number of that segment, as RFC 9293 3.10.7.1 has a
    /// host without the connection answer.
    pub seq_is_its_ack: bool,
}

/// A RST and the evidence around it.
#[derive(Clone, Copy, Debug)]
pub struct Reset {
    /// When and where.
    pub mark: Mark,
    /// The direction it went, which is the sender it claims.
    pub direction: Direction,
    /// SEG.SEQ.
    pub seq: Seq,
    /// Whether the ACK flag was set.
    pub has_ack: bool,
    /// The acknowledgment field, meaningful or not.
    pub ack_field: Seq,
    /// SEG.WND.
    pub window: u16,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// IP identification.
    pub ip_id: Option<u16>,
    /// Whether it carried timestamps.
    pub timestamps: bool,
    /// Source MAC address.
    pub src_mac: Option<[u8; 6]>,
    /// Payload octets (some stacks explain themselves there).
    pub payload_len: u32,
    /// By the rules, what the receiver does with it.
    pub acceptability: Acceptability,
    /// Silence of the whole flow before it.
    pub silence: Span,
    /// What it answers, unless it came out of silence.
    pub trigger: Option<Trigger>,
    /// The sender it claims kept sending after it.
    pub sender_lives: bool,
    /// Its receiver kept sending after it as if nothing had happened.
    pub receiver_lives: bool,
    /// Its receiver answered with a challenge ACK.
    pub challenged: bool,
}

impl Reset {
    /// Whether the flow ended by this RST, as far as the capture shows: its receiver obeyed. The sender that it claims may
    /// go on, if it did not send it.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        self.acceptability != Acceptability::Outside && !self.challenged && !self.receiver_lives
    }

    /// RST without ACK whose acknowledgment field is not zero: the mark of a FULLNAT director on the path, whoever sent
    /// the RST (semantics of the LVS FULLNAT reset).
    #[must_use]
    pub fn has_fullnat_mark(&self) -> bool {
        !self.has_ack && self.ack_field != Seq(0)
    }
}

/// After the last segment before it, a RST is an answer when it comes within this time, or four round trips.
const ANSWER: Span = Span::from_millis(300);
/// Segments in flight when the RST was sent still arrive this long after it, or for two round trips.
const IN_FLIGHT: Span = Span::from_millis(100);
/// A sender's own segments this soon after its RST are reordering in the capture.
const REORDERING: Span = Span::from_millis(2);

/// Builds the evidence on a RST from the state of `flow` before it.
pub(crate) fn observe(flow: &Flow, direction: Direction, segment: &Segment<'_>, mark: Mark) -> Reset {
    let silence = mark.time.since(flow.last.time);
    Reset {
        mark,
        direction,
        seq: segment.seq,
        has_ack: segment.flags.has(Flags::ACK),
        ack_field: segment.ack,
        window: segment.window,
        hop_limit: segment.hop_limit,
        ip_id: segment.ip_id,
        timestamps: segment.options.timestamps.is_some(),
        src_mac: segment.link.src_mac,
        payload_len: segment.payload_len,
        acceptability: acceptability(flow, direction, segment),
        silence,
        trigger: trigger(flow, direction, segment, mark.time),
        sender_lives: false,
        receiver_lives: false,
        challenged: false,
    }
}

/// Takes a later segment of the flow into account: life after the RST.
pub(crate) fn observe_life(
    reset: &mut Reset,
    direction: Direction,
    kind: SegmentKind,
    time: Timestamp,
    rtt: Option<Span>,
) {
    if matches!(kind, SegmentKind::Rst | SegmentKind::DuplicateFrame) {
        return;
    }
    let since = time.since(reset.mark.time);
    // What the receiver ignores interrupts nothing: whatever follows is life.
    let ignored = reset.acceptability == Acceptability::Outside;
    if direction == reset.direction {
        // A stateless or forged RST does not stop the real sender; a SYN or SYN-ACK may be an old copy.
        let may_be_old = matches!(kind, SegmentKind::Syn | SegmentKind::SynAck) && !ignored;
        reset.sender_lives |= since > REORDERING && !may_be_old;
    } else if kind == SegmentKind::ChallengeAck {
        reset.challenged = true;
    } else {
        let in_flight = rtt.map_or(IN_FLIGHT, |rtt| rtt.times(2).max(IN_FLIGHT));
        reset.receiver_lives |= since > if ignored { REORDERING } else { in_flight };
    }
}

fn acceptability(flow: &Flow, direction: Direction, segment: &Segment<'_>) -> Acceptability {
    let (sender, receiver) = (flow.end(direction), flow.end(direction.reverse()));
    let in_syn_sent = receiver.isn.is_some() && receiver.snd_una.is_none() && sender.snd_nxt.is_none();
    if in_syn_sent {
        let acknowledges_syn = segment.acknowledged().is_some_and(|ack| receiver.snd_nxt == Some(ack));
        return if acknowledges_syn { Acceptability::Exact } else { Acceptability::Outside };
    }
    let (Some(una), nxt) = (sender.snd_una, sender.snd_nxt) else {
        return match sender.snd_nxt {
            Some(nxt) if nxt == segment.seq => Acceptability::Exact,
            _ => Acceptability::Unknown,
        };
    };
    // RCV.NXT is the last acknowledgment, or more where received octets are not acknowledged yet.
    let up_to = nxt.unwrap_or(una).max(una);
    if !segment.seq.before(una) && !segment.seq.after(up_to) {
        return Acceptability::Exact;
    }
    let distance = segment.seq.since(una);
    if distance > 0 && distance.unsigned_abs() < receiver.window_at_most() {
        Acceptability::InWindow
    } else {
        Acceptability::Outside
    }
}

fn trigger(flow: &Flow, direction: Direction, segment: &Segment<'_>, time: Timestamp) -> Option<Trigger> {
    let peer = flow.end(direction.reverse());
    let last = peer.last?;
    let wait = flow.rtt().map_or(ANSWER, |rtt| rtt.times(4).max(ANSWER));
    if time.since(last.time) > wait {
        return None;
    }
    // A RST is never answered by a RST (RFC 9293 3.10.7.1).
    let kind = flow.last_kind(direction.reverse()).filter(|kind| *kind != SegmentKind::Rst)?;
    Some(Trigger { mark: last, kind, seq_is_its_ack: peer.last_ack == Some(segment.seq) })
}
