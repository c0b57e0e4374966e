//! Push records, take what was recognised, finish: the whole analysis without any I/O.
//!
//! The clock is the capture: the greatest record time seen is what silence is measured against at the end, so a file
//! and a live run over the same packets see the same thing. What depends on the order of all records is done in `front`, what
//! depends on the order of the segments of one flow in `shard`: so [`spread`] can have several threads do the latter.

mod ahead;
mod attempts;
mod eviction;
mod front;
mod numbering;
mod partition;
mod shard;
pub mod spread;
mod streams;
mod traffic;

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

pub use ahead::Ahead;
pub use traffic::{Pace, Traffic};

use crate::capture::{Record, Told};
use crate::flow::joined::Joined;
use crate::flow::store::{AWAKE, Digester, Store};
use crate::flow::{Direction, Flow, FrameId, Mark, Notes, Relabel, SegmentKind};
use crate::time::Timestamp;
use crate::wire::{Decoded, Fragment, IcmpError, Layer, Segment, Skip};
use front::Front;
use shard::{Judged, Moment, Shard};

/// What one record held, and what was made of it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "what is seen is a segment, nearly always")]
pub enum Seen<'a> {
    /// A segment, classified.
    Segment(Labelled<'a>),
    /// A later fragment, accounted for.
    Fragment(Fragment),
    /// An ICMP error about a segment.
    Icmp(IcmpError),
    /// Nothing for this analysis.
    Skip(Skip),
}

/// A segment with its flow and its classification.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// Number of the flow, in the order of first segments, from 0.
    pub flow: u32,
    /// Which way the segment went.
    pub direction: Direction,
    /// What it is, as far as is known now.
    pub kind: SegmentKind,
    /// What else is worth saying.
    pub notes: Notes,
    /// When and where.
    pub mark: Mark,
    /// The segment.
    pub segment: Segment<'a>,
    /// What its payload told that verdicts may rest on.
    pub told: Told,
}

impl<'a> Seen<'a> {
    /// What was seen in a record that says this, captured at `mark`, where segments were `judged` and `told` something.
    #[inline(always)]
    fn new(decoded: &Decoded<'a>, mark: Mark, judged: Option<Judged>, told: Told) -> Self {
        match (decoded, judged) {
            (Decoded::Segment(segment), Some(Judged { flow, direction, kind, notes })) => {
                Self::Segment(Labelled { flow, direction, kind, notes, mark, segment: *segment, told })
            }
            (Decoded::Segment(_), None) => Self::Skip(Skip::unseen()),
            (Decoded::Fragment(fragment), _) => Self::Fragment(*fragment),
            (Decoded::Icmp(error), _) => Self::Icmp(*error),
            (Decoded::Damaged(damaged), _) => Self::Skip(damaged.skip),
            (Decoded::Skip(skip), _) => Self::Skip(*skip),
        }
    }
}

/// What was passed over for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipCount {
    /// How many frames.
    pub count: u64,
    /// The first of them.
    pub first: FrameId,
    /// What was wrong with the first of them.
    pub example: Skip,
}

/// Accounts of one file or interface.
#[derive(Clone, Debug, Default)]
pub struct FileAccount {
    /// Records pushed (after any filter).
    pub records: u64,
    /// TCP segments among them.
    pub tcp_segments: u64,
    /// Flows whose first segment it holds.
    pub new_flows: u32,
    /// Frames captured more than once.
    pub duplicates: u64,
    /// Segments whose captured part ends before their payload does.
    pub cut_payloads: u64,
    /// The segments by what they carry.
    pub traffic: Traffic,
    /// The distances between the records.
    pub pace: Pace,
    /// Frames passed over, by layer and kind of reason.
    pub skips: BTreeMap<(Layer, &'static str), SkipCount>,
}

impl FileAccount {
    /// Adds the segments of flows that were analysed apart.
    fn add_segments(&mut self, part: &Self) {
        self.tcp_segments += part.tcp_segments;
        self.new_flows += part.new_flows;
        self.duplicates += part.duplicates;
        self.cut_payloads += part.cut_payloads;
        self.traffic.join(&part.traffic);
    }
}

/// Options of the analysis.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to number streams as Wireshark does (one file, no filter).
    pub number_streams: bool,
    /// Flows that are kept ready at a time: the others are packed, which takes a tenth of the memory and shows nowhere.
    pub awake: usize,
    /// Flows of which the capture shows no more than an attempt, that are kept at most: see [`Flow::is_attempt`].
    pub attempts: usize,
    /// Makes digests of flows that go to rest: they are asked for when the capture has ended ([`Joined::brief`]).
    pub digester: Digester,
    /// Whether usual segments may take the short way through their flows. The long way comes to the same: tests go both.
    pub short_way: bool,
}

