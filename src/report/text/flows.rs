//! The table of flows.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::TextOptions;
use super::page::{Page, wrap};
use crate::report::Listed;
use crate::report::escape::escaped;
use crate::report::model::{Flow, Flows, Report};
use crate::report::phrases::{self, FlowWords};
use crate::report::selection::Selection;
use crate::report::units;

/// From this width on every cell has a column of its own.
const WIDE: u16 = 120;
/// Longer verdict ids are broken at their hyphen.
const LONGEST_ID: usize = 19;
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
    let is_selected = options.wanted.flows == Listed::Matter && !report.matter.is_empty();
    page.heading(if is_selected { "Flows that matter" } else { "Flows" })?;
    page.paragraph("", &phrases::tally(report))?;
    let selection = Selection::new(report, flows, options.wanted);
    let shown = selection.shown.as_slice();
    if !shown.is_empty() {
        grid(shown, options, page)?;
        phrases::known_timeouts(shown).iter().try_for_each(|line| page.paragraph("", &escaped(line)))?;
        hints(shown, report, page)?;
    }
    remark(&selection, options, page)
}

/// The words on one flow, fit for a terminal, cell by cell; a line of a cell is one string.
struct Cells {
    flow: String,
    ends: Vec<String>,
    verdict: Vec<String>,
    silence: Vec<String>,
    keepalive: Vec<String>,
    ended: Vec<String>,
    frames: Vec<String>,
}

impl Cells {
    fn new(flow: &Flow) -> Self {
        let words = FlowWords::new(flow);
        let lines = |lines: Vec<String>| lines.iter().map(|line| escaped(line)).collect();
        Self {
            flow: flow.id.to_string(),
            ends: lines(words.ends),
            verdict: words.verdict.iter().flat_map(|word| broken(word)).collect(),
            silence: lines(words.silence),
            keepalive: lines(words.keepalive),
            ended: lines(words.ended),
            frames: lines(words.frames),
        }
    }
}

/// A long id in two lines.
fn broken(id: &str) -> Vec<String> {
    match id.split_once('-') {
        Some((first, rest)) if id.len() > LONGEST_ID => vec![format!("{first}-"), rest.to_owned()],
        _ => vec![id.to_owned()],
    }
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

/// How to see more of the first flow.
fn hints(flows: &[Flow], report: &Report, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let Some(flow) = flows.first() else { return Ok(()) };
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

fn remark(selection: &Selection, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    page.more(selection.by_limit, "flow")?;
    if selection.by_gap > 0 {
        let least = units::duration(options.wanted.min_gap);
        page.line(&format!("{} without a gap of {least} not shown.", units::plural(selection.by_gap, "flow")))?;
    }
    Ok(())
}
