//! The rows of the table as typed values. The names of the TOML keys are those of the file; durations are seconds in both.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Span;

/// One known idle timeout of one product.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unique kebab-case name of the row.
    pub id: String,
    /// Who makes the product; may be empty in a user's row.
    #[serde(default)]
    pub vendor: String,
    /// The product, as its maker calls it.
    pub product: String,
    /// The knob that changes the value; may be empty in a user's row.
    #[serde(default)]
    pub setting: String,
    /// Layer the timer works on.
    pub layer: Layer,
    /// What sort of box or program it is.
    pub kind: Kind,
    /// The default value, at least 1 s.
    #[serde(rename(deserialize = "idle_seconds", serialize = "idle_s"))]
    pub idle: Seconds,
    /// Least value that can be set, where known.
    #[serde(default, rename(deserialize = "min_seconds", serialize = "min_s"))]
    pub min: Option<Seconds>,
    /// Greatest value that can be set, where known; equal to `min` where the value is fixed.
    #[serde(default, rename(deserialize = "max_seconds", serialize = "max_s"))]
    pub max: Option<Seconds>,
    /// Defaults of older releases; 0 meant no limit.
    #[serde(default, rename(deserialize = "previous_seconds", serialize = "previous_s"))]
    pub previous: Vec<Seconds>,
    /// Since when the value or its range holds.
    #[serde(default)]
    pub since: Option<String>,
    /// Whether an empty keepalive probe restarts the timer.
    #[serde(rename = "resets_on_keepalive")]
    pub refresh: Refresh,
    /// What the box does when the timer expires, one or more.
    pub on_expiry: Vec<Expiry>,
    /// To which connections the row applies.
    #[serde(default)]
    pub scope: String,
    /// The state of a connection the timer is for.
    #[serde(default)]
    pub state: State,
    /// What the timer counts.
    #[serde(default)]
    pub counts: Counts,
    /// Whether expiry ends a connection; false for a requirement on others or a cache in front of another timer.
    #[serde(default = "yes")]
    pub cuts: bool,
    /// Where the value was read.
    #[serde(default)]
    pub source: String,
    /// How the value is known.
    #[serde(default)]
    pub confidence: Confidence,
    /// How `refresh` and `on_expiry` are known.
    #[serde(default)]
    pub behaviour_basis: Basis,
    /// What else one should know.
    #[serde(default)]
    pub note: String,
    /// Date on which the value was read a second time.
    #[serde(default)]
    pub checked: Option<Date>,
    /// The file the row came from.
    #[serde(skip_deserializing)]
    pub origin: Origin,
}

impl Entry {
    /// Whether the value can be set at all, as far as the row says: false only where it is known to be fixed.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.min.is_some() && self.min == self.max
    }
}

/// What one stack sends unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeepaliveDefault {
    /// Unique kebab-case name of the row.
    pub id: String,
    /// The stack, library or program.
    pub product: String,
    /// What sort of software it is.
    pub kind: Kind,
    /// Whether its sockets send keepalives without being asked.
    pub enabled_by_default: EnabledByDefault,
    /// Silence before the first probe.
    #[serde(default, rename(deserialize = "time_seconds", serialize = "time_s"))]
    pub time: Option<Seconds>,
    /// Time between unanswered probes.
    #[serde(default, rename(deserialize = "interval_seconds", serialize = "interval_s"))]
    pub interval: Option<Seconds>,
    /// Unanswered probes before the stack gives up.
    #[serde(default)]
    pub probes: Option<u32>,
    /// The knobs that change it.
    #[serde(default)]
    pub setting: String,
    /// Since when the values hold.
    #[serde(default)]
    pub since: Option<String>,
    /// Where the values were read.
    #[serde(default)]
    pub source: String,
    /// How the values are known.
    #[serde(default)]
    pub confidence: Confidence,
    /// What else one should know.
    #[serde(default)]
    pub note: String,
    /// The file the row came from.
    #[serde(skip_deserializing)]
    pub origin: Origin,
}

const fn yes() -> bool {
    true
}

