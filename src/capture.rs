//! From files, standard input and interfaces to [`Record`]s.
//!
//! ```text
//! bytes -> decompression -> Window -> container walk (pcap, pcapng) -> Record, and CaptureInfo beside it
//! ```

mod ahead;
mod bytes;
mod compressed;
mod error;
mod filter;
mod info;
mod link_names;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod set;
mod sniff;
mod spool;
mod walk;
mod window;
mod write;

pub use bytes::ByteOrder;
pub use compressed::Compression;
pub use error::Error;
pub use filter::Filter;
pub use info::{
    BackwardSteps, CaptureInfo, Container, Counters, Format, InterfaceInfo, SnaplenCuts, Subsecond, Truncation,
};
pub use reader::{Input, Progress, Reader};
pub use record::{LinkType, Record};
pub use set::{PlannedFile, Timelines, plan};
pub use spool::Spool;
pub use write::{InterfaceOptions, PcapWriter, PcapngWriter, SectionOptions};
