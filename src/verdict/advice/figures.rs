//! The figures of the advice, in whole seconds.

use crate::time::{NANOS_PER_SECOND, Span};
use crate::timeouts::keepalive_time;

/// Probes before an end gives up: the default of Linux (tcp(7), `tcp_keepalive_probes`), so that the advice does not make
/// connections give up sooner than it must.
const PROBES: i64 = 9;

/// The interval of Linux where nothing else is set (tcp(7), `tcp_keepalive_intvl`), in seconds.
pub(super) const COMMON_INTERVAL: i64 = 75;

/// Keepalive settings that hold a flow open against a timer of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    /// Silence before the first probe, and the bound on time and interval both.
    pub(super) time: i64,
    /// Spacing of unanswered probes: a third of the time, so that against a timer of 32 s and more three probes go out in time,
    /// each as late as timers get, and two of them may be lost.
    pub(super) interval: i64,
    /// Unanswered probes before giving up.
    pub(super) count: i64,
}

impl Figures {
    /// The settings below a timer of `limit`; `None` where it is too short for whole seconds.
    pub(super) fn below(limit: Span) -> Option<Self> {
        let time = whole_seconds(keepalive_time(limit)?);
        Some(Self { time, interval: (time / 3).clamp(1, COMMON_INTERVAL), count: PROBES })
    }
}

/// What helps against a timer of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PayloadFigures {
    /// Send something at least this often; `None` where the timer is too short for whole seconds.
    pub(super) heartbeat: Option<i64>,
    /// Or raise the timer to this: twice what was seen, a first value to be replaced by the slowest answer to be expected.
    pub(super) raised: i64,
}

impl PayloadFigures {
    pub(super) fn around(limit: Span) -> Self {
        let raised = whole_seconds(limit.times(2).plus(Span::from_nanos(NANOS_PER_SECOND - 1)));
        Self { heartbeat: keepalive_time(limit).map(whole_seconds), raised }
    }
}

/// The age at which to renew connections where something ends them at a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// Nine tenths of the age, and at least 5 s below it.
    pub(super) renew: i64,
    /// The age at which connections end.
    pub(super) age: Span,
}

impl Lifetime {
    pub(super) fn below(age: Span) -> Option<Self> {
        let renew = whole_seconds(age.minus(Span::from_secs(5)).min(Span::from_nanos(age.as_nanos() / 10 * 9)));
        (renew >= 1).then_some(Self { renew, age })
    }
}

const fn whole_seconds(span: Span) -> i64 {
    span.as_nanos() / NANOS_PER_SECOND
}

/// Seconds for a sentence: one digit after the point below 100 s, where it is not zero; none above.
pub(super) fn seconds(span: Span) -> String {
    let tenths = span.as_nanos() / (NANOS_PER_SECOND / 10);
    match (tenths / 10, tenths % 10) {
        (secs, 0) => format!("{secs} s"),
        (secs, _) if secs >= 100 => format!("{secs} s"),
        (secs, tenth) => format!("{secs}.{tenth} s"),
    }
}
