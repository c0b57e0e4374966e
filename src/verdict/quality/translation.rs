//! The same conversation under two pairs of addresses: both sides of a NAT or a balancer are in the capture.
//!
//! A NAT passes both initial sequence numbers; a FULLNAT director chooses the client's anew and passes the server's
//! (as the LVS FULLNAT patch set and DPVS do). So the responder's number must agree, and beside it either the
//! initiator's, or the payload of one direction octet for octet. Both copies begin at the same time.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::flow::{Direction, Flow, Orientation, Socket};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// The two copies of a conversation begin within this time: a SYN that is sent again and passes only then included.
const TOGETHER: Span = Span::from_secs(3);
/// Copies of one conversation at most: before, between and behind two boxes. More share their numbers by invention.
const COPIES: usize = 3;
/// Pairs kept by name.
const KEPT: usize = 8;
/// Invented numbers remembered.
const INVENTED_KEPT: usize = 4_096;

/// One conversation, seen twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Client and server of the copy that was seen first.
    pub before: (Socket, Socket),
    /// Client and server of the other copy.
    pub after: (Socket, Socket),
}

/// Conversations seen under two pairs of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The first eight of them.
    pub pairs: Vec<Translation>,
    /// How many there are.
    pub total: u64,
}

/// The flows of the last seconds, by the responder's initial number; they are added in the order of their first segments.
#[derive(Default)]
pub(super) struct Search {
    groups: HashMap<u32, Group>,
    order: VecDeque<(Timestamp, u32)>,
    invented: HashSet<u32>,
    found: Translated,
}

#[derive(Default)]
struct Group {
    members: Vec<Member>,
    crowded: bool,
}

/// What tells the copies of a conversation.
struct Member {
    ends: (Socket, Socket),
    /// What Wireshark takes for the initiator's initial number.
    base: Option<Seq>,
    octets: [u64; 2],
    by_handshake: bool,
}

impl Member {
    fn of(flow: &Flow) -> Self {
        Self {
            ends: (flow.client(), flow.server()),
            base: flow.end(Direction::FromInitiator).base,
            octets: Direction::BOTH.map(|direction| flow.end(direction).counters().payload_bytes),
            by_handshake: flow.orientation == Orientation::Handshake,
        }
    }
}

impl Search {
    /// Adds the next flow.
    pub(super) fn add(&mut self, flow: &Flow) {
        let Some(number) = responder_number(flow) else {
            return;
        };
        self.forget(flow.first.time);
        if self.invented.contains(&number) {
            return;
        }
        let group = self.groups.entry(number).or_default();
        if group.members.is_empty() {
            self.order.push_back((flow.first.time, number));
        }
        if group.members.len() == COPIES {
            group.crowded = true;
        } else {
            group.members.push(Member::of(flow));
        }
    }

    /// Settles the groups that began too long before `now` to be joined.
    fn forget(&mut self, now: Timestamp) {
        while let Some(&(begun, number)) = self.order.front() {
            if now.since(begun) <= TOGETHER {
                return;
            }
            self.order.pop_front();
            self.settle(number);
        }
    }

    fn settle(&mut self, number: u32) {
        let Some(group) = self.groups.remove(&number) else {
            return;
        };
        if group.crowded {
            if self.invented.len() < INVENTED_KEPT {
                self.invented.insert(number);
            }
            return;
        }
        let Some((first, others)) = group.members.split_first() else {
            return;
        };
        for other in others.iter().filter(|other| are_copies(first, other)) {
            self.found.total += 1;
            if self.found.pairs.len() < KEPT {
                self.found.pairs.push(Translation { before: first.ends, after: other.ends });
            }
        }
    }

    /// What was found among all that were added.
    pub(super) fn finish(mut self) -> Translated {
        while let Some((_, number)) = self.order.pop_front() {
            self.settle(number);
        }
        self.found
    }
}

/// Whether two flows with one responder's number are copies of one conversation.
fn are_copies(one: &Member, other: &Member) -> bool {
    let same_octets = one.octets.iter().zip(&other.octets).any(|(here, there)| *here > 0 && here == there);
    // A box that translates changes an address; another port alone is another connection of the same two hosts.
    let same_hosts = one.ends.0.ip == other.ends.0.ip && one.ends.1.ip == other.ends.1.ip;
    let same_start = one.base.is_some() && one.base == other.base;
    let seen_from_start = one.by_handshake && other.by_handshake;
    !same_hosts && (same_start || (seen_from_start && same_octets))
}

/// The responder's initial number, where its own SYN shows it, or payload midstream: a refusing RST carries none. Numbers
/// around zero are written by generators: a stack that draws them at random (RFC 9293 3.4.1) hits that one time in 32,768.
fn responder_number(flow: &Flow) -> Option<u32> {
    const ROUND: u32 = 1 << 16;
    let responder = flow.end(Direction::FromResponder);
    let is_shown = responder.isn.is_some()
        || (flow.orientation == Orientation::Inferred && responder.counters().payload_bytes > 0);
    let number = responder.base.filter(|_| is_shown)?.0;
    (number.wrapping_add(ROUND) > 2 * ROUND).then_some(number)
}
