//! The course of a flow, segment by segment, in bounded space: what a picture of it is drawn from.
//!
//! Segments of one kind and direction that follow each other closely share a row. Of a long flow the beginning, the end and
//! the decisive segments stay; what lies between is counted. Ten million segments take the room of a hundred rows.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::analyzer::Labelled;
use crate::flow::{Direction, FrameId, Mark, Notes, Relabel, SegmentKind};
use crate::report::model::{Flow, Frame};
use crate::time::Span;

/// Rows kept from the beginning of a flow.
const HEAD: usize = 10;
/// Rows kept from its end.
const TAIL: usize = 20;
/// Decisive rows kept between them, with the counts of what was left out around them.
const MIDDLE: usize = 96;
/// Silences per clock whose ends are decisive, beside the fatal ones.
const SILENCES: usize = 4;
/// Segments further apart than this never share a row: the least silence that is judged.
const BURST: Span = Span::from_secs(1);
/// Rows that a segment looks back over for one to share.
const LOOK_BACK: usize = 6;

/// The course of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In the order of their first segments.
    pub rows: Vec<Row>,
}

/// A part of the course of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Segments of one kind and direction, close together.
    Run(Run),
    /// Segments that were counted only.
    Left(Left),
}

/// Segments of one kind and direction, close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which way they went.
    pub direction: Direction,
    /// What they are.
    pub kind: SegmentKind,
    /// What else is worth saying of the first.
    pub notes: Notes,
    /// The first of them.
    pub first: Mark,
    /// The last of them.
    pub last: Mark,
    /// How many.
    pub segments: u64,
    /// Octets of payload in them, sent again or not.
    pub payload_bytes: u64,
    is_decisive: bool,
    /// Whether what it is may still change.
    is_open: bool,
}

/// Segments that were counted only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The first of them.
    pub first: Mark,
    /// The last of them.
    pub last: Mark,
    /// How many.
    pub segments: u64,
    /// Keepalive and zero-window probes among them.
    pub probes: u64,
    /// Octets of payload in them.
    pub payload_bytes: u64,
    /// The longest silence between them.
    pub longest: Span,
}

impl Row {
    /// The first segment.
    #[must_use]
    pub const fn first(&self) -> Mark {
        match self {
            Self::Run(run) => run.first,
            Self::Left(left) => left.first,
        }
    }

    /// The last segment.
    #[must_use]
    pub const fn last(&self) -> Mark {
        match self {
            Self::Run(run) => run.last,
            Self::Left(left) => left.last,
        }
    }
}

/// Gathers the courses of some flows.
#[derive(Debug, Default)]
pub struct Collector {
    strips: HashMap<u32, Strip>,
    /// Flow of each segment whose row may still change.
    open: HashMap<FrameId, u32>,
}

impl Collector {
    /// A collector for `flows`, whose decisive segments are kept in any case.
    pub fn new(flows: impl Iterator<Item = Flow>) -> Self {
        let strip = |flow: Flow| (flow.id, Strip { decisive: decisive(&flow), ..Strip::default() });
        Self { strips: flows.map(strip).collect(), open: HashMap::new() }
    }

    /// The next segment of the capture, of the flow with this number.
    pub fn segment(&mut self, flow: u32, seen: &Labelled<'_>) {
        if seen.kind == SegmentKind::DuplicateFrame {
            return;
        }
        let Some(strip) = self.strips.get_mut(&flow) else { return };
        let is_open = seen.notes.has(Notes::UNRESOLVED) || seen.notes.has(Notes::AMBIGUOUS);
        if is_open {
            self.open.insert(seen.mark.frame, flow);
        }
        let run = Run {
            direction: seen.direction,
            kind: seen.kind,
            notes: seen.notes,
            first: seen.mark,
            last: seen.mark,
            segments: 1,
            payload_bytes: seen.segment.payload_len.into(),
            is_decisive: strip.decisive.contains(&seen.mark.frame),
            is_open,
        };
        if let Some(settled) = strip.push(run) {
            self.open.remove(&settled);
        }
    }

