//! The table of timeouts: its facts, its merging and its errors, matching, and what the command prints.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, FromArgMatches};
use idlegap::commands::timeouts::{Format, Found, TimeoutsArgs, load, render};
use idlegap::time::Span;
use idlegap::timeouts::{
    Candidate, Clock, Confidence, Counts, Expiry, Fit, Layer, Observation, Origin, Refresh, State, Table, Why,
    keepalive_time, lateness, parse_duration, user_file,
};
use proptest::prelude::*;

fn table() -> Table {
    Table::built_in().expect("the built-in table is valid")
}

fn secs(secs: i64) -> Span {
    Span::from_secs(secs)
}

fn text(table: &Table, query: &str, width: u16) -> String {
    let mut out = Vec::new();
    render(table, query, Format::Text, width, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("text is UTF-8")
}

fn ids<'a>(candidates: &[Candidate<'a>]) -> Vec<&'a str> {
    candidates.iter().map(|candidate| candidate.entry.id.as_str()).collect()
}

const OWN: &str = r#"
[[timeout]]
id = "our-proxy"
product = "Our proxy"
layer = "l4"
kind = "proxy"
idle_seconds = 77
resets_on_keepalive = true
on_expiry = ["rst-both"]
"#;

// ---- facts

#[test]
fn built_in_rows_hold_the_facts_of_the_file() {
    let table = table();
    assert_eq!((table.entries().len(), table.keepalive_defaults().len()), (189, 50));

    for id in ["alibaba-lvs-fullnat-established", "iqiyi-dpvs-established"] {
        let lvs = table.get(id).unwrap();
        assert_eq!((lvs.idle.span(), lvs.layer, lvs.refresh), (secs(90), Layer::L4, Refresh::Refreshed));
        assert_eq!((&lvs.on_expiry[..], lvs.state), (&[Expiry::RstBoth][..], State::Established));
        assert_eq!((lvs.confidence, lvs.origin.to_string()), (Confidence::Documented, "built-in".to_owned()));
    }

    let nlb = table.get("aws-nlb-tcp").unwrap();
    assert_eq!((nlb.idle.0, nlb.min.unwrap().0, nlb.max.unwrap().0), (350, 60, 6000));
    assert_eq!((&nlb.on_expiry[..], nlb.refresh), (&[Expiry::RstOnNextPacket][..], Refresh::Refreshed));

    let nginx = table.get("nginx-proxy-read").unwrap();
    assert_eq!((nginx.idle.0, nginx.layer, nginx.refresh), (60, Layer::L7, Refresh::NotRefreshed));
    assert_eq!(nginx.on_expiry, [Expiry::Http504, Expiry::Fin]);

    let f5 = table.get("f5-bigip-reset-disabled").unwrap();
    assert_eq!((f5.idle.0, &f5.on_expiry[..]), (300, &[Expiry::RstOnNextPacket, Expiry::SilentDrop][..]));

    let linux = table.keepalive_default("linux").unwrap();
    assert_eq!((linux.time.unwrap().0, linux.interval.unwrap().0, linux.probes), (7200, 75, Some(9)));
}

#[test]
fn every_built_in_row_names_its_source_and_the_rest() {
    for entry in table().entries() {
        for (key, value) in [
            ("vendor", &entry.vendor),
            ("setting", &entry.setting),
            ("scope", &entry.scope),
            ("source", &entry.source),
            ("note", &entry.note),
        ] {
            assert!(!value.is_empty(), "{}: {key} is empty", entry.id);
        }
    }
    for stack in table().keepalive_defaults() {
        assert!(!stack.source.is_empty() && !stack.note.is_empty(), "{}", stack.id);
    }
}

