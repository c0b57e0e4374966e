//! Rule 0: the same frame captured twice, by a mirror port that sees both directions, by an `any` capture, or before
//! and behind a tunnel of the capturing host.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use foldhash::fast::FixedState;

use crate::flow::Direction;
use crate::time::{Span, Timestamp};
use crate::wire::Segment;

/// Copies of one transmission are captured within this time.
const TOGETHER: Span = Span::from_millis(2);
/// Frames remembered, over all flows: at a million packets a second eight times what arrives in the time above.
const SLOTS: usize = 1 << 14;

#[derive(Clone, Copy, Default)]
struct Slot {
    identity: u64,
    vantage: u32,
    used: bool,
    time: Timestamp,
}

/// Recent frames, by a hash of what a copy shares with its original.
pub struct Duplicates {
    slots: Vec<Slot>,
    hasher: FixedState,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS], hasher: FixedState::default() }
    }
}

impl Duplicates {
    /// Whether `segment` of flow number `flow`, captured at `time` on `interface`, is a copy of a frame seen just before;
    /// remembers it if not.
    pub fn is_copy(
        &mut self,
        flow: u32,
        direction: Direction,
        segment: &Segment<'_>,
        interface: u32,
        time: Timestamp,
    ) -> bool {
        let identity = self.identity(flow, direction, segment);
        let vantage = self.vantage(segment, interface);
        let place = usize::try_from(identity).unwrap_or(0) & (SLOTS - 1);
        let Some(slot) = self.slots.get_mut(place) else {
            return false;
        };
        let apart = time.since(slot.time).abs();
        let same = slot.used && slot.identity == identity && apart <= TOGETHER;
        // Without a telling IP identification two equal segments may be two transmissions (duplicate ACKs over IPv6):
        // a copy then shows by being captured elsewhere on its way, or at the very same instant.
        let telling = segment.ip_id.is_some_and(|id| id != 0);
        if same && (telling || slot.vantage != vantage || apart == Span::ZERO) {
            return true;
        }
        *slot = Slot { identity, vantage, used: true, time };
        false
    }

    fn identity(&self, flow: u32, direction: Direction, segment: &Segment<'_>) -> u64 {
        let mut hash = self.hasher.build_hasher();
        (flow, direction, segment.seq, segment.ack, segment.flags.0, segment.payload_len, segment.ip_id)
            .hash(&mut hash);
        if segment.ip_id.unwrap_or(0) == 0 {
            (segment.window, segment.options_hash).hash(&mut hash);
        } else {
            segment.options.timestamps.hash(&mut hash);
        }
        hash.finish()
    }

    /// Where on its way the frame was captured.
    fn vantage(&self, segment: &Segment<'_>, interface: u32) -> u32 {
        let mut hash = self.hasher.build_hasher();
        let link = &segment.link;
        (link.src_mac, link.dst_mac, link.vlan, link.packet_type, link.if_index, interface).hash(&mut hash);
        (segment.hop_limit, segment.tunnel).hash(&mut hash);
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let vantage = hash.finish() as u32;
        vantage
    }
}
