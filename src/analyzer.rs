//! Push records, take what was recognised, finish: the whole analysis without any I/O.
//!
//! The clock is the capture: the greatest record time seen is what silence is measured against at the end, so a file
//! and a live run over the same packets see the same thing.

mod attempts;
mod eviction;
mod traffic;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

pub use traffic::{Pace, Traffic};

use self::attempts::Attempts;
use crate::capture::{Record, Told};
use crate::flow::classify::{Class, classify};
use crate::flow::duplicates::Duplicates;
use crate::flow::fragments::{Completed, Fragments};
use crate::flow::store::{AWAKE, Flows, Store};
use crate::flow::table::{FlowTable, Hashed, Place};
use crate::flow::{Direction, Flow, FlowKey, FrameId, IcmpEvent, Mark, Notes, Relabel, SegmentKind, Shared, Socket};
use crate::time::Timestamp;
use crate::wire::{self, Decoded, Flags, Fragment, IcmpError, IcmpKind, Layer, Segment, Skip, SkipReason};

/// ICMP redirect (RFC 792): Wireshark reads no more of its quote than the ports.
const REDIRECT: u8 = 5;
/// Octets of a TCP header that Wireshark needs to show a stream: up to the window.
const QUOTED_HEADER: u32 = 16;
/// Tuples quoted by ICMP errors that are remembered for numbering.
const QUOTED_CAPACITY: usize = 1 << 16;

/// What one record held, and what was made of it.
#[derive(Clone, Copy, Debug)]
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

/// Options of the analysis.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to number streams as Wireshark does (one file, no filter).
    pub number_streams: bool,
    /// Flows that are kept ready at a time: the others are packed, which takes a tenth of the memory and shows nowhere.
    pub awake: usize,
    /// Flows of which the capture shows no more than an attempt, that are kept at most: see [`Flow::is_attempt`].
    pub attempts: usize,
}

impl Options {
    /// Attempts for which memory is granted where nobody says how many flows to hold.
    pub const FEW_ATTEMPTS: usize = 1 << 17;
}

impl Default for Options {
    fn default() -> Self {
        Self { number_streams: true, awake: AWAKE, attempts: usize::MAX }
    }
}

/// A record that was looked at and not yet taken.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    record: Record<'a>,
    decoded: Decoded<'a>,
    key: Option<Hashed>,
}

impl<'a> Ahead<'a> {
    /// The record.
    #[must_use]
    pub const fn record(&self) -> Record<'a> {
        self.record
    }
}

/// The analysis of one timeline.
pub struct Analyzer {
    options: Options,
    table: FlowTable,
    duplicates: Duplicates,
    fragments: Fragments,
    streams: Streams,
    shared: Shared,
    attempts: Attempts,
    /// Attempts that had to leave and were not handed over yet.
    gone: Vec<(u32, Flow)>,
    file: u32,
    accounts: Vec<FileAccount>,
    start: Option<Timestamp>,
    clock: Timestamp,
}

