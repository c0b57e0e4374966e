//! Comparison with tshark: equal in frames, streams, sequence numbers and labels, except for the named divergences.
//!
//! The captures are the recorded fixtures, the packet scripts, and scenes made for the numbering of streams. Without tshark the
//! comparison cannot run: it says so by hand, and fails where `CI=true`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of a test may fail loudly"
)]

mod support {
    pub(crate) mod difference;
    pub(crate) mod divergences;
    pub(crate) mod packets;
    pub(crate) mod program;
    pub(crate) mod scenes;
    pub(crate) mod tshark;
}

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use idlegap::script::{Script, to_pcap};
use std::sync::Mutex;
use std::thread;

use support::difference::{Difference, differences};
use support::divergences::DIVERGENCES;
use support::{packets, scenes, tshark};

#[test]
fn equals_tshark_except_for_the_named_divergences() {
    if let Err(reason) = tshark::find() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the comparison with tshark must run here: {reason}");
        eprintln!("NOT TESTED: the comparison with tshark did not run: {reason}");
        return;
    }
    let captures = captures();
    let found = compare(&captures);
    let mut faults: Vec<String> =
        found.iter().filter(|it| covering(it).is_empty()).map(|it| format!("not a named divergence: {it}")).collect();
    faults.extend(unused(&found));
    assert!(faults.is_empty(), "{} of {} captures' differences:\n{}", faults.len(), captures.len(), faults.join("\n"));
}

#[test]
fn divergences_have_names_reasons_and_fixtures() {
    let names: BTreeSet<&str> = DIVERGENCES.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), DIVERGENCES.len(), "two divergences have one name");
    for divergence in DIVERGENCES {
        assert!(
            divergence.reason.len() > 20 && !divergence.fixture.is_empty(),
            "{} has no reason or no fixture",
            divergence.name
        );
    }
}

/// The names of the divergences that cover a difference.
fn covering(difference: &Difference) -> Vec<&'static str> {
    DIVERGENCES.iter().filter(|it| (it.covers)(difference)).map(|it| it.name).collect()
}

/// Divergences that their own fixture does not show.
fn unused(found: &[Difference]) -> Vec<String> {
    DIVERGENCES
        .iter()
        .filter(|it| !found.iter().any(|difference| difference.capture == it.fixture && (it.covers)(difference)))
        .map(|it| format!("divergence {} does not occur in {}", it.name, it.fixture))
        .collect()
}

/// The differences of all captures, on all cores: tshark takes its time to start.
fn compare(captures: &[(String, PathBuf)]) -> Vec<Difference> {
    let queue = Mutex::new(captures.iter());
    let work = || {
        let mut found = Vec::new();
        loop {
            let next = queue.lock().unwrap().next();
            let Some((name, path)) = next else { return found };
            found.extend(differences(name, path));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    })
}

/// Name and file of every capture to compare.
fn captures() -> Vec<(String, PathBuf)> {
    let mut captures = recorded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tshark");
    fs::create_dir_all(&folder).unwrap();
    for scene in scenes::all() {
        let path = folder.join(scene.name).with_extension("pcap");
        fs::write(&path, packets::pcap(scene.link_type, &scene.frames)).unwrap();
        captures.push((scene.name.to_owned(), path));
    }
    captures.extend(scripted(&folder));
    captures
}

/// The capture of every packet script.
fn scripted(folder: &Path) -> Vec<(String, PathBuf)> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts");
    let write = |entry: fs::DirEntry| {
        let name = entry.path().file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        let script = Script::parse(&fs::read_to_string(entry.path()).unwrap()).unwrap();
        let path = folder.join(format!("script-{name}.pcap"));
        fs::write(&path, to_pcap(&script)).unwrap();
        (name, path)
    };
    let mut captures: Vec<_> = fs::read_dir(scripts).unwrap().map(|entry| write(entry.unwrap())).collect();
    captures.sort();
    captures
}

/// Every pcap and pcapng file below `folder`, named without its endings.
fn recorded(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut captures = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            captures.extend(recorded(&path));
        } else if let Some((name, _)) = name.split_once(".pcap") {
            captures.push((name.to_owned(), path.clone()));
        }
    }
    captures.sort();
    captures
}
