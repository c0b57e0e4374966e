//! One direction of a flow, as an observer knows its sender.
//!
//! The names are those of RFC 9293 3.3.1, but every value is an estimate from outside: `None` means that the capture
//! has not shown it, and no number stands for "unset" (a sequence number may well be 0 after a wrap).

use crate::capture::LoneOctet;
use crate::flow::bounded::HopLimits;
use crate::flow::kind::SegmentKind;
use crate::flow::mark::{FrameId, Mark};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};
use crate::wire::{Flags, LinkInfo, Segment};

/// The kind of the last sequence unit that an endpoint sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// SYN.
    Syn,
    /// Payload.
    Data,
    /// FIN.
    Fin,
}

/// A stretch of sequence space that was passed over when it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// First missing number.
    pub start: Seq,
    /// The number after the last missing one.
    pub end: Seq,
    /// When the capture passed over it.
    pub since: Timestamp,
}

/// Sequence accounting of one direction: segments and octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments, duplicate frames not counted.
    pub packets: u64,
    /// New payload octets.
    pub payload_bytes: u64,
    /// Retransmitted segments, spurious ones and SYN and FIN included.
    pub retransmissions: u32,
    /// Retransmitted segments whose every octet was acknowledged before.
    pub spurious: u32,
    /// Segments that filled a hole late.
    pub out_of_order: u32,
    /// Octets missing from the capture when a later segment came.
    pub missing_bytes: u64,
    /// Octets that came below what was seen before: again, or late into a hole.
    pub repeated_bytes: u64,
    /// Octets acknowledged by the other end that the capture never showed.
    pub unseen_bytes: u64,
    /// Frames captured more than once.
    pub duplicates: u32,
    /// Zero-window probes.
    pub zero_window_probes: u32,
}

impl Counters {
    /// Whether the capture surely lacks octets of the direction: acknowledged but never seen, or passed over and more
    /// than what came again or late.
    #[must_use]
    pub const fn lacks_octets(&self) -> bool {
        self.unseen_bytes > 0 || self.missing_bytes > self.repeated_bytes
    }
}

/// What identifies a sender's stack and path: collected before any RST, weighed after one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Hop limits seen, most recent replaced last.
    pub(super) hop_limits: [u8; 4],
    /// How often each of them was; 0 means that the place is unused.
    pub(super) hop_counts: [u16; 4],
    /// Hop limits of segments with payload, probes not counted: these come from the far end.
    pub data_hop_limits: HopLimits,
    /// IP identification of the last segment.
    pub last_ip_id: Option<u16>,
    /// Segments whose identification was 0.
    pub ip_id_zero: u16,
    /// Segments whose identification followed the one before by 1 to 64.
    pub ip_id_step: u16,
    /// Segments whose identification did neither.
    pub ip_id_jump: u16,
    /// Source MAC address of the last segment.
    pub src_mac: Option<[u8; 6]>,
    /// Segments with the timestamps option.
    pub timestamps: u32,
}

impl Baseline {
    /// Counts `segment` in.
    #[inline(always)]
    pub(crate) fn record(&mut self, segment: &Segment<'_>) {
        self.record_hop_limit(segment.hop_limit);
        if let Some(id) = segment.ip_id {
            self.record_ip_id(id);
        }
        if let LinkInfo { src_mac: Some(mac), .. } = segment.link {
            self.src_mac = Some(mac);
        }
        self.timestamps = self.timestamps.saturating_add(u32::from(segment.options.timestamps.is_some()));
    }

    /// Up to four hop limits seen, each with how often.
    pub fn hop_limits(&self) -> impl Iterator<Item = (u8, u16)> {
        self.hop_limits.into_iter().zip(self.hop_counts).filter(|(_, count)| *count > 0)
    }

    /// Whether `hop_limit` was seen before.
    #[must_use]
    pub fn knows_hop_limit(&self, hop_limit: u8) -> bool {
        self.hop_limits().any(|(value, _)| value == hop_limit)
    }

