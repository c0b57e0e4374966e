//! The bytes of a frame: TCP in IP, in a tunnel or an ICMP error where asked for, in a link layer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::model::{
    DEFAULT_WINDOW, Direction, Encapsulation, Extension, FlowSpec, Framing, IcmpQuote, LinkLayer, SegmentSpec,
    TcpOption,
};
use crate::wire::Flags;

const TCP: u8 = 6;
const UDP: u8 = 17;
const FRAGMENT_HEADER: u8 = 44;

/// Ends of every tunnel, and of the datagram that marks the end of a capture (RFC 5737 documentation addresses).
const TUNNEL_ENDS: (IpAddr, IpAddr) =
    (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
const TUNNEL_MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);

/// The frames that carry one segment: one, or one for each IP fragment.
pub(super) fn frames_of(
    link: LinkLayer,
    flow: &FlowSpec,
    segment: &SegmentSpec,
    framing: &Framing,
    ip_id: u16,
) -> Vec<Vec<u8>> {
    let outward = segment.direction == Direction::FromInitiator;
    let ends = ordered((flow.initiator, flow.responder), outward);
    let macs = framing.macs.unwrap_or_else(|| ordered(flow.macs, outward));
    let wrap = Wrap { link, framing, outward };
    let datagram = Datagram {
        source: ends.0.ip(),
        destination: ends.1.ip(),
        protocol: TCP,
        hop_limit: framing.hop_limit.unwrap_or_else(|| ordered(flow.hop_limits, outward).0),
        id: ip_id,
        dont_fragment: framing.dont_fragment.unwrap_or(true),
        length: framing.ip_length,
        extensions: framing.extensions.clone(),
        fragment: None,
    };
    let packets = fragments(&datagram, &tcp_segment(flow, segment, ends), framing.fragment_at);
    match framing.icmp {
        None => packets.iter().map(|packet| wrap.frame(packet, macs)).collect(),
        // The error goes back to the sender of what it quotes.
        Some(error) => packets
            .iter()
            .take(1)
            .filter_map(|packet| icmp_error(error, datagram.source, packet))
            .map(|packet| wrap.frame(&packet, (macs.1, macs.0)))
            .collect(),
    }
}

/// A UDP datagram that belongs to nothing: it shows that the capture was still running.
pub(super) fn end_marker(link: LinkLayer) -> Vec<u8> {
    let framing = Framing::default();
    let packet = Datagram::plain(TUNNEL_ENDS, UDP).bytes(&udp(9, 9, &[]));
    Wrap { link, framing: &framing, outward: true }.frame(&packet, TUNNEL_MACS)
}

fn ordered<T>(pair: (T, T), outward: bool) -> (T, T) {
    if outward { pair } else { (pair.1, pair.0) }
}

