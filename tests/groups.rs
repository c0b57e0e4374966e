//! What flows say together: services behind one box, paths of one service, brackets that contradict themselves. Every capture
//! is made of conversations whose silences are written down here, so that what must be said follows by hand.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it cannot go on")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use idlegap::script::{Script, to_pcap};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// How a conversation ends, after a silence of so many seconds.
#[derive(Clone, Copy)]
enum End {
    /// A box resets both ends out of the silence; its RSTs have this TTL.
    ResetBoth(u32, u8),
    /// The client speaks after the silence and meets a RST of this TTL, sooner than the server ever answered.
    ResetNext(u32, u8),
    /// The client speaks after the silence and is never answered.
    Dropped(u32),
    /// The ends close in good order at once.
    Closed,
}

/// A conversation: an exchange, a silence that survives (none if 0), another exchange, and the end.
#[derive(Clone, Copy)]
struct Talk {
    client: &'static str,
    server: &'static str,
    /// Hop limit of the client's segments.
    ttl: u8,
    survives: u32,
    end: End,
}

fn talk(server: &'static str, survives: u32, end: End) -> Talk {
    Talk { client: "192.0.2.10", server, ttl: 64, survives, end }
}

impl Talk {
    /// The lines of conversation `n` with their times in tenths of milliseconds.
    fn lines(&self, n: usize, start: u64, lines: &mut Vec<(u64, String)>) {
        let mut at = start;
        let mut say = |after: u64, what: &str| {
            at += after;
            lines.push((at, format!("f{n} {what}")));
        };
        say(0, "> S 0:0(0) win 64240 <mss 1460>");
        say(100, "< S. 0:0(0) ack 1 win 65160 <mss 1460>");
        say(1, "> . 1:1(0) ack 1");
        say(10, "> P. 1:101(100) ack 1");
        say(100, "< P. 1:201(200) ack 101");
        say(1, "> . 101:101(0) ack 201");
        say(u64::from(self.survives) * 10_000 + 1, "> P. 101:201(100) ack 201");
        say(100, "< P. 201:401(200) ack 201");
        say(1, "> . 201:201(0) ack 401");
        match self.end {
            End::ResetBoth(silence, ttl) => {
                say(u64::from(silence) * 10_000, &format!("< R 401:401(0) win 0 ttl {ttl} ipid 0"));
                say(4, &format!("> R 201:201(0) win 0 ttl {ttl} ipid 0"));
            }
            End::ResetNext(silence, ttl) => {
                say(u64::from(silence) * 10_000, "> P. 201:301(100) ack 401");
                say(5, &format!("< R 401:401(0) win 0 ttl {ttl} ipid 0"));
            }
            End::Dropped(silence) => {
                say(u64::from(silence) * 10_000, "> P. 201:301(100) ack 401");
                [2_100, 4_200, 8_400, 16_800].into_iter().for_each(|wait| say(wait, "> P. 201:301(100) ack 401"));
            }
            End::Closed => {
                say(5, "> F. 201:201(0) ack 401");
                say(100, "< F. 401:401(0) ack 202");
                say(1, "> . 202:202(0) ack 402");
            }
        }
    }
}

/// The capture of these conversations, each begun 0.7 s after the one before.
fn capture(talks: &[Talk]) -> NamedTempFile {
    let (mut script, mut lines) = (String::new(), Vec::new());
    for (n, talk) in talks.iter().enumerate() {
        let (client, port) = (talk.client, 40_000 + n);
        let isn = 1_000 + 100_000 * n;
        writeln!(script, "flow f{n} {client}:{port} > {} isn {isn} {} ttl {} 57", talk.server, isn + 50_000, talk.ttl)
            .unwrap();
        talk.lines(n, 7_000 * n as u64, &mut lines);
    }
    lines.sort();
    for (at, line) in lines {
        writeln!(script, "{}.{:04} {line}", at / 10_000, at % 10_000).unwrap();
    }
    writeln!(script, "end +60").unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&to_pcap(&Script::parse(&script).unwrap())).unwrap();
    file
}

