//! Signals as flags: SIGINT and SIGTERM end the watch with its report, SIGUSR1 asks for counts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was signalled.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    /// Whether SIGINT and SIGTERM end the process at once from now on.
    hurry: Arc<AtomicBool>,
    counts: Arc<AtomicBool>,
}

impl Signals {
    /// Catches them from now on. A second SIGINT or SIGTERM ends the process at once, unless a view has the terminal: that is
    /// given back first, within a tenth of a second, and a hangup ends the watch then as well.
    #[cfg(unix)]
    pub(super) fn catch(for_view: bool) -> io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
        use signal_hook::flag;
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.hurry))?;
            flag::register(signal, Arc::clone(&signals.stop))?;
            if !for_view {
                flag::register(signal, Arc::clone(&signals.hurry))?;
            }
        }
        if for_view {
            for signal in [SIGHUP, SIGQUIT] {
                flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.hurry))?;
                flag::register(signal, Arc::clone(&signals.stop))?;
            }
        }
        flag::register(SIGUSR1, Arc::clone(&signals.counts))?;
        Ok(signals)
    }

    /// There are none here.
    #[cfg(not(unix))]
    pub(super) fn catch(_for_view: bool) -> io::Result<Self> {
        Ok(Self::default())
    }

    /// From now on a signal ends the process at once: the watch is over.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
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
