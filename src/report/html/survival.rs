//! The services: which silences survived, which did not, the bracket between them, and the known timeouts in it, on one
//! axis.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::known::{Known, Mark, marks};
use super::svg::{Percent, Shape, mark};
use super::{HtmlOptions, Text, duration, page, seconds};
use crate::report::model::{Candidate, Report, Service};
use crate::report::survival::{Step, Survival};
use crate::report::{phrases, units};

/// Services drawn at most; words there are on all that are shown.
const DRAWN: usize = 50;
/// Left and right end of the axis.
const AXIS: (f64, f64) = (20.0, 97.0);
/// Width of a column of marks.
const COLUMN: f64 = 3.0;
/// Marks in a column at most.
const STACK: u64 = 6;
/// Logarithms of lengths that differ by less are of about one length: 2 %.
const ONE: f64 = 0.02;
/// Room for a length in words.
const LABEL: f64 = 34.0;
/// Height of one mark.
const PILE: f64 = 9.0;
/// Feet of the columns, the axis, and the marks below it.
const LIVED: f64 = 88.0;
const DIED: f64 = 154.0;
const LINE: f64 = 164.0;
const CANDIDATES: f64 = 194.0;
/// Height of the line of words of one of them: at the width of a phone no two fit side by side.
const CANDIDATE: f64 = 13.0;

pub(super) fn render(
    report: &Report,
    survivals: &[Survival],
    options: &HtmlOptions,
    known: &mut Known<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let services = report.services.iter().zip(survivals).filter(|(service, _)| phrases::is_telling(service));
    let telling: Vec<_> = services.collect();
    if telling.is_empty() {
        return Ok(());
    }
    page::heading("services", "Services", out)?;
    let shown = options.wanted.most();
    for (number, (service, survival)) in telling.iter().enumerate().take(shown) {
        writeln!(out, "<section>\n<h3>{}</h3>\n<p>{}</p>", Text(&service.server), Text(&phrases::service(service)))?;
        for [whose, says] in phrases::service_remarks(service) {
            writeln!(out, "<p>{}: {}</p>", Text(&whose), Text(&says))?;
        }
        let named = known.name(service.candidates.iter().map(|candidate| &candidate.id));
        if number < DRAWN && !survival.steps.is_empty() {
            let mut marks = marks(&named);
            // What was named for an older default, or is too long to have killed, has its place in the words.
            marks.retain(|mark| service.died_max_s.is_some_and(|died| mark.idle_s <= died));
            let scale = Scale::new(service, survival, &marks);
            Chart { number, service, survival, scale, marks }.render(out)?;
        }
        looks_like(&service.candidates, known, out)?;
        writeln!(out, "</section>")?;
    }
    if telling.len().min(shown) > DRAWN {
        let more = units::plural((telling.len().min(shown) - DRAWN) as u64, "service");
        writeln!(out, "<p class=\"note\">The pictures of the last {more} are left out of this page.</p>")?;
    }
    page::more(telling.len().saturating_sub(shown), "service", out)
}

/// Services that one box seems to stand before.
pub(super) fn groups(
    report: &Report,
    options: &HtmlOptions,
    known: &mut Known<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    if report.groups.is_empty() {
        return Ok(());
    }
    page::heading("groups", "Services behind one box", out)?;
    let shown = options.wanted.most();
    for group in report.groups.iter().take(shown) {
        writeln!(out, "<section>\n<p>{}</p>\n<p>Because:</p>", Text(&phrases::group(group)))?;
        page::items(&group.reasons, out)?;
        looks_like(&group.candidates, known, out)?;
        writeln!(out, "</section>")?;
    }
    page::more(report.groups.len().saturating_sub(shown), "group", out)
}

fn looks_like(candidates: &[Candidate], known: &mut Known<'_>, out: &mut impl Write) -> io::Result<()> {
    let named = known.name(candidates.iter().map(|candidate| &candidate.id));
    if named.is_empty() {
        return Ok(());
    }
    writeln!(out, "<p>Looks like:</p>\n<ul class=\"timers\">")?;
    for ((label, _), candidate) in named.iter().zip(candidates) {
        writeln!(out, "<li><b>{label}</b> {}</li>", Text(&phrases::candidate(candidate)))?;
    }
    writeln!(out, "</ul>")
}

