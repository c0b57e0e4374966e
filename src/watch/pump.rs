//! The loop of a watch: from a source to whoever listens, with a recording beside it.

use super::clock::{EdgeClock, LAG};
use super::event::Event;
use super::recorder::Recorder;
use super::{Outcome, Watch};
use crate::analyzer::{Labelled, Seen};
use crate::capture::{CaptureInfo, Counters, Error, Filter, Next, Source};
use crate::time::{Span, Timestamp};

/// How often, by the clock of this machine, the looks between packets are made.
const ROUND: Span = Span::from_millis(100);
/// How often the capturing side is asked for its counts, and the recording written out.
const SECOND: Span = Span::from_secs(1);
/// Packets between two looks at the clock: a look costs about as much as a packet.
const STRIDE: u32 = 64;

/// Whoever listens to a watch.
pub trait Audience {
    /// What keeps it from listening.
    type Error;

    /// A segment was taken in.
    fn segment(&mut self, _segment: &Labelled<'_>) {}

    /// Something happened.
    ///
    /// # Errors
    /// If it cannot be told; it ends the watch.
    fn event(&mut self, watch: &Watch<'_>, event: &Event) -> Result<(), Self::Error>;

    /// About ten times a second, whether anything came or not: time to draw, to read keys, to look for signals. `now` is what
    /// the clock of the capture shows; `None` before the first packet.
    ///
    /// # Errors
    /// If it cannot go on; it ends the watch.
    fn look(&mut self, now: Moment<'_, '_>) -> Result<GoOn, Self::Error>;
}

/// What is to be seen between packets.
pub struct Moment<'a, 'w> {
    /// The watch.
    pub watch: &'a Watch<'w>,
    /// What the clock of the capture shows.
    pub now: Option<Timestamp>,
    /// What the capturing side has counted.
    pub counters: Option<Counters>,
    /// Packets taken in, and TCP segments among them.
    pub packets: u64,
    /// Packets that could not be recorded.
    pub unrecorded: u64,
    /// What went wrong, or right again, with the recording.
    pub troubles: Vec<String>,
}

/// Whether the watch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// It does.
    Yes,
    /// Whoever listens has had enough.
    Stop,
}

/// What bounds a watch, and what it passes over.
#[derive(Debug, Default)]
pub struct Limits {
    /// Packets to take in at most.
    pub count: Option<u64>,
    /// How long to watch, by the clock of this machine.
    pub duration: Option<Span>,
    /// Which packets to take in, where the source does not choose itself.
    pub filter: Option<Filter>,
}

/// Why a watch ended.
#[derive(Debug)]
pub enum Ended {
    /// Whoever listens stopped it.
    Stopped,
    /// Its time was up.
    Duration,
    /// It had taken in as many packets as it was to.
    Count,
    /// The capture ended.
    EndOfInput,
    /// The source failed.
    Failed(Error),
    /// Whoever listens failed.
    Unheard,
}

/// Everything that came of it.
pub struct Watched<E> {
    /// Why it ended.
    pub ended: Ended,
    /// The analysis.
    pub outcome: Outcome,
    /// What is known of the capture.
    pub info: CaptureInfo,
    /// Packets taken in.
    pub packets: u64,
    /// The last time of the capture's clock; where it showed none, this machine's.
    pub last: Timestamp,
    /// Packets that could not be recorded.
    pub unrecorded: u64,
    /// What went wrong, or right again, with the recording since the last look.
    pub troubles: Vec<String>,
    /// What kept the audience from listening to the end.
    pub heard: Result<(), E>,
}

/// Watches until somebody or something ends it. An audience that fails ends it too, but takes nothing from what was recorded
/// and analysed.
pub fn pump<A: Audience>(
    source: &mut dyn Source,
    watch: Watch<'_>,
    recorder: Option<Recorder>,
    limits: Limits,
    audience: &mut A,
) -> Watched<A::Error> {
    let clock = EdgeClock::new();
    let mut pump = Pump {
        watch,
        recorder,
        limits,
        clock,
        packets: 0,
        since_look: 0,
        looked: Span::ZERO,
        asked: Span::ZERO,
        counters: None,
    };
    let (ended, mut heard) = match pump.run(source, audience) {
        Ok(ended) => (ended, Ok(())),
        Err(error) => (Ended::Unheard, Err(error)),
    };
    pump.close(source, &ended);
    pump.watch.close();
    if heard.is_ok() {
        heard = pump.tell(audience);
    }
    pump.finish(ended, source.info(), heard)
}

struct Pump<'w> {
    watch: Watch<'w>,
    recorder: Option<Recorder>,
    limits: Limits,
    clock: EdgeClock,
    packets: u64,
    /// Packets since the clock was looked at.
    since_look: u32,
    looked: Span,
    asked: Span,
    counters: Option<Counters>,
}

