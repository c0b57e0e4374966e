//! Which flows belong to the extract: those with findings or those asked for, and every flow that the verdicts on them
//! rest on.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Deref;

use crate::analyzer::Seen;
use crate::flow::gaps::Clock;
use crate::flow::joined::Joined;
use crate::flow::{Direction, Flow, FlowKey, Orientation, Socket};
use crate::report::conclude::too_many_pings;
use crate::report::judged::Judged;
use crate::time::{Span, Timestamp};
use crate::verdict::ages::{Manner, died_of_age};
use crate::verdict::outcome::judge;
use crate::verdict::path::Path;
use crate::verdict::quality::Selection as Filtered;
use crate::verdict::quality::lacks_octets;
use crate::verdict::service::{Service, may_be_refined};
use crate::wire::{Flags, Segment};

/// First fragments remembered; a capture with more has other problems.
const FRAGMENTS: usize = 1 << 16;

/// A fragmented datagram: addresses and identification.
type Datagram = (IpAddr, IpAddr, u32);

/// What has to be known of single segments before any is selected, gathered when the capture is read for the first time.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The fragmented datagrams, and whose they are.
    datagrams: HashSet<(Datagram, FlowKey)>,
    /// Whose the first segment with payload is, the first bare acknowledgment, and the first SYN or FIN.
    sorts: [Option<FlowKey>; 3],
}

impl Gathered {
    /// Takes note of a segment.
    pub fn note(&mut self, seen: &Seen<'_>) {
        let Seen::Segment(labelled) = seen else { return };
        let segment = &labelled.segment;
        if let Some(fragment) = segment.fragment
            && self.datagrams.len() < FRAGMENTS
        {
            self.datagrams.insert(((segment.src, segment.dst, fragment.id), key(segment)));
        }
        let [payload, bare, control] = &mut self.sorts;
        let sort = if segment.payload_len > 0 {
            payload
        } else if segment.flags.any(Flags::SYN | Flags::FIN) {
            control
        } else if segment.flags.has(Flags::RST) {
            return;
        } else {
            bare
        };
        if sort.is_none() {
            *sort = Some(key(segment));
        }
    }
}

/// What is to be kept of one timeline.
#[derive(Debug)]
pub struct Selection {
    /// Numbers of the flows with findings, or of those asked for.
    pub findings: BTreeSet<u32>,
    /// The longest silences that survived toward the same services: flow and clock.
    pub survivors: BTreeSet<(u32, Clock)>,
    /// Numbers of all flows that are kept.
    pub flows: BTreeSet<u32>,
    keys: HashSet<FlowKey>,
    datagrams: HashSet<Datagram>,
    /// The earliest and the latest time of the capture.
    pub(super) span: (Timestamp, Timestamp),
    /// Whether every record leaves a trace: where times are invented, their rhythm is the evidence of it, and where they nearly
    /// seem so, it is the evidence that they are not.
    keeps_rhythm: bool,
}

/// How much of a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It belongs to a flow that is kept.
    Whole,
    /// That it was there, and when; none of its bytes.
    Time,
    /// Nothing.
    Nothing,
}

impl Selection {
    /// The flows of `judged` that matter, or those of `asked`, with what their verdicts rest on.
    #[must_use]
    pub(crate) fn new(judged: &Judged, asked: Option<&[u32]>, gathered: &Gathered) -> Self {
        let flows = &judged.timeline.analysis.flows;
        let numbered = || (0..).zip(flows.iter());
        let has_finding = |flow: &Flow| judged.verdict(flow).id.matters() || too_many_pings(flow);
        let matter = numbered().filter(|(_, flow)| has_finding(flow)).map(|(index, _)| index);
        let matter: BTreeSet<u32> = matter.collect();
        let findings = asked.map_or_else(|| matter.clone(), |asked| asked.iter().copied().collect());
        let mut servers = HashSet::new();
        let mut more: HashSet<Socket> =
            findings.iter().filter_map(|index| flows.get(*index)).map(|flow| flow.server()).collect();
        // What is kept for the sake of others has to be judged as it was, too.
        loop {
            servers.extend(more);
            servers = with_groups(judged, servers);
            let selection = Self::of_services(judged, &findings, &matter, &servers, gathered);
            more = selection.judged_with_others(judged).filter(|server| !servers.contains(server)).collect();
            if more.is_empty() {
                return selection;
            }
        }
    }

