//! Points and lengths of time, in whole nanoseconds.
//!
//! There is no `now()` here on purpose: the clock of the analysis is the capture (see `docs/ARCHITECTURE.md`).
//! All arithmetic saturates, since captures carry timestamps that no clock ever showed.

use std::fmt;
use std::num::NonZeroU64;

/// Nanoseconds per second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A signed count of nanoseconds in eight bytes, of which an `Option` needs no more: every flow has dozens. The order is
/// that of the counts; the least count takes the place of the one below it, which is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nanos(NonZeroU64);

impl Nanos {
    /// Turns the order of signed numbers into that of unsigned ones, and back.
    const SIGN: u64 = 1 << 63;

    const fn new(nanos: i64) -> Self {
        Self::shifted(nanos.cast_unsigned() ^ Self::SIGN)
    }

    #[inline]
    const fn shifted(count: u64) -> Self {
        match NonZeroU64::new(count) {
            Some(count) => Self(count),
            None => Self(NonZeroU64::MIN),
        }
    }

    const fn get(self) -> i64 {
        (self.0.get() ^ Self::SIGN).cast_signed()
    }
}

impl Default for Nanos {
    fn default() -> Self {
        Self::new(0)
    }
}

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, from the year 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(Nanos);

impl Timestamp {
    /// The point `nanos` nanoseconds after (or, if negative, before) the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(Nanos::new(nanos))
    }

    /// The point `nanos` nanoseconds from the epoch, held to the range of this type.
    #[must_use]
    pub fn from_nanos_saturating(nanos: i128) -> Self {
        Self::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0.get()
    }

    /// Time from `earlier` to `self`; negative where the capture's clock ran backwards.
    #[must_use]
    #[inline]
    pub const fn since(self, earlier: Self) -> Span {
        // Nearly always time goes on, and by less than centuries; both counts are shifted by the same.
        match self.0.0.get().checked_sub(earlier.0.0.get()) {
            Some(nanos) if nanos < Nanos::SIGN => Span(Nanos::shifted(nanos | Nanos::SIGN)),
            _ => Span::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos())),
        }
    }

    /// Whether more than `span`, which is not negative, went by from `earlier` to `self`: what [`since`](Self::since) says, told
    /// without counting it.
    #[must_use]
    #[inline]
    pub const fn is_beyond(self, earlier: Self, span: Span) -> bool {
        let (Self(Nanos(now)), Self(Nanos(earlier))) = (self, earlier);
        let elapsed = now.get().saturating_sub(earlier.get());
        // Spans end where those of `since` do.
        elapsed > span.as_nanos().cast_unsigned() && span.as_nanos() < i64::MAX
    }

    /// `self` moved by `span`.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self::from_nanos(self.as_nanos().saturating_add(span.as_nanos()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({} ns)", self.as_nanos())
    }
}

/// A length of time in nanoseconds; negative only where the capture's clock ran backwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(Nanos);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self::from_nanos(0);

    /// A span of whole nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(Nanos::new(nanos))
    }

    /// A span of whole microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self::from_nanos(micros.saturating_mul(1_000))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_nanos(secs.saturating_mul(NANOS_PER_SECOND))
    }

    /// A span of `secs` seconds, rounded to the nanosecond and held to the range of this type.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        // A float-to-integer cast saturates and maps NaN to 0.
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let nanos = (secs * 1e9).round() as i64;
        Self::from_nanos(nanos)
    }

    /// Whole nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0.get()
    }

    /// Seconds, for reports and for ratios.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact below 104 days, and no report shows more digits")]
        let nanos = self.as_nanos() as f64;
        nanos / 1e9
    }

    /// `self` times `factor`.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self::from_nanos(self.as_nanos().saturating_mul(factor))
    }

    /// `self` plus `other`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::from_nanos(self.as_nanos().saturating_add(other.as_nanos()))
    }

    /// `self` minus `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self::from_nanos(self.as_nanos().saturating_sub(other.as_nanos()))
    }

    /// How many nanoseconds `self` and `other` differ by.
    #[must_use]
    pub const fn apart(self, other: Self) -> u64 {
        // Both counts are shifted by the same.
        self.0.0.get().abs_diff(other.0.0.get())
    }

    /// The length without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self::from_nanos(self.as_nanos().saturating_abs())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({} ns)", self.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let late = Timestamp::from_nanos(i64::MAX);
        let early = Timestamp::from_nanos(i64::MIN);
        assert_eq!(late.since(early), Span::from_nanos(i64::MAX));
        assert_eq!(early.as_nanos(), i64::MIN + 1, "the least count stands for the one below it");
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        assert_eq!(early.since(late), Span::from_nanos(i64::MIN));
        assert_eq!(late.since(Timestamp::from_nanos(-1)), Span::from_nanos(i64::MAX), "just too long");
        assert_eq!(late.since(Timestamp::from_nanos(0)), Span::from_nanos(i64::MAX));
        assert_eq!(Timestamp::from_nanos(-9).since(Timestamp::from_nanos(-11)), Span::from_nanos(2));
        assert_eq!(Timestamp::from_nanos(-11).since(Timestamp::from_nanos(-9)), Span::from_nanos(-2));
        assert_eq!(Span::from_nanos(-3).apart(Span::from_nanos(4)), 7);
        assert_eq!(Span::from_nanos(i64::MAX).apart(Span::from_nanos(-i64::MAX)), u64::MAX - 1);
        assert_eq!(late.plus(Span::from_secs(1)), late);
        assert_eq!(Span::from_secs(i64::MAX), Span::from_nanos(i64::MAX));
        assert_eq!(Timestamp::from_nanos_saturating(i128::MAX), late);
    }

    proptest! {
        #[test]
        fn what_is_beyond_a_span_is_longer(one: i64, other: i64, apart in 0..100_i64, span in prop_oneof![0..100_i64, 0..=i64::MAX]) {
            let span = Span::from_nanos(span);
            let (one, other) = (Timestamp::from_nanos(one), Timestamp::from_nanos(other));
            for other in [other, one, one.plus(Span::from_nanos(apart)), one.plus(Span::from_nanos(-apart)), one.plus(span)] {
                prop_assert_eq!(one.is_beyond(other, span), one.since(other) > span);
                prop_assert_eq!(other.is_beyond(one, span), other.since(one) > span);
            }
        }
    }

    #[test]
    fn seconds_round_to_the_nanosecond() {
        assert_eq!(Span::from_secs_f64(90.0000000004).as_nanos(), 90_000_000_000);
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
        assert!((Span::from_millis(1_500).as_secs_f64() - 1.5).abs() < 1e-12);
    }
}
