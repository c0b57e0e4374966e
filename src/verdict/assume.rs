//! Holding one assumption against the capture: that the path goes through a certain box of the table of timeouts.
//!
//! The rules, in one place:
//!
//! 1. The box is taken at the row's value, on the clock that its timer counts (`resets_on_keepalive`); where nobody has said
//!    which that is, a silence of any packet is what both kinds of timer count.
//! 2. A silence that survived although it was longer than the timer can be late contradicts the assumption.
//! 3. So do flows that died of a shorter silence, that died though keepalives restarted the timer, that were killed in sight
//!    later than the timer fires at the latest, or that died in a manner in which the box is documented not to kill.
//! 4. A close in good order is an end's own doing where the box passes packets on: it says nothing about the box.
//! 5. The assumption holds where flows died as the row says and nothing contradicts it; without either it is untested.
//! 6. Services behind one box are tried as one, and of a service of which only some paths kill those paths by themselves.
//! 7. Others may be reached by different paths. It is enough that it holds for one of them.

use std::collections::BTreeMap;

use crate::flow::gaps::{Clock, Gap, Gaps, Outcome};
use crate::flow::{Flow, FrameId, SegmentKind, Socket};
use crate::time::Span;
use crate::timeouts::{Basis, Counts, Entry, Expiry, JITTER, Layer, Origin, Refresh, State, lateness};
use crate::verdict::bracket::manner;
use crate::verdict::{Confidence, Verdict, VerdictId};

/// Tests whether the path of `flows` can go through the box of `entry`; each flow comes with what it speaks for, its number
/// and its verdict.
#[must_use]
pub fn assume<'a>(entry: &Entry, flows: impl IntoIterator<Item = (Subject, u32, &'a Flow, Verdict)>) -> Assumption {
    let mut assumption = Assumption { obstacle: Obstacle::of(entry), trials: BTreeMap::new() };
    if assumption.obstacle.is_none() {
        for (subject, number, flow, verdict) in flows {
            for seen in sightings(entry, number, flow, &verdict) {
                assumption.trials.entry(subject).or_default().weigh(entry, seen);
            }
        }
    }
    assumption
}

/// Flows that take one path, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Those toward services behind one box, by timeline and place among its groups.
    Group(usize, usize),
    /// Those toward one service.
    Service(Socket),
    /// Those toward a service of which other paths kill.
    OtherPaths(Socket),
}

/// What came of an assumption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumption {
    /// Why no capture can test it.
    pub obstacle: Option<Obstacle>,
    /// What the flows of each subject say of it; subjects without a silence that came out are left out.
    pub trials: BTreeMap<Subject, Trial>,
}

impl Assumption {
    /// What the subjects say together: it holds if it holds for one of them.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.trials.values().map(Trial::standing).max().unwrap_or(Standing::Untested)
    }
}

/// Whether an assumption can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing long enough was seen.
    Untested,
    /// What was seen cannot be the box's doing.
    Contradicted,
    /// Flows died as the box would have it, and nothing speaks against it.
    Holds,
}

impl Standing {
    /// `untested`, `contradicted` or `holds`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untested => "untested",
            Self::Contradicted => "contradicted",
            Self::Holds => "holds",
        }
    }
}

/// Why no capture of established flows can test a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// Its timer is for another state of a connection than those in which silence is measured.
    State(State),
    /// It counts a whole exchange, not silence.
    Exchange,
    /// Its expiry ends no connection.
    EndsNothing,
}

impl Obstacle {
    fn of(entry: &Entry) -> Option<Self> {
        match (entry.state, entry.counts) {
            (State::Unacknowledged | State::Handshake | State::Udp, _) => Some(Self::State(entry.state)),
            (_, Counts::Exchange) => Some(Self::Exchange),
            _ => (!entry.cuts).then_some(Self::EndsNothing),
        }
    }
}

/// What the flows of one subject say of the assumption. Every tally counts flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Survived longer than the timer can be late.
    pub outlived: Tally,
    /// Survived no longer than that.
    pub survived: Tally,
    /// Died when the timer had expired, in a manner that does not disagree.
    pub fitting: Tally,
    /// Died of a silence shorter than the timer.
    pub early: Tally,
    /// Died although packets restarted the timer.
    pub restarted: Tally,
    /// Were killed in sight, later than the timer fires at the latest.
    pub late: Tally,
    /// Died in a manner in which the box is documented not to kill.
    pub otherwise: Tally,
    /// The same, where the manner of the box is reasoned and not documented: not counted.
    pub odd: Tally,
    /// Closed in good order, by an end that is not the box: not counted.
    pub closed: Tally,
    /// May have died of silence, too uncertain to count.
    pub doubtful: Tally,
}

