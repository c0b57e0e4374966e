//! What flows, ends and RSTs are made of, field by field. Every field is named here, so that a new one cannot be forgotten.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::coder::{Coder, Flags};
use crate::flow::endpoint::{Baseline, Counters, Endpoint, Hole, Rare, Silence, Unit};
use crate::flow::mark::Mark;
use crate::flow::resets::{Acceptability, Reset, Trigger};
use crate::flow::{Direction, Extras, Flow, FlowKey, SegmentKind, Socket, Turn};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// What a packed flow begins with: not by way of what was passed before, so that it can be read by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    pub(super) key: FlowKey,
    pub(super) initiator_is_low: bool,
    pub(super) by_handshake: bool,
    /// Whether the clock of the capture counts microseconds, as far as the flow shows.
    pub(super) in_micros: bool,
    /// The digest that somebody made of the flow, 0 if nobody did.
    pub(super) digest: u8,
}

/// Where the octet of the digest stands.
pub(super) const DIGEST_AT: usize = 1;

impl Front {
    /// To be read.
    pub(super) const fn blank() -> Self {
        Self { key: FlowKey::blank(), initiator_is_low: false, by_handshake: false, in_micros: false, digest: 0 }
    }

    pub(super) fn pass(&mut self, coder: &mut impl Coder) {
        let (mut low, mut high) = (self.key.low(), self.key.high());
        let (is_v6, other_is_v6) = (!low.ip.is_ipv4(), !high.ip.is_ipv4());
        let flags = [is_v6, other_is_v6, self.initiator_is_low, self.by_handshake, self.in_micros];
        let mut octet = flags.iter().rev().fold(0, |octet, flag| octet << 1 | u8::from(*flag));
        coder.octet(&mut octet);
        coder.octet(&mut self.digest);
        socket(coder, &mut low, octet & 1 == 1);
        socket(coder, &mut high, octet & 2 == 2);
        (self.initiator_is_low, self.by_handshake) = (octet & 4 == 4, octet & 8 == 8);
        self.in_micros = octet & 16 == 16;
        self.key = FlowKey::new(low, high).0;
        coder.context().in_micros = self.in_micros;
    }
}

fn socket(coder: &mut impl Coder, socket: &mut Socket, is_v6: bool) {
    if is_v6 {
        let mut octets = if let IpAddr::V6(ip) = socket.ip { ip.octets() } else { [0; 16] };
        coder.octets(&mut octets);
        socket.ip = Ipv6Addr::from(octets).into();
    } else {
        let mut octets = if let IpAddr::V4(ip) = socket.ip { ip.octets() } else { [0; 4] };
        coder.octets(&mut octets);
        socket.ip = Ipv4Addr::from(octets).into();
    }
    coder.half_word(&mut socket.port);
}

