//! What flows, ends and RSTs are made of, field by field. Every field is named here, so that a new one cannot be forgotten.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::coder::Coder;
use crate::flow::endpoint::{Baseline, Counters, Endpoint, Hole, Rare, Silence, Unit};
use crate::flow::mark::Mark;
use crate::flow::resets::{Acceptability, Reset, Trigger};
use crate::flow::{Direction, Extras, Flow, FlowKey, Orientation, SegmentKind, Socket, Turn};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// Addresses and ports. Not by way of bits: what a packed flow begins with depends on nothing but its key.
pub(super) fn key(coder: &mut impl Coder, key: &mut FlowKey) {
    let (mut low, mut high) = (key.low(), key.high());
    socket(coder, &mut low);
    socket(coder, &mut high);
    *key = FlowKey::new(low, high).0;
}

fn socket(coder: &mut impl Coder, socket: &mut Socket) {
    let mut version = if socket.ip.is_ipv4() { 4 } else { 6 };
    coder.octet(&mut version);
    if version == 4 {
        let mut octets = if let IpAddr::V4(ip) = socket.ip { ip.octets() } else { [0; 4] };
        octets.iter_mut().for_each(|octet| coder.octet(octet));
        socket.ip = Ipv4Addr::from(octets).into();
    } else {
        let mut octets = if let IpAddr::V6(ip) = socket.ip { ip.octets() } else { [0; 16] };
        octets.iter_mut().for_each(|octet| coder.octet(octet));
        socket.ip = Ipv6Addr::from(octets).into();
    }
    let mut port = socket.port.to_le_bytes();
    port.iter_mut().for_each(|octet| coder.octet(octet));
    socket.port = u16::from_le_bytes(port);
}

/// Everything but the key and what stands aside.
pub(super) fn flow(coder: &mut impl Coder, flow: &mut Flow) {
    let Flow {
        key: _,
        initiator_is_low,
        orientation,
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
    initiator(coder, initiator_is_low);
    let mut by_handshake = *orientation == Orientation::Handshake;
    coder.flag(&mut by_handshake);
    *orientation = if by_handshake { Orientation::Handshake } else { Orientation::Inferred };
    coder.option(stream, |coder, stream| {
        let mut wide = u64::from(*stream);
        coder.number(&mut wide);
        *stream = u32::try_from(wide).unwrap_or_default();
    });
    coder.flag(initiator_spoke);
    let mut is_marked = *is_settled || *packet_asked || *payload_asked;
    coder.flag(&mut is_marked);
    for flag in [is_settled, packet_asked, payload_asked] {
        *flag &= is_marked;
        if is_marked {
            coder.flag(flag);
        }
    }
    coder.mark(first);
    end(coder, client, 0);
    end(coder, server, 1);
    coder.mark(last);
    coder.option(last_payload, |coder, mark| coder.mark(mark));
    turn_of(coder, turn);
    for (kind, heard) in last_kinds.iter_mut().zip(heard) {
        kind_of(coder, kind);
        coder.option(heard, |coder, mark| coder.mark(mark));
    }
    let macs = [client.baseline.src_mac, server.baseline.src_mac];
    coder.option(extras, |coder, extras| few_extras(coder, extras, macs));
}

/// Which end initiated.
pub(super) fn initiator(coder: &mut impl Coder, is_low: &mut bool) {
    coder.flag(is_low);
}

fn turn_of(coder: &mut impl Coder, turn: &mut Option<Turn>) {
    let mut is_some = turn.is_some();
    coder.flag(&mut is_some);
    if !is_some {
        *turn = None;
        return;
    }
    let blank = Turn { direction: Direction::FromInitiator, start: Mark::default(), last: Mark::default(), octets: 0 };
    let Turn { direction, start, last, octets } = turn.get_or_insert(blank);
    direction_of(coder, direction);
    coder.mark(start);
    coder.mark(last);
    coder.number(octets);
}

fn direction_of(coder: &mut impl Coder, direction: &mut Direction) {
    let mut from_initiator = *direction == Direction::FromInitiator;
    coder.flag(&mut from_initiator);
    *direction = if from_initiator { Direction::FromInitiator } else { Direction::FromResponder };
}

fn kind_of(coder: &mut impl Coder, kind: &mut Option<SegmentKind>) {
    let place = SegmentKind::ALL.iter().position(|one| Some(*one) == *kind);
    let mut code = place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0);
    coder.bits(&mut code, 5);
    *kind = usize::from(code).checked_sub(1).and_then(|place| SegmentKind::ALL.get(place)).copied();
}

