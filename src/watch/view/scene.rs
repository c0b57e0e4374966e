//! Everything that a screen shows at one moment, as a value.

use crate::report::model;
use crate::report::units::{Clock, TimeFormat};
use crate::time::Timestamp;
use crate::watch::event::Event;
use crate::watch::pump::Moment;
use crate::watch::survey::Survey;
use crate::watch::timer::Timer;
use crate::watch::view::Row;
use crate::watch::view::memory::{Entry, Memory, Recent};
use crate::watch::view::state::{Page, State};

/// What is known before the first packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Title {
    /// Where the packets come from, and which of them.
    pub source: String,
    /// The timer that is assumed or given.
    pub timer: Option<Timer>,
    /// The share of a timer from which on silences are warned of.
    pub warn_at: f64,
    /// How times are shown.
    pub time: TimeFormat,
}

/// One moment of a watch.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What was known before.
    pub title: Title,
    /// What the clock of the capture shows.
    pub now: Option<Timestamp>,
    /// Turns times into text.
    pub clock: Clock,
    /// Packets taken in.
    pub packets: u64,
    /// Packets lost by the capturing side.
    pub lost: u64,
    /// Packets that could not be recorded.
    pub unrecorded: u64,
    /// Flows that are held.
    pub flows: usize,
    /// Flows that had to leave.
    pub evicted: u64,
    /// Flows that the filter lets through.
    pub wanted: u64,
    /// Deaths by verdict.
    pub deaths: Vec<(&'static str, u64)>,
    /// Warnings of silence.
    pub warnings: u64,
    /// Flows that probes carried past the timer.
    pub saved: u64,
    /// Probes that nothing answered.
    pub unanswered: u64,
    /// The first flows of the list.
    pub rows: Vec<Line>,
    /// The latest events, the latest first.
    pub log: Vec<Entry>,
    /// The flow that is shown in detail, where it is still there.
    pub details: Option<Details>,
}

/// A flow of the list.
#[derive(Clone, Debug)]
pub struct Line {
    /// The flow.
    pub row: Row,
    /// Its verdict, once its death was told.
    pub verdict: Option<&'static str>,
    /// Its last segment, where it is remembered.
    pub last: Option<Recent>,
}

/// A flow in detail.
#[derive(Clone, Debug)]
pub struct Details {
    /// As in the list.
    pub line: Line,
    /// As the report would have it, did the capture end now.
    pub model: model::Flow,
    /// Its latest segments, the latest first.
    pub segments: Vec<Recent>,
}

/// What a screen follows: the survey of the flows and the memory of what happened.
#[derive(Debug, Default)]
pub struct Follower {
    survey: Survey,
    memory: Memory,
}

impl Follower {
    /// What is remembered, to take note of segments.
    pub const fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        self.memory.event(event);
    }

    /// Looks on for a step.
    pub fn step(&mut self, moment: &Moment<'_, '_>, state: &State) {
        self.memory.forget(moment.watch);
        if let Some(now) = moment.now {
            self.survey.step(moment.watch, now, &state.asked);
        }
    }

    /// What is to be seen at `moment`.
    #[must_use]
    pub fn scene(&self, title: &Title, moment: &Moment<'_, '_>, state: &State) -> Scene {
        let (watch, tally, now) = (moment.watch, moment.watch.tally(), moment.now.unwrap_or_default());
        let found = self.survey.found();
        let details = match state.page {
            Page::Details(number) => self.details(number, moment),
            Page::Flows | Page::Help => None,
        };
        Scene {
            title: title.clone(),
            now: moment.now,
            clock: Clock::new(title.time, watch.began().unwrap_or(now)),
            packets: moment.packets,
            lost: tally.lost,
            unrecorded: moment.unrecorded,
            flows: watch.flows_held(),
            evicted: tally.evicted,
            wanted: found.wanted,
            deaths: tally.deaths.by_verdict().into_iter().collect(),
            warnings: tally.events_of("idle-warning"),
            saved: tally.events_of("saved"),
            unanswered: tally.events_of("probe-unanswered"),
            rows: found.first.iter().filter_map(|number| self.line(*number, moment)).collect(),
            log: self.memory.log().cloned().collect(),
            details,
        }
    }

    fn line(&self, number: u32, moment: &Moment<'_, '_>) -> Option<Line> {
        let row = moment.watch.row(number, moment.now?)?;
        let known = self.memory.flow(number);
        let last = known.and_then(|known| known.segments().next().copied());
        Some(Line { row, verdict: known.and_then(|known| known.verdict), last })
    }

    fn details(&self, number: u32, moment: &Moment<'_, '_>) -> Option<Details> {
        let segments = self.memory.flow(number).into_iter().flat_map(|known| known.segments().copied());
        Some(Details {
            line: self.line(number, moment)?,
            model: moment.watch.detail(number, moment.now?)?,
            segments: segments.collect(),
        })
    }
}

impl Scene {
    /// The numbers of the flows in the list.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.rows.iter().map(|line| line.row.flow).collect()
    }
}