    /// A judgement on an earlier segment.
    pub fn relabel(&mut self, relabel: &Relabel) {
        let flow = self.open.remove(&relabel.frame);
        let Some(strip) = flow.and_then(|flow| self.strips.get_mut(&flow)) else { return };
        let run = strip.runs_mut().find(|run| run.is_open && run.first.frame == relabel.frame);
        if let Some(run) = run {
            (run.kind, run.notes, run.is_open) = (relabel.kind, relabel.notes, false);
        }
    }

    /// What was gathered, by the number of the flow.
    #[must_use]
    pub fn finish(self) -> HashMap<u32, Timeline> {
        self.strips.into_iter().map(|(flow, strip)| (flow, strip.finish())).collect()
    }
}

/// The segments that a picture of the flow must show.
fn decisive(flow: &Flow) -> BTreeSet<FrameId> {
    let mut frames: BTreeSet<FrameId> = flow.verdict.frames.iter().copied().map(frame_id).collect();
    for clock in ["packet", "payload"] {
        let mut gaps: Vec<_> = flow.gaps.iter().filter(|gap| gap.clock == clock).collect();
        gaps.sort_by(|a, b| {
            (a.outcome != "died").cmp(&(b.outcome != "died")).then(b.duration_s.total_cmp(&a.duration_s))
        });
        let ends = gaps.iter().take(SILENCES).flat_map(|gap| [Some(gap.start_frame), gap.end_frame]);
        frames.extend(ends.flatten().map(frame_id));
    }
    frames.extend(flow.resets.iter().map(|reset| frame_id(reset.frame)));
    frames.extend(flow.waiting.iter().map(|waiting| frame_id(waiting.since_frame)));
    frames
}

/// The frame that the model names.
#[must_use]
pub const fn frame_id(frame: Frame) -> FrameId {
    match frame {
        Frame::Only(number) => FrameId { file: 0, number },
        Frame::InFile { file, frame } => FrameId { file, number: frame },
    }
}

/// The rows of one flow while they are gathered.
#[derive(Debug, Default)]
struct Strip {
    decisive: BTreeSet<FrameId>,
    head: Vec<Run>,
    middle: Vec<Row>,
    tail: VecDeque<Run>,
}

impl Strip {
    /// Takes a segment. A row whose kind can no longer change because it was given up is handed back.
    fn push(&mut self, run: Run) -> Option<FrameId> {
        if let Some(row) = self.shared(&run) {
            row.join(&run);
            return None;
        }
        if self.head.len() < HEAD {
            self.head.push(run);
            return None;
        }
        self.tail.push_back(run);
        if self.tail.len() <= TAIL {
            return None;
        }
        self.tail.pop_front().and_then(|run| self.retire(run))
    }

    /// The row that `run` may join: of the same kind and direction, and with nothing between that must stay apart.
    fn shared(&mut self, run: &Run) -> Option<&mut Run> {
        let rows = self.head.iter_mut().chain(&mut self.tail).rev().take(LOOK_BACK);
        for row in rows {
            if row.admits(run) {
                return Some(row);
            }
            if !row.lets_pass(run) {
                return None;
            }
        }
        None
    }

    /// A row leaves the end of the flow: it stays if it decides, and is counted otherwise.
    fn retire(&mut self, run: Run) -> Option<FrameId> {
        if (run.is_decisive || run.is_open) && self.middle.len() < MIDDLE {
            self.middle.push(Row::Run(run));
            return None;
        }
        match self.middle.last_mut() {
            Some(Row::Left(left)) => left.absorb(&run),
            _ => self.middle.push(Row::Left(Left::from(&run))),
        }
        run.is_open.then_some(run.first.frame)
    }

    fn runs_mut(&mut self) -> impl Iterator<Item = &mut Run> {
        let middle = self.middle.iter_mut().filter_map(|row| match row {
            Row::Run(run) => Some(run),
            Row::Left(_) => None,
        });
        self.head.iter_mut().chain(middle).chain(&mut self.tail)
    }

    fn finish(self) -> Timeline {
        let head = self.head.into_iter().map(Row::Run);
        Timeline { rows: head.chain(self.middle).chain(self.tail.into_iter().map(Row::Run)).collect() }
    }
}

