//! Captures that no network made: they are judged, wrongly perhaps, and never a reason to stop.

use std::io::Cursor;

use idlegap::capture::Reader;
use idlegap::flow::SegmentKind;
use idlegap::flow::gaps::{Gap, Outcome};
use idlegap::time::{Span, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config;
use crate::conversation::conversation;
use crate::form::{pcap, pcapng};
use crate::observe::{self, Observer};
use crate::packets::{analyse, packets};

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn clocks_that_run_backwards(talk in conversation(1), steps in prop::collection::vec(any::<i64>(), 1..9)) {
        let mut packets = packets(&talk.0);
        for (packet, step) in packets.iter_mut().zip(steps.iter().cycle()) {
            // Small and large steps, back and forth, up to times that no clock shows.
            let span = if step % 3 == 0 { Span::from_nanos(*step) } else { Span::from_nanos(step % 20_000_000_000) };
            packet.time = packet.time.plus(span);
        }
        let outcome = analyse(&packets);
        prop_assert_eq!(outcome.labels.len(), packets.len());
        sound(&outcome)?;
    }

    #[test]
    fn one_time_for_everything(talk in conversation(1)) {
        let mut packets = packets(&talk.0);
        packets.iter_mut().for_each(|packet| packet.time = Timestamp::from_nanos(0));
        let outcome = analyse(&packets);
        prop_assert!(outcome.analysis.flows.iter().all(|flow| flow.packet_gaps().is_none()));
        sound(&outcome)?;
    }

    #[test]
    fn corrupted_frames(talk in conversation(1), faults in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>(), 0..8_u8), 1..40)) {
        let mut packets = packets(&talk.0);
        for (packet, place, value, how) in &faults {
            let packet = packet.get_mut(&mut packets);
            let len = packet.bytes.len();
            match how {
                0 => packet.bytes.truncate(place.index(len + 1)),
                1 => packet.original_len = u32::from(*value),
                _ if len == 0 => {}
                // Mostly the headers: they decide.
                2..=4 => packet.bytes[place.index(len.min(54))] ^= value,
                _ => *place.get_mut(&mut packet.bytes) = *value,
            }
        }
        sound(&analyse(&packets))?;
    }

    #[test]
    fn corrupted_captures(talk in conversation(1), faults in prop::collection::vec((any::<Index>(), any::<u8>()), 1..20), cut in any::<Index>()) {
        let packets = packets(&talk.0);
        for mut bytes in [pcap(&packets), pcapng(&packets)] {
            faults.iter().for_each(|(place, value)| *place.get_mut(&mut bytes) = *value);
            bytes.truncate(cut.index(2 * bytes.len()));
            let Ok(mut reader) = Reader::from_source("test".to_owned(), Cursor::new(bytes), None) else { continue };
            let mut observer = Observer::new();
            while let Ok(Some(record)) = reader.next_record() {
                observer.push(&record);
            }
            sound(&observer.finish())?;
        }
    }
}

/// Holds of every analysis, whatever the capture.
fn sound(outcome: &observe::Outcome) -> Result<(), TestCaseError> {
    for (flow, verdict) in outcome.analysis.flows.iter().zip(&outcome.verdicts) {
        for gaps in [flow.packet_gaps(), flow.payload_gaps()].into_iter().flatten() {
            prop_assert!(gaps.kept().iter().all(|gap| gap.length > Span::ZERO), "{:?}", gaps);
            prop_assert!(gaps.total() >= gaps.kept().len() as u64);
            let longest = gaps.longest_survived().map(|gap| gap.length);
            // What a FIN ended proves no survival on the clock of payload.
            let closed = |gap: &Gap| gap.ended_by.is_some_and(|ender| ender.kind == SegmentKind::Fin);
            prop_assert!(gaps.kept().iter().all(|gap| Some(gap.length) <= longest || !survived(gap) || closed(gap)));
        }
        prop_assert!(verdict.frames.iter().all(|frame| frame.number > 0), "{:?}", verdict);
    }
    Ok(())
}

fn survived(gap: &Gap) -> bool {
    gap.outcome == Outcome::Survived
}
