//! `idlegap live` from outside: real sockets and timers in network namespaces (those tests need root, and say so where it
//! is missing), captures that arrive on standard input, and a flood of flows through a pipe.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test opens files and looks at the clock, says what it skips, and fails where it cannot go on"
)]

#[path = "live/pipe.rs"]
mod pipe;
#[path = "live/scene.rs"]
mod scene;
#[path = "watch/schema.rs"]
mod schema;
#[path = "live/soak.rs"]
mod soak;

use serde_json::Value;

use scene::Scene;

/// The story: an LVS director resets what is silent for 4 s. Two requests wait side by side, one of them with keepalive.
#[test]
fn the_warning_names_the_flow_without_keepalive_alone_and_comes_before_its_end() {
    let Some(scene) = Scene::play("lvs") else { return };
    let (kept, bare) = (scene.flow_of("kept"), scene.flow_of("bare"));
    let warnings = scene.of_type("idle-warning");
    assert!(!warnings.is_empty() && warnings.iter().all(|event| event["flow"] == bare), "{}", scene.told());
    let deaths = scene.of_type("death");
    assert_eq!(deaths.len(), 1, "{}", scene.told());
    let (warning, death) = (warnings[0], deaths[0]);
    assert_eq!((&death["flow"], &death["verdict"]["id"]), (&bare, &Value::from("idle-reset")));
    assert_eq!(death["waiting"]["request"], "GET /bare (host reports.example)");
    assert_eq!(warning["waiting"]["request"], "GET /bare (host reports.example)");
    assert!(warning["time"].as_str() < death["time"].as_str());
    assert!((3.2..3.9).contains(&warning["idle_s"].as_f64().unwrap()), "{warning}");
    let saved = scene.of_type("saved");
    assert_eq!(saved.len(), 1, "{}", scene.told());
    assert_eq!((&saved[0]["flow"], &saved[0]["by"]), (&kept, &Value::from("client")));
    let resets = scene.of_type("reset");
    assert!(resets.iter().all(|reset| reset["origin"] == "middlebox"), "{}", scene.told());
    scene.ended_well("signal");
}

/// The same packets from the recording: the same flows, services and findings, and the same events in the same order.
#[test]
fn a_recording_gives_the_same_report_and_the_same_events() {
    let Some(scene) = Scene::play("lvs") else { return };
    let report = &scene.summary()["report"];
    let file = scene.analysed("seen.pcapng");
    for part in ["flows", "flows_total", "services", "findings", "verdicts", "inventory", "summary"] {
        assert_eq!(report[part], file[part], "{part}");
    }
    let replayed = scene.replayed("seen.pcapng", &["--timeout", "4s"]);
    let mut live = scene.events.clone();
    let (live_end, replayed_end) = (live.pop().unwrap(), replayed.last().unwrap().clone());
    assert_eq!(live, replayed[..replayed.len() - 1]);
    assert_eq!(live_end["time"], replayed_end["time"]);
    assert_eq!(live_end["events"], replayed_end["events"]);
}

/// Once the interface is open nothing is left of root: another user, no capability, no new privileges.
#[test]
fn privileges_are_gone_and_signals_are_heeded() {
    let Some(scene) = Scene::play("lvs") else { return };
    let status = |name: &str| scene.facts["status"][name].as_str().unwrap_or_default().to_owned();
    assert!(!status("Uid").split('\t').any(|id| id == "0"), "{}", status("Uid"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(set), "0000000000000000", "{set}");
    }
    if scene::has_landlock() {
        assert_eq!(status("NoNewPrivs"), "1");
    }
    // SIGUSR1, then SIGINT.
    assert!(
        scene.errors.contains("received by filter") && scene.errors.contains("dropped by kernel"),
        "{}",
        scene.errors
    );
    assert!(scene.errors.contains("1 idle-warning"), "{}", scene.errors);
    assert!(scene.errors.lines().last().unwrap().contains("packets captured"), "{}", scene.errors);
}

