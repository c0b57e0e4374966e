//! The comparison of one capture: what the program and tshark say differently.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::support::program::{self, Segment};
use crate::support::tshark::{self, Label, Row};

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// One of the two has no segment in this frame, or not as many.
    Frame,
    /// The number of the stream.
    Stream,
    /// Sequence number, acknowledgment number or length.
    Number,
    /// What the segment is.
    Label,
    /// Whether it is a RST.
    Reset,
}

/// What the comparison of one capture gave.
pub(crate) struct Comparison {
    /// Frames with a segment, as the program counts them.
    pub(crate) segments: u64,
    pub(crate) differences: Vec<Difference>,
}

/// One disagreement about one frame.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) capture: String,
    pub(crate) frame: u64,
    pub(crate) aspect: Aspect,
    pub(crate) ours: Option<Segment>,
    pub(crate) theirs: Option<Row>,
}

impl Difference {
    /// The kind that the program gives the segment; empty without one.
    pub(crate) fn kind(&self) -> &str {
        self.ours.as_ref().map_or("", |segment| &segment.kind)
    }

    /// What the program remarks on the segment; empty without one.
    pub(crate) fn note(&self) -> &str {
        self.ours.as_ref().map_or("", |segment| &segment.note)
    }

    /// The payload length that tshark saw, if it saw one segment with a length.
    pub(crate) fn their_len(&self) -> Option<u64> {
        let row = self.theirs.as_ref()?;
        row.len.first().map(|len| u64::from(*len))
    }

    /// The payload length that the program saw.
    pub(crate) fn len(&self) -> u64 {
        self.ours.as_ref().map_or(0, |segment| segment.len)
    }

    /// Whether the program says `kind` and tshark exactly `labels`.
    pub(crate) fn is(&self, kind: &str, labels: &[Label]) -> bool {
        let theirs = self.theirs.as_ref().map(compared);
        self.aspect == Aspect::Label && self.kind() == kind && theirs == Some(labels.iter().copied().collect())
    }

    /// Whether the program says `kind` and tshark exactly one of these sets of labels.
    pub(crate) fn one_of(&self, kind: &str, choices: &[&[Label]]) -> bool {
        choices.iter().any(|labels| self.is(kind, labels))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frame {} {:?}: ", self.capture, self.frame, self.aspect)?;
        match &self.ours {
            Some(it) => {
                let Segment { kind, note, stream, seq, ack, len, .. } = it;
                write!(f, "{kind} ({note}) stream {stream:?} seq {seq} ack {ack} len {len}")?;
            }
            None => write!(f, "nothing")?,
        }
        match &self.theirs {
            Some(it) => {
                let Row { labels, stream, seq, ack, len, flags, window, protocols, .. } = it;
                write!(
                    f,
                    "; tshark {labels:?} {stream:?} seq {seq:?} ack {ack:?} len {len:?} flags {flags:x?} window {window:?} {protocols}"
                )
            }
            None => write!(f, "; tshark nothing"),
        }
    }
}

/// Every disagreement about the file at `path`; otherwise, why the program cannot read it.
pub(crate) fn compare(capture: &str, path: &Path) -> Result<Comparison, String> {
    let mut ours = program::read(path)?;
    let segments = ours.len() as u64;
    let mut found = Vec::new();
    let mut differ = |frame, aspect, ours: Option<&Segment>, theirs: Option<&Row>| {
        found.push(Difference {
            capture: capture.to_owned(),
            frame,
            aspect,
            ours: ours.cloned(),
            theirs: theirs.cloned(),
        });
    };
    for row in tshark::read(path) {
        let segments = ours.remove(&row.frame).unwrap_or_default();
        if segments.len() != row.stream.len() {
            differ(row.frame, Aspect::Frame, segments.first(), Some(&row));
            continue;
        }
        for (segment, stream) in segments.iter().zip(&row.stream) {
            if segment.stream != Some(u64::from(*stream)) {
                differ(row.frame, Aspect::Stream, Some(segment), Some(&row));
            }
        }
        // With several headers in one frame tshark's columns do not say which label belongs to which.
        if let [segment] = segments.as_slice() {
            if !numbers_agree(segment, &row) {
                differ(row.frame, Aspect::Number, Some(segment), Some(&row));
            }
            if compared(&row) != expected(segment) {
                differ(row.frame, Aspect::Label, Some(segment), Some(&row));
            }
            let is_reset = row.flags.first().is_some_and(|flags| flags & 0x04 != 0);
            if is_reset != (segment.kind == "rst") && segment.kind != "duplicate-frame" {
                differ(row.frame, Aspect::Reset, Some(segment), Some(&row));
            }
        }
    }
    for (frame, segments) in &ours {
        differ(*frame, Aspect::Frame, segments.first(), None);
    }
    Ok(Comparison { segments, differences: found })
}

/// The acknowledgment number counts with the ACK flag only; a first fragment has no length in tshark.
fn numbers_agree(segment: &Segment, row: &Row) -> bool {
    let same = |ours: u64, theirs: &[u32]| theirs.first().is_none_or(|theirs| u64::from(*theirs) == ours);
    let acknowledges = row.flags.first().is_some_and(|flags| flags & 0x10 != 0);
    same(segment.seq, &row.seq) && same(segment.len, &row.len) && (!acknowledges || same(segment.ack, &row.ack))
}

/// The labels of tshark that have a counterpart. Fast retransmission is one manner of retransmission, a lost segment a property of
/// the place before the segment.
fn compared(row: &Row) -> BTreeSet<Label> {
    let mut labels = row.labels.clone();
    labels.remove(&Label::FastRetransmission);
    labels.remove(&Label::LostSegment);
    labels
}

/// The labels that tshark would give a segment of this kind, if both saw it alike.
fn expected(segment: &Segment) -> BTreeSet<Label> {
    let label = match segment.kind.as_str() {
        "keepalive-probe" => Label::KeepAlive,
        "keepalive-ack" => Label::KeepAliveAck,
        "zero-window-probe" => Label::ZeroWindowProbe,
        "zero-window-probe-ack" => Label::ZeroWindowProbeAck,
        "retransmission" => Label::Retransmission,
        "out-of-order" => Label::OutOfOrder,
        "dup-ack" => Label::DuplicateAck,
        "window-update" => Label::WindowUpdate,
        _ => return BTreeSet::new(),
    };
    let spurious = segment.kind == "retransmission" && segment.note.contains("spurious");
    [Some(label), spurious.then_some(Label::SpuriousRetransmission)].into_iter().flatten().collect()
}
