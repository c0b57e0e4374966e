//! The one loop from records to the analysis, over all files of a run.

use std::fs;

use super::Error;
use super::console::Console;
use crate::analyzer::spread::Spread;
use crate::analyzer::{Ahead, Analysis, Analyzer, Options, Seen};
use crate::capture::{self, CaptureInfo, Filter, Input, Note, PlannedFile, Reader, Record, Timelines, Truncation};
use crate::flow::Relabel;
use crate::flow::table::AHEAD;
use crate::report::build::Timeline;
use crate::report::evicted::Evicted;
use crate::report::numbers::FlowNumbers;
use crate::verdict::digest::digest;

/// Where the packets come from, and which of them count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The captures, in the order in which they were named.
    pub inputs: Vec<Input>,
    /// A BPF expression.
    pub filter: Option<String>,
    /// Packets to read at most, after the filter.
    pub count: Option<u64>,
    /// Threads to work with, at least 1.
    pub threads: usize,
}

/// Everything that was read.
pub struct Reading {
    /// The timelines, each with its files in the order in which they were read.
    pub timelines: Vec<Timeline>,
    /// The number of each flow.
    pub numbers: FlowNumbers,
    /// What came of flows that had to leave.
    pub evicted: Evicted,
}

/// Somebody who wants to see each record as it is judged.
pub trait Witness {
    /// Whether anything is to be seen at all: only where nothing is can several threads share the flows, since records are
    /// shown in their order, each with what was known of its flow.
    const WATCHES: bool = true;

    /// The names of the files, before the first record.
    fn files(&mut self, _names: &[String]) {}

    /// One record and what was seen in it; `flow` gives the number in the report of a flow of the record's timeline.
    ///
    /// # Errors
    /// If what was seen cannot be passed on; it ends the run.
    fn record(&mut self, _record: &Record<'_>, _seen: &Seen<'_>, _flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        Ok(())
    }

    /// A judgement on an earlier record.
    fn relabel(&mut self, _relabel: &Relabel) {}

    /// All judgements that the last record brought have been handed over.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    fn settled(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Nobody.
pub struct Unwatched;

impl Witness for Unwatched {
    const WATCHES: bool = false;
}

/// Reads everything that can be read. What cannot is reported to `console`, and the rest is read all the same.
///
/// # Errors
/// If nothing can be read, if the filter is wrong, or if the witness fails.
pub fn read<W: Witness>(source: &Source, console: &mut Console, witness: &mut W) -> Result<Reading, Error> {
    read_bounded(source, usize::MAX, console, witness)
}

/// The same, with `most_flows` held at a time and capture point. Which of them leave depends on all that came before, so that one
/// thread has all flows then. If there is no bound, attempts at connections that nobody completed have one all the same
/// ([`Options::FEW_ATTEMPTS`]).
///
/// # Errors
/// As [`read`].
pub fn read_bounded<W: Witness>(
    source: &Source,
    most_flows: usize,
    console: &mut Console,
    witness: &mut W,
) -> Result<Reading, Error> {
    let filter = source.filter.as_deref().map(Filter::new).transpose()?;
    refuse_expression(source)?;
    let files = capture::plan(&readable(&source.inputs, console))?;
    if files.len() > 1 {
        witness.files(&files.iter().map(|file| file.input.name()).collect::<Vec<_>>());
    }
    console.begin_progress(bytes(&files));
    // Who says how many flows to hold has room for as many attempts.
    let attempts = if most_flows == usize::MAX { Options::FEW_ATTEMPTS } else { most_flows };
    let number_streams = files.len() == 1 && filter.is_none();
    let options = Options { number_streams, attempts, digester: digest, ..Options::default() };
    // Several threads may find that one must do it all.
    let is_repeatable = source.inputs.iter().all(Input::is_repeatable);
    let can_share = !W::WATCHES && most_flows == usize::MAX && is_repeatable;
    let mut run = Run {
        filter,
        threads: source.threads,
        most_flows,
        evicted: Evicted::default(),
        left: source.count.unwrap_or(u64::MAX),
        timelines: Timelines::default(),
        analysis: under_way(options, if can_share { source.threads } else { 1 }),
        files: Vec::new(),
        numbers: FlowNumbers::default(),
    };
    for file in files {
        if run.left == 0 {
            break;
        }
        run.read_file(file, console, witness)?;
    }
    console.end_progress();
    match run.finish(witness) {
        Some(reading) => Ok(reading),
        // What there is to complain of has been said.
        None => {
            let alone = Source { threads: 1, ..source.clone() };
            read_bounded(&alone, most_flows, &mut Console::mute(), witness)
        }
    }
}

/// The analysis so far.
enum UnderWay {
    /// By the thread that reads: one analyser per timeline.
    Here(Options, Vec<Analyzer>),
    /// By other threads.
    Elsewhere(Spread),
}

/// No analysis yet, with so many threads for the flows.
fn under_way(options: Options, threads: usize) -> UnderWay {
    let spread = if threads > 1 { Spread::new(options, threads) } else { None };
    spread.map_or(UnderWay::Here(options, Vec::new()), UnderWay::Elsewhere)
}

/// A run under way.
struct Run {
    filter: Option<Filter>,
    threads: usize,
    most_flows: usize,
    evicted: Evicted,
    /// Packets that may still be read.
    left: u64,
    timelines: Timelines,
    analysis: UnderWay,
    /// Timeline and description of each file.
    files: Vec<(usize, CaptureInfo)>,
    numbers: FlowNumbers,
}

impl Run {
    fn read_file(&mut self, file: PlannedFile, console: &mut Console, witness: &mut impl Witness) -> Result<(), Error> {
        let (input, first_time) = (file.input.clone(), file.first_time);
        let mut reader = match file.open() {
            Ok(reader) => reader,
            Err(error) => {
                console.error(&error);
                return Ok(());
            }
        };
        if self.threads > 1 {
            reader.read_ahead();
        }
        let timeline = self.timelines.place(&input, first_time);
        self.numbers.begin_file(timeline);
        let failed = self.pump(&mut reader, timeline, console, witness)?;
        console.end_file(reader.progress());
        let mut info = reader.into_info();
        if let Some(error) = failed {
            console.error(&format_args!("{error}: analysed up to frame {}", info.frames));
            let truncation = Truncation { offset: 0, frame: info.frames + 1, reason: error.to_string() };
            info.truncated.get_or_insert(truncation);
        } else if let Some(cut) = &info.truncated {
            let (name, frame, reason) = (&info.name, info.frames, &cut.reason);
            console.warning(&format_args!("{name}: {reason}; analysed up to frame {frame}"));
        }
        self.timelines.finish(timeline, &input, info.first_time.zip(info.last_time));
        self.files.push((timeline, info));
        Ok(())
    }