impl Options {
    /// Attempts for which memory is granted where nobody says how many flows to hold.
    pub const FEW_ATTEMPTS: usize = 1 << 17;
}

impl Default for Options {
    fn default() -> Self {
        Self { number_streams: true, awake: AWAKE, attempts: usize::MAX, digester: |_| None, short_way: true }
    }
}

/// The analysis of one timeline.
pub struct Analyzer {
    front: Front,
    shard: Shard,
}

/// Everything the analysis knows when the capture has ended.
pub struct Analysis {
    /// All flows that are there, in the order of their first segment.
    pub flows: Joined,
    /// Accounts per file, in the order of the files.
    pub accounts: Vec<FileAccount>,
    /// Time of the first record.
    pub start: Timestamp,
    /// Greatest record time.
    pub end: Timestamp,
    /// Fragmented datagrams given up because too many were unfinished.
    pub fragments_given_up: u64,
    /// Heads of turns that were not read because too many were unfinished: requests not named.
    pub heads_refused: u64,
}

impl Analyzer {
    /// An analysis that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { front: Front::new(), shard: Shard::whole(options) }
    }

    /// What follows comes from file number `file`; frames are named by it.
    pub fn begin_file(&mut self, file: u32) {
        self.front.begin_file(file);
    }

    /// Takes one record.
    pub fn push<'a>(&mut self, record: &Record<'a>) -> Seen<'a> {
        let mut ahead = Ahead::new(*record);
        self.look_at(&mut ahead);
        self.take(&ahead)
    }

    /// Looks at records that are taken a little later, and has the memory of their flows brought near, all at a time: it is
    /// far away in a capture of many flows, and waiting for one after the other is what reading such a capture costs most.
    pub fn look_ahead(&self, ahead: &mut [Ahead<'_>]) {
        ahead.iter_mut().for_each(|ahead| self.look_at(ahead));
        self.front.touch(ahead);
        self.shard.touch(ahead);
    }

    #[inline(always)]
    fn look_at(&self, ahead: &mut Ahead<'_>) {
        self.shard.look_at(ahead);
        ahead.liken();
    }

    /// Takes a record that was looked at. Records are taken in their order. What nobody asks for of what is seen is not put
    /// together where this becomes part of the function that calls it.
    #[inline(always)]
    pub fn take<'a>(&mut self, ahead: &Ahead<'a>) -> Seen<'a> {
        let mark = self.front.mark(&ahead.record);
        let what = self.front.admit(ahead, mark).map(|errand| errand.what);
        let mut told = Told::NOTHING;
        let moment = Moment { at: 0, clock: self.front.clock() };
        let judged = self.shard.run(what, ahead, mark, moment, &mut told);
        Seen::new(&ahead.decoded, mark, judged, told)
    }

    /// Judgements on earlier segments made since the last call.
    #[inline]
    pub fn drain_relabels(&mut self) -> impl Iterator<Item = Relabel> + '_ {
        self.shard.relabels.drain(..)
    }

    /// Nothing was captured until `time`: silence lasts at least until then.
    pub fn tick(&mut self, time: Timestamp) {
        self.front.tick(time);
    }

    /// The greatest time of a record or tick so far.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.front.clock()
    }

    /// Flow number `number`, as it stands; `None` if there is none, or if it was let go or packed.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.shard.table.flow(number)
    }

    /// All flows that are there and not packed, each with its number, in the order of their first segment.
    pub fn flows(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.shard.table.numbered()
    }

    /// The flows that are there from number `from` on, each with its number; where they begin is found at once.
    pub fn flows_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        self.shard.table.numbered_from(from)
    }

    /// Flows that are there.
    #[must_use]
    pub const fn flows_held(&self) -> usize {
        self.shard.table.len()
    }

    /// A copy of flow number `number` as it would come out if the capture ended at `end`.
    #[must_use]
    pub fn settled(&self, number: u32, end: Timestamp) -> Option<Flow> {
        let mut flow = self.shard.table.flow(number)?.clone();
        flow.finish(end, &mut Vec::new());
        Some(flow)
    }

    /// Whether a flow has left or must leave, where `most` are held: then it is time for [`hold_to`](Self::hold_to).
    #[must_use]
    #[inline]
    pub const fn holds_more(&self, most: usize) -> bool {
        !self.shard.gone.is_empty() || self.shard.table.len() > most
    }

    /// Holds the number of flows to `most`: when there are more, an eighth of them leaves, the closed ones first. Each is
    /// handed to `gone` with its number, decided as far as it can be; so are the attempts that had to leave since the last call.
    #[cold]
    pub fn hold_to(&mut self, most: usize, mut gone: impl FnMut(u32, Flow)) {
        self.shard.gone.drain(..).for_each(|(number, flow)| gone(number, flow));
        if self.shard.table.len() <= most {
            return;
        }
        let clock = self.clock();
        let Shard { table, relabels, budgets, .. } = &mut self.shard;
        let leaving = eviction::Leaving::choose(table.all(), table.len(), most, clock);
        let stays = |number: u32, flow: &Flow| !leaving.includes(number, flow);
        table.retain(stays, |number, mut flow| {
            flow.release_heads(budgets.of(flow.key.fold()));
            flow.finish(clock, relabels);
            gone(number, flow);
        });
    }

    /// Decides what is still open, against the greatest time seen; further judgements on earlier segments go to
    /// `relabel`.
    #[must_use]
    pub fn finish(self, relabel: impl FnMut(Relabel)) -> Analysis {
        join(self.front, vec![self.shard], relabel)
    }
}

