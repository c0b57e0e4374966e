//! One line per segment, with its classification.

use std::collections::VecDeque;
use std::io::{self, Write};

use serde::Serialize;

use crate::analyzer::Labelled;
use crate::flow::{FrameId, Notes, Relabel, SegmentKind, Socket};
use crate::report::units;
use crate::time::Timestamp;
use crate::wire::Flags;

/// Rows held back at most while an early one is undecided (rule 7).
const HELD_BACK: usize = 1 << 16;

/// One segment.
#[derive(Clone, Debug)]
pub struct Row {
    frame: FrameId,
    time: Timestamp,
    flow: u32,
    direction: &'static str,
    src: Socket,
    dst: Socket,
    kind: SegmentKind,
    notes: Notes,
    seq: u32,
    ack: Option<u32>,
    len: u32,
    flags: Flags,
    window: u16,
    ttl: u8,
}

impl Row {
    /// The row of a classified segment.
    #[must_use]
    pub fn new(seen: &Labelled<'_>) -> Self {
        let segment = &seen.segment;
        Self {
            frame: seen.mark.frame,
            time: seen.mark.time,
            flow: seen.flow,
            direction: seen.direction.label(),
            src: Socket::new(segment.src, segment.src_port),
            dst: Socket::new(segment.dst, segment.dst_port),
            kind: seen.kind,
            notes: seen.notes,
            seq: segment.seq.0,
            ack: segment.acknowledged().map(|ack| ack.0),
            len: segment.payload_len,
            flags: segment.flags,
            window: segment.window,
            ttl: segment.hop_limit,
        }
    }

    fn is_open(&self) -> bool {
        self.notes.has(Notes::UNRESOLVED) || self.notes.has(Notes::AMBIGUOUS)
    }
}

/// Rows in order, held back while one of them may still change.
#[derive(Default)]
pub struct Rows {
    waiting: VecDeque<Row>,
}

impl Rows {
    /// Appends a row.
    pub fn push(&mut self, row: Row) {
        self.waiting.push_back(row);
    }

    /// Changes a row that is still held back.
    pub fn relabel(&mut self, relabel: &Relabel) {
        // Rows stand in the order of their frames within a file, so that few are looked at from the front.
        if let Some(row) = self.waiting.iter_mut().find(|row| row.frame == relabel.frame) {
            row.kind = relabel.kind;
            row.notes = relabel.notes;
        }
    }

    /// Takes the first row if nothing can change it any more, or if too many are held back.
    pub fn pop_decided(&mut self) -> Option<Row> {
        let full = self.waiting.len() > HELD_BACK;
        self.waiting.pop_front_if(|row| full || !row.is_open())
    }

    /// Takes the first row, decided or not: for the end of the capture.
    pub fn pop(&mut self) -> Option<Row> {
        self.waiting.pop_front()
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns for people.
    Text,
    /// One JSON object per line.
    JsonLines,
}

/// A row as JSON: the contract of `idlegap trace --format jsonl`.
#[derive(Serialize)]
struct JsonRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    frame: u32,
    time: String,
    flow: u32,
    direction: &'static str,
    kind: &'static str,
    seq: u32,
    ack: Option<u32>,
    len: u32,
    flags: String,
    window: u16,
    ttl: u8,
    note: String,
}

/// Writes `row` to `out`; `file` names its capture where there are several, `time` is its time as text.
///
/// # Errors
/// Whatever `out` returns.
pub fn write(out: &mut impl Write, form: Form, row: &Row, file: Option<&str>, time: &str) -> io::Result<()> {
    match form {
        Form::Text => write_text(out, row, file, time),
        Form::JsonLines => {
            let json = JsonRow {
                file,
                frame: row.frame.number,
                time: units::rfc3339(row.time),
                flow: row.flow,
                direction: row.direction,
                kind: row.kind.name(),
                seq: row.seq,
                ack: row.ack,
                len: row.len,
                flags: row.flags.to_string(),
                window: row.window,
                ttl: row.ttl,
                note: row.notes.to_string(),
            };
            serde_json::to_writer(&mut *out, &json)?;
            out.write_all(b"\n")
        }
    }
}

fn write_text(out: &mut impl Write, row: &Row, file: Option<&str>, time: &str) -> io::Result<()> {
    if let Some(file) = file {
        write!(out, "{file}:")?;
    }
    write!(out, "{:>6} {time} flow {} {} > {}", row.frame.number, row.flow, row.src, row.dst)?;
    write!(out, " {:<21} {} seq {}", row.kind, row.flags, row.seq)?;
    if let Some(ack) = row.ack {
        write!(out, " ack {ack}")?;
    }
    write!(out, " len {} win {} ttl {}", row.len, row.window, row.ttl)?;
    if !row.notes.is_empty() {
        write!(out, " ({})", row.notes)?;
    }
    writeln!(out)
}

impl Row {
    /// When the segment was captured.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Where it was captured.
    #[must_use]
    pub const fn frame(&self) -> FrameId {
        self.frame
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> SegmentKind {
        self.kind
    }

    /// What else is worth saying.
    #[must_use]
    pub const fn notes(&self) -> Notes {
        self.notes
    }

    /// Index of its file.
    #[must_use]
    pub const fn file(&self) -> u32 {
        self.frame.file
    }

    /// Number of its flow.
    #[must_use]
    pub const fn flow(&self) -> u32 {
        self.flow
    }
}
