//! HTTP/2 in clear text: which requests have no answer yet, and why the server ended the connection.
//!
//! Requests and answers overlap, and settings, PINGs and window updates stand between them, so that the latest turn says
//! little. Each direction is followed from frame to frame instead. What is kept is the place where the next frame begins,
//! and the octets of a frame only while it is not whole and says something.

use crate::flow::heads::http2::hpack::{self, End, Fields, Table};
use crate::flow::heads::http2::{self, Frame, GoAway, Step};
use crate::flow::{Direction, FrameId, Mark};
use crate::seq::Seq;

use super::budget::Budget;
use super::buffer::HeadBuffer;
use super::names::{Name, push, without_query};
use super::piece::{HEAD_OCTETS, Piece};

/// Requests without an answer that are kept: the latest.
const UNANSWERED: usize = 8;

/// A connection of HTTP/2.
#[derive(Debug)]
pub(super) struct Connection {
    cursors: [Cursor; 2],
    table: Table,
    /// The highest stream that the client opened.
    highest: u32,
    /// The stream whose header block is being read.
    reading: Option<u32>,
    unanswered: Vec<Request>,
    /// What the client's latest turn is, if nothing waits for an answer.
    control: Name,
    pings: u32,
    goaway: Option<(GoAway, FrameId)>,
}

/// A copy says what the original said, and reads nothing.
impl Clone for Connection {
    fn clone(&self) -> Self {
        Self {
            cursors: Default::default(),
            table: Table::default(),
            reading: None,
            unanswered: self.unanswered.clone(),
            control: self.control.clone(),
            ..*self
        }
    }
}

/// A request without an answer.
#[derive(Clone, Debug)]
struct Request {
    stream: u32,
    name: Name,
    /// The segment that brought it.
    since: Mark,
}

/// Where the next frame of a direction begins.
#[derive(Debug, Default)]
struct Cursor {
    at: Option<Seq>,
    /// Whether it is known that a frame begins there, and not only likely.
    sure: bool,
    started: bool,
    /// The number behind the last octet that was seen.
    heard: Option<Seq>,
    buffer: Option<Box<HeadBuffer>>,
}

impl Connection {
    /// A connection whose preface was read (`whole`), or one under way.
    pub(super) fn new(whole: bool) -> Self {
        let table = if whole { Table::empty() } else { Table::default() };
        let mut connection = Self {
            cursors: Default::default(),
            table,
            highest: 0,
            reading: None,
            unanswered: Vec::new(),
            control: Name::default(),
            pings: 0,
            goaway: None,
        };
        connection.speak_of("HTTP/2 (clear text)");
        connection
    }

    /// Goes on in `direction` at `start`, with what is in order there already.
    pub(super) fn adopt(&mut self, direction: Direction, start: Seq, buffer: Option<Box<HeadBuffer>>) {
        let cursor = Cursor { at: Some(start), sure: true, started: true, heard: None, buffer };
        *self.cursor_mut(direction) = cursor;
    }

    /// A turn in `direction` begins at `start`.
    pub(super) fn begin(&mut self, direction: Direction, start: Seq, budget: &mut Budget) {
        let gap = !self.cursor_mut(direction).begin(start, budget);
        match direction {
            Direction::FromResponder if gap => self.unanswered.clear(),
            Direction::FromInitiator => {
                if gap {
                    self.table.lose();
                }
                // What the server said and nobody saw may have been the answers.
                if self.cursor_mut(Direction::FromResponder).is_behind() {
                    self.unanswered.clear();
                }
                self.speak_of("HTTP/2 (clear text)");
            }
            Direction::FromResponder => {}
        }
    }

    /// Takes payload in, in whatever order it comes.
    pub(super) fn observe(&mut self, piece: &Piece<'_>, budget: &mut Budget) {
        let mut cursor = std::mem::take(self.cursor_mut(piece.direction));
        cursor.hear(piece.end());
        self.drain(piece, &mut cursor, budget);
        while self.advance(piece, &mut cursor, budget) {}
        cursor.leave_behind(piece, budget);
        *self.cursor_mut(piece.direction) = cursor;
    }

    /// Gives back what is kept of unfinished frames.
    pub(super) fn release(&mut self, budget: &mut Budget) {
        for cursor in &mut self.cursors {
            budget.give_back(cursor.buffer.take());
        }
    }

    /// The latest request that has no answer, or what the client's latest turn is else.
    pub(super) fn asked(&self) -> &Name {
        self.unanswered.last().map_or(&self.control, |request| &request.name)
    }