#[test]
fn half_closed_handshake_and_udp_rows_are_marked() {
    let table = table();
    let marked = |state| {
        table.entries().iter().filter(|entry| entry.state == state).map(|entry| entry.id.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(marked(State::Udp), ["linux-ipvs-udp"]);
    assert_eq!(marked(State::Handshake), ["alibaba-lvs-syn-sent", "gcp-cloud-nat-transitory"]);
    assert_eq!(marked(State::Unacknowledged), ["linux-nf-conntrack-unacknowledged"]);
    for entry in table.entries() {
        let speaks_of_it = ["half-closed", "FIN_WAIT", "CLOSE_WAIT"].iter().any(|word| entry.scope.contains(word));
        assert_eq!(entry.state == State::HalfClosed, speaks_of_it, "{}: {}", entry.id, entry.scope);
    }
}

// ---- merging

#[test]
fn a_users_row_replaces_the_row_with_its_id_and_others_are_added() {
    let replacing = OWN.replace("our-proxy", "aws-nlb-tcp");
    let merged = table().merged("own.toml", &format!("{OWN}{replacing}")).unwrap();
    assert_eq!(merged.entries().len(), 190);
    let place = |table: &Table| table.entries().iter().position(|entry| entry.id == "aws-nlb-tcp");
    assert_eq!(place(&merged), place(&table()));
    for id in ["aws-nlb-tcp", "our-proxy"] {
        let row = merged.get(id).unwrap();
        assert_eq!((row.idle.0, row.max, &row.origin), (77, None, &Origin::File("own.toml".to_owned())));
    }
    assert_eq!(merged.get("aws-nlb-tls"), table().get("aws-nlb-tls"));

    let stack = "[[keepalive_default]]\nid = \"linux\"\nproduct = \"Our Linux\"\nkind = \"os\"\nenabled_by_default = \"no\"\ntime_seconds = 60\n";
    let merged = table().merged("own.toml", stack).unwrap();
    assert_eq!(merged.keepalive_defaults().len(), 50);
    assert_eq!(merged.keepalive_default("linux").unwrap().time.unwrap().0, 60);
    assert_eq!(table().merged("empty.toml", "# nothing yet\n").unwrap(), table());
}

#[test]
fn the_users_file_is_the_flag_then_the_variable_then_the_config_directory() {
    let of = |flag: Option<&str>, own: Option<&str>, xdg: Option<&str>, home: Option<&str>| {
        let file = user_file(flag.map(Path::new), own.map(OsStr::new), xdg.map(OsStr::new), home.map(OsStr::new));
        file.map(|file| (file.path, file.required))
    };
    let config = |path: &str| Some((PathBuf::from(path), false));
    assert_eq!(of(Some("f"), Some("e"), Some("/x"), Some("/h")), Some((PathBuf::from("f"), true)));
    assert_eq!(of(None, Some("e"), Some("/x"), Some("/h")), Some((PathBuf::from("e"), true)));
    assert_eq!(of(None, Some(""), Some("/x"), Some("/h")), config("/x/idlegap/timeouts.toml"));
    assert_eq!(of(None, None, Some("relative"), Some("/h")), config("/h/.config/idlegap/timeouts.toml"));
    assert_eq!(of(None, None, None, Some("/h")), config("/h/.config/idlegap/timeouts.toml"));
    assert_eq!(of(None, None, None, None), None);
}

// ---- errors

/// What is replaced in `OWN`, by what; the line, row and key of the error; a part of the problem; a part of the next step.
#[rustfmt::skip]
const FAULTS: &[(&str, &str, &str, &str, &str)] = &[
    // OWN begins with an empty line: [[timeout]] is line 2, id 3, product 4, layer 5, kind 6, idle 7, resets 8, expiry 9.
    ("idle_seconds", "idle_second", "7: ROW, key `idle_second`: ", "unknown key", "did you mean `idle_seconds`?"),
    ("kind =", "colour = \"red\"\nkind =", "6: ROW, key `colour`: ", "unknown key", "known keys are id, vendor"),
    ("77", "\"77\"", "7: ROW, key `idle_seconds`: ", "invalid type: string \"77\"", "write a value"),
    ("77", "-1", "7: ROW, key `idle_seconds`: ", "expected a whole number of seconds", "write a value"),
    ("77", "7.5", "7: ROW, key `idle_seconds`: ", "expected a whole number of seconds", "write a value"),
    ("77", "4294967296", "7: ROW, key `idle_seconds`: ", "expected a whole number of seconds", "write a value"),
    ("77", "0", "7: ROW, key `idle_seconds`: ", "a timer of 0 s", "give at least 1"),
    ("77", "77\nmin_seconds = 80", "8: ROW, key `min_seconds`: ", "greater than", "make min_seconds"),
    ("77", "77\nmax_seconds = 70", "8: ROW, key `max_seconds`: ", "less than", "make max_seconds"),
    ("77", "77\nprevious_seconds = [1, \"x\"]", "8: ROW, key `previous_seconds`: ", "invalid type", "write a value"),
    ("77", "77\nchecked = \"2026-02-30\"", "8: ROW, key `checked`: ", "a date such as", "write a value"),
    ("77", "77\nchecked = \"2026-2-3\"", "8: ROW, key `checked`: ", "a date such as", "write a value"),
    ("77", "77\nconfidence = \"sure\"", "8: ROW, key `confidence`: ", "expected `documented` or `recalled`", "write a value"),
    ("77", "77\nstate = \"asleep\"", "8: ROW, key `state`: ", "unknown variant `asleep`", "write a value"),
    ("77", "77\nidle_seconds = 78", "8: ", "duplicate key", "correct the TOML syntax"),
    ("\"l4\"", "\"l5\"", "5: ROW, key `layer`: ", "unknown variant `l5`, expected `l4` or `l7`", "write a value"),
    ("true", "\"maybe\"", "8: ROW, key `resets_on_keepalive`: ", "true, false or \"unknown\"", "write a value"),
    ("rst-both", "rst-all", "9: ROW, key `on_expiry`: ", "unknown variant `rst-all`", "write a value"),
    ("[\"rst-both\"]", "[]", "9: ROW, key `on_expiry`: ", "an empty list", "[\"unknown\"]"),
    ("\"rst-both\"", "\"fin\", \"unknown\"", "9: ROW, key `on_expiry`: ", "beside", "leave \"unknown\" out"),
    ("\"rst-both\"", "\"fin\", \"fin\"", "9: ROW, key `on_expiry`: ", "twice", "only once"),
    ("Our proxy", "Our\\u001b[31m proxy", "4: ROW, key `product`: ", "a control character", "leave it out"),
    ("our-proxy", "Our_Proxy", "3: [[timeout]] \"Our_Proxy\", key `id`: ", "not kebab-case", "lower-case"),
    ("our-proxy", "our--proxy", "3: [[timeout]] \"our--proxy\", key `id`: ", "not kebab-case", "single hyphens"),
    ("product = \"Our proxy\"\n", "", "2: ROW, key `product`: ", "this key is missing", "add a line `product"),
    ("id = \"our-proxy\"\n", "", "2: [[timeout]] row 1, key `id`: ", "this key is missing", "add a line `id"),
    ("[[timeout]]", "[timeout]", "2: ", "`timeout` is not a list of rows", "start each row with [[timeout]]"),
    ("[[timeout]]", "[[timeouts]]", "2: ", "unknown key `timeouts`", "under [[timeout]]"),
    ("\"l4\"", "\"l4", "5: ", "", "correct the TOML syntax"),
];

#[test]
fn every_error_names_file_line_row_and_key_and_says_what_to_do() {
    for (from, to, place, problem, next_step) in FAULTS {
        assert!(OWN.contains(from));
        let message = table().merged("own.toml", &OWN.replace(from, to)).unwrap_err().to_string();
        let place = format!("own.toml:{}", place.replace("ROW", "[[timeout]] \"our-proxy\""));
        assert!(message.starts_with(&place), "{message}\nshould start with {place}");
        assert!(message.contains(problem), "{message}\nshould contain {problem}");
        assert!(message.contains(next_step), "{message}\nshould contain {next_step}");
        assert!(!message.contains('\n'), "{message:?}");
    }
    let twice = table().merged("own.toml", &format!("{OWN}{OWN}")).unwrap_err().to_string();
    let place = "own.toml:12: [[timeout]] \"our-proxy\", key `id`: this id stands in the file already; give every row";
    assert!(twice.starts_with(place), "{twice}");
    let stack = "[[keepalive_default]]\nid = \"s\"\nproduct = \"S\"\nkind = \"os\"\nenabled_by_default = true\n";
    let stack = table().merged("own.toml", stack).unwrap_err().to_string();
    assert!(stack.starts_with("own.toml:5: [[keepalive_default]] \"s\", key `enabled_by_default`: "), "{stack}");
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,80}", at in 0..OWN.len()) {
        let _ = table().merged("own.toml", &text);
        let mut cut = OWN.to_owned();
        cut.insert_str(at, &text);
        let _ = table().merged("own.toml", &cut);
    }
}

