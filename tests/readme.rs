//! The documentation is true: every console block is run and compared, every list of identifiers is complete, and every
//! link leads somewhere.
//!
//! In a block fenced with `console`, a line `$ idlegap ...` is a command, run from the root of the repository, and the
//! lines behind it are what it prints, byte for byte; a line `...` stands for any lines left out. Commands that cannot be
//! run everywhere (root, network, files of the reader) stand in blocks fenced with `sh`.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use idlegap::flow::SegmentKind;
use idlegap::verdict::VerdictId;

/// One command of a console block with what it must print.
struct Example {
    /// Document and line.
    place: String,
    command: String,
    expected: Vec<String>,
}

#[test]
fn every_console_block_prints_what_it_shows() {
    let mut faults = String::new();
    let mut run = 0;
    for document in documents() {
        for example in examples(&document) {
            run += 1;
            let printed = printed_by(&example.command);
            if !matches(&lines(&example.expected), &lines_of(&printed)) {
                let Example { place, command, expected } = example;
                let expected = expected.join("\n");
                faults.push_str(&format!("--- {place}: {command}\n--- shown:\n{expected}\n--- printed:\n{printed}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(run >= 3, "only {run} commands found: the README shows more than that");
}

#[test]
fn every_verdict_is_explained() {
    let readme = read(&root().join("README.md"));
    let findings = read(&root().join("docs/FINDINGS.md"));
    let sections: BTreeSet<&str> = findings.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
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
        let file = file.iter().find(|file| root().join(file).exists()).unwrap_or_else(|| panic!("no capture {capture}"));
        let report = printed_by(&format!("idlegap --format json {file}"));
        let report = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{file}: {error}\n{report}"));
        let mut fields = BTreeSet::new();
        gather_fields(&report, &mut fields);
        missing.extend(fields.into_iter().filter(|field| !schema.contains(&format!("`{field}`"))));
    }
    assert_eq!(missing, BTreeSet::new(), "fields that docs/REPORT-SCHEMA.md does not describe");
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
    assert!(check("a\n...\nd", "a\nb\nc\nd") && check("a\n...", "a") && check("...\nb\n...", "a\nb") && check("...", ""));
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
        let place = format!("{}:{}", name(document), index + 1);
        match (block, line) {
            (None, "```console") => block = Some(examples.len()),
            (Some(start), "```") => {
                assert!(examples.len() > start, "{place}: the block above has no command");
                block = None;
            }
            (Some(_), line) if line.starts_with("$ ") => {
                let command = line["$ ".len()..].to_owned();
                assert!(command.starts_with("idlegap"), "{place}: only idlegap can be run here: {command}");
                examples.push(Example { place, command, expected: Vec::new() });
            }
            (Some(start), line) => {
                assert!(examples.len() > start, "{place}: output without a command");
                examples.last_mut().unwrap().expected.push(line.to_owned());
            }
            (None, _) => {}
        }
    }
    assert!(block.is_none(), "{}: a console block is not closed", name(document));
    examples
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
        .envs([("PATH", path.as_str()), ("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("HOME", env!("CARGO_TARGET_TMPDIR"))])
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
    let headings = prose(text).filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
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
