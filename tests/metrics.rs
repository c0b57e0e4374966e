//! `--metrics`: what a scraper gets, read strictly by the text format 0.0.4, and what unkind clients get.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test looks at the clock, and fails where it cannot go on"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use idlegap::script::{Script, to_pcap};
use idlegap::watch::exporter::{Exporter, Page};
use idlegap::watch::metrics::CONTENT_TYPE;

const STORY: &str = include_str!("view/story.pkt");

/// A sample: its labels and its value.
type Samples = BTreeMap<Vec<(String, String)>, f64>;

/// Reads an exposition as strictly as the format can be read: every line is known, a family has HELP and TYPE before its
/// samples, stands together, and has no sample twice. Returns type and samples by name.
fn parse(text: &str) -> BTreeMap<String, (String, Samples)> {
    assert!(text.ends_with('\n') && !text.contains('\r'), "lines end in a line feed, the last one too");
    let mut families: BTreeMap<String, (String, Samples)> = BTreeMap::new();
    let (mut current, mut helped) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').expect("a help text");
            assert!(!text.is_empty() && helped.insert(name.to_owned()), "{line}: once for each");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert!(is_name(name, true) && ["counter", "gauge"].contains(&kind), "{line}");
            assert!(helped.contains(name) && !families.contains_key(name), "{line}: once, after its help");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}: counters end in _total");
            current = name.to_owned();
            families.insert(current.clone(), (kind.to_owned(), Samples::new()));
        } else {
            let (name, labels, value) = sample(line);
            assert_eq!(name, current, "{line}: the samples of a family stand together");
            let known = families.get_mut(name).unwrap().1.insert(labels, value);
            assert_eq!(known, None, "{line}: a sample stands once");
        }
    }
    families
}

fn is_name(name: &str, colon: bool) -> bool {
    let mut chars = name.chars();
    let is_first = |char: char| char.is_ascii_alphabetic() || char == '_' || (colon && char == ':');
    chars.next().is_some_and(is_first) && chars.all(|char| is_first(char) || char.is_ascii_digit())
}

/// One sample, character by character.
fn sample(line: &str) -> (&str, Vec<(String, String)>, f64) {
    let at = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(at);
    assert!(is_name(name, true), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label, false), "{line}");
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let end = loop {
                match chars.next().expect("a closing quote") {
                    (end, '"') => break end,
                    (_, '\\') => match chars.next().expect("an escaped character").1 {
                        'n' => value.push('\n'),
                        char @ ('\\' | '"') => value.push(char),
                        char => panic!("{line}: \\{char} is no escape"),
                    },
                    (_, char) => value.push(char),
                }
            };
            labels.push((label.to_owned(), value));
            rest = &after[end + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("one space");
    assert!(!value.contains(' '), "{line}: no time stamp");
    (name, labels, value.parse().unwrap())
}

/// Sends `request`; returns the head of the answer and its body.
fn ask(address: SocketAddr, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line");
    (head.to_owned(), body.to_owned())
}

