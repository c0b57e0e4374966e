//! Text in HTML, made harmless, for content of elements and for quoted values of attributes.

use super::escaped;

/// The text on one line.
#[must_use]
pub fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for char in escaped(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_closes_an_element_or_an_attribute() {
        assert_eq!(inline("a</p><script>\"'&\u{202e}"), "a&lt;/p&gt;&lt;script&gt;&quot;&#39;&amp;\\u{202e}");
    }
}
