//! tshark's rules for labels, on the numbers that it keeps: why it says what it says, and what it would say if it kept them
//! otherwise.
//!
//! A disagreement is explained when these rules give tshark's label, and give the program's once named habits of tshark's
//! bookkeeping are put right, each by a rule that can be looked up. Written from the user's guide ("TCP Analysis") and what
//! tshark 4.0.17 does; the comparison of every recorded capture holds it to that.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::difference::after;
use crate::support::program::Segment;
use crate::support::tshark::{Label, Row};

pub(crate) const FIN: u32 = 0x01;
const SYN: u32 = 0x02;
const RST: u32 = 0x04;
pub(crate) const PUSH: u32 = 0x08;
pub(crate) const ACK: u32 = 0x10;

/// Nanoseconds: a retransmission this soon after a duplicate ACK is a fast one; a segment that came out of order comes this soon
/// where no round-trip time is known.
const FAST: i128 = 20_000_000;
const REORDERED: i128 = 3_000_000;

/// A habit of tshark's bookkeeping that can be put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Habit {
    /// A RST moves the next number, the acknowledgment and the window of its claimed sender.
    Resets,
    /// What the other end acknowledged does not move the next number.
    Unseen,
    /// A number of 0 counts as none, and none as 0.
    Zero,
    /// A second connection that tshark keeps in the stream of the first goes on from its numbers.
    Generations,
    /// The last acknowledgment counts, not the highest, with the window that came with it.
    Backwards,
    /// Acknowledgment and window of a segment without the ACK flag count.
    Flagless,
    /// Only the very last segment of the other end can be the probe that is answered.
    LastOnly,
    /// Octets of a SYN or SYN-ACK that were not acknowledged count as sent.
    Refused,
    /// SYN and FIN in one segment take one number.
    Together,
    /// What begins with the last octet before it, and is longer, is never old.
    Longer,
    /// An octet beyond a closed window is a probe, and moves nothing, also behind others that are in flight, and with a FIN.
    Octets,
    /// A challenge ACK counts as any other.
    Challenges,
    /// What was sent before the first segment that was captured, a probe, is not counted.
    Probes,
}

impl Habit {
    pub(crate) const ALL: [Self; 13] = [
        Self::Resets,
        Self::Unseen,
        Self::Zero,
        Self::Generations,
        Self::Backwards,
        Self::Flagless,
        Self::LastOnly,
        Self::Refused,
        Self::Together,
        Self::Longer,
        Self::Octets,
        Self::Challenges,
        Self::Probes,
    ];
}

/// The habits that are put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Righted(u16);

impl Righted {
    pub(crate) fn of(habits: &[Habit]) -> Self {
        Self(habits.iter().fold(0, |set, habit| set | 1 << *habit as u16))
    }

    const fn has(self, habit: Habit) -> bool {
        self.0 & (1 << habit as u16) != 0
    }
}

/// What is kept of one end.
#[derive(Clone, Debug)]
struct Ledger {
    /// The number after the highest octet, and when it was reached.
    next: u32,
    next_time: i128,
    is_known: bool,
    /// The number after the highest octet below which nothing is missing.
    whole: u32,
    /// What it acknowledged last, and when.
    ack: u32,
    ack_time: i128,
    has_acked: bool,
    window: Option<u32>,
    /// Duplicate ACKs on end; -1, which counts as many, after octets were acknowledged that were not captured.
    repeats: i32,
    /// What its last segment was.
    labels: BTreeSet<Label>,
    /// Its last probe, if nothing answered it yet: number and label.
    open: Option<(u32, Label)>,
    /// The number after the SYN of its first segment, if there was more in it.
    first: Option<u32>,
}

impl Ledger {
    const NEW: Self = Self {
        next: 0,
        next_time: 0,
        is_known: false,
        whole: 0,
        ack: 0,
        ack_time: 0,
        has_acked: false,
        window: None,
        repeats: 0,
        labels: BTreeSet::new(),
        open: None,
        first: None,
    };
}

/// The labels of every frame of a capture.
pub(crate) struct Mirror {
    righted: Righted,
    ends: BTreeMap<(u32, u64, String), Ledger>,
    /// Time of the handshake by stream, in nanoseconds, and the streams that have completed one: rows need not tell.
    rtt: BTreeMap<u32, i128>,
    completed: BTreeSet<u32>,
}

impl Mirror {
    pub(crate) const fn new(righted: Righted) -> Self {
        Self { righted, ends: BTreeMap::new(), rtt: BTreeMap::new(), completed: BTreeSet::new() }
    }

