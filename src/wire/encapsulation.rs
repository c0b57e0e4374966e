//! What lies between Ethernet and IP on the way through a provider's network: MPLS, PPPoE, PPP.

use super::cursor::Cursor;
use super::{Header, Layer, Step};

const LABEL_LEN: usize = 4;
const CONTROL_WORD_LEN: usize = 4;
const PPPOE_LEN: usize = 6;

/// Reads a stack of MPLS labels (RFC 3032 2.1), down to the one with the bottom-of-stack bit. Nothing says what follows, so
/// its first nibble decides, as it does for routers (RFC 4928 3): 4 and 6 are IP, the rest an Ethernet pseudowire.
pub(super) fn mpls(mut at: Cursor<'_>) -> Step<'_> {
    loop {
        let [_, _, label_end, _] = at.head::<LABEL_LEN>(Layer::Link)?;
        at = at.advance(LABEL_LEN);
        if label_end & 1 == 1 {
            break;
        }
    }
    let [first] = at.head::<1>(Layer::Link)?;
    match first >> 4 {
        4 | 6 => Ok((Header::Ip, at)),
        0 if has_control_word(at) => Ok((Header::Ethernet, at.advance(CONTROL_WORD_LEN))),
        _ => Ok((Header::Ethernet, at)),
    }
}

/// Whether a pseudowire that starts with a zero nibble starts with a control word (RFC 4448 4.6), and not with a MAC address
/// of that beginning: the EtherType that is one decides, and where neither is, the control word is the better custom.
fn has_control_word(at: Cursor<'_>) -> bool {
    let ether_type = |at: Cursor<'_>| {
        at.bytes
            .first_chunk::<14>()
            .is_some_and(|[.., high, low]| is_known_ether_type(u16::from_be_bytes([*high, *low])))
    };
    ether_type(at.advance(CONTROL_WORD_LEN)) || !ether_type(at)
}

/// Reads a PPPoE header of the session stage (RFC 2516 4), which says how much it carries. A length of zero, which no PPP packet
/// has, stands for one that the network card had still to fill in.
pub(super) fn pppoe(at: Cursor<'_>) -> Step<'_> {
    let [version_and_type, code, _, _, len @ ..] = *at.head::<PPPOE_LEN>(Layer::Link)?;
    let body = at.advance(PPPOE_LEN);
    match (version_and_type, code) {
        (0x11, 0) if len == [0, 0] => Ok((Header::Ppp, body)),
        (0x11, 0) => Ok((Header::Ppp, body.enclose(u16::from_be_bytes(len).into()))),
        (0x11, _) => Err(at.not_tcp(Layer::Link, 0x8864u16)),
        _ => Err(at.bad(Layer::Link, "VER/TYPE", version_and_type)),
    }
}

/// Reads the protocol field of PPP (RFC 1661 2) in two bytes or, compressed, in one (6.5), behind the address and control
/// fields of HDLC framing where they are (RFC 1662 3.1).
pub(super) fn ppp(at: Cursor<'_>) -> Step<'_> {
    // No protocol starts with 0xff (RFC 1661 2), so this is the address of all stations, whatever the control field says.
    let at = if at.bytes.first() == Some(&0xff) { at.advance(2) } else { at };
    let [first] = *at.head::<1>(Layer::Link)?;
    let (protocol, at) = if first & 1 == 1 {
        (first.into(), at.advance(1))
    } else {
        (u16::from_be_bytes(*at.head::<2>(Layer::Link)?), at.advance(2))
    };
    match protocol {
        0x0021 | 0x0057 => Ok((Header::Ip, at)),
        0x0281 | 0x0283 => Ok((Header::Mpls, at)),
        other => Err(at.not_tcp(Layer::Link, other)),
    }
}

/// Whether a frame's type field could well hold `number`.
pub(super) fn is_known_ether_type(number: u16) -> bool {
    matches!(number, 0x0800 | 0x0806 | 0x86dd | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x88cc)
}
