//! Services with what their silences say of a timer, alone and together.

use std::io::{self, Write};

use super::page::Page;
use super::{TextOptions, candidates};
use crate::report::escape::escaped;
use crate::report::model::Report;
use crate::report::phrases;

pub(super) fn render(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    services(report, options, page)?;
    groups(report, options, page)
}

fn services(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let telling: Vec<_> = report.services.iter().filter(|service| phrases::is_telling(service)).collect();
    if telling.is_empty() {
        return Ok(());
    }
    page.heading("Services")?;
    for service in telling.iter().take(options.most()) {
        page.paragraph(&format!("{}  ", escaped(&service.server)), &phrases::service(service))?;
        for [label, text] in phrases::service_remarks(service) {
            page.paragraph(&format!("  {}: ", escaped(&label)), &escaped(&text))?;
        }
        candidates(&service.candidates, page)?;
    }
    page.more(telling.len().saturating_sub(options.most()), "service")
}

fn groups(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    if report.groups.is_empty() {
        return Ok(());
    }
    page.heading("Services behind one box")?;
    for group in report.groups.iter().take(options.most()) {
        page.paragraph("", &escaped(&phrases::group(group)))?;
        page.paragraph("  because: ", &escaped(&group.reasons.join("; ")))?;
        candidates(&group.candidates, page)?;
    }
    page.more(report.groups.len().saturating_sub(options.most()), "group")
}
