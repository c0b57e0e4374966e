//! Every id, for and against.

use std::path::PathBuf;

use idlegap::capture::{LinkType, PcapWriter};
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};
use idlegap::verdict::quality::{Selection, limits};

use crate::captures::{analysis, from_bytes, ids, only, quality, quality_of_file, report};
use crate::{ASKED, CLOSED, OPENED};

fn healthy() -> String {
    [OPENED, ASKED, CLOSED].concat()
}

#[test]
fn a_healthy_capture_has_no_limit() {
    assert_eq!(ids(&quality(&healthy())), [""; 0]);
}

#[test]
fn loss_that_was_repaired_is_no_limit() {
    // The first of two segments is lost on the way to the capture point, and sent again 0.2 s later.
    let repaired = "\
+.0013 > P.  101:201(100) ack 1
+.0107 < .   1:1(0)       ack 1
+.2031 > P.  1:101(100)   ack 1
+.0107 < .   1:1(0)       ack 201
+.0502 > F.  201:201(0)   ack 1
+.0104 < F.  1:1(0)       ack 202
+.0002 > .   202:202(0)   ack 2
";
    assert_eq!(ids(&quality(&[OPENED, repaired].concat())), [""; 0]);
}

#[test]
fn octets_that_never_came_are_missing() {
    let missing = "\
+.0013 > P.  101:201(100) ack 1
+.0107 < .   1:1(0)       ack 201
+.0502 > F.  201:201(0)   ack 1
+.0104 < F.  1:1(0)       ack 202
+.0002 > .   202:202(0)   ack 2
";
    let quality = quality(&[OPENED, missing].concat());
    let text = &only(&quality, "incomplete").text;
    assert!(text.starts_with("Octets are missing from the capture in 1 of 1 flow:"), "{text}");
}

#[test]
fn midstream() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n0 > P. 1:101(100) ack 1\n";
    let rest = "+.0107 < P. 1:201(200) ack 101\n+.0004 > . 101:101(0) ack 201\n";
    assert_eq!(ids(&quality(&[text, rest, CLOSED].concat())), ["midstream"]);
}

#[test]
fn one_direction_whose_answers_show_in_it() {
    // The server's octets are acknowledged, and none of its segments is there.
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000
0      > S   0:0(0)             win 64240 <mss 1460>
+.0102 > .   1:1(0)       ack 1
+.0013 > P.  1:101(100)   ack 1
+.0231 > .   101:101(0)   ack 201
";
    let found = quality(text);
    assert!(ids(&found).contains(&"one-sided"), "{found:#?}");
}

#[test]
fn a_call_that_nobody_answers_is_not_one_sided() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000
0      > S   0:0(0)             win 64240 <mss 1460>
+1.004 > S   0:0(0)             win 64240 <mss 1460>
+2.013 > S   0:0(0)             win 64240 <mss 1460>
";
    assert_eq!(ids(&quality(text)), [""; 0]);
}

#[test]
fn a_host_that_speaks_elsewhere_is_silent_and_not_unseen() {
    // Midstream, data is sent again and again; the server's host answers on another connection.
    let dead = "flow dead 10.0.0.1:40001 > 10.0.0.2:5432 isn 1000 5000\n";
    let repeats = "+.2 dead > P. 1:101(100) ack 1\n+.21 dead > P. 1:101(100) ack 1\n+.4 dead > P. 1:101(100) ack 1\n";
    let live = healthy().replace("flow 10", "flow live 10").replace(" > S ", " live > S ");
    let live = live.replace(" > . ", " live > . ").replace(" < . ", " live < . ").replace(" < S.", " live < S.");
    let live = live.replace(" > P.", " live > P.").replace(" < P.", " live < P.");
    let live = live.replace(" > F.", " live > F.").replace(" < F.", " live < F.");
    let (flow, rest) = live.split_once('\n').unwrap();
    let found = quality(&format!("{flow}\n{dead}{rest}{repeats}"));
    assert_eq!(ids(&found), ["midstream"], "{found:#?}");
    let alone = quality(&format!("{dead}{}", repeats.replacen("+.2", "0", 1)));
    assert_eq!(ids(&alone), ["midstream", "one-sided"], "{alone:#?}");
}

