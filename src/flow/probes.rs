//! Probes of one direction: which are open, which were answered, and in what rhythm they came.

pub mod dating;

use crate::flow::bounded::{FirstLast, HopLimits, SpanRange};
use crate::flow::kind::SegmentKind;
use crate::flow::mark::{FrameId, Mark};
use crate::flow::probes::dating::Dating;
use crate::seq::Seq;
use crate::time::Span;
use crate::wire::Segment;

/// Shortest spacing at which repeated segments count as a probe's rhythm: Linux counts `TCP_KEEPIDLE` in whole
/// seconds (tcp(7)), and duplicate ACKs come closer.
pub const LEAST_RHYTHM: Span = Span::from_secs(1);

/// A probe and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// SEG.SEQ of the probe.
    pub seq: Seq,
    /// When and where.
    pub mark: Mark,
    /// Keepalive or zero-window probe.
    pub kind: SegmentKind,
    /// Whether it carried an octet.
    pub one_byte: bool,
    /// Whether it may still turn out to be a keepalive probe (rule 3).
    pub ambiguous: bool,
    /// Whether something answered it.
    pub answered: bool,
    /// The segment that answered it.
    pub answer: Option<Mark>,
    /// TSecr of the probe: what its sender had heard last.
    pub echo: Option<u32>,
}

/// Segments that may be held at most: more than the probes of any default count.
const HELD: usize = 12;

/// Segments that may turn out to be probes once the other end speaks or they repeat (rule 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Their common sequence number.
    pub seq: Seq,
    /// Their common acknowledgment number.
    pub ack: Seq,
    /// Payload octets of each, 0 or 1.
    pub len: u32,
    /// Whether the PSH flag was set, which argues for data.
    pub pushed: bool,
    /// TSecr of the first.
    pub echo: Option<u32>,
    /// The segments, the earliest first.
    pub marks: [Mark; HELD],
    /// How many of `marks` are used.
    pub count: u8,
    /// Time between the last two.
    pub spacing: Option<Span>,
}

impl Held {
    /// The segments held.
    pub fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.marks.iter().copied().take(usize::from(self.count))
    }

    /// Holds one more; the last place takes turns when all are used.
    pub(crate) fn join(&mut self, mark: Mark) {
        if self.count > 0 {
            self.spacing = Some(mark.time.since(self.last().time));
        }
        let place = usize::from(self.count).min(HELD - 1);
        if let Some(slot) = self.marks.get_mut(place) {
            *slot = mark;
            self.count = self.count.saturating_add(1).min(HELD as u8);
        }
    }

    /// Whether they came in a rhythm, as the timer of unanswered probes sends them.
    #[must_use]
    pub fn is_rhythmic(&self) -> bool {
        let times = || self.marks().map(|mark| mark.time);
        let spacings = || times().zip(times().skip(1)).map(|(earlier, later)| later.since(earlier));
        let bounds = spacings().min().zip(spacings().max());
        self.count > 2 && bounds.is_some_and(|(least, most)| most.times(100) <= least.times(125))
    }

    /// The last segment held.
    #[must_use]
    pub fn last(&self) -> Mark {
        self.marks().last().unwrap_or_default()
    }
}

/// Everything about the probes that one endpoint sent.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// The last probe.
    pub latest: Option<Pending>,
    /// The one before it, while still unanswered: few have one, since most probes are answered.
    pub previous: Option<Box<Pending>>,
    /// Segments that may become probes.
    pub held: Option<Box<Held>>,
    /// Zero-window probes: time between the last two, or before the first one.
    pub window_spacing: Option<Span>,
    /// Zero-window probes: a doubling spacing has been seen.
    pub backing_off: bool,
    /// Keepalive probes in numbers.
    pub keepalive: KeepaliveStats,
    dating: Option<Box<Dating>>,
}

/// The pure ACKs that answered the probes: whoever sent them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Their hop limits.
    pub hop_limits: HopLimits,
    /// From a probe to its answer.
    pub delay: SpanRange,
    /// Whether data of the end that they claim to come from followed with another hop limit than theirs.
    pub unlike_later_data: bool,
}

impl Answers {
    /// Takes in an answer to a probe.
    pub(crate) fn add(&mut self, delay: Span, hop_limit: u8) {
        self.hop_limits.add(hop_limit);
        self.delay.add(delay);
    }

    /// Takes note of data from the end that the answers claim to come from.
    pub(crate) fn compare_data(&mut self, hop_limit: u8) {
        self.unlike_later_data |= self.delay.count() > 0 && !self.hop_limits.contains(hop_limit);
    }
}

