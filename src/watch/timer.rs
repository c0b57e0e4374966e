//! The timer that silences are held against: assumed, given, or learnt from deaths.

use std::collections::HashMap;

use crate::flow::gaps::Clock;
use crate::flow::{Flow, Socket};
use crate::time::Span;
use crate::timeouts::{Entry, Layer, Refresh};
use crate::verdict::{Confidence, Verdict};

/// Services whose timers are learnt at most: more servers than that are a scan, not a service.
const SERVICES: usize = 1 << 16;

/// A timer on the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When it strikes.
    pub length: Span,
    /// What it counts.
    pub clock: Clock,
    /// How it is known.
    pub origin: Origin,
}

/// How a timer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user assumes the box with this id in the table.
    Assumed(String),
    /// The user gave its length.
    Given,
    /// A flow of the same service died after a silence of this length: the timer is no longer.
    Learnt,
}

impl Timer {
    /// The timer of a row of the table. What passes packets on counts packets, unless keepalives are known not to restart
    /// it; what terminates connections counts payload.
    #[must_use]
    pub fn assumed(entry: &Entry) -> Self {
        let counts_packets = match entry.refresh {
            Refresh::Refreshed => true,
            Refresh::NotRefreshed => false,
            Refresh::Unknown => entry.layer == Layer::L4,
        };
        let clock = if counts_packets { Clock::Packet } else { Clock::Payload };
        Self { length: entry.idle.span(), clock, origin: Origin::Assumed(entry.id.clone()) }
    }

    /// A timer of `length` that counts packets.
    #[must_use]
    pub const fn given(length: Span) -> Self {
        Self { length, clock: Clock::Packet, origin: Origin::Given }
    }

    /// When a silence has lasted `share` of it.
    #[must_use]
    pub fn share(&self, share: f64) -> Span {
        Span::from_secs_f64(self.length.as_secs_f64() * share)
    }
}

/// The timers of all services.
#[derive(Debug)]
pub(super) struct Timers {
    fixed: Option<Timer>,
    learnt: HashMap<Socket, Timer>,
}

impl Timers {
    pub(super) fn new(fixed: Option<Timer>) -> Self {
        Self { fixed, learnt: HashMap::new() }
    }

    /// The timer that silences of `flow` are held against.
    pub(super) fn of(&self, flow: &Flow) -> Option<&Timer> {
        match &self.fixed {
            Some(timer) => Some(timer),
            None if self.learnt.is_empty() => None,
            None => self.learnt.get(&flow.server()),
        }
    }

    /// Whether the timer of a service may become known, or shorter, while its flows are silent.
    pub(super) const fn learns(&self) -> bool {
        self.fixed.is_none()
    }

    /// A flow died: its silence bounds the timer of its service from above.
    pub(super) fn learn(&mut self, flow: &Flow, verdict: &Verdict) {
        let told = verdict.gap.filter(|(_, gap)| {
            self.learns() && verdict.id.is_idle_death() && verdict.confidence > Confidence::Possible && !gap.half_closed
        });
        let Some((clock, gap)) = told else { return };
        let learnt = Timer { length: gap.length, clock, origin: Origin::Learnt };
        let known = self.learnt.get(&flow.server());
        let is_news = known.is_none_or(|known| known.clock == clock && gap.length < known.length);
        if is_news && (known.is_some() || self.learnt.len() < SERVICES) {
            self.learnt.insert(flow.server(), learnt);
        }
    }

    /// A flow that survived a longer silence than the timer allows proves that what was learnt is none.
    pub(super) fn review(&mut self, flow: &Flow) {
        let Some(learnt) = self.of(flow).filter(|timer| timer.origin == Origin::Learnt) else { return };
        let gaps = match learnt.clock {
            Clock::Packet => flow.packet_gaps(),
            Clock::Payload => flow.payload_gaps(),
        };
        let survived = gaps.and_then(|gaps| gaps.longest_survived()).is_some_and(|gap| gap.length > learnt.length);
        if survived {
            self.learnt.remove(&flow.server());
        }
    }
}
