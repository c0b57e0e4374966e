//! What is known of a capture beside its records.

use std::fmt;

use super::bytes::ByteOrder;
use super::{Compression, LinkType};
use crate::time::{Span, Timestamp};

/// Interfaces and comments kept for the report; a capture with more has them counted.
const KEPT: usize = 64;
/// Bytes kept of one text of the capture.
const TEXT_LEN: usize = 512;

/// The resolution of a pcap file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsecond {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The kind of capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Classic pcap.
    Pcap {
        /// Byte order of its numbers.
        order: ByteOrder,
        /// Resolution of its times.
        subsecond: Subsecond,
        /// Whether it is the modified variant with a longer record header (magic 0xa1b2cd34).
        modified: bool,
    },
    /// pcapng, with the byte order of its first section.
    Pcapng(ByteOrder),
    /// No file: the packets came from an interface.
    Interface,
}

/// Container and compression; prints as in `pcapng, gzip` or `pcap, big-endian, nanoseconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The kind of capture file.
    pub container: Container,
    /// How it is compressed, if it is.
    pub compression: Option<Compression>,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.container {
            Container::Pcap { order, subsecond, modified } => {
                f.write_str(if modified { "modified pcap" } else { "pcap" })?;
                if subsecond == Subsecond::Nano {
                    f.write_str(", nanoseconds")?;
                }
                order
            }
            Container::Pcapng(order) => {
                f.write_str("pcapng")?;
                order
            }
            Container::Interface => return f.write_str("live capture"),
        };
        if order == ByteOrder::Big {
            f.write_str(", big-endian")?;
        }
        self.compression.map_or(Ok(()), |compression| write!(f, ", {}", compression.name()))
    }
}

/// Where and why the reading of a capture ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Where the unreadable record or block begins, in bytes of the decompressed capture.
    pub offset: u64,
    /// The frame number that the unreadable record would have had.
    pub frame: u64,
    /// What is wrong, as a clause: "the file ends inside a record: ...".
    pub reason: String,
}

/// Records of which the snapshot length cut something off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnaplenCuts {
    /// How many there are.
    pub count: u64,
    /// The fewest bytes that were kept of one of them.
    pub smallest: Option<u32>,
}

/// Records that carry an earlier time than the one before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackwardSteps {
    /// How many there are.
    pub count: u64,
    /// The longest step, as a positive length.
    pub largest: Span,
    /// The frame number of the first record that steps back; 0 if there is none.
    pub first_frame: u64,
}

/// What the capturing side says it counted (pcapng interface statistics and drop counts), over all interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets received by the interfaces.
    pub received: Option<u64>,
    /// Packets dropped by the interfaces for want of resources.
    pub interface_drops: Option<u64>,
    /// Packets accepted by the capture filter.
    pub accepted: Option<u64>,
    /// Packets dropped by the operating system.
    pub system_drops: Option<u64>,
    /// Packets delivered to the capturing program.
    pub delivered: Option<u64>,
}

/// An interface as pcapng describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// Number of its section, from 0.
    pub section: u64,
    /// Its number within the section, from 0, as in [`Record::interface`](super::Record::interface).
    pub number: u32,
    /// Its link type.
    pub link: LinkType,
    /// Bytes kept of each frame at most; 0 for no limit.
    pub snaplen: u32,
    /// Its name. Untrusted text, as every text here.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The capture filter, where it is given as text.
    pub filter: Option<String>,
    /// The operating system of the capturing machine.
    pub os: Option<String>,
}

/// What is known of a capture beside its records: complete once the last record is read, right as far as it goes before.
#[derive(Clone, Debug)]
pub struct CaptureInfo {
    /// The file as the user named it.
    pub name: String,
    /// Container and compression.
    pub format: Format,
    /// The link types of the records (the first 64), in order of first use.
    pub link_types: Vec<LinkType>,
    /// Records read.
    pub packets: u64,
    /// The last frame number given: as `packets`, and what else Wireshark shows as a frame of its own.
    pub frames: u64,
    /// The earliest time of a record.
    pub first_time: Option<Timestamp>,
    /// The latest time of a record.
    pub last_time: Option<Timestamp>,
    /// Set if the capture ends early.
    pub truncated: Option<Truncation>,
    /// Frames cut by the snapshot length.
    pub snaplen_cuts: SnaplenCuts,
    /// Times that run backwards.
    pub backward_steps: BackwardSteps,
    /// Records without a time of their own (simple packet blocks): they carry the time of the record before.
    pub untimed: u64,
    /// Sections of a pcapng file; 1 elsewhere.
    pub sections: u64,
    /// The first 64 interfaces; empty for pcap, which does not describe them.
    pub interfaces: Vec<InterfaceInfo>,
    /// Interfaces described, over all sections.
    pub interfaces_total: u64,
    /// What the capturing side counted.
    pub counters: Counters,
    /// Packets that the records themselves report as lost before them (epb_dropcount and the like).
    pub lost_between: u64,
    /// The first 64 comments of sections, interfaces and statistics, each cut at 512 bytes.
    pub comments: Vec<String>,
    /// Records with a comment.
    pub commented_packets: u64,
    /// The hardware of the capturing machine, as the first section to name one says.
    pub hardware: Option<String>,
    /// The operating system of the capturing machine.
    pub os: Option<String>,
    /// The program that wrote the capture.
    pub application: Option<String>,
    last_seen: Option<Timestamp>,
    /// What stood between the records and was not taken yet.
    notes: Vec<Note>,
}