#[test]
fn snapshot_length() {
    // 54 octets of headers on Ethernet without options: the payload is cut off, the one octet of a heartbeat too.
    let heartbeat = "+.0013 > P. 1:2(1) ack 1\n+.0107 < . 1:1(0) ack 2\n";
    let rest = CLOSED.replace("101:101", "2:2").replace("102:102", "3:3").replace("201:201", "1:1");
    let rest = rest.replace("ack 201", "ack 1").replace("ack 102", "ack 3").replace("ack 202", "ack 2");
    let whole = [OPENED, heartbeat, &rest].concat();
    assert_eq!(ids(&quality(&whole)), [""; 0]);
    let cut = quality(&format!("snap 54\n{}", whole.replace(" <mss 1460>", "")));
    let text = &only(&cut, "snaplen").text;
    assert!(text.contains("the octet of 1 one-octet segment") && text.contains("-s 256"), "{text}");
    let long = ASKED.replace("1:101(100)", "1:1001(1000)").replace("ack 101", "ack 1001");
    let long = [OPENED, &long.replace("101:101", "1001:1001")].concat();
    assert_eq!(ids(&quality(&format!("snap 300\n{long}"))), [""; 0], "names are there");
    let headers = quality(&format!("snap 44\n{whole}"));
    assert!(ids(&headers).contains(&"snaplen-headers"), "{headers:#?}");
}

#[test]
fn losses_of_the_capturing_machine() {
    let (first, mut info) = analysis(&healthy());
    info.counters.system_drops = Some(3);
    info.lost_between = 4;
    let found = report(first, info);
    let drops = only(&found, "drops");
    assert_eq!(drops.count, Some(7));
    assert!(drops.text.contains("silence may be loss"), "{}", drops.text);
}

#[test]
fn duplicates() {
    let doubled = healthy().replace("ack 201\n+.0502", "ack 201\n+.00001 dup\n+.0502");
    assert_ne!(doubled, healthy());
    let found = quality(&doubled);
    assert_eq!(only(&found, "duplicates").count, Some(1));
}

#[test]
fn a_clock_that_steps_back_and_one_that_is_read_out_of_order() {
    let stepped = healthy().replace("+.0107 <", "-5 <");
    assert_eq!(ids(&quality(&stepped)), ["clock-steps"]);
    let reordered = healthy().replace("+.0107 <", "-.00001 <");
    assert_eq!(ids(&quality(&reordered)), ["reordered"]);
}

#[test]
fn a_clock_that_jumps_weeks_ahead() {
    let found = quality(&fixture_script("three-week-gap.pkt"));
    assert!(only(&found, "clock-jumps").text.contains("1814400 s (21d)"), "{found:#?}");
    let idle = [OPENED, ASKED].concat();
    assert_eq!(ids(&quality(&format!("{idle}end +864000"))), ["clock-jumps"], "ten days are no silence");
    assert_eq!(ids(&quality(&format!("{idle}end +500000"))), ["open-gaps"], "six days may be");
}

#[test]
fn records_without_a_time() {
    let (first, mut info) = analysis(&healthy());
    info.untimed = 2;
    assert_eq!(only(&report(first, info), "untimed").count, Some(2));
}

#[test]
fn invented_times() {
    let even = quality(&fixture_script("synthetic-clock.pkt"));
    let text = &only(&even, "synthetic-clock").text;
    assert!(text.contains("one record every 1.00 s") && text.contains("probes may be real, gaps are not"), "{text}");
    let frozen: String = healthy().lines().map(|line| at_zero(line) + "\n").collect();
    let text = &only(&quality(&frozen), "synthetic-clock").text.clone();
    assert!(text.starts_with("All records carry the same time"), "{text}");
}

/// The line with its time set to the beginning.
fn at_zero(line: &str) -> String {
    match line.split_once(' ') {
        Some((time, rest)) if time.starts_with('+') => format!("0 {rest}"),
        _ => line.to_owned(),
    }
}

#[test]
fn probes_alone_are_no_invented_times() {
    let probes = "+60.6 > . 100:100(0) ack 201 x20 every 10.08\n";
    // Answered ones, too: the answer comes between.
    let (analysis, _) = analysis(&[OPENED, ASKED, probes].concat());
    assert_eq!(limits(&analysis).synthetic_clock, None);
}

#[test]
fn a_capture_played_twice() {
    assert!(ids(&quality(&fixture_script("replayed-capture.pkt"))).contains(&"replayed"));
}

#[test]
fn resets_alone() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n0 < R 201:201(0)\n+3.1 > R 101:101(0)\n";
    let found = quality(text);
    assert!(ids(&found).contains(&"resets-only") && !ids(&found).contains(&"one-sided"), "{found:#?}");
    assert!(!ids(&quality(&fixture_script("connection-refused.pkt"))).contains(&"resets-only"), "a SYN was seen");
}

