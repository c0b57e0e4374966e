//! Frames with their payload cut off and pseudonyms in the place of addresses.
//!
//! Payload is cut, never overwritten: the length on the wire stays, and everybody sees that something is missing. Where
//! addresses change, checksums are updated by the difference (RFC 1624), so that a good one stays good and a wrong one
//! wrong. A checksum over octets that are not there any more is left as it was, since nobody can check it.

mod checksum;
mod options;

use std::net::IpAddr;
use std::ops::Range;

use self::checksum::Change;
use super::pseudonyms::Pseudonyms;
use crate::capture::{LinkType, Record};
use crate::wire::{Place, Station, trail};

/// IP without a link layer.
const RAW: LinkType = LinkType(101);
const SLL: LinkType = LinkType(113);
const SLL2: LinkType = LinkType(276);
/// Link types whose header holds no address, or whose addresses are known here: loopback, Ethernet, PPP and HDLC, raw IP,
/// frame relay, cooked, MPLS. Of any other the link layer is taken off.
const KNOWN_LINKS: [u16; 18] = [0, 1, 9, 12, 14, 50, 51, 101, 104, 107, 108, 113, 166, 204, 219, 228, 229, 276];
/// IEEE 802.11 behind a cooked header (ARPHRD_IEEE80211 and its relatives).
const WIRELESS_HARDWARE: Range<u16> = 801..804;
/// ICMP's own header, in front of the quoted packet.
const ICMP_LEN: usize = 8;
const UDP_LEN: usize = 8;
const GENEVE_PORT: u16 = 6081;

/// What is done to every frame.
#[derive(Default)]
pub struct Rewriter {
    /// Whether payload is cut off.
    pub strip: bool,
    /// What stands in the place of addresses; payload is cut off then, too.
    pub pseudonyms: Option<Pseudonyms>,
}

/// A frame as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its link type, which is raw IP where the link layer had to go.
    pub link: LinkType,
    /// The captured bytes.
    pub data: Vec<u8>,
    /// Bytes it had on the wire.
    pub original_len: u32,
}

impl Rewriter {
    /// Whether payload is cut off.
    #[must_use]
    pub const fn cuts(&self) -> bool {
        self.strip || self.pseudonyms.is_some()
    }

    /// The frame of `record` as it is to be written.
    pub fn rewrite(&mut self, record: &Record<'_>) -> Rewritten {
        let mut frame = Rewritten { link: record.link, data: record.data.to_vec(), original_len: record.original_len };
        if !self.cuts() {
            return frame;
        }
        let places = all_places(record);
        frame.data.truncate(headers_end(&places, record.data));
        if let Some(pseudonyms) = &mut self.pseudonyms {
            anonymise(&mut frame, &places, record.data, pseudonyms);
        }
        frame
    }
}

/// The headers of a frame, those that an ICMP error quotes included.
fn all_places(record: &Record<'_>) -> Vec<Place> {
    let mut places = trail(record.link, record.data, record.original_len);
    let icmp = places.last().copied().filter(|last| matches!(last.station, Station::Icmp { .. }));
    if let Some((icmp, quote)) = icmp.and_then(|icmp| Some((icmp, record.data.get(icmp.start + ICMP_LEN..icmp.end)?))) {
        let quoted = trail(RAW, quote, u32::try_from(quote.len()).unwrap_or(u32::MAX));
        let shift = icmp.start + ICMP_LEN;
        let shifted = |place: Place| Place { start: place.start + shift, end: place.end + shift, ..place };
        places.extend(quoted.into_iter().filter(|place| place.station != Station::Link(RAW)).map(shifted));
    }
    places
}

/// Where the last header ends.
fn headers_end(places: &[Place], data: &[u8]) -> usize {
    let Some(last) = places.last() else { return 0 };
    let len = match last.station {
        Station::Tcp => tcp_header_len(data, *last),
        Station::Icmp { .. } => ICMP_LEN,
        _ => 0,
    };
    (last.start + len).min(last.end)
}