    /// Since when the latest request waits for its answer: `Some(None)` if none does, `None` if the frames of an end are not
    /// all known.
    pub(super) fn asked_since(&self) -> Option<Option<Mark>> {
        let known = self.cursors.iter().all(|cursor| !cursor.is_behind());
        known.then(|| self.unanswered.last().map(|request| request.since))
    }

    /// The client's PINGs.
    pub(super) const fn pings(&self) -> u32 {
        self.pings
    }

    /// The server's latest GOAWAY, and its frame in the capture.
    pub(super) const fn goaway(&self) -> Option<(GoAway, FrameId)> {
        self.goaway
    }

    #[cfg(test)]
    pub(super) fn buffers(&self) -> usize {
        self.cursors.iter().filter(|cursor| cursor.buffer.is_some()).count()
    }

    /// Reads what of `piece` lies at the cursor; whether it moved.
    fn advance(&mut self, piece: &Piece<'_>, cursor: &mut Cursor, budget: &mut Budget) -> bool {
        let Some(at) = cursor.at else { return false };
        let Some((offset, octets)) = piece.within(at) else { return false };
        if offset == 0 && cursor.buffer.is_none() {
            match self.take(piece, cursor.sure, octets) {
                Took::Octets(count) => return cursor.step(count),
                Took::Nothing if piece.is_cut() => return cursor.lose(budget),
                Took::Nothing => {}
                Took::Lost => return cursor.lose(budget),
            }
        }
        let Some(mut buffer) = cursor.buffer.take().or_else(|| budget.buffer()) else { return cursor.lose(budget) };
        let grown = buffer.insert(offset, octets);
        cursor.buffer = Some(buffer);
        grown && self.drain(piece, cursor, budget)
    }

    /// Reads what is in order in the buffer; whether the cursor moved.
    fn drain(&mut self, piece: &Piece<'_>, cursor: &mut Cursor, budget: &mut Budget) -> bool {
        let mut moved = false;
        while let Some(buffer) = &mut cursor.buffer {
            match self.take(piece, cursor.sure, buffer.in_order()) {
                Took::Nothing => break,
                Took::Lost => return cursor.lose(budget),
                Took::Octets(count) => {
                    buffer.advance(count);
                    if buffer.is_empty() {
                        budget.give_back(cursor.buffer.take());
                    }
                    moved = cursor.step(count);
                }
            }
        }
        moved
    }

    /// Takes down what the frame at the beginning of `octets` says.
    fn take(&mut self, piece: &Piece<'_>, sure: bool, octets: &[u8]) -> Took {
        let (frame, len, whole) = match http2::step(octets, piece.direction, sure) {
            Step::NeedMore => return Took::Nothing,
            Step::Lost => return Took::Lost,
            Step::Frame(frame, len) => (frame, len, true),
            Step::Unfinished(frame, len) => (frame, len, octets.len() >= HEAD_OCTETS),
        };
        let believed = match piece.direction {
            Direction::FromInitiator => self.asks(frame, whole, sure, piece.mark),
            Direction::FromResponder => {
                self.answers(frame, piece.mark.frame);
                true
            }
        };
        match (believed, whole) {
            (false, _) => Took::Lost,
            (true, true) => Took::Octets(len),
            (true, false) => Took::Nothing,
        }
    }

    /// A frame of the client; whether it makes sense.
    fn asks(&mut self, frame: Frame<'_>, is_final: bool, sure: bool, seen_at: Mark) -> bool {
        match frame {
            Frame::Headers { stream, block, whole, .. } => {
                return self.request(stream, (block, whole), is_final, sure, seen_at);
            }
            Frame::Reset(stream) => self.unanswered.retain(|request| request.stream != stream),
            Frame::Ping { ack: false } => {
                self.pings = self.pings.saturating_add(1);
                self.speak_of("HTTP/2 PING");
            }
            _ => {}
        }
        true
    }

    fn answers(&mut self, frame: Frame<'_>, seen_in: FrameId) {
        match frame {
            Frame::Headers { stream, ends_stream: true, .. } | Frame::StreamEnds(stream) | Frame::Reset(stream) => {
                self.unanswered.retain(|request| request.stream != stream);
            }
            Frame::GoAway(goaway) => self.goaway = Some((goaway, seen_in)),
            _ => {}
        }
    }

