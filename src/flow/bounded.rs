//! Lists and ranges that do not grow with a flow's length.

use std::num::NonZeroU8;

use crate::time::Span;

/// How many of the first, and how many of the last, are kept.
pub const KEPT: usize = 8;

/// The first eight and the last eight of a sequence, and how long it was.
#[derive(Clone, Debug)]
pub struct FirstLast<T> {
    /// The first eight, and behind them places that the last eight take in turn.
    items: Vec<T>,
    total: u64,
}

impl<T> Default for FirstLast<T> {
    fn default() -> Self {
        Self { items: Vec::new(), total: 0 }
    }
}

impl<T> FirstLast<T> {
    /// Appends `item`, letting go of one in the middle when the list is full.
    pub fn push(&mut self, item: T) {
        let place = self.place(self.total);
        self.total += 1;
        match self.items.get_mut(place) {
            Some(slot) => *slot = item,
            None => self.items.push(item),
        }
    }

    /// What was kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        let (first, last) = self.items.split_at(self.items.len().min(KEPT));
        let (newer, older) = last.split_at(self.turn());
        first.iter().chain(older).chain(newer)
    }

    /// The same, to complete what was pushed before.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (middle, turn) = (self.items.len().min(KEPT), self.turn());
        let (first, last) = self.items.split_at_mut(middle);
        let (newer, older) = last.split_at_mut(turn);
        first.iter_mut().chain(older).chain(newer)
    }

    /// The last item pushed.
    #[must_use]
    pub fn last_mut(&mut self) -> Option<&mut T> {
        let place = self.place(self.total.checked_sub(1)?);
        self.items.get_mut(place)
    }

    /// How many were pushed.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// What the next item will take the place of, or stand behind: to be read ahead of it.
    pub(super) fn next_place(&self) -> Option<&T> {
        self.items.get(self.place(self.total)).or(self.items.last())
    }

    /// Where item number `number` stands.
    const fn place(&self, number: u64) -> usize {
        if number < KEPT as u64 { number as usize } else { KEPT + (number % KEPT as u64) as usize }
    }

    /// How many of the last ones stand before the oldest of them.
    const fn turn(&self) -> usize {
        if self.items.len() < 2 * KEPT { 0 } else { (self.total % KEPT as u64) as usize }
    }
}

/// Least and greatest of the spans seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanRange {
    bounds: Option<(Span, Span)>,
    count: u32,
}

impl SpanRange {
    /// Takes `span` in.
    pub fn add(&mut self, span: Span) {
        self.count = self.count.saturating_add(1);
        self.bounds = Some(self.bounds.map_or((span, span), |(least, most)| (least.min(span), most.max(span))));
    }

    /// Least and greatest, if any was taken in.
    #[must_use]
    pub const fn bounds(&self) -> Option<(Span, Span)> {
        self.bounds
    }

    /// How many were taken in.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

/// Hop limits (TTL) seen: up to four different ones, the last place taking turns. Four bytes, since every flow has two; a
/// hop limit of 0, which no router forwards, is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopLimits([Option<NonZeroU8>; 4]);

impl HopLimits {
    /// Takes `hop_limit` in.
    pub fn add(&mut self, hop_limit: u8) {
        let hop_limit = NonZeroU8::new(hop_limit);
        let Self(slots) = self;
        if matches!(slots, [first, ..] if *first == hop_limit) {
            return;
        }
        let free = slots.iter().position(|slot| slot.is_none() || *slot == hop_limit);
        let place = free.unwrap_or(slots.len() - 1);
        if let Some(slot) = slots.get_mut(place).filter(|_| hop_limit.is_some()) {
            *slot = hop_limit;
        }
    }

    /// One octet a place, 0 for a free one: the form in which it is packed.
    pub(super) fn octets(self) -> [u8; 4] {
        self.0.map(|slot| slot.map_or(0, NonZeroU8::get))
    }

    /// The different values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = u8> + Clone + '_ {
        self.0.iter().copied().flatten().map(NonZeroU8::get)
    }

    /// Whether `hop_limit` was taken in.
    #[must_use]
    pub fn contains(&self, hop_limit: u8) -> bool {
        self.iter().any(|seen| seen == hop_limit)
    }
}

/// From what `HopLimits::octets` gave.
impl From<[u8; 4]> for HopLimits {
    fn from(octets: [u8; 4]) -> Self {
        Self(octets.map(NonZeroU8::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_limits_are_kept_once_each() {
        let mut seen = HopLimits::default();
        [64, 0, 64, 255, 63].into_iter().for_each(|hop_limit| seen.add(hop_limit));
        assert_eq!(seen.iter().collect::<Vec<_>>(), [64, 255, 63]);
        assert!(seen.contains(255) && !seen.contains(62));
        [1, 2, 3].into_iter().for_each(|hop_limit| seen.add(hop_limit));
        assert_eq!(seen.iter().collect::<Vec<_>>(), [64, 255, 63, 3]);
    }

    #[test]
    fn keeps_both_ends_of_a_long_list() {
        let mut list = FirstLast::default();
        (0..100).for_each(|n| list.push(n));
        let kept: Vec<_> = list.iter().copied().collect();
        assert_eq!(kept, (0..8).chain(92..100).collect::<Vec<_>>());
        assert_eq!(list.total(), 100);
        assert_eq!(list.last_mut(), Some(&mut 99));
    }

    #[test]
    fn a_short_list_is_kept_whole_and_once() {
        let mut list = FirstLast::default();
        (0..10).for_each(|n| list.push(n));
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
