//! The keepalive settings of a side, as far as its probes reveal them.
//!
//! A timer never fires early and is up to 12.5 % late (Linux `kernel/time/timer.c`), so a configured value lies between
//! what was seen divided by 1.125 and what was seen. What cannot be known is `None`: where every probe was answered, the
//! interval and the count did not show (Linux `tcp_keepalive_timer`).

pub mod nearby;
pub mod stack;

use crate::flow::Direction;
use crate::flow::Flow;
use crate::flow::bounded::SpanRange;
use crate::flow::probes::{KeepaliveStats, LEAST_RHYTHM};
use crate::time::{Span, Timestamp};

/// A value between two bounds, and the round value between them that people configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The least value that explains what was seen.
    pub least: Span,
    /// The greatest.
    pub most: Span,
    /// The roundest between them, in whole seconds.
    pub likely: Option<Span>,
}

/// Keepalive settings of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Silence before the first probe (`TCP_KEEPIDLE`).
    pub time: Option<Estimate>,
    /// Spacing of unanswered probes (`TCP_KEEPINTVL`).
    pub interval: Option<Estimate>,
    /// Unanswered probes before giving up (`TCP_KEEPCNT`).
    pub count: Option<u32>,
}

/// What the probes of the side that sends in `direction` reveal.
#[must_use]
pub fn settings(flow: &Flow, direction: Direction) -> Settings {
    let Some(probes) = flow.probes(direction) else {
        return Settings::default();
    };
    let stats = &probes.keepalive;
    let gave_up = flow.resets().any(|reset| reset.direction == direction && reset.has_ack && reset.trigger.is_none());
    // Who once left more of them unanswered without giving up did not count them now.
    let counted = gave_up && stats.run > 0 && stats.run == stats.longest_run;
    Settings { time: time(stats), interval: interval(stats), count: counted.then_some(stats.run) }
}

/// For how long the side that sends in `direction` had sent nothing but empty probes when the capture began at `began`, by
/// the timestamps of a probe and its answer. `None` where they do not tell, where less than 1 s comes out, and where the
/// capture shows the beginning of the flow.
#[must_use]
pub fn idle_before_capture(flow: &Flow, direction: Direction, began: Timestamp) -> Option<Span> {
    if Direction::BOTH.into_iter().any(|side| flow.end(side).isn.is_some()) {
        return None;
    }
    let by_own = || flow.probes(direction)?.dating.prober_last_spoke();
    let by_peers = || flow.probes(direction.reverse())?.dating.peer_last_spoke();
    let silence = began.since(by_own().or_else(by_peers)?);
    (silence >= LEAST_RHYTHM).then_some(silence)
}

/// Answered probes repeat at the larger of time and interval, so the first probe after a silence tells better.
fn time(stats: &KeepaliveStats) -> Option<Estimate> {
    estimate(stats.first_delay).or_else(|| estimate(stats.after_answer))
}

/// Unanswered probes show it, unless they come further and further apart. So do answered ones where they repeat later than
/// the time explains, since they repeat at the larger of the two.
fn interval(stats: &KeepaliveStats) -> Option<Estimate> {
    if stats.backs_off() {
        return None;
    }
    let by_time =
        |answered: &Estimate| stats.first_delay.bounds().is_none_or(|(time, _)| answered.least <= time.plus(JITTER));
    let answered = estimate(stats.after_answer).filter(|answered| !by_time(answered));
    estimate(stats.after_silence).or(answered)
}

fn estimate(seen: SpanRange) -> Option<Estimate> {
    let (shortest, longest) = seen.bounds()?;
    let on_time = |late: Span| Span::from_nanos(late.minus(JITTER).as_nanos().max(0) / 9 * 8);
    let most = shortest.plus(JITTER);
    // Spacings that no single setting explains: the shortest alone is a bound.
    let least = if on_time(longest) > most { on_time(shortest) } else { on_time(longest) };
    Some(Estimate { least, most, likely: roundest(least, most) })
}

/// The capture point may see a timer by so much early or late.
const JITTER: Span = Span::from_millis(50);

/// The roundest number of whole seconds between two bounds.
fn roundest(least: Span, most: Span) -> Option<Span> {
    const STEPS: [i64; 12] = [3600, 1800, 600, 300, 60, 30, 15, 10, 5, 3, 2, 1];
    let (least, most) = (least.as_nanos(), most.as_nanos());
    STEPS.into_iter().map(|step| Span::from_secs(step).as_nanos()).find_map(|step| {
        let value = most / step * step;
        (value >= least && value > 0).then_some(Span::from_nanos(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(millis: &[i64]) -> Option<Estimate> {
        let mut range = SpanRange::default();
        millis.iter().for_each(|ms| range.add(Span::from_millis(*ms)));
        estimate(range)
    }

    /// Measured at HZ=250: configured 10, 40, 75, 90, 140 and 200 s fired after these times.
    #[test]
    fn late_timers_snap_to_what_was_configured() {
        for (configured, shortest, longest) in
            [(10, 10_040, 10_240), (40, 40_960, 41_030), (75, 75_500, 75_800), (90, 90_100, 91_500)]
        {
            let estimate = seen(&[shortest, longest]).unwrap();
            assert_eq!(estimate.likely, Some(Span::from_secs(configured)), "{configured} s");
            assert!(estimate.least <= Span::from_secs(configured) && Span::from_secs(configured) <= estimate.most);
        }
    }

    #[test]
    fn the_range_holds_where_the_round_value_may_not() {
        let estimate = seen(&[142_300, 147_500]).unwrap();
        assert!(estimate.least <= Span::from_secs(140) && Span::from_secs(140) <= estimate.most);
        assert_eq!(seen(&[]), None);
    }
}