/// The first and the last segment, and the initial numbers of either side as SYNs gave them and as Wireshark takes them:
/// this much is of interest by itself.
pub(super) type Beginning<'a> = ([&'a mut Mark; 2], [[&'a mut Option<Seq>; 2]; 2]);

/// Passes that, and the flags of what follows it: the first of those are its own.
pub(super) fn beginning(coder: &mut impl Coder, mut flags: Flags, beginning: Beginning<'_>) -> Flags {
    let ([first, last], numbers) = beginning;
    flags = flags.pass(coder);
    coder.mark(first);
    coder.mark(last);
    for (side, numbers) in numbers.into_iter().enumerate() {
        for number in numbers {
            coder.option(flags.is_so(), number, |coder, number| coder.seq(number, side));
        }
    }
    flags
}

/// Everything but what the front has and what stands aside.
pub(super) fn flow(coder: &mut impl Coder, flow: &mut Flow) {
    let Flow {
        key: _,
        initiator_is_low: _,
        orientation: _,
        stream,
        first,
        last,
        last_payload,
        turn,
        ends: [client, server],
        last_kinds,
        heard,
        probes: _,
        gaps: _,
        extras,
        heads: _,
        initiator_spoke,
        is_settled,
        in_question: [packet_asked, payload_asked],
    } = flow;
    let mut flags = Flags::default();
    [client.isn, client.base, server.isn, server.base].iter().for_each(|number| flags.note_if(number.is_some()));
    flags.note_if(stream.is_some());
    heard.iter().for_each(|mark| flags.note_if(mark.is_some()));
    last_kinds.iter().for_each(|kind| flags.note(kind_code(*kind), KIND_BITS));
    flags.note_if(extras.is_some());
    flags.note_if(*initiator_spoke);
    flags.note_if(last_payload.is_some());
    flags.note_if(turn.is_some());
    [*is_settled, *packet_asked, *payload_asked].into_iter().for_each(|flag| flags.note_if(flag));
    let numbers = [[&mut client.isn, &mut client.base], [&mut server.isn, &mut server.base]];
    let mut flags = beginning(coder, flags, ([first, last], numbers));
    coder.option(flags.is_so(), stream, Coder::small);
    heard.iter_mut().for_each(|mark| coder.option(flags.is_so(), mark, Coder::mark));
    last_kinds.iter_mut().for_each(|kind| *kind = kind_of(flags.take(KIND_BITS)));
    let has_extras = flags.is_so();
    *initiator_spoke = flags.is_so();
    coder.option(flags.is_so(), last_payload, Coder::mark);
    turn_of(coder, turn, flags.is_so());
    [is_settled, packet_asked, payload_asked].into_iter().for_each(|flag| *flag = flags.is_so());
    end(coder, client, 0);
    end(coder, server, 1);
    let macs = [client.baseline.src_mac, server.baseline.src_mac];
    coder.option(has_extras, extras, |coder, extras| few_extras(coder, extras, macs));
}

fn turn_of(coder: &mut impl Coder, turn: &mut Option<Turn>, is_some: bool) {
    if !is_some {
        *turn = None;
        return;
    }
    let blank = Turn { direction: Direction::FromInitiator, start: Mark::default(), last: Mark::default(), octets: 0 };
    let Turn { direction, start, last, octets } = turn.get_or_insert(blank);
    let mut code = direction_code(*direction);
    coder.nibble(&mut code);
    *direction = direction_of(code);
    coder.mark(start);
    coder.mark(last);
    coder.number(octets);
}

const fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::FromInitiator => 0,
        Direction::FromResponder => 1,
    }
}

const fn direction_of(code: u8) -> Direction {
    if code == 0 { Direction::FromInitiator } else { Direction::FromResponder }
}

const KIND_BITS: u32 = 5;

/// 0 for none, else one more than the place among all kinds.
const fn kind_code(kind: Option<SegmentKind>) -> u8 {
    match kind {
        None => 0,
        Some(kind) => kind as u8 + 1,
    }
}

fn kind_of(code: u8) -> Option<SegmentKind> {
    usize::from(code).checked_sub(1).and_then(|place| SegmentKind::ALL.get(place)).copied()
}

/// The end on `side`: 0 for the initiator, 1 for the responder. Its acknowledgments are numbers of the other side.
fn end(coder: &mut impl Coder, end: &mut Endpoint, side: usize) {
    let mut flags = end_flags(end).pass(coder);
    let Endpoint {
        isn: _,
        base: _,
        snd_nxt,
        snd_una,
        top,
        fin_end,
        fin_time,
        last_ack,
        window,
        window_scale,
        last_octet,
        last_octet_at,
        timestamps,
        last,
        last_payload,
        payload_before,
        dup_acks,
        timed_at,
        timed_end,
        ack_delay,
        packets,
        payload_bytes,
        baseline,
        silence,
        rare,
    } = end;
    coder.option(flags.is_so(), last, Coder::mark);
    for number in [snd_nxt, snd_una] {
        coder.option(flags.is_so(), number, |coder, number| coder.seq(number, side));
    }
    coder.option(flags.is_so(), last_ack, |coder, number| coder.seq(number, 1 - side));
    coder.option(flags.is_so(), window, Coder::half_word);
    *top = top_of(flags.take(2));
    coder.small(packets);
    baseline_of(coder, baseline, &mut flags);
    coder.option(flags.is_so(), ack_delay, Coder::span);
    silence_of(coder, silence, flags.is_so());
    coder.option(flags.is_so(), timed_at, |coder, time| {
        coder.seq(timed_end, side);
        coder.time(time);
    });
    coder.option(flags.is_so(), window_scale, Coder::octet);
    coder.option(flags.is_so(), timestamps, timestamps_of);
    coder.count(flags.is_so(), payload_bytes);
    coder.option(flags.is_so(), last_octet, |coder, octet| {
        coder.seq(last_octet_at, side);
        coder.octet(octet);
    });
    for time in [last_payload, fin_time] {
        coder.option(flags.is_so(), time, Coder::time);
    }
    coder.option(flags.is_so(), fin_end, |coder, number| coder.seq(number, side));
    coder.option(flags.is_so(), payload_before, Coder::time);
    coder.count(flags.is_so(), dup_acks);
    coder.option(flags.is_so(), rare, |coder, rare| rare_of(coder, rare, side));
}

