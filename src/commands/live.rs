//! `idlegap live`: watches an interface, or a capture that is still being made, and says what happens.

mod audience;
mod confine;
mod narrator;
#[cfg(feature = "tui")]
pub mod screen;
mod signals;
#[cfg(feature = "tui")]
mod view;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;

use self::audience::{Audience, Left, Metrics};
use self::narrator::{Narrator, Patience};
use self::signals::Signals;
use super::analyze::{self, Courses, Prepared, Wanted, assumed, status};
use super::console::Console;
use super::outlet::Outlet;
use super::output::Target;
use super::{Error, Status, read, timeouts};
use crate::capture::{self, Filter, Input, LiveOptions, Piped, Source};
use crate::report::Listed;
use crate::report::build::{Asked, Built, Timeline, build_beside};
use crate::report::json::{self, JsonOptions};
use crate::report::units::plural;
use crate::time::Span;
use crate::timeouts::Table;
use crate::watch::event::{Event, Summary, What};
use crate::watch::exporter::Exporter;
use crate::watch::metrics;
use crate::watch::pump::{Ended, Limits, Watched, pump};
use crate::watch::recorder::{self, Recorder};
use crate::watch::timer::Timer;
use crate::watch::view::look::Look;
#[cfg(feature = "tui")]
use crate::watch::view::scene::Title;
use crate::watch::{Settings, Watch};

/// Flows held at most, where nothing else was said.
const MOST_FLOWS: usize = 500_000;

/// What `idlegap live` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Where the packets come from.
    pub from: From,
    /// The report at the end.
    pub report: analyze::Job,
    /// How events are told.
    pub events: Events,
    /// Packets to take in at most.
    pub count: Option<u64>,
    /// How long to watch.
    pub duration: Option<Span>,
    /// What to record, and where.
    pub record: Option<recorder::Options>,
    /// The user to become once the interface is open.
    pub user: Option<String>,
    /// The share of a timer, from 0 to 1, from which on silences are warned of.
    pub warn_at: f64,
    /// The length of the timer on the path, where it is given.
    pub timeout: Option<Span>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
}

impl Job {
    /// Where the first report goes.
    fn main_target(&self) -> Target {
        self.report.reports.first().map(|wanted| wanted.target.clone()).unwrap_or_default()
    }

    fn writes_files(&self) -> bool {
        self.report.reports.iter().any(|wanted| wanted.target != Target::Stdout)
    }
}

/// Where the packets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Nowhere: the interfaces are listed.
    Nowhere,
    /// An interface.
    Interface(LiveOptions),
    /// Standard input, of which a BPF expression may choose.
    Stdin(Option<String>),
}

/// How events are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// As JSON, one a line, the report within the last.
    Json,
    /// On a screen that shows all flows.
    View(Look),
    /// In words, one a line.
    Lines,
    /// Not at all: standard output is the report's.
    None,
}

/// Watches, and reports in the end.
///
/// # Errors
/// If nothing can be captured, if something cannot be written, or if the user to become does not exist.
pub fn run(job: &Job) -> Result<Status, Error> {
    let table = timeouts::load(job.report.timeouts.as_deref())?;
    let settings = settings(job, &table)?;
    let (interface, filter) = match &job.from {
        From::Nowhere => return list(&job.main_target()),
        From::Interface(options) => (Some(open(options)?), None),
        From::Stdin(filter) => (None, filter.as_deref().map(Filter::new).transpose()?),
    };
    let exporter = job.metrics.map(bind).transpose()?;
    let signals = Signals::catch(matches!(job.events, Events::View(_))).map_err(|source| Error::Signals { source })?;
    // From here on nothing needs a privilege; what is written is written as who remains.
    confine::drop_privileges(job.user.as_deref(), job.record.is_some() || job.writes_files())?;
    let recorder = job.record.clone().map(recorder).transpose()?;
    // Among events on standard output the report is a part of the last one.
    let is_inline = |wanted: &&Wanted| job.events == Events::Json && wanted.target == Target::Stdout;
    let prepared = analyze::prepare(job.report.reports.iter().filter(|wanted| !is_inline(wanted)), &table, &[])?;
    let mut console = Console::new(job.report.quiet);
    if let Err(reason) = confine::confine(&places(job)) {
        console.warning(&format_args!("the process is not confined: {reason}"));
    }
    // Its thread gets no more rights than this one has left.
    let mut source = interface.unwrap_or_else(|| Box::new(Piped::new("standard input", io::stdin())));
    let limits = Limits { count: job.count, duration: job.duration, filter };
    let metrics = exporter.map(|exporter| serve(exporter, &console)).transpose()?;
    let mut audience = Audience {
        #[cfg(feature = "tui")]
        view: match job.events {
            Events::View(look) => Some(view::View::open(title(job, &settings), look)?),
            Events::Json | Events::Lines | Events::None => None,
        },
        narrator: Narrator::new(job.events, job.report.time(), patience(job), &mut console)?,
        metrics,
        signals: &signals,
        held: Vec::new(),
    };
    let watched = pump(source.as_mut(), Watch::new(settings, &table), recorder, limits, &mut audience);
    let left = audience.finish();
    conclude(job, watched, left, &table, prepared, &mut console)
}

