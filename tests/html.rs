//! The HTML report in a real browser: nothing is fetched, nothing runs, nothing overlaps or sticks out, at the widths of a
//! phone and of a desk, whatever the packets say.
//!
//! Needs Chromium (`scripts/setup.sh test` installs it). Without it the browser's tests say so by hand, and fail where
//! `CI=true`.
#![cfg(unix)]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it skips"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use idlegap::script::{Script, to_pcap};
use serde_json::Value;

/// Recordings of all sorts: deaths on both clocks, brackets with and without candidates, IPv6, tens of flows, probes of
/// all kinds, losses, ICMP errors, and one in which nothing happens.
const RECORDINGS: [&str; 12] = [
    "f5-300s-both",
    "ipv6-gives-up",
    "keepalive-gives-up",
    "keepalive-saves",
    "loss-single-byte-keepalive-client",
    "lvs-fullnat-90s-client",
    "lvs-incident-200-flows",
    "nginx-keepalive-timeout-8s",
    "router-reject-after-idle-client",
    "simultaneous-open",
    "sll2-router",
    "zero-window-stall",
];
/// Scripts with silences that no recording waits for, and with long runs of probes.
const SCRIPTS: [&str; 4] = ["gaps-survived", "keepalive-exhausted", "reset-after-908s-first-write", "three-week-gap"];
/// Widths of a phone and of a desk, in CSS pixels.
const WIDTHS: [u32; 2] = [360, 1280];
/// Recordings that hold every mark between them, for a look in the dark.
const IN_THE_DARK: [&str; 5] = [
    "lvs-fullnat-90s-client",
    "keepalive-gives-up",
    "loss-single-byte-keepalive-client",
    "path-unreachable",
    "zero-window-stall",
];
/// The colours of the page, light and dark.
const WHITE: &str = "rgb(255, 255, 255)";
const NIGHT: &str = "rgb(20, 23, 27)";
/// Names under which Chromium is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Hosts that the browser itself asks for news; no name resolves, so that none of it leaves the machine.
const BROWSERS_OWN: [&str; 2] = [".google.com/", ".googleapis.com/"];

#[test]
fn reports_stand_in_a_browser() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let recordings = RECORDINGS.iter().map(|name| ((*name).to_owned(), recording(name)));
    let scripts = SCRIPTS.iter().map(|name| ((*name).to_owned(), from_script(folder.path(), name, &script(name))));
    let mut pages: Vec<(String, String)> =
        recordings.chain(scripts).map(|(name, capture)| (name, html(&[], &capture))).collect();
    pages.push(("graceful".to_owned(), html(&[], &from_script(folder.path(), "graceful", &script("graceful-close")))));
    let seen = look(&browser, folder.path(), &pages, Scheme::Light);
    assert_eq!(seen.pages.len(), pages.len() * WIDTHS.len());
    let faults: String = seen.pages.iter().flat_map(faults).fold(String::new(), |mut all, fault| {
        let _ = writeln!(all, "{fault}");
        all
    });
    assert!(faults.is_empty(), "{faults}");
    assert_eq!(seen.console, Vec::<String>::new());
    assert_eq!(seen.requests, Vec::<String>::new());
    let pictures = |name: &str| seen.pages.iter().find(|page| page["page"] == name).unwrap()["pictures"].as_u64();
    // Two flows that matter and one service; a flow that closed in good order has no timeline, and survived its silence.
    assert_eq!(pictures("lvs-fullnat-90s-client"), Some(3));
    assert_eq!(pictures("graceful"), Some(1));
}

#[test]
fn the_dark_page_reads_as_well_as_the_light_one() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pages: Vec<_> = IN_THE_DARK.iter().map(|name| ((*name).to_owned(), html(&[], &recording(name)))).collect();
    let [light, dark] = [Scheme::Light, Scheme::Dark].map(|scheme| look(&browser, folder.path(), &pages, scheme));
    for (light, dark) in light.pages.iter().zip(&dark.pages) {
        assert_eq!(faults(dark), Vec::<String>::new());
        // Nothing but the colours differs.
        for same in ["page", "width", "elements", "pictures", "tables", "sentence"] {
            assert_eq!(light[same], dark[same], "{same}");
        }
        assert_eq!((light["background"].as_str(), dark["background"].as_str()), (Some(WHITE), Some(NIGHT)));
    }
    fs::write(folder.path().join("page.html"), &pages[0].1).unwrap();
    let [light, dark] = [Scheme::Light, Scheme::Dark].map(|scheme| {
        let picture = folder.path().join(format!("{scheme:?}.png"));
        let mut command = headless(&browser, folder.path(), scheme);
        command.arg(format!("--screenshot={}", picture.display()));
        let output = command.arg(folder.path().join("page.html")).output().unwrap();
        fs::read(&picture).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    });
    assert!(light != dark, "the pictures of both are the same");
}