    /// The flows of `findings`, with what their verdicts and those of other flows toward `servers` rest on.
    fn of_services(
        judged: &Judged,
        findings: &BTreeSet<u32>,
        matter: &BTreeSet<u32>,
        servers: &HashSet<Socket>,
        gathered: &Gathered,
    ) -> Self {
        let analysis = &judged.timeline.analysis;
        let of_service = || (0..).zip(analysis.flows.iter()).filter(|(_, flow)| servers.contains(&flow.server()));
        let mut kept = findings.clone();
        // What its service explains otherwise speaks for all of them together.
        let tells = |flow: &Flow, index: u32| matter.contains(&index) || judge(flow, analysis).id.matters();
        kept.extend(of_service().filter(|(index, flow)| tells(flow, *index)).map(|(index, _)| index));
        kept.extend(oldest(judged, of_service()));
        let survivors = survivors(judged, servers);
        kept.extend(survivors.iter().map(|(index, _)| *index));
        let mut selection = Self {
            findings: findings.clone(),
            survivors,
            flows: kept,
            keys: HashSet::new(),
            datagrams: HashSet::new(),
            span: (analysis.start, analysis.end),
            keeps_rhythm: analysis.accounts.iter().any(|account| account.pace.has_rhythm()),
        };
        if !selection.flows.is_empty() {
            selection.complete(judged, gathered);
        }
        selection
    }

    /// The servers of the flows whose verdicts other flows of their services may change.
    fn judged_with_others<'a>(&'a self, judged: &'a Judged) -> impl Iterator<Item = Socket> + 'a {
        let analysis = &judged.timeline.analysis;
        let flows = self.flows.iter().filter_map(|index| analysis.flows.get(*index));
        flows.filter(|flow| may_be_refined(flow, &judge(flow, analysis))).map(|flow| flow.server())
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// How much of a record is kept that was captured at `time`.
    #[must_use]
    pub fn keeps(&self, time: Timestamp, seen: &Seen<'_>) -> Kept {
        let belongs = match seen {
            Seen::Segment(labelled) => self.keys.contains(&key(&labelled.segment)),
            Seen::Fragment(fragment) => self.datagrams.contains(&(fragment.src, fragment.dst, fragment.id)),
            Seen::Icmp(error) => {
                let [src, dst] = [error.src, error.dst].map(|end| Socket::new(end.ip(), end.port()));
                self.keys.contains(&FlowKey::new(src, dst).0)
            }
            Seen::Skip(_) => false,
        };
        if belongs {
            Kept::Whole
        } else if self.keeps_rhythm || time == self.span.0 || time == self.span.1 {
            // Silence is measured up to the end of the capture, whoever sent its last packet.
            Kept::Time
        } else {
            Kept::Nothing
        }
    }

    /// Adds what shows how the capture was made, and all flows that share addresses and ports with one that is kept: a
    /// segment may belong to an earlier one.
    fn complete(&mut self, judged: &Judged, gathered: &Gathered) {
        let flows = &judged.timeline.analysis.flows;
        let of = |index: &u32| flows.get(*index);
        let silent: HashSet<IpAddr> = self.flows.iter().filter_map(of).filter_map(|flow| silent_host(&flow)).collect();
        self.flows.extend(speakers(flows, &silent));
        self.keep_sorts(judged, gathered);
        // Each may bring flows that the other has to know of.
        let mut before = 0;
        while std::mem::replace(&mut before, self.flows.len()) < self.flows.len() {
            self.keep_completeness(judged);
            self.keep_sharing(flows);
        }
        let kept = gathered.datagrams.iter().filter(|(_, key)| self.keys.contains(key));
        self.datagrams = kept.map(|(datagram, _)| *datagram).collect();
    }
}

impl Selection {
    /// Adds what shows that no sort of segment was filtered out, or that one was.
    fn keep_sorts(&mut self, judged: &Judged, gathered: &Gathered) {
        let flows = &judged.timeline.analysis.flows;
        let passed = judged.limits.selection;
        let tells = |flow: &Flow| match passed {
            Filtered::Everything => is_ordinary(flow),
            filtered => filtered.shows_in(flow),
        };
        if self.flows.iter().filter_map(|index| flows.get(*index)).any(|flow| tells(&flow)) {
            return;
        }
        let telling = (0..).zip(flows.iter()).filter(|(_, flow)| tells(flow)).min_by_key(|(_, flow)| packets(flow));
        if let Some((index, _)) = telling {
            self.flows.insert(index);
        } else if passed == Filtered::Everything {
            let sorts: HashSet<FlowKey> = gathered.sorts.into_iter().flatten().collect();
            let with_them = (0..).zip(flows.iter()).filter(|(_, flow)| sorts.contains(&flow.key));
            self.flows.extend(with_them.map(|(index, _)| index));
        }
    }

