//! Services with what their silences say of a timer, alone and together.

use std::io::{self, Write};

use super::page::Page;
use super::{TextOptions, candidates};
use crate::report::escape::escaped;
use crate::report::model::{Group, Path, Report, Service};
use crate::report::units;
use crate::time::Span;

/// Services of a group named.
const MEMBERS: usize = 8;

pub(super) fn render(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    services(report, options, page)?;
    groups(report, options, page)
}

fn services(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let telling = |service: &&Service| service.died > 0 || service.survived_max_s.is_some();
    let telling: Vec<_> = report.services.iter().filter(telling).collect();
    if telling.is_empty() {
        return Ok(());
    }
    page.heading("Services")?;
    for service in telling.iter().take(options.most()) {
        let measured = Measured::from(*service);
        page.paragraph(&format!("{}  ", escaped(&service.server)), &measured.text())?;
        if let Some(contradiction) = &service.contradiction {
            page.paragraph("  no single timer: ", &escaped(contradiction))?;
        }
        for path in &service.paths {
            let whose = path.clients.as_deref().unwrap_or("everybody else");
            page.paragraph(&format!("  {}: ", escaped(whose)), &Measured::from(path).text())?;
        }
        candidates(&service.candidates, page)?;
    }
    page.more(telling.len().saturating_sub(options.most()), "service")
}

fn groups(report: &Report, options: &TextOptions, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    if report.groups.is_empty() {
        return Ok(());
    }
    page.heading("Services behind one box")?;
    for group in report.groups.iter().take(options.most()) {
        let mut members =
            group.members.iter().take(MEMBERS).map(|member| escaped(member).to_string()).collect::<Vec<_>>();
        match group.members.len().saturating_sub(MEMBERS) {
            0 => {}
            more => members.push(format!("and {more} more")),
        }
        page.paragraph("", &format!("{}  {}", members.join(", "), Measured::from(group).text()))?;
        page.paragraph("  because: ", &escaped(&group.reasons.join("; ")))?;
        candidates(&group.candidates, page)?;
    }
    page.more(report.groups.len().saturating_sub(options.most()), "group")
}

/// What the gaps of some flows say of a timer.
struct Measured<'a> {
    flows: u64,
    died: u64,
    clock: &'a str,
    survived: Option<f64>,
    died_s: Option<(f64, f64)>,
    timer: Option<[f64; 2]>,
}

impl<'a> From<&'a Service> for Measured<'a> {
    fn from(of: &'a Service) -> Self {
        let died_s = of.died_min_s.zip(of.died_max_s);
        Self {
            flows: of.flows,
            died: of.died,
            clock: of.clock,
            survived: of.survived_max_s,
            died_s,
            timer: of.timer_range_s,
        }
    }
}

impl<'a> From<&'a Group> for Measured<'a> {
    fn from(of: &'a Group) -> Self {
        let died_s = of.died_min_s.zip(of.died_max_s);
        Self {
            flows: of.flows,
            died: of.died,
            clock: of.clock,
            survived: of.survived_max_s,
            died_s,
            timer: of.timer_range_s,
        }
    }
}

impl From<&Path> for Measured<'_> {
    fn from(of: &Path) -> Self {
        let died_s = of.died_min_s.zip(of.died_max_s);
        Self { flows: of.flows, died: of.died, clock: "packet", survived: of.survived_max_s, died_s, timer: None }
    }
}

impl Measured<'_> {
    fn text(&self) -> String {
        let died = if self.died == 0 { "none".to_owned() } else { units::count(self.died) };
        let (bracket, timer) = (self.bracket(), self.timer());
        format!("{}, {died} died of silence: {bracket}{timer}", units::plural(self.flows, "flow"))
    }

    fn bracket(&self) -> String {
        let clock = if self.clock == "payload" { "without payload" } else { "without packets" };
        let died = |(least, most): (f64, f64)| match (length(least), length(most)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        };
        match (self.survived, self.died_s) {
            (Some(survived), Some(both)) => format!("{} {clock} survived, {} did not", length(survived), died(both)),
            (None, Some(both)) => format!("{} {clock} did not survive; no shorter gap was seen that did", died(both)),
            (Some(survived), None) => format!("{} {clock} survived", length(survived)),
            (None, None) => "no gap to measure".to_owned(),
        }
    }

    /// The timer itself, where it was seen to fire, and how late it did.
    fn timer(&self) -> String {
        let Some([least, most]) = self.timer else { return String::new() };
        let late = if length(least) == length(most) {
            String::new()
        } else {
            format!(", and fired up to {} late", length(most - least))
        };
        format!("; the timer itself is {}{late}", length(least))
    }
}

fn length(secs: f64) -> String {
    units::duration(Span::from_secs_f64(secs))
}
