//! The report as a value: what every renderer reads, and the JSON contract (version 1).
//!
//! Times are RFC 3339 strings with nine digits, durations seconds as numbers in fields that end in `_s`, frame numbers
//! Wireshark's, enums kebab-case. Additive changes only within a major version. Lists per flow are bounded, each with its
//! total beside it.

mod flow;

use serde::Serialize;

pub use self::flow::{
    AnsweredNearby, Both, Flow, Frame, Gap, Icmp, Keepalive, Reset, Sequence, Silence, Verdict, Waiting,
};
#[cfg(test)]
use super::schema::words;

/// The version of this contract.
pub const SCHEMA_VERSION: &str = "1.0";

/// Everything in a report beside the flows, which are built one by one (there may be millions).
#[derive(Clone, Debug)]
pub struct Report {
    /// One per file.
    pub captures: Vec<Capture>,
    /// Servers with what their flows say of a timer on the path, those with deaths first.
    pub services: Vec<Service>,
    /// Services behind one box, those with the most deaths first.
    pub groups: Vec<Group>,
    /// Connections that hold a place without using it; `None` where there are none.
    pub inventory: Option<Inventory>,
    /// Conclusions: first what the sentence speaks of, then the most severe.
    pub findings: Vec<Finding>,
    /// The report in one paragraph.
    pub summary: Summary,
    /// Whether an assumption about the path holds, where one was made.
    pub assumption: Option<Assumption>,
    /// Flows in all.
    pub flows_total: u32,
    /// Numbers of the flows that matter, the worst first.
    pub matter: Vec<u32>,
    /// Flows by verdict, every id that occurs.
    pub verdicts: Vec<(String, u64)>,
}

/// Builds the flows of a report, one at a time.
pub trait Flows {
    /// Flow number `id`; `None` beyond the last one.
    fn flow(&self, id: u32) -> Option<Flow>;
}

/// The sentence for the first line of a ticket, and what limits it.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// One sentence that stands alone.
    pub sentence: String,
    /// What to do to learn more, where the capture cannot prove the answer; often a command.
    pub next_step: Option<String>,
}

/// Whether the path can go through a box of the table of timeouts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Assumption {
    /// The row's id in the table.
    pub id: String,
    /// Vendor.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// The value that was tested, in seconds.
    pub idle_s: f64,
    /// `holds`, `contradicted` or `untested`.
    #[cfg_attr(test, schemars(with = "words::Assumed"))]
    pub verdict: &'static str,
    /// What was seen that decides it, in whole sentences, the weightiest first.
    pub reasons: Vec<String>,
}

/// The program that wrote the report.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// `idlegap`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    pub const SELF: Self = Self { name: "idlegap", version: env!("CARGO_PKG_VERSION") };
}

/// One file of the run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Capture {
    /// As the user named it.
    pub file: String,
    /// Container and compression in words.
    pub format: String,
    /// Link types seen, by name.
    pub link_types: Vec<String>,
    /// Records read.
    pub packets: u64,
    /// TCP segments among them.
    pub tcp_segments: u64,
    /// Earliest record.
    #[cfg_attr(test, schemars(with = "Option<words::Time>"))]
    pub first_time: Option<String>,
    /// Latest record.
    #[cfg_attr(test, schemars(with = "Option<words::Time>"))]
    pub last_time: Option<String>,
    /// Which timeline of the run the file belongs to: files of one timeline were analysed as one capture.
    pub timeline: u32,
    /// Frames passed over.
    pub skips: Vec<Skip>,
    /// Whether the capture ends inside a record or in damaged data.
    pub truncated: bool,
    /// What limits the verdicts.
    pub quality: Vec<Quality>,
}

/// Frames passed over for one reason.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Skip {
    /// `link`, `tunnel`, `ip`, `tcp` or `icmp`.
    #[cfg_attr(test, schemars(with = "words::Layer"))]
    pub layer: String,
    /// Kind of reason.
    pub reason: String,
    /// The first of them in words: field, offset.
    pub example: String,
    /// Its frame.
    pub first_frame: Frame,
    /// How many.
    pub count: u64,
}

/// Something about the capture that limits what it can prove.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Quality {
    /// Stable identifier, kebab-case.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// How many frames or flows it concerns, where that is a number.
    pub count: Option<u64>,
}

/// What the flows toward one server say of a timer on the path.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Service {
    /// `addr:port`.
    pub server: String,
    /// Flows.
    pub flows: u64,
    /// Flows that died while idle.
    pub died: u64,
    /// `packet` or `payload`: the clock that the bracket is on.
    #[cfg_attr(test, schemars(with = "words::Clock"))]
    pub clock: &'static str,
    /// Longest gap that survived.
    pub survived_max_s: Option<f64>,
    /// Shortest gap that died.
    pub died_min_s: Option<f64>,
    /// Longest gap that died.
    pub died_max_s: Option<f64>,
    /// The timer itself, where it was seen to fire: the least and the greatest gap at its kills.
    pub timer_range_s: Option<[f64; 2]>,
    /// Why no single timer explains these gaps, and what does; null where one does.
    pub contradiction: Option<String>,
    /// The paths of the clients, where they explain it: those that kill, and last everybody else.
    pub paths: Vec<Path>,
    /// Known timeouts inside the bracket, the likeliest first.
    pub candidates: Vec<Candidate>,
}

