//! Holding what was observed against the table: which known timers fit a silence that survived or died.
//!
//! The rules, in one place:
//!
//! 1. A row is considered when it is for the observed state of the connection, counts silence or an exchange (not the age of the
//!    connection), and cuts connections at all.
//! 2. Its value must lie in the bracket: above the longest silence that survived, at most the shortest that died. Where the kill
//!    itself was seen (RST to both ends, FIN, HTTP 408 or 504) the silence is the timer, so the value must also be within
//!    [`lateness`]. Where the death showed only on the next packet, the silence is no more than an upper bound.
//! 3. A row whose timer keepalives would have restarted is no candidate for a silence that had keepalives in it.
//! 4. Order: the default is the silence itself, lies in the bracket, did so in older releases, can be set so; the manner of killing
//!    agrees, is of the same kind, is not known, disagrees; the clock agrees; the user's own row; documented before recalled; checked twice; nearest to the
//!    shortest silence that died; id.

use std::cmp::Reverse;

use super::entry::{Basis, Confidence, Counts, Entry, Expiry, Layer, Origin, Refresh, Seconds, State};
use super::table::Table;
use crate::time::Span;

/// By how much a silence may look shorter at the capture point than at the box with the timer: queueing before one of its ends.
pub(crate) const JITTER: Span = Span::from_millis(50);

/// How far apart the looks of a box for expired flows are at most.
const SWEEP: Span = Span::from_secs(2);

/// How late a timer of `idle` may fire on a box that passes packets on: 12.5 % for the kernel's timer wheel (Linux
/// `kernel/time/timer.c`), and 2 s (a fifth of short timers) for boxes that look for expired flows now and then. A program
/// that terminates the connection sweeps likewise, but keeps exact time otherwise. Timers never fire early.
#[must_use]
pub fn lateness(idle: Span, layer: Layer) -> Span {
    let sweep = SWEEP.min(Span::from_nanos(idle.as_nanos() / 5));
    let wheel = match layer {
        Layer::L4 => Span::from_nanos(idle.as_nanos() / 8),
        Layer::L7 => Span::from_nanos(idle.as_nanos() / 100),
    };
    sweep.max(wheel)
}

/// What a silence was a silence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// No packet at all, so no payload either: timers of both kinds ran.
    Packet,
    /// No payload, while keepalives or other empty segments went on: a timer that counts packets was restarted by them.
    Payload,
}

/// A silence, or the bracket that several of them make, to be held against the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// State of the connections that died.
    pub state: State,
    /// The longest silence that survived: the timeout is longer.
    pub lower: Option<Span>,
    /// The shortest silence that died: the timeout is no longer.
    pub upper: Span,
    /// What the silence was a silence of.
    pub clock: Clock,
    /// How the connections died, where that was seen.
    pub manner: Option<Expiry>,
}

/// How a row fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The default value is the shortest silence that died, within the lateness of timers.
    Exact,
    /// The default value lies in the bracket.
    Inside,
    /// A default of older releases lies in the bracket.
    Previous,
    /// The default lies outside, but a value in the bracket can be set.
    Range,
}

/// A row that fits, with what speaks for and against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The row.
    pub entry: &'a Entry,
    /// How its value fits.
    pub fit: Fit,
    /// What speaks for it, each a clause without a full stop.
    pub reasons: Vec<String>,
    /// What speaks against it, each a clause without a full stop.
    pub against: Vec<String>,
    /// Whether it is known to kill in another manner than was seen.
    pub kills_otherwise: bool,
}

