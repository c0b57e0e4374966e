//! Where and when something was seen.

use crate::time::Timestamp;

/// A frame of a run: the file it stands in and its number there (1-based, as Wireshark counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId {
    /// Index of the file in the report's `captures`.
    pub file: u32,
    /// Frame number in that file. A file with more than 4,294,967,295 frames keeps counting there.
    pub number: u32,
}

impl FrameId {
    /// Frame `number` of file `file`; numbers beyond 32 bits stay at the last one.
    #[must_use]
    pub fn new(file: u32, number: u64) -> Self {
        Self { file, number: u32::try_from(number).unwrap_or(u32::MAX) }
    }
}

/// A point on the timeline of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub time: Timestamp,
    /// In which frame.
    pub frame: FrameId,
}

impl Mark {
    /// The later of two marks.
    #[must_use]
    pub fn max_by_time(self, other: Self) -> Self {
        if other.time > self.time { other } else { self }
    }
}
