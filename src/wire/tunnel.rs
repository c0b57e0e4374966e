//! Tunnels between two IP headers: GRE, IP in IP, VXLAN, GENEVE, GTP-U.

use etherparse::UdpHeaderSlice;

use super::cursor::Cursor;
use super::ip::{self, Packet};
use super::{Header, Layer, Outer, Skip, SkipReason, Step, Tunnel};

const UDP_LEN: usize = 8;

/// Protocol types of GRE that are no EtherTypes.
const ERSPAN_II: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const WCCP: u16 = 0x883e;

/// Reads the payload of a packet that carries neither TCP nor ICMP.
pub(super) fn payload<'a>(packet: &Packet, at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    match packet.protocol {
        ip::IPV4 | ip::IPV6 => {
            outer.enter(Tunnel::IpInIp, at)?;
            if packet.protocol == ip::IPV4 { ip::v4(at) } else { ip::v6(at) }
        }
        ip::GRE => gre(at, outer),
        ip::UDP => udp(at, outer),
        ip::ESP => Err(at.skip(Layer::Ip, SkipReason::Opaque)),
        other => Err(at.not_tcp(Layer::Ip, other)),
    }
}

/// A UDP header at `offset` that holds something else than its port promised.
pub(super) fn not_a_tunnel(offset: u32) -> Skip {
    Skip { layer: Layer::Ip, reason: SkipReason::NotTcp(ip::UDP.into()), offset }
}

/// Reads GRE (RFC 2784) with key and sequence number (RFC 2890), and the enhanced version of PPTP (RFC 2637 4.1).
fn gre<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGMENT: u16 = 0x0080;
    let [f0, f1, p0, p1] = *at.head::<4>(Layer::Tunnel)?;
    let (flags, protocol) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
    let version = flags & 7;
    if version > 1 {
        return Err(at.bad(Layer::Tunnel, "Ver", version));
    }
    if flags & ROUTING != 0 {
        return Err(at.bad(Layer::Tunnel, "Routing Present", 1u32));
    }
    if version == 1 && flags & SEQUENCE == 0 {
        // PPTP's acknowledgment without payload.
        return Err(at.not_tcp(Layer::Tunnel, ip::GRE));
    }
    let mut body = at.advance(if flags & CHECKSUM != 0 { 8 } else { 4 });
    let mut key = None;
    if flags & KEY != 0 {
        let bytes = *body.head::<4>(Layer::Tunnel)?;
        // The enhanced version splits the field into a length and the number of the call.
        key = Some(u32::from_be_bytes(bytes) & if version == 1 { 0xffff } else { u32::MAX });
        body = body.advance(4);
    }
    if flags & SEQUENCE != 0 {
        body = body.advance(4);
    }
    if version == 1 && flags & ACKNOWLEDGMENT != 0 {
        body = body.advance(4);
    }
    match protocol {
        ERSPAN_II if flags & SEQUENCE != 0 => erspan(body, 8, outer),
        ERSPAN_II => {
            outer.enter(Tunnel::Erspan(0), at)?;
            Ok((Header::Ethernet, body))
        }
        ERSPAN_III => erspan(body, 12, outer),
        WCCP => {
            outer.enter(Tunnel::Gre(key), at)?;
            // Version 2 has a redirect header in front of the packet, version 1 has not.
            let [first] = *body.head::<1>(Layer::Tunnel)?;
            Ok((Header::Ip, if first >> 4 == 4 { body } else { body.advance(4) }))
        }
        number => {
            outer.enter(Tunnel::Gre(key), at)?;
            Ok((Header::EtherType(number), body))
        }
    }
}

/// Reads an ERSPAN header of type II (8 bytes) or III (12 bytes, and 8 more where the last bit says so)
/// (draft-foschiano-erspan-03 4).
fn erspan<'a>(at: Cursor<'a>, len: usize, outer: &mut Outer) -> Step<'a> {
    let [_, _, high, low, ..] = *at.head::<8>(Layer::Tunnel)?;
    outer.enter(Tunnel::Erspan(u16::from_be_bytes([high, low]) & 0x03ff), at)?;
    if len == 8 {
        return Ok((Header::Ethernet, at.advance(len)));
    }
    let [.., kind, options] = *at.head::<12>(Layer::Tunnel)?;
    let body = at.advance(len + if options & 1 == 1 { 8 } else { 0 });
    match kind >> 2 & 0x1f {
        0 => Ok((Header::Ethernet, body)),
        2 => Ok((Header::Ip, body)),
        _ => Err(at.not_tcp(Layer::Tunnel, ERSPAN_III)),
    }
}

