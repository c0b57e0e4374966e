//! The analysis by several threads, which comes out as it does by one.
//!
//! The thread that reads has all records pass the front and hands each to the thread that has its flow: flows are divided by
//! the partitions of their keys. Frames are not copied, since threads look at the memory into which they were read. Each thread
//! sees the records of its flows in their order, so that within a flow all happens as it would with one thread; which numbers
//! flows and streams have is put together at the end.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::front::{Errand, Front, What};
use super::partition::{PARTITIONS, partition};
use super::shard::{Moment, Shard};
use super::{Ahead, Analysis, Options, join};
use crate::capture::{LinkType, Record, Told};
use crate::flow::table::AHEAD;
use crate::flow::{FrameId, Mark};
use crate::time::Timestamp;

/// Records that are handed over together at most: so many that handing over costs nothing, and few enough for a cache.
const BATCH: usize = 2048;
/// Batches that wait for a thread at most.
const WAITING: usize = 2;
/// Memory of more octets than this is held once only: in it stand records larger than any frame.
const LARGE: usize = 4 << 20;

/// The analysis of all timelines of a run, spread over threads.
pub struct Spread {
    options: Options,
    /// One for each timeline.
    fronts: Vec<Front>,
    /// Timeline and number of the file in hand.
    file: (usize, u32),
    /// What orders its first record among those of all files.
    base: u64,
    /// What orders the record that came last.
    at: u64,
    /// Where the records in hand stand.
    memory: Arc<Vec<u8>>,
    workers: Vec<Worker>,
    /// Whether a flow had to leave.
    has_lost: Arc<AtomicBool>,
}

/// A thread, as the one that reads sees it.
struct Worker {
    /// Records that are handed over next.
    items: Vec<Item>,
    batches: SyncSender<Batch>,
    /// Room for records, from batches that are done.
    done: Receiver<Vec<Item>>,
    /// Batches that are not.
    under_way: usize,
    thread: Option<JoinHandle<Vec<Shard>>>,
}

/// Records of one file that stand in the same memory.
struct Batch {
    file: (usize, u32),
    base: u64,
    memory: Arc<Vec<u8>>,
    items: Vec<Item>,
}

/// A record of a batch.
struct Item {
    time: Timestamp,
    frame: u64,
    /// Where its bytes begin and end in the memory.
    start: u32,
    end: u32,
    original_len: u32,
    interface: u32,
    link: LinkType,
    told: Option<Box<Told>>,
    /// The greatest time of a record so far.
    clock: Timestamp,
    what: What,
}

impl Spread {
    /// An analysis that has seen nothing, with `threads` threads for the flows: 64 at most, and fewer where the operating
    /// system refuses. None if it refuses all.
    #[must_use]
    pub fn new(options: Options, threads: usize) -> Option<Self> {
        let threads = threads.min(PARTITIONS);
        let has_lost = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::with_capacity(threads);
        while workers.len() < threads {
            let shard = move || Shard::one_of(threads, options);
            let lost = Arc::clone(&has_lost);
            match Worker::start(move |batches, done| work(batches, done, shard, &lost)) {
                Some(worker) => workers.push(worker),
                None => break,
            }
        }
        let memory = Arc::default();
        (!workers.is_empty()).then_some(Self {
            options,
            fronts: Vec::new(),
            file: (0, 0),
            base: 0,
            at: 0,
            memory,
            workers,
            has_lost,
        })
    }

    /// What follows comes from file number `file`, of timeline number `timeline`.
    pub fn begin_file(&mut self, timeline: usize, file: u32) {
        self.hand_over_all();
        if self.fronts.len() <= timeline {
            self.fronts.resize_with(timeline + 1, Front::new);
        }
        if let Some(front) = self.fronts.get_mut(timeline) {
            front.begin_file(file);
        }
        self.file = (timeline, file);
        self.base = self.at;
    }

    /// The records that follow stand in `memory`.
    pub fn look_at(&mut self, memory: &Arc<Vec<u8>>) {
        if !Arc::ptr_eq(&self.memory, memory) {
            self.hand_over_all();
            self.memory = Arc::clone(memory);
        }
    }

    /// More is to be read: memory that is too large to be kept beside what comes next is waited for.
    pub fn look_away(&mut self) {
        if self.memory.len() > LARGE {
            self.hand_over_all();
            self.memory = Arc::default();
            self.workers.iter_mut().for_each(Worker::wait);
        }
    }

    /// Takes a record, whose bytes stand at `place` in the memory in hand.
    pub fn push(&mut self, record: &Record<'_>, place: Range<usize>) {
        self.at = self.base.saturating_add(record.frame);
        let Some(front) = self.fronts.get_mut(self.file.0) else { return };
        let mut ahead = Ahead::new(*record);
        ahead.decode();
        ahead.liken();
        let mark = front.mark(record);
        let Some(Errand { fold, what }) = front.admit(&ahead, mark) else { return };
        let worker = partition(fold) % self.workers.len().max(1);
        let Some(worker) = self.workers.get_mut(worker) else { return };
        let clock = front.clock();
        let told = record.told.map(|told| Box::new(*told));
        let Record { time, frame, link, interface, original_len, .. } = *record;
        let [start, end] = [place.start, place.end].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        worker.items.push(Item { time, frame, start, end, original_len, interface, link, told, clock, what });
        if worker.items.len() == BATCH {
            worker.hand_over(self.file, self.base, &self.memory);
        }
    }