/// What comes through a pipe or stands in a file can wait; what passes an interface cannot.
fn patience(job: &Job) -> Patience {
    match job.from {
        From::Stdin(_) => Patience::Until(job.duration.unwrap_or(Span::from_nanos(i64::MAX))),
        From::Interface(_) | From::Nowhere => Patience::None,
    }
}

fn settings(job: &Job, table: &Table) -> Result<Settings, Error> {
    let assumed = job.report.assume.as_deref().map(|id| assumed(table, id)).transpose()?;
    let timer = job.timeout.map(Timer::given).or(assumed.map(Timer::assumed));
    let number_streams = !matches!(&job.from, From::Stdin(Some(_)));
    Ok(Settings {
        warn_at: job.warn_at,
        timer,
        most_flows: job.report.most_flows.unwrap_or(MOST_FLOWS),
        number_streams,
    })
}

fn recorder(options: recorder::Options) -> Result<Recorder, Error> {
    let name = options.path.display().to_string();
    Recorder::new(options).map_err(|source| Error::Write { name, source })
}

fn bind(address: SocketAddr) -> Result<Exporter, Error> {
    Exporter::bind(address).map_err(|source| Error::Serve { address, source })
}

/// Serves metrics from now on, and says where.
fn serve(exporter: Exporter, console: &Console) -> Result<Metrics, Error> {
    let address = exporter.address().map_err(|source| Error::Serve { address: ([0; 4], 0).into(), source })?;
    console.note(&format_args!("metrics on http://{address}/metrics"));
    let page = exporter.start(metrics::CONTENT_TYPE).map_err(|source| Error::Serve { address, source })?;
    Ok(Metrics::new(page))
}

/// What the view says at its top.
#[cfg(feature = "tui")]
fn title(job: &Job, settings: &Settings) -> Title {
    let (from, filter) = match &job.from {
        From::Nowhere => (String::new(), None),
        From::Interface(options) => (options.interface.clone(), Some(options.filter.clone())),
        From::Stdin(filter) => ("standard input".to_owned(), filter.clone()),
    };
    let source = match filter.filter(|filter| !filter.is_empty()) {
        Some(filter) => format!("{from}, {filter}"),
        None => from,
    };
    Title { source, timer: settings.timer.clone(), warn_at: settings.warn_at, time: job.report.time() }
}

/// The folders that are written to while the watch goes on.
fn places(job: &Job) -> Vec<std::path::PathBuf> {
    let of_reports = job.report.reports.iter().filter_map(|wanted| match &wanted.target {
        Target::Stdout => None,
        Target::File(path) => Some(path),
    });
    let paths = job.record.iter().map(|options| &options.path).chain(of_reports);
    let folder = |path: &std::path::PathBuf| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    };
    paths.map(folder).collect()
}

#[cfg(feature = "live")]
fn open(options: &LiveOptions) -> Result<Box<dyn Source>, Error> {
    Ok(Box::new(capture::live::Interface::open(options)?))
}

#[cfg(not(feature = "live"))]
fn open(_options: &LiveOptions) -> Result<Box<dyn Source>, Error> {
    Err(capture::Error::NoInterfaces.into())
}

/// Lists the interfaces, as `tcpdump -D` does.
#[cfg(feature = "live")]
fn list(target: &Target) -> Result<Status, Error> {
    use std::io::Write;
    let mut output = target.open(&[])?;
    for (number, found) in (1..).zip(capture::live::interfaces()?) {
        let addresses: Vec<_> = found.addresses.iter().map(ToString::to_string).collect();
        let state = if found.is_up { "up" } else { "down" };
        let told = [Some(state.to_owned()), Some(addresses.join(", ")), found.description];
        let told: Vec<_> = told.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let line = format!("{number}. {} [{}]", found.name, told.join("; "));
        writeln!(output, "{}", crate::report::escape::escaped(&line)).map_err(|error| output.error(error))?;
    }
    output.finish()?;
    Ok(Status::Ran)
}

#[cfg(not(feature = "live"))]
fn list(_target: &Target) -> Result<Status, Error> {
    Err(capture::Error::NoInterfaces.into())
}

