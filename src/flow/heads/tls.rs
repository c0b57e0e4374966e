//! TLS: the server name and the protocols that a `ClientHello` offers (RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1).

mod answer;

use std::borrow::Cow;

use super::{Decoded, Found};
pub use answer::{record_kind, server_hello};

/// The number of the ALPN extension (RFC 7301 3.1).
const PROTOCOLS: usize = 16;

/// The longest server name kept, in octets: that of a DNS name (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 255;
/// The longest list of protocols kept, in octets; browsers need 11.
const LONGEST_LIST: usize = 64;

/// What a client says in clear text before everything is encrypted. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The host that the client asked for (SNI). Under Encrypted Client Hello this is the provider's public name.
    pub server_name: Option<Box<str>>,
    /// The protocols offered (ALPN), in the client's order, with commas between.
    pub alpn: Option<Box<str>>,
    /// The protocol that the server picked, where its answer is readable (up to TLS 1.2).
    pub agreed: Option<Box<str>>,
}

impl Hello {
    /// The protocols that the connection may carry: the one agreed on, or those offered, with commas between.
    #[must_use]
    pub fn protocols(&self) -> Option<&str> {
        self.agreed.as_deref().or(self.alpn.as_deref())
    }
}

/// A `ClientHello`, in one record or cut into several.
#[must_use]
pub fn client_hello(head: &[u8]) -> Decoded<'_> {
    const CLIENT_HELLO: u8 = 1;
    let message = match handshake(head, CLIENT_HELLO) {
        Ok(message) => message,
        Err(undecided) => return undecided,
    };
    let mut hello = Hello::default();
    let end = match read(&message, &mut hello) {
        Ok(()) => return Decoded::Whole(Found::Hello(hello)),
        Err(Stop::Short) => message.end,
        Err(Stop::Broken) => Stop::Broken,
    };
    // The name stands early or late in the message: it is certain once it was read, and nothing behind takes it back.
    match end {
        Stop::Short if hello.server_name.is_some() => Decoded::Partial(Found::Hello(hello)),
        Stop::Short => Decoded::NeedMore,
        Stop::Broken if hello.server_name.is_some() => Decoded::Whole(Found::Hello(hello)),
        Stop::Broken => Decoded::No,
    }
}

/// The first handshake message, which must be of type `kind`, as far as it is there: records carry it in any number of pieces (RFC 8446 5.1).
fn handshake(mut head: &[u8], kind: u8) -> Result<Message<'_>, Decoded<'_>> {
    let mut octets = Cow::Borrowed(&[][..]);
    loop {
        let len = match *octets {
            [first, ..] if first != kind => return Err(Decoded::No),
            [_, a, b, c, ..] => Some(u32::from_be_bytes([0, a, b, c]) as usize),
            _ => None,
        };
        let whole = len.is_some_and(|len| octets.len() - 4 >= len);
        let next = if whole { Err(Stop::Short) } else { record(head) };
        match (next, len) {
            (Ok((piece, rest)), _) => {
                head = rest;
                if octets.is_empty() {
                    octets = Cow::Borrowed(piece);
                } else {
                    octets.to_mut().extend_from_slice(piece);
                }
            }
            (Err(end), Some(len)) => return Ok(Message { octets, len, end }),
            (Err(Stop::Short), None) => return Err(Decoded::NeedMore),
            (Err(Stop::Broken), None) => return Err(Decoded::No),
        }
    }
}

/// What a record carries, as far as it is there, and what follows the record.
fn record(head: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    const HANDSHAKE: u8 = 22;
    /// The longest record in clear text, in octets.
    const LONGEST: u16 = 1 << 14;
    match head {
        [HANDSHAKE, 3, 0..=4, high, low, rest @ ..] => match u16::from_be_bytes([*high, *low]) {
            len @ 1..=LONGEST => Ok(rest.split_at_checked(usize::from(len)).unwrap_or((rest, &[]))),
            _ => Err(Stop::Broken),
        },
        [] | [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4] | [HANDSHAKE, 3, 0..=4, _] => Err(Stop::Short),
        _ => Err(Stop::Broken),
    }
}

/// A handshake message with its type and length in front.
struct Message<'a> {
    octets: Cow<'a, [u8]>,
    /// Octets of the body by the length field; fewer may be here.
    len: usize,
    /// Why there are no more, if there are fewer.
    end: Stop,
}

impl Message<'_> {
    fn body(&self) -> Stretch<'_> {
        let here = self.octets.get(4..).unwrap_or_default();
        Stretch { here: here.get(..self.len).unwrap_or(here), len: self.len }
    }
}

/// Why reading ends before its end.
#[derive(Clone, Copy)]
enum Stop {
    /// The octets end.
    Short,
    /// A length does not fit in what holds it.
    Broken,
}

/// A stretch of the message: its octets as far as they are here, and how many there are to be.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    here: &'a [u8],
    len: usize,
}

