//! A gap in 32 octets, half of what it takes spelled out: flows keep up to two dozen.

use super::{Ender, Gap, Outcome};
use crate::flow::Direction;
use crate::flow::kind::SegmentKind;
use crate::flow::mark::{FrameId, Mark};
use crate::time::{Span, Timestamp};

/// Bits of a file's number: no command line holds so many names.
const FILE_BITS: u32 = 24;
const FILE_MASK: u64 = (1 << FILE_BITS) - 1;
const END_FILE_AT: u32 = FILE_BITS;
const KIND_AT: u32 = 2 * FILE_BITS;
const KIND_MASK: u64 = 0xf;
const OUTCOME_AT: u32 = KIND_AT + 4;
const OUTCOME_MASK: u64 = 3;
const FROM_INITIATOR: u64 = 1 << (OUTCOME_AT + 2);
const HALF_CLOSED: u64 = 1 << (OUTCOME_AT + 3);
const HAS_ENDER: u64 = 1 << (OUTCOME_AT + 4);

/// What [`Gap`] says, in few octets. Its length is the distance of its times, so that it need not be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brief {
    start: Timestamp,
    end: Timestamp,
    start_frame: u32,
    end_frame: u32,
    /// From the lowest bit: file of the start, file of the end, kind of the ender, outcome, and three flags.
    rest: u64,
}

impl Brief {
    /// How long the gap lasted.
    pub(super) const fn length(&self) -> Span {
        self.end.since(self.start)
    }

    /// When it began.
    pub(super) const fn start(&self) -> Timestamp {
        self.start
    }

    /// How it came out.
    pub(super) const fn outcome(&self) -> Outcome {
        match self.rest >> OUTCOME_AT & OUTCOME_MASK {
            0 => Outcome::Open,
            1 => Outcome::Survived,
            _ => Outcome::Died,
        }
    }

    /// The same gap with another outcome.
    pub(super) const fn came_out(mut self, outcome: Outcome) -> Self {
        self.rest = self.rest & !(OUTCOME_MASK << OUTCOME_AT) | code(outcome) << OUTCOME_AT;
        self
    }

    /// What ended it.
    pub(super) fn ended_by(&self) -> Option<Ender> {
        let direction =
            if self.rest & FROM_INITIATOR != 0 { Direction::FromInitiator } else { Direction::FromResponder };
        let frame = FrameId { file: self.file(END_FILE_AT), number: self.end_frame };
        let mark = Mark { time: self.end, frame };
        (self.rest & HAS_ENDER != 0).then_some(Ender { mark, direction, kind: self.kind() })
    }

    /// The kind of what ended it, if anything did.
    pub(super) fn kind(&self) -> SegmentKind {
        let place = (self.rest >> KIND_AT & KIND_MASK) as usize;
        SegmentKind::ALL.get(place).copied().unwrap_or(SegmentKind::Ack)
    }

    const fn file(&self, at: u32) -> u32 {
        (self.rest >> at & FILE_MASK) as u32
    }
}

impl From<Gap> for Brief {
    fn from(gap: Gap) -> Self {
        let Gap { start, ended_by, length, outcome, half_closed } = gap;
        let blank = Ender {
            mark: Mark { time: start.time.plus(length), frame: FrameId::default() },
            direction: Direction::FromResponder,
            kind: SegmentKind::Syn,
        };
        let Ender { mark, direction, kind } = ended_by.unwrap_or(blank);
        let file = |frame: FrameId| u64::from(frame.file).min(FILE_MASK);
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let rest = file(start.frame)
            | file(mark.frame) << END_FILE_AT
            | (kind as u64) << KIND_AT
            | code(outcome) << OUTCOME_AT
            | flag(direction == Direction::FromInitiator, FROM_INITIATOR)
            | flag(half_closed, HALF_CLOSED)
            | flag(ended_by.is_some(), HAS_ENDER);
        Self { start: start.time, end: mark.time, start_frame: start.frame.number, end_frame: mark.frame.number, rest }
    }
}

impl From<Brief> for Gap {
    fn from(brief: Brief) -> Self {
        let frame = FrameId { file: brief.file(0), number: brief.start_frame };
        Self {
            start: Mark { time: brief.start, frame },
            ended_by: brief.ended_by(),
            length: brief.length(),
            outcome: brief.outcome(),
            half_closed: brief.rest & HALF_CLOSED != 0,
        }
    }
}

const fn code(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Open => 0,
        Outcome::Survived => 1,
        Outcome::Died => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn mark()(nanos: i64, file in 0..1_u32 << FILE_BITS, number: u32) -> Mark {
            Mark { time: Timestamp::from_nanos(nanos), frame: FrameId { file, number } }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            start in mark(),
            end in mark(),
            kind in 0..SegmentKind::ALL.len(),
            bits: (bool, bool, bool),
            outcome in 0..3_usize,
        ) {
            let (by_initiator, half_closed, is_ended) = bits;
            let direction = Direction::BOTH[usize::from(!by_initiator)];
            let ender = Ender { mark: end, direction, kind: SegmentKind::ALL[kind] };
            let outcome = [Outcome::Open, Outcome::Survived, Outcome::Died][outcome];
            // Where nothing ended the gap, the capture did: the length leads there.
            let length = end.time.since(start.time);
            prop_assume!(is_ended || start.time.plus(length) == end.time);
            let gap = Gap { start, ended_by: is_ended.then_some(ender), length, outcome, half_closed };
            let brief = Brief::from(gap);
            prop_assert_eq!(Gap::from(brief), gap);
            prop_assert_eq!((brief.length(), brief.outcome(), brief.start()), (length, outcome, start.time));
            prop_assert_eq!(Gap::from(brief.came_out(Outcome::Died)), Gap { outcome: Outcome::Died, ..gap });
        }
    }

    #[test]
    fn it_is_brief() {
        assert_eq!(size_of::<Brief>(), 32);
    }
}
