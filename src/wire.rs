//! From the bytes of a frame to a [`Segment`], through link layer, tunnels, IP and TCP.
//!
//! Decoding is a loop over headers: each reader takes the bytes it stands on and names the header behind it, until TCP, an
//! ICMP error or something of no interest is reached. Lengths come from the IP headers and the frame's length on the wire,
//! never from how much of it was captured.

mod cursor;
mod encapsulation;
mod fast;
mod icmp;
mod ip;
mod link;
mod options;
mod segment;
mod tcp;
mod trail;
mod tunnel;
mod wireless;

pub use segment::{
    Damaged, Decoded, Flags, Fragment, FragmentInfo, IcmpError, IcmpKind, Layer, LinkInfo, Options, Segment, Skip,
    SkipReason, Tunnel,
};
pub use trail::{Place, Station, trail};

use crate::capture::LinkType;
use cursor::Cursor;
use ip::Packet;

/// Tunnels inside each other that are followed; real paths have two or three.
const MAX_TUNNELS: u8 = 8;

/// Headers of all layers that are followed, so that no frame costs more than its neighbours: VLAN tags, tunnels and so on.
const MAX_HEADERS: u8 = 64;

/// Decodes one frame of `link` type whose first bytes are `data` and which had `original_len` bytes on the wire.
///
/// Bytes that cannot be decoded are a [`Skip`] with layer, reason and offset; nothing fails and nothing is allocated.
#[must_use]
#[inline(never)]
pub fn decode(link: LinkType, data: &[u8], original_len: u32) -> Decoded<'_> {
    let mut decoded = Decoded::nothing();
    decode_into(&mut decoded, link, data, original_len);
    decoded
}

/// The same, to where it stays: what a frame says takes some two hundred bytes, which are worth not being moved.
#[inline(always)]
pub(crate) fn decode_into<'a>(decoded: &mut Decoded<'a>, link: LinkType, data: &'a [u8], original_len: u32) {
    const ETHERNET: LinkType = LinkType(1);
    if link != ETHERNET || fast::ethernet(data, decoded).is_none() {
        *decoded = decode_any(link, data, original_len);
    }
}

/// The same by the general way, header by header.
#[inline(never)]
fn decode_any(link: LinkType, data: &[u8], original_len: u32) -> Decoded<'_> {
    let at = Cursor::new(data, original_len);
    let mut outer = Outer::default();
    walk(Header::Link(link.0), at, &mut outer, |_, _| {})
        .unwrap_or_else(|skip| Decoded::Skip(outer.excuse(skip, data.len() < original_len as usize)))
}

/// What a cursor stands on.
#[derive(Clone, Copy, Debug)]
enum Header {
    /// The link-layer header of this type.
    Link(u16),
    /// An Ethernet header.
    Ethernet,
    /// What this EtherType stands for.
    EtherType(u16),
    /// An IEEE 802.2 header.
    Llc,
    /// A PPP protocol field, perhaps behind address and control.
    Ppp,
    /// An MPLS label stack.
    Mpls,
    /// An IEEE 802.11 header, padded to four bytes or not.
    Ieee80211 { padded: bool },
    /// An IP header of either version.
    Ip,
    /// The payload of this IP packet.
    Payload(Packet),
    /// The payload of a later fragment that carries TCP, behind the IP header at this offset.
    Fragment(Fragment, u32),
}

/// What a reader of a header returns: the next header and where it starts.
type Step<'a> = Result<(Header, Cursor<'a>), Skip>;

/// What the layers around the packet in hand said.
#[derive(Default)]
struct Outer {
    link: LinkInfo,
    tunnel: Option<Tunnel>,
    tunnels: u8,
    /// Where the UDP header is whose port alone says that it carries a tunnel.
    guess: Option<u32>,
}

impl Outer {
    /// Goes into `tunnel`, whose header stands at `at`.
    fn enter(&mut self, tunnel: Tunnel, at: Cursor<'_>) -> Result<(), Skip> {
        self.tunnels += 1;
        self.tunnel = Some(tunnel);
        if self.tunnels > MAX_TUNNELS { Err(at.skip(Layer::Tunnel, SkipReason::TooDeep)) } else { Ok(()) }
    }

    /// Remembers the addresses of a link-layer header, unless a tunnel carried it.
    fn addresses(&mut self, src: Option<[u8; 6]>, dst: Option<[u8; 6]>) {
        if self.tunnel.is_none() {
            self.link.src_mac = src;
            self.link.dst_mac = dst;
        }
    }

    /// Takes a fault inside a tunnel that only a UDP port suggested for a wrong guess: those bytes were something else.
    /// Bytes that the snapshot length cut off prove nothing.
    fn excuse(&self, skip: Skip, cut: bool) -> Skip {
        match (self.guess, skip.reason) {
            (Some(offset), SkipReason::BadField(..)) => tunnel::not_a_tunnel(offset),
            (Some(offset), SkipReason::TooShort { .. }) if !cut => tunnel::not_a_tunnel(offset),
            _ => skip,
        }
    }
}

/// Follows the headers from `header` at `at` on; `pass` is told of each of them before it is read.
fn walk<'a>(
    mut header: Header,
    mut at: Cursor<'a>,
    outer: &mut Outer,
    mut pass: impl FnMut(&Header, Cursor<'a>),
) -> Result<Decoded<'a>, Skip> {
    for _ in 0..MAX_HEADERS {
        pass(&header, at);
        (header, at) = match header {
            Header::Link(number) => link::link(number, at, outer)?,
            Header::Ethernet => link::ethernet(at, outer)?,
            Header::EtherType(number) => link::ether_type(number, at, outer)?,
            Header::Llc => link::llc(at)?,
            Header::Ppp => encapsulation::ppp(at)?,
            Header::Mpls => encapsulation::mpls(at)?,
            Header::Ieee80211 { padded } => wireless::ieee80211(at, padded, outer)?,
            Header::Ip => ip::any(at)?,
            Header::Payload(packet) => match packet.protocol {
                ip::TCP => {
                    let damaged = |skip| tcp::damaged(&packet, at, skip).map(Decoded::Damaged).ok_or(skip);
                    return tcp::segment(&packet, at, outer).map(Decoded::Segment).or_else(damaged);
                }
                ip::ICMP | ip::ICMPV6 => return icmp::error(&packet, at).map(Decoded::Icmp),
                _ => tunnel::payload(&packet, at, outer)?,
            },
            Header::Fragment(fragment, _) => return Ok(Decoded::Fragment(fragment)),
        };
    }
    Err(at.skip(Layer::Link, SkipReason::TooDeep))
}
