//! Records that are looked at before their turn: all that can be said of them without their flow.

use crate::capture::Record;
use crate::flow::Keyed;
use crate::flow::duplicates::Likeness;
use crate::flow::table::Hashed;
use crate::wire::{self, Decoded};

/// A record that is taken a little later. What is said of it stays where it is while that is made out and used: it would be
/// much to move for each packet.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    pub(super) record: Record<'a>,
    pub(super) decoded: Decoded<'a>,
    /// The ends of a segment.
    pub(super) key: Option<Hashed>,
    /// What copies of it look like.
    pub(super) likeness: Likeness,
}

impl<'a> Ahead<'a> {
    /// A record that nobody has looked at yet.
    #[must_use]
    #[inline]
    pub fn new(record: Record<'a>) -> Self {
        Self { record, decoded: Decoded::nothing(), key: None, likeness: Likeness::default() }
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Record<'a> {
        &self.record
    }

    /// Decodes the record.
    #[inline(always)]
    pub(super) fn decode(&mut self) {
        let Record { link, data, original_len, told, .. } = self.record;
        wire::decode_into(&mut self.decoded, link, data, original_len);
        if let Decoded::Segment(segment) = &mut self.decoded {
            // Octets that are here speak for themselves.
            if told.is_some() && segment.payload.is_empty() && segment.payload_len > 0 {
                segment.told = told;
            }
            self.key = Some(Hashed::new(Keyed::of(segment)));
        }
    }

    /// Tells what copies of it look like.
    #[inline(always)]
    pub(super) fn liken(&mut self) {
        if let (Decoded::Segment(segment), Some(key)) = (&self.decoded, &self.key) {
            self.likeness = Likeness::of(key.keyed(), segment);
        }
    }
}