/// What an end has, in the order in which it is passed.
fn end_flags(end: &Endpoint) -> Flags {
    let mut flags = Flags::default();
    flags.note_if(end.last.is_some());
    [end.snd_nxt, end.snd_una, end.last_ack].iter().for_each(|number| flags.note_if(number.is_some()));
    flags.note_if(end.window.is_some());
    flags.note(top_code(end.top), 2);
    baseline_flags(&end.baseline, &mut flags);
    flags.note_if(end.ack_delay.is_some());
    flags.note_if(end.silence.length > Span::ZERO);
    flags.note_if(end.timed_at.is_some());
    flags.note_if(end.window_scale.is_some());
    flags.note_if(end.timestamps.is_some());
    flags.note_if(end.payload_bytes > 0);
    flags.note_if(end.last_octet.is_some());
    [end.last_payload, end.fin_time].iter().for_each(|time| flags.note_if(time.is_some()));
    flags.note_if(end.fin_end.is_some());
    flags.note_if(end.payload_before.is_some());
    flags.note_if(end.dup_acks > 0);
    flags.note_if(end.rare.is_some());
    flags
}

fn rare_of(coder: &mut impl Coder, rare: &mut Rare, side: usize) {
    let Rare { hole, last_dup_ack, challenged, counters } = rare;
    let mut flags = Flags::default();
    flags.note_if(hole.is_some());
    [*last_dup_ack, *challenged].iter().for_each(|time| flags.note_if(time.is_some()));
    counters_flags(counters, &mut flags);
    let mut flags = flags.pass(coder);
    hole_of(coder, hole, side, flags.is_so());
    for time in [last_dup_ack, challenged] {
        coder.option(flags.is_so(), time, Coder::time);
    }
    counters_of(coder, counters, &mut flags);
}

/// A value and the echo beside it, which is rarely far from it.
fn timestamps_of(coder: &mut impl Coder, (value, echo): &mut (u32, u32)) {
    coder.word(value);
    let mut distance = i64::from(echo.wrapping_sub(*value).cast_signed());
    coder.signed(&mut distance);
    #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
    let distance = distance as u32;
    *echo = value.wrapping_add(distance);
}

const fn top_code(top: Option<Unit>) -> u8 {
    match top {
        None => 0,
        Some(Unit::Syn) => 1,
        Some(Unit::Data) => 2,
        Some(Unit::Fin) => 3,
    }
}

const fn top_of(code: u8) -> Option<Unit> {
    match code {
        0 => None,
        1 => Some(Unit::Syn),
        2 => Some(Unit::Data),
        _ => Some(Unit::Fin),
    }
}

fn hole_of(coder: &mut impl Coder, hole: &mut Option<Hole>, side: usize, is_some: bool) {
    if !is_some {
        *hole = None;
        return;
    }
    let blank = Hole { start: Seq(0), end: Seq(0), since: Timestamp::default() };
    let Hole { start, end, since } = hole.get_or_insert(blank);
    coder.seq(start, side);
    coder.seq(end, side);
    coder.time(since);
}

fn counters_flags(counters: &Counters, flags: &mut Flags) {
    let Counters { retransmissions, spurious, out_of_order, duplicates, zero_window_probes, .. } = *counters;
    for count in [retransmissions, spurious, out_of_order, duplicates, zero_window_probes] {
        flags.note_if(count > 0);
    }
    for count in [counters.missing_bytes, counters.repeated_bytes, counters.unseen_bytes] {
        flags.note_if(count > 0);
    }
}

