//! Several captures in one run: put in order of time and told apart by their spans.

use std::path::{Path, PathBuf};

use super::{Error, Input, Reader};
use crate::time::{Span, Timestamp};

/// How far a file may begin before the one before it ends and still continue it: a rotating writer is not exact.
const ROTATION_JITTER: Span = Span::from_secs(1);
/// The jitter is also at most this part of the earlier file's span, lest two short captures pass for one.
const JITTER_PART: i64 = 10;

/// A capture that is to be read in its turn.
pub struct PlannedFile {
    /// Where it comes from.
    pub input: Input,
    /// Its position among the arguments, from 0.
    pub argument: usize,
    /// The time of its first record; `None` if it has no record, if that has no time, or if no other file is to be read.
    pub first_time: Option<Timestamp>,
    /// Kept open only where opening it again would not give the same bytes.
    reader: Option<Reader>,
}

impl PlannedFile {
    /// The reader, at the first record.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(self) -> Result<Reader, Error> {
        match self.reader {
            Some(reader) => Ok(reader),
            None => Reader::open(&self.input),
        }
    }
}

/// Opens all captures, looks at the time of each one's first record, and puts them in that order.
///
/// Files are closed again, so that their number is not bounded by the open files that the system allows; a single
/// file, pipes and standard input stay open. Captures without a time come last.
///
/// # Errors
/// If one of them cannot be opened or is no capture, or if one is named twice.
pub fn plan(inputs: &[Input]) -> Result<Vec<PlannedFile>, Error> {
    refuse_repeats(inputs)?;
    let mut files = Vec::with_capacity(inputs.len());
    for (argument, input) in inputs.iter().enumerate() {
        let mut reader = Reader::open(input)?;
        let keep = inputs.len() == 1 || !input.is_repeatable();
        // One capture needs no order, and a pipe alone must not wait for its first packet.
        let first_time = if inputs.len() == 1 { None } else { reader.peek_time()? };
        files.push(PlannedFile { input: input.clone(), argument, first_time, reader: keep.then_some(reader) });
    }
    files.sort_by_key(|file| (file.first_time.is_none(), file.first_time));
    Ok(files)
}

fn refuse_repeats(inputs: &[Input]) -> Result<(), Error> {
    let mut seen: Vec<(Input, &Input)> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let canonical = match input {
            Input::Stdin | Input::Spool(_) => input.clone(),
            // What cannot be resolved will say so when it is opened.
            Input::Path(path) => Input::Path(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
        };
        seen.push((canonical, input));
    }
    seen.sort_by(|(a, _), (b, _)| sort_key(a).cmp(&sort_key(b)));
    for pair in seen.windows(2) {
        if let [(a, first), (b, again)] = pair
            && a == b
        {
            return Err(Error::SameFile { name: first.name(), again: again.name() });
        }
    }
    Ok(())
}

fn sort_key(input: &Input) -> Option<&Path> {
    match input {
        Input::Stdin | Input::Spool(_) => None,
        Input::Path(path) => Some(path),
    }
}

/// Which files continue each other.
///
/// Files are entered in order of their first records ([`plan`]), each one after the one before it is read. A file that
/// begins where another ended continues that timeline; one that overlaps every timeline is another capture point.
#[derive(Debug, Default)]
pub struct Timelines {
    timelines: Vec<Timeline>,
}

#[derive(Debug)]
struct Timeline {
    /// The latest time of its files, and the span of the last one with any time.
    last: Option<(Timestamp, Span)>,
    /// What its last file is called, rotation numbers left out.
    stem: Option<PathBuf>,
}

