//! A progress bar on standard error, for those who wait in front of a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::Progress;

/// Shorter runs show nothing.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// Records between two looks at the clock: a look costs about as much as a record, and a file gives a million a second.
const FILE_STRIDE: u64 = 4096;
/// The same for pipes, where records may come slowly.
const PIPE_STRIDE: u64 = 64;

/// Bytes of the files as they are stored, or packets where nobody knows the size.
pub struct Bar {
    bar: ProgressBar,
    is_shown: bool,
    total: Option<u64>,
    records: u64,
    stride: u64,
    /// Bytes of the files before this one.
    before: u64,
}

impl Bar {
    /// A bar over `total` bytes, if standard error is a terminal that can draw one.
    #[must_use]
    pub fn for_terminal(total: Option<u64>) -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        (io::stderr().is_terminal() && !is_dumb).then(|| Self {
            bar: hidden(total),
            is_shown: false,
            total,
            records: 0,
            stride: if total.is_some() { FILE_STRIDE } else { PIPE_STRIDE },
            before: 0,
        })
    }

    /// Counts records, and now and then redraws.
    pub fn step(&mut self, records: u64, progress: impl FnOnce() -> Progress) {
        let looks = self.records / self.stride;
        self.records += records;
        if self.records / self.stride > looks {
            self.show(progress().read);
        }
    }

    /// A file is read to its end.
    pub fn end_file(&mut self, progress: Progress) {
        self.before += progress.total.unwrap_or(progress.read);
    }

    /// Does something with the bar out of the way.
    pub fn suspend(&self, action: impl FnOnce()) {
        self.bar.suspend(action);
    }

    #[cold]
    fn show(&mut self, read: u64) {
        self.bar.set_position(if self.total.is_some() { self.before + read } else { self.records });
        if !self.is_shown && self.bar.elapsed() >= SHOWN_AFTER {
            self.is_shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar that nobody sees yet, but that measures from the start.
fn hidden(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    let template = match total {
        Some(_) => "{wide_bar} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
        None => "{spinner} {human_pos} packets in {elapsed}",
    };
    // Without the template the bar only looks plainer.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> ").tick_chars("-\\|/ "));
    bar
}
