//! A flow written down as a packet script: renumbered, without payload, ready to be a test.
//!
//! Addresses become those of the documentation of scripts, the client's port 40000, initial sequence numbers and timestamps
//! those of a fresh start, MAC addresses local ones. What decides stays: times, flags, relative numbers, windows, hop
//! limits, IP identification. Frames captured twice are left out, since they count once; so is what carried the packets.

mod kept;
mod renumber;
mod spoken;

use std::collections::HashMap;
use std::net::SocketAddr;

pub use kept::Kept;
use renumber::Renumbering;
use spoken::spoken;

use crate::analyzer::{Analyzer, Options, Seen};
use crate::capture::{LinkType, Record};
use crate::flow::{FlowKey, Socket};
use crate::report::build::Built;
use crate::report::trace::{Row, Rows};
use crate::script::{
    Event, Expectation, Expected, Framing, KINDS, LinkLayer, ORIGINS, Script, Step, Subject, Time, VERDICTS,
};
use crate::time::Timestamp;
use crate::verdict::attribution::decisive;
use crate::verdict::service::Services;

/// Segments at most: a longer script is for nobody's eyes.
const LONGEST: usize = 100_000;

/// The segments of one flow, gathered while its capture is read.
#[derive(Debug, Default)]
pub struct Transcript {
    kept: Vec<Kept>,
    key: Option<FlowKey>,
    /// Which of the kept segments begins a fragmented datagram.
    fragmented: HashMap<(std::net::IpAddr, std::net::IpAddr, u32), usize>,
    /// Segments that no longer found room.
    left_out: u64,
}

impl Transcript {
    /// Takes a record; `is_it` says whether a segment is one of the flow.
    pub fn note(&mut self, record: &Record<'_>, seen: &Seen<'_>, is_it: bool) {
        match seen {
            Seen::Segment(labelled) if is_it => {
                let Some(kept) = Kept::segment(record, labelled) else { return };
                let segment = &labelled.segment;
                if let Some(fragment) = segment.fragment {
                    self.fragmented.insert((segment.src, segment.dst, fragment.id), self.kept.len());
                }
                let ends = [(segment.src, segment.src_port), (segment.dst, segment.dst_port)];
                let [src, dst] = ends.map(|(ip, port)| Socket::new(ip, port));
                self.key = Some(FlowKey::new(src, dst).0);
                self.push(kept);
            }
            Seen::Fragment(fragment) => {
                let first = self.fragmented.get(&(fragment.src, fragment.dst, fragment.id));
                if let Some(kept) = first.and_then(|first| self.kept.get_mut(*first)) {
                    kept.extend(fragment.len);
                }
            }
            Seen::Icmp(error) => {
                let [src, dst] = [error.src, error.dst].map(|end| Socket::new(end.ip(), end.port()));
                if self.key == Some(FlowKey::new(src, dst).0)
                    && let Some(kept) = Kept::error(record.time, error)
                {
                    self.push(kept);
                }
            }
            Seen::Segment(_) | Seen::Skip(_) => {}
        }
    }

    /// How many segments found no room: such a script would not be the flow.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The script of flow number `id` of `built`, with the expectations that the flow by itself meets; `None` if there is
    /// no such flow.
    #[must_use]
    pub fn script(&self, built: &Built, id: u32) -> Option<String> {
        let (flow, verdict, judged) = built.judged(id)?;
        let mut script = self.steps(flow.client(), flow.server(), judged.timeline.analysis.end);
        let judged = expect(&mut script);
        let otherwise = match judged {
            Some(name) if name != verdict.id.name() => "# By itself and without payload it is judged otherwise.\n",
            _ => "",
        };
        let (id, confidence) = (verdict.id.name(), verdict.confidence.name());
        let head = "# A flow of a capture, renumbered and without payload.\n";
        Some(format!("{head}# There its verdict is {id} ({confidence}).\n{otherwise}{script}"))
    }

    fn push(&mut self, kept: Kept) {
        if self.kept.len() < LONGEST {
            self.kept.push(kept);
        } else {
            self.left_out += 1;
        }
    }

    fn steps(&self, client: Socket, server: Socket, end: Timestamp) -> Script {
        let renumbering = Renumbering::new(&self.kept, client, server);
        let spec = renumbering.flow();
        let mut script = Script { flows: vec![spec.clone()], ..Script::default() };
        if self.kept.iter().all(|kept| kept.src_mac.is_none()) {
            script.link = LinkLayer::Raw;
        }
        let mut clock = self.kept.first().map(|kept| kept.time).unwrap_or_default();
        for (kept, words) in self.kept.iter().zip(spoken(&self.kept, SocketAddr::new(client.ip, client.port))) {
            let (segment, framing) = renumbering.segment(kept, &spec);
            let (segment, framing) = words.put_into(segment, framing, script.link, kept.src.is_ipv4());
            let time = Time::After(kept.time.since(clock));
            clock = kept.time;
            let event = Event::Segment(segment);
            script.steps.push(Step { time, event, framing, expected: None, repeat: None });
        }
        script.end = Some(end.since(clock)).filter(|rest| rest.as_nanos() > 0).map(Time::After);
        script
    }
}

/// Enters what the analysis says of `script`; returns the name of the verdict.
fn expect(script: &mut Script) -> Option<&'static str> {
    let link = if script.link == LinkLayer::Raw { LinkType(101) } else { LinkType(1) };
    let mut analyzer = Analyzer::new(Options::default());
    let mut rows = Rows::default();
    let frames = script.frames();
    for (frame, shot) in (1..).zip(&frames) {
        let record = Record {
            time: shot.time,
            frame,
            link,
            interface: 0,
            data: &shot.bytes,
            original_len: shot.original_len,
            told: None,
        };
        if let Seen::Segment(labelled) = analyzer.push(&record) {
            rows.push(Row::new(&labelled));
        }
        analyzer.drain_relabels().for_each(|relabel| rows.relabel(&relabel));
    }
    let steps: Vec<Option<usize>> = frames.iter().map(|frame| frame.step).collect();
    let analysis = analyzer.finish(|relabel| rows.relabel(&relabel));
    while let Some(row) = rows.pop() {
        let place = (row.frame().number as usize).checked_sub(1).and_then(|index| steps.get(index).copied().flatten());
        if let Some(step) = place.and_then(|place| script.steps.get_mut(place)) {
            let kind = named(KINDS, row.kind().name());
            step.expected = kind.map(|kind| Expected { kind, note: None });
        }
    }
    let flow = analysis.flows.get(0)?;
    let verdict = Services::gather(&analysis).judge(&flow, &analysis);
    let id = named(VERDICTS, verdict.id.name())?;
    let subject = if verdict.id.matters() { Subject::Finding } else { Subject::Verdict };
    let origin = decisive(&flow).and_then(|(_, who)| named(ORIGINS, who.origin.name()));
    let gap = verdict.gap.map(|(_, gap)| gap.length);
    script.expectations.push(Expectation {
        flow: (subject == Subject::Verdict).then_some(0),
        gap,
        origin,
        ..Expectation::new(subject, id)
    });
    // Where one pair of addresses and ports was used twice, the script may hold more than one flow.
    script.other_findings_allowed = analysis.flows.len() > 1;
    Some(id)
}

fn named(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().copied().find(|known| *known == name)
}

/// How a frame is wrapped where nothing is said.
const PLAIN: Framing = Framing::NONE;
