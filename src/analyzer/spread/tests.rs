//! However many threads there are, nothing comes out otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::analyzer::Analyzer;
use crate::script::arbitrary::any_script;
use crate::script::{LinkLayer, Script};
use crate::time::Span;

/// A frame, and which file of which timeline it is in.
struct Captured {
    time: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    original_len: u32,
    interface: u32,
}

fn link(script: &Script) -> LinkType {
    LinkType(match script.link {
        LinkLayer::Ethernet => 1,
        LinkLayer::Raw => 101,
        LinkLayer::Sll => 113,
        LinkLayer::Sll2 => 276,
    })
}

/// The frames of all scripts, each script's in their order; and of those that `again` says, a copy right behind them and
/// another one at the very end, an hour later: frames captured twice, and ends that are used again.
fn frames(scripts: &[Script], turns: &[usize], again: &[(bool, bool)]) -> Vec<Captured> {
    let mut of_scripts: Vec<_> = scripts.iter().map(|script| (link(script), script.frames().into_iter())).collect();
    let (mut all, mut later) = (Vec::new(), Vec::new());
    let mut turns = turns.iter().cycle();
    let mut again = again.iter().cycle();
    while !of_scripts.is_empty() {
        let turn = turns.next().map_or(0, |turn| turn % of_scripts.len());
        let (link, frames) = &mut of_scripts[turn];
        let (link, Some(frame)) = (*link, frames.next()) else {
            drop(of_scripts.remove(turn));
            continue;
        };
        let captured = |time, interface| Captured {
            time,
            link,
            bytes: frame.bytes.clone(),
            original_len: frame.original_len,
            interface,
        };
        all.push(captured(frame.time, 0));
        let (copied, repeated) = *again.next().unwrap();
        if copied {
            all.push(captured(frame.time.plus(Span::from_micros(30)), 1));
        }
        if repeated {
            later.push(captured(frame.time.plus(Span::from_secs(3_600)), 0));
        }
    }
    all.extend(later);
    all
}

/// The files: how many frames each has, and which timeline it is of.
type Files<'a> = &'a [(usize, usize)];

fn in_files<'a>(frames: &'a [Captured], files: Files<'a>) -> impl Iterator<Item = (u32, usize, &'a [Captured])> {
    let mut left = frames;
    let last = files.len() - 1;
    (0..).zip(files).map(move |(file, (len, timeline))| {
        let len = if file as usize == last { left.len() } else { (*len).min(left.len()) };
        let (these, others) = left.split_at(len);
        left = others;
        (file, *timeline, these)
    })
}

fn record<'a>(frame: &'a Captured, number: u64) -> Record<'a> {
    let Captured { time, link, ref bytes, original_len, interface } = *frame;
    Record { time, frame: number, link, interface, data: bytes, original_len, told: None }
}

fn by_one(frames: &[Captured], files: Files<'_>) -> Vec<Analysis> {
    let mut analyzers: Vec<Analyzer> = Vec::new();
    for (file, timeline, frames) in in_files(frames, files) {
        if analyzers.len() <= timeline {
            analyzers.resize_with(timeline + 1, || Analyzer::new(Options::default()));
        }
        analyzers[timeline].begin_file(file);
        for (number, frame) in (1..).zip(frames) {
            analyzers[timeline].push(&record(frame, number));
        }
    }
    analyzers.into_iter().map(|analyzer| analyzer.finish(drop)).collect()
}

/// The same by several threads; `piece` frames at a time stand in the same memory.
fn by_several(frames: &[Captured], files: Files<'_>, threads: usize, piece: usize) -> Vec<Analysis> {
    let mut spread = Spread::new(Options::default(), threads).unwrap();
    for (file, timeline, frames) in in_files(frames, files) {
        spread.begin_file(timeline, file);
        for (index, frames) in frames.chunks(piece).enumerate() {
            let memory: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.clone()).collect();
            spread.look_at(&Arc::new(memory));
            let mut start = 0;
            for (number, frame) in (1 + (index * piece) as u64..).zip(frames) {
                let end = start + frame.bytes.len();
                spread.push(&record(frame, number), start..end);
                start = end;
            }
            spread.look_away();
        }
    }
    spread.finish().expect("no flow had to leave")
}

/// All that an analysis says, line by line.
fn told(analyses: &[Analysis]) -> Vec<String> {
    let mut lines = Vec::new();
    for analysis in analyses {
        let Analysis { flows, accounts, start, end, fragments_given_up, heads_refused } = analysis;
        lines.push(format!("{start:?} {end:?} {fragments_given_up} {heads_refused} {}", flows.total()));
        lines.extend(accounts.iter().map(|account| format!("{account:?}")));
        lines.extend(flows.numbered().map(|(number, flow)| format!("{number} {flow:?}")));
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Fragments, ICMP errors, tunnels, copies, ports used again, damaged headers, several files and timelines.
    #[test]
    fn several_threads_say_what_one_says(
        scripts in vec(any_script(), 1..6),
        turns in vec(0..8_usize, 1..40),
        again in vec(any::<(bool, bool)>(), 1..20),
        files in vec((0..60_usize, 0..3_usize), 1..5),
        piece in 1..50_usize,
    ) {
        let frames = frames(&scripts, &turns, &again);
        let one = told(&by_one(&frames, &files));
        for threads in [1, 2, 3, 8] {
            let several = told(&by_several(&frames, &files, threads, piece));
            prop_assert_eq!(one.len(), several.len());
            for (one, several) in one.iter().zip(&several) {
                prop_assert_eq!(one, several, "{} threads", threads);
            }
        }
    }
}

/// What ends a thread ends the run, with the same reason, and nobody waits for it.
#[test]
fn a_thread_that_panics_is_heard_of() {
    let panics = |_: &Receiver<Batch>, _: &Sender<Vec<Item>>| -> Vec<Shard> { resume_unwind(Box::new("its reason")) };
    let item = || Item {
        time: Timestamp::default(),
        frame: 1,
        start: 0,
        end: 0,
        original_len: 0,
        interface: 0,
        link: LinkType(1),
        told: None,
        clock: Timestamp::default(),
        what: What::Named,
    };
    let handing_over = || {
        let mut worker = Worker::start(panics).unwrap();
        for _ in 0..9 {
            worker.items.push(item());
            worker.hand_over((0, 0), 0, &Arc::default());
        }
    };
    let waiting = || {
        let mut worker = Worker::start(panics).unwrap();
        worker.under_way = 1;
        worker.wait();
    };
    let ending = || drop(Worker::start(panics).unwrap().end());
    for end in [&handing_over as &dyn Fn(), &waiting, &ending] {
        let reason = catch_unwind(AssertUnwindSafe(end)).unwrap_err();
        assert_eq!(reason.downcast_ref(), Some(&"its reason"));
    }
}