#[test]
fn a_connection_that_a_firewall_forgot_dies_unanswered() {
    let Some(scene) = Scene::play("conntrack") else { return };
    assert_eq!(scene.of_type("idle-warning").len(), 1, "{}", scene.told());
    let deaths = scene.of_type("death");
    assert_eq!(deaths.len(), 1, "{}", scene.told());
    assert_eq!(deaths[0]["verdict"]["id"], "idle-drop");
    assert_eq!(deaths[0]["half_open"], "server");
    let gap = deaths[0]["verdict"]["gap_s"].as_f64().unwrap();
    assert!((3.8..4.5).contains(&gap), "{gap}");
    scene.ended_well("signal");
}

/// On `any` the router sees every frame twice: the conversation counts once, and the copies are told as such.
#[test]
fn any_sees_all_interfaces_and_counts_a_conversation_once() {
    let Some(scene) = Scene::play("everywhere") else { return };
    let report = &scene.summary()["report"];
    assert_eq!(report["flows_total"], 1, "{report}");
    let capture = &report["captures"][0];
    assert!(capture["link_types"][0].as_str().unwrap().contains("SLL"), "{capture}");
    let quality = capture["quality"].as_array().unwrap();
    assert!(quality.iter().any(|note| note["id"] == "duplicates"), "{capture}");
    assert_eq!(report["verdicts"]["graceful"], 1, "{report}");
    let file = scene.analysed("seen.pcapng");
    assert_eq!(report["flows_total"], file["flows_total"]);
    assert_eq!(report["verdicts"], file["verdicts"]);
    // Root that is to write keeps the right to write where others own (CAP_DAC_OVERRIDE, bit 1), and no other.
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(scene.facts["status"][set], "0000000000000002", "{set}");
    }
    scene.ended_well("signal");
}

#[test]
fn an_interface_that_goes_away_ends_the_watch_with_its_report() {
    let Some(scene) = Scene::play("unplugged") else { return };
    assert_eq!(scene.facts["exit"], 2);
    assert!(scene.errors.contains("lost the interface to-server"), "{}", scene.errors);
    assert_eq!(scene.summary()["ended_by"], "interface-lost");
    assert_eq!(scene.summary()["report"]["flows_total"], 1);
    assert_eq!(scene.analysed("seen.pcapng")["flows_total"], 1);
}

/// What the kernel dropped while the watch was held up is an event, a limit of quality, and stands in the recording.
#[test]
fn packets_that_the_kernel_drops_are_told() {
    let Some(scene) = Scene::play("burst") else { return };
    let losses = scene.of_type("capture-loss");
    assert!(!losses.is_empty(), "{}", scene.told());
    let told: u64 = losses.iter().map(|loss| loss["by_system"].as_u64().unwrap()).sum();
    assert!(told > 1_000, "{told} of 20,000 packets in a buffer of 64 KiB");
    assert_eq!(scene.summary()["lost_total"], told);
    let drops = |report: &Value| {
        let quality = report["captures"][0]["quality"].as_array().unwrap();
        quality.iter().find(|note| note["id"] == "drops").map(|note| note["count"].clone())
    };
    assert_eq!(drops(&scene.summary()["report"]), Some(told.into()));
    assert_eq!(drops(&scene.analysed("seen.pcapng")), Some(told.into()));
    scene.ended_well("signal");
}

/// A disk that is full for a while costs the packets that came meanwhile, each counted; the file holds all others.
#[test]
fn a_recording_outlives_a_full_disk() {
    let Some(scene) = Scene::play("filled") else { return };
    let said = |words: &str| scene.errors.lines().filter(|line| line.contains(words)).count();
    assert_eq!((said("No space left on device"), said("recording goes on")), (1, 1), "{}", scene.errors);
    let last = scene.errors.lines().last().unwrap();
    let (_, lost) = last.rsplit_once(", ").unwrap();
    let lost: u64 = lost.strip_suffix(" not recorded").expect(last).parse().unwrap();
    let recorded = scene.analysed("seen.pcapng")["captures"][0]["packets"].as_u64().unwrap();
    assert!(lost > 0 && recorded > 40, "{lost} lost, {recorded} recorded");
    assert_eq!(scene.summary()["packets"], recorded + lost);
    // Another reader finds as many in its two sections.
    if let Some(frames) = scene.frames_by_tshark("seen.pcapng") {
        assert_eq!(frames, recorded);
    }
    scene.ended_well("signal");
}
