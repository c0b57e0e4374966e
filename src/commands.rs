//! The subcommands: each a short story told with the floors below.

pub mod analyze;
pub mod console;
pub mod courses;
pub mod evidence;
pub mod live;
mod outlet;
pub mod output;
pub mod print;
pub mod progress;
pub mod read;
pub mod script;
pub mod spool;
pub mod timeouts;
pub mod trace;

use std::io;
use std::process::ExitCode;

use crate::capture;
use crate::evidence::pseudonyms::KeyError;
use crate::report::template::TemplateError;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It ran.
    Ran,
    /// A verdict that `--fail-on` names was reached.
    Matched,
    /// Something that the user named could not be read; the rest was.
    Failed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Ran => Self::SUCCESS,
            Status::Matched => Self::from(1),
            Status::Failed => Self::from(2),
        }
    }
}

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A capture, or the filter on it.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// The table of timeouts.
    #[error(transparent)]
    Timeouts(#[from] timeouts::LoadError),
    /// The report cannot be written.
    #[error("cannot write {name}: {source}")]
    Write {
        /// Where it was to go.
        name: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The report would replace what it is made from.
    #[error("{name} is one of the captures: write the report to another file")]
    OverInput {
        /// The file.
        name: String,
    },
    /// Two reports would replace each other.
    #[error("two reports go to {name}: give each a file of its own")]
    SameTarget {
        /// Where both would go.
        name: String,
    },
    /// A BPF expression stands where files are named.
    #[error(
        "{expression:?} is no file but reads like a BPF expression: `idlegap -r {file} {expression}` or `idlegap -f \"{expression}\" {file}`"
    )]
    Expression {
        /// The expression.
        expression: String,
        /// The file before it.
        file: String,
    },
    /// A template that cannot be read.
    #[error("cannot read {name}: {source}")]
    Unreadable {
        /// The file.
        name: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A template that is wrong.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// Privileges cannot be given up as was asked.
    #[error("cannot run as {user}: {reason}")]
    User {
        /// The user's name.
        user: String,
        /// Why not.
        reason: String,
    },
    /// Metrics cannot be served.
    #[error("cannot serve metrics on {address}: {source}")]
    Serve {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("cannot catch signals: {source}")]
    Signals {
        /// The operating system's reason.
        source: io::Error,
    },
    /// A timeout that the table does not have is to be assumed.
    #[error("there is no timeout {id:?} in the table.{near} `idlegap timeouts` lists all of them")]
    NoTimeout {
        /// What was asked for.
        id: String,
        /// What may have been meant, as a question with a space before it.
        near: String,
    },
    /// What can be read only once cannot be kept for a second reading.
    #[error("cannot keep {name} in {folder} to read it again: {source}. TMPDIR says where there is room")]
    Spool {
        /// What was to be kept.
        name: String,
        /// Where temporary files go.
        folder: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The captures are of several capture points.
    #[error("these captures overlap: they are {points} capture points, and evidence is cut from one at a time")]
    SeveralPoints {
        /// How many.
        points: usize,
    },
    /// A flow has more segments than a script is for.
    #[error(
        "flow {flow} is too long for a script, by {over} segments: `idlegap trace --flow {flow}` shows all of them"
    )]
    LongScript {
        /// Which flow.
        flow: u32,
        /// How many segments too many it has.
        over: u64,
    },
    /// A key for pseudonyms is none.
    #[error("--key: {0}")]
    Key(#[from] KeyError),
    /// A flow that is not there was asked for.
    #[error("there is no flow {flow}: {known}")]
    NoFlow {
        /// What was asked for.
        flow: u32,
        /// What there is.
        known: String,
    },
}

impl Error {
    /// Whether the reader of the output has gone away, which is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