#[test]
fn on_paper_nothing_is_lost() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    // More flows than are unfolded on a screen.
    let page = html(&[], &from_script(folder.path(), "many", &silent_flows(15)));
    let sentence = page.split("<p class=\"lead\">").nth(1).unwrap().split("</p>").next().unwrap();
    fs::write(folder.path().join("page.html"), &page).unwrap();
    let paper = folder.path().join("page.pdf");
    let mut command = headless(&browser, folder.path(), Scheme::Dark);
    command.arg(format!("--print-to-pdf={}", paper.display())).arg(folder.path().join("page.html"));
    let output = command.output().unwrap();
    assert!(paper.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    let Some(words) = words_on(&paper) else { return };
    let text: String = words.iter().map(|word| word.text.as_str()).collect();
    let holds = |what: &str| text.contains(&what.replace(' ', ""));
    assert!(holds(sentence), "the sentence is not there: {text}");
    for flow in 0..15 {
        let client = format!("10.0.0.{}:40000", flow + 1);
        assert!(holds(&format!("Flow {flow}: {client} to 10.9.0.2:5432, idle-reset")), "the timeline of flow {flow}");
    }
    // The last column of each row, and what to type into Wireshark.
    assert_eq!(words.iter().filter(|word| word.text == "tcp.stream").count(), 15 + 1);
    // Each picture, and each table that says the same.
    assert_eq!(text.matches("Insecondsafter").count(), 15);
    let tables = words.iter().filter(|word| word.text == "remarks").count();
    assert!(tables >= 15, "{tables} of 15 folded tables are open");
    let beyond: Vec<_> = words.iter().filter(|word| word.left < 0.0 || word.right > word.page).collect();
    assert!(beyond.is_empty(), "cut off at an edge of the paper: {beyond:?}");
}

#[test]
fn what_packets_files_and_tables_say_is_nothing_but_text() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = "\"><img src=x onerror=alert(1)>'&lt;";
    let capture = from_script(folder.path(), name, &hostile_script());
    let table = folder.path().join("timeouts.toml");
    fs::write(&table, hostile_table()).unwrap();
    let page = html(&["--timeouts", table.to_str().unwrap()], &capture);
    let seen = look(&browser, folder.path(), &[("hostile".to_owned(), page)], Scheme::Light);
    for page in &seen.pages {
        assert_eq!(faults(page), Vec::<String>::new());
        let elements: Vec<_> = page["elements"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for foreign in ["script", "img", "iframe", "object", "h1x"] {
            assert!(!elements.contains(&foreign), "{foreign}: {elements:?}");
        }
        assert!(page["title"].as_str().unwrap().starts_with("idlegap: "), "{}", page["title"]);
        let sentence = page["sentence"].as_str().unwrap();
        assert!(sentence.contains("GET /<script>document.title='ran'</script>"), "shown as it came: {sentence}");
        assert!(sentence.contains("<script>alert('vendor')</script>"), "{sentence}");
        assert!(!sentence.contains('\u{202e}'), "{sentence}");
        let cells: String = page["cells"].as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect();
        for shown in [
            "SNI \"><svg/onload=alert(3)>.\\u{1b}]0;x\\u{7}.example)",
            "for 192.0.2.7:50123",
            "host \"><svg/onload=alert(2)>",
            "\\u{202e}gnp.exe",
        ] {
            assert!(cells.contains(shown), "{shown} is not shown as it came: {cells}");
        }
    }
    assert_eq!(seen.console, Vec::<String>::new());
    assert_eq!(seen.requests, Vec::<String>::new());
}

