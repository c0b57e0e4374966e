//! `idlegap FILE...`: the report.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::console::Console;
use super::output::{self, Output, Target};
use super::read::{Source, Unwatched, read_bounded};
use super::spool::repeatable;
use super::{Error, Status, courses, timeouts};
use crate::capture::Input;
use crate::report::build::{Asked, Built, build_beside};
use crate::report::html::{self, HtmlOptions, Material};
use crate::report::json::{self, JsonOptions};
use crate::report::model::Report;
use crate::report::selection::Selection;
use crate::report::template::{self, Shown, Style, Template, TemplateError};
use crate::report::text::{self, TextOptions};
use crate::report::ticket::{self, TicketOptions};
use crate::report::timeline::Timeline;
use crate::report::units::TimeFormat;
use crate::report::{csv, lines, phrases};
use crate::timeouts::{Entry, Table};
use crate::verdict::advice::Stack;

/// What the analysis is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Where the packets come from.
    pub source: Source,
    /// The reports to write, one at least.
    pub reports: Vec<Wanted>,
    /// The user's own table of timeouts.
    pub timeouts: Option<PathBuf>,
    /// Id of the timeout that the path is assumed to have.
    pub assume: Option<String>,
    /// The only stack that advice is wanted for.
    pub stack: Option<Stack>,
    /// Ids of verdicts that make the run fail.
    pub fail_on: Vec<String>,
    /// Flows held at most, where that is bounded.
    pub most_flows: Option<usize>,
    /// Whether warnings and progress are unwanted.
    pub quiet: bool,
}

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its form.
    pub format: Format,
    /// Where it goes.
    pub target: Target,
}

/// The form of a report, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// For people.
    Text(TextOptions),
    /// For people, in a ticket or a chat.
    Ticket(TicketOptions),
    /// For programs.
    Json(JsonOptions),
    /// For programs, line by line.
    JsonLines(JsonOptions),
    /// The flows alone, for spreadsheets.
    Csv(JsonOptions),
    /// For people, with pictures.
    Html(HtmlOptions),
    /// By a template of the user's own.
    Template(TemplateOptions),
}

/// What a template of the user's own is given.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateOptions {
    /// The template.
    pub file: PathBuf,
    /// The flows that it sees.
    pub flows: JsonOptions,
    /// How times are shown.
    pub time: TimeFormat,
}

impl Job {
    /// How times are shown in text.
    #[must_use]
    pub fn time(&self) -> TimeFormat {
        let in_text = self.reports.iter().find_map(|wanted| match &wanted.format {
            Format::Text(options) => Some(options.time),
            _ => None,
        });
        in_text.unwrap_or_default()
    }
}

/// Reads, analyses and reports.
///
/// # Errors
/// If nothing can be read, if the timeout to assume is not in the table, if a template is wrong, or if a report cannot be
/// written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let table = timeouts::load(job.timeouts.as_deref())?;
    let assume = job.assume.as_deref().map(|id| assumed(&table, id)).transpose()?;
    // What cannot be written is said before hours of reading.
    let printers = prepare(&job.reports, &table, &job.source.inputs)?;
    let mut console = Console::new(job.quiet);
    let is_drawn = job.reports.iter().any(|wanted| matches!(wanted.format, Format::Html(_)));
    let source = if is_drawn { repeatable(&job.source)? } else { job.source.clone() };
    let most_flows = job.most_flows.unwrap_or(usize::MAX);
    let reading = read_bounded(&source, most_flows, &mut console, &mut Unwatched)?;
    if reading.timelines.is_empty() {
        return Ok(Status::Failed);
    }
    let asked = Asked { stack: job.stack, assume, threads: job.source.threads };
    let built = Arc::new(build_beside(reading.timelines, reading.numbers, &table, asked, reading.evicted));
    let courses = courses_to_draw(&job.reports, &source, most_flows, &built)?;
    print(printers, &built, &courses, &mut console);
    let status = status(&console, &built.report, &job.fail_on);
    // Nothing comes after this: the system takes all memory back at once, sooner than flow by flow.
    std::mem::forget(built);
    Ok(status)
}

