//! The course of each flow: a picture with a lane for each end, and the same as a table.

use std::io::{self, Write};

use super::known::{Known, legend};
use super::ladder::{Beside, Ladder, Limit, Silence, Step, TOP, spread};
use super::svg::{Percent, Shape, mark, words};
use super::{HtmlOptions, Material, Text, UNFOLDED, duration, page, seconds, svg};
use crate::flow::Direction;
use crate::report::model::{Flow, Frame, Gap, Icmp, Report, Reset};
use crate::report::timeline::{Left, Row, Run, Timeline, frame_id};
use crate::report::units::{self, Clock, TimeFormat};
use crate::report::{phrases, units::plural};
use crate::time::{Span, Timestamp};

/// Right edge of the times.
const TIME: Percent = Percent(16.0);
/// Where silences of payload stand.
const BESIDE: Percent = Percent(22.0);
/// The client's lane.
const CLIENT: Percent = Percent(26.0);
/// Between the lanes, where a box on the path would stand.
const MIDDLE: Percent = Percent(39.0);
/// The server's lane.
const SERVER: Percent = Percent(52.0);
/// Left edge of the words.
const WORDS: Percent = Percent(56.5);
/// Left edge of a break of the axis, and its width.
const BREAK: (Percent, Percent) = (Percent(23.5), Percent(31.0));

/// From here on a length of time is easier to read in minutes.
const MINUTES: Span = Span::from_secs(120);

pub(super) fn render(
    report: &Report,
    material: &Material<'_>,
    options: &HtmlOptions,
    known: &mut Known<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    if material.courses.is_empty() {
        return Ok(());
    }
    page::heading("timelines", "Timelines", out)?;
    writeln!(
        out,
        "<p>Time runs down the page; silences of a second and more are cut out of it and marked with their length. Each \
         mark stands at the end that sent it.</p>"
    )?;
    svg::legend(out)?;
    let mut drawn = 0;
    for flow in options.drawn(&material.selection) {
        if let Some(timeline) = material.courses.get(&flow.id) {
            let several_files = report.captures.len() > 1;
            Course { report, flow, timeline, several_files }.render(drawn < UNFOLDED, known, out)?;
            drawn += 1;
        }
    }
    let left = material.selection.shown.len().saturating_sub(drawn) + material.selection.by_limit;
    match left {
        0 => Ok(()),
        _ => writeln!(
            out,
            "<p class=\"note\">The timelines of {} more are left out of this page; <code>--limit</code> takes more of \
             them, <code>idlegap trace --flow N</code> prints one segment by segment.</p>",
            plural(left as u64, "flow")
        ),
    }
}

struct Course<'a> {
    report: &'a Report,
    flow: &'a Flow,
    timeline: &'a Timeline,
    several_files: bool,
}

