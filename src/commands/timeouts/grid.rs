//! The grids that the command prints, and the pieces of text in them.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Grid, Width, presets};

use crate::time::Span;
use crate::timeouts::Entry;

/// Narrower terminals get this width all the same: the longest id must stay whole.
pub(super) const LEAST_WIDTH: u16 = 80;

/// A grid without lines, `width` columns wide.
pub(super) fn grid(width: u16) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    grid
}

/// Two blanks between columns and none around them; each column as wide as given, where it is.
pub(super) fn constrain(grid: &mut Grid, widths: &[Option<u16>]) {
    let last = widths.len().saturating_sub(1);
    for (at, (column, width)) in grid.column_iter_mut().zip(widths).enumerate() {
        let padding = if at == last { 0 } else { 2 };
        column.set_padding((0, padding));
        if let Some(width) = width {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + padding)));
        }
    }
}

/// Prints a grid without blanks at the ends of lines.
pub(super) fn write_grid(grid: &Grid, out: &mut impl Write) -> io::Result<()> {
    for line in grid.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A length of time in seconds, with its parts from a minute on: `350 s (5m50s)`.
pub(super) fn duration(span: Span) -> String {
    let secs = span.as_nanos() / crate::time::NANOS_PER_SECOND;
    if secs < 60 { format!("{secs} s") } else { format!("{secs} s ({})", parts(secs)) }
}

/// The product with its vendor before it, unless it begins so.
pub(super) fn product(entry: &Entry) -> String {
    if entry.product.starts_with(&entry.vendor) {
        entry.product.clone()
    } else {
        format!("{} {}", entry.vendor, entry.product)
    }
}

/// The same as [`duration`] on two lines, for a narrow column.
pub(super) fn stacked(span: Span) -> String {
    duration(span).replacen(" (", "\n(", 1)
}

fn parts(secs: i64) -> String {
    let (days, hours, minutes, seconds) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    let named = [(days, 'd'), (hours, 'h'), (minutes, 'm'), (seconds, 's')];
    named.into_iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect()
}
