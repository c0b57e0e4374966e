//! A place in a frame: what was captured from there on, and what was on the wire.

use super::{Layer, Skip, SkipReason};

/// The bytes of a frame from a header on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    /// What was captured.
    pub(super) bytes: &'a [u8],
    /// How many bytes there were on the wire, as far as the headers read so far say: they may be more or fewer than captured.
    pub(super) wire_len: u32,
    /// The most that `wire_len` can be: a header around this one says how many bytes it carries.
    bound: u32,
    /// Where `bytes` starts in the frame.
    offset: u32,
}

impl<'a> Cursor<'a> {
    /// The start of a frame. A capture that claims fewer bytes on the wire than it holds is not believed.
    pub(super) fn new(bytes: &'a [u8], original_len: u32) -> Self {
        Self { bytes, wire_len: original_len.max(saturated(bytes.len())), bound: u32::MAX, offset: 0 }
    }

    /// Where this is in the frame.
    pub(super) const fn offset(self) -> u32 {
        self.offset
    }

    /// How many bytes were captured from here on.
    pub(super) fn captured_len(self) -> u32 {
        saturated(self.bytes.len())
    }

    /// The first `N` bytes, or how many are missing.
    pub(super) fn head<const N: usize>(self, layer: Layer) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk().ok_or_else(|| self.short(layer, N))
    }

    /// The place `count` bytes further on.
    pub(super) fn advance(self, count: usize) -> Self {
        let bytes = self.bytes.get(count..).unwrap_or_default();
        let count = saturated(count);
        Self {
            bytes,
            wire_len: self.wire_len.saturating_sub(count),
            bound: self.bound.saturating_sub(count),
            offset: self.offset.saturating_add(count),
        }
    }

    /// The same place, where a length field says that `wire_len` bytes follow: padding behind them is cut off. It counts
    /// also where that is more than the frame had, since tools shorten frames, but not against a header around this one.
    pub(super) fn limit(self, wire_len: u32) -> Self {
        let wire_len = wire_len.min(self.bound);
        let bytes = self.bytes.get(..wire_len as usize).unwrap_or(self.bytes);
        Self { bytes, wire_len, ..self }
    }

    /// The same place, where a header around it says that it carries `bound` bytes: no length field within counts for more.
    pub(super) fn enclose(self, bound: u32) -> Self {
        let bound = bound.min(self.bound);
        Self { bound, ..self }.limit(bound.min(self.wire_len))
    }

    /// Stops here for `reason`.
    pub(super) fn skip(self, layer: Layer, reason: SkipReason) -> Skip {
        Skip { layer, reason, offset: self.offset }
    }

    /// Stops here because a header of `needed` bytes is not all there.
    pub(super) fn short(self, layer: Layer, needed: usize) -> Skip {
        self.skip(layer, SkipReason::TooShort { needed: saturated(needed), available: self.captured_len() })
    }

    /// Stops here because the field `name` cannot hold `value`.
    pub(super) fn bad(self, layer: Layer, name: &'static str, value: impl Into<u32>) -> Skip {
        self.skip(layer, SkipReason::BadField(name, value.into()))
    }

    /// Stops here because `number` stands for another protocol.
    pub(super) fn not_tcp(self, layer: Layer, number: impl Into<u16>) -> Skip {
        self.skip(layer, SkipReason::NotTcp(number.into()))
    }
}

fn saturated(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
