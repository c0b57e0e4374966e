//! The report as a value: what every renderer reads, and the JSON contract (version 1).
//!
//! Times are RFC 3339 strings with nine digits, durations seconds as numbers in fields that end in `_s`, frame numbers
//! Wireshark's, enums kebab-case. Additive changes only within a major version. Lists per flow are bounded, each with its
//! total beside it.

use serde::Serialize;

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
    /// Conclusions, the most severe first.
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
pub struct Summary {
    /// One sentence that stands alone.
    pub sentence: String,
    /// What to do to learn more, where the capture cannot prove the answer; often a command.
    pub next_step: Option<String>,
}

/// Whether the path can go through a box of the table of timeouts.
#[derive(Clone, Debug, Serialize)]
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
    pub verdict: &'static str,
    /// What was seen that decides it, in whole sentences, the weightiest first.
    pub reasons: Vec<String>,
}

/// The program that wrote the report.
#[derive(Clone, Copy, Debug, Serialize)]
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
    pub first_time: Option<String>,
    /// Latest record.
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
pub struct Skip {
    /// `link`, `tunnel`, `ip`, `tcp` or `icmp`.
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
pub struct Quality {
    /// Stable identifier, kebab-case.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// How many frames or flows it concerns, where that is a number.
    pub count: Option<u64>,
}

/// A frame: a number with one file, `{file, frame}` with several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Frame {
    /// The only file of the run.
    Only(u32),
    /// One of several files, by its index in `captures`.
    InFile {
        /// Index in `captures`.
        file: u32,
        /// Frame number there.
        frame: u32,
    },
}

/// A value per direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Both<T> {
    /// Client to server.
    pub c2s: T,
    /// Server to client.
    pub s2c: T,
}

/// One flow.
#[derive(Clone, Debug, Serialize)]
pub struct Flow {
    /// Number in this report, as in `trace` and for `--flow`.
    pub id: u32,
    /// Wireshark's `tcp.stream`; null with several files or a filter.
    pub wireshark_stream: Option<u32>,
    /// Community ID, version 1, seed 0.
    pub community_id: String,
    /// Initiator, `addr:port`.
    pub client: String,
    /// Responder, `addr:port`.
    pub server: String,
    /// How it is known which is which: `handshake` or `inferred`.
    pub orientation: &'static str,
    /// The tunnel that carried the flow.
    pub tunnel: Option<String>,
    /// The client behind a balancer, from TOA or a PROXY header.
    pub real_client: Option<String>,
    /// First segment.
    pub first_time: String,
    /// Last segment.
    pub last_time: String,
    /// Segments, duplicates not counted.
    pub packets: u64,
    /// New payload octets.
    pub payload_bytes: Both<u64>,
    /// Sequence accounting.
    pub sequence: Both<Sequence>,
    /// Round-trip time between the ends, where it could be measured.
    pub rtt_s: Option<f64>,
    /// Keepalive probes sent by each side.
    pub keepalive: Both<Keepalive>,
    /// Zero-window probes sent by each side.
    pub zero_window_probes: Both<u32>,
    /// Retransmissions by each side.
    pub retransmissions: Both<u32>,
    /// Longest silence of each side.
    pub longest_silence: Both<Option<Silence>>,
    /// Idle gaps: the longest eight per clock and every fatal one.
    pub gaps: Vec<Gap>,
    /// Idle gaps in all.
    pub gaps_total: u64,
    /// RSTs: the first and last eight.
    pub resets: Vec<Reset>,
    /// RSTs in all.
    pub resets_total: u64,
    /// ICMP errors about the flow: the first and last eight.
    pub icmp: Vec<Icmp>,
    /// ICMP errors in all.
    pub icmp_total: u64,
    /// Who waits for an answer, and to what.
    pub waiting: Option<Waiting>,
    /// The end that still believes in the connection: `client` or `server`.
    pub half_open: Option<&'static str>,
    /// What became of the flow.
    pub verdict: Verdict,
}

/// Sequence accounting of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sequence {
    /// Segments, duplicate frames not counted.
    pub segments: u64,
    /// Segments that filled a hole late.
    pub out_of_order: u32,
    /// Retransmissions of acknowledged octets (part of `retransmissions`).
    pub spurious: u32,
    /// Octets missing from the capture.
    pub missing_bytes: u64,
    /// Octets acknowledged that the capture never showed.
    pub unseen_bytes: u64,
    /// Frames captured more than once.
    pub duplicate_frames: u32,
}

