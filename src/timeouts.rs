//! The table of known idle timeouts and keepalive defaults.
//!
//! The table is data (`timeouts/table.toml`, each row with its source). A user's own file in the same form is merged over it.
//! A row names a default that operators change: a match is a candidate, never a proof.

mod entry;
mod load;
mod matching;
mod search;
mod spelling;
mod table;

use crate::time::Span;

pub use entry::{
    Basis, Confidence, Counts, Date, EnabledByDefault, Entry, Expiry, KeepaliveDefault, Kind, Layer, Origin, Refresh,
    Seconds, State,
};
pub use load::{TableError, UserFile, user_file};
pub(crate) use matching::JITTER;
pub use matching::{Candidate, Clock, Fit, Observation, lateness};
pub use search::{Hit, Why, parse_duration};
pub use table::Table;

/// Room left between the last useful probe and the timer it must beat, for the way to the box and for the box's own clock.
const KEEPALIVE_MARGIN: Span = Span::from_secs(2);

/// Time before the first probe on Linux, BSD, macOS and Windows once keepalive is turned on (RFC 1122 4.2.3.6: at least two hours).
pub const COMMON_KEEPALIVE_TIME: Span = Span::from_secs(7200);

/// The keepalive time that holds a flow open against a packet timer of `timeout`, in whole seconds: at most half of it, never more
/// than (timeout - margin) / 1.125 since kernels fire up to 12.5 % late, and never more than the usual default of two hours.
/// `None` where the timeout is too short for the one-second steps of TCP_KEEPIDLE.
#[must_use]
pub fn keepalive_time(timeout: Span) -> Option<Span> {
    let half = timeout.as_nanos() / 2;
    let before_the_latest = timeout.minus(KEEPALIVE_MARGIN).as_nanos() / 9 * 8;
    let longest = half.min(before_the_latest).min(COMMON_KEEPALIVE_TIME.as_nanos());
    let secs = longest / crate::time::NANOS_PER_SECOND;
    (secs >= 1).then(|| Span::from_secs(secs))
}
