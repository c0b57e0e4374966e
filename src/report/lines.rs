//! The report as JSON lines, each an object with a `type`: to be read as it comes, one line at a time.

use std::io::{self, Write};

use serde::Serialize;

use super::escape::write_json;
use super::json::{Counts, JsonOptions, ids, listed};
use super::model::{
    Assumption, Capture, Finding, Flow, Flows, Group, Inventory, Report, SCHEMA_VERSION, Service, Summary, Tool,
};

/// One line.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Line<'a> {
    /// What the run came to; the first line.
    Report(Head<'a>),
    /// Whether the path can go through the box that was assumed.
    Assumption(&'a Assumption),
    /// One file.
    Capture(&'a Capture),
    /// One flow.
    Flow(&'a Flow),
    /// One server.
    Service(&'a Service),
    /// Services behind one box.
    Group(&'a Group),
    /// Connections that hold a place without using it.
    Inventory(&'a Inventory),
    /// One conclusion.
    Finding(&'a Finding),
}

/// The first line.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    /// Version of this contract.
    schema_version: &'static str,
    /// The program that wrote the report.
    tool: Tool,
    /// The report in one paragraph.
    summary: &'a Summary,
    /// Flows in all, listed or not.
    flows_total: u32,
    /// Flows by verdict, every id that occurs.
    #[cfg_attr(test, schemars(with = "super::schema::words::Counts"))]
    verdicts: Counts<'a>,
}

/// Writes the report; flows are built, written and dropped one by one.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, flows: &impl Flows, options: &JsonOptions, out: &mut impl Write) -> io::Result<()> {
    let mut write = |line: Line<'_>| {
        write_json(out, &line)?;
        out.write_all(b"\n")
    };
    write(Line::Report(Head {
        schema_version: SCHEMA_VERSION,
        tool: Tool::SELF,
        summary: &report.summary,
        flows_total: report.flows_total,
        verdicts: Counts(&report.verdicts),
    }))?;
    report.assumption.iter().try_for_each(|assumption| write(Line::Assumption(assumption)))?;
    report.captures.iter().try_for_each(|capture| write(Line::Capture(capture)))?;
    listed(ids(report, options.flows), flows, options.min_gap).try_for_each(|flow| write(Line::Flow(&flow)))?;
    report.services.iter().try_for_each(|service| write(Line::Service(service)))?;
    report.groups.iter().try_for_each(|group| write(Line::Group(group)))?;
    report.inventory.iter().try_for_each(|inventory| write(Line::Inventory(inventory)))?;
    report.findings.iter().try_for_each(|finding| write(Line::Finding(finding)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Listed;
    use crate::report::sample;
    use crate::time::Span;

    #[test]
    fn every_line_is_an_object_that_says_what_it_is() {
        let (report, flows) = sample::incident();
        let mut out = Vec::new();
        render(&report, &flows, &JsonOptions { flows: Listed::All, min_gap: Span::ZERO }, &mut out).unwrap();
        let lines: Vec<serde_json::Value> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["report", "capture", "flow", "flow", "flow", "service", "finding"]);
        assert_eq!(lines[0]["verdicts"]["graceful"], 2);
        assert_eq!(lines[2]["verdict"]["id"], "idle-reset");
        assert_eq!(lines[6]["filters"][0]["by"], "frames");
    }
}
