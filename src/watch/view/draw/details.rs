//! One flow in detail.

use ratatui::text::{Line, Span};

use super::{Pen, list, of_timer};
use crate::flow::Direction;
use crate::report::escape::escaped;
use crate::report::model::{Flow, Gap};
use crate::report::phrases::side_keepalive;
use crate::report::units::{count, duration, plural};
use crate::time::Span as Time;
use crate::watch::view::memory::Recent;
use crate::watch::view::scene::Details;

/// Columns of the longest bar.
const BAR: usize = 40;
/// Gaps shown.
const GAPS: usize = 5;

/// The page, for a screen of `width` columns.
pub(super) fn lines(pen: Pen, details: &Details, warn_at: f64, width: usize) -> Vec<Line<'static>> {
    let model = &details.model;
    let mut lines = vec![Line::styled(escaped(&head(model)), pen.title())];
    lines.push(timer(pen, details, warn_at, width));
    let mut say = |label: &str, text: &str| lines.push(labelled(pen, label, text));
    let row = &details.line.row;
    say("silent", &format!("{} without a packet, {} without payload", duration(row.idle), duration(row.payload_idle)));
    if let Some(waiting) = &model.waiting {
        let what = waiting.request.as_deref().unwrap_or("an answer");
        say("waiting", &format!("the {} since frame {}, for {what}", waiting.side, number(waiting.since_frame)));
    }
    for (side, keepalive) in [("client", &model.keepalive.c2s), ("server", &model.keepalive.s2c)] {
        let text =
            if keepalive.probes == 0 { format!("{side}: no probe was seen") } else { side_keepalive(side, keepalive) };
        say("keepalive", &text);
    }
    if let Some(end) = model.half_open {
        say("half-open", &format!("the {end} does not know that it is over"));
    }
    let verdict = &model.verdict;
    say("verdict so far", &format!("{} ({}) {}", verdict.id, verdict.confidence, verdict.reasons.join("; ")));
    lines.push(Line::styled("Last segments, the latest first", pen.title()));
    lines.extend(details.segments.iter().map(|segment| Line::raw(pen.segment(segment))));
    lines.extend(evidence(pen, model));
    lines
}

/// What the verdict rests on, and what passed.
fn evidence(pen: Pen, model: &Flow) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str| lines.push(labelled(pen, label, text));
    for reset in &model.resets {
        let reasons = reset.reasons.join("; ");
        let (frame, from, origin) = (number(reset.frame), reset.from, reset.origin);
        say("RST", &format!("frame {frame} in the {from}'s name, by {origin} ({}): {reasons}", reset.confidence));
    }
    model.gaps.iter().take(GAPS).for_each(|gap| say("gap", &self::gap(gap)));
    say("traffic", &traffic(model));
    lines
}

fn labelled(pen: Pen, label: &str, text: &str) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{label}: "), pen.title()), Span::raw(escaped(text))])
}

fn head(model: &Flow) -> String {
    let mut text = format!("Flow {}: {} > {}", model.id, model.client, model.server);
    if model.orientation == "inferred" {
        text += " (which end is which is inferred)";
    }
    if let Some(client) = &model.real_client {
        text += &format!(", for {client}");
    }
    if let Some(tunnel) = &model.tunnel {
        text += &format!(", in {tunnel}");
    }
    text
}

fn timer(pen: Pen, details: &Details, warn_at: f64, width: usize) -> Line<'static> {
    let row = &details.line.row;
    let (Some(timer), Some(share)) = (&row.timer, row.share) else {
        let text = match (details.line.verdict, row.is_over) {
            (Some(verdict), _) => format!("died: {verdict}"),
            (None, true) => "over".to_owned(),
            (None, false) => "no timer is known".to_owned(),
        };
        return Line::styled(text, if row.died { pen.bad() } else { pen.faint() });
    };
    let style = if row.died || share >= warn_at { pen.bad() } else { pen.good() };
    let bar = pen.bar(share, width.saturating_sub(2).clamp(1, BAR));
    let left = list::left(timer.length, share);
    let left = match left.strip_prefix('+') {
        Some(past) => format!("struck {past} ago, if it is one"),
        None => format!("{left} left"),
    };
    Line::from(vec![
        Span::styled(bar, style),
        Span::raw(format!(" {:.0} % of {}; {left}", share * 100.0, of_timer(timer))),
    ])
}

fn gap(gap: &Gap) -> String {
    let length = duration(Time::from_secs_f64(gap.duration_s));
    let what = if gap.clock == "payload" { "payload" } else { "a packet" };
    let ended = match (&gap.ended_by, gap.end_frame) {
        (Some(by), Some(frame)) => format!("ended by {by} in frame {}", number(frame)),
        _ => "goes on".to_owned(),
    };
    format!("{length} without {what} from frame {}, {ended}: {}", number(gap.start_frame), gap.outcome)
}

fn traffic(model: &Flow) -> String {
    let mut text = format!(
        "{}; octets of payload: client {}, server {}; retransmissions: client {}, server {}",
        plural(model.packets, "packet"),
        count(model.payload_bytes.c2s),
        count(model.payload_bytes.s2c),
        model.retransmissions.c2s,
        model.retransmissions.s2c
    );
    if let Some(rtt) = model.rtt_s {
        text += &format!("; round trip {}", duration(Time::from_secs_f64(rtt)));
    }
    if let Some(stream) = model.wireshark_stream {
        text += &format!("; tcp.stream {stream}");
    }
    text
}

impl Pen {
    fn segment(self, segment: &Recent) -> String {
        let arrow = match segment.direction {
            Direction::FromInitiator => "client >",
            Direction::FromResponder => "server <",
        };
        let payload = match segment.payload_len {
            0 => String::new(),
            octets => format!(" {} octets", count(octets.into())),
        };
        let frame = segment.mark.frame.number;
        format!("{} {arrow} {}{payload} (frame {frame})", self.time(segment.mark.time), segment.kind)
    }
}

const fn number(frame: crate::report::model::Frame) -> u32 {
    match frame {
        crate::report::model::Frame::Only(frame) | crate::report::model::Frame::InFile { frame, .. } => frame,
    }
}