impl Pump<'_> {
    fn run<A: Audience>(&mut self, source: &mut dyn Source, audience: &mut A) -> Result<Ended, A::Error> {
        loop {
            let is_quiet = match self.take(source, audience) {
                Ok(Taken::Something) => false,
                Ok(Taken::Nothing) => true,
                Ok(Taken::Ended(ended)) => return Ok(ended),
                Err(error) => return Ok(Ended::Failed(error)),
            };
            self.tell(audience)?;
            self.since_look += 1;
            if !is_quiet && self.since_look < STRIDE {
                continue;
            }
            self.since_look = 0;
            let elapsed = self.clock.elapsed();
            if elapsed.minus(self.looked) < ROUND && !is_quiet {
                continue;
            }
            self.looked = elapsed;
            if let Some(ended) = self.look(elapsed, source, audience)? {
                return Ok(ended);
            }
        }
    }

    /// Takes in what comes next.
    fn take<A: Audience>(&mut self, source: &mut dyn Source, audience: &mut A) -> Result<Taken, Error> {
        match source.next()? {
            Next::Record(record) => {
                self.clock.set(record.time);
                let is_wanted = self.limits.filter.as_mut().map_or(Ok(true), |filter| filter.matches(&record))?;
                if !is_wanted {
                    return Ok(Taken::Something);
                }
                self.packets += 1;
                if let Some(recorder) = &mut self.recorder {
                    recorder.packet(&record);
                }
                if let Seen::Segment(segment) = self.watch.push(&record) {
                    audience.segment(&segment);
                }
                self.watch.drain_relabels().for_each(drop);
                if self.limits.count.is_some_and(|most| self.packets >= most) {
                    return Ok(Taken::Ended(Ended::Count));
                }
            }
            Next::Tick(time) => self.tick(time),
            Next::Counted(time, counters) => self.count(time, counters),
            Next::Quiet => return Ok(Taken::Nothing),
            Next::End => return Ok(Taken::Ended(Ended::EndOfInput)),
        }
        Ok(Taken::Something)
    }

    /// What there is to do between packets.
    fn look<A: Audience>(
        &mut self,
        elapsed: Span,
        source: &mut dyn Source,
        audience: &mut A,
    ) -> Result<Option<Ended>, A::Error> {
        let passed = self.clock.now().map(|now| now.plus(Span::ZERO.minus(LAG)));
        if let Some(passed) = passed.filter(|passed| self.watch.next_due().is_some_and(|due| due <= *passed)) {
            self.tick(passed);
        }
        if elapsed.minus(self.asked) >= SECOND {
            self.asked = elapsed;
            self.ask(source);
        }
        self.tell(audience)?;
        let (packets, unrecorded) = (self.packets, self.recorder.as_ref().map_or(0, Recorder::lost));
        let troubles = self.recorder.as_mut().map(Recorder::take_troubles).unwrap_or_default();
        let (watch, counters, now) = (&self.watch, self.counters, self.clock.now());
        let moment = Moment { watch, now, counters, packets, unrecorded, troubles };
        if audience.look(moment)? == GoOn::Stop {
            return Ok(Some(Ended::Stopped));
        }
        Ok(self.limits.duration.is_some_and(|most| elapsed >= most).then_some(Ended::Duration))
    }

    /// Asks the capturing side for its counts, and writes the recording out.
    fn ask(&mut self, source: &mut dyn Source) {
        let Some(now) = self.watch.clock() else { return };
        if let Some(counters) = source.counters() {
            let lost = |counters: &Counters| (counters.system_drops, counters.interface_drops);
            let none = (Some(0), Some(0));
            let before = self.counters.as_ref().map_or(none, lost);
            if lost(&counters) != before {
                self.count(now, counters);
            }
            self.counters = Some(counters);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.flush(now);
        }
    }

    fn tick(&mut self, time: Timestamp) {
        self.watch.tick(time);
        self.clock.set(time);
        if let Some(recorder) = &mut self.recorder {
            recorder.tick(time);
        }
    }

    fn count(&mut self, time: Timestamp, counters: Counters) {
        self.counters = Some(counters);
        self.watch.count(time, &counters);
        if let Some(recorder) = &mut self.recorder {
            recorder.count(time, &counters);
        }
    }

    fn tell<A: Audience>(&mut self, audience: &mut A) -> Result<(), A::Error> {
        let events: Vec<Event> = self.watch.drain_events().collect();
        events.iter().try_for_each(|event| audience.event(&self.watch, event))
    }

    /// The end of a capture that could go on is told by the clock; the end of one that cannot, by its last record.
    fn close(&mut self, source: &mut dyn Source, ended: &Ended) {
        let goes_on = matches!(ended, Ended::Stopped | Ended::Duration | Ended::Unheard);
        let passed = self.clock.now().map(|now| now.plus(Span::ZERO.minus(LAG)));
        let news = passed.filter(|passed| goes_on && self.watch.clock().is_some_and(|clock| clock < *passed));
        if let Some(passed) = news {
            self.tick(passed);
        }
        self.ask(source);
        let now = self.watch.clock();
        if let (Some(recorder), Some(now)) = (&mut self.recorder, now) {
            if let Some(counters) = &self.counters {
                recorder.count(now, counters);
            }
            recorder.flush(now);
        }
    }

    fn finish<E>(mut self, ended: Ended, info: CaptureInfo, heard: Result<(), E>) -> Watched<E> {
        let last = self.watch.clock().or_else(|| self.clock.now()).unwrap_or_else(EdgeClock::today);
        let unrecorded = self.recorder.as_ref().map_or(0, Recorder::lost);
        let troubles = self.recorder.as_mut().map(Recorder::take_troubles).unwrap_or_default();
        Watched { ended, outcome: self.watch.finish(), info, packets: self.packets, last, unrecorded, troubles, heard }
    }
}

enum Taken {
    Something,
    Nothing,
    Ended(Ended),
}
