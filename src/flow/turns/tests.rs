mod connection;

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
        let mark = Mark::default();
        let piece = Piece { direction, begins: begins.map(Seq), seq: Seq(seq), payload, payload_len, mark };
        self.heads.observe(&piece, &mut self.budget);
        self
    }

    fn request(&self) -> Option<&str> {
        self.heads.request(ASKS)
    }
}

proptest! {
    /// What is passed over as nameless leaves nothing, as reading it shows.
    #[test]
    fn the_nameless_leave_nothing(
        payload in prop_oneof![nearly_a_sample(), proptest::collection::vec(any::<u8>(), 0..64)],
        asks: bool,
        initiator_spoke: bool,
        begins in proptest::option::of(998..1_003_u32),
        is_cut: bool,
    ) {
        let direction = if asks { ASKS } else { ANSWERS };
        let payload_len = u32::try_from(payload.len()).unwrap() + u32::from(is_cut);
        let (begins, seq, mark) = (begins.map(Seq), Seq(1000), Mark::default());
        let piece = Piece { direction, begins, seq, payload: &payload, payload_len, mark };
        let (mut heads, mut budget) = (Heads::behind(initiator_spoke), Budget::default());
        let told = heads.hear(&piece, None, &mut budget);
        if Heads::is_nameless(&piece, initiator_spoke) {
            prop_assert!(heads.is_blank() && told.is_nothing());
            prop_assert_eq!(budget.used(), 0);
        }
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
        mark: Mark::default(),
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
    let frames = (heads.is_http2(), heads.pings(), heads.goaway().map(|(goaway, _)| goaway));
    format!("{:?} {:?} {:?} {frames:?}", Direction::BOTH.map(of), heads.tls(), heads.real_client())
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
        let (begins, mark) = (Some(Seq(start)), Mark::default());
        let (mut whole, mut pieces, mut budget) = (Heads::default(), Heads::default(), Budget::default());
        whole.observe(&Piece { direction, begins, seq: Seq(start), payload: &turn, payload_len, mark }, &mut budget);
        whole.release(&mut budget);
        let old_len = u32::try_from(old.len()).unwrap();
        let again = Piece { direction, begins: None, seq: Seq(start).minus(old_len), payload: &old, payload_len: old_len, mark };
        for (index, &(from, to)) in stretches.iter().enumerate() {
            let payload = &turn[from..to];
            let payload_len = u32::try_from(payload.len()).unwrap();
            let seq = Seq(start).plus(u32::try_from(from).unwrap());
            let begins = begins.filter(|_| index == 0);
            pieces.observe(&Piece { direction, begins, seq, payload, payload_len, mark }, &mut budget);
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
                mark: Mark::default(),
            };
            flows[*flow].observe(&piece, &mut budget);
            let of_flow = |flow: &Heads| {
                let open = flow.open.as_ref().is_some_and(|open| open.buffer.is_some());
                usize::from(open) + flow.http2.as_ref().map_or(0, |connection| connection.buffers())
            };
            let held: usize = flows.iter().map(of_flow).sum();
            prop_assert_eq!(budget.used(), held * size_of::<HeadBuffer>());
            prop_assert!(budget.used() <= limit);
        }
        flows.iter_mut().for_each(|flow| flow.release(&mut budget));
        prop_assert_eq!(budget.used(), 0);
    }
}
