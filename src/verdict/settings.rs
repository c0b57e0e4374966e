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
    let by_own = || flow.probes(direction)?.dating()?.prober_last_spoke();
    let by_peers = || flow.probes(direction.reverse())?.dating()?.peer_last_spoke();
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

/// Multiples of these, in seconds, are round: the first are the roundest, and of one line the greatest.
const ROUND: [&[i64]; 13] =
    [&[3600], &[1800], &[600], &[300], &[100], &[60], &[50], &[30], &[15, 10], &[5], &[3], &[2], &[1]];

/// The roundest number of whole seconds between two bounds.
fn roundest(least: Span, most: Span) -> Option<Span> {
    let (least, most) = (least.as_nanos(), most.as_nanos());
    let greatest = |step: &i64| most / Span::from_secs(*step).as_nanos() * Span::from_secs(*step).as_nanos();
    let within = |value: &i64| *value >= least && *value > 0;
    ROUND.iter().find_map(|steps| steps.iter().map(greatest).filter(within).max()).map(Span::from_nanos)
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
        for (configured, shortest, longest) in [
            (10, 10_040, 10_240),
            (20, 20_220, 20_930),
            (40, 40_960, 41_030),
            (75, 75_500, 75_800),
            (90, 90_100, 91_500),
            (140, 142_300, 147_500),
            (200, 207_500, 213_000),
        ] {
            let estimate = seen(&[shortest, longest]).unwrap();
            assert_eq!(estimate.likely, Some(Span::from_secs(configured)), "{configured} s");
            assert!(estimate.least <= Span::from_secs(configured) && Span::from_secs(configured) <= estimate.most);
        }
    }

    /// Values of the table of defaults and those that people set, each fired 0.5 % late.
    #[test]
    fn what_people_configure_is_round() {
        for configured in
            [1, 2, 3, 5, 10, 15, 20, 25, 30, 45, 50, 60, 75, 90, 100, 120, 150, 180, 300, 350, 600, 900, 7200]
        {
            let estimate = seen(&[configured * 1005]).unwrap();
            assert_eq!(estimate.likely, Some(Span::from_secs(configured)));
        }
    }

    fn stats(answered: &[i64], first: &[i64]) -> KeepaliveStats {
        let mut stats = KeepaliveStats::default();
        answered.iter().for_each(|ms| stats.after_answer.add(Span::from_millis(*ms)));
        first.iter().for_each(|ms| stats.first_delay.add(Span::from_millis(*ms)));
        stats
    }

    #[test]
    fn nothing_seen_is_nothing_known() {
        assert_eq!(seen(&[]), None);
        assert_eq!(interval(&stats(&[], &[2000])), None);
    }

    /// Answered probes repeat at the larger of time and interval, up to 12.5 % late.
    #[test]
    fn answered_probes_show_the_interval_only_where_the_time_does_not_explain_them() {
        let likely = |answered: &[i64], first: &[i64]| interval(&stats(answered, first)).and_then(|found| found.likely);
        assert_eq!(likely(&[6010, 6150], &[2010]), Some(Span::from_secs(6)));
        assert_eq!(likely(&[2010, 2200], &[2010]), None);
        assert_eq!(likely(&[67_000], &[60_100]), None, "60 s, 11.7 % late");
        assert_eq!(likely(&[75_500], &[60_100]), Some(Span::from_secs(75)));
        assert_eq!(likely(&[75_500], &[]), None, "the time was not seen");
    }
}
