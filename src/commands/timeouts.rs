//! `idlegap timeouts`: lists, searches and explains the table of known timeouts.

mod explain;
mod grid;
mod markdown;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comfy_table::Table as Grid;
use serde::Serialize;

use self::grid::{LEAST_WIDTH, constrain, duration, grid, product, stacked, write_grid};
use super::output::Target;
use super::{Error, Status};
use crate::timeouts::{Entry, KeepaliveDefault, Refresh, Seconds, Table, TableError, Why, parse_duration, user_file};

/// What was typed after `idlegap timeouts`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct TimeoutsArgs {
    /// Words or a duration to search for (`nlb`, `350`, `5m50s`), or the id of one row to explain
    #[arg(value_name = "QUERY|ID")]
    pub query: Vec<String>,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// A table of your own, in the same form, merged over the built-in one
    #[arg(long, value_name = "FILE")]
    pub timeouts: Option<PathBuf>,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// A page of Markdown, by kinds, with the source of every row
    Markdown,
}

/// What `idlegap timeouts` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What was typed.
    pub args: TimeoutsArgs,
    /// Columns of text, at least 80.
    pub width: u16,
    /// Where the rows go.
    pub target: Target,
}

/// Prints the rows that were asked for. To find none is an answer too.
///
/// # Errors
/// If the table is not valid or the rows cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let table = load(job.args.timeouts.as_deref())?;
    let mut output = job.target.open(&[])?;
    render(&table, &job.args.query.join(" "), job.args.format, job.width, &mut output)
        .map_err(|error| output.error(error))?;
    output.finish()?;
    Ok(Status::Ran)
}

/// Why the table cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The user's file cannot be read.
    #[error("{}: cannot read the table of timeouts: {error}; name a readable file with --timeouts or IDLEGAP_TIMEOUTS", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A table is not in the form it must have.
    #[error(transparent)]
    Invalid(#[from] TableError),
}

/// The table to use in this run: the built-in one with the user's own merged over it, as [`user_file`] finds it.
///
/// # Errors
///
/// Where the user's file is named and cannot be read, or is not in the form of the table.
pub fn load(flag: Option<&Path>) -> Result<Table, LoadError> {
    let variable = |name: &str| -> Option<OsString> { std::env::var_os(name) };
    let (own, xdg, home) = (variable("IDLEGAP_TIMEOUTS"), variable("XDG_CONFIG_HOME"), variable("HOME"));
    let table = Table::built_in()?;
    let Some(file) = user_file(flag, own.as_deref(), xdg.as_deref(), home.as_deref()) else { return Ok(table) };
    match std::fs::read_to_string(&file.path) {
        Ok(text) => Ok(table.merged(&file.path.to_string_lossy(), &text)?),
        Err(error) if !file.required && error.kind() == io::ErrorKind::NotFound => Ok(table),
        Err(error) => Err(LoadError::Unreadable { path: file.path, error }),
    }
}

/// What a query came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Rows were printed.
    Rows,
    /// No row matches; the output says so.
    Nothing,
}

/// Prints the rows that `query` asks for: all for an empty one, one explained for an id, else the rows that match. Text keeps to
/// `width` columns, at least 80.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn render(table: &Table, query: &str, format: Format, width: u16, out: &mut impl Write) -> io::Result<Found> {
    let query = query.trim();
    let id = query.to_lowercase();
    let selection = Selection::new(table, query);
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, &selection)?;
        writeln!(out)?;
    } else if format == Format::Markdown {
        markdown::page(&selection.timeouts, &selection.keepalive_defaults, out)?;
    } else if selection.is_empty() {
        unknown(table, query, out)?;
    } else if let Some(entry) = table.get(&id) {
        write_grid(&explain::timeout(table, entry, width), out)?;
    } else if let Some(stack) = table.keepalive_default(&id) {
        write_grid(&explain::stack(stack, width), out)?;
    } else {
        listing(&selection, query, width.max(LEAST_WIDTH), out)?;
    }
    Ok(if selection.is_empty() { Found::Nothing } else { Found::Rows })
}

