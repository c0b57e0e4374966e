//! Events in one line each, for a terminal without a view.

use crate::report::escape::escaped;
use crate::report::model::{Frame, Waiting};
use crate::report::units::{Clock, duration, plural};
use crate::time::Span;
use crate::watch::event::{Against, Event, FlowName, What};

/// The event as a line without its end; nothing in it controls a terminal.
#[must_use]
pub fn line(event: &Event, clock: &Clock) -> String {
    let of = event.what.flow().map(|flow| format!(" {}", name(flow))).unwrap_or_default();
    let text = format!("{} {}{of}: {}", clock.brief(event.time), event.what.name(), what(&event.what));
    escaped(&text).to_string()
}

fn name(flow: &FlowName) -> String {
    format!("{} > {} (flow {})", flow.client, flow.server, flow.flow)
}

/// What happened, without when and on which flow; untrusted text.
#[must_use]
pub fn what(what: &What) -> String {
    match what {
        What::IdleWarning(warning) => format!(
            "silent for {}, {:.0} % of {}; {} left{}",
            seconds(warning.idle_s),
            warning.share * 100.0,
            against(&warning.against),
            seconds(warning.left_s),
            waits(warning.waiting.as_ref())
        ),
        What::ProbeUnanswered(probe) => format!(
            "the {}'s {} in frame {} is unanswered after {} ({} in a row)",
            probe.side,
            probe.probe,
            number(probe.frame),
            seconds(probe.waited_s),
            probe.in_a_row.max(1)
        ),
        What::Reset(reset) => format!(
            "RST from the {}'s side in frame {}, sent by {} ({}): {}",
            reset.reset.from,
            number(reset.reset.frame),
            sender(reset.reset.origin),
            reset.reset.confidence,
            reset.reset.reasons.join("; ")
        ),
        What::Death(death) => format!(
            "{} ({}): {}{}",
            death.verdict.id,
            death.verdict.confidence,
            death.verdict.reasons.join("; "),
            waits(death.waiting.as_ref())
        ),
        What::Saved(saved) => format!(
            "alive after {} without payload, past {}: {} of the {} answered",
            seconds(saved.silent_s),
            against(&saved.against),
            plural(saved.probes_answered.into(), "probe"),
            saved.by
        ),
        What::CaptureLoss(loss) => {
            format!("{} lost by the capturing side: silence may be loss", plural(loss.lost, "packet"))
        }
        What::Summary(summary) => format!(
            "{}, {}; ended by {}",
            plural(summary.packets, "packet"),
            plural(summary.flows_total.into(), "flow"),
            summary.ended_by
        ),
    }
}

fn against(against: &Against) -> String {
    let length = seconds(against.timeout_s);
    match &against.timeout_id {
        Some(id) => format!("the {length} of {id}"),
        None => format!("the {length} that were {}", against.timeout_from),
    }
}

fn waits(waiting: Option<&Waiting>) -> String {
    match waiting {
        Some(Waiting { side, request: Some(request), .. }) => format!("; the {side} waits for {request}"),
        Some(Waiting { side, request: None, .. }) => format!("; the {side} waits for an answer"),
        None => String::new(),
    }
}

const fn number(frame: Frame) -> u32 {
    match frame {
        Frame::Only(frame) | Frame::InFile { frame, .. } => frame,
    }
}

fn sender(origin: &str) -> &str {
    match origin {
        "endpoint" => "that end",
        "middlebox" => "a box on the path",
        _ => "nobody knows whom",
    }
}

fn seconds(seconds: f64) -> String {
    duration(Span::from_secs_f64(seconds))
}
