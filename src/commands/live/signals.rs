//! Signals as flags: SIGINT and SIGTERM end the watch with its report, SIGUSR1 asks for counts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was signalled.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    counts: Arc<AtomicBool>,
}

impl Signals {
    /// Catches them from now on. A second SIGINT or SIGTERM ends the process at once.
    #[cfg(unix)]
    pub(super) fn catch() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::flag;
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.stop))?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        flag::register(SIGUSR1, Arc::clone(&signals.counts))?;
        Ok(signals)
    }

    /// There are none here.
    #[cfg(not(unix))]
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Whether the watch is to end.
    pub(super) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the counts were asked for since the last call.
    pub(super) fn counts(&self) -> bool {
        self.counts.swap(false, Ordering::Relaxed)
    }
}