#[test]
fn control_segments_alone() {
    let control: String = healthy()
        .lines()
        .filter(|line| !line.contains(" . ") && !line.contains(" P. "))
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(control.matches("\n").count(), 5, "{control}");
    let found = quality(&control);
    assert_eq!(ids(&found), ["control-only"], "{found:#?}");
    let scan = "flow 10.0.0.1:40000 > 10.0.0.2:22 isn 1000 5000\n0 > S 0:0(0)\n+.1 < S. 0:0(0) ack 1\n+.1 > R 1:1(0)\n";
    assert_eq!(ids(&quality(scan)), [""; 0], "a scan sends no more than that");
}

#[test]
fn a_filter_that_removed_bare_acknowledgments() {
    let exchange: String = (0..12).fold(String::new(), |text, turn| {
        let (client, server) = (1 + turn * 10, 1 + turn * 20);
        let ask = format!("+.{:04} > P. {client}:{}(10) ack {server}\n", 101 + turn * 7, client + 10);
        let answer = format!("+.{:04} < P. {server}:{}(20) ack {}\n", 203 + turn * 3, server + 20, client + 10);
        text + &ask + &answer
    });
    let with_acks = [OPENED, &exchange].concat();
    assert_eq!(ids(&quality(&with_acks)), [""; 0], "the handshake ended with one");
    let without = with_acks.replace("+.0002 > .   1:1(0)     ack 1\n", "");
    assert_eq!(ids(&quality(&without)), ["no-bare-acks"]);
}

#[test]
fn a_filter_that_removed_payload() {
    let without: String =
        healthy().lines().filter(|line| !line.contains(" P. ")).fold(String::new(), |text, line| text + line + "\n");
    let found = quality(&without);
    assert_eq!(ids(&found), ["no-payload"], "{found:#?}");
    assert_eq!(ids(&quality(&fixture_script("midstream-probes-and-answers.pkt"))), ["midstream"]);
}

#[test]
fn an_end_in_silence() {
    let idle = [OPENED, ASKED].concat();
    assert_eq!(ids(&quality(&format!("{idle}end +5"))), [""; 0], "any capture ends somewhere");
    let found = quality(&format!("{idle}end +20"));
    let text = &only(&found, "short").text;
    assert!(text.contains("1 flow, at most 20.0 s") && text.contains("60.0 s"), "{text}");
    let found = quality(&format!("{idle}end +100"));
    assert!(only(&found, "open-gaps").text.contains("up to 100 s"), "{found:#?}");
}

#[test]
fn an_end_in_a_silence_that_others_survived() {
    let again = "+200 > P. 101:201(100) ack 201\n+.0107 < P. 201:401(200) ack 201\n+.0004 > . 201:201(0) ack 401\n";
    let idle = [OPENED, ASKED, again].concat();
    assert_eq!(ids(&quality(&format!("{idle}end +150"))), [""; 0], "200 s survived");
    assert_eq!(ids(&quality(&format!("{idle}end +250"))), ["open-gaps"]);
}

#[test]
fn what_a_capture_reaches() {
    let (analysis, _) = analysis(&format!("{}end +100", [OPENED, ASKED].concat()));
    let limits = limits(&analysis);
    assert!(limits.reaches(Span::from_secs(90)) && !limits.reaches(Span::from_secs(350)));
}

/// One conversation before and behind a box that gives it another client and server address: each line twice.
fn both_sides(isn_behind: &str) -> String {
    let mut text = "flow front 198.51.100.7:40000 > 203.0.113.80:80 isn 1000000 5000000\n".to_owned();
    text += &format!("flow back 10.9.0.1:20001 > 10.0.0.80:8080 isn {isn_behind} ttl 63 63\n");
    let (_, lines) = healthy().split_once('\n').map(|(head, rest)| (head.to_owned(), rest.to_owned())).unwrap();
    for line in lines.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let order = if rest.starts_with('>') { ["front", "back"] } else { ["back", "front"] };
        text += &format!("{time} {} {rest}\n+.00004 {} {rest}\n", order[0], order[1]);
    }
    text
}

