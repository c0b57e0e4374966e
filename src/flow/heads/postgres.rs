//! PostgreSQL: how a session opens, and which kind of statement is asked (its manual, "Frontend/Backend Protocol").

use super::sql::{Verb, verb};
use super::{Decoded, Found};

/// The longest first packet that a server accepts (`MAX_STARTUP_PACKET_LENGTH`), in octets.
const LONGEST_OPENING: u32 = 10_000;
/// Statements up to 16 MiB are believed: beyond, the length is more likely another protocol's text.
const LONGEST_STATEMENT: u32 = 1 << 24;

/// The packet that opens a session, a simple query, or a statement to prepare.
#[must_use]
pub fn message(head: &[u8]) -> Decoded<'_> {
    match head {
        [b'Q', rest @ ..] => statement(rest, Some),
        [b'P', rest @ ..] => statement(rest, behind_name),
        [] | [0, ..] => opening(head),
        _ => Decoded::No,
    }
}

/// Without a type: length, then the version or one of the request codes in its place.
fn opening(head: &[u8]) -> Decoded<'_> {
    const CANCEL: [u8; 4] = 80_877_102_u32.to_be_bytes();
    const TLS: [u8; 4] = 80_877_103_u32.to_be_bytes();
    const GSSAPI: [u8; 4] = 80_877_104_u32.to_be_bytes();
    let (len, code) = match head.split_first_chunk() {
        Some((len, code)) => (u32::from_be_bytes(*len), code),
        None => {
            return if [0, 0].starts_with(head) || head.starts_with(&[0, 0]) { Decoded::NeedMore } else { Decoded::No };
        }
    };
    let is = |name| Decoded::Whole(Found::Message { name, word: b"", opaque: false });
    match code {
        _ if !(8..=LONGEST_OPENING).contains(&len) => Decoded::No,
        [0, 3, 0, 0..=2, ..] if len > 8 => is("PostgreSQL startup"),
        _ if len == 8 && code.starts_with(&TLS) => is("PostgreSQL TLS request"),
        _ if len == 8 && code.starts_with(&GSSAPI) => is("PostgreSQL GSSAPI request"),
        _ if len >= 16 && code.starts_with(&CANCEL) => is("PostgreSQL cancel request"),
        _ if code.len() < 4 && [CANCEL, TLS, GSSAPI, [0, 3, 0, 0]].iter().any(|known| known.starts_with(code)) => {
            Decoded::NeedMore
        }
        _ => Decoded::No,
    }
}

/// A length, which counts itself, then what `text` finds the statement in.
fn statement<'a>(rest: &'a [u8], text: impl Fn(&'a [u8]) -> Option<&'a [u8]>) -> Decoded<'a> {
    let Some((len, body)) = rest.split_first_chunk() else {
        // The upper octet of the length is the first.
        return if matches!(rest, [] | [0, ..]) { Decoded::NeedMore } else { Decoded::No };
    };
    let len = u32::from_be_bytes(*len);
    if !(5..LONGEST_STATEMENT).contains(&len) {
        return Decoded::No;
    }
    let body_len = usize::try_from(len - 4).unwrap_or(usize::MAX);
    let whole = body.len() >= body_len;
    let body = body.get(..body_len).unwrap_or(body);
    match text(body).map_or(Verb::NeedMore, |text| verb(text, whole)) {
        Verb::Is(word) => {
            Decoded::Whole(Found::Message { name: "PostgreSQL query", word: word.as_bytes(), opaque: false })
        }
        Verb::NeedMore if !whole => Decoded::NeedMore,
        _ => Decoded::No,
    }
}

/// A prepared statement's name ends with a NUL; drivers name them in plain ASCII.
fn behind_name(body: &[u8]) -> Option<&[u8]> {
    let end = body.iter().position(|&octet| octet == 0)?;
    body.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str, word: &'static [u8]) -> Decoded<'static> {
        Decoded::Whole(Found::Message { name, word, opaque: false })
    }

    #[test]
    fn openings() {
        let startup = b"\0\0\0\x21\0\x03\0\0user\0postgres\0database\0x\0\0";
        assert_eq!(message(startup), named("PostgreSQL startup", b""));
        assert_eq!(message(b"\0\0\0\x08\x04\xd2\x16\x2f"), named("PostgreSQL TLS request", b""));
        assert_eq!(message(b"\0\0\0\x08\x04\xd2\x16\x30"), named("PostgreSQL GSSAPI request", b""));
        assert_eq!(message(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02"), named("PostgreSQL cancel request", b""));
        for len in 0..8 {
            assert_eq!(message(&startup[..len]), Decoded::NeedMore, "{len}");
        }
    }

    #[test]
    fn statements() {
        assert_eq!(message(b"Q\0\0\0\x18select pg_sleep(1)\0"), named("PostgreSQL query", b"SELECT"));
        assert_eq!(message(b"P\0\0\0\x12\0INSERT INTO \0"), named("PostgreSQL query", b"INSERT"));
        assert_eq!(message(b"P\0\0\0\x12stmt1\0UPDATE t"), named("PostgreSQL query", b"UPDATE"));
        assert_eq!(message(b"Q\0\0\0\x18sel"), Decoded::NeedMore);
    }

    #[test]
    fn other_things() {
        for head in [
            &b"QUIT\r\n"[..],
            b"Q\0\0\0\x04",
            b"Q\xff\xff\xff\xffSELECT 1",
            b"Q\0\0\0\x07SELECT 1\0",
            b"Q\0\0\0\x09hello",
            b"\0\0\0\x08\0\x03\0\0",
            b"\0\0\0\x07",
            b"\0\0\0\x09\x04\xd2\x16\x2f",
            b"\0\x01",
            b"PASS secret\r\n",
        ] {
            assert_eq!(message(head), Decoded::No, "{head:?}");
        }
    }
}
