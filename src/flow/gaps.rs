//! Idle gaps on two clocks: silence of any packet, and silence of payload.
//!
//! A layer-4 balancer, NAT or firewall counts the first; a proxy or an application counts the second. A gap is open
//! until what ended it is answered from the other end (it survived), is a RST or stays unanswered (it died).

mod brief;

use crate::flow::Direction;
use crate::flow::gaps::brief::Brief;
use crate::flow::kind::SegmentKind;
use crate::flow::mark::Mark;
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// No silence under this is judged, whatever the flow's round-trip time.
pub const LEAST_GAP: Span = Span::from_secs(1);
/// How many of the longest gaps are kept per clock.
pub const KEPT: usize = 8;
/// How many fatal gaps are kept per clock, beside the longest.
const FATAL_KEPT: usize = 4;

/// What a timer on the path or at an end counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// Any segment in either direction.
    Packet,
    /// New payload, and FIN, in either direction.
    Payload,
}

impl Clock {
    /// `packet` or `payload`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Payload => "payload",
        }
    }
}

/// How a gap came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// What ended it was answered from the other end.
    Survived,
    /// What ended it was a RST born of it, or was never answered.
    Died,
    /// The capture ends before it is decided.
    Open,
}

impl Outcome {
    /// `survived`, `died` or `open`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Survived => "survived",
            Self::Died => "died",
            Self::Open => "open",
        }
    }
}

/// Who ended a gap, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ender {
    /// Where and when.
    pub mark: Mark,
    /// Which way it went.
    pub direction: Direction,
    /// What it was.
    pub kind: SegmentKind,
}

/// One idle gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last segment before it.
    pub start: Mark,
    /// What ended it; `None` where the capture ended first.
    pub ended_by: Option<Ender>,
    /// How long it lasted, or had lasted when the capture ended.
    pub length: Span,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether one side had sent its FIN when it began.
    pub half_closed: bool,
}

/// A gap that has ended but is not decided.
#[derive(Clone, Copy, Debug)]
pub struct Undecided {
    gap: Brief,
    /// Who must answer for it to survive.
    pub asked: Direction,
    /// The acknowledgment that answers it; `None` where any sign of life does.
    pub answer: Option<Seq>,
    /// Further segments of the asking side since, unanswered too.
    pub repeats: u32,
}

impl Undecided {
    /// What ended the gap.
    #[must_use]
    pub fn ended_by(&self) -> Option<Ender> {
        self.gap.ended_by()
    }

    /// The kind of what ended the gap.
    pub(super) fn ender_kind(&self) -> SegmentKind {
        self.gap.kind()
    }
}

/// The gaps of one flow on one clock.
///
/// Three lines of memory, since they are far away where flows are many: what every segment looks at, what every gap is held
/// against, and what few gaps change. The lists lie apart, and are written without being read.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct Gaps {
    undecided: Option<Undecided>,
    total: u64,
    silent: Span,
    /// The lengths of the longest, in their order.
    lengths: [Span; KEPT],
    /// The longest that survived.
    survived: Option<Brief>,
    longest: Vec<Brief>,
    #[expect(clippy::box_collection, reason = "a third of the octets, in flows that have none")]
    fatal: Option<Box<Vec<Brief>>>,
}

impl Gaps {
    /// Gaps in all, whether kept or not.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Whether there was none.
    pub(super) const fn is_blank(&self) -> bool {
        self.total == 0 && self.undecided.is_none()
    }

    /// All gaps together, whether kept or not.
    #[must_use]
    pub const fn silent(&self) -> Span {
        self.silent
    }

    /// Reads a little of each line of memory.
    pub(super) fn touch(&self) -> u64 {
        let undecided = self.undecided.as_ref().map_or(0, |undecided| u64::from(undecided.repeats));
        let [length, ..] = self.lengths;
        self.total ^ undecided ^ self.longest.len() as u64 ^ length.as_nanos().cast_unsigned()
    }

