//! The comparison of one capture: what the program and tshark say differently.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;

use crate::support::explanation::explain;
use crate::support::mirror::{FIN, Habit, PUSH};
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
    /// The habits of tshark's bookkeeping that make the difference, and what it would say without them.
    pub(crate) habits: Vec<Habit>,
    pub(crate) righted: Option<BTreeSet<Label>>,
    /// The labels of tshark that have a counterpart.
    compared: BTreeSet<Label>,
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
    /// The numbers of its last two probes, as the program has them, the later one first.
    pub(crate) probes: [Option<u32>; 2],
    /// Whether it has sent a SYN, RST or FIN that the other end may have answered.
    pub(crate) had_control: bool,
    /// Whether a FIN is the highest that it has sent.
    pub(crate) is_closed: bool,
    /// When it sent its last segment, in nanoseconds, and with which timestamp.
    last: Option<i128>,
    timestamp: Option<u32>,
    /// When it sent payload last, and how long after the payload before it, in nanoseconds.
    payload: Option<i128>,
    spacing: Option<i128>,
    /// Number, acknowledgment and length of its last segments.
    recent: VecDeque<(u64, u64, u64)>,
}

/// Both ends before a frame: the sender, and the other one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) own: Side,
    pub(crate) other: Side,
    /// Time since the last segment of either, in nanoseconds.
    pub(crate) silence: Option<i128>,
}

/// Whether `one` stands behind `other` in the sequence space (RFC 9293 3.4).
pub(crate) const fn after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

impl Side {
    fn take(&mut self, segment: &Segment, row: &Row) {
        self.recent.push_back((segment.seq, segment.ack, segment.len));
        if self.recent.len() > 64 {
            self.recent.pop_front();
        }
        self.kind.clone_from(&segment.kind);
        self.window = Some(segment.window);
        let is_control = matches!(segment.kind.as_str(), "syn" | "syn-ack" | "fin");
        self.had_control |= is_control || segment.kind == "rst";
        self.last = self.last.max(Some(row.time));
        self.timestamp = row.timestamp.or(self.timestamp);
        if segment.len > 0 && !segment.kind.ends_with("-probe") && segment.kind != "duplicate-frame" {
            self.spacing = self.payload.map(|last| row.time - last);
            self.payload = Some(row.time);
        }
        if segment.kind == "rst" {
            return;
        }
        let seq = segment.seq as u32;
        let ack = segment.ack as u32;
        if row.acknowledges() && self.acked.is_none_or(|acked| after(ack, acked)) {
            self.acked = Some(ack);
        }
        if segment.kind.ends_with("-probe") {
            self.probes = [Some(seq), self.probes[0]];
            // Where nothing but a probe was seen, it stands one below.
            let is_new_octet = segment.kind == "zero-window-probe" && segment.len == 1;
            self.next = self.next.or((!is_new_octet).then_some(seq.wrapping_add(1)));
            return;
        }
        let end = seq.wrapping_add(segment.len as u32).wrapping_add(row.takes());
        if self.next.is_none_or(|next| after(end, next)) {
            self.next = Some(end);
            self.is_closed = row.has_flag(FIN);
        }
    }

    /// Whether the segment is one of its last ones once more.
    pub(crate) fn has_sent(&self, segment: &Segment) -> bool {
        self.recent.contains(&(segment.seq, segment.ack, segment.len))
    }
}

/// The past of every frame with one segment.
fn pasts(ours: &BTreeMap<u64, Vec<Segment>>, rows: &[Row]) -> BTreeMap<u64, Past> {
    let mut sides: BTreeMap<(u64, &str), Side> = BTreeMap::new();
    let mut pasts = BTreeMap::new();
    for row in rows {
        for segment in ours.get(&row.frame).into_iter().flatten() {
            let side = |end: &str| sides.get(&(segment.flow, end)).cloned().unwrap_or_default();
            let (own, other) = (side(&row.ends.0), side(&row.ends.1));
            let silence = own.last.max(other.last).map(|last| row.time - last);
            pasts.insert(row.frame, Past { own, other, silence });
            sides.entry((segment.flow, &row.ends.0)).or_default().take(segment, row);
        }
    }
    pasts
}

impl Difference {
    /// Whether the program's segment begins below what its sender had sent, or the other end had acknowledged.
    pub(crate) fn is_old(&self) -> bool {
        let is_below = |number: Option<u32>, seq| number.is_some_and(|number| after(number, seq));
        self.ours.as_ref().is_some_and(|it| {
            let seq = it.seq as u32;
            is_below(self.past.own.next, seq) || is_below(self.past.other.acked, seq)
        })
    }

    /// Whether tshark saw one of these flags.
    pub(crate) fn has_flag(&self, flag: u32) -> bool {
        self.theirs.as_ref().is_some_and(|row| row.has_flag(flag))
    }

