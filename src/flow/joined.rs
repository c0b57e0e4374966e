//! The flows of a timeline as one list, whichever shards they were analysed in.

use std::borrow::Cow;

use crate::flow::Flow;
use crate::flow::store::{AHEAD, Brief, Digest, Flows};

/// The order of flows and streams over several shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Of each flow: its number within its shard, times the number of shards, plus the shard.
    flows: Vec<u32>,
    /// Of each shard, of each stream that has a number there: the number over all shards.
    streams: Vec<Vec<u32>>,
    /// Streams in all.
    streams_total: u32,
    /// Flows that each shard has had.
    counts: Vec<u32>,
}

impl Order {
    /// The order of nothing in `shards` shards.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        Self { flows: Vec::new(), streams: vec![Vec::new(); shards], streams_total: 0, counts: vec![0; shards] }
    }

    /// The next flow is the next one of `shard`.
    pub fn push_flow(&mut self, shard: usize) {
        let shards = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        if let (Some(count), Ok(shard)) = (self.counts.get_mut(shard), u32::try_from(shard)) {
            self.flows.push(count.saturating_mul(shards).saturating_add(shard));
            *count = count.saturating_add(1);
        }
    }

    /// The next stream is the next one of `shard`.
    pub fn push_stream(&mut self, shard: usize) {
        if let Some(streams) = self.streams.get_mut(shard) {
            streams.push(self.streams_total);
            self.streams_total = self.streams_total.saturating_add(1);
        }
    }

    /// Gives a flow of `shard` the number of its stream over all shards.
    pub(crate) fn renumber(&self, shard: usize, flow: &mut Flow) {
        let streams = self.streams.get(shard);
        flow.stream = flow.stream.and_then(|stream| streams?.get(stream as usize).copied());
    }

    /// Shard of flow `number`, and its number there.
    fn place(&self, number: u32) -> Option<(usize, u32)> {
        let shards = u32::try_from(self.counts.len()).ok()?;
        let place = *self.flows.get(number as usize)?;
        Some((place.checked_rem(shards)? as usize, place.checked_div(shards)?))
    }
}

/// All flows of a timeline in the order of their first segment.
pub struct Joined {
    shards: Vec<Flows>,
    /// None where there is one shard, whose order is that of all.
    order: Option<Order>,
}

impl Joined {
    /// The flows of all `shards`. Those that are ready have the numbers of their streams over all shards.
    pub(crate) fn new(shards: Vec<Flows>, order: Option<Order>) -> Self {
        Self { shards, order }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(Flows::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(Flows::is_empty)
    }

    /// How many numbers were given, to flows that are not there any more as well.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.shards.iter().map(Flows::total).fold(0, u32::saturating_add)
    }

    /// Flow number `number`.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Cow<'_, Flow>> {
        let (shard, index) = self.place(number)?;
        let mut flow = self.shards.get(shard)?.get(index)?;
        if let (Some(order), Cow::Owned(flow)) = (&self.order, &mut flow) {
            order.renumber(shard, flow);
        }
        Some(flow)
    }

    /// The digest of flow number `number`, if it has one, with what is read without unpacking it: see [`Flows::brief`].
    #[must_use]
    pub fn brief(&self, number: u32) -> Option<(Digest, Brief)> {
        let (shard, index) = self.place(number)?;
        self.shards.get(shard)?.brief(index)
    }

    /// The numbers of the flows that are there, in order. Of those that are at rest something has been read when they come, so
    /// that they are at hand: they lie in the order in which they ended, and are brought near many at a time.
    pub fn numbers_touched(&self) -> impl Iterator<Item = u32> {
        let mut numbers = self.numbers();
        let mut ahead = [0; AHEAD];
        let (mut next, mut count) = (0, 0);
        std::iter::from_fn(move || {
            if next == count {
                count = ahead.iter_mut().zip(numbers.by_ref()).map(|(place, number)| *place = number).count();
                next = 0;
                self.touch(ahead.get(..count)?);
            }
            let number = ahead.get(..count)?.get(next).copied();
            next += 1;
            number
        })
    }

    fn touch(&self, numbers: &[u32]) {
        let places = numbers.iter().filter_map(|number| self.place(*number));
        let read = places.filter_map(|(shard, index)| Some(self.shards.get(shard)?.touch(index)));
        std::hint::black_box(read.fold(0, |sum, octet| sum ^ octet));
    }

    /// The numbers of the flows that are there, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        // Where there are several shards no flow leaves before the end.
        let (alone, several) = match (&self.order, self.shards.as_slice()) {
            (None, [shard]) => (Some(shard.numbers()), 0),
            _ => (None, self.total()),
        };
        alone.into_iter().flatten().chain(0..several)
    }

    /// All flows.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Flow>> {
        self.numbered().map(|(_, flow)| flow)
    }

    /// All flows, each with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, Cow<'_, Flow>)> {
        self.numbers().filter_map(|number| Some((number, self.get(number)?)))
    }

    fn place(&self, number: u32) -> Option<(usize, u32)> {
        match &self.order {
            Some(order) => order.place(number),
            None => Some((0, number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_found_where_they_were_analysed() {
        let mut order = Order::new(3);
        [2, 2, 0, 1, 2].into_iter().for_each(|shard| order.push_flow(shard));
        let places: Vec<_> = (0..6).map(|number| order.place(number)).collect();
        assert_eq!(places, [Some((2, 0)), Some((2, 1)), Some((0, 0)), Some((1, 0)), Some((2, 2)), None]);
    }

    #[test]
    fn streams_are_numbered_over_all_shards() {
        let mut order = Order::new(2);
        [1, 0, 1].into_iter().for_each(|shard| order.push_stream(shard));
        let renumbered = |shard, stream| {
            let mut flow = Flow { stream: Some(stream), ..Flow::blank() };
            order.renumber(shard, &mut flow);
            flow.stream
        };
        assert_eq!([renumbered(0, 0), renumbered(1, 0), renumbered(1, 1)], [Some(1), Some(0), Some(2)]);
    }
}
