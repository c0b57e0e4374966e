//! What came of flows that had to leave for want of memory: their findings stay, in numbers.

use std::collections::HashMap;

use crate::flow::{Flow, Socket};
use crate::report::conclude::Gathered;
use crate::time::Timestamp;
use crate::verdict::outcome::judge_at;
use crate::verdict::service::Services;

/// Servers whose flows are counted; more are a scan.
const SERVERS: usize = 1 << 16;

/// The flows that left, judged and added up.
#[derive(Clone, Debug, Default)]
pub struct Evicted {
    pub(crate) gathered: Gathered,
    pub(crate) services: Services,
    /// Flows by server.
    pub(crate) by_server: HashMap<Socket, u64>,
}

impl Evicted {
    /// How many left.
    #[must_use]
    pub fn flows(&self) -> u64 {
        u64::from(self.gathered.flows)
    }

    /// Takes flow number `number`, which leaves at `end` and is decided as far as it can be.
    pub fn take(&mut self, number: u32, flow: &Flow, end: Timestamp) {
        let verdict = judge_at(flow, end);
        if self.by_server.len() < SERVERS || self.by_server.contains_key(&flow.server()) {
            *self.by_server.entry(flow.server()).or_default() += 1;
            self.services.add(flow, &verdict);
        }
        self.gathered.take(number, flow, &verdict);
    }
}
