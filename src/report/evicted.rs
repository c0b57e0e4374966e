//! What came of flows that had to leave for want of memory: their findings stay, in numbers.

use std::collections::HashMap;

use crate::flow::{Flow, Socket};
use crate::report::conclude::Gathered;
use crate::time::Timestamp;
use crate::verdict::Reason;
use crate::verdict::outcome::judge_at;
use crate::verdict::service::Services;

/// Servers whose flows are counted; more are a scan.
const SERVERS: usize = 1 << 16;

/// The flows that left, judged and added up.
#[derive(Clone, Debug, Default)]
pub struct Evicted {
    pub(crate) gathered: Gathered,
    pub(crate) timelines: Vec<Gone>,
}

/// The flows that left one timeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    pub(crate) services: Services,
    /// Flows by server.
    pub(crate) by_server: HashMap<Socket, u64>,
    /// Flows in all.
    pub(crate) flows: u64,
}

impl Evicted {
    /// How many left.
    #[must_use]
    pub fn flows(&self) -> u64 {
        u64::from(self.gathered.flows)
    }

    /// Takes flow number `number`, which leaves `timeline` at `end` and is decided as far as it can be. It is judged with what
    /// the flows that left before it have shown of its service.
    pub fn take(&mut self, timeline: usize, number: u32, flow: &Flow, end: Timestamp) {
        if self.timelines.len() <= timeline {
            self.timelines.resize_with(timeline + 1, Gone::default);
        }
        let Some(gone) = self.timelines.get_mut(timeline) else { return };
        gone.flows += 1;
        let mut verdict = judge_at(flow, end);
        let too_soon = verdict.reasons.iter_mut().filter(|reason| **reason == Reason::EndsTooSoon);
        too_soon.for_each(|reason| *reason = Reason::LeftTooSoon);
        if gone.by_server.len() < SERVERS || gone.by_server.contains_key(&flow.server()) {
            *gone.by_server.entry(flow.server()).or_default() += 1;
            gone.services.add_uncounted(flow, &verdict);
            gone.services.outlive(flow);
            verdict = gone.services.refined(flow, verdict);
        }
        self.gathered.take(number, flow, &verdict);
    }
}