/// The rhythm of keepalive probes, from which the sender's settings follow (semantics: Linux sender).
#[derive(Clone, Debug, Default)]
pub struct KeepaliveStats {
    /// Frames of the probes.
    pub frames: FirstLast<FrameId>,
    /// Probes without payload.
    pub empty: u32,
    /// Probes with one octet.
    pub one_byte: u32,
    /// Probes answered by an ACK or by payload.
    pub answered: u32,
    /// Probes whose answer was not captured, but shows in what the prober echoed next.
    pub unseen: u32,
    /// Probes answered by a RST.
    pub reset: u32,
    /// Probes known only by what followed.
    pub inferred: u32,
    /// From the last segment heard to the first probe of a train.
    pub first_delay: SpanRange,
    /// From an answer to the next probe.
    pub after_answer: SpanRange,
    /// From an unanswered probe to the next one.
    pub after_silence: SpanRange,
    /// Unanswered probes in a row: now.
    pub run: u32,
    /// Unanswered probes in a row: the most.
    pub longest_run: u32,
    /// Probes without the timestamps option, though their sender had used it before.
    pub without_timestamps: u32,
    /// The answers.
    pub answers: Answers,
    /// The last time from an unanswered probe to the next one, within a run.
    last_spacing: Option<Span>,
    /// Such times that were at least half as long again as the one before.
    grown: u32,
    /// Such times that were not.
    level: u32,
}

impl KeepaliveStats {
    /// Probes in all.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.empty.saturating_add(self.one_byte)
    }

    /// Probes that nothing answered.
    #[must_use]
    pub const fn unanswered(&self) -> u32 {
        self.total().saturating_sub(self.answered).saturating_sub(self.unseen).saturating_sub(self.reset)
    }

    /// Whether unanswered probes came further and further apart, as a retransmission timer has it.
    #[must_use]
    pub const fn backs_off(&self) -> bool {
        self.grown >= 2 && self.level == 0
    }

    fn add_silence(&mut self, spacing: Span) {
        self.after_silence.add(spacing);
        match self.last_spacing.replace(spacing) {
            Some(before) if spacing.times(2) >= before.times(3) => self.grown = self.grown.saturating_add(1),
            Some(_) => self.level = self.level.saturating_add(1),
            None => {}
        }
    }
}

impl Probes {
    /// How long both ends had been silent before the capture began; nothing without timestamps.
    #[must_use]
    pub fn dating(&self) -> Option<&Dating> {
        self.dating.as_deref()
    }

    /// The same, to take note of a segment with timestamps.
    pub(super) fn dating_mut(&mut self) -> &mut Dating {
        self.dating.get_or_insert_default()
    }

    /// Reads a little of each line of memory that a probe or its answer changes; less for a segment that `speaks`.
    pub(super) fn touch(&self, speaks: bool) -> u64 {
        if speaks {
            let is_open = self.latest.is_some_and(|probe| !probe.answered) || self.previous.is_some();
            return u64::from(is_open) ^ u64::from(self.keepalive.answers.delay.count());
        }
        let stats = &self.keepalive;
        let counts = [stats.empty, stats.after_answer.count(), stats.first_delay.count(), stats.level];
        let sum = counts.into_iter().fold(0, |sum, count| sum ^ u64::from(count));
        let latest = self.latest.map_or(0, |probe| u64::from(probe.seq.0));
        sum ^ latest ^ stats.frames.total() ^ u64::from(self.held.is_some())
    }

    /// The same for what lies apart from it.
    pub(super) fn touch_frames(&self) -> u64 {
        self.keepalive.frames.next_place().map_or(0, |frame| u64::from(frame.number))
    }

    /// Records `segment`, a probe of `kind`, of an end that `has_stamped` segments before or has not.
    pub(super) fn send(
        &mut self,
        kind: SegmentKind,
        segment: &Segment<'_>,
        mark: Mark,
        heard: Option<Mark>,
        has_stamped: bool,
    ) {
        let echo = segment.options.timestamps.map(|(_, echo)| echo);
        let probe = Pending {
            seq: segment.seq,
            mark,
            kind,
            one_byte: segment.payload_len == 1,
            ambiguous: false,
            answered: false,
            answer: None,
            echo,
        };
        self.sent(probe, heard);
        if kind == SegmentKind::KeepaliveProbe && has_stamped && echo.is_none() {
            let count = &mut self.keepalive.without_timestamps;
            *count = count.saturating_add(1);
        }
    }

    /// Records a probe; `heard` is when the prober last heard more of its peer than an empty probe.
    pub(crate) fn sent(&mut self, probe: Pending, heard: Option<Mark>) {
        let Pending { kind, mark, one_byte, .. } = probe;
        if kind == SegmentKind::KeepaliveProbe {
            self.measure(mark, heard);
            let count = if one_byte { &mut self.keepalive.one_byte } else { &mut self.keepalive.empty };
            *count = count.saturating_add(1);
            self.keepalive.frames.push(mark.frame);
            self.keepalive.run = self.keepalive.run.saturating_add(1);
            self.keepalive.longest_run = self.keepalive.longest_run.max(self.keepalive.run);
        }
        match self.latest.filter(|probe| !probe.answered) {
            Some(probe) => **self.previous.get_or_insert_with(|| Box::new(probe)) = probe,
            None => self.previous = None,
        }
        self.latest = Some(probe);
    }