impl Timelines {
    /// The number of the timeline that a file belongs to, from 0: an open one or a new one.
    pub fn place(&mut self, input: &Input, first_time: Option<Timestamp>) -> usize {
        let stem = stem(input);
        let best = self
            .timelines
            .iter()
            .enumerate()
            .filter(|(_, timeline)| timeline.may_continue(first_time))
            // Where several fit, the one with the like name, else the one that ended last.
            .max_by_key(|(number, timeline)| (timeline.stem == stem, timeline.last, std::cmp::Reverse(*number)))
            .map(|(number, _)| number);
        if let Some(number) = best {
            return number;
        }
        self.timelines.push(Timeline { last: None, stem });
        self.timelines.len() - 1
    }

    /// Enters the span of a file that has been read.
    pub fn finish(&mut self, number: usize, input: &Input, span: Option<(Timestamp, Timestamp)>) {
        let Some(timeline) = self.timelines.get_mut(number) else { return };
        timeline.stem = stem(input);
        if let Some((first, last)) = span {
            let latest = timeline.last.map_or(last, |(latest, _)| latest.max(last));
            timeline.last = Some((latest, last.since(first)));
        }
    }

    /// How many timelines there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.timelines.len()
    }

    /// Whether no file was entered yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.timelines.is_empty()
    }
}

impl Timeline {
    fn may_continue(&self, first_time: Option<Timestamp>) -> bool {
        let (Some((last, span)), Some(first)) = (self.last, first_time) else { return true };
        let jitter = ROTATION_JITTER.min(Span::from_nanos(span.as_nanos() / JITTER_PART));
        last.since(first) <= jitter
    }
}

/// The path without digits: the same for all files of a rotated set.
fn stem(input: &Input) -> Option<PathBuf> {
    let Input::Path(path) = input else { return None };
    let name = path.file_name()?.to_string_lossy().replace(|c: char| c.is_ascii_digit(), "");
    Some(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(0).plus(Span::from_secs(seconds))
    }

    /// Enters files given as name, first and last second; returns their timelines.
    fn place_all(files: &[(&str, i64, i64)]) -> Vec<usize> {
        let mut timelines = Timelines::default();
        let place = |&(name, first, last): &(&str, i64, i64)| {
            let input = Input::Path(name.into());
            let number = timelines.place(&input, Some(at(first)));
            timelines.finish(number, &input, Some((at(first), at(last))));
            number
        };
        files.iter().map(place).collect()
    }

    #[test]
    fn a_rotated_set_is_one_timeline() {
        assert_eq!(place_all(&[("c0", 0, 100), ("c1", 100, 200), ("c2", 5_000, 5_001)]), [0, 0, 0]);
        assert_eq!(place_all(&[("c0", 0, 100), ("c1", 99, 200)]), [0, 0], "a second of jitter is allowed");
    }

    #[test]
    fn overlapping_files_are_different_capture_points() {
        assert_eq!(place_all(&[("a", 0, 100), ("b", 50, 150)]), [0, 1]);
        assert_eq!(place_all(&[("a", 0, 100), ("b", 98, 150)]), [0, 1]);
        assert_eq!(place_all(&[("a", 0, 3), ("b", 2, 5)]), [0, 1], "a second is much of three");
    }

    #[test]
    fn two_rotated_sets_stay_apart() {
        let files = [("a0", 0, 100), ("b0", 50, 150), ("a1", 100, 200), ("b1", 150, 250), ("a2", 200, 300)];
        assert_eq!(place_all(&files), [0, 1, 0, 1, 0]);
        // Both fit the third file; its name decides.
        assert_eq!(place_all(&[("a0", 0, 100), ("b0", 50, 150), ("a1", 300, 400), ("b1", 320, 420)]), [0, 1, 0, 1]);
    }

    #[test]
    fn a_file_without_times_opens_no_timeline_of_its_own() {
        let mut timelines = Timelines::default();
        let input = Input::Path("a".into());
        let number = timelines.place(&input, Some(at(5)));
        timelines.finish(number, &input, Some((at(5), at(9))));
        assert_eq!(timelines.place(&Input::Stdin, None), 0);
        assert_eq!(timelines.len(), 1);
    }
}
