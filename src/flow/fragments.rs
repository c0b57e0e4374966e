//! Fragmented datagrams: the first fragment carries the TCP header, the rest only more of its payload.
//!
//! The rest is not reassembled, only accounted for, so that the sequence space of the flow stays whole. Bounded: when
//! too many datagrams are unfinished, the oldest is given up and counted.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::flow::Direction;
use crate::seq::Seq;
use crate::wire::{Fragment, Segment};

/// Unfinished datagrams remembered.
const CAPACITY: usize = 1024;

/// What the first fragment said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The flow, by its number.
    pub flow: u32,
    /// Which way the segment went.
    pub direction: Direction,
    /// Sequence number of the segment's first payload octet.
    pub payload_seq: Seq,
    /// Payload octets in the first fragment.
    pub payload_len: u32,
    /// Whether the snapshot length cut it.
    pub is_cut: bool,
    /// Octets of the TCP header.
    header_len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    head: Option<Head>,
    /// Octets of the datagram's payload that were seen.
    seen: u32,
    /// Octets of the datagram's payload, known from the last fragment.
    total: Option<u32>,
}

/// What a fragment completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// What the first fragment said.
    pub head: Head,
    /// Payload octets of the whole segment.
    pub payload_len: u32,
}

/// Datagrams of which not every fragment was seen.
#[derive(Default)]
pub struct Fragments {
    datagrams: VecDeque<Datagram>,
    given_up: u64,
}

impl Fragments {
    /// Takes the first fragment of a datagram, which belongs to flow number `flow`.
    pub fn first(&mut self, flow: u32, direction: Direction, segment: &Segment<'_>) -> Option<Completed> {
        let info = segment.fragment?;
        let place = self.place(segment.src, segment.dst, info.id);
        let datagram = self.datagrams.get_mut(place)?;
        if datagram.head.is_none() {
            datagram.seen = datagram.seen.saturating_add(info.len);
        }
        datagram.head = Some(Head {
            flow,
            direction,
            payload_seq: segment.seq.plus(u32::from(segment.flags.has(crate::wire::Flags::SYN))),
            payload_len: segment.payload_len,
            is_cut: segment.payload.len() < segment.payload_len as usize,
            header_len: info.len.saturating_sub(segment.payload_len),
        });
        self.completed(place)
    }

    /// Takes a later fragment.
    pub fn further(&mut self, fragment: &Fragment) -> Option<Completed> {
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
            self.datagrams.pop_front();
            self.given_up += 1;
        }
        self.datagrams.push_back(Datagram { src, dst, id, head: None, seen: 0, total: None });
        self.datagrams.len() - 1
    }

    fn completed(&mut self, place: usize) -> Option<Completed> {
        let datagram = self.datagrams.get(place)?;
        let (head, total) = (datagram.head?, datagram.total?);
        if datagram.seen < total {
            return None;
        }
        self.datagrams.remove(place);
        Some(Completed { head, payload_len: total.saturating_sub(head.header_len) })
    }
}
