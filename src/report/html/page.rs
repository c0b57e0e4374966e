//! The words of the page: its head, what happened and what to change, what was read, and where that comes from.

use std::io::{self, Write};

use super::known::Known;
use super::style::STYLE;
use super::{HtmlOptions, Material, Text, duration, svg};
use crate::report::model::{Advice, Holder, Report, Tool};
use crate::report::phrases::{self, FilterWords};
use crate::report::units;

/// What a browser may do with the page: show it, with its own styles and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// From the first byte to the beginning of the words. The empty icon keeps browsers from asking for one.
pub(super) fn head(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let files = files(report);
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">")?;
    writeln!(out, "<title>idlegap: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>", Text(&files))?;
    writeln!(out, "<a class=\"skip\" href=\"#report\">Skip to the report</a>")?;
    svg::shapes(out)?;
    writeln!(out, "<header>\n<h1>idlegap: {}</h1>\n</header>\n<main id=\"report\">", Text(&files))
}

fn files(report: &Report) -> String {
    match report.captures.as_slice() {
        [] => "no capture".to_owned(),
        [capture] => capture.file.clone(),
        [first, others @ ..] => format!("{} and {}", first.file, units::plural(others.len() as u64, "other file")),
    }
}

/// The sentence for a ticket, and what to do next.
pub(super) fn summary(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<p class=\"lead\">{}</p>", Text(&report.summary.sentence))?;
    if let Some(assumption) = &report.assumption {
        let text = phrases::assumption(assumption);
        writeln!(out, "<div class=\"note\"><p><b>Assumed:</b> {}</p>", Text(&text))?;
        items(&assumption.reasons, out)?;
        writeln!(out, "</div>")?;
    }
    if let Some(next_step) = &report.summary.next_step {
        writeln!(out, "<p class=\"note\"><b>Next:</b> {}</p>", Text(next_step))?;
    }
    Ok(())
}

/// Ways into the page.
pub(super) fn contents(report: &Report, material: &Material<'_>, out: &mut impl Write) -> io::Result<()> {
    let parts = [
        ("findings", "What happened", !report.findings.is_empty()),
        ("services", "Services", report.services.iter().any(phrases::is_telling)),
        ("groups", "Services behind one box", !report.groups.is_empty()),
        ("flows", "Flows", report.flows_total > 0),
        ("timelines", "Timelines", !material.courses.is_empty()),
        ("quality", "Capture quality", true),
        ("inventory", "Idle inventory", report.inventory.is_some()),
        ("provenance", "Provenance", true),
    ];
    write!(out, "<nav aria-label=\"Contents\"><ul>")?;
    for (id, title, _) in parts.into_iter().filter(|(.., is_there)| *is_there) {
        write!(out, "<li><a href=\"#{id}\">{title}</a></li>")?;
    }
    writeln!(out, "</ul></nav>")
}

/// What happened, and what to change.
pub(super) fn findings(report: &Report, options: &HtmlOptions, out: &mut impl Write) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    let is_advised = report.findings.iter().any(|finding| !finding.advice.is_empty());
    heading("findings", if is_advised { "What happened, and what to change" } else { "What happened" }, out)?;
    let shown = options.wanted.most();
    for (finding, advice) in report.findings.iter().zip(phrases::advice_once(&report.findings)).take(shown) {
        writeln!(
            out,
            "<section>\n<h3><span class=\"badge {0}\">{0}</span> {1}</h3>",
            finding.severity,
            Text(&finding.title)
        )?;
        writeln!(out, "<p>{}</p>", Text(&finding.detail))?;
        changes(&advice, out)?;
        filters(&phrases::filters(&finding.filters), out)?;
        writeln!(out, "</section>")?;
    }
    more(report.findings.len().saturating_sub(shown), "finding", out)
}

fn changes(advice: &[&Advice], out: &mut impl Write) -> io::Result<()> {
    if advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "<dl class=\"advice\">")?;
    for advice in advice {
        let stack = if advice.stack == "any" { "any stack" } else { &advice.stack };
        writeln!(out, "<dt>For {}</dt>\n<dd><p>{}</p>", Text(stack), Text(&advice.text))?;
        if !advice.snippet.is_empty() {
            let lines: Vec<_> = advice.snippet.lines().map(|line| Text(line).to_string()).collect();
            let (label, lines) = (format!("To paste, for {}", Text(stack)), lines.join("\n"));
            writeln!(out, "<pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\">{lines}</pre>")?;
        }
        writeln!(out, "</dd>")?;
    }
    writeln!(out, "</dl>")
}

/// What to type into Wireshark for a finding.
fn filters(filters: &[FilterWords], out: &mut impl Write) -> io::Result<()> {
    if filters.is_empty() {
        return Ok(());
    }
    writeln!(out, "<p class=\"dim\">In Wireshark:</p>\n<ul class=\"dim\">")?;
    for FilterWords { what, filter } in filters {
        writeln!(out, "<li>{}: <code>{}</code></li>", Text(what), Text(filter))?;
    }
    writeln!(out, "</ul>")
}

