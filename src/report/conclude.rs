//! What the whole capture says: its quality, the services, the findings, and the one sentence.

mod quality;
mod sentence;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::analyzer::FileAccount;
use crate::flow::bounded::FirstLast;
use crate::flow::gaps::{Clock, Gap, Outcome};
use crate::flow::{Direction, Flow, Socket};
use crate::report::build::{self, Judged};
use crate::report::model::{self, Advice, Candidate, Finding, Frame, Report, Service};
use crate::report::numbers::FlowNumbers;
use crate::report::units::{duration, plural};
use crate::report::words;
use crate::time::Span;
use crate::timeouts::{self, Expiry, Observation, State, Table, keepalive_time};
use crate::verdict::service::Bracket;
use crate::verdict::{Verdict, VerdictId};

pub(crate) use quality::file_quality;

/// Candidates named per service at most.
const CANDIDATES: usize = 5;
/// Findings about single services at most; what is beyond is counted in the verdicts.
const FINDINGS: usize = 100;

/// Concludes from all timelines.
pub(crate) fn report(timelines: &[Judged], numbers: &FlowNumbers, table: &Table, several_files: bool) -> Report {
    let gathered = Gathered::from(timelines, numbers);
    let services = services(timelines, table);
    let findings = gathered.findings(several_files);
    let captures = captures(timelines, several_files);
    let summary = sentence::summary(timelines, &gathered, &services, table);
    Report {
        captures,
        services,
        findings,
        summary,
        flows_total: gathered.flows,
        verdicts: VerdictId::ALL
            .iter()
            .filter_map(|id| gathered.counts.get(id).map(|count| (id.name().to_owned(), *count)))
            .collect(),
        matter: gathered.matter.into_iter().map(|(.., id)| id).collect(),
    }
}

/// Flows that share a verdict, of one service where the verdict is about a timer.
pub(crate) struct Group {
    pub(crate) flows: FirstLast<u32>,
    pub(crate) frames: Vec<crate::flow::FrameId>,
    pub(crate) first: Verdict,
    pub(crate) least: Option<Span>,
    pub(crate) most: Option<Span>,
    pub(crate) in_flight: u64,
    /// What the first of them had asked for.
    pub(crate) request: Option<String>,
}

/// Everything counted over all flows.
pub(crate) struct Gathered {
    pub(crate) flows: u32,
    pub(crate) counts: BTreeMap<VerdictId, u64>,
    pub(crate) groups: BTreeMap<(VerdictId, Option<Socket>), Group>,
    /// Severity, longest gap first, number.
    matter: Vec<(VerdictId, Reverse<Span>, u32)>,
}

impl Gathered {
    fn from(timelines: &[Judged], numbers: &FlowNumbers) -> Self {
        let mut gathered = Self { flows: 0, counts: BTreeMap::new(), groups: BTreeMap::new(), matter: Vec::new() };
        for (timeline, judged) in timelines.iter().enumerate() {
            for (index, flow) in (0..).zip(&judged.timeline.analysis.flows) {
                let number = numbers.number(timeline, index).unwrap_or(index);
                gathered.add(number, flow, judged.verdict(flow));
            }
        }
        gathered.matter.sort_unstable();
        gathered
    }

    fn add(&mut self, index: u32, flow: &Flow, verdict: Verdict) {
        self.flows = self.flows.saturating_add(1);
        *self.counts.entry(verdict.id).or_default() += 1;
        if !verdict.id.matters() {
            return;
        }
        let gap = verdict.gap.map(|(_, gap)| gap.length);
        self.matter.push((verdict.id, Reverse(gap.unwrap_or_default()), index));
        let about_service = verdict.id.is_idle_death() || verdict.id == VerdictId::KeepaliveExhausted;
        let crowded = self.groups.len() >= FINDINGS;
        let key = (verdict.id, Some(flow.server()).filter(|_| about_service && !crowded));
        // Asked before the silence: what was only sent into it found the connection dead and waits for nobody's timer.
        let asked = flow.turn.filter(|turn| turn.direction == Direction::FromInitiator);
        let in_flight = asked.zip(verdict.gap).is_some_and(|(turn, (_, gap))| turn.start.time <= gap.start.time);
        let group = self.groups.entry(key).or_insert_with(|| Group {
            flows: FirstLast::default(),
            frames: verdict.frames.clone(),
            first: verdict.clone(),
            least: None,
            most: None,
            in_flight: 0,
            request: None,
        });
        group.flows.push(index);
        group.in_flight += u64::from(in_flight);
        if in_flight && group.request.is_none() {
            group.request = build::request(flow);
        }
        if let Some(gap) = gap {
            group.least = Some(group.least.map_or(gap, |least| least.min(gap)));
            group.most = Some(group.most.map_or(gap, |most| most.max(gap)));
        }
    }

