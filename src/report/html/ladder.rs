//! Where everything stands in the picture of a flow: time runs down the page, a row to each event, and silences are
//! broken out of the axis, so that hours of silence and milliseconds of traffic share a page.

use super::known::{Mark, marks};
use crate::report::model::{Flow, Gap, Icmp};
use crate::report::timeline::{Row, Timeline, frame_id};
use crate::report::units;
use crate::time::{NANOS_PER_SECOND, Span, Timestamp};
use crate::timeouts::Entry;

/// Room for the names of the lanes.
pub(super) const TOP: f64 = 26.0;
/// Height of a row of two lines of text.
const ROW: f64 = 34.0;
/// Silences shorter than this are left to the times beside the rows.
const SHOWN: Span = Span::from_nanos(NANOS_PER_SECOND);
/// Height of a silence that nothing is said of but its length.
const PLAIN: f64 = 32.0;
/// Height of a silence with its length and its outcome.
const TOLD: f64 = 52.0;
/// A silence of packets of this part of one of payload stands for it.
const NEARLY: f64 = 0.9;
/// Height of a line for a mark in a silence.
const LINE: f64 = 16.0;

/// A picture of a flow.
pub(super) struct Ladder<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// Silences of payload that packets went on in.
    pub(super) beside: Vec<Beside<'a>>,
    pub(super) height: f64,
}

/// What stands in the picture, from the top.
pub(super) enum Step<'a> {
    /// Segments, around `y`.
    Row { y: f64, row: &'a Row },
    /// An ICMP error about the flow, around `y`.
    Icmp { y: f64, time: Timestamp, icmp: &'a Icmp },
    /// A silence.
    Silence(Silence<'a>),
}

/// A break of the axis.
pub(super) struct Silence<'a> {
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) length: Span,
    /// The gap of the report that it is.
    pub(super) gap: Option<&'a Gap>,
    /// Places in it, with what stands there, from the top.
    pub(super) limits: Vec<(f64, Limit)>,
}

/// A length of silence that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Limit {
    /// Known timeouts.
    Known(Mark),
    /// What a flow of the service survived, in seconds.
    Survived(f64),
}

/// A silence of payload that packets went on in.
pub(super) struct Beside<'a> {
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) gap: &'a Gap,
    /// Places of known timeouts.
    pub(super) limits: Vec<(f64, Mark)>,
}

impl<'a> Ladder<'a> {
    /// Whether a mark of the known timeout stands in the picture.
    pub(super) fn marks(&self, id: &String) -> bool {
        let silences = self.steps.iter().filter_map(|step| match step {
            Step::Silence(silence) => silence.gap,
            _ => None,
        });
        let mut gaps = silences.chain(self.beside.iter().map(|beside| beside.gap));
        gaps.any(|gap| gap.known_timeouts.contains(id))
    }

    /// Lays out the course of `flow`. `named` are the known timeouts that its gaps look like; `survived_s` is the longest
    /// silence that its service is known to have survived, by the clock of packets.
    pub(super) fn new(
        flow: &'a Flow,
        timeline: &'a Timeline,
        named: &[(String, &Entry)],
        survived_s: Option<f64>,
    ) -> Self {
        let mut layout = Layout { flow, named, survived_s, steps: Vec::new(), points: Vec::new(), y: TOP };
        let mut errors = errors(flow).into_iter().peekable();
        let mut last: Option<crate::flow::Mark> = None;
        for row in &timeline.rows {
            let next = row.first().time;
            if let Some(last) = last {
                // An error within a silence stands at the end of it that it is nearer to.
                let length = next.since(last.time);
                while let Some((time, icmp)) = errors.next_if(|(time, _)| time.since(last.time).times(2) < length) {
                    layout.icmp(time, icmp);
                }
                layout.silence(last, row);
            }
            while let Some((time, icmp)) = errors.next_if(|(time, _)| *time < next) {
                layout.icmp(time, icmp);
            }
            layout.row(row);
            last = Some(last.map_or(row.last(), |last| last.max_by_time(row.last())));
        }
        errors.for_each(|(time, icmp)| layout.icmp(time, icmp));
        layout.open_end();
        let beside = layout.beside(timeline);
        Self { steps: layout.steps, beside, height: layout.y + 8.0 }
    }
}

