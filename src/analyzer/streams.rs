//! Numbers of streams, as Wireshark 4 gives them.

use std::collections::HashMap;

use super::partition::{PARTITIONS, Parted};
use crate::flow::{Flow, FlowKey};

/// Tuples quoted by ICMP errors that are remembered for numbering, in each partition: 65,536 over all.
const QUOTED_CAPACITY: usize = (1 << 16) / PARTITIONS;

/// Numbers flows as Wireshark 4 numbers `tcp.stream`: in the order in which TCP headers are dissected, those quoted in
/// ICMP errors included.
#[derive(Default)]
pub(super) struct Streams {
    next: u32,
    /// Tuples that only an ICMP error has shown.
    reserved: Parted<HashMap<FlowKey, u32>>,
}

impl Streams {
    /// Numbers `flow`, with the number that it takes over from an earlier generation, if any.
    pub(super) fn number(&mut self, flow: &mut Flow, inherited: Option<u32>, is_reuse: bool) {
        if flow.stream.is_some() {
            return;
        }
        let quoted = self.reserved.of(flow.key.fold());
        let reserved = match is_reuse {
            true => inherited,
            false if quoted.is_empty() => None,
            false => quoted.remove(&flow.key),
        };
        flow.stream = Some(reserved.unwrap_or_else(|| self.take()));
    }

    /// Keeps a number for the flow that may come with this key.
    pub(super) fn reserve(&mut self, key: FlowKey) {
        let reserved = self.reserved.of(key.fold());
        if reserved.len() < QUOTED_CAPACITY && !reserved.contains_key(&key) {
            reserved.insert(key, self.next);
            self.take();
        }
    }

    /// Numbers given so far.
    pub(super) const fn given(&self) -> u32 {
        self.next
    }

    fn take(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }
}
