//! The words inside angle brackets and after the segment: TCP options, payload, framing.

use std::net::{IpAddr, SocketAddr};

use super::model::{Encapsulation, Extension, Framing, IcmpQuote, Position, TcpOption};
use super::scan::{Cursor, ScriptError, hex, number};

/// Octets that a TCP header has for options (RFC 9293 3.1).
const OPTION_SPACE: usize = 40;

/// `<mss 1460,sackOK,...>`, with the cursor on the opening bracket.
pub(super) fn tcp_options(cursor: &mut Cursor<'_>) -> Result<Vec<TcpOption>, ScriptError> {
    let open = cursor.offset();
    let text = cursor.remaining();
    let Some(close) = text.find('>') else {
        return Err(cursor.fault(open, "expected `>` after the options"));
    };
    let mut options = Vec::new();
    let mut start = open + 1;
    for item in text.get(1..close).unwrap_or("").split(',') {
        let mut part = cursor.part(start, start + item.len());
        options.push(tcp_option(&mut part)?);
        part.finish("`,` or `>`")?;
        start += item.len() + 1;
    }
    if options.iter().map(TcpOption::wire_len).sum::<usize>() > OPTION_SPACE {
        return Err(cursor.fault(open, "the options take more than the 40 octets that a TCP header has for them"));
    }
    cursor.advance(close + 1);
    Ok(options)
}

fn tcp_option(part: &mut Cursor<'_>) -> Result<TcpOption, ScriptError> {
    const EXPECTED: &str = "a TCP option (mss, sackOK, TS, nop, eol, wscale, sack, FO, TOA, TOA253, kind)";
    let word = part.word(EXPECTED)?;
    Ok(match word.text {
        "eol" => TcpOption::EndOfList,
        "nop" => TcpOption::NoOperation,
        "sackOK" => TcpOption::SackPermitted,
        "mss" => TcpOption::MaximumSegmentSize(part.take("a segment size, 0 to 65535", number)?),
        "wscale" => TcpOption::WindowScale(part.take("a shift, 0 to 255", number)?),
        "TS" => timestamps(part)?,
        "sack" => sack(part)?,
        "FO" if part.at_end() => TcpOption::FastOpen(Vec::new()),
        "FO" => TcpOption::FastOpen(part.take("a cookie in hexadecimal", hex)?),
        "TOA" => TcpOption::Toa(part.take("ADDRESS:PORT", endpoint)?),
        "TOA253" => part.take("[IPV6-ADDRESS]:PORT", |text| match endpoint(text)? {
            SocketAddr::V6(client) => Some(TcpOption::Toa253(client)),
            SocketAddr::V4(_) => None,
        })?,
        "kind" => {
            let kind = part.take("an option number, 2 to 255", |text| number(text).filter(|kind: &u8| *kind > 1))?;
            let bytes = if part.at_end() { Vec::new() } else { part.take("bytes in hexadecimal", hex)? };
            TcpOption::Raw(kind, bytes)
        }
        other => return Err(part.error(word.offset, EXPECTED, other)),
    })
}

fn timestamps(part: &mut Cursor<'_>) -> Result<TcpOption, ScriptError> {
    part.require("val")?;
    let value = part.take("a timestamp value", number)?;
    part.require("ecr")?;
    Ok(TcpOption::Timestamps(value, part.take("a timestamp echo", number)?))
}

fn sack(part: &mut Cursor<'_>) -> Result<TcpOption, ScriptError> {
    let mut blocks = Vec::new();
    while blocks.is_empty() || !part.at_end() {
        blocks.push(part.take("a block LEFT:RIGHT", |text| {
            let (left, right) = text.split_once(':')?;
            Some((position(left)?, position(right)?))
        })?);
    }
    Ok(TcpOption::Sack(blocks))
}

