//! The advice: figures derived by hand, bounds that hold for any bracket, and no advice where nothing helps.

use idlegap::flow::gaps::Clock;
use idlegap::time::Span;
use idlegap::timeouts::{Entry, Table};
use idlegap::verdict::VerdictId;
use idlegap::verdict::advice::{Advice, Elsewhere, Protocol, Side, Situation, Stack, advise};
use idlegap::verdict::settings::{Estimate, Settings};
use proptest::prelude::*;

/// A packet timer that killed a silent flow of which nothing else is known.
fn situation<'a>(verdict: VerdictId, died: Span) -> Situation<'a> {
    Situation {
        verdict,
        clock: Clock::Packet,
        survived_max: None,
        died_min: Some(died),
        timeout: None,
        silence: Some(died),
        client: Side::default(),
        server: Side::default(),
        server_port: 9999,
        request_in_flight: false,
        candidates: Vec::new(),
        protocol: None,
        too_many_pings: false,
    }
}

fn secs(secs: i64) -> Span {
    Span::from_secs(secs)
}

/// A side that sent `probes`, the first of each train after `time` seconds.
fn probing(time: i64, probes: u32, answered: u32) -> Side {
    let estimate = Estimate { least: secs(time), most: secs(time), likely: Some(secs(time)) };
    let settings = Settings { time: Some(estimate), ..Settings::default() };
    Side { settings, probes, answered, unanswered: probes - answered, ..Side::default() }
}

fn row<'a>(table: &'a Table, id: &str) -> &'a Entry {
    table.get(id).unwrap_or_else(|| panic!("no row {id}"))
}