/// The ICMP errors about the flow, by time.
fn errors(flow: &Flow) -> Vec<(Timestamp, &Icmp)> {
    let time = |icmp: &Icmp| units::from_rfc3339(&icmp.time).unwrap_or_default();
    let mut errors: Vec<_> = flow.icmp.iter().map(|icmp| (time(icmp), icmp)).collect();
    errors.sort_by_key(|(time, _)| *time);
    errors
}

struct Layout<'a, 'b> {
    flow: &'a Flow,
    named: &'b [(String, &'b Entry)],
    survived_s: Option<f64>,
    steps: Vec<Step<'a>>,
    /// Times with their places, in the order of both.
    points: Vec<(Timestamp, f64)>,
    y: f64,
}

impl<'a> Layout<'a, '_> {
    fn row(&mut self, row: &'a Row) {
        let y = self.y + ROW / 2.0;
        self.points.extend([(row.first().time, y), (row.last().time, y)]);
        self.steps.push(Step::Row { y, row });
        self.y += ROW;
    }

    fn icmp(&mut self, time: Timestamp, icmp: &'a Icmp) {
        let y = self.y + ROW / 2.0;
        self.points.push((time, y));
        self.steps.push(Step::Icmp { y, time, icmp });
        self.y += ROW;
    }

    fn silence(&mut self, last: crate::flow::Mark, row: &Row) {
        let length = row.first().time.since(last.time);
        if length < SHOWN {
            return;
        }
        // An ACK behind the last payload makes the silence of payload begin a little before that of packets.
        let is_nearly = |gap: &Gap| length.as_secs_f64() >= NEARLY * gap.duration_s;
        let is_it = |gap: &&Gap| {
            let begins = frame_id(gap.start_frame) == last.frame || (gap.outcome == "died" && is_nearly(gap));
            begins && gap.end_frame.map(frame_id) == Some(row.first().frame)
        };
        // Where both clocks stood still, that one counts on which the flow died.
        let gap = self.flow.gaps.iter().filter(is_it).min_by_key(|gap| (gap.outcome != "died", gap.clock != "packet"));
        self.points.push((last.time, self.y));
        self.put_silence(length, gap);
        self.points.push((row.first().time, self.y));
    }

    /// The silence in which the capture ends.
    fn open_end(&mut self) {
        let is_open = |gap: &&Gap| gap.end_frame.is_none() && gap.clock == "packet";
        if let Some(gap) = self.flow.gaps.iter().find(is_open) {
            self.put_silence(Span::from_secs_f64(gap.duration_s), Some(gap));
        }
    }

    fn put_silence(&mut self, length: Span, gap: Option<&'a Gap>) {
        let limits = gap.map(|gap| self.limits(gap)).unwrap_or_default();
        let height = if gap.is_some() { TOLD } else { PLAIN } + LINE * limits.len() as f64;
        let (top, bottom) = (self.y, self.y + height);
        let secs = length.as_secs_f64().max(f64::MIN_POSITIVE);
        let place = |limit: Limit| (top + height * (limit.secs() / secs).clamp(0.0, 1.0), limit);
        let limits = limits.into_iter().map(place).collect();
        self.steps.push(Step::Silence(Silence { top, bottom, length, gap, limits }));
        self.y = bottom;
    }

    /// What is known of lengths up to that of the gap.
    fn limits(&self, gap: &Gap) -> Vec<Limit> {
        let mut limits: Vec<Limit> = self.marks(gap).into_iter().map(Limit::Known).collect();
        let is_bounded = gap.clock == "packet" && gap.outcome == "died";
        limits.extend(self.survived_s.filter(|secs| is_bounded && *secs < gap.duration_s).map(Limit::Survived));
        limits.sort_by(|a, b| a.secs().total_cmp(&b.secs()));
        limits
    }

    fn marks(&self, gap: &Gap) -> Vec<Mark> {
        let fitting: Vec<_> =
            self.named.iter().filter(|(_, entry)| gap.known_timeouts.contains(&entry.id)).cloned().collect();
        marks(&fitting)
    }

    /// The silences of payload that no break of the axis shows.
    fn beside(&self, timeline: &Timeline) -> Vec<Beside<'a>> {
        let shown: Vec<&Gap> = self
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Silence(silence) => silence.gap,
                _ => None,
            })
            .collect();
        // A break that ends with it and lasted nearly as long says the same.
        let says =
            |shown: &&Gap, gap: &Gap| shown.end_frame == gap.end_frame && shown.duration_s >= NEARLY * gap.duration_s;
        let of_payload = |gap: &&Gap| {
            gap.clock == "payload" && gap.outcome != "survived" && !shown.iter().any(|shown| says(shown, gap))
        };
        self.flow.gaps.iter().filter(of_payload).filter_map(|gap| self.beside_one(gap, timeline)).collect()
    }

    fn beside_one(&self, gap: &'a Gap, timeline: &Timeline) -> Option<Beside<'a>> {
        let start = timeline.rows.iter().map(Row::last).find(|mark| mark.frame == frame_id(gap.start_frame))?;
        let end = start.time.plus(Span::from_secs_f64(gap.duration_s));
        let place =
            |mark: Mark| (self.y_at(start.time.plus(Span::from_secs_f64(mark.idle_s.min(gap.duration_s)))), mark);
        let (top, bottom) = (self.y_at(start.time), self.y_at(end));
        Some(Beside { top, bottom, gap, limits: self.marks(gap).into_iter().map(place).collect() })
    }

    /// The place of a time, between those of the rows around it.
    fn y_at(&self, time: Timestamp) -> f64 {
        let mut before = (time, TOP);
        for &(at, y) in &self.points {
            if at >= time {
                let (span, part) = (at.since(before.0).as_secs_f64(), time.since(before.0).as_secs_f64());
                let share = if span > 0.0 { (part / span).clamp(0.0, 1.0) } else { 1.0 };
                return before.1 + (y - before.1) * share;
            }
            before = (at, y);
        }
        self.y
    }
}

