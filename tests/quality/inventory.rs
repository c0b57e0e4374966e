//! Connections that hold a place without using it.

use std::path::Path;

use idlegap::time::Span;
use idlegap::verdict::inventory::{Idle, Inventory};

use crate::captures::{analysis, from_bytes};
use crate::{ASKED, CLOSED, OPENED};

fn stock(text: &str) -> Inventory {
    Inventory::take(&analysis(text).0)
}

/// Connections, those standing, and the longest, in whole seconds, of the empty and of the mostly silent.
fn figures(idle: &Idle) -> [(u64, u64, i64); 2] {
    [idle.empty, idle.silent].map(|held| (held.connections, held.standing, held.longest.as_nanos() / 1_000_000_000))
}

const NONE: (u64, u64, i64) = (0, 0, 0);

#[test]
fn used_connections_are_not_listed() {
    let busy: String = [OPENED, ASKED, CLOSED].concat();
    assert_eq!(figures(&stock(&busy).all), [NONE, NONE]);
    assert_eq!(figures(&stock(&[OPENED, ASKED, "end +30"].concat()).all), [NONE, NONE], "30 s say nothing of silence");
}

#[test]
fn a_handshake_and_no_payload() {
    assert_eq!(figures(&stock(&format!("{OPENED}end +40")).all), [(1, 1, 40), NONE]);
    assert_eq!(figures(&stock(&format!("{OPENED}end +.5")).all), [NONE, NONE], "it had just begun");
    let closed = |after: &str| {
        format!("{OPENED}+{after} > F. 1:1(0) ack 1\n+.0104 < F. 1:1(0) ack 2\n+.0002 > . 2:2(0) ack 2\nend +99")
    };
    assert_eq!(figures(&stock(&closed("3")).all), [NONE, NONE], "a health check");
    assert_eq!(figures(&stock(&closed("12")).all), [(1, 0, 12), NONE]);
}

#[test]
fn keepalive_probes_do_not_make_a_connection_used() {
    let probes = "+60.6 > . 0:0(0) ack 1\n+.0101 < . 1:1(0) ack 1\n+60.9 > . 0:0(0) ack 1\n+.0101 < . 1:1(0) ack 1\n";
    assert_eq!(figures(&stock(&[OPENED, probes].concat()).all), [(1, 1, 121), NONE]);
}

#[test]
fn a_call_that_was_not_taken_holds_nothing() {
    let text = "flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000\n0 > S 0:0(0)\n+.01 < S. 0:0(0) ack 1\nend +40";
    assert_eq!(figures(&stock(text).all), [NONE, NONE], "the handshake did not end");
}

#[test]
fn nine_tenths_of_a_life_in_silence() {
    let idle = |secs: &str| stock(&[OPENED, ASKED, &format!("end +{secs}")].concat());
    assert_eq!(figures(&idle("100").all), [NONE, (1, 1, 100)]);
    // Eleven exchanges a second and more apart: 12 s of 112 in gaps too short to count, then 100 s of silence.
    let slow: String = (0..11).fold(String::new(), |text, turn| {
        let (from, to) = (101 + turn * 10, 111 + turn * 10);
        text + &format!("+.9 > P. {from}:{to}(10) ack 201\n+.2 < . 201:201(0) ack {to}\n")
    });
    let with = |secs: &str| stock(&[OPENED, ASKED, &slow, &format!("end +{secs}")].concat());
    assert_eq!(figures(&with("100").all), [NONE, NONE], "100 of 112.1 s are less than nine tenths");
    assert_eq!(figures(&with("120").all), [NONE, (1, 1, 132)], "120 of 132.1 s are more");
}

/// Handshakes of several clients, all left open.
fn crowd(clients: &[(&str, u32)]) -> String {
    let mut text = String::new();
    let mut names = Vec::new();
    for (index, (client, ports)) in clients.iter().enumerate() {
        for port in 0..*ports {
            let name = format!("f{index}-{port}");
            text += &format!("flow {name} {client}:{} > 10.0.0.2:80 isn {} 5000\n", 40_000 + port, 1000 + index);
            names.push(name);
        }
    }
    for (nth, name) in names.iter().enumerate() {
        let time = if nth == 0 { "0" } else { "+1" };
        text += &format!("{time} {name} > S 0:0(0)\n+0 {name} < S. 0:0(0) ack 1\n+0 {name} > . 1:1(0) ack 1\n");
    }
    text + "end +100\n"
}

#[test]
fn who_holds_and_what_is_held() {
    let stock = stock(&crowd(&[("192.0.2.1", 1), ("192.0.2.2", 3), ("192.0.2.3", 1)]));
    // Opened at 0, 1, 2, 3 and 4 s, all standing at 104 s: 104 + (103 + 102 + 101) + 100 = 510 connection-seconds.
    assert_eq!(figures(&stock.all), [(5, 5, 104), NONE]);
    assert!((stock.all.empty.total_s() - 510.0).abs() < 1e-6, "{}", stock.all.empty.total_s());
    let clients = stock.clients(2);
    let named: Vec<_> = clients.top.iter().map(|(ip, idle)| (ip.to_string(), idle.connections())).collect();
    assert_eq!(named, [("192.0.2.2".to_owned(), 3), ("192.0.2.1".to_owned(), 1)]);
    assert_eq!((clients.others, clients.others_connections, clients.uncounted), (1, 1, 0));
    let services = stock.services(8);
    assert_eq!(services.top.len(), 1);
    assert_eq!(services.top[0].0.to_string(), "10.0.0.2:80");
    assert_eq!(services.top[0].1.empty.longest, Span::from_secs(104));
}

#[test]
fn the_recorded_incident() {
    // Three of the four connections wait 85 s or 90 s for an answer and live little longer.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/lvs-fullnat-90s-client");
    let capture = std::fs::read(path.join("lvs-fullnat-90s-client.pcap")).unwrap();
    let stock = Inventory::take(&from_bytes(capture).0);
    let [empty, silent] = figures(&stock.all);
    assert_eq!((empty, silent.0, silent.1), (NONE, 3, 0));
    assert_eq!(stock.clients(1).top[0].0.to_string(), "198.51.100.10");
    assert_eq!(stock.services(1).top[0].0.to_string(), "203.0.113.80:80");
}

#[test]
fn behind_a_director_the_real_client_is_named() {
    let text = "flow 10.0.0.9:40000 > 10.0.0.2:80 isn 1000 5000
0 > S 0:0(0) <TOA 198.51.100.7:1234>
+.01 < S. 0:0(0) ack 1
+.01 > . 1:1(0) ack 1 <TOA 198.51.100.7:1234>
end +40";
    assert_eq!(stock(text).clients(1).top[0].0.to_string(), "198.51.100.7");
}
