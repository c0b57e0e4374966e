//! Flows that are analysed by one thread: all of them, or those of some partitions.

use std::net::SocketAddr;

use super::attempts::Attempts;
use super::front::What;
use super::numbering::Log;
use super::partition::{PARTITIONS, Parted};
use super::streams::Streams;
use super::{Ahead, FileAccount, Options};
use crate::capture::Told;
use crate::flow::classify::{Class, classify};
use crate::flow::fragments::{Completed, First};
use crate::flow::store::Store;
use crate::flow::table::{FlowTable, Hashed, Place};
use crate::flow::turns::{Budget, TOTAL_BYTES};
use crate::flow::{Direction, Flow, FlowKey, IcmpEvent, Mark, Notes, Relabel, SegmentKind, Shared, Socket};
use crate::seq::Seq;
use crate::time::Timestamp;
use crate::wire::{Decoded, Flags, IcmpError, IcmpKind, Segment};

/// ICMP redirect (RFC 792): Wireshark reads no more of its quote than the ports.
const REDIRECT: u8 = 5;
/// Octets of a TCP header that Wireshark needs to show a stream: up to the window.
const QUOTED_HEADER: u32 = 16;

/// Flows, and what they share.
pub(super) struct Shard {
    options: Options,
    pub(super) table: FlowTable,
    streams: Streams,
    /// Judgements on earlier segments, not yet taken.
    pub(super) relabels: Vec<Relabel>,
    pub(super) budgets: Parted<Budget>,
    pub(super) attempts: Attempts,
    /// Attempts that had to leave and were not handed over yet.
    pub(super) gone: Vec<(u32, Flow)>,
    /// First fragments of segments of which not all was seen, by the slots of their datagrams.
    beginnings: Vec<Option<Beginning>>,
    /// By file: the segments.
    accounts: Vec<FileAccount>,
    /// Which records took numbers: kept where other shards take numbers as well.
    log: Option<Log>,
}

/// When a record comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Orders the records of a timeline, where several shards share them.
    pub(super) at: u64,
    /// The greatest time of a record so far.
    pub(super) clock: Timestamp,
}

/// What a segment was found to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) flow: u32,
    pub(super) direction: Direction,
    pub(super) kind: SegmentKind,
    pub(super) notes: Notes,
}

/// What the first fragment of a segment said.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    flow: u32,
    direction: Direction,
    payload_seq: Seq,
    payload_len: u32,
    is_cut: bool,
}

/// What is left of a shard at the end.
pub(super) struct Rest {
    pub(super) store: Store,
    pub(super) log: Option<Log>,
    pub(super) accounts: Vec<FileAccount>,
    pub(super) heads_refused: u64,
    pub(super) relabels: Vec<Relabel>,
}

impl Shard {
    /// The shard of all flows.
    pub(super) fn whole(options: Options) -> Self {
        Self {
            options,
            table: FlowTable::new(options.awake, options.digester),
            streams: Streams::default(),
            relabels: Vec::new(),
            budgets: Parted::new(|| Budget::new(TOTAL_BYTES / PARTITIONS)),
            attempts: Attempts::new(options.attempts),
            gone: Vec::new(),
            beginnings: Vec::new(),
            accounts: Vec::new(),
            log: None,
        }
    }

    /// One of `count` shards.
    pub(super) fn one_of(count: usize, options: Options) -> Self {
        let awake = options.awake / count.max(1);
        Self { log: Some(Log::default()), ..Self::whole(Options { awake, ..options }) }
    }

    /// Looks at a record: all that can be said of it without its flow.
    #[inline(always)]
    pub(super) fn look_at(&self, ahead: &mut Ahead<'_>) {
        ahead.decode();
        if let Some(key) = &mut ahead.key {
            self.table.prepare(key);
        }
    }

    /// Has the memory of these records' flows brought near.
    pub(super) fn touch<'a>(&self, ahead: &'a [Ahead<'a>]) {
        let visit = |ahead: &'a Ahead<'_>| match &ahead.decoded {
            Decoded::Segment(segment) => Some((ahead.key.as_ref()?, segment.payload_len > 1)),
            _ => None,
        };
        self.table.touch(ahead.iter().filter_map(visit));
    }

