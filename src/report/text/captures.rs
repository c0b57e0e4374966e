//! What was read, and what limits the verdict.

use std::io::{self, Write};

use super::TextOptions;
use super::cells::frame;
use super::page::Page;
use crate::report::escape::escaped;
use crate::report::model::{Capture, Report};
use crate::report::units::{self, Clock};
use crate::time::Timestamp;

pub(super) fn render(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    page.heading("Capture quality")?;
    let is_several = report.captures.len() > 1;
    if is_several {
        page.paragraph("", &timelines(report))?;
    }
    let starts = report.captures.iter().filter_map(|capture| time(capture.first_time.as_deref()));
    let clock = Clock::new(options.time, starts.min().unwrap_or_default());
    for (at, capture) in report.captures.iter().enumerate().take(options.most()) {
        let label = if is_several { format!("[{}] ", at + 1) } else { String::new() };
        page.paragraph(&label, &title(capture, &clock))?;
        for quality in &capture.quality {
            page.paragraph("  - ", &escaped(&quality.text))?;
        }
        skips(capture, page)?;
        if capture.quality.is_empty() && !capture.truncated && capture.packets > 0 {
            page.line("  - nothing that limits the verdicts")?;
        }
    }
    page.more(report.captures.len().saturating_sub(options.most()), "file")
}

/// How the files belong together.
fn timelines(report: &Report) -> String {
    let last = report.captures.iter().map(|capture| capture.timeline).max().unwrap_or_default();
    if last == 0 {
        return "The files follow each other in time and were analysed as one capture. A frame is given as file:frame."
            .to_owned();
    }
    let points = (0..=last).map(|timeline| {
        let files = report.captures.iter().zip(1..).filter(|(capture, _)| capture.timeline == timeline);
        files.map(|(_, number): (_, u32)| format!("[{number}]")).collect::<Vec<_>>().join(" ")
    });
    let points: Vec<_> = points.collect();
    format!(
        "Files that overlap in time are different capture points and were analysed separately: {}. A frame is given as \
         file:frame.",
        points.join(" and ")
    )
}

fn title(capture: &Capture, clock: &Clock) -> String {
    let mut parts = vec![escaped(&capture.format)];
    parts.extend(capture.link_types.iter().map(|link| escaped(link)));
    parts.push(units::plural(capture.packets, "packet"));
    parts.push(format!("{} with TCP", units::count(capture.tcp_segments)));
    let (first, last) = (time(capture.first_time.as_deref()), time(capture.last_time.as_deref()));
    if let Some((first, last)) = first.zip(last) {
        parts.push(format!("from {} over {}", clock.brief(first), units::duration(last.since(first))));
    }
    if capture.truncated {
        parts.push("cut short: analysed up to the cut".to_owned());
    }
    format!("{}: {}", escaped(&capture.file), parts.join(", "))
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    units::from_rfc3339(text?)
}

fn skips(capture: &Capture, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    for skip in &capture.skips {
        let text = format!(
            "{} passed over at the {} layer, {}: the first is frame {}, {}",
            units::plural(skip.count, "frame"),
            skip.layer,
            skip.reason,
            frame(skip.first_frame),
            skip.example
        );
        page.paragraph("  - ", &escaped(&text))?;
    }
    Ok(())
}
