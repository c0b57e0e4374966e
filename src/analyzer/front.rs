//! What concerns a capture as a whole and depends on the order of its records: its clock, the accounts of its files, frames
//! captured twice, and which fragments belong together. One thread does this, however many there are for the flows.

use std::net::SocketAddr;

use super::{Ahead, FileAccount, SkipCount};
use crate::capture::Record;
use crate::flow::duplicates::Duplicates;
use crate::flow::fragments::{Completed, First, Fragments};
use crate::flow::{FrameId, Keyed, Mark, Socket};
use crate::time::Timestamp;
use crate::wire::{Decoded, Skip, SkipReason};

/// Where all records of a timeline pass before their flows see them.
pub(super) struct Front {
    file: u32,
    accounts: Vec<FileAccount>,
    duplicates: Duplicates,
    fragments: Fragments,
    start: Option<Timestamp>,
    clock: Timestamp,
}

/// What is to be done for a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    /// [`FlowKey::fold`](crate::flow::FlowKey) of the flow.
    pub(super) fold: u64,
    pub(super) what: What,
}

/// What a record means to its flow.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A segment: the frame that it repeats, if it does, and whether it is the first fragment of one.
    Segment { copy_of: Option<FrameId>, fragment: Option<First> },
    /// All of a fragmented segment has been seen.
    Completed(Completed),
    /// Somebody names the flow who is not of it: an ICMP error, or a damaged header.
    Named,
}

impl Front {
    /// Nothing has passed.
    pub(super) fn new() -> Self {
        Self {
            file: 0,
            accounts: vec![FileAccount::default()],
            duplicates: Duplicates::default(),
            fragments: Fragments::default(),
            start: None,
            clock: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// What follows comes from file number `file`.
    pub(super) fn begin_file(&mut self, file: u32) {
        self.file = file;
        if self.accounts.len() <= file as usize {
            self.accounts.resize(file as usize + 1, FileAccount::default());
        }
    }

    /// When and where `record` was captured.
    #[inline]
    pub(super) fn mark(&self, record: &Record<'_>) -> Mark {
        Mark { time: record.time, frame: FrameId::new(self.file, record.frame) }
    }

    /// Has the memory brought near in which copies of these segments are looked for.
    pub(super) fn touch(&self, ahead: &[Ahead<'_>]) {
        std::hint::black_box(ahead.iter().fold(0, |sum, ahead| sum ^ self.duplicates.touch(ahead.likeness)));
    }

    /// Takes note of a record, captured at `mark`, and says what it means to a flow, if anything.
    #[inline(always)]
    pub(super) fn admit(&mut self, ahead: &Ahead<'_>, mark: Mark) -> Option<Errand> {
        let record = &ahead.record;
        self.tick(record.time);
        if self.start.is_none_or(|start| record.time < start) {
            self.start = Some(record.time);
        }
        if let Some(account) = self.accounts.get_mut(self.file as usize) {
            account.records += 1;
            account.pace.add(record.time);
        }
        let (Decoded::Segment(segment), Some(key)) = (&ahead.decoded, &ahead.key) else {
            return self.admit_other(&ahead.decoded, record.frame);
        };
        let copy_of = self.duplicates.original(ahead.likeness, segment, record.interface, mark);
        let fold = key.keyed().fold();
        let fragment = segment.fragment.and_then(|_| self.fragments.first(fold, segment));
        Some(Errand { fold, what: What::Segment { copy_of, fragment } })
    }

    /// The same for what is no segment.
    #[inline(never)]
    fn admit_other(&mut self, decoded: &Decoded<'_>, frame: u64) -> Option<Errand> {
        match decoded {
            Decoded::Segment(_) => None,
            Decoded::Fragment(fragment) => {
                let (fold, completed) = self.fragments.further(fragment)?;
                Some(Errand { fold, what: What::Completed(completed) })
            }
            Decoded::Icmp(error) => Some(named(error.src, error.dst)),
            Decoded::Damaged(damaged) => {
                self.count_skip(damaged.skip, frame);
                Some(named(damaged.src, damaged.dst))
            }
            Decoded::Skip(skip) => {
                self.count_skip(*skip, frame);
                None
            }
        }
    }

    /// Nothing was captured until `time`: silence lasts at least until then.
    pub(super) fn tick(&mut self, time: Timestamp) {
        self.clock = self.clock.max(time);
    }

    /// The greatest time of a record or tick so far.
    pub(super) const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Time of the first record, and the greatest time of all.
    pub(super) fn span(&self) -> (Timestamp, Timestamp) {
        self.start.map_or_else(Default::default, |start| (start, self.clock))
    }

    /// Fragmented datagrams given up because too many were unfinished.
    pub(super) const fn fragments_given_up(&self) -> u64 {
        self.fragments.given_up()
    }

    /// The accounts of the files, without what flows add to them.
    pub(super) fn into_accounts(self) -> Vec<FileAccount> {
        self.accounts
    }

    fn count_skip(&mut self, skip: Skip, frame: u64) {
        let first = SkipCount { count: 0, first: FrameId::new(self.file, frame), example: skip };
        if let Some(account) = self.accounts.get_mut(self.file as usize) {
            account.skips.entry((skip.layer, reason_kind(skip.reason))).or_insert(first).count += 1;
        }
    }
}

fn named(src: SocketAddr, dst: SocketAddr) -> Errand {
    let socket = |addr: SocketAddr| Socket::new(addr.ip(), addr.port());
    Errand { fold: Keyed::between(socket(src), socket(dst)).fold(), what: What::Named }
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
