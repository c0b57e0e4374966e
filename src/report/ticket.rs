//! The report as a ticket: Markdown for GitHub and GitLab, wiki markup for Jira, and a short form for chat.
//!
//! The forms are templates of the same kind as a user's own.

use std::io::{self, Write};

use super::model::{Flows, Report};
use super::phrases;
use super::selection::{Selection, Wanted};
use super::template::{self, Shown, Style, Template, TemplateError};
use super::units::TimeFormat;

/// The markup of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Plain text, in the short form alone.
    Text,
    /// GitHub and GitLab.
    Markdown,
    /// Jira.
    Jira,
}

/// How a ticket looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketOptions {
    /// Its markup.
    pub form: Form,
    /// Whether to be brief.
    pub brief: bool,
    /// Which flows are listed; its limit holds for findings, services and files too.
    pub wanted: Wanted,
    /// How times are shown.
    pub time: TimeFormat,
}

/// How much of everything is shown, until the ticket is short enough: items, and characters of each text. The last of them
/// fits whatever the report holds, since it shows a bounded number of texts.
const SIZES: [(usize, usize); 7] =
    [(usize::MAX, 4_000), (20, 4_000), (10, 2_000), (5, 1_000), (3, 500), (1, 200), (1, 50)];

impl TicketOptions {
    /// The template, its name and the characters that its result may have.
    const fn template(&self) -> (&'static str, &'static str, usize) {
        match (self.form, self.brief) {
            // Chats cut messages at 4,000 characters or soon after (Slack, Telegram, Discord with less).
            (Form::Text, _) => ("brief.txt", include_str!("ticket/brief.txt.j2"), 3_500),
            (Form::Markdown, true) => ("brief.md", include_str!("ticket/brief.md.j2"), 3_500),
            (Form::Jira, true) => ("brief.jira", include_str!("ticket/brief.jira.j2"), 3_500),
            // GitHub, Gitea and Bitbucket take about 65,000, GitLab a million.
            (Form::Markdown, false) => ("report.md", include_str!("ticket/report.md.j2"), 60_000),
            // Jira takes 32,767 unless told otherwise (jira.text.field.character.limit).
            (Form::Jira, false) => ("report.jira", include_str!("ticket/report.jira.j2"), 30_000),
        }
    }
}

/// Writes the ticket. What it has no room for is named.
///
/// # Errors
/// Whatever `out` returns.
pub fn render(report: &Report, flows: &impl Flows, options: &TicketOptions, out: &mut impl Write) -> io::Result<()> {
    let mut text = String::new();
    for (items, longest) in SIZES {
        let most = options.wanted.most().min(items);
        text = rendered(report, flows, options, most, longest).map_err(io::Error::other)?;
        let (.., room) = options.template();
        if text.chars().count() <= room {
            break;
        }
    }
    out.write_all(text.as_bytes())
}

/// The ticket with `most` of everything and no text longer than `longest`.
fn rendered(
    report: &Report,
    flows: &impl Flows,
    options: &TicketOptions,
    most: usize,
    longest: usize,
) -> Result<String, TemplateError> {
    // A thousand rows do not fit, however short.
    let limit = u32::try_from(most.min(1_000)).unwrap_or(u32::MAX);
    let selection = Selection::new(report, flows, Wanted { limit, ..options.wanted });
    let clock = phrases::clock(report, options.time);
    let (name, source, _) = options.template();
    let context = template::report(report, Shown::selected(&selection), most, &clock);
    let mut out = Vec::new();
    Template::parse(name, source.to_owned())?.render(context, Style { clock, longest }, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests;
