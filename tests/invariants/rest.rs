//! Whether flows are kept ready or packed between their segments shows nowhere.

use idlegap::analyzer::Options;
use idlegap::flow::store::Digester;
use idlegap::report::Listed;
use idlegap::report::build::{Asked, Timeline, build};
use idlegap::report::json::{JsonOptions, render};
use idlegap::report::numbers::FlowNumbers;
use idlegap::script::Script;
use idlegap::time::Span;
use idlegap::timeouts::Table;
use idlegap::verdict::digest::digest;
use proptest::prelude::*;

use crate::config;
use crate::conversation::conversation;
use crate::observe::{Observer, Outcome};
use crate::packets::{Packet, packets, record};

/// The analysis with room for so many flows that are ready.
fn analyse(packets: &[Packet], awake: usize) -> Outcome {
    observed(packets, Options { awake, ..Options::default() })
}

fn observed(packets: &[Packet], options: Options) -> Outcome {
    let mut observer = Observer::with(options);
    for (frame, packet) in (1..).zip(packets) {
        observer.push(&record(packet, frame));
    }
    observer.finish()
}

/// Everything that is known of every flow, in the form that programmers read. Copies, which have no heads under way: nobody
/// completes those any more.
fn flows(outcome: &Outcome) -> Vec<String> {
    outcome.analysis.flows.iter().map(|flow| format!("{:?}", flow.into_owned().clone())).collect()
}

proptest! {
    #![proptest_config(config(512))]

    /// With room for one, nearly every segment wakes its flow and puts another one to rest.
    #[test]
    fn packed_between_segments(talks in (conversation(1), conversation(2), conversation(3))) {
        let mut packets: Vec<Packet> = [&talks.0, &talks.1, &talks.2].iter().flat_map(|talk| packets(&talk.0)).collect();
        packets.sort_by_key(|packet| packet.time);
        let whole = analyse(&packets, 1 << 10);
        for awake in [1, 2] {
            let packed = analyse(&packets, awake);
            for (one, other) in flows(&whole).iter().zip(flows(&packed)) {
                prop_assert_eq!(one, &other);
            }
            prop_assert_eq!(whole.analysis.flows.len(), packed.analysis.flows.len());
            prop_assert_eq!(&whole.verdicts, &packed.verdicts);
            prop_assert!(whole.labels == packed.labels, "labels");
        }
    }
}

