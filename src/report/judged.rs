//! What the report is built from: the timelines of a run, judged, and the names that all parts of the report share.

use std::borrow::Cow;

use crate::analyzer::Analysis;
use crate::capture::CaptureInfo;
use crate::flow::{Direction, Flow, FrameId};
use crate::report::model::Frame;
use crate::time::Timestamp;
use crate::timeouts::Entry;
use crate::verdict::advice::Stack;
use crate::verdict::inventory::Inventory;
use crate::verdict::outcome::judge;
use crate::verdict::quality::{Limits, Survey, ceiling};
use crate::verdict::service::{Services, may_be_refined};
use crate::verdict::{Reason, Verdict, VerdictId};

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
    /// What limits the verdicts.
    pub(crate) limits: Limits,
    /// Connections that hold a place without using it.
    pub(crate) inventory: Inventory,
    glances: Vec<Glance>,
}

/// What the first look at a flow left: millions of flows have nothing to say beside their verdict.
#[derive(Clone, Copy)]
enum Glance {
    /// This verdict, no silence, no probe, and nothing that its service could change.
    Plain(VerdictId),
    /// Anything else.
    Telling,
}

impl Glance {
    fn at(flow: &Flow, verdict: &Verdict) -> Self {
        let silent = flow.packet_gaps().is_some() || flow.payload_gaps().is_some();
        let probed = Direction::BOTH.into_iter().any(|direction| flow.probes(direction).is_some());
        let of_service = verdict.id.is_about_service() || may_be_refined(flow, verdict);
        let waited = verdict.reasons.contains(&Reason::HttpStatus(504));
        if silent || probed || of_service || waited { Self::Telling } else { Self::Plain(verdict.id) }
    }

    const fn is_plain(self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Judged {
    /// Looks at each flow twice: what it says by itself, and what it says beside the others.
    pub(crate) fn new(timeline: Timeline) -> Self {
        let analysis = &timeline.analysis;
        let mut survey = Survey::new(analysis);
        let mut services = Services::default();
        let mut inventory = Inventory::default();
        let mut glances = Vec::with_capacity(analysis.flows.len());
        for (number, flow) in (0..).zip(analysis.flows.iter()) {
            let verdict = judge(&flow, analysis);
            survey.add(number, &flow);
            services.add(&flow, &verdict);
            inventory.add(&flow, analysis.end);
            glances.push(Glance::at(&flow, &verdict));
        }
        for (number, glance) in (0..).zip(&glances) {
            if glance.is_plain() && !survey.wants_all() {
                analysis.flows.server(number).into_iter().for_each(|server| services.count(server));
            } else if let Some(flow) = analysis.flows.get(number) {
                survey.add_again(&flow);
                services.count(flow.server());
            }
        }
        let mut limits = survey.finish();
        for (_, info) in &timeline.files {
            limits.enter(info);
        }
        Self { timeline, services, limits, inventory, glances }
    }

    /// All flows with their verdicts, those aside whose verdict is all that there is to say: of them the verdict's id alone.
    pub(crate) fn each(&self) -> impl Iterator<Item = Result<(Cow<'_, Flow>, Verdict), VerdictId>> {
        (0..).zip(&self.glances).filter_map(|(number, glance)| match glance {
            Glance::Plain(id) => Some(Err(*id)),
            Glance::Telling => self.judged(number).map(Ok),
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

/// A frame as the report names it.
pub(crate) const fn frame(id: FrameId, several_files: bool) -> Frame {
    if several_files { Frame::InFile { file: id.file, frame: id.number } } else { Frame::Only(id.number) }
}

/// What the client asked for, as far as it could be read. In a one-sided capture all payload is one turn, so that nothing
/// tells which request is the last.
pub(crate) fn request(flow: &Flow) -> Option<String> {
    flow.end(Direction::FromResponder).last?;
    let heads = flow.heads()?;
    let server_name = heads.tls().and_then(|hello| hello.server_name.as_ref());
    match (heads.request(Direction::FromInitiator), heads.host(Direction::FromInitiator), server_name) {
        (Some(name), Some(host), _) => Some(format!("{name} (host {host})")),
        (Some(name), None, Some(server_name)) => Some(format!("{name} to {server_name}")),
        (Some(name), None, None) => Some(name.to_owned()),
        (None, _, Some(server_name)) => Some(format!("something encrypted, to {server_name}")),
        (None, _, None) => None,
    }
}
