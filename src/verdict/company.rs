//! What the other flows toward a server say in favour of the path: a host that died took flows in use with it, and a server
//! that was stopped closed its idle connections in one moment, whatever their silences.

use crate::flow::gaps::{Clock, Gap};
use crate::flow::{Direction, Flow};
use crate::time::{Span, Timestamp};
use crate::verdict::bracket::latest;
use crate::verdict::{Confidence, Reason, Verdict, VerdictId};

/// Closes within this time belong to one event.
const ONE_MOMENT: Span = Span::from_secs(2);
/// Closes from which on they are no coincidence.
const CLOSES_THAT_TELL: u64 = 3;

/// Resets out of silences alike from which on it is a timer.
const TIMERS_THAT_TELL: u64 = 2;
/// Resets in answer from which on they are no coincidence.
const ANSWERS_THAT_TELL: u64 = 3;

/// Flows that a box seems to have reset, in one manner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kills {
    count: u64,
    /// When the last of their silences began.
    began_last: Option<Timestamp>,
    /// When the first of them ended.
    ended_first: Option<Timestamp>,
    silences: Option<(Span, Span)>,
}

impl Kills {
    fn add(&mut self, gap: &Gap) {
        let end = gap.start.time.plus(gap.length);
        self.count += 1;
        self.began_last = self.began_last.max(Some(gap.start.time));
        self.ended_first = Some(self.ended_first.map_or(end, |first| first.min(end)));
        widen(&mut self.silences, gap.length);
    }

    /// Whether there is no moment that lies within all of their silences.
    fn have_no_moment_in_common(&self) -> bool {
        self.began_last > self.ended_first
    }

    fn are_alike(&self) -> bool {
        self.silences.is_some_and(|(least, most)| most <= latest(least))
    }
}

/// Flows that died beside others, without a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Company {
    by_timer: Kills,
    on_next: Kills,
    lost_in_use: Option<(Timestamp, Timestamp)>,
    closes: u64,
    closed: Option<(Timestamp, Timestamp)>,
    silences: Option<(Span, Span)>,
}

impl Company {
    /// Takes in a flow and the verdict on it alone.
    pub fn add(&mut self, flow: &Flow, verdict: &Verdict) {
        if verdict.id == VerdictId::RetransmissionExhausted {
            widen(&mut self.lost_in_use, flow.last.time);
        }
        if let Some((_, gap)) = verdict.gap.filter(|(clock, gap)| *clock == Clock::Packet && !gap.half_closed) {
            match verdict.id {
                VerdictId::IdleReset => self.by_timer.add(&gap),
                VerdictId::IdleResetNext => self.on_next.add(&gap),
                _ => {}
            }
        }
        if let Some((gap, end)) = closed_by_server(verdict) {
            self.closes += 1;
            widen(&mut self.closed, end);
            widen(&mut self.silences, gap.length);
        }
    }

    /// Whether the server closed its connections in one moment, after silences that differ by more than timers are late: a
    /// stop or a restart, and no timer.
    #[must_use]
    pub fn closed_in_one_moment(&self) -> bool {
        let together = self.closed.is_some_and(|(first, last)| last.since(first) <= ONE_MOMENT);
        let unlike = self.silences.is_some_and(|(least, most)| most > latest(least));
        self.closes >= CLOSES_THAT_TELL && together && unlike
    }

    /// Whether no restart of the host explains the RST of `verdict`: RSTs out of silence come after like silences, or no moment
    /// lies within the silences of all flows whose next packet met a RST.
    #[must_use]
    pub fn no_restart(&self, verdict: &Verdict) -> bool {
        match verdict.id {
            VerdictId::IdleReset => self.by_timer.count >= TIMERS_THAT_TELL && self.by_timer.are_alike(),
            VerdictId::IdleResetNext => {
                self.on_next.count >= ANSWERS_THAT_TELL && self.on_next.have_no_moment_in_common()
            }
            _ => false,
        }
    }

    /// The verdict that the company of `verdict`'s flow leaves, where it explains the death without a timer.
    #[must_use]
    pub fn explain(&self, verdict: &Verdict) -> Option<Verdict> {
        if self.closed_in_one_moment() && closed_by_server(verdict).is_some() {
            let graceful = Verdict { timeout: None, gap: None, ..verdict.clone() };
            let graceful = Verdict { id: VerdictId::Graceful, confidence: Confidence::Likely, ..graceful };
            return Some(graceful.because(Reason::ClosedTogether(self.closes)));
        }
        let ((first, last), (_, gap)) = self.lost_in_use.zip(verdict.gap)?;
        let in_that_silence = first <= gap.start.time.plus(gap.length) && gap.start.time <= last;
        match verdict.id {
            VerdictId::KeepaliveExhausted if in_that_silence => Some(verdict.clone()),
            VerdictId::IdleDrop if in_that_silence => {
                let confidence = Confidence::Possible;
                Some(Verdict { confidence, ..verdict.clone() }.because(Reason::PeerLost))
            }
            _ => None,
        }
    }
}

/// Whether data was ever sent again, which a flow has to show that lost its peer in use.
#[must_use]
pub fn repeated(flow: &Flow) -> bool {
    Direction::BOTH.into_iter().any(|side| flow.end(side).counters().retransmissions > 0)
}

/// The silence that a server's FIN ended, and when.
fn closed_by_server(verdict: &Verdict) -> Option<(Gap, Timestamp)> {
    let by_fin = verdict.id == VerdictId::IdleClose && verdict.reasons.contains(&Reason::ServerFin);
    let (_, gap) = verdict.gap.filter(|_| by_fin)?;
    Some((gap, gap.start.time.plus(gap.length)))
}

fn widen<T: Copy + Ord>(bounds: &mut Option<(T, T)>, value: T) {
    *bounds = Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))));
}