fn run(talks: &[Talk], arguments: &[&str]) -> String {
    let file = capture(talks);
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).arg(file.path()).stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(talks: &[Talk]) -> Value {
    serde_json::from_str(&run(talks, &["--format", "json"])).unwrap()
}

/// The text report on one endless line.
fn text(talks: &[Talk]) -> String {
    run(talks, &["--color", "never"]).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn near(value: &Value, secs: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - secs).abs() < 0.01, "{value} is not {secs}");
}

fn joined(reasons: &Value) -> String {
    reasons.as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect::<Vec<_>>().join("; ")
}

const WEB: &str = "10.0.0.9:80";
const API: &str = "10.0.0.9:8080";
const DB: &str = "10.0.0.9:5432";

/// One address, three ports, one death each; only together do they have a tight bracket.
fn three_ports() -> Vec<Talk> {
    vec![
        talk(WEB, 60, End::ResetBoth(90, 62)),
        talk(API, 85, End::ResetBoth(91, 62)),
        talk(DB, 0, End::ResetBoth(90, 62)),
        talk(DB, 20, End::Closed),
    ]
}

#[test]
fn three_ports_with_one_death_each_make_one_bracket() {
    let report = report(&three_ports());
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1);
    let group = &groups[0];
    assert_eq!(group["members"], serde_json::json!([WEB, DB, API]), "by port");
    assert_eq!((&group["flows"], &group["died"]), (&4.into(), &3.into()));
    assert_eq!((&group["clock"], &group["manner"]), (&"packet".into(), &"rst-both".into()));
    near(&group["survived_max_s"], 85.0);
    near(&group["died_min_s"], 90.0);
    near(&group["died_max_s"], 91.0);
    near(&group["timer_range_s"][0], 90.0);
    near(&group["timer_range_s"][1], 91.0);
    let candidates: Vec<_> =
        group["candidates"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(candidates.contains(&"alibaba-lvs-fullnat-established"), "{candidates:?}");
    let reasons = joined(&group["reasons"]);
    for words in ["all are at 10.0.0.9", "TTL 62, without ACK", "none survived more than 85.0 s", "would look the same"]
    {
        assert!(reasons.contains(words), "no {words:?} in {reasons}");
    }
    let sentence = report["summary"]["sentence"].as_str().unwrap();
    let start = "3 of 4 flows to 3 services behind what looks like one box (10.0.0.9:80, 10.0.0.9:5432 and 10.0.0.9:8080) died of \
                 silence: after 90.0 s to 91.0 s without a packet it reset them";
    assert!(sentence.starts_with(start), "{sentence}");
    assert!(
        sentence.contains("the longest silence that survived is 85.0 s") && !sentence.contains("other flow"),
        "{sentence}"
    );
}

// Of the flow of DB alone the timer would be anything up to 90 s; API alone would advise below 91 s.
#[test]
fn findings_and_advice_stand_on_the_bracket_of_the_group() {
    let report = report(&three_ports());
    for finding in report["findings"].as_array().unwrap() {
        assert!(
            finding["detail"].as_str().unwrap().contains("The same hand killed 3 flows at 3 services"),
            "{finding}"
        );
        let advice = finding["advice"][0]["text"].as_str().unwrap();
        assert!(advice.contains("The timer is 90 s") && advice.contains("at most 45 s"), "{advice}");
    }
    let text = text(&three_ports());
    assert!(text.contains("Services behind one box 10.0.0.9:80, 10.0.0.9:5432, 10.0.0.9:8080 4 flows, 3 died of silence: 85.0 s without packets survived, 90.0 s to 91.0 s did not; the timer itself is 90.0 s, and fired up to 1.00 s late"), "{text}");
}

