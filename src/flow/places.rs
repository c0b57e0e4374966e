//! Where each flow lies, by its number: one entry for each flow that is there, however many came and went before.

/// The flow is not there any more.
pub(super) const GONE: u32 = u32::MAX;
/// Fewer entries than this are not worth tidying.
const FEW: usize = 1 << 10;

/// Entries by number. Numbers are given in order, so that looking one up is looking into a list; flows that outlived most of
/// those around them move to a list of their own, which names its numbers.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Numbers below `first` whose flows are there, in their order, and their places.
    old: Vec<(u32, u32)>,
    first: u32,
    /// The places of number `first` and those after it.
    young: Vec<u32>,
}

impl Places {
    /// The number that the next flow gets.
    pub(super) fn next(&self) -> u32 {
        self.first.saturating_add(u32::try_from(self.young.len()).unwrap_or(u32::MAX))
    }

    /// Enters the place of the next flow.
    pub(super) fn push(&mut self, place: u32) {
        self.young.push(place);
    }

    /// The place of flow `number`; [`GONE`] or `None` if it is not there.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<u32> {
        match number.checked_sub(self.first) {
            Some(after) => self.young.get(after as usize).copied(),
            None => self.old.get(self.position(number)?).map(|(_, place)| *place),
        }
    }

    /// The place of flow `number`, to change it.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut u32> {
        match number.checked_sub(self.first) {
            Some(after) => self.young.get_mut(after as usize),
            None => {
                let position = self.position(number)?;
                self.old.get_mut(position).map(|(_, place)| place)
            }
        }
    }

    /// All places in the order of the numbers, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        self.old.iter_mut().map(|(_, place)| place).chain(&mut self.young)
    }

    /// The numbers from `from` on, those of flows that left long ago excepted.
    pub(super) fn numbers_from(&self, from: u32) -> impl Iterator<Item = u32> {
        let old = self.old.get(self.old.partition_point(|(number, _)| *number < from)..).unwrap_or_default();
        old.iter().map(|(number, _)| *number).chain(from.max(self.first)..self.next())
    }

    /// Forgets the numbers of flows that left, where there are more of them than of the `there` that stayed: each number is
    /// moved once at most, and what is kept is never much more than what is there.
    pub(super) fn tidy(&mut self, there: usize) {
        if self.old.len() + self.young.len() <= (2 * there).max(FEW) {
            return;
        }
        self.old.retain(|(_, place)| *place != GONE);
        let next = self.next();
        self.old.extend((self.first..).zip(self.young.drain(..)).filter(|(_, place)| *place != GONE));
        self.old.shrink_to(2 * there);
        self.first = next;
    }

    fn position(&self, number: u32) -> Option<usize> {
        self.old.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Whatever comes and leaves: what is there is found by its number, and nothing else is.
        #[test]
        fn what_is_there_is_found(rounds in proptest::collection::vec((1..3_000_u32, any::<u64>()), 1..8)) {
            let (mut places, mut expected) = (Places::default(), BTreeMap::new());
            for (count, luck) in rounds {
                for _ in 0..count {
                    let number = places.next();
                    places.push(number ^ 0x55);
                    expected.insert(number, number ^ 0x55);
                }
                // Some leave, most or few of them, old and young.
                let stays = |number: u32| (u64::from(number).wrapping_mul(luck | 1) >> 7) % 16 < luck % 16;
                for number in 0..places.next() {
                    if !stays(number) && expected.remove(&number).is_some() {
                        *places.get_mut(number).unwrap() = GONE;
                    }
                }
                places.tidy(expected.len());
                prop_assert!(places.old.len() + places.young.len() <= (2 * expected.len()).max(FEW));
                for number in 0..places.next() {
                    prop_assert_eq!(places.get(number).filter(|place| *place != GONE), expected.get(&number).copied());
                }
                let from = places.next() / 3;
                let numbers = places.numbers_from(from).filter(|number| places.get(*number) != Some(GONE));
                prop_assert!(numbers.eq(expected.range(from..).map(|(number, _)| *number)));
                prop_assert_eq!(places.iter_mut().filter(|place| **place != GONE).count(), expected.len());
            }
        }
    }
}
