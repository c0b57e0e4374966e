//! What the records of one file have in common: the sorts of segments among them, and the rhythm of their times.

use crate::time::{Span, Timestamp};
use crate::wire::{Flags, Segment};

/// No frame on a wire carries more payload: a jumbo frame of 9000 octets (an MTU, headers included).
const LONGEST_ON_THE_WIRE: u32 = 9_000;

/// The segments of one file by what they carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Segments with payload.
    pub with_payload: u64,
    /// Segments with nothing but an acknowledgment: no payload, no SYN, FIN or RST.
    pub bare_acks: u64,
    /// Segments with SYN, FIN or RST and no payload.
    pub control: u64,
    /// RSTs.
    pub resets: u64,
    /// Segments of one octet whose octet was cut off, with nothing said of it.
    pub hidden_octets: u64,
    /// Segments longer than a frame on a wire can be.
    pub oversized: u64,
    /// Payload octets of the longest segment.
    pub longest: u32,
}

impl Traffic {
    /// Counts `segment` in.
    #[inline]
    pub(crate) fn add(&mut self, segment: &Segment<'_>) {
        let is_control = segment.flags.any(Flags::SYN | Flags::FIN | Flags::RST);
        if segment.payload_len == 0 {
            let sort = if is_control { &mut self.control } else { &mut self.bare_acks };
            *sort += 1;
            self.resets += u64::from(segment.flags.has(Flags::RST));
            return;
        }
        self.with_payload += 1;
        self.resets += u64::from(segment.flags.has(Flags::RST));
        let hidden = segment.payload_len == 1 && segment.payload.is_empty() && segment.told.is_none();
        self.hidden_octets += u64::from(hidden);
        self.oversized += u64::from(segment.payload_len > LONGEST_ON_THE_WIRE);
        self.longest = self.longest.max(segment.payload_len);
    }

    /// Adds the segments of another part of the file.
    pub(super) fn join(&mut self, other: &Self) {
        self.with_payload += other.with_payload;
        self.bare_acks += other.bare_acks;
        self.control += other.control;
        self.resets += other.resets;
        self.hidden_octets += other.hidden_octets;
        self.oversized += other.oversized;
        self.longest = self.longest.max(other.longest);
    }
}

/// The distances between successive records of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    last: Option<Timestamp>,
    step: Option<Span>,
    even_step: Span,
    longest_step: Span,
    steps: u64,
    even: u64,
}

impl Pace {
    /// Distances under this number show no rhythm.
    const LEAST_STEPS: u64 = 8;

    /// Takes in the time of the next record.
    #[inline]
    pub(crate) fn add(&mut self, time: Timestamp) {
        let Some(last) = self.last.replace(time) else { return };
        let step = time.since(last);
        self.steps += 1;
        self.longest_step = self.longest_step.max(step);
        if self.step.replace(step).is_some_and(|before| is_even(before, step)) {
            self.even += 1;
            self.even_step = step;
        }
    }

    /// The longest distance between two successive records.
    #[must_use]
    pub const fn longest_step(&self) -> Span {
        self.longest_step
    }

    /// The one distance between successive records, where nine tenths of at least eight are as long as the one before:
    /// no network keeps such time, so the times were invented. Zero where all records carry the same time.
    #[must_use]
    pub fn invented(&self) -> Option<Span> {
        let pairs = self.steps.saturating_sub(1);
        (self.steps >= Self::LEAST_STEPS && self.even * 10 >= pairs * 9).then_some(self.even_step)
    }

    /// Whether so many distances repeat the one before, a quarter, that some of the records by themselves could seem to have
    /// invented times.
    #[must_use]
    pub const fn has_rhythm(&self) -> bool {
        self.even * 4 >= self.steps.saturating_sub(1)
    }
}

/// Whether two distances are the same, but for the rounding of a microsecond clock.
#[inline]
fn is_even(before: Span, step: Span) -> bool {
    const ROUNDED_FROM: Span = Span::from_millis(1);
    const MICROSECOND: u64 = 1_000;
    let apart = step.apart(before);
    apart <= MICROSECOND && (apart == 0 || step >= ROUNDED_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(times_us: impl IntoIterator<Item = i64>) -> Pace {
        let mut pace = Pace::default();
        times_us.into_iter().for_each(|time| pace.add(Timestamp::from_nanos(time * 1_000)));
        pace
    }

    #[test]
    fn even_distances_are_invented() {
        assert_eq!(pace((0..9).map(|n| n * 1_000_000)).invented(), Some(Span::from_secs(1)));
        assert_eq!(pace(0..9).invented(), Some(Span::from_micros(1)), "as text2pcap numbers its packets");
        assert_eq!(pace([7; 20]).invented(), Some(Span::ZERO), "no clock at all");
        assert_eq!(pace([5, 9, 2, 4]).longest_step(), Span::from_micros(4));
        let thirds = (0..30).map(|n| n * 1_000_000 / 3);
        assert!(pace(thirds).invented().is_some(), "rounded to the microsecond");
    }

    #[test]
    fn few_or_uneven_distances_are_not() {
        assert_eq!(pace((0..8).map(|n| n * 1_000_000)).invented(), None, "seven distances");
        let probes = (0..40).map(|n| n / 2 * 10_000_000 + n % 2 * 300);
        assert_eq!(pace(probes).invented(), None, "a probe every 10 s and its answer");
        let jitter = (0..40).map(|n| n * 1_000_000 + n * n * 7 % 50);
        assert_eq!(pace(jitter).invented(), None, "a timer that fires every second, some microseconds late");
        assert_eq!(pace((0..40).map(|n| n + n % 2)).invented(), None, "packets back to back on a fast link");
    }
}