/// Everything the analysis knows when the capture has ended.
pub struct Analysis {
    /// All flows that are there, in the order of their first segment.
    pub flows: Flows,
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
        Self {
            options,
            table: FlowTable::new(options.awake),
            duplicates: Duplicates::default(),
            fragments: Fragments::default(),
            streams: Streams::default(),
            shared: Shared::default(),
            attempts: Attempts::new(options.attempts),
            gone: Vec::new(),
            file: 0,
            accounts: vec![FileAccount::default()],
            start: None,
            clock: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// What follows comes from file number `file`; frames are named by it.
    pub fn begin_file(&mut self, file: u32) {
        self.file = file;
        if self.accounts.len() <= file as usize {
            self.accounts.resize(file as usize + 1, FileAccount::default());
        }
    }

    /// Takes one record.
    pub fn push<'a>(&mut self, record: &Record<'a>) -> Seen<'a> {
        self.take(&self.look_ahead(*record))
    }

    /// Looks at a record that is taken a little later: all that can be said of it without its flow.
    #[must_use]
    pub fn look_ahead<'a>(&self, record: Record<'a>) -> Ahead<'a> {
        let mut decoded = wire::decode(record.link, record.data, record.original_len);
        if let Decoded::Segment(segment) = &mut decoded {
            // Octets that are here speak for themselves.
            segment.told = record.told.filter(|_| segment.payload.is_empty() && segment.payload_len > 0);
        }
        let key = match &decoded {
            Decoded::Segment(segment) => Some(self.table.key(segment)),
            _ => None,
        };
        Ahead { record, decoded, key }
    }

    /// Has the memory of these records' flows brought near, all at a time: it is far away in a capture of many flows,
    /// and waiting for one after the other is what reading such a capture costs most.
    pub fn touch(&self, ahead: &[Ahead<'_>]) {
        let segments = ahead.iter().filter_map(|ahead| match &ahead.decoded {
            Decoded::Segment(segment) => Some(segment),
            _ => None,
        });
        std::hint::black_box(segments.fold(0, |sum, segment| sum ^ self.duplicates.touch(segment)));
        self.table.touch(ahead.iter().filter_map(|ahead| ahead.key.as_ref()));
    }

    /// Takes a record that was looked at. Records are taken in their order.
    pub fn take<'a>(&mut self, ahead: &Ahead<'a>) -> Seen<'a> {
        let Ahead { record, decoded, key } = ahead;
        self.clock = self.clock.max(record.time);
        self.start = Some(self.start.map_or(record.time, |start| start.min(record.time)));
        let mark = Mark { time: record.time, frame: FrameId::new(self.file, record.frame) };
        self.account(|account| {
            account.records += 1;
            account.pace.add(record.time);
        });
        match decoded {
            Decoded::Segment(segment) => {
                let key = key.unwrap_or_else(|| self.table.key(segment));
                Seen::Segment(self.push_segment(segment, &key, mark, record.interface))
            }
            Decoded::Fragment(fragment) => {
                if let Some(completed) = self.fragments.further(fragment) {
                    self.complete(completed, mark);
                }
                Seen::Fragment(*fragment)
            }
            Decoded::Icmp(error) => {
                self.push_icmp(error, mark);
                Seen::Icmp(*error)
            }
            Decoded::Damaged(damaged) => {
                // Wireshark shows a stream for it, which later segments of the connection share.
                self.reserve_stream(damaged.src, damaged.dst);
                self.count_skip(damaged.skip, mark.frame);
                Seen::Skip(damaged.skip)
            }
            Decoded::Skip(skip) => {
                self.count_skip(*skip, mark.frame);
                Seen::Skip(*skip)
            }
        }
    }

    /// Judgements on earlier segments made since the last call.
    pub fn drain_relabels(&mut self) -> impl Iterator<Item = Relabel> + '_ {
        self.shared.relabels.drain(..)
    }

    /// Nothing was captured until `time`: silence lasts at least until then.
    pub fn tick(&mut self, time: Timestamp) {
        self.clock = self.clock.max(time);
    }

    /// The greatest time of a record or tick so far.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Flow number `number`, as it stands; `None` if there is none, or if it was let go or packed.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.table.flow(number)
    }

    /// All flows that are there and not packed, each with its number, in the order of their first segment.
    pub fn flows(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.table.numbered()
    }

    /// The flows that are there from number `from` on, each with its number; where they begin is found at once.
    pub fn flows_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        self.table.numbered_from(from)
    }

    /// Flows that are there.
    #[must_use]
    pub const fn flows_held(&self) -> usize {
        self.table.len()
    }

    /// A copy of flow number `number` as it would come out if the capture ended at `end`.
    #[must_use]
    pub fn settled(&self, number: u32, end: Timestamp) -> Option<Flow> {
        let mut flow = self.table.flow(number)?.clone();
        flow.finish(end, &mut Vec::new());
        Some(flow)
    }

    /// Holds the number of flows to `most`: when there are more, an eighth of them leaves, the closed ones first. Each is
    /// handed to `gone` with its number, decided as far as it can be; so are the attempts that had to leave since the last call.
    pub fn hold_to(&mut self, most: usize, mut gone: impl FnMut(u32, Flow)) {
        self.gone.drain(..).for_each(|(number, flow)| gone(number, flow));
        if self.table.len() <= most {
            return;
        }
        let leaving = eviction::Leaving::choose(self.table.all(), self.table.len(), most, self.clock);
        let (clock, shared) = (self.clock, &mut self.shared);
        let stays = |number: u32, flow: &Flow| !leaving.includes(number, flow);
        self.table.retain(stays, |number, mut flow| {
            flow.release_heads(&mut shared.heads);
            flow.finish(clock, &mut shared.relabels);
            gone(number, flow);
        });
    }

    /// Decides what is still open, against the greatest time seen; further judgements on earlier segments go to
    /// `relabel`.
    #[must_use]
    pub fn finish(mut self, mut relabel: impl FnMut(Relabel)) -> Analysis {
        let mut store = self.table.into_store();
        settle_silent_peers(&mut store, &mut self.shared.relabels);
        let flows = store.finish(self.clock, |flow| flow.finish(self.clock, &mut self.shared.relabels));
        self.shared.relabels.drain(..).for_each(&mut relabel);
        Analysis {
            flows,
            accounts: self.accounts,
            start: self.start.unwrap_or_default(),
            end: if self.start.is_some() { self.clock } else { Timestamp::default() },
            fragments_given_up: self.fragments.given_up(),
            heads_refused: self.shared.heads.refused(),
        }
    }

    fn push_segment<'a>(&mut self, segment: &Segment<'a>, key: &Hashed, mark: Mark, interface: u32) -> Labelled<'a> {
        let place = self.table.place(segment, key, mark);
        let Place { flow: index, direction, .. } = place;
        let is_copy = self.duplicates.is_copy(index, direction, segment, interface, mark.time);
        let cut = segment.payload.len() < segment.payload_len as usize;
        self.account(|account| {
            account.tcp_segments += 1;
            account.duplicates += u64::from(is_copy);
            account.cut_payloads += u64::from(cut);
            account.traffic.add(segment);
        });
        let mut class = Class::default();
        let mut told = Told::NOTHING;
        if let Some(flow) = self.table.flow_mut(index) {
            class = if is_copy {
                Class { kind: Some(SegmentKind::DuplicateFrame), ..Class::default() }
            } else {
                classify(flow, direction, segment, mark.time)
            };
            if place.is_reuse {
                class.notes |= Notes::PORT_REUSE;
            }
            let octet = flow.end(direction).lone_octet(segment);
            told = Told { octet, ..flow.apply(direction, segment, mark, class, &mut self.shared) };
            // Wireshark reassembles first, except where the snapshot length cut an IPv4 fragment.
            let dissected = segment.fragment.is_none() || (cut && segment.src.is_ipv4());
            if self.options.number_streams && dissected {
                self.streams.number(flow, place.stream, place.is_reuse);
            }
        }
        self.follow_attempt(place);
        if segment.flags.any(Flags::FIN | Flags::RST) && self.table.flow(index).is_some_and(Flow::is_over) {
            self.table.close(index);
        }
        if segment.fragment.is_some()
            && let Some(completed) = self.fragments.first(index, direction, segment)
        {
            self.complete(completed, mark);
        }
        let kind = class.kind.unwrap_or(SegmentKind::Ack);
        Labelled { flow: index, direction, kind, notes: class.notes, mark, segment: *segment, told }
    }

    /// Takes note of an attempt that began, or became a connection.
    fn follow_attempt(&mut self, Place { flow: number, is_new, .. }: Place) {
        if self.options.attempts == usize::MAX || !(is_new || self.attempts.has(number)) {
            return;
        }
        let Some(flow) = self.table.flow(number) else { return };
        match (is_new, flow.is_attempt()) {
            (true, true) => {
                for leaving in self.attempts.enter(&flow.key, number) {
                    let Some(mut flow) = self.table.remove(leaving) else { continue };
                    flow.release_heads(&mut self.shared.heads);
                    flow.finish(self.clock, &mut self.shared.relabels);
                    self.gone.push((leaving, flow));
                }
            }
            (false, false) => self.attempts.remove(number),
            _ => {}
        }
    }

    /// The whole of a fragmented segment has been seen.
    fn complete(&mut self, completed: Completed, mark: Mark) {
        let Completed { head, payload_len } = completed;
        let Some(flow) = self.table.flow_mut(head.flow) else {
            return;
        };
        flow.extend(head.direction, head.payload_seq, head.payload_len, payload_len, mark);
        if self.options.number_streams && !head.is_cut {
            self.streams.number(flow, None, false);
        }
    }

    fn push_icmp(&mut self, error: &IcmpError, mark: Mark) {
        let src = Socket::new(error.src.ip(), error.src.port());
        let dst = Socket::new(error.dst.ip(), error.dst.port());
        if let Some((index, direction)) = self.table.find(src, dst)
            && let Some(flow) = self.table.flow_mut(index)
        {
            flow.icmp(IcmpEvent { mark, about: direction, from: error.from, kind: error.kind });
        }
        let is_redirect = matches!(error.kind, IcmpKind::Other(REDIRECT, _)) && error.src.is_ipv4();
        if error.quoted_len >= QUOTED_HEADER && !is_redirect {
            self.reserve_stream(error.src, error.dst);
        }
    }

    /// A connection was named outside a segment: it takes a stream number if it has none.
    fn reserve_stream(&mut self, src: SocketAddr, dst: SocketAddr) {
        let (src, dst) = (Socket::new(src.ip(), src.port()), Socket::new(dst.ip(), dst.port()));
        let known = self.table.find(src, dst).and_then(|(index, _)| self.table.flow(index));
        if self.options.number_streams && known.is_none_or(|flow| flow.stream.is_none()) {
            self.streams.reserve(FlowKey::new(src, dst).0);
        }
    }

    fn count_skip(&mut self, skip: Skip, frame: FrameId) {
        let first = SkipCount { count: 0, first: frame, example: skip };
        self.account(|account| account.skips.entry((skip.layer, reason_kind(skip.reason))).or_insert(first).count += 1);
    }

    fn account(&mut self, count: impl FnOnce(&mut FileAccount)) {
        if let Some(account) = self.accounts.get_mut(self.file as usize) {
            count(account);
        }
    }
}

