//! Heads of turns: the first octets that an end sends after the direction of payload changed, put in order and named.
//!
//! This is the only place where payload is kept, and it never feeds back into the flow: without a single payload byte the
//! names are missing from the report, and nothing else. What is kept is bounded per flow and in total, whatever is sent.

use std::net::SocketAddr;

use crate::flow::Direction;
use crate::flow::heads::proxy::{self, Proxy};
use crate::flow::heads::{self, Decoded, Found, Hello};
use crate::seq::Seq;
use crate::wire::{Flags, Segment};

/// Octets of a turn that are looked at, and with that the most that a flow keeps: one turn at a time is read. Long enough
/// for a `ClientHello` with a post-quantum key share (about 1.8 KB) and for the Host field of nearly every request.
pub const HEAD_OCTETS: usize = 2048;

/// The memory that all unfinished heads may take together, in bytes (64 MiB): some 29,000 heads. Most heads need none of it,
/// since one segment holds them.
pub const TOTAL_BYTES: usize = 64 << 20;

/// The longest name of a request or host that is kept, in octets. Names are part of what a flow takes for good: at most two
/// requests, two hosts and a `ClientHello`, not counted in the budget.
pub const NAME_OCTETS: usize = 200;

/// The memory that unfinished heads may take, over all flows. When it is used up, new heads are refused; none is given up
/// for another, which would let traffic that an attacker controls push the others out.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: usize,
    refused: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(TOTAL_BYTES)
    }
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: 0 }
    }

    /// Bytes in use.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Heads that were refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn buffer(&mut self) -> Option<Box<HeadBuffer>> {
        let used = self.used.saturating_add(size_of::<HeadBuffer>());
        if used > self.limit {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        self.used = used;
        Some(Box::default())
    }

    fn give_back(&mut self, buffer: Option<Box<HeadBuffer>>) {
        if buffer.is_some() {
            self.used = self.used.saturating_sub(size_of::<HeadBuffer>());
        }
    }
}

/// Payload of one segment.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// Where the turn starts that begins with this segment: the next number expected before it (SND.NXT), since the segment
    /// itself may lie behind a hole, or repeat what came before. `None` within a turn, and where nobody knows what came
    /// before (the first payload of a flow whose handshake was not captured).
    pub begins: Option<Seq>,
    /// Number of the first octet.
    pub seq: Seq,
    /// What was captured of it.
    pub payload: &'a [u8],
    /// Octets on the wire.
    pub payload_len: u32,
}

impl<'a> Piece<'a> {
    /// The payload of `segment`; a SYN takes the number in front of it.
    #[must_use]
    pub fn new(direction: Direction, segment: &Segment<'a>, begins: Option<Seq>) -> Self {
        let syn = u32::from(segment.flags.has(Flags::SYN));
        let (payload, payload_len) = (segment.payload, segment.payload_len);
        Self { direction, begins, seq: segment.seq.plus(syn), payload, payload_len }
    }
}

/// What the heads of a flow's turns said, and the one that is being read.
#[derive(Debug, Default)]
pub struct Heads {
    open: Option<Open>,
    names: [Name; 2],
    hello: Option<Box<Hello>>,
    real_client: Option<SocketAddr>,
    initiator_spoke: bool,
    /// Encrypted or binary from here on.
    opaque: bool,
}

/// A copy has the names only: what is being read belongs to one flow, and is paid for once.
impl Clone for Heads {
    fn clone(&self) -> Self {
        let (names, hello) = (self.names.clone(), self.hello.clone());
        Self { open: None, names, hello, real_client: self.real_client, ..*self }
    }
}

impl Heads {
    /// Takes payload in, in whatever order it comes. Payload outside the head of the turn in hand changes nothing.
    pub fn observe(&mut self, piece: &Piece<'_>, budget: &mut Budget) {
        if let Some(start) = piece.begins
            && piece.seq.plus(piece.payload_len).after(start)
        {
            self.begin(piece.direction, start, budget);
        }
        self.initiator_spoke |= piece.direction == Direction::FromInitiator;
        let Some(mut open) = self.open.take_if(|open| open.direction == piece.direction) else { return };
        if self.read(&mut open, piece, budget) {
            self.open = Some(open);
        } else {
            budget.give_back(open.buffer);
        }
    }