    /// Smallest distance in hops from `hop_limit` to one seen before; `None` if there is none to compare with.
    #[must_use]
    pub fn hop_distance(&self, hop_limit: u8) -> Option<u8> {
        self.hop_limits().map(|(value, _)| value.abs_diff(hop_limit)).min()
    }

    /// Whether a hop limit has come down over as many routers as one seen before, if both began at a default of some kernel:
    /// another host of the same farm, or another part of the same host, may start elsewhere.
    #[must_use]
    pub fn is_as_many_routers_away(&self, hop_limit: u8) -> bool {
        let routers = |hop_limit: u8| [64, 128, u8::MAX].into_iter().find_map(|default| default.checked_sub(hop_limit));
        self.hop_limits().any(|(value, _)| routers(value) == routers(hop_limit))
    }

    #[inline(always)]
    fn record_hop_limit(&mut self, hop_limit: u8) {
        if let ([value, ..], [count, ..]) = (self.hop_limits, &mut self.hop_counts)
            && value == hop_limit
            && *count > 0
        {
            *count = count.saturating_add(1);
        } else {
            self.record_other_hop_limit(hop_limit);
        }
    }

    fn record_other_hop_limit(&mut self, hop_limit: u8) {
        let mut places = self.hop_limits.iter().zip(&self.hop_counts);
        // Places are used in their order: the first that is free lies behind all that are not. More than four values mean
        // a path that changes all the time: the last place takes turns.
        let place = places.position(|(value, count)| *value == hop_limit || *count == 0);
        let place = place.unwrap_or(self.hop_limits.len() - 1);
        if let (Some(value), Some(count)) = (self.hop_limits.get_mut(place), self.hop_counts.get_mut(place)) {
            *count = if *value == hop_limit { count.saturating_add(1) } else { 1 };
            *value = hop_limit;
        }
    }

    #[inline(always)]
    fn record_ip_id(&mut self, id: u16) {
        let count = match self.last_ip_id {
            _ if id == 0 => &mut self.ip_id_zero,
            Some(last) if (1..=64).contains(&id.wrapping_sub(last)) => &mut self.ip_id_step,
            Some(_) => &mut self.ip_id_jump,
            None => {
                self.last_ip_id = Some(id);
                return;
            }
        };
        *count = count.saturating_add(1);
        self.last_ip_id = Some(id);
    }
}

/// The longest time between two consecutive segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// How long.
    pub length: Span,
    /// The segment before it.
    pub start: FrameId,
    /// The segment that ended it.
    pub end: FrameId,
}

/// What is known of one end from the segments it sent and from the answers to them.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// Initial sequence number, from a SYN.
    pub isn: Option<Seq>,
    /// What Wireshark takes for the initial sequence number: it decides where Wireshark starts another stream.
    pub base: Option<Seq>,
    /// SND.NXT: the highest sequence end seen, acknowledged-but-unseen octets included.
    pub snd_nxt: Option<Seq>,
    /// SND.UNA: the highest acknowledgment that the other end sent.
    pub snd_una: Option<Seq>,
    /// Kind of the last sequence unit below `snd_nxt`.
    pub top: Option<Unit>,
    /// Sequence number after this end's FIN.
    pub fin_end: Option<Seq>,
    /// When it sent its first FIN.
    pub fin_time: Option<Timestamp>,
    /// Last acknowledgment number sent.
    pub last_ack: Option<Seq>,
    /// Last window advertised, unscaled.
    pub window: Option<u16>,
    /// Window scale shift offered on the SYN, at most 14 (RFC 7323 2.3).
    pub window_scale: Option<u8>,
    /// The last payload octet, to tell a repeated octet from a garbage one.
    pub(super) last_octet: Option<u8>,
    /// Its number.
    pub(super) last_octet_at: Seq,
    /// TSval and TSecr of the last segment that carried them.
    pub timestamps: Option<(u32, u32)>,
    /// The last segment of this end.
    pub last: Option<Mark>,
    /// When this end last sent or repeated payload.
    pub last_payload: Option<Timestamp>,
    /// When it did so before that.
    pub(super) payload_before: Option<Timestamp>,
    /// Duplicate ACKs in a row sent by this end.
    pub dup_acks: u16,
    /// When the segment was sent whose acknowledgment is being timed.
    pub(super) timed_at: Option<Timestamp>,
    /// Its end.
    pub(super) timed_end: Seq,
    /// Least time that the other end took to acknowledge, as seen at the capture point.
    pub ack_delay: Option<Span>,
    /// Segments, duplicate frames not counted.
    pub packets: u64,
    /// New payload octets.
    pub payload_bytes: u64,
    /// Stack and path.
    pub baseline: Baseline,
    /// Longest silence of this direction.
    pub silence: Silence,
    pub(super) rare: Option<Box<Rare>>,
}

