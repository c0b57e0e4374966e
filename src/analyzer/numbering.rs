//! Flows and streams are numbered through all shards in the order of the records that began them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::flow::joined::Order;

/// Which records of a timeline gave numbers in one shard: an octet or two for each.
#[derive(Default)]
pub(super) struct Log {
    octets: Vec<u8>,
    last: u64,
    flows: u32,
    streams: u32,
}

/// In an entry: the record began a flow.
const FLOW: u64 = 1;
/// In an entry: the record took the number of a stream.
const STREAM: u64 = 2;
/// Bits of an entry that tell what happened; the others are the distance from the entry before.
const BITS: u32 = 2;

impl Log {
    /// Behind record `at` so many flows and streams have numbers. No record gives more than one of each.
    #[inline]
    pub(super) fn note(&mut self, at: u64, flows: u32, streams: u32) {
        if (flows, streams) == (self.flows, self.streams) {
            return;
        }
        let flow = if flows == self.flows { 0 } else { FLOW };
        let stream = if streams == self.streams { 0 } else { STREAM };
        let mut entry = at.saturating_sub(self.last) << BITS | flow | stream;
        while entry > 0x7f {
            self.octets.push(entry.to_le_bytes()[0] | 0x80);
            entry >>= 7;
        }
        self.octets.push(entry.to_le_bytes()[0]);
        (self.last, self.flows, self.streams) = (at, flows, streams);
    }

    /// The records, each with what it did.
    fn entries(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut octets = self.octets.iter();
        let mut at = 0;
        std::iter::from_fn(move || {
            let (mut entry, mut shift) = (0, 0);
            loop {
                let octet = *octets.next()?;
                entry |= u64::from(octet & 0x7f) << shift;
                shift += 7;
                if octet & 0x80 == 0 {
                    break;
                }
            }
            at += entry >> BITS;
            Some((at, entry & (FLOW | STREAM)))
        })
    }
}

/// The numbers that flows and streams have over all shards.
pub(super) fn order(logs: &[Log]) -> Order {
    let mut order = Order::new(logs.len());
    let mut entries: Vec<_> = logs.iter().map(Log::entries).collect();
    let mut next = BinaryHeap::with_capacity(logs.len());
    for (shard, entries) in entries.iter_mut().enumerate() {
        next.extend(entries.next().map(|(at, what)| Reverse((at, shard, what))));
    }
    while let Some(Reverse((_, shard, what))) = next.pop() {
        if what & FLOW != 0 {
            order.push_flow(shard);
        }
        if what & STREAM != 0 {
            order.push_stream(shard);
        }
        let following = entries.get_mut(shard).and_then(Iterator::next);
        next.extend(following.map(|(at, what)| Reverse((at, shard, what))));
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever gave the numbers, they stand in the order of the records.
        #[test]
        fn numbers_follow_the_records(records in vec((0..3_usize, 1..4_u64), 0..80)) {
            let mut logs = [Log::default(), Log::default(), Log::default()];
            let mut counts = [(0, 0); 3];
            let mut expected = Order::new(3);
            for (at, (shard, what)) in (1..).zip(&records) {
                let (flows, streams) = &mut counts[*shard];
                if what & FLOW != 0 {
                    *flows += 1;
                    expected.push_flow(*shard);
                }
                if what & STREAM != 0 {
                    *streams += 1;
                    expected.push_stream(*shard);
                }
                logs[*shard].note(at, *flows, *streams);
            }
            prop_assert_eq!(order(&logs), expected);
        }

        /// Records anywhere among 2^60, each with what it does: all of them come back, in their order.
        #[test]
        fn what_is_noted_is_told(steps in vec((0..62_u32, any::<u64>(), 1..4_u64), 0..60)) {
            let mut log = Log::default();
            let (mut at, mut flows, mut streams, mut expected) = (0_u64, 0, 0, Vec::new());
            for (bits, step, what) in steps {
                let step = step >> (2 + bits);
                let Some(next) = at.checked_add(step).filter(|next| *next < 1 << 61) else { continue };
                at = next;
                flows += u32::from(what & FLOW != 0);
                streams += u32::from(what & STREAM != 0);
                log.note(at, flows, streams);
                log.note(at + 1, flows, streams);
                expected.push((at, what));
            }
            prop_assert_eq!(log.entries().collect::<Vec<_>>(), expected);
        }
    }
}