/// A relative number, possibly negative, or `@` and the number on the wire.
pub(super) fn position(text: &str) -> Option<Position> {
    if let Some(absolute) = text.strip_prefix('@') {
        return number(absolute).map(Position::Absolute);
    }
    let offset: i64 = number(text)?;
    (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&offset).then_some(Position::Relative(offset))
}

/// An address and a port; IPv6 in brackets and without a zone.
pub(super) fn endpoint(text: &str) -> Option<SocketAddr> {
    if text.contains('%') { None } else { text.parse().ok() }
}

/// A MAC address with colons.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = match hex(parts.next()?)?.as_slice() {
            [byte] => *byte,
            _ => return None,
        };
    }
    parts.next().is_none().then_some(octets)
}

/// `data "text"` or `data hex:00`, after the word `data`.
pub(super) fn payload(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, ScriptError> {
    let start = cursor.offset();
    if !cursor.peek().starts_with('"') {
        let bytes = cursor.take("a quoted text or hex:BYTES", |text| hex(text.strip_prefix("hex:")?))?;
        return if bytes.is_empty() {
            Err(cursor.fault(start, "expected at least one byte of data"))
        } else {
            Ok(bytes)
        };
    }
    let text = cursor.remaining();
    let mut bytes = Vec::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' if bytes.is_empty() => return Err(cursor.fault(start, "expected at least one byte of data")),
            '"' => {
                cursor.advance(at + 1);
                return Ok(bytes);
            }
            '\\' => {
                let escape = letters.next().and_then(|(_, letter)| escaped(letter));
                bytes.push(escape.ok_or_else(|| cursor.fault(start + at, "expected one of \\r \\n \\t \\\\ \\\""))?);
            }
            ' '..='~' => bytes.push(letter as u8),
            _ => return Err(cursor.fault(start + at, "expected printable ASCII; write other bytes as hex:BYTES")),
        }
    }
    Err(cursor.fault(start, "the quoted text has no end"))
}

const fn escaped(letter: char) -> Option<u8> {
    match letter {
        'r' => Some(b'\r'),
        'n' => Some(b'\n'),
        't' => Some(b'\t'),
        '\\' => Some(b'\\'),
        '"' => Some(b'"'),
        _ => None,
    }
}

/// Takes a framing word that both a flow and a segment may carry; `false` if the next word is none.
pub(super) fn shared_framing(cursor: &mut Cursor<'_>, framing: &mut Framing) -> Result<bool, ScriptError> {
    let offset = cursor.offset();
    let word = cursor.peek();
    let taken = match word {
        "vlan" => !framing.vlans.is_empty(),
        "df" => framing.dont_fragment.is_some(),
        "pad" => framing.padded,
        "snap" => framing.snap.is_some(),
        "ext" => !framing.extensions.is_empty(),
        "tunnel" => framing.tunnel.is_some(),
        _ => return Ok(false),
    };
    once(cursor, offset, word, taken)?;
    cursor.advance(word.len());
    match word {
        "vlan" => framing.vlans = cursor.take("VLAN numbers N or N.M, 0 to 4095 each, at most 4", vlans)?,
        "df" => framing.dont_fragment = Some(cursor.take("0 or 1", bit)?),
        "snap" => framing.snap = Some(cursor.take("a number of bytes", number)?),
        "ext" => {
            framing.extensions = cursor.take("extension headers (hop, dst, route, frag), at most 8", extensions)?
        }
        "tunnel" => framing.tunnel = Some(tunnel(cursor)?),
        _ => framing.padded = true,
    }
    Ok(true)
}