/// The end on `side`: 0 for the initiator, 1 for the responder. Its acknowledgments are numbers of the other side.
fn end(coder: &mut impl Coder, end: &mut Endpoint, side: usize) {
    let Endpoint {
        isn,
        base,
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
    for number in [isn, base, snd_nxt, snd_una, fin_end] {
        coder.option(number, |coder, number| coder.seq(number, side));
    }
    coder.option(last_ack, |coder, number| coder.seq(number, 1 - side));
    top_of(coder, top);
    coder.option(last, |coder, mark| coder.mark(mark));
    for time in [fin_time, last_payload, payload_before] {
        coder.option(time, |coder, time| coder.time(time));
    }
    coder.option(ack_delay, |coder, span| coder.span(span));
    coder.option(window, |coder, window| coder.count(window));
    coder.option(window_scale, |coder, scale| coder.octet(scale));
    coder.option(last_octet, |coder, octet| {
        coder.seq(last_octet_at, side);
        coder.octet(octet);
    });
    coder.option(timestamps, timestamps_of);
    coder.option(timed_at, |coder, time| {
        coder.seq(timed_end, side);
        coder.time(time);
    });
    for count in [packets, payload_bytes] {
        coder.count(count);
    }
    coder.count(dup_acks);
    baseline_of(coder, baseline);
    silence_of(coder, silence);
    coder.option(rare, |coder, rare| rare_of(coder, rare, side));
}

fn rare_of(coder: &mut impl Coder, rare: &mut Rare, side: usize) {
    let Rare { hole, last_dup_ack, challenged, counters } = rare;
    hole_of(coder, hole, side);
    for time in [last_dup_ack, challenged] {
        coder.option(time, |coder, time| coder.time(time));
    }
    counters_of(coder, counters);
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

fn top_of(coder: &mut impl Coder, top: &mut Option<Unit>) {
    let mut code = match top {
        None => 0,
        Some(Unit::Syn) => 1,
        Some(Unit::Data) => 2,
        Some(Unit::Fin) => 3,
    };
    coder.bits(&mut code, 2);
    *top = match code {
        0 => None,
        1 => Some(Unit::Syn),
        2 => Some(Unit::Data),
        _ => Some(Unit::Fin),
    };
}

fn hole_of(coder: &mut impl Coder, hole: &mut Option<Hole>, side: usize) {
    let mut is_some = hole.is_some();
    coder.flag(&mut is_some);
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

fn counters_of(coder: &mut impl Coder, counters: &mut Counters) {
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
        coder.count(count);
    }
    for count in [missing_bytes, repeated_bytes, unseen_bytes] {
        coder.count(count);
    }
}

fn baseline_of(coder: &mut impl Coder, baseline: &mut Baseline) {
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
    for (hop_limit, count) in hop_limits.iter_mut().zip(hop_counts) {
        coder.count(count);
        if *count == 0 {
            break;
        }
        coder.octet(hop_limit);
    }
    let mut limits = data_hop_limits.octets();
    for octet in &mut limits {
        coder.count(octet);
        if *octet == 0 {
            break;
        }
    }
    *data_hop_limits = limits.into();
    id_of(coder, last_ip_id);
    for count in [ip_id_zero, ip_id_step, ip_id_jump] {
        coder.count(count);
    }
    mac_of(coder, src_mac);
    coder.count(timestamps);
}

fn id_of(coder: &mut impl Coder, id: &mut Option<u16>) {
    coder.option(id, |coder, id| {
        let mut octets = id.to_le_bytes();
        octets.iter_mut().for_each(|octet| coder.octet(octet));
        *id = u16::from_le_bytes(octets);
    });
}

fn mac_of(coder: &mut impl Coder, mac: &mut Option<[u8; 6]>) {
    coder.option(mac, |coder, mac| mac.iter_mut().for_each(|octet| coder.octet(octet)));
}

fn silence_of(coder: &mut impl Coder, silence: &mut Silence) {
    let Silence { length, start, end } = silence;
    let mut is_some = *length > Span::ZERO;
    coder.flag(&mut is_some);
    if is_some {
        coder.span(length);
        coder.frame(start);
        coder.frame(end);
    }
}

/// Extras without tunnel, real client and ICMP errors.
fn few_extras(coder: &mut impl Coder, extras: &mut Box<Extras>, macs: [Option<[u8; 6]>; 2]) {
    let Extras { tunnel: _, real_client: _, icmp: _, resets, clock_steps, replayed } = extras.as_mut();
    coder.count(clock_steps);
    coder.flag(replayed);
    let mut count = u8::try_from(resets.total()).unwrap_or(u8::MAX);
    coder.bits(&mut count, 2);
    let known = u8::try_from(resets.total()).unwrap_or(u8::MAX);
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
    coder.mark(mark);
    direction_of(coder, direction);
    let side = usize::from(*direction == Direction::FromResponder);
    coder.seq(seq, side);
    coder.flag(has_ack);
    let mut has_field = *ack_field != Seq(0);
    coder.flag(&mut has_field);
    if has_field {
        coder.seq(ack_field, 1 - side);
    }
    coder.count(window);
    coder.octet(hop_limit);
    id_of(coder, ip_id);
    coder.flag(timestamps);
    let usual = macs.get(side).copied().flatten();
    let mut is_usual = *src_mac == usual;
    coder.flag(&mut is_usual);
    if is_usual {
        *src_mac = usual;
    } else {
        mac_of(coder, src_mac);
    }
    coder.count(payload_len);
    acceptability_of(coder, acceptability);
    coder.span(silence);
    trigger_of(coder, trigger);
    for flag in [sender_lives, receiver_lives, challenged] {
        coder.flag(flag);
    }
}

fn acceptability_of(coder: &mut impl Coder, acceptability: &mut Acceptability) {
    let mut code = match acceptability {
        Acceptability::Exact => 0,
        Acceptability::InWindow => 1,
        Acceptability::Outside => 2,
        Acceptability::Unknown => 3,
    };
    coder.bits(&mut code, 2);
    *acceptability = match code {
        0 => Acceptability::Exact,
        1 => Acceptability::InWindow,
        2 => Acceptability::Outside,
        _ => Acceptability::Unknown,
    };
}

fn trigger_of(coder: &mut impl Coder, trigger: &mut Option<Trigger>) {
    let mut kind = trigger.map(|trigger| trigger.kind);
    kind_of(coder, &mut kind);
    let Some(kind) = kind else {
        *trigger = None;
        return;
    };
    let blank = Trigger { mark: Mark::default(), kind, seq_is_its_ack: false };
    let Trigger { mark, kind: _, seq_is_its_ack } = trigger.get_or_insert(blank);
    coder.mark(mark);
    coder.flag(seq_is_its_ack);
}
