//! What to change: for a finding, the change that helps, with figures from its bracket, or why nothing on this list does.
//!
//! The figures hold against timers that fire late (see [`keepalive_time`](crate::timeouts::keepalive_time)) and bound the larger
//! of time and interval, since Linux repeats answered probes at that one. Nothing here is a promise: a bracket bounds a timer, and
//! a row of the table is a default that operators change.

mod causes;
mod figures;
mod keepalive;
mod timers;

use crate::flow::gaps::Clock;
use crate::time::Span;
use crate::timeouts::{Entry, Refresh};
use crate::verdict::VerdictId;
use crate::verdict::settings::{Estimate, Settings};

use figures::{Figures, Lifetime, PayloadFigures};

/// Entries that [`advise`] gives at most where no stack was chosen.
const MOST: usize = 3;

/// A change that helps, for one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The stack's name, or `any` for what holds whatever the stack.
    pub stack: &'static str,
    /// What to change and why, in whole sentences.
    pub text: String,
    /// Ready to paste, with a comment that says where; empty where there is nothing to paste.
    pub snippet: String,
}

/// What the advice depends on: a finding about the flows of one service, or about one flow.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// What became of the flows.
    pub verdict: VerdictId,
    /// The clock of the silence they died of.
    pub clock: Clock,
    /// The longest silence that survived on that clock: the timer is longer.
    pub survived_max: Option<Span>,
    /// The shortest that died: the timer is no longer.
    pub died_min: Option<Span>,
    /// The timer itself (for `age-limit` the age), where the capture shows more than a bound.
    pub timeout: Option<Span>,
    /// The silence that the flow died of, which the probes of both ends speak about.
    pub silence: Option<Span>,
    /// The end that opened the connection.
    pub client: Side,
    /// The other end.
    pub server: Side,
    /// The port that the server listens on.
    pub server_port: u16,
    /// Whether the client waited for an answer when the flow died.
    pub request_in_flight: bool,
    /// The likely rows of the table, best first. The figures hold for each of them whose value lies in the bracket.
    pub candidates: Vec<&'a Entry>,
    /// What the connection carries, where known.
    pub protocol: Option<Protocol>,
    /// Whether the server answered HTTP/2 PINGs with GOAWAY `too_many_pings`, readable in clear text only.
    pub too_many_pings: bool,
}

/// One end of the connection, as far as its keepalives and its last state are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Its keepalive settings, as its probes reveal them.
    pub settings: Settings,
    /// Keepalive probes it sent.
    pub probes: u32,
    /// Those answered by an ACK or by payload.
    pub answered: u32,
    /// Those that nothing answered.
    pub unanswered: u32,
    /// Those that carried one octet.
    pub one_byte: u32,
    /// Whether the answers came from something nearer than the other end, such as a proxy.
    pub answered_nearby: bool,
    /// Whether it had sent its FIN before the silence.
    pub half_closed: bool,
    /// Whether it still believes in the connection.
    pub half_open: bool,
    /// What its host does on other flows, where it sent no probe on this one.
    pub elsewhere: Option<Elsewhere>,
}

/// Keepalive of the same host on another flow: a setting of its kernel, most often, which says nothing of a socket that does
/// not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Silence before the first probe.
    pub time: Estimate,
    /// The number of that flow in the report.
    pub flow: u32,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1 in clear text.
    Http,
    /// HTTP/2 in clear text or by ALPN; gRPC runs on it.
    Http2,
    /// TLS, its content unknown.
    Tls,
    /// PostgreSQL's own protocol.
    PostgreSql,
    /// MySQL's own protocol.
    MySql,
    /// Redis.
    Redis,
    /// SSH.
    Ssh,
}

impl Protocol {
    /// What usually runs on a port (IANA service names, and the customary ports of PgBouncer and gRPC).
    #[must_use]
    pub const fn from_port(port: u16) -> Option<Self> {
        match port {
            22 => Some(Self::Ssh),
            80 | 8080 => Some(Self::Http),
            443 | 8443 => Some(Self::Tls),
            3306 => Some(Self::MySql),
            5432 | 6432 => Some(Self::PostgreSql),
            6379 => Some(Self::Redis),
            50051 => Some(Self::Http2),
            _ => None,
        }
    }
}

