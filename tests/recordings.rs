//! Every recording of `fixtures/captures` against what is true of it.
//!
//! The truth of a recording comes from the kernels and programs that took part, not from its packets
//! (`fixtures/README.md`). All that differs is gathered in one report, a line each.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

#[path = "invariants/observe.rs"]
mod observe;
#[path = "recordings/truth.rs"]
mod truth;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use idlegap::capture::{Input, Reader};
use idlegap::flow::gaps::{Clock, Gap, Gaps};
use idlegap::flow::{Direction, Flow, FrameId, SegmentKind};
use idlegap::time::Span;
use idlegap::verdict::attribution::attribute_within;
use idlegap::verdict::settings::{Estimate, settings};
use idlegap::verdict::{Confidence, Origin, Verdict};

use observe::{Observer, Outcome};
use truth::{FlowTruth, Keepalive, ResetTruth, Sender, Truth, folders};

/// Where the truth and the rules part: the recording, how the difference begins, and why it is none.
const EXCEPTIONS: [(&str, &str, &str); 11] = [
    (
        "zero-window-byte-accepted",
        "zero-window probe answers: 19 was taken for ",
        "the answer opens the window: rule 13 asks for a window of 0",
    ),
    (
        "zero-window-idle-keepalive",
        "zero-window probe answers: 17 was taken for ",
        "the answer opens the window: rule 13 asks for a window of 0",
    ),
    ("midstream-answers-only", "probe answers: 1 was taken for ack: unresolved", ANSWERS_ALONE),
    ("midstream-answers-only", "probe answers: 2 was taken for ack: unresolved", ANSWERS_ALONE),
    ("midstream-answers-only", "probe answers: 3 was taken for ack: unresolved", ANSWERS_ALONE),
    ("midstream-answers-only", "probe answers: 4 was taken for ack: unresolved", ANSWERS_ALONE),
    ("midstream-answers-only", "probe answers: 5 was taken for ack: unresolved", ANSWERS_ALONE),
    (
        "user-timeout-keepalive",
        "settings: flow 0 (frames 1 to 10): the client's count is 9, not 2",
        "TCP_USER_TIMEOUT takes the place of the count (tcp(7)) and looks like a smaller one",
    ),
    ("haproxy-client-timeout-backend", "verdict: flow 0", CLIENT_CLOSED),
    ("nginx-proxy-read-timeout-backend", "verdict: flow 0", CLIENT_CLOSED),
    (
        "port-reuse-challenge",
        "verdict: flow 0",
        "what ends the first generation stands among the frames of the second; by itself the first stays open",
    ),
];

/// A client's FIN after a silence: a person, a pool or a proxy may have sent it, and nothing in the capture says which.
const CLIENT_CLOSED: &str = "a client may close when it likes; only a PROXY header would show that it is a proxy";

/// Identical ACKs in a rhythm, of one direction, may be probes or answers; their echoed timestamps stand still in both
/// cases, and rule 7 leaves them open.
const ANSWERS_ALONE: &str = "without the other direction answers and unanswered probes look alike";

/// A capture point sees a timer by so much early or late.
const JITTER: Span = Span::from_millis(50);

#[test]
fn recordings_are_judged_as_they_were() {
    let mut report = String::new();
    let mut unused: BTreeSet<usize> = (0..EXCEPTIONS.len()).collect();
    let folders = folders();
    for folder in &folders {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        for (what, text) in differences(folder) {
            let line = format!("{what}: {text}");
            match EXCEPTIONS.iter().position(|(of, start, _)| *of == name && line.starts_with(start)) {
                Some(exception) => drop(unused.remove(&exception)),
                None => report.push_str(&format!("{name}: {line}\n")),
            }
        }
    }
    for (name, start, _) in unused.iter().map(|unused| EXCEPTIONS[*unused]) {
        report.push_str(&format!("{name}: excepted, but no difference: {start}\n"));
    }
    let lines = report.lines().count();
    assert!(report.is_empty(), "{lines} differences in {} recordings:\n{report}", folders.len());
}