impl Table {
    /// The timeouts of established connections that fit a bracket: longer than `lower`, the longest silence survived, and at most
    /// `upper`, the shortest that died. In rank order by the rules of this module.
    #[must_use]
    pub fn within(&self, lower: Option<Span>, upper: Span, clock: Clock, manner: Option<Expiry>) -> Vec<Candidate<'_>> {
        self.candidates(&Observation { state: State::Established, lower, upper, clock, manner })
    }

    /// The timeouts of established connections whose default this one gap matches as a timer that fired at its end, up to
    /// [`lateness`] late. For a gap that ended with the next packet of an end it is only an upper bound: use [`Table::within`].
    #[must_use]
    pub fn near(&self, gap: Span) -> Vec<Candidate<'_>> {
        let mut found = self.within(None, gap, Clock::Packet, None);
        found.retain(|candidate| candidate.fit == Fit::Exact);
        found
    }

    /// The timeouts that fit an observation, in rank order by the rules of this module.
    #[must_use]
    pub fn candidates(&self, seen: &Observation) -> Vec<Candidate<'_>> {
        let rows = self.entries().iter().filter(|entry| {
            entry.state == seen.state && entry.counts != Counts::Lifetime && entry.cuts && !restarted(entry, seen.clock)
        });
        let mut found: Vec<_> = rows
            .filter_map(|entry| fit(entry, seen).map(|(fit, value)| (rank(entry, fit, value, seen), entry, fit, value)))
            .collect();
        found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        found.into_iter().map(|(_, entry, fit, value)| explain(entry, fit, value, seen)).collect()
    }
}

fn restarted(entry: &Entry, clock: Clock) -> bool {
    clock == Clock::Payload && entry.refresh == Refresh::Refreshed
}

/// How `entry` fits, and the value by which it does; `None` where it does not.
fn fit(entry: &Entry, seen: &Observation) -> Option<(Fit, Span)> {
    let idle = entry.idle.span();
    if in_bracket(idle, entry.layer, seen) {
        let on_time = !on_next_packet(seen.manner) && seen.upper <= idle.plus(lateness(idle, entry.layer));
        return Some((if on_time { Fit::Exact } else { Fit::Inside }, idle));
    }
    let previous = entry.previous.iter().map(|value| value.span());
    if let Some(value) = previous.filter(|value| *value > Span::ZERO && in_bracket(*value, entry.layer, seen)).max() {
        return Some((Fit::Previous, value));
    }
    settable(entry, seen).map(|value| (Fit::Range, value))
}

/// The greatest whole number of seconds in the bracket that the row's range allows.
fn settable(entry: &Entry, seen: &Observation) -> Option<Span> {
    let (Seconds(min), max) = (entry.min?, entry.max?);
    let highest = Span::from_secs(seen.upper.plus(JITTER).as_nanos() / crate::time::NANOS_PER_SECOND).min(max.span());
    (highest >= Seconds(min.max(1)).span() && in_bracket(highest, entry.layer, seen)).then_some(highest)
}

fn in_bracket(value: Span, layer: Layer, seen: &Observation) -> bool {
    let above = seen.lower.is_none_or(|lower| value > lower);
    let on_time = !at_expiry(seen.manner) || seen.upper <= value.plus(lateness(value, layer));
    above && on_time && value <= seen.upper.plus(JITTER)
}

/// Whether the kill itself was seen, so that the silence is the timer.
fn at_expiry(manner: Option<Expiry>) -> bool {
    matches!(manner, Some(Expiry::RstBoth | Expiry::Fin | Expiry::Http408 | Expiry::Http504))
}

/// Whether the death showed only when somebody sent again, so that the silence is no more than an upper bound.
fn on_next_packet(manner: Option<Expiry>) -> bool {
    matches!(manner, Some(Expiry::SilentDrop | Expiry::RstOnNextPacket))
}

/// How far a row and an observation agree, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    Agrees,
    /// Not the same, but of one kind: an orderly close, or silence at expiry.
    Alike,
    Open,
    Disagrees,
}

fn manner_agreement(entry: &Entry, manner: Option<Expiry>) -> Agreement {
    let Some(manner) = manner.filter(|manner| *manner != Expiry::Unknown) else { return Agreement::Open };
    let orderly = |expiry: Expiry| matches!(expiry, Expiry::Fin | Expiry::Http408 | Expiry::Http504);
    let alike = |expiry: Expiry| {
        (orderly(manner) && orderly(expiry)) || (on_next_packet(Some(manner)) && on_next_packet(Some(expiry)))
    };
    if entry.on_expiry.contains(&manner) {
        Agreement::Agrees
    } else if entry.on_expiry.iter().any(|expiry| alike(*expiry)) {
        Agreement::Alike
    } else if entry.on_expiry.contains(&Expiry::Unknown) && (entry.layer == Layer::L4 || orderly(manner)) {
        // What terminates a connection ends it in its own name: it closes, it does not forget.
        Agreement::Open
    } else {
        Agreement::Disagrees
    }
}

