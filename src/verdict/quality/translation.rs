//! The same conversation under two pairs of addresses: both sides of a NAT or a balancer are in the capture.
//!
//! A NAT passes both initial sequence numbers; a FULLNAT director chooses the client's anew and passes the server's
//! (as the LVS FULLNAT patch set and DPVS do). So the responder's number must agree, and beside it either the
//! initiator's, or the payload of one direction octet for octet. Both copies begin at the same time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use crate::flow::store::Brief;
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
    groups: HashMap<u32, Group, RandomState>,
    order: VecDeque<(Timestamp, u32)>,
    invented: HashSet<u32, RandomState>,
    found: Translated,
}

/// Conversations of one number: most are alone.
struct Group {
    first: Member,
    others: Vec<Member>,
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
        if let Some(number) = responder_number(flow) {
            self.enter(number, flow.first.time, || Member::of(flow));
        }
    }

    /// Adds the next flow, whose handshake was seen and that carried nothing.
    pub(super) fn add_brief(&mut self, brief: &Brief) {
        if let Some(number) = brief.server_base.filter(|_| brief.server_isn.is_some()).and_then(telling) {
            let ends = (brief.client, brief.server);
            self.enter(number, brief.first, || Member {
                ends,
                base: brief.client_base,
                octets: [0; 2],
                by_handshake: true,
            });
        }
    }

    fn enter(&mut self, number: u32, begun: Timestamp, member: impl FnOnce() -> Member) {
        self.forget(begun);
        if !self.invented.is_empty() && self.invented.contains(&number) {
            return;
        }
        match self.groups.entry(number) {
            Entry::Vacant(place) => {
                place.insert(Group { first: member(), others: Vec::new(), crowded: false });
                self.order.push_back((begun, number));
            }
            Entry::Occupied(group) => {
                let group = group.into_mut();
                if 1 + group.others.len() == COPIES {
                    group.crowded = true;
                } else {
                    group.others.push(member());
                }
            }
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
        let Group { first, others, .. } = group;
        for other in others.iter().filter(|other| are_copies(&first, other)) {
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
    let responder = flow.end(Direction::FromResponder);
    let is_shown = responder.isn.is_some()
        || (flow.orientation == Orientation::Inferred && responder.counters().payload_bytes > 0);
    responder.base.filter(|_| is_shown).and_then(telling)
}

fn telling(Seq(number): Seq) -> Option<u32> {
    const ROUND: u32 = 1 << 16;
    (number.wrapping_add(ROUND) > 2 * ROUND).then_some(number)
}
