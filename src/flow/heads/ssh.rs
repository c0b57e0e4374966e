//! SSH identification strings (RFC 4253 4.2).

use super::{Decoded, Found, behind};

/// The longest identification string, CR LF included (RFC 4253 4.2, MUST).
const LONGEST: usize = 255;

/// `SSH-2.0-software`: names the software, since everything that is asked later is encrypted.
#[must_use]
pub fn banner(head: &[u8]) -> Decoded<'_> {
    let rest = match behind(head, b"SSH-") {
        Ok(rest) => rest,
        Err(undecided) => return undecided,
    };
    if ![&b"2.0-"[..], b"1.99-", b"1.5-"].iter().any(|version| rest.starts_with(version) || version.starts_with(rest)) {
        return Decoded::No;
    }
    let room = head.get(..LONGEST).unwrap_or(head);
    let end = room.iter().position(|octet| !matches!(octet, b' '..=b'~'));
    match end.and_then(|end| room.split_at_checked(end)) {
        Some((line, [b'\r' | b'\n', ..])) => {
            // Comments follow a space.
            let word = line.split(|&octet| octet == b' ').next().unwrap_or(line);
            Decoded::Whole(Found::Message { name: "", word, opaque: true })
        }
        None if room.len() < LONGEST => Decoded::NeedMore,
        _ => Decoded::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners() {
        let named = |word| Decoded::Whole(Found::Message { name: "", word, opaque: true });
        assert_eq!(banner(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0"), named(b"SSH-2.0-OpenSSH_9.2p1"));
        assert_eq!(banner(b"SSH-1.99-Cisco-1.25\n"), named(b"SSH-1.99-Cisco-1.25"));
        assert_eq!(banner(b"SSH-2.0-Open"), Decoded::NeedMore);
    }

    #[test]
    fn other_things() {
        assert_eq!(banner(b"SSH-3.0-x\r\n"), Decoded::No);
        assert_eq!(banner(b"SSH-2.0-a\0b\r\n"), Decoded::No);
        assert_eq!(banner(b"SMTP"), Decoded::No);
        let endless = format!("SSH-2.0-{}\r\n", "x".repeat(300));
        assert_eq!(banner(endless.as_bytes()), Decoded::No);
        assert_eq!(banner(&endless.as_bytes()[..254]), Decoded::NeedMore);
    }
}