impl Limit {
    pub(super) const fn secs(&self) -> f64 {
        match self {
            Self::Known(mark) => mark.idle_s,
            Self::Survived(secs) => *secs,
        }
    }
}

/// Places for lines of text near where they are wanted, in order, at least `apart` from each other and within the bounds
/// as long as there is room.
pub(super) fn spread(wanted: &[f64], first: f64, last: f64, apart: f64) -> Vec<f64> {
    let mut places = wanted.to_vec();
    let mut ceiling = last;
    for place in places.iter_mut().rev() {
        *place = place.min(ceiling);
        ceiling = *place - apart;
    }
    let mut floor = first;
    for place in &mut places {
        *place = place.max(floor);
        floor = *place + apart;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_stay_near_and_apart() {
        assert_eq!(spread(&[10.0, 50.0], 0.0, 100.0, 15.0), [10.0, 50.0]);
        assert_eq!(spread(&[98.0, 99.0, 99.0], 0.0, 100.0, 15.0), [69.0, 84.0, 99.0]);
        assert_eq!(spread(&[2.0, 3.0], 8.0, 100.0, 15.0), [8.0, 23.0]);
    }

    proptest! {
        #[test]
        fn lines_never_overlap(mut wanted in prop::collection::vec(0.0..200.0_f64, 0..9), first in 0.0..50.0_f64) {
            wanted.sort_by(f64::total_cmp);
            let places = spread(&wanted, first, 200.0, 15.0);
            prop_assert!(places.iter().all(|place| *place >= first));
            prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 15.0 - 1e-9));
        }
    }
}
