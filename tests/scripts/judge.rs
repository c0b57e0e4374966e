//! Holds what an analysis said of a script's capture against what the script expects.
//!
//! The analysis is handed over as an [`Observed`], plain data that a few lines make of any analysis.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;

use idlegap::script::{Expectation, Expected, Script, Setting, Subject};
use idlegap::time::Span;

/// What an analysis said of one capture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// One row for each segment, as `idlegap trace` prints them: frame number to kind and note.
    pub(crate) rows: BTreeMap<u64, (String, String)>,
    /// The verdict on every flow, in order of the flows' first frames.
    pub(crate) verdicts: Vec<Judgement>,
    /// The findings of the report.
    pub(crate) findings: Vec<Judgement>,
}

/// A verdict or a finding. What is `None` was not claimed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    /// Verdict id.
    pub(crate) id: String,
    /// The flow: its two ends in any order, and which of the flows between them in order of time (from 0).
    pub(crate) flow: Option<([SocketAddr; 2], usize)>,
    /// Keepalive time, shortest and longest possible.
    pub(crate) idle: Option<(Span, Span)>,
    /// Keepalive interval, shortest and longest possible.
    pub(crate) interval: Option<(Span, Span)>,
    /// Keepalive probes.
    pub(crate) count: Option<u32>,
    /// The silence that decided.
    pub(crate) gap: Option<Span>,
    /// Who sent the RST.
    pub(crate) origin: Option<String>,
    /// How sure.
    pub(crate) confidence: Option<String>,
    /// `client` or `server`.
    pub(crate) half_open: Option<String>,
    /// Frame numbers.
    pub(crate) evidence: Vec<u64>,
}

impl Judgement {
    /// The judgement that meets `expectation` to the letter.
    pub(crate) fn as_expected(script: &Script, expectation: &Expectation) -> Self {
        fn value<T>(setting: Option<Setting<T>>) -> Option<T> {
            match setting {
                Some(Setting::Value(value)) => Some(value),
                Some(Setting::Unknown) | None => None,
            }
        }
        let flow = expectation.flow.map(|flow| (ends(script, flow), generation(script, flow)));
        Self {
            id: expectation.id.to_owned(),
            flow,
            idle: value(expectation.idle).map(|span| (span, span)),
            interval: value(expectation.interval).map(|span| (span, span)),
            count: value(expectation.count),
            gap: expectation.gap,
            origin: expectation.origin.map(str::to_owned),
            confidence: expectation.confidence.map(str::to_owned),
            half_open: expectation.half_open.map(str::to_owned),
            evidence: expectation.evidence.map_or_else(Vec::new, |(first, last)| vec![first, last]),
        }
    }
}

/// The two ends of a script's flow in a fixed order.
fn ends(script: &Script, flow: usize) -> [SocketAddr; 2] {
    let mut ends = [script.flows[flow].initiator, script.flows[flow].responder];
    ends.sort();
    ends
}

/// Which of the flows between its two ends a script's flow is.
fn generation(script: &Script, flow: usize) -> usize {
    (0..flow).filter(|earlier| ends(script, *earlier) == ends(script, flow)).count()
}

/// Every difference between what `script` expects and what was `observed`, in words.
pub(crate) fn differences(script: &Script, observed: &Observed) -> Result<(), String> {
    let mut text = String::new();
    kinds(script, &observed.rows, &mut text);
    for expectation in script.expectations.iter().filter(|expected| expected.subject == Subject::Verdict) {
        let of_flow = |verdict: &&Judgement| is_about(script, expectation, verdict);
        match observed.verdicts.iter().find(of_flow) {
            None => note(&mut text, format!("no verdict on the flow of: {expectation:?}")),
            Some(verdict) => text.push_str(&mismatch(expectation, verdict)),
        }
    }
    findings(script, &observed.findings, &mut text);
    if text.is_empty() { Ok(()) } else { Err(text) }
}

fn note(text: &mut String, line: String) {
    text.push_str(&line);
    text.push('\n');
}

