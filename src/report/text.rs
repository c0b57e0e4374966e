//! The report for people: one sentence, what to change, the flows that matter, services, and what limits the verdict.
//!
//! Words from packets and file names go through [`escaped`] wherever they are printed. Colour only repeats what the
//! words say.

mod captures;
mod flows;
mod page;
mod services;

use std::io::{self, Write};

use self::page::Page;
use super::escape::escaped;
use super::model::{Advice, Candidate, Finding, Flows, Report};
use super::phrases;
use super::selection::Wanted;
use super::units::TimeFormat;

/// How the report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns, at least 80.
    pub width: u16,
    /// Whether to colour.
    pub color: bool,
    /// Whether to keep to ASCII.
    pub ascii: bool,
    /// Which flows are listed; its limit holds for findings, services and files too.
    pub wanted: Wanted,
    /// How times are shown.
    pub time: TimeFormat,
}

impl TextOptions {
    fn most(&self) -> usize {
        self.wanted.most()
    }
}

/// Candidates named for one service.
const CANDIDATES: usize = 3;

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
    page.paragraph("Assumed: ", &escaped(&phrases::assumption(assumption)))?;
    assumption.reasons.iter().try_for_each(|reason| page.paragraph("  - ", &escaped(reason)))
}

fn findings(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    let is_advised = report.findings.iter().any(|finding| !finding.advice.is_empty());
    page.heading(if is_advised { "What happened, and what to change" } else { "What happened" })?;
    let new_advice = phrases::advice_once(&report.findings);
    for (finding, advice) in report.findings.iter().zip(new_advice).take(options.most()) {
        page.paragraph(&format!("[{}] ", finding.severity), &escaped(&finding.title))?;
        page.paragraph("  ", &escaped(&finding.detail))?;
        advice.into_iter().try_for_each(|advice| change(advice, page))?;
        in_wireshark(finding, page)?;
    }
    page.more(report.findings.len().saturating_sub(options.most()), "finding")
}

/// What selects the packets, on one line to be copied.
fn in_wireshark(finding: &Finding, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let filters = phrases::filters(&finding.filters);
    let parts: Vec<_> = filters.iter().map(|it| format!("{}: {}", it.what, escaped(&it.filter))).collect();
    if parts.is_empty() { Ok(()) } else { page.line(&format!("  Wireshark, {}", parts.join("; "))) }
}

/// What to change.
fn change(advice: &Advice, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    page.paragraph(&format!("  {}: ", escaped(&advice.stack)), &escaped(&advice.text))?;
    // To be pasted: never wrapped.
    advice.snippet.lines().try_for_each(|line| page.line(&format!("      {}", escaped(line))))
}

/// Connections that hold a place without using it, and who holds the most.
fn inventory(report: &Report, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let Some(inventory) = &report.inventory else { return Ok(()) };
    page.heading("Idle inventory")?;
    phrases::inventory(inventory).iter().try_for_each(|line| page.paragraph("", line))?;
    let holders = phrases::holders(inventory);
    holders.iter().try_for_each(|(whose, named)| page.paragraph(&format!("  {whose}: "), &escaped(named)))
}

fn candidates(candidates: &[Candidate], page: &mut Page<'_, impl Write>) -> io::Result<()> {
    for candidate in candidates.iter().take(CANDIDATES) {
        page.paragraph("  looks like: ", &escaped(&phrases::candidate(candidate)))?;
    }
    match candidates.len().saturating_sub(CANDIDATES) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more that fit; `idlegap timeouts` explains each")),
    }
}

#[cfg(test)]
mod tests;
