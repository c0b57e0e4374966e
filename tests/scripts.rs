//! Every packet script of `fixtures/scripts`: well-formed, printable, a sound capture in tshark's eyes, and judged right.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

#[path = "scripts/judge.rs"]
mod judge;
#[path = "scripts/observe.rs"]
mod observe;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use idlegap::script::{Direction, Frame, KINDS, LinkLayer, Position, Script, Subject, to_pcap};
use idlegap::verdict::VerdictId;

use judge::{Judgement, Observed, differences};

/// File name and content of every script, in order of names.
fn scripts() -> BTreeMap<String, Script> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts");
    let entries = std::fs::read_dir(folder).expect("the folder of scripts is there");
    let mut scripts = BTreeMap::new();
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name.ends_with(".pkt"), "{name} is no packet script");
        let text = std::fs::read_to_string(&path).expect("a readable script");
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        scripts.insert(name, script);
    }
    assert!(!scripts.is_empty(), "no scripts found");
    scripts
}

#[test]
fn every_script_prints_as_it_reads() {
    for (name, script) in scripts() {
        assert_eq!(Script::parse(&script.to_string()).as_ref(), Ok(&script), "{name}");
    }
}

#[test]
fn every_script_expects_something() {
    for (name, script) in scripts() {
        let unexpected: Vec<String> = script
            .frames()
            .iter()
            .filter(|frame| frame.segment.is_some() && frame.expected.is_none())
            .filter_map(|frame| Some(script.line(frame.step?)))
            .collect();
        assert!(unexpected.is_empty(), "{name}: no kind expected for {unexpected:#?}");
    }
}

/// Runs `analyze` over the capture of every script and gathers what differs from the expectations.
fn judge_all(analyze: impl Fn(&Script, &[u8]) -> Observed) -> Result<(), String> {
    let mut report = String::new();
    for (name, script) in scripts() {
        if let Err(text) = differences(&script, &analyze(&script, &to_pcap(&script))) {
            report.push_str(&format!("--- {name}\n{text}"));
        }
    }
    if report.is_empty() { Ok(()) } else { Err(report) }
}

#[test]
fn the_analysis_says_what_the_scripts_expect() {
    judge_all(|_, capture| observe::observe(capture)).unwrap_or_else(|report| panic!("{report}"));
}

/// An analysis that says exactly what a script expects.
fn oracle(script: &Script) -> Observed {
    let row = |(index, frame): (usize, Frame<'_>)| {
        let expected = frame.expected?;
        Some((index as u64 + 1, (expected.kind.to_owned(), expected.note.clone().unwrap_or_default())))
    };
    let judgements = |subject: Subject| {
        let of_subject = script.expectations.iter().filter(|expected| expected.subject == subject);
        of_subject.map(|expected| Judgement::as_expected(script, expected)).collect()
    };
    Observed {
        rows: script.frames().into_iter().enumerate().filter_map(row).collect(),
        verdicts: judgements(Subject::Verdict),
        findings: judgements(Subject::Finding),
    }
}

#[test]
fn expectations_can_be_met() {
    judge_all(|script, _| oracle(script)).unwrap_or_else(|report| panic!("{report}"));
}

#[test]
fn an_analysis_that_calls_everything_an_ack_fails_every_script() {
    for (name, script) in scripts().into_iter().filter(|(_, script)| !script.steps.is_empty()) {
        let mut observed = oracle(&script);
        observed.rows.values_mut().for_each(|row| *row = ("ack".to_owned(), String::new()));
        assert!(differences(&script, &observed).is_err(), "{name}");
    }
}

#[test]
fn every_kind_is_expected_somewhere() {
    let scripts = scripts();
    let expected: BTreeSet<&str> = scripts
        .values()
        .flat_map(|script| &script.steps)
        .filter_map(|step| Some(step.expected.as_ref()?.kind))
        .collect();
    let all: BTreeSet<&str> = KINDS.iter().copied().collect();
    assert_eq!(expected, all);
}

#[test]
fn the_examples_of_the_documentation_are_scripts() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/PACKET-SCRIPTS.md");
    let text = std::fs::read_to_string(path).expect("the documentation is there");
    let blocks = text.split("```").skip(1).step_by(2);
    let examples: Vec<&str> = blocks.filter(|block| block.contains("\nflow ") && block.contains("\n0 ")).collect();
    assert_eq!(examples.len(), 3, "the documentation works three examples");
    for example in examples {
        let script = Script::parse(example).unwrap_or_else(|error| panic!("{error} in{example}"));
        assert!(script.frames().iter().all(|frame| frame.segment.is_none() || frame.expected.is_some()), "{example}");
    }
}