#[test]
fn the_browser_would_tell() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bad = "<!DOCTYPE html><html><title>bad</title><h1>a</h1><h3>b</h3><a href='#nowhere' onclick='x()'>c</a>\
               <img src='http://report.invalid/pixel'><div style='width:2000px'>d</div>\
               <p style='color:#999'>pale</p><svg role='img' width='100%' height='50'><text x='0' y='20'>one text</text><text x='5' y='21'>other</text>\
               <text x='99%' y='40'>beyond the window</text></svg><script>console.error('boo')</script>";
    let seen = look(&browser, folder.path(), &[("bad".to_owned(), bad.to_owned())], Scheme::Light);
    let found = faults(&seen.pages[0]).join("\n");
    for fault in [
        "overflow",
        "handlers",
        "broken_links",
        "unlabelled",
        "skipped_levels",
        "overlaps",
        "outside",
        "faint",
        "script",
    ] {
        assert!(found.contains(fault), "{fault} is not noticed:\n{found}");
    }
    assert!(seen.console.iter().any(|line| line.contains("boo")), "{:?}", seen.console);
    assert!(seen.requests.iter().any(|url| url.contains("report.invalid")), "{:?}", seen.requests);
}

#[test]
fn a_pipe_shows_the_same_pictures_as_a_file() {
    let capture = recording("lvs-fullnat-90s-client");
    let file = html(&[], &capture);
    let piped = Command::new(env!("CARGO_BIN_EXE_idlegap"))
        .args(["--format", "html", "-"])
        .stdin(fs::File::options().read(true).open(&capture).unwrap())
        .output()
        .unwrap();
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    let piped = String::from_utf8(piped.stdout).unwrap();
    let named = file.replace(&capture.display().to_string(), "standard input");
    assert!(piped == named, "the pages differ in more than the name of the capture");
    assert!(piped.contains("<svg role=\"img\""), "there are pictures");
}

#[test]
fn what_is_left_out_is_named() {
    let page = html(&["--limit", "1"], &recording("lvs-fullnat-90s-client"));
    assert_eq!(page.matches("<details id=\"flow-").count(), 1);
    assert!(page.contains("1 flow more left out of this page"), "the table says so");
    assert!(page.contains("The timelines of 1 flow more are left out"), "and the timelines do");
}

/// Clients that write markup, quotes, entities, scripts and reversed text where the report shows names: in the request line
/// and the host of HTTP behind a PROXY header, and in the server name of TLS.
fn hostile_script() -> String {
    const PROXY: &str = "PROXY TCP4 192.0.2.7 203.0.113.80 50123 80\r\n";
    let http = hostile_request();
    let hello = client_hello("\"><svg/onload=alert(3)>.\u{1b}]0;x\u{7}.example");
    let behind_proxy = [PROXY.as_bytes(), &http].concat();
    // Two of one service, so that the one sentence speaks of them.
    let flows = [(80, http), (80, behind_proxy), (443, hello)];
    let flows = flows.iter().enumerate().map(|(flow, (port, bytes))| {
        let (length, hex) = (bytes.len(), hex(bytes));
        let (begin, client, end) = (300 * flow, 40_000 + flow, length + 1);
        format!(
            "flow f{flow} 198.51.100.7:{client} > 203.0.113.80:{port} isn 1000 5000 ttl 64 54
{begin}  f{flow} > S   0:0(0)              win 64240 <mss 1460,sackOK,nop,wscale 7>
+.010    f{flow} < S.  0:0(0)      ack 1   win 65160 <mss 1460,sackOK,nop,wscale 7>
+.0001   f{flow} > .   1:1(0)      ack 1
+1       f{flow} > P.  1:{end}({length})  ack 1   data hex:{hex}
+.010    f{flow} < .   1:1(0)      ack {end}
+90.0    f{flow} < R   1:1(0)      ack @4294768296 win 0 ttl 55 ipid 0
"
        )
    });
    flows.collect()
}

fn hostile_request() -> Vec<u8> {
    let path =
        "/<script>document.title='ran'</script><img/src=//report.invalid/i/onerror=alert(1)>'&lt;\u{202e}gnp.exe";
    format!("GET {path} HTTP/1.1\r\nHost: \"><svg/onload=alert(2)>\r\n\r\n").into_bytes()
}