// ---- matching

#[test]
fn the_lvs_incident_points_to_lvs() {
    let table = table();
    let found = table.within(Some(secs(60)), Span::from_millis(90_004), Clock::Packet, Some(Expiry::RstBoth));
    assert_eq!(ids(&found)[..2], ["alibaba-lvs-fullnat-established", "iqiyi-dpvs-established"]);
    assert_eq!(found[0].fit, Fit::Exact);
    assert!(found[0].against.is_empty() && found[0].reasons.len() == 3, "{:?}", found[0]);
}

#[test]
fn the_silent_f5_fits_a_death_on_the_next_packet() {
    let table = table();
    let found = table.within(Some(secs(240)), secs(310), Clock::Packet, Some(Expiry::RstOnNextPacket));
    assert_eq!(ids(&found)[0], "f5-bigip-reset-disabled");
    assert_eq!(found[0].fit, Fit::Inside);
    // 300 s to both ends is not how these flows died.
    let both = found.iter().find(|candidate| candidate.entry.id == "f5-bigip-fastl4").unwrap();
    assert!(both.against.iter().any(|clause| clause.contains("rst-both")), "{both:?}");
}

#[test]
fn keepalives_that_did_not_help_rule_out_timers_that_count_packets() {
    let table = table();
    let found = table.within(None, Span::from_millis(60_100), Clock::Payload, Some(Expiry::Http504));
    assert!(found.iter().all(|candidate| candidate.entry.refresh != Refresh::Refreshed));
    assert_eq!(found[0].entry.refresh, Refresh::NotRefreshed);
    // A 504 is the manner of these two; a box that says FIN without one is alike and comes later.
    let place = |id: &str| ids(&found).iter().position(|found| *found == id).unwrap();
    assert!(place("nginx-proxy-read") < place("aws-clb-idle") && place("alicloud-alb-request") < place("aws-clb-idle"));
    assert!(found[place("aws-clb-idle")].reasons.contains(&"it kills in a like manner (fin)".to_owned()));
}