    /// Ends the reading of the turn in hand: the flow has ended, or its table entry goes. What was named stays.
    pub fn release(&mut self, budget: &mut Budget) {
        if let Some(open) = self.open.take() {
            budget.give_back(open.buffer);
        }
    }

    /// What the latest turn in `direction` asked, such as `GET /report/annual`. Untrusted text of at most [`NAME_OCTETS`] and
    /// a mark of omission.
    #[must_use]
    pub fn request(&self, direction: Direction) -> Option<&str> {
        Some(self.name(direction).request.as_str()).filter(|request| !request.is_empty())
    }

    /// The Host field of the HTTP request that [`request`](Self::request) names. Untrusted text.
    #[must_use]
    pub fn host(&self, direction: Direction) -> Option<&str> {
        Some(self.name(direction).host.as_str()).filter(|host| !host.is_empty())
    }

    /// The status code of the HTTP response that the latest turn in `direction` opened with, 100 to 599.
    #[must_use]
    pub const fn status(&self, direction: Direction) -> Option<u16> {
        self.name(direction).status
    }

    /// The client that a PROXY protocol header in front of the first request names.
    #[must_use]
    pub const fn real_client(&self) -> Option<SocketAddr> {
        self.real_client
    }

    /// The `ClientHello`, if the flow is TLS from its beginning or from some turn on.
    #[must_use]
    pub fn tls(&self) -> Option<&Hello> {
        self.hello.as_deref()
    }

    /// A new turn: the other end has answered, so that a hole in the turn before it stays a hole.
    fn begin(&mut self, direction: Direction, start: Seq, budget: &mut Budget) {
        self.release(budget);
        self.name_mut(direction).clear();
        let first = direction == Direction::FromInitiator && !self.initiator_spoke;
        if !self.opaque {
            self.open = Some(Open { direction, start, first, buffer: None });
        }
    }

    /// Reads on; whether there is anything left to wait for.
    fn read(&mut self, open: &mut Open, piece: &Piece<'_>, budget: &mut Budget) -> bool {
        let Some((offset, octets)) = open.within(piece) else { return true };
        if offset == 0 && open.buffer.is_none() {
            // Nearly every head is named by the first segment, and nothing has to be kept.
            let is_cut = piece.payload.len() < piece.payload_len as usize;
            if self.decide(open, octets) || is_cut || octets.len() == HEAD_OCTETS {
                return false;
            }
        }
        let Some(mut buffer) = open.buffer.take().or_else(|| budget.buffer()) else { return false };
        let grown = buffer.insert(offset, octets);
        let head = buffer.in_order();
        let undecided = !grown || (!self.decide(open, head) && head.len() < HEAD_OCTETS);
        open.buffer = Some(buffer);
        undecided
    }