    /// Whether the program's segment acknowledges just what the last probe of the other end asks for.
    pub(crate) fn answers_probe(&self) -> bool {
        let acknowledges = |probe: u32| self.ours.as_ref().is_some_and(|it| it.ack as u32 == probe.wrapping_add(1));
        self.past.other.probes[0].is_some_and(acknowledges)
    }

    /// Whether the program's segment acknowledges less than the other end had sent.
    pub(crate) fn leaves_in_flight(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| self.past.other.next.is_some_and(|next| after(next, it.ack as u32)))
    }

    /// Whether the program's segment acknowledges nothing but the SYN of the segment before it (RFC 7413 4.2.2).
    pub(crate) fn takes_syn_alone(&self) -> bool {
        let is_syn = self.past.other.kind.starts_with("syn");
        let before = self.past.other.recent.back().map(|(seq, ..)| (*seq as u32).wrapping_add(1));
        is_syn && self.ours.as_ref().is_some_and(|it| before == Some(it.ack as u32))
    }

    /// Whether the program's segment lies one below what the other end has acknowledged.
    pub(crate) fn is_below_acknowledged(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| self.past.other.acked == Some((it.seq as u32).wrapping_add(1)))
    }

    /// Whether the program's segment is so soon behind the FIN of its sender that it may just come late.
    pub(crate) fn is_soon_after_fin(&self) -> bool {
        self.past.own.is_closed && self.past.silence.is_some_and(|silence| silence < 1_000_000_000)
    }

    /// Whether its timestamp shows that it left its sender before others that were captured earlier (RFC 7323).
    pub(crate) fn is_overtaken(&self) -> bool {
        let sent = self.theirs.as_ref().and_then(|row| row.timestamp);
        self.past.own.timestamp.zip(sent).is_some_and(|(last, sent)| after(last, sent))
    }

    /// Whether it comes as a retransmission does: pushed, within a second, or after a timeout that has doubled (RFC 6298 5.5).
    pub(crate) fn comes_as_retransmission(&self) -> bool {
        let Some((now, last)) = self.theirs.as_ref().map(|row| row.time).zip(self.past.own.payload) else {
            return false;
        };
        let spacing = now - last;
        let doubled = self.past.own.spacing.is_some_and(|before| (17 * before..=25 * before).contains(&(10 * spacing)));
        self.has_flag(PUSH) || spacing < 1_000_000_000 || doubled
    }

    /// Whether the program's segment is empty and acknowledges all up to the last probe of the other end.
    pub(crate) fn fits_probe(&self) -> bool {
        self.ours.as_ref().is_some_and(|it| {
            let ack = it.ack as u32;
            it.len == 0
                && self
                    .past
                    .other
                    .probes
                    .into_iter()
                    .flatten()
                    .any(|probe| ack == probe.wrapping_add(1) || ack == probe)
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
        let theirs = self.righted.as_ref().unwrap_or_else(|| self.said());
        self.aspect == Aspect::Label && self.kind() == kind && *theirs == labels.iter().copied().collect()
    }

    /// What tshark says, as far as it is compared.
    pub(crate) fn said(&self) -> &BTreeSet<Label> {
        &self.compared
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
    let rows = tshark::read(path);
    let pasts = pasts(&ours, &rows);
    let completed: BTreeSet<u32> =
        rows.iter().filter(|row| row.is_reassembled).flat_map(|row| row.seq.clone()).collect();
    let (mut found, mut frames) = (Vec::new(), Vec::new());
    let mut differ = |frame, aspect, ours: Option<&Segment>, theirs: Option<&Row>| {
        found.push(Difference {
            capture: capture.to_owned(),
            frame,
            aspect,
            ours: ours.cloned(),
            theirs: theirs.cloned(),
            past: pasts.get(&frame).cloned().unwrap_or_default(),
            is_completed_later: ours.is_some_and(|it| completed.contains(&(it.seq as u32))),
            habits: Vec::new(),
            righted: None,
            compared: theirs.map(compared).unwrap_or_default(),
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
            frames.push((row, segment.clone()));
        }
    }
    for (frame, segments) in &ours {
        differ(*frame, Aspect::Frame, segments.first(), None);
    }
    explain(&mut found, &frames);
    Ok(Comparison { segments, differences: found })
}

/// The acknowledgment number counts with the ACK flag only; a first fragment has no length in tshark.
fn numbers_agree(segment: &Segment, row: &Row) -> bool {
    let same = |ours: u64, theirs: &[u32]| theirs.first().is_none_or(|theirs| u64::from(*theirs) == ours);
    same(segment.seq, &row.seq) && same(segment.len, &row.len) && (!row.acknowledges() || same(segment.ack, &row.ack))
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
pub(crate) fn expected(segment: &Segment) -> BTreeSet<Label> {
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
