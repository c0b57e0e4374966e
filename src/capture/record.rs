//! One entry of a capture, whatever the container it came from.

use super::Told;
use crate::time::Timestamp;

/// A link-layer header type, by its number in the registry of pcap and pcapng (`LINKTYPE_...`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// One captured frame, borrowed from the reader's buffer until the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When the frame was captured, by the capture's clock.
    pub time: Timestamp,
    /// Position in its file, from 1, counted as Wireshark counts (every record, whatever is in it).
    pub frame: u64,
    /// What `data` starts with.
    pub link: LinkType,
    /// Which interface of the capture saw the frame: pcapng's interface number within its section, 0 elsewhere.
    pub interface: u32,
    /// The captured bytes; fewer than `original_len` where the snapshot length cut the frame.
    pub data: &'a [u8],
    /// Bytes the frame had on the wire.
    pub original_len: u32,
    /// What a comment says that octets told which are not here any more.
    pub told: Option<&'a Told>,
}
