//! The table of flows.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::TextOptions;
use super::cells::{Cells, longest_gap_s, telling_gap};
use super::page::{Page, wrap};
use crate::report::Listed;
use crate::report::conclude::frame_filter;
use crate::report::escape::escaped;
use crate::report::model::{Flow, Flows, Report};
use crate::report::units;

/// From this width on every cell has a column of its own.
const WIDE: u16 = 120;
/// Known timeouts named for one gap.
const KNOWN: usize = 4;
/// A blank behind each column; the table puts another one between columns.
const PADDING: u16 = 1;

pub(super) fn render(
    report: &Report,
    flows: &impl Flows,
    options: &TextOptions,
    page: &mut Page<'_, impl Write>,
) -> io::Result<()> {
    if report.flows_total == 0 {
        return Ok(());
    }
    let is_selected = options.flows == Listed::Matter && !report.matter.is_empty();
    page.heading(if is_selected { "Flows that matter" } else { "Flows" })?;
    page.paragraph("", &tally(report))?;
    let (shown, hidden) = select(report, flows, options);
    if !shown.is_empty() {
        grid(&shown, options, page)?;
        known_timeouts(&shown, page)?;
        hints(&shown, report, page)?;
    }
    remark(hidden, options, page)
}

/// Flows by verdict: `12 flows: 3 idle-reset, 9 graceful`.
fn tally(report: &Report) -> String {
    let counts: Vec<_> = report.verdicts.iter().map(|(id, count)| format!("{} {id}", units::count(*count))).collect();
    format!("{}: {}", units::plural(report.flows_total.into(), "flow"), counts.join(", "))
}

/// Flows that are not shown.
#[derive(Clone, Copy, Default)]
struct Hidden {
    /// For want of room.
    by_limit: usize,
    /// Because their gaps are short.
    by_gap: u64,
}

fn select(report: &Report, flows: &impl Flows, options: &TextOptions) -> (Vec<Flow>, Hidden) {
    let mut hidden = Hidden::default();
    let mut shown = Vec::new();
    let min_gap_s = options.min_gap.as_secs_f64();
    for id in ids(report, options.flows) {
        // Without a shortest gap, flows beyond the limit need not be built to be counted.
        if shown.len() >= options.most() && min_gap_s <= 0.0 {
            hidden.by_limit += 1;
            continue;
        }
        let Some(flow) = flows.flow(id) else { continue };
        if longest_gap_s(&flow) < min_gap_s {
            hidden.by_gap += 1;
        } else if shown.len() >= options.most() {
            hidden.by_limit += 1;
        } else {
            shown.push(flow);
        }
    }
    (shown, hidden)
}

/// Those that matter first, the worst of them at the top.
fn ids(report: &Report, listed: Listed) -> impl Iterator<Item = u32> {
    let others = if listed == Listed::All { 0..report.flows_total } else { 0..0 };
    let matter: HashSet<u32> = if others.is_empty() { HashSet::new() } else { report.matter.iter().copied().collect() };
    report.matter.iter().copied().chain(others.filter(move |id| !matter.contains(id)))
}

fn grid(flows: &[Flow], options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let cells: Vec<_> = flows.iter().map(Cells::new).collect();
    let is_wide = page.width() >= WIDE;
    let header: &[&str] = if is_wide {
        &["flow", "client\n-> server", "verdict\nconfidence", "silence", "keepalive", "how it ended", "frames"]
    } else {
        &["flow", "client\n-> server", "verdict\nconfidence", "silence\nkeepalive", "how it ended\nframes to look at"]
    };
    let rows: Vec<_> = cells.iter().map(|cells| if is_wide { wide(cells) } else { narrow(cells) }).collect();
    let widths = column_widths(header, &rows, page.width());
    let mut table = Table::new();
    table.load_style(if options.ascii { presets::ASCII_HORIZONTAL_ONLY } else { presets::UTF8_HORIZONTAL_ONLY });
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(page.width()).set_header(header.to_vec());
    for row in &rows {
        let wrapped = row.iter().zip(&widths).map(|(lines, width)| fill(lines, *width));
        table.add_row(wrapped.collect::<Vec<_>>());
    }
    let last = widths.len().saturating_sub(1);
    for (at, (column, width)) in table.column_iter_mut().zip(&widths).enumerate() {
        let padding = if at == last { 0 } else { PADDING };
        column.set_padding((0, padding));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + padding)));
    }
    table.lines().try_for_each(|line| page.line(&line))
}

fn wide(cells: &Cells) -> Vec<Vec<String>> {
    vec![
        vec![cells.flow.clone()],
        cells.ends.clone(),
        cells.verdict.clone(),
        cells.silence.clone(),
        cells.keepalive.clone(),
        cells.ended.clone(),
        cells.frames.clone(),
    ]
}

