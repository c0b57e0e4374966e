//! HTTP/1 request and status lines (RFC 9112 3 and 4).

use super::{Decoded, Found, behind};

/// The longest target that is waited for to end: behind it, a known method and this many visible octets must do.
const LONG_TARGET: usize = 512;
/// Methods that are believed before the version was read (RFC 9110 9, RFC 5789).
const METHODS: [&[u8]; 9] = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
/// The longest method of any extension in the IANA registry has 17 letters.
const LONGEST_METHOD: usize = 17;

/// A request line, and the Host field behind it.
#[must_use]
pub fn request(head: &[u8]) -> Decoded<'_> {
    let head = without_empty_lines(head);
    let method_len = head.iter().take(LONGEST_METHOD + 1).take_while(|octet| is_method_octet(octet)).count();
    let (method, rest) = match head.split_at_checked(method_len) {
        Some((method, [b' ', rest @ ..])) if (1..=LONGEST_METHOD).contains(&method_len) => (method, rest),
        Some((_, [])) if method_len <= LONGEST_METHOD => return Decoded::NeedMore,
        Some(([], [b'\r'])) => return Decoded::NeedMore,
        _ => return Decoded::No,
    };
    let target_len = rest.iter().position(|&octet| !is_target_octet(octet)).unwrap_or(rest.len());
    let Some((target, rest)) = rest.split_at_checked(target_len) else { return Decoded::No };
    if !is_target(method, target) {
        return needed_if(rest.is_empty() && may_become_target(target));
    }
    let line = Found::Request { method, target, host: None };
    let known = METHODS.contains(&method);
    match rest {
        [] if known && (target.len() >= LONG_TARGET || target.contains(&b'?')) => Decoded::Partial(line),
        [] => Decoded::NeedMore,
        [b' ', rest @ ..] => match version(rest) {
            Ok(fields) => with_host(method, target, fields),
            Err(Decoded::NeedMore) if known => Decoded::Partial(line),
            Err(other) => other,
        },
        _ => Decoded::No,
    }
}

/// The status line of a final response: those of interim ones (1xx, RFC 9110 15.2) are passed over with their fields.
#[must_use]
pub fn response(mut head: &[u8]) -> Decoded<'_> {
    let mut interim = None;
    loop {
        let undecided = || interim.map_or(Decoded::NeedMore, |code| Decoded::Partial(Found::Status(code)));
        let code = match status(head) {
            Ok(code) => code,
            Err(Decoded::NeedMore) => return undecided(),
            // What follows an interim response without being a response does not take it back.
            Err(other) => return interim.map_or(other, |code| Decoded::Whole(Found::Status(code))),
        };
        if code == 101 || code >= 200 {
            return Decoded::Whole(Found::Status(code));
        }
        interim = Some(code);
        let Some(rest) = behind_fields(head) else { return Decoded::Partial(Found::Status(code)) };
        head = rest;
    }
}

/// RFC 9112 2.2: a server ought to ignore at least one empty line in front of the request line.
fn without_empty_lines(mut head: &[u8]) -> &[u8] {
    while let Some(rest) = head.strip_prefix(b"\r\n") {
        head = rest;
    }
    head
}

const fn is_method_octet(octet: &u8) -> bool {
    octet.is_ascii_uppercase() || matches!(octet, b'-' | b'_')
}

/// Visible octets; those beyond ASCII are not allowed (RFC 3986 2), but sent by some clients.
const fn is_target_octet(octet: u8) -> bool {
    octet > b' ' && octet != 0x7f
}

/// The four forms of RFC 9112 3.2.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let is_authority = method == b"CONNECT" && !target.is_empty();
    is_authority || target == b"*" || target.starts_with(b"/") || is_absolute(target)
}

fn is_absolute(target: &[u8]) -> bool {
    target.starts_with(b"http://") || target.starts_with(b"https://")
}

fn may_become_target(target: &[u8]) -> bool {
    b"http://".starts_with(target) || b"https://".starts_with(target)
}

/// What follows ` HTTP/1.x` and the end of the line, which some clients leave as a bare LF (RFC 9112 2.2).
fn version(rest: &[u8]) -> Result<&[u8], Decoded<'_>> {
    match behind(rest, b"HTTP/1.")? {
        [] | [b'0'..=b'9'] | [b'0'..=b'9', b'\r'] => Err(Decoded::NeedMore),
        [b'0'..=b'9', b'\r', b'\n', fields @ ..] | [b'0'..=b'9', b'\n', fields @ ..] => Ok(fields),
        _ => Err(Decoded::No),
    }
}

/// The first Host field decides (RFC 9112 3.2); its octets are not checked.
fn with_host<'a>(method: &'a [u8], target: &'a [u8], mut fields: &'a [u8]) -> Decoded<'a> {
    let found = |host| Found::Request { method, target, host };
    while let Some((line, rest)) = split_at(fields, b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Decoded::Whole(found(None));
        }
        if let Some((name, value)) = split_at(line, b':')
            && name.eq_ignore_ascii_case(b"host")
        {
            return Decoded::Whole(found(Some(value.trim_ascii())));
        }
        fields = rest;
    }
    Decoded::Partial(found(None))
}

