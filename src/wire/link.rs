//! Link layers on wires and in operating systems. Numbers of link types: <https://www.tcpdump.org/linktypes.html>.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use super::cursor::Cursor;
use super::{Header, Layer, Outer, SkipReason, Step, encapsulation, ip, wireless};

const ETHERNET_LEN: usize = 14;
const VLAN_LEN: usize = 4;
const MAC_LEN: usize = 6;

/// The greatest value of Ethernet's type field that is a length instead (IEEE 802.3 3.2.6).
const MAX_LENGTH: u16 = 1500;

/// Reads the first header of a frame.
pub(super) fn link<'a>(number: u16, at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    match number {
        1 => ethernet(at, outer),
        0 | 108 => loopback(at),
        6 => token_ring(at, outer),
        10 => fddi(at, outer),
        12 | 14 | 101 => ip::any(at),
        100 => llc(at),
        107 => frame_relay(at),
        228 => ip::v4(at),
        229 => ip::v6(at),
        113 => cooked(at, outer),
        276 => cooked2(at, outer),
        9 | 50 => ppp_or_hdlc(at),
        51 => encapsulation::pppoe(at),
        104 => hdlc(at),
        105 => wireless::ieee80211(at, false, outer),
        109 => encrypted_tunnel(at),
        117 => firewall_log(at),
        119 => wireless::prism(at),
        127 => wireless::radiotap(at),
        163 => wireless::avs(at),
        // PPP with the direction, or with the packet's direction in place of the address.
        166 => encapsulation::ppp(at.advance(2)),
        204 => encapsulation::ppp(at.advance(1)),
        192 => wireless::ppi(at),
        219 => encapsulation::mpls(at),
        239 => netfilter_log(at),
        242 => infiniband(at),
        258 => apple_tap(at),
        other => Err(at.skip(Layer::Link, SkipReason::UnknownLink(other))),
    }
}

/// Reads an Ethernet header of either form (IEEE 802.3 3.2.6).
pub(super) fn ethernet<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(at.bytes) else {
        return Err(at.short(Layer::Link, ETHERNET_LEN));
    };
    outer.addresses(Some(header.source()), Some(header.destination()));
    let body = at.advance(ETHERNET_LEN);
    match header.ether_type().0 {
        len if len <= MAX_LENGTH => Ok((Header::Llc, body)),
        number => ether_type(number, body, outer),
    }
}

/// Reads what the EtherType `number` says is at `at`.
pub(super) fn ether_type<'a>(number: u16, at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    match number {
        0x0800 => ip::v4(at),
        0x86dd => ip::v6(at),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(at, outer),
        0x8847 | 0x8848 => encapsulation::mpls(at),
        0x8864 => encapsulation::pppoe(at),
        0x6558 => Ok((Header::Ethernet, at)),
        0x880b => encapsulation::ppp(at),
        // LLC in a frame too long for a length field.
        0x8870 => Ok((Header::Llc, at)),
        // Provider backbone bridging: a service tag, then the customer's whole frame (IEEE 802.1ah).
        0x88e7 => Ok((Header::Ethernet, at.advance(4))),
        // MACsec.
        0x88e5 => Err(at.skip(Layer::Link, SkipReason::Opaque)),
        other => Err(at.not_tcp(Layer::Link, other)),
    }
}

/// Reads an IEEE 802.2 header: SNAP with an EtherType (RFC 1042), or IP itself (service access point 6).
pub(super) fn llc(at: Cursor<'_>) -> Step<'_> {
    let [dsap, ssap, control] = *at.head::<3>(Layer::Link)?;
    match (dsap, ssap, control) {
        (0xaa, 0xaa, 0x03) => {
            let [.., o, u, i, high, low] = *at.head::<8>(Layer::Link)?;
            let number = u16::from_be_bytes([high, low]);
            match [o, u, i] {
                // Encapsulated Ethernet, and the bridge tunnel of IEEE 802.1H.
                [0, 0, 0] | [0, 0, 0xf8] => Ok((Header::EtherType(number), at.advance(8))),
                _ => Err(at.not_tcp(Layer::Link, number)),
            }
        }
        (0x06, 0x06, 0x03) => Ok((Header::Ip, at.advance(3))),
        _ => Err(at.not_tcp(Layer::Link, u16::from_be_bytes([dsap, ssap]))),
    }
}

/// Reads an IEEE 802.1Q or 802.1ad tag.
fn vlan<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let Ok(header) = SingleVlanHeaderSlice::from_slice(at.bytes) else {
        return Err(at.short(Layer::Link, VLAN_LEN));
    };
    if outer.tunnel.is_none() {
        outer.link.vlan.get_or_insert(header.vlan_identifier().value());
    }
    let body = at.advance(VLAN_LEN);
    match header.ether_type().0 {
        len if len <= MAX_LENGTH => Ok((Header::Llc, body)),
        number => Ok((Header::EtherType(number), body)),
    }
}

