//! Redis: commands as arrays of bulk strings (RESP, redis.io "Redis serialization protocol specification").

use super::{Decoded, Found};

/// The longest name of a command, those of modules included, with room to spare.
const LONGEST_COMMAND: usize = 32;
/// Digits of the largest count that a server accepts (1,048,576 elements).
const LONGEST_COUNT: usize = 7;

/// `*count CRLF $length CRLF name CRLF`: the name of a command.
#[must_use]
pub fn command(head: &[u8]) -> Decoded<'_> {
    read(head).unwrap_or_else(|undecided| undecided)
}

fn read(head: &[u8]) -> Result<Decoded<'_>, Decoded<'_>> {
    let (_count, rest) = number(head, b'*')?;
    let (len, rest) = number(rest, b'$')?;
    if len > LONGEST_COMMAND {
        return Err(Decoded::No);
    }
    let word = rest.get(..len).unwrap_or(rest);
    let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-');
    if !word.iter().all(is_name) {
        return Err(Decoded::No);
    }
    super::behind(rest.get(len..).unwrap_or_default(), b"\r\n")?;
    Ok(Decoded::Whole(Found::Message { name: "Redis", word, opaque: false }))
}

/// A number from 1 on between `mark` and CR LF, and what follows.
fn number(head: &[u8], mark: u8) -> Result<(usize, &[u8]), Decoded<'_>> {
    let rest = super::behind(head, &[mark])?;
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits).ok_or(Decoded::No)?;
    if number.len() > LONGEST_COUNT || number.starts_with(b"0") {
        return Err(Decoded::No);
    }
    if number.is_empty() && !rest.is_empty() {
        return Err(Decoded::No);
    }
    let rest = super::behind(rest, b"\r\n")?;
    let value = number.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
    Ok((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let named = |word| Decoded::Whole(Found::Message { name: "Redis", word, opaque: false });
        assert_eq!(command(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n"), named(b"BLPOP"));
        assert_eq!(command(b"*1\r\n$4\r\nping\r\n"), named(b"ping"));
        assert_eq!(command(b"*2\r\n$8\r\nJSON.GET\r\n"), named(b"JSON.GET"));
        for head in ["", "*", "*1", "*1\r", "*1\r\n", "*1\r\n$4\r\npi", "*1\r\n$4\r\nping\r"] {
            assert_eq!(command(head.as_bytes()), Decoded::NeedMore, "{head:?}");
        }
    }

    #[test]
    fn other_things() {
        for head in [
            "*-1\r\n",
            "*0\r\n",
            "*1\r\n$-1\r\n",
            "*1\n$4\r\nping\r\n",
            "*1\r\n$99\r\n",
            "*1\r\n$99999999999999999999\r\n",
            "*1\r\n$4\r\nping!!",
            "*1\r\n$4\r\np\0ng\r\n",
            "*1\r\n:1\r\n",
            "+OK\r\n",
        ] {
            assert_eq!(command(head.as_bytes()), Decoded::No, "{head:?}");
        }
    }
}
