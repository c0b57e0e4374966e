//! What the report says of its parts, in words that every renderer shares; a line is one string.
//!
//! The words hold what came from packets as it came: whoever prints them escapes them.

mod services;
mod whole;

use serde::Serialize;

pub use self::services::{group, is_telling, service, service_remarks};
pub use self::whole::{
    FilterWords, advice_once, assumption, candidate, capture, clock, filters, holders, inventory, known_timeouts,
    limits, product, tally, timelines,
};
use super::model::{Flow, Frame, Gap, Keepalive, Reset};
use super::units;
use crate::time::Span;

/// What is said of one flow.
#[derive(Clone, Debug, Serialize)]
pub struct FlowWords {
    /// Who talked to whom.
    pub ends: Vec<String>,
    /// The verdict's id, and how sure it is.
    pub verdict: [String; 2],
    /// The silence that tells, or a dash.
    pub silence: Vec<String>,
    /// Each side's keepalive, or `none`.
    pub keepalive: Vec<String>,
    /// How it ended, and what it left behind.
    pub ended: Vec<String>,
    /// Frames to look at, and the stream in Wireshark.
    pub frames: Vec<String>,
}

impl FlowWords {
    /// The words on `flow`.
    #[must_use]
    pub fn new(flow: &Flow) -> Self {
        Self {
            ends: ends(flow),
            verdict: [flow.verdict.id.to_owned(), flow.verdict.confidence.to_owned()],
            silence: silence(flow),
            keepalive: keepalive(flow),
            ended: ended(flow),
            frames: frames(flow),
        }
    }
}

