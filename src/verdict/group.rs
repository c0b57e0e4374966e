//! Services behind one box: where flows to several servers were killed by the same hand, their silences bracket one timer.
//!
//! The rules, in one place:
//!
//! 1. Only flows count that surely died (`likely` at least), and only services of which one did: nothing else shows that a
//!    service is behind the box. No group changes a verdict.
//! 2. The hand is the same: the manner of killing, the clock and, of a RST, its shape: the end it went to, hop limit, flags,
//!    options, vendor code, MAC address.
//! 3. The place is the same: services at one address or in one network (/24, or /64 of IPv6), or clients in one network. What
//!    closes in good order is a program, so that only one address is one place.
//! 4. The time is the same: kills in sight differ by no more than a timer is late, flows that were forgotten without a word
//!    died of silences alike within a fifth, and every silence that survived is shorter than every one that died. A service
//!    that outlived the others' deaths is behind another box, or none: it is named, and the bracket is not widened.
//! 5. A group is formed only where it says more than its services do alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::flow::gaps::Clock;
use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow, Socket};
use crate::time::Span;
use crate::timeouts::{Expiry, Layer, lateness};
use crate::verdict::attribution::{VENDOR_WINDOWS, attribute};
use crate::verdict::bracket::{Bracket, latest, manner};
use crate::verdict::path::Network;
use crate::verdict::service::Services;
use crate::verdict::{Confidence, Origin, Verdict};

/// Deaths from which on the bracket of one service tells by itself.
const DEATHS_THAT_TELL: u64 = 3;
/// Networks of clients remembered per service.
const CLIENTS: usize = 8;
/// Services named that are not behind the box, although they are at the same place.
const APART: usize = 4;

/// The hand that killed a flow, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Killer {
    /// How it kills.
    pub manner: Expiry,
    /// What its timer counts.
    pub clock: Clock,
    /// What its RST looks like.
    pub shape: Option<Shape>,
}

/// What a RST looks like, whatever flow it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// Whether it went to the client, in the server's name.
    pub to_client: bool,
    /// TTL or hop limit where it was captured.
    pub hop_limit: u8,
    /// Whether the ACK flag was set.
    pub has_ack: bool,
    /// Whether it carried timestamps.
    pub timestamps: bool,
    /// The mark of a FULLNAT director.
    pub fullnat_mark: bool,
    /// A window that names a vendor.
    pub vendor_window: Option<u16>,
    /// Source MAC address.
    pub mac: Option<[u8; 6]>,
}

impl Killer {
    /// The hand that killed `flow`, if its verdict is that somebody surely did.
    #[must_use]
    pub fn of(flow: &Flow, verdict: &Verdict) -> Option<Self> {
        let (clock, gap) = verdict.gap.filter(|_| verdict.confidence >= Confidence::Likely)?;
        let manner = manner(verdict.id).filter(|_| !gap.half_closed)?;
        let by_reset = matches!(manner, Expiry::RstBoth | Expiry::RstOnNextPacket);
        let shape = if by_reset { Some(Shape::of_box(flow)?) } else { None };
        Some(Self { manner, clock, shape })
    }
}

impl Shape {
    /// The shape of the RST that a box sent: of the one to the client where both ends got one.
    fn of_box(flow: &Flow) -> Option<Self> {
        let by_box = || flow.resets().filter(|reset| attribute(flow, reset).origin == Origin::Middlebox);
        let to_client = |reset: &&Reset| reset.direction == Direction::FromResponder;
        by_box().find(to_client).or_else(|| by_box().next()).map(Self::of)
    }

    fn of(reset: &Reset) -> Self {
        Self {
            to_client: reset.direction == Direction::FromResponder,
            hop_limit: reset.hop_limit,
            has_ack: reset.has_ack,
            timestamps: reset.timestamps,
            fullnat_mark: reset.has_fullnat_mark(),
            vendor_window: Some(reset.window).filter(|window| VENDOR_WINDOWS.contains(window)),
            mac: reset.src_mac,
        }
    }
}

/// What the members of a group have in common beside the hand that kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One server address.
    Server(IpAddr),
    /// The network of the servers.
    Servers(Network),
    /// The network of the clients.
    Clients(Network),
    /// Each shares one of these with some other.
    Linked,
}

