//! What was typed becomes what will run.
//!
//! The low arguments (the structures of this file, as clap fills them) are turned into a [`Run`] in one place, together
//! with what the surroundings say: terminals, environment, locale.

mod surroundings;

use std::io::Write;
use std::path::PathBuf;
use std::process;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use self::surroundings::Surroundings;
use crate::capture::Input;
use crate::commands::output::Target;
use crate::commands::read::Source;
use crate::commands::timeouts::TimeoutsArgs;
use crate::commands::{analyze, timeouts, trace};
use crate::report::Listed;
use crate::report::json::JsonOptions;
use crate::report::text::TextOptions;
use crate::report::trace::Form;
use crate::report::units::TimeFormat;
use crate::time::Span;
use crate::timeouts::parse_duration;
use crate::verdict::VerdictId;
use crate::verdict::advice::Stack;

/// What will run.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// The report on captures.
    Analyze(analyze::Job),
    /// One line per segment.
    Trace(trace::Job),
    /// The table of known timeouts.
    Timeouts(timeouts::Job),
}

/// Reads the command line. Help, the version and usage errors are printed, and the process ends with 0 or 2.
#[must_use]
pub fn parse() -> Run {
    match Typed::parse().lower(&Surroundings::of_process()) {
        Ok(run) => run,
        Err(Refusal::Usage(error)) => error.exit(),
        Err(Refusal::NothingToRead(command)) => {
            // Where standard error is gone there is nobody to tell.
            drop(write!(anstream::stderr(), "{}", help(command).ansi()));
            process::exit(2)
        }
    }
}

