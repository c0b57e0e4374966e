//! Several reports in one run, the user's own templates, completions and the manual page.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of a test may fail loudly"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const INCIDENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/lvs-fullnat-90s-both/lvs-fullnat-90s-both.pcapng");

/// Exit code, standard output and standard error of a run in `folder`.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_run_writes_several_reports_each_as_if_alone() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let several = ["--report", "markdown=t.md", "--report", "json=r.json", "--report", "csv=f.csv", INCIDENT];
    let (code, stdout, stderr) = run(folder, &several);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(names(folder), ["f.csv", "r.json", "t.md"]);
    let alone = |format: &str| run(folder, &["--format", format, INCIDENT]).1;
    assert_eq!(stdout, alone("text"));
    for (format, file) in [("markdown", "t.md"), ("json", "r.json"), ("csv", "f.csv")] {
        assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), alone(format));
    }
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_read() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    // A capture that is not there shows that nothing was read.
    let problem = |arguments: &[&str]| {
        let (code, stdout, stderr) = run(folder, &[arguments, &["missing.pcap"]].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(!stderr.contains("missing.pcap"), "{stderr}");
        stderr
    };
    assert!(problem(&["--report", "pdf=t.pdf"]).contains("no format \"pdf\""));
    assert!(problem(&["--report", "json=no/such/r.json"]).contains("cannot write no/such/r.json"));
    assert!(problem(&["--report", "json=r", "--report", "csv=./r"]).contains("two reports go to ./r"));
    assert!(problem(&["--output", "r", "--report", "csv=r"]).contains("two reports go to r"));
    assert!(problem(&["--report", "csv=-"]).contains("two reports go to standard output"));
    assert!(problem(&["--template", "none.md"]).contains("cannot read none.md"));
    fs::write(folder.join("bad.md"), "fine\n{% for flow in %}\n").unwrap();
    assert!(problem(&["--template", "bad.md"]).contains("bad.md:2: syntax error"));
    assert_eq!(names(folder), ["bad.md"]);
}

#[test]
fn a_report_that_fails_leaves_the_others_whole() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("t.md"), "{{ summary.sentence }}\n{{ summary.nonsense }}\n").unwrap();
    let arguments = ["--template", "t.md", "--output", "out.md", "--report", "csv=f.csv", INCIDENT];
    let (code, _, stderr) = run(folder, &arguments);
    assert_eq!(code, 2);
    assert!(stderr.contains("t.md:2: undefined value") && stderr.contains("nonsense"), "{stderr}");
    assert_eq!(names(folder), ["f.csv", "t.md"], "the report through the template appears whole or not at all");
}

#[test]
fn a_template_of_the_users_own_sees_the_report() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("t.txt"),
        "{{ flows | length }} of {{ flows_total }}: {{ verdicts | items | list | length }}\n",
    )
    .unwrap();
    let (code, stdout, stderr) = run(folder.path(), &["--template", "t.txt", INCIDENT]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "4 of 8: 2\n", ""));
    let (_, all, _) = run(folder.path(), &["--template", "t.txt", "--flows", "all", INCIDENT]);
    assert_eq!(all, "8 of 8: 2\n");
}

/// What is said of one service must not be followed by what to change for another.
#[test]
fn the_first_finding_is_what_the_sentence_speaks_of_and_the_short_form_fits_a_screen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut told = 0;
    for name in names(&folder) {
        let files = names(&folder.join(&name));
        let capture = files.into_iter().find(|file| file.contains(".pcap")).unwrap();
        let capture = folder.join(&name).join(capture);
        let (code, json, stderr) = run(&folder, &["--format", "json", capture.to_str().unwrap()]);
        assert_eq!(code, 0, "{name}: {stderr}");
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        let server = |text: &str| {
            let rest = text.split_once(" flow to ").or_else(|| text.split_once(" flows to "))?.1;
            rest.split_whitespace().next().map(str::to_owned)
        };
        let sentence = report["summary"]["sentence"].as_str().unwrap();
        let first = report["findings"][0]["title"].as_str().and_then(server);
        if let (Some(_), Some(first)) = (server(sentence), first) {
            // The sentence names one service, or the first few behind one box.
            assert!(sentence.contains(&first), "{name}: {first} is not what this speaks of: {sentence}");
            told += 1;
        }
        let (_, brief, _) = run(&folder, &["--brief", capture.to_str().unwrap()]);
        let lines: usize = brief.lines().map(|line| line.chars().count() / 100 + 1).sum();
        assert!(lines <= 24, "{name}: {lines} lines of 100 columns:\n{brief}");
    }
    assert!(told > 20, "{told}");
}

