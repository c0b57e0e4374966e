//! The table of flows.

use std::io::{self, Write};

use super::{HtmlOptions, Text, page};
use crate::report::Listed;
use crate::report::model::{Flow, Report};
use crate::report::phrases::{self, FlowWords};
use crate::report::selection::Selection;
use crate::report::units;

const COLUMNS: [&str; 7] =
    ["flow", "client and server", "verdict, confidence", "silence", "keepalive", "how it ended", "frames"];

pub(super) fn render(
    report: &Report,
    selection: &Selection,
    options: &HtmlOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    if report.flows_total == 0 {
        return Ok(());
    }
    let is_selected = options.wanted.flows == Listed::Matter && !report.matter.is_empty();
    page::heading("flows", if is_selected { "Flows that matter" } else { "Flows" }, out)?;
    writeln!(out, "<p>{}</p>", phrases::tally(report))?;
    if !selection.shown.is_empty() {
        table(selection, options.drawn(selection).count(), out)?;
    }
    page::more(selection.by_limit, "flow", out)?;
    if selection.by_gap > 0 {
        let (flows, least) = (units::plural(selection.by_gap, "flow"), units::duration(options.wanted.min_gap));
        writeln!(out, "<p class=\"note\">{flows} without a gap of {least} left out.</p>")?;
    }
    Ok(())
}

/// The table; the first `drawn` rows lead to the courses of their flows.
fn table(selection: &Selection, drawn: usize, out: &mut impl Write) -> io::Result<()> {
    page::scroll("Flows", out)?;
    write!(out, "<table class=\"flows\"><thead><tr>")?;
    COLUMNS.iter().try_for_each(|column| write!(out, "<th scope=\"col\">{column}</th>"))?;
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for (place, flow) in selection.shown.iter().enumerate() {
        row(flow, place < drawn, out)?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn row(flow: &Flow, is_drawn: bool, out: &mut impl Write) -> io::Result<()> {
    match is_drawn {
        true => write!(out, "<tr><th scope=\"row\"><a href=\"#flow-{0}\">{0}</a></th>", flow.id)?,
        false => write!(out, "<tr><th scope=\"row\">{}</th>", flow.id)?,
    }
    let words = FlowWords::new(flow);
    let cells = [words.ends.as_slice(), &words.verdict, &words.silence, &words.keepalive, &words.ended, &words.frames];
    for lines in cells {
        let lines: Vec<_> = lines.iter().map(|line| Text(line).to_string()).collect();
        write!(out, "<td>{}</td>", lines.join("<br>"))?;
    }
    writeln!(out, "</tr>")
}
