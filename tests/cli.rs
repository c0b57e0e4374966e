//! How the program behaves on the command line: what it reads, writes and returns.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test opens files, and fails where it cannot go on"
)]

#[path = "cli/captures.rs"]
mod captures;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use captures::{Packet, capture, conversation, reset_in_silence};

/// A capture of the story: four flows were reset after 90 s of silence, four closed in good order.
const INCIDENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/lvs-fullnat-90s-both/lvs-fullnat-90s-both.pcapng");

/// The program in surroundings of which nothing leaks in.
fn idlegap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    command
}

/// What a run came to.
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn outcome(mut command: Command) -> Outcome {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Outcome { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn run(arguments: &[&str]) -> Outcome {
    outcome(idlegap(arguments))
}

/// Runs, and expects a report and nothing else.
fn report(arguments: &[&str]) -> String {
    let Outcome { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let text = report(&[&["--format", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// A folder with files, gone with the value.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; returns its path as text.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

// ---- input

#[test]
fn a_file_and_standard_input_give_the_same() {
    for arguments in [&["trace"][..], &["trace", "--format", "jsonl"], &["--format", "json"]] {
        let from_file = report(&[arguments, &[INCIDENT]].concat());
        for named in [&["-"][..], &[], &["-r", "-"]] {
            let mut command = idlegap(&[arguments, named].concat());
            command.stdin(File::open(INCIDENT).unwrap());
            let from_stdin = outcome(command);
            assert_eq!((from_stdin.code, from_stdin.stderr.as_str()), (Some(0), ""));
            let renamed = from_stdin.stdout.replace("\"file\":\"standard input\"", &format!("\"file\":\"{INCIDENT}\""));
            for (row, expected) in renamed.lines().zip(from_file.lines()) {
                assert_eq!(row, expected, "{arguments:?} {named:?}");
            }
            assert_eq!(renamed.len(), from_file.len(), "{arguments:?} {named:?}");
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    let folder = Folder::new();
    let text = folder.file("notes.txt", b"Dear diary, today the balancer was quiet.\n");
    let nothing = folder.file("nothing.pcap", b"");
    let absent = folder.path("absent.pcap");
    let directory = folder.0.path();
    for (path, found) in [
        (Path::new(&text), "is not a capture that can be read"),
        (Path::new(&nothing), "is not a capture that can be read"),
        (&absent, "cannot open"),
        (directory, "a directory"),
    ] {
        let path = path.to_str().unwrap();
        for command in [&[][..], &["trace"]] {
            let outcome = run(&[command, &["--quiet", path]].concat());
            assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{path}");
            assert!(outcome.stderr.contains(path) && outcome.stderr.contains(found), "{}", outcome.stderr);
            assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        }
    }
}

#[test]
#[cfg(unix)]
fn a_file_without_permission_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let locked = folder.file("locked.pcap", &capture(&conversation(0.0, 40_000)));
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&locked).is_ok() {
        eprintln!("skipped: whoever runs this test may read everything");
        return;
    }
    let outcome = run(&[&locked]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("locked.pcap") && outcome.stderr.contains("ermission"), "{}", outcome.stderr);
}

#[test]
fn an_unreadable_file_among_others_costs_only_itself() {
    let folder = Folder::new();
    let good = folder.file("good.pcap", &capture(&conversation(0.0, 40_000)));
    let later = folder.file("later.pcap", &capture(&conversation(100.0, 40_001)));
    let bad = folder.file("bad.pcap", b"no capture at all");
    for order in [[&good, &bad, &later], [&bad, &good, &later]] {
        let outcome = run(&["--format", "json", order[0], order[1], order[2]]);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("bad.pcap") && outcome.stderr.lines().count() == 1, "{}", outcome.stderr);
        let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(value["captures"].as_array().unwrap().len(), 2);
        assert_eq!(value["flows"].as_array().unwrap().len(), 2);
    }
    let outcome = run(&[&bad, &folder.path("absent").to_string_lossy()]);
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.lines().count()), (Some(2), "", 2));
}

#[test]
fn captures_without_packets_or_without_tcp_have_a_report() {
    let folder = Folder::new();
    let empty = folder.file("empty.pcap", &capture(&[]));
    let arp = folder.file("arp.pcap", &capture(&[Packet::arp(0.0), Packet::arp(1.0)]));
    for (path, packets) in [(&empty, 0), (&arp, 2)] {
        let value = json(&[path]);
        assert_eq!(value["captures"][0]["packets"], packets);
        assert_eq!(value["flows"], serde_json::json!([]));
        assert!(!value["summary"]["sentence"].as_str().unwrap().is_empty());
        let text = report(&[path]);
        assert!(text.contains("Capture quality") && text.contains(".pcap"), "{text}");
        assert_eq!(report(&["trace", path]), "");
    }
}

#[test]
fn a_capture_that_is_cut_is_analysed_to_the_cut() {
    let folder = Folder::new();
    let whole = capture(&conversation(0.0, 40_000));
    let cut = folder.file("cut.pcap", &whole[..whole.len() - 5]);
    let packets = conversation(0.0, 40_000).len() - 1;
    let outcome = run(&["--format", "json", &cut]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("warning: ") && outcome.stderr.contains("cut.pcap"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&format!("analysed up to frame {packets}")), "{}", outcome.stderr);
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&value["captures"][0]["truncated"], &value["captures"][0]["packets"]), (&true.into(), &packets.into()));
    let quiet = run(&["-q", &cut]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert!(quiet.stdout.contains("cut short"), "{}", quiet.stdout);
}

#[test]
fn files_that_follow_each_other_are_one_capture() {
    let folder = Folder::new();
    let packets = conversation(0.0, 40_000);
    let (early, late) = packets.split_at(4);
    let (second, first) = (folder.file("dump.pcap1", &capture(late)), folder.file("dump.pcap0", &capture(early)));
    let value = json(&[&second, &first]);
    let files: Vec<_> = value["captures"].as_array().unwrap().iter().map(|capture| &capture["file"]).collect();
    assert_eq!(files, [first.as_str(), second.as_str()]);
    assert_eq!(value["flows"].as_array().unwrap().len(), 1);
    assert_eq!(value["flows"][0]["packets"], packets.len());
    assert_eq!(value["flows"][0]["wireshark_stream"], serde_json::Value::Null);
    let rows = report(&["trace", &second, &first]);
    assert_eq!(rows.lines().count(), packets.len());
    assert!(rows.lines().nth(4).unwrap().starts_with(&format!("{second}      1 ")), "{rows}");
    let text = report(&[&second, &first]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("analysed as one capture"), "{text}");
    let same = run(&[&first, &first]);
    assert!(same.code == Some(2) && same.stderr.contains("same file"), "{}", same.stderr);
}

#[test]
fn files_that_overlap_are_capture_points() {
    let folder = Folder::new();
    let client = folder.file("client.pcap", &capture(&conversation(0.0, 40_000)));
    let server = folder.file("server.pcap", &capture(&conversation(0.5, 40_000)));
    let value = json(&[&client, &server]);
    assert_eq!((&value["captures"][0]["timeline"], &value["captures"][1]["timeline"]), (&0.into(), &1.into()));
    assert_eq!(value["flows"].as_array().unwrap().len(), 2);
    assert!(report(&[&client, &server]).contains("different capture points"));
    for flow in ["0", "1"] {
        let rows = report(&["trace", "--flow", flow, &client, &server]);
        assert_eq!(rows.lines().count(), conversation(0.0, 1).len(), "{rows}");
    }
}

#[test]
fn flows_have_one_number_over_all_capture_points() {
    let folder = Folder::new();
    let point = |name: &str, begin: f64, port: u16| folder.file(name, &capture(&conversation(begin, port)));
    // The third file goes on where the first one ended; the second overlaps the first.
    let files = [point("a0", 0.0, 40_000), point("b0", 1.0, 40_001), point("a1", 10.0, 40_002)];
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let value = json(&files);
    let timelines: Vec<_> = value["captures"].as_array().unwrap().iter().map(|capture| &capture["timeline"]).collect();
    assert_eq!(timelines, [0, 1, 0]);
    for (number, port) in (0..3).zip(40_000..) {
        let client = format!("10.0.0.1:{port}");
        assert_eq!(
            (&value["flows"][number]["id"], &value["flows"][number]["client"]),
            (&number.into(), &client.as_str().into())
        );
        let rows = report(&[&["trace", "--flow", &number.to_string()], &files[..]].concat());
        assert!(rows.lines().count() == 10 && rows.lines().all(|row| row.contains(&client)), "{rows}");
    }
}

#[test]
fn counting_stops_after_so_many_packets() {
    assert_eq!(report(&["trace", "-c", "3", INCIDENT]).lines().count(), 3);
    assert_eq!(json(&["-n", "-c", "3", INCIDENT])["captures"][0]["packets"], 3);
}

#[test]
#[cfg(feature = "live")]
fn filters_choose_packets_and_keep_frame_numbers() {
    let all = report(&["trace", "--format", "jsonl", INCIDENT]);
    let filtered = report(&["trace", "--format", "jsonl", "-r", INCIDENT, "tcp", "port", "40004"]);
    assert!(!filtered.is_empty() && filtered.lines().count() < all.lines().count());
    let frame = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["frame"].as_u64().unwrap();
    let all: Vec<_> = all.lines().map(frame).collect();
    let filtered: Vec<_> = filtered.lines().map(frame).collect();
    assert!(filtered.iter().all(|number| all.contains(number)) && filtered[0] > 1, "{filtered:?}");
    let value = json(&["-f", "tcp port 40004", INCIDENT]);
    assert_eq!(value["flows"][0]["wireshark_stream"], serde_json::Value::Null);
    let wrong = run(&["-f", "tcp prot 80", INCIDENT]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("tcp prot 80"), "{}", wrong.stderr);
}

// ---- output

#[test]
fn fail_on_decides_the_exit_code_and_nothing_else() {
    let plain = report(&[INCIDENT]);
    let matched = run(&["--fail-on", "open,idle-reset", INCIDENT]);
    assert_eq!((matched.code, matched.stdout.as_str(), matched.stderr.as_str()), (Some(1), plain.as_str(), ""));
    assert_eq!(run(&["--fail-on", "refused", INCIDENT]).code, Some(0));
    let unknown = run(&["--fail-on", "idle-rest", INCIDENT]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.contains("retransmission-exhausted"), "the list is missing: {}", unknown.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [&[][..], &["--format", "json"], &["trace"], &["timeouts"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let input = if arguments == ["timeouts"] { "" } else { INCIDENT };
        let mut command = idlegap(&[arguments, &[input]].concat());
        let outcome = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!((outcome.status.code(), outcome.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[test]
fn a_report_is_written_to_its_file_whole_or_not_at_all() {
    let folder = Folder::new();
    let path = folder.file("report.json", b"the report of yesterday");
    let name = path.as_str();
    assert_eq!(report(&["--format", "json", "--output", name, INCIDENT]), "");
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(name).unwrap()).unwrap();
    assert_eq!(value["schema_version"], "1.0");
    // A run that fails leaves what was there.
    let bad = folder.file("bad.pcap", b"no capture");
    assert_eq!(run(&["--output", name, &bad]).code, Some(2));
    assert!(fs::read_to_string(name).unwrap().starts_with("{\n\"schema_version\""));
    let mut names = folder.names();
    names.sort();
    assert_eq!(names, ["bad.pcap", "report.json"]);
    report(&["trace", "--output", folder.path("rows.txt").to_str().unwrap(), INCIDENT]);
    assert_eq!(fs::read_to_string(folder.path("rows.txt")).unwrap(), report(&["trace", INCIDENT]));
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_read() {
    let folder = Folder::new();
    let lost = folder.path("no/such/folder/report.txt");
    let directory = folder.0.path().to_str().unwrap();
    for target in [lost.to_str().unwrap(), directory] {
        let outcome = run(&["--output", target, "/nonexistent/a.pcap"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        assert!(outcome.stderr.contains("cannot write") && outcome.stderr.contains(target), "{}", outcome.stderr);
    }
    let input = folder.file("a.pcap", &capture(&conversation(0.0, 40_000)));
    let over = run(&["--output", &input, &input]);
    assert!(over.code == Some(2) && over.stderr.contains("one of the captures"), "{}", over.stderr);
    assert_eq!(fs::read(&input).unwrap(), capture(&conversation(0.0, 40_000)));
}

#[test]
#[cfg(unix)]
fn devices_and_links_stay_what_they_are() {
    use std::os::unix::fs::FileTypeExt;
    report(&["--output", "/dev/null", INCIDENT]);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let folder = Folder::new();
    let real = folder.file("real.txt", b"");
    std::os::unix::fs::symlink(&real, folder.path("link.txt")).unwrap();
    report(&["--output", folder.path("link.txt").to_str().unwrap(), INCIDENT]);
    assert!(fs::symlink_metadata(folder.path("link.txt")).unwrap().is_symlink());
    assert!(!fs::read(&real).unwrap().is_empty());
}

#[test]
fn colour_is_for_those_who_want_it() {
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = idlegap(&[arguments, &[INCIDENT]].concat());
        command.envs(variables.iter().copied());
        outcome(command).stdout.contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "a pipe");
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1"), ("TERM", "dumb")]), "the option wins");
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&["--format", "json", "--color", "always"], &[]), "JSON has no colour");
}

#[test]
fn text_keeps_to_its_width_and_to_the_locale() {
    for width in ["80", "100", "132"] {
        let text = report(&["--width", width, INCIDENT]);
        let most: usize = width.parse().unwrap();
        // What is to be pasted is never wrapped.
        let prose = text.lines().filter(|line| !line.starts_with("      ") && !line.contains(INCIDENT));
        for line in prose {
            assert!(line.chars().count() <= most, "{width}: {line:?}");
        }
    }
    assert!(report(&[INCIDENT]).lines().any(|line| line.chars().count() == 100), "a pipe is 100 columns wide");
    let mut command = idlegap(&[INCIDENT]);
    command.env("LC_ALL", "C");
    assert!(outcome(command).stdout.is_ascii());
}

#[test]
fn names_of_files_cannot_steer_the_terminal() {
    let folder = Folder::new();
    let path = folder.file("a\u{1b}]0;owned\u{7}\u{202e}.pcap", &capture(&conversation(0.0, 40_000)));
    let bad = folder.file("b\u{1b}[2J.pcap", b"no capture");
    for arguments in [&[path.as_str()][..], &["--format", "json", &path], &[&bad], &["trace", &path, INCIDENT]] {
        let outcome = run(arguments);
        for text in [outcome.stdout, outcome.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        }
    }
    assert_eq!(json(&[&path])["captures"][0]["file"], path);
}

/// The first sentence of the report on a recording.
fn sentence(recording: &str) -> String {
    let path = format!("{}/fixtures/captures/{recording}/{recording}.pcap", env!("CARGO_MANIFEST_DIR"));
    let value = json(&[&path]);
    value.pointer("/summary/sentence").unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_sentence_tells_every_kind_of_end() {
    for (recording, start) in [
        ("age-limit", "5 flows ended at one age, busy or not ("),
        ("abort-linger-zero", "None of 2 flows died of silence in 2.50 s; 2 flows were aborted by an end."),
        ("keepalive-answered-by-reset", "The only flow did not die of silence in 9.22 s but was reset by a host "),
    ] {
        let sentence = sentence(recording);
        assert!(sentence.starts_with(start), "{recording}: {sentence}");
    }
}

#[test]
fn the_sentence_claims_nothing_of_flows_that_cannot_be_decided() {
    let sentence = sentence("midstream-idle-reset");
    assert_eq!(sentence, "Whether the only flow died of silence cannot be decided by this capture.");
}

#[test]
fn probes_keep_no_flow_alive_that_was_torn_down() {
    for (recording, alive) in
        [("keepalive-gives-up", false), ("ipv6-keepalive-reset", false), ("keepalive-over-data", true)]
    {
        let sentence = sentence(recording);
        assert_eq!(sentence.contains("1 flow kept alive"), alive, "{recording}: {sentence}");
    }
}

#[test]
fn a_proxy_that_closes_is_not_called_the_server() {
    let sentence = sentence("haproxy-proxy-protocol");
    assert!(sentence.contains("the client's side, a proxy") && !sentence.contains("server's side"), "{sentence}");
}

#[test]
fn a_service_that_has_a_finding_of_its_own_keeps_its_flows() {
    let of_service = |number: u16, server| reset_in_silence(f64::from(number), 40_000 + number, server);
    let servers = (1u8..=120).chain(1..=120);
    let mut packets: Vec<Packet> =
        (0u16..).zip(servers).flat_map(|(number, server)| of_service(number, server)).collect();
    packets.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let folder = Folder::new();
    let value = json(&[&folder.file("many.pcap", &capture(&packets))]);
    let totals: Vec<u64> =
        value["findings"].as_array().unwrap().iter().map(|finding| finding["flows_total"].as_u64().unwrap()).collect();
    // What is said of services by name comes before what is said of all others.
    assert_eq!(totals, [&[2; 100][..], &[40]].concat());
}

// ---- commands

#[test]
fn trace_shows_one_flow_on_request() {
    let all = report(&["trace", "--format", "jsonl", INCIDENT]);
    let rows: Vec<serde_json::Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 64);
    let keys: Vec<_> = all.lines().next().unwrap().split("\":").map(|part| part.rsplit('"').next().unwrap()).collect();
    let contract =
        ["frame", "time", "flow", "direction", "kind", "seq", "ack", "len", "flags", "window", "ttl", "note"];
    assert_eq!(keys[..12], contract);
    let one = report(&["trace", "--format", "jsonl", "--flow", "3", INCIDENT]);
    let expected: String =
        all.lines().filter(|line| line.contains("\"flow\":3,")).map(|line| format!("{line}\n")).collect();
    assert!(!one.is_empty());
    assert_eq!(one, expected);
    let beyond = run(&["trace", "--flow", "8", INCIDENT]);
    assert_eq!((beyond.code, beyond.stdout.as_str()), (Some(2), ""));
    assert!(beyond.stderr.contains("from 0 to 7"), "{}", beyond.stderr);
}

#[test]
fn trace_shows_times_as_asked_in_columns() {
    let first = |format: &str| report(&["trace", "--time", format, INCIDENT]).lines().next().unwrap().to_owned();
    assert!(first("utc").contains(" 2026-11-22T18:09:09.193"), "{}", first("utc"));
    assert!(first("relative").contains(" 0.000000000 "), "{}", first("relative"));
    assert!(first("epoch").contains(" 1795370949.193"), "{}", first("epoch"));
    let mut command = idlegap(&["trace", "--time", "local", INCIDENT]);
    command.env("TZ", "Asia/Tokyo");
    let local = outcome(command).stdout;
    assert!(local.contains("2026-11-23T03:09:09.193"), "{local}");
    let rows = report(&["trace", INCIDENT]);
    let columns: std::collections::BTreeSet<_> = rows.lines().map(|line| line.find(" seq ")).collect();
    assert_eq!(columns.len(), 1, "{rows}");
}

#[test]
fn timeouts_are_listed_with_those_of_the_user() {
    let folder = Folder::new();
    let own = folder.file(
        "own.toml",
        b"[[timeout]]\nid = \"our-proxy\"\nproduct = \"Our proxy\"\nlayer = \"l4\"\nkind = \"proxy\"\nidle_seconds = 77\n\
          resets_on_keepalive = true\non_expiry = [\"rst-both\"]\n",
    );
    assert!(report(&["timeouts", "nlb"]).contains("aws-nlb-tcp"));
    assert!(report(&["timeouts", "--timeouts", &own, "77"]).contains("our-proxy"));
    let mut command = idlegap(&["timeouts", "our-proxy", "--format", "json"]);
    command.env("IDLEGAP_TIMEOUTS", &own);
    let listed: serde_json::Value = serde_json::from_str(&outcome(command).stdout).unwrap();
    assert_eq!(listed["timeouts"][0]["id"], "our-proxy");
    let missing = run(&["--timeouts", "/nonexistent/own.toml", INCIDENT]);
    assert!(missing.code == Some(2) && missing.stderr.contains("own.toml"), "{}", missing.stderr);
}

#[test]
fn options_that_need_others_are_usage_errors() {
    for arguments in
        [&["-w", "out.pcap"][..], &["live"], &["live", "-W", "3", "-"], &["--limit", "3", "trace", INCIDENT]]
    {
        let outcome = run(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
}

/// To write them anew after a wanted change: `UPDATE=1 cargo test --test cli help`, then read the difference.
#[test]
fn help_is_as_reviewed() {
    for (name, arguments) in [
        ("idlegap", &["-h"][..]),
        ("idlegap-long", &["--help"]),
        ("live", &["live", "--help"]),
        ("trace", &["trace", "--help"]),
        ("timeouts", &["timeouts", "--help"]),
    ] {
        let help = report(arguments);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help").join(name).with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            File::create(&path).unwrap().write_all(help.as_bytes()).unwrap();
        }
        assert_eq!(help, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert_eq!(report(&["--version"]), format!("idlegap {}\n", env!("CARGO_PKG_VERSION")));
}
