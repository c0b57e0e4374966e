//! What a watch has to say, as values: one JSON object a line on a pipe (`docs/live-events.schema.json`).
//!
//! Every event has `type` and `time` (RFC 3339, nine digits). Names and units are those of the report.

use serde::{Serialize, Serializer};

use crate::flow::Flow;
use crate::report::model::{Both, Frame, Reset, Verdict, Waiting};
use crate::report::units::rfc3339;
use crate::time::Timestamp;
use crate::watch::timer::{Origin, Timer};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, by the clock of the capture.
    pub time: Timestamp,
    /// What.
    pub what: What,
}

/// The sorts of events.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum What {
    /// A flow is silent beyond a share of the timer.
    IdleWarning(Box<IdleWarning>),
    /// Nothing answered a probe.
    ProbeUnanswered(ProbeUnanswered),
    /// A RST was seen, and who sent it.
    Reset(Box<ResetSeen>),
    /// A flow died, and of what.
    Death(Box<Death>),
    /// Keepalive probes carried a flow past the timer.
    Saved(Saved),
    /// The capturing side lost packets.
    CaptureLoss(CaptureLoss),
    /// The watch is over.
    Summary(Box<Summary>),
}

/// Names of the sorts, in the order of [`What`].
pub const TYPES: [&str; 7] = ["idle-warning", "probe-unanswered", "reset", "death", "saved", "capture-loss", "summary"];

impl What {
    /// The value of `type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::IdleWarning(_) => "idle-warning",
            Self::ProbeUnanswered(_) => "probe-unanswered",
            Self::Reset(_) => "reset",
            Self::Death(_) => "death",
            Self::Saved(_) => "saved",
            Self::CaptureLoss(_) => "capture-loss",
            Self::Summary(_) => "summary",
        }
    }

    /// The flow it is about, if it is about one.
    #[must_use]
    pub fn flow(&self) -> Option<&FlowName> {
        match self {
            Self::IdleWarning(warning) => Some(&warning.of),
            Self::ProbeUnanswered(probe) => Some(&probe.of),
            Self::Reset(reset) => Some(&reset.of),
            Self::Death(death) => Some(&death.of),
            Self::Saved(saved) => Some(&saved.of),
            Self::CaptureLoss(_) | Self::Summary(_) => None,
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            r#type: &'static str,
            time: String,
            #[serde(flatten)]
            what: &'a What,
        }
        Line { r#type: self.what.name(), time: rfc3339(self.time), what: &self.what }.serialize(serializer)
    }
}

/// Which flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowName {
    /// Its number, as in the report.
    pub flow: u32,
    /// Initiator, `addr:port`.
    pub client: String,
    /// Responder, `addr:port`.
    pub server: String,
}

impl FlowName {
    /// Flow number `number`.
    #[must_use]
    pub fn new(number: u32, flow: &Flow) -> Self {
        Self { flow: number, client: flow.client().to_string(), server: flow.server().to_string() }
    }
}

/// The timer that a silence is held against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// `packet` or `payload`: what it counts.
    pub clock: &'static str,
    /// Its length.
    pub timeout_s: f64,
    /// `assumed`, `given` or `learnt` (no longer than this: so long was the silence of a flow that died).
    pub timeout_from: &'static str,
    /// Id of the row that is assumed; null otherwise.
    pub timeout_id: Option<String>,
}

impl From<&Timer> for Against {
    fn from(timer: &Timer) -> Self {
        let (timeout_from, timeout_id) = match &timer.origin {
            Origin::Assumed(id) => ("assumed", Some(id.clone())),
            Origin::Given => ("given", None),
            Origin::Learnt => ("learnt", None),
        };
        Self { clock: timer.clock.name(), timeout_s: timer.length.as_secs_f64(), timeout_from, timeout_id }
    }
}

/// A flow is silent beyond a share of the timer, and has not spoken since.
#[derive(Clone, Debug, Serialize)]
pub struct IdleWarning {
    /// The flow.
    #[serde(flatten)]
    pub of: FlowName,
    /// How long it has been silent on the clock of the timer.
    pub idle_s: f64,
    /// The same as a share of the timer.
    pub share: f64,
    /// What is left until the timer strikes; never under 0.
    pub left_s: f64,
    /// The timer.
    #[serde(flatten)]
    pub against: Against,
    /// The last segment before the silence.
    pub since_frame: Frame,
    /// Keepalive probes sent so far.
    pub keepalive_probes: Both<u32>,
    /// Who waits for an answer.
    pub waiting: Option<Waiting>,
}

/// Nothing answered a probe in the time in which answers come.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeUnanswered {
    /// The flow.
    #[serde(flatten)]
    pub of: FlowName,
    /// Who probed: `client` or `server`.
    pub side: &'static str,
    /// `keepalive-probe` or `zero-window-probe`.
    pub probe: &'static str,
    /// The probe.
    pub frame: Frame,
    /// How long nothing has answered.
    pub waited_s: f64,
    /// Keepalive probes unanswered in a row, this one included; 0 for zero-window probes.
    pub in_a_row: u32,
}

/// A RST.
#[derive(Clone, Debug, Serialize)]
pub struct ResetSeen {
    /// The flow.
    #[serde(flatten)]
    pub of: FlowName,
    /// Silence of any packet before it.
    pub silence_s: f64,
    /// The RST with its attribution, as in the report.
    #[serde(flatten)]
    pub reset: Reset,
}

/// A flow died.
#[derive(Clone, Debug, Serialize)]
pub struct Death {
    /// The flow.
    #[serde(flatten)]
    pub of: FlowName,
    /// Of what, as in the report, but judged without the flows that are still to come.
    pub verdict: Verdict,
    /// Who waited for an answer, and to what.
    pub waiting: Option<Waiting>,
    /// The end that still believes in the connection: `client` or `server`.
    pub half_open: Option<&'static str>,
    /// From the first segment to the last.
    pub lived_s: f64,
    /// Keepalive probes sent.
    pub keepalive_probes: Both<u32>,
}

/// Answered probes carried a flow past the timer.
#[derive(Clone, Debug, Serialize)]
pub struct Saved {
    /// The flow.
    #[serde(flatten)]
    pub of: FlowName,
    /// How long no payload has passed.
    pub silent_s: f64,
    /// The timer that would have struck.
    #[serde(flatten)]
    pub against: Against,
    /// Probes answered in that silence.
    pub probes_answered: u32,
    /// Who probed last: `client` or `server`.
    pub by: &'static str,
    /// The segment that shows that the flow lives.
    pub frame: Frame,
}

/// The capturing side lost packets: silence may be loss.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CaptureLoss {
    /// Packets lost since the last such event.
    pub lost: u64,
    /// Of these, by the system, for want of buffer.
    pub by_system: u64,
    /// Of these, by the interface.
    pub by_interface: u64,
    /// Packets lost since the beginning.
    pub lost_total: u64,
}

/// The watch is over.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Why it ended: `signal`, `duration`, `count`, `end-of-input`, `interface-lost` or `error`.
    pub ended_by: &'static str,
    /// Packets analysed.
    pub packets: u64,
    /// Packets that the capturing side lost.
    pub lost_total: u64,
    /// Flows in all.
    pub flows_total: u32,
    /// Flows that had to leave for want of memory.
    pub flows_evicted: u64,
    /// Events before this one, by type.
    pub events: std::collections::BTreeMap<&'static str, u64>,
    /// Events among them that were left out, since nobody read the others.
    pub events_untold: u64,
    /// The whole report, as `--format json` has it, with the flows that matter; null where it is written elsewhere.
    pub report: Option<serde_json::Value>,
}