#[test]
fn a_kill_that_was_seen_is_the_timer_itself() {
    let table = table();
    // Nothing is known to survive, but a FIN at 300 s is not the work of a 60 s timer; a lost flow found at 300 s may be.
    let seen = table.within(None, secs(300), Clock::Packet, Some(Expiry::Fin));
    assert!(ids(&seen).contains(&"caddy-idle") && !ids(&seen).contains(&"haproxy-client-rhel"));
    let found = table.within(None, secs(300), Clock::Packet, Some(Expiry::RstOnNextPacket));
    assert!(ids(&found).contains(&"gcp-passthrough-nlb-external"));
}

#[test]
fn half_closed_rows_fit_half_closed_flows_alone() {
    let table = table();
    let seen = Observation {
        state: State::HalfClosed,
        lower: Some(secs(3)),
        upper: secs(8),
        clock: Clock::Packet,
        manner: Some(Expiry::SilentDrop),
    };
    assert_eq!(ids(&table.candidates(&seen))[..2], ["alibaba-lvs-fullnat-halfclosed", "iqiyi-dpvs-halfclosed"]);
    assert!(!ids(&table.within(Some(secs(3)), secs(8), Clock::Packet, None)).contains(&"iqiyi-dpvs-halfclosed"));
}

#[test]
fn a_gap_is_near_a_timer_that_fired_late_but_never_early() {
    let table = table();
    let near = |millis| ids(&table.near(Span::from_millis(millis))).contains(&"aws-nlb-tcp");
    // 350 s and 12.5 % of it: 43.75 s.
    assert!(!near(349_900) && near(350_000) && near(393_750) && !near(393_751));
    assert_eq!(lateness(secs(4), Layer::L4), Span::from_millis(800));
    assert_eq!(lateness(secs(60), Layer::L7), secs(2));
    assert_eq!(lateness(secs(600), Layer::L7), secs(6));
    let found = table.near(secs(350));
    assert!(!ids(&found).contains(&"linux-ipvs-udp") && found.iter().all(|candidate| candidate.fit == Fit::Exact));
    // A limit on age, a requirement on others and a cache in front of another timer are no idle timers.
    assert!(!ids(&table.near(secs(3600))).contains(&"nginx-keepalive-time"));
    assert!(!ids(&table.near(secs(7440))).contains(&"rfc5382-nat-established"));
    assert!(!ids(&table.near(secs(30))).contains(&"linux-nf-flowtable-tcp"));
}

