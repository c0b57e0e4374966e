//! The table of flows.

use std::io::{self, Write};

use super::{HtmlOptions, Text, page};
use crate::report::Listed;
use crate::report::conclude::frame_filter;
use crate::report::model::{Flow, Flows, Report};
use crate::report::text::Cells;
use crate::report::units;

const COLUMNS: [&str; 7] =
    ["flow", "client and server", "verdict, confidence", "silence", "keepalive", "how it ended", "frames"];

pub(super) fn render(
    report: &Report,
    flows: &impl Flows,
    options: &HtmlOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    if report.flows_total == 0 {
        return Ok(());
    }
    let is_selected = options.flows == Listed::Matter && !report.matter.is_empty();
    page::heading("flows", if is_selected { "Flows that matter" } else { "Flows" }, out)?;
    writeln!(out, "<p>{}</p>", tally(report))?;
    let mut listed = options.listed(report, flows).enumerate().peekable();
    if listed.peek().is_none() {
        return Ok(());
    }
    let filter = listed.peek().and_then(|(_, flow)| frame_filter(&flow.verdict.frames));
    page::scroll("Flows", out)?;
    write!(out, "<table><thead><tr>")?;
    COLUMNS.iter().try_for_each(|column| write!(out, "<th scope=\"col\">{column}</th>"))?;
    writeln!(out, "</tr></thead>\n<tbody>")?;
    let mut hidden = 0;
    for (place, flow) in listed {
        if place < options.rows() {
            row(&flow, place < options.timelines(), out)?;
        } else {
            hidden += 1;
        }
    }
    writeln!(out, "</tbody></table></div>")?;
    page::more(hidden, "flow", out)?;
    match filter {
        Some(filter) => writeln!(out, "<p>The first of them in Wireshark: <code>{}</code></p>", Text(&filter)),
        None => Ok(()),
    }
}

/// Flows by verdict: `12 flows: 3 idle-reset, 9 graceful`.
fn tally(report: &Report) -> String {
    let counts: Vec<_> = report.verdicts.iter().map(|(id, count)| format!("{} {id}", units::count(*count))).collect();
    format!("{}: {}", units::plural(report.flows_total.into(), "flow"), counts.join(", "))
}

fn row(flow: &Flow, is_drawn: bool, out: &mut impl Write) -> io::Result<()> {
    let cells = Cells::new(flow);
    match is_drawn {
        true => write!(out, "<tr><th scope=\"row\"><a href=\"#flow-{0}\">{0}</a></th>", flow.id)?,
        false => write!(out, "<tr><th scope=\"row\">{}</th>", flow.id)?,
    }
    let verdict = [flow.verdict.id.to_owned(), flow.verdict.confidence.to_owned()];
    cell("nowrap", &cells.ends, out)?;
    cell("nowrap", &verdict, out)?;
    cell("", &cells.silence, out)?;
    cell("", &cells.keepalive, out)?;
    cell("", &cells.ended, out)?;
    cell("", &cells.frames, out)?;
    writeln!(out, "</tr>")
}

fn cell(class: &'static str, lines: &[String], out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<_> = lines.iter().map(|line| Text(line).to_string()).collect();
    match class {
        "" => write!(out, "<td>{}</td>", lines.join("<br>")),
        _ => write!(out, "<td class=\"{class}\">{}</td>", lines.join("<br>")),
    }
}