/// What a capture says between its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing was captured until then (a statistics block that counts nothing, as `idlegap live -w` writes it).
    Tick(Timestamp),
    /// What the capturing side had counted by then.
    Counted(Timestamp, Counters),
}

/// Notes kept between two records; of more the last stand.
const NOTES: usize = 64;

impl CaptureInfo {
    pub(super) fn new(name: String, format: Format) -> Self {
        let sections = match format.container {
            Container::Pcap { .. } | Container::Interface => 1,
            Container::Pcapng(_) => 0,
        };
        Self {
            name,
            format,
            link_types: Vec::new(),
            packets: 0,
            frames: 0,
            first_time: None,
            last_time: None,
            truncated: None,
            snaplen_cuts: SnaplenCuts::default(),
            backward_steps: BackwardSteps::default(),
            untimed: 0,
            sections,
            interfaces: Vec::new(),
            interfaces_total: 0,
            counters: Counters::default(),
            lost_between: 0,
            comments: Vec::new(),
            commented_packets: 0,
            hardware: None,
            os: None,
            application: None,
            last_seen: None,
            notes: Vec::new(),
        }
    }

    /// The time for a record that has none: the last one seen, or the epoch.
    pub(super) fn substitute_time(&mut self) -> Timestamp {
        self.untimed += 1;
        self.last_seen.unwrap_or_default()
    }

    /// Enters the time of a record that has one.
    #[inline]
    pub(super) fn note_time(&mut self, time: Timestamp, frame: u64) {
        // Time goes on, nearly always.
        if self.last_time.is_some_and(|latest| time >= latest) {
            self.last_seen = Some(time);
            self.last_time = Some(time);
        } else {
            self.note_other_time(time, frame);
        }
    }

    /// Enters a time that is the first or lies behind another.
    #[cold]
    fn note_other_time(&mut self, time: Timestamp, frame: u64) {
        if let Some(last) = self.last_seen
            && time < last
        {
            let steps = &mut self.backward_steps;
            if steps.count == 0 {
                steps.first_frame = frame;
            }
            steps.count += 1;
            steps.largest = steps.largest.max(last.since(time));
        }
        self.last_seen = Some(time);
        self.first_time = Some(self.first_time.map_or(time, |first| first.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
    }

    /// Enters what a record says beside its time.
    #[inline]
    pub(super) fn note_record(&mut self, link: LinkType, captured: usize, original_len: u32) {
        self.packets += 1;
        if self.link_types.first() != Some(&link) {
            self.note_link(link);
        }
        if captured < original_len as usize {
            self.note_cut(captured);
        }
    }

    fn note_cut(&mut self, captured: usize) {
        let captured = u32::try_from(captured).unwrap_or(u32::MAX);
        self.snaplen_cuts.count += 1;
        let smallest = &mut self.snaplen_cuts.smallest;
        *smallest = Some(smallest.map_or(captured, |least| least.min(captured)));
    }

    #[cold]
    fn note_link(&mut self, link: LinkType) {
        if self.link_types.len() < KEPT && !self.link_types.contains(&link) {
            self.link_types.push(link);
        }
    }

    pub(super) fn note_interface(&mut self, interface: InterfaceInfo) {
        self.interfaces_total += 1;
        if self.interfaces.len() < KEPT {
            self.interfaces.push(interface);
        }
    }

    pub(super) fn note_between(&mut self, note: Note) {
        if self.notes.len() >= NOTES {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    pub(super) fn note_comment(&mut self, comment: &[u8]) {
        if self.comments.len() < KEPT {
            self.comments.push(text(comment));
        }
    }
}

/// A text of the capture, cut to a bounded length; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..TEXT_LEN).unwrap_or(bytes);
    // Some writers count the terminating zero.
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}
