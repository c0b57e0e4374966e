//! From text to [`Script`].

use super::expect::expect;
use super::model::{
    Direction, Event, Expected, FlowSpec, KINDS, LinkLayer, Position, Repeat, Script, SegmentSpec, Step, Time,
};
use super::options::{endpoint, mac, once, payload, position, segment_framing, shared_framing, tcp_options};
use super::scan::{Cursor, ScriptError, Word, number, one_of, seconds};
use crate::seq::Seq;
use crate::time::Span;
use crate::wire::Flags;

/// Octets of payload that fit into an IP packet behind every header that a script can ask for.
const LARGEST_PAYLOAD: u16 = 65_000;
/// Frames that a script may make: a hundred times what anybody would read.
const MOST_FRAMES: u64 = 100_000;
/// Octets that the frames of a script may have in all, roughly.
const MOST_OCTETS: u64 = 64 << 20;
/// Octets of headers in a frame, roughly.
const HEADERS: u64 = 100;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first fault, with its line and column and with what was expected there.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        let mut size = Size::default();
        for (index, line) in text.lines().enumerate() {
            statement(&mut Cursor::new(line, index + 1), &mut script, &mut size)?;
        }
        Ok(script)
    }
}

impl std::str::FromStr for Script {
    type Err = ScriptError;
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        Self::parse(text)
    }
}

/// What a script asks for so far. A few lines of text may ask for more frames than any machine can hold.
#[derive(Default)]
struct Size {
    frames: u64,
    octets: u64,
    /// Octets of the longest segment, and the smallest fragments of any: a copy is taken to be no better than those.
    longest: u64,
    smallest: Option<u16>,
}

impl Size {
    fn add(&mut self, step: &Step) {
        let mut part = step.framing.fragment_at;
        let octets = match &step.event {
            Event::Segment(segment) => {
                self.smallest = self.smallest.into_iter().chain(part).min();
                HEADERS + u64::from(segment.payload_len)
            }
            Event::Duplicate(_) => {
                part = part.or(self.smallest);
                self.longest
            }
        };
        self.longest = self.longest.max(octets);
        let frames = part.map_or(1, |part| octets.div_ceil(u64::from(part.max(1))));
        let copies = step.repeat.map_or(1, |repeat| u64::from(repeat.count));
        self.frames = self.frames.saturating_add(copies.saturating_mul(frames));
        self.octets = self.octets.saturating_add(copies.saturating_mul(octets + frames * HEADERS));
    }

    fn check(&self, cursor: &Cursor<'_>, offset: usize) -> Result<(), ScriptError> {
        if self.frames > MOST_FRAMES {
            return Err(
                cursor.fault(offset, format_args!("up to here the script makes more than {MOST_FRAMES} frames"))
            );
        }
        if self.octets > MOST_OCTETS {
            let mebibytes = MOST_OCTETS >> 20;
            return Err(cursor.fault(offset, format_args!("up to here the script makes more than {mebibytes} MiB")));
        }
        Ok(())
    }
}

fn statement(cursor: &mut Cursor<'_>, script: &mut Script, size: &mut Size) -> Result<(), ScriptError> {
    const EXPECTED: &str = "a time, `flow`, `expect`, `end`, `link` or `snap`";
    let offset = cursor.offset();
    match cursor.peek() {
        "" => return Ok(()),
        word if word.starts_with(|letter: char| letter.is_ascii_digit() || "+-.".contains(letter)) => {
            let step = step(cursor, script)?;
            size.add(&step);
            size.check(cursor, offset)?;
            script.steps.push(step);
        }
        word => {
            cursor.advance(word.len());
            match word {
                "flow" => flow(cursor, script)?,
                "expect" => expect(cursor, script)?,
                "end" => {
                    once(cursor, offset, word, script.end.is_some())?;
                    script.end = Some(time(cursor)?);
                }
                "link" => script.link = cursor.take("ethernet, sll, sll2 or raw", link)?,
                "snap" => {
                    once(cursor, offset, word, script.snap.is_some())?;
                    script.snap = Some(cursor.take("a number of bytes", number)?);
                }
                other => return Err(cursor.error(offset, EXPECTED, other)),
            }
        }
    }
    cursor.finish("the end of the line")
}