fn counters_of(coder: &mut impl Coder, counters: &mut Counters, flags: &mut Flags) {
    let Counters {
        packets: _,
        payload_bytes: _,
        retransmissions,
        spurious,
        out_of_order,
        missing_bytes,
        repeated_bytes,
        unseen_bytes,
        duplicates,
        zero_window_probes,
    } = counters;
    for count in [retransmissions, spurious, out_of_order, duplicates, zero_window_probes] {
        coder.count(flags.is_so(), count);
    }
    for count in [missing_bytes, repeated_bytes, unseen_bytes] {
        coder.count(flags.is_so(), count);
    }
}

/// How many different hop limits there are takes so many bits.
const HOPS_BITS: u32 = 3;

fn baseline_flags(baseline: &Baseline, flags: &mut Flags) {
    let hops = baseline.hop_counts.iter().take_while(|count| **count > 0).count();
    let of_data = baseline.data_hop_limits.octets().iter().take_while(|limit| **limit > 0).count();
    flags.note(u8::try_from(hops).unwrap_or(0), HOPS_BITS);
    flags.note_if(baseline.src_mac.is_some());
    flags.note_if(baseline.last_ip_id.is_some());
    for count in [baseline.ip_id_step, baseline.ip_id_jump, baseline.ip_id_zero] {
        flags.note_if(count > 0);
    }
    flags.note_if(baseline.timestamps > 0);
    flags.note(u8::try_from(of_data).unwrap_or(0), HOPS_BITS);
}

fn baseline_of(coder: &mut impl Coder, baseline: &mut Baseline, flags: &mut Flags) {
    let Baseline {
        hop_limits,
        hop_counts,
        data_hop_limits,
        last_ip_id,
        ip_id_zero,
        ip_id_step,
        ip_id_jump,
        src_mac,
        timestamps,
    } = baseline;
    let hops = usize::from(flags.take(HOPS_BITS));
    for (hop_limit, count) in hop_limits.iter_mut().zip(hop_counts).take(hops) {
        coder.small(count);
        coder.octet(hop_limit);
    }
    coder.option(flags.is_so(), src_mac, Coder::octets);
    coder.option(flags.is_so(), last_ip_id, Coder::half_word);
    for count in [ip_id_step, ip_id_jump, ip_id_zero] {
        coder.count(flags.is_so(), count);
    }
    coder.count(flags.is_so(), timestamps);
    let mut limits = data_hop_limits.octets();
    limits.iter_mut().take(usize::from(flags.take(HOPS_BITS))).for_each(|limit| coder.octet(limit));
    *data_hop_limits = limits.into();
}

fn silence_of(coder: &mut impl Coder, silence: &mut Silence, is_some: bool) {
    let Silence { length, start, end } = silence;
    if is_some {
        coder.span(length);
        coder.frame(start);
        coder.frame(end);
    }
}

/// Extras without tunnel, real client and ICMP errors.
fn few_extras(coder: &mut impl Coder, extras: &mut Box<Extras>, macs: [Option<[u8; 6]>; 2]) {
    let Extras { tunnel: _, real_client: _, icmp: _, resets, clock_steps, replayed } = extras.as_mut();
    let known = u8::try_from(resets.total()).unwrap_or(u8::MAX);
    let mut flags = Flags::default();
    flags.note(known, 2);
    flags.note_if(*replayed);
    flags.note_if(*clock_steps > 0);
    let mut flags = flags.pass(coder);
    let count = flags.take(2);
    *replayed = flags.is_so();
    coder.count(flags.is_so(), clock_steps);
    (known..count).for_each(|_| resets.push(blank_reset()));
    resets.iter_mut().for_each(|reset| reset_of(coder, reset, macs));
}

fn blank_reset() -> Reset {
    Reset {
        mark: Mark::default(),
        direction: Direction::FromInitiator,
        seq: Seq(0),
        has_ack: false,
        ack_field: Seq(0),
        window: 0,
        hop_limit: 0,
        ip_id: None,
        timestamps: false,
        src_mac: None,
        payload_len: 0,
        acceptability: Acceptability::Unknown,
        silence: Span::ZERO,
        trigger: None,
        sender_lives: false,
        receiver_lives: false,
        challenged: false,
    }
}

