//! What the probes of a side look like: stacks by the shape of the probes, software by the values that it sets.
//!
//! Settings are free, so a value proves nothing, and a round one says nothing. What counts is a shape that few stacks have,
//! an interval that people do not choose, or several values of one row at once.

use crate::flow::probes::KeepaliveStats;
use crate::flow::{Direction, Flow};
use crate::time::Span;
use crate::timeouts::{KeepaliveDefault, Kind, Table};
use crate::verdict::settings::{Estimate, Settings, settings};

/// Stacks and software of `table` that the probes of the side sending in `direction` look like: stacks first, then software
/// by how much of it fits. Candidates, none of them a proof.
#[must_use]
pub fn looks_like<'t>(flow: &Flow, direction: Direction, table: &'t Table) -> Vec<&'t KeepaliveDefault> {
    let Some(probes) = flow.probes(direction) else {
        return Vec::new();
    };
    let seen = Seen { stats: &probes.keepalive, settings: settings(flow, direction) };
    let rows = || table.keepalive_defaults().iter();
    let is_copy = |row: &KeepaliveDefault| rows().any(|os| os.kind == Kind::Os && values(os) == values(row));
    let stacks = rows().filter(|row| row.kind == Kind::Os && seen.has_shape_of(row));
    let software = rows().filter(|row| row.kind != Kind::Os && !is_copy(row) && seen.has_values_of(row));
    stacks.chain(software).collect()
}

fn values(row: &KeepaliveDefault) -> (Option<Span>, Option<Span>, Option<u32>) {
    (row.time.map(|time| time.span()), row.interval.map(|interval| interval.span()), row.probes)
}

struct Seen<'a> {
    stats: &'a KeepaliveStats,
    settings: Settings,
}

impl Seen<'_> {
    /// Whether the probes have the shape of the stack of `row` (semantics: what senders put on the wire).
    fn has_shape_of(&self, row: &KeepaliveDefault) -> bool {
        const FEW: u32 = 3;
        let is_empty = self.stats.one_byte == 0;
        let is_one_byte = self.stats.empty == 0;
        let keeps_defaults = || self.has_interval_of(row) && self.may_have_count_of(row);
        match row.id.as_str() {
            // Exponential spacing, where the application sets no interval.
            "solaris" => is_one_byte && self.stats.backs_off(),
            "windows" => is_one_byte && self.stats.longest_run >= FEW && keeps_defaults(),
            // Probes made by a routine that knows no connection, and so no timestamps.
            "freebsd" | "macos" if self.is_stateless() => true,
            _ => is_empty && !self.is_stateless() && keeps_defaults(),
        }
    }

    /// Whether the values of `row` fit, and say more than a round number does.
    fn has_values_of(&self, row: &KeepaliveDefault) -> bool {
        let (time, interval, count) = values(row);
        let has_time = time.zip(self.settings.time).is_some_and(|(time, seen)| contains(seen, time));
        // A value that was set twice is one value, until the count speaks as well.
        let has_count = count.is_some() && count == self.settings.count;
        let says_enough = time != interval || has_count;
        self.stats.one_byte == 0 && has_time && self.has_interval_of(row) && self.may_have_count_of(row) && says_enough
    }

    fn has_interval_of(&self, row: &KeepaliveDefault) -> bool {
        let (_, interval, _) = values(row);
        // The range of a late timer holds many values: the likeliest must be the row's.
        interval.is_some() && self.settings.interval.and_then(|seen| seen.likely) == interval
    }

    fn may_have_count_of(&self, row: &KeepaliveDefault) -> bool {
        let at_least = self.stats.longest_run;
        match (row.probes, self.settings.count) {
            (Some(default), Some(seen)) => default == seen,
            (Some(default), None) => default >= at_least,
            (None, _) => true,
        }
    }

    /// Whether probes lacked the timestamps that their sender otherwise uses.
    fn is_stateless(&self) -> bool {
        self.stats.without_timestamps > 1
    }
}

fn contains(seen: Estimate, value: Span) -> bool {
    seen.least <= value && value <= seen.most
}