#[test]
fn a_service_that_contradicts_the_timer_is_left_out_and_named() {
    let report = report(&[
        talk(WEB, 60, End::ResetNext(90, 62)),
        talk(API, 50, End::ResetNext(120, 62)),
        talk(DB, 200, End::ResetNext(300, 62)),
        talk("10.0.0.9:22", 400, End::Closed),
    ]);
    let group = &report["groups"][0];
    assert_eq!(group["members"], serde_json::json!([WEB, API]));
    near(&group["survived_max_s"], 60.0);
    near(&group["died_min_s"], 90.0);
    assert_eq!(group["timer_range_s"], Value::Null, "no kill was seen: 90 s is a bound");
    let reasons = joined(&group["reasons"]);
    assert!(reasons.contains("but not 10.0.0.9:5432, at the same place: 200 s"), "{reasons}");
    assert!(reasons.contains("but not 10.0.0.9:22, at the same place: 400 s"), "{reasons}");
    assert_eq!(report["groups"].as_array().unwrap().len(), 1);
}

#[test]
fn other_hands_and_other_places_make_no_group() {
    let elsewhere = Talk { client: "198.51.100.7", ..talk("10.0.5.9:80", 60, End::ResetBoth(90, 62)) };
    let report = report(&[
        talk(WEB, 60, End::ResetBoth(90, 62)),
        talk(API, 60, End::ResetBoth(90, 50)),
        talk(DB, 60, End::Dropped(90)),
        elsewhere,
    ]);
    assert_eq!(report["groups"], serde_json::json!([]));
    assert_eq!(report["verdicts"]["idle-reset"], 3);
    assert_eq!(report["verdicts"]["idle-drop"], 1);
}

/// Two of three clients of one network die, one of another network outlives them.
fn two_networks(ttl: u8, other: &'static str, other_ttl: u8) -> Vec<Talk> {
    let near = |survives, end| Talk { client: "192.0.2.10", ttl, ..talk(WEB, survives, end) };
    let far = |survives, end| Talk { client: other, ttl: other_ttl, ..talk(WEB, survives, end) };
    vec![
        near(60, End::ResetBoth(90, 61)),
        far(300, End::Closed),
        near(70, End::ResetBoth(90, 61)),
        far(10, End::Closed),
        near(20, End::Closed),
    ]
}

#[track_caller]
fn split(talks: &[Talk], killing: &str) {
    let report = report(talks);
    let service = &report["services"][0];
    let paths = service["paths"].as_array().unwrap();
    assert_eq!(paths.len(), 2, "{service}");
    assert_eq!(paths[0]["clients"], killing);
    assert_eq!((&paths[0]["flows"], &paths[0]["died"]), (&3.into(), &2.into()));
    near(&paths[0]["survived_max_s"], 70.0);
    near(&paths[0]["died_min_s"], 90.0);
    assert_eq!((&paths[1]["clients"], &paths[1]["flows"], &paths[1]["died"]), (&Value::Null, &2.into(), &0.into()));
    near(&paths[1]["survived_max_s"], 300.0);
    let why = service["contradiction"].as_str().unwrap();
    assert!(
        why.contains(&format!("only {killing} died so")) && why.contains("a path that not all clients take"),
        "{why}"
    );
    let sentence = report["summary"]["sentence"].as_str().unwrap();
    let end = format!(
        "only {killing} died so, everybody else survived up to 300 s (5m); the longest silence that survived there is 70.0 s"
    );
    assert!(sentence.contains(&end), "{sentence}");
    // 70 s survived there and 90 s did not: only that path's bracket has rows of the table in it.
    assert!(!service["candidates"].as_array().unwrap().is_empty());
}

#[test]
fn a_service_whose_clients_come_by_two_paths_is_split() {
    split(&two_networks(64, "198.51.100.10", 64), "clients of 192.0.2.0/24");
    split(&two_networks(60, "192.0.2.77", 64), "clients whose segments have TTL 60");
}