    /// Takes down what the octets so far say; whether that is final.
    fn decide(&mut self, open: &Open, octets: &[u8]) -> bool {
        let mut request = octets;
        if open.first {
            match proxy::header(octets) {
                Proxy::No => {}
                Proxy::NeedMore => return false,
                Proxy::Header { client, len } => {
                    self.real_client = client;
                    request = octets.get(len..).unwrap_or_default();
                }
            }
        }
        match heads::decode(open.direction, request) {
            Decoded::NeedMore => false,
            Decoded::No => {
                self.name_mut(open.direction).clear();
                true
            }
            Decoded::Partial(found) => {
                self.take_down(open.direction, found);
                false
            }
            Decoded::Whole(found) => {
                self.opaque = matches!(found, Found::Hello(_) | Found::Message { opaque: true, .. });
                self.take_down(open.direction, found);
                true
            }
        }
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
        }
    }

    const fn name(&self, direction: Direction) -> &Name {
        let [initiator, responder] = &self.names;
        match direction {
            Direction::FromInitiator => initiator,
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

/// What the latest turn of one direction was found to be. The strings keep their memory from turn to turn.
#[derive(Clone, Debug, Default)]
struct Name {
    request: String,
    host: String,
    status: Option<u16>,
}

impl Name {
    fn clear(&mut self) {
        self.request.clear();
        self.host.clear();
        self.status = None;
    }
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

impl Open {
    /// The octets of `piece` that lie in the head, and where.
    fn within<'a>(&self, piece: &Piece<'a>) -> Option<(usize, &'a [u8])> {
        let distance = piece.seq.since(self.start);
        // What lies before the start repeats the turn before.
        let before = usize::try_from(distance.min(0).unsigned_abs()).ok()?;
        let offset = usize::try_from(distance.max(0)).ok()?;
        let octets = piece.payload.get(before..)?;
        let room = HEAD_OCTETS.checked_sub(offset)?;
        let octets = octets.get(..room).unwrap_or(octets);
        (!octets.is_empty()).then_some((offset, octets))
    }
}

/// The first octets of a turn, each as it was first seen.
///
/// Receivers agree that what has been put in order is delivered and cannot change; they differ only in which copy of an
/// octet they keep behind a hole (Linux lets a later segment replace one that lies within it, BSD mostly does not). Honest
/// senders repeat the same octets. So the first copy wins here: right wherever receivers agree, and independent of whose.
#[derive(Debug)]
struct HeadBuffer {
    octets: [u8; HEAD_OCTETS],
    /// One bit per octet that was seen.
    seen: [u64; HEAD_OCTETS / 64],
    /// Octets without a hole from the start on.
    in_order: usize,
}

impl Default for HeadBuffer {
    fn default() -> Self {
        Self { octets: [0; HEAD_OCTETS], seen: [0; HEAD_OCTETS / 64], in_order: 0 }
    }
}

impl HeadBuffer {
    /// Fills in `octets` from `offset` on; whether there is more in order now.
    fn insert(&mut self, offset: usize, octets: &[u8]) -> bool {
        for ((at, slot), octet) in self.octets.iter_mut().enumerate().skip(offset).zip(octets) {
            if let Some(word) = self.seen.get_mut(at / 64)
                && *word & bit(at) == 0
            {
                *word |= bit(at);
                *slot = *octet;
            }
        }
        let before = self.in_order;
        while self.seen.get(self.in_order / 64).is_some_and(|word| word & bit(self.in_order) != 0) {
            self.in_order += 1;
        }
        self.in_order > before
    }

    fn in_order(&self) -> &[u8] {
        self.octets.get(..self.in_order).unwrap_or_default()
    }
}

const fn bit(at: usize) -> u64 {
    1 << (at % 64)
}

/// A target's path: a query may hold what has no place in a ticket (tokens, names), and is not needed to find the request.
fn without_query(target: &[u8]) -> &[u8] {
    target.split(|&octet| octet == b'?').next().unwrap_or(target)
}

/// Appends untrusted `octets`, replacing what is not UTF-8, up to [`NAME_OCTETS`] in all.
fn push(name: &mut String, octets: &[u8]) {
    for chunk in octets.utf8_chunks() {
        let replacement = if chunk.invalid().is_empty() { "" } else { "\u{fffd}" };
        for character in chunk.valid().chars().chain(replacement.chars()) {
            if name.len() + character.len_utf8() > NAME_OCTETS {
                name.push('…');
                return;
            }
            name.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::heads::tests::{nearly_a_sample, samples};
    use proptest::prelude::*;
    use proptest::sample::select;

    const ASKS: Direction = Direction::FromInitiator;
    const ANSWERS: Direction = Direction::FromResponder;

    /// A flow under observation, from number 1000 on in both directions.
    #[derive(Default)]
    struct Watched {
        heads: Heads,
        budget: Budget,
    }

    impl Watched {
        fn piece(&mut self, direction: Direction, begins: Option<u32>, seq: u32, payload: &[u8]) -> &mut Self {
            self.cut_piece(direction, begins, seq, payload, payload.len())
        }

        fn cut_piece(
            &mut self,
            direction: Direction,
            begins: Option<u32>,
            seq: u32,
            payload: &[u8],
            wire: usize,
        ) -> &mut Self {
            let payload_len = u32::try_from(wire).unwrap();
            let piece = Piece { direction, begins: begins.map(Seq), seq: Seq(seq), payload, payload_len };
            self.heads.observe(&piece, &mut self.budget);
            self
        }

        fn request(&self) -> Option<&str> {
            self.heads.request(ASKS)
        }
    }

    fn asked(pieces: &[(u32, &[u8])]) -> Watched {
        let mut watched = Watched::default();
        for (index, (seq, payload)) in pieces.iter().enumerate() {
            watched.piece(ASKS, (index == 0).then_some(1000), *seq, payload);
        }
        watched
    }

    #[test]
    fn one_segment_needs_no_memory() {
        let watched = asked(&[(1000, b"GET /report/annual?token=secret HTTP/1.1\r\nHost: shop.example\r\n\r\n")]);
        assert_eq!(watched.request(), Some("GET /report/annual"));
        assert_eq!(watched.heads.host(ASKS), Some("shop.example"));
        assert!(watched.heads.open.is_none());
        assert_eq!(watched.budget.used(), 0);
    }

    #[test]
    fn reordered_segments_are_put_in_order() {
        let watched = asked(&[(1009, b"al HTTP/1.1\r\n\r\n"), (1004, b"/annu"), (1000, b"GET ")]);
        assert_eq!(watched.request(), Some("GET /annual"));
        assert_eq!(watched.budget.used(), 0, "given back as soon as the turn has a name");
    }

    #[test]
    fn a_hole_hides_what_is_behind_it() {
        let mut watched = asked(&[(1000, b"GET /a"), (1007, b"b HTTP/1.1\r\n\r\n")]);
        assert_eq!(watched.request(), None);
        assert!(watched.budget.used() > 0);
        watched.piece(ANSWERS, Some(500), 500, b"HTTP/1.1 504 Gateway Time-out\r\n");
        assert_eq!(watched.budget.used(), 0, "the other side has answered");
        watched.piece(ASKS, None, 1006, b"a");
        assert_eq!(watched.request(), None, "too late");
        assert_eq!(watched.heads.status(ANSWERS), Some(504));
    }

    #[test]
    fn the_first_copy_of_an_octet_wins() {
        let watched = asked(&[(1000, b"GET /old"), (1004, b"/new HTTP/1.1\r\n\r\n")]);
        assert_eq!(watched.request(), Some("GET /old"));
        let behind_a_hole = asked(&[(1004, b"/old"), (1004, b"/new HTTP/1.1\r\n\r\n"), (1000, b"GET ")]);
        assert_eq!(behind_a_hole.request(), Some("GET /old"));
    }

    #[test]
    fn a_retransmission_of_the_turn_before_does_not_enter() {
        let mut watched = asked(&[(1000, b"GET /one HTTP/1.1\r\n\r\n")]);
        watched.piece(ANSWERS, Some(500), 500, b"HTTP/1.1 200 OK\r\n\r\n");
        // The old request again, joined with the first octets of the new one.
        watched.piece(ASKS, Some(1021), 1000, b"GET /one HTTP/1.1\r\n\r\nGET /t");
        watched.piece(ASKS, None, 1000, b"GET /one HTTP/1.1\r\n\r\n");
        watched.piece(ASKS, None, 1027, b"wo HTTP/1.1\r\n\r\n");
        assert_eq!(watched.request(), Some("GET /two"));
        // Nothing but old octets begins no turn.
        watched.piece(ASKS, Some(1042), 1000, b"GET /one HTTP/1.1\r\n\r\n");
        assert_eq!(watched.request(), Some("GET /two"));
    }

    #[test]
    fn a_new_turn_forgets_the_name_of_the_one_before() {
        let mut watched = asked(&[(1000, b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")]);
        watched.piece(ANSWERS, Some(500), 500, b"HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(watched.request(), Some("GET /one"), "until it speaks again");
        watched.piece(ASKS, Some(1030), 1030, b"\x01\x02\x03");
        assert_eq!((watched.request(), watched.heads.host(ASKS)), (None, None));
        assert_eq!(watched.heads.status(ANSWERS), Some(200));
    }

    #[test]
    fn a_cut_payload_gives_what_is_certain_and_keeps_nothing() {
        let line = b"GET /report HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        for (captured, name) in [(8, None), (11, None), (12, Some("GET /report")), (30, Some("GET /report"))] {
            let mut watched = Watched::default();
            watched.cut_piece(ASKS, Some(1000), 1000, &line[..captured], line.len());
            assert_eq!(watched.request(), name, "{captured}");
            assert_eq!(watched.budget.used(), 0);
        }
    }

    #[test]
    fn a_request_line_of_ten_kilobytes_is_cut() {
        let line = format!("GET /{} HTTP/1.1\r\n\r\n", "ü".repeat(5000));
        for size in [100, 1448, 20_000] {
            let mut watched = Watched::default();
            for (index, piece) in line.as_bytes().chunks(size).enumerate() {
                let seq = 1000 + u32::try_from(index * size).unwrap();
                watched.piece(ASKS, (index == 0).then_some(1000), seq, piece);
            }
            let name = watched.request().unwrap();
            assert!(name.starts_with("GET /üüü") && name.ends_with("ü…") && name.len() <= NAME_OCTETS + 3, "{name}");
            assert_eq!(watched.budget.used(), 0, "the cap is reached");
        }
    }

    #[test]
    fn the_turn_begins_behind_a_proxy_header() {
        let header = b"PROXY TCP4 198.51.100.10 10.0.0.80 40001 8081\r\n";
        let mut watched = asked(&[(1000, header), (1047, b"GET / HTTP/1.0\r\n\r\n")]);
        assert_eq!(watched.request(), Some("GET /"));
        assert_eq!(watched.heads.real_client(), Some("198.51.100.10:40001".parse().unwrap()));
        // Only the first octets of a flow can be one, and only the initiator's.
        watched.piece(ANSWERS, Some(500), 500, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
        watched.piece(ASKS, Some(1065), 1065, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
        assert_eq!(watched.heads.real_client(), Some("198.51.100.10:40001".parse().unwrap()));
        let mut midstream = Watched::default();
        midstream.piece(ASKS, None, 1000, b"GET / HTTP/1.1\r\n\r\n").piece(ANSWERS, Some(500), 500, b"x");
        midstream.piece(ASKS, Some(1018), 1018, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
        assert_eq!((midstream.request(), midstream.heads.real_client()), (None, None));
    }

    #[test]
    fn what_follows_a_client_hello_is_not_read() {
        let hello = samples().pop().unwrap();
        let mut watched = asked(&[(1000, &hello)]);
        assert_eq!(watched.request(), Some("TLS ClientHello"));
        watched.piece(ANSWERS, Some(500), 500, b"HTTP/1.1 504 Gateway Time-out\r\n");
        watched.piece(ASKS, Some(1400), 1400, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!((watched.request(), watched.heads.status(ANSWERS)), (None, None));
        assert_eq!(watched.heads.tls().unwrap().server_name.as_deref(), Some("db.example"));
    }

    #[test]
    fn a_name_is_made_of_protocol_and_word() {
        for (head, name) in [
            (&b"Q\0\0\0\x0eselect 1;\0"[..], "PostgreSQL query SELECT"),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", "PostgreSQL TLS request"),
            (b"*1\r\n$4\r\nPING\r\n", "Redis PING"),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH-2.0-OpenSSH_9.2p1"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 (clear text)"),
        ] {
            assert_eq!(asked(&[(1000, head)]).request(), Some(name));
        }
    }

    #[test]
    fn a_full_budget_refuses_new_heads_and_keeps_the_old_ones() {
        let mut budget = Budget::new(2 * size_of::<HeadBuffer>());
        let mut flows: Vec<Heads> = (0..3).map(|_| Heads::default()).collect();
        let part = |payload, seq, begins: Option<u32>| Piece {
            direction: ASKS,
            begins: begins.map(Seq),
            seq: Seq(seq),
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
        };
        for flow in &mut flows {
            flow.observe(&part(b"GET /a", 1000, Some(1000)), &mut budget);
        }
        assert_eq!((budget.used(), budget.refused()), (2 * size_of::<HeadBuffer>(), 1));
        for flow in &mut flows {
            flow.observe(&part(b" HTTP/1.1\r\n\r\n", 1006, None), &mut budget);
        }
        let names: Vec<_> = flows.iter().map(|flow| flow.request(ASKS)).collect();
        assert_eq!(names, [Some("GET /a"), Some("GET /a"), None]);
        assert_eq!((budget.used(), budget.refused()), (0, 1));
    }

    #[test]
    fn a_copy_takes_no_memory_with_it() {
        let mut watched = asked(&[(1000, b"GET /a"), (1006, b" ")]);
        let mut copy = watched.heads.clone();
        assert_eq!(copy.request(ASKS), Some("GET /a"));
        let used = watched.budget.used();
        copy.release(&mut watched.budget);
        assert_eq!(watched.budget.used(), used);
        watched.heads.release(&mut watched.budget);
        assert_eq!(watched.budget.used(), 0);
        assert_eq!(watched.request(), Some("GET /a"));
    }

    /// Everything that can be asked of a flow.
    fn said(heads: &Heads) -> String {
        let of = |direction| (heads.request(direction), heads.host(direction), heads.status(direction));
        format!("{:?} {:?} {:?}", Direction::BOTH.map(of), heads.tls(), heads.real_client())
    }

    /// The octets of a turn: a sample, perhaps behind a PROXY header, perhaps cut short, and more behind it.
    fn turn() -> impl Strategy<Value = Vec<u8>> {
        let header = select(vec![&b""[..], b"PROXY TCP6 2001:db8::1 ::1 40001 80\r\n"]);
        let cut = any::<prop::sample::Index>();
        let rest = proptest::collection::vec(any::<u8>(), 0..3000);
        (header, nearly_a_sample(), cut, any::<bool>(), rest).prop_map(|(header, sample, cut, whole, rest)| {
            let len = if whole { sample.len() } else { cut.index(sample.len()) };
            [header, &sample[..len], &rest].concat()
        })
    }

    /// Stretches of a turn that cover it together, in any order, some of them more than once and across one another.
    fn stretches(len: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
        let cuts = proptest::collection::vec(0..=len, 0..40);
        let extra = proptest::collection::vec((0..=len, 0..=len), 0..10);
        let all = (cuts, extra).prop_map(move |(mut cuts, extra)| {
            cuts.extend([0, len]);
            cuts.sort_unstable();
            let cover = cuts.windows(2).map(|pair| (pair[0], pair[1]));
            let extra = extra.iter().map(|&(a, b)| (a.min(b), a.max(b)));
            cover.chain(extra).filter(|(start, end)| start < end).collect::<Vec<_>>()
        });
        all.prop_shuffle()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_way_a_turn_is_cut_changes_nothing(
            (turn, stretches) in turn().prop_flat_map(|turn| { let len = turn.len(); (Just(turn), stretches(len)) }),
            direction in select(Direction::BOTH.to_vec()),
            start in prop_oneof![any::<u32>(), u32::MAX - 3000..=u32::MAX],
            old in proptest::collection::vec(any::<u8>(), 1..50),
        ) {
            let payload_len = u32::try_from(turn.len()).unwrap();
            let begins = Some(Seq(start));
            let (mut whole, mut pieces, mut budget) = (Heads::default(), Heads::default(), Budget::default());
            whole.observe(&Piece { direction, begins, seq: Seq(start), payload: &turn, payload_len }, &mut budget);
            whole.release(&mut budget);
            let old_len = u32::try_from(old.len()).unwrap();
            let again = Piece { direction, begins: None, seq: Seq(start).minus(old_len), payload: &old, payload_len: old_len };
            for (index, &(from, to)) in stretches.iter().enumerate() {
                let payload = &turn[from..to];
                let payload_len = u32::try_from(payload.len()).unwrap();
                let seq = Seq(start).plus(u32::try_from(from).unwrap());
                let begins = begins.filter(|_| index == 0);
                pieces.observe(&Piece { direction, begins, seq, payload, payload_len }, &mut budget);
                pieces.observe(&again, &mut budget);
                prop_assert!(budget.used() <= size_of::<HeadBuffer>());
            }
            pieces.release(&mut budget);
            prop_assert_eq!(said(&whole), said(&pieces));
            prop_assert_eq!(budget.used(), 0);
        }

        #[test]
        fn no_traffic_exceeds_the_budget(
            limit in 0..4 * size_of::<HeadBuffer>(),
            segments in proptest::collection::vec(
                (0..8_usize, any::<bool>(), any::<bool>(), 0..3000_u32, proptest::collection::vec(any::<u8>(), 0..40), 0..9_u32),
                0..200,
            ),
        ) {
            let mut budget = Budget::new(limit);
            let mut flows: Vec<Heads> = (0..8).map(|_| Heads::default()).collect();
            for (flow, asks, begins, offset, payload, missing) in &segments {
                let piece = Piece {
                    direction: if *asks { ASKS } else { ANSWERS },
                    begins: begins.then_some(Seq(u32::MAX - 1000)),
                    seq: Seq(u32::MAX - 1100).plus(*offset),
                    payload,
                    payload_len: u32::try_from(payload.len()).unwrap() + missing,
                };
                flows[*flow].observe(&piece, &mut budget);
                let held = flows.iter().filter(|flow| flow.open.as_ref().is_some_and(|open| open.buffer.is_some())).count();
                prop_assert_eq!(budget.used(), held * size_of::<HeadBuffer>());
                prop_assert!(budget.used() <= limit);
            }
            flows.iter_mut().for_each(|flow| flow.release(&mut budget));
            prop_assert_eq!(budget.used(), 0);
        }
    }
}
