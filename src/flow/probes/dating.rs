//! What the timestamps of a probe and its answer tell of the time before the capture began.
//!
//! A segment echoes the TSval that its sender heard last (RFC 7323 4.3). In an answer that echo is as old as the last segment
//! of the prober that the peer took, since an empty probe lies outside the window and leaves the stored value alone; in the
//! probe it is as old as the last segment that the prober heard.

use crate::time::{Span, Timestamp};

/// TSval and TSecr of a segment, and when it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo: u32,
    /// When the segment was captured.
    pub time: Timestamp,
}

/// The first probe that was answered with timestamps on both, and the clocks of both ends.
#[derive(Clone, Debug, Default)]
pub struct Dating {
    exchange: Option<(Stamped, Stamped)>,
    prober: StampClock,
    peer: StampClock,
}

impl Dating {
    /// Takes note of a segment with the timestamp `value`, of the prober or of its peer.
    pub(crate) fn observe(&mut self, by_prober: bool, value: u32, time: Timestamp) {
        let clock = if by_prober { &mut self.prober } else { &mut self.peer };
        clock.observe(value, time);
    }

    /// Takes note of a probe and its answer; only the first such pair counts.
    pub(crate) fn exchanged(&mut self, probe: Stamped, answer: Stamped) {
        self.exchange.get_or_insert((probe, answer));
    }

    /// When the prober last sent something that its peer took, probes apart. `None` unless its clock was seen to count
    /// milliseconds.
    #[must_use]
    pub fn prober_last_spoke(&self) -> Option<Timestamp> {
        let (probe, answer) = self.exchange?;
        self.prober.back(probe.time, probe.value, answer.echo)
    }

    /// When the peer last sent something that the prober heard. `None` unless its clock was seen to count milliseconds.
    #[must_use]
    pub fn peer_last_spoke(&self) -> Option<Timestamp> {
        let (probe, answer) = self.exchange?;
        self.peer.back(answer.time, answer.value, probe.echo)
    }
}

/// One tick of the timestamp clock of Linux, and of most others.
const TICK: Span = Span::from_millis(1);
/// A clock is not judged over less than this.
const LEAST_BASE: Span = Span::from_secs(1);
/// Half the range of a timestamp (RFC 7323 5.2), in ticks: what is further away lies before, not after.
const HALF: u32 = 1 << 31;

/// The clock that an end takes its timestamps from: the first one seen, and whether it has counted milliseconds since.
#[derive(Clone, Copy, Debug, Default)]
struct StampClock {
    first: Option<(u32, Timestamp)>,
    counts_millis: bool,
}

impl StampClock {
    fn observe(&mut self, value: u32, time: Timestamp) {
        let (first, began) = *self.first.get_or_insert((value, time));
        let elapsed = time.since(began);
        // Beyond half the range the count says nothing more.
        if elapsed >= LEAST_BASE && elapsed < TICK.times(HALF.into()) {
            let counted = TICK.times(value.wrapping_sub(first).into());
            self.counts_millis = counted.minus(elapsed).abs().times(10) <= elapsed;
        }
    }

    /// The time at which this clock showed `earlier`, when it showed `value` at `time`.
    fn back(&self, time: Timestamp, value: u32, earlier: u32) -> Option<Timestamp> {
        let ticks = value.wrapping_sub(earlier);
        let known = self.counts_millis && earlier != 0 && ticks < HALF;
        known.then(|| time.plus(TICK.times(-i64::from(ticks))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(0).plus(Span::from_millis(millis))
    }

    /// The peer's clock wraps between what the probe echoes and the answer.
    #[test]
    fn silence_is_dated_over_a_wrap_of_the_clock() {
        let mut dating = Dating::default();
        let probe = Stamped { value: 500_000, echo: u32::MAX - 899, time: at(10) };
        let answer = Stamped { value: 46_000, echo: 84_000, time: at(30) };
        dating.exchanged(probe, answer);
        for second in [0, 15] {
            let ticks = 15_000 * u32::from(second > 0);
            dating.observe(true, probe.value + ticks, probe.time.plus(Span::from_secs(second)));
            dating.observe(false, answer.value + ticks, answer.time.plus(Span::from_secs(second)));
        }
        assert_eq!(dating.peer_last_spoke(), Some(at(30 - 46_900)), "46,000 ticks after the wrap, 900 before");
        assert_eq!(dating.prober_last_spoke(), Some(at(10 - 416_000)));
    }

    #[test]
    fn a_clock_of_another_rate_dates_nothing() {
        let rates = [(1000, true), (1099, true), (901, true), (1110, false), (250, false), (100, false), (0, false)];
        for (ticks, verified) in rates {
            let mut clock = StampClock::default();
            clock.observe(u32::MAX - 50, at(0));
            clock.observe((u32::MAX - 50).wrapping_add(ticks), at(1000));
            assert_eq!(clock.back(at(0), 9000, 4000).is_some(), verified, "{ticks} ticks a second");
        }
    }

    #[test]
    fn a_second_of_capture_is_needed() {
        let mut clock = StampClock::default();
        clock.observe(1000, at(0));
        clock.observe(1990, at(990));
        assert_eq!(clock.back(at(0), 9000, 4000), None);
        clock.observe(2000, at(1000));
        assert_eq!(clock.back(at(0), 9000, 4000), Some(at(-5000)));
        assert_eq!(clock.back(at(0), 4000, 9000), None, "an echo from the future");
    }
}