impl<'a> Stretch<'a> {
    fn take(&mut self, len: usize) -> Result<Self, Stop> {
        let left = self.len.checked_sub(len).ok_or(Stop::Broken)?;
        let (here, rest) = self.here.split_at_checked(len).unwrap_or((self.here, &[]));
        *self = Self { here: rest, len: left };
        Ok(Self { here, len })
    }

    /// All of it, or [`Stop::Short`].
    fn whole(self) -> Result<&'a [u8], Stop> {
        if self.here.len() == self.len { Ok(self.here) } else { Err(Stop::Short) }
    }

    /// A number of `width` octets.
    fn number(&mut self, width: usize) -> Result<usize, Stop> {
        let octets = self.take(width)?.whole()?;
        Ok(octets.iter().fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }

    /// A vector behind its length, which has `width` octets (RFC 8446 3.4).
    fn vector(&mut self, width: usize) -> Result<Self, Stop> {
        let len = self.number(width)?;
        self.take(len)
    }
}

fn read(message: &Message<'_>, hello: &mut Hello) -> Result<(), Stop> {
    const SERVER_NAME: usize = 0;
    let mut body = message.body();
    if body.number(1)? != 3 {
        return Err(Stop::Broken);
    }
    let _minor_version_and_random = body.take(1 + 32)?;
    let _session = body.vector(1)?;
    let _ciphers = body.vector(2)?;
    let _compressions = body.vector(1)?;
    if body.len == 0 {
        // Before TLS 1.3 a hello may end here (RFC 5246 7.4.1.2).
        return Ok(());
    }
    let mut extensions = body.vector(2)?;
    while extensions.len > 0 {
        let kind = extensions.number(2)?;
        let mut data = extensions.vector(2)?;
        match kind {
            SERVER_NAME => hello.server_name = server_name(&mut data)?,
            PROTOCOLS => hello.alpn = protocols(&mut data)?,
            _ => {}
        }
    }
    Ok(())
}

/// The first name of type `host_name`, the only type there is (RFC 6066 3).
fn server_name(data: &mut Stretch<'_>) -> Result<Option<Box<str>>, Stop> {
    const HOST_NAME: usize = 0;
    let mut list = data.vector(2)?;
    if list.number(1)? != HOST_NAME {
        return Ok(None);
    }
    let name = list.vector(2)?.whole()?;
    Ok(Some(text(name.get(..LONGEST_NAME).unwrap_or(name))))
}

fn protocols(data: &mut Stretch<'_>) -> Result<Option<Box<str>>, Stop> {
    let mut list = data.vector(2)?;
    let mut names = Vec::new();
    while list.len > 0 {
        let name = list.vector(1)?.whole()?;
        if names.len() + name.len() < LONGEST_LIST {
            if !names.is_empty() {
                names.push(b',');
            }
            names.extend_from_slice(name);
        }
    }
    Ok((!names.is_empty()).then(|| text(&names)))
}