impl Course<'_> {
    fn render(&self, is_open: bool, known: &mut Known<'_>, out: &mut impl Write) -> io::Result<()> {
        let Flow { id, client, server, verdict, .. } = self.flow;
        let named = known.name(self.flow.gaps.iter().flat_map(|gap| &gap.known_timeouts));
        let service = self.report.services.iter().find(|service| service.server == *server);
        let survived_s = service.filter(|service| service.clock == "packet").and_then(|service| service.survived_max_s);
        let ladder = Ladder::new(self.flow, self.timeline, &named, survived_s);
        writeln!(
            out,
            "<details id=\"flow-{id}\"{}><summary>Flow {id}: {} to {}, <b>{}</b> ({})</summary>",
            if is_open { " open" } else { "" },
            Text(client),
            Text(server),
            verdict.id,
            verdict.confidence
        )?;
        if !verdict.reasons.is_empty() {
            writeln!(out, "<p>{}.</p>", Text(&verdict.reasons.join("; ")))?;
        }
        writeln!(out, "<figure><figcaption>In seconds after {}.</figcaption>", Text(&self.flow.first_time))?;
        self.picture(&ladder, out)?;
        let marked: Vec<_> = named.into_iter().filter(|(_, entry)| ladder.marks(&entry.id)).collect();
        legend(&marked, out)?;
        writeln!(out, "</figure>")?;
        self.table(&ladder, out)?;
        writeln!(out, "</details>")
    }

    fn picture(&self, ladder: &Ladder<'_>, out: &mut impl Write) -> io::Result<()> {
        let (id, height) = (self.flow.id, ladder.height);
        writeln!(out, "<svg role=\"img\" aria-labelledby=\"t-{id} d-{id}\" width=\"100%\" height=\"{height:.0}\">")?;
        writeln!(out, "<title id=\"t-{id}\">Timeline of flow {id}</title>")?;
        writeln!(out, "<desc id=\"d-{id}\">{}</desc>", Text(&self.description()))?;
        for (lane, name) in [(CLIENT, "client"), (SERVER, "server")] {
            writeln!(out, "<text class=\"strong middle\" x=\"{lane}\" y=\"14\">{name}</text>")?;
        }
        self.lanes(ladder, out)?;
        ladder.beside.iter().try_for_each(|silence| beside(silence, out))?;
        for step in &ladder.steps {
            match step {
                Step::Silence(gone) => silence(gone, out)?,
                Step::Row { y, row: Row::Run(run) } => self.run(run, *y, out)?,
                Step::Row { y, row: Row::Left(left) } => self.left(left, *y, out)?,
                Step::Icmp { y, time, icmp } => self.icmp(icmp, *time, *y, out)?,
            }
        }
        writeln!(out, "</svg>")
    }

    /// The picture in a sentence or two.
    fn description(&self) -> String {
        let Flow { client, server, packets, verdict, .. } = self.flow;
        let gap = verdict.gap_s.map(|secs| format!(" It is judged by a silence of {}.", duration(secs)));
        let packets = plural(*packets, "segment");
        format!(
            "{packets} between {client} and {server}; verdict {}.{} The same follows as a table.",
            verdict.id,
            gap.unwrap_or_default()
        )
    }

    /// Both lanes, broken where the axis is.
    fn lanes(&self, ladder: &Ladder<'_>, out: &mut impl Write) -> io::Result<()> {
        let mut from = TOP - 6.0;
        let mut lane = |class: &str, from: f64, to: f64| {
            [CLIENT, SERVER].iter().try_for_each(|x| {
                writeln!(out, "<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>")
            })
        };
        for step in &ladder.steps {
            if let Step::Silence(silence) = step {
                lane("lane", from, silence.top)?;
                from = silence.bottom;
            }
        }
        if from < ladder.height - 8.0 {
            lane("lane", from, ladder.height - 8.0)?;
        }
        Ok(())
    }

    fn run(&self, run: &Run, y: f64, out: &mut impl Write) -> io::Result<()> {
        let (from, to, head) = match run.direction {
            Direction::FromInitiator => (CLIENT, SERVER, "right"),
            Direction::FromResponder => (SERVER, CLIENT, "leftward"),
        };
        let from = if self.reset_by(run) == Some("middlebox") { MIDDLE } else { from };
        let shape = Shape::of(run.kind);
        let class = shape.class;
        writeln!(out, "<line class=\"way {class}\" x1=\"{from}\" x2=\"{to}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
        writeln!(out, "<use href=\"#m-{head}\" class=\"{class}\" x=\"{to}\" y=\"{y:.1}\"/>")?;
        mark(shape, from, y, out)?;
        self.time(run.first.time, y, out)?;
        let frames = self.frames(run.first.frame, run.last.frame);
        // What is not certain is no plain statement in a picture either.
        let confidence = self.reset(run).map(|reset| reset.confidence).filter(|confidence| *confidence != "certain");
        let below = confidence.map_or(frames.clone(), |confidence| format!("{confidence}, {frames}"));
        lines(&self.what(run), &below, y, out)
    }

    fn left(&self, left: &Left, y: f64, out: &mut impl Write) -> io::Result<()> {
        mark(Shape { name: "left", class: "plain" }, MIDDLE, y, out)?;
        self.time(left.first.time, y, out)?;
        let over = left.last.time.since(left.first.time);
        let over = if over < MINUTES { units::seconds(over) } else { units::clock(over) };
        let rest = match left.probes {
            0 => format!("in {over}"),
            probes => format!("{} in {over}", plural(probes, "probe")),
        };
        lines(&format!("{} not drawn", plural(left.segments, "segment")), &rest, y, out)
    }

    fn icmp(&self, icmp: &Icmp, time: Timestamp, y: f64, out: &mut impl Write) -> io::Result<()> {
        let (to, head) = if icmp.about == "client" { (CLIENT, "leftward") } else { (SERVER, "right") };
        writeln!(out, "<line class=\"way rst\" x1=\"{MIDDLE}\" x2=\"{to}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
        writeln!(out, "<use href=\"#m-{head}\" class=\"rst\" x=\"{to}\" y=\"{y:.1}\"/>")?;
        mark(Shape::ICMP, MIDDLE, y, out)?;
        self.time(time, y, out)?;
        lines("ICMP error", &format!("frame {}", phrases::frame(icmp.frame)), y, out)
    }

    fn time(&self, time: Timestamp, y: f64, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<text class=\"dim end\" x=\"{TIME}\" y=\"{:.1}\">{}</text>", y + 4.0, self.offset(time))
    }

    /// Seconds since the flow began.
    fn offset(&self, time: Timestamp) -> String {
        let start = units::from_rfc3339(&self.flow.first_time).unwrap_or_default();
        Clock::new(TimeFormat::Relative, start).brief(time)
    }

    /// What segments are, and how many.
    fn what(&self, run: &Run) -> String {
        let mut text = words(run.kind).to_owned();
        match self.reset_by(run) {
            Some("middlebox") => text.push_str(" by a middlebox"),
            Some("endpoint") => text.push_str(&format!(" by the {}", run.direction.sender())),
            Some(_) => text.push_str(", sender unknown"),
            None => {}
        }
        if run.segments > 1 {
            text.push_str(&format!(" \u{d7}{}", units::count(run.segments)));
        }
        if run.payload_bytes > 0 && !run.kind.is_probe() {
            text.push_str(&format!(", {}", units::octets(run.payload_bytes)));
        }
        text
    }

    /// Who sent a RST, as far as the report says.
    fn reset_by(&self, run: &Run) -> Option<&'static str> {
        self.reset(run).map(|reset| reset.origin)
    }

    fn reset(&self, run: &Run) -> Option<&Reset> {
        self.flow.resets.iter().find(|reset| frame_id(reset.frame) == run.first.frame)
    }

    fn frames(&self, first: crate::flow::FrameId, last: crate::flow::FrameId) -> String {
        let name = |id: crate::flow::FrameId| {
            let frame = if self.several_files {
                Frame::InFile { file: id.file, frame: id.number }
            } else {
                Frame::Only(id.number)
            };
            phrases::frame(frame)
        };
        if first == last {
            format!("frame {}", name(first))
        } else {
            format!("frames {}\u{2013}{}", name(first), name(last))
        }
    }

    fn table(&self, ladder: &Ladder<'_>, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<details><summary>The same as a table</summary>")?;
        page::scroll(&format!("Timeline of flow {}", self.flow.id), out)?;
        writeln!(
            out,
            "<table><thead><tr><th scope=\"col\" class=\"number\">seconds</th><th scope=\"col\">from</th>\
             <th scope=\"col\">what</th><th scope=\"col\">where</th><th scope=\"col\">remarks</th></tr></thead>\n<tbody>"
        )?;
        ladder.steps.iter().try_for_each(|step| self.table_row(step, out))?;
        for Beside { gap, .. } in &ladder.beside {
            let frames = self.gap_frames(gap);
            let text = format!("no payload for {}, {}", duration(gap.duration_s), outcome(gap));
            table_row(["", "", &text, &frames, &gap.known_timeouts.join(", ")], out)?;
        }
        writeln!(out, "</tbody></table></div></details>")
    }

    fn table_row(&self, step: &Step<'_>, out: &mut impl Write) -> io::Result<()> {
        match step {
            Step::Row { row: Row::Run(run), .. } => {
                let (time, frames) = (self.offset(run.first.time), self.frames(run.first.frame, run.last.frame));
                let sure = self.reset(run).map_or("", |reset| reset.confidence);
                let remarks = format!("{sure} {}", run.notes);
                table_row([&time, run.direction.sender(), &self.what(run), &frames, remarks.trim()], out)
            }
            Step::Row { row: Row::Left(left), .. } => {
                let (time, frames) = (self.offset(left.first.time), self.frames(left.first.frame, left.last.frame));
                let what = format!("{} not drawn", plural(left.segments, "segment"));
                let remarks = format!(
                    "{}, {} of payload, the longest silence {}",
                    plural(left.probes, "probe"),
                    units::octets(left.payload_bytes),
                    units::duration(left.longest)
                );
                table_row([&time, "", &what, &frames, &remarks], out)
            }
            Step::Icmp { time, icmp, .. } => {
                let text = format!("ICMP to the {}: {}", icmp.about, icmp.message);
                let (time, frame) = (self.offset(*time), format!("frame {}", phrases::frame(icmp.frame)));
                table_row([&time, &icmp.from, &text, &frame, ""], out)
            }
            Step::Silence(Silence { length, gap, .. }) => {
                let text = format!("silence of {}", units::duration(*length));
                let outcome = gap.map(outcome).unwrap_or_default();
                let known = gap.map(|gap| gap.known_timeouts.join(", ")).unwrap_or_default();
                let remarks =
                    if known.is_empty() { outcome.to_owned() } else { format!("{outcome}; looks like {known}") };
                table_row(["", "", &text, "", &remarks], out)
            }
        }
    }

    fn gap_frames(&self, gap: &Gap) -> String {
        match gap.end_frame {
            Some(end) => self.frames(frame_id(gap.start_frame), frame_id(end)),
            None => format!("from frame {}", phrases::frame(gap.start_frame)),
        }
    }
}

