//! What a walk through a container finds, and why it stops.

use std::io;
use std::ops::Range;

use super::{LinkType, Told};
use crate::time::Timestamp;

/// The longest record that is believed, in bytes: far beyond every frame that can hold TCP (Wireshark's limit for those is
/// 256 KiB), and little enough to be held whole, twice while the buffer grows.
pub(super) const MAX_RECORD_LEN: u32 = 1 << 26;

/// A record that stands wholly in the window.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) time: Option<Timestamp>,
    pub(super) link: LinkType,
    pub(super) interface: u32,
    pub(super) original_len: u32,
    /// Where the frame's bytes lie in it.
    pub(super) data: Range<usize>,
    /// Bytes of the record with all its headers and padding.
    pub(super) total: usize,
    pub(super) told: Option<Box<Told>>,
}

/// Why there is no further record.
pub(super) enum Stop {
    /// The capture is over.
    End,
    /// What follows cannot be read as a record; the offset where it is not the window's.
    Damage { offset: Option<u64>, reason: String },
    /// The source failed.
    Unreadable(io::Error),
}

impl Stop {
    /// The stop where the stream ends with `available` bytes of the `needed` ones.
    pub(super) fn at_end(available: usize, what: &str, needed: usize) -> Self {
        if available == 0 {
            return Self::End;
        }
        Self::damaged(format!("the file ends inside {what}: {available} of {needed} bytes are there"))
    }

    pub(super) const fn damaged(reason: String) -> Self {
        Self::Damage { offset: None, reason }
    }

    pub(super) const fn cut(offset: u64, reason: String) -> Self {
        Self::Damage { offset: Some(offset), reason }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}
