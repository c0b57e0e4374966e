//! What of TLS can be read behind the `ClientHello`: the server's answer, and the kind of record that a turn begins with.

use super::{Stop, Stretch, handshake, protocols};
use crate::flow::heads::{Decoded, Found};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A `ServerHello` (RFC 5246 7.4.1.3, RFC 8446 4.1.3) and the protocol that it picks, which TLS 1.3 encrypts.
#[must_use]
pub fn server_hello(head: &[u8]) -> Decoded<'_> {
    const SERVER_HELLO: u8 = 2;
    let message = match handshake(head, SERVER_HELLO) {
        Ok(message) => message,
        Err(undecided) => return undecided,
    };
    match (agreed(message.body()), message.end) {
        (Ok(protocol), _) => Decoded::Whole(Found::Agreed(protocol)),
        (Err(Stop::Short), Stop::Short) => Decoded::NeedMore,
        (Err(_), _) => Decoded::No,
    }
}

fn agreed(mut body: Stretch<'_>) -> Result<Option<Box<str>>, Stop> {
    if body.number(1)? != 3 {
        return Err(Stop::Broken);
    }
    let _minor_version_and_random = body.take(1 + 32)?;
    let _session = body.vector(1)?;
    let _cipher_and_compression = body.take(2 + 1)?;
    if body.len == 0 {
        return Ok(None);
    }
    let mut extensions = body.vector(2)?;
    while extensions.len > 0 {
        let kind = extensions.number(2)?;
        let mut data = extensions.vector(2)?;
        if kind == super::PROTOCOLS {
            return protocols(&mut data);
        }
    }
    Ok(None)
}

/// Names a client's turn by the type of its record (RFC 8446 5.1). A `change_cipher_spec` says nothing by itself: the record
/// behind it counts.
#[must_use]
pub fn record_kind(head: &[u8]) -> Decoded<'_> {
    /// The longest encrypted record (RFC 5246 6.2.3), in octets.
    const LONGEST: u16 = (1 << 14) + 2048;
    let [kind, 3, 0..=4, high, low, rest @ ..] = head else {
        let possible = matches!(head, [] | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA])
            || matches!(head, [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3])
            || matches!(
                head,
                [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4]
                    | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, _]
            );
        return if possible { Decoded::NeedMore } else { Decoded::No };
    };
    let name = match (*kind, u16::from_be_bytes([*high, *low])) {
        (CHANGE_CIPHER_SPEC, 1) => return rest.get(1..).map_or(Decoded::NeedMore, record_kind),
        (ALERT, 1..=LONGEST) => "TLS alert",
        (HANDSHAKE, 1..=LONGEST) => "TLS handshake",
        (APPLICATION_DATA, 1..=LONGEST) => "TLS application data",
        _ => return Decoded::No,
    };
    Decoded::Whole(Found::Message { name, word: b"", opaque: false })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alpn, records, vector};
    use super::*;

    fn answer(extensions: &[Vec<u8>]) -> Vec<u8> {
        let before = [&[3, 3][..], &[7; 32], &vector(1, &[9; 32]), &[0xc0, 0x2f, 0]].concat();
        [&[2][..], &vector(3, &[before, vector(2, &extensions.concat())].concat())].concat()
    }

    #[test]
    fn the_protocol_agreed_on() {
        let agreed = |name: Option<&str>| Decoded::Whole(Found::Agreed(name.map(Into::into)));
        let renegotiation = vec![0xff, 1, 0, 1, 0];
        let with = answer(&[renegotiation.clone(), alpn(&["h2"])]);
        for size in [1, 7, 1 << 14] {
            let head = records(&with, size);
            assert_eq!(server_hello(&head), agreed(Some("h2")));
            assert_eq!(server_hello(&head[..head.len() - 1]), Decoded::NeedMore);
        }
        assert_eq!(server_hello(&records(&answer(&[renegotiation]), 1 << 14)), agreed(None));
        // Before extensions there were none.
        let bare = [&[2, 0, 0, 38, 3, 3][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        assert_eq!(server_hello(&records(&bare, 1 << 14)), agreed(None));
    }

    #[test]
    fn other_answers() {
        for head in [&[21, 3, 3, 0, 2, 2, 40][..], &[22, 3, 3, 0, 4, 1, 0, 0, 0], &[23, 3, 3, 0, 1, 0], b"S"] {
            assert_eq!(server_hello(head), Decoded::No);
        }
    }

    #[test]
    fn records_by_their_type() {
        let named = |name| Decoded::Whole(Found::Message { name, word: b"", opaque: false });
        for (head, name) in [
            (&[23, 3, 3, 0, 40][..], "TLS application data"),
            (&[22, 3, 3, 0, 40], "TLS handshake"),
            (&[21, 3, 3, 0, 2], "TLS alert"),
            (&[20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 40], "TLS application data"),
            (&[20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 40], "TLS handshake"),
        ] {
            assert_eq!(record_kind(head), named(name));
            for len in 0..head.len() {
                assert_eq!(record_kind(&head[..len]), Decoded::NeedMore);
            }
        }
        for head in [&b"GET / HTTP/1.1"[..], &[23, 3, 5], &[23, 3, 3, 0, 0], &[23, 3, 3, 0xff, 0], &[19]] {
            assert_eq!(record_kind(head), Decoded::No);
        }
    }
}
