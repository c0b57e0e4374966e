//! Words on what silences say of a timer, of one service and of several together.

use crate::report::model::{Group, Path, Service};
use crate::report::units;
use crate::time::Span;

/// Services of a group named.
const MEMBERS: usize = 8;

/// Whether the gaps of a service say anything of a timer.
#[must_use]
pub const fn is_telling(service: &Service) -> bool {
    service.died > 0 || service.survived_max_s.is_some()
}

/// What the gaps of a service say of a timer.
#[must_use]
pub fn service(service: &Service) -> String {
    Measured::from(service).text()
}

/// Why no single timer explains them, and what the paths of the clients say: each with a label.
#[must_use]
pub fn service_remarks(service: &Service) -> Vec<[String; 2]> {
    let contradiction = service.contradiction.iter().map(|why| ["no single timer".to_owned(), why.clone()]);
    let paths = service.paths.iter().map(|path| {
        let whose = path.clients.as_deref().unwrap_or("everybody else");
        [whose.to_owned(), Measured::from(path).text()]
    });
    contradiction.chain(paths).collect()
}

/// Which services seem to be behind one box, and what their gaps say of its timer.
#[must_use]
pub fn group(group: &Group) -> String {
    let mut members: Vec<_> = group.members.iter().take(MEMBERS).cloned().collect();
    match group.members.len().saturating_sub(MEMBERS) {
        0 => {}
        more => members.push(format!("and {more} more")),
    }
    format!("{}  {}", members.join(", "), Measured::from(group).text())
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