#[test]
fn older_defaults_and_settable_values_come_after_defaults() {
    let table = table();
    let found = table.within(Some(secs(99)), secs(101), Clock::Packet, None);
    let fits: Vec<Fit> = found.iter().map(|candidate| candidate.fit).collect();
    assert!(fits.is_sorted(), "{fits:?}");
    let cloudflare = found.iter().find(|candidate| candidate.entry.id == "cloudflare-proxy-read").unwrap();
    assert_eq!(cloudflare.fit, Fit::Previous);
    assert!(cloudflare.against.contains(&"its default is now 120 s".to_owned()));
    let nlb = found.iter().find(|candidate| candidate.entry.id == "aws-nlb-tcp").unwrap();
    assert_eq!(nlb.fit, Fit::Range);
    assert!(!ids(&found).contains(&"aws-nat-gateway-tcp"), "350 s are fixed there");
}

#[test]
fn a_users_own_row_comes_first_among_equals() {
    let own = table().merged("own.toml", &OWN.replace("77", "90")).unwrap();
    let found = own.within(None, secs(90), Clock::Packet, Some(Expiry::RstBoth));
    assert_eq!(ids(&found)[0], "our-proxy");
}

proptest! {
    #[test]
    fn no_candidate_lies_outside_the_bracket(
        lower in prop::option::of(0i64..500_000), width in 1i64..500_000, manner in 0usize..8, payload: bool,
    ) {
        let table = table();
        let manners = [
            None, Some(Expiry::SilentDrop), Some(Expiry::RstBoth), Some(Expiry::RstOnNextPacket), Some(Expiry::Fin),
            Some(Expiry::Http408), Some(Expiry::Http504), Some(Expiry::Unknown),
        ];
        let upper = lower.unwrap_or(0) + width;
        let clock = if payload { Clock::Payload } else { Clock::Packet };
        for found in table.within(lower.map(secs), secs(upper), clock, manners[manner]) {
            let inside = |value: i64| lower.is_none_or(|lower| value > lower) && value <= upper;
            let entry = found.entry;
            let fits = match found.fit {
                Fit::Exact | Fit::Inside => inside(i64::from(entry.idle.0)),
                Fit::Previous => entry.previous.iter().any(|value| inside(i64::from(value.0))),
                Fit::Range => {
                    let (min, max) = (i64::from(entry.min.unwrap().0), i64::from(entry.max.unwrap().0));
                    max > lower.unwrap_or(0) && min <= upper
                }
            };
            prop_assert!(fits, "{} as {:?} in {:?}..{}", entry.id, found.fit, lower, upper);
            prop_assert!(entry.state == State::Established && entry.cuts && entry.counts != Counts::Lifetime);
            prop_assert!(!found.reasons.is_empty());
        }
    }

    #[test]
    fn a_value_of_a_row_is_always_found_by_it(at in 0usize..189, permille in 0i64..=1_000) {
        let table = table();
        let entry = &table.entries()[at];
        if entry.state == State::Established && entry.cuts && entry.counts != Counts::Lifetime {
            let idle = entry.idle.span();
            let late = Span::from_nanos(lateness(idle, entry.layer).as_nanos() / 1_000 * permille);
            let gap = idle.plus(late);
            prop_assert!(ids(&table.near(gap)).contains(&entry.id.as_str()));
        }
    }

    #[test]
    fn the_keepalive_time_beats_the_timer_however_late_it_fires(timeout in prop_oneof![0i64..10_000, 0i64..1_000_000_000]) {
        match keepalive_time(Span::from_millis(timeout)) {
            Some(time) => {
                let millis = time.as_nanos() / 1_000_000;
                prop_assert!(millis % 1000 == 0 && millis >= 1000 && millis * 2 <= timeout);
                prop_assert!(millis * 1125 <= (timeout - 2_000) * 1000);
            }
            // One second late by an eighth, and the margin of two.
            None => prop_assert!(timeout < 3_125 + 1),
        }
    }
}

