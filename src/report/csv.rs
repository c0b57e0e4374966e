//! The flows as CSV (RFC 4180), one a row: for spreadsheets and data frames.

use std::io::{self, Write};

use super::escape::csv::cell;
use super::json::{JsonOptions, ids, listed};
use super::model::{Flow, Flows, Frame, Gap, Keepalive, Report};
use super::phrases::{frame, telling_gap};

/// A column: its name, and what stands in it.
type Column = (&'static str, fn(&Flow) -> String);

/// The columns, in order. New ones come at the end.
const COLUMNS: [Column; 45] = [
    ("id", |flow| flow.id.to_string()),
    ("verdict", |flow| flow.verdict.id.to_owned()),
    ("confidence", |flow| flow.verdict.confidence.to_owned()),
    ("client", |flow| flow.client.clone()),
    ("server", |flow| flow.server.clone()),
    ("orientation", |flow| flow.orientation.to_owned()),
    ("real_client", |flow| text(flow.real_client.as_ref())),
    ("tunnel", |flow| text(flow.tunnel.as_ref())),
    ("community_id", |flow| flow.community_id.clone()),
    ("wireshark_stream", |flow| text(flow.wireshark_stream)),
    ("first_time", |flow| flow.first_time.clone()),
    ("last_time", |flow| flow.last_time.clone()),
    ("packets", |flow| flow.packets.to_string()),
    ("payload_bytes_c2s", |flow| flow.payload_bytes.c2s.to_string()),
    ("payload_bytes_s2c", |flow| flow.payload_bytes.s2c.to_string()),
    ("rtt_s", |flow| text(flow.rtt_s)),
    ("retransmissions_c2s", |flow| flow.retransmissions.c2s.to_string()),
    ("retransmissions_s2c", |flow| flow.retransmissions.s2c.to_string()),
    ("zero_window_probes_c2s", |flow| flow.zero_window_probes.c2s.to_string()),
    ("zero_window_probes_s2c", |flow| flow.zero_window_probes.s2c.to_string()),
    ("keepalive_probes_c2s", |flow| flow.keepalive.c2s.probes.to_string()),
    ("keepalive_answered_c2s", |flow| flow.keepalive.c2s.answered.to_string()),
    ("keepalive_time_s_c2s", |flow| time(&flow.keepalive.c2s)),
    ("keepalive_interval_s_c2s", |flow| interval(&flow.keepalive.c2s)),
    ("keepalive_count_c2s", |flow| text(flow.keepalive.c2s.count)),
    ("keepalive_probes_s2c", |flow| flow.keepalive.s2c.probes.to_string()),
    ("keepalive_answered_s2c", |flow| flow.keepalive.s2c.answered.to_string()),
    ("keepalive_time_s_s2c", |flow| time(&flow.keepalive.s2c)),
    ("keepalive_interval_s_s2c", |flow| interval(&flow.keepalive.s2c)),
    ("keepalive_count_s2c", |flow| text(flow.keepalive.s2c.count)),
    ("gap_s", |flow| text(flow.verdict.gap_s)),
    ("timeout_s", |flow| text(flow.verdict.timeout_s)),
    ("silence_s", |flow| of_gap(flow, |gap| gap.duration_s.to_string())),
    ("silence_clock", |flow| of_gap(flow, |gap| gap.clock.to_owned())),
    ("silence_outcome", |flow| of_gap(flow, |gap| gap.outcome.to_owned())),
    ("gaps_total", |flow| flow.gaps_total.to_string()),
    ("resets_total", |flow| flow.resets_total.to_string()),
    ("reset_from", |flow| reset(flow).map_or_else(String::new, |reset| reset.from.to_owned())),
    ("reset_origin", |flow| reset(flow).map_or_else(String::new, |reset| reset.origin.to_owned())),
    ("reset_frame", |flow| reset(flow).map_or_else(String::new, |reset| frame(reset.frame))),
    ("half_open", |flow| text(flow.half_open)),
    ("waited_s", |flow| flow.waiting.as_ref().map_or_else(String::new, |waiting| waiting.waited_s.to_string())),
    ("request", |flow| flow.waiting.as_ref().map_or_else(String::new, |waiting| text(waiting.request.as_ref()))),
    ("frames", |flow| frames(&flow.verdict.frames)),
    ("reasons", |flow| flow.verdict.reasons.join("; ")),
];

/// Writes a row of names, and one for each flow.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, flows: &impl Flows, options: &JsonOptions, out: &mut impl Write) -> io::Result<()> {
    row(out, COLUMNS.iter().map(|(name, _)| (*name).to_owned()))?;
    listed(ids(report, options.flows), flows, options.min_gap)
        .try_for_each(|flow| row(out, COLUMNS.iter().map(|(_, value)| cell(&value(&flow)))))
}

fn row(out: &mut impl Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells: Vec<_> = cells.collect();
    // RFC 4180 2.1: a line ends with CR and LF.
    write!(out, "{}\r\n", cells.join(","))
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn time(keepalive: &Keepalive) -> String {
    text(keepalive.time_s)
}

fn interval(keepalive: &Keepalive) -> String {
    text(keepalive.interval_s)
}

/// Of the gap that the flow is judged by, else of its longest.
fn of_gap(flow: &Flow, of: impl Fn(&Gap) -> String) -> String {
    telling_gap(flow).map_or_else(String::new, of)
}

fn reset(flow: &Flow) -> Option<&super::model::Reset> {
    flow.resets.iter().find(|reset| reset.effective)
}

fn frames(frames: &[Frame]) -> String {
    frames.iter().map(|at| frame(*at)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Listed;
    use crate::report::sample;
    use crate::time::Span;

    /// Read back by a second reader of CSV.
    #[test]
    fn a_reader_of_csv_finds_every_flow() {
        let (report, flows) = sample::incident();
        let mut out = Vec::new();
        render(&report, &flows, &JsonOptions { flows: Listed::All, min_gap: Span::ZERO }, &mut out).unwrap();
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let names = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        let of = |row: usize, name: &str| rows[row].get(names.iter().position(|it| it == name).unwrap()).unwrap();
        assert_eq!(of(0, "verdict"), "idle-reset");
        assert_eq!(of(0, "gap_s"), "90.04");
        assert_eq!(of(0, "reset_frame"), "12");
        assert_eq!(of(0, "request"), "GET /report\\u{1b}[2J");
        assert_eq!(of(0, "frames"), "9 12 13");
        assert_eq!((of(1, "verdict"), of(1, "gap_s"), of(1, "request")), ("graceful", "", ""));
        assert!(out.split(|byte| *byte == b'\n').all(|line| line.is_empty() || line.ends_with(b"\r")));
    }
}