    /// The same for what lies apart from it: where the next gap would be kept.
    pub(super) fn touch_longest(&self) -> u64 {
        let place = if self.longest.len() == KEPT { self.shortest() } else { self.longest.len() };
        let gap = self.longest.get(place).or(self.longest.last());
        gap.map_or(0, |gap| gap.start().as_nanos().cast_unsigned())
    }

    /// The longest eight and every fatal one, in order of time.
    #[must_use]
    pub fn kept(&self) -> Vec<Gap> {
        let mut kept: Vec<Gap> = self.all().map(|gap| Gap::from(*gap)).collect();
        kept.sort_by_key(|gap| gap.start.time);
        kept
    }

    /// Of the longest eight and every fatal one, the last that is so.
    pub fn last_that(&self, is_so: impl Fn(&Gap) -> bool) -> Option<Gap> {
        self.all().map(|gap| Gap::from(*gap)).filter(is_so).max_by_key(|gap| gap.start.time)
    }

    /// Of the longest eight and every fatal one, the first that is so.
    pub fn first_that(&self, is_so: impl Fn(&Gap) -> bool) -> Option<Gap> {
        self.all().map(|gap| Gap::from(*gap)).filter(is_so).min_by_key(|gap| gap.start.time)
    }

    /// The last gap that the flow did not survive and that something had ended by `until`.
    #[must_use]
    pub fn died_by(&self, until: Timestamp) -> Option<Gap> {
        let died = self.all().filter(|gap| gap.outcome() == Outcome::Died);
        let ended = |gap: &Gap| gap.ended_by.is_some_and(|ender| ender.mark.time <= until);
        died.map(|gap| Gap::from(*gap)).filter(ended).max_by_key(|gap| gap.start.time)
    }

    /// The lengths of the longest eight and every fatal one, in no particular order.
    pub fn lengths(&self) -> impl Iterator<Item = Span> {
        self.all().map(Brief::length)
    }

    /// The longest gap that survived.
    #[must_use]
    pub fn longest_survived(&self) -> Option<Gap> {
        self.survived.map(Gap::from)
    }

    /// The last gap that the flow did not survive.
    #[must_use]
    pub fn died(&self) -> Option<Gap> {
        let died = self.all().filter(|gap| gap.outcome() == Outcome::Died);
        died.max_by_key(|gap| gap.start()).map(|gap| Gap::from(*gap))
    }

    /// The gap that was open when the capture ended.
    #[must_use]
    pub fn open(&self) -> Option<Gap> {
        let open = self.longest.iter().filter(|gap| gap.outcome() == Outcome::Open);
        open.max_by_key(|gap| gap.start()).map(|gap| Gap::from(*gap))
    }

    /// The gap that waits for its decision.
    #[must_use]
    pub const fn undecided(&self) -> Option<&Undecided> {
        self.undecided.as_ref()
    }

    /// A gap has ended; `asked` and `answer` say what decides it.
    pub(crate) fn ended(&mut self, gap: Gap, asked: Direction, answer: Option<Seq>) {
        self.undecided = Some(Undecided { gap: gap.into(), asked, answer, repeats: 0 });
    }

    /// The side that ended the gap sent `kind` again or more; what must be acknowledged now ends at `answer`.
    pub(crate) fn repeated(&mut self, kind: SegmentKind, answer: Option<Seq>) {
        if let Some(undecided) = &mut self.undecided {
            undecided.repeats = undecided.repeats.saturating_add(1);
            // A bare ACK asks for nothing: what follows it from the same side takes its place as the question.
            if undecided.answer.is_none() && !kind.is_probe() {
                undecided.answer = answer;
            }
        }
    }

    /// The waiting gap came out as `outcome`.
    pub(crate) fn decide(&mut self, outcome: Outcome) {
        if let Some(Undecided { gap, .. }) = self.undecided.take() {
            self.file(gap.came_out(outcome));
        }
    }

