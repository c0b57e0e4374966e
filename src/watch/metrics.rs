//! The counts of a watch in Prometheus' text format 0.0.4.
//!
//! The number of series is bounded: the 256 pairs of verdict and service with most deaths are named, the others are counted as
//! `others` (see [`Deaths`](super::tally::Deaths)). No count moves from one name to another, so that rates stay right.

use std::fmt::Write as _;

use crate::watch::pump::Moment;
use crate::watch::survey::{AGES, Found};

/// The value of `Content-Type` that goes with the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is known at `moment`; silences as the last survey found them.
#[must_use]
pub fn text(moment: &Moment<'_, '_>, found: &Found) -> String {
    let (tally, watch) = (moment.watch.tally(), moment.watch);
    let counters = moment.counters.unwrap_or_default();
    let mut page = Page::default();
    page.one("idlegap_build_info", "gauge", "The version of idlegap.", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.plain("packets_total", "counter", "Packets taken in.", moment.packets);
    page.plain("segments_total", "counter", "TCP segments, duplicates not counted.", tally.segments);
    page.plain("flows_total", "counter", "TCP flows seen.", watch.flows_total().into());
    page.plain("flows_held", "gauge", "TCP flows held in memory.", wide(watch.flows_held()));
    page.plain("flows_alive", "gauge", "TCP flows that are not over.", found.alive);
    page.plain("flows_evicted_total", "counter", "Flows that had to leave for want of memory.", tally.evicted);
    silences(&mut page, found);
    page.head("idlegap_deaths_total", "counter", "Flows that died, by verdict and service.");
    for (verdict, service, count) in tally.deaths.iter() {
        page.sample("idlegap_deaths_total", &[("verdict", verdict), ("service", service)], count);
    }
    page.head("idlegap_resets_total", "counter", "RSTs, by who sent them.");
    for origin in ["endpoint", "middlebox", "unknown"] {
        page.sample("idlegap_resets_total", &[("origin", origin)], tally.resets.get(origin).copied().unwrap_or(0));
    }
    page.plain("keepalive_probes_total", "counter", "Keepalive probes seen.", tally.probes);
    page.plain("keepalive_answers_total", "counter", "Answers to keepalive probes seen.", tally.probe_answers);
    for (name, event, help) in EVENTS {
        page.plain(name, "counter", help, tally.events_of(event));
    }
    page.head("idlegap_lost_packets_total", "counter", "Packets that the capturing side lost, by whom.");
    for (by, count) in [("interface", counters.interface_drops), ("kernel", counters.system_drops)] {
        page.sample("idlegap_lost_packets_total", &[("by", by)], count.unwrap_or(0));
    }
    page.plain("unrecorded_packets_total", "counter", "Packets that could not be recorded.", moment.unrecorded);
    page.text
}

/// Events that are counted without labels: the name of the counter, the type of the event, what it counts.
const EVENTS: [(&str, &str, &str); 3] = [
    ("idle_warnings_total", "idle-warning", "Silences that neared their timer."),
    ("unanswered_probes_total", "probe-unanswered", "Probes that nothing answered in time."),
    ("saved_flows_total", "saved", "Flows that probes carried past the timer."),
];

/// Flows by the time since their last packet. Cumulative as the buckets of a histogram, but they come and go: gauges.
fn silences(page: &mut Page, found: &Found) {
    const NAME: &str = "idlegap_flows_silent";
    page.head(NAME, "gauge", "Flows that are not over and have been silent for at most le seconds.");
    for (age, count) in AGES.iter().zip(found.silent_at_most) {
        page.sample(NAME, &[("le", &age.to_string())], count);
    }
    page.sample(NAME, &[("le", "+Inf")], found.alive);
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn plain(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.one(&format!("idlegap_{name}"), kind, help, &[], value);
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.head(name, kind, help);
        self.sample(name, labels, value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes everything.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let pairs: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

/// The value of a label: backslash, quote and line feed are escaped, and nothing else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.sample("x", &[("a", "C:\\\"b\"\n"), ("b", "")], 7);
        assert_eq!(page.text, "x{a=\"C:\\\\\\\"b\\\"\\n\",b=\"\"} 7\n");
    }
}
