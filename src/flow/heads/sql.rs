//! The first word of an SQL statement.

/// Statements that clients send, by their first word. A closed list, so that an accidental byte pattern is not taken for
/// SQL, and nothing of a statement but its kind reaches a report.
const VERBS: [&str; 46] = [
    "ABORT",
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "INSERT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "OPTIMIZE",
    "PREPARE",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UPDATE",
    "USE",
    "VACUUM",
    "WITH",
];

/// What the first word of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Not one of SQL, whatever follows.
    No,
    /// Nothing yet; further octets may tell.
    NeedMore,
    /// This one, in capitals.
    Is(&'static str),
}

/// Reads the first word of `statement`, behind white space, opening brackets and comments; where the statement is `whole`,
/// its end is the end of the word.
#[must_use]
pub fn verb(statement: &[u8], whole: bool) -> Verb {
    let mut rest = statement;
    loop {
        rest = match rest {
            [b' ' | b'\t' | b'\r' | b'\n' | b'(', rest @ ..] => rest,
            [] | [b'/' | b'-'] => return Verb::NeedMore,
            [b'/', b'*', comment @ ..] => match comment.windows(2).position(|pair| pair == b"*/") {
                Some(end) => comment.get(end + 2..).unwrap_or_default(),
                None => return Verb::NeedMore,
            },
            [b'-', b'-', comment @ ..] => match comment.iter().position(|&octet| octet == b'\n') {
                Some(end) => comment.get(end..).unwrap_or_default(),
                None => return Verb::NeedMore,
            },
            _ => return word(rest, whole),
        };
    }
}

fn word(rest: &[u8], whole: bool) -> Verb {
    let end = rest.iter().position(|octet| !octet.is_ascii_alphabetic());
    let (letters, rest) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or_default();
    match rest {
        [] if !whole => {
            let begins_with =
                |verb: &&str| verb.as_bytes().get(..letters.len()).is_some_and(|v| v.eq_ignore_ascii_case(letters));
            if VERBS.iter().any(begins_with) { Verb::NeedMore } else { Verb::No }
        }
        [] | [0 | b' ' | b'\t' | b'\r' | b'\n' | b'(' | b';' | b'*' | b'/' | b'-' | b'"' | b'\'' | b'$', ..] => {
            let verb = VERBS.iter().find(|verb| verb.as_bytes().eq_ignore_ascii_case(letters));
            verb.copied().map_or(Verb::No, Verb::Is)
        }
        _ => Verb::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(text: &[u8]) -> Verb {
        verb(text, false)
    }

    #[test]
    fn the_first_word_says_the_kind() {
        assert_eq!(verb_of(b"select pg_sleep(120)\0"), Verb::Is("SELECT"));
        assert_eq!(verb_of(b"  (SELECT 1) UNION"), Verb::Is("SELECT"));
        assert_eq!(verb_of(b"/* app:billing */ -- why\n UPDATE t"), Verb::Is("UPDATE"));
        assert_eq!(verb_of(b"COMMIT\0"), Verb::Is("COMMIT"));
        assert_eq!(verb_of(b"SELECT*FROM t"), Verb::Is("SELECT"));
        assert_eq!(verb(b"commit", true), Verb::Is("COMMIT"));
        assert_eq!(verb(b"comm", true), Verb::No);
    }

    #[test]
    fn what_is_no_statement_has_none() {
        for text in ["SELECTED ", "hello world", "\0", "\x01\x02", "SELECT\x01", "/x", "-x"] {
            assert_eq!(verb_of(text.as_bytes()), Verb::No, "{text:?}");
        }
        for text in ["", "SEL", "SELECT", "/", "/* SELECT 1", "-- SELECT 1", "-"] {
            assert_eq!(verb_of(text.as_bytes()), Verb::NeedMore, "{text:?}");
        }
    }
}