/// Declares the stacks once: the variants, their names, and the list of all.
macro_rules! stacks {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A stack that [`advise`] knows how to configure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Stack {
            $($(#[$doc])* $variant,)+
        }

        impl Stack {
            /// Every stack, in the order of the help.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable kebab-case name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

stacks! {
    /// The kernel's defaults.
    Linux = "linux",
    /// `setsockopt` in C, and in whatever wraps it.
    C = "c",
    /// Python's `socket`.
    Python = "python",
    /// Go's `net`.
    Go = "go",
    /// Java's sockets.
    Java = "java",
    /// Node.js's `net` and `http`.
    Node = "node",
    /// Rust with socket2.
    Rust = "rust",
    /// nginx as a proxy.
    Nginx = "nginx",
    /// HAProxy.
    Haproxy = "haproxy",
    /// Envoy.
    Envoy = "envoy",
    /// A pod's settings.
    Kubernetes = "kubernetes",
    /// The PostgreSQL server.
    Postgresql = "postgresql",
    /// PostgreSQL's client library, and the many drivers upon it.
    Libpq = "libpq",
    /// JDBC drivers.
    Jdbc = "jdbc",
    /// The HikariCP pool.
    Hikaricp = "hikaricp",
    /// The Redis server and its clients.
    Redis = "redis",
    /// gRPC's own keepalive.
    Grpc = "grpc",
    /// The curl tool.
    Curl = "curl",
    /// OpenSSH.
    Ssh = "ssh",
    /// The defaults of macOS.
    Macos = "macos",
    /// The defaults of Windows.
    Windows = "windows",
    /// The box on the path itself.
    Balancer = "balancer",
}

impl Stack {
    /// The stack of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stack| stack.name() == name)
    }
}

/// What helps in `situation`: first what holds whatever the stack, then `chosen`, or without a choice the stacks that the
/// capture suggests (then three entries at most). Empty where there is nothing to say.
#[must_use]
pub fn advise(situation: &Situation<'_>, chosen: Option<Stack>) -> Vec<Advice> {
    let remedy = Remedy::for_situation(situation);
    let text = causes::text(situation, &remedy);
    let general = Advice { stack: "any", text, snippet: String::new() };
    let stacks = chosen.map_or_else(|| suggested(situation, &remedy), |stack| vec![stack]);
    let specific = stacks.into_iter().filter_map(|stack| for_stack(situation, &remedy, stack));
    std::iter::once(general).filter(|general| !general.text.is_empty()).chain(specific).take(MOST).collect()
}

/// What kind of change helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// Packets in time.
    Keepalive(Figures),
    /// The timer counts packets, but is too short for keepalives.
    TooShort(Span),
    /// Payload in time, or a longer timer.
    Payload(PayloadFigures),
    /// Connections renewed before an age.
    Lifetime(Lifetime),
    /// Nothing that a setting of keepalive or of a timer could do.
    Nothing,
}

impl Remedy {
    fn for_situation(situation: &Situation<'_>) -> Self {
        match situation.verdict {
            VerdictId::AgeLimit => situation.limit().and_then(Lifetime::below).map_or(Self::Nothing, Self::Lifetime),
            id if !id.is_idle_death() => Self::Nothing,
            _ => match situation.limit() {
                None => Self::Nothing,
                Some(limit) if situation.counts_payload() => Self::Payload(PayloadFigures::around(limit)),
                Some(limit) => Figures::below(limit).map_or(Self::TooShort(limit), Self::Keepalive),
            },
        }
    }
}

impl Situation<'_> {
    /// The shortest timer that the advice has to hold for: the timer itself, or the least of the shortest silence that died
    /// and the likely rows of that clock within the bracket.
    fn limit(&self) -> Option<Span> {
        let upper = self.timeout.or(self.died_min)?;
        let other_clock = if self.counts_payload() { Refresh::Refreshed } else { Refresh::NotRefreshed };
        let in_bracket = |idle: &Span| *idle <= upper && self.survived_max.is_none_or(|survived| survived < *idle);
        let rows = self.candidates.iter().filter(|entry| entry.refresh != other_clock);
        let known = rows.map(|entry| entry.idle.span()).filter(in_bracket);
        Some(if self.timeout.is_some() { upper } else { known.min().unwrap_or(upper) })
    }

    /// Whether the timer counts payload: shown by answered probes, or to be assumed of a close in good order, which boxes
    /// that count packets hardly send.
    fn counts_payload(&self) -> bool {
        let by_packets = |entry: &&Entry| entry.refresh == Refresh::Refreshed;
        let box_counts_packets = !self.candidates.is_empty() && self.candidates.iter().all(by_packets);
        let on_payload = self.clock == Clock::Payload;
        on_payload && self.answered() > 0 || !box_counts_packets && (on_payload || self.verdict == VerdictId::IdleClose)
    }

    const fn answered(&self) -> u32 {
        self.client.answered.saturating_add(self.server.answered)
    }

    fn protocol(&self) -> Option<Protocol> {
        self.protocol.or_else(|| Protocol::from_port(self.server_port))
    }
}

/// The stacks that the capture suggests.
fn suggested(situation: &Situation<'_>, remedy: &Remedy) -> Vec<Stack> {
    let stack = situation.protocol().map(|protocol| match (protocol, remedy) {
        (Protocol::PostgreSql | Protocol::MySql, Remedy::Lifetime(_)) => Stack::Hikaricp,
        (Protocol::PostgreSql, Remedy::Keepalive(_)) => Stack::Libpq,
        (Protocol::PostgreSql, _) => Stack::Postgresql,
        (Protocol::MySql, _) if situation.request_in_flight => Stack::Jdbc,
        (Protocol::MySql, _) => Stack::Hikaricp,
        (Protocol::Redis, _) => Stack::Redis,
        (Protocol::Ssh, _) => Stack::Ssh,
        (Protocol::Http2, _) => Stack::Grpc,
        (Protocol::Http | Protocol::Tls, _) => Stack::Nginx,
    });
    match remedy {
        Remedy::Keepalive(_) => stack.into_iter().chain([Stack::Linux, per_socket(situation)]).collect(),
        Remedy::Payload(_) | Remedy::Lifetime(_) => stack.into_iter().collect(),
        Remedy::Nothing if situation.too_many_pings => vec![Stack::Grpc],
        Remedy::TooShort(_) | Remedy::Nothing => Vec::new(),
    }
}

/// One octet in a probe (RFC 1122 4.2.3.6 allows it) speaks of Windows; of others only illumos and small stacks send it.
const fn per_socket(situation: &Situation<'_>) -> Stack {
    if situation.client.one_byte > 0 || situation.server.one_byte > 0 { Stack::Windows } else { Stack::C }
}

fn for_stack(situation: &Situation<'_>, remedy: &Remedy, stack: Stack) -> Option<Advice> {
    let recipe = match remedy {
        Remedy::Keepalive(figures) => keepalive::recipe(stack, *figures, situation),
        Remedy::Payload(figures) => timers::payload(stack, *figures, situation),
        Remedy::Lifetime(lifetime) => timers::lifetime(stack, *lifetime),
        Remedy::Nothing if situation.too_many_pings && stack == Stack::Grpc => timers::grpc_pings(),
        Remedy::TooShort(_) | Remedy::Nothing => return None,
    };
    Some(Advice { stack: stack.name(), text: recipe.text, snippet: recipe.snippet })
}

/// A sentence or two, and what to paste.
struct Recipe {
    text: String,
    snippet: String,
}

impl Recipe {
    fn new(text: impl Into<String>, snippet: impl Into<String>) -> Self {
        Self { text: text.into(), snippet: snippet.into() }
    }

    fn words(text: impl Into<String>) -> Self {
        Self::new(text, "")
    }
}
