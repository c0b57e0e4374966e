//! The paths of one service: clients that reach it another way pass other boxes. Where some die of a silence that others
//! outlive, the way that they came may tell them apart.
//!
//! The rules, in one place:
//!
//! 1. A service is split only where no single timer explains it, and only by what is on the wire: the tunnel, the network of
//!    the client (/24, or /64 of IPv6), the hop limit of the client's segments. The first of these that explains it is taken.
//! 2. A path kills when two of its flows died; a single one would fit any split. Every path with a death has to be one.
//! 3. Each path that kills must be free of contradiction, and the flows of the others must have outlived it, or the paths
//!    must kill at different times.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flow::gaps::Clock;
use crate::flow::{Direction, Flow, Socket};
use crate::verdict::Verdict;
use crate::verdict::bracket::Bracket;
use crate::wire::Tunnel;

/// Deaths from which on a path is said to kill.
const DEATHS_THAT_TELL: u64 = 2;

/// A network of the size that is commonly one place: /24, or /64 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of `ip`.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

/// The address and the length of its prefix.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(ip) = self;
        write!(f, "{ip}/{}", if ip.is_ipv4() { 24 } else { 64 })
    }
}

/// What tells the paths of a service apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// What carried the flow where it was captured.
    Tunnel(Option<Tunnel>),
    /// Where the client is.
    Client(Network),
    /// The hop limit that most of the client's segments had left.
    HopLimit(u8),
}

/// Flows of a service that took one path, or several that do not kill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Flows.
    pub flows: u64,
    /// Their silences without a packet.
    pub bracket: Bracket,
}

/// A service of which only some paths kill, or each at another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The paths that kill, in their order.
    pub killing: Vec<(Path, Part)>,
    /// Everybody else.
    pub rest: Part,
}

impl Split {
    /// The flows of all paths that kill.
    #[must_use]
    pub fn killed(&self) -> Bracket {
        self.killing.iter().fold(Bracket::default(), |mut all, (_, part)| {
            all.merge(&part.bracket);
            all
        })
    }

    /// The paths that kill at the shortest silence, for what has to hold for all.
    #[must_use]
    pub fn strictest(&self) -> Option<&Part> {
        self.killing.iter().map(|(_, part)| part).min_by_key(|part| part.bracket.died_min)
    }

    /// Whether `flow` came by a path that kills.
    #[must_use]
    pub fn kills(&self, flow: &Flow) -> bool {
        let paths = Path::of(flow);
        self.killing.iter().any(|(path, _)| paths.contains(&Some(*path)))
    }
}

impl Path {
    /// The path of `flow` by each thing that tells paths apart, in the order of preference.
    pub(crate) fn of(flow: &Flow) -> [Option<Self>; 3] {
        let tunnel = flow.extras().and_then(|extras| extras.tunnel);
        let hop_limits = flow.end(Direction::FromInitiator).baseline.hop_limits();
        let most = hop_limits.max_by_key(|(value, count)| (*count, *value));
        let client = Network::of(flow.client().ip);
        [Some(Self::Tunnel(tunnel)), Some(Self::Client(client)), most.map(|(value, _)| Self::HopLimit(value))]
    }
}

/// Sorts the flows of contradictory services by path.
#[derive(Default)]
pub(crate) struct Sorter {
    services: HashMap<Socket, [BTreeMap<Path, Part>; 3]>,
}

impl Sorter {
    /// A sorter of the flows toward `servers`; `None` where there is nothing to sort.
    pub(crate) fn of(servers: impl Iterator<Item = Socket>) -> Option<Self> {
        let services: HashMap<_, _> = servers.map(|server| (server, Default::default())).collect();
        (!services.is_empty()).then_some(Self { services })
    }

    /// Whether the flows toward `server` are sorted.
    pub(crate) fn wants(&self, server: Socket) -> bool {
        self.services.contains_key(&server)
    }

    pub(crate) fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        let Some(sorted) = self.services.get_mut(&flow.server()) else { return };
        for (path, parts) in Path::of(flow).into_iter().zip(sorted) {
            let Some(path) = path else { continue };
            let part = parts.entry(path).or_default();
            part.flows += 1;
            part.bracket.add(Clock::Packet, flow, verdict);
        }
    }

    /// The services that a path explains.
    pub(crate) fn splits(self) -> HashMap<Socket, Split> {
        let split = |(server, sorted): (Socket, [BTreeMap<Path, Part>; 3])| {
            sorted.into_iter().find_map(explain).map(|split| (server, split))
        };
        self.services.into_iter().filter_map(split).collect()
    }
}

fn explain(parts: BTreeMap<Path, Part>) -> Option<Split> {
    let (killing, others): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(_, part)| part.bracket.died > 0);
    let plausible = killing.iter().all(|(_, part)| {
        let bracket = &part.bracket;
        let outlived = bracket.survived_max.zip(bracket.died_min).is_some_and(|(survived, died)| survived >= died);
        bracket.died >= DEATHS_THAT_TELL && !outlived && bracket.contradiction().is_none()
    });
    let rest = others.into_iter().fold(Part::default(), |mut rest, (_, part)| {
        rest.flows += part.flows;
        rest.bracket.merge(&part.bracket);
        rest
    });
    let split = Split { killing, rest };
    // What the paths together do not explain either must be what splitting them explains.
    let mut together = split.killed();
    let several_timers = split.killing.len() > 1 && together.contradiction().is_some();
    together.merge(&rest.bracket.survivors());
    let others_outlive = rest.flows > 0 && rest.bracket.survived_max.zip(together.died_min).is_some_and(|(a, b)| a > b);
    (plausible && !split.killing.is_empty() && (several_timers || others_outlive) && together.contradiction().is_some())
        .then_some(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_those_of_their_addresses() {
        let network = |text: &str| Network::of(text.parse().unwrap()).to_string();
        assert_eq!(network("10.1.2.3"), "10.1.2.0/24");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("10.1.3.0"), "10.1.3.0/24");
    }
}
