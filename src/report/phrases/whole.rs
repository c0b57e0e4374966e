//! Words on everything beside the flows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{frame, telling_gap};
use crate::report::model::{
    Advice, Assumption, Candidate, Capture, Filter, Finding, Flow, Holder, Inventory, Report, Skip,
};
use crate::report::units::{self, Clock};
use crate::time::{Span, Timestamp};

/// Clients and services named in the inventory.
const HOLDERS: usize = 4;
/// Known timeouts named for one gap.
const KNOWN: usize = 4;

/// What was assumed of the path, and whether it holds.
#[must_use]
pub fn assumption(assumption: &Assumption) -> String {
    let verdict = match assumption.verdict {
        "holds" => "the capture agrees",
        "contradicted" => "the capture contradicts it",
        _ => "the capture does not test it",
    };
    let product = product(&assumption.vendor, &assumption.product);
    format!("through {product}, {} ({}): {verdict}.", length(assumption.idle_s), assumption.id)
}

/// The advice of each finding, without what an earlier one has said already.
#[must_use]
pub fn advice_once(findings: &[Finding]) -> Vec<Vec<&Advice>> {
    let mut given: Vec<&Advice> = Vec::new();
    let mut once = Vec::with_capacity(findings.len());
    for finding in findings {
        let mut new: Vec<&Advice> = finding.advice.iter().collect();
        new.retain(|advice| !given.iter().any(|one| one.stack == advice.stack && one.text == advice.text));
        given.extend(&new);
        once.push(new);
    }
    once
}

/// A display filter for Wireshark, with what it selects.
#[derive(Clone, Debug, Serialize)]
pub struct FilterWords {
    /// What it selects.
    pub what: String,
    /// The filter.
    pub filter: String,
}

/// What to type into Wireshark for a finding: its frames, file by file, and its whole flows.
#[must_use]
pub fn filters(filters: &[Filter]) -> Vec<FilterWords> {
    let words = |what: String, filter: &Filter| FilterWords { what, filter: filter.filter.clone() };
    let frames = filters.iter().filter(|filter| filter.by == "frames").map(|filter| match filter.file {
        Some(file) => words(format!("frames of file {}", file.saturating_add(1)), filter),
        None => words("frames".to_owned(), filter),
    });
    let flows = filters.iter().find(|filter| filter.by != "frames");
    frames.chain(flows.map(|filter| words("whole flows".to_owned(), filter))).collect()
}

/// Flows by verdict: `12 flows: 3 idle-reset, 9 graceful`.
#[must_use]
pub fn tally(report: &Report) -> String {
    let counts: Vec<_> = report.verdicts.iter().map(|(id, count)| format!("{} {id}", units::count(*count))).collect();
    format!("{}: {}", units::plural(report.flows_total.into(), "flow"), counts.join(", "))
}

/// The known timeouts that gaps look like, each with the flows that show it.
#[must_use]
pub fn known_timeouts(flows: &[Flow]) -> Vec<String> {
    let mut by_ids: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for flow in flows {
        let Some(gap) = telling_gap(flow).filter(|gap| !gap.known_timeouts.is_empty()) else { continue };
        let more = gap.known_timeouts.len().saturating_sub(KNOWN);
        let mut ids = gap.known_timeouts.iter().take(KNOWN).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            ids.push_str(&format!(" and {more} more"));
        }
        by_ids.entry(ids).or_default().push(flow.id);
    }
    let line = |(ids, mut flows): (String, Vec<u32>)| {
        flows.sort_unstable();
        let (noun, verb) = if flows.len() == 1 { ("Flow", "looks") } else { ("Flows", "look") };
        let numbers: Vec<_> = flows.iter().map(u32::to_string).collect();
        format!("{noun} {} {verb} like: {ids}", numbers.join(", "))
    };
    by_ids.into_iter().map(line).collect()
}

/// A known timeout that fits a service, with what speaks for and against it.
#[must_use]
pub fn candidate(candidate: &Candidate) -> String {
    let product = product(&candidate.vendor, &candidate.product);
    let mut text = format!("{product}, {} ({}, {})", length(candidate.idle_s), candidate.id, candidate.fit);
    if !candidate.reasons.is_empty() {
        text.push_str(": ");
        text.push_str(&candidate.reasons.join("; "));
    }
    text
}

