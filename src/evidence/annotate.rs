//! What is said of single packets: the last one before a gap, what ended it, probes, RSTs.
//!
//! Notes are kept as values and become words when the packet is written, since there may be millions of flows.

use std::collections::HashMap;

use super::select::Selection;
use crate::flow::gaps::{Clock, Gap};
use crate::flow::{Direction, Flow, FrameId};
use crate::report::judged::Judged;
use crate::report::units::duration;
use crate::report::words;
use crate::time::Span;
use crate::verdict::attribution::attribute_within;
use crate::verdict::{Origin, Verdict};

/// What a packet is to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The last one before the silence that the flow died of.
    Before(Clock, Span),
    /// What ended that silence.
    Ended(Clock, Span),
    /// The last one before the longest silence that survived toward the service.
    SurvivorBefore(Clock, Span),
    /// What ended that silence.
    SurvivorEnded(Clock, Span),
    /// A keepalive probe: which of how many, and who sent it.
    Probe(u64, u64, Direction),
    /// The RST at this place among those that are kept of the flow.
    Reset(usize),
    /// Another packet that the verdict names.
    Named,
}

/// The notes on all packets of an extract.
#[derive(Debug, Default)]
pub struct Annotations {
    by_frame: HashMap<FrameId, Vec<(u32, Role)>>,
}

impl Annotations {
    /// The notes on the flows of `selection`.
    #[must_use]
    pub(crate) fn new(judged: &Judged, selection: &Selection) -> Self {
        let mut annotations = Self::default();
        let flows = &judged.timeline.analysis.flows;
        for index in &selection.findings {
            if let Some(flow) = flows.get(*index) {
                annotations.tell(*index, &flow, &judged.verdict(&flow));
            }
        }
        for (index, clock) in &selection.survivors {
            if let Some(flow) = flows.get(*index) {
                annotations.tell_survivor(*index, &flow, *clock);
            }
        }
        annotations
    }

    /// What is to be said of a packet, one comment each.
    #[must_use]
    pub(crate) fn comments(&self, frame: FrameId, judged: &Judged) -> Vec<String> {
        let notes = self.by_frame.get(&frame).map(Vec::as_slice).unwrap_or_default();
        let flows = &judged.timeline.analysis.flows;
        let told = |(index, role): &(u32, Role)| flows.get(*index).map(|flow| (*index, *role, flow));
        notes.iter().filter_map(told).map(|(index, role, flow)| comment(index, role, &flow, judged)).collect()
    }

    fn tell(&mut self, index: u32, flow: &Flow, verdict: &Verdict) {
        if let Some((clock, gap)) = &verdict.gap {
            self.add_gap(index, gap, Role::Before(*clock, gap.length), Role::Ended(*clock, gap.length));
        }
        for direction in Direction::BOTH {
            let Some(probes) = flow.probes(direction) else { continue };
            let (frames, total) = (&probes.keepalive.frames, probes.keepalive.frames.total());
            let kept = frames.iter().count() as u64;
            for (place, frame) in (1..).zip(frames.iter()) {
                // The first are counted from the start, the last from the end.
                let first = kept.min(crate::flow::bounded::KEPT as u64);
                let number = if place <= first { place } else { total - (kept - place) };
                self.add(*frame, index, Role::Probe(number, total, direction));
            }
        }
        for (place, reset) in flow.resets().enumerate() {
            self.add(reset.mark.frame, index, Role::Reset(place));
        }
        for frame in &verdict.frames {
            if !self.by_frame.get(frame).is_some_and(|notes| notes.iter().any(|(of, _)| *of == index)) {
                self.add(*frame, index, Role::Named);
            }
        }
    }

    fn tell_survivor(&mut self, index: u32, flow: &Flow, clock: Clock) {
        let gaps = match clock {
            Clock::Packet => flow.packet_gaps(),
            Clock::Payload => flow.payload_gaps(),
        };
        if let Some(gap) = gaps.and_then(|gaps| gaps.longest_survived()) {
            let length = gap.length;
            self.add_gap(index, &gap, Role::SurvivorBefore(clock, length), Role::SurvivorEnded(clock, length));
        }
    }

    fn add_gap(&mut self, index: u32, gap: &Gap, before: Role, ended: Role) {
        self.add(gap.start.frame, index, before);
        if let Some(ender) = gap.ended_by {
            self.add(ender.mark.frame, index, ended);
        }
    }

    fn add(&mut self, frame: FrameId, index: u32, role: Role) {
        let notes = self.by_frame.entry(frame).or_default();
        if !notes.contains(&(index, role)) {
            notes.push((index, role));
        }
    }
}

/// One note in words: nothing in it comes from a packet but numbers.
fn comment(index: u32, role: Role, flow: &Flow, judged: &Judged) -> String {
    let verdict = judged.verdict(flow);
    let what = match role {
        Role::Before(clock, length) => {
            format!("the last packet before {} without {}", duration(length), counted(clock))
        }
        Role::Ended(clock, length) => format!("what ended {} without {}", duration(length), counted(clock)),
        Role::SurvivorBefore(clock, length) => format!(
            "the last packet before {} without {}, the longest such silence that survived toward this service",
            duration(length),
            counted(clock)
        ),
        Role::SurvivorEnded(clock, length) => {
            format!("what ended {} without {}, and was answered", duration(length), counted(clock))
        }
        Role::Probe(number, total, direction) => {
            format!("keepalive probe {number} of {total} of the {}", direction.sender())
        }
        Role::Reset(place) => flow.resets().nth(place).map_or_else(String::new, |reset| {
            let who = attribute_within(flow, reset, &verdict);
            let sender = match who.origin {
                Origin::Endpoint => format!("the {} itself", reset.direction.sender()),
                Origin::Middlebox => "a box on the path".to_owned(),
                Origin::Unknown => "an unknown sender".to_owned(),
            };
            let reasons: Vec<String> = who.reasons.iter().map(words::reason).collect();
            format!(
                "RST in the name of the {}, sent by {sender} ({}){}{}",
                reset.direction.sender(),
                who.confidence.name(),
                if reasons.is_empty() { "" } else { ": " },
                reasons.join("; ")
            )
        }),
        Role::Named => "a packet that the verdict rests on".to_owned(),
    };
    format!("idlegap: flow {index}, {} ({}): {what}", verdict.id.name(), verdict.confidence.name())
}

const fn counted(clock: Clock) -> &'static str {
    match clock {
        Clock::Packet => "a packet either way",
        Clock::Payload => "payload either way",
    }
}