    fn findings(&self, several_files: bool) -> Vec<Finding> {
        self.groups.iter().map(|((id, server), group)| finding(*id, *server, group, several_files)).collect()
    }
}

fn finding(id: VerdictId, server: Option<Socket>, group: &Group, several_files: bool) -> Finding {
    let total = group.flows.total();
    let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
    let gaps = match (group.least, group.most) {
        (Some(least), Some(most)) if duration(least) == duration(most) => format!(" ({})", duration(least)),
        (Some(least), Some(most)) => format!(" ({} to {})", duration(least), duration(most)),
        _ => String::new(),
    };
    let reasons: Vec<String> = group.first.reasons.iter().map(words::reason).collect();
    let first = group.flows.iter().next().copied().unwrap_or_default();
    Finding {
        id: id.name(),
        severity: words::severity(id),
        title: format!("{}{to} {}{gaps}", plural(total, "flow"), words::happened(id, total)),
        detail: format!("Flow {first}: {}.", reasons.join("; ")),
        flows: group.flows.iter().copied().collect(),
        flows_total: total,
        frames: group.frames.iter().map(|frame| build::frame(*frame, several_files)).collect(),
        advice: advice(id, group),
    }
}

/// What helps, in its first form: the time to set where keepalive helps, and where it cannot.
fn advice(id: VerdictId, group: &Group) -> Vec<Advice> {
    let clock = group.first.gap.map(|(clock, _)| clock);
    let answered =
        group.first.reasons.iter().any(|reason| matches!(reason, crate::verdict::Reason::KeepalivesAnswered(_)));
    let keepalive_helps = matches!(id, VerdictId::IdleReset | VerdictId::IdleResetNext | VerdictId::IdleDrop);
    if id == VerdictId::IdleClose && clock == Some(Clock::Payload) {
        let text = if answered {
            "TCP keepalive cannot help here: probes were answered in the silence, so the timer counts payload. Raise \
             that timer, or let the application send something before it expires."
        } else {
            "The side that closed runs a timer of its own, most likely one of payload, which TCP keepalive does not \
             restart. Raise that timer, or let the client close or reuse the connection before it expires."
        };
        return vec![Advice { stack: "any".to_owned(), text: text.to_owned(), snippet: String::new() }];
    }
    let Some(time) = group.least.and_then(keepalive_time).filter(|_| keepalive_helps) else {
        return Vec::new();
    };
    let secs = time.as_nanos() / crate::time::NANOS_PER_SECOND;
    let text = format!(
        "Turn on TCP keepalive with a time and an interval of at most {secs} s: half of the shortest silence that died, \
         since kernels fire up to 12.5 % late. A socket must ask for it (SO_KEEPALIVE); the sysctls only set the defaults."
    );
    let snippet = format!(
        "sysctl -w net.ipv4.tcp_keepalive_time={secs} net.ipv4.tcp_keepalive_intvl={} net.ipv4.tcp_keepalive_probes=5",
        secs.clamp(1, 10)
    );
    vec![Advice { stack: "linux".to_owned(), text, snippet }]
}

/// Known timers that a gap could show: those that may have ended it if it died, those whose value it reached if not.
pub(crate) fn known(table: &Table, clock: Clock, gap: &Gap, most: usize) -> Vec<String> {
    const LONG: Span = Span::from_secs(5);
    if gap.length < LONG || gap.outcome != Outcome::Died {
        return Vec::new();
    }
    let on_next = gap.ended_by.is_some_and(|ender| ender.kind != crate::flow::SegmentKind::Rst);
    let manner = match (clock, on_next) {
        (Clock::Payload, _) => Some(Expiry::Fin),
        (Clock::Packet, true) => None,
        (Clock::Packet, false) => Some(Expiry::RstBoth),
    };
    let state = if gap.half_closed { State::HalfClosed } else { State::Established };
    let seen = Observation { state, lower: None, upper: gap.length, clock: table_clock(clock), manner };
    let fits = table.candidates(&seen).into_iter();
    let fits = fits.filter(|candidate| candidate.fit == timeouts::Fit::Exact && !candidate.kills_otherwise);
    fits.take(most).map(|candidate| candidate.entry.id.clone()).collect()
}

