//! What the report is to hold, and its form.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::Refusal;
use super::input::SourceArgs;
use super::output::{GeneralArgs, TimeArgs, WidthArgs};
use super::surroundings::Surroundings;
use crate::commands::analyze;
use crate::commands::output::Target;
use crate::report::Listed;
use crate::report::json::JsonOptions;
use crate::report::text::TextOptions;
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
    /// Which flows are listed [default: matter in text, all in JSON]
    #[arg(long, value_enum)]
    pub(super) flows: Option<Listed>,
    /// Flows shown in text, 0 for no limit [default: 20]
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

impl ReportArgs {
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
        Ok(analyze::Job {
            format: self.format(time, width, &target, surroundings),
            source: source.lower(None, surroundings)?,
            timeouts: self.timeouts,
            assume: self.assume,
            stack: self.stack.as_deref().and_then(Stack::from_name),
            fail_on: self.fail_on,
            target,
            quiet: general.quiet,
        })
    }

    fn format(
        &self,
        time: &TimeArgs,
        width: &WidthArgs,
        target: &Target,
        surroundings: &Surroundings,
    ) -> analyze::Format {
        let min_gap = self.min_gap.unwrap_or_default();
        match self.format.unwrap_or_default() {
            ReportFormat::Json => {
                analyze::Format::Json(JsonOptions { flows: self.flows.unwrap_or(Listed::All), min_gap })
            }
            ReportFormat::Text => analyze::Format::Text(TextOptions {
                flows: self.flows.unwrap_or(Listed::Matter),
                limit: self.limit.unwrap_or(20),
                min_gap,
                time: time.time.unwrap_or_default(),
                width: surroundings.width(width.width, target),
                color: match self.color.unwrap_or_default() {
                    When::Auto => surroundings.wants_color(target),
                    When::Always => true,
                    When::Never => false,
                },
                ascii: !surroundings.is_utf8,
            }),
        }
    }
}
