//! One flow of a report: what was counted, seen and judged of it.

use serde::Serialize;

#[cfg(test)]
use crate::report::schema::words;

/// A frame: a number with one file, `{file, frame}` with several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Frame {
    /// The only file of the run.
    Only(u32),
    /// One of several files, by its index in `captures`.
    InFile {
        /// Index in `captures`, from 0; text and tickets count the same files from 1.
        file: u32,
        /// Frame number there.
        frame: u32,
    },
}

/// A value per direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Both<T> {
    /// Client to server.
    pub c2s: T,
    /// Server to client.
    pub s2c: T,
}

/// One flow.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    #[cfg_attr(test, schemars(with = "words::Orientation"))]
    pub orientation: &'static str,
    /// The tunnel that carried the flow.
    pub tunnel: Option<String>,
    /// The client behind a balancer, from TOA or a PROXY header.
    pub real_client: Option<String>,
    /// First segment.
    #[cfg_attr(test, schemars(with = "words::Time"))]
    pub first_time: String,
    /// Last segment.
    #[cfg_attr(test, schemars(with = "words::Time"))]
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
    #[cfg_attr(test, schemars(with = "Option<words::Side>"))]
    pub half_open: Option<&'static str>,
    /// What became of the flow.
    pub verdict: Verdict,
}

/// Sequence accounting of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    #[cfg_attr(test, schemars(with = "Option<words::Style>"))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AnsweredNearby {
    /// `certain`, `likely` or `possible`.
    #[cfg_attr(test, schemars(with = "words::Confidence"))]
    pub confidence: &'static str,
    /// The evidence, in words.
    pub reasons: Vec<String>,
}

/// The longest silence of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    /// `packet` or `payload`.
    #[cfg_attr(test, schemars(with = "words::Clock"))]
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
    #[cfg_attr(test, schemars(with = "words::Outcome"))]
    pub outcome: &'static str,
    /// Whether one side had closed before it began.
    pub half_closed: bool,
    /// Ids of known timeouts that fit it, the likeliest first.
    pub known_timeouts: Vec<String>,
}

/// One RST.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reset {
    /// Where.
    pub frame: Frame,
    /// The end whose address it carries: `client` or `server`.
    #[cfg_attr(test, schemars(with = "words::Side"))]
    pub from: &'static str,
    /// Who sent it: `endpoint`, `middlebox` or `unknown`.
    #[cfg_attr(test, schemars(with = "words::Origin"))]
    pub origin: &'static str,
    /// `certain`, `likely` or `possible`.
    #[cfg_attr(test, schemars(with = "words::Confidence"))]
    pub confidence: &'static str,
    /// The evidence, in words.
    pub reasons: Vec<String>,
    /// Whether the flow ended by it.
    pub effective: bool,
    /// By the rules of RFC 5961, what its receiver does: `accepted`, `challenged`, `ignored` or `unknown`.
    #[cfg_attr(test, schemars(with = "words::Acceptability"))]
    pub acceptability: &'static str,
}

/// An ICMP error.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Icmp {
    /// Where.
    pub frame: Frame,
    /// When.
    #[cfg_attr(test, schemars(with = "words::Time"))]
    pub time: String,
    /// Whose segment it quotes: `client` or `server`.
    #[cfg_attr(test, schemars(with = "words::Side"))]
    pub about: &'static str,
    /// Who sent it.
    pub from: String,
    /// What it says, in words.
    pub message: String,
}

/// Who waits for an answer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiting {
    /// `client` or `server`.
    #[cfg_attr(test, schemars(with = "words::Side"))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Stable identifier, see `docs/FINDINGS.md`.
    #[cfg_attr(test, schemars(with = "words::Verdict"))]
    pub id: &'static str,
    /// `certain`, `likely` or `possible`.
    #[cfg_attr(test, schemars(with = "words::Confidence"))]
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
