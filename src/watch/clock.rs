//! The only clock of a watch: how much time has passed since the capture last showed its own.

use std::time::{Instant, SystemTime};

use crate::time::{Span, Timestamp};

/// Packets may be on their way through buffers for as long: a tick stays so far behind, so that they come first.
pub const LAG: Span = Span::from_millis(250);

/// The clock of the capture, carried on while nothing arrives.
#[derive(Clone, Copy, Debug)]
pub struct EdgeClock {
    began: Instant,
    anchor: Option<(Timestamp, Instant)>,
}

impl EdgeClock {
    /// A clock that has not seen the capture's yet.
    #[must_use]
    pub fn new() -> Self {
        Self { began: now(), anchor: None }
    }

    /// The capture showed `time` just now. Backwards it is not set: what a clock once showed has passed.
    pub fn set(&mut self, time: Timestamp) {
        if self.anchor.is_none_or(|(last, _)| time >= last) {
            self.anchor = Some((time, now()));
        }
    }

    /// What the clock of the capture shows by now; `None` before the first packet.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.anchor.map(|(time, at)| time.plus(since(at)))
    }

    /// What this machine's own calendar shows: where no packet has told the time, nothing else does.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the live edge: the end of a watch that saw nothing")]
    pub fn today() -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos_saturating(i128::try_from(since.as_nanos()).unwrap_or(0))
    }

    /// Time since the watch began, by this machine's clock.
    #[must_use]
    pub fn elapsed(&self) -> Span {
        since(self.began)
    }
}

impl Default for EdgeClock {
    fn default() -> Self {
        Self::new()
    }
}

fn since(at: Instant) -> Span {
    Span::from_nanos(i64::try_from(now().saturating_duration_since(at).as_nanos()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the live edge: silence is measured where no packet can tell the time")]
fn now() -> Instant {
    Instant::now()
}
