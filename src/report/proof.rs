//! The `tcpdump` command that would settle a question: where to run it, and a line that can be pasted as it stands.
//!
//! The filter keeps the whole conversation, since the proof of a timer is what is *not* there: never RSTs alone, never
//! payload alone, keepalive probes included. ICMP errors about it come along. Headers are enough for every verdict; a
//! longer snapshot adds names. The files form a ring, so that the command can run until the incident comes again.

use std::net::IpAddr;

use crate::flow::{Flow, Socket};
use crate::report::units;
use crate::time::{NANOS_PER_SECOND, Span};
use crate::verdict::quality::{Limits, Selection};
use crate::wire::Tunnel;

/// Octets of a frame that hold every header: Ethernet with two VLAN tags, IPv6, TCP with all its options (14 + 8 + 40 + 60).
const HEADERS: u32 = 128;
/// Octets that hold a request line as well, and most TLS server names.
const NAMES: u32 = 256;
/// Octets that a tunnel adds in front: VXLAN or GENEVE over IPv6 with an inner Ethernet header (40 + 8 + 8 + 14), and some.
const TUNNEL: u32 = 96;

/// Where a capture is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On the client's host.
    Client,
    /// On the server's host.
    Server,
    /// On the box between them: both its sides in one capture.
    Box,
}

/// What the capture at hand leaves open, and so where the next one is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Who sent a RST, or who swallowed what was never answered: a packet that arrives at one end and never left the other
    /// proves a box between them.
    WhoseDoing,
    /// What the box in the middle did: in front of it and behind it.
    WhichSide,
    /// Answers that this capture cannot show.
    OtherDirection,
    /// What a filter removed, or what came before the capture began.
    WholeConversation,
    /// Whether a silence longer than the capture survives.
    Longer,
}

impl Question {
    /// Where it is settled.
    const fn places(self) -> &'static [Place] {
        match self {
            Self::WhoseDoing => &[Place::Client, Place::Server],
            Self::WhichSide => &[Place::Box],
            Self::OtherDirection => &[Place::Server],
            Self::WholeConversation | Self::Longer => &[Place::Client],
        }
    }
}

/// What is known of the traffic to be captured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Situation<'a> {
    /// The server, as this capture shows it.
    pub service: Option<Socket>,
    /// The timer or the silence in question.
    pub timer: Option<Span>,
    /// Whether names are wanted: request lines, TLS server names.
    pub names: bool,
    /// The interface to listen on, where it is known; all of them otherwise.
    pub interface: Option<&'a str>,
    /// Whether VLAN tags were seen: the filter must look behind them.
    pub vlan: bool,
    /// The tunnel that carried the traffic here.
    pub tunnel: Option<Tunnel>,
    /// Whether the capturing machine lost packets: the next capture gets a larger buffer.
    pub lossy: bool,
}

impl Situation<'_> {
    /// The situation of `flow`, whose capture has `limits`.
    #[must_use]
    pub fn of(flow: &Flow, limits: &Limits) -> Self {
        Self {
            service: Some(flow.server()),
            timer: None,
            tunnel: flow.extras().and_then(|extras| extras.tunnel),
            lossy: limits.lost > 0,
            ..Self::default()
        }
    }
}

/// What settles `question`, in one sentence that names the places, with a command for each.
#[must_use]
pub fn advice(question: Question, situation: &Situation<'_>) -> String {
    let commands = question.places().iter().map(|place| format!("{}: {}", name(*place), command(*place, situation)));
    format!("{}; {}.", commands.collect::<Vec<_>>().join("; "), duration(situation.timer))
}

/// The question that `limits` leave open, the gravest first; `None` where nothing stands in the way of a verdict.
#[must_use]
pub fn open_question(limits: &Limits) -> Option<Question> {
    if limits.selection != Selection::Everything || limits.synthetic_clock.is_some() || limits.replayed > 0 {
        Some(Question::WholeConversation)
    } else if limits.one_sided > 0 {
        Some(Question::OtherDirection)
    } else if limits.ending.silent > 0 {
        Some(Question::Longer)
    } else {
        None
    }
}