/// Why nothing will run.
#[derive(Debug)]
enum Refusal {
    /// The arguments do not go together.
    Usage(clap::Error),
    /// No capture is named, and standard input is a terminal: the help of this subcommand, or of the program.
    NothingToRead(Option<&'static str>),
}

const ABOUT: &str = "Says which TCP connections in a packet capture died of silence, whose timer killed them, and what to \
                     change";

const USAGE: &str = "idlegap [OPTIONS] FILE...
       idlegap [OPTIONS] -r FILE [BPF...]
       idlegap trace [OPTIONS] FILE...
       idlegap timeouts [OPTIONS] [QUERY|ID]...";

const EXAMPLES: &str = "\
Examples:
  idlegap incident.pcap                          what died of silence, and why
  idlegap -r incident.pcap tcp port 5432         only these packets, as with tcpdump
  idlegap dump.pcap00 dump.pcap01 dump.pcap02    a rotated set, as one timeline
  ssh web1 sudo tcpdump -s 128 -U -w - 'tcp port 80' | idlegap -
  idlegap --format json incident.pcap.zst | jq '.flows[].verdict.id'
  idlegap trace --flow 3 incident.pcap           one line per segment of one flow
  idlegap timeouts 350                           who is known to give up after 350 s
  idlegap --assume aws-nlb-tcp incident.pcap     whether it can be that box

Captures are pcap or pcapng, plain or compressed with gzip, zstd, lz4 or xz.
The report goes to standard output, everything else to standard error.

Exit codes:
  0  it ran
  1  a verdict named by --fail-on was found
  2  usage error, or something that cannot be read or written";

const TRACE_USAGE: &str = "idlegap trace [OPTIONS] FILE...
       idlegap trace [OPTIONS] -r FILE [BPF...]";

const TRACE_EXAMPLES: &str = "\
Examples:
  idlegap trace incident.pcap | less -S
  idlegap trace --flow 3 --time relative incident.pcap
  idlegap trace --format jsonl incident.pcap | jq -c 'select(.kind == \"keepalive-probe\")'

Flows have the numbers of the report. A segment that may still turn out to be a probe
holds the rows after it back until that is known.";

const TIMEOUTS_EXAMPLES: &str = "\
Examples:
  idlegap timeouts                    all of them
  idlegap timeouts 350                whose default is 350 s, or can be set to it
  idlegap timeouts azure nat          rows that hold these words
  idlegap timeouts aws-nlb-tcp        one row explained, with its source
  idlegap timeouts --format markdown  all of them as a page to publish";

#[derive(Debug, Parser)]
#[command(name = "idlegap", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
#[command(override_usage = USAGE, disable_help_subcommand = true, subcommand_help_heading = "Commands", subcommand_value_name = "COMMAND")]
struct Typed {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    width: WidthArgs,
    #[command(flatten)]
    general: GeneralArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print one line per segment with its classification
    #[command(after_help = TRACE_EXAMPLES, override_usage = TRACE_USAGE)]
    Trace(TraceArgs),
    /// List, search and explain the table of known timeouts
    #[command(after_help = TIMEOUTS_EXAMPLES)]
    Timeouts {
        #[command(flatten)]
        args: TimeoutsArgs,
        #[command(flatten)]
        width: WidthArgs,
    },
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Input")]
struct SourceArgs {
    /// Captures to read, `-` for standard input; after -r, a BPF expression
    #[arg(value_name = "FILE")]
    words: Vec<String>,
    /// A capture to read, as with tcpdump; may be repeated
    #[arg(short = 'r', value_name = "FILE")]
    read: Vec<PathBuf>,
    /// Only packets that match a BPF expression
    #[arg(short = 'f', value_name = "BPF")]
    filter: Option<String>,
    /// Stop after so many packets
    #[arg(short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Accepted for the sake of habit: names are never looked up
    #[arg(short = 'n', action = clap::ArgAction::Count)]
    numeric: u8,
}

#[derive(Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Report")]
struct ReportArgs {
    /// The form of the report [default: text]
    #[arg(long, value_enum, hide_default_value = true)]
    format: Option<ReportFormat>,
    /// Which flows are listed [default: matter in text, all in JSON]
    #[arg(long, value_enum)]
    flows: Option<Listed>,
    /// Flows shown in text, 0 for no limit [default: 20]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Hide gaps shorter than this (90, 1.5s, 5m50s), and in text the flows without a longer one; verdicts stay
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    min_gap: Option<Span>,
    /// A table of timeouts of your own, merged over the built-in one
    ///
    /// Without the option it is looked for where IDLEGAP_TIMEOUTS says, then in idlegap/timeouts.toml below
    /// XDG_CONFIG_HOME or ~/.config.
    #[arg(long, value_name = "FILE")]
    timeouts: Option<PathBuf>,
    /// Say whether the capture agrees that the path goes through this box: the id of a row, as `idlegap timeouts` lists them
    #[arg(long, value_name = "ID")]
    assume: Option<String>,
    /// Advice for this stack only, beside what holds for all [default: what the capture suggests]
    #[arg(long, value_name = "NAME", value_parser = stacks())]
    stack: Option<String>,
    /// End with exit code 1 if a flow has one of these verdicts
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdicts())]
    fail_on: Vec<String>,
    /// When to use colour; `auto` heeds NO_COLOR, CLICOLOR_FORCE and TERM=dumb [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    color: Option<When>,
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
struct TimeArgs {
    /// How times are shown in text [default: utc]
    #[arg(long, value_enum, value_name = "FORMAT")]
    time: Option<TimeFormat>,
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
struct WidthArgs {
    /// Columns of text, from 80 [default: the terminal's, 100 elsewhere]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(80..))]
    width: Option<u16>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct GeneralArgs {
    /// Write to a file, which appears whole or not at all
    #[arg(long, global = true, value_name = "FILE")]
    output: Option<PathBuf>,
    /// No progress and no warnings; errors are still shown
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Args)]
struct TraceArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only the flow with this number
    #[arg(long, value_name = "N", help_heading = "Output")]
    flow: Option<u32>,
    /// The form of the rows
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Form,
    #[command(flatten)]
    time: TimeArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The closed list of verdicts.
fn verdicts() -> PossibleValuesParser {
    PossibleValuesParser::new(VerdictId::ALL.iter().map(|id| id.name()))
}

/// The stacks that there is advice for.
fn stacks() -> PossibleValuesParser {
    PossibleValuesParser::new(Stack::ALL.iter().map(|stack| stack.name()))
}

fn duration(text: &str) -> Result<Span, &'static str> {
    parse_duration(text).ok_or("a duration is written as 90, 1.5s, 5m50s or 2h")
}

impl Typed {
    /// From what was typed to what will run.
    fn lower(self, surroundings: &Surroundings) -> Result<Run, Refusal> {
        let is_bare = self.source == SourceArgs::default() && self.report == ReportArgs::default();
        let is_bare = is_bare && self.time == TimeArgs::default() && self.width == WidthArgs::default();
        match &self.command {
            Some(_) if !is_bare => Err(usage("options of a command stand after its name")),
            _ => self.lower_command(surroundings),
        }
    }