// ---- search

#[test]
fn durations_are_read_as_people_type_them() {
    for (typed, millis) in [
        ("350", 350_000),
        ("350s", 350_000),
        ("5m50s", 350_000),
        ("15min", 900_000),
        ("2h", 7_200_000),
        ("1.5s", 1_500),
    ] {
        assert_eq!(parse_duration(typed), Some(Span::from_millis(millis)), "{typed}");
    }
    for other in ["", "nlb", "s", "5x", "5m50", ".", "l4", "4l", "1m s"] {
        assert_eq!(parse_duration(other), None, "{other}");
    }
}

#[test]
fn a_number_finds_defaults_first_and_then_what_can_be_set() {
    let table = table();
    for query in ["350", "350s", "350 s", "5m50s", "aws 350", "350 AWS"] {
        let hits = table.search(query);
        assert_eq!((hits[0].entry.idle.0, hits[0].why), (350, Why::Value), "{query}");
        assert!(hits.iter().any(|hit| hit.entry.id == "aws-nat-gateway-tcp"), "{query}");
    }
    let azure = table.search("350").into_iter().find(|hit| hit.entry.id == "azure-lb-rule").unwrap();
    assert_eq!(azure.why, Why::Range);
    // The note of this row tells the two apart.
    assert!(table.search("aws 350").iter().any(|hit| hit.entry.id == "oci-nlb-tcp"));
    assert!(!table.search("aws 350").iter().any(|hit| hit.entry.id == "azure-lb-rule"));
}

#[test]
fn words_are_found_in_any_case_and_all_must_match() {
    let table = table();
    let found = |query: &str| table.search(query).iter().map(|hit| hit.entry.id.as_str()).collect::<Vec<_>>();
    assert!(found("NGINX Proxy_Read").contains(&"nginx-proxy-read"));
    assert!(found("udp").contains(&"linux-ipvs-udp"));
    assert!(found("nginx doesnotexist").is_empty());
    assert_eq!(found("").len(), 189);
    assert!(table.search_keepalive_defaults("redis").iter().any(|row| row.id == "redis-server"));
}

// ---- what the command prints

#[test]
fn no_line_exceeds_eighty_columns_and_nothing_is_lost() {
    let table = table();
    let listing = text(&table, "", 80);
    for line in listing.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\t') && !line.contains('\x1b') && line.trim_end() == line, "{line:?}");
    }
    for id in table.entries().iter().map(|entry| &entry.id).chain(table.keepalive_defaults().iter().map(|row| &row.id))
    {
        assert!(listing.contains(id.as_str()), "{id}");
        let page = text(&table, id, 80);
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        assert!(page.contains(id.as_str()) && page.contains("source") && page.contains("built-in"), "{page}");
    }
}

#[test]
fn one_row_is_explained() {
    let table = table();
    let nlb = text(&table, "aws-nlb-tcp", 80);
    for words in [
        "350 s (5m50s)",
        "60 s (1m) to 6000 s (1h40m)",
        "tcp.idle_timeout.seconds",
        "packet clock",
        "rst-on-next-packet",
        "175 s (2m55s)",
    ] {
        assert!(nlb.contains(words), "{words}\n{nlb}");
    }
    assert!(text(&table, "aws-nat-gateway-tcp", 80).contains("fixed"));
    assert!(text(&table, "nginx-proxy-read", 80).contains("TCP keepalive cannot help here"));
    assert!(text(&table, "linux-nf-conntrack-established", 80).contains("432000 s (5d)"));
    assert!(text(&table, "linux-nf-conntrack-established", 80).contains("the usual time of 7200 s (2h)"));
    assert!(nlb.contains("go-net (15 s)") && !nlb.contains("redis-server"), "{nlb}");
    assert!(text(&table, "AWS-NLB-TCP", 80) == nlb);
    assert!(text(&table, "nginx-keepalive-time", 80).contains("age of the connection"));
    assert!(text(&table.clone().merged("own.toml", OWN).unwrap(), "our-proxy", 80).contains("own.toml"));
}

