//! A watch as a screen shows it: its flows one by one here, the screen itself below.

#[cfg(feature = "tui")]
pub mod draw;
pub mod look;
pub mod memory;
pub mod scene;
pub mod state;

use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow, Socket};
use crate::report::{build, model};
use crate::time::{Span, Timestamp};
use crate::verdict::outcome::judge_at;
use crate::verdict::settings::{Settings, settings};
use crate::watch::follow::since;
use crate::watch::timer::Timer;
use crate::watch::{Watch, event};

/// One flow at one moment.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub flow: u32,
    /// Initiator.
    pub client: Socket,
    /// Responder.
    pub server: Socket,
    /// Silence of any packet.
    pub idle: Span,
    /// Silence of payload.
    pub payload_idle: Span,
    /// The timer that it is held against, if any is known.
    pub timer: Option<Timer>,
    /// Its silence as a share of the timer, on the timer's clock; above 1 where it outlived it. `None` without a timer, and
    /// for flows that are over.
    pub share: Option<f64>,
    /// Settings of the keepalive of the client and of the server, as far as probes reveal them.
    pub keepalive: [Settings; 2],
    /// Keepalive probes of the client and of the server.
    pub probes: [u32; 2],
    /// Keepalive probes of either that were answered.
    pub probes_answered: [u32; 2],
    /// Whether it is over: closed by both ends, or reset.
    pub is_over: bool,
    /// Whether its death was told.
    pub died: bool,
}

impl Watch<'_> {
    /// Flow number `number` at `now`, unless it had to leave.
    #[must_use]
    pub fn row(&self, number: u32, now: Timestamp) -> Option<Row> {
        let flow = self.flow(number)?;
        let stats = |direction| flow.probes(direction).map(|probes| &probes.keepalive);
        Some(Row {
            flow: number,
            client: flow.client(),
            server: flow.server(),
            idle: now.since(flow.last.time).max(Span::ZERO),
            payload_idle: now.since(flow.last_payload.unwrap_or(flow.first).time).max(Span::ZERO),
            timer: self.timers.of(flow).cloned(),
            share: self.share(flow, now),
            keepalive: Direction::BOTH.map(|direction| settings(flow, direction)),
            probes: Direction::BOTH.map(|direction| stats(direction).map_or(0, |stats| stats.total())),
            probes_answered: Direction::BOTH.map(|direction| stats(direction).map_or(0, |stats| stats.answered)),
            is_over: is_over(flow),
            died: self.has_died(number),
        })
    }

    /// Flow number `number` as the report would show it if the capture ended at `now`.
    #[must_use]
    pub fn detail(&self, number: u32, now: Timestamp) -> Option<model::Flow> {
        let flow = self.analyzer.settled(number, now)?;
        Some(build::flow(number, &flow, &judge_at(&flow, now), self.began, self.table))
    }

    /// Whether the death of flow number `number` was told.
    #[must_use]
    pub fn has_died(&self, number: u32) -> bool {
        self.follows.get(&number).is_some_and(|follow| follow.died)
    }

    /// The name under which events speak of flow number `number`.
    #[must_use]
    pub fn name(&self, number: u32) -> Option<event::FlowName> {
        Some(event::FlowName::new(number, self.flow(number)?))
    }

    pub(super) fn share(&self, flow: &Flow, now: Timestamp) -> Option<f64> {
        let timer = self.timers.of(flow).filter(|_| !is_over(flow))?;
        let idle = now.since(since(flow, timer.clock).time).max(Span::ZERO);
        Some(idle.as_secs_f64() / timer.length.as_secs_f64().max(f64::MIN_POSITIVE))
    }
}

pub(super) fn is_over(flow: &Flow) -> bool {
    flow.fins() == 2 || flow.resets().any(Reset::is_effective)
}