impl Trial {
    /// What these flows say by themselves.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let against = [self.outlived, self.early, self.restarted, self.late, self.otherwise];
        if against.iter().any(|tally| tally.count > 0) {
            Standing::Contradicted
        } else if self.fitting.count > 0 {
            Standing::Holds
        } else {
            Standing::Untested
        }
    }

    fn weigh(&mut self, entry: &Entry, seen: Sighting) {
        let idle = entry.idle.span();
        let latest = idle.plus(lateness(idle, entry.layer));
        let told = entry.behaviour_basis == Basis::Documented || entry.origin != Origin::BuiltIn;
        let orderly = seen.manner == Some(Expiry::Fin);
        let in_sight = orderly || seen.manner == Some(Expiry::RstBoth);
        let disagrees = entry.kills_otherwise(seen.manner);
        let tally = match seen.end {
            Fate::Survived if seen.length > latest => &mut self.outlived,
            Fate::Survived => &mut self.survived,
            Fate::DiedPerhaps => &mut self.doubtful,
            _ if orderly && disagrees && entry.layer == Layer::L4 => &mut self.closed,
            Fate::DiedRestarted => &mut self.restarted,
            Fate::Died if seen.length.plus(JITTER) < idle => &mut self.early,
            Fate::Died if disagrees && told => &mut self.otherwise,
            Fate::Died if disagrees => &mut self.odd,
            Fate::Died if in_sight && seen.length > latest => &mut self.late,
            Fate::Died => &mut self.fitting,
        };
        tally.add(seen);
    }
}

/// Flows of one kind: how many, and the extremes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// That of the shortest silence, the first of them.
    pub least: Option<Sighting>,
    /// That of the longest silence, the first of them.
    pub most: Option<Sighting>,
}

impl Tally {
    fn add(&mut self, seen: Sighting) {
        self.count += 1;
        self.least = self.least.filter(|least| least.length <= seen.length).or(Some(seen));
        self.most = self.most.filter(|most| most.length >= seen.length).or(Some(seen));
    }
}

/// A silence on the clock of the timer (for limits of age, a life), and how it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Number of the flow.
    pub flow: u32,
    /// How long.
    pub length: Span,
    /// The frame before it, and the frame that ended it.
    pub frames: (FrameId, FrameId),
    /// How the flow was killed, if it was and where that shows.
    pub manner: Option<Expiry>,
    end: Fate,
}

/// How a silence came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Survived,
    Died,
    /// On the clock of the timer there was no silence before the end.
    DiedRestarted,
    DiedPerhaps,
}

/// What one flow shows: at most the longest silence that it survived, and the one it died of.
fn sightings(entry: &Entry, number: u32, flow: &Flow, verdict: &Verdict) -> Vec<Sighting> {
    if entry.counts == Counts::Lifetime {
        return life(number, flow, verdict).into_iter().collect();
    }
    let half_closed = entry.state == State::HalfClosed;
    let survived = survived(entry, flow, verdict, half_closed).and_then(|gap| Sighting::of(number, &gap));
    survived.into_iter().chain(died(entry, number, flow, verdict, half_closed)).collect()
}

/// The age that a flow reached.
fn life(flow: u32, of: &Flow, verdict: &Verdict) -> Option<Sighting> {
    let frames = (of.first.frame, of.last.frame);
    let died = verdict.timeout.filter(|_| verdict.id == VerdictId::AgeLimit);
    let (length, end) = died.map_or((of.last.time.since(of.first.time), Fate::Survived), |age| (age, Fate::Died));
    of.is_established().then_some(Sighting { flow, length, frames, manner: None, end })
}

/// The longest silence on the clock of the timer that the flow survived. That a FIN ended well shows nothing about a timer
/// of payload, and what the box may have ended itself was no survival.
fn survived(entry: &Entry, flow: &Flow, verdict: &Verdict, half_closed: bool) -> Option<Gap> {
    let clock = if entry.refresh == Refresh::NotRefreshed { Clock::Payload } else { Clock::Packet };
    let may_be_its_own = verdict.id.is_idle_death() && !entry.kills_otherwise(manner(verdict.id));
    let fatal = verdict.gap.and_then(|(_, gap)| gap.ended_by).filter(|_| may_be_its_own);
    let by_fin = |gap: &Gap| gap.ended_by.is_some_and(|ender| ender.kind == SegmentKind::Fin);
    let mut kept = gaps(flow, clock)?.kept();
    kept.retain(|gap| {
        gap.outcome == Outcome::Survived
            && gap.half_closed == half_closed
            && fatal.is_none_or(|fatal| gap.ended_by.is_none_or(|ender| ender.mark != fatal.mark))
            && !(clock == Clock::Payload && by_fin(gap))
    });
    kept.into_iter().max_by_key(|gap| gap.length)
}

/// The silence that the flow died of, as the timer counts it.
fn died(entry: &Entry, number: u32, flow: &Flow, verdict: &Verdict, half_closed: bool) -> Option<Sighting> {
    let (clock, gap) = verdict.gap.filter(|(_, gap)| verdict.id.is_idle_death() && gap.half_closed == half_closed)?;
    let counted = match entry.refresh {
        Refresh::Refreshed => Clock::Packet,
        Refresh::NotRefreshed => Clock::Payload,
        Refresh::Unknown => clock,
    };
    let same_end = |other: &Gap| other.ended_by.map(|ender| ender.mark) == gap.ended_by.map(|ender| ender.mark);
    let alike = || gaps(flow, counted)?.kept().into_iter().find(same_end);
    let (gap, end) = match (counted == clock).then_some(gap).or_else(alike) {
        _ if verdict.confidence == Confidence::Possible => (gap, Fate::DiedPerhaps),
        Some(gap) => (gap, Fate::Died),
        None if counted == Clock::Packet => (gap, Fate::DiedRestarted),
        // The silence of payload was no shorter.
        None => (gap, Fate::Died),
    };
    Some(Sighting { end, manner: manner(verdict.id), ..Sighting::of(number, &gap)? })
}