/// The gap that the flow is judged by, else its longest one.
#[must_use]
pub fn telling_gap(flow: &Flow) -> Option<&Gap> {
    let distance = |gap: &Gap| flow.verdict.gap_s.map_or(-gap.duration_s, |judged| (judged - gap.duration_s).abs());
    flow.gaps.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Seconds of silence by which `--min-gap` measures the flow.
#[must_use]
pub fn longest_gap_s(flow: &Flow) -> f64 {
    let gaps = flow.gaps.iter().map(|gap| gap.duration_s);
    gaps.chain(flow.verdict.gap_s).fold(0.0, f64::max)
}

fn ends(flow: &Flow) -> Vec<String> {
    let mut lines = vec![flow.client.clone(), format!("-> {}", flow.server)];
    if let Some(client) = &flow.real_client {
        lines.push(format!("for {}", client));
    }
    if let Some(tunnel) = &flow.tunnel {
        lines.push(format!("in {}", tunnel));
    }
    if flow.orientation == "inferred" {
        lines.push("(ends inferred)".to_owned());
    }
    lines
}

fn silence(flow: &Flow) -> Vec<String> {
    let gap = telling_gap(flow);
    let Some(secs) = flow.verdict.gap_s.or(gap.map(|gap| gap.duration_s)) else { return or_dash(before_capture(flow)) };
    let mut lines = vec![units::duration(Span::from_secs_f64(secs))];
    if let Some(gap) = gap {
        lines.push(if gap.clock == "payload" { "no payload" } else { "no packets" }.to_owned());
        // How a silence came out says something of the flow only where it is what the flow is judged by.
        if flow.verdict.gap_s.is_some() && flow.verdict.id != "endpoint-abort" {
            lines.push(gap.outcome.to_owned());
        }
    }
    lines.extend(before_capture(flow));
    lines
}

fn or_dash(line: Option<String>) -> Vec<String> {
    vec![line.unwrap_or_else(|| "-".to_owned())]
}

/// For how long the ends had been silent when the capture began, where timestamps tell.
fn before_capture(flow: &Flow) -> Option<String> {
    let sides = [("client", &flow.keepalive.c2s), ("server", &flow.keepalive.s2c)];
    let silence = |(side, keepalive): (&str, &Keepalive)| {
        let length = units::duration(Span::from_secs_f64(keepalive.idle_before_capture_s?));
        Some(format!("{side} for {length}"))
    };
    let ends: Vec<_> = sides.into_iter().filter_map(silence).collect();
    (!ends.is_empty()).then(|| format!("already silent when the capture began, but for probes: {}", ends.join(", ")))
}

fn keepalive(flow: &Flow) -> Vec<String> {
    let sides = [("client", &flow.keepalive.c2s), ("server", &flow.keepalive.s2c)];
    let seen = sides.into_iter().filter(|(_, keepalive)| keepalive.probes > 0);
    let lines: Vec<_> = seen.map(|(side, keepalive)| side_keepalive(side, keepalive)).collect();
    if lines.is_empty() { vec!["none".to_owned()] } else { lines }
}

/// What the probes of one side came to, and the settings that they reveal.
pub(crate) fn side_keepalive(side: &str, keepalive: &Keepalive) -> String {
    let probes = units::plural(keepalive.probes.into(), "probe");
    let mut text = format!("{side}: {probes}, {} answered", units::count(keepalive.answered.into()));
    if keepalive.answered_unseen > 0 {
        text.push_str(&format!(", {} by answers not captured", units::count(keepalive.answered_unseen.into())));
    }
    let seconds = |secs: f64| units::seconds(Span::from_secs_f64(secs));
    for (label, value) in [("time", keepalive.time_s), ("interval", keepalive.interval_s)] {
        if let Some(value) = value {
            text.push_str(&format!(", {label} {}", seconds(value)));
        }
    }
    if let Some(count) = keepalive.count {
        text.push_str(&format!(", gave up after {count}"));
    }
    if keepalive.answered == keepalive.probes {
        text.push_str(match keepalive.interval_range_s {
            Some(_) => ", count unknown: every probe was answered",
            None => ", interval and count unknown: every probe was answered",
        });
    }
    if let Some(nearby) = &keepalive.answered_nearby {
        let reasons = nearby.reasons.join(", and ");
        text.push_str(&format!(", not by the other end but nearer ({}: {reasons})", nearby.confidence));
    }
    if !keepalive.looks_like.is_empty() {
        text.push_str(&format!(", looks like {}", keepalive.looks_like.join(", ")));
    }
    text
}

/// How the flow ended, and what it left behind.
fn ended(flow: &Flow) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let effective = flow.resets.iter().filter(|reset| reset.effective);
    let resets: Vec<_> = effective.map(reset).collect();
    for reset in &resets {
        if !lines.contains(reset) {
            lines.push(reset.clone());
        }
    }
    if lines.is_empty() {
        lines.push(without_reset(flow.verdict.id).to_owned());
    }
    if let Some(icmp) = flow.icmp.first() {
        lines.push(format!("ICMP {} from {}", icmp.message, icmp.from));
    }
    if let Some(end) = flow.half_open {
        lines.push(format!("half-open: the {end} does not know"));
    }
    if let Some(waiting) = &flow.waiting {
        let request = waiting.request.as_deref().map(|request| format!(": {request}"));
        let since = frame(waiting.since_frame);
        let waited = units::duration(Span::from_secs_f64(waiting.waited_s));
        lines.push(format!("{} waited {waited} from frame {since}{}", waiting.side, request.unwrap_or_default()));
    }
    lines
}

fn reset(reset: &Reset) -> String {
    let sender = match reset.origin {
        "endpoint" => format!("sent by the {}", reset.from),
        "middlebox" => format!("in the {}'s name, sent by a middlebox", reset.from),
        _ => format!("in the {}'s name, sender unknown", reset.from),
    };
    format!("RST {sender} ({})", reset.confidence)
}

/// How a flow of this verdict ended, where it was not by a RST.
fn without_reset(verdict: &str) -> &'static str {
    match verdict {
        "graceful" => "FIN from both ends",
        "idle-close" | "half-closed-timeout" | "close-race" | "age-limit" => "FIN",
        "idle-drop" | "keepalive-exhausted" | "retransmission-exhausted" | "refused" => "no answer",
        "zero-window-stall" => "receive window closed",
        _ => "not seen to end",
    }
}

fn frames(flow: &Flow) -> Vec<String> {
    let frames: Vec<_> = flow.verdict.frames.iter().map(|at| frame(*at)).collect();
    let mut lines = vec![if frames.is_empty() { "-".to_owned() } else { frames.join(" ") }];
    if let Some(stream) = flow.wireshark_stream {
        lines.push(format!("tcp.stream {stream}"));
    }
    lines
}

/// A frame number; with several files the number of the file, counted from 1, before it.
#[must_use]
pub fn frame(frame: Frame) -> String {
    match frame {
        Frame::Only(number) => number.to_string(),
        Frame::InFile { file, frame } => format!("{}:{frame}", file.saturating_add(1)),
    }
}