/// The length of a TCP header as it says itself; all that is there of one that is cut before it could.
fn tcp_header_len(data: &[u8], tcp: Place) -> usize {
    const OFFSET_AT: usize = 12;
    let offset = data.get(tcp.start + OFFSET_AT).filter(|_| tcp.start + OFFSET_AT < tcp.end);
    offset.map_or(OFFSET_AT, |offset| usize::from(offset >> 4) * 4)
}

/// Puts pseudonyms into `frame`, which was `original` and is cut off behind its headers.
fn anonymise(frame: &mut Rewritten, places: &[Place], original: &[u8], pseudonyms: &mut Pseudonyms) {
    for (index, place) in places.iter().enumerate() {
        let inside = places.get(index + 1);
        match place.station {
            Station::Link(link) => link_addresses(&mut frame.data, link, pseudonyms),
            Station::Ethernet => {
                for start in [place.start, place.start + 6] {
                    mac(&mut frame.data, start, pseudonyms);
                }
            }
            Station::Ip => {
                let end = inside.map_or(frame.data.len(), |inside| inside.start);
                ip_header(&mut frame.data, place.start..end, pseudonyms);
            }
            Station::Udp => {
                if inside.is_some() {
                    tunnel_options(&mut frame.data, place.start, pseudonyms);
                }
            }
            Station::Icmp { v6 } => redirect(&mut frame.data, place.start, v6, pseudonyms),
            Station::Tcp => {
                let end = place.start + tcp_header_len(original, *place);
                options::tcp(&mut frame.data, place.start..end.min(place.end), pseudonyms);
            }
            Station::Gre | Station::Fragment => {}
        }
    }
    checksums(frame, places, original);
    take_link_off(frame, places);
}

/// No addresses are covered.
const NONE: Range<usize> = 0..0;

/// Brings all checksums up to date, the inner ones first, as the outer ones cover them.
fn checksums(frame: &mut Rewritten, places: &[Place], original: &[u8]) {
    for (index, place) in places.iter().enumerate().rev() {
        let ip = places.get(..index).and_then(|before| before.iter().rev().find(|place| place.station == Station::Ip));
        let addresses = ip.map(|ip| address_fields(original, ip.start)).unwrap_or_default();
        let whole = place.start..place.end;
        let is_whole = place.is_whole && place.end <= frame.data.len();
        let mut change = Change { before: original, after: &mut frame.data };
        match place.station {
            Station::Ip if is_v4(original, place.start) => {
                let header = place.start..place.start + v4_header_len(original, place.start);
                change.apply(place.start + 10, header, NONE);
            }
            Station::Tcp if is_whole => change.apply(place.start + 16, whole, addresses),
            // Zero stands for no checksum (RFC 768), which a difference must not produce.
            Station::Udp if is_whole => change.apply_unless_zero(place.start + 6, whole, addresses),
            Station::Icmp { v6: false } if is_whole => change.apply(place.start + 2, whole, NONE),
            Station::Icmp { v6: true } if is_whole => change.apply(place.start + 2, whole, addresses),
            Station::Gre if is_whole && original.get(place.start).is_some_and(|flags| flags & 0x80 != 0) => {
                change.apply(place.start + 4, whole, NONE);
            }
            _ => {}
        }
    }
}

/// Takes off a link layer whose addresses are not known here.
fn take_link_off(frame: &mut Rewritten, places: &[Place]) {
    let hardware_at = match frame.link {
        SLL => Some(2),
        SLL2 => Some(8),
        _ => None,
    };
    let hardware = hardware_at.and_then(|at| frame.data.get(at..)?.first_chunk()).map(|two| u16::from_be_bytes(*two));
    let is_wireless = hardware.is_some_and(|hardware| WIRELESS_HARDWARE.contains(&hardware));
    if KNOWN_LINKS.contains(&frame.link.0) && !is_wireless {
        return;
    }
    let ip = places.iter().find(|place| place.station == Station::Ip);
    let start = ip.map_or(frame.data.len(), |ip| ip.start);
    frame.link = RAW;
    frame.original_len = frame.original_len.saturating_sub(u32::try_from(start).unwrap_or(u32::MAX));
    frame.data.drain(..start.min(frame.data.len()));
}