impl Entry {
    /// Whether it is known, or reasoned, to kill in another manner than `manner`.
    #[must_use]
    pub fn kills_otherwise(&self, manner: Option<Expiry>) -> bool {
        manner_agreement(self, manner) == Agreement::Disagrees
    }
}

fn clock_agreement(entry: &Entry, clock: Clock) -> Agreement {
    match (clock, entry.refresh) {
        (Clock::Packet, Refresh::Refreshed) | (Clock::Payload, Refresh::NotRefreshed) => Agreement::Agrees,
        (_, Refresh::Unknown) | (Clock::Packet, Refresh::NotRefreshed) => Agreement::Open,
        (Clock::Payload, Refresh::Refreshed) => Agreement::Disagrees,
    }
}

fn rank<'a>(entry: &'a Entry, fit: Fit, value: Span, seen: &Observation) -> impl Ord + use<'a> {
    (
        fit,
        manner_agreement(entry, seen.manner),
        clock_agreement(entry, seen.clock),
        // Within a sweep of the silence before what only a coarse timer would explain.
        at_expiry(seen.manner) && seen.upper.minus(value) > SWEEP,
        entry.origin == Origin::BuiltIn,
        entry.confidence,
        Reverse(entry.checked),
        seen.upper.minus(value),
        entry.id.as_str(),
    )
}

fn explain<'a>(entry: &'a Entry, fit: Fit, value: Span, seen: &Observation) -> Candidate<'a> {
    let kills_otherwise = manner_agreement(entry, seen.manner) == Agreement::Disagrees;
    let mut candidate = Candidate { entry, fit, reasons: Vec::new(), against: Vec::new(), kills_otherwise };
    let Candidate { reasons, against, .. } = &mut candidate;
    let secs = value.as_nanos() / crate::time::NANOS_PER_SECOND;
    match fit {
        Fit::Exact => {
            reasons.push(format!("its default of {secs} s is the silence itself, within the lateness of timers"))
        }
        Fit::Inside => reasons.push(format!("its default of {secs} s lies in the bracket")),
        Fit::Previous => {
            reasons.push(format!("its older default of {secs} s lies in the bracket"));
            against.push(format!("its default is now {} s", entry.idle.0));
        }
        Fit::Range => {
            reasons.push("it can be set to a value in the bracket".to_owned());
            against.push(format!("its default of {} s lies outside", entry.idle.0));
        }
    }
    explain_manner(&mut candidate, seen);
    explain_clock(&mut candidate, seen);
    if entry.counts == Counts::Exchange {
        candidate.against.push("it counts the whole exchange, not silence".to_owned());
    }
    if entry.confidence == Confidence::Recalled {
        candidate.against.push("its value is general knowledge without a source".to_owned());
    }
    candidate
}

fn explain_manner(candidate: &mut Candidate<'_>, seen: &Observation) {
    let entry = candidate.entry;
    let Some(manner) = seen.manner else { return };
    let kills = entry.on_expiry.iter().map(|expiry| expiry.as_str()).collect::<Vec<_>>().join(", ");
    match manner_agreement(entry, seen.manner) {
        Agreement::Agrees => candidate.reasons.push(format!("it kills in this manner ({manner})")),
        Agreement::Alike => candidate.reasons.push(format!("it kills in a like manner ({kills})")),
        Agreement::Open => {}
        Agreement::Disagrees if entry.behaviour_basis == Basis::Documented => {
            candidate.against.push(format!("it is documented to kill otherwise ({kills})"));
        }
        Agreement::Disagrees => candidate.against.push(format!("it should kill otherwise ({kills})")),
    }
}

fn explain_clock(candidate: &mut Candidate<'_>, seen: &Observation) {
    let Candidate { entry, reasons, against, .. } = candidate;
    match (seen.clock, entry.refresh) {
        (Clock::Packet, Refresh::Refreshed) => reasons.push("its timer counts packets, and there were none".to_owned()),
        (Clock::Payload, Refresh::NotRefreshed) => {
            reasons.push("its timer counts payload alone, and there was none".to_owned());
        }
        (_, Refresh::Unknown) => against.push("whether keepalives restart its timer is not known".to_owned()),
        _ => {}
    }
}
