//! Lists and ranges that do not grow with a flow's length.

use std::collections::VecDeque;

use crate::time::Span;

/// How many of the first, and how many of the last, are kept.
pub const KEPT: usize = 8;

/// The first eight and the last eight of a sequence, and how long it was.
#[derive(Clone, Debug)]
pub struct FirstLast<T> {
    first: Vec<T>,
    last: VecDeque<T>,
    total: u64,
}

impl<T> Default for FirstLast<T> {
    fn default() -> Self {
        Self { first: Vec::new(), last: VecDeque::new(), total: 0 }
    }
}

impl<T> FirstLast<T> {
    /// Appends `item`, letting go of one in the middle when the list is full.
    pub fn push(&mut self, item: T) {
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(item);
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(item);
    }

    /// What was kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.first.iter().chain(&self.last)
    }

    /// The same, to complete what was pushed before.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.last)
    }

    /// The last item pushed.
    #[must_use]
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.last.back_mut().or(self.first.last_mut())
    }

    /// How many were pushed.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
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

#[cfg(test)]
mod tests {
    use super::*;

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