#[test]
fn one_death_splits_nothing_and_the_contradiction_is_said() {
    let far = Talk { client: "198.51.100.10", ..talk(WEB, 300, End::Closed) };
    for talks in [
        vec![talk(WEB, 60, End::ResetBoth(90, 61)), far],
        vec![talk(WEB, 60, End::ResetBoth(90, 61)), talk(WEB, 60, End::ResetBoth(90, 61)), talk(WEB, 300, End::Closed)],
    ] {
        let report = report(&talks);
        let service = &report["services"][0];
        assert_eq!(service["paths"], serde_json::json!([]));
        let why = service["contradiction"].as_str().unwrap();
        assert!(why.contains("300 s (5m) survived too") && why.contains("several boxes"), "{why}");
        assert!(report["summary"]["sentence"].as_str().unwrap().contains("no single timer explains this"));
        assert!(text(&talks).contains("no single timer: yet 300 s (5m) survived too"));
    }
    // Survived no longer than timers are late: nothing to explain.
    let late = report(&[talk(WEB, 60, End::ResetBoth(90, 61)), talk(WEB, 95, End::Closed)]);
    assert_eq!(late["services"][0]["contradiction"], Value::Null);
}

#[test]
fn kills_far_apart_are_not_one_timer() {
    let report = report(&[talk(WEB, 60, End::ResetBoth(90, 61)), talk(WEB, 60, End::ResetBoth(200, 61))]);
    let service = &report["services"][0];
    assert_eq!(service["timer_range_s"], Value::Null);
    assert!(
        service["contradiction"].as_str().unwrap().contains("farther apart than one timer fires late"),
        "{service}"
    );
}

const SERVICES: [&str; 5] = [WEB, API, DB, "10.0.0.10:80", "10.0.3.3:6379"];

/// 200 flows over five services: seven reset by one box at three of them, three dropped at the last, the rest well.
fn incident() -> Vec<Talk> {
    let one = |n: usize| match n {
        9 | 37 | 65 => talk(WEB, 0, End::ResetBoth(90, 62)),
        93 | 121 => talk(API, 0, End::ResetBoth(90, 62)),
        149 | 177 => talk("10.0.0.10:80", 0, End::ResetBoth(90, 62)),
        31 | 99 | 171 => talk("10.0.3.3:6379", 30, End::Dropped(120)),
        _ => talk(SERVICES[n % 5], [0, 5, 40, 60][n % 4], End::Closed),
    };
    (0..200).map(one).collect()
}

#[test]
fn an_incident_over_several_services_shows_exactly_its_ten_flows() {
    let report = report(&incident());
    assert_eq!(report["verdicts"], serde_json::json!({"idle-reset": 7, "idle-drop": 3, "graceful": 190}));
    let died: Vec<u64> = report["flows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|flow| flow["verdict"]["id"] != "graceful")
        .map(|flow| flow["id"].as_u64().unwrap())
        .collect();
    assert_eq!(died, [9, 31, 37, 65, 93, 99, 121, 149, 171, 177]);
    let of_findings: u64 =
        report["findings"].as_array().unwrap().iter().map(|one| one["flows_total"].as_u64().unwrap()).sum();
    assert_eq!(of_findings, 10);
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "the drops are of one service, and another hand's");
    assert_eq!(groups[0]["members"], serde_json::json!([WEB, API, "10.0.0.10:80"]));
    assert_eq!(groups[0]["died"], 7);
    near(&groups[0]["survived_max_s"], 60.0);
    assert!(joined(&groups[0]["reasons"]).contains("all are in 10.0.0.0/24"));
    let sentence = report["summary"]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("7 of ") && sentence.contains("to 3 services behind what looks like one box"),
        "{sentence}"
    );
    assert!(sentence.contains("3 other flows died of silence too"), "{sentence}");
}

