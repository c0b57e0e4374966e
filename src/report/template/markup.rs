//! The markups that a template may be in, and what makes a value harmless in each.

use std::borrow::Cow;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, State};

use crate::report::escape::{csv, escaped, html, jira, json, markdown};
use crate::report::units::plural;

/// What a template is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// Plain text, for a terminal or a mail.
    Text,
    /// Markdown of GitHub and GitLab.
    Markdown,
    /// Wiki markup of Jira.
    Jira,
    /// HTML or XML.
    Html,
    /// JSON: values come with their quotes.
    Json,
    /// CSV: values are cells.
    Csv,
}

impl Markup {
    const ALL: [Self; 6] = [Self::Text, Self::Markdown, Self::Jira, Self::Html, Self::Json, Self::Csv];

    /// What the end of a file's name tells, behind which `.j2` or `.jinja` may stand; plain text where it tells nothing.
    #[must_use]
    pub fn of_file(name: &str) -> Self {
        let name = name.to_lowercase();
        let ending = |name: &'_ str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).unwrap_or_default();
        let bare = [".j2", ".jinja", ".jinja2"].into_iter().find_map(|last| name.strip_suffix(last)).unwrap_or(&name);
        match ending(bare).as_str() {
            "md" | "markdown" => Self::Markdown,
            "jira" | "wiki" => Self::Jira,
            "html" | "htm" | "xhtml" | "xml" | "svg" => Self::Html,
            "json" | "jsonl" => Self::Json,
            "csv" => Self::Csv,
            _ => Self::Text,
        }
    }

    /// What the template is in at the moment: `{% autoescape "jira" %}` changes it for a part.
    pub(super) fn of(state: &State<'_, '_>) -> Self {
        match state.auto_escape() {
            AutoEscape::Custom(name) => {
                Self::ALL.into_iter().find(|markup| markup.name() == name).unwrap_or(Self::Text)
            }
            AutoEscape::Html => Self::Html,
            AutoEscape::Json => Self::Json,
            _ => Self::Text,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Jira => "jira",
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// The text on one line.
    pub(super) fn inline(self, text: &str) -> String {
        match self {
            Self::Text => escaped(text),
            Self::Markdown => markdown::inline(text),
            Self::Jira => jira::inline(text),
            Self::Html => html::inline(text),
            Self::Json => json(&text),
            Self::Csv => csv::cell(text),
        }
    }

    /// The text on one line, as something to copy.
    pub(super) fn code(self, text: &str) -> String {
        match self {
            Self::Markdown => markdown::code(text),
            Self::Jira => format!("{{{{{}}}}}", jira::inline(text)),
            Self::Html => format!("<code>{}</code>", html::inline(text)),
            _ => self.inline(text),
        }
    }

    /// Lines to copy.
    pub(super) fn block(self, text: &str) -> String {
        match self {
            Self::Text => text.lines().map(|line| format!("    {}", escaped(line))).collect::<Vec<_>>().join("\n"),
            Self::Markdown => markdown::block(text),
            Self::Jira => jira::block(text),
            Self::Html => {
                let lines: Vec<_> = text.lines().map(html::inline).collect();
                format!("<pre>{}</pre>", lines.join("\n"))
            }
            _ => self.inline(text),
        }
    }

    /// What stands between two lines of one cell.
    pub(super) const fn line_break(self) -> &'static str {
        match self {
            Self::Markdown | Self::Html => "<br>",
            Self::Jira => " \\\\ ",
            _ => "; ",
        }
    }
}

/// A value as it is printed, cut to the `longest` text.
pub(super) fn printed(markup: Markup, value: &Value, longest: usize) -> String {
    match (markup, value.kind()) {
        _ if value.is_safe() => value.to_string(),
        (Markup::Json, _) => json(value),
        (_, ValueKind::Number | ValueKind::Bool) => value.to_string(),
        _ => markup.inline(&cut(&value.to_string(), longest)),
    }
}

/// The first `longest` characters of a text, and how many were left out.
pub(super) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => Cow::Borrowed(text),
        Some((at, _)) => {
            let (kept, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            Cow::Owned(format!("{kept}... ({} left out)", plural(rest.chars().count() as u64, "character")))
        }
    }
}