/// What differs from the truth in one recording: of what, and how.
fn differences(folder: &Path) -> Vec<(&'static str, String)> {
    let truth = Truth::read(folder);
    let outcome = analyse(&folder.join(&truth.capture));
    let mut found = Vec::new();
    kinds(&truth, &outcome, &mut found);
    senders(&truth, &outcome, &mut found);
    let mut flows: BTreeSet<usize> = (0..outcome.analysis.flows.len()).collect();
    for (number, expected) in truth.flows.iter().enumerate() {
        let is_it = |index: &usize| is_flow(&flow_number(&outcome, *index), expected);
        match flows.iter().copied().find(is_it) {
            None => found.push(("flows", format!("no flow {}", expected.name(number)))),
            Some(index) => {
                flows.remove(&index);
                let mut of_flow = Vec::new();
                flow(&outcome, index, expected, &truth.resets, &mut of_flow);
                let named = |(what, text)| (what, format!("{}: {text}", expected.name(number)));
                found.extend(of_flow.into_iter().map(named));
            }
        }
    }
    for index in flows {
        let flow = flow_number(&outcome, index);
        found.push((
            "flows",
            format!("a flow too many: {} > {} from frame {}", flow.client(), flow.server(), flow.first.frame.number),
        ));
    }
    found
}

fn analyse(path: &Path) -> Outcome {
    let mut reader = Reader::open(&Input::Path(path.to_owned())).expect("a capture");
    let mut observer = Observer::new();
    while let Some(record) = reader.next_record().expect("a readable capture") {
        observer.push(&record);
    }
    assert_eq!(reader.info().truncated.as_ref().map(|cut| cut.reason.clone()), None, "{}", path.display());
    observer.finish()
}