/// The sender in a cooked header: its length stands before it.
fn link_addresses(data: &mut [u8], link: LinkType, pseudonyms: &mut Pseudonyms) {
    let (len_at, at) = match link {
        SLL => (5, 6),
        SLL2 => (11, 12),
        _ => return,
    };
    let len = data.get(len_at).map_or(0, |len| usize::from(*len));
    if len == 6 {
        mac(data, at, pseudonyms);
    } else if let Some(field) = data.get_mut(at..at + len.min(8)) {
        pseudonyms.scramble(field);
    }
    // What lies behind the address is whatever the kernel had there.
    if let Some(rest) = data.get_mut(at + len.min(8)..at + 8) {
        rest.fill(0);
    }
}

fn mac(data: &mut [u8], start: usize, pseudonyms: &mut Pseudonyms) {
    if let Some(field) = data.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
        *field = pseudonyms.mac(*field);
    }
}

/// An IP header up to what it carries.
fn ip_header(data: &mut [u8], range: Range<usize>, pseudonyms: &mut Pseudonyms) {
    let start = range.start;
    if is_v4(data, start) {
        let header_len = v4_header_len(data, start);
        v4_address(data, start + 12, pseudonyms);
        v4_address(data, start + 16, pseudonyms);
        if let Some(options) = data.get_mut(start + 20..start + header_len) {
            // Routes, addresses and times that the packet gathered on its way: No Operation in their place.
            options.fill(1);
        }
        return;
    }
    v6_address(data, start + 8, pseudonyms);
    v6_address(data, start + 24, pseudonyms);
    options::extensions(data, range, pseudonyms);
}

/// The gateway that an ICMPv4 redirect names (RFC 792).
fn redirect(data: &mut [u8], start: usize, v6: bool, pseudonyms: &mut Pseudonyms) {
    if !v6 && data.get(start) == Some(&5) {
        v4_address(data, start + 4, pseudonyms);
    }
}

/// The options of a GENEVE header (RFC 8926 3.5), which may hold anything.
fn tunnel_options(data: &mut [u8], udp: usize, pseudonyms: &mut Pseudonyms) {
    let port = |at: usize| data.get(at..).and_then(|rest| rest.first_chunk()).map(|port| u16::from_be_bytes(*port));
    if port(udp) != Some(GENEVE_PORT) && port(udp + 2) != Some(GENEVE_PORT) {
        return;
    }
    let header = udp + UDP_LEN;
    let len = data.get(header).map_or(0, |first| usize::from(first & 0x3f) * 4);
    let mut options = data.get_mut(header + 8..header + 8 + len).unwrap_or_default();
    while let Some(([_, _, _, words], rest)) = options.split_first_chunk_mut::<4>() {
        let Some((option, rest)) = rest.split_at_mut_checked(usize::from(*words & 0x1f) * 4) else { return };
        pseudonyms.scramble(option);
        options = rest;
    }
}

fn v4_address(data: &mut [u8], start: usize, pseudonyms: &mut Pseudonyms) {
    let Some(field) = data.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<4>()) else { return };
    if let IpAddr::V4(pseudonym) = pseudonyms.address(IpAddr::from(*field)) {
        *field = pseudonym.octets();
    }
}

fn v6_address(data: &mut [u8], start: usize, pseudonyms: &mut Pseudonyms) {
    let Some(field) = data.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<16>()) else { return };
    if let IpAddr::V6(pseudonym) = pseudonyms.address(IpAddr::from(*field)) {
        *field = pseudonym.octets();
    }
}

fn is_v4(data: &[u8], start: usize) -> bool {
    data.get(start).is_some_and(|first| first >> 4 == 4)
}

fn v4_header_len(data: &[u8], start: usize) -> usize {
    data.get(start).map_or(0, |first| usize::from(first & 0x0f) * 4)
}

/// Both addresses of an IP header, as checksums of the layer above cover them.
fn address_fields(data: &[u8], start: usize) -> Range<usize> {
    if is_v4(data, start) { start + 12..start + 20 } else { start + 8..start + 40 }
}