    /// Reads a header block, or its beginning, of which `is_final` says that no more is waited for.
    fn request(
        &mut self,
        stream: u32,
        (block, whole): (&[u8], bool),
        is_final: bool,
        sure: bool,
        seen_at: Mark,
    ) -> bool {
        let mut fields = Fields::default();
        let end = if whole {
            hpack::read(block, &mut self.table, &mut fields)
        } else {
            hpack::read(block, &mut self.table.clone(), &mut fields)
        };
        if !sure && (end == End::Broken || is_final && fields.method.is_none()) {
            return false;
        }
        if whole && end != End::Whole || is_final && !whole {
            self.table.lose();
        }
        let again = self.reading == Some(stream);
        self.reading = (!is_final).then_some(stream);
        let name = name(&fields, stream, is_final);
        let mut since = seen_at;
        if again {
            let begun = self.unanswered.iter().position(|request| request.stream == stream);
            since = begun.map_or(since, |place| self.unanswered.remove(place).since);
        } else if stream <= self.highest {
            // Trailers.
            return true;
        }
        self.highest = stream;
        if sure || is_final {
            self.unanswered.push(Request { stream, name, since });
        }
        if self.unanswered.len() > UNANSWERED {
            self.unanswered.remove(0);
        }
        true
    }

    fn speak_of(&mut self, name: &str) {
        self.control.clear();
        self.control.request.push_str(name);
    }

    const fn cursor_mut(&mut self, direction: Direction) -> &mut Cursor {
        let [initiator, responder] = &mut self.cursors;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }
}

enum Took {
    Nothing,
    Octets(usize),
    Lost,
}

impl Cursor {
    /// Whether nothing was missed when a turn begins at `start`: the cursor is there, or passes over what is said next, or
    /// has everything before it.
    fn begin(&mut self, start: Seq, budget: &mut Budget) -> bool {
        let first = !std::mem::replace(&mut self.started, true);
        if let Some(reach) = self.reach()
            && !reach.before(start)
        {
            return true;
        }
        self.lose(budget);
        self.at = Some(start);
        first
    }

    /// How far the octets are known without a hole.
    fn reach(&self) -> Option<Seq> {
        let kept = self.buffer.as_ref().map_or(0, |buffer| buffer.in_order().len());
        self.at.map(|at| at.plus(u32::try_from(kept).unwrap_or_default()))
    }

    /// Whether something was said that could not be read.
    fn is_behind(&self) -> bool {
        match (self.reach(), self.heard) {
            (Some(reach), Some(heard)) => heard.after(reach),
            (None, _) => self.started,
            (Some(_), None) => false,
        }
    }

    fn hear(&mut self, end: Seq) {
        self.heard = Some(self.heard.filter(|heard| heard.after(end)).unwrap_or(end));
    }

    /// Passes over a frame.
    fn step(&mut self, count: usize) -> bool {
        self.at = self.at.map(|at| at.plus(u32::try_from(count).unwrap_or_default()));
        self.sure = true;
        true
    }

    /// Nobody knows where the next frame begins, until the next turn.
    fn lose(&mut self, budget: &mut Budget) -> bool {
        budget.give_back(self.buffer.take());
        (self.at, self.sure) = (None, false);
        false
    }

    /// What was not captured of `piece` will not come.
    fn leave_behind(&mut self, piece: &Piece<'_>, budget: &mut Budget) {
        if piece.is_cut() && self.at.is_some_and(|at| !at.before(piece.seq) && at.before(piece.end())) {
            self.lose(budget);
        }
    }
}

/// Names a request by its fields; where they refer to what was not seen, by its stream.
fn name(fields: &Fields, stream: u32, is_final: bool) -> Name {
    let mut name = Name::default();
    let path = fields.path.as_deref().filter(|path| is_visible(path) && matches!(path, [b'/' | b'*', ..]));
    let authority = fields.authority.as_deref().filter(|authority| is_visible(authority));
    let method = fields.method.as_deref().filter(|method| method.iter().all(u8::is_ascii_uppercase));
    let connects = method == Some(b"CONNECT");
    let target = path.or(authority.filter(|_| connects && is_final && fields.path.is_none()));
    if let (Some(method), Some(target)) = (method.filter(|method| !method.is_empty()), target) {
        let is_grpc = fields.content_type.as_ref().is_some_and(|kind| kind.starts_with(b"application/grpc"));
        push(&mut name.request, if is_grpc { b"gRPC" } else { method });
        name.request.push(' ');
        push(&mut name.request, without_query(target));
    } else {
        name.request = format!("HTTP/2 request on stream {stream}");
    }
    push(&mut name.host, authority.filter(|_| !connects).unwrap_or_default());
    name
}

fn is_visible(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| octet > b' ' && octet != 0x7f)
}
