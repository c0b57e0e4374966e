//! Tells events as they happen, and says what else there is to know.

use std::io::{self, Write};

use super::Events;
use crate::commands::Error;
use crate::commands::console::Console;
use crate::report::escape::write_json;
use crate::report::units::{Clock, TimeFormat};
use crate::watch::event::Event;
use crate::watch::lines::line;
use crate::watch::pump::Moment;

/// Writes events to standard output.
pub(super) struct Narrator<'a> {
    events: Events,
    time: TimeFormat,
    clock: Option<Clock>,
    console: &'a mut Console,
}

impl<'a> Narrator<'a> {
    pub(super) const fn new(events: Events, time: TimeFormat, console: &'a mut Console) -> Self {
        Self { events, time, clock: None, console }
    }

    /// Says what there is to know.
    pub(super) fn note(&self, message: &str) {
        self.console.note(&message);
    }

    /// Says that something does not go as it should.
    pub(super) fn warning(&mut self, message: &str) {
        self.console.warning(&message);
    }

    /// Tells an event.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Error> {
        match self.events {
            Events::Json => print_json(event),
            Events::Lines => {
                let clock = self.clock.get_or_insert_with(|| Clock::new(self.time, event.time));
                print(line(event, clock).as_bytes())
            }
            Events::View(_) | Events::None => Ok(()),
        }
    }
}

/// What was counted, in one line.
pub(super) fn counts(moment: &Moment<'_, '_>) -> String {
    let tally = moment.watch.tally();
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let counters = moment.counters.unwrap_or_default();
    let events: Vec<_> = tally.events.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!(
        "{} packets, {} TCP segments, {} flows ({} held, {} let go), {} received by filter, {} dropped by kernel, \
         {} dropped by interface, {} not recorded; events: {}",
        moment.packets,
        tally.segments,
        moment.watch.flows_total(),
        u64::from(moment.watch.flows_total()).saturating_sub(tally.evicted),
        tally.evicted,
        count(counters.received),
        count(counters.system_drops),
        count(counters.interface_drops),
        moment.unrecorded,
        if events.is_empty() { "none".to_owned() } else { events.join(", ") }
    )
}

/// Writes an event as one line of JSON, at once.
pub(super) fn print_json(event: &Event) -> Result<(), Error> {
    let mut text = Vec::new();
    write_json(&mut text, event).map_err(failed)?;
    print(&text)
}

fn print(text: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    written.map_err(failed)
}

fn failed(source: io::Error) -> Error {
    Error::Write { name: "the events".to_owned(), source }
}
