//! Writing and reading values in few octets: small numbers in one, what was written before as a reference.

use crate::flow::mark::{FrameId, Mark};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// Marks that later ones can refer to.
const MARKS: usize = 8;

/// A pass over the fields of a structure, to write or to read them.
pub(super) trait Coder {
    /// `count` bits, at most eight.
    fn bits(&mut self, value: &mut u8, count: u32);

    /// One octet.
    fn octet(&mut self, value: &mut u8);

    /// What was passed before.
    fn context(&mut self) -> &mut Context;

    /// A number in seven bits an octet.
    fn number(&mut self, value: &mut u64) {
        let mut rest = *value;
        let mut read = 0;
        let mut shift = 0;
        loop {
            let mut octet = (rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 };
            self.octet(&mut octet);
            read |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 || shift >= 63 {
                break;
            }
            rest >>= 7;
            shift += 7;
        }
        *value = read;
    }

    /// A number that may be negative.
    fn signed(&mut self, value: &mut i64) {
        let mut folded = (*value << 1 ^ *value >> 63).cast_unsigned();
        self.number(&mut folded);
        *value = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
    }

    /// Yes or no.
    fn flag(&mut self, value: &mut bool) {
        let mut bit = u8::from(*value);
        self.bits(&mut bit, 1);
        *value = bit == 1;
    }

    /// A number that is 0 more often than not.
    fn count<T: Copy + Into<u64> + TryFrom<u64> + Default>(&mut self, value: &mut T) {
        let mut wide: u64 = (*value).into();
        let mut is_some = wide != 0;
        self.flag(&mut is_some);
        if is_some {
            self.number(&mut wide);
        } else {
            wide = 0;
        }
        *value = T::try_from(wide).unwrap_or_default();
    }

    /// What may be missing.
    fn option<T: Default>(&mut self, value: &mut Option<T>, code: impl FnOnce(&mut Self, &mut T)) {
        let mut is_some = value.is_some();
        self.flag(&mut is_some);
        if is_some {
            code(self, value.get_or_insert_default());
        } else {
            *value = None;
        }
    }

    /// A number of 32 bits that may be anything.
    fn word(&mut self, value: &mut u32) {
        let mut octets = value.to_le_bytes();
        octets.iter_mut().for_each(|octet| self.octet(octet));
        *value = u32::from_le_bytes(octets);
    }

    /// A sequence number, by its distance from the first one of `side`.
    fn seq(&mut self, value: &mut Seq, side: usize) {
        let anchor = self.context().anchors.get(side).copied().flatten();
        if let Some(anchor) = anchor {
            let mut distance = i64::from(value.since(anchor));
            self.signed(&mut distance);
            #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
            let distance = distance as u32;
            *value = anchor.plus(distance);
        } else {
            self.word(&mut value.0);
            if let Some(anchor) = self.context().anchors.get_mut(side) {
                *anchor = Some(*value);
            }
        }
    }

    /// A length of time.
    fn span(&mut self, value: &mut Span) {
        let mut nanos = value.as_nanos();
        self.nanos(&mut nanos);
        *value = Span::from_nanos(nanos);
    }

    /// Nanoseconds; most clocks count microseconds.
    fn nanos(&mut self, value: &mut i64) {
        let mut is_micros = *value % 1_000 == 0;
        self.flag(&mut is_micros);
        let mut ticks = if is_micros { *value / 1_000 } else { *value };
        self.signed(&mut ticks);
        *value = if is_micros { ticks.wrapping_mul(1_000) } else { ticks };
    }

    /// A point in time by its distance from the mark before.
    fn new_time(&mut self, value: &mut Timestamp) {
        let before = self.context().latest().time.as_nanos();
        // Wrapping, since captures carry times from one end of the range to the other.
        let mut step = value.as_nanos().wrapping_sub(before);
        self.nanos(&mut step);
        *value = Timestamp::from_nanos(before.wrapping_add(step));
    }

    /// A point in time, most often that of a mark.
    fn time(&mut self, value: &mut Timestamp) {
        let wanted = *value;
        if let Some(mark) = self.known(|mark| mark.time == wanted) {
            *value = mark.time;
            return;
        }
        self.new_time(value);
    }

    /// A frame, most often that of a mark.
    fn frame(&mut self, value: &mut FrameId) {
        let wanted = *value;
        if let Some(mark) = self.known(|mark| mark.frame == wanted) {
            *value = mark.frame;
            return;
        }
        self.new_frame(value);
    }

    /// Where and when, most often as before.
    fn mark(&mut self, value: &mut Mark) {
        let wanted = *value;
        if let Some(mark) = self.known(|mark| *mark == wanted) {
            *value = mark;
            return;
        }
        self.new_frame(&mut value.frame);
        self.new_time(&mut value.time);
        self.context().remember(*value);
    }

    /// A frame by its distance from the one before.
    fn new_frame(&mut self, value: &mut FrameId) {
        let before = self.context().latest().frame;
        let mut file = value.file.wrapping_sub(before.file);
        self.count(&mut file);
        value.file = before.file.wrapping_add(file);
        let mut step = i64::from(value.number) - i64::from(before.number);
        self.signed(&mut step);
        value.number = u32::try_from(i64::from(before.number) + step).unwrap_or_default();
    }