/// The rules that the comment of a script names: the numbers behind "rule" or "rules", listed with commas and "and".
fn cited_rules(comment: &str) -> BTreeSet<u32> {
    let mut rules = BTreeSet::new();
    let mut in_list = false;
    for word in comment.split_whitespace() {
        let bare = word.trim_start_matches('(');
        let digits: String = bare.chars().take_while(char::is_ascii_digit).collect();
        match digits.parse() {
            Ok(rule) if in_list => {
                rules.insert(rule);
                in_list = !bare.ends_with([')', ';', ':', '.']);
            }
            _ => in_list = ["rule", "rules"].contains(&bare.to_lowercase().as_str()) || (in_list && bare == "and"),
        }
    }
    rules
}

/// The rows of the table in the documentation that says which script holds which rule: rule and scripts.
fn holders() -> Vec<(String, Vec<String>)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/PACKET-SCRIPTS.md");
    let text = std::fs::read_to_string(path).expect("the documentation is there");
    let (_, section) = text.split_once("## Which script holds which rule").expect("the section is there");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let scripts = cells[2].split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        (cells[0].to_owned(), scripts)
    };
    rows.map(row).collect()
}

#[test]
fn every_rule_is_held_by_scripts_that_cite_it() {
    let rows = holders();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts");
    for (rule, scripts) in &rows {
        for script in scripts {
            let path = folder.join(format!("{script}.pkt"));
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("rule {rule}: {script}: {error}"));
            let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
            let comment: String = lines.collect::<Vec<_>>().join(" ");
            let cites = match rule.parse() {
                Ok(number) => cited_rules(&comment).contains(&number),
                Err(_) => comment.contains("urther points") || comment.contains("ection"),
            };
            assert!(cites, "{script} does not cite {rule}");
        }
    }
    let numbers: BTreeSet<u32> = rows.iter().filter_map(|(rule, _)| rule.parse().ok()).collect();
    assert_eq!(numbers, (0..=20).collect(), "every rule has its row");
}

/// The rows of the table in `docs/FINDINGS.md`: verdict, scripts that must get it, look-alikes that must not.
fn verdict_rows(text: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let (_, section) = text.split_once("## Which scripts hold which verdict").expect("the section is there");
    let names = |cell: &str| cell.split(", ").map(|name| name.trim().trim_matches('`').to_owned()).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), names(cells[1]), names(cells[2]))
    };
    section.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

#[test]
fn every_verdict_has_scripts_for_and_against_it() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/FINDINGS.md")).expect("the documentation is there");
    let (scripts, rows) = (scripts(), verdict_rows(&text));
    let expected_of = |name: &str| -> Vec<&str> {
        let script = scripts.get(&format!("{name}.pkt")).unwrap_or_else(|| panic!("no script {name}"));
        script.expectations.iter().map(|expected| expected.id).collect()
    };
    for (id, those_for, those_against) in &rows {
        assert!(those_for.len() >= 2 && !those_against.is_empty(), "{id} lacks scripts");
        for name in those_for {
            assert!(expected_of(name).contains(&id.as_str()), "{name} does not expect {id}");
        }
        for name in those_against {
            let others = expected_of(name);
            assert!(
                !others.is_empty() && !others.contains(&id.as_str()),
                "{name} is no look-alike of {id}: {others:?}"
            );
            let content = std::fs::read_to_string(root.join(format!("fixtures/scripts/{name}.pkt"))).expect("a script");
            let comment: String = content.lines().filter_map(|line| line.strip_prefix('#')).collect();
            assert!(comment.contains(id.as_str()), "{name} does not say what parts it from {id}");
        }
        let section = text.split_once(&format!("\n## `{id}`\n")).unwrap_or_else(|| panic!("no section on {id}")).1;
        let section = section.split("\n## ").next().unwrap_or_default();
        for part in ["**Meaning.**", "**Evidence.**", "**Look-alikes.**", "**What to do.**"] {
            assert!(section.contains(part), "{id}: {part}");
        }
    }
    let held: BTreeSet<&str> = rows.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(held, VerdictId::ALL.iter().map(|id| id.name()).collect(), "every verdict has its row");
}

