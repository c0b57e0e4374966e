//! Whether the capture ended before the question was answered.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::flow::gaps::{Gap, Gaps};
use crate::flow::{Flow, Socket};
use crate::time::Span;
use crate::verdict::quality::is_stitched;

/// The shortest of the idle timers that boxes on a path usually run: 60 s, as home routers, HAProxy examples and several
/// cloud balancers have it (the table of timeouts).
pub const SHORTEST_USUAL_TIMER: Span = Span::from_secs(60);
/// An open silence under this is how any capture ends.
const LEAST_OPEN: Span = Span::from_secs(10);

/// How the capture ended: in silence or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Flows that were silent when the capture ended, for longer than any silence of their service whose end was seen, and
    /// whose service lost no flow to silence: what such a silence comes to is not known.
    pub silent: u64,
    /// The longest of these silences, so far as it had lasted: a timer is longer, or there is none.
    pub open_longest: Span,
    /// The longest silence of the capture, ended or not.
    pub longest_silence: Span,
}

impl Ending {
    /// Whether no silence lasted long enough for the usual timers, while flows were silent when the capture ended.
    #[must_use]
    pub fn is_too_short(&self) -> bool {
        self.silent > 0 && self.longest_silence < SHORTEST_USUAL_TIMER
    }
}

/// The silences on the clock of any packet, gathered in two looks at each flow.
#[derive(Default)]
pub(super) struct Silences {
    ending: Ending,
    known: HashMap<Socket, Known, RandomState>,
}

impl Silences {
    /// First look: what is known of the flow's service.
    pub(super) fn add(&mut self, flow: &Flow) {
        let Some(gaps) = flow.packet_gaps() else { return };
        self.known.entry(flow.server()).or_default().add(gaps);
        let lengths = gaps.lengths().filter(|length| !is_stitched(*length));
        self.ending.longest_silence = lengths.fold(self.ending.longest_silence, Span::max);
    }

    /// Second look: whether the flow's last silence says something that its service does not.
    pub(super) fn add_again(&mut self, flow: &Flow) {
        let Some(gaps) = flow.packet_gaps() else { return };
        let known = self.known.get(&flow.server()).copied().unwrap_or_default();
        let open = last_open(gaps).filter(|gap| !known.died && gap.length > known.survived);
        if let Some(gap) = open.filter(|gap| gap.length >= LEAST_OPEN) {
            self.ending.silent += 1;
            self.ending.open_longest = self.ending.open_longest.max(gap.length);
        }
    }

    pub(super) const fn ending(&self) -> Ending {
        self.ending
    }
}

/// What is known of the silences of a service.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    survived: Span,
    died: bool,
}

impl Known {
    fn add(&mut self, gaps: &Gaps) {
        self.survived = self.survived.max(gaps.longest_survived().map_or(Span::ZERO, |gap| gap.length));
        self.died |= gaps.died().is_some();
    }
}

/// The silence that lasted when the capture ended; one that ended undecided is none.
fn last_open(gaps: &Gaps) -> Option<Gap> {
    gaps.open().filter(|gap| gap.ended_by.is_none() && !is_stitched(gap.length))
}
