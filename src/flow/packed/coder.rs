//! Writing and reading values in few octets: small numbers in one, what was written before as a reference.

use crate::flow::mark::{FrameId, Mark};
use crate::seq::Seq;
use crate::time::{Span, Timestamp};

/// Marks that later ones can refer to.
const MARKS: usize = 8;
/// Octets that most flows do not fill: there is room for more.
const ROOM: usize = 1 << 10;

/// A pass over the fields of a structure, to write or to read them.
pub(super) trait Coder {
    /// These octets.
    fn octets<const N: usize>(&mut self, value: &mut [u8; N]);

    /// A number, seven bits in each octet. How many octets there are is the place of the lowest bit set in the first one, so
    /// that nothing is tried octet by octet.
    fn number(&mut self, value: &mut u64);

    /// Half an octet.
    fn nibble(&mut self, value: &mut u8);

    /// The mark that was passed before and is meant now, by its place, 0 for none; writing, the first that `is_it`.
    fn known(&mut self, is_it: impl Fn(&Mark) -> bool) -> Option<Mark>;

    /// What was passed before.
    fn context(&mut self) -> &mut Context;

    /// One octet.
    #[inline]
    fn octet(&mut self, value: &mut u8) {
        let mut octets = [*value];
        self.octets(&mut octets);
        [*value] = octets;
    }

    /// A number that may be negative.
    #[inline]
    fn signed(&mut self, value: &mut i64) {
        let mut folded = (*value << 1 ^ *value >> 63).cast_unsigned();
        self.number(&mut folded);
        *value = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
    }

    /// A number of any width.
    #[inline]
    fn small<T: Copy + Into<u64> + TryFrom<u64> + Default>(&mut self, value: &mut T) {
        let mut wide: u64 = (*value).into();
        self.number(&mut wide);
        *value = T::try_from(wide).unwrap_or_default();
    }

    /// A number that is 0 unless it `is_some`.
    #[inline]
    fn count<T: Copy + Into<u64> + TryFrom<u64> + Default>(&mut self, is_some: bool, value: &mut T) {
        if is_some {
            self.small(value);
        } else {
            *value = T::default();
        }
    }

    /// What is there if it `is_some`.
    #[inline]
    fn option<T: Default>(&mut self, is_some: bool, value: &mut Option<T>, code: impl FnOnce(&mut Self, &mut T)) {
        if is_some {
            code(self, value.get_or_insert_default());
        } else {
            *value = None;
        }
    }

    /// A number of 16 bits that may be anything.
    #[inline]
    fn half_word(&mut self, value: &mut u16) {
        let mut octets = value.to_le_bytes();
        self.octets(&mut octets);
        *value = u16::from_le_bytes(octets);
    }

    /// A number of 32 bits that may be anything.
    #[inline]
    fn word(&mut self, value: &mut u32) {
        let mut octets = value.to_le_bytes();
        self.octets(&mut octets);
        *value = u32::from_le_bytes(octets);
    }

    /// A sequence number, by its distance from the first one of `side`.
    #[inline]
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
    #[inline]
    fn span(&mut self, value: &mut Span) {
        let mut nanos = value.as_nanos();
        self.nanos(&mut nanos);
        *value = Span::from_nanos(nanos);
    }

    /// Nanoseconds, or microseconds where the clock counts those; what does not fit comes after the greatest number.
    fn nanos(&mut self, value: &mut i64) {
        let in_micros = self.context().in_micros;
        let (ticks, unit) = if in_micros { (*value / 1_000, 1_000) } else { (*value, 1) };
        let folded = (ticks << 1 ^ ticks >> 63).cast_unsigned();
        let mut code = if ticks.wrapping_mul(unit) == *value { folded } else { u64::MAX };
        self.number(&mut code);
        if code == u64::MAX {
            let mut octets = value.to_le_bytes();
            self.octets(&mut octets);
            *value = i64::from_le_bytes(octets);
            return;
        }
        let ticks = (code >> 1).cast_signed() ^ -((code & 1).cast_signed());
        *value = ticks.wrapping_mul(unit);
    }

    /// A point in time by its distance from the mark before.
    #[inline]
    fn new_time(&mut self, value: &mut Timestamp) {
        let before = self.context().latest.time.as_nanos();
        // Wrapping, since captures carry times from one end of the range to the other.
        let mut step = value.as_nanos().wrapping_sub(before);
        self.nanos(&mut step);
        *value = Timestamp::from_nanos(before.wrapping_add(step));
    }

    /// A point in time, most often that of a mark.
    #[inline]
    fn time(&mut self, value: &mut Timestamp) {
        let wanted = *value;
        match self.known(|mark| mark.time == wanted) {
            Some(mark) => *value = mark.time,
            None => self.new_time(value),
        }
    }

