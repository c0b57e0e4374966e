//! From files, standard input and interfaces to [`Record`]s.
//!
//! ```text
//! bytes -> decompression -> Window -> container walk (pcap, pcapng) -> Record, and CaptureInfo beside it
//! ```

mod bytes;
mod compressed;
mod error;
mod info;
mod link_names;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod sniff;
mod window;

pub use bytes::ByteOrder;
pub use compressed::Compression;
pub use error::Error;
pub use info::{
    BackwardSteps, CaptureInfo, Container, Counters, Format, InterfaceInfo, SnaplenCuts, Subsecond, Truncation,
};
pub use reader::{Input, Progress, Reader};
pub use record::{LinkType, Record};
