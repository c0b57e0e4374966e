//! What each limit takes from the confidence of a verdict.

use idlegap::flow::FrameId;
use idlegap::verdict::quality::{Ceiling, Limit, Limits, Selection, ceiling, limits};
use idlegap::verdict::{Confidence, VerdictId};

use crate::captures::analysis;
use crate::limits::fixture_script;
use crate::{ASKED, CLOSED, OPENED};

/// The ceiling of `id` on the first flow of `text`, with limits changed by `change`.
fn of(text: &str, id: VerdictId, change: impl FnOnce(&mut Limits)) -> Option<Ceiling> {
    let (analysis, info) = analysis(text);
    let mut limits = limits(&analysis);
    limits.enter(0, &info);
    change(&mut limits);
    ceiling(&analysis.flows[0], &limits, id)
}

fn at_most(confidence: Confidence, limit: Limit) -> Option<Ceiling> {
    Some(Ceiling { confidence, limit })
}

fn healthy() -> String {
    [OPENED, ASKED, CLOSED].concat()
}

#[test]
fn nothing_limits_a_healthy_capture() {
    for id in VerdictId::ALL {
        assert_eq!(of(&healthy(), id, |_| {}), None, "{}", id.name());
    }
}

#[test]
fn losses_limit_what_rests_on_silence_where_they_are_many() {
    let few = |limits: &mut Limits| (limits.lost, limits.records) = (1, 1_001);
    let many = |limits: &mut Limits| (limits.lost, limits.records) = (2, 2_000);
    assert_eq!(of(&healthy(), VerdictId::IdleDrop, few), None);
    assert_eq!(of(&healthy(), VerdictId::IdleDrop, many), at_most(Confidence::Likely, Limit::Drops));
    assert_eq!(of(&healthy(), VerdictId::EndpointNoSocket, many), None, "an answer that was seen is an answer");
}

#[test]
fn missing_octets_limit_what_rests_on_silence_where_many_flows_lack_them() {
    let few = |limits: &mut Limits| (limits.incomplete, limits.flows) = (1, 21);
    let many = |limits: &mut Limits| (limits.incomplete, limits.flows) = (1, 20);
    assert_eq!(of(&healthy(), VerdictId::IdleReset, few), None);
    assert_eq!(of(&healthy(), VerdictId::IdleReset, many), at_most(Confidence::Likely, Limit::Incomplete));
    assert_eq!(of(&healthy(), VerdictId::EndpointNoSocket, many), None, "an answer that was seen is an answer");
}

#[test]
fn invented_times_limit_what_rests_on_time() {
    let text = fixture_script("synthetic-clock.pkt");
    let expected = at_most(Confidence::Possible, Limit::SyntheticClock);
    assert_eq!(of(&text, VerdictId::IdleReset, |_| {}), expected);
    assert_eq!(of(&text, VerdictId::Graceful, |_| {}), None, "the order of segments stands");
}

#[test]
fn a_clock_step_limits_its_own_flow() {
    let stepped = healthy().replace("+.0107 <", "-5 <");
    let expected = at_most(Confidence::Possible, Limit::ClockSteps);
    assert_eq!(of(&stepped, VerdictId::IdleReset, |_| {}), expected);
    let elsewhere = |limits: &mut Limits| limits.clock_steps = 1;
    assert_eq!(of(&healthy(), VerdictId::IdleReset, elsewhere), None);
}

#[test]
fn a_clock_step_that_falls_into_a_silence_limits_the_flow_too() {
    // The flow itself shows no step; another record, between its frames 1 and 2, did.
    let at = |frame: u64| move |limits: &mut Limits| limits.stepped = vec![FrameId::new(0, frame)];
    let expected = at_most(Confidence::Possible, Limit::ClockSteps);
    assert_eq!(of(&healthy(), VerdictId::IdleReset, at(2)), expected);
    assert_eq!(of(&healthy(), VerdictId::IdleReset, at(1)), None, "the flow began at the step");
    assert_eq!(of(&healthy(), VerdictId::IdleReset, at(1_000)), None, "the flow was over");
}

