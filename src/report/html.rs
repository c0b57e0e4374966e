//! The report as one HTML file: nothing is fetched, nothing runs, and nothing is lost without a picture.
//!
//! Everything is written through [`Text`], which escapes; what is not, is fixed markup and numbers. Pictures are SVG
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
use super::Listed;
use super::escape::escaped;
use super::model::{Flow, Flows, Report};
use super::survival::Survival;
use super::timeline::Timeline;
use super::units::TimeFormat;
use crate::time::Span;
use crate::timeouts::Table;

/// What the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtmlOptions {
    /// Which flows are listed.
    pub flows: Listed,
    /// Flows, services and findings shown at most, each; 0 for no limit, `None` for what keeps the page at a few megabytes.
    pub limit: Option<u32>,
    /// Flows without a gap as long as this are not shown.
    pub min_gap: Span,
    /// How times are shown.
    pub time: TimeFormat,
}

/// Rows of a table shown unless a limit is asked for: some 700 bytes each.
const ROWS: usize = 1_000;
/// Courses of flows drawn unless a limit is asked for: some 15 kB each.
const TIMELINES: usize = 100;
/// Courses unfolded from the start; the others unfold on a click, and in print.
const UNFOLDED: usize = 12;

impl HtmlOptions {
    /// Flows whose course is drawn at most.
    #[must_use]
    pub fn timelines(&self) -> usize {
        self.most(TIMELINES)
    }

    fn rows(&self) -> usize {
        self.most(ROWS)
    }

    fn most(&self, usual: usize) -> usize {
        match self.limit {
            None => usual,
            Some(0) => usize::MAX,
            Some(limit) => limit as usize,
        }
    }

    /// The numbers of the flows that are listed, those that matter first and the worst of them at the top.
    fn ids<'a>(&self, report: &'a Report) -> impl Iterator<Item = u32> + 'a {
        let others = if self.flows == Listed::All { 0..report.flows_total } else { 0..0 };
        let matter: std::collections::HashSet<u32> =
            if others.is_empty() { Default::default() } else { report.matter.iter().copied().collect() };
        report.matter.iter().copied().chain(others.filter(move |id| !matter.contains(id)))
    }

    /// The flows that are listed.
    pub fn listed<'a>(&self, report: &'a Report, flows: &'a impl Flows) -> impl Iterator<Item = Flow> + 'a {
        let min_gap_s = self.min_gap.as_secs_f64();
        let built = self.ids(report).filter_map(|id| flows.flow(id));
        built.filter(move |flow| min_gap_s <= 0.0 || super::text::longest_gap_s(flow) >= min_gap_s)
    }
}

/// What the pictures are drawn from, beside the report.
#[derive(Debug)]
pub struct Pictures<'a> {
    /// The courses of the flows to be drawn, by number.
    pub timelines: HashMap<u32, Timeline>,
    /// The silences of each service of the report.
    pub survivals: Vec<Survival>,
    /// Where known timeouts are looked up.
    pub table: &'a Table,
}

/// Writes the page.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(
    report: &Report,
    flows: &impl Flows,
    pictures: &Pictures<'_>,
    options: &HtmlOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut known = Known::new(pictures.table);
    page::head(report, out)?;
    page::summary(report, out)?;
    page::contents(report, out)?;
    page::findings(report, options, out)?;
    survival::render(report, pictures, options, &mut known, out)?;
    flows::render(report, flows, options, out)?;
    timeline::render(report, flows, pictures, options, &mut known, out)?;
    page::quality(report, options, out)?;
    page::inventory(report, out)?;
    page::provenance(report, &known, out)?;
    page::foot(out)
}

/// Displays a text that may have come from packets: as markup and in attributes it is nothing but text.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let safe = escaped(self.0);
        let mut rest = safe.as_str();
        while let Some((at, special)) = rest.char_indices().find(|(_, char)| entity(*char).is_some()) {
            let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            f.write_str(plain)?;
            f.write_str(entity(special).unwrap_or_default())?;
            let mut chars = from.chars();
            chars.next();
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

/// How a character is written that means something to a parser of HTML, in text or in an attribute.
const fn entity(char: char) -> Option<&'static str> {
    match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
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

/// The product with its vendor before it, unless it begins so.
fn product(vendor: &str, product: &str) -> String {
    if product.starts_with(vendor) { product.to_owned() } else { format!("{vendor} {product}") }
}

#[cfg(test)]
mod tests;
