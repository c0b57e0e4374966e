//! Every service's silences by length and outcome: what a picture of its bracket is drawn from.

use std::collections::BTreeMap;

use crate::flow::gaps::{Clock, Gap, Outcome};
use crate::flow::{Flow, Socket};
use crate::report::judged::{Judged, outcome};
use crate::report::numbers::FlowNumbers;
use crate::verdict::Verdict;

/// Lengths in one step of the scale differ by less than this factor.
const STEP: f64 = 1.02;

/// The silences of one service, on the clock that its bracket is on: of each flow the longest eight, and every fatal one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survival {
    /// Silences of about one length, the shortest first.
    pub steps: Vec<Step>,
}

/// Silences of about one length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The shortest of them, in seconds.
    pub least_s: f64,
    /// The longest of them, in seconds.
    pub most_s: f64,
    /// How many were survived.
    pub survived: u64,
    /// How many were not.
    pub died: u64,
    /// Number of the first flow with one of them, of one that died if there is any.
    pub flow: u32,
}

impl Step {
    /// Both steps as one.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            least_s: self.least_s.min(other.least_s),
            most_s: self.most_s.max(other.most_s),
            survived: self.survived + other.survived,
            died: self.died + other.died,
            flow: if self.died == 0 && other.died > 0 { other.flow } else { self.flow },
        }
    }
}

/// The silences of all services, in the order of the report's.
pub(crate) fn gather(timelines: &[Judged], numbers: &FlowNumbers) -> Vec<Survival> {
    timelines.iter().enumerate().flat_map(|(number, judged)| of_timeline(judged, number, numbers)).collect()
}

fn of_timeline(judged: &Judged, timeline: usize, numbers: &FlowNumbers) -> Vec<Survival> {
    let ranked = judged.services.ranked();
    let clocks: BTreeMap<Socket, Clock> =
        ranked.iter().map(|(server, service)| (*server, service.telling().0)).collect();
    let mut scales: BTreeMap<Socket, Scale> = BTreeMap::new();
    for (index, flow) in judged.timeline.analysis.numbered() {
        let Some(clock) = clocks.get(&flow.server()) else { continue };
        let gaps = silences(flow, *clock);
        if gaps.is_empty() {
            continue;
        }
        let (verdict, number) = (judged.verdict(flow), numbers.number(timeline, index).unwrap_or(index));
        let scale = scales.entry(flow.server()).or_default();
        gaps.iter().for_each(|gap| scale.enter(gap, *clock, &verdict, number));
    }
    let survival = |(server, _): &(Socket, _)| Survival {
        steps: scales.remove(server).unwrap_or_default().steps.into_values().collect(),
    };
    ranked.iter().map(survival).collect()
}

/// The gaps of a flow that a bracket can rest on.
fn silences(flow: &Flow, clock: Clock) -> Vec<Gap> {
    let gaps = match clock {
        Clock::Packet => flow.packet_gaps(),
        Clock::Payload => flow.payload_gaps(),
    };
    let kept = gaps.map(crate::flow::gaps::Gaps::kept).unwrap_or_default();
    kept.into_iter().filter(|gap| !gap.half_closed && gap.outcome != Outcome::Open).collect()
}

#[derive(Debug, Default)]
struct Scale {
    steps: BTreeMap<i32, Step>,
}

impl Scale {
    fn enter(&mut self, gap: &Gap, clock: Clock, verdict: &Verdict, flow: u32) {
        let secs = gap.length.as_secs_f64();
        let died = u64::from(outcome(verdict, clock, gap) == Outcome::Died);
        let step = Step { least_s: secs, most_s: secs, survived: 1 - died, died, flow };
        // Below a nanosecond there is no gap; the whole range of a span makes some 2,600 steps.
        let place = (secs.max(1e-9).ln() / STEP.ln()).floor() as i32;
        self.steps.entry(place).and_modify(|known| *known = known.joined(step)).or_insert(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_join_to_the_widest_bounds() {
        let step = |least_s, most_s, survived, died, flow| Step { least_s, most_s, survived, died, flow };
        let joined = step(85.0, 85.5, 3, 0, 4).joined(step(84.9, 85.2, 1, 2, 9));
        assert_eq!(joined, step(84.9, 85.5, 4, 2, 9));
        assert_eq!(joined.joined(step(90.0, 90.0, 0, 1, 1)).flow, 9);
    }
}
