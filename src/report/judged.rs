//! What the report is built from: the timelines of a run, judged, and the names that all parts of the report share.

use std::borrow::Cow;

use crate::analyzer::Analysis;
use crate::capture::CaptureInfo;
use crate::flow::gaps::{Clock, Gap, Outcome};
use crate::flow::heads::Hello;
use crate::flow::{Direction, Flow, FrameId};
use crate::report::evicted::Gone;
use crate::report::model::Frame;
use crate::time::Timestamp;
use crate::timeouts::Entry;
use crate::verdict::advice::Stack;
use crate::verdict::group::Groups;
use crate::verdict::inventory::Inventory;
use crate::verdict::outcome::judge;
use crate::verdict::quality::{Limits, Survey, ceiling};
use crate::verdict::service::{Service, Services, is_telling, may_be_refined};
use crate::verdict::{Verdict, VerdictId};

/// One timeline: the analysis of files that follow each other, with what was learnt of each file.
pub struct Timeline {
    /// The analysis.
    pub analysis: Analysis,
    /// The files, by their index in the report's `captures`.
    pub files: Vec<(usize, CaptureInfo)>,
}

/// What the user asked of the report beside its subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The only stack that advice is wanted for.
    pub stack: Option<Stack>,
    /// The timeout that the path is assumed to have.
    pub assume: Option<&'a Entry>,
}

/// A timeline with what its flows say together.
pub(crate) struct Judged {
    pub(crate) timeline: Timeline,
    pub(crate) services: Services,
    /// Services behind one box.
    pub(crate) groups: Groups,
    /// What limits the verdicts.
    pub(crate) limits: Limits,
    /// Connections that hold a place without using it.
    pub(crate) inventory: Inventory,
    /// Flows that had to leave before the end.
    pub(crate) evicted: u64,
    /// Of each flow that is there, in the order of their numbers.
    glances: Vec<Glance>,
}

/// What the first look at a flow left: millions of flows have nothing to say beside their verdict, and need not be unpacked
/// again.
#[derive(Clone, Copy)]
enum Glance {
    /// This verdict, no silence, no probe, no name, and nothing that its service could change.
    Plain { verdict: VerdictId, is_telling: bool },
    /// Anything else.
    Telling,
}

impl Glance {
    fn at(flow: &Flow, verdict: &Verdict) -> Self {
        let silent = flow.packet_gaps().is_some() || flow.payload_gaps().is_some();
        let probed = Direction::BOTH.into_iter().any(|direction| flow.probes(direction).is_some());
        let of_service = verdict.id.is_about_service() || may_be_refined(flow, verdict);
        let spoken = Direction::BOTH.into_iter().any(|direction| flow.end(direction).last_payload.is_some());
        if silent || probed || of_service || spoken {
            return Self::Telling;
        }
        Self::Plain { verdict: verdict.id, is_telling: is_telling(flow) }
    }
}

impl Judged {
    /// Looks at each flow twice: what it says by itself, and what it says beside the others.
    ///
    /// Beside the flows that are there stands what is known of the services from flows that are `gone`.
    pub(crate) fn new(timeline: Timeline, gone: Gone) -> Self {
        let Gone { services: known, by_server, flows: evicted } = gone;
        let analysis = &timeline.analysis;
        let mut survey = Survey::new(analysis);
        let mut services = known;
        let mut inventory = Inventory::default();
        let mut glances = Vec::with_capacity(analysis.flows.len());
        for (number, flow) in analysis.flows.numbered() {
            let verdict = judge(&flow, analysis);
            survey.add(number, &flow);
            services.add(&flow, &verdict);
            inventory.add(&flow, analysis.end);
            glances.push(Glance::at(&flow, &verdict));
        }
        for (number, glance) in analysis.flows.numbers().zip(&glances) {
            match glance {
                Glance::Plain { is_telling: true, .. } if !survey.wants_all() => {
                    analysis.flows.server(number).into_iter().for_each(|server| services.count(server));
                }
                _ => {
                    if let Some(flow) = analysis.flows.get(number) {
                        survey.add_again(&flow);
                        services.add_again(&flow);
                    }
                }
            }
        }
        services.conclude(analysis, &by_server);
        let mut limits = survey.finish();
        for (file, info) in &timeline.files {
            limits.enter(*file, info);
        }
        let mut judged = Self { timeline, services, groups: Groups::default(), limits, inventory, evicted, glances };
        judged.groups = judged.groups();
        judged
    }