/// Reads Linux cooked capture, version 1. Own code, since etherparse refuses packet and hardware types that it does not know.
fn cooked<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let [t0, t1, h0, h1, _, mac_len, mac @ .., p0, p1] = at.head::<16>(Layer::Link)?;
    outer.link.packet_type = Some(u16::from_be_bytes([*t0, *t1]));
    outer.addresses(sender(*mac_len, mac), None);
    cooked_payload(u16::from_be_bytes([*h0, *h1]), u16::from_be_bytes([*p0, *p1]), at.advance(16))
}

/// Reads Linux cooked capture, version 2.
fn cooked2<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let [p0, p1, _, _, i0, i1, i2, i3, h0, h1, packet_type, mac_len, mac @ ..] = at.head::<20>(Layer::Link)?;
    outer.link.packet_type = Some((*packet_type).into());
    outer.link.if_index = Some(u32::from_be_bytes([*i0, *i1, *i2, *i3]));
    outer.addresses(sender(*mac_len, mac), None);
    cooked_payload(u16::from_be_bytes([*h0, *h1]), u16::from_be_bytes([*p0, *p1]), at.advance(20))
}

fn sender(len: u8, address: &[u8; 8]) -> Option<[u8; MAC_LEN]> {
    if usize::from(len) == MAC_LEN { address.first_chunk().copied() } else { None }
}

/// What follows a cooked header: the hardware type says what the protocol's numbers mean.
fn cooked_payload(hardware: u16, protocol: u16, at: Cursor<'_>) -> Step<'_> {
    match (hardware, protocol) {
        (801, _) => Ok((Header::Ieee80211 { padded: false }, at)),
        (803, _) => wireless::radiotap(at),
        // Netlink has protocol numbers of its own.
        (824, other) => Err(at.not_tcp(Layer::Link, other)),
        // IEEE 802.2 in an IEEE 802.3 frame.
        (_, 0x0004) => Ok((Header::Llc, at)),
        (_, number) => Ok((Header::EtherType(number), at)),
    }
}

/// Reads the address family of BSD loopback captures: in the byte order of the capturing machine (NULL) or of networks (LOOP).
fn loopback(at: Cursor<'_>) -> Step<'_> {
    let family = either_order(*at.head::<4>(Layer::Link)?);
    address_family(family, at, at.advance(4))
}

/// Reads OpenBSD's header of an IPsec tunnel: address family, security parameter index, flags.
fn encrypted_tunnel(at: Cursor<'_>) -> Step<'_> {
    let [a, b, c, d, ..] = *at.head::<12>(Layer::Link)?;
    address_family(either_order([a, b, c, d]), at, at.advance(12))
}

/// Reads the header of pf's log: its length without padding, then the address family.
fn firewall_log(at: Cursor<'_>) -> Step<'_> {
    let [len, family] = *at.head::<2>(Layer::Link)?;
    address_family(family.into(), at, at.advance(usize::from(len).next_multiple_of(4)))
}

/// The payload of an address family; that of IPv6 has as many numbers as there are systems: Linux, NetBSD and OpenBSD,
/// FreeBSD, macOS.
fn address_family<'a>(family: u32, at: Cursor<'a>, body: Cursor<'a>) -> Step<'a> {
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => Ok((Header::Ip, body)),
        other => Err(at.not_tcp(Layer::Link, u16::try_from(other).unwrap_or(u16::MAX))),
    }
}

/// A small number that was written in one of both byte orders.
fn either_order(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes))
}

/// Reads PPP with HDLC framing, or Cisco's framing, which starts with another address.
fn ppp_or_hdlc(at: Cursor<'_>) -> Step<'_> {
    match at.bytes {
        [0x0f | 0x8f, 0x00, ..] => hdlc(at),
        _ => encapsulation::ppp(at),
    }
}

/// Reads Cisco HDLC: address, control, EtherType.
fn hdlc(at: Cursor<'_>) -> Step<'_> {
    let [_, _, high, low] = *at.head::<4>(Layer::Link)?;
    Ok((Header::EtherType(u16::from_be_bytes([high, low])), at.advance(4)))
}

/// Reads a Token Ring header (IEEE 802.5): access and frame control, addresses, of which the sender's first bit says whether a
/// route follows, and the route, whose length is in its first byte.
fn token_ring<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    const ROUTED: u8 = 0x80;
    let [_, _, d0, d1, d2, d3, d4, d5, s0, src @ ..] = *at.head::<14>(Layer::Link)?;
    let [s1, s2, s3, s4, s5] = src;
    outer.addresses(Some([s0 & !ROUTED, s1, s2, s3, s4, s5]), Some([d0, d1, d2, d3, d4, d5]));
    let body = at.advance(14);
    if s0 & ROUTED == 0 {
        return Ok((Header::Llc, body));
    }
    let [first] = *body.head::<1>(Layer::Link)?;
    Ok((Header::Llc, body.advance(usize::from(first & 0x1f))))
}

/// Reads an FDDI header: frame control and addresses.
fn fddi<'a>(at: Cursor<'a>, outer: &mut Outer) -> Step<'a> {
    let [_, addresses @ ..] = at.head::<13>(Layer::Link)?;
    outer.addresses(addresses.last_chunk().copied(), addresses.first_chunk().copied());
    Ok((Header::Llc, at.advance(13)))
}

