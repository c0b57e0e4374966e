//! Which flows leave when there are more than memory was granted for.
//!
//! Closed flows leave first, the oldest of them first; then those that tell the least of silence: handshakes that nobody
//! finished, flows without a silence or a probe, and last those with one. Within a class the one that was heard of the
//! longest time ago leaves first. A flood of new flows so drives out itself and what is over, not the silent connections
//! that a watch is about.

use std::borrow::Cow;

use crate::flow::resets::Reset;
use crate::flow::{Direction, Flow};
use crate::time::{Span, Timestamp};

/// Of all flows, one in so many leaves at a time: choosing costs a pass over all of them.
const SHARE: usize = 8;
/// A flow heard of this recently is at work, whatever it has shown so far.
const AT_WORK: Span = Span::from_secs(10);

/// How dispensable a flow is, the most dispensable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Both ends closed it, or a RST did.
    Closed,
    /// The handshake is not over.
    Beginning,
    /// Nothing about it speaks of silence.
    Plain,
    /// It was silent, or is probed, or is at work.
    Telling,
}

/// The flows that leave: all up to a place in the order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    last: Option<(Class, Timestamp, u32)>,
    clock: Timestamp,
}

impl Leaving {
    /// Chooses among `total` flows, of which fewer than `most` are to stay.
    pub(super) fn choose<'a>(
        flows: impl Iterator<Item = (u32, Cow<'a, Flow>)>,
        total: usize,
        most: usize,
        clock: Timestamp,
    ) -> Self {
        let mut order: Vec<_> = flows.map(|(number, flow)| rank(number, &flow, clock)).collect();
        let leaving = total.saturating_sub(most.saturating_sub(most / SHARE));
        let place = leaving.checked_sub(1).filter(|place| *place < order.len());
        let last = place.map(|place| *order.select_nth_unstable(place).1);
        Self { last, clock }
    }

    /// Whether flow number `number` leaves.
    pub(super) fn includes(&self, number: u32, flow: &Flow) -> bool {
        self.last.is_some_and(|last| rank(number, flow, self.clock) <= last)
    }
}

fn rank(number: u32, flow: &Flow, clock: Timestamp) -> (Class, Timestamp, u32) {
    (class(flow, clock), flow.last.time, number)
}

fn class(flow: &Flow, clock: Timestamp) -> Class {
    let probed = Direction::BOTH.into_iter().any(|direction| flow.probes(direction).is_some());
    let silent = flow.packet_gaps().is_some() || flow.payload_gaps().is_some();
    if flow.fins() == 2 || flow.resets().any(Reset::is_effective) {
        Class::Closed
    } else if !flow.is_established() {
        Class::Beginning
    } else if probed || silent || clock.since(flow.last.time) < AT_WORK {
        Class::Telling
    } else {
        Class::Plain
    }
}

#[cfg(test)]
mod tests {
    use crate::analyzer::{Analyzer, Options};
    use crate::capture::{LinkType, Record};
    use crate::script::Script;

    /// Three flows: one closed by RST, one that is probed, one whose SYN nobody answers.
    const THREE: &str = "flow closed 10.0.0.1:1001 > 10.0.0.9:80
flow probed 10.0.0.2:1002 > 10.0.0.9:80
flow beginning 10.0.0.3:1003 > 10.0.0.9:80
0     closed    > .  1:1(0) ack 1
+0.01 closed    < R  1:1(0)
+0.01 probed    > P. 1:11(10) ack 1
+0.01 probed    < .  1:1(0) ack 11
+0.01 beginning > S  0:0(0)
+30   probed    > .  10:10(0) ack 1
+0.01 probed    < .  1:1(0) ack 11
";

    fn analyzed(text: &str, awake: usize) -> Analyzer {
        let script = Script::parse(text).expect("the script is well-formed");
        let mut analyzer = Analyzer::new(Options { awake, ..Options::default() });
        for (number, frame) in (1..).zip(script.frames()) {
            let (link, data) = (LinkType(1), &frame.bytes[..]);
            let record = Record {
                time: frame.time,
                frame: number,
                link,
                interface: 0,
                data,
                original_len: frame.original_len,
                told: None,
            };
            analyzer.push(&record);
        }
        analyzer
    }

    #[test]
    fn what_is_over_leaves_first_and_what_tells_of_silence_last() {
        for (most, expected) in [(3, &[0, 1, 2][..]), (2, &[1, 2]), (1, &[1])] {
            // Those at rest leave as those that are ready do.
            for awake in [1, 2, usize::MAX] {
                let mut analyzer = analyzed(THREE, awake);
                let mut gone = Vec::new();
                analyzer.hold_to(most, |number, flow| gone.push((number, flow.client().port)));
                assert!(gone.iter().all(|(number, port)| u32::from(*port) == 1_001 + number), "{gone:?}");
                let analysis = analyzer.finish(drop);
                assert_eq!(analysis.flows.numbers().collect::<Vec<_>>(), expected, "{most}");
                assert_eq!(gone.len(), 3 - expected.len());
            }
        }
    }
}