    fn groups(&self) -> Groups {
        if !self.services.several_died() {
            return Groups::default();
        }
        let died = |flow: &Cow<'_, Flow>| self.services.of(flow.server()).is_some_and(Service::has_deaths);
        let flows = self.timeline.analysis.flows.iter().filter(died);
        let with_verdicts = flows.map(|flow| {
            let verdict = self.verdict(&flow);
            (flow, verdict)
        });
        Groups::form(&self.services, with_verdicts)
    }

    /// All flows by their numbers; of those with nothing to say beside their verdict that alone.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, Result<Cow<'_, Flow>, VerdictId>)> {
        self.timeline.analysis.flows.numbers().zip(&self.glances).filter_map(|(number, glance)| match glance {
            Glance::Plain { verdict, .. } => Some((number, Err(*verdict))),
            Glance::Telling => Some((number, Ok(self.timeline.analysis.flows.get(number)?))),
        })
    }

    /// Flow `number` with its verdict.
    pub(crate) fn judged(&self, number: u32) -> Option<(Cow<'_, Flow>, Verdict)> {
        let flow = self.timeline.analysis.flows.get(number)?;
        let verdict = self.verdict(&flow);
        Some((flow, verdict))
    }

    /// The verdict on `flow`, no surer than the capture allows.
    pub(crate) fn verdict(&self, flow: &Flow) -> Verdict {
        let verdict = self.services.judge(flow, &self.timeline.analysis);
        match ceiling(flow, &self.limits, verdict.id).filter(|ceiling| ceiling.confidence < verdict.confidence) {
            Some(ceiling) => verdict.limited(ceiling),
            None => verdict,
        }
    }

    /// The earliest record of the timeline.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.timeline.files.iter().filter_map(|(_, info)| info.first_time).min()
    }
}

/// How the gap came out; one that a FIN ended came out well, unless the FIN was a timer's.
pub(crate) fn outcome(verdict: &Verdict, clock: Clock, gap: &Gap) -> Outcome {
    let fatal =
        verdict.id == VerdictId::IdleClose && verdict.gap.is_some_and(|(on, of)| on == clock && of.start == gap.start);
    if fatal { Outcome::Died } else { gap.outcome }
}

/// A frame as the report names it.
pub(crate) const fn frame(id: FrameId, several_files: bool) -> Frame {
    if several_files { Frame::InFile { file: id.file, frame: id.number } } else { Frame::Only(id.number) }
}

/// What the client asked for, as far as it could be read. In a one-sided capture all payload is one turn, so that nothing
/// tells which request is the last.
pub(crate) fn request(flow: &Flow) -> Option<String> {
    flow.end(Direction::FromResponder).last?;
    let heads = flow.heads()?;
    let name = heads.request(Direction::FromInitiator);
    if let Some(hello) = heads.tls() {
        return Some(format!("{}{}", name.unwrap_or("TLS data"), tls(hello)));
    }
    let host = heads.host(Direction::FromInitiator);
    Some(match host {
        Some(host) => format!("{} (host {host})", name?),
        None => name?.to_owned(),
    })
}

/// What the hello of a TLS connection tells of what is encrypted.
fn tls(hello: &Hello) -> String {
    let server_name = hello.server_name.as_ref().map(|name| format!("SNI {name}"));
    let protocol = match (&hello.agreed, &hello.alpn) {
        (Some(agreed), _) => Some(format!("ALPN {agreed}")),
        (None, Some(offered)) => Some(format!("ALPN {offered} offered")),
        (None, None) => None,
    };
    let known: Vec<_> = server_name.into_iter().chain(protocol).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}