/// From seconds to places on the axis: logarithmic, but stretched between the bounds of the bracket.
#[derive(Clone, Debug, PartialEq)]
struct Scale {
    /// Logarithms of seconds with their places, both rising.
    points: Vec<(f64, f64)>,
    /// The bracket, where both sides are known and agree.
    bracket: Option<(f64, f64)>,
}

impl Scale {
    fn new(service: &Service, survival: &Survival, marks: &[Mark]) -> Self {
        let ends = survival.steps.iter().flat_map(|step| [step.least_s, step.most_s]);
        let bounds = service.survived_max_s.into_iter().chain(service.died_min_s);
        let all = ends.chain(bounds).chain(marks.iter().map(|mark| mark.idle_s)).filter(|secs| *secs > 0.0);
        let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(least, most), secs| (least.min(secs), most.max(secs)));
        let bracket = service.survived_max_s.zip(service.died_min_s).filter(|(survived, died)| survived < died);
        let points = match bracket {
            Some((survived, died)) => stretched([least, survived, died, most].map(f64::ln)),
            None if least < most => vec![(least.ln(), AXIS.0 + COLUMN), (most.ln(), AXIS.1 - COLUMN)],
            None => vec![(most.ln(), (AXIS.0 + AXIS.1) / 2.0)],
        };
        Self { points, bracket }
    }

    fn place(&self, secs: f64) -> f64 {
        let at = secs.ln();
        let mut before: Option<(f64, f64)> = None;
        for &(point, x) in &self.points {
            if at <= point {
                let Some((from, x_from)) = before.filter(|(from, _)| *from < point) else { return x };
                return x_from + (x - x_from) * (at - from) / (point - from);
            }
            before = Some((point, x));
        }
        before.map_or(AXIS.0, |(_, x)| x)
    }

    /// Whether the scale begins or ends with this length.
    fn is_at_end(&self, secs: f64) -> bool {
        [self.points.first(), self.points.last()].into_iter().flatten().any(|(at, _)| (at - secs.ln()).abs() < 1e-9)
    }

    /// The middle of the column for silences of about this length: never across a bound of the bracket.
    fn column(&self, secs: f64) -> f64 {
        let x = self.place(secs);
        let Some((survived, died)) = self.bracket else {
            return AXIS.0 + COLUMN * (((x - AXIS.0) / COLUMN).floor() + 0.5);
        };
        // The last column before an end of the axis takes what is left there.
        let middle = |from_edge: f64, room: f64| {
            COLUMN * ((from_edge / COLUMN).floor().min((room / COLUMN).floor() - 1.0).max(0.0) + 0.5)
        };
        if secs <= survived {
            let edge = self.place(survived);
            edge - middle(edge - x, edge - AXIS.0)
        } else {
            let edge = self.place(died);
            edge + middle(x - edge, AXIS.1 - edge)
        }
    }
}

/// Four logarithms on the axis: between a quarter and 45 % of it for what lies between the inner two, and room on both
/// sides.
fn stretched([least, survived, died, most]: [f64; 4]) -> Vec<(f64, f64)> {
    let share = |span: f64, whole: f64, floor: f64, ceiling: f64| {
        if whole > 0.0 { (span / whole).clamp(floor, ceiling) } else { floor }
    };
    let middle = share(died - survived, most - least, 0.25, 0.45);
    let left = (1.0 - middle) * share(survived - least, survived - least + most - died, 0.25, 0.75);
    let parts = [left, middle, 1.0 - middle - left];
    let unit = AXIS.1 - AXIS.0;
    let mut x = AXIS.0;
    let mut points = vec![(least, x)];
    for (part, end) in parts.into_iter().zip([survived, died, most]) {
        x += part * unit;
        points.push((end, x));
    }
    // An outer part of about one length is room for the marks at the bound, and no part of the scale: they would stand far
    // from the bound that they are at.
    let is_in_scale = |(place, _): &(usize, &(f64, f64))| match place {
        0 => survived - least > ONE,
        3 => most - died > ONE,
        _ => true,
    };
    points.iter().enumerate().filter(is_in_scale).map(|(_, point)| *point).collect()
}