    /// Marks `which` probe as answered by an ACK or payload at `answer`; returns a keepalive that nothing had answered yet.
    pub(crate) fn answered(&mut self, which: Answer, answer: Option<Mark>) -> Option<Pending> {
        let slot = match which {
            Answer::Previous => self.previous.as_deref_mut(),
            Answer::Latest | Answer::Held => self.latest.as_mut(),
            Answer::None => None,
        };
        let probe = slot.filter(|probe| !probe.answered)?;
        probe.answered = true;
        probe.answer = answer;
        if probe.kind != SegmentKind::KeepaliveProbe {
            return None;
        }
        let count = if answer.is_some() { &mut self.keepalive.answered } else { &mut self.keepalive.unseen };
        *count = count.saturating_add(1);
        self.keepalive.run = 0;
        Some(*probe)
    }

    /// Marks the last probe as answered by a RST (rule 12).
    pub(crate) fn reset(&mut self) {
        if let Some(probe) = self.latest.as_mut().filter(|probe| !probe.answered) {
            probe.answered = true;
            if probe.kind == SegmentKind::KeepaliveProbe {
                self.keepalive.reset = self.keepalive.reset.saturating_add(1);
            }
        }
    }

    /// The kind of the last probe became clear only now (rule 3): it was a keepalive.
    pub(crate) fn relabel_latest(&mut self) -> Option<Pending> {
        let probe = self.latest.as_mut()?;
        if probe.kind != SegmentKind::ZeroWindowProbe {
            return None;
        }
        probe.kind = SegmentKind::KeepaliveProbe;
        self.keepalive.empty = self.keepalive.empty.saturating_add(1);
        self.keepalive.frames.push(probe.mark.frame);
        if probe.answered {
            self.keepalive.answered = self.keepalive.answered.saturating_add(1);
        } else {
            self.keepalive.run = 1;
            self.keepalive.longest_run = self.keepalive.longest_run.max(1);
        }
        Some(*probe)
    }

    fn measure(&mut self, mark: Mark, heard: Option<Mark>) {
        let stats = &mut self.keepalive;
        let before = self.latest.filter(|probe| probe.kind == SegmentKind::KeepaliveProbe);
        match (before, heard) {
            (Some(probe), Some(heard)) if probe.answer == Some(heard) => {
                stats.after_answer.add(mark.time.since(heard.time));
            }
            // What was heard after the answer began a silence of its own.
            (Some(probe), Some(heard)) if heard.time > probe.mark.time => {
                stats.first_delay.add(mark.time.since(heard.time));
            }
            // Answered out of sight.
            (Some(probe), _) if probe.answered => stats.after_answer.add(mark.time.since(probe.mark.time)),
            (Some(probe), _) => return stats.add_silence(mark.time.since(probe.mark.time)),
            (None, Some(heard)) => stats.first_delay.add(mark.time.since(heard.time)),
            (None, None) => {}
        }
        stats.last_spacing = None;
    }
}

/// Which probe of the other end a segment answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// None.
    #[default]
    None,
    /// The last one.
    Latest,
    /// The one before the last.
    Previous,
    /// Segments that become probes by this answer.
    Held,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn mark(seconds: i64) -> Mark {
        Mark { time: Timestamp::from_nanos(0).plus(Span::from_secs(seconds)), frame: FrameId::new(0, 1) }
    }

    fn probe(seconds: i64) -> Pending {
        let kind = SegmentKind::KeepaliveProbe;
        let (one_byte, ambiguous) = (false, false);
        Pending {
            seq: Seq(7),
            mark: mark(seconds),
            kind,
            one_byte,
            ambiguous,
            answered: false,
            answer: None,
            echo: None,
        }
    }

    /// Time 2 s and interval 3 s: 2 s after payload, but 3 s after an answer (Linux `tcp_keepalive_timer`), here one that
    /// a coarse clock shows at the time of its probe.
    #[test]
    fn payload_after_an_answer_begins_a_new_silence() {
        let mut probes = Probes::default();
        probes.sent(probe(2), Some(mark(0)));
        probes.answered(Answer::Latest, Some(mark(2)));
        probes.sent(probe(5), Some(mark(2)));
        probes.answered(Answer::Latest, Some(mark(5)));
        probes.sent(probe(9), Some(mark(7)));
        let (time, interval) = (Span::from_secs(2), Span::from_secs(3));
        assert_eq!(probes.keepalive.first_delay.bounds(), Some((time, time)));
        assert_eq!(probes.keepalive.first_delay.count(), 2);
        assert_eq!(probes.keepalive.after_answer.bounds(), Some((interval, interval)));
    }
}