fn link(text: &str) -> Option<LinkLayer> {
    match text {
        "ethernet" => Some(LinkLayer::Ethernet),
        "sll" => Some(LinkLayer::Sll),
        "sll2" => Some(LinkLayer::Sll2),
        "raw" => Some(LinkLayer::Raw),
        _ => None,
    }
}

/// A name of a flow: a letter, then letters, digits and dashes.
pub(super) fn is_name(text: &str) -> bool {
    text != "dup"
        && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn flow(cursor: &mut Cursor<'_>, script: &mut Script) -> Result<(), ScriptError> {
    let offset = cursor.offset();
    let name = is_name(cursor.peek()).then(|| cursor.peek().to_owned());
    cursor.advance(name.as_ref().map_or(0, String::len));
    if !script.flows.is_empty() && (name.is_none() || script.flows.iter().any(|flow| flow.name.is_none())) {
        return Err(cursor.fault(offset, "several flows need a name each: flow NAME ADDRESS:PORT > ADDRESS:PORT"));
    }
    if name.is_some() && script.flows.iter().any(|flow| flow.name == name) {
        return Err(cursor.fault(offset, "another flow has this name"));
    }
    let initiator = cursor.take("ADDRESS:PORT of the initiator", endpoint)?;
    cursor.require(">")?;
    let expected = "ADDRESS:PORT of the responder, another one of the same address family";
    let responder = cursor.take(expected, |text| {
        endpoint(text).filter(|other| other.is_ipv4() == initiator.is_ipv4() && *other != initiator)
    })?;
    let mut flow = FlowSpec { name, ..FlowSpec::new(initiator, responder) };
    flow_words(cursor, &mut flow)?;
    script.flows.push(flow);
    Ok(())
}

fn flow_words(cursor: &mut Cursor<'_>, flow: &mut FlowSpec) -> Result<(), ScriptError> {
    let mut seen: Vec<&str> = Vec::new();
    while !cursor.at_end() {
        let offset = cursor.offset();
        let word = cursor.peek();
        if shared_framing(cursor, &mut flow.framing)? {
            continue;
        }
        once(cursor, offset, word, seen.contains(&word))?;
        seen.push(word);
        cursor.advance(word.len());
        match word {
            "isn" => {
                let expected = "an initial sequence number, 0 to 4294967295";
                flow.isn = (Seq(cursor.take(expected, number)?), Seq(cursor.take(expected, number)?));
            }
            "ttl" => flow.hop_limits = (cursor.take("a hop limit", number)?, cursor.take("a hop limit", number)?),
            "mac" => flow.macs = (cursor.take("a MAC address", mac)?, cursor.take("a MAC address", mac)?),
            other => return Err(cursor.error(offset, "isn, ttl, mac, vlan, df, pad, snap, ext or tunnel", other)),
        }
    }
    Ok(())
}

fn time(cursor: &mut Cursor<'_>) -> Result<Time, ScriptError> {
    cursor.take("a time: SECONDS, +SECONDS or -SECONDS", |text| {
        if let Some(later) = text.strip_prefix('+') {
            return seconds(later).map(Time::After);
        }
        match text.strip_prefix('-') {
            Some(earlier) => seconds(earlier).map(|span| Time::After(Span::ZERO.minus(span))),
            None => seconds(text).map(Time::At),
        }
    })
}

fn step(cursor: &mut Cursor<'_>, script: &Script) -> Result<Step, ScriptError> {
    let time = time(cursor)?;
    let mut step =
        Step { time, event: Event::Duplicate(1), framing: super::Framing::default(), expected: None, repeat: None };
    if cursor.accept("dup") {
        step.event = Event::Duplicate(duplicate(cursor, script)?);
        modifiers(cursor, &mut step, None)?;
    } else {
        let mut segment = segment(cursor, script)?;
        modifiers(cursor, &mut step, Some(&mut segment))?;
        step.event = Event::Segment(segment);
    }
    Ok(step)
}

fn duplicate(cursor: &mut Cursor<'_>, script: &Script) -> Result<usize, ScriptError> {
    let segments = script.steps.iter().filter(|step| matches!(step.event, Event::Segment(_))).count();
    let offset = cursor.offset();
    let back = if cursor.peek().starts_with(|letter: char| letter.is_ascii_digit()) {
        cursor.take("how many segment lines back, from 1", |text| number(text).filter(|back| *back > 0))?
    } else {
        1
    };
    if back > segments {
        return Err(cursor.fault(offset, format_args!("only {segments} segment lines stand before this one")));
    }
    Ok(back)
}

fn segment(cursor: &mut Cursor<'_>, script: &Script) -> Result<SegmentSpec, ScriptError> {
    let flow = flow_of_line(cursor, script)?;
    let direction = cursor.take("`>` or `<`", |text| match text {
        ">" => Some(Direction::FromInitiator),
        "<" => Some(Direction::FromResponder),
        _ => None,
    })?;
    let flags = cursor.take("flags from S F R P . U E W e, each once, or `-`", flags)?;
    let range = cursor.word("START:END(LENGTH)")?;
    let (start, payload_len) = sequence_range(cursor, range)?;
    Ok(SegmentSpec {
        flow,
        direction,
        flags,
        start,
        payload_len,
        ack: None,
        window: None,
        options: Vec::new(),
        data: Vec::new(),
    })
}

fn flow_of_line(cursor: &mut Cursor<'_>, script: &Script) -> Result<usize, ScriptError> {
    let offset = cursor.offset();
    let word = cursor.peek();
    if script.flows.is_empty() {
        return Err(cursor.fault(offset, "a flow must be declared before its first segment: flow A:1 > B:2"));
    }
    if !is_name(word) && script.flows.len() == 1 {
        return Ok(0);
    }
    let found = script.flows.iter().position(|flow| flow.name.as_deref() == Some(word));
    let flow = found.ok_or_else(|| cursor.error(offset, "the name of a declared flow", word))?;
    cursor.advance(word.len());
    Ok(flow)
}

fn flags(text: &str) -> Option<Flags> {
    if text == "-" {
        return Some(Flags::default());
    }
    text.chars().try_fold(Flags::default(), |flags, letter| {
        let flag = match letter {
            'S' => Flags::SYN,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            'e' => Flags::AE,
            _ => return None,
        };
        (!flags.has(flag)).then_some(flags | flag)
    })
}

fn sequence_range(cursor: &Cursor<'_>, range: Word<'_>) -> Result<(Position, u16), ScriptError> {
    let parts = || {
        let (start, rest) = range.text.split_once(':')?;
        let (end, length) = rest.strip_suffix(')')?.split_once('(')?;
        Some((position(start)?, number::<i64>(end)?, number::<u16>(length)?))
    };
    let (start, end, length) = parts().ok_or_else(|| cursor.error(range.offset, "START:END(LENGTH)", range.text))?;
    let true_end = sequence_end(start, length);
    if end != true_end {
        return Err(cursor.fault(range.offset, format_args!("{length} octets end at {true_end}, not at {end}")));
    }
    if length > LARGEST_PAYLOAD {
        return Err(cursor.fault(range.offset, format_args!("at most {LARGEST_PAYLOAD} octets fit in a segment")));
    }
    Ok((start, length))
}

/// The number that a script writes after the colon.
pub(super) fn sequence_end(start: Position, length: u16) -> i64 {
    match start {
        Position::Relative(offset) => offset.saturating_add(i64::from(length)),
        Position::Absolute(number) => i64::from(number.wrapping_add(u32::from(length))),
    }
}

/// What follows the sequence numbers, in any order; for a duplicate only what concerns its frame.
fn modifiers(
    cursor: &mut Cursor<'_>,
    step: &mut Step,
    mut segment: Option<&mut SegmentSpec>,
) -> Result<(), ScriptError> {
    const EXPECTED: &str = "ack, win, <options>, data, a word for the frame, xN every T or = KIND";
    while !cursor.at_end() && step.expected.as_ref().is_none_or(|expected| expected.note.is_none()) {
        if segment_framing(cursor, &mut step.framing)? {
            continue;
        }
        if let Some(segment) = segment.as_deref_mut()
            && segment_word(cursor, segment)?
        {
            continue;
        }
        let offset = cursor.offset();
        match cursor.peek() {
            "=" => {
                once(cursor, offset, "=", step.expected.is_some())?;
                cursor.advance(1);
                step.expected = Some(expected(cursor)?);
            }
            word if word.starts_with('x') => {
                once(cursor, offset, word, step.repeat.is_some())?;
                step.repeat = Some(repeat(cursor)?);
            }
            other => return Err(cursor.error(offset, EXPECTED, other)),
        }
    }
    let end = cursor.offset();
    if step.framing.icmp.is_some() && step.expected.is_some() {
        return Err(cursor.fault(end, "a segment inside an ICMP error enters no flow and has no kind"));
    }
    segment.map_or(Ok(()), |segment| consistent(cursor, end, segment))
}

fn segment_word(cursor: &mut Cursor<'_>, segment: &mut SegmentSpec) -> Result<bool, ScriptError> {
    let offset = cursor.offset();
    match cursor.peek() {
        "ack" => {
            once(cursor, offset, "ack", segment.ack.is_some())?;
            cursor.advance(3);
            segment.ack = Some(cursor.take("an acknowledgment number: N or @N", position)?);
        }
        "win" => {
            once(cursor, offset, "win", segment.window.is_some())?;
            cursor.advance(3);
            segment.window = Some(cursor.take("a window, 0 to 65535", number)?);
        }
        "data" => {
            once(cursor, offset, "data", !segment.data.is_empty())?;
            cursor.advance(4);
            segment.data = payload(cursor)?;
        }
        word if word.starts_with('<') => {
            once(cursor, offset, "<", !segment.options.is_empty())?;
            segment.options = tcp_options(cursor)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn consistent(cursor: &Cursor<'_>, end: usize, segment: &SegmentSpec) -> Result<(), ScriptError> {
    if segment.flags.has(Flags::ACK) && segment.ack.is_none() {
        return Err(cursor.fault(end, "expected `ack N`, since the flags have `.`"));
    }
    if segment.data.len() > usize::from(segment.payload_len) {
        let (data, room) = (segment.data.len(), segment.payload_len);
        return Err(cursor.fault(end, format_args!("{data} bytes of data do not fit into {room} octets of payload")));
    }
    Ok(())
}

/// `KIND`, or `KIND: note` to the end of the line.
fn expected(cursor: &mut Cursor<'_>) -> Result<Expected, ScriptError> {
    let word = cursor.word("a kind")?;
    let (name, has_note) = word.text.strip_suffix(':').map_or((word.text, false), |name| (name, true));
    let kind = one_of(KINDS, name).ok_or_else(|| cursor.error(word.offset, &KINDS.join(", "), name))?;
    if !has_note {
        return Ok(Expected { kind, note: None });
    }
    let offset = cursor.offset();
    let note = cursor.rest();
    if note.is_empty() || note.contains('"') {
        return Err(cursor.error(offset, "the note's words, without quotes", note));
    }
    Ok(Expected { kind, note: Some(note.to_owned()) })
}

fn repeat(cursor: &mut Cursor<'_>) -> Result<Repeat, ScriptError> {
    let count = cursor.take("xN with N from 2 to 1000", |text| {
        number(text.strip_prefix('x')?).filter(|count| (2..=1000).contains(count))
    })?;
    cursor.require("every")?;
    Ok(Repeat { count, every: cursor.take("SECONDS", seconds)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLOW: &str = "flow 10.0.0.1:1 > 10.0.0.2:2\n";

    /// Line, column and message of the error that `line` makes after a declared flow.
    fn fault(line: &str) -> (usize, usize, String) {
        let error = Script::parse(&format!("{FLOW}{line}")).expect_err(line);
        (error.line, error.column, error.message)
    }

    #[test]
    fn faults_have_a_place_and_say_what_should_stand_there() {
        let at = |line: &str, column: usize, part: &str| {
            let (found_line, found_column, message) = fault(line);
            assert_eq!((found_line, found_column), (2, column), "{line}: {message}");
            assert!(message.contains(part), "{line}: {message}");
        };
        at("nonsense", 1, "found `nonsense`");
        at("+.01 > S 0:0(0) wind 5", 17, "found `wind`");
        at("+.01 > S 0:0(0) win 65536", 21, "a window, 0 to 65535");
        at("+.01 > S 0:1(0)", 10, "end at 0, not at 1");
        at("+.01 > SS 0:0(0)", 8, "each once");
        at("+.01 > . 0:0(0)", 16, "expected `ack N`");
        at("+.01 > S 0:0(0) <mss 1460,sackok>", 27, "found `sackok`");
        at("+.01 > S 0:0(0) <TS val 1 ecr 2,TS val 1 ecr 2,TS val 1 ecr 2,TS val 1 ecr 2,nop>", 17, "40 octets");
        at("+.01 > S 0:0(0) <nop", 17, "expected `>`");
        at("+.01 > S 0:1(1) data \"ab\"", 26, "2 bytes of data do not fit into 1");
        at("+.01 > S 0:1(1) data \"a", 22, "no end");
        at("+.01 > S 0:0(0) win 1 win 2", 23, "a second time");
        at("+.01 > S 0:0(0) = keepalive", 19, "keepalive-probe");
        at("+.01 > S 0:0(0) = syn:", 23, "the note's words");
        at("+.01 > S 0:0(0) x1 every 2", 17, "from 2");
        at("+.01 dup", 9, "only 0 segment lines");
        at("+.01 other > S 0:0(0)", 6, "the name of a declared flow");
        at("flow 10.0.0.1:3 > 10.0.0.2:2", 6, "several flows need a name");
        at("expect finding idle-rest", 16, "idle-reset");
        at("expect verdict open idle 60", 26, "such as 60s");
        at("expect no finding", 11, "`other`");
        at("end", 4, "the end of the line");
        at("1,5 > S 0:0(0)", 1, "a time");
    }

    /// A thousand frames a line: the hundred and first line asks for too many; of large ones the second asks for too much.
    #[test]
    fn a_script_that_asks_for_too_much_is_refused_at_the_line_that_does() {
        let fault_of = |line: &str, count: usize| {
            let error = Script::parse(&format!("{FLOW}{}", format!("{line}\n").repeat(count))).expect_err(line);
            (error.line, error.message)
        };
        let (line, message) = fault_of("+1 > S 0:0(0) x1000 every 1", 200);
        assert_eq!((line, message.contains("more than 100000 frames")), (102, true), "{message}");
        let (line, message) = fault_of("+1 > S 0:65000(65000) x1000 every 1", 9);
        assert_eq!((line, message.contains("more than 64 MiB")), (3, true), "{message}");
        // 65,100 octets in parts of 8 are 8,138 frames.
        let (line, message) = fault_of("+1 > S 0:65000(65000) frag 8", 20);
        assert_eq!((line, message.contains("more than 100000 frames")), (14, true), "{message}");
        let copies = format!("{FLOW}0 > S 0:65000(65000)\n+1 dup x1000 every 1\n+1 dup x1000 every 1");
        assert_eq!(Script::parse(&copies).expect_err("130 MB").line, 4);
        let (_, _, message) = fault("+1 > S 0:0(0) x4000000000 every 1");
        assert!(message.contains("from 2 to 1000"), "{message}");
    }

    #[test]
    fn a_segment_needs_a_flow() {
        let error = Script::parse("0 > S 0:0(0)").expect_err("no flow");
        assert_eq!((error.line, error.column), (1, 3));
    }

    #[test]
    fn the_defaults_need_no_words() {
        let script = Script::parse("flow 10.0.0.1:1 > 10.0.0.2:2\nexpect no other finding # the default\n");
        let flow = FlowSpec::new("10.0.0.1:1".parse().expect("an end"), "10.0.0.2:2".parse().expect("an end"));
        assert_eq!(script, Ok(Script { flows: vec![flow], ..Script::default() }));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(flow 10.0.0.1:1 > 10.0.0.2:2\n)?[-+.0-9a-z<>:()\" #=@\n]{0,80}") {
            let _: Result<Script, ScriptError> = Script::parse(&text);
        }
    }
}