/// Compares the kinds as two lists, frame by frame, with a row that is missing on either side shown as such.
fn kinds(script: &Script, rows: &BTreeMap<u64, (String, String)>, text: &mut String) {
    let frames = script.frames();
    let numbers: BTreeSet<u64> = (1..=frames.len() as u64).chain(rows.keys().copied()).collect();
    for number in numbers {
        let frame = usize::try_from(number - 1).ok().and_then(|index| frames.get(index));
        let line = frame.and_then(|frame| Some(script.line(frame.step?))).unwrap_or_default();
        let expected = frame.and_then(|frame| frame.expected);
        let is_row = frame.is_some_and(|frame| frame.segment.is_some());
        let problem = match (expected, rows.get(&number)) {
            (Some(expected), Some((kind, words))) if fits(expected, kind, words) => continue,
            (None, Some(_)) if is_row => continue,
            (None, None) => continue,
            (Some(expected), got) => format!("expected {}, got {}", wanted(expected), shown(got)),
            (None, got) => format!("expected no row, got {}", shown(got)),
        };
        note(text, format!("frame {number}: {problem}\n    {line}"));
    }
}

/// Where no note is expected there must be none.
fn fits(expected: &Expected, kind: &str, words: &str) -> bool {
    kind == expected.kind && expected.note.as_deref().map_or(words.is_empty(), |note| words.contains(note))
}

fn wanted(expected: &Expected) -> String {
    expected.note.as_ref().map_or_else(|| expected.kind.to_owned(), |note| format!("{}: {note}", expected.kind))
}

fn shown(row: Option<&(String, String)>) -> String {
    row.map_or_else(|| "no row".to_owned(), |(kind, words)| format!("{kind}: {words}"))
}

/// Compares the findings as sets: each expectation wants a finding of its own, and none may be left over.
fn findings(script: &Script, found: &[Judgement], text: &mut String) {
    let mut left: Vec<&Judgement> = found.iter().collect();
    for expectation in script.expectations.iter().filter(|expected| expected.subject == Subject::Finding) {
        let like = |finding: &&Judgement| finding.id == expectation.id && is_about(script, expectation, finding);
        let best = left
            .iter()
            .position(|finding| like(finding) && mismatch(expectation, finding).is_empty())
            .or_else(|| left.iter().position(like));
        match best {
            Some(index) => text.push_str(&mismatch(expectation, left.remove(index))),
            None => note(text, format!("no such finding: {expectation:?}")),
        }
    }
    if !script.other_findings_allowed {
        left.iter().for_each(|finding| note(text, format!("a finding that nobody expects: {finding:?}")));
    }
}

/// Whether the judgement is about the flow of the expectation (or the expectation about no flow in particular).
fn is_about(script: &Script, expectation: &Expectation, judgement: &Judgement) -> bool {
    let Some(index) = expectation.flow else { return true };
    judgement.flow.is_some_and(|(mut seen, seen_generation)| {
        seen.sort();
        seen == ends(script, index) && seen_generation == generation(script, index)
    })
}

