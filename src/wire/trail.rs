//! Where the headers of a frame stand: for whoever has to change them, as the decoder only reads them.

use super::cursor::Cursor;
use super::ip::{self, Packet};
use super::{Header, Outer, walk};
use crate::capture::LinkType;

/// What stands at a [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    /// The first header of the frame, of this link type.
    Link(LinkType),
    /// An Ethernet header; the first header of an Ethernet frame is one, too.
    Ethernet,
    /// An IP header with its options or extension headers.
    Ip,
    /// A UDP header and what it carries.
    Udp,
    /// A GRE header and what it carries.
    Gre,
    /// An ICMP message, of version 6 or not.
    Icmp {
        /// Whether it is ICMPv6, whose checksum covers the addresses.
        v6: bool,
    },
    /// A TCP header and its payload.
    Tcp,
    /// The payload of a later fragment.
    Fragment,
}

/// A header on the way from the link layer to the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is.
    pub station: Station,
    /// Where it starts in the frame.
    pub start: usize,
    /// Where the captured part of it and of everything in it ends in the frame: padding behind an IP packet is outside.
    pub end: usize,
    /// Whether everything in it was captured.
    pub is_whole: bool,
}

/// The headers of a frame, in their order, as far as [`decode`](super::decode) follows them.
#[must_use]
pub fn trail(link: LinkType, data: &[u8], original_len: u32) -> Vec<Place> {
    let mut places = Vec::with_capacity(8);
    let mut outer = Outer::default();
    let at = Cursor::new(data, original_len);
    // What stops the walk has been told of before.
    let _stop = walk(Header::Link(link.0), at, &mut outer, |header, at| add(&mut places, header, at));
    places
}

fn add(places: &mut Vec<Place>, header: &Header, at: Cursor<'_>) {
    let mut put = |station, start: u32| {
        let end = (at.offset() as usize).saturating_add(at.bytes.len());
        places.push(Place { station, start: start as usize, end, is_whole: at.bytes.len() >= at.wire_len as usize });
    };
    match *header {
        Header::Link(number) => {
            put(Station::Link(LinkType(number)), at.offset());
            if LinkType(number) == LinkType(1) {
                put(Station::Ethernet, at.offset());
            }
        }
        Header::Ethernet => put(Station::Ethernet, at.offset()),
        Header::Payload(packet) => {
            put(Station::Ip, packet.offset);
            if let Some(station) = payload(&packet) {
                put(station, at.offset());
            }
        }
        Header::Fragment(_, offset) => {
            put(Station::Ip, offset);
            put(Station::Fragment, at.offset());
        }
        Header::EtherType(_) | Header::Llc | Header::Ppp | Header::Mpls | Header::Ieee80211 { .. } | Header::Ip => {}
    }
}

fn payload(packet: &Packet) -> Option<Station> {
    match packet.protocol {
        ip::TCP => Some(Station::Tcp),
        ip::UDP => Some(Station::Udp),
        ip::GRE => Some(Station::Gre),
        ip::ICMP => Some(Station::Icmp { v6: false }),
        ip::ICMPV6 => Some(Station::Icmp { v6: true }),
        _ => None,
    }
}
