//! What octets told that are not in the capture any more, in the words of a comment on their packet.
//!
//! Whoever cuts payload off may leave this behind in its place: so little that nobody can guess an octet from it, and
//! enough for the analysis to conclude what it concluded from the octets. The form is strict, since anybody may write
//! comments:
//!
//! ```text
//! idlegap: payload told octet=repeated
//! idlegap: payload told octet=differs
//! idlegap: payload told status=504
//! idlegap: payload told client=192.0.2.7:40001
//! idlegap: payload told client=withheld
//! idlegap: payload told too-many-pings=7
//! ```
//!
//! Several facts stand in this order, with one space between them.

use std::fmt;
use std::net::SocketAddr;

const PREFIX: &str = "idlegap: payload told";
/// The longest comment of this form: all facts, the client at the longest address that there is.
const LONGEST: usize = 128;

/// What the octets of one segment told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How the only octet of the segment compares with the last octet that its sender sent before, in the same place of
    /// the stream; `None` for nothing to compare, and for two zeros, which tell nothing.
    pub octet: Option<LoneOctet>,
    /// The response that this segment opened or completed the head of: HTTP 408 or 504.
    pub status: Option<u16>,
    /// The client that a PROXY protocol header named.
    pub client: Option<RealClient>,
    /// The server's GOAWAY (RFC 9113 6.8) said that the client had pinged too often, behind so many PINGs.
    pub too_many_pings: Option<u32>,
}

/// How one octet compares with the octet sent before in the same place of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoneOctet {
    /// It is the same, and not zero.
    Repeated,
    /// It is another.
    Differs,
}

/// The client that a PROXY protocol header named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealClient {
    /// This one, or its pseudonym.
    Address(SocketAddr),
    /// One that is not told here.
    Withheld,
}

impl Told {
    /// Nothing.
    pub const NOTHING: Self = Self { octet: None, status: None, client: None, too_many_pings: None };

    /// Whether nothing was told.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Whether a status code is one that this can hold.
    #[must_use]
    pub const fn is_telling(status: u16) -> bool {
        matches!(status, 408 | 504)
    }

    /// Reads a comment; `None` for any other comment, and for one of this form that is not exactly as it would be written.
    #[must_use]
    pub fn from_comment(comment: &[u8]) -> Option<Self> {
        let facts = comment.strip_prefix(PREFIX.as_bytes()).filter(|_| comment.len() <= LONGEST)?;
        let facts = std::str::from_utf8(facts).ok()?.strip_prefix(' ')?;
        let told = facts.split(' ').try_fold(Self::NOTHING, Self::with)?;
        (told.to_string().as_bytes() == comment).then_some(told)
    }

    fn with(self, fact: &str) -> Option<Self> {
        Some(match fact.split_once('=')? {
            ("octet", "repeated") => Self { octet: Some(LoneOctet::Repeated), ..self },
            ("octet", "differs") => Self { octet: Some(LoneOctet::Differs), ..self },
            ("status", code) => {
                Self { status: Some(code.parse().ok().filter(|code| Self::is_telling(*code))?), ..self }
            }
            ("client", "withheld") => Self { client: Some(RealClient::Withheld), ..self },
            ("too-many-pings", pings) => Self { too_many_pings: Some(pings.parse().ok()?), ..self },
            ("client", address) => Self { client: Some(RealClient::Address(socket(address)?)), ..self },
            _ => return None,
        })
    }
}

/// An address and a port; one with a zone is of no use beyond its own host.
fn socket(text: &str) -> Option<SocketAddr> {
    text.parse().ok().filter(|_| !text.contains('%'))
}

/// The comment that says it.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self.octet {
            Some(LoneOctet::Repeated) => f.write_str(" octet=repeated")?,
            Some(LoneOctet::Differs) => f.write_str(" octet=differs")?,
            None => {}
        }
        if let Some(code) = self.status {
            write!(f, " status={code}")?;
        }
        match self.client {
            Some(RealClient::Address(address)) => write!(f, " client={address}")?,
            Some(RealClient::Withheld) => f.write_str(" client=withheld")?,
            None => {}
        }
        self.too_many_pings.map_or(Ok(()), |pings| write!(f, " too-many-pings={pings}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn any_told() -> impl Strategy<Value = Told> {
        let octet = option::of(select(vec![LoneOctet::Repeated, LoneOctet::Differs]));
        let status = option::of(select(vec![408, 504]));
        // A scope or a flow label is nothing that a header names.
        let address = (any::<std::net::IpAddr>(), any::<u16>()).prop_map(SocketAddr::from);
        let client = prop_oneof![Just(RealClient::Withheld), address.prop_map(RealClient::Address)];
        (octet, status, option::of(client), option::of(any::<u32>()))
            .prop_map(|(octet, status, client, too_many_pings)| Told { octet, status, client, too_many_pings })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(told in any_told()) {
            let comment = told.to_string();
            prop_assert!(comment.len() <= LONGEST);
            prop_assert_eq!(Told::from_comment(comment.as_bytes()), Some(told).filter(|told| !told.is_nothing()));
        }

        #[test]
        fn no_comment_is_too_strange(comment in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Told::from_comment(&comment);
            let _ = Told::from_comment(&[PREFIX.as_bytes(), b" ", &comment].concat());
        }
    }

    #[test]
    fn the_forms_of_the_documentation() {
        let client = RealClient::Address("192.0.2.7:40001".parse().unwrap());
        for (comment, told) in [
            ("octet=repeated", Told { octet: Some(LoneOctet::Repeated), ..Told::NOTHING }),
            ("octet=differs", Told { octet: Some(LoneOctet::Differs), ..Told::NOTHING }),
            ("status=504", Told { status: Some(504), ..Told::NOTHING }),
            ("client=192.0.2.7:40001", Told { client: Some(client), ..Told::NOTHING }),
            ("client=withheld", Told { client: Some(RealClient::Withheld), ..Told::NOTHING }),
            ("too-many-pings=7", Told { too_many_pings: Some(7), ..Told::NOTHING }),
            (
                "status=408 client=withheld",
                Told { status: Some(408), client: Some(RealClient::Withheld), ..Told::NOTHING },
            ),
        ] {
            assert_eq!(Told::from_comment(format!("idlegap: payload told {comment}").as_bytes()), Some(told));
        }
    }

    #[test]
    fn any_other_form_is_a_comment_like_others() {
        for comment in [
            "",
            " octet=repeated",
            "octet=same",
            "octet=repeated octet=repeated",
            "octet=repeated octet=differs",
            "octet=repeated  status=504",
            "octet=repeated ",
            "octet=repeated\n",
            "status=200",
            "status=0504",
            "status=+504",
            "status=504 octet=repeated",
            "client=192.0.2.7",
            "client=192.0.2.7:040001",
            "client=[2001:DB8::1]:1",
            "client=[fe80::1%1]:1",
            "client=example.org:80",
            "too-many-pings=-1",
            "too-many-pings=4294967296",
            "host=a",
        ] {
            let comment = format!("idlegap: payload told {comment}");
            assert_eq!(Told::from_comment(comment.as_bytes()), None, "{comment:?}");
        }
        assert_eq!(Told::from_comment(b"idlegap: payload told"), None);
        assert_eq!(Told::from_comment(b"payload told octet=repeated"), None);
    }
}