fn tcp_segment(flow: &FlowSpec, segment: &SegmentSpec, ends: (SocketAddr, SocketAddr)) -> Vec<u8> {
    let mut options: Vec<u8> = Vec::new();
    for option in &segment.options {
        push_option(&mut options, option, flow, segment.direction.reverse());
    }
    options.resize(options.len().next_multiple_of(4), 0);
    let header_words = u16::try_from(options.len() / 4 + 5).unwrap_or(15);
    let seq = flow.sequence(segment.direction, segment.start);
    let ack = segment.ack.map_or(0, |ack| flow.sequence(segment.direction.reverse(), ack).0);
    let mut bytes = Vec::new();
    bytes.extend(ends.0.port().to_be_bytes());
    bytes.extend(ends.1.port().to_be_bytes());
    bytes.extend(seq.0.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend((header_words << 12 | segment.flags.0).to_be_bytes());
    bytes.extend(segment.window.unwrap_or(DEFAULT_WINDOW).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(options);
    let first = seq.since(flow.sequence(segment.direction, super::Position::Relative(0))).cast_unsigned();
    let syn = u32::from(segment.flags.has(Flags::SYN));
    bytes.extend(payload(segment, first.wrapping_add(syn)));
    let sum = checksum(&[&pseudo_header(ends.0.ip(), ends.1.ip(), TCP, bytes.len()), &bytes]);
    put(&mut bytes, 16, sum);
    bytes
}

/// The script's data, then letters that depend on the place in the stream alone, so that what comes again is the same.
fn payload(segment: &SegmentSpec, first: u32) -> impl Iterator<Item = u8> {
    let letter = |offset: u32| b'a' + u8::try_from(offset % 26).unwrap_or(0);
    let data = segment.data.iter().copied();
    let filled = u32::try_from(segment.data.len()).unwrap_or(0);
    let pattern = (filled..u32::from(segment.payload_len)).map(move |offset| letter(first.wrapping_add(offset)));
    data.chain(pattern)
}

fn push_option(bytes: &mut Vec<u8>, option: &TcpOption, flow: &FlowSpec, other: Direction) {
    let len = u8::try_from(option.wire_len()).unwrap_or(u8::MAX);
    match option {
        TcpOption::EndOfList => bytes.push(0),
        TcpOption::NoOperation => bytes.push(1),
        TcpOption::MaximumSegmentSize(size) => {
            bytes.extend([2, len]);
            bytes.extend(size.to_be_bytes());
        }
        TcpOption::WindowScale(shift) => bytes.extend([3, len, *shift]),
        TcpOption::SackPermitted => bytes.extend([4, len]),
        TcpOption::Sack(blocks) => {
            bytes.extend([5, len]);
            for (left, right) in blocks {
                bytes.extend(flow.sequence(other, *left).0.to_be_bytes());
                bytes.extend(flow.sequence(other, *right).0.to_be_bytes());
            }
        }
        TcpOption::Timestamps(value, echo) => {
            bytes.extend([8, len]);
            bytes.extend(value.to_be_bytes());
            bytes.extend(echo.to_be_bytes());
        }
        TcpOption::FastOpen(cookie) => {
            bytes.extend([34, len]);
            bytes.extend(cookie);
        }
        TcpOption::Toa(client) => push_client(bytes, [254, len], *client),
        TcpOption::Toa253(client) => push_client(bytes, [253, len], SocketAddr::V6(*client)),
        TcpOption::Raw(kind, data) => {
            bytes.extend([*kind, len]);
            bytes.extend(data);
        }
    }
}

fn push_client(bytes: &mut Vec<u8>, head: [u8; 2], client: SocketAddr) {
    bytes.extend(head);
    bytes.extend(client.port().to_be_bytes());
    push_address(bytes, client.ip());
}

fn push_address(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => bytes.extend(address.octets()),
        IpAddr::V6(address) => bytes.extend(address.octets()),
    }
}

/// The fields of an IP header.
struct Datagram {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    hop_limit: u8,
    id: u16,
    dont_fragment: bool,
    length: Option<u16>,
    extensions: Vec<Extension>,
    /// Offset in units of 8 octets, and whether more fragments follow.
    fragment: Option<(u16, bool)>,
}

impl Datagram {
    const fn plain(ends: (IpAddr, IpAddr), protocol: u8) -> Self {
        Self {
            source: ends.0,
            destination: ends.1,
            protocol,
            hop_limit: 64,
            id: 0,
            dont_fragment: true,
            length: None,
            extensions: Vec::new(),
            fragment: None,
        }
    }

    fn bytes(&self, payload: &[u8]) -> Vec<u8> {
        if self.source.is_ipv4() { self.ipv4(payload) } else { self.ipv6(payload) }
    }

    /// RFC 791 3.1.
    fn ipv4(&self, payload: &[u8]) -> Vec<u8> {
        let (offset, more) = self.fragment.unwrap_or((0, false));
        let dont = self.dont_fragment && self.fragment.is_none();
        let mut bytes = vec![0x45, 0];
        bytes.extend(self.length.unwrap_or_else(|| length16(payload.len() + 20)).to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend((u16::from(dont) << 14 | u16::from(more) << 13 | offset).to_be_bytes());
        bytes.extend([self.hop_limit, self.protocol, 0, 0]);
        push_address(&mut bytes, self.source);
        push_address(&mut bytes, self.destination);
        let sum = checksum(&[&bytes]);
        put(&mut bytes, 10, sum);
        bytes.extend(payload);
        bytes
    }

    /// RFC 8200 3 and 4.
    fn ipv6(&self, payload: &[u8]) -> Vec<u8> {
        let mut chain: Vec<(u8, [u8; 7])> = self.extensions.iter().map(|header| self.extension(*header)).collect();
        if let Some((offset, more)) = self.fragment {
            chain.push((FRAGMENT_HEADER, self.fragment_fields(offset, more)));
        }
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend(self.length.unwrap_or_else(|| length16(payload.len() + chain.len() * 8)).to_be_bytes());
        bytes.extend([chain.first().map_or(self.protocol, |(number, _)| *number), self.hop_limit]);
        push_address(&mut bytes, self.source);
        push_address(&mut bytes, self.destination);
        for (index, (_, rest)) in chain.iter().enumerate() {
            bytes.push(chain.get(index + 1).map_or(self.protocol, |(number, _)| *number));
            bytes.extend(rest);
        }
        bytes.extend(payload);
        bytes
    }

    /// An extension header's number, and its octets after the first one.
    fn extension(&self, header: Extension) -> (u8, [u8; 7]) {
        // Length 0 (8 octets), then one PadN option over the rest.
        const PADDING: [u8; 7] = [0, 1, 4, 0, 0, 0, 0];
        match header {
            Extension::HopByHop => (0, PADDING),
            Extension::Destination => (60, PADDING),
            // An experimental type (RFC 4727): with no segments left it is passed over (RFC 8200 4.4).
            Extension::Routing => (43, [0, 253, 0, 0, 0, 0, 0]),
            Extension::AtomicFragment => (FRAGMENT_HEADER, self.fragment_fields(0, false)),
        }
    }

    const fn fragment_fields(&self, offset: u16, more: bool) -> [u8; 7] {
        let [high, low] = (offset << 3 | more as u16).to_be_bytes();
        let [id_high, id_low] = self.id.to_be_bytes();
        [0, high, low, 0, 0, id_high, id_low]
    }
}

fn fragments(datagram: &Datagram, payload: &[u8], size: Option<u16>) -> Vec<Vec<u8>> {
    let size = usize::from(size.unwrap_or(u16::MAX)).max(8);
    let pieces = payload.len().div_ceil(size);
    if pieces <= 1 {
        return vec![datagram.bytes(payload)];
    }
    let fragment = |(index, piece): (usize, &[u8])| {
        let place = (length16(index * size / 8), index + 1 < pieces);
        Datagram { fragment: Some(place), extensions: datagram.extensions.clone(), ..*datagram }.bytes(piece)
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// An ICMP error that quotes as much of `quoted` as RFC 1812 4.3.2.3 allows; `None` if the families differ.
fn icmp_error(error: IcmpQuote, target: IpAddr, quoted: &[u8]) -> Option<Vec<u8>> {
    let from = match error {
        IcmpQuote::Unreachable(_, from) | IcmpQuote::TooBig(_, from) | IcmpQuote::TimeExceeded(from) => from,
    };
    let v4 = from.is_ipv4();
    let (kind, code, [high, low]) = match (error, v4) {
        (IcmpQuote::Unreachable(code, _), true) => (3, code, [0, 0]),
        (IcmpQuote::Unreachable(code, _), false) => (1, code, [0, 0]),
        (IcmpQuote::TooBig(mtu, _), true) => (3, 4, mtu.to_be_bytes()),
        (IcmpQuote::TooBig(mtu, _), false) => (2, 0, mtu.to_be_bytes()),
        (IcmpQuote::TimeExceeded(_), true) => (11, 0, [0, 0]),
        (IcmpQuote::TimeExceeded(_), false) => (3, 0, [0, 0]),
    };
    if target.is_ipv4() != v4 {
        return None;
    }
    let protocol = if v4 { 1 } else { 58 };
    let mut bytes = vec![kind, code, 0, 0, 0, 0, high, low];
    bytes.extend(quoted.iter().take(548));
    let pseudo = if v4 { Vec::new() } else { pseudo_header(from, target, protocol, bytes.len()) };
    let sum = checksum(&[&pseudo, &bytes]);
    put(&mut bytes, 2, sum);
    Some(Datagram::plain((from, target), protocol).bytes(&bytes))
}

/// What stands around an IP packet.
struct Wrap<'a> {
    link: LinkLayer,
    framing: &'a Framing,
    outward: bool,
}

impl Wrap<'_> {
    fn frame(&self, packet: &[u8], macs: ([u8; 6], [u8; 6])) -> Vec<u8> {
        let mut frame = match self.framing.tunnel {
            None => self.link_layer(packet, macs),
            Some(tunnel) => self.link_layer(&self.tunnelled(tunnel, packet, macs), ordered(TUNNEL_MACS, self.outward)),
        };
        if self.framing.padded {
            frame.resize(frame.len().max(60), 0);
        }
        frame
    }

    fn tunnelled(&self, tunnel: Encapsulation, packet: &[u8], macs: ([u8; 6], [u8; 6])) -> Vec<u8> {
        let (port, header) = match tunnel {
            Encapsulation::Vxlan(vni) => (4789, [[8, 0, 0, 0], (vni << 8).to_be_bytes()]),
            Encapsulation::Geneve(vni) => (6081, [[0, 0, 0x65, 0x58], (vni << 8).to_be_bytes()]),
            Encapsulation::Gre => {
                let [high, low] = ether_type(packet).to_be_bytes();
                let carried: Vec<u8> = [0, 0, high, low].iter().chain(packet).copied().collect();
                return self.outer(47).bytes(&carried);
            }
            Encapsulation::IpInIp if ether_type(packet) == 0x0800 => return self.outer(4).bytes(packet),
            Encapsulation::IpInIp => return self.outer(41).bytes(packet),
        };
        let mut carried = header.concat();
        carried.extend(ethernet(packet, macs, &[]));
        self.outer(UDP).bytes(&udp(50_000, port, &carried))
    }

    fn outer(&self, protocol: u8) -> Datagram {
        Datagram::plain(ordered(TUNNEL_ENDS, self.outward), protocol)
    }

    fn link_layer(&self, packet: &[u8], macs: ([u8; 6], [u8; 6])) -> Vec<u8> {
        // A capture on the initiator's host: what the initiator sends is outgoing (4), the rest is to us (0).
        let packet_type: u8 = if self.outward { 4 } else { 0 };
        let protocol = ether_type(packet).to_be_bytes();
        let mut bytes = Vec::new();
        match self.link {
            LinkLayer::Ethernet => return ethernet(packet, macs, &self.framing.vlans),
            LinkLayer::Raw => {}
            LinkLayer::Sll => {
                bytes.extend([0, packet_type, 0, 1, 0, 6]);
                bytes.extend(macs.0);
                bytes.extend([0, 0]);
                bytes.extend(protocol);
            }
            LinkLayer::Sll2 => {
                bytes.extend(protocol);
                bytes.extend([0, 0, 0, 0, 0, 2, 0, 1, packet_type, 6]);
                bytes.extend(macs.0);
                bytes.extend([0, 0]);
            }
        }
        bytes.extend(packet);
        bytes
    }
}

fn ethernet(packet: &[u8], macs: ([u8; 6], [u8; 6]), vlans: &[u16]) -> Vec<u8> {
    let mut bytes = [macs.1, macs.0].concat();
    for (index, tag) in vlans.iter().enumerate() {
        // All tags but the last are service tags (IEEE 802.1Q).
        let tpid: u16 = if index + 1 < vlans.len() { 0x88a8 } else { 0x8100 };
        bytes.extend(tpid.to_be_bytes());
        bytes.extend(tag.to_be_bytes());
    }
    bytes.extend(ether_type(packet).to_be_bytes());
    bytes.extend(packet);
    bytes
}

fn ether_type(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|byte| byte >> 4 == 6) { 0x86dd } else { 0x0800 }
}

/// A UDP datagram without checksum, which IPv4 allows (RFC 768).
fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [source, destination, length16(payload.len() + 8), 0] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_address(&mut bytes, source);
    push_address(&mut bytes, destination);
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes
}

/// The internet checksum (RFC 1071) over parts that, but for the last, have even lengths.
fn checksum(parts: &[&[u8]]) -> u16 {
    let word = |pair: &[u8]| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    };
    let mut sum: u64 = parts.iter().flat_map(|part| part.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

fn length16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