/// What ends have that lost, repeated or were asked again: most have none of it, and no packet of theirs looks here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// The last hole in this end's sequence space.
    pub hole: Option<Hole>,
    /// When the last duplicate ACK of this end came.
    pub last_dup_ack: Option<Timestamp>,
    /// When a SYN or RST of the other end came that deserves a challenge ACK.
    pub challenged: Option<Timestamp>,
    /// The counters beside those of segments and payload, which stay 0 here.
    pub counters: Counters,
}

impl Endpoint {
    /// What few ends have, if this one has any of it.
    #[must_use]
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// The same, to be changed.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The time between the last payload and what was sent or repeated before it: spacing of a retransmission series.
    #[must_use]
    pub fn payload_spacing(&self) -> Option<Span> {
        Some(self.last_payload?.since(self.payload_before?))
    }

    /// Sequence accounting.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let few = self.rare().map_or_else(Counters::default, |rare| rare.counters);
        Counters { packets: self.packets, payload_bytes: self.payload_bytes, ..few }
    }

    /// The counters beside those of segments and payload.
    pub(super) fn counters_mut(&mut self) -> &mut Counters {
        &mut self.rare_mut().counters
    }

    /// When a SYN or RST of the other end came that deserves a challenge ACK and has none yet.
    #[must_use]
    pub fn challenged(&self) -> Option<Timestamp> {
        self.rare()?.challenged
    }

    /// The last payload octet and its number, if it was captured.
    #[must_use]
    pub fn last_octet(&self) -> Option<(Seq, u8)> {
        self.last_octet.map(|octet| (self.last_octet_at, octet))
    }

    /// Keeps the last payload octet, `None` if it was not captured.
    pub(super) fn set_last_octet(&mut self, last: Option<(Seq, u8)>) {
        self.last_octet = last.map(|(_, octet)| octet);
        self.last_octet_at = last.map_or(Seq(0), |(seq, _)| seq);
    }

    /// The segment whose acknowledgment is being timed: its end and when it was sent.
    #[must_use]
    pub fn timed(&self) -> Option<(Seq, Timestamp)> {
        self.timed_at.map(|sent| (self.timed_end, sent))
    }

    /// Times the acknowledgment of another segment, or of none.
    pub(super) fn set_timed(&mut self, timed: Option<(Seq, Timestamp)>) {
        self.timed_at = timed.map(|(_, sent)| sent);
        self.timed_end = timed.map_or(Seq(0), |(end, _)| end);
    }

    /// Whether nothing of this end is unacknowledged, as far as is known.
    #[must_use]
    pub fn nothing_in_flight(&self) -> bool {
        match (self.snd_nxt, self.snd_una) {
            (Some(nxt), Some(una)) => !nxt.after(una),
            _ => true,
        }
    }

    /// Whether this end's data is known to be unacknowledged.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        matches!((self.snd_nxt, self.snd_una), (Some(nxt), Some(una)) if nxt.after(una))
    }

    /// Whether the last window that this end advertised was zero (zero under any scale).
    #[must_use]
    pub fn window_closed(&self) -> bool {
        self.window == Some(0)
    }

    /// The most that this end's window can be, in octets; the scale counts as 14 where it was not captured.
    #[must_use]
    pub fn window_at_most(&self) -> u32 {
        const LARGEST_SHIFT: u8 = 14;
        u32::from(self.window.unwrap_or(u16::MAX)) << self.window_scale.unwrap_or(LARGEST_SHIFT).min(LARGEST_SHIFT)
    }

    /// How the only octet of `segment` compares with the last one that this end sent, if that stood in the same place. A zero
    /// that was there before tells nothing: it is what probes carry, and equal by chance too often.
    #[must_use]
    #[inline]
    pub fn lone_octet(&self, segment: &Segment<'_>) -> Option<LoneOctet> {
        if segment.payload_len != 1 {
            return None;
        }
        let [octet] = segment.payload else { return segment.told?.octet };
        let (_, last) = self.last_octet().filter(|(seq, _)| *seq == segment.seq)?;
        match (*octet == last, last) {
            (false, _) => Some(LoneOctet::Differs),
            (true, 0) => None,
            (true, _) => Some(LoneOctet::Repeated),
        }
    }

    /// Takes the acknowledgment `ack` of the other end at `time`; returns how many octets it covers unseen.
    #[inline(always)]
    pub(crate) fn acknowledge(&mut self, ack: Seq, time: Timestamp) -> u32 {
        if self.snd_una.is_some_and(|una| !ack.after(una)) {
            return 0;
        }
        self.snd_una = Some(ack);
        if let Some(sent) = self.timed_at
            && !ack.before(self.timed_end)
        {
            let delay = time.since(sent);
            if delay >= Span::ZERO {
                self.ack_delay = Some(self.ack_delay.map_or(delay, |least| least.min(delay)));
            }
            self.set_timed(None);
        }
        let Some(nxt) = self.snd_nxt else {
            self.snd_nxt = Some(ack);
            return 0;
        };
        if !ack.after(nxt) {
            return 0;
        }
        self.snd_nxt = Some(ack);
        self.top = Some(Unit::Data);
        self.rare_mut().hole = Some(Hole { start: nxt, end: ack, since: time });
        ack.since(nxt).unsigned_abs()
    }

    /// Takes the payload of `segment`, `new` octets of which were not sent before.
    #[inline(always)]
    pub(super) fn take_payload(&mut self, segment: &Segment<'_>, new: u32, time: Timestamp) {
        self.payload_bytes += u64::from(new);
        self.payload_before = self.last_payload.replace(time);
        let last = segment.seq.plus(segment.payload_len).minus(1);
        if self.last_octet().is_none_or(|(seq, _)| !last.before(seq)) {
            let captured_whole = segment.payload.len() == segment.payload_len as usize;
            self.set_last_octet(segment.payload.last().filter(|_| captured_whole).map(|&octet| (last, octet)));
        }
    }

    /// What a segment of this end leaves behind; of one that this end may not have sent (a RST) no more than that it was.
    #[inline(always)]
    pub(super) fn leave_traces(&mut self, segment: &Segment<'_>, mark: Mark, kind: SegmentKind) {
        self.packets += 1;
        if let Some(previous) = self.last.replace(mark)
            && mark.time.is_beyond(previous.time, self.silence.length)
        {
            let length = mark.time.since(previous.time);
            self.silence = Silence { length, start: previous.frame, end: mark.frame };
        }
        if kind != SegmentKind::Rst {
            self.baseline.record(segment);
            self.note_acks(segment, mark, kind);
        }
    }

    /// Keeps what later segments of the same end are compared with.
    #[inline(always)]
    fn note_acks(&mut self, segment: &Segment<'_>, mark: Mark, kind: SegmentKind) {
        if kind == SegmentKind::DupAck {
            self.dup_acks = self.dup_acks.saturating_add(1);
            self.rare_mut().last_dup_ack = Some(mark.time);
        } else if segment.acknowledged().is_some_and(|ack| self.last_ack != Some(ack)) {
            self.dup_acks = 0;
        }
        if kind == SegmentKind::ChallengeAck {
            if self.challenged().is_some() {
                self.rare_mut().challenged = None;
            }
        } else {
            self.last_ack = segment.acknowledged().or(self.last_ack);
            self.window = Some(segment.window);
        }
        self.timestamps = segment.options.timestamps.or(self.timestamps);
    }

    /// Moves SND.NXT over `segment` and keeps what later segments are compared with.
    pub(crate) fn advance(&mut self, segment: &Segment<'_>, time: Timestamp) {
        let end = segment.end();
        let Some(nxt) = self.snd_nxt else {
            self.snd_nxt = Some(end);
            self.top = unit(segment);
            return;
        };
        if segment.seq.before(nxt) {
            let below = nxt.since(segment.seq).unsigned_abs();
            let repeated = u64::from(below.min(segment.payload_len));
            if repeated > 0 {
                self.counters_mut().repeated_bytes += repeated;
            }
        }
        if segment.seq.after(nxt) {
            let rare = self.rare_mut();
            rare.hole = Some(Hole { start: nxt, end: segment.seq, since: time });
            rare.counters.missing_bytes += u64::from(segment.seq.since(nxt).unsigned_abs());
        }
        if end.after(nxt) {
            self.snd_nxt = Some(end);
            self.top = unit(segment).or(self.top);
        }
    }
}