/// The analysis of a timeline from all parts of it; judgements on earlier segments go to `relabel`.
fn join(front: Front, shards: Vec<Shard>, mut relabel: impl FnMut(Relabel)) -> Analysis {
    let (start, end) = front.span();
    let fragments_given_up = front.fragments_given_up();
    let mut accounts = front.into_accounts();
    let (mut stores, mut logs, mut relabels, mut heads_refused) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for rest in shards.into_iter().map(Shard::into_rest) {
        accounts.iter_mut().zip(&rest.accounts).for_each(|(account, part)| account.add_segments(part));
        heads_refused += rest.heads_refused;
        relabels.extend(rest.relabels);
        stores.push(rest.store);
        logs.extend(rest.log);
    }
    settle_silent_peers(&mut stores, &mut relabels);
    let order = (stores.len() > 1).then(|| numbering::order(&logs));
    let mut finish = |(shard, store): (usize, Store)| {
        store.finish(end, |flow| {
            if let Some(order) = &order {
                order.renumber(shard, flow);
            }
            flow.finish(end, &mut relabels);
        })
    };
    let shards = stores.into_iter().enumerate().map(&mut finish).collect();
    relabels.drain(..).for_each(&mut relabel);
    Analysis { flows: Joined::new(shards, order), accounts, start, end, fragments_given_up, heads_refused }
}

/// Rule 7, for flows of which one direction was seen: whether the silence of the other is real shows elsewhere in the
/// capture.
fn settle_silent_peers(stores: &mut [Store], relabels: &mut Vec<Relabel>) {
    // Flows that hold segments are never at rest.
    let silent = |store: &mut Store| store.ready_mut().filter_map(|flow| flow.silent_peer()).collect::<Vec<_>>();
    let silent: HashSet<IpAddr> = stores.iter_mut().flat_map(silent).collect();
    if silent.is_empty() {
        return;
    }
    let speaks =
        |flow: &Flow, direction: Direction, ip: IpAddr| flow.end(direction).last.is_some() && silent.contains(&ip);
    let mut seen: HashSet<IpAddr> = HashSet::new();
    for flow in stores.iter().flat_map(Store::iter) {
        let ends = [(Direction::FromInitiator, flow.client().ip), (Direction::FromResponder, flow.server().ip)];
        seen.extend(ends.into_iter().filter(|&(direction, ip)| speaks(&flow, direction, ip)).map(|(_, ip)| ip));
    }
    for flow in stores.iter_mut().flat_map(Store::ready_mut) {
        if flow.silent_peer().is_some_and(|ip| seen.contains(&ip)) {
            flow.settle_silent_peer(relabels);
        }
    }
}