fn table_row(cells: [&str; 5], out: &mut impl Write) -> io::Result<()> {
    let [time, others @ ..] = cells;
    write!(out, "<tr><td class=\"number\">{}</td>", Text(time))?;
    others.iter().try_for_each(|cell| write!(out, "<td>{}</td>", Text(cell)))?;
    writeln!(out, "</tr>")
}

/// Two lines of text beside a row.
fn lines(first: &str, second: &str, y: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<text x=\"{WORDS}\" y=\"{:.1}\">{}</text>", y - 2.0, Text(first))?;
    writeln!(out, "<text class=\"dim\" x=\"{WORDS}\" y=\"{:.1}\">{}</text>", y + 11.0, Text(second))
}

/// A break of the axis: its length, how it came out, and what else is known of lengths up to it.
fn silence(silence: &Silence<'_>, out: &mut impl Write) -> io::Result<()> {
    let Silence { top, bottom, length, gap, limits } = silence;
    let class = gap.map_or("", |gap| gap.outcome);
    let (left, width) = BREAK;
    let (y, height) = (top + 2.0, bottom - top - 4.0);
    writeln!(
        out,
        "<rect class=\"silence {class}\" x=\"{left}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" rx=\"3\"/>"
    )?;
    for lane in [CLIENT, SERVER] {
        writeln!(out, "<line class=\"lane silent\" x1=\"{lane}\" x2=\"{lane}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>")?;
        writeln!(out, "<use href=\"#m-break\" x=\"{lane}\" y=\"{:.1}\"/>", (top + bottom) / 2.0 - 6.0)?;
    }
    let Some(gap) = gap else {
        let text = units::duration(*length);
        return writeln!(
            out,
            "<text class=\"dim\" x=\"{WORDS}\" y=\"{:.1}\">{text}</text>",
            (top + bottom) / 2.0 + 4.0
        );
    };
    let what = if gap.clock == "payload" { "no payload" } else { "no packets" };
    writeln!(out, "<text class=\"strong\" x=\"{WORDS}\" y=\"{:.1}\">{}</text>", top + 20.0, duration(gap.duration_s))?;
    writeln!(out, "<text class=\"dim\" x=\"{WORDS}\" y=\"{:.1}\">{what}, {}</text>", top + 35.0, outcome(gap))?;
    let wanted: Vec<f64> = limits.iter().map(|(y, _)| y + 4.0).collect();
    let places = spread(&wanted, top + 51.0, bottom - 4.0, 15.0);
    limits
        .iter()
        .zip(places)
        .try_for_each(|((y, limit), text_y)| limit_line(limit, y.clamp(top + 9.0, bottom - 9.0), text_y, out))
}

