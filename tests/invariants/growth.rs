//! What a capture says while it grows: certainty comes with evidence and does not go again.

use std::collections::BTreeMap;

use idlegap::analyzer::{Analyzer, Options, Seen};
use idlegap::flow::FrameId;
use idlegap::flow::gaps::{Clock, Gap, Gaps, Outcome as GapOutcome};
use idlegap::flow::resets::Reset;
use idlegap::report::trace::{Row, Rows};
use idlegap::script::Script;
use idlegap::verdict::{Confidence, VerdictId};
use proptest::prelude::*;

use crate::config;
use crate::conversation::conversation;
use crate::observe::{Observer, Outcome};
use crate::packets::{Packet, analyse, packets, record};

proptest! {
    #![proptest_config(config(512))]

    /// A gap that is still open is nobody's death, and what is certain stays.
    #[test]
    fn prefixes(talk in conversation(1)) {
        let packets = packets(&talk.0);
        let mut certain: BTreeMap<usize, (usize, VerdictId)> = BTreeMap::new();
        for length in 1..=packets.len() {
            let outcome = analyse(&packets[..length]);
            for (index, verdict) in outcome.verdicts.iter().enumerate() {
                if let Some((since, id)) = certain.get(&index) {
                    prop_assert!(
                        stands(*id, verdict.id),
                        "flow {}: {:?} was certain after frame {}, now: {:?}", index, id, since, verdict
                    );
                }
                if is_death(verdict.id) && verdict.confidence == Confidence::Certain {
                    certain.entry(index).or_insert((length, verdict.id));
                }
                // The FIN of a timer ends a silence whether or not somebody answers it.
                let by_fin = verdict.id == VerdictId::IdleClose;
                let is_open = |gap: &Gap| gap.ended_by.is_none() || (gap.outcome == GapOutcome::Open && !by_fin);
                let open = verdict.gap.filter(|(_, gap)| is_open(gap));
                prop_assert!(
                    open.is_none() || !verdict.id.is_idle_death(),
                    "flow {}: {:?} of a gap that is open after frame {}", index, verdict, length
                );
            }
        }
    }

    /// A gap that the whole capture shows to have survived was never certain to be the end.
    #[test]
    fn survivors(talk in conversation(1)) {
        let packets = packets(&talk.0);
        let whole = survived(&analyse(&packets));
        for length in 1..packets.len() {
            let outcome = analyse(&packets[..length]);
            for (index, verdict) in outcome.verdicts.iter().enumerate() {
                let Some((clock, gap)) = verdict.gap else { continue };
                let lived = whole.contains(&(index, clock.name(), gap.start.frame));
                prop_assert!(
                    !(lived && verdict.confidence == Confidence::Certain),
                    "flow {} survived what after frame {} was: {:?}", index, length, verdict
                );
            }
        }
    }

    /// Rows leave the trace while the capture runs, and none of them is taken back.
    #[test]
    fn trace(talk in conversation(1)) {
        let packets = packets(&talk.0);
        let mut analyzer = Analyzer::new(Options::default());
        let mut rows = Rows::default();
        let mut written: Vec<Row> = Vec::new();
        for (frame, packet) in (1..).zip(&packets) {
            if let Seen::Segment(seen) = analyzer.push(&record(packet, frame)) {
                rows.push(Row::new(&seen));
            }
            analyzer.drain_relabels().for_each(|relabel| rows.relabel(&relabel));
            written.extend(std::iter::from_fn(|| rows.pop_decided()));
        }
        let _ = analyzer.finish(|relabel| rows.relabel(&relabel));
        written.extend(std::iter::from_fn(|| rows.pop()));
        let outcome = analyse(&packets);
        prop_assert_eq!(written.len(), outcome.labels.len());
        for (row, (frame, label)) in written.iter().zip(&outcome.labels) {
            prop_assert_eq!(row.frame(), *frame);
            prop_assert_eq!((row.kind(), row.notes()), (label.kind, label.notes), "frame {}", frame.number);
        }
    }

    /// What was said while the capture ran is what is said of it as a whole.
    #[test]
    fn labels_do_not_depend_on_what_follows_long_after(talk in conversation(1), more in conversation(1)) {
        let packets = packets(&talk.0);
        let mut observer = Observer::new();
        (1..).zip(&packets).for_each(|(frame, packet)| observer.push(&record(packet, frame)));
        let alone = observer.finish();
        let mut longer = packets.clone();
        let pause = idlegap::time::Span::from_secs(100_000);
        let start = crate::packets::end_of(&packets, pause).since(idlegap::time::Timestamp::from_nanos(0));
        let first = idlegap::time::Timestamp::from_nanos(1_704_067_200_000_000_000);
        let shift = start.minus(first.since(idlegap::time::Timestamp::from_nanos(0)));
        longer.extend(crate::packets::packets(&more.0).into_iter().map(|packet| Packet { time: packet.time.plus(shift), ..packet }));
        let followed = analyse(&longer);
        for (frame, label) in &alone.labels {
            let later = followed.labels[frame];
            prop_assert_eq!(label.flow, later.flow);
            if !label.notes.has(idlegap::flow::Notes::UNRESOLVED) && !label.notes.has(idlegap::flow::Notes::AMBIGUOUS) {
                prop_assert_eq!(label.kind, later.kind, "frame {}", frame.number);
            }
        }
    }
}

