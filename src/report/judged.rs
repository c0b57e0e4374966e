//! What the report is built from: the timelines of a run, judged, and the names that all parts of the report share.

use std::borrow::Cow;

use crate::analyzer::Analysis;
use crate::capture::CaptureInfo;
use crate::flow::gaps::{Clock, Gap, Outcome};
use crate::flow::heads::Hello;
use crate::flow::store::Brief;
use crate::flow::{Direction, Flow, FrameId};
use crate::report::evicted::Gone;
use crate::report::model::Frame;
use crate::report::parallel::in_order;
use crate::time::Timestamp;
use crate::timeouts::Entry;
use crate::verdict::advice::Stack;
use crate::verdict::ages::died_of_age;
use crate::verdict::bracket::is_ambiguous;
use crate::verdict::digest::Settled;
use crate::verdict::group::Groups;
use crate::verdict::inventory::Inventory;
use crate::verdict::outcome::judge;
use crate::verdict::quality::{Limits, Survey, ceiling};
use crate::verdict::service::{Service, Services, is_telling};
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
    /// Threads to judge flows with; what is reported does not depend on it.
    pub threads: usize,
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
pub(crate) enum Glance {
    /// This verdict, which other flows cannot change but as its sort says.
    Known { verdict: VerdictId, sort: Sort },
    /// It died of a silence.
    OfSilence,
    /// Anything else.
    Telling,
}

/// What there is beside a verdict. All but the last have no silence, no probe and no name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Nothing but that there was one more flow.
    Quiet,
    /// The flow tells something of its service, as it was told already.
    Told,
    /// The same, and a limit of age of the service may have ended it.
    MayBeAged,
    /// More than that.
    More,
}

impl Glance {
    fn at(flow: &Flow, verdict: &Verdict) -> Self {
        let silent = flow.packet_gaps().is_some() || flow.payload_gaps().is_some();
        let probed = Direction::BOTH.into_iter().any(|direction| flow.probes(direction).is_some());
        let aged = died_of_age(flow, verdict).is_some();
        let of_silence = verdict.gap.is_some();
        if verdict.id.is_about_service() || of_silence || is_ambiguous(verdict) {
            return if of_silence { Self::OfSilence } else { Self::Telling };
        }
        let spoken = Direction::BOTH.into_iter().any(|direction| flow.end(direction).last_payload.is_some());
        if silent || probed || spoken {
            return if aged { Self::Telling } else { Self::Known { verdict: verdict.id, sort: Sort::More } };
        }
        let sort = match (is_telling(flow), aged) {
            (_, true) => Sort::MayBeAged,
            (true, false) => Sort::Told,
            (false, false) => Sort::Quiet,
        };
        Self::Known { verdict: verdict.id, sort }
    }
}