    /// The labels of the next segment, which the program calls `ours`.
    pub(crate) fn take(&mut self, row: &Row, ours: &Segment) -> BTreeSet<Label> {
        let stream = row.stream.first().copied().unwrap_or_default();
        let generation = if self.righted.has(Habit::Generations) { ours.flow } else { 0 };
        let (own_key, other_key) = ((stream, generation, row.ends.0.clone()), (stream, generation, row.ends.1.clone()));
        let mut own = self.ends.get(&own_key).cloned().unwrap_or(Ledger::NEW);
        let mut other = self.ends.get(&other_key).cloned().unwrap_or(Ledger::NEW);
        if let Some(rtt) = row.handshake.filter(|_| self.completed.contains(&stream)) {
            self.rtt.insert(stream, rtt);
        }
        let step = Step { righted: self.righted, row, rtt: self.rtt.get(&stream).copied() };
        let is_refused = step.flag(RST) && self.righted.has(Habit::Resets)
            || ours.kind == "challenge-ack" && self.righted.has(Habit::Challenges);
        let counts = !is_refused;
        if counts {
            step.note_unseen(&mut other);
        }
        let labels = step.labels(&own, &other);
        // The segment that completes the handshake is judged before its time is known.
        if step.flag(ACK) && !step.flag(SYN) {
            self.completed.insert(stream);
        }
        if let Some(rtt) = row.handshake {
            self.rtt.insert(stream, rtt);
        }
        if counts {
            step.keep(&mut own, &mut other, &labels);
            if ours.kind == "keepalive-probe" && self.righted.has(Habit::Probes) {
                step.keep_probe(&mut own);
            }
            self.ends.insert(own_key, own);
            self.ends.insert(other_key, other);
        }
        labels
    }
}

/// One segment, seen by the rules.
struct Step<'a> {
    righted: Righted,
    row: &'a Row,
    rtt: Option<i128>,
}

