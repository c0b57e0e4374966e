//! Modulo-2^32 sequence numbers (RFC 9293 3.4).
//!
//! An observer meets numbers that no endpoint would send, so every operation here is total: nothing panics, and
//! "before" and "after" are decided by the shorter way around the circle.

use std::fmt;

/// A TCP sequence or acknowledgment number (RFC 9293 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(pub u32);

impl Seq {
    /// Signed distance from `earlier` to `self`, in -2^31 ..= 2^31-1.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether `self` lies before `other` on the shorter way around the circle.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        self.since(other) < 0
    }

    /// Whether `self` lies after `other` on the shorter way around the circle.
    #[must_use]
    pub const fn after(self, other: Self) -> bool {
        self.since(other) > 0
    }

    /// `self` advanced by `count` octets, around the wrap where needed.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// `self` moved back by `count` octets, around the wrap where needed.
    #[must_use]
    pub const fn minus(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }

    /// The later of two numbers.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if other.after(self) { other } else { self }
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seq({})", self.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_survives_the_wrap() {
        assert!(Seq(u32::MAX).before(Seq(0)));
        assert!(Seq(5).after(Seq(u32::MAX - 5)));
        assert_eq!(Seq(u32::MAX).plus(1), Seq(0));
        assert_eq!(Seq(0).minus(1), Seq(u32::MAX));
        assert_eq!(Seq(2).max(Seq(u32::MAX)), Seq(2));
    }

    proptest! {
        #[test]
        fn distance_is_what_was_added(start: u32, step in 0..i32::MAX) {
            let later = Seq(start).plus(step.cast_unsigned());
            prop_assert_eq!(later.since(Seq(start)), step);
            prop_assert_eq!(later.minus(step.cast_unsigned()), Seq(start));
        }

        #[test]
        fn rotation_changes_no_order(a: u32, b: u32, turn: u32) {
            prop_assert_eq!(Seq(a).since(Seq(b)), Seq(a).plus(turn).since(Seq(b).plus(turn)));
        }
    }
}