#[test]
fn the_order_of_flows_and_services_does_not_matter() {
    let strip = |report: Value| {
        let services: Vec<_> = report["services"].as_array().unwrap().iter().map(ToString::to_string).collect();
        (report["groups"].clone(), services, report["verdicts"].clone())
    };
    for talks in [three_ports(), incident()[..60].to_vec(), two_networks(64, "198.51.100.10", 64)] {
        let forth = strip(report(&talks));
        let mut turned = talks.clone();
        turned.reverse();
        assert_eq!(forth, strip(report(&turned)));
        turned.rotate_left(talks.len() / 3);
        assert_eq!(forth, strip(report(&turned)));
    }
}

// By itself WEB would agree with 100 s, since its death is an upper bound; API, behind the same box, survived 120 s.
#[test]
fn an_assumption_is_tried_on_the_whole_group() {
    let talks = [talk(WEB, 0, End::ResetNext(150, 62)), talk(API, 120, End::ResetNext(160, 62))];
    let assumed = |talks: &[Talk], idle: u32| {
        let mut row = NamedTempFile::new().unwrap();
        writeln!(
            row,
            "[[timeout]]\nid = 'our-box'\nproduct = 'Our box'\nkind = 'balancer'\nlayer = 'l4'\nidle_seconds = {idle}"
        )
        .unwrap();
        writeln!(row, "on_expiry = ['rst-on-next-packet']\nresets_on_keepalive = true").unwrap();
        let path = row.path().to_str().unwrap();
        let report: Value =
            serde_json::from_str(&run(talks, &["--format", "json", "--timeouts", path, "--assume", "our-box"]))
                .unwrap();
        (report["assumption"]["verdict"].as_str().unwrap().to_owned(), joined(&report["assumption"]["reasons"]))
    };
    assert_eq!(assumed(&talks[..1], 100).0, "holds");
    let (verdict, reasons) = assumed(&talks, 100);
    assert_eq!(verdict, "contradicted", "{reasons}");
    assert!(reasons.contains("10.0.0.9:80 and 10.0.0.9:8080, behind what looks like one box: 120 s"), "{reasons}");
    assert_eq!(assumed(&talks, 140).0, "holds");
}

// What survived on a path that the box does not stand on says nothing about the box.
#[test]
fn an_assumption_is_tried_on_the_path_that_kills() {
    let talks = two_networks(64, "198.51.100.10", 64);
    let report: Value =
        serde_json::from_str(&run(&talks, &["--format", "json", "--assume", "alibaba-lvs-fullnat-established"]))
            .unwrap();
    assert_eq!(report["assumption"]["verdict"], "holds", "{}", report["assumption"]);
    assert!(joined(&report["assumption"]["reasons"]).contains("clients on whose path nothing died"));
}

/// The recording of a director with a timer of 12 s in front of four ports, and what its note says: 8, 11 and 7 s survived on
/// three of them, 20 s on the fourth, which has a timer of its own.
#[test]
fn a_real_director_in_front_of_three_services_makes_one_bracket() {
    let name = "services-behind-one-box";
    let capture = format!("{}/fixtures/captures/{name}/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_idlegap")).args(["--format", "json", &capture]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["groups"].as_array().unwrap().len(), 1);
    let group = &report["groups"][0];
    assert_eq!(group["members"], json!(["203.0.113.80:80", "203.0.113.80:5432", "203.0.113.80:6379"]));
    assert_eq!((&group["flows"], &group["died"]), (&json!(6), &json!(3)));
    near(&group["survived_max_s"], 11.0);
    near(&group["died_min_s"], 12.0);
    assert!(joined(&group["reasons"]).contains("but not 203.0.113.80:8080"));
    for service in report["services"].as_array().unwrap() {
        let alone = [
            ("203.0.113.80:5432", 8.0),
            ("203.0.113.80:6379", 11.0),
            ("203.0.113.80:80", 7.0),
            ("203.0.113.80:8080", 20.0),
        ];
        let survived = alone.iter().find(|(server, _)| service["server"] == *server).unwrap().1;
        near(&service["survived_max_s"], survived);
    }
}