#[test]
fn an_expression_among_files_is_understood_and_refused() {
    let folder = TempDir::new().unwrap();
    let (code, stdout, stderr) = run(folder.path(), &[INCIDENT, "tcp", "port", "80"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("-r ") && stderr.contains("-f \"tcp port 80\""), "{stderr}");
    // A file of that name is a file.
    fs::copy(INCIDENT, folder.path().join("tcp")).unwrap();
    assert_eq!(run(folder.path(), &[INCIDENT, "tcp"]).0, 0);
}

#[test]
fn shells_take_the_completions() {
    for (shell, check) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let (code, script, stderr) = run(Path::new("/"), &["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        for word in ["trace", "timeouts", "fail-on", "markdown", "idle-reset-next"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        let Some(complaint) = complaint(shell, check, &script) else { continue };
        assert_eq!(complaint, "", "{shell}");
    }
}

/// Loads the completions as a session of each shell would, and asks for what follows `idlegap tr`.
#[test]
fn completions_complete_in_the_real_shells() {
    let folder = TempDir::new().unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_idlegap")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    for (shell, arguments, file, session) in [
        (
            "bash",
            &["--norc", "-c"][..],
            "idlegap.bash",
            "source ./idlegap.bash; COMP_WORDS=(idlegap tr); COMP_CWORD=1; COMP_LINE='idlegap tr'; COMP_POINT=10
             _idlegap idlegap tr idlegap; printf '%s\n' \"${COMPREPLY[@]}\"",
        ),
        (
            "zsh",
            &["-f", "-c"],
            "_idlegap",
            "autoload -Uz compinit; compinit -u -d $PWD/dump; source ./_idlegap; print -r -- for $_comps[idlegap]
             _describe() { print -rl -- $commands }; _idlegap_commands",
        ),
        ("fish", &["--no-config", "-c"], "idlegap.fish", "source ./idlegap.fish; complete -C 'idlegap tr'"),
    ] {
        fs::write(folder.path().join(file), run(Path::new("/"), &["completions", shell]).1).unwrap();
        let mut command = Command::new(shell);
        command.args(arguments).arg(session).current_dir(folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", &path).env("HOME", folder.path()).env("LC_ALL", "C.UTF-8");
        let Ok(output) = command.output() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{shell} must be here");
            eprintln!("NOT TESTED: {shell} is not here");
            continue;
        };
        let offered = String::from_utf8_lossy(&output.stdout);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
        assert!(offered.lines().any(|line| line.starts_with("trace")), "{shell} offers {offered:?}");
    }
}

#[test]
fn the_manual_pages_are_well_formed() {
    for arguments in [&["man"][..], &["man", "trace"], &["man", "timeouts"], &["man", "schema"]] {
        let (code, page, stderr) = run(Path::new("/"), arguments);
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(page.starts_with(".ie") || page.contains(".TH idlegap"), "{page}");
        let Some(complaint) = complaint("man", &["--warnings", "-E", "UTF-8", "-l", "-"], &page) else { continue };
        assert_eq!(complaint, "", "{arguments:?}");
    }
    let (code, _, stderr) = run(Path::new("/"), &["man", "nonsense"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("no command \"nonsense\""), "{stderr}");
}

/// What a tool says of a text on its standard error; `None` where the tool is not here, which it must be under `CI=true`.
fn complaint(tool: &str, arguments: &[&str], text: &str) -> Option<String> {
    let mut command = Command::new(tool);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{tool} must be here");
        eprintln!("NOT TESTED: {tool} is not here");
        return None;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap())
}
