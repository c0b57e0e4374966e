//! Whether the other direction was not captured, or not sent.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::flow::{Direction, Flow};

/// New payload over this many segments, none of them repeated: somebody acknowledged it.
const UNREPEATED: u64 = 10;
/// Flows of fewer segments are the ends of what was before the capture.
const LEAST_SEGMENTS: u64 = 3;

/// Hosts that stay silent in a flow of which one direction was seen, but speak elsewhere in the capture.
#[derive(Default)]
pub(super) struct SilentPeers {
    /// Numbers of the flows of which one direction was seen.
    one_way: Vec<u32>,
    silent: HashSet<IpAddr>,
    speaking: HashSet<IpAddr>,
}

impl SilentPeers {
    /// First look at flow `number`: is a host silent in it?
    pub(super) fn add(&mut self, number: u32, flow: &Flow) {
        if let Some(sender) = only_sender(flow) {
            self.one_way.push(number);
            self.silent.insert(address(flow, sender.reverse()));
        }
    }

    /// Whether second looks are wanted.
    pub(super) fn are_there(&self) -> bool {
        !self.one_way.is_empty()
    }

    /// Numbers of the flows of which one direction was seen.
    pub(super) fn one_way(&self) -> &[u32] {
        &self.one_way
    }

    /// Second look at a flow: does one of the silent hosts speak in it?
    pub(super) fn listen(&mut self, flow: &Flow) {
        for direction in Direction::BOTH {
            let sender = address(flow, direction);
            if self.silent.contains(&sender) && flow.end(direction).last.is_some() {
                self.speaking.insert(sender);
            }
        }
    }

    /// Whether the capture lacks a direction of `flow`: its segments show that the other end spoke, or nothing of that
    /// end's host is seen anywhere, so that its silence cannot be told from a missing direction.
    pub(super) fn is_one_sided(&self, flow: &Flow) -> bool {
        let Some(sender) = only_sender(flow) else {
            return false;
        };
        let segments = flow.end(sender).counters().packets;
        peer_was_heard(flow, sender)
            || (segments >= LEAST_SEGMENTS && !self.speaking.contains(&address(flow, sender.reverse())))
    }
}

/// Whether all that is seen of `flow` came from one end, and not because the other refused to be called.
pub(super) fn shows_one_direction(flow: &Flow) -> bool {
    only_sender(flow).is_some_and(|sender| peer_was_heard(flow, sender))
}

/// The only direction with segments, unless they are SYNs that nobody answered, or RSTs alone.
fn only_sender(flow: &Flow) -> Option<Direction> {
    let sender = Direction::BOTH.into_iter().find(|direction| flow.end(*direction).last.is_some())?;
    let (end, peer) = (flow.end(sender), flow.end(sender.reverse()));
    let resets = flow.extras().map_or(0, |extras| extras.resets.total());
    let unanswered_call = sender == Direction::FromInitiator && end.isn.is_some() && peer.snd_una.is_none();
    (peer.last.is_none() && !unanswered_call && end.counters().packets > resets).then_some(sender)
}

/// Whether the segments of `sender` prove that the other end spoke: they acknowledge what was never seen, they follow a
/// handshake, or there is more and more payload that never had to be repeated.
fn peer_was_heard(flow: &Flow, sender: Direction) -> bool {
    let (end, peer) = (flow.end(sender), flow.end(sender.reverse()));
    let after_handshake = match sender {
        Direction::FromInitiator => end.isn.is_some() && peer.snd_una.is_some(),
        Direction::FromResponder => end.isn.is_some() && end.counters().payload_bytes > 0,
    };
    let unrepeated = end.counters().retransmissions == 0
        && end.counters().payload_bytes >= UNREPEATED
        && end.counters().packets >= UNREPEATED;
    peer.counters().unseen_bytes > 0 || after_handshake || unrepeated
}

fn address(flow: &Flow, direction: Direction) -> IpAddr {
    match direction {
        Direction::FromInitiator => flow.client().ip,
        Direction::FromResponder => flow.server().ip,
    }
}