#[test]
fn both_sides_of_a_nat() {
    let found = quality(&both_sides("1000000 5000000"));
    let text = &only(&found, "both-sides-of-nat").text;
    assert!(text.contains("198.51.100.7:40000 > 203.0.113.80:80 is 10.9.0.1:20001 > 10.0.0.80:8080"), "{text}");
    let fullnat = quality(&both_sides("777000 5000000"));
    assert_eq!(only(&fullnat, "both-sides-of-nat").count, Some(1), "the server's number alone passes FULLNAT");
    let midstream = |isn: &str| {
        let text = both_sides(isn);
        text.lines().filter(|line| !line.contains("0:0(0)")).fold(String::new(), |text, line| text + line + "\n")
    };
    assert!(ids(&quality(&midstream("1000000 5000000"))).contains(&"both-sides-of-nat"));
    assert!(
        !ids(&quality(&midstream("777000 5000000"))).contains(&"both-sides-of-nat"),
        "one number is too little midstream"
    );
    let unrelated = quality(&both_sides("777000 888000"));
    assert_eq!(ids(&unrelated), [""; 0], "a proxy begins anew");
}

#[test]
fn numbers_that_a_generator_invented_are_no_nat() {
    let flows = (0..6).map(|n| format!("flow f{n} 10.0.0.1:{} > 10.0.1.{n}:80 isn 1000000 5000000\n", 40_000 + n));
    let segments = (0..6).map(|n| {
        format!("+.0013 f{n} > S 0:0(0)\n+.0101 f{n} < S. 0:0(0) ack 1\n+.0002 f{n} > . 1:1(0) ack 1\n")
            + &format!("+.0021 f{n} > P. 1:101(100) ack 1\n+.0033 f{n} < . 1:1(0) ack 101\n")
    });
    assert_eq!(ids(&quality(&flows.chain(segments).collect::<String>())), [""; 0]);
}

#[test]
fn tunnels_and_icmp_errors() {
    assert!(ids(&quality(&fixture_script("tunnel-vxlan.pkt"))).contains(&"tunnelled"));
    assert!(ids(&quality(&fixture_script("tcp-inside-icmp.pkt"))).contains(&"icmp-errors"));
}

#[test]
fn the_server_side_of_a_director() {
    let found = quality_of_file(&fixture("captures/lvs-fullnat-90s-server/lvs-fullnat-90s-server.pcap"));
    assert_eq!(only(&found, "behind-fullnat").count, Some(4));
    let client_side = quality_of_file(&fixture("captures/lvs-fullnat-90s-client/lvs-fullnat-90s-client.pcap"));
    assert_eq!(ids(&client_side), [""; 0]);
}

#[test]
fn joined_segments_are_harmless() {
    let joined = "+.0013 > P. 1:20001(20000) ack 1\n+.0107 < . 1:1(0) ack 20001\n";
    let (analysis, info) = analysis(&[OPENED, joined].concat());
    assert_eq!(limits(&analysis).selection, Selection::Everything);
    let found = report(analysis, info);
    assert!(only(&found, "offload").text.contains("20,000 octets"), "{found:#?}");
}

#[test]
fn a_capture_without_tcp_and_one_that_is_cut() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType(1), 65_535).unwrap();
    writer.packet(Timestamp::from_nanos(0), &[0xff; 60], 60).unwrap();
    let whole = writer.finish().unwrap();
    let (first, info) = from_bytes(whole.clone());
    assert_eq!(ids(&report(first, info)), ["no-tcp"]);
    let (second, info) = from_bytes(whole[..whole.len() - 10].to_vec());
    assert_eq!(ids(&report(second, info)), ["truncated"]);
}

#[test]
fn the_recorded_incident_shows_both_sides_of_the_director() {
    let found = quality_of_file(&fixture("captures/lvs-fullnat-90s-both/lvs-fullnat-90s-both.pcapng"));
    let nat = found.iter().find(|quality| quality.id == "both-sides-of-nat").unwrap();
    // Frames 1, 21, 31 and 41 open four conversations before the director, 2, 22, 32 and 42 behind it.
    assert_eq!(nat.count, Some(4));
    assert!(
        nat.text.contains("198.51.100.10:40001 > 203.0.113.80:80 is 10.0.0.9:20001 > 10.0.0.80:80"),
        "{}",
        nat.text
    );
    let one_side = quality_of_file(&fixture("captures/lvs-fullnat-90s-client/lvs-fullnat-90s-client.pcap"));
    assert!(!ids(&one_side).contains(&"both-sides-of-nat"), "{one_side:#?}");
}

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// A script of the fixtures without its expectations.
pub(crate) fn fixture_script(name: &str) -> String {
    let text = std::fs::read_to_string(fixture("scripts").join(name)).unwrap();
    Script::parse(&text).unwrap();
    text
}
