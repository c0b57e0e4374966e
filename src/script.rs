//! Packet scripts: a conversation as text, one line per segment, with what the analysis must say about it.
//!
//! The notation is packetdrill's line without its system calls, with the direction signs redefined for an observer
//! (`>` from the initiator, `<` from the responder) and with expectations. One file serves the tests, tshark and the
//! fuzzer, since [`to_pcap`] makes a real capture of it. `docs/PACKET-SCRIPTS.md` documents every word.
//!
//! Parsing is strict: an unknown word is an error with line and column. Printing is the exact inverse, so that
//! `parse(print(script)) == script` for every script that parsing can return.

mod build;
mod expect;
mod frames;
mod model;
mod options;
mod parse;
mod print;
mod scan;

#[cfg(test)]
pub(crate) mod arbitrary;

pub use frames::{Frame, to_pcap};
pub use model::{
    CONFIDENCES, Direction, Encapsulation, Event, Expectation, Expected, Extension, FlowSpec, Framing, IcmpQuote,
    KINDS, LinkLayer, ORIGINS, Position, Repeat, SIDES, Script, SegmentSpec, Setting, Step, Subject, TcpOption, Time,
    VERDICTS,
};
pub use scan::ScriptError;
