//! What a watch says while a capture goes on: warnings, deaths, rescues. Packet scripts are the captures, and every time is
//! worked out by hand.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "watch/play.rs"]
mod play;
#[path = "watch/schema.rs"]
mod schema;

use serde_json::{Value, json};

use idlegap::time::Span;
use idlegap::watch::timer::Timer;
use play::{Play, events_of, given, lines, of_type, seconds, times};

/// A director that forgets after 90 s, told by a RST to both ends; the first flow is probed every 30 s, the second is not
/// and its client waits for a report.
const SIDE_BY_SIDE: &str = "flow kept 10.0.0.1:40000 > 10.0.0.2:80 isn 1000 5000 ttl 64 57
flow bare 10.0.0.1:40001 > 10.0.0.2:80 isn 7000 9000 ttl 64 57
0      kept > S  0:0(0) win 64240 <mss 1460>
+.010  kept < S. 0:0(0) ack 1 win 65160 <mss 1460>
+.001  kept > .  1:1(0) ack 1
+.001  kept > P. 1:42(41) ack 1 data \"GET /kept HTTP/1.1\\r\\nHost: example.org\\r\\n\\r\\n\"
+.010  kept < .  1:1(0) ack 42
1      bare > S  0:0(0) win 64240 <mss 1460>
+.010  bare < S. 0:0(0) ack 1 win 65160 <mss 1460>
+.001  bare > .  1:1(0) ack 1
+.001  bare > P. 1:44(43) ack 1 data \"GET /report HTTP/1.1\\r\\nHost: example.org\\r\\n\\r\\n\"
+.010  bare < .  1:1(0) ack 44
30.022 kept > .  41:41(0) ack 1
+.010  kept < .  1:1(0) ack 42
60.032 kept > .  41:41(0) ack 1
+.010  kept < .  1:1(0) ack 42
90.042 kept > .  41:41(0) ack 1
+.010  kept < .  1:1(0) ack 42
91.022 bare < R. 1:1(0) ack 44 win 0 ttl 62 ipid 0
+.0004 bare > R. 44:44(0) ack 1 win 0 ttl 62 ipid 0
120.062 kept > .  41:41(0) ack 1
+.010  kept < .  1:1(0) ack 42
";

#[test]
fn the_warning_names_the_flow_without_keepalive_and_comes_before_its_end() {
    let events = events_of(SIDE_BY_SIDE, &given(90));
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["idle-warning", "saved", "reset", "reset", "death"], "{}", lines(&events));
    let [warning, saved, first, _, death] = &events[..] else { unreachable!() };
    // Silent since 1.022 s; 80 % of 90 s are 72 s.
    assert_eq!((seconds(warning), &warning["flow"], &warning["idle_s"]), (73.022, &json!(1), &json!(72.0)));
    assert_eq!(warning["left_s"], 18.0);
    assert_eq!(warning["waiting"]["request"], "GET /report (host example.org)");
    assert_eq!(warning["waiting"]["waited_s"], 72.01);
    assert_eq!((&warning["clock"], &warning["timeout_from"]), (&json!("packet"), &json!("given")));
    // The first answer after 0.022 + 90 s.
    assert_eq!((seconds(saved), &saved["flow"], &saved["by"]), (90.052, &json!(0), &json!("client")));
    assert_eq!((&saved["probes_answered"], &saved["frame"]), (&json!(3), &json!(16)));
    assert_eq!((&first["origin"], &first["from"]), (&json!("middlebox"), &json!("server")));
    assert_eq!((&death["flow"], &death["verdict"]["id"]), (&json!(1), &json!("idle-reset")));
    assert_eq!(death["waiting"]["request"], "GET /report (host example.org)");
    assert_eq!(death["verdict"]["timeout_s"], 90.0);
    // 200 ms after the second RST, at 91.0224 s, nothing more is to come.
    assert!(seconds(death) > 91.0224 && seconds(death) < 91.3, "{death}");
}

#[test]
fn a_timer_is_learnt_from_the_first_death() {
    let again = SIDE_BY_SIDE.replace("flow bare", "flow late 10.0.0.1:40002 > 10.0.0.2:80 isn 3000 4000\nflow bare")
        + "130 late > P. 1:11(10) ack 1
+.010 late < .  1:1(0) ack 11
+200  late > P. 11:21(10) ack 1
+.010 late < .  1:1(0) ack 21
+100  late > .  20:20(0) ack 1
+.010 late < .  1:1(0) ack 21
";
    let events = Play { timer: None, ..Play::default() }.events(&again);
    let warnings = of_type(&events, "idle-warning");
    let warned: Vec<_> = warnings.iter().map(|warning| warning["flow"].as_u64().unwrap()).collect();
    // The first flow is not probed any more.
    assert_eq!(warned, [0, 2], "{}", lines(&events));
    // 80 % of the 90 s that the first flow died of, noticed no later than an eighth of the silence after that.
    let idle = warnings[1]["idle_s"].as_f64().unwrap();
    assert!((72.0..=81.0).contains(&idle), "{idle}");
    assert_eq!((&warnings[1]["timeout_from"], &warnings[1]["timeout_s"]), (&json!("learnt"), &json!(90.0)));
    // Having survived 200 s it has shown that 90 s is no timer of this service: no warning before the end.
}

