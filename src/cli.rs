//! What was typed becomes what will run.
//!
//! The low arguments (structures as clap fills them, by what they are about) are turned into a [`Run`], together with what
//! the surroundings say: terminals, environment, locale.

mod help;
mod input;
mod output;
mod report;
mod surroundings;
mod trace;

use std::io::Write;
use std::process;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use self::help::{ABOUT, EXAMPLES, TIMEOUTS_EXAMPLES, TRACE_EXAMPLES, TRACE_USAGE, USAGE, help};
use self::input::SourceArgs;
use self::output::{GeneralArgs, TimeArgs, WidthArgs};
use self::report::ReportArgs;
use self::surroundings::Surroundings;
use self::trace::TraceArgs;
use crate::commands::timeouts::TimeoutsArgs;
use crate::commands::{self, analyze, timeouts};

/// What will run.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// The report on captures.
    Analyze(analyze::Job),
    /// One line per segment.
    Trace(commands::trace::Job),
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
        match self.command {
            None => {
                let job = self.report.lower(self.source, &self.time, &self.width, &self.general, surroundings)?;
                Ok(Run::Analyze(job))
            }
            Some(Command::Trace(args)) => Ok(Run::Trace(args.lower(&self.general, surroundings)?)),
            Some(Command::Timeouts { args, width }) => {
                let target = self.general.target();
                Ok(Run::Timeouts(timeouts::Job { args, width: surroundings.width(width.width, &target), target }))
            }
        }
    }
}

fn usage(message: &str) -> Refusal {
    Refusal::Usage(Typed::command().error(ErrorKind::ArgumentConflict, message))
}

#[cfg(test)]
mod tests;
