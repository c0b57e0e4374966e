//! What the report is built from: the timelines of a run, judged, and the names that all parts of the report share.

use crate::analyzer::Analysis;
use crate::capture::CaptureInfo;
use crate::flow::heads::Hello;
use crate::flow::{Direction, Flow, FrameId};
use crate::report::model::Frame;
use crate::time::Timestamp;
use crate::timeouts::Entry;
use crate::verdict::Verdict;
use crate::verdict::advice::Stack;
use crate::verdict::group::Groups;
use crate::verdict::inventory::Inventory;
use crate::verdict::quality::{Limits, ceiling, limits};
use crate::verdict::service::{Service, Services};

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
}

impl Judged {
    pub(crate) fn new(timeline: Timeline) -> Self {
        let mut limits = limits(&timeline.analysis);
        for (_, info) in &timeline.files {
            limits.enter(info);
        }
        let services = Services::gather(&timeline.analysis);
        let inventory = Inventory::take(&timeline.analysis);
        let mut judged = Self { timeline, services, groups: Groups::default(), limits, inventory };
        judged.groups = judged.groups();
        judged
    }

    fn groups(&self) -> Groups {
        if !self.services.several_died() {
            return Groups::default();
        }
        let died = |flow: &&Flow| self.services.of(flow.server()).is_some_and(Service::has_deaths);
        let flows = self.timeline.analysis.flows.iter().filter(died);
        Groups::form(&self.services, flows.map(|flow| (flow, self.verdict(flow))))
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