#[test]
fn an_unanswered_probe_is_told_once_and_in_time() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:80
0     > P. 1:11(10) ack 1
+.010 < P. 1:11(10) ack 11
+.001 > .  11:11(0) ack 11
+30   > .  10:10(0) ack 11
+.010 < .  11:11(0) ack 11
+30   > .  10:10(0) ack 11
+5    > .  10:10(0) ack 11
+5    > .  10:10(0) ack 11
+5    > R. 11:11(0) ack 11
end +30
";
    let events = events_of(text, &given(300));
    let probes = of_type(&events, "probe-unanswered");
    assert_eq!(times(&probes), [61.021, 66.021, 71.021], "a second after each: {}", lines(&events));
    let rows: Vec<_> = probes.iter().map(|probe| probe["in_a_row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [1, 2, 3]);
    let death = &of_type(&events, "death")[0];
    assert_eq!((&death["verdict"]["id"], &death["half_open"]), (&json!("keepalive-exhausted"), &json!("server")));
}

/// A box that forgets silently: what follows the gap is sent again and again. Ten seconds later the flow counts as dead.
#[test]
fn what_is_never_answered_after_a_gap_is_a_death() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432
0     > P. 1:11(10) ack 1
+.010 < P. 1:11(10) ack 11
+.001 > .  11:11(0) ack 11
+360  > P. 11:21(10) ack 11
+.3   > P. 11:21(10) ack 11
+.6   > P. 11:21(10) ack 11
+1.2  > P. 11:21(10) ack 11
+2.4  > P. 11:21(10) ack 11
+4.8  > P. 11:21(10) ack 11
end +30
";
    let events = events_of(text, &given(350));
    assert_eq!(lines_of_types(&events), ["idle-warning 280.011 0", "death 370.011 0"]);
    assert_eq!(events[1]["verdict"]["id"], "idle-drop");
}

#[test]
fn a_lost_answer_alone_is_no_death() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432
0     > P. 1:11(10) ack 1
+.010 < P. 1:11(10) ack 11
+.001 > .  11:11(0) ack 11
+60   > P. 11:21(10) ack 11
+.3   > P. 11:21(10) ack 11
+.6   < .  11:11(0) ack 21
end +30
";
    assert_eq!(lines_of_types(&events_of(text, &given(350))), [""; 0]);
}

/// Every packet restarts the timer, so that a busy flow is never warned of, and a silence is warned of once.
#[test]
fn one_silence_one_warning() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432
0     > P. 1:11(10) ack 1
+.010 < .  1:1(0) ack 11
+80   > P. 11:21(10) ack 1
+.010 < .  1:1(0) ack 21
+60   > P. 21:31(10) ack 1
+.010 < .  1:1(0) ack 31
end +500
";
    let expected = ["idle-warning 72.010 0", "idle-warning 212.030 0"];
    assert_eq!(lines_of_types(&events_of(text, &given(90))), expected);
}

/// A timer of payload is not restarted by probes: the flow is warned of although it is kept alive, and nothing saves it.
#[test]
fn probes_do_not_restart_a_timer_of_payload() {
    let mut play = Play { timer: Some(Timer::given(Span::from_secs(60))), ..Play::default() };
    play.timer.as_mut().unwrap().clock = idlegap::flow::gaps::Clock::Payload;
    let events = play.events(SIDE_BY_SIDE);
    let of_kept: Vec<_> = events.iter().filter(|event| event["flow"] == 0).collect();
    assert_eq!(of_kept.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["idle-warning"]);
    assert_eq!(seconds(of_kept[0]), 48.012, "80 % of 60 s after the request");
}

#[test]
fn losses_are_told_as_they_grow() {
    use idlegap::capture::Counters;
    use idlegap::time::Timestamp;
    let table = idlegap::timeouts::Table::built_in().unwrap();
    let mut watch = idlegap::watch::Watch::new(Play::default().settings(), &table);
    for (second, system, interface) in [(1, 0, 0), (2, 5, 0), (3, 5, 0), (4, 7, 1)] {
        let counters = Counters { system_drops: Some(system), interface_drops: Some(interface), ..Counters::default() };
        watch.count(Timestamp::from_nanos(second * 1_000_000_000), &counters);
    }
    let events: Vec<Value> = watch.drain_events().map(|event| serde_json::to_value(event).unwrap()).collect();
    schema::validate_all(&events);
    let times: Vec<_> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert_eq!(times, ["1970-01-01T00:00:02.000000000Z", "1970-01-01T00:00:04.000000000Z"]);
    assert_eq!(
        (&events[1]["lost"], &events[1]["lost_total"], &events[1]["by_interface"]),
        (&json!(3), &json!(8), &json!(1))
    );
}

fn lines_of_types(events: &[Value]) -> Vec<String> {
    let line = |event: &Value| format!("{} {:.3} {}", event["type"].as_str().unwrap(), seconds(event), event["flow"]);
    events.iter().map(line).collect()
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Ticks bring what is due to light sooner, and change nothing else.
        #[test]
        fn ticks_change_no_event(mut ticks in prop::collection::vec(0..125_000_000_000_i64, 0..40)) {
            ticks.sort_unstable();
            let timer = Some(Timer::given(Span::from_secs(90)));
            let with = Play { timer: timer.clone(), ticks, ..Play::default() };
            let without = Play { timer, ..Play::default() };
            prop_assert_eq!(with.events(SIDE_BY_SIDE), without.events(SIDE_BY_SIDE));
        }
    }
}