fn text(octets: &[u8]) -> Box<str> {
    String::from_utf8_lossy(octets).into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn vector(width: usize, data: &[u8]) -> Vec<u8> {
        [&data.len().to_be_bytes()[8 - width..], data].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vector(2, data)].concat()
    }

    pub(crate) fn server_name(name: &str) -> Vec<u8> {
        extension(0, &vector(2, &[&[0][..], &vector(2, name.as_bytes())].concat()))
    }

    pub(crate) fn alpn(names: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = names.iter().flat_map(|name| vector(1, name.as_bytes())).collect();
        extension(16, &vector(2, &list))
    }

    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let before = [&[3, 3][..], &[7; 32], &vector(1, &[9; 32]), &vector(2, &[0x13, 1]), &vector(1, &[0])].concat();
        [&[1][..], &vector(3, &[before, vector(2, &extensions.concat())].concat())].concat()
    }

    pub(super) fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|piece| [&[22, 3, 1][..], &vector(2, piece)].concat()).collect()
    }

    pub(crate) fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
        records(&message(extensions), 1 << 14)
    }

    fn found(server_name: Option<&str>, alpn: Option<&str>) -> Found<'static> {
        Found::Hello(Hello { server_name: server_name.map(Into::into), alpn: alpn.map(Into::into), agreed: None })
    }

    #[test]
    fn name_and_protocols() {
        let padding = extension(21, &[0; 100]);
        let head = hello(&[padding, server_name("db.example"), alpn(&["h2", "http/1.1"])]);
        assert_eq!(client_hello(&head), Decoded::Whole(found(Some("db.example"), Some("h2,http/1.1"))));
        assert_eq!(client_hello(&hello(&[])), Decoded::Whole(found(None, None)));
    }

    /// Sent by `openssl s_client -servername a1.sub….example -alpn h2,http/1.1`, OpenSSL 3.0.19, recorded on a loopback
    /// interface; Wireshark 4.0.17 reads the same name and protocols.
    const RECORDED: &str = "\
        1603010165010001610303a1114fd2d7847e4a3bfcdd45d7a4a55d43da2d767d9ff7ca3fb9cfabb63ace6020b305e3510213\
        d29256a77d794e314440378fcd9c75f8e5d655525ec044c3a058003e130213031301c02cc030009fcca9cca8ccaac02bc02f\
        009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff010000da0000002b0029\
        00002661312e7375627375627375627375627375627375627375627375627375622e6578616d706c65000b00040300010200\
        0a00160014001d0017001e0019001801000101010201030104002300000010000e000c02683208687474702f312e31001600\
        0000170000000d002a0028040305030603080708080809080a080b0804080508060401050106010303030103020402050206\
        02002b0009080304030303020301002d00020101003300260024001d0020e8680c516702c0614e06f9797df9e0cb5fb794a3\
        d061efad524b31c1a961902f";

    #[test]
    fn a_recorded_hello() {
        let octet = |at| u8::from_str_radix(&RECORDED[at..at + 2], 16).unwrap();
        let head: Vec<u8> = (0..RECORDED.len()).step_by(2).map(octet).collect();
        let expected = found(Some("a1.subsubsubsubsubsubsubsubsub.example"), Some("h2,http/1.1"));
        assert_eq!(client_hello(&head), Decoded::Whole(expected));
        let decided = (0..head.len()).find(|&len| client_hello(&head[..len]) != Decoded::NeedMore);
        let name_ends = head.windows(8).position(|octets| octets == b".example").unwrap() + 8;
        assert_eq!(decided, Some(name_ends), "the name is certain from its last octet on");
    }

    #[test]
    fn the_length_of_records_does_not_matter() {
        let message = message(&[server_name("db.example"), alpn(&["postgresql"])]);
        for size in 1..message.len() {
            let head = records(&message, size);
            assert_eq!(client_hello(&head), Decoded::Whole(found(Some("db.example"), Some("postgresql"))), "{size}");
        }
    }

    #[test]
    fn a_cut_hello_tells_the_name_if_it_was_reached() {
        let head = hello(&[server_name("db.example"), extension(21, &[0; 2000]), alpn(&["h2"])]);
        let until_name = 5 + 4 + 2 + 32 + 33 + 4 + 2 + 2 + 4 + 5 + "db.example".len();
        assert_eq!(client_hello(&head[..until_name]), Decoded::Partial(found(Some("db.example"), None)));
        assert_eq!(client_hello(&head[..until_name - 1]), Decoded::NeedMore);
        assert_eq!(client_hello(&head[..head.len() - 1]), Decoded::Partial(found(Some("db.example"), None)));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let huge_name = extension(0, &[0xff, 0xff, 0, 0xff, 0xff, b'a']);
        let huge_inner = extension(0, &[0, 4, 0, 0xff, 0xff, b'a']);
        for broken in [huge_name, huge_inner, vec![0, 0, 0xff, 0xff], vec![0, 16, 0, 3, 0, 2, 9]] {
            assert_eq!(client_hello(&hello(std::slice::from_ref(&broken))), Decoded::No, "{broken:?}");
        }
        let mut short = message(&[server_name("db.example")]);
        short[3] -= 1;
        assert_eq!(client_hello(&records(&short, 1 << 14)), Decoded::No);
    }

    #[test]
    fn other_things() {
        for head in [
            &[22, 3, 1, 0, 4, 2, 0, 0, 0][..], // ServerHello
            &[22, 3, 1, 0, 0],                 // empty record
            &[22, 3, 1, 0xff, 0xff],           // record too long
            &[22, 2, 1],                       // version 2
            &[21, 3, 1, 0, 2, 2, 40],          // alert
            &[22, 3, 1, 0, 5, 1, 0, 0, 1, 9],  // body of version 9
        ] {
            assert_eq!(client_hello(head), Decoded::No, "{head:?}");
        }
        // A record of another type in the middle of the message, in front of the name and behind it.
        for (names, answer) in [
            ([alpn(&["h2"]), server_name("db.example")], Decoded::No),
            ([server_name("db.example"), alpn(&["h2"])], Decoded::Whole(found(Some("db.example"), None))),
        ] {
            let mut head = records(&message(&names), 100);
            let second = 5 + 100;
            assert_eq!(head.get(second), Some(&22));
            head[second] = 23;
            assert_eq!(client_hello(&head), answer);
        }
    }

    #[test]
    fn names_are_capped() {
        let head = hello(&[server_name(&"a".repeat(2000)), alpn(&["b"; 100])]);
        let Decoded::Whole(Found::Hello(hello)) = client_hello(&head) else { panic!("{head:?}") };
        assert_eq!(hello.server_name.unwrap().len(), LONGEST_NAME);
        assert!(hello.alpn.unwrap().len() <= LONGEST_LIST);
    }
}
