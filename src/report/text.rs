//! The report for people: one sentence, what to change, the flows that matter, services, and what limits the verdict.
//!
//! Words from packets and file names go through [`escaped`] wherever they are printed. Colour only repeats what the
//! words say.

mod captures;
mod cells;
mod flows;
mod page;
mod services;

use std::io::{self, Write};

use self::page::Page;
use super::Listed;
use super::escape::escaped;
use super::model::{Candidate, Finding, Flows, Holder, Report};
use super::units::{self, TimeFormat};
use crate::time::Span;

/// How the report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns, at least 80.
    pub width: u16,
    /// Whether to colour.
    pub color: bool,
    /// Whether to keep to ASCII.
    pub ascii: bool,
    /// Which flows are listed.
    pub flows: Listed,
    /// Flows and services shown at most; 0 for no limit.
    pub limit: u32,
    /// Flows without a gap as long as this are not shown.
    pub min_gap: Span,
    /// How times are shown.
    pub time: TimeFormat,
}

impl TextOptions {
    fn most(&self) -> usize {
        if self.limit == 0 { usize::MAX } else { self.limit as usize }
    }
}

/// Candidates named for one service.
const CANDIDATES: usize = 3;
/// Clients and services named in the inventory.
const HOLDERS: usize = 4;

/// Writes the report.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, flows: &impl Flows, options: &TextOptions, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page::new(out, options.width, options.color);
    page.strong(&escaped(&report.summary.sentence))?;
    assumption(report, &mut page)?;
    if let Some(next_step) = &report.summary.next_step {
        page.paragraph("Next: ", &escaped(next_step))?;
    }
    findings(report, options, &mut page)?;
    flows::render(report, flows, options, &mut page)?;
    services::render(report, options, &mut page)?;
    inventory(report, &mut page)?;
    captures::render(report, options, &mut page)
}

/// Whether the assumption holds, and why.
fn assumption(report: &Report, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let Some(assumption) = &report.assumption else { return Ok(()) };
    let verdict = match assumption.verdict {
        "holds" => "the capture agrees",
        "contradicted" => "the capture contradicts it",
        _ => "the capture does not test it",
    };
    let idle = units::duration(Span::from_secs_f64(assumption.idle_s));
    let product = product(&assumption.vendor, &assumption.product);
    let text = format!("through {product}, {idle} ({}): {verdict}.", assumption.id);
    page.paragraph("Assumed: ", &escaped(&text))?;
    assumption.reasons.iter().try_for_each(|reason| page.paragraph("  - ", &escaped(reason)))
}

fn findings(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    let is_advised = report.findings.iter().any(|finding| !finding.advice.is_empty());
    page.heading(if is_advised { "What happened, and what to change" } else { "What happened" })?;
    let mut given = Vec::new();
    for finding in report.findings.iter().take(options.most()) {
        page.paragraph(&format!("[{}] ", finding.severity), &escaped(&finding.title))?;
        page.paragraph("  ", &escaped(&finding.detail))?;
        advice(finding, &mut given, page)?;
    }
    page.more(report.findings.len().saturating_sub(options.most()), "finding")
}

/// The advice of one finding, without what another one has said already.
fn advice<'a>(
    finding: &'a Finding,
    given: &mut Vec<(&'a str, &'a str)>,
    page: &mut Page<'_, impl Write>,
) -> io::Result<()> {
    for advice in &finding.advice {
        if given.contains(&(&advice.stack, &advice.text)) {
            continue;
        }
        given.push((&advice.stack, &advice.text));
        page.paragraph(&format!("  {}: ", escaped(&advice.stack)), &escaped(&advice.text))?;
        // To be pasted: never wrapped.
        for line in advice.snippet.lines() {
            page.line(&format!("      {}", escaped(line)))?;
        }
    }
    Ok(())
}

/// Connections that hold a place without using it, and who holds the most.
fn inventory(report: &Report, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let Some(inventory) = &report.inventory else { return Ok(()) };
    page.heading("Idle inventory")?;
    for (what, held) in
        [("handshake and no payload", &inventory.empty), ("silent for most of their life", &inventory.silent)]
    {
        if held.connections > 0 {
            let longest = units::duration(Span::from_secs_f64(held.longest_s));
            let text = format!(
                "{}: {what}, {} still there at the end, the longest for {longest}",
                units::plural(held.connections, "connection"),
                units::count(held.standing)
            );
            page.paragraph("", &text)?;
        }
    }
    for (whose, holders) in [("clients", &inventory.clients), ("services", &inventory.services)] {
        let of = |holder: &Holder| holder.empty.connections + holder.silent.connections;
        let named = holders
            .top
            .iter()
            .take(HOLDERS)
            .map(|holder| format!("{} {}", escaped(&holder.who), units::count(of(holder))));
        page.paragraph(&format!("  {whose}: "), &named.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn candidates(candidates: &[Candidate], page: &mut Page<'_, impl Write>) -> io::Result<()> {
    for candidate in candidates.iter().take(CANDIDATES) {
        let idle = units::duration(Span::from_secs_f64(candidate.idle_s));
        let product = product(&candidate.vendor, &candidate.product);
        let mut text = format!("{product}, {idle} ({}, {})", candidate.id, candidate.fit);
        if !candidate.reasons.is_empty() {
            text.push_str(": ");
            text.push_str(&candidate.reasons.join("; "));
        }
        page.paragraph("  looks like: ", &escaped(&text))?;
    }
    match candidates.len().saturating_sub(CANDIDATES) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more that fit; `idlegap timeouts` explains each")),
    }
}

/// The product with its vendor before it, unless it begins so.
fn product(vendor: &str, product: &str) -> String {
    if product.starts_with(vendor) { product.to_owned() } else { format!("{vendor} {product}") }
}

#[cfg(test)]
mod tests;