/// A whole number of seconds, 0 to 4,294,967,295.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    /// The same length as a [`Span`].
    #[must_use]
    pub fn span(self) -> Span {
        Span::from_secs(i64::from(self.0))
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number of seconds from 0 to {}", u32::MAX)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Seconds, E> {
                u32::try_from(value).map(Seconds).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Seconds, E> {
                u32::try_from(value).map(Seconds).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A calendar date, written `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub chrono::NaiveDate);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let date = chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
        // The second look refuses shortened forms such as 2026-1-2, which the parser takes.
        date.filter(|date| date.to_string() == text)
            .map(Self)
            .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"a date such as \"2026-11-22\""))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Whether a keepalive probe restarts the timer, and so which of the two idle clocks it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Every packet counts: the timer runs on the packet clock.
    Refreshed,
    /// Payload alone counts: the timer runs on the payload clock.
    NotRefreshed,
    /// Nobody has said.
    Unknown,
}

impl<'de> Deserialize<'de> for Refresh {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Refresh;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or \"unknown\"")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Refresh, E> {
                Ok(if value { Refresh::Refreshed } else { Refresh::NotRefreshed })
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Refresh, E> {
                match value {
                    "unknown" => Ok(Refresh::Unknown),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Refresh {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Refreshed => serializer.serialize_bool(true),
            Self::NotRefreshed => serializer.serialize_bool(false),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// Declares an enum of the file: the variants, their kebab-case names in TOML and JSON, and the same names for text.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// The name in files and reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The layer a timer works on.
    Layer {
        /// Packets of a connection, passed on as they are.
        L4 = "l4",
        /// Payload: the box or program terminates the connection.
        L7 = "l7",
    }
}

words! {
    /// What sort of box or software a row is about.
    Kind {
        /// Load balancer.
        Balancer = "balancer",
        /// Program that uses a connection as a client.
        Client = "client",
        /// Service of a cloud, such as a content network or a gateway for functions.
        CloudService = "cloud-service",
        /// Firewall.
        Firewall = "firewall",
        /// Part of an operating system's kernel on the path.
        Kernel = "kernel",
        /// Address translator.
        Nat = "nat",
        /// Operating system as an end of the connection.
        Os = "os",
        /// Proxy, forward or reverse.
        Proxy = "proxy",
        /// Language runtime or library.
        Runtime = "runtime",
        /// Server, or the pool of a client library that keeps connections to one.
        Server = "server",
        /// Proxy beside every workload.
        ServiceMesh = "service-mesh",
        /// Published standard.
        Standard = "standard",
    }
}

words! {
    /// How a value is known.
    #[derive(Default)]
    Confidence {
        /// Read in the named source.
        Documented = "documented",
        /// General knowledge, unverified.
        #[default]
        Recalled = "recalled",
    }
}

words! {
    /// How the behaviour of a row is known.
    #[derive(Default)]
    Basis {
        /// Read in the named source.
        Documented = "documented",
        /// Reasoned from the layer.
        #[default]
        Inferred = "inferred",
    }
}

words! {
    /// What happens when a timer expires.
    Expiry {
        /// The box forgets the flow and says nothing; later packets vanish.
        SilentDrop = "silent-drop",
        /// The box resets both ends at once.
        RstBoth = "rst-both",
        /// The box forgets the flow and says nothing; the next packet is answered by a RST.
        RstOnNextPacket = "rst-on-next-packet",
        /// The connection is closed in good order.
        Fin = "fin",
        /// An HTTP 408 response, then a close.
        Http408 = "http-408",
        /// An HTTP 504 response, then often a close.
        Http504 = "http-504",
        /// Nobody has said.
        Unknown = "unknown",
    }
}

words! {
    /// The state of a connection that a timer is for.
    #[derive(Default)]
    State {
        /// Both directions open.
        #[default]
        Established = "established",
        /// Both directions open, and the last data was never acknowledged.
        Unacknowledged = "unacknowledged",
        /// A FIN was seen from at least one side.
        HalfClosed = "half-closed",
        /// The handshake is not complete.
        Handshake = "handshake",
        /// Not TCP at all: kept so that the number is recognised.
        Udp = "udp",
    }
}

words! {
    /// What a timer counts.
    #[derive(Default)]
    Counts {
        /// Time without traffic.
        #[default]
        Silence = "silence",
        /// One request with its answer; bytes do not restart it.
        Exchange = "exchange",
        /// The age of the connection, busy or not.
        Lifetime = "lifetime",
    }
}

words! {
    /// Whether a stack sends keepalives without being asked.
    EnabledByDefault {
        /// It does.
        Yes = "yes",
        /// It does not.
        No = "no",
        /// It does under the condition that the note names.
        Conditional = "conditional",
    }
}

/// The file a row came from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// The table that ships with the program.
    #[default]
    BuiltIn,
    /// A user's file, by its path.
    File(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "built-in",
            Self::File(path) => path,
        })
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
