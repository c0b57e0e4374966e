//! Names, paths, comments and file names that mean harm come out harmless in every form of the report.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of a test may fail loudly")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use idlegap::capture::{InterfaceOptions, LinkType, PcapngWriter, SectionOptions};
use idlegap::report::escape::is_hostile;
use idlegap::time::{Span, Timestamp};
use pulldown_cmark::{Event, Options, Parser, Tag};
use tempfile::TempDir;

/// What each name brings along: markup of every form, a formula, references, addresses.
const POISON: [&str; 12] = [
    "/<script>alert(1)</script><img/src=x/onerror=y>",
    "/[x](http://evil.example)![y](//evil.example/p.png)[z]:",
    "/@everyone,@root#1!2~3%4&5$6GH-7:smile:deadbeef1",
    "/{color:red}{noformat}[~admin]!http://evil.example/x.png!h1.",
    "/|cell|`code``~~gone~~**bold**__bold__<!--",
    "/https://evil.example/,www.evil.example,mailto:a@evil.example",
    "/=cmd|'/c,calc'!A0,+1,@SUM(A1)",
    "/{{summary}}{%raw%}${x}\\u202e&#64;&lt;",
    "/close",
    "/</details></summary></td></pre></code>",
    "/]]>\"'onmouseover='x",
    "/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// A file name: controls, a change of direction, markup, a formula, and as long as a file system takes.
fn file_name() -> String {
    let start = "=1+\u{1b}[2J\u{202e}@root **x** <b> [l](h:x) `c` {noformat} | #1\r\n# h\u{9b}31m";
    format!("{start}{}.pcapng", "x".repeat(240 - start.len() - 7))
}

#[test]
fn no_form_lets_anything_through_that_steers_a_terminal() {
    let story = Story::new();
    let forms: [&[&str]; 12] = [
        &["--format", "text"],
        &["--format", "text", "--brief"],
        &["--format", "markdown"],
        &["--format", "markdown", "--brief"],
        &["--format", "jira"],
        &["--format", "jira", "--brief"],
        &["--format", "json"],
        &["--format", "jsonl"],
        &["--format", "csv"],
        &["--template", "t.md"],
        &["--template", "t.html"],
        &["--template", "t.txt"],
    ];
    for form in forms {
        let text = story.report(form);
        assert!(text.contains("evil"), "{form:?} does not name the requests:\n{text}");
        let hostile: Vec<_> = text.chars().filter(|char| is_hostile(*char) && !"\r\n".contains(*char)).collect();
        assert!(hostile.is_empty(), "{form:?} lets {hostile:?} through:\n{text}");
    }
}

#[test]
fn markdown_holds_no_markup_of_others() {
    let story = Story::new();
    for form in
        [&["--format", "markdown", "--limit", "0"][..], &["--format", "markdown", "--brief"], &["--template", "t.md"]]
    {
        let text = story.report(form);
        assert!(text.chars().count() < 60_000);
        // A command of GitLab stands at the beginning of a line.
        assert!(!text.lines().any(|line| line.starts_with('/')), "{text}");
        let mut code = 0;
        let mut plain = String::new();
        for event in Parser::new_ext(&text, Options::all()) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    let ours = ["<br>", "<details>\n", "</details>\n", "<details>", "</details>"];
                    let is_summary = html.starts_with("<summary>") && html.matches('<').count() == 2;
                    assert!(ours.contains(&html.as_ref()) || is_summary, "{form:?}: {html:?} in\n{text}");
                }
                Event::Start(
                    Tag::Link { .. } | Tag::Image { .. } | Tag::FootnoteDefinition(_) | Tag::Strikethrough,
                )
                | Event::FootnoteReference(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::TaskListMarker(_) => panic!("{form:?}: {event:?} in\n{text}"),
                Event::Start(Tag::CodeBlock(_)) => code += 1,
                Event::End(pulldown_cmark::TagEnd::CodeBlock) => code -= 1,
                Event::Text(words) if code == 0 => plain.push_str(&words),
                Event::SoftBreak | Event::HardBreak | Event::End(_) | Event::Code(_) => plain.push('\n'),
                _ => {}
            }
        }
        // What the sites look for in the text that is left.
        for sign in ["@", "#", "://", "//", "www.", "mailto", "!2", "$", "~", "&", "GH-", ":smile", "deadbeef1"] {
            assert!(!plain.contains(sign), "{form:?}: {sign} in\n{plain}");
        }
    }
}

#[test]
fn jira_holds_no_markup_of_others() {
    let story = Story::new();
    for form in [&["--format", "jira", "--limit", "0"][..], &["--format", "jira", "--brief"]] {
        let text = story.report(form);
        assert!(text.chars().count() < 30_000);
        // What stands between the marks is shown as it is.
        let parts: Vec<_> = text.split("\n{noformat}").collect();
        assert_eq!(parts.len() % 2, 1, "{form:?}: a block is left open in\n{text}");
        for part in parts.iter().step_by(2) {
            let part = part.trim_start_matches("\n").replace("{{", "").replace("}}", "");
            for sign in ['{', '}', '[', ']', '!', '@', '^', '~', '<', '>', '`', '$'] {
                let is_ours = matches!(sign, '`' | '$');
                assert!(is_ours || !part.contains(sign), "{form:?}: {sign} in\n{part}");
            }
            assert!(!part.contains("://") && !part.contains("mailto:"), "{form:?}: an address in\n{part}");
            // Every row has the cells of the heading: no bar of a name ended one.
            for row in part.lines().filter(|line| line.starts_with('|') && !line.starts_with("||")) {
                assert_eq!(row.matches('|').count(), 8, "{row}");
            }
        }
    }
}

