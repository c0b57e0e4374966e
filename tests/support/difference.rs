//! The comparison of one capture: what the program and tshark say differently.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// What the capture had shown of the flow before the frame.
    pub(crate) past: Past,
    /// Whether tshark shows a segment of this number where a fragmented datagram is complete.
    pub(crate) is_completed_later: bool,
}

/// What the capture had shown of one end, by the plainest reading of its headers: a second opinion on why two programs differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// The number after the highest octet.
    pub(crate) next: Option<u32>,
    /// The highest acknowledgment that it sent.
    pub(crate) acked: Option<u32>,
    pub(crate) window: Option<u64>,
    /// What the program called its last segment.
    pub(crate) kind: String,
    /// The number of its last probe, as the program has it.
    pub(crate) probe: Option<u32>,
    /// Whether it has sent a SYN, RST or FIN that the other end may have answered.
    pub(crate) had_control: bool,
    /// Whether it has sent a RST.
    pub(crate) had_reset: bool,
    /// Number, acknowledgment and length of its last segments.
    recent: VecDeque<(u64, u64, u64)>,
}

/// Both ends before a frame: the sender, and the other one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) own: Side,
    pub(crate) other: Side,
}

/// Whether `one` stands behind `other` in the sequence space (RFC 9293 3.4).
pub(crate) const fn after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

impl Side {
    fn take(&mut self, segment: &Segment) {
        self.recent.push_back((segment.seq, segment.ack, segment.len));
        if self.recent.len() > 64 {
            self.recent.pop_front();
        }
        self.kind.clone_from(&segment.kind);
        self.window = Some(segment.window);
        let is_control = matches!(segment.kind.as_str(), "syn" | "syn-ack" | "fin");
        self.had_control |= is_control || segment.kind == "rst";
        self.had_reset |= segment.kind == "rst";
        if segment.kind == "rst" {
            return;
        }
        let seq = segment.seq as u32;
        if segment.kind.ends_with("-probe") {
            self.probe = Some(seq);
            return;
        }
        let end = seq.wrapping_add(segment.len as u32).wrapping_add(u32::from(is_control));
        if self.next.is_none_or(|next| after(end, next)) {
            self.next = Some(end);
        }
        let ack = segment.ack as u32;
        if segment.kind != "syn" && self.acked.is_none_or(|acked| after(ack, acked)) {
            self.acked = Some(ack);
        }
    }

    /// Whether the segment is one of its last ones once more.
    pub(crate) fn has_sent(&self, segment: &Segment) -> bool {
        self.recent.contains(&(segment.seq, segment.ack, segment.len))
    }
}

/// The past of every frame with one segment.
fn pasts(ours: &BTreeMap<u64, Vec<Segment>>) -> BTreeMap<u64, Past> {
    // By stream, as tshark sees it: a capture that holds packets twice is one stream, and two flows.
    let mut sides: BTreeMap<(Option<u64>, bool), Side> = BTreeMap::new();
    let mut pasts = BTreeMap::new();
    for (frame, segments) in ours {
        for segment in segments {
            let side = |by_client: bool| sides.get(&(segment.stream, by_client)).cloned().unwrap_or_default();
            pasts.insert(*frame, Past { own: side(segment.by_client), other: side(!segment.by_client) });
            sides.entry((segment.stream, segment.by_client)).or_default().take(segment);
        }
    }
    pasts
}

impl Difference {
    /// Whether the program's segment begins below what its sender had sent.
    pub(crate) fn is_old(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| self.past.own.next.is_some_and(|next| after(next, it.seq as u32)))
    }

    /// Whether the program's segment acknowledges less than the other end had sent.
    pub(crate) fn leaves_in_flight(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| self.past.other.next.is_some_and(|next| after(next, it.ack as u32)))
    }

    /// Whether the program's segment lies one below what the other end has acknowledged.
    pub(crate) fn is_below_acknowledged(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| self.past.other.acked == Some((it.seq as u32).wrapping_add(1)))
    }

    /// Whether the program's segment is empty and acknowledges all up to the last probe of the other end.
    pub(crate) fn fits_probe(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| {
            let ack = it.ack as u32;
            it.len == 0 && self.past.other.probe.is_some_and(|probe| ack == probe.wrapping_add(1) || ack == probe)
        })
    }

    /// Whether the other end had closed its window.
    pub(crate) fn is_closed(&self) -> bool {
        self.past.other.window == Some(0)
    }

    /// Whether tshark saw this window.
    pub(crate) fn has_window(&self, window: u32) -> bool {
        self.theirs.as_ref().is_some_and(|row| row.window == [window])
    }

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
    let (pasts, rows) = (pasts(&ours), tshark::read(path));
    let completed: BTreeSet<u32> =
        rows.iter().filter(|row| row.is_reassembled).flat_map(|row| row.seq.clone()).collect();
    let mut found = Vec::new();
    let mut differ = |frame, aspect, ours: Option<&Segment>, theirs: Option<&Row>| {
        found.push(Difference {
            capture: capture.to_owned(),
            frame,
            aspect,
            ours: ours.cloned(),
            theirs: theirs.cloned(),
            past: pasts.get(&frame).cloned().unwrap_or_default(),
            is_completed_later: ours.is_some_and(|it| completed.contains(&(it.seq as u32))),
        });
    };
    for row in rows {
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