/// A box resets the client; the server knows nothing of it, goes on, and is told by the client's RST.
#[test]
fn an_injected_reset_is_obeyed_although_its_claimed_sender_goes_on() {
    let text = "flow 10.1.0.1:40000 > 10.1.0.2:80\n0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+.0001 > . 1:1(0) ack 1\n\
        +.0004 < R 1:1(0) win 0 ipid 0\n+.2 < P. 1:11(10) ack 1\n+.02 > R 1:1(0) win 0 ipid 0";
    let outcome = analyse(&packets(&Script::parse(text).expect("a script")));
    let effective: Vec<bool> = outcome.analysis.flows.get(0).unwrap().resets().map(Reset::is_effective).collect();
    assert_eq!(effective, [true, true], "each is obeyed by the end that gets it");
    assert_eq!(outcome.verdicts[0].id, VerdictId::InjectedReset);
}

/// Whether `now` says what `was` said, perhaps with the reason why the socket aborted, or with what other flows of the
/// service add to unanswered probes.
fn stands(was: VerdictId, now: VerdictId) -> bool {
    use VerdictId::{EndpointAbort, IdleDrop, KeepaliveExhausted, RetransmissionExhausted};
    let refined =
        [(EndpointAbort, KeepaliveExhausted), (EndpointAbort, RetransmissionExhausted), (KeepaliveExhausted, IdleDrop)];
    now == was || refined.contains(&(was, now))
}

/// Whether a flow of this verdict is over, and not in good order. A closed window may open again.
fn is_death(id: VerdictId) -> bool {
    use VerdictId::{Graceful, Inconclusive, Open, ZeroWindowStall};
    !matches!(id, Graceful | Open | Inconclusive | ZeroWindowStall)
}

/// Flow, clock and first frame of every gap that was survived.
fn survived(outcome: &Outcome) -> Vec<(usize, &'static str, FrameId)> {
    let of_clock = |index: usize, clock: Clock, gaps: Option<&Gaps>| {
        let kept = gaps.map(Gaps::kept).unwrap_or_default();
        let lived = kept.into_iter().filter(|gap| gap.outcome == GapOutcome::Survived);
        lived.map(move |gap| (index, clock.name(), gap.start.frame)).collect::<Vec<_>>()
    };
    let flows = outcome.analysis.flows.iter().enumerate();
    flows
        .flat_map(|(index, flow)| {
            let mut both = of_clock(index, Clock::Packet, flow.packet_gaps());
            both.extend(of_clock(index, Clock::Payload, flow.payload_gaps()));
            both
        })
        .collect()
}