/// Flows of a service whose clients come by one path.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Path {
    /// Whose flows these are, in words; null for everybody else's.
    pub clients: Option<String>,
    /// Flows.
    pub flows: u64,
    /// Flows that died while idle.
    pub died: u64,
    /// Longest gap of any packet that survived.
    pub survived_max_s: Option<f64>,
    /// Shortest gap that died.
    pub died_min_s: Option<f64>,
    /// Longest gap that died.
    pub died_max_s: Option<f64>,
}

/// Services behind one box, or behind boxes that are alike.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    /// The services, `addr:port`.
    pub members: Vec<String>,
    /// Flows toward them in all.
    pub flows: u64,
    /// Flows that died while idle by the same hand.
    pub died: u64,
    /// `packet` or `payload`: the clock that the bracket is on.
    #[cfg_attr(test, schemars(with = "words::Clock"))]
    pub clock: &'static str,
    /// How they were killed: `rst-both`, `rst-on-next-packet`, `silent-drop` or `fin`.
    #[cfg_attr(test, schemars(with = "words::Manner"))]
    pub manner: &'static str,
    /// Longest gap that survived at any of them.
    pub survived_max_s: Option<f64>,
    /// Shortest gap that died.
    pub died_min_s: Option<f64>,
    /// Longest gap that died.
    pub died_max_s: Option<f64>,
    /// The timer itself, where it was seen to fire: the least and the greatest gap at its kills.
    pub timer_range_s: Option<[f64; 2]>,
    /// Known timeouts inside the bracket, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// Why one box is taken to stand before them, and what speaks against it.
    pub reasons: Vec<String>,
}

/// A known timeout that fits.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Candidate {
    /// Its id in the table.
    pub id: String,
    /// Vendor.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// Its default, in seconds.
    pub idle_s: f64,
    /// How well it fits, in one word.
    #[cfg_attr(test, schemars(with = "words::Fit"))]
    pub fit: String,
    /// For and against.
    pub reasons: Vec<String>,
}

/// Connections that hold a place without using it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Inventory {
    /// Handshake and no payload.
    pub empty: Held,
    /// Silent for most of their life.
    pub silent: Held,
    /// By client.
    pub clients: Holders,
    /// By service.
    pub services: Holders,
}

/// Connections that hold a place for one reason.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Held {
    /// How many.
    pub connections: u64,
    /// Those still there when the capture ended.
    pub standing: u64,
    /// How long they lasted, all together.
    pub held_s: f64,
    /// How long the longest lasted.
    pub longest_s: f64,
}

/// Those who hold the most.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Holders {
    /// The first of them.
    pub top: Vec<Holder>,
    /// How many more there are.
    pub others: u64,
    /// Connections of those.
    pub others_connections: u64,
}

/// A client or service with idle connections.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Holder {
    /// Client address, or `addr:port` of a service.
    pub who: String,
    /// Its empty connections.
    pub empty: Held,
    /// Its silent ones.
    pub silent: Held,
}

/// One conclusion.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// Stable identifier: a verdict id, or `too-many-pings`.
    #[cfg_attr(test, schemars(with = "words::Found"))]
    pub id: &'static str,
    /// `high`, `medium` or `low`.
    #[cfg_attr(test, schemars(with = "words::Severity"))]
    pub severity: &'static str,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub detail: String,
    /// Flows it rests on: the first and last eight.
    pub flows: Vec<u32>,
    /// Flows in all.
    pub flows_total: u64,
    /// Frames to look at, of the first of these flows.
    pub frames: Vec<Frame>,
    /// What selects its packets in Wireshark.
    pub filters: Vec<Filter>,
    /// What to change.
    pub advice: Vec<Advice>,
}

/// A display filter of Wireshark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Filter {
    /// What it selects, and by what: `frames` (the frames of the finding), `streams` or `addresses` (the flows listed).
    #[cfg_attr(test, schemars(with = "words::Selection"))]
    pub by: &'static str,
    /// Index in `captures` of the file that it is for; null where it is for any file of the run.
    pub file: Option<u32>,
    /// The filter.
    pub filter: String,
}

/// A change that helps.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Advice {
    /// For which stack.
    pub stack: String,
    /// What and why, in a sentence.
    pub text: String,
    /// Ready to paste; empty where there is nothing to paste.
    pub snippet: String,
}