    /// A frame, most often that of a mark.
    #[inline]
    fn frame(&mut self, value: &mut FrameId) {
        let wanted = *value;
        match self.known(|mark| mark.frame == wanted) {
            Some(mark) => *value = mark.frame,
            None => self.new_frame(value),
        }
    }

    /// Where and when, most often as before.
    #[inline]
    fn mark(&mut self, value: &mut Mark) {
        let wanted = *value;
        match self.known(|mark| *mark == wanted) {
            Some(mark) => *value = mark,
            None => self.new_mark(value),
        }
    }

    /// Where and when, for the first time.
    fn new_mark(&mut self, value: &mut Mark) {
        self.new_frame(&mut value.frame);
        self.new_time(&mut value.time);
        self.context().remember(*value);
    }

    /// A frame by its distance from the one before; in the lowest bit stands whether it is of another file.
    fn new_frame(&mut self, value: &mut FrameId) {
        let before = self.context().latest.frame;
        let step = i64::from(value.number) - i64::from(before.number);
        let folded = (step << 1 ^ step >> 63).cast_unsigned();
        let mut code = folded << 1 | u64::from(value.file != before.file);
        self.number(&mut code);
        let folded = code >> 1;
        let step = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
        value.number = u32::try_from(i64::from(before.number).saturating_add(step)).unwrap_or_default();
        if code & 1 == 0 {
            value.file = before.file;
        } else {
            let mut file = value.file.wrapping_sub(before.file);
            self.small(&mut file);
            value.file = before.file.wrapping_add(file);
        }
    }
}

/// Whether values are there, and codes of few bits, gathered in one number: the rare ones last, so that it is small.
/// All are noted first, then the number is passed, then all are taken in the same order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    word: u64,
    used: u32,
}

impl Flags {
    /// Notes a code of so many bits.
    #[inline]
    pub(super) fn note(&mut self, code: u8, bits: u32) {
        self.word |= u64::from(code) << self.used;
        self.used += bits;
    }

    /// Notes yes or no.
    #[inline]
    pub(super) fn note_if(&mut self, is_so: bool) {
        self.note(u8::from(is_so), 1);
    }

    /// Passes what was noted, to be taken.
    #[inline]
    pub(super) fn pass(mut self, coder: &mut impl Coder) -> Self {
        coder.number(&mut self.word);
        self
    }

    /// Takes a code of so many bits.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> u8 {
        let code = (self.word & ((1 << bits) - 1)) as u8;
        self.word >>= bits;
        code
    }

    /// Takes yes or no.
    #[inline]
    pub(super) fn is_so(&mut self) -> bool {
        self.take(1) == 1
    }
}

/// What later values refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    marks: [Mark; MARKS],
    used: usize,
    latest: Mark,
    anchors: [Option<Seq>; 2],
    /// Whether the clock counts microseconds.
    pub(super) in_micros: bool,
}

impl Context {
    #[inline]
    fn marks(&self) -> &[Mark] {
        self.marks.get(..self.used).unwrap_or_default()
    }

    #[inline]
    fn remember(&mut self, mark: Mark) {
        if let Some(place) = self.marks.get_mut(self.used) {
            *place = mark;
            self.used += 1;
            self.latest = mark;
        }
    }
}

/// Writes what it passes.
#[derive(Debug)]
pub(super) struct Writer {
    /// What was written, and room.
    buffer: Vec<u8>,
    len: usize,
    /// The octet of which one half is used; none where both are.
    half: Option<usize>,
    context: Context,
}

impl Default for Writer {
    fn default() -> Self {
        Self { buffer: vec![0; ROOM], len: 0, half: None, context: Context::default() }
    }
}

impl Writer {
    /// Begins anew.
    pub(super) fn begin(&mut self) {
        self.len = 0;
        self.half = None;
        self.context = Context::default();
    }

    /// What was written.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Writes the first `count` of `octets`.
    #[inline]
    fn write<const N: usize>(&mut self, octets: [u8; N], count: usize) {
        match self.buffer.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => *room = octets,
            None => self.write_beyond(&octets),
        }
        self.len += count;
    }

    #[cold]
    fn write_beyond(&mut self, octets: &[u8]) {
        self.buffer.truncate(self.len);
        self.buffer.extend_from_slice(octets);
        self.buffer.resize(self.buffer.len() + ROOM, 0);
    }
}

impl Coder for Writer {
    #[inline]
    fn octets<const N: usize>(&mut self, value: &mut [u8; N]) {
        self.write(*value, N);
    }

    #[inline]
    fn number(&mut self, value: &mut u64) {
        // As many octets as there are groups of seven bits; nine hold 63 bits, and a number of 64 follows an octet of its own.
        let count = (70 - (*value | 1).leading_zeros()) / 7;
        if count > 8 {
            self.write([0], 1);
            return self.write(value.to_le_bytes(), 8);
        }
        let code = *value << count | 1 << (count - 1);
        self.write(code.to_le_bytes(), count as usize);
    }

