//! Lines on their way out, written by a thread of their own: whoever reads slowly, or not at all, must not hold the capture up.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::time::Span;
use crate::watch::clock::EdgeClock;

/// Octets that wait at most, beside those that are being written.
const MOST: usize = 1 << 24;
/// What has taken nothing for so long, at the end, will take nothing any more.
pub(super) const PATIENCE: Span = Span::from_secs(10);
/// How often it is looked whether anything moves.
const SLICE: Duration = Duration::from_millis(100);

/// A thread that writes, and what waits for it.
pub(super) struct Outlet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The thread is writing.
    is_busy: bool,
    /// Octets written so far.
    written: u64,
    /// Nothing more comes.
    is_closed: bool,
    /// The thread has ended.
    is_over: bool,
    failed: Option<io::Error>,
}

impl Outlet {
    /// An outlet to `out`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn new(name: &str, out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let here = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || here.write_on(out))?;
        Ok(Self(shared))
    }

    /// Hands over a line without its end, if there is room for it. Never waits.
    ///
    /// # Errors
    /// If an earlier one could not be written.
    pub(super) fn offer(&self, line: &[u8]) -> io::Result<bool> {
        let mut state = self.0.lock();
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        let has_room = state.waiting.len() < MOST;
        if has_room {
            state.waiting.extend_from_slice(line);
            state.waiting.push(b'\n');
            self.0.changed.notify_all();
        }
        Ok(has_room)
    }

    /// Whether everything could be written so far.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) fn check(&self) -> io::Result<()> {
        self.0.lock().failed.take().map_or(Ok(()), Err)
    }

    /// Waits a moment for room.
    pub(super) fn wait(&self) {
        let state = self.0.lock();
        if state.waiting.len() >= MOST {
            drop(self.0.changed.wait_timeout(state, SLICE));
        }
    }

    /// Adds a last line, if there is one, and waits until everything is written, as long as something moves.
    ///
    /// # Errors
    /// If something could not be written; `TimedOut` where nobody reads.
    pub(super) fn finish(self, last: Option<&[u8]>) -> io::Result<()> {
        let mut state = self.0.lock();
        if let Some(line) = last {
            state.waiting.extend_from_slice(line);
            state.waiting.push(b'\n');
        }
        state.is_closed = true;
        self.0.changed.notify_all();
        self.0.until(state, |state| state.is_over)?.failed.take().map_or(Ok(()), Err)
    }

    /// Waits until what was handed over is written, as long as something moves.
    ///
    /// # Errors
    /// `TimedOut` where nobody reads.
    pub(super) fn settle(&self) -> io::Result<()> {
        let is_settled = |state: &State| state.is_over || (state.waiting.is_empty() && !state.is_busy);
        self.0.until(self.0.lock(), is_settled).map(drop)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `what`, as long as something moves.
    fn until<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        what: impl Fn(&State) -> bool,
    ) -> io::Result<MutexGuard<'a, State>> {
        let (mut clock, mut written) = (EdgeClock::new(), state.written);
        while !what(&state) {
            if state.written != written {
                (clock, written) = (EdgeClock::new(), state.written);
            }
            if clock.elapsed() >= PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
            state = self.changed.wait_timeout(state, SLICE).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(state)
    }

    fn write_on(&self, mut out: impl Write) {
        let mut failed = None;
        while let Some(octets) = self.next() {
            if let Err(error) = self.write(&mut out, &octets) {
                failed = Some(error);
                break;
            }
        }
        let mut state = self.lock();
        state.is_over = true;
        state.failed = failed;
        self.changed.notify_all();
    }

    /// What waits; `None` when nothing more comes.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        state.is_busy = false;
        self.changed.notify_all();
        while state.waiting.is_empty() {
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_busy = true;
        Some(std::mem::take(&mut state.waiting))
    }

    fn write(&self, out: &mut impl Write, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            match out.write(octets) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    octets = octets.get(count..).unwrap_or_default();
                    self.lock().written += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.flush()
    }
}

/// Standard output beside the handle of the standard library, whose lock another thread may hold.
///
/// # Errors
/// If the system has no further handle.
pub(super) fn stdout() -> io::Result<File> {
    duplicate(&io::stdout())
}

/// Standard error in the same way.
///
/// # Errors
/// If the system has no further handle.
pub(super) fn stderr() -> io::Result<File> {
    duplicate(&io::stderr())
}

#[cfg(unix)]
fn duplicate(handle: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(handle.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate(handle: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(handle.as_handle().try_clone_to_owned()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Takes a piece for each word of permission.
    struct Slow(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| ErrorKind::BrokenPipe)?;
            self.1.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Outlet, SyncSender<()>, Arc<Mutex<Vec<u8>>>) {
        let (sender, receiver) = sync_channel(100);
        let taken = Arc::default();
        (Outlet::new("slow", Slow(receiver, Arc::clone(&taken))).unwrap(), sender, taken)
    }

    #[test]
    fn what_is_not_taken_waits_and_what_finds_no_room_is_refused() {
        let (outlet, allow, taken) = slow();
        let line = vec![b'x'; MOST / 8];
        let offered = (0..20).filter(|_| outlet.offer(&line).unwrap()).count();
        assert!((8..=17).contains(&offered), "{offered} lines in {MOST} octets, as many in the hands of the thread");
        (0..20).for_each(|_| allow.send(()).unwrap());
        outlet.finish(None).unwrap();
        assert_eq!(taken.lock().unwrap().len(), offered * (line.len() + 1), "all that was accepted is written");
    }

    #[test]
    fn an_error_is_told_to_whoever_comes_next() {
        let (outlet, allow, _) = slow();
        drop(allow);
        assert!(outlet.offer(b"one").unwrap());
        let error = outlet.finish(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let (outlet, _allow, _) = slow();
        outlet.offer(b"one").unwrap();
        assert_eq!(outlet.finish(None).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
