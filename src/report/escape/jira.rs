//! Text in Jira's wiki markup, made harmless.
//!
//! What could be markup stands as a numeric character reference, which the renderer passes through and nothing else reads
//! (Atlassian, Text Formatting Notation: "Advanced Formatting"). Backslashes would do for most signs, but two of them are a
//! line break and one before a bar does not keep it from ending a cell.

use std::fmt::Write;

use super::escaped;

/// The text on one line, for anywhere in a paragraph, a list or a cell of a table.
#[must_use]
pub fn inline(text: &str) -> String {
    let text = escaped(text);
    let chars: Vec<char> = text.chars().collect();
    let mut safe = String::with_capacity(text.len() + 16);
    for (place, char) in chars.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| chars.get(place)).copied();
        let after = chars.get(place + 1..).unwrap_or_default();
        if is_markup(before, *char, after) {
            let _ = write!(safe, "&#{};", u32::from(*char));
        } else {
            safe.push(*char);
        }
    }
    safe
}

/// The text as a block that is shown as it is. Line ends stay, other control characters are written out.
#[must_use]
pub fn block(text: &str) -> String {
    let mut safe = "{noformat}\n".to_owned();
    for line in text.lines() {
        // Nothing else ends the block, and within it there is no way to write a brace otherwise.
        let _ = writeln!(safe, "{}", escaped(line).replace("{noformat", "{ noformat"));
    }
    safe.push_str("{noformat}");
    safe
}

fn is_markup(before: Option<char>, char: char, after: &[char]) -> bool {
    let next = after.first().copied();
    let is_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    match char {
        '{' | '}' | '[' | ']' | '|' | '\\' | '!' | '@' | '#' | '&' | '<' | '>' | '^' | '~' | '*' | '+' => true,
        // Inside of a word they mark nothing; a key of an issue has capitals before its hyphen and a number behind it.
        '_' => !(is_word(before) && is_word(next)),
        '-' => {
            let is_key =
                before.is_some_and(|char| char.is_uppercase()) && next.is_some_and(|char| char.is_ascii_digit());
            is_key || !(is_word(before) && is_word(next))
        }
        '?' => before == Some('?') || next == Some('?'),
        // Addresses (`http://`, `mailto:x`) and faces; a port or the end of a clause is neither.
        ':' | ';' => next.is_some_and(|next| !next.is_ascii_digit() && next != ' '),
        '(' => after.iter().take(6).take_while(|char| **char != ' ').any(|char| *char == ')'),
        // `h1. ` and `bq. ` begin a block.
        '.' => next == Some(' ') && before.is_some_and(|char| char.is_ascii_digit() || char == 'q'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_the_report_stay_as_they_are() {
        let sentence = "2 of 4 flows to 203.0.113.80:80 died of silence: 90.0 s (5m50s ago), 12.5 % late; GET /a/b.html?x (host \
                        reports.example) by net.ipv4.tcp_keepalive_time, idle-reset, RFC 9293 3.8.4.";
        assert_eq!(inline(sentence), sentence);
    }

    #[test]
    fn what_means_something_is_a_reference() {
        assert_eq!(inline("{color}"), "&#123;color&#125;");
        assert_eq!(inline("[~root] !x.png!"), "&#91;&#126;root&#93; &#33;x.png&#33;");
        assert_eq!(inline("http://x mailto:a"), "http&#58;//x mailto&#58;a");
        assert_eq!(inline("OPS-17 -gone- _x_ a_b"), "OPS&#45;17 &#45;gone&#45; &#95;x&#95; a_b");
        assert_eq!(inline("h1. x"), "h1&#46; x");
        assert_eq!(inline("a|b\\\\c (y) :D"), "a&#124;b&#92;&#92;c &#40;y) &#58;D");
        assert_eq!(inline("??q??"), "&#63;&#63;q&#63;&#63;");
    }

    #[test]
    fn nothing_within_ends_a_block() {
        assert_eq!(block("a{noformat}b\n{c}"), "{noformat}\na{ noformat}b\n{c}\n{noformat}");
    }

    proptest! {
        #[test]
        fn nothing_that_opens_markup_is_left(text in "\\PC{0,20}|[ a-zA-Z0-9_*|{}\\[\\]()!@#&~:;/\\\\.+^?-]{0,30}") {
            let safe = inline(&text);
            prop_assert!(!safe.contains(['{', '}', '[', ']', '|', '\\', '!', '@', '<', '>', '^', '~', '*', '+']), "{}", safe);
            prop_assert!(!safe.contains("://") && !safe.contains("??"));
            // The references name the characters that were there.
            let mut back = safe.clone();
            for char in "{}[]|\\!@#<>^~*+_-?:;(.&".chars() {
                back = back.replace(&format!("&#{};", u32::from(char)), &char.to_string());
            }
            prop_assert_eq!(back, escaped(&text));
        }
    }
}