impl Run {
    fn admits(&self, run: &Self) -> bool {
        let is_alike = self.kind == run.kind && self.direction == run.direction;
        is_alike && is_bulk(run.kind) && !self.is_open && !run.is_open && self.is_near(run)
    }

    /// Whether a later run may be told before this one: bulk transfer with the ACKs that answer it, in one turn.
    fn lets_pass(&self, run: &Self) -> bool {
        let is_own = self.direction == run.direction;
        let keeps_turns = match (is_payload(self.kind), is_payload(run.kind)) {
            (true, true) => is_own,
            (true, false) => !is_own,
            _ => true,
        };
        is_bulk(self.kind) && is_bulk(run.kind) && !self.is_open && self.is_near(run) && keeps_turns
    }

    fn is_near(&self, run: &Self) -> bool {
        run.first.time.since(self.last.time).abs() < BURST
    }

    fn join(&mut self, run: &Self) {
        self.last = run.last;
        self.segments += run.segments;
        self.payload_bytes = self.payload_bytes.saturating_add(run.payload_bytes);
        self.is_decisive |= run.is_decisive;
    }
}

impl Left {
    fn absorb(&mut self, run: &Run) {
        self.longest = self.longest.max(run.first.time.since(self.last.time));
        self.last = self.last.max_by_time(run.last);
        self.segments += run.segments;
        self.probes += if run.kind.is_probe() { run.segments } else { 0 };
        self.payload_bytes = self.payload_bytes.saturating_add(run.payload_bytes);
    }
}

impl From<&Run> for Left {
    fn from(run: &Run) -> Self {
        Self {
            first: run.first,
            last: run.last,
            segments: run.segments,
            probes: if run.kind.is_probe() { run.segments } else { 0 },
            payload_bytes: run.payload_bytes,
            longest: Span::ZERO,
        }
    }
}

/// A row of one segment, for the tests of what is drawn.
#[cfg(test)]
pub(crate) fn sample_row(mark: Mark, direction: Direction, kind: SegmentKind) -> Row {
    let (first, last, notes) = (mark, mark, Notes::NONE);
    Row::Run(Run {
        direction,
        kind,
        notes,
        first,
        last,
        segments: 1,
        payload_bytes: 0,
        is_decisive: false,
        is_open: false,
    })
}

/// Kinds of which many in a row say no more than one.
const fn is_bulk(kind: SegmentKind) -> bool {
    use SegmentKind::{Ack, DupAck, WindowUpdate};
    is_payload(kind) || matches!(kind, Ack | DupAck | WindowUpdate)
}