#[test]
fn an_unknown_query_says_so_and_suggests() {
    let table = table();
    let mut out = Vec::new();
    assert_eq!(render(&table, "ngnix-proxy-raed", Format::Text, 80, &mut out).unwrap(), Found::Nothing);
    let said = String::from_utf8(out).unwrap();
    assert!(said.starts_with("No timeout in the table matches \"ngnix-proxy-raed\".\n"), "{said}");
    assert!(said.lines().nth(2).unwrap().contains("nginx-proxy-read"), "{said}");
    assert!(text(&table, "haprxy", 80).contains("haproxy-client-rhel"));
    assert!(!text(&table, "zzzzzzzz", 80).contains("Did you mean"));
}

#[test]
fn json_has_the_rows_with_their_seconds() {
    let table = table();
    let mut out = Vec::new();
    assert_eq!(render(&table, "aws-nlb-tcp", Format::Json, 80, &mut out).unwrap(), Found::Rows);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let row = &json["timeouts"][0];
    assert_eq!(row["id"], "aws-nlb-tcp");
    assert_eq!((&row["idle_s"], &row["min_s"], &row["max_s"]), (&350.into(), &60.into(), &6000.into()));
    assert_eq!((&row["on_expiry"][0], &row["resets_on_keepalive"]), (&"rst-on-next-packet".into(), &true.into()));
    assert_eq!(
        (&row["origin"], &row["state"], &row["checked"]),
        (&"built-in".into(), &"established".into(), &"2026-11-22".into())
    );
    assert_eq!(json["keepalive_defaults"].as_array().unwrap().len(), 0);

    let mut out = Vec::new();
    assert_eq!(render(&table, "zzzz", Format::Json, 80, &mut out).unwrap(), Found::Nothing);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap()["timeouts"].as_array().unwrap().len(), 0);
}

// ---- the command's edge

#[test]
fn a_named_file_is_read_and_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml");
    let missing = load(Some(&path)).unwrap_err().to_string();
    assert!(missing.starts_with(&format!("{}: cannot read the table of timeouts: ", path.display())), "{missing}");
    assert!(missing.contains("--timeouts"), "{missing}");
    std::fs::write(&path, OWN).unwrap();
    let row = load(Some(&path)).unwrap().get("our-proxy").unwrap().clone();
    assert_eq!(row.origin, Origin::File(path.to_string_lossy().into_owned()));
}

#[test]
fn the_arguments_are_well_formed() {
    let command = TimeoutsArgs::augment_args(clap::Command::new("timeouts"));
    command.clone().debug_assert();
    let matches = command.try_get_matches_from(["timeouts", "aws", "350", "--format", "json"]).unwrap();
    let arguments = TimeoutsArgs::from_arg_matches(&matches).unwrap();
    assert_eq!((arguments.query.join(" "), arguments.format), ("aws 350".to_owned(), Format::Json));
}

// ---- the page

/// To write it anew after a wanted change: `UPDATE=1 cargo test --test timeouts page`, then read the difference.
#[test]
fn the_page_of_the_documentation_is_the_table() {
    let mut page = Vec::new();
    render(&table(), "", Format::Markdown, 80, &mut page).expect("a vector takes everything");
    let page = String::from_utf8(page).expect("text is UTF-8");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/TIMEOUTS.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    assert!(page == std::fs::read_to_string(&path).unwrap_or_default(), "docs/TIMEOUTS.md is not what is printed now");
    for id in
        table().entries().iter().map(|entry| &entry.id).chain(table().keepalive_defaults().iter().map(|row| &row.id))
    {
        assert_eq!(page.matches(&format!("`{id}`")).count(), 1, "{id}");
    }
}

#[test]
fn nothing_in_a_row_is_markup_on_the_page() {
    let own = OWN.replace("Our proxy", "a|b <img> *c* [d](e)");
    let table = table().merged("own_|_table.toml", &own).unwrap();
    let mut page = Vec::new();
    assert_eq!(render(&table, "our-proxy", Format::Markdown, 80, &mut page).unwrap(), Found::Rows);
    let page = String::from_utf8(page).unwrap();
    let row = page.lines().find(|line| line.contains("`our-proxy`")).unwrap();
    assert!(row.contains(r"a\|b \<img\> \*c\* \[d\](e)") && row.contains(r"own\_\|\_table.toml"), "{row}");
    assert_eq!(row.matches(" | ").count(), 4, "{row}");
}