/// The full report, and the last words: what goes to files first, since nobody can keep that waiting.
fn conclude(
    job: &Job,
    watched: Watched<Error>,
    left: Left,
    table: &Table,
    prepared: Prepared<'_>,
    console: &mut Console,
) -> Result<Status, Error> {
    say_how_it_ended(&watched, console);
    let Watched { ended, outcome, info, packets, last, heard, unrecorded, .. } = watched;
    let ended_by = name(&ended);
    if let Ended::Failed(error) = ended
        && packets == 0
    {
        return Err(error.into());
    }
    let assume = job.report.assume.as_deref().map(|id| assumed(table, id)).transpose()?;
    let flows_evicted = outcome.evicted.flows();
    let is_whole = unrecorded == 0 && flows_evicted == 0;
    let timeline = Timeline { analysis: outcome.analysis, files: vec![(0, info)] };
    let asked = Asked { stack: job.report.stack, assume, threads: 1 };
    let (lost_total, events, flows_total) = (outcome.tally.lost, outcome.tally.events, outcome.numbers.total());
    let built = Arc::new(build_beside(vec![timeline], outcome.numbers, table, asked, outcome.evicted));
    let is_inline = job.events == Events::Json && prepared.len() < job.report.reports.len();
    let courses = courses(job, is_whole, &built, console);
    let (printed, filed): (Prepared<'_>, Prepared<'_>) =
        prepared.into_iter().partition(|(_, output)| output.is_stdout());
    analyze::print(filed, &built, &courses, console);
    let summary = || {
        let report = if is_inline { report_as_value(&built) } else { None };
        let (events_untold, events) = (left.untold, events);
        let summary =
            Summary { ended_by, packets, lost_total, flows_total, flows_evicted, events, events_untold, report };
        narrator::json(&Event { time: last, what: What::Summary(Box::new(summary)) })
    };
    let summary = (job.events == Events::Json).then(summary).transpose()?;
    let is_read = heard.and_then(|()| left.outlet.map_or(Ok(()), |outlet| tell_the_rest(outlet, summary.as_deref())));
    // Messages and reports may go to one terminal: one after the other.
    let is_stuck = left.is_stuck || (!console.settle() && io::stdout().is_terminal());
    match is_read {
        Ok(()) if !is_stuck => analyze::print(printed, &built, &courses, console),
        Ok(()) => console.error(&"the terminal takes nothing: the report is not printed"),
        // Nobody reads on.
        Err(error) if error.is_broken_pipe() => {}
        Err(error) => console.error(&error),
    }
    Ok(status(console, &built.report, &job.report.fail_on))
}

/// The courses of flows, for pages: what was watched cannot be read again, but what was recorded can, if it is all in one
/// file and has the same frames.
fn courses(job: &Job, is_whole: bool, built: &Built, console: &mut Console) -> Courses {
    let is_same = !matches!(job.from, From::Stdin(Some(_)));
    let one_file = |options: &&recorder::Options| options.rotate_size.is_none() && options.rotate_time.is_none();
    let Some(recording) = job.record.as_ref().filter(one_file).filter(|_| is_whole && is_same) else {
        return Courses::default();
    };
    let inputs = vec![Input::Path(recording.path.clone())];
    let source = read::Source { inputs, filter: None, count: None, threads: 1 };
    analyze::courses_to_draw(&job.report.reports, &source, usize::MAX, built).unwrap_or_else(|error| {
        console.warning(&format_args!("the page is without timelines: {error}"));
        Courses::default()
    })
}

/// Waits for the events that are still on their way, and the last one.
fn tell_the_rest(outlet: Outlet, last: Option<&[u8]>) -> Result<(), Error> {
    outlet.finish(last).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => narrator::failed(io::Error::new(error.kind(), "nobody reads standard output")),
        _ => narrator::failed(error),
    })
}

/// What failed, and what was counted.
fn say_how_it_ended(watched: &Watched<Error>, console: &mut Console) {
    watched.troubles.iter().for_each(|trouble| console.warning(trouble));
    match &watched.ended {
        Ended::Failed(_) if watched.packets == 0 => return,
        Ended::Failed(error) => console.error(&format_args!("{error}: the report is on what was captured until then")),
        _ => {}
    }
    let counters = watched.info.counters;
    let mut counts = format!("{} captured", plural(watched.packets, "packet"));
    let counted = [("received by filter", counters.received), ("dropped by kernel", counters.system_drops)];
    let counted = counted.into_iter().chain([("dropped by interface", counters.interface_drops)]);
    counted.filter_map(|(what, count)| Some((what, count?))).for_each(|(what, count)| {
        counts += &format!(", {count} {what}");
    });
    if watched.unrecorded > 0 {
        counts += &format!(", {} not recorded", watched.unrecorded);
    }
    console.note(&counts);
}

/// The report as `--format json` has it, with the flows that matter.
fn report_as_value(built: &Built) -> Option<serde_json::Value> {
    let mut text = Vec::new();
    let options = JsonOptions { flows: Listed::Matter, min_gap: Span::ZERO };
    // Memory takes everything, and what the report writes is JSON.
    json::render(&built.report, built, &options, &mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

const fn name(ended: &Ended) -> &'static str {
    match ended {
        Ended::Stopped => "signal",
        Ended::Duration => "duration",
        Ended::Count => "count",
        Ended::EndOfInput => "end-of-input",
        Ended::Failed(capture::Error::Lost { .. }) => "interface-lost",
        Ended::Failed(_) | Ended::Unheard => "error",
    }
}
