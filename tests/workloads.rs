//! The workloads of `make bench`, cut small: what the generator says it wrote, idlegap and tshark find.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    reason = "helpers of tests and the generator may fail loudly, and not all of them are needed here"
)]

#[path = "../benches/workload/frame.rs"]
mod frame;
#[path = "../benches/workload/generate.rs"]
mod generate;
#[path = "../benches/workload/random.rs"]
mod random;
mod support {
    pub(crate) mod program;
    pub(crate) mod tshark;
}
#[path = "../benches/workload/truth.rs"]
mod truth;

use std::path::{Path, PathBuf};

use generate::{Sink, Workload};
use idlegap::capture::{LinkType, PcapWriter};
use idlegap::time::{Span, Timestamp};
use support::{program, tshark};
use truth::{Sort, Truth};

/// Pcap in memory.
struct Capture(PcapWriter<Vec<u8>>);

impl Sink for Capture {
    fn frame(&mut self, time_us: u64, frame: &[u8]) -> std::io::Result<()> {
        let time = Timestamp::from_nanos(0).plus(Span::from_micros(time_us.cast_signed()));
        self.0.packet(time, frame, u32::try_from(frame.len()).unwrap())
    }
}

fn generated(workload: Workload, size: u64) -> (PathBuf, Truth) {
    let mut capture = Capture(PcapWriter::new(Vec::new(), LinkType(1), 65_535).unwrap());
    let truth = workload.generate(size, &mut capture).unwrap();
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{workload:?}-{:?}.pcap", std::thread::current().id()));
    std::fs::write(&path, capture.0.finish().unwrap()).unwrap();
    (path, truth)
}

/// Sizes that take a second.
const CUTS: [(&str, u64); 3] = [("bulk", 5_000), ("small", 5_000), ("flood", 1_000)];

#[test]
fn idlegap_finds_what_was_generated() {
    for (name, size) in CUTS {
        let (path, truth) = generated(Workload::from_name(name).unwrap(), size);
        let segments: Vec<_> = program::read(&path).expect("what idlegap says").into_values().flatten().collect();
        let kinds = |kinds: &[&str]| segments.iter().filter(|one| kinds.contains(&one.kind.as_str())).count() as u64;
        let of = |sorts: &[Sort]| sorts.iter().map(|sort| truth.count(*sort)).sum::<u64>();
        assert_eq!(segments.len() as u64, truth.packets, "{name}");
        assert_eq!(kinds(&["syn"]), of(&[Sort::Syn]), "{name}");
        assert_eq!(kinds(&["syn-ack"]), of(&[Sort::SynAck]), "{name}");
        assert_eq!(kinds(&["data"]), of(&[Sort::Data]), "{name}");
        assert_eq!(kinds(&["ack"]), of(&[Sort::Ack, Sort::HandshakeAck]), "{name}");
        assert_eq!(kinds(&["keepalive-probe"]), of(&[Sort::Keepalive]), "{name}");
        assert_eq!(kinds(&["keepalive-ack"]), of(&[Sort::KeepaliveAck]), "{name}");
        assert_eq!(kinds(&["rst"]), of(&[Sort::Rst]), "{name}");
        assert_eq!(kinds(&["fin"]), of(&[Sort::Fin]), "{name}");
        let streams = segments.iter().map(|one| one.stream).max().flatten();
        assert_eq!(streams, Some(truth.flows - 1), "{name}");
    }
}

/// Flows in random order, which several threads must put together again.
#[test]
fn any_number_of_threads_finds_the_same() {
    for (name, size) in CUTS {
        let (path, _) = generated(Workload::from_name(name).unwrap(), size);
        let report = |threads| {
            let arguments = ["--format", "json", "--threads", threads];
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idlegap"));
            command.args(arguments).arg(&path).output().unwrap().stdout
        };
        let one = report("1");
        assert!(one.len() > 10_000, "{name}: {} octets", one.len());
        ["2", "3", "8"].iter().for_each(|threads| assert!(report(threads) == one, "{name}, {threads} threads"));
    }
}

#[test]
fn tshark_finds_what_was_generated() {
    if let Err(reason) = tshark::find() {
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
        return;
    }
    for (name, size) in CUTS {
        let (path, truth) = generated(Workload::from_name(name).unwrap(), size);
        let rows = tshark::read(&path);
        let labelled = |label| rows.iter().filter(|row| row.labels.contains(&label)).count() as u64;
        let flagged = |flag| rows.iter().filter(|row| row.flags[0] & flag != 0).count() as u64;
        assert_eq!(rows.len() as u64, truth.packets, "{name}");
        assert_eq!(labelled(tshark::Label::KeepAlive), truth.count(Sort::Keepalive), "{name}");
        assert_eq!(labelled(tshark::Label::KeepAliveAck), truth.count(Sort::KeepaliveAck), "{name}");
        assert_eq!(flagged(4), truth.count(Sort::Rst), "{name}");
        assert_eq!(labelled(tshark::Label::Retransmission), 0, "{name}");
    }
}

/// And the shapes are those that the names promise.
#[test]
fn the_counts_add_up() {
    let (_, bulk) = generated(Workload::Bulk, 5_000);
    assert_eq!((bulk.flows, bulk.count(Sort::Data), bulk.count(Sort::Fin)), (1_000, 5_000, 2_000));
    let (_, flood) = generated(Workload::Flood, 1_000);
    assert_eq!((flood.flows, flood.packets, flood.count(Sort::Rst)), (1_000, 4_000, 1_000));
    let (_, small) = generated(Workload::Small, 5_000);
    assert_eq!(small.flows, 50);
    assert_eq!(small.count(Sort::Rst) + small.count(Sort::Fin) / 2, 50, "every flow ends in one way");
    for (name, size) in CUTS {
        let (path, truth) = generated(Workload::from_name(name).unwrap(), size);
        assert_eq!(std::fs::metadata(path).unwrap().len(), 24 + truth.bytes, "{name}");
        let sorts = [Sort::Syn, Sort::SynAck, Sort::HandshakeAck, Sort::Data, Sort::Ack, Sort::Keepalive];
        let others = [Sort::KeepaliveAck, Sort::Rst, Sort::Fin];
        let sum: u64 = sorts.iter().chain(&others).map(|sort| truth.count(*sort)).sum();
        assert_eq!(sum, truth.packets, "{name}");
    }
}
