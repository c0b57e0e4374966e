//! What flows share, divided among them by a rule that knows nothing of threads.
//!
//! Flows are independent of each other but for what is bounded over all of them: a bound that is met for one flow is met
//! because of others. So each bound is divided among partitions of the flows. However the partitions are given to
//! threads, within each of them everything happens in the order of the records, and comes out the same.

/// Partitions of the flows, and so the most threads that there is work for; a power of two.
pub(super) const PARTITIONS: usize = 64;

/// The partition of a flow whose key folds to `fold`.
pub(super) fn partition(fold: u64) -> usize {
    // The highest bits are the best mixed.
    usize::try_from(fold >> (u64::BITS - PARTITIONS.ilog2())).unwrap_or(0)
}

/// Something for each partition.
pub(super) struct Parted<T> {
    first: T,
    others: [T; PARTITIONS - 1],
}

impl<T: Default> Default for Parted<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T> Parted<T> {
    /// The same for each partition.
    pub(super) fn new(one: impl Fn() -> T) -> Self {
        Self { first: one(), others: std::array::from_fn(|_| one()) }
    }

    /// What flows share whose key folds to `fold`.
    pub(super) fn of(&mut self, fold: u64) -> &mut T {
        match partition(fold).checked_sub(1).and_then(|other| self.others.get_mut(other)) {
            Some(other) => other,
            None => &mut self.first,
        }
    }

    /// That of each partition.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