/// Frames by kind, as exact sets.
fn kinds(truth: &Truth, outcome: &Outcome, found: &mut Vec<(&'static str, String)>) {
    for (what, kind, expected) in [
        ("probes", SegmentKind::KeepaliveProbe, &truth.probes),
        ("probe answers", SegmentKind::KeepaliveAck, &truth.probe_answers),
        ("zero-window probes", SegmentKind::ZeroWindowProbe, &truth.zero_window_probes),
        ("zero-window probe answers", SegmentKind::ZeroWindowProbeAck, &truth.zero_window_probe_answers),
        ("duplicate frames", SegmentKind::DuplicateFrame, &truth.duplicate_frames),
    ] {
        let labelled = outcome.labels.iter().filter(|(_, label)| label.kind == kind);
        let labelled: BTreeSet<u32> = labelled.map(|(frame, _)| frame.number).collect();
        found.extend(expected.difference(&labelled).map(|frame| (what, missed(outcome, *frame))));
        found.extend(labelled.difference(expected).map(|frame| (what, format!("{frame} is none"))));
    }
}

fn missed(outcome: &Outcome, frame: u32) -> String {
    match outcome.labels.get(&FrameId::new(0, u64::from(frame))) {
        Some(label) => format!("{frame} was taken for {}: {}", label.kind, label.notes),
        None => format!("{frame} has no label"),
    }
}

/// Who sent each RST. Unknown is always honest; an endpoint must not be accused of being a box.
fn senders(truth: &Truth, outcome: &Outcome, found: &mut Vec<(&'static str, String)>) {
    for (flow, verdict) in outcome.analysis.flows.iter().zip(&outcome.verdicts) {
        for reset in flow.resets() {
            let frame = reset.mark.frame.number;
            let who = attribute_within(&flow, reset, verdict);
            let Some(expected) = truth.resets.iter().find(|expected| expected.frame == frame) else {
                found.push(("resets", format!("frame {frame} is a RST that nobody sent")));
                continue;
            };
            let is_honest = match (expected.sender, who.origin) {
                (_, Origin::Unknown) | (Sender::Middlebox, Origin::Middlebox) => true,
                (Sender::Middlebox, Origin::Endpoint) => false,
                (_, Origin::Middlebox) => who.confidence == Confidence::Possible,
                (_, Origin::Endpoint) => true,
            };
            if !is_honest {
                let (origin, confidence) = (who.origin.name(), who.confidence.name());
                let text = format!(
                    "frame {frame}: {:?} taken for {origin} ({confidence}): {:?}",
                    expected.sender, who.reasons
                );
                found.push(("senders", text));
            }
        }
    }
}

fn flow_number(outcome: &Outcome, index: usize) -> Cow<'_, Flow> {
    outcome.analysis.flows.get(u32::try_from(index).expect("so many flows")).expect("a flow")
}

fn is_flow(flow: &Flow, expected: &FlowTruth) -> bool {
    let seen = BTreeSet::from([flow.client().to_string(), flow.server().to_string()]);
    let known = BTreeSet::from([expected.client.clone(), expected.server.clone()]);
    seen == known && flow.first.frame.number == expected.first_frame
}

/// Everything that is known of one flow.
fn flow(
    outcome: &Outcome,
    index: usize,
    expected: &FlowTruth,
    resets: &[ResetTruth],
    found: &mut Vec<(&'static str, String)>,
) {
    let (flow, verdict) = (&*flow_number(outcome, index), &outcome.verdicts[index]);
    if flow.client().to_string() != expected.client {
        found.push(("orientation", format!("{} was taken for the client", flow.client())));
    }
    let last = outcome.labels.iter().rfind(|(_, label)| label.flow as usize == index).map(|(frame, _)| frame.number);
    if last != Some(expected.last_frame) {
        found.push(("flows", format!("ends at {last:?}, not at frame {}", expected.last_frame)));
    }
    if verdict.id.name() != expected.verdict {
        let (id, confidence) = (verdict.id.name(), verdict.confidence.name());
        let text = format!("{} was taken for {id} ({confidence}): {:?}", expected.verdict, verdict.reasons);
        found.push(("verdict", text));
    }
    let of_flow = |frame: u32| outcome.labels.get(&FrameId::new(0, u64::from(frame))).map(|label| label.flow as usize);
    let its_resets = resets.iter().filter(|reset| of_flow(reset.frame) == Some(index));
    let senders: BTreeSet<Sender> = its_resets.map(|reset| reset.sender).collect();
    if senders != expected.rst_sent_by {
        found.push(("flows", format!("RSTs of {:?} belong to it, not of {senders:?}", expected.rst_sent_by)));
    }
    gap(flow, verdict, expected, found);
    let half_open = verdict.half_open.map(Direction::sender);
    if expected.half_open.is_some() && half_open != expected.half_open.as_deref() {
        found.push(("half-open", format!("{:?} is, {half_open:?} was named", expected.half_open)));
    }
    let sides = [
        (Direction::FromInitiator, &expected.client_keepalive),
        (Direction::FromResponder, &expected.server_keepalive),
    ];
    for (direction, keepalive) in sides {
        inferred(flow, direction, keepalive.as_ref(), found);
    }
}

/// The decisive silence: that of the verdict, if it names one, else one among those of the flow.
fn gap(flow: &Flow, verdict: &Verdict, expected: &FlowTruth, found: &mut Vec<(&'static str, String)>) {
    let (Some(length), Some(tolerance)) = (expected.gap_s, expected.tolerance_s) else {
        return;
    };
    let clock = if expected.gap_clock.as_deref() == Some("payload") { Clock::Payload } else { Clock::Packet };
    let fits = |gap: &Gap| gap.length.minus(Span::from_secs_f64(length)).abs() <= Span::from_secs_f64(tolerance);
    let wanted = format!("{length} s on the {} clock", clock.name());
    if let Some((named, gap)) = &verdict.gap {
        // Silence of any packet is silence of payload too.
        if (*named == Clock::Packet && clock == Clock::Payload) || !fits(gap) {
            found.push(("gap", format!("{wanted}, not {:?} on the {} clock", gap.length, named.name())));
        }
        return;
    }
    if verdict.id.is_idle_death() {
        found.push(("gap", format!("{wanted}, and {} names none", verdict.id.name())));
    }
    let gaps = if clock == Clock::Packet { flow.packet_gaps() } else { flow.payload_gaps() };
    let kept = gaps.map(Gaps::kept).unwrap_or_default();
    if !kept.iter().any(fits) {
        let lengths: Vec<Span> = kept.iter().map(|gap| gap.length).collect();
        found.push(("gap", format!("{wanted}, not among {lengths:?}")));
    }
}

/// What the probes of a side reveal of its settings contains what was set; what they do not reveal is not claimed.
fn inferred(flow: &Flow, direction: Direction, set: Option<&Keepalive>, found: &mut Vec<(&'static str, String)>) {
    let seen = settings(flow, direction);
    let side = direction.sender();
    let Some(set) = set else {
        return;
    };
    for (what, estimate, value) in [("time", seen.time, set.time_s), ("interval", seen.interval, set.interval_s)] {
        let contains = |range: Estimate| {
            let value = Span::from_secs(value);
            range.least.minus(JITTER) <= value && value <= range.most.plus(JITTER)
        };
        if let Some(range) = estimate.filter(|range| !contains(*range)) {
            found.push(("settings", format!("the {side}'s {what} is {value} s, not in {range:?}")));
        }
    }
    if let Some(count) = seen.count.filter(|count| *count != set.count) {
        found.push(("settings", format!("the {side}'s count is {}, not {count}", set.count)));
    }
    // Two probes after a silence that began in the capture show the time.
    let probes = flow.probes(direction).map_or(0, |probes| probes.keepalive.total());
    if seen.time.is_none() && probes > 1 && flow.end(direction).isn.is_some() {
        found.push(("settings", format!("the {side}'s time shows in {probes} probes, but was not seen")));
    }
}