fn limit_line(limit: &Limit, y: f64, text_y: f64, out: &mut impl Write) -> io::Result<()> {
    let class = if matches!(limit, Limit::Known(_)) { "limit" } else { "limit lived" };
    writeln!(out, "<line class=\"{class}\" x1=\"{CLIENT}\" x2=\"{SERVER}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
    let text = match limit {
        Limit::Known(known) => format!("{}: {}", known.labels, seconds(known.idle_s)),
        Limit::Survived(secs) => format!("{} survived", seconds(*secs)),
    };
    if matches!(limit, Limit::Known(_)) {
        mark(Shape { name: "timer", class: "timer" }, MIDDLE, y, out)?;
    }
    writeln!(out, "<text class=\"dim\" x=\"{WORDS}\" y=\"{text_y:.1}\">{text}</text>")
}

/// A silence of payload, as a bracket beside the rows that went on in it.
fn beside(silence: &Beside<'_>, out: &mut impl Write) -> io::Result<()> {
    let Beside { top, bottom, gap, limits } = silence;
    let height = bottom - top;
    writeln!(out, "<svg x=\"{BESIDE}\" y=\"{top:.1}\" width=\"1\" height=\"{height:.1}\" overflow=\"visible\">")?;
    writeln!(out, "<path class=\"beside {}\" d=\"M5 0H0V{height:.1}H5\"/>", gap.outcome)?;
    let text = format!("no payload for {}", seconds(gap.duration_s));
    writeln!(
        out,
        "<text class=\"dim middle\" transform=\"translate(-5 {:.1}) rotate(-90)\">{text}</text></svg>",
        height / 2.0
    )?;
    for (y, known) in limits {
        mark(Shape { name: "timer", class: "timer" }, BESIDE, *y, out)?;
        writeln!(out, "<text class=\"dim end\" x=\"{TIME}\" y=\"{:.1}\">{}</text>", y + 18.0, known.labels)?;
    }
    Ok(())
}

/// How a gap came out, in words.
fn outcome(gap: &Gap) -> &'static str {
    match gap.outcome {
        "died" => "died",
        "survived" => "survived",
        _ => "until the capture ended",
    }
}