/// What a further look at a flow shows.
pub(crate) enum Seen<'a> {
    /// Nothing but the verdict.
    Plain(VerdictId),
    /// A flow that came to no harm, and the verdict on it.
    Well(Box<Cow<'a, Flow>>, VerdictId),
    /// A flow with the verdict on it.
    Judged(Box<(Cow<'a, Flow>, Verdict)>),
}

/// The first look at the flows.
struct Look<'a, 'b> {
    analysis: &'a Analysis,
    survey: &'b mut Survey<'a>,
    services: &'b mut Services,
    inventory: &'b mut Inventory,
}

/// What there is to see of a flow by itself.
enum Sight<'a> {
    /// It was judged when it went to rest, and need not be unpacked.
    Brief(Settled, Brief),
    /// The flow, and the verdict on it.
    Whole(Box<(u32, Cow<'a, Flow>, Verdict)>),
}

impl<'a> Sight<'a> {
    fn of(analysis: &'a Analysis, number: u32) -> Option<Self> {
        let settled = analysis.flows.brief(number).map(|(digest, brief)| (Settled::from(digest), brief));
        if let Some((settled @ Settled { may_be_aged: false, .. }, brief)) = settled {
            return Some(Self::Brief(settled, brief));
        }
        let flow = analysis.flows.get(number)?;
        let verdict = match settled {
            Some((settled, _)) => Verdict::of(settled.verdict),
            None => judge(&flow, analysis),
        };
        Some(Self::Whole(Box::new((number, flow, verdict))))
    }
}

impl<'a> Look<'a, '_> {
    /// Looks at each flow that is there, in the order of their numbers.
    fn at_all(mut self, threads: usize) -> Vec<Glance> {
        let analysis = self.analysis;
        let flows = &analysis.flows;
        let mut glances = Vec::with_capacity(flows.len());
        let see = |number| Sight::of(analysis, number);
        in_order(threads, flows.numbers_touched(), see, |sight| glances.extend(sight.map(|sight| self.at(sight))));
        glances
    }

    fn at(&mut self, sight: Sight<'a>) -> Glance {
        let Self { analysis, survey, services, inventory } = self;
        match sight {
            Sight::Brief(Settled { verdict, is_established, .. }, brief) => {
                survey.add_brief(&brief);
                services.count(brief.server, is_established.then(|| brief.last.since(brief.first)));
                Glance::Known { verdict, sort: Sort::Told }
            }
            Sight::Whole(whole) => {
                let (number, flow, verdict) = &*whole;
                survey.add(*number, flow);
                services.add(flow, verdict);
                inventory.add(flow, analysis.end);
                Glance::at(flow, verdict)
            }
        }
    }
}

impl Judged {
    /// Looks at each flow twice: what it says by itself, and what it says beside the others.
    ///
    /// Beside the flows that are there stands what is known of the services from flows that are `gone`.
    pub(crate) fn new(timeline: Timeline, gone: Gone, threads: usize) -> Self {
        let Gone { services: known, by_server, flows: evicted } = gone;
        let analysis = &timeline.analysis;
        let mut survey = Survey::new(analysis);
        let mut services = known;
        let mut inventory = Inventory::default();
        let look = Look { analysis, survey: &mut survey, services: &mut services, inventory: &mut inventory };
        let glances = look.at_all(threads);
        for (number, glance) in analysis.flows.numbers().zip(&glances) {
            let is_known = matches!(glance, Glance::Known { sort: Sort::Told | Sort::MayBeAged, .. });
            if let Some(flow) = (survey.wants_all() || !is_known).then(|| analysis.flows.get(number)).flatten() {
                survey.add_again(&flow);
                services.add_again(&flow);
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
        let of_silence = self.glanced().filter(|(_, glance)| matches!(glance, Glance::OfSilence));
        let flows = of_silence.filter_map(|(number, _)| self.timeline.analysis.flows.get(number)).filter(died);
        let with_verdicts = flows.map(|flow| {
            let verdict = self.verdict(&flow);
            (flow, verdict)
        });
        Groups::form(&self.services, with_verdicts)
    }

    /// All flows by their numbers, each with what the first look at it left.
    pub(crate) fn glanced(&self) -> impl Iterator<Item = (u32, Glance)> {
        self.timeline.analysis.flows.numbers().zip(self.glances.iter().copied())
    }

    /// Looks at a flow once more, as far as that is of use.
    pub(crate) fn see(&self, number: u32, glance: Glance) -> Option<Seen<'_>> {
        let flow = || self.timeline.analysis.flows.get(number);
        Some(match glance {
            Glance::Known { verdict, sort: Sort::Quiet | Sort::Told } => Seen::Plain(verdict),
            Glance::Known { verdict, sort: Sort::MayBeAged } if !self.services.has_age_limits() => Seen::Plain(verdict),
            Glance::Known { verdict, sort: Sort::More } if !verdict.matters() => Seen::Well(Box::new(flow()?), verdict),
            _ => {
                let flow = flow()?;
                let verdict = self.verdict(&flow);
                Seen::Judged(Box::new((flow, verdict)))
            }
        })
    }

    /// The flows that have more to say than their verdict.
    pub(crate) fn telling(&self) -> impl Iterator<Item = (u32, Cow<'_, Flow>)> {
        let is_telling = |glance: &Glance| match glance {
            Glance::Known { sort, .. } => *sort == Sort::More,
            Glance::OfSilence | Glance::Telling => true,
        };
        let telling = self.glanced().filter(move |(_, glance)| is_telling(glance));
        telling.filter_map(|(number, _)| Some((number, self.timeline.analysis.flows.get(number)?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_takes_two_octets() {
        assert_eq!(size_of::<Glance>(), 2);
    }
}
