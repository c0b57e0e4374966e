//! Text in GitHub's and GitLab's Markdown (CommonMark 0.31 with their extensions), made harmless.
//!
//! Backslashes and character references keep a parser from seeing markup, but not what the sites look for in the finished
//! text: mentions, references to issues and commits, addresses to turn into links, short names of emoji. They look nowhere in
//! code. So a word that holds anything of the kind stands as code, and every other word as it is.

use std::fmt::Write;

use super::escaped;

/// The text on one line, for anywhere in a paragraph, a list or a cell of a table.
#[must_use]
pub fn inline(text: &str) -> String {
    let text = escaped(text);
    // No more than one space: four of them would begin a block of code, two at an end would break the line.
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let mut safe = String::with_capacity(text.len() + 16);
    for (place, word) in words.iter().enumerate() {
        if place > 0 {
            safe.push(' ');
        }
        let (before, core, after) = punctuation(word);
        if is_plain(core) && !(place == 0 && begins_block(word)) {
            safe.push_str(word);
        } else {
            safe.push_str(before);
            safe.push_str(&code(core));
            safe.push_str(after);
        }
    }
    safe
}

/// The text as code, for anywhere in a paragraph, a list or a cell of a table.
///
/// A vertical bar ends a cell of a table even in code, so each stands outside, behind a backslash.
#[must_use]
pub fn code(text: &str) -> String {
    let text = escaped(text);
    let mut safe = String::with_capacity(text.len() + 2);
    for (place, part) in text.split('|').enumerate() {
        if place > 0 {
            safe.push_str("\\|");
        }
        if !part.is_empty() {
            push_span(&mut safe, part);
        }
    }
    safe
}

/// The text as a block of code. Line ends stay, other control characters are written out.
#[must_use]
pub fn block(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let mut safe = format!("{fence}\n");
    for line in text.lines() {
        let _ = writeln!(safe, "{}", escaped(line));
    }
    safe.push_str(&fence);
    safe
}

/// A span of code (CommonMark 6.1): a run of backticks longer than any within, and a space where the text touches them.
fn push_span(safe: &mut String, text: &str) {
    let fence = "`".repeat(longest_run(text) + 1);
    let touches = text.starts_with('`') || text.ends_with('`') || (text.starts_with(' ') && text.ends_with(' '));
    let space = if touches { " " } else { "" };
    let _ = write!(safe, "{fence}{space}{text}{space}{fence}");
}

/// Backticks in the longest run of them.
fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or_default()
}

/// A word without the punctuation of the sentence around it.
fn punctuation(word: &str) -> (&str, &str, &str) {
    let core = word.trim_start_matches('(');
    let (before, _) = word.split_at_checked(word.len() - core.len()).unwrap_or(("", word));
    let inner = core.trim_end_matches([')', ',', '.', ';', ':']);
    let (inner, after) = core.split_at_checked(inner.len()).unwrap_or((core, ""));
    (before, inner, after)
}

/// Whether a word can stand in a sentence as it is.
fn is_plain(word: &str) -> bool {
    let is_letter = |char: char| char.is_alphanumeric() || "-_./+%,;:()'\"?→".contains(char);
    word.chars().all(is_letter)
        && !word.starts_with('_')
        && !word.ends_with('_')
        && !is_address(word)
        && !is_reference(word)
}

/// What is turned into a link without any markup: `scheme:...` and `www.`.
fn is_address(word: &str) -> bool {
    let lower = word.to_lowercase();
    let has_scheme = lower.match_indices(':').any(|(at, _)| {
        let (scheme, rest) = lower.split_at_checked(at).unwrap_or_default();
        scheme.ends_with(|char: char| char.is_alphabetic()) && !rest.trim_start_matches(':').is_empty()
    });
    has_scheme || lower.contains("www.") || lower.contains("//")
}

/// What the sites read as a commit (seven hexadecimal digits and more), as `GH-1`, or as a percent reference of GitLab.
fn is_reference(word: &str) -> bool {
    let runs = word.split(|char: char| !char.is_ascii_alphanumeric());
    let is_commit = |run: &str| {
        let is_hex = run.len() >= 7 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let mut runs = runs;
    word.contains('%') && !word.trim_end_matches('%').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || word.to_uppercase().contains("GH-")
        || runs.any(is_commit)
}

/// Whether a word at the beginning of a line would begin a block, or a command of GitLab.
fn begins_block(word: &str) -> bool {
    let digits = word.trim_start_matches(|char: char| char.is_ascii_digit());
    let is_numbered = digits.len() < word.len() && (digits == "." || digits == ")");
    is_numbered || word.starts_with(['-', '+', '/', '=', '_', ':']) || word.starts_with("...")
}
