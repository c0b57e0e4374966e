//! Lines of text on a page of a certain width.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::report::units;

const STRONG: Style = Style::new().bold();
const HEADING: Style = Style::new().bold().underline();

/// Words of the report that have a colour, the longer before those they begin with.
const COLORED: [(&str, Style); 19] = [
    ("idle-reset-next", RED),
    ("idle-reset", RED),
    ("idle-drop", RED),
    ("idle-close", RED),
    ("half-closed-timeout", RED),
    ("keepalive-exhausted", RED),
    ("retransmission-exhausted", RED),
    ("zero-window-stall", YELLOW),
    ("close-race", YELLOW),
    ("age-limit", YELLOW),
    ("endpoint-abort", YELLOW),
    ("endpoint-no-socket", YELLOW),
    ("injected-reset", RED),
    ("refused", YELLOW),
    ("graceful", GREEN),
    ("inconclusive", YELLOW),
    ("[high]", RED),
    ("[medium]", YELLOW),
    ("[low]", GREEN),
];
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();

/// Where the report is written to.
pub(super) struct Page<'a, W> {
    out: &'a mut W,
    width: u16,
    color: bool,
}

impl<'a, W: Write> Page<'a, W> {
    pub(super) fn new(out: &'a mut W, width: u16, color: bool) -> Self {
        Self { out, width, color }
    }

    pub(super) fn width(&self) -> u16 {
        self.width
    }

    /// A heading, with an empty line before it.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.styled(HEADING, text)
    }

    /// Wrapped text that stands out.
    pub(super) fn strong(&mut self, text: &str) -> io::Result<()> {
        for line in wrap(text, self.width as usize) {
            self.styled(STRONG, &line)?;
        }
        Ok(())
    }

    /// Text behind a label. Where it does not fit, it goes on below, set in as far as the label's own indent and two more.
    pub(super) fn paragraph(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = label.len() - label.trim_start().len();
        let indent = if label.trim().is_empty() { indent } else { indent + 2 };
        let first_width = (self.width as usize).saturating_sub(label.chars().count());
        let mut rest = String::new();
        for (at, line) in wrap(text, first_width).into_iter().enumerate() {
            if at == 0 {
                self.line(&format!("{label}{line}"))?;
            } else {
                rest.push_str(&line);
                rest.push(' ');
            }
        }
        let width = (self.width as usize).saturating_sub(indent);
        wrap(&rest, width).iter().try_for_each(|line| self.line(&format!("{:indent$}{line}", "")))
    }

    /// One line as it is, its known words coloured.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        let text = text.trim_end();
        if !self.color {
            return writeln!(self.out, "{text}");
        }
        let mut rest = text;
        while let Some((before, word, style, after)) = next_colored(rest) {
            write!(self.out, "{before}{style}{word}{style:#}")?;
            rest = after;
        }
        writeln!(self.out, "{rest}")
    }

    /// Says how many things the limit has hidden, if it has.
    pub(super) fn more(&mut self, hidden: usize, noun: &str) -> io::Result<()> {
        if hidden == 0 {
            return Ok(());
        }
        self.line(&format!("{} more; --limit 0 shows all.", units::plural(hidden as u64, noun)))
    }

    fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        if self.color { writeln!(self.out, "{style}{text}{style:#}") } else { writeln!(self.out, "{text}") }
    }
}

/// The first word in `text` that has a colour, with what stands before and after it.
fn next_colored(text: &str) -> Option<(&str, &'static str, Style, &str)> {
    let found = COLORED.iter().filter_map(|(word, style)| Some((text.find(word)?, *word, *style)));
    // Of those that begin at the same place the first in the list, which is the longest.
    let (at, word, style) = found.min_by_key(|(at, ..)| *at)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, word, style, rest.strip_prefix(word)?))
}

/// Breaks text at its spaces into lines of at most `width` characters. Longer words stay whole, and so does a number with
/// its unit: `90.0 s`.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let (word, after) = rest.split_at_checked(word_len(rest)).unwrap_or((rest, ""));
        rest = after.trim_ascii_start();
        let len = word.chars().count();
        match lines.last_mut() {
            Some(line) if used + 1 + len <= width => {
                line.push(' ');
                line.push_str(word);
                used += 1 + len;
            }
            _ => {
                lines.push(word.to_owned());
                used = len;
            }
        }
    }
    lines
}

/// Bytes of the first word, with the unit behind it if it is a number of seconds.
fn word_len(text: &str) -> usize {
    let len = |text: &str| text.find(|char: char| char.is_ascii_whitespace()).unwrap_or(text.len());
    let first = len(text);
    let (word, rest) = text.split_at_checked(first).unwrap_or((text, ""));
    let unit = rest.strip_prefix(' ').unwrap_or_default();
    let unit = unit.get(..len(unit)).unwrap_or_default();
    let is_seconds = unit.strip_prefix('s').is_some_and(|end| !end.starts_with(char::is_alphanumeric));
    if is_seconds && word.ends_with(|char: char| char.is_ascii_digit()) { first + 1 + unit.len() } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(color: bool, write: impl FnOnce(&mut Page<'_, Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, 20, color)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_wraps_below_its_label() {
        let text = page(false, |page| page.paragraph("  nginx: ", "turn keepalive on and reload"));
        assert_eq!(text, "  nginx: turn\n    keepalive on and\n    reload\n");
        let text = page(false, |page| page.paragraph("  ", "one two three four five"));
        assert_eq!(text, "  one two three four\n  five\n");
        assert_eq!(wrap("silent for 90.0 s, then", 13), ["silent for", "90.0 s, then"]);
        assert_eq!(wrap("  2 seconds\n of it ", 3), ["2", "seconds", "of", "it"]);
        assert_eq!(wrap("a-word-longer-than-the-line b", 5), ["a-word-longer-than-the-line", "b"]);
    }

    #[test]
    fn colour_changes_no_word() {
        let text = page(true, |page| page.line("1 idle-reset-next, 2 idle-reset"));
        assert!(
            text.contains("\u{1b}[31midle-reset-next\u{1b}[0m") || text.contains("idle-reset-next\u{1b}[0m"),
            "{text:?}"
        );
        let mut plain = String::new();
        let mut in_escape = false;
        for char in text.chars() {
            match char {
                '\u{1b}' => in_escape = true,
                'm' if in_escape => in_escape = false,
                _ if !in_escape => plain.push(char),
                _ => {}
            }
        }
        assert_eq!(plain, "1 idle-reset-next, 2 idle-reset\n");
    }
}
