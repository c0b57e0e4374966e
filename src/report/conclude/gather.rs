//! Everything counted over all flows, in one pass.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::flow::bounded::FirstLast;
use crate::flow::{Direction, Flow, FrameId, Socket};
use crate::report::conclude::pings::{TooManyPings, too_many};
use crate::report::judged::{Judged, Seen, request};
use crate::report::numbers::FlowNumbers;
use crate::report::parallel::in_order;
use crate::report::words;
use crate::time::Span;
use crate::verdict::advice::{Elsewhere, Protocol, Side};
use crate::verdict::group;
use crate::verdict::settings::nearby::answered_nearby;
use crate::verdict::settings::settings;
use crate::verdict::{Confidence, Reason, Verdict, VerdictId};

/// Findings about single services at most; what is beyond shares one finding per verdict.
const GROUPS: usize = 100;

/// Flows that share a verdict, of one service where the verdict is about a timer.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Numbers of the flows.
    pub(super) flows: FirstLast<u32>,
    /// Frames to look at, of the first flow.
    pub(super) frames: Vec<FrameId>,
    /// The verdict on the first flow.
    pub(super) first: Verdict,
    /// The shortest silence.
    pub(super) least: Option<Span>,
    /// The longest silence.
    pub(super) most: Option<Span>,
    /// Flows whose client had asked for something before the silence.
    pub(super) in_flight: u64,
    /// What the first of them had asked for.
    pub(super) request: Option<String>,
    /// Client and server of the first flow.
    pub(super) sides: [Side; 2],
    /// Their addresses.
    pub(super) hosts: [IpAddr; 2],
    /// The server's port of the first flow.
    pub(super) port: u16,
    /// What the first flow carries, where its payload says it.
    pub(super) protocol: Option<Protocol>,
    /// The box that killed some of them together with flows of other services.
    pub(super) behind: Option<BoxId>,
    /// Whether the server of one of them said that the client pings too often.
    pub(super) too_many_pings: bool,
}

/// A group of services behind one box: the timeline, and its place among the groups there.
pub(super) type BoxId = (usize, usize);

/// Everything counted over all flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// Flows in all.
    pub(crate) flows: u32,
    /// Flows by verdict.
    counts: ByVerdict<u64>,
    /// Flows that matter, by verdict and service.
    pub(super) groups: BTreeMap<(VerdictId, Option<Socket>), Group>,
    /// Flows that one box killed at several services, by verdict and box.
    pub(super) boxes: BTreeMap<(VerdictId, BoxId), Group>,
    /// Flows that lived on answered keepalive probes, with the probes sent and answered.
    pub(super) kept_alive: (u64, u64, u64),
    /// Flows that the server ended because of too many PINGs.
    pub(super) pings: TooManyPings,
    /// Flows that matter, by verdict, in their order.
    matter: ByVerdict<Vec<u32>>,
}

/// Something for each verdict.
#[derive(Clone, Debug, Default)]
struct ByVerdict<T>([T; VerdictId::ALL.len()]);

impl<T> ByVerdict<T> {
    /// What there is for `id`; None where `id` is not in its place among all, which a test rules out.
    fn get(&self, id: VerdictId) -> Option<&T> {
        self.0.get(id as usize)
    }

    fn get_mut(&mut self, id: VerdictId) -> Option<&mut T> {
        self.0.get_mut(id as usize)
    }
}

impl Gathered {
    /// Gathers from all timelines, beside what is `known` of flows that are not there any more.
    pub(super) fn from(timelines: &[Judged], numbers: &FlowNumbers, known: Self, threads: usize) -> Self {
        let mut gathered = known;
        for (timeline, judged) in timelines.iter().enumerate() {
            let see = |(index, glance)| (index, judged.see(index, glance));
            in_order(threads, judged.glanced(), see, |(index, seen)| {
                let number = numbers.number(timeline, index).unwrap_or(index);
                match seen {
                    Some(Seen::Plain(id)) if gathered.add_plain(number, id) => {}
                    Some(Seen::Well(flow, id)) => gathered.add_well(number, &flow, id),
                    Some(Seen::Judged(seen)) => gathered.add_judged(number, judged, timeline, &seen.0, &seen.1),
                    // The first of its kind stands for the others.
                    _ => {
                        if let Some((flow, verdict)) = judged.judged(index) {
                            gathered.add_judged(number, judged, timeline, &flow, &verdict);
                        }
                    }
                }
            });
        }
        gathered.matter.0.iter_mut().for_each(|numbers| numbers.sort_unstable());
        gathered.look_elsewhere(timelines, numbers);
        gathered
    }

