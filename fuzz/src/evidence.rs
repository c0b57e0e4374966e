//! From a capture to its extract and back: what is read is what was meant to be written, and it is judged as before.

use std::io::Cursor;

use idlegap::analyzer::{Analyzer, Options as Analysis, Seen};
use idlegap::capture::{LinkType, Note, PcapWriter, Reader, Record};
use idlegap::evidence::check::differences;
use idlegap::evidence::extract::{Extract, Options, Plan};
use idlegap::evidence::pseudonyms::{Key, Pseudonyms};
use idlegap::evidence::rewrite::{Rewriter, Rewritten};
use idlegap::evidence::select::{Gathered, Kept};
use idlegap::report::build::{Asked, Built, Timeline, build};
use idlegap::report::numbers::FlowNumbers;
use idlegap::time::{Span, Timestamp};
use idlegap::wire::{Decoded, decode};

use super::conversation::{Frame, conversation};
use super::pipeline::table;

const KEY: &str = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
/// Records of a capture at most.
const MOST: usize = 2_000;

/// The first octet says what is done to the packets (1 strips, 2 anonymises) and what the rest of the input is (4 for a
/// capture as it stands, else conversations, act by act, 16 and 32 for how many); 8 asks for the first flow alone.
pub fn run(data: &[u8]) {
    let Some((setting, rest)) = data.split_first() else { return };
    let bytes = if setting & 4 == 0 { played(rest, usize::from(setting >> 4 & 3) + 1) } else { rest.to_vec() };
    let how = How { strip: setting & 1 != 0, anonymise: setting & 2 != 0 };
    let mut gathered = Gathered::default();
    let Some(whole) = analyse(&bytes, |_, seen| gathered.note(seen)) else { return };
    let asked = (setting & 8 != 0 && whole.report.flows_total > 0).then_some(&[0][..]);
    let plan = Plan::new(&whole, asked, &gathered).expect("one file is one timeline");
    if plan.selection.is_empty() {
        return;
    }
    let (extract, meant) = cut(&bytes, &plan, how);
    let mut read = Vec::new();
    let again = analyse(&extract, |record, _| read.push(Written::of(record))).expect("an extract is a capture");
    assert_eq!(read, meant, "what is read is not what was meant");
    let told = differences(&plan, &again);
    assert!(told.is_empty(), "judged otherwise: {told:?}");
}

#[derive(Clone, Copy)]
struct How {
    strip: bool,
    anonymise: bool,
}

impl How {
    fn pseudonyms(self) -> Option<Pseudonyms> {
        self.anonymise.then(|| Pseudonyms::new(Some(&Key::from_argument(KEY).expect("a key"))))
    }
}

/// A record that stands in the extract.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    time: Timestamp,
    link: LinkType,
    data: Vec<u8>,
    original_len: u32,
}

impl Written {
    fn of(record: &Record<'_>) -> Self {
        let Record { time, link, data, original_len, .. } = *record;
        Self { time, link, data: data.to_vec(), original_len }
    }
}

/// The capture of so many conversations, each begun a little later than the one before.
fn played(data: &[u8], count: usize) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType(1), 262_144).expect("memory takes everything");
    let parts = (0..).zip(data.chunks(data.len().div_ceil(count).max(1)));
    let late = |number: u16| Span::from_micros(137_137 * i64::from(number));
    let mut frames: Vec<Frame> = parts
        .flat_map(|(number, part)| {
            let frames = conversation(number, part).into_iter();
            frames.map(move |frame| Frame { time: frame.time.plus(late(number)), ..frame })
        })
        .collect();
    // Within a conversation time may run backwards.
    if count > 1 {
        frames.sort_by_key(|frame| frame.time);
    }
    for frame in frames {
        // What lies outside of the years that the format knows is not written.
        drop(writer.packet(frame.time, &frame.bytes, frame.original_len));
    }
    writer.finish().expect("memory takes everything")
}

/// Reads `bytes` as a capture and judges it; `None` if they are none.
fn analyse(bytes: &[u8], mut witness: impl FnMut(&Record<'_>, &Seen<'_>)) -> Option<Built> {
    let mut reader = Reader::from_source("input".to_owned(), Cursor::new(bytes.to_vec()), None).ok()?;
    let mut analyzer = Analyzer::new(Analysis::default());
    let mut numbers = FlowNumbers::default();
    numbers.begin_file(0);
    for _ in 0..MOST {
        let Ok(Some(record)) = reader.next_record() else { break };
        let seen = analyzer.push(&record);
        if let Seen::Segment(labelled) = &seen {
            numbers.note(0, labelled.flow);
        }
        witness(&record, &seen);
        analyzer.drain_relabels().for_each(drop);
    }
    for note in reader.take_notes() {
        if let Note::Tick(time) = note {
            analyzer.tick(time);
        }
    }
    let timeline = Timeline { analysis: analyzer.finish(drop), files: vec![(0, reader.into_info())] };
    Some(build(vec![timeline], numbers, table(), Asked::default()))
}

/// The extract, and the records that it is to hold.
fn cut(bytes: &[u8], plan: &Plan<'_>, how: How) -> (Vec<u8>, Vec<Written>) {
    let mut file = Vec::new();
    let options = Options { strip_payload: how.strip, pseudonyms: how.pseudonyms() };
    let mut extract = Extract::new(&mut file, plan, options).expect("memory takes everything");
    let mut rewriter = Rewriter { strip: how.strip, pseudonyms: how.pseudonyms() };
    let mut meant = Vec::new();
    analyse(bytes, |record, seen| {
        extract.record(record, seen).expect("memory takes everything");
        let Record { time, link, original_len, .. } = *record;
        match plan.selection.keeps(time, seen) {
            Kept::Whole => {
                let Rewritten { link, data, original_len } = rewriter.rewrite(record);
                assert!(!rewriter.cuts() || is_bare(link, &data, original_len), "payload is left: {data:02x?}");
                meant.push(Written { time, link, data, original_len });
            }
            Kept::Time => meant.push(Written { time, link, data: Vec::new(), original_len }),
            Kept::Nothing => {}
        }
    });
    extract.finish().expect("memory takes everything");
    (file, meant)
}

/// Whether the frame ends where its headers do.
fn is_bare(link: LinkType, data: &[u8], original_len: u32) -> bool {
    match decode(link, data, original_len) {
        Decoded::Segment(segment) => segment.payload.is_empty(),
        _ => true,
    }
}