struct Chart<'a> {
    number: usize,
    service: &'a Service,
    survival: &'a Survival,
    scale: Scale,
    marks: Vec<Mark>,
}

impl Chart<'_> {
    fn render(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<figure class=\"chart\">")?;
        self.picture(out)?;
        let clock = if self.service.clock == "payload" { "without payload" } else { "without packets" };
        let stretch = if self.scale.bracket.is_some() { ", stretched between the bounds of the timer" } else { "" };
        writeln!(
            out,
            "<figcaption>Silences {clock} by length, on a logarithmic scale{stretch}. Of each flow the longest eight, and \
             every one that it died of.</figcaption>\n</figure>"
        )?;
        self.table(out)
    }

    fn picture(&self, out: &mut impl Write) -> io::Result<()> {
        let number = self.number;
        let height =
            if self.marks.is_empty() { LINE + 20.0 } else { CANDIDATES + 12.0 + CANDIDATE * self.marks.len() as f64 };
        writeln!(
            out,
            "<svg role=\"img\" aria-labelledby=\"ts-{number} ds-{number}\" width=\"100%\" height=\"{height}\">"
        )?;
        writeln!(out, "<title id=\"ts-{number}\">Silences of {}</title>", Text(&self.service.server))?;
        let description = format!("{}. The same follows as a table.", phrases::service(self.service));
        writeln!(out, "<desc id=\"ds-{number}\">{}</desc>", Text(&description))?;
        self.bracket(out)?;
        for (name, y) in [("survived", LIVED), ("died", DIED)] {
            writeln!(out, "<text x=\"0\" y=\"{y}\">{name}</text>")?;
        }
        let (left, right) = (Percent(AXIS.0), Percent(AXIS.1));
        writeln!(out, "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{LINE}\" y2=\"{LINE}\"/>")?;
        self.columns(out)?;
        self.ends(out)?;
        self.candidates(out)?;
        writeln!(out, "</svg>")
    }

    /// What lies between the bounds, and their lengths.
    fn bracket(&self, out: &mut impl Write) -> io::Result<()> {
        let Some((survived, died)) = self.scale.bracket else { return Ok(()) };
        let (from, to) = (self.scale.place(survived), self.scale.place(died));
        let (left, width, middle) = (Percent(from), Percent(to - from), Percent((from + to) / 2.0));
        let right = Percent(to);
        let height = LINE - 18.0;
        writeln!(out, "<rect class=\"between\" x=\"{left}\" y=\"18\" width=\"{width}\" height=\"{height}\"/>")?;
        for x in [left, right] {
            writeln!(out, "<line class=\"bound\" x1=\"{x}\" x2=\"{x}\" y1=\"4\" y2=\"{LINE}\"/>")?;
        }
        writeln!(out, "<text class=\"dim middle\" x=\"{middle}\" y=\"102\">the timer</text>")?;
        let (survived, died) = (seconds(survived), seconds(died));
        writeln!(out, "<text class=\"strong end\" dx=\"-4\" x=\"{left}\" y=\"13\">{survived}</text>")?;
        writeln!(out, "<text class=\"strong\" dx=\"4\" x=\"{right}\" y=\"13\">{died}</text>")
    }

    /// The shortest and the longest length below the axis, where nothing else says them.
    fn ends(&self, out: &mut impl Write) -> io::Result<()> {
        let steps = &self.survival.steps;
        let ends = [steps.first().map(|step| step.least_s), steps.last().map(|step| step.most_s)];
        let bounds = self.scale.bracket.map(|(survived, died)| [seconds(survived), seconds(died)]);
        let mut before: Option<f64> = None;
        for secs in ends.into_iter().flatten() {
            let (x, text) = (self.scale.place(secs), seconds(secs));
            let is_said = bounds.as_ref().is_some_and(|bounds| bounds.contains(&text));
            // What stands in the room beside a bound has no place of its own on the scale.
            let is_placed = self.scale.bracket.is_none() || self.scale.is_at_end(secs);
            if is_said || !is_placed || before.is_some_and(|before| x - before < LABEL) {
                continue;
            }
            // Inwards, and beside the line of a candidate that may stand there.
            let (anchor, dx) = if x < 60.0 { ("start", 4) } else { ("end", -4) };
            let (place, y) = (Percent(x), LINE + 16.0);
            writeln!(out, "<text class=\"{anchor}\" dx=\"{dx}\" x=\"{place}\" y=\"{y}\">{text}</text>")?;
            before = Some(x);
        }
        Ok(())
    }

    /// Circles for what survived, crosses for what died, piled up.
    fn columns(&self, out: &mut impl Write) -> io::Result<()> {
        let died = Shape { name: "died", class: "dead" };
        let lived = Shape { name: "lived", class: "lived" };
        for (foot, shape, count) in
            [(LIVED, lived, (|step: &Step| step.survived) as fn(&Step) -> u64), (DIED, died, |step: &Step| step.died)]
        {
            let mut columns: BTreeMap<u32, (f64, u64)> = BTreeMap::new();
            for step in &self.survival.steps {
                let x = self.scale.column(step.most_s);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a place on the axis, in hundredths"
                )]
                let column = columns.entry((x * 100.0) as u32).or_insert((x, 0));
                column.1 += count(step);
            }
            let mut last_text = 0.0;
            for (x, count) in columns.into_values().filter(|(_, count)| *count > 0) {
                for level in 0..count.min(STACK) {
                    mark(shape, Percent(x), foot - 5.0 - PILE * level as f64, out)?;
                }
                if count > STACK && x - last_text > 3.0 * COLUMN {
                    let y = foot - PILE * STACK as f64 - 3.0;
                    let count = units::count(count);
                    writeln!(out, "<text class=\"dim middle\" x=\"{}\" y=\"{y:.1}\">{count}</text>", Percent(x))?;
                    last_text = x;
                }
            }
        }
        Ok(())
    }

    fn candidates(&self, out: &mut impl Write) -> io::Result<()> {
        for (line, known) in self.marks.iter().enumerate() {
            let x = self.scale.place(known.idle_s);
            // Near an end of the axis the words grow inwards.
            let anchor = match x {
                ..30.0 => "",
                75.0.. => " end",
                _ => " middle",
            };
            let (x, y) = (Percent(x), CANDIDATES + 19.0 + CANDIDATE * line as f64);
            writeln!(out, "<line class=\"limit\" x1=\"{x}\" x2=\"{x}\" y1=\"{LINE}\" y2=\"{CANDIDATES}\"/>")?;
            mark(Shape { name: "timer", class: "timer" }, x, CANDIDATES, out)?;
            let text = format!("{} {}", known.labels, seconds(known.idle_s));
            writeln!(out, "<text class=\"dim{anchor}\" x=\"{x}\" y=\"{y}\">{text}</text>")?;
        }
        Ok(())
    }

    /// The same as a table, a row to each column of the picture.
    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let mut rows: Vec<(f64, Step)> = Vec::new();
        for step in &self.survival.steps {
            let x = self.scale.column(step.most_s);
            match rows.last_mut().filter(|(at, _)| (x - *at).abs() < 0.01) {
                Some((_, row)) => *row = row.joined(*step),
                None => rows.push((x, *step)),
            }
        }
        writeln!(out, "<details><summary>The same as a table</summary>")?;
        page::scroll(&format!("Silences of {}", self.service.server), out)?;
        writeln!(
            out,
            "<table><thead><tr><th scope=\"col\">silence</th><th scope=\"col\" class=\"number\">survived</th>\
             <th scope=\"col\" class=\"number\">died</th><th scope=\"col\" class=\"number\">for example flow</th></tr>\
             </thead>\n<tbody>"
        )?;
        for (_, Step { least_s, most_s, survived, died, flow }) in rows {
            let (least, most) = (duration(least_s), duration(most_s));
            let length = if least == most { most } else { format!("{least} to {most}") };
            let (survived, died) = (units::count(survived), units::count(died));
            writeln!(
                out,
                "<tr><td>{length}</td><td class=\"number\">{survived}</td><td class=\"number\">{died}</td>\
                 <td class=\"number\">{flow}</td></tr>"
            )?;
        }
        writeln!(out, "</tbody></table></div></details>")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample;

    fn scale(lengths: &[f64], survived: Option<f64>, died: Option<f64>) -> Scale {
        let (report, _) = sample::incident();
        let mut service = report.services[0].clone();
        (service.survived_max_s, service.died_min_s) = (survived, died);
        let step = |secs: &f64| Step { least_s: *secs, most_s: *secs, survived: 1, died: 0, flow: 0 };
        Scale::new(&service, &Survival { steps: lengths.iter().map(step).collect() }, &[])
    }

    #[test]
    fn a_narrow_bracket_takes_a_quarter_of_the_axis_at_least() {
        let scale = scale(&[1.0, 85.0, 90.0, 95.0], Some(85.0), Some(90.0));
        let width = scale.place(90.0) - scale.place(85.0);
        assert!(width >= 0.25 * (AXIS.1 - AXIS.0) - 1e-9, "{width}");
        assert!(scale.column(85.0) < scale.place(85.0), "what survived stands before the bracket");
        assert!(scale.column(90.0) > scale.place(90.0), "what died stands behind it");
        assert!((scale.place(1.0) - AXIS.0).abs() < 1e-9 && (scale.place(95.0) - AXIS.1).abs() < 1e-9);
    }

    #[test]
    fn what_died_of_one_timer_stands_at_its_bound() {
        let scale = scale(&[84.9, 85.0, 90.000_2, 90.04], Some(85.0), Some(90.000_2));
        let (lived, died) = (scale.column(84.9), scale.column(90.04));
        assert!((scale.place(85.0) - lived - COLUMN / 2.0).abs() < 1e-9, "{lived}");
        assert!((died - scale.place(90.000_2) - COLUMN / 2.0).abs() < 1e-9, "{died}");
    }

    #[test]
    fn without_a_bracket_there_is_one_scale() {
        let scale = scale(&[1.0, 10.0, 100.0], Some(100.0), None);
        let middle = scale.place(10.0);
        assert!((middle - (scale.place(1.0) + scale.place(100.0)) / 2.0).abs() < 1e-9, "{middle}");
        let alone = super::tests::scale(&[5.0], None, Some(5.0));
        assert!((alone.place(5.0) - (AXIS.0 + AXIS.1) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_length_is_named_where_it_stands() {
        let (report, _) = sample::incident();
        let mut service = report.services[0].clone();
        (service.survived_max_s, service.died_min_s) = (None, Some(100.0));
        let step = Step { least_s: 100.0, most_s: 100.0, survived: 0, died: 9, flow: 0 };
        let survival = Survival { steps: vec![step] };
        let marks = vec![Mark { idle_s: 90.0, labels: "T1".to_owned() }];
        let scale = Scale::new(&service, &survival, &marks);
        let mut out = Vec::new();
        Chart { number: 0, service: &service, survival: &survival, scale, marks }.ends(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        // Once, at the right end: 90 s, which no silence has, is at the left one.
        assert_eq!(text, "<text class=\"end\" dx=\"-4\" x=\"94%\" y=\"180\">100 s</text>\n");
    }

    proptest! {
        #[test]
        fn longer_silences_never_stand_before_shorter_ones(
            mut lengths in prop::collection::vec(0.001..1e7_f64, 1..20),
            bounds in prop::option::of((0.001..1e7_f64, 0.001..1e7_f64)),
        ) {
            lengths.sort_by(f64::total_cmp);
            let scale = scale(&lengths, bounds.map(|bounds| bounds.0), bounds.map(|bounds| bounds.1));
            let places: Vec<_> = lengths.iter().map(|secs| scale.place(*secs)).collect();
            prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]));
            let columns: Vec<_> = lengths.iter().map(|secs| scale.column(*secs)).collect();
            let is_apart = |pair: &[f64]| (pair[1] - pair[0]).abs() < 1e-6 || pair[1] - pair[0] >= COLUMN - 1e-6;
            prop_assert!(columns.windows(2).all(is_apart), "{columns:?}");
            prop_assert!(places.iter().all(|x| (AXIS.0 - 1e-6..=AXIS.1 + 1e-6).contains(x)), "{places:?}");
        }
    }
}
