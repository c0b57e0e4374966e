//! Tells events as they happen, and says what else there is to know.

use std::io;

use super::Events;
use super::signals::Signals;
use crate::commands::Error;
use crate::commands::console::Console;
use crate::commands::outlet::{Outlet, PATIENCE, stdout};
use crate::report::escape::write_json;
use crate::report::units::{Clock, TimeFormat};
use crate::time::Span;
use crate::watch::clock::EdgeClock;
use crate::watch::event::Event;
use crate::watch::lines::line;
use crate::watch::pump::Moment;

/// Writes events to standard output, and messages to standard error. Nobody waits for whoever reads them, unless the capture
/// can wait without loss.
pub(super) struct Narrator<'a> {
    events: Events,
    time: TimeFormat,
    clock: Option<Clock>,
    console: &'a mut Console,
    outlet: Option<Outlet>,
    patience: Patience,
    began: EdgeClock,
    /// Events that found no room.
    untold: u64,
    has_complained: bool,
}

/// Whether the capture waits while nobody reads the events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// It cannot: what an interface shows is gone a moment later.
    None,
    /// It can, until the watch has lasted so long.
    Until(Span),
}

impl<'a> Narrator<'a> {
    /// A narrator in front of a console whose messages wait for nobody either from now on.
    pub(super) fn new(
        events: Events,
        time: TimeFormat,
        patience: Patience,
        console: &'a mut Console,
    ) -> Result<Self, Error> {
        let has_events = matches!(events, Events::Json | Events::Lines);
        let begin = || stdout().and_then(|out| Outlet::new("events", out));
        let outlet = has_events.then(begin).transpose().map_err(failed)?;
        console.detach().map_err(failed)?;
        let (clock, began) = (None, EdgeClock::new());
        Ok(Self { events, time, clock, console, outlet, patience, began, untold: 0, has_complained: false })
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
    pub(super) fn event(&mut self, event: &Event, signals: &Signals) -> Result<(), Error> {
        match self.events {
            Events::Json => self.tell(&json(event)?, signals),
            Events::Lines => {
                let clock = self.clock.get_or_insert_with(|| Clock::new(self.time, event.time));
                let text = line(event, clock);
                self.tell(text.as_bytes(), signals)
            }
            Events::View(_) | Events::None => Ok(()),
        }
    }

    /// Whether somebody may still be reading.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.outlet.as_ref().map_or(Ok(()), Outlet::check).map_err(failed)
    }

    /// The watch is over: what still waits to be written, and how many events were left out.
    pub(super) fn finish(self) -> (Option<Outlet>, u64) {
        (self.outlet, self.untold)
    }

    fn tell(&mut self, line: &[u8], signals: &Signals) -> Result<(), Error> {
        let Some(outlet) = &self.outlet else { return Ok(()) };
        let waited = EdgeClock::new();
        while !outlet.offer(line).map_err(failed)? {
            let may_wait =
                matches!(self.patience, Patience::Until(end) if self.began.elapsed() < end) && !signals.stop();
            let what = if may_wait { "the capture waits" } else { "events are left out, and counted" };
            if (!may_wait || waited.elapsed() >= PATIENCE) && !std::mem::replace(&mut self.has_complained, true) {
                self.console.warning(&format_args!("nobody reads standard output: {what}"));
            }
            if !may_wait {
                self.untold += 1;
                break;
            }
            outlet.wait();
        }
        Ok(())
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

/// An event as one line of JSON, without its end.
pub(super) fn json(event: &Event) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    write_json(&mut text, event).map_err(failed)?;
    Ok(text)
}

/// The error of events that cannot be written.
pub(super) fn failed(source: io::Error) -> Error {
    Error::Write { name: "the events".to_owned(), source }
}