/// The courses of flows that a page shows, by the numbers of the flows.
pub(super) type Courses = HashMap<u32, Timeline>;

/// What pages show beside the report: it takes another reading, and only they need it.
///
/// # Errors
/// If what could be read before can be read no more.
pub(super) fn courses_to_draw(
    reports: &[Wanted],
    source: &Source,
    most_flows: usize,
    built: &Built,
) -> Result<Courses, Error> {
    let mut drawn = HashMap::new();
    for wanted in reports {
        if let Format::Html(options) = &wanted.format {
            let selection = Selection::new(&built.report, built, options.wanted);
            drawn.extend(options.drawn(&selection).map(|flow| (flow.id, flow.clone())));
        }
    }
    courses::read_again(source, most_flows, drawn.into_values())
}

/// Reports that are ready to be written, each to its place.
pub(super) type Prepared<'a> = Vec<(Printer<'a>, Output)>;

/// Opens where the reports go, and reads what templates they need.
///
/// # Errors
/// If a template is wrong or something cannot be written.
pub(super) fn prepare<'a>(
    reports: impl IntoIterator<Item = &'a Wanted, IntoIter: Clone>,
    table: &'a Table,
    inputs: &[Input],
) -> Result<Prepared<'a>, Error> {
    let reports = reports.into_iter();
    let printers = reports.clone().map(|wanted| printer(&wanted.format, table)).collect::<Result<Vec<_>, _>>()?;
    let outputs = output::open(reports.map(|wanted| &wanted.target), inputs)?;
    Ok(printers.into_iter().zip(outputs).collect())
}

/// Writes the reports. One that fails is said, and the others are written.
pub(super) fn print(prepared: Prepared<'_>, built: &Arc<Built>, courses: &Courses, console: &mut Console) {
    for (printer, output) in prepared {
        match print_one(&printer, built, courses, output) {
            // Nobody reads on, but the verdict and the other reports stand.
            Err(error) if !error.is_broken_pipe() => console.error(&error),
            _ => {}
        }
    }
}

/// Writes a report in one form.
type Printer<'a> = Box<dyn Fn(&Arc<Built>, &Courses, &mut Output) -> Result<(), TemplateError> + 'a>;

/// The printer for a form. A template is read now, long before it has anything to render.
fn printer<'a>(format: &'a Format, table: &'a Table) -> Result<Printer<'a>, Error> {
    Ok(match format {
        Format::Text(options) => Box::new(|built, _, out| Ok(text::render(&built.report, &**built, options, out)?)),
        Format::Ticket(options) => Box::new(|built, _, out| Ok(ticket::render(&built.report, &**built, options, out)?)),
        Format::Json(options) => Box::new(|built, _, out| Ok(json::render(&built.report, &**built, options, out)?)),
        Format::JsonLines(options) => {
            Box::new(|built, _, out| Ok(lines::render(&built.report, &**built, options, out)?))
        }
        Format::Csv(options) => Box::new(|built, _, out| Ok(csv::render(&built.report, &**built, options, out)?)),
        Format::Html(options) => Box::new(move |built, courses, out| {
            let selection = Selection::new(&built.report, &**built, options.wanted);
            let material = Material { selection, courses, survivals: built.survivals(), table };
            Ok(html::render(&built.report, &material, options, out)?)
        }),
        Format::Template(options) => {
            let name = options.file.display().to_string();
            let unreadable = |source| Error::Unreadable { name: name.clone(), source };
            let source = fs::read_to_string(&options.file).map_err(unreadable)?;
            let template = Template::parse(&name, source)?;
            Box::new(move |built, _, out| {
                let clock = phrases::clock(&built.report, options.time);
                let shown = Shown::listed(&built.report, built, options.flows);
                let context = template::report(&built.report, shown, usize::MAX, &clock);
                template.render(context, Style { clock, longest: usize::MAX }, out)
            })
        }
    })
}

fn print_one(printer: &Printer<'_>, built: &Arc<Built>, courses: &Courses, mut output: Output) -> Result<(), Error> {
    match printer(built, courses, &mut output) {
        Ok(()) => output.finish(),
        Err(TemplateError::Write(error)) => Err(output.error(error)),
        Err(error) => Err(error.into()),
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
