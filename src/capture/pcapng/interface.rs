//! An interface of a section: what its packets are, how its clock counts, what it lost.

use super::OPT_COMMENT;
use super::options::Options;
use crate::capture::LinkType;
use crate::capture::bytes::ByteOrder;
use crate::capture::info::{CaptureInfo, Counters, InterfaceInfo, Note, text};
use crate::time::Timestamp;

const NANOS_PER_SECOND: u128 = crate::time::NANOS_PER_SECOND as u128;

const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const IF_OS: u16 = 12;
const IF_TSOFFSET: u16 = 14;

const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_FILTERACCEPT: u16 = 6;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;

/// An interface description without options.
const MIN_BLOCK_LEN: usize = 20;
/// Microseconds, where `if_tsresol` is not given.
const DEFAULT_RESOLUTION: u8 = 6;

/// What the walk needs of an interface.
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Bytes kept of each frame at most; 0 for no limit.
    pub(super) snaplen: u32,
    clock: Clock,
    counters: Counters,
}

/// How ticks become nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    scale: Scale,
    offset_s: i64,
}

/// Nanoseconds per tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// So many: ticks of a nanosecond and longer.
    Times(u128),
    /// One for so many ticks.
    Divided(u128),
    /// The second divided by a power of two.
    Shifted(u32),
    /// Ticks so short that 2^64 of them make no nanosecond.
    Nothing,
}

impl Interface {
    /// Reads an interface description block; `None` if it is too short.
    pub(super) fn from_description(
        order: ByteOrder,
        block: &[u8],
        number: u32,
        info: &mut CaptureInfo,
    ) -> Option<Self> {
        if block.len() < MIN_BLOCK_LEN {
            return None;
        }
        let link = LinkType(order.u16(block, 8)?);
        let snaplen = order.u32(block, 12)?;
        let mut told = InterfaceInfo {
            section: info.sections.saturating_sub(1),
            number,
            link,
            snaplen,
            name: None,
            description: None,
            filter: None,
            os: None,
        };
        let (mut resolution, mut offset_s) = (DEFAULT_RESOLUTION, 0);
        for (code, value) in Options::new(order, block, 16) {
            match code {
                OPT_COMMENT => info.note_comment(value),
                IF_NAME => told.name = Some(text(value)),
                IF_DESCRIPTION => told.description = Some(text(value)),
                IF_TSRESOL => resolution = value.first().copied().unwrap_or(resolution),
                // The first byte says in which form the filter is given; 0 is text.
                IF_FILTER => told.filter = value.strip_prefix(&[0]).map(text),
                IF_OS => told.os = Some(text(value)),
                IF_TSOFFSET => offset_s = order.u64(value, 0).map_or(offset_s, u64::cast_signed),
                _ => {}
            }
        }
        info.note_interface(told);
        let clock = Clock { scale: Scale::new(resolution), offset_s };
        Some(Self { link, snaplen, clock, counters: Counters::default() })
    }

    /// The time that `ticks` of this interface's clock mean.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        self.clock.time(ticks)
    }

    /// Reads an interface statistics block. Its numbers count from the start of the capture, so the last one stands.
    pub(super) fn note_statistics(&mut self, order: ByteOrder, block: &[u8], info: &mut CaptureInfo) {
        let ticks = order.u32(block, 12).zip(order.u32(block, 16));
        let time = ticks.map(|(high, low)| self.time(u64::from(high) << 32 | u64::from(low)));
        let mut is_bare = true;
        for (code, value) in Options::new(order, block, 20) {
            is_bare = false;
            let (own, total) = match code {
                ISB_IFRECV => (&mut self.counters.received, &mut info.counters.received),
                ISB_IFDROP => (&mut self.counters.interface_drops, &mut info.counters.interface_drops),
                ISB_FILTERACCEPT => (&mut self.counters.accepted, &mut info.counters.accepted),
                ISB_OSDROP => (&mut self.counters.system_drops, &mut info.counters.system_drops),
                ISB_USRDELIV => (&mut self.counters.delivered, &mut info.counters.delivered),
                OPT_COMMENT => {
                    info.note_comment(value);
                    continue;
                }
                _ => continue,
            };
            let Some(count) = order.u64(value, 0) else { continue };
            let others = total.unwrap_or_default().saturating_sub(own.unwrap_or_default());
            *total = Some(others.saturating_add(count));
            *own = Some(count);
        }
        if let Some(time) = time {
            info.note_between(if is_bare { Note::Tick(time) } else { Note::Counted(time, info.counters) });
        }
    }
}

