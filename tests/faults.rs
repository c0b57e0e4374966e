//! Faults: whatever breaks, around the program or in what it reads, it says so, ends in good order and stays small.
//!
//! The floods, bombs and long flows are streamed, so that nothing but a pipe holds them. They run with small numbers
//! unless `IDLEGAP_FAULTS=full` asks for the full ones (ten million flows, ten million gaps, 32 GiB out of a bomb),
//! which take minutes.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics is a test that fails")]

#[path = "faults/bombs.rs"]
mod bombs;
#[path = "faults/child.rs"]
mod child;
#[path = "faults/claims.rs"]
mod claims;
#[path = "faults/damage.rs"]
mod damage;
#[path = "faults/floods.rs"]
mod floods;
#[path = "faults/limits.rs"]
mod limits;
#[path = "invariants/observe.rs"]
mod observe;
#[path = "faults/outputs.rs"]
mod outputs;
#[path = "faults/pipes.rs"]
mod pipes;
#[path = "faults/samples.rs"]
mod samples;
#[path = "faults/stream.rs"]
mod stream;

/// Memory that no capture may make the program hold, in bytes.
const MEMORY: u64 = 256 << 20;

/// `few`, or `many` where the full numbers are asked for.
fn scaled(few: u64, many: u64) -> u64 {
    let asked = std::env::var_os("IDLEGAP_FAULTS").is_some_and(|value| value == "full");
    if asked { many } else { few }
}

/// Whether a program is there. It may be missing on a desk, never in continuous integration.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed, and CI is set");
        eprintln!("NOT TESTED: {program} is not installed");
    }
    found
}

/// The checks can see: arithmetic that overflows panics in this build, so that none of these tests passes over one.
#[test]
#[should_panic(expected = "overflow")]
fn an_overflow_panics_in_tests() {
    let most = std::hint::black_box(u64::MAX);
    std::hint::black_box(most + 1);
}