/// Services behind one box, or behind boxes that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The hand that killed flows of each.
    pub killer: Killer,
    /// The services, by address.
    pub members: Vec<Socket>,
    /// Flows toward them in all.
    pub flows: u64,
    /// Their silences on the killer's clock.
    pub bracket: Bracket,
    /// What they have in common.
    pub place: Place,
    /// Services at the same place that are not behind the box, since a silence survived there that would have died of it.
    pub apart: Vec<(Socket, Span)>,
}

/// All groups of a capture.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    groups: Vec<Group>,
    of: HashMap<(Socket, Killer), usize>,
}

impl Groups {
    /// Forms the groups of `services` from their flows with the final verdicts.
    #[must_use]
    pub fn form<'a>(services: &Services, flows: impl Iterator<Item = (&'a Flow, Verdict)>) -> Self {
        let mut units: BTreeMap<(Killer, Socket), Unit> = BTreeMap::new();
        for (flow, verdict) in flows {
            if let (Some(killer), Some((_, gap))) = (Killer::of(flow, &verdict), verdict.gap) {
                let server = flow.server();
                let unit = units.entry((killer, server)).or_insert_with(|| Unit::new(server, killer, services));
                unit.bracket.die(gap.length, Some(killer.manner), verdict.timeout.is_some());
                unit.clients.insert(Network::of(flow.client().ip));
                if unit.clients.len() > CLIENTS {
                    unit.clients.pop_last();
                }
            }
        }
        Self::from(units.into_values().collect(), services)
    }

    fn from(units: Vec<Unit>, services: &Services) -> Self {
        let mut groups = group(units);
        for group in &mut groups {
            group.flows =
                group.members.iter().filter_map(|server| services.of(*server)).map(|service| service.flows).sum();
            group.name_survivors(services);
        }
        groups.sort_by(|a, b| {
            let rank = |group: &Group| (Reverse(group.bracket.died), group.killer);
            (rank(a), &a.members).cmp(&(rank(b), &b.members))
        });
        let of = groups
            .iter()
            .enumerate()
            .flat_map(|(index, group)| group.members.iter().map(move |server| ((*server, group.killer), index)));
        let of = of.collect();
        Self { groups, of }
    }

    /// The groups, those with the most deaths first.
    #[must_use]
    pub fn all(&self) -> &[Group] {
        &self.groups
    }

    /// The index of the group of which `flow`, by its final verdict, is a death.
    #[must_use]
    pub fn of(&self, flow: &Flow, verdict: &Verdict) -> Option<usize> {
        if self.groups.is_empty() {
            return None;
        }
        self.of.get(&(flow.server(), Killer::of(flow, verdict)?)).copied()
    }

    /// The index of the first group with `server` in it.
    #[must_use]
    pub fn with(&self, server: Socket) -> Option<usize> {
        self.groups.iter().position(|group| group.members.contains(&server))
    }
}

impl Group {
    /// Names the services at an address of a member where nobody died and a silence survived that the timer does not allow.
    fn name_survivors(&mut self, services: &Services) {
        let addresses: BTreeSet<IpAddr> = self.members.iter().map(|member| member.ip).collect();
        let died = self.bracket.died_min.filter(|_| self.killer.clock == Clock::Packet);
        let outlived = services.ranked().into_iter().filter_map(|(server, service)| {
            let survived =
                service.packet.survived_max.zip(died).filter(|(survived, died)| *survived > latest(*died))?.0;
            (service.packet.died == 0 && addresses.contains(&server.ip)).then_some((server, survived))
        });
        self.apart.extend(outlived);
        self.apart.sort_unstable();
        self.apart.truncate(APART);
    }
}

/// The flows of one service that one hand killed, with what survived it there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    server: Socket,
    killer: Killer,
    bracket: Bracket,
    clients: BTreeSet<Network>,
}

/// Something that services at one place share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Server(IpAddr),
    Servers(Network),
    Clients(Network),
}

impl Unit {
    /// A unit without deaths. Of a service of which only some paths kill, what survived on the others says nothing.
    fn new(server: Socket, killer: Killer, services: &Services) -> Self {
        let of_service = services.of(server).map(|service| match killer.clock {
            Clock::Packet => services.split(server).map_or(service.packet, |split| split.killed()),
            Clock::Payload => service.payload,
        });
        let bracket = of_service.unwrap_or_default().survivors();
        Self { server, killer, bracket, clients: BTreeSet::new() }
    }

