//! Looks over all flows in small steps, so that neither a screen nor a scrape ever stops the capture.
//!
//! A watch may hold a million flows. A step looks at some thousands of them and goes on where the last one stopped; what a
//! pass has found is published when it is through. With few flows every step is a pass.

use std::collections::BinaryHeap;

use crate::flow::Flow;
use crate::time::{Span, Timestamp};
use crate::watch::Watch;
use crate::watch::view::is_over;

/// Flows looked at in one step: some milliseconds, ten times a second.
const STEP: usize = 16_384;
/// Flows of a finding at most. More than that nobody reads; a filter finds the others.
pub const MOST: usize = 500;
/// The ages, in seconds, by which silences are counted. They lie around the timers that people meet: 60 s, 90 s, 5 min,
/// 350 s, 1 h.
pub const AGES: [i64; 13] = [1, 5, 15, 30, 60, 90, 120, 240, 300, 350, 600, 1_800, 3_600];

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The flow that is nearest to its timer; without a timer the longest silent; then what is over, the latest first.
    #[default]
    Nearest,
    /// The longest without any packet.
    Silent,
    /// The longest without payload.
    NoData,
    /// The latest to have spoken.
    Latest,
    /// What died, the latest first.
    Died,
}

impl Order {
    /// All of them, in the order in which a key goes through them.
    pub const ALL: [Self; 5] = [Self::Nearest, Self::Silent, Self::NoData, Self::Latest, Self::Died];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest to timer",
            Self::Silent => "longest silent",
            Self::NoData => "longest without data",
            Self::Latest => "latest packet",
            Self::Died => "died first",
        }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        let after = Self::ALL.iter().skip_while(|order| **order != self).nth(1);
        after.copied().unwrap_or_default()
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What comes first.
    pub order: Order,
    /// Words that all have to occur: parts of `client > server`, or one of `open`, `over`, `died`, `keepalive`.
    pub filter: String,
}

/// What a pass has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Numbers of the first flows in the order that was asked for, at most [`MOST`].
    pub first: Vec<u32>,
    /// Flows that the filter lets through.
    pub wanted: u64,
    /// Flows that are not over and have been silent for at most so long, by [`AGES`].
    pub silent_at_most: [u64; AGES.len()],
    /// Flows that are not over.
    pub alive: u64,
}

/// A look over all flows that goes on.
#[derive(Debug, Default)]
pub struct Survey {
    asked: Asked,
    next: u32,
    best: BinaryHeap<Place>,
    pass: Found,
    found: Found,
}

/// What decides the order: a group, within it a value, and the number of the flow.
type Place = (u8, i64, u32);

impl Survey {
    /// Goes on for one step, at `now`.
    pub fn step(&mut self, watch: &Watch<'_>, now: Timestamp, asked: &Asked) {
        if self.asked != *asked {
            self.asked = asked.clone();
            self.begin();
        }
        let words: Vec<String> = asked.filter.split_whitespace().map(str::to_lowercase).collect();
        let mut looked = 0;
        for (number, flow) in watch.flows_from(self.next).take(STEP) {
            looked += 1;
            self.next = number.saturating_add(1);
            self.count(flow, now);
            if words.iter().all(|word| has(watch, number, flow, word)) {
                self.pass.wanted += 1;
                self.offer(place(watch, number, flow, now, asked.order));
            }
        }
        if looked < STEP {
            let best = std::mem::take(&mut self.best).into_sorted_vec();
            self.pass.first = best.into_iter().map(|(.., number)| number).collect();
            self.found = std::mem::take(&mut self.pass);
            self.begin();
        }
    }

    /// What the last whole pass has found.
    #[must_use]
    pub const fn found(&self) -> &Found {
        &self.found
    }

    fn begin(&mut self) {
        self.next = 0;
        self.best.clear();
        self.pass = Found::default();
    }

    fn count(&mut self, flow: &Flow, now: Timestamp) {
        if is_over(flow) {
            return;
        }
        self.pass.alive += 1;
        let idle = now.since(flow.last.time);
        for (most, count) in AGES.iter().zip(&mut self.pass.silent_at_most) {
            *count += u64::from(idle <= Span::from_secs(*most));
        }
    }

    fn offer(&mut self, place: Place) {
        if self.best.len() < MOST {
            self.best.push(place);
        } else if let Some(mut worst) = self.best.peek_mut().filter(|worst| place < **worst) {
            *worst = place;
        }
    }
}

fn place(watch: &Watch<'_>, number: u32, flow: &Flow, now: Timestamp, order: Order) -> Place {
    let ended = is_over(flow) || watch.has_died(number);
    let last = flow.last.time.as_nanos();
    let latest = last.saturating_neg();
    let (group, value) = match order {
        Order::Nearest if ended => (2, latest),
        Order::Nearest => match watch.share(flow, now) {
            // Shares are kept to a millionth; the cast saturates.
            Some(share) => (0, Span::from_secs_f64(share / -1_000.0).as_nanos()),
            None => (1, last),
        },
        Order::Silent => (u8::from(ended), last),
        Order::NoData => (u8::from(ended), flow.last_payload.unwrap_or(flow.first).time.as_nanos()),
        Order::Latest => (0, latest),
        Order::Died => (u8::from(!watch.has_died(number)), latest),
    };
    (group, value, number)
}

fn has(watch: &Watch<'_>, number: u32, flow: &Flow, word: &str) -> bool {
    let ended = is_over(flow) || watch.has_died(number);
    match word {
        "open" => !ended,
        "over" => ended,
        "died" => watch.has_died(number),
        "keepalive" => {
            let probes = crate::flow::Direction::BOTH.map(|direction| flow.probes(direction));
            probes.into_iter().flatten().any(|probes| probes.keepalive.total() > 0)
        }
        _ => format!("{} > {}", flow.client(), flow.server()).contains(word),
    }
}
