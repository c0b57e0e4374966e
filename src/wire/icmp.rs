//! ICMP errors that quote a TCP segment (RFC 792, RFC 4443).

use std::net::SocketAddr;

use super::cursor::Cursor;
use super::ip::{self, Packet};
use super::{Header, IcmpError, IcmpKind, Layer, Skip};
use crate::seq::Seq;

/// Bytes in front of the quoted packet, in both versions.
const HEADER_LEN: usize = 8;

/// Reads the ICMP message at `at`, the payload of `packet`, as far as it is an error about TCP. Eight bytes of the quoted TCP
/// header are enough (RFC 792), for the ports and the sequence number are in them.
pub(super) fn error(packet: &Packet, at: Cursor<'_>) -> Result<IcmpError, Skip> {
    let header = at.head::<HEADER_LEN>(Layer::Icmp)?;
    let kind = if packet.protocol == ip::ICMP { v4_kind(header) } else { v6_kind(header) };
    let kind = kind.ok_or_else(|| at.not_tcp(Layer::Icmp, packet.protocol))?;
    let (quoted, at) = match ip::any(at.advance(HEADER_LEN)) {
        Ok((Header::Payload(quoted), at)) if quoted.protocol == ip::TCP => (quoted, at),
        Ok((Header::Payload(quoted), at)) => return Err(at.not_tcp(Layer::Icmp, quoted.protocol)),
        Ok(_) => return Err(at.not_tcp(Layer::Icmp, packet.protocol)),
        Err(skip) => return Err(Skip { layer: Layer::Icmp, ..skip }),
    };
    let [a, b, c, d, e, f, g, h] = *at.head::<8>(Layer::Icmp)?;
    Ok(IcmpError {
        from: packet.src,
        kind,
        src: SocketAddr::new(quoted.src, u16::from_be_bytes([a, b])),
        dst: SocketAddr::new(quoted.dst, u16::from_be_bytes([c, d])),
        seq: Seq(u32::from_be_bytes([e, f, g, h])),
        quoted_len: at.captured_len(),
    })
}

/// What an ICMP message says, if it is an error: the next hop's MTU is in the last two bytes (RFC 1191 4).
fn v4_kind(&[kind, code, _, _, _, _, high, low]: &[u8; HEADER_LEN]) -> Option<IcmpKind> {
    match (kind, code) {
        (3, 4) => Some(IcmpKind::TooBig(u16::from_be_bytes([high, low]).into())),
        (3, _) => Some(IcmpKind::Unreachable(code)),
        (11, _) => Some(IcmpKind::TimeExceeded),
        // Source quench, redirect and parameter problem.
        (4 | 5 | 12, _) => Some(IcmpKind::Other(kind, code)),
        _ => None,
    }
}

/// What an ICMPv6 message says, if it is an error (RFC 4443 3).
fn v6_kind(&[kind, code, _, _, a, b, c, d]: &[u8; HEADER_LEN]) -> Option<IcmpKind> {
    match kind {
        1 => Some(IcmpKind::Unreachable(code)),
        2 => Some(IcmpKind::TooBig(u32::from_be_bytes([a, b, c, d]))),
        3 => Some(IcmpKind::TimeExceeded),
        4 => Some(IcmpKind::Other(kind, code)),
        _ => None,
    }
}
