//! What the report is to hold, and its form.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::input::SourceArgs;
use super::output::{GeneralArgs, TimeArgs, WidthArgs, named};
use super::surroundings::Surroundings;
use super::{Refusal, usage};
use crate::commands::analyze::{self, TemplateOptions, Wanted};
use crate::commands::output::Target;
use crate::commands::script;
use crate::report::html::HtmlOptions;
use crate::report::json::JsonOptions;
use crate::report::text::TextOptions;
use crate::report::ticket::{Form, TicketOptions};
use crate::report::{Listed, selection};
use crate::time::Span;
use crate::timeouts::parse_duration;
use crate::verdict::VerdictId;
use crate::verdict::advice::Stack;

#[derive(Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportArgs {
    /// The form of the report [default: text]
    #[arg(long, value_enum, hide_default_value = true)]
    pub(super) format: Option<ReportFormat>,
    /// A short form for chat, in text, Markdown or Jira's markup
    #[arg(long)]
    pub(super) brief: bool,
    /// The report through a template of your own (MiniJinja); the end of its name says what to escape for: .md, .html, ...
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub(super) template: Option<PathBuf>,
    /// Write another form of the report to a file, in the same run; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = extra)]
    pub(super) report: Vec<(ReportFormat, PathBuf)>,
    /// Which flows are listed [default: all in JSON and CSV, matter elsewhere]
    #[arg(long, value_enum)]
    pub(super) flows: Option<Listed>,
    /// Flows shown in text, Markdown and Jira's markup, 0 for no limit [default: 20]; in HTML as many, and timelines [1000, 100]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u32>,
    /// Hide gaps shorter than this (90, 1.5s, 5m50s), and in text the flows without a longer one; verdicts stay
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) min_gap: Option<Span>,
    /// A table of timeouts of your own, merged over the built-in one
    ///
    /// Without the option it is looked for where IDLEGAP_TIMEOUTS says, then in idlegap/timeouts.toml below
    /// XDG_CONFIG_HOME or ~/.config.
    #[arg(long, value_name = "FILE")]
    pub(super) timeouts: Option<PathBuf>,
    /// Say whether the capture agrees that the path goes through this box: the id of a row, as `idlegap timeouts` lists them
    #[arg(long, value_name = "ID")]
    pub(super) assume: Option<String>,
    /// Advice for this stack only, beside what holds for all [default: what the capture suggests]
    #[arg(long, value_name = "NAME", value_parser = stacks())]
    pub(super) stack: Option<String>,
    /// End with exit code 1 if a flow has one of these verdicts
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdicts())]
    pub(super) fail_on: Vec<String>,
    /// Flows held at most, to bound memory: what leaves is counted, closed ones first [default: all; live: 500000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_flows: Option<u32>,
    /// Write this flow as a packet script instead of the report: renumbered, without payload, ready to be a test
    #[arg(long, value_name = "FLOW", conflicts_with = "format")]
    pub(super) emit_script: Option<u32>,
    /// When to use colour; `auto` heeds NO_COLOR, CLICOLOR_FORCE and TERM=dumb [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(super) color: Option<When>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// JSON lines, one object for each capture, flow, service and finding
    Jsonl,
    /// The flows as a table for spreadsheets
    Csv,
    /// A ticket for GitHub and GitLab
    Markdown,
    /// A ticket for Jira, in its wiki markup
    Jira,
    /// One page with pictures, complete in itself
    Html,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The closed list of verdicts.
pub(super) fn verdicts() -> PossibleValuesParser {
    PossibleValuesParser::new(VerdictId::ALL.iter().map(|id| id.name()))
}

/// The stacks that there is advice for.
pub(super) fn stacks() -> PossibleValuesParser {
    PossibleValuesParser::new(Stack::ALL.iter().map(|stack| stack.name()))
}

pub(super) fn duration(text: &str) -> Result<Span, &'static str> {
    parse_duration(text).ok_or("a duration is written as 90, 1.5s, 5m50s or 2h")
}

