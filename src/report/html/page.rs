//! The words of the page: its head, what happened and what to change, what was read, and where that comes from.

use std::io::{self, Write};

use super::known::Known;
use super::style::STYLE;
use super::{HtmlOptions, Text, duration, product, svg};
use crate::report::model::{Capture, Finding, Held, Holder, Report, Tool};
use crate::report::units::{self, Clock};
use crate::report::words;

/// What a browser may do with the page: show it, with its own styles and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

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
        let verdict = words::assumption(assumption.verdict);
        let product = product(&assumption.vendor, &assumption.product);
        let idle = duration(assumption.idle_s);
        let text = format!("through {product}, {idle} ({}): {verdict}.", assumption.id);
        writeln!(out, "<div class=\"note\"><p><b>Assumed:</b> {}</p>", Text(&text))?;
        items(assumption.reasons.iter(), out)?;
        writeln!(out, "</div>")?;
    }
    if let Some(next_step) = &report.summary.next_step {
        writeln!(out, "<p class=\"note\"><b>Next:</b> {}</p>", Text(next_step))?;
    }
    Ok(())
}

/// Ways into the page.
pub(super) fn contents(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let parts = [
        ("findings", "What happened", !report.findings.is_empty()),
        ("services", "Services", report.services.iter().any(super::survival::is_telling)),
        ("flows", "Flows", report.flows_total > 0),
        ("timelines", "Timelines", !report.matter.is_empty()),
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
    let mut given = Vec::new();
    let shown = options.rows();
    for finding in report.findings.iter().take(shown) {
        writeln!(
            out,
            "<section>\n<h3><span class=\"badge {0}\">{0}</span> {1}</h3>",
            finding.severity,
            Text(&finding.title)
        )?;
        writeln!(out, "<p>{}</p>", Text(&finding.detail))?;
        advice(finding, &mut given, out)?;
        writeln!(out, "</section>")?;
    }
    more(report.findings.len().saturating_sub(shown), "finding", out)
}

/// The advice of one finding, without what another one has said already.
fn advice<'a>(
    finding: &'a Finding,
    given: &mut Vec<(&'a str, &'a str)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let is_new = |advice: &&crate::report::model::Advice| !given.contains(&(advice.stack.as_str(), advice.text.as_str()));
    let fresh: Vec<_> = finding.advice.iter().filter(is_new).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    writeln!(out, "<dl class=\"advice\">")?;
    for advice in fresh {
        given.push((&advice.stack, &advice.text));
        writeln!(out, "<dt>{}</dt>\n<dd><p>{}</p>", Text(&advice.stack), Text(&advice.text))?;
        if !advice.snippet.is_empty() {
            let lines: Vec<_> = advice.snippet.lines().map(|line| Text(line).to_string()).collect();
            let label = format!("To paste: {}", advice.stack);
            let (label, lines) = (Text(&label), lines.join("\n"));
            writeln!(out, "<pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\">{lines}</pre>")?;
        }
        writeln!(out, "</dd>")?;
    }
    writeln!(out, "</dl>")
}

/// What limits the verdicts.
pub(super) fn quality(report: &Report, options: &HtmlOptions, out: &mut impl Write) -> io::Result<()> {
    heading("quality", "Capture quality", out)?;
    if report.captures.len() > 1 {
        writeln!(out, "<p>{}</p>", Text(&words::timelines(&report.captures)))?;
    }
    let starts = report.captures.iter().filter_map(|capture| units::from_rfc3339(capture.first_time.as_deref()?));
    let clock = Clock::new(options.time, starts.min().unwrap_or_default());
    for (number, capture) in report.captures.iter().enumerate().take(options.rows()) {
        let label = if report.captures.len() > 1 { format!("[{}] ", number + 1) } else { String::new() };
        writeln!(out, "<h3>{label}{}</h3>\n<p>{}</p>", Text(&capture.file), Text(&read(capture, &clock)))?;
        let skips = capture.skips.iter().map(words::skip);
        let mut lines: Vec<String> = capture.quality.iter().map(|quality| quality.text.clone()).chain(skips).collect();
        if capture.quality.is_empty() && !capture.truncated && capture.packets > 0 {
            lines.push("nothing that limits the verdicts".to_owned());
        }
        items(lines.iter(), out)?;
    }
    more(report.captures.len().saturating_sub(options.rows()), "file", out)
}

/// What was read of a file.
fn read(capture: &Capture, clock: &Clock) -> String {
    let mut parts = vec![capture.format.clone()];
    parts.extend(capture.link_types.iter().cloned());
    parts.push(units::plural(capture.packets, "packet"));
    parts.push(format!("{} with TCP", units::count(capture.tcp_segments)));
    let time = |text: &Option<String>| units::from_rfc3339(text.as_deref()?);
    if let Some((first, last)) = time(&capture.first_time).zip(time(&capture.last_time)) {
        parts.push(format!("from {} over {}", clock.brief(first), units::duration(last.since(first))));
    }
    if capture.truncated {
        parts.push("cut short: analysed up to the cut".to_owned());
    }
    parts.join(", ")
}

/// Connections that hold a place without using it.
pub(super) fn inventory(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(inventory) = &report.inventory else { return Ok(()) };
    heading("inventory", "Idle inventory", out)?;
    let kinds = [("handshake and no payload", &inventory.empty), ("silent for most of their life", &inventory.silent)];
    let held = kinds.into_iter().filter(|(_, held)| held.connections > 0).map(|(what, held)| holding(what, held));
    items(held.collect::<Vec<_>>().iter(), out)?;
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

fn holding(what: &str, held: &Held) -> String {
    let (connections, standing) = (units::plural(held.connections, "connection"), units::count(held.standing));
    format!("{connections}: {what}, {standing} still there at the end, the longest for {}", duration(held.longest_s))
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
        let named = product(&entry.vendor, &entry.product);
        let idle = duration(entry.idle.span().as_secs_f64());
        writeln!(
            out,
            "<tr><th scope=\"row\">{label}</th><td>{}<br><code>{}</code></td><td class=\"nowrap\">{idle}</td><td>{}</td>\
             <td>{} ({}{})</td></tr>",
            Text(&named),
            Text(&entry.id),
            Text(&entry.setting),
            Text(if entry.source.is_empty() { "none given" } else { &entry.source }),
            entry.confidence.name(),
            Text(&entry.checked.as_ref().map(|date| format!(", checked {date}")).unwrap_or_default()),
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

fn items<'a>(lines: impl Iterator<Item = &'a String>, out: &mut impl Write) -> io::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<ul>")?;
    lines.try_for_each(|line| writeln!(out, "<li>{}</li>", Text(line)))?;
    writeln!(out, "</ul>")
}
