//! Signals as flags: SIGINT, SIGTERM and SIGHUP end the watch with its report, SIGUSR1 asks for counts.

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
    /// given back first, within a tenth of a second, and SIGQUIT ends the watch then as well. A second SIGHUP changes
    /// nothing, since a terminal that goes away sends several.
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
            flag::register_conditional_shutdown(SIGQUIT, 128 + SIGQUIT, Arc::clone(&signals.hurry))?;
            flag::register(SIGQUIT, Arc::clone(&signals.stop))?;
        }
        if !ignores_hangup() {
            flag::register(SIGHUP, Arc::clone(&signals.stop))?;
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

/// Whether who started the program had it ignore SIGHUP, as nohup(1) does: then it is to go on without its terminal. Told by
/// the mask `SigIgn` of proc(5), in which bit 0 is signal 1; where there is none nothing is ignored.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
