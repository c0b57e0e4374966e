//! Standard error: messages and progress. Reports go elsewhere.

use std::fmt::Display;
use std::io::{self, Write};

use super::outlet::{self, Outlet};
use super::progress::Bar;
use crate::capture::Progress;
use crate::report::escape::escaped;

/// Standard error during one run.
pub struct Console {
    quiet: bool,
    failed: bool,
    mute: bool,
    bar: Option<Bar>,
    /// Writes messages where nothing may wait for whoever reads them.
    outlet: Option<Outlet>,
}

impl Console {
    /// A console without progress; quiet, it shows errors only.
    #[must_use]
    pub const fn new(quiet: bool) -> Self {
        Self { quiet, failed: false, mute: false, bar: None, outlet: None }
    }

    /// A console that shows nothing at all: for a second reading, whose faults the first one has told.
    #[must_use]
    pub const fn mute() -> Self {
        Self { quiet: true, failed: false, mute: true, bar: None, outlet: None }
    }

    /// Shows progress from now on, where somebody watches.
    pub fn begin_progress(&mut self, total: Option<u64>) {
        if !self.quiet {
            self.bar = Bar::for_terminal(total);
        }
    }

    /// From now on nobody waits for messages to be taken.
    ///
    /// # Errors
    /// If the system has no thread or handle for that.
    pub fn detach(&mut self) -> io::Result<()> {
        self.outlet = Some(Outlet::new("messages", outlet::stderr()?)?);
        Ok(())
    }

    /// Waits until the messages so far are written; whether they are. Where nobody takes them, no more are said.
    pub fn settle(&mut self) -> bool {
        self.mute |= self.outlet.as_ref().is_some_and(|outlet| outlet.settle().is_err());
        !self.mute
    }

    /// Counts records, and now and then looks how far the current file has come.
    #[inline]
    pub fn step(&mut self, records: u64, progress: impl FnOnce() -> Progress) {
        if let Some(bar) = &mut self.bar {
            bar.step(records, progress);
        }
    }

    /// The current file is read.
    pub fn end_file(&mut self, progress: Progress) {
        if let Some(bar) = &mut self.bar {
            bar.end_file(progress);
        }
    }

    /// Everything is read.
    pub fn end_progress(&mut self) {
        self.bar = None;
    }

    /// Reports what could not be done; the run will not end well.
    pub fn error(&mut self, message: &impl Display) {
        self.failed = true;
        self.print("", message);
    }

    /// Reports what the user should know, unless silence was asked for.
    pub fn warning(&mut self, message: &impl Display) {
        if !self.quiet {
            self.print("warning: ", message);
        }
    }

    /// Tells what was done, unless silence was asked for.
    pub fn note(&self, message: &impl Display) {
        if !self.quiet {
            self.print("", message);
        }
    }

    /// Whether an error was reported.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.failed
    }

    fn print(&self, kind: &str, message: &impl Display) {
        if self.mute {
            return;
        }
        let line = format!("idlegap: {kind}{}", escaped(&message.to_string()));
        // Where standard error is gone there is nobody to tell.
        let write = || match &self.outlet {
            Some(outlet) => drop(outlet.offer(line.as_bytes())),
            None => drop(writeln!(io::stderr(), "{line}")),
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Console {
    /// Messages that wait are written, if somebody takes them.
    fn drop(&mut self) {
        if !self.mute {
            self.settle();
        }
    }
}
