//! Captures to cut from, and the cutting.

use std::fs;
use std::path::{Path, PathBuf};

use idlegap::capture::{Input, LinkType, PcapWriter};
use idlegap::commands::evidence::{Job, run};
use idlegap::commands::output::Target;
use idlegap::commands::read::Source;
use idlegap::script::{Script, to_pcap};
use idlegap::time::Span;

/// A key for pseudonyms, so that every run is the same.
pub(crate) const KEY: &str = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";

/// How much of the packets is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    Stripped,
    Anonymised,
    /// Both at once.
    Bare,
}

impl Cut {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Stripped, Self::Anonymised, Self::Bare];

    /// Whether addresses give way to pseudonyms.
    pub(crate) fn anonymises(self) -> bool {
        matches!(self, Self::Anonymised | Self::Bare)
    }
}

/// Every recording and every script, as files.
pub(crate) fn all(folder: &Path) -> Vec<(String, PathBuf)> {
    recordings().into_iter().chain(scripts(folder)).collect()
}

/// Every recording, by its name.
pub(crate) fn recordings() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(fixtures().join("captures")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.to_string_lossy().contains(".pcap") {
                found.push((name.clone(), file));
            }
        }
    }
    found.sort();
    assert!(found.len() > 90, "the recordings are there");
    found
}

fn scripts(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(fixtures().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let script = Script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let file = folder.join(format!("{name}.pcap"));
        fs::write(&file, to_pcap(&script)).unwrap();
        found.push((name, file));
    }
    found.sort();
    found
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The frames of several scripts in one capture, each begun a little later than the one before, in order of time.
pub(crate) fn write_all(path: &Path, scripts: &[&Script]) {
    let late = |number: i64| Span::from_micros(137_137 * number);
    let of = |(number, script): (i64, &&Script)| {
        let frames = script.frames().into_iter();
        frames.map(|frame| (frame.time.plus(late(number)), frame.bytes, frame.original_len)).collect::<Vec<_>>()
    };
    let mut frames: Vec<_> = (0..).zip(scripts).flat_map(of).collect();
    frames.sort_by_key(|(time, ..)| *time);
    let mut writer = PcapWriter::new(fs::File::create(path).unwrap(), LinkType(1), 262_144).unwrap();
    for (time, bytes, original_len) in frames {
        writer.packet(time, &bytes, original_len).unwrap();
    }
    writer.finish().unwrap();
}

/// Cuts `extract` out of `capture`; `false` if there was nothing to cut.
pub(crate) fn cut(capture: &Path, extract: &Path, how: Cut, flows: &[u32]) -> bool {
    cut_set(&[capture.to_owned()], extract, how, flows)
}

/// As [`cut`], from several captures that continue each other.
pub(crate) fn cut_set(captures: &[PathBuf], extract: &Path, how: Cut, flows: &[u32]) -> bool {
    drop(fs::remove_file(extract));
    let job = Job {
        source: Source {
            inputs: captures.iter().cloned().map(Input::Path).collect(),
            filter: None,
            count: None,
            threads: 1,
        },
        flows: flows.to_vec(),
        strip_payload: matches!(how, Cut::Stripped | Cut::Bare),
        anonymise: how.anonymises(),
        key: how.anonymises().then(|| KEY.to_owned()),
        target: Target::File(extract.to_owned()),
        quiet: true,
    };
    run(&job).unwrap();
    extract.exists()
}
