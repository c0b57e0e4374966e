//! PROXY protocol headers, version 1 (text) and 2 (binary): the client behind a proxy, in front of the first request
//! (haproxy.org, `proxy-protocol.txt`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, CR LF included (section 2.1).
const LONGEST_TEXT: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the first octets of a flow are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// No PROXY header, whatever follows.
    No,
    /// Nothing yet; further octets may tell.
    NeedMore,
    /// A header of `len` octets, all of which may not be here yet.
    Header {
        /// The real client; `None` where the proxy speaks for itself (health checks) or names none.
        client: Option<SocketAddr>,
        /// Octets of the header: what the client itself says comes behind them.
        len: usize,
    },
}

/// Reads the header that only the end that opened the connection may send, before anything else (section 2).
#[must_use]
pub fn header(head: &[u8]) -> Proxy {
    if SIGNATURE.starts_with(head) || b"PROXY ".starts_with(head) {
        return Proxy::NeedMore;
    }
    if let Some(rest) = head.strip_prefix(SIGNATURE) {
        return binary(rest);
    }
    match head.strip_prefix(b"PROXY ") {
        Some(rest) => text(rest),
        None => Proxy::No,
    }
}

/// Version 1, behind `PROXY `.
fn text(rest: &[u8]) -> Proxy {
    const BEFORE: usize = b"PROXY ".len();
    let room = rest.get(..LONGEST_TEXT - BEFORE).unwrap_or(rest);
    let Some(end) = room.windows(2).position(|pair| pair == b"\r\n") else {
        return if room.len() < LONGEST_TEXT - BEFORE { Proxy::NeedMore } else { Proxy::No };
    };
    let line = room.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let client = line.and_then(text_client);
    client.map_or(Proxy::No, |client| Proxy::Header { client, len: BEFORE + end + 2 })
}

/// `TCP4 SRC DST SPORT DPORT`; behind `UNKNOWN` anything goes.
fn text_client(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let address = |word: &str| match family {
        "TCP4" => word.parse().map(IpAddr::V4).ok(),
        "TCP6" => word.parse().map(IpAddr::V6).ok(),
        _ => None,
    };
    let (client, _server) = (address(words.next()?)?, address(words.next()?)?);
    let (client_port, _server_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Some(SocketAddr::new(client, client_port)))
}

fn port(word: &str) -> Option<u16> {
    word.bytes().all(|octet| octet.is_ascii_digit()).then(|| word.parse().ok())?
}

/// Version 2, behind the signature: version and command, family and transport, length of what follows (section 2.2).
fn binary(rest: &[u8]) -> Proxy {
    const BEFORE: usize = SIGNATURE.len() + 4;
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const TCP_OVER_IPV4: u8 = 0x11;
    const TCP_OVER_IPV6: u8 = 0x21;
    let (command, family, len, block) = match rest {
        [command, ..] if ![LOCAL, PROXY].contains(command) => return Proxy::No,
        [command, family, high, low, block @ ..] => (*command, *family, u16::from_be_bytes([*high, *low]), block),
        _ => return Proxy::NeedMore,
    };
    let needed = match (command, family) {
        (PROXY, TCP_OVER_IPV4) => 12,
        (PROXY, TCP_OVER_IPV6) => 36,
        _ => return Proxy::Header { client: None, len: BEFORE + usize::from(len) },
    };
    if usize::from(len) < needed {
        return Proxy::No;
    }
    let Some(block) = block.get(..needed) else { return Proxy::NeedMore };
    Proxy::Header { client: binary_client(block), len: BEFORE + usize::from(len) }
}