/// Reads a frame relay header of two bytes, and the protocol behind it in the form of RFC 2427 (control and NLPID) or, where
/// there is no control field, of Cisco (EtherType).
fn frame_relay(at: Cursor<'_>) -> Step<'_> {
    let [_, _, control, protocol] = *at.head::<4>(Layer::Link)?;
    match (control, protocol) {
        (0x03, 0xcc | 0x8e) => Ok((Header::Ip, at.advance(4))),
        (0x03, other) => Err(at.not_tcp(Layer::Link, other)),
        _ => Ok((Header::EtherType(u16::from_be_bytes([control, protocol])), at.advance(4))),
    }
}

/// Reads IP over InfiniBand (RFC 4391 6) behind a global route header of 40 bytes: EtherType and two reserved bytes.
fn infiniband(at: Cursor<'_>) -> Step<'_> {
    let [.., high, low, _, _] = *at.head::<44>(Layer::Link)?;
    Ok((Header::EtherType(u16::from_be_bytes([high, low])), at.advance(44)))
}

/// Reads Linux's netfilter log: attributes of length, type and value, in the byte order of the capturing machine, up to the
/// one with the packet (type 9).
fn netfilter_log(at: Cursor<'_>) -> Step<'_> {
    let [_, version, ..] = *at.head::<4>(Layer::Link)?;
    if version != 0 {
        return Err(at.bad(Layer::Link, "version", version));
    }
    let mut at = at.advance(4);
    loop {
        let [l0, l1, t0, t1] = *at.head::<4>(Layer::Link)?;
        // Types are small numbers, so the zero byte tells the order.
        let (len, kind) = if t1 == 0 { (u16::from_le_bytes([l0, l1]), t0) } else { (u16::from_be_bytes([l0, l1]), t1) };
        match (usize::from(len), kind) {
            (0..4, _) => return Err(at.bad(Layer::Link, "length", len)),
            (_, 9) => return Ok((Header::Ip, at.advance(4))),
            (len, _) => at = at.advance(len.next_multiple_of(4)),
        }
    }
}

/// Reads macOS's header in front of any link type: length, record type, link type.
fn apple_tap(at: Cursor<'_>) -> Step<'_> {
    let [l0, l1, l2, l3, _, _, _, _, t0, t1, t2, t3] = *at.head::<12>(Layer::Link)?;
    let (len, link) = (either_order([l0, l1, l2, l3]), either_order([t0, t1, t2, t3]));
    wireless::next_link(at, len as usize, 12, link)
}
