//! One line per segment, with its classification.

use std::collections::VecDeque;
use std::io::{self, Write};

use serde::Serialize;

use crate::analyzer::Labelled;
use crate::flow::{FrameId, Notes, Relabel, SegmentKind, Socket};
use crate::report::escape::{Escaped, write_json};
use crate::report::units::{self, Clock};
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

    /// The row with its flow's number in a report that has several timelines.
    #[must_use]
    pub const fn numbered(mut self, flow: u32) -> Self {
        self.flow = flow;
        self
    }

    /// Where the segment was captured.
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
    /// Appends a row; rows come in the order of files and frames.
    pub fn push(&mut self, row: Row) {
        self.waiting.push_back(row);
    }

    /// Changes a row that is still held back.
    pub fn relabel(&mut self, relabel: &Relabel) {
        let place = self.waiting.partition_point(|row| row.frame < relabel.frame);
        if let Some(row) = self.waiting.get_mut(place)
            && row.frame == relabel.frame
        {
            row.kind = relabel.kind;
            row.notes = relabel.notes;
        }
    }

    /// Takes the first row if nothing can change it any more, or if too many are held back.
    pub fn pop_decided(&mut self) -> Option<Row> {
        let full = self.waiting.len() > HELD_BACK;
        let is_decided = self.waiting.front().is_some_and(|row| full || !row.is_open());
        if is_decided { self.waiting.pop_front() } else { None }
    }

    /// Takes the first row, decided or not: for the end of the capture.
    pub fn pop(&mut self) -> Option<Row> {
        self.waiting.pop_front()
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Columns for people
    #[default]
    Text,
    /// One JSON object per line
    #[value(name = "jsonl")]
    JsonLines,
}

/// A row as JSON: the contract of `idlegap trace --format jsonl`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonRow<'a> {
    /// Name of the file; only with several.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    /// Number of the frame in its file.
    frame: u32,
    /// When it was captured.
    #[cfg_attr(test, schemars(with = "super::schema::words::Time"))]
    time: String,
    /// The `id` of its flow in the report.
    flow: u32,
    /// Who sent it.
    #[cfg_attr(test, schemars(with = "super::schema::words::Direction"))]
    direction: &'static str,
    /// What it is.
    #[cfg_attr(test, schemars(with = "super::schema::words::Kind"))]
    kind: &'static str,
    /// Sequence number as on the wire.
    seq: u32,
    /// Acknowledgment number as on the wire; null without the ACK flag.
    ack: Option<u32>,
    /// Payload octets, from the IP length.
    len: u32,
    /// Flags as letters, `-` for none.
    flags: String,
    /// The field as on the wire, not scaled.
    window: u16,
    /// TTL or hop limit.
    ttl: u8,
    /// Remarks, separated by commas, or empty.
    note: String,
}

/// Writes rows, text in columns that only ever grow.
#[derive(Debug)]
pub struct Printer {
    form: Form,
    clock: Clock,
    /// Names of the files, where there are several.
    files: Vec<String>,
    widths: Widths,
}

/// Columns of the text, in characters.
#[derive(Clone, Copy, Debug)]
struct Widths {
    file: usize,
    time: usize,
    flow: usize,
    end: usize,
    seq: usize,
    ack: usize,
}

impl Printer {
    /// A printer of rows in one form. `clock` shows the times of text; `files` are the names of the files, empty where a
    /// row need not name its file.
    #[must_use]
    pub const fn new(form: Form, clock: Clock, files: Vec<String>) -> Self {
        // Room for most captures: IPv4 addresses with ports, and what else is usual.
        let widths = Widths { file: 0, time: 0, flow: 3, end: 18, seq: 10, ack: 10 };
        Self { form, clock, files, widths }
    }

    /// Writes `row` to `out`.
    ///
    /// # Errors
    /// Whatever `out` returns.
    pub fn write(&mut self, out: &mut impl Write, row: &Row) -> io::Result<()> {
        match self.form {
            Form::Text => self.write_text(out, row),
            Form::JsonLines => {
                write_json(out, &self.json(row))?;
                out.write_all(b"\n")
            }
        }
    }

    fn file(&self, row: &Row) -> Option<&str> {
        self.files.get(row.frame.file as usize).map(String::as_str)
    }

    fn json(&self, row: &Row) -> JsonRow<'_> {
        JsonRow {
            file: self.file(row),
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
        }
    }

    fn write_text(&mut self, out: &mut impl Write, row: &Row) -> io::Result<()> {
        if let Some(file) = self.file(row) {
            let file = Escaped(file).to_string();
            let width = grown(&mut self.widths.file, file.chars().count());
            write!(out, "{file:<width$} ")?;
        }
        let time = self.clock.exact(row.time);
        let width = grown(&mut self.widths.time, time.len());
        write!(out, "{:>6} {time:>width$}", row.frame.number)?;
        let flow = row.flow.to_string();
        let width = grown(&mut self.widths.flow, flow.len());
        write!(out, " flow {flow:<width$}")?;
        let (src, dst) = (row.src.to_string(), row.dst.to_string());
        let width = grown(&mut self.widths.end, src.len().max(dst.len()));
        write!(out, " {src:>width$} > {dst:<width$} {:<21} {:<5}", row.kind, row.flags.to_string())?;
        let seq = row.seq.to_string();
        let width = grown(&mut self.widths.seq, seq.len());
        write!(out, " seq {seq:<width$}")?;
        let ack = row.ack.map_or_else(|| "-".to_owned(), |ack| ack.to_string());
        let width = grown(&mut self.widths.ack, ack.len());
        write!(out, " ack {ack:<width$} len {:<5} win {:<5} ttl {}", row.len, row.window, row.ttl)?;
        if !row.notes.is_empty() {
            write!(out, " ({})", row.notes)?;
        }
        writeln!(out)
    }
}

/// The width of a column that must hold `needed` characters from now on.
fn grown(width: &mut usize, needed: usize) -> usize {
    *width = needed.max(*width);
    *width
}