/// A TLS ClientHello (RFC 8446 4.1.2) with the server name `name` (RFC 6066 3) and nothing else.
fn client_hello(name: &str) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let names = sized(&[&[0][..], &sized(name.as_bytes())].concat());
    let extensions = sized(&[&[0, 0][..], &sized(&names)].concat());
    let body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &extensions].concat();
    let handshake = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&handshake)].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Flows that a box resets after 100 s of silence, with the RST to the client alone.
fn silent_flows(count: usize) -> String {
    let flows = (0..count).map(|flow| format!("flow f{flow} 10.0.0.{}:40000 > 10.9.0.2:5432 ttl 64 57\n", flow + 1));
    let mut lines: Vec<(f64, String)> = Vec::new();
    for flow in 0..count {
        let begin = flow as f64;
        let course = [
            (0.0, "> S 0:0(0) win 64240 <mss 1460>"),
            (0.02, "< S. 0:0(0) ack 1 win 65160 <mss 1460>"),
            (0.021, "> . 1:1(0) ack 1"),
            (0.03, "> P. 1:101(100) ack 1"),
            (0.05, "< . 1:1(0) ack 101"),
            (100.05, "< R 1:1(0) win 0 ttl 63 ipid 0"),
        ];
        lines.extend(course.map(|(at, what)| (begin + at, format!("f{flow} {what}"))));
    }
    lines.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let lines = lines.into_iter().map(|(at, line)| format!("{at:.3} {line}\n"));
    flows.chain(lines).collect()
}

/// A word on paper, with its edges and the width of the page, in points.
#[derive(Debug)]
struct Word {
    text: String,
    left: f64,
    right: f64,
    page: f64,
}

/// The words of a PDF file in reading order; `None` without `pdftotext`, which must be here under `CI=true`.
fn words_on(paper: &Path) -> Option<Vec<Word>> {
    let Ok(output) = Command::new("pdftotext").arg("-bbox").arg(paper).arg("-").output() else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "pdftotext must be here");
        eprintln!(
            "SKIPPED: pdftotext is missing, so nobody read the printed report (scripts/setup.sh test installs it)"
        );
        return None;
    };
    let bounds = String::from_utf8(output.stdout).unwrap();
    let value = |line: &str, name: &str| -> f64 {
        line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    let (mut words, mut page) = (Vec::new(), 0.0);
    for line in bounds.lines().map(str::trim) {
        if line.starts_with("<page ") {
            page = value(line, "width");
        } else if line.starts_with("<word ") {
            let text = line.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned();
            words.push(Word { text, left: value(line, "xMin"), right: value(line, "xMax"), page });
        }
    }
    Some(words)
}

/// A row that anybody could have written.
fn hostile_table() -> &'static str {
    r#"[[timeout]]
id = "hostile-row"
vendor = "<script>alert('vendor')</script>"
product = "\"><img src=x onerror=alert(1)> & co"
setting = "</td></table></div><h1x>broken</h1x>"
layer = "l4"
kind = "balancer"
idle_seconds = 90
resets_on_keepalive = true
on_expiry = ["rst-both"]
source = "javascript:alert(1) \u202Etxt.eliforp <a href='https://report.invalid/'>here</a>"
confidence = "documented"
"#
}

/// What the reader's desktop asks pages to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Light,
    Dark,
}

/// What a browser saw.
struct Seen {
    /// What was measured, for each page at each width.
    pages: Vec<Value>,
    /// Lines of its console.
    console: Vec<String>,
    /// What it asked the network for.
    requests: Vec<String>,
}