    /// Reads one file to its end, or to where it cannot be read any further; then the error is handed back.
    fn pump(
        &mut self,
        reader: &mut Reader,
        timeline: usize,
        console: &mut Console,
        witness: &mut impl Witness,
    ) -> Result<Option<capture::Error>, Error> {
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        match &mut self.analysis {
            UnderWay::Here(options, analyzers) => {
                if analyzers.len() <= timeline {
                    analyzers.resize_with(timeline + 1, || Analyzer::new(*options));
                }
                analyzers.iter_mut().skip(timeline).take(1).for_each(|analyzer| analyzer.begin_file(file));
            }
            UnderWay::Elsewhere(spread) => spread.begin_file(timeline, file),
        }
        while self.left > 0 {
            if let Err(error) = reader.fill(AHEAD.min(usize::try_from(self.left).unwrap_or(AHEAD))) {
                return Ok(Some(error));
            }
            self.take(reader, timeline, witness)?;
            // Where ticks stand among the records makes no difference to a report.
            reader.take_notes().iter().for_each(|note| self.heed(timeline, note));
            let read = reader.batch().len();
            if read == 0 {
                break;
            }
            console.step(read as u64, || reader.progress());
        }
        reader.take_notes().iter().for_each(|note| self.heed(timeline, note));
        Ok(None)
    }

    /// Takes the records that were read last.
    fn take(&mut self, reader: &Reader, timeline: usize, witness: &mut impl Witness) -> Result<(), Error> {
        let Self { filter, left, analysis, numbers, evicted, most_flows, .. } = self;
        match analysis {
            UnderWay::Elsewhere(spread) => {
                spread.look_at(reader.memory());
                for (record, place) in reader.batch().zip(reader.places()) {
                    if matches(filter, &record)? {
                        *left -= 1;
                        spread.push(&record, place);
                    }
                }
                spread.look_away();
            }
            UnderWay::Here(_, analyzers) => {
                let Some(analyzer) = analyzers.get_mut(timeline) else { return Ok(()) };
                let mut ahead = Vec::with_capacity(AHEAD);
                if filter.is_none() {
                    ahead.extend(reader.batch().map(Ahead::new));
                } else {
                    for record in reader.batch() {
                        if matches(filter, &record)? {
                            ahead.push(Ahead::new(record));
                        }
                    }
                }
                *left -= ahead.len() as u64;
                analyzer.look_ahead(&mut ahead);
                for next in &ahead {
                    let seen = analyzer.take(next);
                    if let Seen::Segment(segment) = &seen {
                        numbers.note(timeline, segment.flow);
                    }
                    if analyzer.holds_more(*most_flows) {
                        let clock = analyzer.clock();
                        analyzer.hold_to(*most_flows, |index, flow| {
                            evicted.take(timeline, numbers.number(timeline, index).unwrap_or(index), &flow, clock);
                        });
                    }
                    witness.record(next.record(), &seen, |flow| numbers.number(timeline, flow).unwrap_or(flow))?;
                    analyzer.drain_relabels().for_each(|relabel| witness.relabel(&relabel));
                    witness.settled()?;
                }
            }
        }
        Ok(())
    }

