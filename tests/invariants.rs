//! What must not matter does not matter: properties of the whole analysis, over conversations made at random.
//!
//! A failing case prints its conversation as a packet script, ready for `fixtures/scripts`. `PROPTEST_CASES` sets the
//! number of cases of every property.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

#[path = "invariants/acts.rs"]
mod acts;
#[path = "invariants/conversation.rs"]
mod conversation;
#[path = "invariants/form.rs"]
mod form;
#[path = "invariants/ground.rs"]
mod ground;
#[path = "invariants/growth.rs"]
mod growth;
#[path = "invariants/hostile.rs"]
mod hostile;
#[path = "invariants/observe.rs"]
mod observe;
#[path = "invariants/packets.rs"]
mod packets;
#[path = "invariants/program.rs"]
mod program;
#[path = "invariants/rest.rs"]
mod rest;
#[path = "invariants/stage.rs"]
mod stage;
#[path = "invariants/story.rs"]
mod story;
#[path = "invariants/ways.rs"]
mod ways;

use std::collections::HashSet;

use idlegap::flow::{SegmentKind, Socket};
use idlegap::verdict::VerdictId;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestCaseResult, TestRunner};

use observe::Outcome;
use story::{Names, Tale, tales};

/// So many cases, unless the environment says otherwise. A case that fails is printed whole, so that no file of
/// seeds is needed.
fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { default } else { ProptestConfig { cases, ..default } }
}

/// The end with the ephemeral port is on the left.
fn by_port(end: Socket) -> Option<&'static str> {
    Some(if end.port == 40_000 { "left" } else { "right" })
}

/// The tales of a capture that is one file.
fn told(outcome: &Outcome) -> Vec<Tale> {
    tales(outcome, &Names { end: &by_port, frame: &packets::plain })
}

/// Whether two analyses tell the same; shows the first lines that differ.
fn same(before: &[Tale], after: &[Tale]) -> TestCaseResult {
    prop_assert_eq!(before.len(), after.len(), "another number of flows");
    for (one, other) in before.iter().zip(after) {
        prop_assert_eq!(&one.ends, &other.ends);
        same_lines(&one.segments, &other.segments)?;
        same_lines(&one.facts, &other.facts)?;
        same_lines(&one.verdict, &other.verdict)?;
    }
    Ok(())
}

/// The properties are worth what the conversations are: every kind of segment and nearly every verdict occurs in them.
#[test]
fn conversations_show_everything() {
    let mut runner = TestRunner::deterministic();
    let (mut kinds, mut verdicts) = (HashSet::new(), HashSet::new());
    for _ in 0..1_500 {
        let talk = conversation::conversation(1).new_tree(&mut runner).expect("a conversation").current();
        let outcome = packets::analyse(&packets::packets(&talk.0));
        kinds.extend(outcome.labels.values().map(|label| label.kind));
        verdicts.extend(outcome.verdicts.iter().map(|verdict| verdict.id));
    }
    let missing: Vec<_> = SegmentKind::ALL.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // It takes several flows of one age to see an age limit.
    let shown = |id: &VerdictId| verdicts.contains(id) || *id == VerdictId::AgeLimit;
    let missing: Vec<_> = VerdictId::ALL.into_iter().filter(|id| !shown(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn same_lines(before: &[String], after: &[String]) -> TestCaseResult {
    for (one, other) in before.iter().zip(after) {
        prop_assert_eq!(one, other);
    }
    prop_assert_eq!(before.len(), after.len(), "{:#?} became {:#?}", before, after);
    Ok(())
}