/// Shows the pages, each at every width, in frames of one window.
fn look(browser: &str, folder: &Path, pages: &[(String, String)], scheme: Scheme) -> Seen {
    let mut frames = String::new();
    for (number, (name, page)) in pages.iter().enumerate() {
        fs::write(folder.join(format!("{number}.html")), page).unwrap();
        for width in WIDTHS {
            let _ = write!(
                frames,
                "<iframe data-page='{name}' src='{number}.html' style='width:{width}px;height:800px;border:0'></iframe>"
            );
        }
    }
    let script = include_str!("html/measure.js");
    let (bench, log) = (folder.join("bench.html"), folder.join("net.json"));
    fs::write(&bench, format!("<!DOCTYPE html><meta charset=utf-8><body>{frames}<script>{script}</script>")).unwrap();
    let output = headless(browser, folder, scheme)
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--v=0", "--window-size=1400,900"])
        .arg(format!("--log-net-log={}", log.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", bench.display()))
        .output()
        .unwrap();
    let (dom, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let measured = title.unwrap_or_else(|| panic!("nothing was measured: {errors}"));
    Seen {
        pages: serde_json::from_slice(&decoded(measured)).unwrap(),
        console: errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
        requests: requested(&fs::read_to_string(log).unwrap()),
    }
}

/// A browser without a window, that asks nobody for anything.
fn headless(browser: &str, folder: &Path, scheme: Scheme) -> Command {
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", folder.join("profile").display()));
    if scheme == Scheme::Dark {
        command.arg("--force-dark-mode");
    }
    command
}

/// Bytes of a text in which some are written as `%XX`.
fn decoded(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// Everything with an address that the browser's log of the network names, but for files, what stands in the page itself,
/// and the browser's own affairs.
fn requested(log: &str) -> Vec<String> {
    let urls = log.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let is_own = |url: &str| {
        let host = url.split("//").nth(1).and_then(|rest| rest.split_inclusive('/').next()).unwrap_or_default();
        BROWSERS_OWN.iter().any(|own| host.ends_with(own))
    };
    let is_local =
        |url: &str| ["file:", "data:", "chrome:", "chrome-extension:"].iter().any(|own| url.starts_with(own));
    let mut urls: Vec<_> = urls.filter(|url| !is_own(url) && !is_local(url)).map(str::to_owned).collect();
    urls.sort();
    urls.dedup();
    urls
}

/// What is wrong with a page, as measured.
fn faults(page: &Value) -> Vec<String> {
    let place = format!("{} at {} px", page["page"].as_str().unwrap(), page["width"]);
    let mut faults = Vec::new();
    let mut expect = |is_well: bool, what: &str, shown: &Value| {
        if !is_well {
            faults.push(format!("{place}: {what}: {shown}"));
        }
    };
    for count in ["overflow", "unlabelled", "unnamed_boxes", "skipped_levels"] {
        expect(page[count].as_i64() == Some(0), count, &page[count]);
    }
    for list in ["handlers", "broken_links", "repeated_ids", "overlaps", "outside", "faint", "requests"] {
        expect(page[list].as_array().unwrap().is_empty(), list, &page[list]);
    }
    let strict = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
    expect(page["policy"].as_str().unwrap().starts_with(strict), "policy", &page["policy"]);
    expect(page["language"] == "en", "language", &page["language"]);
    let elements = page["elements"].as_array().unwrap();
    expect(!elements.iter().any(|name| name == "script"), "script", &page["elements"]);
    let links = page["links"].as_array().unwrap().iter().map(|link| link.as_str().unwrap());
    let leave = links.filter(|link| !link.starts_with('#') && *link != "data:,").count();
    expect(leave == 0, "links that lead out of the page", &page["links"]);
    faults
}

/// The report on `capture` as a page.
fn html(arguments: &[&str], capture: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    let output = command.args(["--format", "html"]).args(arguments).arg(capture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn recording(name: &str) -> PathBuf {
    let folder = fixtures().join("captures").join(name);
    let captures = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    captures.into_iter().find(|path| path.to_string_lossy().contains(&format!("{name}.pcap"))).unwrap()
}

fn script(name: &str) -> String {
    fs::read_to_string(fixtures().join("scripts").join(name).with_extension("pkt")).unwrap()
}

fn from_script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let capture = folder.join(format!("{name}.pcap"));
    fs::write(&capture, to_pcap(&Script::parse(text).unwrap())).unwrap();
    capture
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The browser, if there is one.
fn browser() -> Option<String> {
    let starts =
        |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = BROWSERS.iter().find(starts).map(|name| (*name).to_owned());
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the report must be looked at here: Chromium is missing");
        let skipped =
            "SKIPPED: Chromium is missing, so nobody looked at the HTML report (scripts/setup.sh test installs it)";
        eprintln!("{skipped}");
    }
    found
}