/// The kind of the last sequence unit of `segment`.
fn unit(segment: &Segment<'_>) -> Option<Unit> {
    if segment.flags.has(Flags::FIN) {
        Some(Unit::Fin)
    } else if segment.payload_len > 0 {
        Some(Unit::Data)
    } else {
        segment.flags.has(Flags::SYN).then_some(Unit::Syn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgment_beyond_what_was_seen_moves_snd_nxt() {
        let mut end = Endpoint { snd_nxt: Some(Seq(u32::MAX)), ..Endpoint::default() };
        assert_eq!(end.acknowledge(Seq(4), Timestamp::from_nanos(0)), 5);
        assert_eq!((end.snd_nxt, end.snd_una), (Some(Seq(4)), Some(Seq(4))));
        assert_eq!(end.acknowledge(Seq(2), Timestamp::from_nanos(1)), 0, "an old acknowledgment changes nothing");
        assert_eq!(end.snd_una, Some(Seq(4)));
    }

    #[test]
    fn octets_that_came_late_are_counted_against_the_missing_ones() {
        let counters = Counters { missing_bytes: 100, ..Counters::default() };
        assert!(counters.lacks_octets());
        assert!(!Counters { repeated_bytes: 100, ..counters }.lacks_octets(), "the hole was filled");
        assert!(Counters { unseen_bytes: 1, ..Counters::default() }.lacks_octets());
        assert!(!Counters::default().lacks_octets());
    }

    #[test]
    fn hop_limits_are_a_set() {
        let mut baseline = Baseline::default();
        for hop_limit in [64, 64, 63, 64] {
            baseline.record_hop_limit(hop_limit);
        }
        assert!(baseline.knows_hop_limit(63) && !baseline.knows_hop_limit(62));
        assert_eq!(baseline.hop_distance(60), Some(3));
        // 63 is one router below 64, as 127 and 254 are below the other defaults; 64 is none below, as 255 is.
        assert!([127, 254, 255].into_iter().all(|hop_limit| baseline.is_as_many_routers_away(hop_limit)));
        assert!([126, 253, 60].into_iter().all(|hop_limit| !baseline.is_as_many_routers_away(hop_limit)));
        assert_eq!(Baseline::default().hop_distance(60), None);
    }

    #[test]
    fn ip_identification_is_told_apart() {
        let mut baseline = Baseline::default();
        for id in [7, 8, 9, 0, 1, 40_000] {
            baseline.record_ip_id(id);
        }
        assert_eq!((baseline.ip_id_step, baseline.ip_id_zero, baseline.ip_id_jump), (3, 1, 1));
    }
}
