//! Everything that an analysis says, as lines of text that do not change when they should not.
//!
//! Ends are called by names that the test gives them, frames by numbers that it translates; times do not occur, only
//! their differences.

use std::borrow::Cow;

use idlegap::flow::gaps::{Ender, Gap, Gaps};
use idlegap::flow::resets::Reset;
use idlegap::flow::{Direction, Flow, FrameId, Socket};
use idlegap::verdict::Verdict;
use idlegap::verdict::attribution::attribute;
use idlegap::verdict::settings::settings;

use crate::observe::Outcome;

/// How ends and frames are called.
pub(crate) struct Names<'a> {
    /// The name of an end; flows with an end of no name are left out.
    pub(crate) end: &'a dyn Fn(Socket) -> Option<&'static str>,
    /// The number of a frame.
    pub(crate) frame: &'a dyn Fn(FrameId) -> u64,
}

/// What is told of one flow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tale {
    /// Who is who.
    pub(crate) ends: String,
    /// The last word on every segment.
    pub(crate) segments: Vec<String>,
    /// Counters, gaps, probes, resets.
    pub(crate) facts: Vec<String>,
    /// The verdict, its reasons last.
    pub(crate) verdict: Vec<String>,
}

/// The tales of all flows, in the order of their first frames.
pub(crate) fn tales(outcome: &Outcome, names: &Names<'_>) -> Vec<Tale> {
    let of_flow =
        |(index, flow): (usize, Cow<'_, Flow>)| Teller::new(&flow, names).map(|teller| teller.tell(outcome, index));
    outcome.analysis.flows.iter().enumerate().filter_map(of_flow).collect()
}

struct Teller<'a> {
    flow: &'a Flow,
    names: &'a Names<'a>,
    client: &'static str,
    server: &'static str,
}

impl<'a> Teller<'a> {
    fn new(flow: &'a Flow, names: &'a Names<'a>) -> Option<Self> {
        let (client, server) = ((names.end)(flow.client())?, (names.end)(flow.server())?);
        Some(Self { flow, names, client, server })
    }

    fn tell(&self, outcome: &Outcome, index: usize) -> Tale {
        let labels = outcome.labels.iter().filter(|(_, label)| label.flow as usize == index);
        let segments = labels.map(|(frame, label)| {
            format!("{} {} {}: {}", (self.names.frame)(*frame), self.from(label.direction), label.kind, label.notes)
        });
        let flow = self.flow;
        let ends = format!("client {}, server {}, {:?}", self.client, self.server, flow.orientation);
        let mut facts = vec![format!("{} to {}", self.frame(flow.first.frame), self.frame(flow.last.frame))];
        // The ends in the order of their names, so that it does not matter who is the client.
        let mut directions = Direction::BOTH;
        directions.sort_by_key(|direction| self.from(*direction));
        directions.into_iter().for_each(|direction| self.end(direction, &mut facts));
        self.gaps("packet", flow.packet_gaps(), &mut facts);
        self.gaps("payload", flow.payload_gaps(), &mut facts);
        facts.extend(flow.resets().map(|reset| self.reset(reset)));
        let verdict = self.verdict(&outcome.verdicts[index]);
        Tale { ends, segments: segments.collect(), facts, verdict }
    }

    fn end(&self, direction: Direction, facts: &mut Vec<String>) {
        let (name, end) = (self.from(direction), self.flow.end(direction));
        facts.push(format!("{name} {:?}", end.counters()));
        facts.push(format!("{name} fin {} {:?} {:?}", end.fin_end.is_some(), end.top, end.ack_delay));
        facts.push(format!("{name} silent for {:?}", end.silence.length));
        if let Some(probes) = self.flow.probes(direction) {
            let stats = &probes.keepalive;
            let frames: Vec<u64> = stats.frames.iter().map(|frame| self.frame(*frame)).collect();
            facts.push(format!("{name} probes {frames:?} of {}", stats.frames.total()));
            let counts = (stats.empty, stats.one_byte, stats.answered, stats.reset, stats.inferred);
            facts.push(format!("{name} probes {counts:?}, runs {} {}", stats.run, stats.longest_run));
            facts.push(format!("{name} {:?} {:?} {:?}", stats.first_delay, stats.after_answer, stats.after_silence));
            facts.push(format!("{name} {:?}", settings(self.flow, direction)));
        }
    }

    fn gaps(&self, clock: &str, gaps: Option<&Gaps>, facts: &mut Vec<String>) {
        let Some(gaps) = gaps else { return };
        facts.push(format!(
            "{clock} gaps {}, longest survived {:?}",
            gaps.total(),
            gaps.longest_survived().map(|gap| gap.length)
        ));
        facts.extend(gaps.kept().iter().map(|gap| format!("{clock} {}", self.gap(gap))));
    }

    fn gap(&self, gap: &Gap) -> String {
        let ended =
            |ender: Ender| format!("{} {} {}", self.frame(ender.mark.frame), self.from(ender.direction), ender.kind);
        let ended_by = gap.ended_by.map_or("the end".to_owned(), ended);
        let (start, length) = (self.frame(gap.start.frame), gap.length);
        format!("gap after {start} of {length:?} until {ended_by}: {:?}, half closed {}", gap.outcome, gap.half_closed)
    }

    fn reset(&self, reset: &Reset) -> String {
        let who = attribute(self.flow, reset);
        let trigger =
            reset.trigger.map(|trigger| (self.frame(trigger.mark.frame), trigger.kind, trigger.seq_is_its_ack));
        format!(
            "reset {} from {} {:?} after {:?}, answers {trigger:?}, life {} {} {}, {who:?}",
            self.frame(reset.mark.frame),
            self.from(reset.direction),
            reset.acceptability,
            reset.silence,
            reset.sender_lives,
            reset.receiver_lives,
            reset.challenged,
        )
    }

    fn verdict(&self, verdict: &Verdict) -> Vec<String> {
        let frames: Vec<u64> = verdict.frames.iter().map(|frame| self.frame(*frame)).collect();
        let gap = verdict.gap.map(|(clock, gap)| format!("{} {}", clock.name(), self.gap(&gap)));
        vec![
            verdict.id.name().to_owned(),
            verdict.confidence.name().to_owned(),
            format!("{gap:?}, timer {:?}, frames {frames:?}", verdict.timeout),
            format!("half open {:?}", verdict.half_open.map(|direction| self.from(direction))),
            format!("{:?}", verdict.reasons),
        ]
    }

    fn from(&self, direction: Direction) -> &'static str {
        if direction == Direction::FromInitiator { self.client } else { self.server }
    }

    fn frame(&self, frame: FrameId) -> u64 {
        (self.names.frame)(frame)
    }
}