/// `FORMAT=FILE`.
fn extra(text: &str) -> Result<(ReportFormat, PathBuf), String> {
    let known = || {
        let values = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let (format, file) =
        text.split_once('=').ok_or_else(|| "write FORMAT=FILE, as in markdown=ticket.md".to_owned())?;
    let format = ReportFormat::from_str(format, false)
        .map_err(|_| format!("there is no format {format:?}; known are {}", known()))?;
    if file.is_empty() { Err("name a file behind the =".to_owned()) } else { Ok((format, file.into())) }
}

impl ReportArgs {
    /// Whether what goes to `target` is coloured.
    pub(super) fn wants_color(&self, target: &Target, surroundings: &Surroundings) -> bool {
        match self.color.unwrap_or_default() {
            When::Auto => surroundings.wants_color(target),
            When::Always => true,
            When::Never => false,
        }
    }

    /// Whether the form of the report was named.
    pub(super) const fn names_a_form(&self) -> bool {
        self.format.is_some() || self.template.is_some() || self.brief
    }

    /// From what was typed to the analysis that will run.
    pub(super) fn lower(
        self,
        source: SourceArgs,
        time: &TimeArgs,
        width: &WidthArgs,
        general: &GeneralArgs,
        surroundings: &Surroundings,
    ) -> Result<analyze::Job, Refusal> {
        let target = general.target();
        let main = match &self.template {
            Some(file) => self.by_template(file, time),
            None => self.format(self.format.unwrap_or_default(), time, width, &target, surroundings),
        };
        let mut reports = vec![Wanted { format: main, target }];
        for (format, file) in &self.report {
            let target = named(file);
            let format = self.format(*format, time, width, &target, surroundings);
            reports.push(Wanted { format, target });
        }
        let is_brief = |wanted: &Wanted| matches!(wanted.format, analyze::Format::Ticket(options) if options.brief);
        if self.brief && !reports.iter().any(is_brief) {
            return Err(usage("--brief goes with the formats text, markdown and jira"));
        }
        Ok(analyze::Job {
            reports,
            source: source.lower(None, surroundings)?,
            timeouts: self.timeouts,
            assume: self.assume,
            stack: self.stack.as_deref().and_then(Stack::from_name),
            fail_on: self.fail_on,
            most_flows: self.max_flows.map(|most| most as usize),
            quiet: general.quiet,
        })
    }

    /// From what was typed to the script that will be written.
    pub(super) fn script(
        self,
        source: SourceArgs,
        general: &GeneralArgs,
        surroundings: &Surroundings,
    ) -> Result<script::Job, Refusal> {
        Ok(script::Job {
            source: source.lower(None, surroundings)?,
            flow: self.emit_script.unwrap_or_default(),
            target: general.target(),
            quiet: general.quiet,
        })
    }

    fn format(
        &self,
        format: ReportFormat,
        time: &TimeArgs,
        width: &WidthArgs,
        target: &Target,
        surroundings: &Surroundings,
    ) -> analyze::Format {
        match format {
            ReportFormat::Text if self.brief => self.ticket(Form::Text, time),
            ReportFormat::Text => analyze::Format::Text(TextOptions {
                wanted: self.shown(),
                time: time.time.unwrap_or_default(),
                width: surroundings.width(width.width, target),
                color: self.wants_color(target, surroundings),
                ascii: !surroundings.is_utf8,
            }),
            ReportFormat::Markdown => self.ticket(Form::Markdown, time),
            ReportFormat::Jira => self.ticket(Form::Jira, time),
            ReportFormat::Html => self.page(time),
            ReportFormat::Json => analyze::Format::Json(self.listed(Listed::All)),
            ReportFormat::Jsonl => analyze::Format::JsonLines(self.listed(Listed::All)),
            ReportFormat::Csv => analyze::Format::Csv(self.listed(Listed::All)),
        }
    }

    fn ticket(&self, form: Form, time: &TimeArgs) -> analyze::Format {
        let time = time.time.unwrap_or_default();
        analyze::Format::Ticket(TicketOptions { form, brief: self.brief, wanted: self.shown(), time })
    }

    fn by_template(&self, file: &Path, time: &TimeArgs) -> analyze::Format {
        analyze::Format::Template(TemplateOptions {
            file: file.to_owned(),
            flows: self.listed(Listed::Matter),
            time: time.time.unwrap_or_default(),
        })
    }

    /// The flows that people are shown.
    fn page(&self, time: &TimeArgs) -> analyze::Format {
        let (flows, min_gap) = (self.flows.unwrap_or(Listed::Matter), self.min_gap.unwrap_or_default());
        analyze::Format::Html(HtmlOptions::new(flows, self.limit, min_gap, time.time.unwrap_or_default()))
    }

    fn shown(&self) -> selection::Wanted {
        selection::Wanted {
            flows: self.flows.unwrap_or(Listed::Matter),
            limit: self.limit.unwrap_or(20),
            min_gap: self.min_gap.unwrap_or_default(),
        }
    }

    /// The flows that programs are given.
    fn listed(&self, flows: Listed) -> JsonOptions {
        JsonOptions { flows: self.flows.unwrap_or(flows), min_gap: self.min_gap.unwrap_or_default() }
    }
}
