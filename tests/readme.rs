//! The documentation is true: every console block is run and compared, every list of identifiers is complete, and every
//! link leads somewhere.
//!
//! In a block fenced with `console`, a line `$ idlegap ...` is a command, run from the root of the repository, and the
//! lines behind it are what it prints, byte for byte; a line `...` stands for any lines left out. Commands that cannot be
//! run everywhere (root, network, files of the reader) stand in blocks fenced with `sh`.
//!
//! `UPDATE=1 cargo test --test readme` writes what is printed into the documents, except where lines in the middle
//! are left out.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use idlegap::flow::SegmentKind;
use idlegap::script::{Script, to_pcap};
use idlegap::verdict::VerdictId;

/// One command of a console block with what it must print.
struct Example {
    /// Index of the command's line in its document.
    line: usize,
    command: String,
    shown: Vec<String>,
}

#[test]
fn every_console_block_prints_what_it_shows() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut faults = String::new();
    let mut run = 0;
    for document in documents() {
        let mut text: Vec<String> = read(&document).lines().map(str::to_owned).collect();
        // From the last to the first, so that an update does not move those that are still to come.
        for Example { line, command, shown } in examples(&document).into_iter().rev() {
            run += 1;
            let printed = printed_by(&command);
            if matches(&lines(&shown), &lines_of(&printed)) {
                continue;
            }
            if let Some(new) = updated(&shown, &printed).filter(|_| update) {
                text.splice(line + 1..line + 1 + shown.len(), new);
                fs::write(&document, text.join("\n") + "\n").unwrap();
                continue;
            }
            let (place, shown) = (format!("{}:{}", name(&document), line + 1), shown.join("\n"));
            faults.push_str(&format!("--- {place}: {command}\n--- shown:\n{shown}\n--- printed:\n{printed}\n"));
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(run >= 3, "only {run} commands found: the README shows more than that");
}

/// What should be shown now: everything that is printed, or as many lines of it as before if the rest is left out.
fn updated(shown: &[String], printed: &str) -> Option<Vec<String>> {
    let printed = printed.lines().map(str::to_owned);
    match shown.iter().position(|line| line == "...") {
        None => Some(printed.collect()),
        Some(kept) if kept + 1 == shown.len() => Some(printed.take(kept).chain(["...".to_owned()]).collect()),
        Some(_) => None,
    }
}

#[test]
fn every_verdict_is_explained() {
    let readme = read(&root().join("README.md"));
    let findings = read(&root().join("docs/FINDINGS.md"));
    let sections: BTreeSet<&str> =
        findings.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    let ids: BTreeSet<&str> = VerdictId::ALL.iter().map(|id| id.name()).collect();
    assert_eq!(sections, ids, "sections of docs/FINDINGS.md");
    for id in ids {
        let (row, link) = (format!("| [`{id}`]"), format!("docs/FINDINGS.md#{id})"));
        let line = readme.lines().find(|line| line.starts_with(&row));
        assert!(line.is_some_and(|line| line.contains(&link)), "README.md has no row for {id} that links its section");
    }
}

#[test]
fn every_kind_of_segment_is_listed() {
    let schema = read(&root().join("docs/REPORT-SCHEMA.md"));
    for kind in SegmentKind::ALL {
        assert!(schema.contains(&format!("`{kind}`")), "docs/REPORT-SCHEMA.md does not name {kind}");
    }
}

#[test]
fn every_field_of_the_json_is_described() {
    let schema = read(&root().join("docs/REPORT-SCHEMA.md"));
    let mut missing = BTreeSet::new();
    for capture in ["lvs-fullnat-90s-client", "keepalive-gives-up", "fragmentation-needed", "vxlan-any"] {
        let file = format!("fixtures/captures/{capture}/{capture}");
        let file = ["pcap", "pcapng"].map(|ending| format!("{file}.{ending}"));
        let file =
            file.iter().find(|file| root().join(file).exists()).unwrap_or_else(|| panic!("no capture {capture}"));
        let report = printed_by(&format!("idlegap --format json {file}"));
        let report = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{file}: {error}\n{report}"));
        let mut fields = BTreeSet::new();
        gather_fields(&report, &mut fields);
        // The counts per verdict have the ids for keys.
        fields.retain(|field| VerdictId::from_name(field).is_none());
        missing.extend(fields.into_iter().filter(|field| !schema.contains(&format!("`{field}`"))));
    }
    assert_eq!(missing, BTreeSet::new(), "fields that docs/REPORT-SCHEMA.md does not describe");
}

/// The README's table of differences, row by row: the frame of the script that it names, in tshark's words and in ours.
#[test]
fn the_differences_to_wireshark_are_as_shown() {
    let readme = read(&root().join("README.md"));
    let rows: Vec<Difference> = readme.lines().filter_map(Difference::parse).collect();
    assert!(rows.len() >= 10, "only {} rows found", rows.len());
    let tshark = tshark_4_0();
    let mut faults = Vec::new();
    for Difference { script, frame, wireshark, ours } in rows {
        let text = read(&root().join("fixtures/scripts").join(&script).with_extension("pkt"));
        let capture = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&script).with_extension("pcap");
        fs::write(&capture, to_pcap(&Script::parse(&text).unwrap())).unwrap();
        let trace = printed_by(&format!("idlegap trace --format jsonl {}", capture.display()));
        let row = trace.lines().find(|row| row.contains(&format!("\"frame\":{frame},"))).unwrap_or_default();
        if !row.contains(&format!("\"kind\":\"{ours}\"")) {
            faults.push(format!("{script} frame {frame}: idlegap says {row}, the README {ours}"));
        }
        if tshark && tshark_label(&capture, frame) != wireshark {
            faults.push(format!(
                "{script} frame {frame}: tshark says {}, the README {wireshark}",
                tshark_label(&capture, frame)
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let folder = document.parent().unwrap();
        for target in links(&read(&document)) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { document.clone() } else { folder.join(path) };
            let found = file.exists() && (anchor.is_empty() || anchors(&read(&file)).contains(anchor));
            if !found {
                dead.push(format!("{}: {target}", name(&document)));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn left_out_lines_match_and_others_do_not() {
    let check = |shown: &str, printed: &str| matches(&lines_of(shown), &lines_of(printed));
    assert!(
        check("a\n...\nd", "a\nb\nc\nd") && check("a\n...", "a") && check("...\nb\n...", "a\nb") && check("...", "")
    );
    assert!(check("a\n...\nb\n...\nc", "a\nx\nb\nb\nc"));
    assert!(!check("a", "a\nb") && !check("a\nb", "a") && !check("a\n...\nd", "a\nb") && !check("...\nb", "b\nc"));
    assert!(!check("a\n...\na", "a") && !check("...\nb\n...\na", "a\nb"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The README, its neighbours and everything in `docs`.
fn documents() -> Vec<PathBuf> {
    let markdown = |folder: PathBuf| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect::<Vec<_>>()
    };
    let mut documents = [markdown(root()), markdown(root().join("docs"))].concat();
    documents.sort();
    documents
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(document: &Path) -> String {
    document.strip_prefix(root()).unwrap_or(document).display().to_string()
}

/// The commands of a document's console blocks. A block that shows none, or another program's, is an error.
fn examples(document: &Path) -> Vec<Example> {
    let text = read(document);
    let mut examples: Vec<Example> = Vec::new();
    let mut block = None;
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", name(document), index + 1);
        match (block, line) {
            (None, "```console") => block = Some(examples.len()),
            (Some(start), "```") => {
                assert!(examples.len() > start, "{}: the block above has no command", place());
                block = None;
            }
            (Some(_), line) if line.starts_with("$ ") => {
                let command = line["$ ".len()..].to_owned();
                assert!(command.contains("idlegap"), "{}: only idlegap can be run here: {command}", place());
                examples.push(Example { line: index, command, shown: Vec::new() });
            }
            (Some(start), line) => {
                assert!(examples.len() > start, "{}: output without a command", place());
                examples.last_mut().unwrap().shown.push(line.to_owned());
            }
            (None, _) => {}
        }
    }
    assert!(block.is_none(), "{}: a console block is not closed", name(document));
    examples
}

/// A row `| situation | Wireshark's label | kind | frame N of [script](...) |`.
struct Difference {
    script: String,
    frame: u32,
    wireshark: String,
    ours: String,
}

impl Difference {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, wireshark, ours, shown_by] = cells[..] else { return None };
        let (frame, script) = shown_by.strip_prefix("frame ")?.split_once(" of [")?;
        let (script, _) = script.split_once(']')?;
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        Some(Self {
            script: script.to_owned(),
            frame: frame.parse().ok()?,
            wireshark: plain(wireshark),
            ours: plain(ours),
        })
    }
}

/// Whether tshark is here and of the series that the README speaks of. In continuous integration it must be.
#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn tshark_4_0() -> bool {
    let version = Command::new("tshark").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let found = String::from_utf8_lossy(&version).contains("(Wireshark) 4.0.");
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark 4.0 must be here");
        eprintln!("NOT TESTED: tshark 4.0 is not here, so its side of the table was not compared");
    }
    found
}

/// The label that tshark gives a frame, the first of several; `none` without one.
fn tshark_label(capture: &Path, frame: u32) -> String {
    let output = Command::new("tshark")
        .env("WIRESHARK_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-preferences"))
        .args(["-n", "-Y", &format!("frame.number == {frame}"), "-T", "fields", "-e", "_ws.col.Info", "-r"])
        .arg(capture)
        .output()
        .unwrap();
    let info = String::from_utf8(output.stdout).unwrap();
    let label = info.strip_prefix("[TCP ").and_then(|rest| rest.split_once(']')).map_or("none", |(label, _)| label);
    // Duplicate ACKs carry their own numbers.
    label.split(|c: char| c == '#' || c.is_ascii_digit()).next().unwrap_or_default().trim().to_owned()
}

/// What a command prints to both of its outputs, run by the shell with the built program first in the path and nothing of
/// the user's own in the environment.
fn printed_by(command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_idlegap"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(root())
        .env_clear()
        .envs([("PATH", path.as_str()), ("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("HOME", "/nonexistent")])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn lines(text: &[String]) -> Vec<&str> {
    text.iter().map(String::as_str).collect()
}

fn lines_of(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Whether `printed` is what is `shown`, with `...` for any lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        Some((line, rest)) => printed.first() == Some(line) && matches(rest, &printed[1..]),
    }
}

fn gather_fields(value: &serde_json::Value, fields: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                fields.insert(key.clone());
                gather_fields(value, fields);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| gather_fields(item, fields)),
        _ => {}
    }
}

/// The targets of a document's links that stay within the repository, code blocks left out.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for prose in prose(text) {
        for piece in prose.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            if !target.contains("://") {
                targets.push(target.to_owned());
            }
        }
    }
    targets
}

/// The names by which the headings of a document are linked: lower case, dashes for spaces, other signs left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        prose(text).filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let sign = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    headings.map(|heading| heading.chars().filter_map(sign).collect()).collect()
}

/// The lines outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}