    fn links(&self) -> Vec<Link> {
        if self.killer.manner == Expiry::Fin {
            return vec![Link::Server(self.server.ip)];
        }
        let clients = self.clients.iter().map(|network| Link::Clients(*network));
        clients.chain([Link::Servers(Network::of(self.server.ip))]).collect()
    }

    /// Whether the flows can have died of a timer that let none live longer than `died`.
    fn fits(&self, died: Span) -> bool {
        let bracket = &self.bracket;
        let survived = bracket.survived_max.is_none_or(|survived| survived < died);
        survived && bracket.died_max.is_none_or(|most| most <= self.latest(died))
    }

    /// The longest silence of which flows die where the shortest is `died`.
    fn latest(&self, died: Span) -> Span {
        match self.killer.manner {
            Expiry::RstBoth => latest(died),
            Expiry::Fin => died.plus(lateness(died, Layer::L7)),
            // Nothing but the length of the silence ties those together that vanished without a word.
            Expiry::SilentDrop => Span::from_nanos(died.as_nanos() / 10 * 12),
            _ => Span::from_nanos(i64::MAX),
        }
    }
}

/// Groups the units of each killer: those at one place, of which those whose timers agree.
fn group(units: Vec<Unit>) -> Vec<Group> {
    let mut by_killer: BTreeMap<Killer, Vec<Unit>> = BTreeMap::new();
    for unit in units {
        by_killer.entry(unit.killer).or_default().push(unit);
    }
    let neighbourhoods = by_killer.into_values().flat_map(linked);
    neighbourhoods
        .flat_map(|units| {
            let all = units.clone();
            agreeing(units)
                .into_iter()
                .flat_map(linked)
                .filter_map(move |part| one_group(&part, &all))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Units that are linked to each other, over others or directly.
fn linked(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut of_link: BTreeMap<Link, Vec<usize>> = BTreeMap::new();
    for (index, unit) in units.iter().enumerate() {
        unit.links().into_iter().for_each(|link| of_link.entry(link).or_default().push(index));
    }
    let mut waiting: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    let mut found = Vec::new();
    for start in 0..waiting.len() {
        let mut reached: Vec<Unit> = waiting.get_mut(start).and_then(Option::take).into_iter().collect();
        let mut component = Vec::new();
        while let Some(unit) = reached.pop() {
            let next = unit.links().into_iter().flat_map(|link| of_link.remove(&link).unwrap_or_default());
            reached.extend(next.filter_map(|index| waiting.get_mut(index).and_then(Option::take)));
            component.push(unit);
        }
        found.extend(Some(component).filter(|component| !component.is_empty()));
    }
    found
}

/// Units whose timers agree: those that fit the shortest silence that died, then the same among the others.
fn agreeing(mut units: Vec<Unit>) -> Vec<Vec<Unit>> {
    units.retain(|unit| unit.bracket.died_min.is_some_and(|died| unit.fits(died)));
    units.sort_by_key(|unit| (unit.bracket.died_min, unit.server));
    let mut found = Vec::new();
    while let Some(died) = units.first().and_then(|unit| unit.bracket.died_min) {
        let (fitting, others): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.fits(died));
        found.push(fitting);
        units = others;
    }
    found
}

/// The group of these units, if they are several and say more together; `all` are those of the same hand at the same place.
fn one_group(units: &[Unit], all: &[Unit]) -> Option<Group> {
    let first = units.get(1).and(units.first())?;
    let mut bracket = Bracket::default();
    units.iter().for_each(|unit| bracket.merge(&unit.bracket));
    let says_less = |unit: &Unit| {
        let of = &unit.bracket;
        of.died < DEATHS_THAT_TELL || of.survived_max < bracket.survived_max || of.died_min > bracket.died_min
    };
    // What vanished without a word may have met an outage: that something survived there is the least.
    let bounded = first.killer.manner != Expiry::SilentDrop || bracket.survived_max.is_some();
    if !bounded || !units.iter().any(says_less) {
        return None;
    }
    let mut members: Vec<Socket> = units.iter().map(|unit| unit.server).collect();
    members.sort_unstable();
    let outlived = all.iter().filter(|unit| !members.contains(&unit.server)).filter_map(|unit| {
        let survived = unit.bracket.survived_max.filter(|survived| Some(*survived) >= bracket.died_min)?;
        Some((unit.server, survived))
    });
    let apart = outlived.collect();
    Some(Group { killer: first.killer, place: place(units), flows: 0, bracket, apart, members })
}

fn place(units: &[Unit]) -> Place {
    let Some((first, others)) = units.split_first() else { return Place::Linked };
    let network = Network::of(first.server.ip);
    if others.iter().all(|unit| unit.server.ip == first.server.ip) {
        return Place::Server(first.server.ip);
    }
    if others.iter().all(|unit| Network::of(unit.server.ip) == network) {
        return Place::Servers(network);
    }
    let mut shared = first.clients.iter().filter(|client| others.iter().all(|unit| unit.clients.contains(client)));
    shared.next().map_or(Place::Linked, |client| Place::Clients(*client))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn killer(manner: Expiry, hop_limit: u8) -> Killer {
        let shape = Shape {
            to_client: true,
            hop_limit,
            has_ack: false,
            timestamps: false,
            fullnat_mark: false,
            vendor_window: None,
            mac: None,
        };
        let by_reset = matches!(manner, Expiry::RstBoth | Expiry::RstOnNextPacket);
        Killer { manner, clock: Clock::Packet, shape: by_reset.then_some(shape) }
    }

    /// A service where one hand killed flows after these silences, and one as long as `survived` survived if not 0.
    fn unit(server: &str, client: &str, killer: Killer, survived: i64, died: &[i64]) -> Unit {
        let server: std::net::SocketAddr = server.parse().unwrap();
        let mut bracket = Bracket::default();
        died.iter().for_each(|length| {
            bracket.die(Span::from_secs(*length), Some(killer.manner), killer.manner == Expiry::RstBoth);
        });
        bracket.survived_max = (survived > 0).then(|| Span::from_secs(survived));
        let clients = BTreeSet::from([Network::of(client.parse().unwrap())]);
        Unit { server: Socket::new(server.ip(), server.port()), killer, bracket, clients }
    }

    /// The members of each group, with the bracket in seconds.
    fn grouped(units: &[Unit]) -> Vec<(Vec<String>, Option<f64>, Option<f64>)> {
        let groups = Groups::from(units.to_vec(), &Services::default());
        let secs = |length: Option<Span>| length.map(Span::as_secs_f64);
        let one = |group: &Group| {
            let members = group.members.iter().map(ToString::to_string).collect();
            (members, secs(group.bracket.survived_max), secs(group.bracket.died_min))
        };
        groups.all().iter().map(one).collect()
    }

    const CLIENT: &str = "192.0.2.1";

    #[test]
    fn one_address_with_several_ports_is_one_place() {
        let both = killer(Expiry::RstBoth, 63);
        let units = [
            unit("10.0.0.9:80", CLIENT, both, 60, &[90]),
            unit("10.0.0.9:81", CLIENT, both, 85, &[91]),
            unit("10.0.0.9:82", CLIENT, both, 0, &[90]),
        ];
        let members = ["10.0.0.9:80", "10.0.0.9:81", "10.0.0.9:82"].map(str::to_owned).to_vec();
        assert_eq!(grouped(&units), [(members, Some(85.0), Some(90.0))]);
    }

    #[test]
    fn another_hand_is_another_box() {
        let units = [
            unit("10.0.0.9:80", CLIENT, killer(Expiry::RstBoth, 63), 60, &[90]),
            unit("10.0.0.9:81", CLIENT, killer(Expiry::RstBoth, 62), 60, &[90]),
            unit("10.0.0.9:82", CLIENT, killer(Expiry::SilentDrop, 0), 60, &[90]),
        ];
        assert_eq!(grouped(&units), []);
    }

    #[test]
    fn another_place_is_another_box() {
        let both = killer(Expiry::RstBoth, 63);
        let far = [unit("10.0.0.9:80", CLIENT, both, 60, &[90]), unit("10.0.7.9:80", "198.51.100.1", both, 60, &[90])];
        assert_eq!(grouped(&far), []);
        // The same client reaches both: the box may be beside it.
        let near = [unit("10.0.0.9:80", CLIENT, both, 60, &[90]), unit("10.0.7.9:80", CLIENT, both, 60, &[90])];
        assert_eq!(grouped(&near).len(), 1);
    }

    #[test]
    fn a_service_that_outlives_the_others_is_not_behind_the_box() {
        let next = killer(Expiry::RstOnNextPacket, 63);
        let units = [
            unit("10.0.0.9:80", CLIENT, next, 60, &[90]),
            unit("10.0.0.9:81", CLIENT, next, 50, &[120]),
            unit("10.0.0.9:82", CLIENT, next, 200, &[300]),
        ];
        let groups = Groups::from(units.to_vec(), &Services::default());
        assert_eq!(groups.all().len(), 1);
        let group = &groups.all()[0];
        assert_eq!(group.members.len(), 2);
        assert_eq!(
            (group.bracket.survived_max, group.bracket.died_min),
            (Some(Span::from_secs(60)), Some(Span::from_secs(90)))
        );
        assert_eq!(group.apart.iter().map(|(server, _)| server.port).collect::<Vec<_>>(), [82]);
    }

    #[test]
    fn kills_in_sight_at_unlike_times_are_several_timers() {
        let both = killer(Expiry::RstBoth, 63);
        let units = [unit("10.0.0.9:80", CLIENT, both, 0, &[90]), unit("10.0.0.9:81", CLIENT, both, 0, &[300])];
        assert_eq!(grouped(&units), []);
    }

    #[test]
    fn what_vanished_has_to_be_alike_and_to_have_survivors() {
        let drop = killer(Expiry::SilentDrop, 0);
        let pair = |survived, other| {
            [unit("10.0.0.9:80", CLIENT, drop, survived, &[360]), unit("10.0.0.9:81", CLIENT, drop, 0, &[other])]
        };
        assert_eq!(grouped(&pair(340, 400)).len(), 1);
        assert_eq!(grouped(&pair(0, 400)), [], "an outage would look the same");
        assert_eq!(grouped(&pair(340, 500)), [], "500 s and 360 s differ by more than a fifth");
    }

    #[test]
    fn what_tells_enough_by_itself_needs_no_group() {
        let both = killer(Expiry::RstBoth, 63);
        let alike = |port: u16| unit(&format!("10.0.0.9:{port}"), CLIENT, both, 60, &[90, 90, 90]);
        assert_eq!(grouped(&[alike(80), alike(81)]), []);
    }

    fn any_unit() -> impl Strategy<Value = Unit> {
        let manner =
            prop::sample::select(vec![Expiry::RstBoth, Expiry::RstOnNextPacket, Expiry::SilentDrop, Expiry::Fin]);
        let died = prop::collection::vec(prop::sample::select(vec![60, 90, 91, 100, 120, 300]), 1..4);
        let survived = prop::sample::select(vec![0, 50, 80, 95, 200]);
        (0..3u8, 0..3u8, 0..4u16, 0..3u8, manner, survived, died).prop_map(
            |(net, host, port, client, manner, survived, died)| {
                let server = format!("10.0.{net}.{host}:{}", 80 + port);
                unit(&server, &format!("192.0.{client}.1"), killer(manner, 63), survived, &died)
            },
        )
    }

    proptest! {
        #[test]
        fn the_order_of_services_does_not_matter_and_every_bracket_holds(
            (units, shuffled) in prop::collection::vec(any_unit(), 0..12).prop_map(|mut units| {
                units.sort_by_key(|unit| (unit.killer, unit.server));
                units.dedup_by_key(|unit| (unit.killer, unit.server));
                units
            }).prop_flat_map(|units| (Just(units.clone()), Just(units).prop_shuffle())),
        ) {
            let groups = Groups::from(units.clone(), &Services::default());
            let others = Groups::from(shuffled, &Services::default());
            prop_assert_eq!(groups.all(), others.all());
            for group in groups.all() {
                prop_assert!(group.members.len() > 1);
                prop_assert!(group.bracket.survived_max.is_none_or(|survived| Some(survived) < group.bracket.died_min));
                let died: u64 = units.iter()
                    .filter(|unit| unit.killer == group.killer && group.members.contains(&unit.server))
                    .map(|unit| unit.bracket.died).sum();
                prop_assert_eq!(died, group.bracket.died);
            }
        }
    }
}