const fn table_clock(clock: Clock) -> timeouts::Clock {
    match clock {
        Clock::Packet => timeouts::Clock::Packet,
        Clock::Payload => timeouts::Clock::Payload,
    }
}

fn services(timelines: &[Judged], table: &Table) -> Vec<Service> {
    let all = timelines.iter().flat_map(|judged| judged.services.ranked());
    all.map(|(server, service)| {
        let (clock, bracket) = service.telling();
        Service {
            server: server.to_string(),
            flows: service.flows,
            died: bracket.died - bracket.ambiguous,
            clock: clock.name(),
            survived_max_s: bracket.survived_max.map(Span::as_secs_f64),
            died_min_s: bracket.died_min.map(Span::as_secs_f64),
            died_max_s: bracket.died_max.map(Span::as_secs_f64),
            candidates: candidates(table, clock, bracket).into_iter().take(CANDIDATES).map(candidate).collect(),
        }
    })
    .collect()
}

/// Known timeouts inside the bracket of a service.
fn candidates<'a>(table: &'a Table, clock: Clock, bracket: &Bracket) -> Vec<timeouts::Candidate<'a>> {
    match bracket.died_min.filter(|_| bracket.died > bracket.ambiguous) {
        Some(upper) => known_in(table, clock, bracket.survived_max, upper, bracket.manner()),
        None => Vec::new(),
    }
}

/// Known timeouts longer than `survived` and at most `died` whose default fits; what could merely be configured so proves
/// nothing.
pub(crate) fn known_in(
    table: &Table,
    clock: Clock,
    survived: Option<Span>,
    died: Span,
    manner: Option<Expiry>,
) -> Vec<timeouts::Candidate<'_>> {
    let lower = survived.filter(|survived| *survived < died);
    let mut found = table.within(lower, died, table_clock(clock), manner);
    found.retain(|candidate| candidate.fit != timeouts::Fit::Range);
    // What kills otherwise is named only where nothing kills in this manner.
    if found.iter().any(|candidate| !candidate.kills_otherwise) {
        found.retain(|candidate| !candidate.kills_otherwise);
    }
    found
}

fn candidate(found: timeouts::Candidate<'_>) -> Candidate {
    let entry = found.entry;
    Candidate {
        id: entry.id.clone(),
        vendor: entry.vendor.clone(),
        product: entry.product.clone(),
        idle_s: entry.idle.span().as_secs_f64(),
        fit: serde_json::to_value(found.fit).ok().and_then(|fit| fit.as_str().map(str::to_owned)).unwrap_or_default(),
        reasons: found.reasons.into_iter().chain(found.against.into_iter().map(|text| format!("but {text}"))).collect(),
    }
}

fn captures(timelines: &[Judged], several_files: bool) -> Vec<model::Capture> {
    let mut captures: Vec<(usize, model::Capture)> = Vec::new();
    for (number, judged) in (0u32..).zip(timelines) {
        let blank = FileAccount::default();
        for (index, info) in &judged.timeline.files {
            let account = judged.timeline.analysis.accounts.get(*index).unwrap_or(&blank);
            let mut capture = build::capture(info, account, number, several_files);
            capture.quality.extend(quality::timeline_quality(&judged.timeline.analysis));
            captures.push((*index, capture));
        }
    }
    captures.sort_by_key(|(index, _)| *index);
    captures.into_iter().map(|(_, capture)| capture).collect()
}

/// What was passed over in one file.
pub(crate) fn skips(account: &FileAccount, several_files: bool) -> Vec<model::Skip> {
    let skip =
        |((layer, reason), count): (&(crate::wire::Layer, &'static str), &crate::analyzer::SkipCount)| model::Skip {
            layer: quality::layer(*layer).to_owned(),
            reason: (*reason).to_owned(),
            example: quality::skip(&count.example),
            first_frame: build::frame(count.first, several_files),
            count: count.count,
        };
    account.skips.iter().map(skip).collect()
}

/// The frames of a finding as Wireshark's display filter takes them, for a single file.
#[must_use]
pub fn frame_filter(frames: &[Frame]) -> Option<String> {
    let numbers: Option<Vec<String>> = frames
        .iter()
        .map(|frame| match frame {
            Frame::Only(number) => Some(number.to_string()),
            Frame::InFile { .. } => None,
        })
        .collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
    Some(format!("frame.number in {{{}}}", numbers.join(", ")))
}
