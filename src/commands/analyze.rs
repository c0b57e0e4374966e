//! `idlegap FILE...`: the report.

use std::path::PathBuf;

use super::console::Console;
use super::output::{Output, Target};
use super::read::{Source, Unwatched, read};
use super::{Error, Status, timeouts};
use crate::report::build::{Asked, Built, build};
use crate::report::json::{self, JsonOptions};
use crate::report::model::Report;
use crate::report::text::{self, TextOptions};
use crate::report::units::TimeFormat;
use crate::timeouts::{Entry, Table};
use crate::verdict::advice::Stack;

/// What the analysis is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Where the packets come from.
    pub source: Source,
    /// The form of the report.
    pub format: Format,
    /// The user's own table of timeouts.
    pub timeouts: Option<PathBuf>,
    /// Id of the timeout that the path is assumed to have.
    pub assume: Option<String>,
    /// The only stack that advice is wanted for.
    pub stack: Option<Stack>,
    /// Ids of verdicts that make the run fail.
    pub fail_on: Vec<String>,
    /// Where the report goes.
    pub target: Target,
    /// Whether warnings and progress are unwanted.
    pub quiet: bool,
}

/// The form of a report, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// For people.
    Text(TextOptions),
    /// For programs.
    Json(JsonOptions),
}

impl Job {
    /// How times are shown in text.
    #[must_use]
    pub fn time(&self) -> TimeFormat {
        match &self.format {
            Format::Text(options) => options.time,
            Format::Json(_) => TimeFormat::default(),
        }
    }
}

/// Reads, analyses and reports.
///
/// # Errors
/// If nothing can be read, if the timeout to assume is not in the table, or if the report cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let table = timeouts::load(job.timeouts.as_deref())?;
    let assume = job.assume.as_deref().map(|id| assumed(&table, id)).transpose()?;
    let output = job.target.open(&job.source.inputs)?;
    let mut console = Console::new(job.quiet);
    let reading = read(&job.source, &mut console, &mut Unwatched)?;
    if reading.timelines.is_empty() {
        return Ok(Status::Failed);
    }
    let built = build(reading.timelines, reading.numbers, &table, Asked { stack: job.stack, assume });
    print(job, &built, output)?;
    Ok(status(&console, &built.report, &job.fail_on))
}

/// Writes the report.
pub(super) fn print(job: &Job, built: &Built<'_>, mut output: Output) -> Result<(), Error> {
    let written = match &job.format {
        Format::Text(options) => text::render(&built.report, built, options, &mut output),
        Format::Json(options) => json::render(&built.report, built, options, &mut output),
    };
    match written.map_err(|error| output.error(error)).and_then(|()| output.finish()) {
        Err(error) if !error.is_broken_pipe() => Err(error),
        // Nobody reads on, but the verdict stands.
        _ => Ok(()),
    }
}

/// The row with that id, however it was capitalised.
pub(super) fn assumed<'a>(table: &'a Table, id: &str) -> Result<&'a Entry, Error> {
    table.get(&id.trim().to_lowercase()).ok_or_else(|| {
        let near: Vec<_> = table.suggestions(id).into_iter().filter(|id| table.get(id).is_some()).collect();
        let near = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(", ")) };
        Error::NoTimeout { id: id.to_owned(), near }
    })
}

pub(super) fn status(console: &Console, report: &Report, fail_on: &[String]) -> Status {
    let is_match = |(id, count): &(String, u64)| *count > 0 && fail_on.contains(id);
    if console.failed() {
        Status::Failed
    } else if report.verdicts.iter().any(is_match) {
        Status::Matched
    } else {
        Status::Ran
    }
}