    /// The mark that was passed before and is meant now, by its place; writing, the first that `is_it`.
    fn known(&mut self, is_it: impl Fn(&Mark) -> bool) -> Option<Mark> {
        let found = self.context().marks().iter().position(is_it);
        let mut is_known = found.is_some();
        self.flag(&mut is_known);
        if !is_known {
            return None;
        }
        let mut place = u8::try_from(found.unwrap_or(0)).unwrap_or(0);
        self.bits(&mut place, MARKS.trailing_zeros());
        self.context().marks().get(usize::from(place)).copied()
    }
}

/// What later values refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    marks: [Mark; MARKS],
    used: usize,
    anchors: [Option<Seq>; 2],
}

impl Context {
    fn marks(&self) -> &[Mark] {
        self.marks.get(..self.used).unwrap_or_default()
    }

    fn latest(&self) -> Mark {
        self.marks().last().copied().unwrap_or_default()
    }

    fn remember(&mut self, mark: Mark) {
        if let Some(place) = self.marks.get_mut(self.used) {
            *place = mark;
            self.used += 1;
        }
    }
}

/// Writes what it passes.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Where the octet is that collects bits, and how many it has.
    bits_at: usize,
    bits_used: u32,
    context: Context,
}

impl Writer {
    /// Begins anew.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bits_used = 8;
        self.context = Context::default();
    }

    /// What was written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Coder for Writer {
    fn bits(&mut self, value: &mut u8, count: u32) {
        if self.bits_used + count > 8 {
            self.bits_at = self.bytes.len();
            self.bits_used = 0;
            self.bytes.push(0);
        }
        if let Some(octet) = self.bytes.get_mut(self.bits_at) {
            *octet |= *value << self.bits_used;
        }
        self.bits_used += count;
    }

    fn octet(&mut self, value: &mut u8) {
        self.bytes.push(*value);
    }

    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

/// Reads what it passes; beyond the end everything is 0.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    collected: u8,
    bits_used: u32,
    context: Context,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, collected: 0, bits_used: 8, context: Context::default() }
    }

    /// How many octets were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    fn next(&mut self) -> u8 {
        let octet = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        octet
    }
}

impl Coder for Reader<'_> {
    fn bits(&mut self, value: &mut u8, count: u32) {
        if self.bits_used + count > 8 {
            self.collected = self.next();
            self.bits_used = 0;
        }
        *value = self.collected >> self.bits_used & ((1u16 << count) - 1) as u8;
        self.bits_used += count;
    }

    fn octet(&mut self, value: &mut u8) {
        *value = self.next();
    }

    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark() -> impl Strategy<Value = Mark> {
        let time = prop_oneof![0..40_i64, any::<i64>()];
        (time, 0..3_u32, prop_oneof![0..9_u32, any::<u32>()]).prop_map(|(nanos, file, number)| Mark {
            time: Timestamp::from_nanos(nanos.max(i64::MIN + 1)),
            frame: FrameId { file, number },
        })
    }

    type Values = (u64, i64, u32, u32, bool, u8);

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, small in 0..3_u32, word: u32, flag: bool, three in 0..8_u8) {
            let mut writer = Writer::default();
            writer.begin();
            let mut values = (unsigned, signed, small, word, flag, three);
            let pass = |coder: &mut dyn FnMut(&mut Values)| {
                let mut read = values;
                coder(&mut read);
                read
            };
            let written = pass(&mut |values| {
                writer.number(&mut values.0);
                writer.flag(&mut values.4);
                writer.signed(&mut values.1);
                writer.bits(&mut values.5, 3);
                writer.count(&mut values.2);
                writer.word(&mut values.3);
            });
            prop_assert_eq!(written, values, "writing changes nothing");
            let mut reader = Reader::new(writer.bytes());
            values = Default::default();
            reader.number(&mut values.0);
            reader.flag(&mut values.4);
            reader.signed(&mut values.1);
            reader.bits(&mut values.5, 3);
            reader.count(&mut values.2);
            reader.word(&mut values.3);
            prop_assert_eq!(values, written);
            prop_assert_eq!(reader.position(), writer.bytes().len());
        }

        #[test]
        fn marks_times_and_frames_come_back(marks in proptest::collection::vec(mark(), 1..20), spans: [i64; 4]) {
            let mut writer = Writer::default();
            writer.begin();
            for mark in &marks {
                writer.mark(&mut mark.clone());
                writer.time(&mut mark.time.clone());
                writer.frame(&mut mark.frame.clone());
            }
            spans.iter().for_each(|nanos| writer.span(&mut Span::from_nanos(*nanos)));
            let mut reader = Reader::new(writer.bytes());
            for mark in &marks {
                let (mut all, mut time, mut frame) = (Mark::default(), Timestamp::default(), FrameId::default());
                reader.mark(&mut all);
                reader.time(&mut time);
                reader.frame(&mut frame);
                prop_assert_eq!((all, time, frame), (*mark, mark.time, mark.frame));
            }
            for nanos in spans {
                let mut span = Span::ZERO;
                reader.span(&mut span);
                prop_assert_eq!(span, Span::from_nanos(nanos));
            }
        }

        #[test]
        fn sequence_numbers_come_back(numbers: [(u32, bool); 6]) {
            let mut writer = Writer::default();
            writer.begin();
            numbers.iter().for_each(|(number, side)| writer.seq(&mut Seq(*number), usize::from(*side)));
            let mut reader = Reader::new(writer.bytes());
            for (number, side) in numbers {
                let mut seq = Seq(0);
                reader.seq(&mut seq, usize::from(side));
                prop_assert_eq!(seq, Seq(number));
            }
        }
    }
}