    #[inline]
    fn nibble(&mut self, value: &mut u8) {
        match self.half.take() {
            Some(at) => {
                if let Some(octet) = self.buffer.get_mut(at) {
                    *octet |= *value << 4;
                }
            }
            None => {
                self.half = Some(self.len);
                self.write([*value], 1);
            }
        }
    }

    #[inline]
    fn known(&mut self, is_it: impl Fn(&Mark) -> bool) -> Option<Mark> {
        for (place, mark) in (1..).zip(self.context.marks()) {
            if is_it(mark) {
                let mark = *mark;
                self.nibble(&mut { place });
                return Some(mark);
            }
        }
        self.nibble(&mut 0);
        None
    }

    #[inline]
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

/// Reads what it passes; beyond the end everything is 0.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    half: Option<u8>,
    context: Context,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, half: None, context: Context::default() }
    }

    /// How many octets were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The next octets, which are not passed yet.
    #[inline]
    fn next<const N: usize>(&self) -> [u8; N] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or_else(|| padded(rest))
    }
}

#[cold]
fn padded<const N: usize>(rest: &[u8]) -> [u8; N] {
    let mut octets = [0; N];
    octets.iter_mut().zip(rest).for_each(|(octet, read)| *octet = *read);
    octets
}

impl Coder for Reader<'_> {
    #[inline]
    fn octets<const N: usize>(&mut self, value: &mut [u8; N]) {
        *value = self.next();
        self.at += N;
    }

    #[inline]
    fn number(&mut self, value: &mut u64) {
        let code = u64::from_le_bytes(self.next());
        let count = code.trailing_zeros() + 1;
        if count > 8 {
            self.at += 1;
            *value = u64::from_le_bytes(self.next());
            self.at += 8;
            return;
        }
        self.at += count as usize;
        // All bits of the octets that it takes, but for those that say how many.
        *value = code << (64 - 8 * count) >> (64 - 7 * count);
    }

    #[inline]
    fn nibble(&mut self, value: &mut u8) {
        *value = if let Some(half) = self.half.take() {
            half
        } else {
            let mut octet = 0;
            self.octet(&mut octet);
            self.half = Some(octet >> 4);
            octet & 0xf
        };
    }

    #[inline]
    fn known(&mut self, _: impl Fn(&Mark) -> bool) -> Option<Mark> {
        let mut place = 0;
        self.nibble(&mut place);
        self.context.marks.get(usize::from(place.checked_sub(1)?)).copied()
    }

    #[inline]
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

    /// Lengths of time, whole microseconds or not.
    fn span() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), (-9_000_000..9_000_000_i64).prop_map(|micros| micros * 1_000), Just(i64::MIN + 1)]
    }

    /// Numbers of any length.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
    }

    type Values = (u64, i64, u32, u32, u8, u8);

    #[test]
    fn numbers_take_an_octet_for_seven_bits() {
        for bits in 0..64 {
            let mut writer = Writer::default();
            writer.begin();
            writer.number(&mut (1 << bits));
            assert_eq!(writer.bytes().len(), if bits < 56 { bits / 7 + 1 } else { 9 }, "bit {bits}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back(unsigned in number(), signed: i64, small in 0..3_u32, word: u32, one in 0..16_u8, other in 0..16_u8) {
            let mut writer = Writer::default();
            writer.begin();
            let mut values = (unsigned, signed, small, word, one, other);
            let pass = |coder: &mut dyn FnMut(&mut Values)| {
                let mut read = values;
                coder(&mut read);
                read
            };
            let written = pass(&mut |values| {
                writer.number(&mut values.0);
                writer.nibble(&mut values.5);
                writer.signed(&mut values.1);
                writer.count(values.2 != 0, &mut values.2);
                writer.nibble(&mut values.4);
                writer.word(&mut values.3);
            });
            prop_assert_eq!(written, values, "writing changes nothing");
            let mut reader = Reader::new(writer.bytes());
            values = Default::default();
            reader.number(&mut values.0);
            reader.nibble(&mut values.5);
            reader.signed(&mut values.1);
            reader.count(small != 0, &mut values.2);
            reader.nibble(&mut values.4);
            reader.word(&mut values.3);
            prop_assert_eq!(values, written);
            prop_assert_eq!(reader.position(), writer.bytes().len());
        }

        #[test]
        fn marks_times_and_frames_come_back(
            marks in proptest::collection::vec(mark(), 1..20),
            spans in proptest::collection::vec(span(), 4),
            in_micros: bool,
        ) {
            let mut writer = Writer::default();
            writer.begin();
            writer.context().in_micros = in_micros;
            for mark in &marks {
                writer.mark(&mut mark.clone());
                writer.time(&mut mark.time.clone());
                writer.frame(&mut mark.frame.clone());
            }
            spans.iter().for_each(|nanos| writer.span(&mut Span::from_nanos(*nanos)));
            let mut reader = Reader::new(writer.bytes());
            reader.context().in_micros = in_micros;
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