/// The command for one place.
///
/// Behind a balancer the addresses may be others than those seen here, so at the server only the port selects; the box
/// gets both sides. `-i any` needs no name of an interface and shows both sides of a box; the analysis counts frames that
/// appear on two interfaces once. A named interface adds the link-layer addresses of both ends of the link.
#[must_use]
pub fn command(place: Place, situation: &Situation<'_>) -> String {
    let snapshot = if situation.names { NAMES } else { HEADERS } + if situation.tunnel.is_some() { TUNNEL } else { 0 };
    let buffer = if situation.lossy { " -B 65536" } else { "" };
    let file = match place {
        Place::Client => "/tmp/client.pcap",
        Place::Server => "/tmp/server.pcap",
        Place::Box => "/tmp/box.pcap",
    };
    let filter = quoted(&filter(place, situation));
    let interface = word(situation.interface.unwrap_or("any"));
    format!("tcpdump -i {interface} -n -s {snapshot}{buffer} -C 100 -W 20 -Z root -w {file} {filter}")
}

/// The filter: the service, and the ICMP errors about it; behind VLAN tags and in the outer header of a tunnel likewise.
fn filter(place: Place, situation: &Situation<'_>) -> String {
    let tunnelled = situation.tunnel.filter(|_| place == Place::Box).map(outer);
    let plain = match (situation.service, place) {
        (Some(service), Place::Client) => format!("(tcp port {} and host {})", service.port, host(service.ip)),
        (Some(service), _) => format!("tcp port {}", service.port),
        (None, _) => "tcp".to_owned(),
    };
    let wanted = match tunnelled {
        Some(outer) => format!("{plain} or {outer} or icmp or icmp6"),
        None => format!("{plain} or icmp or icmp6"),
    };
    // `vlan` moves the offsets of everything behind it, so the plain form comes first.
    if situation.vlan { format!("{wanted} or (vlan and ({wanted}))") } else { wanted }
}

/// What selects a tunnel from outside: libpcap does not look inside.
const fn outer(tunnel: Tunnel) -> &'static str {
    match tunnel {
        Tunnel::Gre(_) | Tunnel::Erspan(_) => "proto 47",
        Tunnel::IpInIp => "proto 4 or proto 41",
        Tunnel::Vxlan(_) => "udp port 4789",
        Tunnel::Geneve(_) => "udp port 6081",
        Tunnel::Gtpu(_) => "udp port 2152",
    }
}

/// An address as a filter takes it: IPv4 behind IPv6 (`::ffff:10.0.0.1`) is an IPv4 packet on the wire.
fn host(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

const fn name(place: Place) -> &'static str {
    match place {
        Place::Client => "on the client",
        Place::Server => "on the server",
        Place::Box => "on the box between them, which shows both its sides",
    }
}

/// How long: more than twice the timer, so that one silence fits wherever it begins.
fn duration(timer: Option<Span>) -> String {
    let Some(timer) = timer.filter(|timer| *timer > Span::ZERO) else {
        return "let it run until it happens again (the files form a ring of 2 GB)".to_owned();
    };
    let minutes = timer.as_nanos().saturating_mul(2) / (60 * NANOS_PER_SECOND) + 1;
    let (run, timer) = (Span::from_secs(minutes.saturating_mul(60)), units::seconds(timer));
    format!(
        "let it run for {} at least, twice the {timer} in question, or until it happens again (the files form a ring of \
         2 GB)",
        units::clock(run)
    )
}