#[test]
fn citations_are_found() {
    let rules = |comment| cited_rules(comment).into_iter().collect::<Vec<_>>();
    assert_eq!(rules("a probe (rules 4 and 10; RFC 9293 3.8.4), no 7 (rule 12)"), [4, 10, 12]);
    assert_eq!(rules("Rule 0 asks for 2 ms; the look-alike of rule 5"), [0, 5]);
    assert_eq!(rules("rule 17: two of 5"), [17]);
}

/// What tshark shows of a frame, in the order of [`FIELDS`].
type Row = Vec<String>;

const FIELDS: [&str; 9] = [
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.checksum.status",
    "ip.checksum.status",
    "_ws.malformed",
    "tcp.srcport",
];

/// Every frame of every script with the name of its file, for one link layer; one run of tshark is enough then.
fn joined(scripts: &BTreeMap<String, Script>, link: LinkLayer) -> (Vec<u8>, Vec<(String, Frame<'_>)>) {
    let (mut capture, mut frames) = (Vec::new(), Vec::new());
    for (name, script) in scripts.iter().filter(|(_, script)| script.link == link) {
        let file = to_pcap(script);
        let header = if capture.is_empty() { 0 } else { 24 };
        capture.extend_from_slice(&file[header..]);
        frames.extend(script.frames().into_iter().map(|frame| (name.clone(), frame)));
    }
    (capture, frames)
}

fn tshark(capture: &[u8]) -> Vec<Row> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(capture).expect("a writable file");
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(file.path()).args(["-T", "fields", "-E", "occurrence=l"]);
    for preference in [
        "tcp.check_checksum:TRUE",
        "ip.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
    ] {
        command.args(["-o", preference]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("tshark prints text");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_what_the_scripts_say() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    let scripts = scripts();
    for link in [LinkLayer::Ethernet, LinkLayer::Sll, LinkLayer::Sll2, LinkLayer::Raw] {
        let (capture, frames) = joined(&scripts, link);
        if frames.is_empty() {
            continue;
        }
        let rows = tshark(&capture);
        assert_eq!(rows.len(), frames.len(), "tshark sees another number of frames");
        for (row, (name, frame)) in rows.iter().zip(&frames) {
            if let Err(difference) = same(row, frame, &scripts[name]) {
                panic!("{name}: {difference}\n  tshark: {row:?}");
            }
        }
    }
}

/// Whether tshark's row shows the segment that the script asked for, with good checksums.
fn same(row: &Row, frame: &Frame<'_>, script: &Script) -> Result<(), String> {
    let line = frame.step.map(|step| script.line(step)).unwrap_or_default();
    if !row[7].is_empty() {
        return Err(format!("malformed: {line}"));
    }
    let Some((flow, segment)) = frame.segment else { return Ok(()) };
    let whole = usize::try_from(frame.original_len) == Ok(frame.bytes.len());
    let step = &script.steps[frame.step.expect("a segment comes of a step")];
    let (false_length, fragmented) = (step.framing.ip_length.is_some(), step.framing.fragment_at.is_some());
    // 0 is bad, 1 good, 2 not verified: a frame that is cut or that is a fragment cannot be verified.
    if row[5] == "0" || (whole && !fragmented && !false_length && row[5] != "1") || row[6] == "0" {
        return Err(format!("bad checksum: {line}"));
    }
    let back = match segment.direction {
        Direction::FromInitiator => Direction::FromResponder,
        Direction::FromResponder => Direction::FromInitiator,
    };
    let wanted = [
        ("sequence number", flow.sequence(segment.direction, segment.start).to_string(), &row[0]),
        ("acknowledgment", segment.ack.map_or(0, |ack: Position| flow.sequence(back, ack).0).to_string(), &row[1]),
        ("flags", format!("0x{:04x}", segment.flags.0), &row[3]),
        ("window", segment.window.unwrap_or(512).to_string(), &row[4]),
    ];
    for (field, wanted, seen) in wanted {
        if wanted != *seen {
            return Err(format!("{field} should be {wanted}: {line}"));
        }
    }
    if !fragmented && row[2] != segment.payload_len.to_string() {
        return Err(format!("length should be {}: {line}", segment.payload_len));
    }
    Ok(())
}