/// A RST; the ends sent from `macs`, one of which it most often comes from as well.
fn reset_of(coder: &mut impl Coder, reset: &mut Reset, macs: [Option<[u8; 6]>; 2]) {
    let mut flags = reset_flags(reset, macs).pass(coder);
    let Reset {
        mark,
        direction,
        seq,
        has_ack,
        ack_field,
        window,
        hop_limit,
        ip_id,
        timestamps,
        src_mac,
        payload_len,
        acceptability,
        silence,
        trigger,
        sender_lives,
        receiver_lives,
        challenged,
    } = reset;
    *direction = direction_of(flags.take(1));
    let side = usize::from(direction_code(*direction));
    coder.mark(mark);
    coder.seq(seq, side);
    coder.octet(hop_limit);
    coder.span(silence);
    let kind = kind_of(flags.take(KIND_BITS));
    *acceptability = acceptability_of(flags.take(2));
    trigger_of(coder, trigger, kind, flags.is_so());
    coder.option(flags.is_so(), ip_id, Coder::half_word);
    match (flags.is_so(), flags.is_so()) {
        (true, _) => *src_mac = macs.get(side).copied().flatten(),
        (false, is_some) => coder.option(is_some, src_mac, Coder::octets),
    }
    for flag in [has_ack, timestamps, sender_lives, receiver_lives, challenged] {
        *flag = flags.is_so();
    }
    if flags.is_so() {
        coder.seq(ack_field, 1 - side);
    }
    if flags.is_so() {
        coder.half_word(window);
    }
    coder.count(flags.is_so(), payload_len);
}

/// What a RST has, in the order in which it is passed.
fn reset_flags(reset: &Reset, macs: [Option<[u8; 6]>; 2]) -> Flags {
    let direction = direction_code(reset.direction);
    let usual = macs.get(usize::from(direction)).copied().flatten();
    let mut flags = Flags::default();
    flags.note(direction, 1);
    flags.note(kind_code(reset.trigger.map(|trigger| trigger.kind)), KIND_BITS);
    flags.note(acceptability_code(reset.acceptability), 2);
    flags.note_if(reset.trigger.is_some_and(|trigger| trigger.seq_is_its_ack));
    flags.note_if(reset.ip_id.is_some());
    flags.note_if(reset.src_mac == usual);
    flags.note_if(reset.src_mac.is_some());
    for flag in [reset.has_ack, reset.timestamps, reset.sender_lives, reset.receiver_lives, reset.challenged] {
        flags.note_if(flag);
    }
    flags.note_if(reset.ack_field != Seq(0));
    flags.note_if(reset.window > 0);
    flags.note_if(reset.payload_len > 0);
    flags
}

const fn acceptability_code(acceptability: Acceptability) -> u8 {
    match acceptability {
        Acceptability::Exact => 0,
        Acceptability::InWindow => 1,
        Acceptability::Outside => 2,
        Acceptability::Unknown => 3,
    }
}

const fn acceptability_of(code: u8) -> Acceptability {
    match code {
        0 => Acceptability::Exact,
        1 => Acceptability::InWindow,
        2 => Acceptability::Outside,
        _ => Acceptability::Unknown,
    }
}

fn trigger_of(coder: &mut impl Coder, trigger: &mut Option<Trigger>, kind: Option<SegmentKind>, is_its_ack: bool) {
    let Some(kind) = kind else {
        *trigger = None;
        return;
    };
    let blank = Trigger { mark: Mark::default(), kind, seq_is_its_ack: is_its_ack };
    let Trigger { mark, kind: _, seq_is_its_ack: _ } = trigger.get_or_insert(blank);
    coder.mark(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back() {
        for kind in SegmentKind::ALL.into_iter().map(Some).chain([None]) {
            assert_eq!(kind_of(kind_code(kind)), kind);
            assert!(kind_code(kind) < 1 << KIND_BITS);
        }
    }
}
