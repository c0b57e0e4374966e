//! `idlegap` says which TCP connections in a packet capture died of silence, whose timer killed them, and what to change.
//!
//! One visible line from bytes to words; a module uses what stands before it, never what stands after:
//!
//! ```text
//! capture   file | stdin | interface      -> Record
//! wire      link, tunnel, IP, TCP         -> Segment | Skip
//! flow      table, classify, apply        -> flows with gaps, probe trains, resets
//! analyzer  push a record, finish         -> Analysis
//! timeouts  the table of known timers
//! verdict   flows, then groups of flows   -> findings
//! report    the model and its renderers   -> words
//! watch     the same, live                -> events
//! commands  each a short story told with the floors above
//! ```
//!
//! Beside the line stands `script`, the notation in which situations are written down for tests and tickets.

pub mod analyzer;
pub mod capture;
pub mod cli;
pub mod commands;
pub mod evidence;
pub mod flow;
pub mod report;
pub mod script;
pub mod seq;
pub mod time;
pub mod timeouts;
pub mod verdict;
pub mod watch;
pub mod wire;
