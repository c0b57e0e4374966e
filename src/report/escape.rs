//! Text that came from packets, files or file names, made harmless: here for a terminal and in JSON, below for the markups.

pub mod csv;
pub mod html;
pub mod jira;
pub mod markdown;

use std::fmt::{self, Display, Formatter, Write};

/// Displays a text with every character that could steer a terminal or reorder a line written out: `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, hostile)) = rest.char_indices().find(|(_, char)| is_hostile(*char)) {
            let (harmless, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            f.write_str(harmless)?;
            write!(f, "{}", hostile.escape_unicode())?;
            let mut chars = from.chars();
            chars.next();
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

/// The text with hostile characters written out.
#[must_use]
pub fn escaped(text: &str) -> String {
    Escaped(text).to_string()
}

/// Whether a character can do something to a terminal beside standing there: the control characters C0, DEL and C1, the
/// line and paragraph separators, what changes the direction of the text around it (Unicode UAX 9), and what is invisible.
#[must_use]
pub const fn is_hostile(char: char) -> bool {
    matches!(char,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Writes the hostile characters of JSON text as escapes; `serde_json` by itself does so up to U+001F only.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonFormatter;

impl serde_json::ser::Formatter for JsonFormatter {
    fn write_string_fragment<W: std::io::Write + ?Sized>(&mut self, out: &mut W, text: &str) -> std::io::Result<()> {
        if !text.contains(is_hostile) {
            return out.write_all(text.as_bytes());
        }
        let mut safe = String::with_capacity(text.len() + 16);
        for char in text.chars() {
            // Every hostile character lies in the basic plane: one escape of four digits.
            let written =
                if is_hostile(char) { write!(safe, "\\u{:04x}", u32::from(char)) } else { safe.write_char(char) };
            written.map_err(std::io::Error::other)?;
        }
        out.write_all(safe.as_bytes())
    }
}

/// Writes `value` as JSON on one line, without a line end.
///
/// # Errors
/// Whatever `out` returns.
pub fn write_json(out: &mut impl std::io::Write, value: &impl serde::Serialize) -> std::io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, JsonFormatter);
    Ok(value.serialize(&mut serializer)?)
}

/// `value` as JSON on one line.
#[must_use]
pub fn json(value: &impl serde::Serialize) -> String {
    let mut out = Vec::new();
    // Values of the report and of templates can all be written; a template's function cannot, and is null.
    match write_json(&mut out, value) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(escaped("a\u{1b}[31mred"), "a\\u{1b}[31mred");
        assert_eq!(escaped("GET /\r\nX\u{7f}\u{9b}2J"), "GET /\\u{d}\\u{a}X\\u{7f}\\u{9b}2J");
        assert_eq!(escaped("user\u{202e}gnp.exe\u{2066}"), "user\\u{202e}gnp.exe\\u{2066}");
        assert_eq!(escaped("Größe 90 s → 漢字"), "Größe 90 s → 漢字");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn json_keeps_the_value_and_hides_the_controls() {
        let mut out = Vec::new();
        write_json(&mut out, &"\u{1b}[0m\u{9b}\u{7f}\u{202e}\"\\ü").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#""\u001b[0m\u009b\u007f\u202e\"\\ü""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "\u{1b}[0m\u{9b}\u{7f}\u{202e}\"\\ü");
    }

    proptest! {
        #[test]
        fn nothing_hostile_comes_through(text in "\\PC*|[\\x00-\\u{2070}]*") {
            prop_assert!(!escaped(&text).contains(is_hostile));
            let mut out = Vec::new();
            write_json(&mut out, &text).unwrap();
            let json = String::from_utf8(out).unwrap();
            prop_assert!(!json.contains(is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
