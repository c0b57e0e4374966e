//! The only place where a time, a duration or a size becomes text.

use chrono::{DateTime, Local, SecondsFormat, Utc};

use crate::time::{NANOS_PER_SECOND, Span, Timestamp};

/// How points in time are shown to people; machines always get RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeFormat {
    /// RFC 3339 in UTC
    #[default]
    Utc,
    /// RFC 3339 in the local time zone (TZ)
    Local,
    /// Seconds since the first packet
    Relative,
    /// Seconds since 1970
    Epoch,
}

/// Turns points in time into text, all alike.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    format: TimeFormat,
    start: Timestamp,
}

impl Clock {
    /// A clock for times of a capture that begins at `start`.
    #[must_use]
    pub const fn new(format: TimeFormat, start: Timestamp) -> Self {
        Self { format, start }
    }

    /// The time to the nanosecond.
    #[must_use]
    pub fn exact(&self, time: Timestamp) -> String {
        self.text(time, SecondsFormat::Nanos, 9)
    }

    /// The time to the millisecond.
    #[must_use]
    pub fn brief(&self, time: Timestamp) -> String {
        self.text(time, SecondsFormat::Millis, 3)
    }

    fn text(&self, time: Timestamp, precision: SecondsFormat, digits: u32) -> String {
        let nanos = time.as_nanos();
        match self.format {
            TimeFormat::Utc => DateTime::<Utc>::from_timestamp_nanos(nanos).to_rfc3339_opts(precision, true),
            TimeFormat::Local => {
                DateTime::<Utc>::from_timestamp_nanos(nanos).with_timezone(&Local).to_rfc3339_opts(precision, false)
            }
            TimeFormat::Relative => decimal(time.since(self.start).as_nanos(), digits),
            TimeFormat::Epoch => decimal(nanos, digits),
        }
    }
}

/// The time that an RFC 3339 string names.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().map(Timestamp::from_nanos)
}

/// RFC 3339 in UTC with nine digits: `2026-11-22T17:29:00.000000000Z`.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_nanos(time.as_nanos()).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Seconds since the epoch with nine digits.
#[must_use]
pub fn epoch(time: Timestamp) -> String {
    decimal(time.as_nanos(), 9)
}

/// Nanoseconds as seconds with `digits` digits (at most nine) after the point; what is finer is cut off.
fn decimal(nanos: i64, digits: u32) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, part) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let part = part / 10_u64.pow(9_u32.saturating_sub(digits));
    format!("{sign}{whole}.{part:0width$}", width = digits as usize)
}

/// Seconds with as many digits as tell: `0.0213 s`, `4.20 s`, `90.0 s`, `350 s`.
#[must_use]
pub fn seconds(span: Span) -> String {
    let secs = span.as_secs_f64();
    let digits = match span.abs().as_nanos() {
        0 => 0,
        1..1_000_000 => 6,
        1_000_000..1_000_000_000 => 4,
        1_000_000_000..10_000_000_000 => 2,
        10_000_000_000..100_000_000_000 => 1,
        _ => 0,
    };
    format!("{secs:.digits$} s")
}

/// A duration for people: seconds, from two minutes on with minutes, hours and days beside them: `350 s (5m50s)`.
#[must_use]
pub fn duration(span: Span) -> String {
    const CLOCK_FROM: i64 = 120;
    if span.abs().as_nanos() < CLOCK_FROM * NANOS_PER_SECOND {
        return seconds(span);
    }
    format!("{} ({})", seconds(span), clock(span))
}

/// Days, hours, minutes and seconds, the two largest that are not zero: `5m50s`, `2h`, `21d4h`.
#[must_use]
pub fn clock(span: Span) -> String {
    let total = span.abs().as_nanos().saturating_add(NANOS_PER_SECOND / 2) / NANOS_PER_SECOND;
    let parts = [(total / 86_400, 'd'), (total / 3_600 % 24, 'h'), (total / 60 % 60, 'm'), (total % 60, 's')];
    let first = parts.iter().position(|(value, _)| *value > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).filter(|(value, _)| *value > 0 || total == 0);
    let text: String = shown.map(|(value, unit)| format!("{value}{unit}")).collect();
    if span < Span::ZERO { format!("-{text}") } else { text }
}

/// A count with separators: `2,356,000`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Octets in the unit that suits them: `142 B`, `1.7 kB`, `12.0 MB` (powers of ten).
#[must_use]
pub fn octets(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    let mut scaled = number as f64 / 1e3;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    // What would be shown as 1000.0 is one of the next unit.
    while scaled >= 999.95 {
        let Some(next) = units.next() else { break };
        (scaled, unit) = (scaled / 1e3, next);
    }
    format!("{scaled:.1} {unit}")
}

/// A count with its noun: `1 packet`, `2 packets`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_nine_digits() {
        assert_eq!(rfc3339(Timestamp::from_nanos(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(Timestamp::from_nanos(1_700_000_000_123_456_789)), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(epoch(Timestamp::from_nanos(-1_500_000_000)), "-1.500000000");
    }

    #[test]
    fn a_clock_shows_times_as_asked() {
        let start = Timestamp::from_nanos(1_700_000_000_000_000_000);
        let time = start.plus(Span::from_nanos(90_123_456_789));
        let clock = |format| Clock::new(format, start);
        assert_eq!(clock(TimeFormat::Utc).exact(time), "2023-11-14T22:14:50.123456789Z");
        assert_eq!(clock(TimeFormat::Utc).brief(time), "2023-11-14T22:14:50.123Z");
        assert_eq!(clock(TimeFormat::Relative).exact(time), "90.123456789");
        assert_eq!(clock(TimeFormat::Relative).brief(start.plus(Span::from_millis(-1_500))), "-1.500");
        assert_eq!(clock(TimeFormat::Epoch).brief(time), "1700000090.123");
        assert_eq!(from_rfc3339("2023-11-14T22:14:50.123456789Z"), Some(time));
        assert_eq!(from_rfc3339(&clock(TimeFormat::Local).exact(time)), Some(time));
        assert_eq!(from_rfc3339("yesterday"), None);
    }

    #[test]
    fn durations_read_like_a_person_says_them() {
        assert_eq!(duration(Span::from_millis(4_200)), "4.20 s");
        assert_eq!(duration(Span::from_millis(90_040)), "90.0 s");
        assert_eq!(duration(Span::from_secs(350)), "350 s (5m50s)");
        assert_eq!(duration(Span::from_secs(7_200)), "7200 s (2h)");
        assert_eq!(clock(Span::from_secs(3 * 7 * 86_400 + 4 * 3_600)), "21d4h");
        assert_eq!(seconds(Span::from_micros(21_300)), "0.0213 s");
        assert_eq!(clock(Span::ZERO), "0s");
        // 2^63 nanoseconds are 106,751 days and 23.8 hours.
        assert_eq!(clock(Span::from_nanos(i64::MAX)), "106751d23h");
    }

    #[test]
    fn counts_have_separators() {
        assert_eq!(count(2_356_000), "2,356,000");
        assert_eq!(octets(999), "999 B");
        assert_eq!(octets(1_700), "1.7 kB");
        assert_eq!(octets(999_960), "1.0 MB");
        assert_eq!(octets(u64::MAX), "18446.7 PB");
        assert_eq!(plural(1, "packet"), "1 packet");
        assert_eq!(plural(0, "packet"), "0 packets");
    }
}
