//! Headers laid out by hand, each from the figure in its specification, and the one segment that all of them carry.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The segment that the frames carry unless a test says otherwise: 10.1.2.3:40000 to 10.4.5.6:443, three bytes of payload.
pub(crate) const SRC4: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
pub(crate) const DST4: Ipv4Addr = Ipv4Addr::new(10, 4, 5, 6);
pub(crate) const SRC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(crate) const DST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
pub(crate) const SRC_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
pub(crate) const DST_MAC: [u8; 6] = [0x06, 0, 0, 0, 0, 0x02];
pub(crate) const PAYLOAD: &[u8] = b"abc";

/// Joins byte strings.
pub(crate) fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// PSH and ACK from port 40000 to 443, sequence number 0x11223344, acknowledgment 0x55667788, window 0x7210, `options` in
/// whole words, `payload`.
pub(crate) fn tcp_with(options: &[u8], payload: &[u8]) -> Vec<u8> {
    assert_eq!(options.len() % 4, 0);
    let offset = ((20 + options.len()) / 4 * 16) as u8;
    let fixed =
        [0x9c, 0x40, 0x01, 0xbb, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, offset, 0x18, 0x72, 0x10, 0, 0, 0, 0];
    cat(&[&fixed, options, payload])
}

pub(crate) fn tcp() -> Vec<u8> {
    tcp_with(&[], PAYLOAD)
}

/// An IPv4 header with identification 0x1234, don't-fragment and TTL 61 in front of `payload`.
pub(crate) fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip4_fragment(protocol, 0x4000, payload)
}

/// The same with other flags and fragment offset.
pub(crate) fn ip4_fragment(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let mut header = vec![0x45, 0];
    header.extend(len.to_be_bytes());
    header.extend([0x12, 0x34]);
    header.extend(fragment.to_be_bytes());
    header.extend([61, protocol, 0, 0]);
    header.extend(SRC4.octets());
    header.extend(DST4.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    header.extend(payload);
    header
}

/// An IPv6 header with hop limit 62 in front of `payload`.
pub(crate) fn ip6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([next_header, 62]);
    header.extend(SRC6.octets());
    header.extend(DST6.octets());
    header.extend(payload);
    header
}

pub(crate) fn tcp4() -> Vec<u8> {
    ip4(6, &tcp())
}

pub(crate) fn tcp6() -> Vec<u8> {
    ip6(6, &tcp())
}

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&DST_MAC, &SRC_MAC, &ether_type.to_be_bytes(), payload])
}

/// LLC and SNAP with an EtherType in front of `payload`.
pub(crate) fn snap(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&[0xaa, 0xaa, 0x03, 0, 0, 0], &ether_type.to_be_bytes(), payload])
}

pub(crate) fn udp(dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    cat(&[&[0xc3, 0x50], &dst_port.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload])
}

/// An outer IPv4 header, its addresses unlike those of the segment inside.
pub(crate) fn outer4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ip4(protocol, payload);
    packet[12..20].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
    packet[8] = 7;
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum);
    packet
}

/// An outer IPv6 header.
pub(crate) fn outer6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ip6(next_header, payload);
    packet[7] = 9;
    packet[23] = 0x51;
    packet[39] = 0x52;
    packet
}

/// The checksum of an IPv4 header, whatever stands in its place.
fn checksum(header: &[u8]) -> [u8; 2] {
    let words = header.chunks(2).enumerate().filter(|(index, _)| *index != 5);
    let sum: u32 = words.map(|(_, word)| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}
