//! `idlegap trace`: one line per segment.

use super::console::Console;
use super::output::{Output, Target};
use super::read::{Source, Witness, read};
use super::{Error, Status};
use crate::analyzer::Seen;
use crate::capture::Record;
use crate::flow::Relabel;
use crate::report::trace::{Form, Printer, Row, Rows};
use crate::report::units::{Clock, TimeFormat};

/// What `idlegap trace` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where the packets come from.
    pub source: Source,
    /// Only this flow.
    pub flow: Option<u32>,
    /// How rows are written.
    pub form: Form,
    /// How times are shown in text.
    pub time: TimeFormat,
    /// Where the rows go.
    pub target: Target,
    /// Whether warnings and progress are unwanted.
    pub quiet: bool,
}

/// Prints the segments.
///
/// # Errors
/// If nothing can be read, if the rows cannot be written, or if the flow asked for does not exist.
pub fn run(job: &Job) -> Result<Status, Error> {
    let mut console = Console::new(job.quiet);
    let mut tracer = Tracer {
        output: job.target.open(&job.source.inputs)?,
        printer: None,
        rows: Rows::default(),
        names: Vec::new(),
        only: job.flow,
        form: job.form,
        time: job.time,
    };
    let reading = read(&job.source, &mut console, &mut tracer)?;
    tracer.write_all()?;
    tracer.output.finish()?;
    let total = reading.numbers.total();
    match job.flow {
        Some(flow) if flow >= total && !console.failed() => Err(no_flow(flow, total)),
        _ if console.failed() => Ok(Status::Failed),
        _ => Ok(Status::Ran),
    }
}

/// The refusal of flow number `flow` where there are only `total`.
pub(super) fn no_flow(flow: u32, total: u32) -> Error {
    let known = match total {
        0 => "the capture holds no TCP".to_owned(),
        1 => "there is only flow 0".to_owned(),
        _ => format!("flows are numbered from 0 to {}", total - 1),
    };
    Error::NoFlow { flow, known }
}

/// Writes rows as soon as nothing can change them any more.
struct Tracer {
    output: Output,
    /// Made at the first record, whose time is the start of relative times.
    printer: Option<Printer>,
    rows: Rows,
    names: Vec<String>,
    only: Option<u32>,
    form: Form,
    time: TimeFormat,
}

impl Tracer {
    fn write(&mut self, row: &Row) -> Result<(), Error> {
        let Some(printer) = &mut self.printer else { return Ok(()) };
        printer.write(&mut self.output, row).map_err(|error| self.output.error(error))
    }

    fn write_all(&mut self) -> Result<(), Error> {
        while let Some(row) = self.rows.pop() {
            self.write(&row)?;
        }
        Ok(())
    }
}

impl Witness for Tracer {
    fn files(&mut self, names: &[String]) {
        self.names = names.to_vec();
    }

    fn record(&mut self, record: &Record<'_>, seen: &Seen<'_>, flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        if self.printer.is_none() {
            let names = std::mem::take(&mut self.names);
            self.printer = Some(Printer::new(self.form, Clock::new(self.time, record.time), names));
        }
        let Seen::Segment(segment) = seen else { return Ok(()) };
        let number = flow(segment.flow);
        if self.only.is_some_and(|only| only != number) {
            return Ok(());
        }
        self.rows.push(Row::new(segment).numbered(number));
        Ok(())
    }

    fn settled(&mut self) -> Result<(), Error> {
        while let Some(row) = self.rows.pop_decided() {
            self.write(&row)?;
        }
        Ok(())
    }

    fn relabel(&mut self, relabel: &Relabel) {
        self.rows.relabel(relabel);
    }
}