/// Keepalive probes of one side and the settings they reveal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Keepalive {
    /// Probes sent.
    pub probes: u32,
    /// Probes answered by an ACK or by payload.
    pub answered: u32,
    /// Probes that nothing answered.
    pub unanswered: u32,
    /// Probes answered by a RST.
    pub answered_by_reset: u32,
    /// Probes whose answer was not captured, but shows in what the prober echoed next.
    pub answered_unseen: u32,
    /// `empty`, `one-byte`, `mixed`; null without probes.
    pub style: Option<&'static str>,
    /// Frames of the first and last eight probes.
    pub frames: Vec<Frame>,
    /// Probes in all, kept in `frames` or not.
    pub frames_total: u64,
    /// Time before the first probe, snapped to a round value; null where unknown.
    pub time_s: Option<f64>,
    /// The same as an honest range: least and greatest value that explain what was seen.
    pub time_range_s: Option<[f64; 2]>,
    /// Spacing of unanswered probes, snapped; null where every probe was answered.
    pub interval_s: Option<f64>,
    /// The same as an honest range.
    pub interval_range_s: Option<[f64; 2]>,
    /// Probes before giving up; null unless the sender gave up.
    pub count: Option<u32>,
    /// Ids of stacks and software whose probes look like these, stacks first.
    pub looks_like: Vec<String>,
    /// Why the answers seem to come from something nearer than the other end; null where nothing says so.
    pub answered_nearby: Option<AnsweredNearby>,
    /// For how long this side had sent nothing but probes when the capture began; null where timestamps do not tell.
    pub idle_before_capture_s: Option<f64>,
}

/// That probes are answered by something nearer than the other end.
#[derive(Clone, Debug, Serialize)]
pub struct AnsweredNearby {
    /// `certain`, `likely` or `possible`.
    pub confidence: &'static str,
    /// The evidence, in words.
    pub reasons: Vec<String>,
}

/// The longest silence of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Silence {
    /// How long.
    pub duration_s: f64,
    /// The segment before.
    pub start_frame: Frame,
    /// The segment that ended it.
    pub end_frame: Frame,
}

/// One idle gap.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// `packet` or `payload`.
    pub clock: &'static str,
    /// The last segment before it.
    pub start_frame: Frame,
    /// The segment that ended it; null where the capture ended first.
    pub end_frame: Option<Frame>,
    /// How long, or how long so far.
    pub duration_s: f64,
    /// Who and what ended it, as in `client data`; null where the capture ended first.
    pub ended_by: Option<String>,
    /// `survived`, `died` or `open`.
    pub outcome: &'static str,
    /// Whether one side had closed before it began.
    pub half_closed: bool,
    /// Ids of known timeouts that fit it, the likeliest first.
    pub known_timeouts: Vec<String>,
}

/// One RST.
#[derive(Clone, Debug, Serialize)]
pub struct Reset {
    /// Where.
    pub frame: Frame,
    /// The end whose address it carries: `client` or `server`.
    pub from: &'static str,
    /// Who sent it: `endpoint`, `middlebox` or `unknown`.
    pub origin: &'static str,
    /// `certain`, `likely` or `possible`.
    pub confidence: &'static str,
    /// The evidence, in words.
    pub reasons: Vec<String>,
    /// Whether the flow ended by it.
    pub effective: bool,
    /// By the rules of RFC 5961, what its receiver does: `accepted`, `challenged`, `ignored` or `unknown`.
    pub acceptability: &'static str,
}

/// An ICMP error.
#[derive(Clone, Debug, Serialize)]
pub struct Icmp {
    /// Where.
    pub frame: Frame,
    /// Whose segment it quotes: `client` or `server`.
    pub about: &'static str,
    /// Who sent it.
    pub from: String,
    /// What it says, in words.
    pub message: String,
}

/// Who waits for an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    /// `client` or `server`.
    pub side: &'static str,
    /// The first segment of what is unanswered.
    pub since_frame: Frame,
    /// How long, until the flow's last segment.
    pub waited_s: f64,
    /// What was asked, where it could be read; untrusted text.
    pub request: Option<String>,
}

/// What became of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Stable identifier, see `docs/FINDINGS.md`.
    pub id: &'static str,
    /// `certain`, `likely` or `possible`.
    pub confidence: &'static str,
    /// Why, in words; other possible ids by name.
    pub reasons: Vec<String>,
    /// The gap it died of.
    pub gap_s: Option<f64>,
    /// The timer that is seen in it, where it is more than a bound.
    pub timeout_s: Option<f64>,
    /// Frames to look at.
    pub frames: Vec<Frame>,
}

/// What the flows toward one server say of a timer on the path.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// `addr:port`.
    pub server: String,
    /// Flows.
    pub flows: u64,
    /// Flows that died while idle.
    pub died: u64,
    /// `packet` or `payload`: the clock that the bracket is on.
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
pub struct Group {
    /// The services, `addr:port`.
    pub members: Vec<String>,
    /// Flows toward them in all.
    pub flows: u64,
    /// Flows that died while idle by the same hand.
    pub died: u64,
    /// `packet` or `payload`: the clock that the bracket is on.
    pub clock: &'static str,
    /// How they were killed: `rst-both`, `rst-on-next-packet`, `silent-drop` or `fin`.
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
    pub fit: String,
    /// For and against.
    pub reasons: Vec<String>,
}

/// Connections that hold a place without using it.
#[derive(Clone, Debug, Serialize)]
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
pub struct Finding {
    /// Stable identifier: a verdict id, or `too-many-pings`.
    pub id: &'static str,
    /// `high`, `medium` or `low`.
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
    /// What to change.
    pub advice: Vec<Advice>,
}

/// A change that helps.
#[derive(Clone, Debug, Serialize)]
pub struct Advice {
    /// For which stack.
    pub stack: String,
    /// What and why, in a sentence.
    pub text: String,
    /// Ready to paste; empty where there is nothing to paste.
    pub snippet: String,
}