#[test]
fn csv_holds_no_formula() {
    let story = Story::new();
    let text = story.report(&["--format", "csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().len();
    let mut rows = 0;
    for row in reader.records().map(Result::unwrap) {
        rows += 1;
        assert_eq!(row.len(), columns);
        for cell in &row {
            let is_number = cell.parse::<f64>().is_ok();
            assert!(is_number || !cell.trim_start().starts_with(['=', '+', '-', '@', '|', '%']), "{cell:?}");
        }
    }
    assert_eq!(rows, POISON.len());
}

#[test]
fn html_of_a_template_holds_no_element_of_others() {
    let story = Story::new();
    let text = story.report(&["--template", "t.html"]);
    let elements: Vec<_> = text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    let ours = ["h1", "/h1", "p title=\"", "/p", "code", "/code", "pre", "/pre", "br"];
    assert!(elements.iter().all(|element| ours.iter().any(|own| element.starts_with(own))), "{elements:?}");
    assert!(!text.contains("<script") && !text.contains("onerror=y>"));
}

#[test]
fn json_gives_the_names_back_as_they_were() {
    let story = Story::new();
    let report: serde_json::Value = serde_json::from_str(&story.report(&["--format", "json"])).unwrap();
    assert!(report["captures"][0]["file"].as_str().unwrap().ends_with(&file_name()));
    let requests: Vec<_> =
        report["flows"].as_array().unwrap().iter().map(|flow| flow["waiting"]["request"].to_string()).collect();
    for poison in POISON {
        let start: String = poison.chars().take(30).collect();
        let start = start.replace('\\', "\\\\").replace('"', "\\\"");
        assert!(requests.iter().any(|request| request.contains(&start)), "{poison} is not among {requests:?}");
    }
}

/// A folder with the hostile capture and some templates.
struct Story {
    folder: TempDir,
    capture: PathBuf,
}

impl Story {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let capture = folder.path().join(file_name());
        std::fs::write(&capture, hostile_capture()).unwrap();
        let template = "{{ summary.sentence }}\n\n{% for flow in flows %}{{ flow.words.ended | breaks }}\n\n\
                        {% if flow.waiting %}{{ flow.waiting.request }}\n\n{{ flow.waiting.request | code }}\n\n\
                        {{ flow.waiting.request | block }}\n\n{% endif %}{% endfor %}{{ captures[0].file }}\n";
        std::fs::write(folder.path().join("t.md"), template).unwrap();
        std::fs::write(folder.path().join("t.txt"), template).unwrap();
        let html = "<h1>{{ summary.sentence }}</h1>{% for flow in flows %}<p title=\"{{ flow.waiting.request }}\">\
                    {{ flow.words.ended | breaks }} {{ flow.waiting.request | block }} {{ captures[0].file | code }}</p>{% endfor %}";
        std::fs::write(folder.path().join("t.html"), html).unwrap();
        Self { folder, capture }
    }

    fn report(&self, form: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
        command.args(form).arg(&self.capture).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// One flow for each poison: a request for it, and a RST in the server's name after 90 s of silence.
fn hostile_capture() -> Vec<u8> {
    let evil = "\u{1b}]0;x\u{7}\u{202e}<b>@root</b>\n# [x](http://evil.example) {noformat}";
    let section = SectionOptions { application: Some(evil), comments: &[evil], ..SectionOptions::default() };
    let mut writer = PcapngWriter::new(Vec::new(), &section).unwrap();
    let interface =
        InterfaceOptions { link: LinkType(1), snaplen: 65_535, name: Some(evil), filter: None, comments: &[evil] };
    let interface = writer.interface(&interface).unwrap();
    let mut packets = Vec::new();
    for (place, poison) in POISON.iter().enumerate() {
        let port = 40_000 + u16::try_from(place).unwrap();
        let begin = 0.1 * f64::from(port - 40_000);
        let request = format!("GET {poison} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let asked = 1000 + u32::try_from(request.len()).unwrap();
        packets.push((begin, frame(port, true, 0x02, (999, 0), b"")));
        packets.push((begin + 0.010, frame(port, false, 0x12, (4999, 1000), b"")));
        packets.push((begin + 0.020, frame(port, true, 0x10, (1000, 5000), b"")));
        packets.push((begin + 0.030, frame(port, true, 0x18, (1000, 5000), request.as_bytes())));
        packets.push((begin + 0.040, frame(port, false, 0x10, (5000, asked), b"")));
        packets.push((begin + 90.040, frame(port, false, 0x04, (5000, asked), b"")));
    }
    packets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    for (seconds, frame) in packets {
        let time = Timestamp::from_nanos(1_700_000_000_000_000_000).plus(Span::from_secs_f64(seconds));
        let len = u32::try_from(frame.len()).unwrap();
        writer.packet(interface, time, &frame, len, &[evil]).unwrap();
    }
    writer.finish().unwrap()
}

/// An Ethernet frame between 10.0.0.1:`port` and 10.0.0.2:80; the server's RST has another hop limit than its data.
fn frame(port: u16, to_server: bool, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) -> Vec<u8> {
    let (from, to) = if to_server { ((1, port), (2, 80)) } else { ((2, 80), (1, port)) };
    let hops = if flags == 0x04 { 250 } else { 64 };
    let mut frame = vec![2, 0, 0, 0, 0, to.0, 2, 0, 0, 0, 0, from.0, 0x08, 0x00, 0x45, 0];
    frame.extend(u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
    frame.extend([0, 0, 0x40, 0, hops, 6, 0, 0, 10, 0, 0, from.0, 10, 0, 0, to.0]);
    [from.1, to.1].iter().for_each(|number| frame.extend(number.to_be_bytes()));
    [seq, ack].iter().for_each(|number| frame.extend(number.to_be_bytes()));
    frame.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}
