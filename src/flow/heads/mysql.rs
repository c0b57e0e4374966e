//! MySQL and MariaDB: statements sent as text (MySQL manual, "Client/Server Protocol", `COM_QUERY`).

use super::sql::{Verb, verb};
use super::{Decoded, Found};

const COM_QUERY: u8 = 3;

/// A packet that opens an exchange (number 0) with a statement.
#[must_use]
pub fn query(head: &[u8]) -> Decoded<'_> {
    let (len, body) = match head {
        [low, middle, high, 0, body @ ..] => (u32::from_le_bytes([*low, *middle, *high, 0]), body),
        _ if head.len() < 4 => return Decoded::NeedMore,
        _ => return Decoded::No,
    };
    let body_len = usize::try_from(len).unwrap_or(usize::MAX);
    let whole = body.len() >= body_len;
    let found = match body.get(..body_len).unwrap_or(body) {
        // Since 8.0.23 a client may announce query attributes: here none, in one set.
        [COM_QUERY] | [COM_QUERY, 0] => Verb::NeedMore,
        [COM_QUERY, 0, 1, statement @ ..] | [COM_QUERY, statement @ ..] => verb(statement, whole),
        [] if !whole => Verb::NeedMore,
        _ => Verb::No,
    };
    match found {
        Verb::Is(word) => Decoded::Whole(Found::Message { name: "MySQL query", word: word.as_bytes(), opaque: false }),
        Verb::NeedMore if !whole => Decoded::NeedMore,
        _ => Decoded::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        let named = |word| Decoded::Whole(Found::Message { name: "MySQL query", word, opaque: false });
        assert_eq!(query(b"\x12\0\0\0\x03select sleep(120)"), named(b"SELECT"));
        assert_eq!(query(b"\x0a\0\0\0\x03\0\x01SHOW x;"), named(b"SHOW"));
        assert_eq!(query(b"\x07\0\0\0\x03COMMIT"), named(b"COMMIT"));
        assert_eq!(query(b"\x08\0\0\0\x03COMMIT"), Decoded::NeedMore);
        assert_eq!(query(b"\x12\0\0\0"), Decoded::NeedMore);
    }

    #[test]
    fn other_things() {
        for head in [
            &b"\x4a\0\0\0\x0a8.0.36\0"[..],
            b"\x12\0\0\x01\x03select sleep(120)",
            b"\x12\0\0\0\x03hello",
            b"\x05\0\0\0\x03SELECT 1",
            b"\0\0\0\0\x03SELECT 1",
            b"\x01\0\0\0\x0e",
        ] {
            assert_eq!(query(head), Decoded::No, "{head:?}");
        }
    }
}
