//! `idlegap evidence`: the packets that the findings rest on, as a capture of its own.

use std::io;

use super::console::Console;
use super::output::Target;
use super::read::{Reading, Source, Unwatched, Witness, read};
use super::spool::{no_room, repeatable};
use super::trace::no_flow;
use super::{Error, Status, timeouts};
use crate::analyzer::Seen;
use crate::capture::{Input, Record, Spool};
use crate::evidence::check::{Difference, Gist, differences};
use crate::evidence::extract::{Extract, Options, Plan, Written};
use crate::evidence::pseudonyms::{Key, Pseudonyms};
use crate::evidence::select::Gathered;
use crate::report::build::{Asked, build};
use crate::report::units::{count, duration, plural};
use crate::timeouts::Table;

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

/// Reads, analyses, reads again, writes, and looks whether the analysis says of the extract what it says of the whole.
///
/// # Errors
/// If nothing can be read, if the captures are of several capture points, if a flow asked for does not exist, if the key is
/// none, or if the evidence cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let key = job.key.as_deref().map(Key::from_argument).transpose()?;
    let table = timeouts::load(None)?;
    let mut output = job.target.open(&job.source.inputs)?;
    let mut console = Console::new(job.quiet);
    let source = repeatable(&job.source)?;
    let mut first = FirstReading::default();
    let reading = read(&source, &mut console, &mut first)?;
    refuse_unknown(&reading, &job.flows)?;
    if reading.timelines.is_empty() {
        return Ok(Status::Failed);
    }
    let points = reading.timelines.len();
    let built = build(reading.timelines, reading.numbers, &table, Asked::default());
    let asked = (!job.flows.is_empty()).then_some(job.flows.as_slice());
    let plan = Plan::new(&built, asked, &first.gathered).ok_or(Error::SeveralPoints { points })?;
    if plan.selection.is_empty() {
        console.note(&"no flow has a finding: nothing was written");
        return Ok(status(&console));
    }
    let options =
        Options { strip_payload: job.strip_payload, pseudonyms: job.anonymise.then(|| Pseudonyms::new(key.as_ref())) };
    let (written, extract) = write(&source, &plan, options)?;
    for difference in check(&extract, &plan, &table)? {
        warn(&difference, &mut console);
    }
    io::copy(&mut extract.reader(), &mut output).map_err(|error| output.error(error))?;
    output.finish()?;
    console.note(&format_args!(
        "kept {} of {} and {} of {}",
        count(written.flows),
        plural(written.flows_total, "flow"),
        count(written.packets),
        plural(written.packets_total, "packet"),
    ));
    Ok(status(&console))
}

/// The second reading, and what it writes.
fn write(source: &Source, plan: &Plan<'_>, options: Options) -> Result<(Written, Spool), Error> {
    // What stops the reading is no failure of writing.
    let mut stopped = None;
    let spool = Spool::write("the evidence".to_owned(), |file| {
        let mut second = SecondReading { extract: Extract::new(file, plan, options)? };
        if let Err(error) = read(source, &mut Console::mute(), &mut second) {
            stopped = Some(error);
            return Err(io::ErrorKind::Interrupted.into());
        }
        second.extract.finish()
    });
    spool.map_err(|error| stopped.unwrap_or_else(|| no_room("the evidence".to_owned(), error)))
}

/// What the extract says otherwise than the whole.
fn check(extract: &Spool, plan: &Plan<'_>, table: &Table) -> Result<Vec<Difference>, Error> {
    let source = Source { inputs: vec![Input::Spool(extract.clone())], filter: None, count: None, threads: 1 };
    let reading = read(&source, &mut Console::mute(), &mut Unwatched)?;
    let built = build(reading.timelines, reading.numbers, table, Asked::default());
    Ok(differences(plan, &built))
}

fn warn(difference: &Difference, console: &mut Console) {
    let Difference { flow, whole, extract } = difference;
    let said = |gist: &Gist| {
        let silence = gist.gap.map(|(_, length)| format!(", after {}", duration(length))).unwrap_or_default();
        format!("{} ({}{silence})", gist.id.name(), gist.confidence.name())
    };
    let now = extract.as_ref().map_or_else(|| "missing".to_owned(), said);
    console.warning(&format_args!("flow {flow} is {} in the capture, and {now} in the extract", said(whole)));
}

fn refuse_unknown(reading: &Reading, flows: &[u32]) -> Result<(), Error> {
    let total = reading.numbers.total();
    flows.iter().find(|flow| **flow >= total).map_or(Ok(()), |flow| Err(no_flow(*flow, total)))
}

const fn status(console: &Console) -> Status {
    if console.failed() { Status::Failed } else { Status::Ran }
}

/// Learns what has to be known before anything is selected.
#[derive(Default)]
struct FirstReading {
    gathered: Gathered,
}

impl Witness for FirstReading {
    fn record(&mut self, _record: &Record<'_>, seen: &Seen<'_>, _flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        self.gathered.note(seen);
        Ok(())
    }
}

/// Writes what belongs to the extract.
struct SecondReading<'a, W: io::Write> {
    extract: Extract<'a, W>,
}

impl<W: io::Write> Witness for SecondReading<'_, W> {
    fn record(&mut self, record: &Record<'_>, seen: &Seen<'_>, _flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        self.extract.record(record, seen).map_err(|error| no_room("the evidence".to_owned(), error))
    }
}
