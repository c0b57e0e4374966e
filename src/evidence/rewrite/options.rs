//! What may stand in TCP options and IPv6 extension headers beside numbers: addresses, cookies, keys.

use std::net::IpAddr;
use std::ops::Range;

use super::v6_address;
use crate::evidence::pseudonyms::Pseudonyms;

/// Octets of a TCP header in front of its options.
const TCP_FIXED_LEN: usize = 20;
const IPV6_LEN: usize = 40;
/// Identifiers (RFC 6994) with which experiments open an option that a client's address is told from: Fast Open, TCP-ENO,
/// SMC-R, Accurate ECN.
const EXPERIMENTS: [[u8; 2]; 6] = [[0xf9, 0x89], [0x45, 0x4e], [0xe2, 0xd4], [0xac, 0xce], [0xac, 0xc0], [0xac, 0xc1]];

/// The options of the TCP header in `range`, as far as they were captured.
pub(super) fn tcp(data: &mut [u8], range: Range<usize>, pseudonyms: &mut Pseudonyms) {
    let end = range.end.min(data.len());
    let mut options = data.get_mut(range.start + TCP_FIXED_LEN..end).unwrap_or_default();
    loop {
        let len = match *options {
            [1, ..] => 1,
            [kind, len, ..] if kind != 0 && len >= 2 => usize::from(len).min(options.len()),
            // The end of the list; what follows means nothing to the receiver.
            _ => return options.fill(0),
        };
        let (option, rest) = options.split_at_mut(len);
        if let [kind, _, option @ ..] = option {
            tcp_option(*kind, option, pseudonyms);
        }
        options = rest;
    }
}

/// The octets of one option behind its kind and length.
fn tcp_option(kind: u8, option: &mut [u8], pseudonyms: &mut Pseudonyms) {
    match (kind, option.len()) {
        // Segment size, window scale, SACK and timestamps, in the lengths that they have.
        (2, 2) | (3, 1) | (4, 0) | (5, 8 | 16 | 24 | 32) | (8, 8) => {}
        // Multipath: the first octet says what it is.
        (30, _) => pseudonyms.scramble(option.get_mut(1..).unwrap_or_default()),
        (253 | 254, len) => {
            let is_experiment = option.first_chunk().is_some_and(|id| EXPERIMENTS.contains(id));
            match option.get_mut(2..) {
                Some(address) if !is_experiment && (len == 6 && kind == 254 || len == 18) => {
                    real_client(address, pseudonyms);
                }
                Some(rest) if is_experiment => pseudonyms.scramble(rest),
                _ => pseudonyms.scramble(option),
            }
        }
        _ => pseudonyms.scramble(option),
    }
}

/// The address of a real client, as an LVS FULLNAT director tells it behind the port.
fn real_client(address: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let ip = match (address.first_chunk::<16>(), address.first_chunk::<4>()) {
        (Some(ip), _) => IpAddr::from(*ip),
        (None, Some(ip)) => IpAddr::from(*ip),
        _ => return,
    };
    match pseudonyms.address(ip) {
        IpAddr::V4(ip) => address.copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => address.copy_from_slice(&ip.octets()),
    }
}

/// The extension headers of the IPv6 header that begins `range`, which ends where its payload begins.
pub(super) fn extensions(data: &mut [u8], range: Range<usize>, pseudonyms: &mut Pseudonyms) {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION: u8 = 60;
    let mut kind = data.get(range.start + 6).copied().unwrap_or(u8::MAX);
    let mut start = range.start + IPV6_LEN;
    while start + 8 <= range.end.min(data.len()) {
        let Some([next, words]) = data.get(start..).and_then(|rest| rest.first_chunk::<2>()).copied() else { return };
        let len = match kind {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(words) + 2) * 4,
            _ => (usize::from(words) + 1) * 8,
        };
        let end = (start + len).min(range.end);
        match kind {
            FRAGMENT | AUTHENTICATION => {}
            HOP_BY_HOP | DESTINATION => ipv6_options(data.get_mut(start + 2..end).unwrap_or_default()),
            ROUTING => {
                let mut at = start + 8;
                while at + 16 <= end {
                    v6_address(data, at, pseudonyms);
                    at += 16;
                }
                data.get_mut(at..end).unwrap_or_default().fill(0);
            }
            // Mobility, host identity, shim.
            _ => data.get_mut(start + 4..end).unwrap_or_default().fill(0),
        }
        (kind, start) = (next, start + len);
    }
}

/// Padding in the place of options, but for the jumbo payload length (RFC 2675) and the router alert (RFC 2711).
fn ipv6_options(mut options: &mut [u8]) {
    loop {
        options = match options {
            [0, rest @ ..] => rest,
            [kind, len, rest @ ..] => {
                let len = usize::from(*len).min(rest.len());
                let (option, rest) = rest.split_at_mut(len);
                if !matches!((*kind, len), (0xc2, 4) | (5, 2)) {
                    *kind = 1;
                    option.fill(0);
                }
                rest
            }
            _ => return,
        };
    }
}