/// What the report says of a capture of these packets, if flows that go to rest leave such digests.
fn report(packets: &[Packet], awake: usize, digester: Digester) -> String {
    let outcome = observed(packets, Options { awake, digester, ..Options::default() });
    let mut numbers = FlowNumbers::default();
    numbers.begin_file(0);
    numbers.add(0, outcome.analysis.flows.total());
    let timeline = Timeline { analysis: outcome.analysis, files: Vec::new() };
    let built = build(vec![timeline], numbers, &Table::built_in().expect("the table is well-formed"), Asked::default());
    let mut out = Vec::new();
    let options = JsonOptions { flows: Listed::All, min_gap: Span::ZERO };
    render(&built.report, &built, &options, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("reports are UTF-8")
}

/// The lines of a flow that is over soon: to one of few servers, a handshake or some of it, and RSTs.
fn short_flow() -> impl Strategy<Value = (u8, u8, Vec<String>)> {
    let step =
        || (0..3_usize, 0..1_000_000_u32).prop_map(|(unit, micros)| [micros / 1_000, micros / 10, micros * 12][unit]);
    let handshake = prop_oneof![
        6 => Just(vec!["> S 0:0(0)", "< S. 0:0(0) ack 1", "> . 1:1(0) ack 1"]),
        1 => Just(vec!["> S 0:0(0)", "< S. 0:0(0) ack 1"]),
        1 => Just(vec!["> S 0:0(0)"]),
        1 => Just(vec!["< S. 0:0(0) ack 1", "> . 1:1(0) ack 1"]),
        1 => Just(vec!["> S 0:0(0)", "< S. 0:0(0) ack 1", "> . 1:1(0) ack 1", "> P. 1:9(8) ack 1"]),
    ];
    let reset = prop_oneof![
        3 => Just("> R 1:1(0)"),
        3 => Just("< R 1:1(0)"),
        1 => Just("> R. 1:1(0) ack 1"),
        1 => Just("< R. 1:1(0) ack 1"),
        1 => Just("< R. 0:0(0) ack 1"),
        1 => Just("> R 1:1(0) win 9300"),
        1 => Just("> R 1:1(0) ttl 61"),
        1 => Just("< R 900:900(0)"),
        1 => Just("> . 1:1(0) ack 1"),
        1 => Just("> F. 1:1(0) ack 1"),
    ];
    let lines = (handshake, proptest::collection::vec(reset, 1..3), proptest::collection::vec(step(), 6..7));
    (0..4_u8, 0..3_u8, lines).prop_map(|(server, client, (handshake, resets, steps))| {
        let lines = handshake.into_iter().chain(resets).zip(steps);
        (
            server,
            client,
            lines.map(|(line, step)| format!("+{}.{:06} NAME {line}", step / 1_000_000, step % 1_000_000)).collect(),
        )
    })
}

/// A script of such flows, one after the other.
fn short_flows(flows: &[(u8, u8, Vec<String>)]) -> String {
    let mut text = String::new();
    for (number, (server, client, _)) in flows.iter().enumerate() {
        text += &format!(
            "flow f{number} 10.0.0.{client}:{} > 192.0.2.{server}:443 isn {number} {}\n",
            1_000 + number,
            number / 2 * 70_000_000
        );
    }
    for (number, (_, _, lines)) in flows.iter().enumerate() {
        lines.iter().for_each(|line| text += &(line.replace("NAME", &format!("f{number}")) + "\n"));
    }
    text
}

proptest! {
    #![proptest_config(config(256))]

    /// A flow that left a digest when it went to rest, and is not unpacked any more, counts as it would have.
    #[test]
    fn digests_say_what_the_flows_would_have_said(flows in proptest::collection::vec(short_flow(), 1..40)) {
        let text = short_flows(&flows);
        let packets = packets(&Script::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?);
        let whole = report(&packets, 1 << 10, |_| None);
        for awake in [1, 2] {
            prop_assert_eq!(&report(&packets, awake, digest), &whole);
        }
    }

    #[test]
    fn conversations_leave_digests_only_of_what_is_settled(talks in (conversation(1), conversation(2), conversation(3))) {
        let mut packets: Vec<Packet> = [&talks.0, &talks.1, &talks.2].iter().flat_map(|talk| packets(&talk.0)).collect();
        packets.sort_by_key(|packet| packet.time);
        prop_assert_eq!(report(&packets, 1, digest), report(&packets, 1 << 10, |_| None));
    }
}

/// The above would hold as well if no flow ever left a digest.
#[test]
fn a_flow_that_was_reset_leaves_a_digest() {
    let text = "flow a 10.0.0.1:1001 > 192.0.2.1:443\nflow b 10.0.0.1:1002 > 192.0.2.1:443\n\
                flow c 10.0.0.1:1003 > 192.0.2.1:443\n\
                0 a > S 0:0(0)\n+.01 a < S. 0:0(0) ack 1\n+.01 a > . 1:1(0) ack 1\n+.01 a > R 1:1(0)\n\
                +.01 b > S 0:0(0)\n+.01 b < R. 0:0(0) ack 1\n+.01 c > S 0:0(0)\n";
    let options = Options { awake: 1, digester: digest, ..Options::default() };
    let outcome = observed(&packets(&Script::parse(text).expect("the script is well-formed")), options);
    let digests = [0, 1, 2].map(|number| outcome.analysis.flows.brief(number).is_some());
    assert_eq!(digests, [true, true, false], "a handshake, a refused one, and one that may be answered yet");
}
