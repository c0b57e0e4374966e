//! `idlegap evidence`: the packets that the findings rest on, as a capture of its own.

use std::io;

use super::console::Console;
use super::output::{Output, Target};
use super::read::{Reading, Source, Witness, read};
use super::spool::repeatable;
use super::trace::no_flow;
use super::{Error, Status, timeouts};
use crate::analyzer::Seen;
use crate::capture::Record;
use crate::evidence::extract::{Extract, Options, Plan, Written};
use crate::evidence::pseudonyms::{Key, Pseudonyms};
use crate::evidence::select::Datagrams;
use crate::report::build::{Asked, build};
use crate::report::units::{count, plural};

/// What `idlegap evidence` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where the packets come from.
    pub source: Source,
    /// The flows to keep; none for those with findings.
    pub flows: Vec<u32>,
    /// Whether payload is cut off.
    pub strip_payload: bool,
    /// Whether addresses give way to pseudonyms; payload is cut off then, too.
    pub anonymise: bool,
    /// What decides the pseudonyms, as it was typed.
    pub key: Option<String>,
    /// Where the capture goes.
    pub target: Target,
    /// Whether warnings and progress are unwanted.
    pub quiet: bool,
}

/// Reads, analyses, reads again and writes.
///
/// # Errors
/// If nothing can be read, if the captures are of several capture points, if a flow asked for does not exist, if the key is
/// none, or if the evidence cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let key = job.key.as_deref().map(Key::from_argument).transpose()?;
    let table = timeouts::load(None)?;
    let output = job.target.open(&job.source.inputs)?;
    let mut console = Console::new(job.quiet);
    let source = repeatable(&job.source)?;
    let mut first = FirstReading::default();
    let reading = read(&source, &mut console, &mut first)?;
    check(&reading, &job.flows)?;
    if reading.timelines.is_empty() {
        return Ok(Status::Failed);
    }
    let points = reading.timelines.len();
    let built = build(reading.timelines, reading.numbers, &table, Asked::default());
    let asked = (!job.flows.is_empty()).then_some(job.flows.as_slice());
    let plan = Plan::new(&built, asked, &first.datagrams).ok_or(Error::SeveralPoints { points })?;
    if plan.selection.is_empty() {
        console.note(&"no flow has a finding: nothing was written");
        return Ok(status(&console));
    }
    let options =
        Options { strip_payload: job.strip_payload, pseudonyms: job.anonymise.then(|| Pseudonyms::new(key.as_ref())) };
    let written = write(&source, output, &plan, options)?;
    console.note(&format_args!(
        "kept {} of {} and {} of {}",
        count(written.flows),
        plural(written.flows_total, "flow"),
        count(written.packets),
        plural(written.packets_total, "packet"),
    ));
    Ok(status(&console))
}

/// The second reading, with what it writes.
fn write(source: &Source, mut output: Output, plan: &Plan<'_>, options: Options) -> Result<Written, Error> {
    let mut second = SecondReading { extract: Extract::new(&mut output, plan, options).map_err(unwritten)? };
    read(source, &mut Console::mute(), &mut second)?;
    let written = second.extract.finish().map_err(unwritten)?;
    output.finish()?;
    Ok(written)
}

fn unwritten(source: io::Error) -> Error {
    Error::Write { name: "the evidence".to_owned(), source }
}

fn check(reading: &Reading, flows: &[u32]) -> Result<(), Error> {
    let total = reading.numbers.total();
    flows.iter().find(|flow| **flow >= total).map_or(Ok(()), |flow| Err(no_flow(*flow, total)))
}

const fn status(console: &Console) -> Status {
    if console.failed() { Status::Failed } else { Status::Ran }
}

/// Learns which fragments belong together.
#[derive(Default)]
struct FirstReading {
    datagrams: Datagrams,
}

impl Witness for FirstReading {
    fn record(&mut self, _record: &Record<'_>, seen: &Seen<'_>, _flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        self.datagrams.note(seen);
        Ok(())
    }
}

/// Writes what belongs to the extract.
struct SecondReading<'a, 'o> {
    extract: Extract<'a, &'o mut Output>,
}

impl Witness for SecondReading<'_, '_> {
    fn record(&mut self, record: &Record<'_>, seen: &Seen<'_>, _flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        self.extract.record(record, seen).map_err(unwritten)
    }
}