fn gaps(flow: &Flow, clock: Clock) -> Option<&Gaps> {
    match clock {
        Clock::Packet => flow.packet_gaps(),
        Clock::Payload => flow.payload_gaps(),
    }
}

impl Sighting {
    fn of(flow: u32, gap: &Gap) -> Option<Self> {
        let frames = (gap.start.frame, gap.ended_by?.mark.frame);
        Some(Self { flow, length: gap.length, frames, manner: None, end: Fate::Survived })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeouts::Table;

    fn seen(secs: f64, end: Fate, manner: Option<Expiry>) -> Sighting {
        let frames = (FrameId::new(0, 1), FrameId::new(0, 2));
        Sighting { flow: 0, length: Span::from_secs_f64(secs), frames, manner, end }
    }

    fn standing(id: &str, sightings: &[Sighting]) -> Standing {
        let table = Table::built_in().unwrap();
        let entry = table.get(id).unwrap();
        let mut trial = Trial::default();
        sightings.iter().for_each(|sighting| trial.weigh(entry, *sighting));
        trial.standing()
    }

    const LVS: &str = "alibaba-lvs-fullnat-established";

    #[test]
    fn a_death_at_the_timer_holds_and_an_early_or_late_one_contradicts() {
        let reset = |secs| seen(secs, Fate::Died, Some(Expiry::RstBoth));
        assert_eq!(standing(LVS, &[reset(90.0)]), Standing::Holds);
        assert_eq!(standing(LVS, &[reset(89.96)]), Standing::Holds, "50 ms of queueing before the first packet");
        assert_eq!(standing(LVS, &[reset(89.0)]), Standing::Contradicted);
        // 12.5 % late at most: 101.25 s.
        assert_eq!(standing(LVS, &[reset(101.2)]), Standing::Holds);
        assert_eq!(standing(LVS, &[reset(101.3)]), Standing::Contradicted, "it would have been reset before");
    }

    #[test]
    fn what_shows_on_the_next_packet_is_an_upper_bound() {
        let next = |secs| seen(secs, Fate::Died, Some(Expiry::RstOnNextPacket));
        assert_eq!(standing("aws-nlb-tcp", &[next(4_000.0)]), Standing::Holds);
        assert_eq!(standing("aws-nlb-tcp", &[next(349.0)]), Standing::Contradicted);
        assert_eq!(
            standing(LVS, &[next(200.0)]),
            Standing::Contradicted,
            "it is documented to reset both ends at once"
        );
    }

    #[test]
    fn survivors_contradict_only_beyond_the_lateness_of_timers() {
        let survived = |secs| seen(secs, Fate::Survived, None);
        let reset = seen(90.0, Fate::Died, Some(Expiry::RstBoth));
        assert_eq!(standing(LVS, &[]), Standing::Untested);
        assert_eq!(standing(LVS, &[survived(101.2)]), Standing::Untested);
        assert_eq!(standing(LVS, &[survived(101.2), reset]), Standing::Holds);
        assert_eq!(standing(LVS, &[survived(101.3), reset]), Standing::Contradicted);
    }

    #[test]
    fn what_is_not_the_boxes_doing_says_nothing() {
        let closed = seen(60.0, Fate::Died, Some(Expiry::Fin));
        assert_eq!(standing(LVS, &[closed]), Standing::Untested, "a server closed at its own timer");
        assert_eq!(standing("nginx-keepalive", &[closed]), Standing::Contradicted, "its timer is 75 s");
        let perhaps = seen(5.0, Fate::DiedPerhaps, None);
        assert_eq!(standing(LVS, &[perhaps]), Standing::Untested);
        let restarted = seen(90.0, Fate::DiedRestarted, Some(Expiry::RstOnNextPacket));
        assert_eq!(standing("aws-nlb-tcp", &[restarted]), Standing::Contradicted);
    }

    proptest! {
        #[test]
        fn more_evidence_never_takes_a_contradiction_back(
            lengths in prop::collection::vec((0.0..400.0f64, any::<bool>()), 0..8),
            more in (0.0..400.0f64, any::<bool>()),
        ) {
            let fate = |(secs, died): &(f64, bool)| match died {
                true => seen(*secs, Fate::Died, Some(Expiry::RstBoth)),
                false => seen(*secs, Fate::Survived, None),
            };
            let mut all: Vec<_> = lengths.iter().map(fate).collect();
            let before = standing(LVS, &all);
            all.push(fate(&more));
            let after = standing(LVS, &all);
            prop_assert!(before != Standing::Contradicted || after == before);
            all.reverse();
            prop_assert_eq!(after, standing(LVS, &all));
        }
    }
}
