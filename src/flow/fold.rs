//! Hashes by fixed rules: the same in each run and on each machine, and so nothing that an attacker could not foresee.

/// Two numbers as one word.
#[inline]
pub(super) const fn join(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// Two words as one: the halves of a product, of which neither factor is likely to be 0.
#[inline]
pub(super) fn fold(one: u64, other: u64) -> u64 {
    const APART: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9];
    let product = u128::from(one ^ APART[0]) * u128::from(other ^ APART[1]);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    let (high, low) = ((product >> 64) as u64, product as u64);
    high ^ low
}
