//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::IpAddr;

use etherparse::err::{LenError, ip_auth, ipv4, ipv6};
use etherparse::{IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice};

use super::cursor::Cursor;
use super::{Fragment, FragmentInfo, Header, Layer, Skip, Step};

pub(super) const ICMP: u8 = 1;
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;
pub(super) const ICMPV6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

const IPV6_HEADER_LEN: usize = 40;

/// What an IP header says of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// Where the header starts in the frame.
    pub(super) offset: u32,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: u8,
    pub(super) hop_limit: u8,
    pub(super) id: Option<u16>,
    pub(super) dont_fragment: bool,
    pub(super) fragment: Option<FragmentInfo>,
}

/// Reads an IP header of the version that its first nibble names.
pub(super) fn any(at: Cursor<'_>) -> Step<'_> {
    let [first] = at.head::<1>(Layer::Ip)?;
    match first >> 4 {
        4 => v4(at),
        6 => v6(at),
        version => Err(at.bad(Layer::Ip, "Version", version)),
    }
}

/// Reads an IPv4 header with its options. A total length of zero stands for a segment that the sender's network card had
/// still to cut up: the length is then that of the frame.
pub(super) fn v4(at: Cursor<'_>) -> Step<'_> {
    let header = Ipv4HeaderSlice::from_slice(at.bytes).map_err(|error| v4_fault(at, error))?;
    let header_len = header.slice().len();
    let total_len = if header.total_len() == 0 { at.wire_len } else { header.total_len().into() };
    if (total_len as usize) < header_len {
        return Err(at.bad(Layer::Ip, "Total Length", total_len));
    }
    let body = at.limit(total_len).advance(header_len);
    let packet = Packet {
        offset: at.offset(),
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: header.protocol().0,
        hop_limit: header.ttl(),
        id: Some(header.identification()),
        dont_fragment: header.dont_fragment(),
        fragment: None,
    };
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let id = header.identification().into();
    match fragment(packet, id, offset, header.more_fragments(), body)? {
        Header::Payload(packet) if packet.protocol == AUTHENTICATION => extensions(packet, body),
        header => Ok((header, body)),
    }
}

/// Reads an IPv6 header and the extension headers behind it. A payload length of zero stands for a jumbogram (RFC 2675) or
/// for a segment that the sender's network card had still to cut up.
pub(super) fn v6(at: Cursor<'_>) -> Step<'_> {
    let header = Ipv6HeaderSlice::from_slice(at.bytes).map_err(|error| v6_fault(at, error))?;
    let body = at.advance(IPV6_HEADER_LEN);
    let next_header = header.next_header().0;
    let payload_len = match header.payload_length() {
        0 if next_header == HOP_BY_HOP => jumbo_payload_len(body).unwrap_or(body.wire_len),
        0 => body.wire_len,
        len => len.into(),
    };
    let packet = Packet {
        offset: at.offset(),
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: next_header,
        hop_limit: header.hop_limit(),
        id: None,
        dont_fragment: true,
        fragment: None,
    };
    extensions(packet, body.limit(payload_len))
}

/// The jumbo payload length (RFC 2675 2) in the hop-by-hop options at `at`: options of type, length and data, but for Pad1.
fn jumbo_payload_len(at: Cursor<'_>) -> Option<u32> {
    let header = Ipv6RawExtHeaderSlice::from_slice(at.bytes).ok()?;
    let mut options = header.slice().get(2..)?;
    loop {
        options = match options {
            [0, rest @ ..] => rest,
            [0xc2, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            [_, len, rest @ ..] => rest.get(usize::from(*len)..)?,
            _ => return None,
        };
    }
}

/// Follows the extension headers up to the payload proper (RFC 8200 4; RFC 4302 for the authentication header of IPv4).
fn extensions(mut packet: Packet, mut at: Cursor<'_>) -> Step<'_> {
    loop {
        let (next_header, len) = match packet.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                let header = Ipv6RawExtHeaderSlice::from_slice(at.bytes).map_err(|error| short(at, &error))?;
                (header.next_header().0, header.slice().len())
            }
            AUTHENTICATION => {
                let header =
                    IpAuthHeaderSlice::from_slice(at.bytes).map_err(|error| authentication_fault(at, error))?;
                (header.next_header().0, header.slice().len())
            }
            FRAGMENT => {
                let header = Ipv6FragmentHeaderSlice::from_slice(at.bytes).map_err(|error| short(at, &error))?;
                let offset = u32::from(header.fragment_offset().value()) * 8;
                let (id, more) = (header.identification(), header.more_fragments());
                let low_half = (id & 0xffff) as u16;
                packet = Packet { protocol: header.next_header().0, id: Some(low_half), ..packet };
                let body = at.advance(header.slice().len());
                match fragment(packet, id, offset, more, body)? {
                    Header::Payload(first) => packet = first,
                    later => return Ok((later, body)),
                }
                (packet.protocol, header.slice().len())
            }
            _ => return Ok((Header::Payload(packet), at)),
        };
        packet.protocol = next_header;
        at = at.advance(len);
    }
}

/// Tells a whole packet and a first fragment, whose payload can be read, from a later fragment, whose payload cannot.
fn fragment(packet: Packet, id: u32, offset: u32, more: bool, body: Cursor<'_>) -> Result<Header, Skip> {
    let len = body.wire_len;
    match (offset, more) {
        (0, false) => Ok(Header::Payload(packet)),
        (0, true) => Ok(Header::Payload(Packet { fragment: Some(FragmentInfo { id, len }), ..packet })),
        _ if packet.protocol != TCP => Err(body.not_tcp(Layer::Ip, packet.protocol)),
        _ => {
            let fragment = Fragment { src: packet.src, dst: packet.dst, id, offset, len, last: !more };
            Ok(Header::Fragment(fragment, packet.offset))
        }
    }
}

fn v4_fault(at: Cursor<'_>, error: ipv4::HeaderSliceError) -> Skip {
    use ipv4::{HeaderError, HeaderSliceError};
    match error {
        HeaderSliceError::Len(error) => short(at, &error),
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            at.bad(Layer::Ip, "Version", version_number)
        }
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => at.bad(Layer::Ip, "IHL", ihl),
    }
}

fn v6_fault(at: Cursor<'_>, error: ipv6::HeaderSliceError) -> Skip {
    use ipv6::{HeaderError, HeaderSliceError};
    match error {
        HeaderSliceError::Len(error) => short(at, &error),
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
            at.bad(Layer::Ip, "Version", version_number)
        }
    }
}

fn authentication_fault(at: Cursor<'_>, error: ip_auth::HeaderSliceError) -> Skip {
    match error {
        ip_auth::HeaderSliceError::Len(error) => short(at, &error),
        ip_auth::HeaderSliceError::Content(_) => at.bad(Layer::Ip, "Payload Len", 0u32),
    }
}

fn short(at: Cursor<'_>, error: &LenError) -> Skip {
    at.short(Layer::Ip, error.required_len)
}