/// The rows a query selects.
#[derive(Serialize)]
struct Selection<'a> {
    timeouts: Vec<&'a Entry>,
    /// Rows that can be set to the duration of the query, which is not their default: the tail of `timeouts`.
    #[serde(skip)]
    settable: usize,
    keepalive_defaults: Vec<&'a KeepaliveDefault>,
}

impl<'a> Selection<'a> {
    fn new(table: &'a Table, query: &str) -> Self {
        let id = query.to_lowercase();
        let one = (table.get(&id), table.keepalive_default(&id));
        if one.0.is_some() || one.1.is_some() {
            return Self {
                timeouts: one.0.into_iter().collect(),
                settable: 0,
                keepalive_defaults: one.1.into_iter().filter(|_| one.0.is_none()).collect(),
            };
        }
        let hits = table.search(query);
        Self {
            settable: hits.iter().filter(|hit| hit.why == Why::Range).count(),
            timeouts: hits.into_iter().map(|hit| hit.entry).collect(),
            keepalive_defaults: table.search_keepalive_defaults(query),
        }
    }

    fn is_empty(&self) -> bool {
        self.timeouts.is_empty() && self.keepalive_defaults.is_empty()
    }
}

fn unknown(table: &Table, query: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "No timeout in the table matches {query:?}.")?;
    let near = table.suggestions(query);
    if !near.is_empty() {
        writeln!(out, "Did you mean one of these?")?;
        for id in near {
            writeln!(out, "  {id}")?;
        }
    }
    writeln!(out, "`idlegap timeouts` lists all of them.")
}

fn listing(selection: &Selection<'_>, query: &str, width: u16, out: &mut impl Write) -> io::Result<()> {
    let (by_value, settable) =
        selection.timeouts.split_at_checked(selection.timeouts.len() - selection.settable).unwrap_or_default();
    if !by_value.is_empty() {
        write_grid(&timeouts_grid(by_value, width), out)?;
    }
    if !settable.is_empty() {
        let title = match parse_duration(query) {
            Some(value) => format!("Not the default, but can be set to {}:", duration(value)),
            None => "Not the default, but within the range that can be set:".to_owned(),
        };
        writeln!(out, "{}{title}", if by_value.is_empty() { "" } else { "\n" })?;
        write_grid(&timeouts_grid(settable, width), out)?;
    }
    if !selection.keepalive_defaults.is_empty() {
        writeln!(out, "{}Keepalive defaults:", if selection.timeouts.is_empty() { "" } else { "\n" })?;
        write_grid(&stacks_grid(&selection.keepalive_defaults, width), out)?;
    }
    writeln!(out, "\n`idlegap timeouts ID` explains one row.")
}

/// One row of text per timeout; id and product share a column, so that both fit into 80 columns.
fn timeouts_grid(entries: &[&Entry], width: u16) -> Grid {
    let mut grid = grid(width);
    grid.set_header(["value", "id\nproduct", "layer", "keep-\nalive", "on expiry"]);
    for entry in entries {
        let refreshed = match entry.refresh {
            Refresh::Refreshed => "yes",
            Refresh::NotRefreshed => "no",
            Refresh::Unknown => "?",
        };
        grid.add_row([
            stacked(entry.idle.span()),
            format!("{}\n{}", entry.id, product(entry)),
            entry.layer.to_string(),
            refreshed.to_owned(),
            entry.on_expiry.iter().map(|expiry| expiry.as_str()).collect::<Vec<_>>().join("\n"),
        ]);
    }
    constrain(&mut grid, &[Some(9), None, Some(5), Some(5), Some(18)]);
    grid
}

fn stacks_grid(stacks: &[&KeepaliveDefault], width: u16) -> Grid {
    let mut grid = grid(width);
    grid.set_header(["id\nproduct", "on", "time", "interval", "probes"]);
    for stack in stacks {
        let seconds = |value: Option<Seconds>| value.map_or_else(|| "-".to_owned(), |value| format!("{} s", value.0));
        grid.add_row([
            format!("{}\n{}", stack.id, stack.product),
            stack.enabled_by_default.to_string(),
            seconds(stack.time),
            seconds(stack.interval),
            stack.probes.map_or_else(|| "-".to_owned(), |probes| probes.to_string()),
        ]);
    }
    constrain(&mut grid, &[None, Some(11), Some(8), Some(8), Some(6)]);
    grid
}
