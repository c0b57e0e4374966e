//! `expect` lines.

use super::model::{CONFIDENCES, Expectation, ORIGINS, SIDES, Script, Setting, Subject, VERDICTS};
use super::options::once;
use super::scan::{Cursor, ScriptError, Word, number, one_of, seconds};
use crate::time::Span;

/// Reads what follows the word `expect`.
pub(super) fn expect(cursor: &mut Cursor<'_>, script: &mut Script) -> Result<(), ScriptError> {
    const EXPECTED: &str = "`finding`, `verdict`, `no other finding` or `other findings allowed`";
    let word = cursor.word(EXPECTED)?;
    let subject = match word.text {
        "finding" => Subject::Finding,
        "verdict" => Subject::Verdict,
        "no" => {
            script.other_findings_allowed = false;
            return cursor.require("other").and_then(|()| cursor.require("finding"));
        }
        "other" => {
            script.other_findings_allowed = true;
            return cursor.require("findings").and_then(|()| cursor.require("allowed"));
        }
        other => return Err(cursor.error(word.offset, EXPECTED, other)),
    };
    let id = cursor.take(&VERDICTS.join(", "), |text| one_of(VERDICTS, text))?;
    let mut expectation = Expectation::new(subject, id);
    let mut seen: Vec<&str> = Vec::new();
    while !cursor.at_end() {
        let offset = cursor.offset();
        let word = cursor.peek();
        once(cursor, offset, word, seen.contains(&word))?;
        seen.push(word);
        cursor.advance(word.len());
        attribute(cursor, script, &mut expectation, Word { text: word, offset })?;
    }
    if subject == Subject::Verdict && expectation.flow.is_none() {
        if script.flows.len() != 1 {
            let end = cursor.offset();
            return Err(cursor.fault(end, "expected `flow NAME`: a verdict is about one flow"));
        }
        expectation.flow = Some(0);
    }
    script.expectations.push(expectation);
    Ok(())
}

fn attribute(
    cursor: &mut Cursor<'_>,
    script: &Script,
    expectation: &mut Expectation,
    word: Word<'_>,
) -> Result<(), ScriptError> {
    const EXPECTED: &str = "flow, idle, interval, count, gap, origin, confidence, half-open or evidence";
    const LENGTH: &str = "a length of time such as 60s";
    match word.text {
        "flow" => {
            let named = |text| script.flows.iter().position(|flow| flow.name.as_deref() == Some(text));
            expectation.flow = Some(cursor.take("the name of a declared flow", named)?);
        }
        "idle" => expectation.idle = Some(cursor.take(LENGTH, |text| setting(text, duration))?),
        "interval" => expectation.interval = Some(cursor.take(LENGTH, |text| setting(text, duration))?),
        "count" => expectation.count = Some(cursor.take("a number or `unknown`", |text| setting(text, number))?),
        "gap" => expectation.gap = Some(cursor.take(LENGTH, duration)?),
        "origin" => expectation.origin = Some(cursor.take(&ORIGINS.join(", "), |text| one_of(ORIGINS, text))?),
        "confidence" => {
            expectation.confidence = Some(cursor.take(&CONFIDENCES.join(", "), |text| one_of(CONFIDENCES, text))?);
        }
        "half-open" => expectation.half_open = Some(cursor.take(&SIDES.join(", "), |text| one_of(SIDES, text))?),
        "evidence" => expectation.evidence = Some(cursor.take("frames FIRST..LAST", frames)?),
        other => return Err(cursor.error(word.offset, EXPECTED, other)),
    }
    Ok(())
}

fn setting<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Setting<T>> {
    if text == "unknown" { Some(Setting::Unknown) } else { read(text).map(Setting::Value) }
}

fn duration(text: &str) -> Option<Span> {
    seconds(text.strip_suffix('s')?)
}

fn frames(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("..")?;
    let (first, last) = (number(first)?, number(last)?);
    (1 <= first && first <= last).then_some((first, last))
}
