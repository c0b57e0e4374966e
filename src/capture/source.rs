//! Where the records of a watch come from: something that is waited for, and that may be silent.

use super::{CaptureInfo, Counters, Error, Record};
use crate::time::Timestamp;

/// What has come next.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    /// A record.
    Record(Record<'a>),
    /// The capture itself says that nothing was captured until then.
    Tick(Timestamp),
    /// The capture itself says what its side had counted by then.
    Counted(Timestamp, Counters),
    /// Nothing, for about a tenth of a second.
    Quiet,
    /// The capture is over.
    End,
}

/// How to capture on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// The interface, by its name.
    pub interface: String,
    /// A BPF expression, empty for everything.
    pub filter: String,
    /// Octets kept of each packet.
    pub snaplen: u32,
    /// Octets of the kernel's buffer; `None` for libpcap's default (2 MiB on Linux).
    pub buffer: Option<u32>,
    /// Whether to ask for frames that are not for this machine.
    pub promiscuous: bool,
}

/// Something that gives records as they come.
pub trait Source {
    /// Waits for what comes next, a tenth of a second or so at most.
    ///
    /// # Errors
    /// If the source fails: an interface that is gone, a pipe that cannot be read.
    fn next(&mut self) -> Result<Next<'_>, Error>;

    /// What the capturing side has counted so far, where it can be asked.
    fn counters(&mut self) -> Option<Counters>;

    /// What is known of the capture so far.
    fn info(&self) -> CaptureInfo;
}
