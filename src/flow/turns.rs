//! Heads of turns: the first octets that an end sends after the direction of payload changed, put in order and named.
//!
//! This is the only place where payload is kept, and it never feeds back into the flow: without a single payload byte the
//! names are missing from the report, and nothing else. What is kept is bounded per flow and in total, whatever is sent.
//! The two facts that verdicts rest on, a status code and that a PROXY header named a client, are handed out as they are
//! [`Told`], so that whoever cuts payload off can leave them behind, and taken back with [`Heads::believe`].

mod budget;
mod buffer;
mod connection;
mod names;
mod piece;

use std::net::SocketAddr;

use crate::capture::{RealClient, Told};
use crate::flow::heads::http2::GoAway;
use crate::flow::heads::proxy::{self, Proxy};
use crate::flow::heads::{self, Decoded, Found, Hello};
use crate::flow::{Direction, FrameId, Mark};
use crate::seq::Seq;

pub use budget::{Budget, TOTAL_BYTES};
use buffer::HeadBuffer;
use connection::Connection;
pub use names::NAME_OCTETS;
use names::{Name, push, without_query};
pub use piece::{HEAD_OCTETS, Piece};

/// What the heads of a flow's turns said, and the one that is being read.
#[derive(Debug, Default)]
pub struct Heads {
    open: Option<Open>,
    names: [Name; 2],
    hello: Option<Box<Hello>>,
    real_client: Option<RealClient>,
    initiator_spoke: bool,
    /// Encrypted or binary from here on.
    opaque: bool,
    /// Behind a `ClientHello`.
    encrypted: bool,
    http2: Option<Box<Connection>>,
    /// PINGs before a GOAWAY that complained of them, and its frame, where their octets are not here.
    believed_pings: Option<(u32, FrameId)>,
}

/// A copy has the names only: what is being read belongs to one flow, and is paid for once.
impl Clone for Heads {
    fn clone(&self) -> Self {
        let (names, hello, http2) = (self.names.clone(), self.hello.clone(), self.http2.clone());
        Self { open: None, names, hello, http2, ..*self }
    }
}

impl Heads {
    /// Of a flow whose initiator has sent payload already, or not.
    pub(super) fn behind(initiator_spoke: bool) -> Self {
        Self { initiator_spoke, ..Self::default() }
    }

    /// Whether a flow of which nothing was named has nothing to keep behind `piece` either, as one look tells.
    pub(super) fn is_nameless(piece: &Piece<'_>, initiator_spoke: bool) -> bool {
        let Some(start) = piece.begins else { return true };
        let may_be_proxied = piece.direction == Direction::FromInitiator && !initiator_spoke;
        let is_unknown = |octets| matches!(heads::decode(piece.direction, octets), Decoded::No);
        !may_be_proxied && piece.within(start).is_some_and(|(offset, octets)| offset == 0 && is_unknown(octets))
    }

    /// Whether there is nothing to keep: nothing was named, and nothing is being read.
    pub(super) fn is_blank(&self) -> bool {
        let is_unnamed = self.names.iter().all(Name::is_empty)
            && self.hello.is_none()
            && self.real_client.is_none()
            && self.believed_pings.is_none();
        is_unnamed && self.open.is_none() && self.http2.is_none() && !self.opaque && !self.encrypted
    }