    /// The groups, the most severe verdicts first, and of those the groups with the most flows.
    pub(super) fn ranked(&self) -> Vec<(&(VerdictId, Option<Socket>), &Group)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|((id, _), group)| (words::rank(words::severity(*id)), Reverse(group.flows.total())));
        groups
    }

    /// The services behind the box `id`.
    pub(super) fn group_of(timelines: &[Judged], (timeline, index): BoxId) -> Option<&group::Group> {
        timelines.get(timeline)?.groups.all().get(index)
    }

    /// The keepalive of the same hosts on other flows, for sides that showed none of their own: the shortest time of each.
    fn look_elsewhere(&mut self, timelines: &[Judged], numbers: &FlowNumbers) {
        let mut wanted: BTreeMap<IpAddr, Option<Elsewhere>> = BTreeMap::new();
        for group in self.groups.values() {
            wanted.extend(group.hosts.iter().map(|host| (*host, None)));
        }
        for (timeline, judged) in timelines.iter().enumerate() {
            for (index, flow) in judged.telling() {
                let hosts = [flow.client().ip, flow.server().ip];
                for (direction, host) in Direction::BOTH.into_iter().zip(hosts) {
                    let Some(found) = wanted.get_mut(&host) else { continue };
                    let Some(time) = settings(&flow, direction).time else { continue };
                    if found.is_none_or(|other| time.most < other.time.most) {
                        *found = Some(Elsewhere { time, flow: numbers.number(timeline, index).unwrap_or(index) });
                    }
                }
            }
        }
        for group in self.groups.values_mut() {
            for (side, host) in group.sides.iter_mut().zip(group.hosts) {
                side.elsewhere = wanted.get(&host).copied().flatten().filter(|_| side.probes == 0);
            }
        }
    }

    /// Numbers of the flows that matter, the worst verdicts first.
    pub(super) fn into_matter(self) -> Vec<u32> {
        let mut lists = self.matter.0.into_iter().filter(|list| !list.is_empty());
        let mut all = lists.next().unwrap_or_default();
        lists.for_each(|list| all.extend(list));
        all
    }

    /// Flows with verdict `id`.
    pub(super) fn count(&self, id: VerdictId) -> u64 {
        self.counts.get(id).copied().unwrap_or(0)
    }

    /// Flows to `server` that a timer of packets killed, by the final verdicts; 0 where its flows are not counted apart.
    pub(super) fn died_of_silence(&self, server: Socket) -> u64 {
        let killed = [VerdictId::IdleReset, VerdictId::IdleResetNext, VerdictId::IdleDrop];
        let groups = killed.iter().filter_map(|id| self.groups.get(&(*id, Some(server))));
        groups.map(|group| group.flows.total()).sum()
    }

    /// Flows that the capture cannot decide.
    pub(super) fn undecided(&self) -> u64 {
        self.count(VerdictId::Inconclusive)
    }

    /// Adds a flow that says nothing but its verdict, if it is but one more with that; whether it is.
    fn add_plain(&mut self, number: u32, id: VerdictId) -> bool {
        if id.matters() {
            let Some(group) = self.groups.get_mut(&(id, None)) else { return false };
            group.flows.push(number);
        }
        self.enter(number, id, id.matters());
        true
    }

    fn enter(&mut self, number: u32, id: VerdictId, matters: bool) {
        self.flows = self.flows.saturating_add(1);
        self.counts.get_mut(id).into_iter().for_each(|count| *count += 1);
        if matters {
            self.matter.get_mut(id).into_iter().for_each(|numbers| numbers.push(number));
        }
    }

    /// Takes a flow that is not there any more when the report is written, so that it cannot be listed.
    pub(crate) fn take(&mut self, number: u32, flow: &Flow, verdict: &Verdict) {
        self.add(number, flow, verdict, None);
        self.matter = ByVerdict::default();
    }

    fn add_judged(&mut self, number: u32, judged: &Judged, timeline: usize, flow: &Flow, verdict: &Verdict) {
        let behind = judged.groups.of(flow, verdict).map(|index| (timeline, index));
        self.add(number, flow, verdict, behind);
    }

    /// Adds a flow that came to no harm.
    fn add_well(&mut self, number: u32, flow: &Flow, id: VerdictId) {
        // Probes that nothing answered, or whose flow was torn down, kept nothing alive.
        self.count_probes(flow);
        let pinged = self.pings.enter(number, flow);
        self.enter(number, id, pinged);
    }

    fn add(&mut self, number: u32, flow: &Flow, verdict: &Verdict, behind: Option<BoxId>) {
        if !verdict.id.matters() {
            return self.add_well(number, flow, verdict.id);
        }
        self.pings.enter(number, flow);
        self.enter(number, verdict.id, true);
        let own = (verdict.id, Some(flow.server()).filter(|_| verdict.id.is_about_service()));
        // A service that has its group keeps it: else its later flows would be missing from the count.
        let crowded = self.groups.len() >= GROUPS && !self.groups.contains_key(&own);
        let key = if crowded { (verdict.id, None) } else { own };
        let group = self.groups.entry(key).or_insert_with(|| Group::of(flow, verdict));
        group.behind = group.behind.or(behind);
        group.add(number, flow, verdict);
        if let Some(id) = behind {
            let group = self.boxes.entry((verdict.id, id)).or_insert_with(|| Group::of(flow, verdict));
            group.behind = behind;
            group.add(number, flow, verdict);
        }
    }

    fn count_probes(&mut self, flow: &Flow) {
        let stats = Direction::BOTH.into_iter().filter_map(|direction| flow.probes(direction));
        let sums = stats.map(|probes| (probes.keepalive.total(), probes.keepalive.answered));
        let (sent, answered) = sums
            .fold((0, 0), |(sent, answered), (more, of_them)| (sent + u64::from(more), answered + u64::from(of_them)));
        let (flows, all_sent, all_answered) = &mut self.kept_alive;
        if answered == 0 {
            return;
        }
        *flows += 1;
        *all_sent += sent;
        *all_answered += answered;
    }
}

