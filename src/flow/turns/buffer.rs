//! Octets put in order.

use super::piece::HEAD_OCTETS;

/// The first octets of a turn, each as it was first seen.
///
/// Receivers agree that what has been put in order is delivered and cannot change; they differ only in which copy of an
/// octet they keep behind a hole (Linux lets a later segment replace one that lies within it, BSD mostly does not). Honest
/// senders repeat the same octets. So the first copy wins here: right wherever receivers agree, and independent of whose.
#[derive(Debug)]
pub(super) struct HeadBuffer {
    octets: [u8; HEAD_OCTETS],
    /// One bit per octet that was seen.
    seen: [u64; HEAD_OCTETS / 64],
    /// Octets without a hole from the start on.
    in_order: usize,
}

impl Default for HeadBuffer {
    fn default() -> Self {
        Self { octets: [0; HEAD_OCTETS], seen: [0; HEAD_OCTETS / 64], in_order: 0 }
    }
}

impl HeadBuffer {
    /// Fills in `octets` from `offset` on; whether there is more in order now.
    pub(super) fn insert(&mut self, offset: usize, octets: &[u8]) -> bool {
        for ((at, slot), octet) in self.octets.iter_mut().enumerate().skip(offset).zip(octets) {
            if let Some(word) = self.seen.get_mut(at / 64)
                && *word & bit(at) == 0
            {
                *word |= bit(at);
                *slot = *octet;
            }
        }
        let before = self.in_order;
        while self.is_seen(self.in_order) {
            self.in_order += 1;
        }
        self.in_order > before
    }

    /// Forgets the first `count` octets, seen or not, and makes room for as many behind the last.
    pub(super) fn advance(&mut self, count: usize) {
        let mut rest = Self::default();
        for (at, octet) in self.octets.iter().enumerate().skip(count).filter(|(at, _)| self.is_seen(*at)) {
            rest.insert(at - count, std::slice::from_ref(octet));
        }
        *self = rest;
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.iter().all(|word| *word == 0)
    }

    fn is_seen(&self, at: usize) -> bool {
        self.seen.get(at / 64).is_some_and(|word| word & bit(at) != 0)
    }

    pub(super) fn in_order(&self) -> &[u8] {
        self.octets.get(..self.in_order).unwrap_or_default()
    }
}

const fn bit(at: usize) -> u64 {
    1 << (at % 64)
}