/// The product with its vendor before it, unless it begins so.
#[must_use]
pub fn product(vendor: &str, product: &str) -> String {
    let begins = product.get(..vendor.len()).is_some_and(|start| start.eq_ignore_ascii_case(vendor));
    if begins { product.to_owned() } else { format!("{vendor} {product}") }
}

/// Connections that hold a place without using it, a line for each sort.
#[must_use]
pub fn inventory(inventory: &Inventory) -> Vec<String> {
    let sorts = [("handshake and no payload", inventory.empty), ("silent for most of the time", inventory.silent)];
    let sorts = sorts.into_iter().filter(|(_, held)| held.connections > 0);
    let line = |(what, held): (&str, crate::report::model::Held)| {
        format!(
            "{}: {what}, {} still there at the end, the longest for {}",
            units::plural(held.connections, "connection"),
            if held.standing == 0 { "none".to_owned() } else { units::count(held.standing) },
            length(held.longest_s)
        )
    };
    sorts.map(line).collect()
}

/// Who holds the most connections without using them: clients and services, each with those named.
#[must_use]
pub fn holders(inventory: &Inventory) -> [(&'static str, String); 2] {
    let of = |holder: &Holder| holder.empty.connections + holder.silent.connections;
    let name = |holder: &Holder| format!("{} {}", holder.who, units::count(of(holder)));
    [("clients", &inventory.clients), ("services", &inventory.services)]
        .map(|(whose, holders)| (whose, holders.top.iter().take(HOLDERS).map(name).collect::<Vec<_>>().join(", ")))
}

/// How several files belong together; `None` for a single one.
#[must_use]
pub fn timelines(report: &Report) -> Option<String> {
    if report.captures.len() < 2 {
        return None;
    }
    let last = report.captures.iter().map(|capture| capture.timeline).max().unwrap_or_default();
    if last == 0 {
        return Some(
            "The files follow each other in time and were analysed as one capture. A frame is given as file:frame."
                .to_owned(),
        );
    }
    let points = (0..=last).map(|timeline| {
        let files = report.captures.iter().zip(1..).filter(|(capture, _)| capture.timeline == timeline);
        files.map(|(_, number): (_, u32)| format!("[{number}]")).collect::<Vec<_>>().join(" ")
    });
    let points: Vec<_> = points.collect();
    Some(format!(
        "Files that overlap in time are different capture points and were analysed separately: {}. A frame is given as \
         file:frame.",
        points.join(" and ")
    ))
}

/// What a capture is.
#[must_use]
pub fn capture(capture: &Capture, clock: &Clock) -> String {
    let mut parts = vec![capture.format.clone()];
    parts.extend(capture.link_types.iter().cloned());
    parts.push(units::plural(capture.packets, "packet"));
    parts.push(format!("{} with TCP", units::count(capture.tcp_segments)));
    let (first, last) = (time(capture.first_time.as_deref()), time(capture.last_time.as_deref()));
    if let Some((first, last)) = first.zip(last) {
        parts.push(format!("from {} over {}", clock.brief(first), units::duration(last.since(first))));
    }
    if capture.truncated {
        parts.push("cut short: analysed up to the cut".to_owned());
    }
    format!("{}: {}", capture.file, parts.join(", "))
}

/// What limits the verdicts on a capture, a line for each remark; at least one.
#[must_use]
pub fn limits(capture: &Capture) -> Vec<String> {
    let remarks = capture.quality.iter().map(|quality| quality.text.clone());
    let mut lines: Vec<_> = remarks.chain(capture.skips.iter().map(skip)).collect();
    if capture.quality.is_empty() && !capture.truncated && capture.packets > 0 {
        lines.push("nothing that limits the verdicts".to_owned());
    }
    lines
}

fn skip(skip: &Skip) -> String {
    format!(
        "{} passed over at the {} layer, {}: the first is frame {}, {}",
        units::plural(skip.count, "frame"),
        skip.layer,
        skip.reason,
        frame(skip.first_frame),
        skip.example
    )
}

/// A clock that shows times as asked, for the captures of `report`.
#[must_use]
pub fn clock(report: &Report, format: units::TimeFormat) -> Clock {
    let starts = report.captures.iter().filter_map(|capture| time(capture.first_time.as_deref()));
    Clock::new(format, starts.min().unwrap_or_default())
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    units::from_rfc3339(text?)
}

fn length(secs: f64) -> String {
    units::duration(Span::from_secs_f64(secs))
}
