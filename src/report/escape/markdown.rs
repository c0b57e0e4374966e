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
        if !is_plain(core) {
            safe.push_str(before);
            safe.push_str(&code(core));
            safe.push_str(after);
        } else if place == 0 {
            safe.push_str(&at_start(word));
        } else {
            safe.push_str(word);
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
    let is_sign = |char: char| "-_./+%,;:()'\"?→".contains(char);
    let chars_are_plain = word.chars().all(|char| char.is_alphanumeric() || is_sign(char));
    chars_are_plain && !is_emphasis(word) && !is_address(word) && !is_reference(word)
}

/// Whether an underscore could mark emphasis, which it does not between letters (CommonMark 6.2), or a colon an emoji.
fn is_emphasis(word: &str) -> bool {
    let chars: Vec<char> = word.chars().collect();
    let is_letter = |char: Option<&char>| char.is_some_and(|char| char.is_alphanumeric());
    let loose = |(place, _): (usize, &char)| {
        !is_letter(chars.get(place + 1)) || !is_letter(place.checked_sub(1).and_then(|place| chars.get(place)))
    };
    word.starts_with(':') || chars.iter().enumerate().filter(|(_, char)| **char == '_').any(loose)
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

/// A word at the beginning of a line, with a backslash where it would begin a block, or a command of GitLab.
fn at_start(word: &str) -> String {
    let digits = word.len() - word.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let (number, rest) = word.split_at_checked(digits).unwrap_or(("", word));
    let is_item = digits > 0 && (rest == "." || rest == ")");
    let is_block = digits == 0 && rest.starts_with(['-', '+', '/', '.', '_']);
    let backslash = if is_item || is_block { "\\" } else { "" };
    format!("{number}{backslash}{rest}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// What a second implementation of CommonMark shows, if it is one paragraph of text and code.
    fn shown(markdown: &str) -> Result<String, String> {
        let mut shown = String::new();
        for event in Parser::new_ext(markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
            match event {
                Event::Text(text) | Event::Code(text) => shown.push_str(&text),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(shown)
    }

    #[test]
    fn words_of_the_report_stay_as_they_are() {
        let sentence = "2 of 4 flows to 203.0.113.80:80 died of silence: 90.0 s (5m50s), 12.5 % late; the first: GET /a/b.html?x \
                        (host reports.example) by net.ipv4.tcp_keepalive_time, RFC 9293 3.8.4 (MUST).";
        assert_eq!(inline(sentence), sentence);
        assert_eq!(inline("[2001:db8::1]:443"), "`[2001:db8::1]:443`");
    }

    #[test]
    fn what_means_something_is_code() {
        assert_eq!(inline("by @root, see #1."), "by `@root`, see `#1`.");
        assert_eq!(inline("GET http://x/ (www.x)"), "GET `http://x/` (`www.x`)");
        assert_eq!(inline("a|b `c` ``"), "`a`\\|`b` `` `c` `` ``` `` ```");
        assert_eq!(inline("_x_ a_b __init__ (_y_)z"), "`_x_` a_b `__init__` (`_y_)z`");
        assert_eq!(inline("commit deadbeef1 of GH-7 :smile:"), "commit `deadbeef1` of `GH-7` `:smile`:");
        assert_eq!(inline("- x"), "\\- x");
        assert_eq!(inline("/close"), "\\/close");
        assert_eq!(inline("1. x"), "1\\. x");
        assert_eq!(inline("a\nb"), "`a\\u{a}b`");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(block("a\n````\nb"), "`````\na\n````\nb\n`````");
        assert_eq!(block("x\u{1b}"), "```\nx\\u{1b}\n```");
    }

    proptest! {
        /// Whatever the text, it comes out as text and code, spaces aside unchanged.
        #[test]
        fn a_parser_sees_text_and_code_alone(text in "\\PC{0,20}|[ a-z0-9_*`|<>\\[\\]()!@#$&~:/\\\\.+=^-]{0,30}") {
            let one_space = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            for markdown in [inline(&text), code(&text)] {
                let shown = shown(&markdown);
                prop_assert!(shown.is_ok(), "{text:?} {markdown:?}: {shown:?}");
                prop_assert_eq!(one_space(&shown.unwrap()), one_space(&escaped(&text)), "{}", markdown);
            }
        }

        #[test]
        fn a_block_is_one_block(text in "[a`~\n <>#-]{0,30}") {
            let block = block(&text);
            let events: Vec<_> = Parser::new_ext(&block, Options::all()).collect();
            let is_block = matches!(events.first(), Some(Event::Start(Tag::CodeBlock(_))))
                && matches!(events.last(), Some(Event::End(TagEnd::CodeBlock)));
            prop_assert!(is_block && events.iter().filter(|event| matches!(event, Event::Start(_))).count() == 1, "{:?}", events);
        }
    }
}
