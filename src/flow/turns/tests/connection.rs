//! HTTP/2: frames laid by hand after RFC 9113 4.1, header blocks after RFC 7541.

use super::{ANSWERS, ASKS, Watched, asked};
use crate::flow::Mark;
use crate::flow::heads::http2::GoAway;
use crate::flow::turns::{Budget, Heads, Piece};
use crate::seq::Seq;
use proptest::prelude::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])
}

fn settings_ack() -> Vec<u8> {
    frame(4, 1, 0, &[])
}

fn ping() -> Vec<u8> {
    frame(6, 0, 0, b"\x02\x04\x10\x10\x09\x0e\x07\x07")
}

fn goaway(code: u8, debug: &[u8]) -> Vec<u8> {
    frame(7, 0, 0, &[&[0, 0, 0, 1, 0, 0, 0, code][..], debug].concat())
}

/// A literal with incremental indexing and a name of the static table (RFC 7541 6.2.1), not coded.
fn literal(index: u8, value: &str) -> Vec<u8> {
    [&[0x40 | index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
}

/// `:method: GET`, `:scheme: http`, and the two literals: 82, 86, index 4 and index 1.
fn get(path: &str, host: &str) -> Vec<u8> {
    [&[0x82, 0x86][..], &literal(4, path), &literal(1, host)].concat()
}

/// HEADERS with END_HEADERS, and END_STREAM as requests without content have it.
fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(1, 5, stream, block)
}

/// A conversation: each turn follows on what the same end said before.
struct Talk {
    watched: Watched,
    next: [u32; 2],
}

impl Talk {
    fn new() -> Self {
        Self { watched: Watched::default(), next: [1000, 500] }
    }

    fn turn(&mut self, direction: crate::flow::Direction, frames: &[Vec<u8>]) -> &mut Self {
        let octets = frames.concat();
        let next = &mut self.next[usize::from(direction == ANSWERS)];
        let seq = *next;
        *next += u32::try_from(octets.len()).unwrap();
        self.watched.piece(direction, Some(seq), seq, &octets);
        self
    }

    fn asks(&mut self, frames: &[Vec<u8>]) -> &mut Self {
        self.turn(ASKS, frames)
    }

    fn answers(&mut self, frames: &[Vec<u8>]) -> &mut Self {
        self.turn(ANSWERS, frames)
    }

    fn request(&self) -> Option<&str> {
        self.watched.request()
    }

    fn host(&self) -> Option<&str> {
        self.watched.heads.host(ASKS)
    }
}

#[test]
fn a_request_waits_until_its_stream_ends() {
    let mut talk = Talk::new();
    talk.asks(&[PREFACE.to_vec(), settings(), headers(1, &get("/report/annual?token=x", "shop.example"))]);
    assert_eq!((talk.request(), talk.host()), (Some("GET /report/annual"), Some("shop.example")));
    assert_eq!(talk.watched.budget.used(), 0, "whole frames are not kept");
    talk.answers(&[settings(), settings_ack()]).asks(&[settings_ack()]);
    assert_eq!(talk.request(), Some("GET /report/annual"), "settings answer nothing");
    assert_eq!(talk.watched.heads.asked_since(), Some(Some(Mark::default())));
    // The answer begins, and ends with DATA.
    talk.answers(&[frame(1, 4, 1, &[0x88]), frame(0, 0, 1, b"half")]).asks(&[ping()]);
    assert_eq!(talk.request(), Some("GET /report/annual"));
    talk.answers(&[frame(0, 1, 1, b"rest")]);
    assert_eq!(talk.request(), Some("HTTP/2 PING"));
    assert_eq!(talk.watched.heads.asked_since(), Some(None), "nobody waits for the answer to a PING");
    talk.asks(&[settings_ack()]);
    assert_eq!((talk.request(), talk.host()), (Some("HTTP/2 (clear text)"), None));
    assert_eq!(talk.watched.heads.pings(), 1);
}

#[test]
fn of_several_requests_the_latest_without_an_answer_is_named() {
    let mut talk = Talk::new();
    let (one, two) = (headers(1, &get("/one", "a")), headers(3, &get("/two", "a")));
    talk.asks(&[PREFACE.to_vec(), settings(), one, two]);
    assert_eq!(talk.request(), Some("GET /two"));
    // HEADERS with END_STREAM: an answer without content.
    talk.answers(&[settings(), frame(1, 5, 3, &[0x88])]);
    assert_eq!(talk.request(), Some("GET /one"));
    talk.asks(&[frame(3, 0, 1, &[0, 0, 0, 8])]);
    assert_eq!(talk.request(), Some("HTTP/2 (clear text)"), "the client gave up");
}

#[test]
fn a_call_of_grpc_is_named_by_its_method_also_when_it_repeats() {
    // As gRPC clients do it: POST (83), http (86), literals that enter the table, content-type last.
    let first = [
        &[0x83, 0x86][..],
        &literal(4, "/shop.Orders/List"),
        &literal(1, "orders:50051"),
        &literal(31, "application/grpc"),
    ];
    // The second call refers to them: the latest entry is 62, the first of three 64.
    let second = [0x83, 0x86, 0x80 | 64, 0x80 | 63, 0x80 | 62];
    let mut talk = Talk::new();
    talk.asks(&[PREFACE.to_vec(), settings()]).answers(&[settings()]);
    talk.asks(&[settings_ack(), frame(1, 4, 1, &first.concat()), frame(0, 1, 1, &[0; 5])]);
    assert_eq!((talk.request(), talk.host()), (Some("gRPC /shop.Orders/List"), Some("orders:50051")));
    talk.answers(&[frame(1, 4, 1, &[0x88]), frame(0, 0, 1, &[0; 5]), frame(1, 5, 1, &[0x88])]);
    talk.asks(&[frame(1, 4, 3, &second), frame(0, 1, 3, &[0; 5])]);
    assert_eq!((talk.request(), talk.host()), (Some("gRPC /shop.Orders/List"), Some("orders:50051")));
}

#[test]
fn what_refers_to_the_unseen_is_named_by_its_stream() {
    let mut talk = Talk::new();
    // The capture began later: the server's answer to a PING shows the protocol, and no table is known.
    talk.answers(&[frame(6, 1, 0, &[0; 8])]);
    assert!(talk.watched.heads.is_http2());
    talk.asks(&[headers(7, &[0x83, 0x86, 0x80 | 64, 0x80 | 63])]);
    assert_eq!((talk.request(), talk.host()), (Some("HTTP/2 request on stream 7"), None));
    talk.answers(&[frame(1, 5, 7, &[0x88])]).asks(&[headers(9, &get("/literal", "b"))]);
    assert_eq!((talk.request(), talk.host()), (Some("GET /literal"), Some("b")));
}

#[test]
fn an_upgrade_leads_to_frames() {
    let mut talk = Talk::new();
    talk.asks(&[b"GET /a HTTP/1.1\r\nHost: b\r\nUpgrade: h2c\r\n\r\n".to_vec()]);
    talk.answers(&[b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".to_vec(), settings()]);
    talk.asks(&[PREFACE.to_vec(), settings(), headers(3, &get("/b", "c"))]);
    assert_eq!(talk.request(), Some("GET /b"));
}

#[test]
fn a_goaway_is_found_on_any_turn() {
    let scolding = goaway(0x0b, b"too_many_pings");
    let mut talk = Talk::new();
    talk.asks(&[PREFACE.to_vec(), settings(), headers(1, &get("/", "a"))]);
    // Far behind the head of its turn: frames of 16 KB are passed over.
    let data = vec![frame(0, 0, 1, &[0; 16_384]); 4];
    talk.answers(&[vec![settings()], data, vec![scolding.clone()]].concat());
    assert_eq!(talk.watched.heads.goaway().map(|(goaway, _)| goaway), Some(GoAway { code: 11, too_many_pings: true }));
    assert_eq!(talk.watched.budget.used(), 0);

    // At the beginning of a late turn, midstream, with nothing else of the connection seen.
    let mut midstream = Talk::new();
    midstream.asks(&[ping()]).answers(std::slice::from_ref(&scolding));
    assert!(midstream.watched.heads.goaway().unwrap().0.too_many_pings);

    // The client's own GOAWAY, and other codes, are none.
    let mut other = Talk::new();
    other.asks(&[PREFACE.to_vec(), settings()]).answers(&[settings(), goaway(0, b"max_age")]).asks(&[scolding]);
    assert_eq!(other.watched.heads.goaway().map(|(goaway, _)| goaway), Some(GoAway { code: 0, too_many_pings: false }));
}

#[test]
fn a_hole_in_the_answers_leaves_nothing_to_name() {
    let mut talk = Talk::new();
    talk.asks(&[PREFACE.to_vec(), settings(), headers(1, &get("/one", "a"))]).answers(&[settings()]);
    // The client goes on; then 100 octets of the server were not captured, perhaps the answer.
    talk.asks(&[settings_ack()]);
    talk.next[1] += 100;
    talk.answers(&[frame(8, 0, 0, &[0, 0, 1, 0])]).asks(&[ping()]);
    assert_eq!(talk.request(), Some("HTTP/2 PING"));
    // From the next turn on all is known again, but for the table.
    talk.asks(&[headers(3, &get("/two", "a"))]);
    assert_eq!(talk.request(), Some("GET /two"));
}

#[test]
fn payload_that_was_cut_names_what_is_certain() {
    let octets = [PREFACE.to_vec(), settings(), headers(1, &get("/report", "shop.example"))].concat();
    let path_ends = 24 + 15 + 9 + 2 + 2 + "/report".len();
    for (captured, name) in [
        (24 + 15 + 9, "HTTP/2 request on stream 1"),
        (path_ends - 1, "HTTP/2 request on stream 1"),
        (path_ends, "GET /report"),
        (24 + 15 + 8, "HTTP/2 (clear text)"),
    ] {
        let mut watched = Watched::default();
        watched.cut_piece(ASKS, Some(1000), 1000, &octets[..captured], octets.len());
        assert_eq!(watched.request(), Some(name), "{captured}");
        assert_eq!(watched.budget.used(), 0, "what was not captured is not waited for");
    }
}

#[test]
fn a_block_longer_than_a_head_is_named_by_its_beginning() {
    let long = [get("/long", "a"), [&[0x40, 1, b'x', 0x7f, 0xa1, 0x16][..], &[b'y'; 3000]].concat()].concat();
    let octets = [PREFACE.to_vec(), headers(1, &long), headers(3, &get("/next", "a"))].concat();
    let mut watched = asked(&[]);
    for (index, piece) in octets.chunks(700).enumerate() {
        let seq = 1000 + 700 * u32::try_from(index).unwrap();
        watched.piece(ASKS, (index == 0).then_some(1000), seq, piece);
    }
    assert_eq!(watched.request(), Some("GET /next"));
    assert_eq!(watched.budget.used(), 0);
}

#[test]
fn a_turn_may_begin_inside_a_frame() {
    let mut talk = Talk::new();
    talk.asks(&[PREFACE.to_vec(), settings(), headers(1, &get("/up", "a"))]);
    let data = frame(0, 1, 1, &[9; 1000]);
    talk.asks(&[data[..400].to_vec()]).answers(&[settings(), frame(8, 0, 0, &[0, 0, 1, 0])]);
    talk.asks(&[data[400..].to_vec(), headers(3, &get("/two", "a"))]);
    assert_eq!(talk.request(), Some("GET /two"));
    // Inside a header, too.
    let next = headers(5, &get("/three", "a"));
    talk.asks(&[next[..5].to_vec()]).answers(&[ping()]).asks(&[next[5..].to_vec()]);
    assert_eq!(talk.request(), Some("GET /three"));
    assert_eq!(talk.watched.budget.used(), 0);
}

/// A request of HTTP/2 and all that stands around it, of which no name but these may come.
fn opening() -> Vec<u8> {
    let coded = b"\x82\x86\x44\x0a/index.php\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    [PREFACE.to_vec(), settings(), headers(1, coded), ping(), headers(3, &get("/two", "b"))].concat()
}

const NAMES: [Option<&str>; 6] = [
    None,
    Some("HTTP/2 (clear text)"),
    Some("HTTP/2 request on stream 1"),
    Some("GET /index.php"),
    Some("HTTP/2 request on stream 3"),
    Some("GET /two"),
];

fn whole(direction: crate::flow::Direction, payload: &[u8], len: usize) -> Piece<'_> {
    let payload_len = u32::try_from(len).unwrap();
    Piece { direction, begins: Some(Seq(1)), seq: Seq(1), payload, payload_len, mark: Mark::default() }
}

#[test]
fn no_cut_invents_a_name() {
    let octets = opening();
    for cut in 0..=octets.len() {
        for len in [cut, octets.len()] {
            let (mut heads, mut budget) = (Heads::default(), Budget::default());
            heads.observe(&whole(ASKS, &octets[..cut], len), &mut budget);
            assert!(NAMES.contains(&heads.request(ASKS)), "{cut}: {:?}", heads.request(ASKS));
            assert!([None, Some("www.example.com"), Some("b")].contains(&heads.host(ASKS)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_octets_hurt(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        answer in proptest::collection::vec(any::<u8>(), 0..300),
        missing in 0..20_usize,
    ) {
        let mut octets = opening();
        for (at, value) in changes {
            *at.get_mut(&mut octets) = value;
        }
        octets.extend(noise);
        let (mut heads, mut budget) = (Heads::default(), Budget::default());
        heads.observe(&whole(ASKS, &octets, octets.len() + missing), &mut budget);
        heads.observe(&whole(ANSWERS, &answer, answer.len() + missing), &mut budget);
        prop_assert!(heads.request(ASKS).is_none_or(|name| name.len() < 300));
        heads.release(&mut budget);
        prop_assert_eq!(budget.used(), 0);
    }

    /// However a connection is cut into segments, and in whatever order these come, what it says is the same.
    #[test]
    fn segments_do_not_matter(cuts in proptest::collection::btree_set(1..150_usize, 0..20), swap: prop::sample::Index) {
        let octets = opening();
        let bounds: Vec<usize> = [0].into_iter().chain(cuts.into_iter().filter(|cut| *cut < octets.len())).chain([octets.len()]).collect();
        let mut stretches: Vec<_> = bounds.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let from = swap.index(stretches.len());
        stretches.rotate_left(from);
        let (mut heads, mut budget) = (Heads::default(), Budget::default());
        for (index, (from, to)) in stretches.into_iter().enumerate() {
            let begins = (index == 0).then_some(Seq(1));
            let seq = Seq(1).plus(u32::try_from(from).unwrap());
            heads.observe(&Piece { begins, seq, ..whole(ASKS, &octets[from..to], to - from) }, &mut budget);
        }
        prop_assert_eq!((heads.request(ASKS), heads.host(ASKS), heads.pings()), (Some("GET /two"), Some("b"), 1));
        prop_assert_eq!(budget.used(), 0);
    }
}
