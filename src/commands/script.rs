//! `idlegap --emit-script FLOW`: one flow as a packet script.

use std::io::Write;

use super::console::Console;
use super::output::Target;
use super::read::{Source, Witness, read};
use super::trace::no_flow;
use super::{Error, Status, timeouts};
use crate::analyzer::Seen;
use crate::capture::Record;
use crate::evidence::transcript::Transcript;
use crate::report::build::{Asked, build};

/// What is to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where the packets come from.
    pub source: Source,
    /// The number of the flow.
    pub flow: u32,
    /// Where the script goes.
    pub target: Target,
    /// Whether warnings and progress are unwanted.
    pub quiet: bool,
}

/// Reads, and writes the flow down.
///
/// # Errors
/// If nothing can be read, if there is no such flow, if it is too long for a script, or if that cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let table = timeouts::load(None)?;
    let mut output = job.target.open(&job.source.inputs)?;
    let mut console = Console::new(job.quiet);
    let mut writer = Writer { flow: job.flow, transcript: Transcript::default() };
    let reading = read(&job.source, &mut console, &mut writer)?;
    let total = reading.numbers.total();
    if job.flow >= total {
        return if console.failed() { Ok(Status::Failed) } else { Err(no_flow(job.flow, total)) };
    }
    if writer.transcript.left_out() > 0 {
        return Err(Error::LongScript { flow: job.flow, over: writer.transcript.left_out() });
    }
    let built = build(reading.timelines, reading.numbers, &table, Asked::default());
    let Some(text) = writer.transcript.script(&built, job.flow) else { return Err(no_flow(job.flow, total)) };
    output.write_all(text.as_bytes()).map_err(|error| output.error(error))?;
    output.finish()?;
    Ok(if console.failed() { Status::Failed } else { Status::Ran })
}

/// Keeps the segments of the flow.
struct Writer {
    flow: u32,
    transcript: Transcript,
}

impl Witness for Writer {
    fn record(&mut self, record: &Record<'_>, seen: &Seen<'_>, flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        let is_it = matches!(seen, Seen::Segment(labelled) if flow(labelled.flow) == self.flow);
        self.transcript.note(record, seen, is_it);
        Ok(())
    }
}
