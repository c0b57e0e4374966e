//! Which flow a segment belongs to.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

use crate::flow::key::{FlowKey, Socket};
use crate::flow::mark::Mark;
use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow};
use crate::time::Span;
use crate::wire::{Flags, Segment};

/// All flows in the order of their first segment, and the current generation of each tuple.
#[derive(Default)]
pub struct FlowTable {
    flows: Vec<Flow>,
    /// The numbers of `flows`, ascending, once some were let go; empty while number and place are the same.
    numbers: Vec<u32>,
    /// Flows so far, those that were let go included.
    total: u32,
    /// Places in `flows`.
    current: HashTable<u32>,
    hasher: RandomState,
}

/// Where a segment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the flow, from 0, in the order of first segments.
    pub flow: u32,
    /// Which way the segment went.
    pub direction: Direction,
    /// Whether the segment opened the flow.
    pub is_new: bool,
    /// Whether an earlier generation of the same tuple exists.
    pub is_reuse: bool,
    /// The earlier generation's stream, where Wireshark sees no new one.
    pub stream: Option<u32>,
}

impl FlowTable {
    /// The flow of `segment`, created if there is none or if the segment opens a new generation (rule 20).
    pub fn place(&mut self, segment: &Segment<'_>, mark: Mark) -> Place {
        let src = Socket::new(segment.src, segment.src_port);
        let dst = Socket::new(segment.dst, segment.dst_port);
        let (key, from_low) = FlowKey::new(src, dst);
        let hash = self.hasher.hash_one(key);
        let flows = &self.flows;
        let found = self.current.find_mut(hash, |&index| flows.get(index as usize).is_some_and(|flow| flow.key == key));
        let next = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        let number = |place: u32| match self.numbers.get(place as usize) {
            Some(number) => *number,
            None => place,
        };
        let mut opening = Opening::First;
        if let Some(index) = found {
            if let Some(flow) = flows.get(*index as usize) {
                let direction = flow.direction(from_low);
                opening = opens_generation(flow, direction, segment, mark);
                if opening == Opening::None {
                    return Place { flow: number(*index), direction, is_new: false, is_reuse: false, stream: None };
                }
            }
            *index = next;
        } else {
            let hasher = &self.hasher;
            let rehash = |&index: &u32| flows.get(index as usize).map_or(0, |flow| hasher.hash_one(flow.key));
            self.current.insert_unique(hash, next, rehash);
        }
        let mut flow = Flow::new(key, from_low, segment, mark);
        let direction = flow.direction(from_low);
        let stream = match opening {
            Opening::Unseen(stream) => stream,
            Opening::Replay(stream) => {
                flow.mark_replayed();
                stream
            }
            _ => None,
        };
        self.flows.push(flow);
        let number = self.total;
        self.total = number.saturating_add(1);
        if !self.numbers.is_empty() {
            self.numbers.push(number);
        }
        Place { flow: number, direction, is_new: true, is_reuse: opening != Opening::First, stream }
    }

    /// The current flow between two sockets, and whether `src` is its lower end, if the capture has shown one.
    #[must_use]
    pub fn find(&self, src: Socket, dst: Socket) -> Option<(u32, Direction)> {
        let (key, from_low) = FlowKey::new(src, dst);
        let same = |&index: &u32| self.flows.get(index as usize).is_some_and(|flow| flow.key == key);
        let index = *self.current.find(self.hasher.hash_one(key), same)?;
        let direction = self.flows.get(index as usize)?.direction(from_low);
        let number = if self.numbers.is_empty() { index } else { *self.numbers.get(index as usize)? };
        Some((number, direction))
    }