    fn lower_command(self, surroundings: &Surroundings) -> Result<Run, Refusal> {
        let target = self.general.output.map_or(Target::Stdout, |path| match path.as_os_str() == "-" {
            true => Target::Stdout,
            false => Target::File(path),
        });
        let quiet = self.general.quiet;
        match self.command {
            None => Ok(Run::Analyze(analyze::Job {
                format: self.report.lower(self.time, self.width, &target, surroundings),
                source: self.source.lower(None, surroundings)?,
                timeouts: self.report.timeouts,
                assume: self.report.assume,
                stack: self.report.stack.as_deref().and_then(Stack::from_name),
                fail_on: self.report.fail_on,
                target,
                quiet,
            })),
            Some(Command::Trace(args)) => Ok(Run::Trace(trace::Job {
                source: args.source.lower(Some("trace"), surroundings)?,
                flow: args.flow,
                form: args.format,
                time: args.time.time.unwrap_or_default(),
                target,
                quiet,
            })),
            Some(Command::Timeouts { args, width }) => {
                Ok(Run::Timeouts(timeouts::Job { args, width: surroundings.width(width.width, &target), target }))
            }
        }
    }
}

impl SourceArgs {
    fn lower(self, command: Option<&'static str>, surroundings: &Surroundings) -> Result<Source, Refusal> {
        let (files, expression) = match self.read.is_empty() {
            true => (self.words.into_iter().map(PathBuf::from).collect(), String::new()),
            false => (self.read, self.words.join(" ")),
        };
        let filter = match (self.filter, expression) {
            (Some(_), expression) if !expression.is_empty() => {
                return Err(usage(
                    "after -r the remaining words are a BPF expression; give it there or with -f, not both",
                ));
            }
            (filter, expression) => filter.or((!expression.is_empty()).then_some(expression)),
        };
        let mut inputs: Vec<Input> = files.iter().map(|file| Input::from_argument(file)).collect();
        if inputs.is_empty() {
            if surroundings.stdin_is_terminal {
                return Err(Refusal::NothingToRead(command));
            }
            inputs.push(Input::Stdin);
        }
        Ok(Source { inputs, filter, count: self.count })
    }
}

impl ReportArgs {
    fn lower(&self, time: TimeArgs, width: WidthArgs, target: &Target, surroundings: &Surroundings) -> analyze::Format {
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

fn usage(message: &str) -> Refusal {
    Refusal::Usage(Typed::command().error(ErrorKind::ArgumentConflict, message))
}

/// The short help of a subcommand, or of the program.
fn help(command: Option<&str>) -> StyledStr {
    let mut program = Typed::command();
    // Building it gives the subcommands their full names.
    program.build();
    match command.and_then(|name| program.find_subcommand_mut(name)) {
        Some(subcommand) => subcommand.render_help(),
        None => program.render_help(),
    }
}

#[cfg(test)]
mod tests;