/// Reads a UDP datagram to the port of a tunnel. Any program may use such a port, so what does not look like the tunnel is
/// just UDP.
fn udp<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let other = at.not_tcp(Layer::Ip, ip::UDP);
    let Ok(header) = UdpHeaderSlice::from_slice(at.bytes) else { return Err(other) };
    let body = at.advance(UDP_LEN);
    let inside = tunnel_of(header.destination_port(), body).or_else(|| tunnel_of(header.source_port(), body));
    let Some((tunnel, header, body)) = inside else { return Err(other) };
    outer.enter(tunnel, at)?;
    outer.guess.get_or_insert(other.offset);
    Ok((header, body))
}

/// Reads what the tunnel of this UDP port carries.
fn tunnel_of(port: u16, body: Cursor<'_>) -> Inside<'_> {
    match port {
        // IANA's port, and the one that Linux took before there was one.
        4789 | 8472 => vxlan(body),
        4790 => vxlan_gpe(body),
        6081 => geneve(body),
        2152 => gtpu(body),
        _ => None,
    }
}

type Inside<'a> = Option<(Tunnel, Header, Cursor<'a>)>;

/// VXLAN (RFC 7348 5): flags, of which the one that validates the VNI must be set, and the VNI.
fn vxlan(at: Cursor<'_>) -> Inside<'_> {
    let [flags, _, _, _, a, b, c, _] = *at.bytes.first_chunk::<8>()?;
    let vni = u32::from_be_bytes([0, a, b, c]);
    (flags & 0x08 != 0).then_some((Tunnel::Vxlan(vni), Header::Ethernet, at.advance(8)))
}

/// VXLAN with a next protocol (draft-ietf-nvo3-vxlan-gpe-13 3).
fn vxlan_gpe(at: Cursor<'_>) -> Inside<'_> {
    let [flags, _, _, protocol, a, b, c, _] = *at.bytes.first_chunk::<8>()?;
    let header = match (flags & 0x0c, protocol) {
        (0x08, _) | (0x0c, 3) => Header::Ethernet,
        (0x0c, 1 | 2) => Header::Ip,
        (0x0c, 5) => Header::Mpls,
        _ => return None,
    };
    Some((Tunnel::Vxlan(u32::from_be_bytes([0, a, b, c])), header, at.advance(8)))
}

/// GENEVE (RFC 8926 3.4): version 0, length of the options in words, EtherType, VNI.
fn geneve(at: Cursor<'_>) -> Inside<'_> {
    let [version_and_len, _, p0, p1, a, b, c, _] = *at.bytes.first_chunk::<8>()?;
    let len = 8 + usize::from(version_and_len & 0x3f) * 4;
    let inside = (
        Tunnel::Geneve(u32::from_be_bytes([0, a, b, c])),
        Header::EtherType(u16::from_be_bytes([p0, p1])),
        at.advance(len),
    );
    (version_and_len >> 6 == 0 && len <= at.wire_len as usize).then_some(inside)
}

/// GTP-U (3GPP TS 29.281 5.1): version 1, a user packet (message type 255), extension headers (5.2) in words, each of which
/// ends with the type of the next.
fn gtpu(at: Cursor<'_>) -> Inside<'_> {
    let [flags, message, _, _, teid @ ..] = *at.bytes.first_chunk::<8>()?;
    if flags & 0xf0 != 0x30 || message != 255 {
        return None;
    }
    let mut body = at.advance(8);
    if flags & 0x07 != 0 {
        let [.., mut next] = *body.bytes.first_chunk::<4>()?;
        body = body.advance(4);
        while flags & 0x04 != 0 && next != 0 {
            let len = usize::from(*body.bytes.first()?) * 4;
            next = *body.bytes.get(len.checked_sub(1)?)?;
            body = body.advance(len);
        }
    }
    Some((Tunnel::Gtpu(u32::from_be_bytes(teid)), Header::Ip, body))
}
