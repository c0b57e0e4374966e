//! The table of known idle timeouts and keepalive defaults.
//!
//! The table is data (`timeouts/table.toml`, each row with its source). A user's own file in the same form is merged over it.
//! A row names a default that operators change: a match is a candidate, never a proof.

mod entry;
mod load;
mod matching;
mod search;

use crate::time::Span;

pub use entry::{
    Basis, Confidence, Counts, Date, EnabledByDefault, Entry, Expiry, KeepaliveDefault, Kind, Layer, Origin, Refresh,
    Seconds, State,
};
pub use load::{TableError, UserFile, user_file};
pub use matching::{Candidate, Clock, Fit, Observation, lateness};
pub use search::{Hit, Why, parse_duration};

/// Room left between the last useful probe and the timer it must beat, for the way to the box and for the box's own clock.
const KEEPALIVE_MARGIN: Span = Span::from_secs(2);

/// Time before the first probe on Linux, BSD, macOS and Windows once keepalive is turned on (RFC 1122 4.2.3.6: at least two hours).
pub const COMMON_KEEPALIVE_TIME: Span = Span::from_secs(7200);

/// All rows: the built-in ones, with the user's own merged over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    entries: Vec<Entry>,
    keepalive_defaults: Vec<KeepaliveDefault>,
}

impl Table {
    /// The table that ships with the program.
    ///
    /// # Errors
    ///
    /// Where the built-in data is broken, which a test rules out.
    pub fn built_in() -> Result<Self, TableError> {
        load::parse(include_str!("timeouts/table.toml"), &Origin::BuiltIn)
    }

    /// `self` with the rows of a user's file merged over it: a row with a known id replaces that row in its place, others are
    /// added at the end. `path` names the file in errors and as the origin of its rows; `text` is what it contains.
    ///
    /// # Errors
    ///
    /// Where `text` is not such a table: the error names file, line, row and key, and says what to do next.
    pub fn merged(mut self, path: &str, text: &str) -> Result<Self, TableError> {
        let own = load::parse(text, &Origin::File(path.to_owned()))?;
        merge(&mut self.entries, own.entries, |entry| &entry.id);
        merge(&mut self.keepalive_defaults, own.keepalive_defaults, |row| &row.id);
        Ok(self)
    }

    /// Every timeout, in the order of the files.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The timeout with exactly this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What stacks send by default, in the order of the files.
    #[must_use]
    pub fn keepalive_defaults(&self) -> &[KeepaliveDefault] {
        &self.keepalive_defaults
    }

    /// The keepalive default with exactly this id.
    #[must_use]
    pub fn keepalive_default(&self, id: &str) -> Option<&KeepaliveDefault> {
        self.keepalive_defaults.iter().find(|row| row.id == id)
    }
}

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

fn merge<T>(rows: &mut Vec<T>, own: Vec<T>, id: impl Fn(&T) -> &str) {
    for row in own {
        match rows.iter_mut().find(|known| id(known) == id(&row)) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }
}
