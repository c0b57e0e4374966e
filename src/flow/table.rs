//! Which flow a segment belongs to.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

use crate::flow::key::{FlowKey, Socket};
use crate::flow::mark::Mark;
use crate::flow::{Direction, Flow};
use crate::wire::{Flags, Segment};

/// All flows in the order of their first segment, and the current generation of each tuple.
#[derive(Default)]
pub struct FlowTable {
    flows: Vec<Flow>,
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
        let mut is_reuse = false;
        if let Some(index) = found {
            if let Some(flow) = flows.get(*index as usize) {
                let direction = flow.direction(from_low);
                if !opens_generation(flow, direction, segment) {
                    return Place { flow: *index, direction, is_new: false, is_reuse: false };
                }
            }
            *index = next;
            is_reuse = true;
        } else {
            let hasher = &self.hasher;
            let rehash = |&index: &u32| flows.get(index as usize).map_or(0, |flow| hasher.hash_one(flow.key));
            self.current.insert_unique(hash, next, rehash);
        }
        let flow = Flow::new(key, from_low, segment, mark);
        let direction = flow.direction(from_low);
        self.flows.push(flow);
        Place { flow: next, direction, is_new: true, is_reuse }
    }

    /// The current flow between two sockets, and whether `src` is its lower end, if the capture has shown one.
    #[must_use]
    pub fn find(&self, src: Socket, dst: Socket) -> Option<(u32, Direction)> {
        let (key, from_low) = FlowKey::new(src, dst);
        let same = |&index: &u32| self.flows.get(index as usize).is_some_and(|flow| flow.key == key);
        let index = *self.current.find(self.hasher.hash_one(key), same)?;
        let direction = self.flows.get(index as usize)?.direction(from_low);
        Some((index, direction))
    }

    /// Flow number `index`.
    #[must_use]
    pub fn flow(&self, index: u32) -> Option<&Flow> {
        self.flows.get(index as usize)
    }

    /// Flow number `index`, to change it.
    pub(crate) fn flow_mut(&mut self, index: u32) -> Option<&mut Flow> {
        self.flows.get_mut(index as usize)
    }

    /// All flows, in the order of their first segment.
    #[must_use]
    pub fn into_flows(self) -> Vec<Flow> {
        self.flows
    }
}

/// Rule 20: a SYN with a number that this direction did not start with opens a new generation.
fn opens_generation(flow: &Flow, direction: Direction, segment: &Segment<'_>) -> bool {
    if !segment.flags.has(Flags::SYN) {
        return false;
    }
    let sender = flow.end(direction);
    if segment.flags.has(Flags::ACK) {
        return sender.isn.is_some_and(|isn| isn != segment.seq);
    }
    match sender.isn {
        Some(isn) => isn != segment.seq,
        // A SYN from an end that was seen in the middle of a conversation starts another one.
        None => sender.snd_nxt.is_some() && sender.last.is_some(),
    }
}
