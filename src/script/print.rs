//! From [`Script`] to text, the inverse of parsing.

use std::fmt::{self, Display, Formatter};

use super::model::{
    Direction, Encapsulation, Event, Expectation, Extension, FlowSpec, Framing, IcmpQuote, LinkLayer, Position, Script,
    SegmentSpec, Setting, Step, Subject, TcpOption, Time,
};
use super::parse::sequence_end;
use crate::time::{NANOS_PER_SECOND, Span};

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.link {
            LinkLayer::Ethernet => {}
            LinkLayer::Sll => f.write_str("link sll\n")?,
            LinkLayer::Sll2 => f.write_str("link sll2\n")?,
            LinkLayer::Raw => f.write_str("link raw\n")?,
        }
        if let Some(snap) = self.snap {
            writeln!(f, "snap {snap}")?;
        }
        self.flows.iter().try_for_each(|flow| writeln!(f, "{flow}"))?;
        for step in &self.steps {
            self.write_step(f, step)?;
            f.write_str("\n")?;
        }
        if let Some(end) = self.end {
            writeln!(f, "end {end}")?;
        }
        for expectation in &self.expectations {
            self.write_expectation(f, expectation)?;
        }
        if self.other_findings_allowed {
            f.write_str("expect other findings allowed\n")?;
        }
        Ok(())
    }
}

impl Script {
    /// The line of the step with this index, as the printer writes it; empty if there is none.
    #[must_use]
    pub fn line(&self, step: usize) -> String {
        struct Line<'a>(&'a Script, &'a Step);
        impl Display for Line<'_> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                self.0.write_step(f, self.1)
            }
        }
        self.steps.get(step).map_or_else(String::new, |step| Line(self, step).to_string())
    }

    fn name(&self, flow: usize) -> Option<&str> {
        self.flows.get(flow)?.name.as_deref()
    }

    fn write_step(&self, f: &mut Formatter<'_>, step: &Step) -> fmt::Result {
        write!(f, "{}", step.time)?;
        match &step.event {
            Event::Duplicate(1) => f.write_str(" dup")?,
            Event::Duplicate(back) => write!(f, " dup {back}")?,
            Event::Segment(segment) => {
                if let Some(name) = self.name(segment.flow).filter(|_| self.flows.len() > 1) {
                    write!(f, " {name}")?;
                }
                write!(f, " {segment}")?;
            }
        }
        write!(f, "{}", step.framing)?;
        if let Some(repeat) = step.repeat {
            write!(f, " x{} every {}", repeat.count, Seconds(repeat.every))?;
        }
        if let Some(expected) = &step.expected {
            write!(f, " = {}", expected.kind)?;
            if let Some(note) = &expected.note {
                write!(f, ": {note}")?;
            }
        }
        Ok(())
    }

    fn write_expectation(&self, f: &mut Formatter<'_>, expectation: &Expectation) -> fmt::Result {
        let subject = match expectation.subject {
            Subject::Finding => "finding",
            Subject::Verdict => "verdict",
        };
        write!(f, "expect {subject} {}", expectation.id)?;
        if let Some(name) = expectation.flow.and_then(|flow| self.name(flow)) {
            write!(f, " flow {name}")?;
        }
        let timers = [("idle", expectation.idle), ("interval", expectation.interval)];
        for (word, setting) in timers.into_iter().filter_map(|(word, setting)| Some((word, setting?))) {
            match setting {
                Setting::Unknown => write!(f, " {word} unknown")?,
                Setting::Value(span) => write!(f, " {word} {}s", Seconds(span))?,
            }
        }
        match expectation.count {
            None => {}
            Some(Setting::Unknown) => f.write_str(" count unknown")?,
            Some(Setting::Value(count)) => write!(f, " count {count}")?,
        }
        if let Some(gap) = expectation.gap {
            write!(f, " gap {}s", Seconds(gap))?;
        }
        let words = [
            ("origin", expectation.origin),
            ("confidence", expectation.confidence),
            ("half-open", expectation.half_open),
        ];
        for (word, value) in words.into_iter().filter_map(|(word, value)| Some((word, value?))) {
            write!(f, " {word} {value}")?;
        }
        if let Some((first, last)) = expectation.evidence {
            write!(f, " evidence {first}..{last}")?;
        }
        f.write_str("\n")
    }
}

impl Display for FlowSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let default = Self::new(self.initiator, self.responder);
        f.write_str("flow ")?;
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        write!(f, "{} > {}", self.initiator, self.responder)?;
        if self.isn != default.isn {
            write!(f, " isn {} {}", self.isn.0, self.isn.1)?;
        }
        if self.hop_limits != default.hop_limits {
            write!(f, " ttl {} {}", self.hop_limits.0, self.hop_limits.1)?;
        }
        if self.macs != default.macs {
            write!(f, " mac {} {}", Mac(self.macs.0), Mac(self.macs.1))?;
        }
        write!(f, "{}", self.framing)
    }
}

impl Display for SegmentSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.direction == Direction::FromInitiator { '>' } else { '<' };
        let end = sequence_end(self.start, self.payload_len);
        write!(f, "{sign} {} {}:{end}({})", self.flags, self.start, self.payload_len)?;
        if let Some(ack) = self.ack {
            write!(f, " ack {ack}")?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        for (index, option) in self.options.iter().enumerate() {
            write!(f, "{}{option}", if index == 0 { " <" } else { "," })?;
        }
        if !self.options.is_empty() {
            f.write_str(">")?;
        }
        if self.data.is_empty() { Ok(()) } else { write!(f, " data {}", Payload(&self.data)) }
    }
}