    /// Adds all flows that share addresses and ports with one that is kept.
    fn keep_sharing(&mut self, flows: &Joined) {
        self.keys = self.flows.iter().filter_map(|index| flows.get(*index)).map(|flow| flow.key).collect();
        let keys = &self.keys;
        let sharing = flows.numbered().filter(|(_, flow)| keys.contains(&flow.key)).map(|(index, _)| index);
        self.flows.extend(sharing);
    }

    /// Adds flows, the shortest first, until as many as in the whole capture lack octets, or as few: what is missing from one
    /// flow in twenty speaks about all others.
    fn keep_completeness(&mut self, judged: &Judged) {
        let flows = &judged.timeline.analysis.flows;
        let much = judged.limits.misses_much();
        let lacks = |flow: &Flow| silent_host(flow).is_none() && lacks_octets(flow);
        // What was never silent nor reset is judged without its like.
        let by_itself = |flow: &Flow| {
            flow.packet_gaps().is_none() && flow.payload_gaps().is_none() && flow.resets().next().is_none()
        };
        let mut incomplete = self.flows.iter().filter_map(|index| flows.get(*index)).filter(|flow| lacks(flow)).count();
        let mut spare: Vec<(bool, u64, u32)> = flows
            .numbered()
            .filter(|(_, flow)| if much { lacks(flow) } else { silent_host(flow).is_none() && !lacks_octets(flow) })
            .filter(|(index, _)| !self.flows.contains(index))
            .map(|(index, flow)| (!by_itself(&flow), packets(&flow), index))
            .collect();
        spare.sort_unstable();
        for (_, _, index) in spare {
            if (incomplete > 0 && incomplete.saturating_mul(20) >= self.flows.len()) == much {
                return;
            }
            self.flows.insert(index);
            incomplete += usize::from(much);
        }
    }
}

/// These services, with those that are judged together with one of them.
fn with_groups(judged: &Judged, mut servers: HashSet<Socket>) -> HashSet<Socket> {
    for group in judged.groups.all() {
        if group.members.iter().any(|member| servers.contains(member)) {
            servers.extend(group.members.iter().copied().chain(group.apart.iter().map(|(server, _)| *server)));
        }
    }
    servers
}

/// The flows whose silences are the longest that survived, of each of these services and on each clock; where no single
/// timer explains a service, of each path to it as well.
fn survivors(judged: &Judged, servers: &HashSet<Socket>) -> BTreeSet<(u32, Clock)> {
    let mut best: HashMap<(Socket, Clock, Option<Path>), (Span, u32)> = HashMap::new();
    for (index, flow) in (0..).zip(judged.timeline.analysis.flows.iter()) {
        let server = flow.server();
        if !servers.contains(&server) {
            continue;
        }
        let verdict = judged.verdict(&flow);
        let contradicts = judged.services.of(server).is_some_and(|service| service.packet.contradiction().is_some());
        let paths = Path::of(&flow).into_iter().flatten().filter(|_| contradicts).map(Some);
        let paths: Vec<Option<Path>> = paths.chain([None]).collect();
        for (clock, gaps) in [(Clock::Packet, flow.packet_gaps()), (Clock::Payload, flow.payload_gaps())] {
            let Some(gap) = gaps.and_then(|gaps| gaps.longest_survived()) else { continue };
            // What the flow died of did not survive, though it was answered.
            if verdict.gap.is_some_and(|(of, died)| of == clock && died.length == gap.length) {
                continue;
            }
            for path in &paths {
                let entry = best.entry((server, clock, *path)).or_insert((Span::ZERO, index));
                if gap.length > entry.0 {
                    *entry = (gap.length, index);
                }
            }
        }
    }
    let found = best.into_iter().filter(|(_, (length, _))| *length > Span::ZERO);
    found.map(|((_, clock, _), (_, index))| (index, clock)).collect()
}

/// Of each service of which flows died at one age, or may have, the flow that grew oldest and did not die so, for each manner
/// of dying: it may refute a limit.
fn oldest<F: Deref<Target = Flow>>(judged: &Judged, flows: impl Iterator<Item = (u32, F)>) -> Vec<u32> {
    let mut best: HashMap<(Socket, bool), (Span, u32)> = HashMap::new();
    let died = |flow: &Flow| judged.services.of(flow.server()).is_some_and(Service::may_have_age_limit);
    for (index, flow) in flows.filter(|(_, flow)| flow.is_established() && died(flow)) {
        let age = flow.last.time.since(flow.first.time);
        let manner = died_of_age(&flow, &judge(&flow, &judged.timeline.analysis));
        for (by_reset, refuted) in [(true, Manner::Reset), (false, Manner::Close)] {
            if manner != Some(refuted) {
                let entry = best.entry((flow.server(), by_reset)).or_insert((age, index));
                *entry = (*entry).max((age, index));
            }
        }
    }
    best.into_values().map(|(_, index)| index).collect()
}

/// The host that said nothing in a flow of which one direction was seen.
fn silent_host(flow: &Flow) -> Option<IpAddr> {
    let silent = Direction::BOTH.into_iter().find(|direction| flow.end(*direction).last.is_none())?;
    Some(address(flow, silent))
}

/// For each of the `silent` hosts a flow in which it speaks: that its silence elsewhere is real shows there.
fn speakers(flows: &Joined, silent: &HashSet<IpAddr>) -> Vec<u32> {
    let mut left = silent.clone();
    let mut found = Vec::new();
    for (index, flow) in (0..).zip(flows.iter()) {
        for direction in Direction::BOTH {
            if flow.end(direction).last.is_some() && left.remove(&address(&flow, direction)) {
                found.push(index);
            }
        }
        if left.is_empty() {
            break;
        }
    }
    found
}

/// Whether the flow shows that no sort of segment was filtered out: a handshake ends with a bare ACK.
fn is_ordinary(flow: &Flow) -> bool {
    let has_payload = |direction| flow.end(direction).counters().payload_bytes > 0;
    flow.orientation == Orientation::Handshake && flow.is_established() && Direction::BOTH.into_iter().all(has_payload)
}

fn packets(flow: &Flow) -> u64 {
    Direction::BOTH.into_iter().map(|direction| flow.end(direction).counters().packets).sum()
}

fn address(flow: &Flow, direction: Direction) -> IpAddr {
    match direction {
        Direction::FromInitiator => flow.client().ip,
        Direction::FromResponder => flow.server().ip,
    }
}

fn key(segment: &Segment<'_>) -> FlowKey {
    let (src, dst) = (Socket::new(segment.src, segment.src_port), Socket::new(segment.dst, segment.dst_port));
    FlowKey::new(src, dst).0
}
