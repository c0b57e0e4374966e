//! Attempts at connections: their number is held where somebody floods a network with them.
//!
//! A SYN costs its sender nothing, and the capture of a flood or a scan holds millions of them. What a connection that never
//! came about can say of itself is said by a few hundred thousand like it, so that beyond a number the earliest attempts
//! leave, judged and counted. Connections that came about are not touched.
//!
//! Which ones leave depends on nothing but the capture: attempts are kept in queues by addresses and ports, so that threads
//! that share the flows out between them by whole queues come to the same.

use std::collections::VecDeque;

use super::partition::{PARTITIONS, partition};
use crate::flow::FlowKey;

/// Queues: one for each partition.
const QUEUES: usize = PARTITIONS;

/// The flows of which the capture has shown no more than an attempt.
pub(super) struct Attempts {
    /// Attempts in one queue at most.
    most: usize,
    /// By partition, each in the order of their first segments; connections that came about are dropped from time to time.
    queues: Vec<VecDeque<u32>>,
    /// One bit for each flow: whether it is an attempt still.
    bits: Vec<u64>,
}

impl Attempts {
    /// None yet, and about so many at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most: (most / QUEUES).max(4), queues: vec![VecDeque::new(); QUEUES], bits: Vec::new() }
    }

    /// Flow number `number`, the latest, has begun as an attempt. Returns the flows that leave for want of room, a quarter of
    /// a queue at a time.
    pub(super) fn enter(&mut self, key: &FlowKey, number: u32) -> Vec<u32> {
        let Self { most, queues, bits } = self;
        set(bits, number);
        let Some(queue) = queues.get_mut(partition(key.fold())) else { return Vec::new() };
        queue.push_back(number);
        if queue.len() <= *most {
            return Vec::new();
        }
        queue.retain(|number| is_set(bits, *number));
        let leaving = queue.len().saturating_sub(*most - *most / 4);
        let leaving: Vec<u32> = queue.drain(..leaving).collect();
        leaving.iter().for_each(|number| clear(bits, *number));
        leaving
    }

    /// Whether flow number `number` is known as an attempt.
    pub(super) fn has(&self, number: u32) -> bool {
        is_set(&self.bits, number)
    }

    /// The connection of flow number `number` has come about.
    pub(super) fn remove(&mut self, number: u32) {
        clear(&mut self.bits, number);
    }
}

fn set(bits: &mut Vec<u64>, number: u32) {
    let (word, bit) = place(number);
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    if let Some(word) = bits.get_mut(word) {
        *word |= bit;
    }
}

fn clear(bits: &mut [u64], number: u32) {
    let (word, bit) = place(number);
    if let Some(word) = bits.get_mut(word) {
        *word &= !bit;
    }
}

fn is_set(bits: &[u64], number: u32) -> bool {
    let (word, bit) = place(number);
    bits.get(word).is_some_and(|word| word & bit != 0)
}

const fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::analyzer::{Analyzer, Options};
    use crate::capture::{LinkType, Record};
    use crate::flow::Socket;
    use crate::script::Script;
    use crate::verdict::VerdictId;
    use crate::verdict::outcome::judge_at;

    /// Pushes the frames of `text`, and returns the analyzer with the flows that had to leave.
    fn analyzed(text: &str, most: usize) -> (Analyzer, HashMap<u32, VerdictId>) {
        let script = Script::parse(text).expect("the script is well-formed");
        let mut analyzer = Analyzer::new(Options { attempts: most, ..Options::default() });
        let mut gone = HashMap::new();
        for (frame, one) in (1..).zip(script.frames()) {
            let (link, data) = (LinkType(1), &one.bytes[..]);
            analyzer.push(&Record {
                time: one.time,
                frame,
                link,
                interface: 0,
                data,
                original_len: one.original_len,
                told: None,
            });
            let clock = analyzer.clock();
            analyzer.hold_to(usize::MAX, |number, flow| gone.extend([(number, judge_at(&flow, clock).id)]));
        }
        (analyzer, gone)
    }

    /// So many clients that try, of which each `nth` gets through.
    fn flood(count: usize, nth: usize) -> String {
        let mut text = String::new();
        (0..count).for_each(|n| text += &format!("flow f{n} 10.0.{}.{}:4000 > 10.9.9.9:80\n", n / 250, n % 250));
        for n in 0..count {
            text += &format!("+.001 f{n} > S 0:0(0)\n+.001 f{n} < S. 0:0(0) ack 1\n");
            if n % nth == 0 {
                text += &format!("+.001 f{n} > . 1:1(0) ack 1\n");
            }
        }
        text
    }

    #[test]
    fn beyond_a_number_the_earliest_attempts_leave_and_connections_stay() {
        const MOST: usize = 10 * QUEUES;
        let (analyzer, gone) = analyzed(&flood(4 * MOST, 3), MOST);
        assert!(gone.keys().all(|number| number % 3 != 0), "connections stay");
        assert_eq!(analyzer.flows_held() + gone.len(), 4 * MOST, "each of the others is handed over once");
        let attempts = analyzer.flows().filter(|(_, flow)| flow.is_attempt()).count();
        assert!((MOST / 2..=MOST).contains(&attempts), "{attempts}");
        // Spread over the queues, none of which is half as long as it may be, none of the latest has left.
        assert!(gone.keys().all(|number| (*number as usize) < 4 * MOST - MOST / 3), "the earliest leave");
    }

    #[test]
    fn where_there_are_few_none_leaves() {
        let (analyzer, gone) = analyzed(&flood(2_000, 2), 2_600);
        assert_eq!((analyzer.flows_held(), gone.len()), (2_000, 0));
    }

    #[test]
    fn what_came_about_is_no_attempt() {
        let attempts = [
            "> S 0:0(0)",
            "> S 0:0(0)\n+1 > S 0:0(0)\n+2 > S 0:0(0)",
            "> S 0:0(0)\n+.1 < S. 0:0(0) ack 1",
            "> S 0:0(0)\n+.1 < R. 0:0(0) ack 1",
            "> S 0:0(0)\n+.1 < S. 0:0(0) ack 1\n+.1 > R 1:1(0)",
            "> . 1:1(0) ack 1",
        ];
        let others = [
            "> S 0:0(0)\n+.1 < S. 0:0(0) ack 1\n+.1 > . 1:1(0) ack 1",
            "> S 0:0(0)\n+.1 > . 1:1(0) ack 1",
            "< S. 0:0(0) ack 1\n+.1 < P. 1:9(8) ack 1",
            "> P. 1:9(8) ack 1",
            "> F. 1:1(0) ack 1",
            "> . 1:1(0) ack 1\n+9 < . 1:1(0) ack 1",
            "> S 0:0(0)\n+.1 > P. 1:9(8) ack 1",
        ];
        for (lines, expected) in
            attempts.map(|lines| (lines, true)).into_iter().chain(others.map(|lines| (lines, false)))
        {
            let (analyzer, _) = analyzed(&format!("flow 10.0.0.1:4000 > 10.0.0.2:80\n0 {lines}"), 100);
            assert_eq!(analyzer.flow(0).map(|flow| flow.is_attempt()), Some(expected), "{lines}");
            assert_eq!(analyzer.shard.attempts.has(0), expected, "{lines}");
        }
    }

    #[test]
    fn keys_of_one_network_fill_all_queues() {
        let key = |n: u32| {
            let [.., a, b] = n.to_be_bytes();
            FlowKey::new(Socket::new([10, 0, a, b].into(), 40_000), Socket::new([10, 9, 9, 9].into(), 80)).0
        };
        let mut counts = [0; QUEUES];
        (0..64_000).for_each(|n| counts[partition(key(n).fold())] += 1);
        assert!(counts.iter().all(|count| (500..=1_500).contains(count)), "{counts:?}");
    }
}
