//! Finding rows by words and numbers, and guessing what was meant where nothing is found.

use super::entry::{Entry, KeepaliveDefault, Origin, Seconds};
use super::spelling::{alike, edit_distance};
use super::table::Table;
use crate::time::Span;

/// A row that a query found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The row.
    pub entry: &'a Entry,
    /// What made it a hit.
    pub why: Why,
}

/// What made a row a hit, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Every number of the query is the row's value or an older default, or stands in its text; so does every word.
    Value,
    /// A number of the query is a value that can be set, but not the default.
    Range,
}

impl Table {
    /// The rows that match every word of `query`, regardless of case: a word must occur in id, vendor, product, setting or note; a
    /// duration (`350`, `350s`, `350 s`, `5m50s`) may also be the row's value, an older default, or a value that can be set. Rows
    /// that can merely be set to the value come last.
    #[must_use]
    pub fn search(&self, query: &str) -> Vec<Hit<'_>> {
        let terms = terms(query);
        let mut hits: Vec<_> = self
            .entries()
            .iter()
            .filter_map(|entry| {
                let text = [&entry.id, &entry.vendor, &entry.product, &entry.setting, &entry.note];
                let why = worst(terms.iter().map(|term| term.find(&text, |span| value(entry, span))))?;
                Some(Hit { entry, why })
            })
            .collect();
        hits.sort_by_key(|hit| hit.why);
        hits
    }

    /// The keepalive defaults that match every word of `query` in id, product, setting or note, or by time or interval.
    #[must_use]
    pub fn search_keepalive_defaults(&self, query: &str) -> Vec<&KeepaliveDefault> {
        let terms = terms(query);
        let matches = |row: &&KeepaliveDefault| {
            let text = [&row.id, &row.product, &row.setting, &row.note];
            let timer = |span| {
                (row.time.map(Seconds::span) == Some(span) || row.interval.map(Seconds::span) == Some(span))
                    .then_some(Why::Value)
            };
            worst(terms.iter().map(|term| term.find(&text, timer))).is_some()
        };
        self.keepalive_defaults().iter().filter(matches).collect()
    }

    /// Up to five ids that a query which found nothing may have meant, best first.
    #[must_use]
    pub fn suggestions(&self, query: &str) -> Vec<&str> {
        let words: Vec<String> =
            query.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).filter(|word| word.len() > 1).collect();
        let rows = self.entries().iter().map(|entry| (entry.id.as_str(), entry.vendor.as_str(), &entry.origin));
        let stacks = self.keepalive_defaults().iter().map(|row| (row.id.as_str(), "", &row.origin));
        let mut scored: Vec<_> = rows
            .chain(stacks)
            .filter_map(|(id, vendor, origin)| {
                let vendor = vendor.to_lowercase();
                let parts: Vec<&str> = id.split('-').chain(vendor.split_whitespace()).collect();
                let known = words.iter().filter(|word| parts.iter().any(|part| alike(word, part))).count();
                (known > 0)
                    .then(|| (words.len() - known, edit_distance(&words.join("-"), id), *origin == Origin::BuiltIn, id))
            })
            .collect();
        scored.sort_unstable();
        scored.into_iter().take(5).map(|(.., id)| id).collect()
    }
}

/// Reads a duration as people type it: seconds (`350`, `350s`, `1.5s`), or parts from days to milliseconds (`5m50s`, `2h`, `15min`).
#[must_use]
pub fn parse_duration(text: &str) -> Option<Span> {
    let text = text.trim().to_lowercase();
    let mut rest = text.as_str();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let first = rest.len() == text.len();
        total += number.parse::<f64>().ok()?
            * unit_seconds(unit).filter(|_| !unit.is_empty() || (first && after.is_empty()))?;
        rest = after;
    }
    (!text.is_empty()).then(|| Span::from_secs_f64(total))
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

/// One word of a query, with the duration it may be.
struct Term {
    word: String,
    span: Option<Span>,
}

impl Term {
    fn find(&self, text: &[&String], timer: impl Fn(Span) -> Option<Why>) -> Option<Why> {
        let by_value = self.span.and_then(timer);
        // "350" as text would also find 13500; numbers count as whole words only.
        let in_text = text.iter().any(|text| match self.span {
            None => text.to_lowercase().contains(&self.word),
            Some(_) => text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == self.word),
        });
        if in_text { Some(Why::Value) } else { by_value }
    }
}

/// Splits a query; a number and a unit that stand apart (`350 s`) are one term.
fn terms(query: &str) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    for word in query.split_whitespace().map(str::to_lowercase) {
        if let Some(last) = terms.last_mut()
            && last.word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && unit_seconds(&word).is_some()
        {
            last.word.push_str(&word);
            last.span = parse_duration(&last.word);
            continue;
        }
        terms.push(Term { span: parse_duration(&word), word });
    }
    terms
}

fn value(entry: &Entry, span: Span) -> Option<Why> {
    let mut defaults = entry.previous.iter().chain([&entry.idle]).map(|value| value.span());
    if defaults.any(|value| value == span) {
        return Some(Why::Value);
    }
    let (min, max) = (entry.min?.span(), entry.max?.span());
    (min <= span && span <= max).then_some(Why::Range)
}

/// All of the terms must be found; the row is as good as its worst term.
fn worst(found: impl Iterator<Item = Option<Why>>) -> Option<Why> {
    found.into_iter().try_fold(Why::Value, |worst, why| Some(worst.max(why?)))
}