/// Both addresses and both ports, the client's first of each.
fn binary_client(block: &[u8]) -> Option<SocketAddr> {
    let (addresses, ports) = block.split_at_checked(block.len().checked_sub(4)?)?;
    let client: IpAddr = match addresses.len() {
        8 => Ipv4Addr::from(*addresses.first_chunk::<4>()?).into(),
        _ => Ipv6Addr::from(*addresses.first_chunk::<16>()?).into(),
    };
    Some(SocketAddr::new(client, u16::from_be_bytes(*ports.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(client: Option<&str>, len: usize) -> Proxy {
        Proxy::Header { client: client.map(|text| text.parse().unwrap()), len }
    }

    fn version_2(command: u8, family: u8, len: u16, block: &[u8]) -> Vec<u8> {
        [SIGNATURE, &[command, family][..], &len.to_be_bytes(), block].concat()
    }

    #[test]
    fn text_headers() {
        let line = b"PROXY TCP4 198.51.100.10 10.0.0.80 40001 8081\r\nGET / HTTP/1.1\r\n";
        assert_eq!(header(line), found(Some("198.51.100.10:40001"), 47));
        assert_eq!(header(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), found(Some("[2001:db8::1]:1"), 32));
        assert_eq!(header(b"PROXY UNKNOWN\r\n"), found(None, 15));
        assert_eq!(header(b"PROXY UNKNOWN ffff::1 and more\r\n"), found(None, 32));
        assert_eq!(header(&line[..46]), Proxy::NeedMore);
        assert_eq!(header(b""), Proxy::NeedMore);
    }

    #[test]
    fn broken_text_headers() {
        for line in [
            "PROXY TCP4 198.51.100.10 10.0.0.80 40001\r\n",
            "PROXY TCP4 198.51.100.10 10.0.0.80 40001 8081 \r\n",
            "PROXY TCP4 198.51.100.10 10.0.0.80 +4001 8081\r\n",
            "PROXY TCP4 198.51.100.10 10.0.0.80 65536 8081\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4  198.51.100.10 10.0.0.80 40001 8081\r\n",
            "PROXY UDP4 198.51.100.10 10.0.0.80 40001 8081\r\n",
            "PROXY TCP4 198.51.100.10 10.0.0.80 40001 8081\n\r\n",
            "PROXYTCP4",
        ] {
            assert_eq!(header(line.as_bytes()), Proxy::No, "{line:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(header(endless.as_bytes()), Proxy::No);
        assert_eq!(header(&endless.as_bytes()[..106]), Proxy::NeedMore);
        // 107 octets are the most: 105 and CR LF.
        let longest = format!("{}\r\n", &endless[..105]);
        assert_eq!(header(longest.as_bytes()), found(None, 107));
        assert_eq!(header(format!("{}\r\n", &endless[..106]).as_bytes()), Proxy::No);
    }

    #[test]
    fn binary_headers() {
        let ipv4 = [203, 0, 113, 7, 10, 0, 0, 80, 0x9c, 0x41, 0x1f, 0x91];
        assert_eq!(header(&version_2(0x21, 0x11, 12, &ipv4)), found(Some("203.0.113.7:40001"), 28));
        // Further fields (TLVs) lie between the addresses and what the client says.
        assert_eq!(header(&version_2(0x21, 0x11, 500, &ipv4)), found(Some("203.0.113.7:40001"), 516));
        let ipv6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16], &[0, 9, 0, 80]].concat();
        assert_eq!(header(&version_2(0x21, 0x21, 36, &ipv6)), found(Some("[2001:db8::1]:9"), 52));
        assert_eq!(header(&version_2(0x20, 0x11, 12, &ipv4)), found(None, 28));
        assert_eq!(header(&version_2(0x21, 0x00, 0, &[])), found(None, 16));
        assert_eq!(header(&version_2(0x21, 0x31, 216, &[])), found(None, 232));
    }

    /// `send-proxy-v2` of HAProxy 2.6.12 in front of a server at 198.51.100.80.
    #[test]
    fn a_recorded_binary_header() {
        let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x0a\xc6\x33\x64\x50\x9c\x41\0\x50";
        assert_eq!(header(head), found(Some("198.51.100.10:40001"), head.len()));
        for len in 0..head.len() {
            assert_eq!(header(&head[..len]), Proxy::NeedMore, "{len}");
        }
    }

    #[test]
    fn broken_binary_headers() {
        assert_eq!(header(&version_2(0x21, 0x11, 11, &[0; 12])), Proxy::No);
        assert_eq!(header(&version_2(0x31, 0x11, 12, &[0; 12])), Proxy::No);
        assert_eq!(header(&version_2(0x22, 0x11, 12, &[0; 12])), Proxy::No);
        assert_eq!(header(&version_2(0x21, 0x11, 12, &[0; 11])), Proxy::NeedMore);
        assert_eq!(header(b"\r\n\r\n\0\r\nQUIT\r"), Proxy::No);
    }

    proptest! {
        #[test]
        fn a_decision_outlives_every_continuation(
            head in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..64).prop_map(|rest| [&SIGNATURE[..], &[0x21], &rest].concat()),
                "PROXY (TCP4|TCP6|UNKNOWN|X)[ 0-9.:\r\n]{0,120}".prop_map(String::into_bytes),
            ],
            cut: prop::sample::Index,
        ) {
            let early = header(&head[..cut.index(head.len() + 1)]);
            prop_assert!(early == Proxy::NeedMore || early == header(&head));
        }
    }
}