const fn is_payload(kind: SegmentKind) -> bool {
    matches!(kind, SegmentKind::Data | SegmentKind::Retransmission | SegmentKind::OutOfOrder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::time::Timestamp;

    const C2S: Direction = Direction::FromInitiator;
    const S2C: Direction = Direction::FromResponder;

    fn run(number: u32, millis: i64, direction: Direction, kind: SegmentKind) -> Run {
        let time = Timestamp::from_nanos(0).plus(Span::from_millis(millis));
        let mark = Mark { time, frame: FrameId { file: 0, number } };
        let payload_bytes = if is_payload(kind) { 100 } else { 0 };
        Run {
            direction,
            kind,
            notes: Notes::NONE,
            first: mark,
            last: mark,
            segments: 1,
            payload_bytes,
            is_decisive: false,
            is_open: false,
        }
    }

    fn runs(strip: Strip) -> Vec<(u32, u32, SegmentKind, u64)> {
        let rows = strip.finish().rows.into_iter().filter_map(|row| match row {
            Row::Run(run) => Some((run.first.frame.number, run.last.frame.number, run.kind, run.segments)),
            Row::Left(_) => None,
        });
        rows.collect()
    }

    #[test]
    fn a_transfer_and_its_acks_are_two_rows_and_the_answer_is_a_third() {
        use SegmentKind::{Ack, Data};
        let mut strip = Strip::default();
        for number in 0..100 {
            strip.push(run(2 * number + 1, i64::from(number), S2C, Data));
            strip.push(run(2 * number + 2, i64::from(number), C2S, Ack));
        }
        strip.push(run(201, 150, C2S, Data));
        strip.push(run(202, 151, S2C, Ack));
        strip.push(run(203, 152, S2C, Data));
        assert_eq!(
            runs(strip),
            [(1, 199, Data, 100), (2, 200, Ack, 100), (201, 201, Data, 1), (202, 202, Ack, 1), (203, 203, Data, 1)]
        );
    }

    #[test]
    fn a_silence_of_a_second_parts_rows() {
        let mut strip = Strip::default();
        strip.push(run(1, 0, S2C, SegmentKind::Data));
        strip.push(run(2, 999, S2C, SegmentKind::Data));
        strip.push(run(3, 1_999, S2C, SegmentKind::Data));
        assert_eq!(runs(strip).len(), 2);
    }

    #[test]
    fn a_flow_of_any_length_takes_little_room_and_keeps_what_decides() {
        let mut strip = Strip::default();
        for number in 1..=100_000 {
            let direction = if number % 2 == 0 { S2C } else { C2S };
            let kind = if number % 2 == 0 { SegmentKind::KeepaliveAck } else { SegmentKind::KeepaliveProbe };
            let mut run = run(number, i64::from(number) * 1_000, direction, kind);
            run.is_decisive = number == 50_001;
            strip.push(run);
        }
        let timeline = strip.finish();
        assert_eq!(timeline.rows.len(), HEAD + 3 + TAIL);
        let [Row::Left(before), Row::Run(decisive), Row::Left(after)] = &timeline.rows[HEAD..HEAD + 3] else {
            panic!("{:?}", timeline.rows)
        };
        assert_eq!(decisive.first.frame.number, 50_001);
        assert_eq!((before.segments, before.probes, before.longest), (49_990, 24_995, Span::from_secs(1)));
        assert_eq!(before.segments + after.segments + 31, 100_000);
        assert_eq!(after.last.frame.number, 99_980);
    }

    #[test]
    fn however_much_decides_the_room_is_bounded() {
        let mut strip = Strip::default();
        for number in 1..=10_000 {
            let mut run = run(number, i64::from(number) * 2_000, C2S, SegmentKind::KeepaliveProbe);
            run.is_decisive = number % 2 == 0;
            strip.push(run);
        }
        let rows = strip.finish().rows;
        assert!(rows.len() <= HEAD + MIDDLE + 1 + TAIL, "{}", rows.len());
        let segments = rows.iter().map(|row| match row {
            Row::Run(run) => run.segments,
            Row::Left(left) => left.segments,
        });
        assert_eq!(segments.sum::<u64>(), 10_000, "nothing is lost without being counted");
    }

    #[test]
    fn a_later_judgement_changes_the_row() {
        let mut collector = Collector::new([sample::flow(7, "open")].into_iter());
        let mut open = run(3, 0, C2S, SegmentKind::Ack);
        open.is_open = true;
        collector.open.insert(open.first.frame, 7);
        let strip = collector.strips.get_mut(&7).unwrap();
        strip.push(open);
        strip.push(run(4, 1, C2S, SegmentKind::Ack));
        let (frame, kind) = (open.first.frame, SegmentKind::KeepaliveProbe);
        collector.relabel(&Relabel { frame, kind, notes: Notes::INFERRED });
        let timeline = collector.finish().remove(&7).unwrap();
        let kinds = timeline.rows.iter().map(|row| match row {
            Row::Run(run) => run.kind,
            Row::Left(_) => panic!("nothing was left out"),
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [SegmentKind::KeepaliveProbe, SegmentKind::Ack]);
    }

    #[test]
    fn what_the_verdict_rests_on_decides() {
        let (_, flows) = sample::incident();
        let numbers: Vec<_> = decisive(&flows.0[0]).iter().map(|frame| frame.number).collect();
        // The gap from frame 9 to frame 12, the second RST, and the request that waits.
        assert_eq!(numbers, [4, 9, 12, 13]);
    }
}
