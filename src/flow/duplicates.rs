//! Rule 0: the same frame captured twice, by a mirror port that sees both directions, by an `any` capture, or before
//! and behind a tunnel of the capturing host.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

use crate::flow::fold::{fold, join};
use crate::flow::{FrameId, Keyed, Mark};
use crate::time::{Span, Timestamp};
use crate::wire::Segment;

/// Copies of one transmission are captured within this time.
const TOGETHER: Span = Span::from_millis(2);
/// Places for frames, over all flows, two frames each: at a million packets a second eight times what arrives in the
/// time above.
const PLACES: usize = 1 << 13;

/// What a frame shares with its copies: it can be told before the flow is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likeness {
    identity: u64,
    /// Whether the IP identification tells transmissions apart. Without it two equal segments may be two transmissions
    /// (duplicate ACKs over IPv6): a copy then shows by being captured elsewhere on its way, or at the very same instant.
    is_telling: bool,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    identity: u64,
    vantage: u32,
    used: bool,
    /// When the first of them was captured.
    time: Timestamp,
    /// The last of them.
    frame: FrameId,
}

/// The frames of a place, in one line of memory.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Pair {
    newer: Slot,
    older: Slot,
}

/// Recent frames, by a hash of what a copy shares with its original. Two may share a place, lest a frame between a
/// frame and its copy make the first forgotten.
pub struct Duplicates {
    places: Vec<Pair>,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self { places: vec![Pair::default(); PLACES] }
    }
}

impl Duplicates {
    /// Reads something of the place that a frame will be looked for in.
    #[inline]
    pub(crate) fn touch(&self, likeness: Likeness) -> u64 {
        self.places.get(likeness.place()).map_or(0, |pair| pair.newer.identity)
    }

    /// The frame seen just before that `segment` of this likeness, captured at `mark` on `interface`, is a copy of. It is
    /// one only if it belongs to the same flow: a capture may hold a whole conversation twice.
    #[inline]
    pub fn original(
        &mut self,
        likeness: Likeness,
        segment: &Segment<'_>,
        interface: u32,
        mark: Mark,
    ) -> Option<FrameId> {
        let Mark { time, frame } = mark;
        let Likeness { identity, is_telling } = likeness;
        let vantage = if is_telling { 0 } else { vantage(segment, interface) };
        let Pair { newer, older } = self.places.get_mut(likeness.place())?;
        let is_it = |slot: &Slot| slot.identity == identity && slot.used;
        if is_it(older) {
            std::mem::swap(newer, older);
        }
        if is_it(newer) {
            let apart = time.since(newer.time).abs();
            if apart <= TOGETHER && (is_telling || newer.vantage != vantage || apart == Span::ZERO) {
                return Some(std::mem::replace(&mut newer.frame, frame));
            }
        } else {
            *older = *newer;
        }
        *newer = Slot { identity, vantage, used: true, time, frame };
        None
    }
}

impl Likeness {
    /// That of `segment`, whose ends are `keyed`. An attacker who finds two segments that are alike makes one of his own look
    /// captured twice.
    #[must_use]
    #[inline]
    pub fn of(keyed: &Keyed, segment: &Segment<'_>) -> Self {
        let id = segment.ip_id.unwrap_or(0);
        // Without a telling IP identification everything else must tell.
        let (window, rest) = match (id, segment.options.timestamps) {
            (0, _) => (segment.window, segment.options_hash().into()),
            (_, Some((value, echo))) => (0, join(value, echo)),
            (_, None) => (0, u64::MAX),
        };
        let flags = u32::from(segment.flags.0) << 1 | u32::from(keyed.from_low);
        let shape = join(u32::from(id) << 16 | u32::from(window), flags);
        let numbers = fold(join(segment.seq.0, segment.payload_len) ^ keyed.fold(), segment.ack.0.into());
        Self { identity: fold(numbers ^ shape, rest), is_telling: id != 0 }
    }

    /// Where a frame like this is remembered.
    #[inline]
    fn place(self) -> usize {
        usize::try_from(self.identity).unwrap_or(0) & (PLACES - 1)
    }
}

/// Where on its way the frame was captured.
#[inline(never)]
fn vantage(segment: &Segment<'_>, interface: u32) -> u32 {
    let link = &segment.link;
    let octets = |mac: Option<[u8; 6]>, number: Option<u16>| {
        let ([a, b, c, d, e, f], [g, h]) = (mac.unwrap_or_default(), number.unwrap_or_default().to_le_bytes());
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    };
    let ends = fold(octets(link.src_mac, link.vlan), octets(link.dst_mac, link.packet_type));
    let place = join(interface ^ link.if_index.unwrap_or(0), segment.hop_limit.into());
    let tunnel = segment.tunnel.map_or(0, |tunnel| FixedState::default().hash_one(tunnel));
    let [a, b, c, d, ..] = fold(ends ^ place, tunnel).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::script::Script;
    use crate::wire::{Decoded, decode};

    /// Four hundred frames, then all of them again: of two places that share a number neither forgets the other.
    #[test]
    fn a_frame_is_remembered_over_others() {
        let text = "flow 10.0.0.1:1 > 10.0.0.2:2\n0 > . 1:1(0) ack 1 x400 every 0.000001";
        let script = Script::parse(text).expect("the script is well-formed");
        let frames = script.frames();
        let mut duplicates = Duplicates::default();
        let mut copies = |after: Span| {
            let mut is_copy = |frame: &crate::script::Frame<'_>| {
                let Decoded::Segment(segment) = decode(LinkType(1), &frame.bytes, frame.original_len) else {
                    return false;
                };
                let mark = Mark { time: frame.time.plus(after), frame: FrameId::default() };
                let likeness = Likeness::of(&Keyed::of(&segment), &segment);
                duplicates.original(likeness, &segment, 0, mark).is_some()
            };
            frames.iter().filter(|frame| is_copy(frame)).count()
        };
        assert_eq!(copies(Span::ZERO), 0);
        assert_eq!(copies(Span::from_millis(1)), 400);
        assert_eq!(copies(Span::from_secs(1)), 0, "a copy does not come so late");
    }
}