    /// A recording of a watch says how long nothing was captured; what else stands between records is entered with the file.
    fn heed(&mut self, timeline: usize, note: &Note) {
        let Note::Tick(time) = note else { return };
        match &mut self.analysis {
            UnderWay::Elsewhere(spread) => spread.tick(*time),
            UnderWay::Here(_, analyzers) => {
                analyzers.iter_mut().skip(timeline).take(1).for_each(|analyzer| analyzer.tick(*time));
            }
        }
    }

    /// Everything that was read; none if it takes one thread to analyse it.
    fn finish(self, witness: &mut impl Witness) -> Option<Reading> {
        let finish = |analyzer: Analyzer| analyzer.finish(|relabel| witness.relabel(&relabel));
        let analyses: Vec<Analysis> = match self.analysis {
            UnderWay::Here(_, analyzers) => analyzers.into_iter().map(finish).collect(),
            UnderWay::Elsewhere(spread) => spread.finish()?,
        };
        let mut timelines: Vec<_> =
            analyses.into_iter().map(|analysis| Timeline { analysis, files: Vec::new() }).collect();
        let mut numbers = FlowNumbers::default();
        for (index, (timeline, info)) in self.files.into_iter().enumerate() {
            numbers.begin_file(timeline);
            if let Some(in_timeline) = timelines.get_mut(timeline) {
                let account = in_timeline.analysis.accounts.get(index);
                numbers.add(timeline, account.map_or(0, |account| account.new_flows));
                in_timeline.files.push((index, info));
            }
        }
        Some(Reading { timelines, numbers, evicted: self.evicted })
    }
}

/// Whether a record counts.
fn matches(filter: &mut Option<Filter>, record: &Record<'_>) -> Result<bool, capture::Error> {
    filter.as_mut().map_or(Ok(true), |filter| filter.matches(record))
}

/// Words that begin a BPF expression, or go on with one (pcap-filter(7)).
const PRIMITIVES: [&str; 16] = [
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ip",
    "ip6",
    "ether",
    "vlan",
    "host",
    "net",
    "port",
    "portrange",
    "src",
    "dst",
    "not",
    "greater",
];

/// Refuses a BPF expression where files are meant, as in `idlegap a.pcap tcp port 80`: a word of one that is no file, behind
/// one that is.
fn refuse_expression(source: &Source) -> Result<(), Error> {
    let word = |input: &Input| match input {
        Input::Path(path) if fs::symlink_metadata(path).is_err() => Some(path.to_string_lossy().into_owned()),
        _ => None,
    };
    let words: Vec<Option<String>> = source.inputs.iter().map(word).collect();
    let is_primitive = |word: &Option<String>| word.as_deref().is_some_and(|word| PRIMITIVES.contains(&word));
    let Some((at, files)) = words.iter().position(is_primitive).zip(source.inputs.first()) else { return Ok(()) };
    let expression: Vec<_> = source.inputs.iter().skip(at).map(Input::name).collect();
    if at == 0 {
        return Ok(());
    }
    Err(Error::Expression { expression: expression.join(" "), file: files.name() })
}

/// The inputs without those that cannot be opened, where there are others. Pipes are left for their turn: they can be
/// opened only once.
fn readable(inputs: &[Input], console: &mut Console) -> Vec<Input> {
    if inputs.len() < 2 {
        return inputs.to_vec();
    }
    let mut opens = |input: &&Input| match Reader::open(input) {
        Ok(_) => true,
        Err(error) => {
            console.error(&error);
            false
        }
    };
    inputs.iter().filter(|input| is_pipe(input) || opens(input)).cloned().collect()
}

fn is_pipe(input: &Input) -> bool {
    match input {
        Input::Stdin => true,
        Input::Spool(_) => false,
        Input::Path(path) => fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()),
    }
}

/// The size of all files together; `None` where one of them has none.
fn bytes(files: &[PlannedFile]) -> Option<u64> {
    let size = |file: &PlannedFile| match &file.input {
        Input::Stdin => None,
        Input::Spool(spool) => Some(spool.len()),
        Input::Path(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len()),
    };
    files.iter().map(size).sum()
}
