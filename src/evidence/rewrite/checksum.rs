//! Internet checksums, updated by what changed (RFC 1624).

use std::ops::Range;

/// A frame before and after it was changed.
pub(super) struct Change<'a> {
    pub(super) before: &'a [u8],
    /// As long as the headers that are kept.
    pub(super) after: &'a mut [u8],
}

impl Change<'_> {
    /// Updates the checksum at `at`, which covers the octets of `whole` and, if the layer has it so, `addresses`.
    pub(super) fn apply(&mut self, at: usize, whole: Range<usize>, addresses: Range<usize>) {
        if let Some(checksum) = self.field(at) {
            self.set(at, updated(checksum, &self.changes(at, [whole, addresses])));
        }
    }

    /// As [`apply`](Self::apply), where zero stands for no checksum.
    pub(super) fn apply_unless_zero(&mut self, at: usize, whole: Range<usize>, addresses: Range<usize>) {
        let Some(checksum) = self.field(at).filter(|checksum| *checksum != 0) else { return };
        let result = updated(checksum, &self.changes(at, [whole, addresses]));
        self.set(at, if result == 0 { u16::MAX } else { result });
    }

    fn field(&self, at: usize) -> Option<u16> {
        self.after.get(at..)?.first_chunk().map(|field| u16::from_be_bytes(*field))
    }

    fn set(&mut self, at: usize, checksum: u16) {
        if let Some(field) = self.after.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *field = checksum.to_be_bytes();
        }
    }

    /// The words that changed, before and after; the checksum itself is none.
    fn changes(&self, at: usize, ranges: [Range<usize>; 2]) -> Vec<(u16, u16)> {
        let words = |bytes: &[u8], range: &Range<usize>| -> Vec<u16> {
            let bytes = bytes.get(range.clone()).unwrap_or_default();
            let word = |pair: &[u8]| {
                u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)])
            };
            bytes.chunks(2).map(word).collect()
        };
        let mut changes = Vec::new();
        for range in ranges {
            let (before, after) = (words(self.before, &range), words(self.after, &range));
            let pairs = before.into_iter().zip(after).zip((range.start..).step_by(2));
            changes.extend(pairs.filter(|((old, new), start)| old != new && *start != at).map(|(pair, _)| pair));
        }
        changes
    }
}

/// HC' = ~(~HC + ~m + m'), equation 3 of RFC 1624.
fn updated(checksum: u16, changes: &[(u16, u16)]) -> u16 {
    let add = |sum: u32, (old, new): &(u16, u16)| fold(sum + u32::from(!old) + u32::from(*new));
    if changes.is_empty() {
        return checksum;
    }
    !(changes.iter().fold(u32::from(!checksum), add) as u16)
}

/// Adds the carries back, so that the sum fits into 16 bits.
const fn fold(sum: u32) -> u32 {
    let once = (sum & 0xffff) + (sum >> 16);
    (once & 0xffff) + (once >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checksum(bytes: &[u8]) -> u16 {
        let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
        !(words.fold(0, |sum, word| fold(sum + word)) as u16)
    }

    /// RFC 1624 section 4: the header sum 0xdd2f, a field that goes from 0x5555 to 0x3285.
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(updated(0xdd2f, &[(0x5555, 0x3285)]), 0x0000);
    }

    proptest! {
        /// A good checksum stays good, a wrong one wrong by the same amount.
        #[test]
        fn the_error_stays_what_it_was(
            mut before in proptest::collection::vec(any::<u8>(), 20..=21),
            after in proptest::collection::vec(any::<u8>(), 8),
            error in any::<u16>(),
        ) {
            before[10..12].fill(0);
            let good = checksum(&before);
            before[10..12].copy_from_slice(&good.wrapping_add(error).to_be_bytes());
            let mut changed = before.clone();
            changed[12..20].copy_from_slice(&after);
            Change { before: &before, after: &mut changed }.apply(10, 0..before.len(), 0..0);
            // All ones and all zeros are the same number in this arithmetic.
            let wrongness = |bytes: &[u8]| checksum(bytes) % 0xffff;
            prop_assert_eq!(wrongness(&changed), wrongness(&before));
        }
    }
}
