//! Whether flows are kept ready or packed between their segments shows nowhere.

use idlegap::analyzer::Options;
use proptest::prelude::*;

use crate::config;
use crate::conversation::conversation;
use crate::observe::{Observer, Outcome};
use crate::packets::{Packet, packets, record};

/// The analysis with room for so many flows that are ready.
fn analyse(packets: &[Packet], awake: usize) -> Outcome {
    let mut observer = Observer::with(Options { awake, ..Options::default() });
    for (frame, packet) in (1..).zip(packets) {
        observer.push(&record(packet, frame));
    }
    observer.finish()
}

/// Everything that is known of every flow, in the form that programmers read. Copies, which have no heads under way: nobody
/// completes those any more.
fn flows(outcome: &Outcome) -> Vec<String> {
    outcome.analysis.flows.iter().map(|flow| format!("{:?}", flow.into_owned().clone())).collect()
}

proptest! {
    #![proptest_config(config(512))]

    /// With room for one, nearly every segment wakes its flow and puts another one to rest.
    #[test]
    fn packed_between_segments(talks in (conversation(1), conversation(2), conversation(3))) {
        let mut packets: Vec<Packet> = [&talks.0, &talks.1, &talks.2].iter().flat_map(|talk| packets(&talk.0)).collect();
        packets.sort_by_key(|packet| packet.time);
        let whole = analyse(&packets, 1 << 10);
        for awake in [1, 2] {
            let packed = analyse(&packets, awake);
            for (one, other) in flows(&whole).iter().zip(flows(&packed)) {
                prop_assert_eq!(one, &other);
            }
            prop_assert_eq!(whole.analysis.flows.len(), packed.analysis.flows.len());
            prop_assert_eq!(&whole.verdicts, &packed.verdicts);
            prop_assert!(whole.labels == packed.labels, "labels");
        }
    }
}