#[test]
fn a_jump_of_the_clock_limits_its_own_flow() {
    let jumped = fixture_script("three-week-gap.pkt");
    assert_eq!(of(&jumped, VerdictId::IdleDrop, |_| {}), at_most(Confidence::Possible, Limit::ClockJumps));
}

#[test]
fn filters_limit_everything_that_they_could_have_removed() {
    let filtered = |selection| move |limits: &mut Limits| limits.selection = selection;
    let possible = |limit| at_most(Confidence::Possible, limit);
    let idle = VerdictId::IdleReset;
    assert_eq!(of(&healthy(), idle, filtered(Selection::ResetsOnly)), possible(Limit::ResetsOnly));
    assert_eq!(of(&healthy(), idle, filtered(Selection::ControlOnly)), possible(Limit::ControlOnly));
    assert_eq!(of(&healthy(), idle, filtered(Selection::NoBareAcks)), possible(Limit::NoBareAcks));
    assert_eq!(of(&healthy(), idle, filtered(Selection::NoPayload)), possible(Limit::NoPayload));
    let graceful = VerdictId::Graceful;
    assert_eq!(of(&healthy(), graceful, filtered(Selection::ControlOnly)), None, "both FINs were seen");
}

#[test]
fn one_direction_limits_what_rests_on_an_answer() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000
0      > S   0:0(0)             win 64240 <mss 1460>
+.0102 > .   1:1(0)       ack 1
+.0013 > P.  1:101(100)   ack 1
";
    let expected = at_most(Confidence::Possible, Limit::OneSided);
    assert_eq!(of(text, VerdictId::RetransmissionExhausted, |_| {}), expected);
}

#[test]
fn a_reset_of_an_end_that_was_never_seen_before() {
    let head =
        "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n0 > P. 1:101(100) ack 1\n+.01 > P. 101:201(100) ack 1\n";
    let expected = at_most(Confidence::Likely, Limit::Midstream);
    assert_eq!(of(&format!("{head}+.02 < R 1:1(0)\n"), VerdictId::InjectedReset, |_| {}), expected);
    let known = "+.02 < . 1:1(0) ack 201\n+.02 < P. 1:9(8) ack 201\n+.02 < R 9:9(0)\n";
    assert_eq!(of(&format!("{head}{known}"), VerdictId::InjectedReset, |_| {}), None);
}

#[test]
fn packets_that_stand_twice_limit_everything_said_of_their_flow() {
    let (analysis, _) = analysis(&fixture_script("replayed-capture.pkt"));
    let limits = limits(&analysis);
    let replayed = analysis.flows.iter().find(|flow| flow.extras().is_some_and(|extras| extras.replayed)).unwrap();
    for id in [VerdictId::Graceful, VerdictId::IdleReset] {
        let expected = at_most(Confidence::Possible, Limit::Replayed);
        assert_eq!(ceiling(replayed, &limits, id), expected, "{}", id.name());
    }
}

#[test]
fn records_without_a_time_limit_what_rests_on_time() {
    let untimed = |limits: &mut Limits| limits.untimed = 1;
    let expected = at_most(Confidence::Possible, Limit::Untimed);
    assert_eq!(of(&healthy(), VerdictId::AgeLimit, untimed), expected);
    assert_eq!(of(&healthy(), VerdictId::EndpointAbort, untimed), None);
}

#[test]
fn the_lowest_limit_counts() {
    let both = |limits: &mut Limits| {
        (limits.lost, limits.records) = (5, 10);
        limits.selection = Selection::NoBareAcks;
    };
    assert_eq!(of(&healthy(), VerdictId::IdleDrop, both), at_most(Confidence::Possible, Limit::NoBareAcks));
}