    /// Reads a little of the memory that payload is held against.
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.initiator_spoke) ^ u64::from(self.http2.is_some())
    }

    /// Whether payload in `direction` changes nothing unless a turn begins with it.
    pub(super) fn is_idle(&self, direction: Direction) -> bool {
        let is_known = self.initiator_spoke || direction == Direction::FromResponder;
        is_known && self.open.is_none() && self.http2.is_none()
    }

    /// Takes payload in; what is `believed` stands in the place of octets that are not here.
    pub(super) fn hear(&mut self, piece: &Piece<'_>, believed: Option<&Told>, budget: &mut Budget) -> Told {
        let told = self.observe(piece, budget);
        let Some(believed) = believed else { return told };
        self.believe(piece.direction, believed, piece.mark.frame);
        Told { octet: None, ..*believed }
    }

    /// Takes payload in, in whatever order it comes, and returns what it told. Payload outside the head of the turn in hand
    /// changes nothing.
    pub fn observe(&mut self, piece: &Piece<'_>, budget: &mut Budget) -> Told {
        if let Some(start) = piece.begins
            && piece.end().after(start)
        {
            self.begin(piece.direction, start, budget);
        }
        self.initiator_spoke |= piece.direction == Direction::FromInitiator;
        let before = self.told();
        self.take(piece, budget);
        let now = self.told();
        Told {
            octet: None,
            status: now.status.filter(|_| now.status != before.status),
            client: now.client.filter(|_| before.client.is_none()),
            too_many_pings: now.too_many_pings.filter(|_| before.too_many_pings.is_none()),
        }
    }

    /// Takes over what payload that is not here any more told of the turn in `direction`; `frame` held it.
    pub fn believe(&mut self, direction: Direction, told: &Told, frame: FrameId) {
        match direction {
            Direction::FromInitiator => self.real_client = self.real_client.or(told.client),
            Direction::FromResponder => {
                let name = self.name_mut(direction);
                name.status = told.status.or(name.status);
                self.believed_pings = told.too_many_pings.map(|pings| (pings, frame)).or(self.believed_pings);
            }
        }
    }

    /// What verdicts rest on, as it stands.
    fn told(&self) -> Told {
        let status = self.status(Direction::FromResponder).filter(|status| Told::is_telling(*status));
        let too_many_pings = self.too_many_pings().map(|(pings, _)| pings);
        Told { octet: None, status, client: self.real_client, too_many_pings }
    }

    /// Reads on in the turn that `piece` belongs to.
    fn take(&mut self, piece: &Piece<'_>, budget: &mut Budget) {
        if let Some(connection) = &mut self.http2 {
            return connection.observe(piece, budget);
        }
        let Some(mut open) = self.open.take_if(|open| open.direction == piece.direction) else { return };
        match self.read(&mut open, piece, budget) {
            Reading::Goes => self.open = Some(open),
            Reading::Over => budget.give_back(open.buffer),
            Reading::Frames { behind } => self.follow_frames(open, behind, piece, budget),
        }
    }

    /// Ends the reading of the turn in hand: the flow has ended, or its table entry goes. What was named stays.
    pub fn release(&mut self, budget: &mut Budget) {
        if let Some(connection) = &mut self.http2 {
            connection.release(budget);
        }
        if let Some(open) = self.open.take() {
            budget.give_back(open.buffer);
        }
    }

    /// What the latest turn in `direction` asked, such as `GET /report/annual`; of HTTP/2 the client's latest request that has
    /// no answer yet. Untrusted text of at most [`NAME_OCTETS`] and a mark of omission.
    #[must_use]
    pub fn request(&self, direction: Direction) -> Option<&str> {
        Some(self.name(direction).request.as_str()).filter(|request| !request.is_empty())
    }

    /// The Host field (`:authority` of HTTP/2) of the request that [`request`](Self::request) names. Untrusted text.
    #[must_use]
    pub fn host(&self, direction: Direction) -> Option<&str> {
        Some(self.name(direction).host.as_str()).filter(|host| !host.is_empty())
    }

    /// The status code of the HTTP response that the latest turn in `direction` opened with, 100 to 599.
    #[must_use]
    pub fn status(&self, direction: Direction) -> Option<u16> {
        self.name(direction).status
    }

    /// The client that a PROXY protocol header in front of the first request names.
    #[must_use]
    pub const fn real_client(&self) -> Option<SocketAddr> {
        match self.real_client {
            Some(RealClient::Address(address)) => Some(address),
            Some(RealClient::Withheld) | None => None,
        }
    }

    /// Whether a PROXY protocol header in front of the first request names a client.
    #[must_use]
    pub const fn is_proxied(&self) -> bool {
        self.real_client.is_some()
    }

    /// The `ClientHello`, if the flow is TLS from its beginning or from some turn on.
    #[must_use]
    pub fn tls(&self) -> Option<&Hello> {
        self.hello.as_deref()
    }

    /// Since when the client's latest request of HTTP/2 has no answer: `Some(None)` if every request has one, `None` if that
    /// cannot be read, or the flow is not HTTP/2. PINGs, settings and window updates ask for nothing that anybody waits for.
    #[must_use]
    pub fn asked_since(&self) -> Option<Option<Mark>> {
        self.http2.as_ref()?.asked_since()
    }

    /// Whether the flow carries HTTP/2 that can be read.
    #[must_use]
    pub const fn is_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// PINGs of HTTP/2 that the client sent, answers to the server's not counted.
    #[must_use]
    pub fn pings(&self) -> u32 {
        self.http2.as_ref().map_or(0, |connection| connection.pings())
    }

    /// Why the server ended the connection of HTTP/2, and the frame of the capture that says so.
    #[must_use]
    pub fn goaway(&self) -> Option<(GoAway, FrameId)> {
        self.http2.as_ref()?.goaway()
    }

    /// The PINGs because of which the server ended the connection of HTTP/2, and the frame of the capture that says so.
    #[must_use]
    pub fn too_many_pings(&self) -> Option<(u32, FrameId)> {
        let complaint = self.goaway().filter(|(goaway, _)| goaway.too_many_pings);
        complaint.map(|(_, frame)| (self.pings(), frame)).or(self.believed_pings)
    }

    /// A new turn: the other end has answered, so that a hole in the turn before it stays a hole.
    fn begin(&mut self, direction: Direction, start: Seq, budget: &mut Budget) {
        self.name_mut(direction).clear();
        if let Some(connection) = &mut self.http2 {
            return connection.begin(direction, start, budget);
        }
        self.release(budget);
        self.encrypted = self.hello.is_some();
        let first = direction == Direction::FromInitiator && !self.initiator_spoke;
        if !self.opaque {
            self.open = Some(Open { direction, start, first, buffer: None });
        }
    }

    /// Reads on in the head of the turn.
    fn read(&mut self, open: &mut Open, piece: &Piece<'_>, budget: &mut Budget) -> Reading {
        let Some((offset, octets)) = piece.within(open.start) else { return Reading::Goes };
        if offset == 0 && open.buffer.is_none() {
            // Nearly every head is named by the first segment, and nothing has to be kept.
            match self.decide(open, octets) {
                Reading::Goes if piece.is_cut() || octets.len() == HEAD_OCTETS => return Reading::Over,
                Reading::Goes => {}
                decided => return decided,
            }
        }
        let Some(mut buffer) = open.buffer.take().or_else(|| budget.buffer()) else { return Reading::Over };
        let grown = buffer.insert(offset, octets);
        let head = buffer.in_order();
        let is_full = head.len() == HEAD_OCTETS;
        let reading = if grown { self.decide(open, head) } else { Reading::Goes };
        open.buffer = Some(buffer);
        if is_full && matches!(reading, Reading::Goes) { Reading::Over } else { reading }
    }

    /// Takes down what the octets so far say; whether that is final.
    fn decide(&mut self, open: &Open, octets: &[u8]) -> Reading {
        let (mut request, mut in_front) = (octets, 0);
        if open.first {
            match proxy::header(octets) {
                Proxy::No => {}
                Proxy::NeedMore => return Reading::Goes,
                Proxy::Header { client, len } => {
                    self.real_client = client.map(RealClient::Address);
                    request = octets.get(len..).unwrap_or_default();
                    in_front = len;
                }
            }
        }
        let decode = if self.encrypted { heads::decode_tls } else { heads::decode };
        match decode(open.direction, request) {
            Decoded::NeedMore => Reading::Goes,
            Decoded::No => {
                self.name_mut(open.direction).clear();
                Reading::Over
            }
            Decoded::Partial(found) => {
                self.take_down(open.direction, found);
                Reading::Goes
            }
            Decoded::Whole(Found::Frames { behind }) => Reading::Frames { behind: in_front.saturating_add(behind) },
            Decoded::Whole(found) => {
                self.opaque = matches!(found, Found::Message { opaque: true, .. });
                self.take_down(open.direction, found);
                Reading::Over
            }
        }
    }

    /// From here on the flow is read frame by frame, the first of which lies `behind` octets in the head in hand.
    fn follow_frames(&mut self, mut open: Open, behind: usize, piece: &Piece<'_>, budget: &mut Budget) {
        if let Some(buffer) = &mut open.buffer {
            buffer.advance(behind);
            if buffer.is_empty() {
                budget.give_back(open.buffer.take());
            }
        }
        let mut connection = Connection::new(behind > 0);
        let start = open.start.plus(u32::try_from(behind).unwrap_or_default());
        connection.adopt(open.direction, start, open.buffer);
        connection.observe(piece, budget);
        self.http2 = Some(Box::new(connection));
    }

    fn take_down(&mut self, direction: Direction, found: Found<'_>) {
        let name = self.name_mut(direction);
        name.clear();
        match found {
            Found::Request { method, target, host } => {
                push(&mut name.request, method);
                name.request.push(' ');
                push(&mut name.request, without_query(target));
                push(&mut name.host, host.unwrap_or_default());
            }
            Found::Status(code) => name.status = Some(code),
            Found::Message { name: kind, word, .. } => {
                let space = if kind.is_empty() || word.is_empty() { "" } else { " " };
                name.request.push_str(kind);
                name.request.push_str(space);
                push(&mut name.request, word);
            }
            Found::Hello(hello) => {
                name.request.push_str("TLS ClientHello");
                self.hello = Some(Box::new(hello));
            }
            Found::Agreed(protocol) => {
                if let Some(hello) = &mut self.hello {
                    hello.agreed = protocol;
                }
            }
            Found::Frames { .. } => {}
        }
    }

    fn name(&self, direction: Direction) -> &Name {
        let [initiator, responder] = &self.names;
        match direction {
            Direction::FromInitiator => self.http2.as_ref().map_or(initiator, |connection| connection.asked()),
            Direction::FromResponder => responder,
        }
    }

    const fn name_mut(&mut self, direction: Direction) -> &mut Name {
        let [initiator, responder] = &mut self.names;
        match direction {
            Direction::FromInitiator => initiator,
            Direction::FromResponder => responder,
        }
    }
}

/// What becomes of the head in hand.
enum Reading {
    /// Further octets may tell more.
    Goes,
    /// Nothing is left to wait for.
    Over,
    /// It holds frames of HTTP/2 from so many octets on.
    Frames { behind: usize },
}

/// The turn that is being read.
#[derive(Debug)]
struct Open {
    direction: Direction,
    start: Seq,
    /// Whether these are the first octets that the initiator sent.
    first: bool,
    buffer: Option<Box<HeadBuffer>>,
}

#[cfg(test)]
mod tests;
