//! Naming the head of a turn: what the first octets say, protocol by protocol.
//!
//! Every decoder has the same shape, [`Decoded`] from the octets so far, and the same duty: what it has decided (`No`,
//! `Whole`) stays decided whatever octets follow. That makes the name of a head independent of how it was cut into
//! segments. None panics, and none allocates more than its input is long.

pub mod http;
pub mod http2;
pub mod mysql;
pub mod postgres;
pub mod proxy;
pub mod redis;
pub mod sql;
pub mod ssh;
pub mod tls;

pub use tls::Hello;

use crate::flow::Direction;

/// What a decoder makes of the first octets of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Another protocol, whatever follows.
    No,
    /// Nothing yet; further octets may tell.
    NeedMore,
    /// This much is certain unless the rest contradicts it; further octets may add to it.
    Partial(Found<'a>),
    /// This, whatever follows.
    Whole(Found<'a>),
}

/// What the head of a turn was found to be. Every byte slice is untrusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// An HTTP/1 request.
    Request {
        /// The method.
        method: &'a [u8],
        /// The request target as sent, query included; cut off where the head is.
        target: &'a [u8],
        /// The value of the Host field, if it was read.
        host: Option<&'a [u8]>,
    },
    /// An HTTP/1 response with this status code, 100 to 599.
    Status(u16),
    /// A connection of HTTP/2, whose frames begin behind so many octets.
    Frames {
        /// Octets in front of the first frame.
        behind: usize,
    },
    /// A TLS `ClientHello`.
    Hello(Hello),
    /// A TLS `ServerHello`: the application protocol agreed on, if it names one.
    Agreed(Option<Box<str>>),
    /// A protocol by a fixed name, with the word that says what is asked, if there is one.
    Message {
        /// Protocol and kind of message.
        name: &'static str,
        /// The first word of the command; empty for none.
        word: &'a [u8],
        /// Whether the flow cannot be read from here on (encrypted or binary).
        opaque: bool,
    },
}

/// A decoder: what it makes of the first octets of a turn.
pub type Decoder = for<'a> fn(&'a [u8]) -> Decoded<'a>;

/// What either end may open a turn with, all of which begins with an octet of ASCII: these formats cannot be mistaken for the
/// other end's.
const EITHER: [Decoder; 7] = [
    http::request,
    http::response,
    http2::preface,
    http2::under_way,
    tls::client_hello,
    postgres::message,
    ssh::banner,
];
/// What only the initiator sends, in a form that answers may have as well.
const INITIATOR: [Decoder; 2] = [mysql::query, redis::command];

/// Names the head of a turn that went in `direction`, by the first decoder that is sure of it.
#[must_use]
pub fn decode(direction: Direction, head: &[u8]) -> Decoded<'_> {
    let own: &[Decoder] = if direction == Direction::FromInitiator { &INITIATOR } else { &[] };
    // What is binary or encrypted most often shows in its first octet.
    let either: &[Decoder] = if head.first().is_none_or(u8::is_ascii) { &EITHER } else { &[] };
    let mut best = Decoded::No;
    for decoder in either.iter().chain(own) {
        match (decoder(head), &best) {
            (whole @ Decoded::Whole(_), _) => return whole,
            (partial @ Decoded::Partial(_), Decoded::No | Decoded::NeedMore) => best = partial,
            (Decoded::NeedMore, Decoded::No) => best = Decoded::NeedMore,
            _ => {}
        }
    }
    best
}

/// Names the head of a turn within a TLS connection, behind its `ClientHello`.
#[must_use]
pub fn decode_tls(direction: Direction, head: &[u8]) -> Decoded<'_> {
    match direction {
        Direction::FromInitiator => tls::record_kind(head),
        Direction::FromResponder => tls::server_hello(head),
    }
}

/// How far `head` agrees with `magic`: the octets behind it, or what to say of a head that does not hold it (yet).
fn behind<'a>(head: &'a [u8], magic: &[u8]) -> Result<&'a [u8], Decoded<'a>> {
    match head.strip_prefix(magic) {
        Some(rest) => Ok(rest),
        None if magic.starts_with(head) => Err(Decoded::NeedMore),
        None => Err(Decoded::No),
    }
}

#[cfg(test)]
pub(in crate::flow) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Heads of every protocol, laid by hand in the tests of its decoder, and near misses.
    pub(in crate::flow) fn samples() -> Vec<Vec<u8>> {
        let mut samples: Vec<Vec<u8>> = [
            &b"GET /report/annual?year=2024 HTTP/1.1\r\nHost: shop.example\r\n\r\n"[..],
            b"POST /a HTTP/1.0\nX: y\n\nbody",
            b"GET /a RTSP/1.0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 504 Gateway Time-out\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x11\x01\x05\0\0\0\x01\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
            b"\0\0\x08\x06\x01\0\0\0\0eightoct\0\0\x16\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x0btoo_many_pings",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"Q\0\0\0\x0eSELECT 1;\0",
            b"\x0a\0\0\0\x03\0\x01SELECT 1",
            b"*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\x05\xdc",
        ]
        .map(<[u8]>::to_vec)
        .into();
        samples.push(tls::tests::hello(&[tls::tests::server_name("db.example"), tls::tests::alpn(&["h2"])]));
        samples
    }

    fn direction() -> impl Strategy<Value = Direction> {
        proptest::sample::select(Direction::BOTH.to_vec())
    }

    /// A sample with a few octets changed: most of what goes wrong in a decoder lies next to what it accepts.
    pub(in crate::flow) fn nearly_a_sample() -> impl Strategy<Value = Vec<u8>> {
        let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (proptest::sample::select(samples()), changes).prop_map(|(mut bytes, changes)| {
            for (at, value) in changes {
                *at.get_mut(&mut bytes) = value;
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// What is decided stays decided: the reason why segmentation cannot change a name.
        #[test]
        fn a_decision_outlives_every_continuation(
            direction in direction(),
            head in prop_oneof![nearly_a_sample(), proptest::collection::vec(any::<u8>(), 0..64)],
            cut: prop::sample::Index,
        ) {
            let start = &head[..cut.index(head.len() + 1)];
            let early = decode(direction, start);
            if matches!(early, Decoded::No | Decoded::Whole(_)) {
                prop_assert_eq!(early, decode(direction, &head), "decided on {:?}", start);
            }
            if !head.first().is_none_or(u8::is_ascii) {
                prop_assert!(EITHER.iter().all(|decoder| decoder(&head) == Decoded::No));
            }
            let early = decode_tls(direction, start);
            if matches!(early, Decoded::No | Decoded::Whole(_)) {
                prop_assert_eq!(early, decode_tls(direction, &head), "decided behind a hello on {:?}", start);
            }
        }
    }

    #[test]
    fn no_sample_belongs_to_two_protocols() {
        for sample in samples() {
            let sure = EITHER.iter().chain(&INITIATOR).filter(|decoder| decoder(&sample) != Decoded::No);
            let expected = usize::from(!sample.starts_with(b"GET /a RTSP"));
            assert_eq!(sure.count(), expected, "{}", String::from_utf8_lossy(&sample));
        }
    }

    #[test]
    fn an_answer_is_never_taken_for_a_command() {
        let reply = b"*2\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
        assert!(matches!(decode(Direction::FromInitiator, reply), Decoded::Whole(_)));
        assert_eq!(decode(Direction::FromResponder, reply), Decoded::No);
    }

    #[test]
    fn nothing_is_no_decision() {
        for direction in Direction::BOTH {
            assert_eq!(decode(direction, b""), Decoded::NeedMore);
        }
    }
}
