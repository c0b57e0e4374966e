//! A line of a script as words, each with the column where it stands.

use std::fmt;
use std::str::FromStr;

use crate::time::{NANOS_PER_SECOND, Span};

/// Why a script cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ScriptError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected and what stands there.
    pub message: String,
}

/// A whitespace-delimited piece of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

/// Where the parser stands in a line. Comments are already cut off.
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of `line`, whose number is `number`.
    pub(super) fn new(line: &'a str, number: usize) -> Self {
        Self { text: without_comment(line), offset: 0, line: number }
    }

    /// A cursor over the part from `start` to `end` of the same line, with columns of the whole line.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        Self { text: self.text.get(..end).unwrap_or(self.text), offset: start, line: self.line }
    }

    /// Where the next word begins.
    pub(super) fn offset(&mut self) -> usize {
        let rest = self.remaining();
        self.offset += rest.len() - rest.trim_start().len();
        self.offset
    }

    /// The next word without taking it; empty at the end.
    pub(super) fn peek(&mut self) -> &'a str {
        self.offset();
        self.remaining().split_whitespace().next().unwrap_or("")
    }

    /// Whether nothing is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.peek().is_empty()
    }

    /// Takes the next word.
    pub(super) fn word(&mut self, expected: &str) -> Result<Word<'a>, ScriptError> {
        let text = self.peek();
        let offset = self.offset;
        if text.is_empty() {
            return Err(self.error(offset, expected, text));
        }
        self.offset += text.len();
        Ok(Word { text, offset })
    }

    /// Takes the next word if it is `word`.
    pub(super) fn accept(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        if found {
            self.offset += word.len();
        }
        found
    }

    /// Takes the next word, which must be `word`.
    pub(super) fn require(&mut self, word: &str) -> Result<(), ScriptError> {
        if self.accept(word) {
            return Ok(());
        }
        let found = self.peek();
        Err(self.error(self.offset, &format!("`{word}`"), found))
    }

    /// Takes the next word and lets `read` make a value of it.
    pub(super) fn take<T>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ScriptError> {
        let word = self.word(expected)?;
        read(word.text).ok_or_else(|| self.error(word.offset, expected, word.text))
    }

    /// Takes everything up to the end of the line, without the space around it.
    pub(super) fn rest(&mut self) -> &'a str {
        let rest = self.remaining().trim();
        self.offset = self.text.len();
        rest
    }

    /// What is left, as it stands.
    pub(super) fn remaining(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or("")
    }

    /// Moves on by `count` bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.offset += count;
    }

    /// Nothing may be left.
    pub(super) fn finish(&mut self, expected: &str) -> Result<(), ScriptError> {
        if self.at_end() {
            return Ok(());
        }
        let found = self.peek();
        Err(self.error(self.offset, expected, found))
    }

    /// The error for finding `found` at `offset` where `expected` should stand.
    pub(super) fn error(&self, offset: usize, expected: &str, found: &str) -> ScriptError {
        let found = if found.is_empty() { "the end of the line".to_owned() } else { format!("`{found}`") };
        self.fault(offset, format_args!("expected {expected}, found {found}"))
    }

    /// An error that is not about a missing word.
    pub(super) fn fault(&self, offset: usize, message: impl fmt::Display) -> ScriptError {
        let column = self.text.get(..offset).unwrap_or(self.text).chars().count() + 1;
        ScriptError { line: self.line, column, message: message.to_string() }
    }
}

/// A number without sign; `from_str` alone would let a plus pass.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// Seconds with up to nine decimals, up to 10^9 s.
pub(super) fn seconds(text: &str) -> Option<Span> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_ok = fraction.is_none_or(|part| (1..=9).contains(&part.len()) && digits_only(part));
    if !fraction_ok || !digits_only(whole) || (whole.is_empty() && fraction.is_none()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos: i64 = format!("{:0<9}", fraction.unwrap_or("0")).parse().ok()?;
    let span = Span::from_nanos(whole.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?);
    (span <= Span::from_secs(1_000_000_000)).then_some(span)
}

/// The word of a closed list that `text` is.
pub(super) fn one_of(words: &[&'static str], text: &str) -> Option<&'static str> {
    words.iter().copied().find(|word| *word == text)
}

/// An even number of hexadecimal digits.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// The line up to a `#` that stands outside double quotes.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in line.char_indices() {
        match letter {
            '#' if !quoted => return line.get(..at).unwrap_or(line),
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_strict() {
        assert_eq!(seconds("90.003"), Some(Span::from_millis(90_003)));
        assert_eq!(seconds(".000000001"), Some(Span::from_nanos(1)));
        for wrong in ["", ".", "1.", "+1", "-1", "1.0000000001", "1e3", "1000000001", "1.2.3"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn comments_end_at_quotes_only_outside_them() {
        assert_eq!(without_comment(r#"a "x # \" # y" b # c"#), r#"a "x # \" # y" b "#);
    }
}
