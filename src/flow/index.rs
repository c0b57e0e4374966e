//! From addresses and ports to the number of a flow: eight bytes a place, so that looking up touches one line of memory
//! and growing reads nothing but the index itself.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

use crate::flow::key::FlowKey;

/// Places to begin with; always a power of two.
const FIRST_PLACES: usize = 1 << 10;

/// One place: half of the hash, and the number of the flow plus one; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    flow: u32,
}

/// An open-addressing table with linear probing, at most three quarters full.
pub(super) struct Index {
    slots: Vec<Slot>,
    used: usize,
    secrets: [u64; 5],
}

impl Default for Index {
    fn default() -> Self {
        let random = RandomState::default();
        let secrets = [0_u8, 1, 2, 3, 4].map(|number| random.hash_one(number));
        Self { slots: vec![Slot::default(); FIRST_PLACES], used: 0, secrets }
    }
}

impl Index {
    /// The hash of `key`, by a secret of this run: nobody can make a capture whose flows share a place.
    #[inline]
    pub(super) fn hash(&self, key: &FlowKey) -> u32 {
        let ([a, b, c, d, e], [k, l, m, n, o]) = (key.words(), self.secrets);
        let ends = fold(a ^ k, b ^ l) ^ fold(c ^ m, d ^ n).rotate_left(32);
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let half = fold(ends, e ^ o) as u32;
        half
    }

    /// The first flow with this hash that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (place, flow) = self.candidate(hash, hash as usize & self.mask())?;
        if is_it(flow) { Some(flow) } else { self.place(hash, place + 1, is_it).map(|(_, flow)| flow) }
    }

    /// What [`find`](Self::find) would most likely find: to be read ahead of it.
    #[inline]
    pub(super) fn peek(&self, hash: u32) -> Option<u32> {
        self.candidate(hash, hash as usize & self.mask()).map(|(_, flow)| flow)
    }

    /// Enters flow number `flow`, which is not there yet.
    pub(super) fn insert(&mut self, hash: u32, flow: u32) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.used += 1;
        let slot = Slot { hash, flow: flow.saturating_add(1) };
        let mask = self.mask();
        put(&mut self.slots, mask, slot);
    }

    /// Puts `flow` in the place of the one that `is_it`.
    pub(super) fn replace(&mut self, hash: u32, is_it: impl Fn(u32) -> bool, flow: u32) {
        if let Some((place, _)) = self.place(hash, hash as usize, is_it)
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.flow = flow.saturating_add(1);
        }
    }

    /// Takes out the flow that `is_it`, if it is there.
    pub(super) fn remove(&mut self, hash: u32, is_it: impl Fn(u32) -> bool) {
        let Some((mut hole, _)) = self.place(hash, hash as usize, is_it) else { return };
        self.used -= 1;
        let mask = self.mask();
        let mut place = hole;
        // What stands behind the hole moves into it, unless its own place lies between.
        loop {
            place = (place + 1) & mask;
            let Some(slot) = self.slots.get(place).copied().filter(|slot| slot.flow > 0) else { break };
            let wanted = slot.hash as usize & mask;
            if (place.wrapping_sub(wanted) & mask) >= (place.wrapping_sub(hole) & mask) {
                if let Some(free) = self.slots.get_mut(hole) {
                    *free = slot;
                }
                hole = place;
            }
        }
        if let Some(free) = self.slots.get_mut(hole) {
            *free = Slot::default();
        }
    }

    /// The first flow from `place` on with this hash that `is_it`, and its place.
    #[inline(never)]
    fn place(&self, hash: u32, mut place: usize, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        loop {
            let (here, flow) = self.candidate(hash, place & self.mask())?;
            if is_it(flow) {
                return Some((here, flow));
            }
            place = here + 1;
        }
    }

    /// The first flow from `place` on with this hash, and its place.
    #[inline]
    fn candidate(&self, hash: u32, mut place: usize) -> Option<(usize, u32)> {
        loop {
            let slot = self.slots.get(place)?;
            let flow = slot.flow.checked_sub(1)?;
            if slot.hash == hash {
                return Some((place, flow));
            }
            place = (place + 1) & self.mask();
        }
    }

    const fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    #[cold]
    fn grow(&mut self) {
        let mut slots = vec![Slot::default(); self.slots.len() * 2];
        let mask = slots.len() - 1;
        self.slots.iter().filter(|slot| slot.flow > 0).for_each(|slot| put(&mut slots, mask, *slot));
        self.slots = slots;
    }
}

/// The halves of a product, one over the other.
#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    let (high, low) = ((product >> 64) as u64, product as u64);
    high ^ low
}

/// Puts `slot` into the first free place from its own on; there is one.
fn put(slots: &mut [Slot], mask: usize, slot: Slot) {
    let mut place = slot.hash as usize & mask;
    while slots.get(place).is_some_and(|taken| taken.flow > 0) {
        place = (place + 1) & mask;
    }
    if let Some(free) = slots.get_mut(place) {
        *free = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Hashes of few values collide all the time, and the flow that is asked for is found all the same.
        #[test]
        fn what_was_entered_is_found(hashes in proptest::collection::vec(0..40_u32, 0..3_000)) {
            let mut index = Index::default();
            for (flow, hash) in (0..).zip(&hashes) {
                index.insert(*hash, flow);
            }
            for (flow, hash) in (0..).zip(&hashes) {
                prop_assert_eq!(index.find(*hash, |other| other == flow), Some(flow));
                prop_assert_eq!(index.find(hash + 40, |_| true), None);
            }
            for (flow, hash) in (0..).zip(&hashes).filter(|(flow, _)| flow % 3 == 1) {
                index.remove(*hash, |other| other == flow);
            }
            for (flow, hash) in (0..).zip(&hashes) {
                prop_assert_eq!(index.find(*hash, |other| other == flow), (flow % 3 != 1).then_some(flow));
            }
            if let Some(hash) = hashes.first() {
                index.replace(*hash, |flow| flow == 0, 1 << 20);
                prop_assert_eq!(index.find(*hash, |other| other == 1 << 20), Some(1 << 20));
                prop_assert_eq!(index.find(*hash, |other| other == 0), None);
            }
        }
    }
}