impl Step<'_> {
    /// Whether it has one of these flags.
    fn flag(&self, flag: u32) -> bool {
        self.row.has_flag(flag)
    }

    fn seq(&self) -> u32 {
        self.row.seq.first().copied().unwrap_or_default()
    }

    fn ack(&self) -> u32 {
        self.row.ack.first().copied().unwrap_or_default()
    }

    fn len(&self) -> u32 {
        self.row.len.first().copied().unwrap_or_default()
    }

    /// The number after the segment.
    fn end(&self) -> u32 {
        let both = self.flag(SYN) && self.flag(FIN) && self.righted.has(Habit::Together);
        self.seq().wrapping_add(self.len()).wrapping_add(u32::from(self.flag(SYN | FIN)) + u32::from(both))
    }

    fn window(&self) -> u32 {
        self.row.window.first().copied().unwrap_or_default()
    }

    fn is_known(&self, end: &Ledger) -> bool {
        if self.righted.has(Habit::Zero) { end.is_known } else { end.next != 0 }
    }

    /// Whether `number` is the next one of `end`.
    fn is_next(&self, end: &Ledger, number: u32) -> bool {
        (end.is_known || !self.righted.has(Habit::Zero)) && end.next == number
    }

    fn labels(&self, own: &Ledger, other: &Ledger) -> BTreeSet<Label> {
        let (seq, len, window) = (self.seq(), self.len(), self.window());
        let mut labels = BTreeSet::new();
        let is_first = (!other.has_acked || other.ack == seq) && !self.flag(FIN) || !self.righted.has(Habit::Octets);
        if len == 1 && self.is_next(own, seq) && other.window == Some(0) && is_first {
            labels.insert(Label::ZeroWindowProbe);
        } else {
            let plain = !self.flag(SYN | FIN | RST);
            if plain && len <= 1 && self.is_next(own, seq.wrapping_add(1)) {
                labels.insert(Label::KeepAlive);
            }
            let again = plain && len == 0 && self.is_next(own, seq) && self.ack() == own.ack;
            if again && window != 0 && own.window != Some(window) {
                labels.insert(Label::WindowUpdate);
            }
            if again && own.window == Some(window) {
                labels.extend(self.repeated(other));
            }
        }
        if len > 0 || self.flag(SYN | FIN) {
            labels.extend(self.old(own, other, &labels));
        }
        labels
    }

    /// What repeats the acknowledgment and the window before it.
    fn repeated(&self, other: &Ledger) -> Option<Label> {
        let answers = |probe: Label| match other.open {
            Some((number, label)) if self.righted.has(Habit::LastOnly) => {
                label == probe && self.ack().wrapping_sub(number) <= 1
            }
            _ => other.labels.contains(&probe) && !self.righted.has(Habit::LastOnly),
        };
        if self.window() == 0 {
            return answers(Label::ZeroWindowProbe).then_some(Label::ZeroWindowProbeAck);
        }
        Some(if answers(Label::KeepAlive) { Label::KeepAliveAck } else { Label::DuplicateAck })
    }

    /// What begins below the next number.
    fn old(&self, own: &Ledger, other: &Ledger, labels: &BTreeSet<Label>) -> Vec<Label> {
        let (seq, len) = (self.seq(), self.len());
        if labels.contains(&Label::KeepAlive) {
            return Vec::new();
        }
        let end = seq.wrapping_add(len);
        let acknowledged = if self.righted.has(Habit::Zero) { other.has_acked } else { other.ack != 0 };
        if len > 0 && acknowledged && !after(end, other.ack) {
            return vec![Label::Retransmission, Label::SpuriousRetransmission];
        }
        let adds_to_octet = len > 1 && self.is_next(own, seq.wrapping_add(1)) && !self.righted.has(Habit::Longer);
        if !self.is_known(own) || !after(own.next, seq) || adds_to_octet {
            return Vec::new();
        }
        let time = self.row.time;
        // Time that runs backwards is no short time.
        let is_fast =
            !(0..2).contains(&other.repeats) && other.ack == seq && (0..FAST).contains(&(time - other.ack_time));
        let ends_below = own.next != self.end();
        let is_soon = (0..self.rtt.unwrap_or(REORDERED)).contains(&(time - own.next_time));
        if !is_fast && is_soon && ends_below {
            return vec![Label::OutOfOrder];
        }
        vec![Label::Retransmission]
    }

    /// Takes note of an acknowledgment of octets that were not captured.
    fn note_unseen(&self, other: &mut Ledger) {
        if other.whole == 0 || !after(self.ack(), other.whole) || !self.flag(ACK) {
            return;
        }
        if after(other.next, other.whole) {
            other.whole = other.next;
        } else {
            other.repeats = -1;
        }
    }

    /// Keeps what a probe says of the number of its sender.
    fn keep_probe(&self, own: &mut Ledger) {
        let next = self.seq().wrapping_add(1);
        if after(next, own.next) {
            own.next = next;
        }
    }

    /// Keeps what later segments are held against.
    fn keep(&self, own: &mut Ledger, other: &mut Ledger, labels: &BTreeSet<Label>) {
        let (seq, ack, time) = (self.seq(), self.ack(), self.row.time);
        let is_window_probe = labels.contains(&Label::ZeroWindowProbe);
        if labels.contains(&Label::DuplicateAck) {
            own.repeats = own.repeats.max(0) + 1;
        }
        if ack != own.ack {
            own.repeats = 0;
        }
        let end = self.end();
        if (after(end, own.next) || !self.is_known(own)) && !is_window_probe {
            (own.next, own.next_time, own.is_known) = (end, time, true);
        }
        if (seq == own.whole || own.whole == 0) && !is_window_probe {
            own.whole = own.next;
        }
        let counts = self.flag(ACK) || !self.righted.has(Habit::Flagless);
        let is_behind = self.righted.has(Habit::Backwards) && own.has_acked && after(own.ack, ack);
        if counts && !is_behind {
            (own.window, own.ack, own.ack_time, own.has_acked) = (Some(self.window()), ack, time, true);
        }
        if self.righted.has(Habit::Refused) {
            let refused = if self.flag(ACK) { other.first.take().filter(|first| *first == ack) } else { None };
            (other.next, other.whole) = refused.map_or((other.next, other.whole), |first| (first, first));
            // The SYN again, with its octets or without, changes nothing.
            let more = self.flag(SYN) && (self.len() > 0 || self.flag(FIN) || own.first == Some(seq.wrapping_add(1)));
            own.first = if more { Some(seq.wrapping_add(1)) } else { None };
        }
        own.labels.clone_from(labels);
        let probe = [Label::KeepAlive, Label::ZeroWindowProbe].into_iter().find(|label| labels.contains(label));
        own.open = probe.map(|label| (seq, label)).or(own.open);
        if other.open.is_some_and(|(number, _)| ack.wrapping_sub(number) <= 1 && self.flag(ACK)) {
            other.open = None;
        }
        if self.righted.has(Habit::Unseen) && self.flag(ACK) && (!other.is_known || after(ack, other.next)) {
            (other.next, other.is_known) = (ack, true);
        }
    }
}