/// What limits the verdicts.
pub(super) fn quality(report: &Report, options: &HtmlOptions, out: &mut impl Write) -> io::Result<()> {
    heading("quality", "Capture quality", out)?;
    if let Some(timelines) = phrases::timelines(report) {
        writeln!(out, "<p>{}</p>", Text(&timelines))?;
    }
    let clock = phrases::clock(report, options.time);
    for (number, capture) in report.captures.iter().enumerate().take(options.wanted.most()) {
        let label = if report.captures.len() > 1 { format!("[{}] ", number + 1) } else { String::new() };
        writeln!(out, "<p>{label}{}</p>", Text(&phrases::capture(capture, &clock)))?;
        items(&phrases::limits(capture), out)?;
    }
    more(report.captures.len().saturating_sub(options.wanted.most()), "file", out)
}

/// Connections that hold a place without using it.
pub(super) fn inventory(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(inventory) = &report.inventory else { return Ok(()) };
    heading("inventory", "Idle inventory", out)?;
    items(&phrases::inventory(inventory), out)?;
    for (whose, holders) in [("client", &inventory.clients), ("service", &inventory.services)] {
        scroll(&format!("Idle connections by {whose}"), out)?;
        writeln!(out, "<table><caption>By {whose}</caption>")?;
        writeln!(
            out,
            "<thead><tr><th scope=\"col\">{whose}</th><th scope=\"col\" class=\"number\">without payload</th>\
             <th scope=\"col\" class=\"number\">silent</th></tr></thead>\n<tbody>"
        )?;
        for holder in &holders.top {
            let Holder { who, empty, silent } = holder;
            let (empty, silent) = (units::count(empty.connections), units::count(silent.connections));
            writeln!(
                out,
                "<tr><td>{}</td><td class=\"number\">{empty}</td><td class=\"number\">{silent}</td></tr>",
                Text(who)
            )?;
        }
        writeln!(out, "</tbody></table></div>")?;
        if holders.others > 0 {
            let (others, connections) = (units::plural(holders.others, whose), holders.others_connections);
            writeln!(out, "<p class=\"dim\">{others} more, with {}.</p>", units::plural(connections, "connection"))?;
        }
    }
    Ok(())
}

/// What wrote the page, and where it knows the timeouts from.
pub(super) fn provenance(report: &Report, known: &Known<'_>, out: &mut impl Write) -> io::Result<()> {
    heading("provenance", "Provenance", out)?;
    let files = units::plural(report.captures.len() as u64, "file");
    writeln!(
        out,
        "<p>Written by {} {} from {files} with {}.</p>",
        Tool::SELF.name,
        Tool::SELF.version,
        units::plural(report.captures.iter().map(|capture| capture.packets).sum(), "packet")
    )?;
    if known.named().next().is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "<p>The known timeouts that this page names. A value is a default, which its operator may have changed: a match \
         is a candidate and no proof.</p>"
    )?;
    scroll("Known timeouts", out)?;
    writeln!(
        out,
        "<table><thead><tr><th scope=\"col\">label</th><th scope=\"col\">product</th><th scope=\"col\">default</th>\
         <th scope=\"col\">setting</th><th scope=\"col\">source</th></tr></thead>\n<tbody>"
    )?;
    for (label, entry) in known.named() {
        let named = phrases::product(&entry.vendor, &entry.product);
        let idle = duration(entry.idle.span().as_secs_f64());
        writeln!(
            out,
            "<tr><th scope=\"row\">{label}</th><td>{}<br><code>{}</code></td><td class=\"nowrap\">{idle}</td><td>{}</td>\
             <td>{} ({}{})</td></tr>",
            Text(&named),
            Text(&entry.id),
            Text(&entry.setting),
            Text(if entry.source.is_empty() { "none given" } else { &entry.source }),
            entry.confidence,
            entry.checked.as_ref().map(|date| format!(", checked {}", date.0)).unwrap_or_default(),
        )?;
    }
    writeln!(out, "</tbody></table></div>")
}

/// From the end of the words to the last byte.
pub(super) fn foot(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "</main>\n<footer><p class=\"dim\">This page is complete in itself: it fetches nothing and runs nothing. Frame \
         numbers are Wireshark's.</p></footer>\n</body>\n</html>"
    )
}

pub(super) fn heading(id: &'static str, title: &'static str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<h2 id=\"{id}\">{title}</h2>")
}

/// Begins a box in which a wide table scrolls by itself, by keyboard too.
pub(super) fn scroll(label: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">", Text(label))
}

/// Says how many things are left out, if any are.
pub(super) fn more(hidden: usize, noun: &str, out: &mut impl Write) -> io::Result<()> {
    match hidden {
        0 => Ok(()),
        _ => writeln!(
            out,
            "<p class=\"note\">{} more left out of this page; <code>--limit 0</code> shows all.</p>",
            units::plural(hidden as u64, noun)
        ),
    }
}

pub(super) fn items(lines: &[String], out: &mut impl Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul>")?;
    lines.iter().try_for_each(|line| writeln!(out, "<li>{}</li>", Text(line)))?;
    writeln!(out, "</ul>")
}