fn narrow(cells: &Cells) -> Vec<Vec<String>> {
    let mut silence = cells.silence.clone();
    silence.extend(cells.keepalive.iter().map(|line| format!("keepalive: {line}")));
    let mut ended = cells.ended.clone();
    let mut frames = cells.frames.iter();
    ended.extend(frames.next().map(|first| format!("frames {first}")));
    ended.extend(frames.cloned());
    vec![vec![cells.flow.clone()], cells.ends.clone(), cells.verdict.clone(), silence, ended]
}

/// Wraps the lines of a cell at its spaces; a word that is wider than the column is left to the table.
fn fill(lines: &[String], width: u16) -> String {
    lines.iter().flat_map(|line| wrap(line, width.into())).collect::<Vec<_>>().join("\n")
}

/// The first three columns are as wide as what they hold, within reason; the rest is shared among the columns of prose.
fn column_widths(header: &[&str], rows: &[Vec<Vec<String>>], page_width: u16) -> Vec<u16> {
    const FIXED: usize = 3;
    let columns = header.len();
    let longest = |column: usize| {
        let head = header.get(column).into_iter().flat_map(|text| text.lines()).map(|line| line.chars().count());
        let cells = rows.iter().filter_map(|row| row.get(column)).flatten().map(|line| line.chars().count());
        u16::try_from(head.chain(cells).max().unwrap_or_default()).unwrap_or(u16::MAX)
    };
    let usable =
        page_width.saturating_sub((PADDING + 1) * u16::try_from(columns.saturating_sub(1)).unwrap_or_default());
    // An IPv6 address with its port may take two thirds of what is not prose, and no more.
    let cap = usable / 3;
    let mut widths: Vec<u16> = (0..FIXED).map(|column| longest(column).min(cap)).collect();
    let mut left = usable.saturating_sub(widths.iter().sum());
    let mut wishes: Vec<(usize, u16)> = (FIXED..columns).map(|column| (column, longest(column))).collect();
    widths.resize(columns, 0);
    // Who wants little gets it; the others share what is left.
    wishes.sort_by_key(|(_, wish)| *wish);
    let mut sharers = u16::try_from(wishes.len()).unwrap_or(1);
    for (column, wish) in wishes {
        let width = wish.min(left / sharers.max(1)).max(1);
        if let Some(place) = widths.get_mut(column) {
            *place = width;
        }
        left = left.saturating_sub(width);
        sharers = sharers.saturating_sub(1);
    }
    widths
}

/// The known timeouts that the gaps look like, each with the flows that show it.
fn known_timeouts(flows: &[Flow], page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let mut by_ids: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for flow in flows {
        let Some(gap) = telling_gap(flow).filter(|gap| !gap.known_timeouts.is_empty()) else { continue };
        let more = gap.known_timeouts.len().saturating_sub(KNOWN);
        let mut ids = gap.known_timeouts.iter().take(KNOWN).map(|id| escaped(id)).collect::<Vec<_>>().join(", ");
        if more > 0 {
            ids.push_str(&format!(" and {more} more"));
        }
        by_ids.entry(ids).or_default().push(flow.id);
    }
    for (ids, mut flows) in by_ids {
        flows.sort_unstable();
        let (noun, verb) = if flows.len() == 1 { ("Flow", "looks") } else { ("Flows", "look") };
        let numbers: Vec<_> = flows.iter().map(u32::to_string).collect();
        page.paragraph("", &format!("{noun} {} {verb} like: {ids}", numbers.join(", ")))?;
    }
    Ok(())
}

/// How to see more of the first flow.
fn hints(flows: &[Flow], report: &Report, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let Some(flow) = flows.first() else { return Ok(()) };
    if let Some(filter) = frame_filter(&flow.verdict.frames) {
        page.paragraph("In Wireshark: ", &filter)?;
    }
    let files = match report.captures.as_slice() {
        [capture] if is_plain_word(&capture.file) => capture.file.as_str(),
        [_] => "FILE",
        _ => "FILE...",
    };
    // To be pasted: never wrapped.
    page.line(&format!("Segment by segment: idlegap trace --flow {} {files}", flow.id))
}

/// Whether a shell takes the name as it stands.
fn is_plain_word(name: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+:,@%".contains(char);
    !name.is_empty() && name != "-" && !name.starts_with('-') && name.chars().all(is_plain)
}

fn remark(hidden: Hidden, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    page.more(hidden.by_limit, "flow")?;
    if hidden.by_gap > 0 {
        let least = units::duration(options.min_gap);
        page.line(&format!("{} without a gap of {least} not shown.", units::plural(hidden.by_gap, "flow")))?;
    }
    Ok(())
}