    /// Nothing was captured until `time`, in the timeline in hand.
    pub fn tick(&mut self, time: Timestamp) {
        if let Some(front) = self.fronts.get_mut(self.file.0) {
            front.tick(time);
        }
    }

    /// Decides what is still open: the analyses of all timelines. None if a flow had to leave before the end
    /// ([`Options::attempts`]): what becomes of it depends on those that left before it, whichever thread had them, so that one
    /// thread must do it all. Judgements on earlier segments are told to nobody.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<Analysis>> {
        self.hand_over_all();
        let (options, count) = (self.options, self.workers.len());
        let mut shards: Vec<_> = self.workers.into_iter().map(|worker| worker.end().into_iter()).collect();
        if self.has_lost.load(Ordering::Relaxed) {
            return None;
        }
        let analysis = |front| {
            // A thread that had nothing to do in a timeline has no shard of it.
            let shards = shards.iter_mut().map(|shards| shards.next().unwrap_or_else(|| Shard::one_of(count, options)));
            join(front, shards.collect(), drop)
        };
        Some(self.fronts.into_iter().map(analysis).collect())
    }

    fn hand_over_all(&mut self) {
        for worker in &mut self.workers {
            worker.hand_over(self.file, self.base, &self.memory);
        }
    }
}

impl Worker {
    /// Starts a thread that does `work`; none if the operating system refuses.
    fn start(work: impl FnOnce(&Receiver<Batch>, &Sender<Vec<Item>>) -> Vec<Shard> + Send + 'static) -> Option<Self> {
        let (batches, incoming) = sync_channel(WAITING);
        let (outgoing, done) = channel();
        let thread = Builder::new().name("flows".to_owned()).spawn(move || work(&incoming, &outgoing)).ok()?;
        Some(Self { items: Vec::with_capacity(BATCH), batches, done, under_way: 0, thread: Some(thread) })
    }

    /// Hands over the records so far, which are of `file` and stand in `memory`.
    fn hand_over(&mut self, file: (usize, u32), base: u64, memory: &Arc<Vec<u8>>) {
        if self.items.is_empty() {
            return;
        }
        let empty = self.done.try_iter().inspect(|_| self.under_way -= 1).last();
        let items = std::mem::replace(&mut self.items, empty.unwrap_or_else(|| Vec::with_capacity(BATCH)));
        let batch = Batch { file, base, memory: Arc::clone(memory), items };
        if self.batches.send(batch).is_err() {
            self.mourn();
        }
        self.under_way += 1;
    }

    /// Waits until nothing is under way.
    fn wait(&mut self) {
        while self.under_way > 0 {
            if self.done.recv().is_err() {
                self.mourn();
            }
            self.under_way -= 1;
        }
    }

    /// The thread has ended before its time: so does this one, for the same reason.
    fn mourn(&mut self) -> ! {
        let reason = self.thread.take().and_then(|thread| thread.join().err());
        resume_unwind(reason.unwrap_or_else(|| Box::new("a thread has ended without a reason")))
    }

    /// Has the thread end, and takes what it has.
    fn end(self) -> Vec<Shard> {
        drop(self.batches);
        let shards = self.thread.map(JoinHandle::join);
        shards.map_or_else(Vec::new, |shards| shards.unwrap_or_else(|reason| resume_unwind(reason)))
    }
}

/// What a thread does until nothing more comes: the shards of all timelines.
fn work(
    batches: &Receiver<Batch>,
    done: &Sender<Vec<Item>>,
    shard: impl Fn() -> Shard,
    has_lost: &AtomicBool,
) -> Vec<Shard> {
    let mut shards = Vec::new();
    for Batch { file: (timeline, file), base, memory, mut items } in batches {
        if shards.len() <= timeline {
            shards.resize_with(timeline + 1, &shard);
        }
        if let Some(shard) = shards.get_mut(timeline) {
            // What is of no use is not done: the rest is read for what there is to say of the files.
            if !has_lost.load(Ordering::Relaxed) {
                analyse(shard, file, base, &memory, &items);
            }
            if !shard.gone.is_empty() {
                shard.gone.clear();
                has_lost.store(true, Ordering::Relaxed);
            }
        }
        items.clear();
        drop(memory);
        // Nobody to take it is nobody to read more.
        let _ = done.send(items);
    }
    shards
}

/// Takes the records of a batch, a number at a time, whose flows are brought near together.
fn analyse(shard: &mut Shard, file: u32, base: u64, memory: &[u8], items: &[Item]) {
    let mut ahead = Vec::with_capacity(AHEAD);
    for items in items.chunks(AHEAD) {
        ahead.extend(items.iter().map(|item| Ahead::new(item.record(memory))));
        ahead.iter_mut().for_each(|ahead| shard.look_at(ahead));
        shard.touch(&ahead);
        for (ahead, item) in ahead.drain(..).zip(items) {
            let mark = Mark { time: item.time, frame: FrameId::new(file, item.frame) };
            let moment = Moment { at: base.saturating_add(item.frame), clock: item.clock };
            let mut told = Told::NOTHING;
            shard.run(Some(item.what), &ahead, mark, moment, &mut told);
            shard.relabels.clear();
        }
    }
}

impl Item {
    fn record<'a>(&'a self, memory: &'a [u8]) -> Record<'a> {
        let data = memory.get(self.start as usize..self.end as usize).unwrap_or_default();
        let Self { time, frame, link, interface, original_len, .. } = *self;
        Record { time, frame, link, interface, data, original_len, told: self.told.as_deref() }
    }
}

#[cfg(test)]
mod tests;
