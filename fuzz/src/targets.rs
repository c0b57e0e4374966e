//! What the fuzzer runs: each target takes any bytes and fails by a panic only.
//!
//! The bodies stand apart from libFuzzer, so that `tests/fuzzing.rs` can replay the corpora with the stable toolchain.

#![deny(unsafe_code)]

pub mod analysis;
pub mod containers;
pub mod conversation;
pub mod evidence;
pub mod frames;
pub mod heads;
pub mod pipeline;
pub mod script;
pub mod table;