/// `text` as it stands where a POSIX shell takes it for one plain word, quoted otherwise.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@' | '/');
    let starts_plain = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if starts_plain && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// One word for a POSIX shell, whatever `text` holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation() -> Situation<'static> {
        Situation { service: Some(Socket::new([203, 0, 113, 80].into(), 5432)), ..Situation::default() }
    }

    #[test]
    fn at_the_client_host_and_port_select_and_headers_are_enough() {
        assert_eq!(
            command(Place::Client, &situation()),
            "tcpdump -i any -n -s 128 -C 100 -W 20 -Z root -w /tmp/client.pcap \
             '(tcp port 5432 and host 203.0.113.80) or icmp or icmp6'"
        );
    }

    #[test]
    fn behind_a_balancer_the_port_alone_selects() {
        let at_server = command(Place::Server, &situation());
        assert!(at_server.ends_with("-w /tmp/server.pcap 'tcp port 5432 or icmp or icmp6'"), "{at_server}");
    }

    #[test]
    fn names_tunnels_and_losses_change_the_command() {
        let named = command(Place::Client, &Situation { names: true, ..situation() });
        assert!(named.contains("-s 256 "), "{named}");
        let lossy = command(Place::Client, &Situation { lossy: true, ..situation() });
        assert!(lossy.contains(" -B 65536 "), "{lossy}");
        let inside = Situation { tunnel: Some(Tunnel::Vxlan(7)), ..situation() };
        let boxed = command(Place::Box, &inside);
        assert!(boxed.contains("-s 224 ") && boxed.contains("or udp port 4789 or"), "{boxed}");
        assert!(!command(Place::Server, &inside).contains("4789"), "the ends see the inner packets");
    }

    #[test]
    fn an_unknown_service_selects_all_of_tcp_and_addresses_are_as_on_the_wire() {
        assert!(command(Place::Client, &Situation::default()).ends_with(" 'tcp or icmp or icmp6'"));
        let mapped = Socket::new("::ffff:10.0.0.1".parse().unwrap(), 80);
        let at_client = command(Place::Client, &Situation { service: Some(mapped), ..Situation::default() });
        assert!(at_client.contains("host 10.0.0.1)"), "{at_client}");
    }

    #[test]
    fn the_run_is_longer_than_twice_the_timer() {
        let run = |secs| advice(Question::Longer, &Situation { timer: Some(Span::from_secs(secs)), ..situation() });
        assert!(run(90).contains("let it run for 4m at least, twice the 90.0 s in question"), "{}", run(90));
        assert!(run(350).contains("for 12m at least"), "{}", run(350));
        assert!(run(7200).contains("for 4h1m at least"), "{}", run(7200));
        assert!(advice(Question::Longer, &situation()).contains("until it happens again"));
    }

    #[test]
    fn who_did_it_is_settled_at_both_ends() {
        let both = advice(Question::WhoseDoing, &situation());
        assert!(both.contains("on the client: tcpdump ") && both.contains("on the server: tcpdump "), "{both}");
        assert!(advice(Question::WhichSide, &situation()).starts_with("on the box between them"));
    }

    #[test]
    fn a_named_interface_is_one_word() {
        let on = |interface| command(Place::Box, &Situation { interface: Some(interface), ..situation() });
        assert!(on("eth0.100").starts_with("tcpdump -i eth0.100 -n "), "{}", on("eth0.100"));
        assert!(on("eth0; reboot").starts_with("tcpdump -i 'eth0; reboot' -n "), "{}", on("eth0; reboot"));
    }

    #[cfg(unix)]
    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[ -~äß\n\t]{0,20}", quoting in proptest::bool::ANY) {
            let argument = if quoting { quoted(&text) } else { word(&text) };
            let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {argument}")]).output().unwrap();
            proptest::prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }

    #[test]
    fn quoting_survives_any_text() {
        assert_eq!(quoted("tcp port 80"), "'tcp port 80'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[cfg(feature = "live")]
    #[test]
    fn every_filter_compiles_and_keeps_more_than_resets() {
        let tunnels = [None, Some(Tunnel::Gre(None)), Some(Tunnel::IpInIp), Some(Tunnel::Vxlan(1))];
        let tunnels = tunnels.into_iter().chain([Some(Tunnel::Geneve(1)), Some(Tunnel::Gtpu(1))]);
        for tunnel in tunnels {
            for vlan in [false, true] {
                for service in [None, situation().service, Some(Socket::new("2001:db8::1".parse().unwrap(), 443))] {
                    for place in [Place::Client, Place::Server, Place::Box] {
                        let text = filter(place, &Situation { service, vlan, tunnel, ..Situation::default() });
                        assert!(crate::capture::Filter::new(&text).is_ok(), "{text}");
                        assert!(!text.contains("tcp["), "no filter on flags: {text}");
                    }
                }
            }
        }
    }
}