fn scrape(address: SocketAddr) -> String {
    let (head, body) = ask(address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n");
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"));
    let headers: BTreeMap<_, _> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    assert_eq!(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(headers["Content-Length"], body.len().to_string());
    assert_eq!(headers["Connection"], "close");
    body
}

fn serve(text: &str) -> (SocketAddr, Page) {
    let exporter = Exporter::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = exporter.address().unwrap();
    let page = exporter.start(CONTENT_TYPE).unwrap();
    page.replace(text.to_owned());
    (address, page)
}

#[test]
fn only_the_page_is_served() {
    let (address, page) = serve("x 1\n");
    assert_eq!(scrape(address), "x 1\n");
    page.replace("x 2\n".to_owned());
    assert_eq!(scrape(address), "x 2\n");
    for (request, status) in [
        (&b"GET /metrics?name=x HTTP/1.0\r\n\r\n"[..], "200 OK"),
        (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed"),
        (b"GET /metrics\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", "400 Bad Request"),
    ] {
        let (head, _) = ask(address, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
    }
    let (head, body) = ask(address, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.contains("Content-Length: 4") && body.is_empty(), "{head}");
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 20_000]].concat();
    assert!(ask(address, &long).0.starts_with("HTTP/1.1 431 "));
}

/// A client that says nothing, or that drips, is left after seconds; the page can be replaced all the while.
#[test]
fn a_slow_client_keeps_nobody_waiting_for_long() {
    let (address, page) = serve("x 1\n");
    let silent = TcpStream::connect(address).unwrap();
    let mut dripping = TcpStream::connect(address).unwrap();
    dripping.write_all(b"GET /met").unwrap();
    let began = Instant::now();
    page.replace("x 2\n".to_owned());
    assert!(began.elapsed() < Duration::from_secs(1), "nobody waits to replace the page");
    assert_eq!(scrape(address), "x 2\n");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(silent);
}

/// A watch of standard input that serves metrics, and where.
fn watch() -> (Child, ChildStdin, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(["live", "-", "--timeout", "90s", "--metrics", "127.0.0.1:0"]);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("the address is told").unwrap();
        if let Some(address) = line.strip_prefix("idlegap: metrics on http://") {
            break address.strip_suffix("/metrics").unwrap().parse().unwrap();
        }
    };
    // What else is said must find a reader.
    std::thread::spawn(move || lines.for_each(drop));
    let stdin = child.stdin.take().unwrap();
    (child, stdin, address)
}

#[test]
fn a_scrape_of_a_watch_counts_what_happened() {
    let (mut child, mut stdin, address) = watch();
    stdin.write_all(&to_pcap(&Script::parse(STORY).unwrap())).unwrap();
    stdin.flush().unwrap();
    let began = Instant::now();
    let families = loop {
        let families = parse(&scrape_or_wait(address));
        let packets = families.get("idlegap_packets_total").map(|(_, samples)| samples[&vec![]]);
        let died = families.get("idlegap_deaths_total").is_some_and(|(_, samples)| !samples.is_empty());
        if packets == Some(26.0) && died {
            break families;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{packets:?}");
        std::thread::sleep(Duration::from_millis(200));
    };
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        families[name].1[&labels]
    };
    assert_eq!(value("idlegap_deaths_total", &[("verdict", "idle-reset"), ("service", "10.0.0.2:80")]), 1.0);
    assert_eq!(value("idlegap_resets_total", &[("origin", "middlebox")]), 2.0);
    assert_eq!(value("idlegap_resets_total", &[("origin", "endpoint")]), 0.0);
    // Of four probes all were answered; the warning is of the flow without them.
    assert_eq!(
        (value("idlegap_keepalive_probes_total", &[]), value("idlegap_keepalive_answers_total", &[])),
        (4.0, 4.0)
    );
    assert_eq!((value("idlegap_idle_warnings_total", &[]), value("idlegap_saved_flows_total", &[])), (1.0, 1.0));
    assert_eq!((value("idlegap_flows_total", &[]), value("idlegap_flows_held", &[])), (3.0, 3.0));
    assert_eq!(value("idlegap_lost_packets_total", &[("by", "kernel")]), 0.0);
    // One of three flows is not over: its buckets rise to 1.
    let buckets: Vec<f64> = families["idlegap_flows_silent"].1.values().copied().collect();
    assert_eq!((value("idlegap_flows_silent", &[("le", "+Inf")]), value("idlegap_flows_alive", &[])), (1.0, 1.0));
    assert!(buckets.iter().all(|count| [0.0, 1.0].contains(count)), "{buckets:?}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// The first page comes with the first look, a tenth of a second after the start.
fn scrape_or_wait(address: SocketAddr) -> String {
    loop {
        let text = scrape(address);
        if !text.is_empty() {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_address_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    let output = command.args(["live", "-", "--metrics", &address]).stdin(Stdio::null()).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains(&format!("cannot serve metrics on {address}: ")), "{complaint}");
}