impl Display for TcpOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfList => f.write_str("eol"),
            Self::NoOperation => f.write_str("nop"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::MaximumSegmentSize(size) => write!(f, "mss {size}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::Timestamps(value, echo) => write!(f, "TS val {value} ecr {echo}"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            Self::FastOpen(cookie) if cookie.is_empty() => f.write_str("FO"),
            Self::FastOpen(cookie) => write!(f, "FO {}", Hex(cookie)),
            Self::Toa(client) => write!(f, "TOA {client}"),
            Self::Toa253(client) => write!(f, "TOA253 {client}"),
            Self::Raw(kind, bytes) if bytes.is_empty() => write!(f, "kind {kind}"),
            Self::Raw(kind, bytes) => write!(f, "kind {kind} {}", Hex(bytes)),
        }
    }
}

/// Prints each word with a space before it.
impl Display for Framing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("ttl", self.hop_limit.map(u32::from)),
            ("ipid", self.ip_id.map(u32::from)),
            ("df", self.dont_fragment.map(u32::from)),
            ("snap", self.snap),
            ("frag", self.fragment_at.map(u32::from)),
            ("iplen", self.ip_length.map(u32::from)),
        ];
        for (word, value) in numbers.into_iter().filter_map(|(word, value)| Some((word, value?))) {
            write!(f, " {word} {value}")?;
        }
        if let Some((source, destination)) = self.macs {
            write!(f, " mac {} {}", Mac(source), Mac(destination))?;
        }
        for (index, tag) in self.vlans.iter().enumerate() {
            write!(f, "{}{tag}", if index == 0 { " vlan " } else { "." })?;
        }
        for (index, header) in self.extensions.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { " ext " } else { "," }, extension(*header))?;
        }
        if self.padded {
            f.write_str(" pad")?;
        }
        match self.tunnel {
            None => {}
            Some(Encapsulation::Vxlan(vni)) => write!(f, " tunnel vxlan {vni}")?,
            Some(Encapsulation::Geneve(vni)) => write!(f, " tunnel geneve {vni}")?,
            Some(Encapsulation::Gre) => f.write_str(" tunnel gre")?,
            Some(Encapsulation::IpInIp) => f.write_str(" tunnel ipip")?,
        }
        match self.icmp {
            None => Ok(()),
            Some(IcmpQuote::Unreachable(code, from)) => write!(f, " icmp unreachable {code} from {from}"),
            Some(IcmpQuote::TooBig(mtu, from)) => write!(f, " icmp too-big {mtu} from {from}"),
            Some(IcmpQuote::TimeExceeded(from)) => write!(f, " icmp time-exceeded from {from}"),
        }
    }
}

const fn extension(header: Extension) -> &'static str {
    match header {
        Extension::HopByHop => "hop",
        Extension::Destination => "dst",
        Extension::Routing => "route",
        Extension::AtomicFragment => "frag",
    }
}

impl Display for Position {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(offset) => write!(f, "{offset}"),
            Self::Absolute(number) => write!(f, "@{number}"),
        }
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::At(span) => write!(f, "{}", Seconds(span)),
            Self::After(span) if span < Span::ZERO => write!(f, "-{}", Seconds(span.abs())),
            Self::After(span) => write!(f, "+{}", Seconds(span)),
        }
    }
}

/// Seconds with as many decimals as it takes.
struct Seconds(Span);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos().max(0);
        write!(f, "{}", nanos / NANOS_PER_SECOND)?;
        let fraction = format!("{:09}", nanos % NANOS_PER_SECOND);
        let digits = fraction.trim_end_matches('0');
        if digits.is_empty() { Ok(()) } else { write!(f, ".{digits}") }
    }
}

struct Mac([u8; 6]);

impl Display for Mac {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text in quotes where it is text, hexadecimal otherwise.
struct Payload<'a>(&'a [u8]);

impl Display for Payload<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
        if !self.0.iter().all(is_text) {
            return write!(f, "hex:{}", Hex(self.0));
        }
        f.write_str("\"")?;
        for byte in self.0 {
            match byte {
                b'\r' => f.write_str("\\r")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                _ => write!(f, "{}", char::from(*byte))?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::arbitrary::any_script;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parsing_reads_back_what_printing_wrote(script in any_script()) {
            let text = script.to_string();
            prop_assert_eq!(Script::parse(&text).map_err(|error| format!("{error}\n{text}")), Ok(script));
        }
    }

    #[test]
    fn the_printed_form_is_the_one_people_write() {
        let text = "flow db 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n\
            0 > S 0:0(0) win 64000 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>\n\
            +0.01 < S. 0:0(0) ack 1 win 64000\n\
            +60 > . 100:100(0) ack 1 win 500 ttl 63 x5 every 10 = keepalive-probe: inferred\n\
            -2 dup ttl 62 = duplicate-frame\n\
            end 200\n\
            expect finding keepalive-exhausted flow db idle 60s interval unknown count 5 origin endpoint evidence 3..7\n\
            expect other findings allowed\n";
        assert_eq!(Script::parse(text).expect("the script is well-formed").to_string(), text);
    }
}