/// What of the expectation the judgement does not meet; empty if it meets all.
fn mismatch(expectation: &Expectation, judgement: &Judgement) -> String {
    let mut text = String::new();
    let mut check = |what: &str, wanted: String, got: String, met: bool| {
        if !met {
            let _ = writeln!(text, "{} of {}: expected {wanted}, got {got}", what, expectation.id);
        }
    };
    check("id", expectation.id.to_owned(), judgement.id.clone(), expectation.id == judgement.id);
    for (what, wanted, got) in
        [("idle", expectation.idle, judgement.idle), ("interval", expectation.interval, judgement.interval)]
    {
        let Some(wanted) = wanted else { continue };
        let met = match wanted {
            Setting::Unknown => got.is_none(),
            Setting::Value(span) => got.is_some_and(|(low, high)| low <= span && span <= high),
        };
        check(what, format!("{wanted:?}"), format!("{got:?}"), met);
    }
    if let Some(wanted) = expectation.count {
        let met = match wanted {
            Setting::Unknown => judgement.count.is_none(),
            Setting::Value(count) => judgement.count == Some(count),
        };
        check("count", format!("{wanted:?}"), format!("{:?}", judgement.count), met);
    }
    if let Some(wanted) = expectation.gap {
        // The length of a gap in a script is rounded by hand: 50 ms or one per cent.
        let tolerance = Span::from_millis(50).max(Span::from_nanos(wanted.as_nanos() / 100));
        let met = judgement.gap.is_some_and(|gap| gap.minus(wanted).abs() <= tolerance);
        check("gap", format!("{wanted:?}"), format!("{:?}", judgement.gap), met);
    }
    for (what, wanted, got) in [
        ("origin", expectation.origin, &judgement.origin),
        ("confidence", expectation.confidence, &judgement.confidence),
        ("half-open", expectation.half_open, &judgement.half_open),
    ] {
        let met = wanted.is_none_or(|wanted| got.as_deref() == Some(wanted));
        check(what, format!("{wanted:?}"), format!("{got:?}"), met);
    }
    if let Some((first, last)) = expectation.evidence {
        let met = judgement.evidence.iter().min() == Some(&first) && judgement.evidence.iter().max() == Some(&last);
        check("evidence", format!("{first}..{last}"), format!("{:?}", judgement.evidence), met);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "flow 10.0.0.1:1 > 10.0.0.2:2\n\
        0 > S 0:0(0) = syn\n\
        +1 > . 0:0(0) ack 1 = keepalive-probe: inferred\n\
        end 5\n\
        expect finding idle-drop gap 90s\n\
        expect verdict idle-drop";

    fn observed() -> (Script, Observed) {
        let script = Script::parse(TEXT).expect("the script is well-formed");
        let flow = Some((["10.0.0.2:2".parse().expect("an end"), "10.0.0.1:1".parse().expect("an end")], 0));
        let judgement = Judgement {
            id: "idle-drop".to_owned(),
            flow,
            gap: Some(Span::from_millis(90_020)),
            ..Judgement::default()
        };
        let rows = BTreeMap::from([
            (1, ("syn".to_owned(), String::new())),
            (2, ("keepalive-probe".to_owned(), "inferred from its rhythm".to_owned())),
        ]);
        (script, Observed { rows, verdicts: vec![judgement.clone()], findings: vec![judgement] })
    }

    fn faults(change: impl FnOnce(&mut Observed)) -> String {
        let (script, mut observed) = observed();
        change(&mut observed);
        differences(&script, &observed).expect_err("a difference")
    }

    #[test]
    fn an_analysis_as_expected_has_no_differences() {
        let (script, observed) = observed();
        assert_eq!(differences(&script, &observed), Ok(()));
    }

    #[test]
    fn rows_are_compared_frame_by_frame() {
        let wrong = faults(|seen| drop(seen.rows.insert(1, ("ack".to_owned(), String::new()))));
        assert!(wrong.contains("frame 1: expected syn, got ack"), "{wrong}");
        let missing = faults(|seen| drop(seen.rows.remove(&2)));
        assert!(missing.contains("frame 2: expected keepalive-probe: inferred, got no row"), "{missing}");
        let excess = faults(|seen| drop(seen.rows.insert(3, ("data".to_owned(), String::new()))));
        assert!(excess.contains("frame 3: expected no row, got data"), "{excess}");
        let note = faults(|seen| drop(seen.rows.insert(2, ("keepalive-probe".to_owned(), String::new()))));
        assert!(note.contains("frame 2"), "{note}");
    }

    #[test]
    fn findings_are_compared_as_sets() {
        assert!(faults(|seen| seen.findings.clear()).contains("no such finding"));
        assert!(faults(|seen| seen.findings.extend_from_within(..)).contains("nobody expects"));
        assert!(faults(|seen| seen.findings[0].gap = Some(Span::from_secs(60))).contains("gap of idle-drop"));
    }

    #[test]
    fn verdicts_belong_to_their_flow() {
        assert!(faults(|seen| seen.verdicts[0].id = "open".to_owned()).contains("expected idle-drop, got open"));
        assert!(faults(|seen| seen.verdicts[0].flow.as_mut().expect("a flow").1 = 1).contains("no verdict"));
    }
}