impl Clock {
    #[inline]
    fn time(self, ticks: u64) -> Timestamp {
        let ticks = u128::from(ticks);
        // The greatest product is below 2^64 * 10^9 < 2^94.
        let nanos = match self.scale {
            Scale::Times(factor) => ticks * factor,
            Scale::Divided(divisor) => ticks / divisor,
            Scale::Shifted(bits) => (ticks * NANOS_PER_SECOND) >> bits,
            Scale::Nothing => 0,
        };
        let offset = i128::from(self.offset_s) * NANOS_PER_SECOND.cast_signed();
        Timestamp::from_nanos_saturating(nanos.cast_signed() + offset)
    }
}

impl Scale {
    /// The scale that an `if_tsresol` stands for: a negative power of 2 if its highest bit is set, else of 10.
    fn new(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            return Self::Shifted(power);
        }
        match power {
            0..=9 => Self::Times(10u128.pow(9 - power)),
            10..=28 => Self::Divided(10u128.pow(power - 9)),
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(resolution: u8, offset_s: i64, ticks: u64) -> i64 {
        Clock { scale: Scale::new(resolution), offset_s }.time(ticks).as_nanos()
    }

    #[test]
    fn the_usual_resolutions() {
        assert_eq!(nanos(6, 0, 1_700_000_000_123_456), 1_700_000_000_123_456_000);
        assert_eq!(nanos(9, 0, 1_700_000_000_123_456_789), 1_700_000_000_123_456_789);
        assert_eq!(nanos(0, 0, 90), 90_000_000_000);
        assert_eq!(nanos(12, 0, 1_999), 1, "what is shorter than a nanosecond is cut, not rounded");
        // 2^-10 s: 1536 ticks are 1.5 s.
        assert_eq!(nanos(0x8a, 0, 1_536), 1_500_000_000);
        assert_eq!(nanos(0x80, 0, 3), 3_000_000_000);
    }

    #[test]
    fn offsets_of_either_sign() {
        assert_eq!(nanos(6, -1, 500_000), -500_000_000);
        assert_eq!(nanos(9, 1_700_000_000, 5), 1_700_000_000_000_000_005);
        assert_eq!(nanos(0, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(nanos(0, i64::MIN, 5), i64::MIN);
    }

    /// 10^power as decimal digits, for arithmetic on strings: no integer holds 10^127.
    fn decimal_seconds(power: usize, ticks: u64) -> i128 {
        let digits = format!("{ticks:0>width$}", width = power + 1);
        let (whole, fraction) = digits.split_at(digits.len() - power);
        let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        whole.parse::<i128>().unwrap() * 1_000_000_000 + fraction.parse::<i128>().unwrap()
    }

    proptest! {
        #[test]
        fn every_power_of_ten_agrees_with_decimal_digits(power in 0u8..=127, ticks: u64, offset: i64) {
            let expected = decimal_seconds(power.into(), ticks) + i128::from(offset) * 1_000_000_000;
            prop_assert_eq!(nanos(power, offset, ticks), Timestamp::from_nanos_saturating(expected).as_nanos());
        }

        #[test]
        fn every_power_of_two_agrees_with_long_division(power in 0u8..=127, ticks: u64, offset: i64) {
            // Nanoseconds digit by digit: the remainder stays below 2^127.
            let unit = 1u128 << power;
            let mut whole = (u128::from(ticks) / unit) as i128;
            let mut rest = u128::from(ticks) % unit;
            for _ in 0..9 {
                // rest < 2^64, so ten times it fits.
                rest *= 10;
                whole = whole * 10 + (rest / unit) as i128;
                rest %= unit;
            }
            let expected = whole + i128::from(offset) * 1_000_000_000;
            prop_assert_eq!(nanos(power | 0x80, offset, ticks), Timestamp::from_nanos_saturating(expected).as_nanos());
        }
    }
}