    /// A FIN that was answered ended the waiting gap: it came out well, but that a timer of payload would have let it go
    /// on does not show.
    pub(crate) fn decide_closed(&mut self) {
        let survived = self.survived;
        self.decide(Outcome::Survived);
        self.survived = survived;
    }

    /// Files a decided gap.
    pub(crate) fn keep(&mut self, gap: Gap) {
        self.file(gap.into());
    }

    fn file(&mut self, gap: Brief) {
        let (length, outcome) = (gap.length(), gap.outcome());
        self.total += 1;
        self.silent = self.silent.plus(length);
        if outcome == Outcome::Survived && self.survived.is_none_or(|best| best.length() < length) {
            self.survived = Some(gap);
        }
        if outcome == Outcome::Died {
            let fatal = self.fatal.get_or_insert_default();
            if fatal.len() == FATAL_KEPT {
                fatal.remove(0);
            }
            fatal.push(gap);
            return;
        }
        let place = self.longest.len();
        if let Some(free) = self.lengths.get_mut(place) {
            *free = length;
            self.longest.push(gap);
            return;
        }
        // Of two equal ones the earlier stays, so that the result does not depend on how the capture was cut.
        let place = self.shortest();
        if let (Some(kept), Some(shortest)) = (self.lengths.get_mut(place), self.longest.get_mut(place))
            && *kept < length
        {
            *kept = length;
            *shortest = gap;
        }
    }

    /// The place of the shortest of eight, the last of equal ones.
    fn shortest(&self) -> usize {
        let [first, rest @ ..] = &self.lengths;
        let shorter = |best: (usize, Span), (place, length): (usize, &Span)| {
            if *length <= best.1 { (place, *length) } else { best }
        };
        (1..).zip(rest).fold((0, *first), shorter).0
    }

    fn all(&self) -> impl Iterator<Item = &Brief> {
        self.longest.iter().chain(self.fatal.iter().flat_map(|fatal| fatal.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::mark::FrameId;
    use crate::time::Timestamp;

    fn gap(start_s: i64, length_s: i64, outcome: Outcome) -> Gap {
        let start = Mark { time: Timestamp::from_nanos(start_s * 1_000_000_000), frame: FrameId::new(0, 1) };
        Gap { start, ended_by: None, length: Span::from_secs(length_s), outcome, half_closed: false }
    }

    #[test]
    fn keeps_the_longest_and_every_fatal_one() {
        let mut gaps = Gaps::default();
        (0..100).for_each(|n| gaps.keep(gap(n * 1_000, n % 50, Outcome::Survived)));
        gaps.keep(gap(200_000, 3, Outcome::Died));
        let lengths: Vec<_> = gaps.kept().iter().map(|gap| gap.length.as_secs_f64() as i64).collect();
        assert_eq!(lengths, [46, 47, 48, 49, 46, 47, 48, 49, 3]);
        assert_eq!(gaps.total(), 101);
        assert_eq!(gaps.silent(), Span::from_secs(2 * 1_225 + 3), "0 to 49 twice, and 3");
        assert_eq!(gaps.died().unwrap().length, Span::from_secs(3));
        assert_eq!(gaps.longest_survived().unwrap().start.time.as_nanos(), 49_000_000_000_000);
    }

    #[test]
    fn a_bare_ack_gives_way_to_the_data_behind_it() {
        let mut gaps = Gaps::default();
        gaps.ended(gap(0, 90, Outcome::Open), Direction::FromResponder, None);
        gaps.repeated(SegmentKind::Data, Some(Seq(7)));
        assert_eq!(gaps.undecided().unwrap().answer, Some(Seq(7)));
        gaps.decide(Outcome::Survived);
        assert_eq!(gaps.kept().len(), 1);
        assert!(gaps.undecided().is_none());
    }
}
