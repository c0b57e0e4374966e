//! What the whole capture says: its quality, the services, the findings, and the one sentence.

mod assumption;
mod filters;
mod findings;
mod gather;
mod pings;
mod quality;
mod sentence;
mod services;

use crate::analyzer::FileAccount;
use crate::capture::CaptureInfo;
use crate::flow::SegmentKind;
use crate::flow::gaps::{Clock, Gap, Outcome};
use crate::report::judged::{Asked, Judged, frame};
use crate::report::model::{self, Candidate, Report};
use crate::report::numbers::FlowNumbers;
use crate::report::units::rfc3339;
use crate::time::Span;
use crate::timeouts::{self, Expiry, Observation, State, Table};
use crate::verdict::VerdictId;
use crate::verdict::bracket::Bracket;
use crate::verdict::inventory::{Held, Idle, Ranking};

pub(crate) use gather::Gathered;
use gather::Group;
pub(crate) use pings::too_many as too_many_pings;

/// Clients and services named in the inventory at most.
const HOLDERS: usize = 8;
/// Candidates named per service at most.
const CANDIDATES: usize = 5;

/// Concludes from all timelines, and from the flows that were `gone` before the end.
pub(crate) fn report(
    timelines: &[Judged],
    numbers: &FlowNumbers,
    table: &Table,
    several_files: bool,
    asked: Asked<'_>,
    gone: Gathered,
) -> Report {
    let gathered = Gathered::from(timelines, numbers, gone, asked.threads);
    let services = services::services(timelines, &gathered, table);
    let findings = findings::findings(timelines, numbers, &gathered, table, several_files, asked.stack);
    let captures = captures(timelines, several_files);
    let summary = sentence::summary(timelines, &gathered, table);
    Report {
        captures,
        inventory: inventory(timelines),
        services,
        groups: services::groups(timelines, table),
        findings,
        summary,
        assumption: asked.assume.map(|entry| assumption::test(entry, timelines, numbers, several_files)),
        flows_total: gathered.flows,
        verdicts: VerdictId::ALL
            .iter()
            .map(|id| (id.name().to_owned(), gathered.count(*id)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        matter: gathered.into_matter(),
    }
}

/// Known timers that may have ended a gap of a flow. `service` is the bracket of its server's service, if no flow contradicts
/// it: what shows on the next packet is no more than a bound, and other flows may know a narrower one.
pub(crate) fn known(table: &Table, clock: Clock, gap: &Gap, service: Option<Bracket>, most: usize) -> Vec<String> {
    const LONG: Span = Span::from_secs(5);
    let by_reset = gap.ended_by.is_some_and(|ender| ender.kind == SegmentKind::Rst);
    if gap.length < LONG || gap.outcome != Outcome::Died || (by_reset && clock == Clock::Payload) {
        return Vec::new();
    }
    let on_next = gap.ended_by.is_some_and(|ender| ender.kind != SegmentKind::Rst);
    let manner = match (clock, on_next) {
        (Clock::Payload, _) => Some(Expiry::Fin),
        (Clock::Packet, true) => None,
        (Clock::Packet, false) => Some(Expiry::RstBoth),
    };
    let state = if gap.half_closed { State::HalfClosed } else { State::Established };
    let waited = on_next && clock == Clock::Packet;
    let narrower = service.filter(|_| waited && !gap.half_closed);
    let upper = narrower.and_then(|bracket| bracket.died_min).map_or(gap.length, |died| died.min(gap.length));
    let lower = narrower.and_then(|bracket| bracket.survived_max).filter(|survived| *survived < upper);
    let seen = Observation { state, lower, upper, clock: table_clock(clock), manner };
    let fits = table.candidates(&seen).into_iter();
    let fits = fits.filter(|candidate| {
        candidate.fit == timeouts::Fit::Exact && !candidate.kills_otherwise && plays(candidate.entry, manner)
    });
    // What tells the ends when its timer fires has not waited for the next packet.
    let fits = fits.filter(|candidate| !(waited && candidate.entry.kills_otherwise(Some(Expiry::SilentDrop))));
    fits.take(most).map(|candidate| candidate.entry.id.clone()).collect()
}

const fn table_clock(clock: Clock) -> timeouts::Clock {
    match clock {
        Clock::Packet => timeouts::Clock::Packet,
        Clock::Payload => timeouts::Clock::Payload,
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
    found.retain(|candidate| candidate.fit != timeouts::Fit::Range && plays(candidate.entry, manner));
    // What kills otherwise is named only where nothing kills in this manner.
    if found.iter().any(|candidate| !candidate.kills_otherwise) {
        found.retain(|candidate| !candidate.kills_otherwise);
    }
    found
}

/// Whether a box or program of that sort can have killed so: what forgets or resets stands on the path and passes packets
/// on, and what closes for the server's side is no client.
fn plays(entry: &timeouts::Entry, manner: Option<Expiry>) -> bool {
    match manner {
        Some(Expiry::RstBoth | Expiry::RstOnNextPacket | Expiry::SilentDrop) => entry.layer == timeouts::Layer::L4,
        Some(Expiry::Fin | Expiry::Http408 | Expiry::Http504) => entry.kind != timeouts::Kind::Client,
        _ => true,
    }
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
        let analysis = &judged.timeline.analysis;
        // What the flows show belongs to the timeline: it is said once, at its first file.
        let mut of_timeline = quality::timeline_quality(analysis, &judged.limits);
        if timelines.len() > 1 {
            of_timeline.push(quality::several_points(timelines.len() as u64));
        }
        of_timeline.extend(quality::evicted(judged.evicted));
        for (index, info) in &judged.timeline.files {
            let account = analysis.accounts.get(*index).unwrap_or(&blank);
            let mut of_file = capture(info, account, number, several_files);
            of_file.quality.append(&mut of_timeline);
            captures.push((*index, of_file));
        }
    }
    captures.sort_by_key(|(index, _)| *index);
    captures.into_iter().map(|(_, capture)| capture).collect()
}

/// Clients and services that hold the most without using it.
fn inventory(timelines: &[Judged]) -> Option<model::Inventory> {
    // Several capture points see the same connections: the one with the most speaks for all.
    let taken = timelines.iter().map(|judged| &judged.inventory);
    let inventory =
        taken.max_by_key(|inventory| inventory.all.connections()).filter(|one| one.all.connections() > 0)?;
    Some(model::Inventory {
        empty: held(&inventory.all.empty),
        silent: held(&inventory.all.silent),
        clients: ranked(inventory.clients(HOLDERS)),
        services: ranked(inventory.services(HOLDERS)),
    })
}

fn held(held: &Held) -> model::Held {
    model::Held {
        connections: held.connections,
        standing: held.standing,
        held_s: held.total_s(),
        longest_s: held.longest.as_secs_f64(),
    }
}

fn ranked<K: std::fmt::Display>(ranking: Ranking<K>) -> model::Holders {
    let holder = |(who, idle): &(K, Idle)| model::Holder {
        who: who.to_string(),
        empty: held(&idle.empty),
        silent: held(&idle.silent),
    };
    model::Holders {
        top: ranking.top.iter().map(holder).collect(),
        others: ranking.others,
        others_connections: ranking.others_connections + ranking.uncounted,
    }
}

/// What was passed over in one file.
fn skips(account: &FileAccount, several_files: bool) -> Vec<model::Skip> {
    let skip =
        |((layer, reason), count): (&(crate::wire::Layer, &'static str), &crate::analyzer::SkipCount)| model::Skip {
            layer: quality::layer(*layer).to_owned(),
            reason: (*reason).to_owned(),
            example: quality::skip(&count.example),
            first_frame: frame(count.first, several_files),
            count: count.count,
        };
    account.skips.iter().map(skip).collect()
}

/// One capture of the report.
fn capture(info: &CaptureInfo, account: &FileAccount, timeline: u32, several_files: bool) -> model::Capture {
    model::Capture {
        file: info.name.clone(),
        format: info.format.to_string(),
        link_types: info.link_types.iter().map(ToString::to_string).collect(),
        packets: info.packets,
        tcp_segments: account.tcp_segments,
        first_time: info.first_time.map(rfc3339),
        last_time: info.last_time.map(rfc3339),
        timeline,
        skips: skips(account, several_files),
        truncated: info.truncated.is_some(),
        quality: quality::file_quality(info, account),
    }
}