/// Rule 7, for flows of which one direction was seen: whether the silence of the other is real shows elsewhere in the
/// capture.
fn settle_silent_peers(store: &mut Store, relabels: &mut Vec<Relabel>) {
    // Flows that hold segments are never at rest.
    let silent: HashSet<IpAddr> = store.ready_mut().filter_map(|flow| flow.silent_peer()).collect();
    if silent.is_empty() {
        return;
    }
    let speaks =
        |flow: &Flow, direction: Direction, ip: IpAddr| flow.end(direction).last.is_some() && silent.contains(&ip);
    let mut seen: HashSet<IpAddr> = HashSet::new();
    for flow in store.iter() {
        let ends = [(Direction::FromInitiator, flow.client().ip), (Direction::FromResponder, flow.server().ip)];
        seen.extend(ends.into_iter().filter(|&(direction, ip)| speaks(&flow, direction, ip)).map(|(_, ip)| ip));
    }
    for flow in store.ready_mut() {
        if flow.silent_peer().is_some_and(|ip| seen.contains(&ip)) {
            flow.settle_silent_peer(relabels);
        }
    }
}

/// Numbers flows as Wireshark 4 numbers `tcp.stream`: in the order in which TCP headers are dissected, those quoted in
/// ICMP errors included.
#[derive(Default)]
struct Streams {
    next: u32,
    /// Tuples that only an ICMP error has shown.
    reserved: HashMap<FlowKey, u32>,
}

impl Streams {
    /// Numbers `flow`, with the number that it takes over from an earlier generation, if any.
    fn number(&mut self, flow: &mut Flow, inherited: Option<u32>, is_reuse: bool) {
        if flow.stream.is_some() {
            return;
        }
        let reserved = if is_reuse { inherited } else { self.reserved.remove(&flow.key) };
        flow.stream = Some(reserved.unwrap_or_else(|| self.take()));
    }

    fn reserve(&mut self, key: FlowKey) {
        if self.reserved.len() < QUOTED_CAPACITY && !self.reserved.contains_key(&key) {
            let number = self.take();
            self.reserved.insert(key, number);
        }
    }

    fn take(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }
}

/// The kind of a reason, by which skips are counted.
const fn reason_kind(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NotTcp(_) => "not-tcp",
        SkipReason::UnknownLink(_) => "unknown-link-type",
        SkipReason::TooShort { .. } => "too-short",
        SkipReason::BadField(..) => "bad-field",
        SkipReason::TooDeep => "too-deep",
        SkipReason::Opaque => "opaque",
    }
}