/// The code of a status line, 100 to 599 (RFC 9110 15).
fn status(head: &[u8]) -> Result<u16, Decoded<'_>> {
    let (digit, rest) = behind(head, b"HTTP/1.")?.split_first().ok_or(Decoded::NeedMore)?;
    if !digit.is_ascii_digit() {
        return Err(Decoded::No);
    }
    match behind(rest, b" ")? {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ' | b'\r' | b'\n', ..] => {
            Ok([a, b, c].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
        }
        [] | [b'1'..=b'5'] | [b'1'..=b'5', b'0'..=b'9'] | [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => {
            Err(Decoded::NeedMore)
        }
        _ => Err(Decoded::No),
    }
}

/// What follows the empty line behind a start line and its fields.
fn behind_fields(mut head: &[u8]) -> Option<&[u8]> {
    loop {
        let (line, rest) = split_at(head, b'\n')?;
        if matches!(line, [] | [b'\r']) {
            return Some(rest);
        }
        head = rest;
    }
}

fn split_at(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&octet| octet == separator)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

const fn needed_if(possible: bool) -> Decoded<'static> {
    if possible { Decoded::NeedMore } else { Decoded::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(method: &'a str, target: &'a str, host: Option<&'a str>) -> Found<'a> {
        Found::Request { method: method.as_bytes(), target: target.as_bytes(), host: host.map(str::as_bytes) }
    }

    #[test]
    fn a_request_is_named_by_method_target_and_host() {
        let head = b"GET /report/annual HTTP/1.1\r\nUser-Agent: x\r\nhost:\t shop.example \r\nHost: other\r\n\r\n";
        assert_eq!(request(head), Decoded::Whole(asked("GET", "/report/annual", Some("shop.example"))));
    }

    #[test]
    fn every_form_of_target_is_known() {
        for (line, expected) in [
            ("OPTIONS * HTTP/1.1\r\n\r\n", asked("OPTIONS", "*", None)),
            ("CONNECT a.example:443 HTTP/1.1\r\n\r\n", asked("CONNECT", "a.example:443", None)),
            ("GET http://a.example/b HTTP/1.0\r\n\r\n", asked("GET", "http://a.example/b", None)),
            ("\r\nGET / HTTP/1.1\n\n", asked("GET", "/", None)),
            ("PROPFIND /dav HTTP/1.1\r\n\r\n", asked("PROPFIND", "/dav", None)),
            ("M-SEARCH * HTTP/1.1\r\n\r\n", asked("M-SEARCH", "*", None)),
        ] {
            assert_eq!(request(line.as_bytes()), Decoded::Whole(expected), "{line:?}");
        }
    }

    #[test]
    fn the_target_must_have_ended_unless_it_is_very_long() {
        assert_eq!(request(b"GET /rep"), Decoded::NeedMore);
        assert_eq!(request(b"GET /report "), Decoded::Partial(asked("GET", "/report", None)));
        assert_eq!(request(b"GET /report HTTP/1.1\r"), Decoded::Partial(asked("GET", "/report", None)));
        assert_eq!(request(b"GET /report?a"), Decoded::Partial(asked("GET", "/report?a", None)));
        let long = format!("GET /{}", "a".repeat(10_000));
        assert!(matches!(request(long.as_bytes()), Decoded::Partial(_)));
        let strange = format!("FETCH /{}", "a".repeat(10_000));
        assert_eq!(request(strange.as_bytes()), Decoded::NeedMore);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for head in [
            "GET /\r\n",
            "GET / HTTP/1.1\rHost: x\r\n",
            "GET / HTTP/2.0\r\n",
            "GET /a\0b HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "get / HTTP/1.1\r\n",
            "GET rtsp://a HTTP/1.1\r\n",
            "DESCRIBE rtsp://a RTSP/1.0\r\n",
            " / HTTP/1.1\r\n",
            "EHLO mail.example\r\n",
            "\0\0\0\0",
            "ABCDEFGHIJKLMNOPQR",
        ] {
            assert_eq!(request(head.as_bytes()), Decoded::No, "{head:?}");
        }
    }

    #[test]
    fn a_status_is_read() {
        let found = |code| Decoded::Whole(Found::Status(code));
        assert_eq!(response(b"HTTP/1.1 408 Request Time-out\r\n"), found(408));
        assert_eq!(response(b"HTTP/1.0 504\r\n"), found(504));
        assert_eq!(response(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), found(101));
        assert_eq!(response(b"HTTP/1.1 50"), Decoded::NeedMore);
        for head in ["HTTP/1.1 600 X", "HTTP/1.1 5040", "HTTP/1.1\t200 ", "HTTP/2 200 ", "HTTP/1.1 +20 "] {
            assert_eq!(response(head.as_bytes()), Decoded::No, "{head:?}");
        }
    }

    #[test]
    fn the_final_status_counts_not_the_interim_one() {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        assert_eq!(response(early), Decoded::Partial(Found::Status(103)));
        let then = |rest: &str| [&early[..], rest.as_bytes()].concat();
        assert_eq!(response(&then("HTTP/1.1 502 Bad")), Decoded::Whole(Found::Status(502)));
        assert_eq!(response(&then("junk")), Decoded::Whole(Found::Status(103)));
    }

    #[test]
    fn the_preface_of_http_2_is_no_request() {
        assert_eq!(request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Decoded::No);
    }
}
