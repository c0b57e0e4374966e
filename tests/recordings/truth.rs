//! The truth of a recording, as `expect.toml` has it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What is true of one recording. Unknown words are errors, so that nothing is passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Truth {
    /// File name of the capture.
    pub(crate) capture: String,
    /// Frames of keepalive probes.
    pub(crate) probes: BTreeSet<u32>,
    /// Frames that answer them.
    pub(crate) probe_answers: BTreeSet<u32>,
    /// Frames of zero-window probes.
    pub(crate) zero_window_probes: BTreeSet<u32>,
    /// Frames that answer them.
    pub(crate) zero_window_probe_answers: BTreeSet<u32>,
    /// Frames that show a transmission again.
    pub(crate) duplicate_frames: BTreeSet<u32>,
    /// Every RST and its sender.
    #[serde(default)]
    pub(crate) resets: Vec<ResetTruth>,
    /// The flows in the order of their first segments.
    pub(crate) flows: Vec<FlowTruth>,
}

/// A RST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetTruth {
    /// Its frame.
    pub(crate) frame: u32,
    /// Who sent it.
    pub(crate) sender: Sender,
}

/// The true sender of a RST.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sender {
    /// The client's own stack.
    ClientEndpoint,
    /// The server's own stack.
    ServerEndpoint,
    /// A box between them.
    Middlebox,
}

/// What is true of one flow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowTruth {
    /// Address and port of its initiator.
    pub(crate) client: String,
    /// Address and port of the other end.
    pub(crate) server: String,
    /// Frame of its first segment.
    pub(crate) first_frame: u32,
    /// Frame of its last segment.
    pub(crate) last_frame: u32,
    /// The verdict that fits.
    pub(crate) verdict: String,
    /// Senders of its RSTs.
    pub(crate) rst_sent_by: BTreeSet<Sender>,
    /// The decisive silence in seconds.
    pub(crate) gap_s: Option<f64>,
    /// How far it may be off.
    pub(crate) tolerance_s: Option<f64>,
    /// `packet` or `payload`.
    pub(crate) gap_clock: Option<String>,
    /// The end that keeps a dead connection.
    pub(crate) half_open: Option<String>,
    /// What the client's socket asked for.
    pub(crate) client_keepalive: Option<Keepalive>,
    /// What the server's socket asked for.
    pub(crate) server_keepalive: Option<Keepalive>,
}

/// Keepalive settings of a socket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keepalive {
    /// `TCP_KEEPIDLE`
    pub(crate) time_s: i64,
    /// `TCP_KEEPINTVL`
    pub(crate) interval_s: i64,
    /// `TCP_KEEPCNT`
    pub(crate) count: u32,
}

impl Truth {
    /// Reads the truth in `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        let path = folder.join("expect.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl FlowTruth {
    /// How differences call it.
    pub(crate) fn name(&self, number: usize) -> String {
        format!("flow {number} (frames {} to {})", self.first_frame, self.last_frame)
    }
}

/// The folders of all recordings, in the order of their names.
pub(crate) fn folders() -> Vec<PathBuf> {
    let captures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let entries = std::fs::read_dir(captures).expect("the folder of recordings is there");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(!folders.is_empty(), "no recordings found");
    folders
}