    /// Does what a record means to a flow; what it was found to be, if it is a segment, and what its payload told.
    pub(super) fn run(
        &mut self,
        what: Option<What>,
        ahead: &Ahead<'_>,
        mark: Mark,
        moment: Moment,
        told: &mut Told,
    ) -> Option<Judged> {
        let mut judged = None;
        match &ahead.decoded {
            Decoded::Segment(segment) => {
                let key = ahead.key.as_ref()?;
                judged = Some(self.segment(segment, key, mark, what, moment.clock, told));
            }
            Decoded::Fragment(_) => {
                if let Some(What::Completed(completed)) = what {
                    self.complete(completed, mark);
                }
            }
            Decoded::Icmp(error) => self.icmp(error, mark),
            // Wireshark shows a stream for it, which later segments of the connection share.
            Decoded::Damaged(damaged) => self.reserve_stream(damaged.src, damaged.dst),
            Decoded::Skip(_) => {}
        }
        self.log(moment.at);
        judged
    }

    /// Keeps which numbers record `at` took.
    fn log(&mut self, at: u64) {
        if let Some(log) = &mut self.log {
            log.note(at, self.table.total(), self.streams.given());
        }
    }

    /// What there is when the capture has ended.
    pub(super) fn into_rest(self) -> Rest {
        Rest {
            store: self.table.into_store(),
            log: self.log,
            accounts: self.accounts,
            heads_refused: self.budgets.iter().map(Budget::refused).sum(),
            relabels: self.relabels,
        }
    }

    #[inline(always)]
    fn segment(
        &mut self,
        segment: &Segment<'_>,
        key: &Hashed,
        mark: Mark,
        what: Option<What>,
        clock: Timestamp,
        told: &mut Told,
    ) -> Judged {
        let is_single = matches!(what, Some(What::Segment { copy_of: None, fragment: None }));
        if is_single
            && self.options.short_way
            && !segment.flags.any(Flags::SYN | Flags::FIN | Flags::RST)
            && let Some(judged) = self.pass(segment, key, mark, told)
        {
            return judged;
        }
        self.take(segment, key, mark, what, clock, told)
    }

    /// Takes a segment of any sort.
    fn take(
        &mut self,
        segment: &Segment<'_>,
        key: &Hashed,
        mark: Mark,
        what: Option<What>,
        clock: Timestamp,
        told: &mut Told,
    ) -> Judged {
        let (copy_of, fragment) = match what {
            Some(What::Segment { copy_of, fragment }) => (copy_of, fragment),
            _ => (None, None),
        };
        let place = self.table.place(segment, key, mark, copy_of);
        let Place { flow: index, direction, .. } = place;
        // What another flow of the same ends had, before this one began, has no copy here.
        let is_here = |original| self.table.flow(index).is_some_and(|flow| original >= flow.first.frame);
        let is_copy = copy_of.is_some_and(is_here);
        let cut = segment.payload.len() < segment.payload_len as usize;
        self.count(segment, mark, is_copy, cut, place.is_new);
        let mut class = Class::default();
        if let Some(flow) = self.table.flow_mut(index) {
            class = if is_copy {
                Class { kind: Some(SegmentKind::DuplicateFrame), ..Class::default() }
            } else {
                classify(flow, direction, segment, mark.time)
            };
            if place.is_reuse {
                class.notes |= Notes::PORT_REUSE;
            }
            let shared = Shared { relabels: &mut self.relabels, heads: self.budgets.of(key.keyed().fold()) };
            let octet = flow.end(direction).lone_octet(segment);
            *told = Told { octet, ..flow.apply(direction, segment, mark, class, shared) };
            // Wireshark reassembles first, except where the snapshot length cut an IPv4 fragment.
            let dissected = segment.fragment.is_none() || (cut && segment.src.is_ipv4());
            if self.options.number_streams && dissected {
                self.streams.number(flow, place.stream, place.is_reuse);
            }
        }
        self.follow_attempt(place, clock);
        if segment.flags.any(Flags::FIN | Flags::RST) && self.table.flow(index).is_some_and(Flow::is_over) {
            self.table.close(index);
        }
        if let Some(fragment) = fragment {
            self.begin(fragment, index, direction, segment, mark);
        }
        Judged { flow: index, direction, kind: class.kind.unwrap_or(SegmentKind::Ack), notes: class.notes }
    }

