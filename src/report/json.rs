//! The report as one JSON object, one capture, flow, service or finding a line, so that files compare and grep well.

use std::io::{self, Write};

use serde::Serialize;

use super::Listed;
use super::escape::write_json;
use super::model::{Flow, Flows, Report, SCHEMA_VERSION, Tool};
use crate::time::Span;

/// What the JSON report holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonOptions {
    /// Which flows.
    pub flows: Listed,
    /// Gaps shorter than this are left out of the flows (and still counted in `gaps_total`).
    pub min_gap: Span,
}

/// Writes the report; flows are built, written and dropped one by one.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, flows: &impl Flows, options: &JsonOptions, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\n")?;
    member(out, "schema_version", &SCHEMA_VERSION)?;
    member(out, "tool", &Tool::SELF)?;
    member(out, "summary", &report.summary)?;
    if let Some(assumption) = &report.assumption {
        member(out, "assumption", assumption)?;
    }
    list(out, "captures", report.captures.iter())?;
    list(out, "flows", listed(report, flows, options))?;
    member(out, "flows_total", &report.flows_total)?;
    member(out, "verdicts", &Counts(&report.verdicts))?;
    list(out, "services", report.services.iter())?;
    list(out, "groups", report.groups.iter())?;
    member(out, "inventory", &report.inventory)?;
    key(out, "findings")?;
    elements(out, report.findings.iter())?;
    out.write_all(b"\n}\n")
}

fn listed(report: &Report, flows: &impl Flows, options: &JsonOptions) -> impl Iterator<Item = Flow> {
    let min_gap_s = options.min_gap.as_secs_f64();
    let all = 0..report.flows_total;
    let matter = report.matter.iter().copied();
    let (all, matter) = match options.flows {
        Listed::All => (Some(all), None),
        Listed::Matter => (None, Some(matter)),
    };
    let ids = all.into_iter().flatten().chain(matter.into_iter().flatten());
    ids.filter_map(|id| flows.flow(id)).map(move |mut flow| {
        flow.gaps.retain(|gap| gap.duration_s >= min_gap_s);
        flow
    })
}

fn key(out: &mut impl Write, name: &str) -> io::Result<()> {
    write!(out, "\"{name}\": ")
}

fn member(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    key(out, name)?;
    write_json(out, value)?;
    out.write_all(b",\n")
}

fn list(out: &mut impl Write, name: &str, items: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    key(out, name)?;
    elements(out, items)?;
    out.write_all(b",\n")
}

fn elements(out: &mut impl Write, items: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    out.write_all(b"[")?;
    let mut separator: &[u8] = b"\n";
    let mut is_empty = true;
    for item in items {
        out.write_all(separator)?;
        write_json(out, &item)?;
        separator = b",\n";
        is_empty = false;
    }
    out.write_all(if is_empty { b"]" } else { b"\n]" })
}

/// Pairs as an object, in their order.
struct Counts<'a>(&'a [(String, u64)]);

impl Serialize for Counts<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, Table};

    fn rendered(report: &Report, flows: &Table, listed: Listed, min_gap: Span) -> String {
        let mut out = Vec::new();
        render(report, flows, &JsonOptions { flows: listed, min_gap }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_stand_in_the_order_of_the_contract_and_flows_one_a_line() {
        let (report, flows) = sample::incident();
        let text = rendered(&report, &flows, Listed::All, Span::ZERO);
        let keys: Vec<_> = text.lines().filter_map(|line| line.strip_prefix('"')?.split('"').next()).collect();
        assert_eq!(
            keys,
            [
                "schema_version",
                "tool",
                "summary",
                "captures",
                "flows",
                "flows_total",
                "verdicts",
                "services",
                "groups",
                "inventory",
                "findings"
            ]
        );
        assert_eq!(
            text.lines().filter(|line| line.starts_with("{\"id\":") && line.contains("community_id")).count(),
            3
        );
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["flows"][0]["verdict"]["id"], "idle-reset");
        assert_eq!(value["verdicts"]["idle-reset"], 1);
        assert_eq!(value["flows"][0]["waiting"]["request"], "GET /report\u{1b}[2J");
    }

    #[test]
    fn the_flows_that_matter_alone_and_long_gaps_alone() {
        let (report, flows) = sample::incident();
        let text = rendered(&report, &flows, Listed::Matter, Span::from_secs(91));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["flows"].as_array().unwrap().len(), 1);
        assert_eq!(value["flows"][0]["gaps"].as_array().unwrap().len(), 0);
        assert_eq!(value["flows"][0]["gaps_total"], 1);
        assert_eq!(value["flows_total"], 3);
    }

    #[test]
    fn an_empty_report_is_valid() {
        let (report, flows) = sample::empty();
        let value: serde_json::Value =
            serde_json::from_str(&rendered(&report, &flows, Listed::All, Span::ZERO)).unwrap();
        assert_eq!(value["flows"], serde_json::json!([]));
        assert_eq!(value["findings"], serde_json::json!([]));
    }
}
