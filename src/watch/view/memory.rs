//! What a screen remembers beside the watch: the latest segments of each flow, how flows died, what happened last.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::analyzer::Labelled;
use crate::flow::{Direction, Mark, SegmentKind};
use crate::report::model::Waiting;
use crate::report::units;
use crate::time::{Span, Timestamp};
use crate::watch::Watch;
use crate::watch::event::{Event, What};
use crate::watch::lines;

/// Segments kept of each flow.
const SEGMENTS: usize = 6;
/// Events kept.
const EVENTS: usize = 200;

/// Everything that is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    flows: HashMap<u32, OfFlow, RandomState>,
    log: VecDeque<Entry>,
}

/// What is remembered of one flow.
#[derive(Clone, Debug, Default)]
pub struct OfFlow {
    segments: [Option<Recent>; SEGMENTS],
    seen: usize,
    /// The verdict, once its death was told.
    pub verdict: Option<&'static str>,
}

/// A segment that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Recent {
    /// When and where.
    pub mark: Mark,
    /// Which way it went.
    pub direction: Direction,
    /// What it was taken for when it came.
    pub kind: SegmentKind,
    /// Octets of payload.
    pub payload_len: u32,
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A flow died, or packets were lost.
    Bad,
    /// Something may go wrong.
    Warning,
    /// Something went well.
    Good,
}

/// An event as the screen shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Its type.
    pub name: &'static str,
    /// The number of its flow.
    pub flow: Option<u32>,
    /// The ends of its flow.
    pub ends: Option<String>,
    /// In a word or two.
    pub brief: String,
    /// In full; untrusted text.
    pub text: String,
    /// How grave it is.
    pub weight: Weight,
}

impl Memory {
    /// Takes note of a segment.
    pub fn segment(&mut self, segment: &Labelled<'_>) {
        let Labelled { direction, kind, mark, .. } = *segment;
        let of_flow = self.flows.entry(segment.flow).or_default();
        let slot = of_flow.segments.get_mut(of_flow.seen % SEGMENTS);
        let recent = Recent { mark, direction, kind, payload_len: segment.segment.payload_len };
        slot.into_iter().for_each(|slot| *slot = Some(recent));
        of_flow.seen += 1;
    }

    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        let flow = event.what.flow();
        if let (What::Death(death), Some(of_flow)) = (&event.what, flow.and_then(|flow| self.flows.get_mut(&flow.flow)))
        {
            of_flow.verdict = Some(death.verdict.id);
        }
        if self.log.len() >= EVENTS {
            self.log.pop_back();
        }
        let ends = flow.map(|flow| format!("{} > {}", flow.client, flow.server));
        self.log.push_front(Entry {
            time: event.time,
            name: event.what.name(),
            flow: flow.map(|flow| flow.flow),
            ends,
            brief: brief(&event.what),
            text: text(&event.what),
            weight: weight(&event.what),
        });
    }

    /// Forgets the flows that had to leave, once they are many: as seldom as the watch lets flows go.
    pub fn forget(&mut self, watch: &Watch<'_>) {
        const SPARE: usize = 1_024;
        let held = watch.flows_held();
        if self.flows.len() > held + held / 4 + SPARE {
            self.flows.retain(|number, _| watch.flow(*number).is_some());
        }
    }

    /// What is remembered of flow number `number`.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&OfFlow> {
        self.flows.get(&number)
    }

    /// The latest events, the latest first.
    pub fn log(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter()
    }
}

impl OfFlow {
    /// The latest segments, the latest first.
    pub fn segments(&self) -> impl Iterator<Item = &Recent> {
        let latest = self.seen % SEGMENTS;
        let (newer, older) = self.segments.split_at_checked(latest).unwrap_or_default();
        newer.iter().rev().chain(older.iter().rev()).flatten()
    }
}

/// In full, what matters most first: a screen may have no room for the rest.
fn text(what: &What) -> String {
    let seconds = |seconds: f64| units::seconds(Span::from_secs_f64(seconds));
    let waits = |waiting: Option<&Waiting>| {
        let waiting = waiting.map(|waiting| (waiting.side, waiting.request.as_deref().unwrap_or("an answer")));
        waiting.map_or_else(String::new, |(side, what)| format!("; the {side} waits for {what}"))
    };
    match what {
        What::IdleWarning(warning) => format!(
            "{} left of {}{}",
            seconds(warning.left_s),
            seconds(warning.against.timeout_s),
            waits(warning.waiting.as_ref())
        ),
        What::Death(death) => {
            let (id, confidence) = (death.verdict.id, death.verdict.confidence);
            format!("{id} ({confidence}){}; {}", waits(death.waiting.as_ref()), death.verdict.reasons.join("; "))
        }
        _ => lines::what(what),
    }
}

fn brief(what: &What) -> String {
    match what {
        What::IdleWarning(warning) => format!("{} left", units::clock(Span::from_secs_f64(warning.left_s))),
        What::ProbeUnanswered(probe) => format!("{}, {} in a row", probe.side, probe.in_a_row.max(1)),
        What::Reset(reset) => format!("by {}", reset.reset.origin),
        What::Death(death) => death.verdict.id.to_owned(),
        What::Saved(saved) => format!("by the {}", saved.by),
        What::CaptureLoss(loss) => units::plural(loss.lost, "packet"),
        What::Summary(summary) => summary.ended_by.to_owned(),
    }
}

const fn weight(what: &What) -> Weight {
    match what {
        What::Death(_) | What::CaptureLoss(_) => Weight::Bad,
        What::IdleWarning(_) | What::ProbeUnanswered(_) | What::Reset(_) => Weight::Warning,
        What::Saved(_) | What::Summary(_) => Weight::Good,
    }
}
