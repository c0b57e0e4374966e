//! When, from which numbers, between whom, and beside whom a conversation takes place does not matter.

use std::net::SocketAddr;

use idlegap::flow::{FrameId, Orientation, Socket};
use idlegap::script::Script;
use idlegap::seq::Seq;
use idlegap::time::Span;
use proptest::prelude::*;

use crate::conversation::conversation;
use crate::observe::Observer;
use crate::packets::{Packet, analyse, end_mark, end_of, packets, plain, record};
use crate::story::{Names, tales};
use crate::{by_port, config, same, same_lines, told};

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn time_shift(talk in conversation(1), seconds in -1_700_000_000..4_000_000_000_i64, nanos in 0..1_000_000_000_i64) {
        let before = packets(&talk.0);
        let shift = Span::from_secs(seconds).plus(Span::from_nanos(nanos));
        let moved = before.iter().map(|packet| Packet { time: packet.time.plus(shift), ..packet.clone() });
        let after: Vec<Packet> = moved.collect();
        let (before, after) = (analyse(&before), analyse(&after));
        prop_assert_eq!(before.analysis.start.plus(shift), after.analysis.start);
        prop_assert_eq!(before.analysis.end.plus(shift), after.analysis.end);
        same(&told(&before), &told(&after))?;
    }

    #[test]
    fn rotation_of_the_sequence_space(talk in conversation(1), turns in (any::<u32>(), any::<u32>())) {
        let turned = rotated(&talk.0, turns);
        same(&told(&analyse(&packets(&talk.0))), &told(&analyse(&packets(&turned))))?;
    }

    /// Every number up to 2^32 is somebody's, and 0 is one of them.
    #[test]
    fn wrap_at_every_place(talk in conversation(1), to_wrap in (0..400_u32, 0..400_u32)) {
        let isn = talk.0.flows[0].isn;
        let turns = (0_u32.wrapping_sub(to_wrap.0).wrapping_sub(isn.0.0), 0_u32.wrapping_sub(to_wrap.1).wrapping_sub(isn.1.0));
        same(&told(&analyse(&packets(&talk.0))), &told(&analyse(&packets(&rotated(&talk.0, turns)))))?;
    }

    #[test]
    fn interleaving(talk in conversation(1), others in prop::collection::vec((2..20_u8).prop_flat_map(conversation), 1..4), late in 0..9_000_i64) {
        let mine = packets(&talk.0);
        let mut all: Vec<(Option<u64>, Packet)> = (1..).map(Some).zip(mine.iter().cloned()).collect();
        for (other, delay) in others.iter().zip([0, late, 2 * late]) {
            let delay = Span::from_millis(delay);
            all.extend(packets(&other.0).into_iter().map(|packet| (None, Packet { time: packet.time.plus(delay), ..packet })));
        }
        all.sort_by_key(|(_, packet)| packet.time);
        let (numbers, mut among): (Vec<Option<u64>>, Vec<Packet>) = all.into_iter().unzip();
        let end = end_mark(end_of(&among, Span::from_secs(1)));
        let mut alone = mine;
        alone.push(end.clone());
        among.push(end);
        let own = talk.0.flows[0].initiator.ip();
        let network = |ip: std::net::IpAddr| match ip {
            std::net::IpAddr::V4(ip) => u16::from(ip.octets()[1]),
            std::net::IpAddr::V6(ip) => ip.segments()[2],
        };
        let mine_only = |end: Socket| if network(end.ip) == network(own) { by_port(end) } else { None };
        let number = |frame: FrameId| numbers[frame.number as usize - 1].expect("a frame of this conversation");
        let among = tales(&analyse(&among), &Names { end: &mine_only, frame: &number });
        same(&told(&analyse(&alone)), &among)?;
    }

    /// What flows of one service say of each other does not depend on when, from which numbers and in how many files they
    /// were captured.
    #[test]
    fn together(talks in prop::collection::vec((conversation(1), 0..9_000_i64), 2..5), turns in (any::<u32>(), any::<u32>()), cut in any::<prop::sample::Index>()) {
        let of_one_service = |turns: (u32, u32), shift: Span| {
            let mut all: Vec<Packet> = Vec::new();
            for (port, (talk, late)) in (40_000..).zip(&talks) {
                let mut script = rotated(&talk.0, turns);
                for flow in &mut script.flows {
                    flow.initiator.set_port(port);
                    flow.responder.set_port(443);
                }
                let shift = shift.plus(Span::from_millis(*late));
                all.extend(packets(&script).into_iter().map(|packet| Packet { time: packet.time.plus(shift), ..packet }));
            }
            all.sort_by_key(|packet| packet.time);
            all
        };
        let side = |end: Socket| Some(if end.port >= 40_000 { "left" } else { "right" });
        let plainly = of_one_service((0, 0), Span::ZERO);
        let whole = tales(&analyse(&plainly), &Names { end: &side, frame: &plain });
        let moved = of_one_service(turns, Span::from_secs(86_399));
        same(&whole, &tales(&analyse(&moved), &Names { end: &side, frame: &plain }))?;
        let cut = cut.index(plainly.len());
        let mut observer = Observer::new();
        for (index, packet) in plainly.iter().enumerate() {
            if index == cut {
                observer.begin_file(1);
            }
            let before = if index >= cut { cut } else { 0 };
            observer.push(&record(packet, (index - before + 1) as u64));
        }
        let number = |frame: FrameId| u64::from(frame.number) + if frame.file == 1 { cut as u64 } else { 0 };
        same(&whole, &tales(&observer.finish(), &Names { end: &side, frame: &number }))?;
    }

    /// Addresses decide which end of a key is the lower one, and nothing else.
    #[test]
    fn addresses_exchanged(talk in conversation(1)) {
        let mut exchanged = talk.0.clone();
        for flow in &mut exchanged.flows {
            let (one, other) = (flow.initiator, flow.responder);
            flow.initiator = SocketAddr::new(other.ip(), one.port());
            flow.responder = SocketAddr::new(one.ip(), other.port());
        }
        same(&told(&analyse(&packets(&talk.0))), &told(&analyse(&packets(&exchanged))))?;
    }

    /// Each end speaks from the other's address and port. Where the capture shows no handshake, the ports say who the
    /// client is; what happened does not depend on that, only how the closing of a connection is read.
    #[test]
    fn ends_exchanged(talk in conversation(1)) {
        let mut exchanged = talk.0.clone();
        for flow in &mut exchanged.flows {
            (flow.initiator, flow.responder) = (flow.responder, flow.initiator);
        }
        let before = analyse(&packets(&talk.0));
        let after = analyse(&packets(&exchanged));
        let by_other_port = |end: Socket| Some(if end.port == 40_000 { "right" } else { "left" });
        let mirrored = tales(&after, &Names { end: &by_other_port, frame: &plain });
        let flows = before.analysis.flows.iter().zip(after.analysis.flows.iter());
        prop_assert_eq!(before.analysis.flows.len(), after.analysis.flows.len());
        // A flow of another server is no evidence on this one's.
        let same_services = before.analysis.flows.iter().all(|flow| flow.orientation == Orientation::Handshake);
        for ((one, other), (flow, mirror)) in told(&before).iter().zip(&mirrored).zip(flows) {
            same_lines(&one.segments, &other.segments)?;
            same_lines(&one.facts, &other.facts)?;
            prop_assert_eq!(flow.orientation, mirror.orientation);
            if flow.orientation == Orientation::Handshake {
                prop_assert_eq!(&one.ends, &other.ends);
            } else {
                prop_assert_ne!(&one.ends, &other.ends);
            }
            if same_services {
                same_lines(&one.verdict, &other.verdict)?;
            }
        }
    }
}

/// The same conversation with all initial sequence numbers moved.
fn rotated(script: &Script, (left, right): (u32, u32)) -> Script {
    let mut turned = script.clone();
    for flow in &mut turned.flows {
        flow.isn = (Seq(flow.isn.0.0.wrapping_add(left)), Seq(flow.isn.1.0.wrapping_add(right)));
    }
    turned
}
