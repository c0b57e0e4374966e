//! The TCP header (RFC 9293 3.1).

use std::net::SocketAddr;

use etherparse::TcpHeaderSlice;

use super::cursor::Cursor;
use super::ip::Packet;
use super::options::options;
use super::{Damaged, Flags, Layer, Outer, Segment, Skip};
use crate::seq::Seq;

/// Bytes of the header in front of its options.
const FIXED_LEN: usize = 20;
/// Bytes of the header up to the window: behind them stand only the checksum and the urgent pointer.
const TELLING_LEN: usize = 16;

/// Reads the TCP header at `at`, the payload of `packet`. Options that were not captured are missing from the segment, and
/// change nothing else in it.
pub(super) fn segment<'a>(packet: &Packet, at: Cursor<'a>, outer: &Outer) -> Result<Segment<'a>, Skip> {
    let fixed = fixed_header(at)?;
    let header_len = usize::from(fixed.data_offset) * 4;
    if fixed.data_offset < 5 || header_len > at.wire_len as usize {
        return Err(at.bad(Layer::Tcp, "Data Offset", fixed.data_offset));
    }
    let option_bytes = at.bytes.get(FIXED_LEN..header_len.min(at.bytes.len())).unwrap_or_default();
    let body = at.advance(header_len);
    Ok(Segment {
        src: packet.src,
        dst: packet.dst,
        src_port: fixed.src_port,
        dst_port: fixed.dst_port,
        seq: fixed.seq,
        ack: fixed.ack,
        flags: fixed.flags,
        window: fixed.window,
        payload_len: body.wire_len,
        payload: body.bytes,
        options: options(option_bytes),
        option_bytes,
        hop_limit: packet.hop_limit,
        ip_id: packet.id,
        dont_fragment: packet.dont_fragment,
        fragment: packet.fragment,
        link: outer.link,
        tunnel: outer.tunnel,
        told: None,
    })
}

/// The fields of the header in front of its options.
struct Fixed {
    src_port: u16,
    dst_port: u16,
    seq: Seq,
    ack: Seq,
    data_offset: u8,
    flags: Flags,
    window: u16,
}

/// The connection that a header names which cannot be read as a segment, because it contradicts the lengths around it.
pub(super) fn damaged(packet: &Packet, at: Cursor<'_>, skip: Skip) -> Option<Damaged> {
    let fixed = fixed_header(at).ok()?;
    let src = SocketAddr::new(packet.src, fixed.src_port);
    let dst = SocketAddr::new(packet.dst, fixed.dst_port);
    Some(Damaged { src, dst, skip })
}

/// Reads the fixed part, of which the checksum and the urgent pointer may be cut off. The header slice insists on all of
/// it and on the options, so it is shown a copy that claims to have none.
fn fixed_header(at: Cursor<'_>) -> Result<Fixed, Skip> {
    let telling = at.head::<TELLING_LEN>(Layer::Tcp)?;
    let mut bytes = [0; FIXED_LEN];
    for (byte, seen) in bytes.iter_mut().zip(telling) {
        *byte = *seen;
    }
    let [.., offset_and_flags, low_flags, _, _, _, _, _, _] = &mut bytes;
    let data_offset = *offset_and_flags >> 4;
    let flags = Flags(u16::from(*offset_and_flags & 1) << 8 | u16::from(*low_flags));
    *offset_and_flags = 5 << 4;
    let header = TcpHeaderSlice::from_slice(&bytes).map_err(|_| at.short(Layer::Tcp, FIXED_LEN))?;
    Ok(Fixed {
        src_port: header.source_port(),
        dst_port: header.destination_port(),
        seq: Seq(header.sequence_number()),
        ack: Seq(header.acknowledgment_number()),
        data_offset,
        flags,
        window: header.window_size(),
    })
}
