//! IEEE 802.11 data frames, and the headers in which receivers note how a frame came in.

use super::cursor::Cursor;
use super::{Header, Layer, Outer, SkipReason, Step};

/// Frame control, duration, three addresses and sequence control (IEEE 802.11 9.2.4).
const HEADER_LEN: usize = 24;
const MAC_LEN: usize = 6;
const QOS_CONTROL_LEN: usize = 2;
const HT_CONTROL_LEN: usize = 4;
/// Two addresses and a length in front of each frame in an aggregate (IEEE 802.11 9.3.2.2).
const SUBFRAME_HEADER_LEN: usize = 14;

const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// Bits of the subtype of a data frame.
const NO_DATA: u8 = 0x40;
const QOS: u8 = 0x80;
/// In the first byte of QoS control: the payload is an aggregate.
const AGGREGATE: u8 = 0x80;

/// Reads the header of an IEEE 802.11 frame, `padded` to a multiple of four bytes by some receivers. Of an aggregate the
/// first frame is read.
pub(super) fn ieee80211<'a>(at: Cursor<'a>, padded: bool, outer: &mut Outer) -> Step<'a> {
    let [kind] = at.head::<1>(Layer::Link)?;
    if kind & 0x0f != 0x08 || kind & NO_DATA != 0 {
        return Err(at.not_tcp(Layer::Link, *kind));
    }
    let [_, flags, _, _, addresses @ .., sequence, _] = at.head::<HEADER_LEN>(Layer::Link)?;
    let four_addresses = flags & (TO_DS | FROM_DS) == TO_DS | FROM_DS;
    let qos = kind & QOS != 0;
    let qos_offset = HEADER_LEN + if four_addresses { MAC_LEN } else { 0 };
    let mut len = qos_offset;
    if qos {
        len += QOS_CONTROL_LEN + if flags & ORDER != 0 { HT_CONTROL_LEN } else { 0 };
    }
    // A later fragment of a frame holds no header of the next layer.
    if flags & PROTECTED != 0 || sequence & 0x0f != 0 {
        return Err(at.skip(Layer::Link, SkipReason::Opaque));
    }
    if at.bytes.len() < len {
        return Err(at.short(Layer::Link, len));
    }
    let (src, dst) = end_points(*flags, addresses, at.bytes.get(HEADER_LEN..).and_then(|rest| rest.first_chunk()));
    outer.addresses(src, dst);
    let aggregate = qos && at.bytes.get(qos_offset).is_some_and(|control| control & AGGREGATE != 0);
    let body = at.advance(if padded { len.next_multiple_of(4) } else { len });
    Ok((Header::Llc, if aggregate { body.advance(SUBFRAME_HEADER_LEN) } else { body }))
}

/// Source and destination among the addresses, which take their meaning from the distribution system's bits (IEEE 802.11
/// 9.3.2.1, table 9-30).
fn end_points(
    flags: u8,
    addresses: &[u8; 18],
    fourth: Option<&[u8; MAC_LEN]>,
) -> (Option<[u8; MAC_LEN]>, Option<[u8; MAC_LEN]>) {
    let mut addresses = addresses.as_chunks::<MAC_LEN>().0.iter().copied();
    let (first, second, third) = (addresses.next(), addresses.next(), addresses.next());
    match (flags & TO_DS != 0, flags & FROM_DS != 0) {
        (false, false) => (second, first),
        (false, true) => (third, first),
        (true, false) => (second, third),
        (true, true) => (fourth.copied(), third),
    }
}

/// Reads a radiotap header: version, length and a bitmap of fields, of which the flags alone matter here, for they tell
/// whether the frame's header is padded (<https://www.radiotap.org/fields/Flags.html>).
pub(super) fn radiotap(at: Cursor<'_>) -> Step<'_> {
    const TIMER: u32 = 0x01;
    const FLAGS: u32 = 0x02;
    const MORE: u32 = 0x8000_0000;
    const DATA_PAD: u8 = 0x20;
    let [version, _, l0, l1, p0, p1, p2, p3] = *at.head::<8>(Layer::Link)?;
    let len = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 {
        return Err(at.bad(Layer::Link, "it_version", version));
    }
    if len < 8 {
        return Err(at.bad(Layer::Link, "it_len", u16::from_le_bytes([l0, l1])));
    }
    let present = u32::from_le_bytes([p0, p1, p2, p3]);
    let (mut offset, mut word) = (8, present);
    while word & MORE != 0 {
        let Some(next) = at.advance(offset).bytes.first_chunk() else { break };
        word = u32::from_le_bytes(*next);
        offset += 4;
    }
    if present & TIMER != 0 {
        offset = offset.next_multiple_of(8) + 8;
    }
    let flags = at.bytes.get(offset).filter(|_| present & FLAGS != 0 && offset < len);
    Ok((Header::Ieee80211 { padded: flags.is_some_and(|flags| flags & DATA_PAD != 0) }, at.advance(len)))
}

/// Reads a Prism header: message code and length in the byte order of the capturing machine. Under the same link type some
/// drivers wrote the AVS header.
pub(super) fn prism(at: Cursor<'_>) -> Step<'_> {
    let [c0, c1, c2, _, l0, l1, l2, l3] = *at.head::<8>(Layer::Link)?;
    if [c0, c1, c2] == [0x80, 0x21, 0x10] {
        return avs(at);
    }
    let bytes = [l0, l1, l2, l3];
    let len = u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes));
    if len < 8 {
        return Err(at.bad(Layer::Link, "msglen", len));
    }
    Ok((Header::Ieee80211 { padded: false }, at.advance(len as usize)))
}

/// Reads an AVS header: version and length in network order.
pub(super) fn avs(at: Cursor<'_>) -> Step<'_> {
    let [.., l0, l1, l2, l3] = *at.head::<8>(Layer::Link)?;
    let len = u32::from_be_bytes([l0, l1, l2, l3]);
    if len < 8 {
        return Err(at.bad(Layer::Link, "length", len));
    }
    Ok((Header::Ieee80211 { padded: false }, at.advance(len as usize)))
}

/// Reads a PPI header: version, flags, length and the link type of what follows.
pub(super) fn ppi(at: Cursor<'_>) -> Step<'_> {
    let [version, _, l0, l1, t0, t1, t2, t3] = *at.head::<8>(Layer::Link)?;
    if version != 0 {
        return Err(at.bad(Layer::Link, "pph_version", version));
    }
    next_link(at, u16::from_le_bytes([l0, l1]).into(), 8, u32::from_le_bytes([t0, t1, t2, t3]))
}

/// The frame of type `link` behind a header of `len` bytes that cannot have fewer than `min_len`.
pub(super) fn next_link(at: Cursor<'_>, len: usize, min_len: usize, link: u32) -> Step<'_> {
    if len < min_len {
        return Err(at.bad(Layer::Link, "header length", u32::try_from(len).unwrap_or(u32::MAX)));
    }
    match u16::try_from(link) {
        Ok(link) => Ok((Header::Link(link), at.advance(len))),
        Err(_) => Err(at.bad(Layer::Link, "link type", link)),
    }
}