fn words(advice: &[Advice]) -> String {
    advice.iter().map(|advice| advice.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The whole number after `name` in the snippet for `stack`.
fn number(advice: &[Advice], stack: &str, name: &str) -> i64 {
    let snippet = &advice.iter().find(|advice| advice.stack == stack).expect("advice for the stack").snippet;
    let after = snippet.split_once(name).unwrap_or_else(|| panic!("{name} in {snippet}")).1;
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

/// Half of the timer, or what is left of it after 2 s of margin divided by 1.125, whichever is less; the interval a third of the
/// time, 1 s to 75 s. By hand: 90 -> 45, and (90 - 2) / 1.125 = 78.2; 4 -> 1, since (4 - 2) / 1.125 = 1.8.
#[test]
fn the_figures_are_those_derived_by_hand() {
    let cases = [
        (Span::from_millis(90_000), 45, 15),
        (Span::from_millis(89_900), 44, 14),
        (secs(350), 175, 58),
        (secs(300), 150, 50),
        (secs(4), 1, 1),
        (Span::from_millis(3_200), 1, 1),
        (secs(15), 7, 2),
        (secs(7_200), 3_600, 75),
        (secs(86_400), 7_200, 75),
    ];
    for (died, time, interval) in cases {
        let advice = advise(&situation(VerdictId::IdleReset, died), None);
        let expected = format!(
            "sysctl -w net.ipv4.tcp_keepalive_time={time} net.ipv4.tcp_keepalive_intvl={interval} \
             net.ipv4.tcp_keepalive_probes=9"
        );
        let linux = advice.iter().find(|advice| advice.stack == "linux").expect("the generic advice");
        assert!(linux.snippet.ends_with(&expected), "{died:?}: {}", linux.snippet);
        assert!(words(&advice).contains(&format!("at most {time} s")), "{}", words(&advice));
    }
}

/// 3.1 s leaves (3.1 - 2) / 1.125 = 0.98 s, less than the least that TCP_KEEPIDLE takes.
#[test]
fn a_timer_too_short_for_whole_seconds_is_said_to_be() {
    for died in [Span::from_millis(500), secs(2), secs(3), Span::from_millis(3_100)] {
        let advice = advise(&situation(VerdictId::IdleResetNext, died), Some(Stack::Linux));
        assert!(words(&advice).contains("too short for TCP keepalive"), "{died:?}: {advice:?}");
        assert!(advice.iter().all(|advice| advice.snippet.is_empty()), "{advice:?}");
    }
}

proptest! {
    #[test]
    fn the_larger_of_time_and_interval_stays_within_the_bound(died in 3_200_i64..10_000_000, survived in 0_i64..10_000_000) {
        let died = Span::from_millis(died);
        let survived_max = Some(Span::from_millis(survived)).filter(|survived| *survived < died);
        let advice = advise(&Situation { survived_max, ..situation(VerdictId::IdleDrop, died) }, None);
        for (stack, time, interval) in [
            ("linux", "tcp_keepalive_time=", "tcp_keepalive_intvl="),
            ("c", "idle = ", "interval = "),
        ] {
            let (time, interval) = (number(&advice, stack, time), number(&advice, stack, interval));
            let larger = secs(time.max(interval)).as_nanos();
            prop_assert!(larger / 8 * 9 + secs(2).as_nanos() <= died.as_nanos());
            prop_assert!(larger * 2 <= died.as_nanos());
            // Three probes, each as late as timers get, before the timer: from 32 s on.
            let third = secs(time + 2 * interval).as_nanos() / 8 * 9 + secs(2).as_nanos();
            prop_assert!(died < secs(32) || third <= died.as_nanos());
        }
    }
}

#[test]
fn every_stack_has_advice_with_the_figures_in_it() {
    let ninety = situation(VerdictId::IdleReset, secs(90));
    for stack in Stack::ALL {
        let advice = advise(&ninety, Some(*stack));
        let [general, specific] = advice.as_slice() else { panic!("{stack:?}: {advice:?}") };
        assert_eq!((general.stack, specific.stack), ("any", stack.name()));
        let said = format!("{} {}", specific.text, specific.snippet);
        assert!(said.contains("45"), "{stack:?}: {said}");
        let pasteable = *stack != Stack::Balancer;
        assert_eq!(!specific.snippet.is_empty(), pasteable, "{stack:?}");
        let comment = specific.snippet.lines().next().unwrap_or_default();
        assert!(
            !pasteable || ["# ", "// ", "/* "].iter().any(|mark| comment.starts_with(mark)),
            "{stack:?}: {comment}"
        );
        assert!(specific.snippet.lines().all(|line| !line.ends_with(' ')), "{stack:?}: {}", specific.snippet);
    }
}

#[test]
fn names_are_unique_and_kebab_case() {
    for (index, stack) in Stack::ALL.iter().enumerate() {
        assert_eq!(Stack::from_name(stack.name()), Some(*stack));
        assert!(stack.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{stack:?}");
        assert!(Stack::ALL[..index].iter().all(|other| other.name() != stack.name()), "{stack:?}");
    }
    assert_eq!(Stack::from_name("any"), None);
}

#[test]
fn where_keepalive_cannot_help_there_is_nothing_to_paste() {
    let words_of = [
        (VerdictId::KeepaliveExhausted, "did what it is for"),
        (VerdictId::RetransmissionExhausted, "TCP_USER_TIMEOUT"),
        (VerdictId::ZeroWindowStall, "stopped reading"),
        (VerdictId::CloseRace, "close idle connections after 45 s at most"),
        (VerdictId::EndpointAbort, "aborted"),
        (VerdictId::EndpointNoSocket, "no longer knew the connection"),
        (VerdictId::InjectedReset, "a rule and not a timer"),
        (VerdictId::Refused, "No connection came about"),
    ];
    for (verdict, expected) in words_of {
        for chosen in [None, Some(Stack::Linux), Some(Stack::Nginx)] {
            let advice = advise(&situation(verdict, secs(90)), chosen);
            assert!(words(&advice).contains(expected), "{verdict:?}: {advice:?}");
            assert!(advice.iter().all(|advice| advice.snippet.is_empty()), "{verdict:?}: {advice:?}");
        }
    }
    for verdict in [VerdictId::Graceful, VerdictId::Open, VerdictId::Inconclusive] {
        assert_eq!(advise(&situation(verdict, secs(90)), None), []);
    }
}

/// The box resets both ends after 90 s while nginx waits for its backend.
#[test]
fn lvs_at_90_s() {
    let table = Table::built_in().unwrap();
    let advice = advise(
        &Situation {
            timeout: Some(secs(90)),
            server_port: 80,
            request_in_flight: true,
            candidates: vec![row(&table, "alibaba-lvs-fullnat-established")],
            ..situation(VerdictId::IdleReset, secs(90))
        },
        None,
    );
    let said = words(&advice);
    for expected in [
        "The timer is 90 s",
        "at most 45 s",
        "No probe was seen in 90 s of silence",
        "Set both",
        "its own knob is net.ipv4.vs.timeout_established",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let stacks: Vec<&str> = advice.iter().map(|advice| advice.stack).collect();
    assert_eq!(stacks, ["any", "nginx", "linux"]);
    assert!(advice[1].snippet.contains("listen 80 so_keepalive=45s:15s:9;"), "{}", advice[1].snippet);
}

/// The box forgets after 300 s and tells one end only; the silence that showed it was longer.
#[test]
fn f5_at_300_s_with_a_half_open_end() {
    let table = Table::built_in().unwrap();
    let advice = advise(
        &Situation {
            survived_max: Some(secs(290)),
            server: Side { half_open: true, ..Side::default() },
            candidates: vec![row(&table, "f5-bigip-reset-disabled")],
            ..situation(VerdictId::IdleResetNext, secs(908))
        },
        Some(Stack::C),
    );
    let said = words(&advice);
    assert!(said.contains("longer than 290 s and at most 908 s"), "{said}");
    assert!(said.contains("at most 150 s"), "the figure holds for the row in the bracket: {said}");
    assert!(said.contains("The server was left half-open") && said.contains("TCP_USER_TIMEOUT"), "{said}");
    assert!(!said.contains("may be shorter"), "290 s survived, more than 150 s at their latest: {said}");
    assert_eq!(number(&advice, "c", "idle = "), 150);
}

#[test]
fn keepalive_at_7200_s_never_had_a_chance() {
    let late = Situation { client: probing(7_200, 1, 0), ..situation(VerdictId::IdleResetNext, secs(350)) };
    let said = words(&advise(&late, None));
    assert!(said.contains("already on at the client, but with 7200 s against 350 s: it never had a chance"), "{said}");
    assert!(said.contains("Lower it to 175 s"), "{said}");
    let close = Situation { client: probing(340, 1, 0), ..situation(VerdictId::IdleResetNext, secs(350)) };
    assert!(words(&advise(&close, None)).contains("too close to 350 s for a timer that fires late"));
}

/// What the same host does on another flow: too late for this timer, in time, and ten times as often as it needs.
#[test]
fn the_keepalive_of_the_same_host_elsewhere_is_held_against_the_timer() {
    let with = |time: i64| {
        let settings = probing(time, 1, 1).settings;
        let elsewhere = settings.time.map(|time| Elsewhere { time, flow: 7 });
        let client = Side { elsewhere, ..Side::default() };
        words(&advise(&Situation { client, ..situation(VerdictId::IdleReset, secs(350)) }, None))
    };
    let late = with(7_200);
    assert!(late.contains("No probe was seen in 350 s of silence from either end: keepalive is off"), "{late}");
    assert!(late.contains("On flow 7 the client's host sent its first probe after 7200 s"), "{late}");
    assert!(late.contains("if keepalive is on here too, with 7200 s against 350 s it never had a chance"), "{late}");
    assert!(with(100).contains("that setting would have been in time here"));
    assert!(with(10).contains("more often than it needs"));
    let close = with(340);
    assert!(!close.contains("On flow 7"), "340 s fire as late as 382.5 s: {close}");
}

#[test]
fn keepalive_on_at_the_wrong_side_and_too_eager_keepalive_are_said() {
    let nearby = Side { answered_nearby: true, ..probing(100, 5, 5) };
    let said = words(&advise(&Situation { server: nearby, ..situation(VerdictId::IdleDrop, secs(350)) }, None));
    assert!(said.contains("on at the wrong side") && said.contains("Turn it on at the client"), "{said}");

    let unheard = Situation { client: probing(100, 5, 0), ..situation(VerdictId::IdleDrop, secs(350)) };
    assert!(words(&advise(&unheard, None)).contains("they may not reach the box"));

    let eager = Situation { server: probing(10, 40, 40), ..situation(VerdictId::Open, secs(350)) };
    let said = words(&advise(&eager, None));
    assert_eq!(said, "The keepalives of the server are too eager: one every 10 s where 175 s would do.");
    let enough = Situation { server: probing(40, 40, 40), ..situation(VerdictId::Open, secs(350)) };
    assert_eq!(advise(&enough, None), []);

    let pings = Situation { too_many_pings: true, ..situation(VerdictId::Graceful, secs(350)) };
    assert!(words(&advise(&pings, None)).contains("pinged too often"));
}

const KEEPALIVE_OPTIONS: [&str; 6] =
    ["KEEPIDLE", "tcp_keepalive", "so_keepalive", "tcpka", "keepalives_idle", "SO_KEEPALIVE"];

#[test]
fn against_a_timer_of_payload_no_keepalive_is_offered() {
    let close = Situation {
        clock: Clock::Payload,
        client: probing(10, 5, 5),
        request_in_flight: true,
        ..situation(VerdictId::IdleClose, secs(60))
    };
    let said = words(&advise(&close, None));
    assert!(said.contains("TCP keepalive cannot help here: the timer counts payload"), "{said}");
    assert!(said.contains("at least every 30 s"), "{said}");
    for stack in Stack::ALL {
        let advice = advise(&close, Some(*stack));
        let snippet = &advice[1].snippet;
        assert!(KEEPALIVE_OPTIONS.iter().all(|option| !snippet.contains(option)), "{stack:?}: {snippet}");
    }
    let nginx = &advise(&close, Some(Stack::Nginx))[1];
    assert!(nginx.snippet.contains("proxy_read_timeout 120s;"), "twice the 60 s seen: {}", nginx.snippet);
    let ssh = &advise(&close, Some(Stack::Ssh))[1];
    assert!(ssh.snippet.ends_with("ServerAliveInterval 30"), "{}", ssh.snippet);

    let unproven = Situation { client: Side::default(), ..close };
    assert!(words(&advise(&unproven, None)).contains("most likely a timer of payload"));
}

/// A close in good order by a box whose timer counts packets.
#[test]
fn a_known_box_that_counts_packets_may_close_in_good_order() {
    let table = Table::built_in().unwrap();
    let counts_packets = row(&table, "linux-ipvs-tcp");
    let close = Situation {
        candidates: vec![counts_packets],
        clock: Clock::Packet,
        ..situation(VerdictId::IdleClose, secs(900))
    };
    assert!(words(&advise(&close, None)).contains("at most 450 s"));
    let answered = Situation { clock: Clock::Payload, client: probing(10, 5, 5), ..close };
    assert!(words(&advise(&answered, None)).contains("cannot help"));
}

#[test]
fn where_nobody_was_seen_to_survive_the_bound_is_said_to_be_one() {
    let bare = situation(VerdictId::IdleDrop, secs(350));
    assert!(words(&advise(&bare, None)).contains("may be shorter"));
    let survived = Situation { survived_max: Some(secs(197)), ..bare.clone() };
    assert!(!words(&advise(&survived, None)).contains("may be shorter"), "175 s at their latest are 196.9 s");
    let known = Situation { timeout: Some(secs(350)), ..bare };
    assert!(!words(&advise(&known, None)).contains("may be shorter"));
}

/// Nine tenths of 3600 s.
#[test]
fn an_age_limit_is_answered_by_a_shorter_life() {
    let aged = Situation {
        timeout: Some(secs(3_600)),
        died_min: None,
        protocol: Some(Protocol::PostgreSql),
        ..situation(VerdictId::AgeLimit, secs(1))
    };
    let advice = advise(&aged, None);
    assert!(words(&advice).contains("neither keepalive nor traffic helps: renew them after 3240 s"), "{advice:?}");
    assert_eq!(advice[1].stack, "hikaricp");
    assert!(advice[1].snippet.ends_with("maxLifetime=3240000"), "{}", advice[1].snippet);
}

#[test]
fn the_capture_suggests_the_stack_and_the_list_stays_short() {
    let cases = [
        (5432, None, ["any", "libpq", "linux"]),
        (6379, None, ["any", "redis", "linux"]),
        (443, None, ["any", "nginx", "linux"]),
        (22, None, ["any", "ssh", "linux"]),
        (50051, None, ["any", "grpc", "linux"]),
        (9999, None, ["any", "linux", "c"]),
        (9999, Some(Protocol::MySql), ["any", "hikaricp", "linux"]),
    ];
    for (server_port, protocol, expected) in cases {
        let seen = Situation { server_port, protocol, ..situation(VerdictId::IdleDrop, secs(350)) };
        let stacks: Vec<&str> = advise(&seen, None).iter().map(|advice| advice.stack).collect();
        assert_eq!(stacks, expected, "{server_port}");
    }
}

#[test]
fn limits_of_the_stacks_themselves_are_kept() {
    let short = situation(VerdictId::IdleDrop, secs(40));
    let hikari = &advise(&short, Some(Stack::Hikaricp))[1];
    assert!(hikari.snippet.is_empty() && hikari.text.contains("refuses less than 30 s"), "{hikari:?}");
    let long = situation(VerdictId::IdleDrop, secs(7_200));
    let hikari = &advise(&long, Some(Stack::Hikaricp))[1];
    assert!(hikari.snippet.ends_with("keepaliveTime=900000"), "below the default maxLifetime of 1800 s: {hikari:?}");
    let tiny = situation(VerdictId::IdleDrop, secs(12));
    assert!(advise(&tiny, Some(Stack::Grpc))[1].text.contains("Clients raise 6 s to 10 s"));
}

/// What Node sets: ten probes, a second apart.
#[test]
fn keepalive_that_gives_up_in_ten_seconds_is_said_to() {
    let second = Estimate { least: secs(1), most: secs(1), likely: Some(secs(1)) };
    let mut node = probing(60, 10, 0);
    node.settings = Settings { interval: Some(second), count: Some(10), ..node.settings };
    let gave_up = Situation { client: node, died_min: None, ..situation(VerdictId::KeepaliveExhausted, secs(1)) };
    assert!(words(&advise(&gave_up, None)).contains("With 10 probes 1 s apart an outage of 10 s is enough"));
    let usual = Situation { client: probing(60, 10, 0), ..gave_up };
    assert!(!words(&advise(&usual, None)).contains("outage"));
}

#[test]
fn one_octet_in_a_probe_suggests_windows() {
    let seen =
        Situation { client: Side { one_byte: 1, ..probing(7_200, 1, 0) }, ..situation(VerdictId::IdleDrop, secs(350)) };
    let stacks: Vec<&str> = advise(&seen, None).iter().map(|advice| advice.stack).collect();
    assert_eq!(stacks, ["any", "linux", "windows"]);
}

#[test]
fn nothing_is_promised() {
    const PROMISES: [&str; 9] = [
        "guarantee",
        "will fix",
        "will solve",
        " solves",
        "never again",
        "definitely",
        "certainly",
        "ensures",
        " fixes",
    ];
    let table = Table::built_in().unwrap();
    let candidates: Vec<&Entry> = table.entries().iter().take(3).collect();
    for verdict in VerdictId::ALL {
        for clock in [Clock::Packet, Clock::Payload] {
            for stack in Stack::ALL {
                let seen = Situation { clock, candidates: candidates.clone(), ..situation(verdict, secs(90)) };
                let said = words(&advise(&seen, Some(*stack)));
                assert!(PROMISES.iter().all(|promise| !said.contains(promise)), "{verdict:?} {stack:?}: {said}");
                let whole =
                    said.lines().all(|text| text.ends_with('.') && !text.contains("  ") && !text.contains(".."));
                assert!(whole, "whole sentences: {said}");
            }
        }
    }
}
