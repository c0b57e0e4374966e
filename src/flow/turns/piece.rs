//! What the reader of heads takes in.

use crate::flow::{Direction, Mark};
use crate::seq::Seq;
use crate::wire::{Flags, Segment};

/// Octets of a turn that are looked at. Long enough for a `ClientHello` with a post-quantum key share (about 1.8 KB) and for
/// the Host field of nearly every request.
///
/// With that it is what a flow keeps at most, since one turn at a time is read; HTTP/2, where both ends speak at once, may
/// keep one unfinished frame of that length in each direction.
pub const HEAD_OCTETS: usize = 2048;

/// Payload of one segment.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// Where the turn starts that begins with this segment: the next number expected before it (SND.NXT), since the segment
    /// itself may lie behind a hole, or repeat what came before. `None` within a turn, and where nobody knows what came
    /// before (the first payload of a flow whose handshake was not captured).
    pub begins: Option<Seq>,
    /// Number of the first octet.
    pub seq: Seq,
    /// What was captured of it.
    pub payload: &'a [u8],
    /// Octets on the wire.
    pub payload_len: u32,
    /// The segment's place.
    pub mark: Mark,
}

impl<'a> Piece<'a> {
    /// The payload of `segment`; a SYN takes the number in front of it.
    #[must_use]
    pub fn new(direction: Direction, segment: &Segment<'a>, begins: Option<Seq>, mark: Mark) -> Self {
        let syn = u32::from(segment.flags.has(Flags::SYN));
        let (payload, payload_len) = (segment.payload, segment.payload_len);
        Self { direction, begins, seq: segment.seq.plus(syn), payload, payload_len, mark }
    }

    /// The number behind its last octet.
    pub(super) const fn end(&self) -> Seq {
        self.seq.plus(self.payload_len)
    }

    /// Whether some of it was not captured.
    pub(super) const fn is_cut(&self) -> bool {
        self.payload.len() < self.payload_len as usize
    }

    /// The octets that lie in the [`HEAD_OCTETS`] from `start` on, and where.
    pub(super) fn within(&self, start: Seq) -> Option<(usize, &'a [u8])> {
        let distance = self.seq.since(start);
        // What lies before the start repeats the turn before.
        let before = usize::try_from(distance.min(0).unsigned_abs()).ok()?;
        let offset = usize::try_from(distance.max(0)).ok()?;
        let octets = self.payload.get(before..)?;
        let room = HEAD_OCTETS.checked_sub(offset)?;
        let octets = octets.get(..room).unwrap_or(octets);
        (!octets.is_empty()).then_some((offset, octets))
    }
}
