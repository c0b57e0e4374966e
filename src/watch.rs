//! Watching connections as they live: warnings before a timer strikes, deaths as they happen.
//!
//! [`Watch`] is the analyser of files with an eye on every flow. It takes records, ticks (nothing was captured until then) and
//! reports of loss, all with times of the capture, and gives [`Event`]s; it reads no clock of its own. So a recording that
//! holds the same records, ticks and losses in the same order gives the same events.
//!
//! What is due later (a silence nears the timer, a probe stays unanswered, the dust of a RST has settled) waits in
//! [`deadlines`]: a packet costs a look at its own flow, never at all of them. An event carries the time at which it was
//! due, not the time at which something made the watch look.

pub mod clock;
pub mod deadlines;
pub mod event;
pub mod exporter;
mod follow;
pub mod lines;
pub mod metrics;
pub mod pump;
pub mod recorder;
pub mod survey;
pub mod tally;
pub mod timer;
pub mod view;

use std::collections::HashMap;

use foldhash::fast::RandomState;

use self::deadlines::{Check, Deadlines};
use self::event::{Event, What};
use self::follow::Follow;
use self::tally::Tally;
use self::timer::{Timer, Timers};
use crate::analyzer::{Analysis, Analyzer, Labelled, Options, Seen};
use crate::capture::{Counters, Record};
use crate::flow::{Flow, Relabel};
use crate::report::evicted::Evicted;
use crate::report::numbers::FlowNumbers;
use crate::time::{Span, Timestamp};
use crate::timeouts::Table;
use crate::verdict::quality::Limits;

/// What a watch is told beside the packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The share of a timer, from 0 to 1, that a silence may last before it is warned of.
    pub warn_at: f64,
    /// The timer that the path is said to have; without one the watch learns from deaths.
    pub timer: Option<Timer>,
    /// Flows held at most.
    pub most_flows: usize,
    /// Whether streams are numbered as Wireshark does.
    pub number_streams: bool,
}

/// The analysis of a capture that goes on, and what it has to say meanwhile.
pub struct Watch<'a> {
    analyzer: Analyzer,
    table: &'a Table,
    warn_at: f64,
    most_flows: usize,
    timers: Timers,
    follows: HashMap<u32, Follow, RandomState>,
    deadlines: Deadlines,
    events: Vec<Event>,
    tally: Tally,
    evicted: Evicted,
    numbers: FlowNumbers,
    began: Option<Timestamp>,
    losses: Losses,
}

/// What is known of lost packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Losses {
    by_system: u64,
    by_interface: u64,
    records: u64,
}

/// Everything that a watch comes to.
pub struct Outcome {
    /// The analysis, as of a file.
    pub analysis: Analysis,
    /// What came of the flows that had to leave.
    pub evicted: Evicted,
    /// The numbers of the flows.
    pub numbers: FlowNumbers,
    /// What was counted.
    pub tally: Tally,
}

impl<'a> Watch<'a> {
    /// A watch that has seen nothing. `table` names the boxes that a gap looks like.
    #[must_use]
    pub fn new(settings: Settings, table: &'a Table) -> Self {
        let mut numbers = FlowNumbers::default();
        numbers.begin_file(0);
        Self {
            analyzer: Analyzer::new(Options {
                number_streams: settings.number_streams,
                awake: usize::MAX,
                ..Options::default()
            }),
            table,
            warn_at: settings.warn_at,
            most_flows: settings.most_flows.max(1),
            timers: Timers::new(settings.timer),
            follows: HashMap::default(),
            deadlines: Deadlines::default(),
            events: Vec::new(),
            tally: Tally::default(),
            evicted: Evicted::default(),
            numbers,
            began: None,
            losses: Losses::default(),
        }
    }

