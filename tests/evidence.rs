//! The promise of `idlegap evidence`: the verdicts computed from the extract are those of the whole, and nothing that was
//! to go is left in it.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

#[path = "invariants/acts.rs"]
mod acts;
#[path = "evidence/captures.rs"]
mod captures;
#[path = "invariants/conversation.rs"]
mod conversation;
#[allow(dead_code, reason = "more is made of frames elsewhere")]
#[path = "wire/frames.rs"]
mod frames;
#[path = "evidence/interfaces.rs"]
mod interfaces;
#[path = "evidence/leaks.rs"]
mod leaks;
#[path = "evidence/names.rs"]
mod names;
#[path = "invariants/observe.rs"]
mod observe;
#[path = "evidence/outside.rs"]
mod outside;
#[allow(dead_code, reason = "more is said of samples elsewhere")]
#[path = "wire/samples.rs"]
mod samples;
#[path = "invariants/stage.rs"]
mod stage;
#[path = "evidence/told.rs"]
mod told;
#[path = "evidence/transcripts.rs"]
mod transcripts;
#[path = "evidence/verdicts.rs"]
mod verdicts;
#[path = "evidence/wrapped.rs"]
mod wrapped;

use std::path::Path;

use idlegap::capture::Input;
use idlegap::commands::console::Console;
use idlegap::commands::read::{Source, Unwatched, read};
use idlegap::evidence::check::differences as differences_of;
use idlegap::evidence::extract::Plan;
use idlegap::evidence::select::Gathered;
use idlegap::report::build::{Asked, build};
use idlegap::timeouts::Table;
use idlegap::verdict::VerdictId;
use proptest::prelude::*;

use captures::{Cut, all, cut, recordings};
use verdicts::{Judged, differences, judged};

#[test]
fn the_extract_says_what_the_whole_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = String::new();
    for (name, capture) in all(folder.path()) {
        let whole = judged(&capture, folder.path());
        for how in Cut::ALL {
            let extract = folder.path().join("extract.pcapng");
            if !cut(&capture, &extract, how, &[]) {
                assert!(whole.iter().all(|flow| !flow.matters()), "{name}: nothing was kept");
                continue;
            }
            for line in differences(&whole, &judged(&extract, folder.path()), &[]) {
                report.push_str(&format!("{name}, {how:?}: {line}\n"));
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// An extract of an extract holds the same, and says the same.
#[test]
fn a_second_cut_takes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    for (name, capture) in recordings() {
        let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
        if !cut(&capture, &once, Cut::Anonymised, &[]) {
            continue;
        }
        assert!(cut(&once, &twice, Cut::Stripped, &[]), "{name}");
        let [once, twice] = [once, twice].map(|path| judged(&path, folder.path()));
        let differences = differences(&once, &twice, &[]);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
        assert_eq!(once.len(), twice.len(), "{name}");
    }
}

/// A single flow keeps its verdict, though its service may have decided it.
#[test]
fn one_flow_alone_keeps_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let extract = folder.path().join("extract.pcapng");
    let incident = recordings().into_iter().find(|(name, _)| name == "lvs-incident-200-flows").unwrap().1;
    let whole = judged(&incident, folder.path());
    for number in (0..whole.len()).step_by(23) {
        assert!(cut(&incident, &extract, Cut::Anonymised, &[number as u32]));
        let differences = differences(&whole, &judged(&extract, folder.path()), &[number]);
        assert!(differences.is_empty(), "flow {number}: {differences:#?}");
    }
}

#[test]
fn nothing_that_was_to_go_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for (name, capture) in all(folder.path()) {
        let extract = folder.path().join("extract.pcapng");
        for how in [Cut::Stripped, Cut::Anonymised, Cut::Bare] {
            if cut(&capture, &extract, how, &[]) {
                leaks::assert_none(&name, &capture, &extract, how);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// Conversations at random, several of them in one capture.
    #[test]
    fn any_extract_says_what_the_whole_said(
        talks in proptest::collection::vec((1_u8..4).prop_flat_map(conversation::conversation), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("talks.pcap");
        captures::write_all(&capture, &talks.iter().map(|talk| &talk.0).collect::<Vec<_>>());
        let whole = judged(&capture, folder.path());
        for how in Cut::ALL {
            let extract = folder.path().join("extract.pcapng");
            if cut(&capture, &extract, how, &[]) {
                let differences = differences(&whole, &judged(&extract, folder.path()), &[]);
                prop_assert!(differences.is_empty(), "{:?}: {:#?}", how, differences);
                if how != Cut::Whole {
                    leaks::assert_none("talks", &capture, &extract, how);
                }
            } else {
                prop_assert!(!whole.iter().any(Judged::matters));
            }
        }
    }
}

/// So many cases, unless the environment says otherwise. A case that fails is printed whole.
fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { default } else { ProptestConfig { cases, ..default } }
}

/// The check that the program makes by itself can fail.
#[test]
fn an_extract_of_another_capture_is_noticed() {
    let table = Table::built_in().unwrap();
    let built = |name: &str| {
        let input = Input::Path(recordings().into_iter().find(|(of, _)| of == name).unwrap().1);
        let source = Source { inputs: vec![input], filter: None, count: None, threads: 1 };
        let reading = read(&source, &mut Console::mute(), &mut Unwatched).unwrap();
        build(reading.timelines, reading.numbers, &table, Asked::default())
    };
    let (whole, other) = (built("lvs-fullnat-90s-client"), built("sequence-wrap"));
    let plan = Plan::new(&whole, None, &Gathered::default()).unwrap();
    let found: Vec<_> = differences_of(&plan, &other)
        .into_iter()
        .map(|difference| (difference.flow, difference.whole.id, difference.extract.map(|gist| gist.id)))
        .collect();
    let (dead, alive) = (VerdictId::IdleReset, VerdictId::Graceful);
    assert_eq!(found, [(1, dead, Some(alive)), (2, alive, None), (3, dead, None)]);
}

/// What the extract must not be made of fails before anything is written.
#[test]
fn what_cannot_be_cut_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures").join(name);
    let both = [file("f5-300s-client/f5-300s-client.pcap"), file("f5-300s-server/f5-300s-server.pcap")];
    let run = |arguments: &[&str], files: &[std::path::PathBuf]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idlegap"));
        let output = command.arg("evidence").args(arguments).args(files).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, files, complaint) in [
        (&["-o", "out"][..], &both[..], "2 capture points"),
        (&["-o", "out", "--flow", "99"], &both[..1], "there is no flow 99"),
        (&["-o", "out", "--anonymise", "--key", "12"], &both[..1], "64 hexadecimal digits"),
        (&["-o", "out", "--key", "12"], &both[..1], "--anonymise"),
        (&[], &both[..1], "-o OUT.pcapng"),
    ] {
        let (code, text) = run(arguments, files);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(complaint), "{arguments:?}: {text}");
        assert!(!folder.path().join("out").exists(), "{arguments:?}");
    }
    let copy = folder.path().join("copy.pcap");
    std::fs::copy(&both[0], &copy).unwrap();
    let (code, text) = run(&["-o", "copy.pcap"], std::slice::from_ref(&copy));
    assert_eq!((code, text.contains("is one of the captures")), (Some(2), true), "{text}");
    let (code, text) = run(&["-o", "out"], &[file("sequence-wrap/sequence-wrap.pcap")]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("nothing was written") && !folder.path().join("out").exists(), "{text}");
}