impl Group {
    fn of(flow: &Flow, verdict: &Verdict) -> Self {
        Self {
            flows: FirstLast::default(),
            frames: verdict.frames.clone(),
            first: verdict.clone(),
            least: None,
            most: None,
            in_flight: 0,
            request: None,
            sides: Direction::BOTH.map(|direction| side(flow, direction, verdict)),
            hosts: [flow.client().ip, flow.server().ip],
            port: flow.server().port,
            protocol: protocol(flow),
            behind: None,
            too_many_pings: false,
        }
    }

    fn add(&mut self, number: u32, flow: &Flow, verdict: &Verdict) {
        // Asked before the silence: what was only sent into it found the connection dead and waits for nobody's timer.
        let asked = flow.asked_since();
        let asked_before = asked.zip(verdict.gap).is_some_and(|(since, (_, gap))| since.time <= gap.start.time);
        // A 504 is the answer to a request that waited (RFC 9110 15.6.5).
        let in_flight = asked_before || verdict.reasons.contains(&Reason::HttpStatus(504));
        self.flows.push(number);
        self.in_flight += u64::from(in_flight);
        self.too_many_pings |= too_many(flow);
        if in_flight && self.request.is_none() {
            self.request = request(flow);
        }
        if let Some((_, gap)) = verdict.gap {
            self.least = Some(self.least.map_or(gap.length, |least| least.min(gap.length)));
            self.most = Some(self.most.map_or(gap.length, |most| most.max(gap.length)));
        }
    }
}

fn side(flow: &Flow, direction: Direction, verdict: &Verdict) -> Side {
    let stats = flow.probes(direction).map(|probes| &probes.keepalive);
    let closed_before =
        flow.end(direction).fin_time.zip(verdict.gap).is_some_and(|(fin, (_, gap))| fin <= gap.start.time);
    Side {
        settings: settings(flow, direction),
        probes: stats.map_or(0, |stats| stats.total()),
        answered: stats.map_or(0, |stats| stats.answered),
        unanswered: stats.map_or(0, |stats| stats.unanswered()),
        one_byte: stats.map_or(0, |stats| stats.one_byte),
        answered_nearby: answered_nearby(flow, direction).is_some_and(|nearby| nearby.confidence >= Confidence::Likely),
        half_closed: closed_before,
        half_open: verdict.half_open == Some(direction),
        elsewhere: None,
    }
}

/// What the heads of turns show that the flow carries.
fn protocol(flow: &Flow) -> Option<Protocol> {
    let heads = flow.heads()?;
    if let Some(hello) = heads.tls() {
        let speaks_h2 = hello.protocols().is_some_and(|names| names.split(',').any(|name| name == "h2"));
        return Some(if speaks_h2 { Protocol::Http2 } else { Protocol::Tls });
    }
    if heads.is_http2() {
        return Some(Protocol::Http2);
    }
    let name = heads.request(Direction::FromInitiator)?;
    let known = [
        ("PostgreSQL", Protocol::PostgreSql),
        ("MySQL", Protocol::MySql),
        ("Redis", Protocol::Redis),
        ("SSH", Protocol::Ssh),
    ];
    let named = known.iter().find(|(start, _)| name.starts_with(start)).map(|(_, protocol)| *protocol);
    named.or_else(|| name.contains(" /").then_some(Protocol::Http))
}