    /// Takes one record; what was due before it happens first. Returns what the analyser made of it.
    pub fn push<'r>(&mut self, record: &Record<'r>) -> Seen<'r> {
        self.run_due(record.time, false);
        self.began.get_or_insert(record.time);
        self.losses.records += 1;
        let seen = self.analyzer.push(record);
        if let Seen::Segment(segment) = &seen {
            self.numbers.note(0, segment.flow);
            self.observe(segment);
            self.make_room();
        }
        seen
    }

    /// Nothing was captured until `time`: lets happen what was due by then.
    pub fn tick(&mut self, time: Timestamp) {
        self.analyzer.tick(time);
        self.run_due(time, true);
    }

    /// What the capturing side has counted up to `time`: an event, where packets were lost since the last report.
    pub fn count(&mut self, time: Timestamp, counters: &Counters) {
        let by_system = counters.system_drops.unwrap_or(0).saturating_sub(self.losses.by_system);
        let by_interface = counters.interface_drops.unwrap_or(0).saturating_sub(self.losses.by_interface);
        if by_system == 0 && by_interface == 0 {
            return;
        }
        self.losses.by_system += by_system;
        self.losses.by_interface += by_interface;
        let lost_total = self.losses.by_system.saturating_add(self.losses.by_interface);
        self.tally.lost = lost_total;
        let lost = by_system.saturating_add(by_interface);
        self.emit(time, What::CaptureLoss(event::CaptureLoss { lost, by_system, by_interface, lost_total }));
    }

    /// When the next thing is due, if no packet comes before; what it is may come to nothing.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// What has happened since the last call, in order.
    pub fn drain_events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }

    /// Judgements on earlier segments made since the last call.
    pub fn drain_relabels(&mut self) -> impl Iterator<Item = Relabel> + '_ {
        self.analyzer.drain_relabels()
    }

    /// The greatest time of a record or tick so far; `None` before the first.
    #[must_use]
    pub fn clock(&self) -> Option<Timestamp> {
        Some(self.analyzer.clock()).filter(|clock| *clock > Timestamp::from_nanos(i64::MIN))
    }

    /// The flows that are held, each with its number.
    pub fn flows(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.analyzer.flows()
    }

    /// The flows that are held from number `from` on, each with its number; where they begin is found at once.
    pub fn flows_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        self.analyzer.flows_from(from)
    }

    /// Flows that are held.
    #[must_use]
    pub const fn flows_held(&self) -> usize {
        self.analyzer.flows_held()
    }

    /// Flow number `number`, unless it had to leave.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.analyzer.flow(number)
    }

    /// The time of the first record.
    #[must_use]
    pub const fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// What was counted so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Flows so far, those that had to leave included.
    #[must_use]
    pub fn flows_total(&self) -> u32 {
        self.numbers.total()
    }

    /// Ends the watch.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let analysis = self.analyzer.finish(drop);
        Outcome { analysis, evicted: self.evicted, numbers: self.numbers, tally: self.tally }
    }

    /// Nothing comes any more: what a RST or FIN at the very end meant need not be waited for.
    pub fn close(&mut self) {
        let end = self.analyzer.clock();
        while let Some((due, flow, check)) = self.deadlines.pop(end.plus(SETTLING), true) {
            if check == Check::Settled {
                self.check(due, flow, check);
            }
        }
    }

    /// Lets happen what is due before `time`, or at it as well.
    fn run_due(&mut self, time: Timestamp, inclusive: bool) {
        while let Some((due, flow, check)) = self.deadlines.pop(time, inclusive) {
            self.check(due, flow, check);
        }
    }

    fn emit(&mut self, time: Timestamp, what: What) {
        self.tally.note(&what);
        self.events.push(Event { time, what });
    }

    /// What limits any verdict, as far as is known while the capture goes on.
    fn limits(&self) -> Limits {
        let lost = self.losses.by_system.saturating_add(self.losses.by_interface);
        Limits { lost, records: self.losses.records, ..Limits::default() }
    }

    fn make_room(&mut self) {
        let (follows, evicted, clock) = (&mut self.follows, &mut self.evicted, self.analyzer.clock());
        self.analyzer.hold_to(self.most_flows, |number, flow| {
            follows.remove(&number);
            evicted.take(0, number, &flow, clock);
        });
        if self.evicted.flows() > self.tally.evicted {
            self.tally.evicted = self.evicted.flows();
            self.deadlines.retain(|flow| self.follows.contains_key(&flow));
        }
    }

    fn observe(&mut self, segment: &Labelled<'_>) {
        let Some(flow) = self.analyzer.flow(segment.flow) else { return };
        self.tally.segment(segment.kind);
        let follow = self.follows.entry(segment.flow).or_default();
        let saved = follow.observe(flow, segment, self.timers.of(flow));
        let now = segment.mark.time;
        for check in Check::ALL {
            if follow.is_queued(check) {
                continue;
            }
            if let Some(due) = follow.due(check, flow, now, &self.timers, self.warn_at) {
                follow.queue(check);
                self.deadlines.push(due, segment.flow, check);
            }
        }
        if let Some(saved) = saved {
            self.emit(now, What::Saved(saved));
        }
    }

    /// Looks at one flow, as was agreed for `due`.
    fn check(&mut self, due: Timestamp, number: u32, check: Check) {
        let (Some(flow), Some(follow)) = (self.analyzer.flow(number), self.follows.get_mut(&number)) else { return };
        follow.unqueue(check);
        let mut happened = Vec::new();
        match check {
            Check::Idle => {
                self.timers.review(flow);
                happened.extend(follow.idle(number, flow, due, &self.timers, (self.warn_at, self.table)));
            }
            Check::Probe => follow.unanswered_probes(number, flow, due, &mut happened),
            Check::Settled => follow.resets(number, flow, due, (self.began, self.table), &mut happened),
            Check::Stalled => {}
        }
        let may_have_died = matches!(check, Check::Settled | Check::Stalled) && !follow.died;
        happened.into_iter().for_each(|what| self.emit(due, what));
        if may_have_died {
            self.judge(number, due, check);
        }
        self.queue_again(number, due, check);
    }

    /// Whether the flow is dead, judged as if the capture ended at `due`.
    fn judge(&mut self, number: u32, due: Timestamp, check: Check) {
        let Some(flow) = self.analyzer.settled(number, due) else { return };
        let Some((verdict, death)) = follow::death(number, &flow, due, check, &self.limits(), (self.began, self.table))
        else {
            return;
        };
        self.timers.learn(&flow, &verdict);
        if let Some(follow) = self.follows.get_mut(&number) {
            follow.died = true;
        }
        self.emit(due, What::Death(Box::new(death)));
    }

    /// What is still to be expected of the flow is looked at later.
    fn queue_again(&mut self, number: u32, now: Timestamp, check: Check) {
        let (Some(flow), Some(follow)) = (self.analyzer.flow(number), self.follows.get_mut(&number)) else { return };
        // At least a nanosecond later: a check that comes to nothing must not be repeated for ever.
        if let Some(due) = follow.due(check, flow, now, &self.timers, self.warn_at).filter(|due| *due > now) {
            follow.queue(check);
            self.deadlines.push(due, number, check);
        }
    }
}

/// After a RST or FIN, how long its fellows and what its receiver makes of it are waited for: four times the time within
/// which RSTs to both ends belong together.
const SETTLING: Span = Span::from_millis(200);
/// What ended a silence and was not answered for so long, over retransmissions, is lost: by then Linux has sent it again
/// five times (RFC 6298 5.5).
const PATIENCE: Span = Span::from_secs(10);
