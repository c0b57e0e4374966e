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
#[cfg(feature = "live")]
pub mod live;
mod pcap;
mod pcapng;
mod piped;
mod reader;
mod record;
mod set;
mod sniff;
mod source;
mod spool;
mod told;
mod walk;
mod window;
mod write;

pub use bytes::ByteOrder;
pub use compressed::Compression;
pub use error::Error;
pub use filter::Filter;
pub use info::{
    BackwardSteps, CaptureInfo, Container, Counters, Format, InterfaceInfo, Note, SnaplenCuts, Subsecond, Truncation,
};
pub use piped::Piped;
pub use reader::{Input, Progress, Reader};
pub use record::{LinkType, Record};
pub use set::{PlannedFile, Timelines, plan};
pub use source::{LiveOptions, Next, Source};
pub use spool::Spool;
pub use told::{LoneOctet, RealClient, Told};
pub use write::{InterfaceOptions, PcapWriter, PcapngWriter, SectionOptions};