/// Takes a framing word of a segment; `false` if the next word is none.
pub(super) fn segment_framing(cursor: &mut Cursor<'_>, framing: &mut Framing) -> Result<bool, ScriptError> {
    let offset = cursor.offset();
    let word = cursor.peek();
    let taken = match word {
        "ttl" => framing.hop_limit.is_some(),
        "ipid" => framing.ip_id.is_some(),
        "mac" => framing.macs.is_some(),
        "frag" => framing.fragment_at.is_some(),
        "iplen" => framing.ip_length.is_some(),
        "icmp" => framing.icmp.is_some(),
        _ => return shared_framing(cursor, framing),
    };
    once(cursor, offset, word, taken)?;
    cursor.advance(word.len());
    match word {
        "ttl" => framing.hop_limit = Some(cursor.take("a hop limit, 0 to 255", number)?),
        "ipid" => framing.ip_id = Some(cursor.take("an IP identification, 0 to 65535", number)?),
        "mac" => framing.macs = Some((cursor.take("a MAC address", mac)?, cursor.take("a MAC address", mac)?)),
        "frag" => framing.fragment_at = Some(cursor.take("a multiple of 8, from 8", fragment_size)?),
        "iplen" => framing.ip_length = Some(cursor.take("an IP length, 0 to 65535", number)?),
        _ => framing.icmp = Some(icmp(cursor)?),
    }
    Ok(true)
}

/// An error if `word` was `taken` before.
pub(super) fn once(cursor: &Cursor<'_>, offset: usize, word: &str, taken: bool) -> Result<(), ScriptError> {
    if taken { Err(cursor.fault(offset, format_args!("`{word}` stands here a second time"))) } else { Ok(()) }
}

fn bit(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn fragment_size(text: &str) -> Option<u16> {
    number(text).filter(|size: &u16| *size >= 8 && size.is_multiple_of(8))
}

fn vlans(text: &str) -> Option<Vec<u16>> {
    let tags: Option<Vec<u16>> = text.split('.').map(|tag| number(tag).filter(|tag| *tag < 4096)).collect();
    tags.filter(|tags| tags.len() <= 4)
}

fn extensions(text: &str) -> Option<Vec<Extension>> {
    let headers: Option<Vec<Extension>> = text.split(',').map(extension).collect();
    headers.filter(|headers| headers.len() <= 8)
}

fn extension(text: &str) -> Option<Extension> {
    match text {
        "hop" => Some(Extension::HopByHop),
        "dst" => Some(Extension::Destination),
        "route" => Some(Extension::Routing),
        "frag" => Some(Extension::AtomicFragment),
        _ => None,
    }
}

fn tunnel(cursor: &mut Cursor<'_>) -> Result<Encapsulation, ScriptError> {
    const EXPECTED: &str = "a tunnel (vxlan VNI, geneve VNI, gre, ipip)";
    let vni = |text| number(text).filter(|vni: &u32| *vni < 1 << 24);
    let word = cursor.word(EXPECTED)?;
    match word.text {
        "vxlan" => Ok(Encapsulation::Vxlan(cursor.take("a VNI of 24 bits", vni)?)),
        "geneve" => Ok(Encapsulation::Geneve(cursor.take("a VNI of 24 bits", vni)?)),
        "gre" => Ok(Encapsulation::Gre),
        "ipip" => Ok(Encapsulation::IpInIp),
        other => Err(cursor.error(word.offset, EXPECTED, other)),
    }
}

fn icmp(cursor: &mut Cursor<'_>) -> Result<IcmpQuote, ScriptError> {
    const EXPECTED: &str = "an ICMP error (unreachable CODE, too-big MTU, time-exceeded)";
    let word = cursor.word(EXPECTED)?;
    Ok(match word.text {
        "unreachable" => IcmpQuote::Unreachable(cursor.take("a code, 0 to 255", number)?, sender(cursor)?),
        "too-big" => IcmpQuote::TooBig(cursor.take("an MTU, 0 to 65535", number)?, sender(cursor)?),
        "time-exceeded" => IcmpQuote::TimeExceeded(sender(cursor)?),
        other => return Err(cursor.error(word.offset, EXPECTED, other)),
    })
}

fn sender(cursor: &mut Cursor<'_>) -> Result<IpAddr, ScriptError> {
    cursor.require("from")?;
    cursor.take("an IP address", |text| if text.contains('%') { None } else { text.parse().ok() })
}
