//! Fragmented datagrams: the first fragment carries the TCP header, the rest only more of its payload.
//!
//! The rest is not reassembled, only accounted for, so that the sequence space of the flow stays whole. Bounded: when
//! too many datagrams are unfinished, the oldest is given up and counted.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::wire::{Fragment, Segment};

/// Unfinished datagrams remembered.
const CAPACITY: usize = 1024;

/// What the first fragment said.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// [`FlowKey::fold`](crate::flow::FlowKey::fold) of its flow.
    fold: u64,
    /// Octets of the TCP header.
    header_len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    slot: u16,
    head: Option<Head>,
    /// Octets of the datagram's payload that were seen.
    seen: u32,
    /// Octets of the datagram's payload, known from the last fragment.
    total: Option<u32>,
}

/// What a fragment completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The slot of the datagram.
    pub slot: u16,
    /// Payload octets of the whole segment.
    pub payload_len: u32,
}

/// A first fragment: the slot of its datagram, which no other unfinished one has, and what it completed, if the others were
/// captured before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// The slot, below 1024.
    pub slot: u16,
    /// What it completed.
    pub completed: Option<Completed>,
}

/// Datagrams of which not every fragment was seen.
#[derive(Default)]
pub struct Fragments {
    datagrams: VecDeque<Datagram>,
    /// Slots that were used and are free again.
    free: Vec<u16>,
    given_up: u64,
}

impl Fragments {
    /// Takes the first fragment of a datagram, which belongs to a flow whose key folds to `fold`; nothing of what is no
    /// fragment.
    pub fn first(&mut self, fold: u64, segment: &Segment<'_>) -> Option<First> {
        let info = segment.fragment?;
        let place = self.place(segment.src, segment.dst, info.id);
        let datagram = self.datagrams.get_mut(place)?;
        if datagram.head.is_none() {
            datagram.seen = datagram.seen.saturating_add(info.len);
        }
        datagram.head = Some(Head { fold, header_len: info.len.saturating_sub(segment.payload_len) });
        let slot = datagram.slot;
        Some(First { slot, completed: self.completed(place).map(|(_, completed)| completed) })
    }

    /// Takes a later fragment: what it completed, if anything, and what the key of that flow folds to.
    pub fn further(&mut self, fragment: &Fragment) -> Option<(u64, Completed)> {
        let place = self.place(fragment.src, fragment.dst, fragment.id);
        let datagram = self.datagrams.get_mut(place)?;
        datagram.seen = datagram.seen.saturating_add(fragment.len);
        if fragment.last {
            datagram.total = Some(fragment.offset.saturating_add(fragment.len));
        }
        self.completed(place)
    }

    /// Datagrams given up because too many were unfinished.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    fn place(&mut self, src: IpAddr, dst: IpAddr, id: u32) -> usize {
        let same = |datagram: &Datagram| datagram.id == id && datagram.src == src && datagram.dst == dst;
        if let Some(place) = self.datagrams.iter().position(same) {
            return place;
        }
        if self.datagrams.len() == CAPACITY {
            self.free.extend(self.datagrams.pop_front().map(|datagram| datagram.slot));
            self.given_up += 1;
        }
        // Slots are given in order, so that those in use are as many as the datagrams.
        let unused = u16::try_from(self.datagrams.len()).unwrap_or(u16::MAX);
        let slot = self.free.pop().unwrap_or(unused);
        self.datagrams.push_back(Datagram { src, dst, id, slot, head: None, seen: 0, total: None });
        self.datagrams.len() - 1
    }

    fn completed(&mut self, place: usize) -> Option<(u64, Completed)> {
        let datagram = self.datagrams.get(place)?;
        let (head, total) = (datagram.head?, datagram.total?);
        if datagram.seen < total {
            return None;
        }
        let slot = datagram.slot;
        self.datagrams.remove(place);
        self.free.push(slot);
        Some((head.fold, Completed { slot, payload_len: total.saturating_sub(head.header_len) }))
    }
}
