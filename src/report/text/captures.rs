//! What was read, and what limits the verdict.

use std::io::{self, Write};

use super::TextOptions;
use super::page::Page;
use crate::report::escape::escaped;
use crate::report::model::Report;
use crate::report::phrases;

pub(super) fn render(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    page.heading("Capture quality")?;
    let timelines = phrases::timelines(report);
    if let Some(timelines) = &timelines {
        page.paragraph("", timelines)?;
    }
    let clock = phrases::clock(report, options.time);
    for (at, capture) in report.captures.iter().enumerate().take(options.most()) {
        let label = if timelines.is_some() { format!("[{}] ", at + 1) } else { String::new() };
        page.paragraph(&label, &escaped(&phrases::capture(capture, &clock)))?;
        phrases::limits(capture).iter().try_for_each(|limit| page.paragraph("  - ", &escaped(limit)))?;
    }
    page.more(report.captures.len().saturating_sub(options.most()), "file")
}