    /// Takes a segment that is as most are: of a flow under way that it neither opens nor ends.
    #[inline(always)]
    fn pass(&mut self, segment: &Segment<'_>, key: &Hashed, mark: Mark, told: &mut Told) -> Option<Judged> {
        let Self { table, budgets, streams, options, .. } = self;
        let keyed = key.keyed();
        let (number, flow) = table.seek(key)?;
        let direction = flow.direction(keyed.from_low);
        if segment.payload_len == 1 {
            told.octet = flow.end(direction).lone_octet(segment);
        }
        let (kind, notes) = flow.pass(direction, segment, mark, told, || budgets.of(keyed.fold()))?;
        if options.number_streams && flow.stream.is_none() {
            streams.number(flow, None, false);
        }
        let cut = segment.payload.len() < segment.payload_len as usize;
        self.count(segment, mark, false, cut, false);
        Some(Judged { flow: number, direction, kind, notes })
    }

    /// Takes note of an attempt that began, or became a connection.
    fn follow_attempt(&mut self, Place { flow: number, is_new, .. }: Place, clock: Timestamp) {
        if self.options.attempts == usize::MAX || !(is_new || self.attempts.has(number)) {
            return;
        }
        let Some(flow) = self.table.flow(number) else { return };
        match (is_new, flow.is_attempt()) {
            (true, true) => {
                for leaving in self.attempts.enter(&flow.key, number) {
                    let Some(mut flow) = self.table.remove(leaving) else { continue };
                    flow.release_heads(self.budgets.of(flow.key.fold()));
                    flow.finish(clock, &mut self.relabels);
                    self.gone.push((leaving, flow));
                }
            }
            (false, false) => self.attempts.remove(number),
            _ => {}
        }
    }

    #[inline(always)]
    fn count(&mut self, segment: &Segment<'_>, mark: Mark, is_copy: bool, cut: bool, is_new: bool) {
        let file = mark.frame.file as usize;
        if self.accounts.len() <= file {
            self.accounts.resize(file + 1, FileAccount::default());
        }
        let Some(account) = self.accounts.get_mut(file) else { return };
        account.tcp_segments += 1;
        account.duplicates += u64::from(is_copy);
        account.cut_payloads += u64::from(cut);
        account.new_flows += u32::from(is_new);
        account.traffic.add(segment);
    }

    /// The first fragment of a segment was seen.
    fn begin(&mut self, first: First, flow: u32, direction: Direction, segment: &Segment<'_>, mark: Mark) {
        let slot = usize::from(first.slot);
        if self.beginnings.len() <= slot {
            self.beginnings.resize(slot + 1, None);
        }
        if let Some(beginning) = self.beginnings.get_mut(slot) {
            *beginning = Some(Beginning {
                flow,
                direction,
                payload_seq: segment.seq.plus(u32::from(segment.flags.has(Flags::SYN))),
                payload_len: segment.payload_len,
                is_cut: segment.payload.len() < segment.payload_len as usize,
            });
        }
        if let Some(completed) = first.completed {
            self.complete(completed, mark);
        }
    }

    /// The whole of a fragmented segment has been seen.
    fn complete(&mut self, completed: Completed, mark: Mark) {
        let beginning = self.beginnings.get_mut(usize::from(completed.slot)).and_then(Option::take);
        let Some(beginning) = beginning else { return };
        let Some(flow) = self.table.flow_mut(beginning.flow) else { return };
        flow.extend(beginning.direction, beginning.payload_seq, beginning.payload_len, completed.payload_len, mark);
        if self.options.number_streams && !beginning.is_cut {
            self.streams.number(flow, None, false);
        }
    }

    fn icmp(&mut self, error: &IcmpError, mark: Mark) {
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
}