    /// Flow number `number`; `None` if it was let go.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.flows.get(self.slot(number)?)
    }

    /// Flow number `number`, to change it.
    pub(crate) fn flow_mut(&mut self, number: u32) -> Option<&mut Flow> {
        let slot = self.slot(number)?;
        self.flows.get_mut(slot)
    }

    /// All flows that are there, each with its number, in the order of their first segment.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Flow)> {
        let counted = (0..).take(if self.numbers.is_empty() { self.flows.len() } else { 0 });
        self.numbers.iter().copied().chain(counted).zip(&self.flows)
    }

    /// The flows that are there from number `from` on, each with its number. Where they begin is found without a walk.
    pub fn numbered_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        let place = match self.numbers.is_empty() {
            true => from as usize,
            false => self.numbers.partition_point(|number| *number < from),
        };
        let counted = (from..).take(if self.numbers.is_empty() { usize::MAX } else { 0 });
        let numbers = self.numbers.get(place..).unwrap_or_default();
        numbers.iter().copied().chain(counted).zip(self.flows.get(place..).unwrap_or_default())
    }

    /// Flows that are there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether no flow is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Lets go of the flows that `keep` refuses, each handed to `gone` with its number. Costs a pass over all flows.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32, &Flow) -> bool, mut gone: impl FnMut(u32, Flow)) {
        let mut is_current = vec![false; self.flows.len()];
        for place in &self.current {
            if let Some(current) = is_current.get_mut(*place as usize) {
                *current = true;
            }
        }
        let numbers: Vec<u32> = self.numbered().map(|(number, _)| number).collect();
        self.numbers.clear();
        self.current.clear();
        let flows = std::mem::take(&mut self.flows);
        // What stays is put into a list of the same room: the table is full again soon.
        self.flows.reserve_exact(flows.capacity());
        for ((flow, number), current) in flows.into_iter().zip(numbers).zip(is_current) {
            if keep(number, &flow) {
                self.restore(flow, number, current);
            } else {
                gone(number, flow);
            }
        }
    }

    fn restore(&mut self, flow: Flow, number: u32, is_current: bool) {
        let place = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one(flow.key);
        self.flows.push(flow);
        self.numbers.push(number);
        if is_current {
            let (flows, hasher) = (&self.flows, &self.hasher);
            let rehash = |&place: &u32| flows.get(place as usize).map_or(0, |flow| hasher.hash_one(flow.key));
            self.current.insert_unique(hash, place, rehash);
        }
    }

    fn slot(&self, number: u32) -> Option<usize> {
        if self.numbers.is_empty() { Some(number as usize) } else { self.numbers.binary_search(&number).ok() }
    }

    /// All flows, in the order of their first segment, and their numbers where some were let go.
    #[must_use]
    pub fn into_flows(self) -> (Vec<Flow>, Vec<u32>) {
        (self.flows, self.numbers)
    }
}

/// How a segment opens a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// It does not: the flow goes on.
    None,
    /// The first of its tuple.
    First,
    /// A SYN with another number: a new generation, and a new stream in Wireshark.
    Reuse,
    /// A SYN-ACK with another number: a new generation whose SYN was not captured. Wireshark stays in its stream.
    Unseen(Option<u32>),
    /// The same SYN again, as no host sends it: the capture holds the packets twice. Wireshark stays.
    Replay(Option<u32>),
}

/// Rule 20: a SYN with a number that this direction did not start with opens a new generation.
fn opens_generation(flow: &Flow, direction: Direction, segment: &Segment<'_>, mark: Mark) -> Opening {
    if !segment.flags.has(Flags::SYN) {
        return Opening::None;
    }
    let sender = flow.end(direction);
    if segment.flags.has(Flags::ACK) {
        let is_other = sender.isn.is_some_and(|isn| isn != segment.seq);
        return if is_other { Opening::Unseen(flow.stream) } else { Opening::None };
    }
    match sender.base {
        Some(base) if base != segment.seq => Opening::Reuse,
        Some(_) if flow.last_payload.is_some() && is_replay(flow, mark) => Opening::Replay(flow.stream),
        _ => Opening::None,
    }
}

/// Whether a SYN that comes again, after payload, is no late copy of the first: time runs backwards, or the connection is over,
/// or no segment lives so long (MSL, RFC 9293 3.4.1).
fn is_replay(flow: &Flow, mark: Mark) -> bool {
    const SEGMENT_LIFETIME: Span = Span::from_secs(120);
    let over = flow.fins() == 2 || flow.resets().any(Reset::is_effective);
    let again = over && mark.time.since(flow.first.time) > Span::from_secs(1);
    mark.time < flow.last.time || again || mark.time.since(flow.last.time) > SEGMENT_LIFETIME
}
