//! The report as one HTML file: nothing is fetched, nothing runs, and nothing is lost without a picture.
//!
//! Everything is written through `Text`, which escapes; what is not, is fixed markup and numbers. Pictures are SVG
//! whose horizontal places are percentages, so that text keeps its size at any width of the window.

mod flows;
mod known;
mod ladder;
mod page;
mod style;
mod survival;
mod svg;
mod timeline;

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};

use self::known::Known;
use super::model::{Flow, Report};
use super::selection::{Selection, Wanted};
use super::survival::Survival;
use super::timeline::Timeline;
use super::units::TimeFormat;
use super::{Listed, escape};
use crate::time::Span;
use crate::timeouts::Table;

/// What the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtmlOptions {
    /// Which flows, and how many of anything.
    pub wanted: Wanted,
    /// Flows whose course is drawn at most; 0 for no limit.
    pub timelines: u32,
    /// How times are shown.
    pub time: TimeFormat,
}

/// Flows listed unless a limit is asked for: some 700 bytes each.
const ROWS: u32 = 1_000;
/// Courses of flows drawn unless a limit is asked for: some 15 kB each.
const TIMELINES: u32 = 100;
/// Courses unfolded from the start; the others unfold on a click, and in print.
const UNFOLDED: usize = 12;

impl HtmlOptions {
    /// A page of `flows` with gaps from `min_gap` on; without a `limit` it stays at a few megabytes.
    #[must_use]
    pub fn new(flows: Listed, limit: Option<u32>, min_gap: Span, time: TimeFormat) -> Self {
        let wanted = Wanted { flows, limit: limit.unwrap_or(ROWS), min_gap };
        Self { wanted, timelines: limit.unwrap_or(TIMELINES), time }
    }

    /// The flows whose course is drawn.
    pub fn drawn<'a>(&self, selection: &'a Selection) -> impl Iterator<Item = &'a Flow> {
        let most = if self.timelines == 0 { usize::MAX } else { self.timelines as usize };
        selection.shown.iter().take(most)
    }
}

/// What the page is made from, beside the report.
#[derive(Debug)]
pub struct Material<'a> {
    /// The flows that are listed.
    pub selection: Selection,
    /// The courses of the flows to be drawn, by number.
    pub courses: &'a HashMap<u32, Timeline>,
    /// The silences of each service of the report.
    pub survivals: Vec<Survival>,
    /// Where known timeouts are looked up.
    pub table: &'a Table,
}

/// Writes the page.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, material: &Material<'_>, options: &HtmlOptions, out: &mut impl Write) -> io::Result<()> {
    let mut known = Known::new(material.table);
    page::head(report, out)?;
    page::summary(report, out)?;
    page::contents(report, material, out)?;
    page::findings(report, options, out)?;
    survival::render(report, &material.survivals, options, &mut known, out)?;
    survival::groups(report, options, &mut known, out)?;
    flows::render(report, &material.selection, options, out)?;
    timeline::render(report, material, options, &mut known, out)?;
    page::quality(report, options, out)?;
    page::inventory(report, out)?;
    page::provenance(report, &known, out)?;
    page::foot(out)
}

/// Displays a text that may have come from packets: as markup and in attributes it is nothing but text.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::html::inline(self.0))
    }
}

/// A duration that the model gives in seconds.
fn duration(secs: f64) -> String {
    super::units::duration(Span::from_secs_f64(secs))
}

/// The same without minutes and hours beside it.
fn seconds(secs: f64) -> String {
    super::units::seconds(Span::from_secs_f64(secs))
}

#[cfg(test)]
mod tests;
