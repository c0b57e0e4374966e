//! The numbers of flows in a run of several timelines.

/// Numbers flows through all timelines in the order of their first segments.
///
/// Files are read one after the other, so the new flows of one file have consecutive numbers: one entry per file is all
/// there is to remember.
#[derive(Clone, Debug, Default)]
pub struct FlowNumbers {
    /// Flows of each timeline so far.
    counts: Vec<u32>,
    runs: Vec<Run>,
}

/// The flows that first appeared in one file.
#[derive(Clone, Copy, Debug)]
struct Run {
    timeline: usize,
    /// Number of the first of them within its timeline.
    first_in_timeline: u32,
    /// Number of the first of them in the report.
    first: u32,
}

impl FlowNumbers {
    /// What follows is a file of `timeline`.
    pub fn begin_file(&mut self, timeline: usize) {
        if self.counts.len() <= timeline {
            self.counts.resize(timeline + 1, 0);
        }
        let first_in_timeline = self.counts.get(timeline).copied().unwrap_or_default();
        self.runs.push(Run { timeline, first_in_timeline, first: self.total() });
    }

    /// Enters that flow `index` of the current file's timeline was seen.
    #[inline]
    pub fn note(&mut self, timeline: usize, index: u32) {
        if let Some(count) = self.counts.get_mut(timeline)
            && *count <= index
        {
            *count = index.saturating_add(1);
        }
    }

    /// Flows in all.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The number of flow `index` of `timeline`; `None` if no such flow was seen.
    #[must_use]
    pub fn number(&self, timeline: usize, index: u32) -> Option<u32> {
        if self.counts.get(timeline).is_none_or(|count| *count <= index) {
            return None;
        }
        let mut of_timeline = self.runs.iter().rev().filter(|run| run.timeline == timeline);
        let run = of_timeline.find(|run| run.first_in_timeline <= index)?;
        Some(run.first + (index - run.first_in_timeline))
    }

    /// Timeline and place within it of flow `number`; `None` beyond the last one.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<(usize, u32)> {
        if number >= self.total() {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= number);
        let run = self.runs.get(after.checked_sub(1)?)?;
        Some((run.timeline, run.first_in_timeline + (number - run.first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_of_all_timelines_are_numbered_as_they_appear() {
        let mut numbers = FlowNumbers::default();
        // Two flows in a0; one new in b0; none new and then one new in a1; the file after it brings nothing.
        for (timeline, seen) in [(0, &[0, 1, 0][..]), (1, &[0]), (0, &[1, 2]), (1, &[0])] {
            numbers.begin_file(timeline);
            seen.iter().for_each(|index| numbers.note(timeline, *index));
        }
        assert_eq!(numbers.total(), 4);
        let expected = [(0, 0), (0, 1), (1, 0), (0, 2)];
        for (number, place) in (0..).zip(expected) {
            assert_eq!(numbers.place(number), Some(place));
            assert_eq!(numbers.number(place.0, place.1), Some(number));
        }
        assert_eq!(numbers.place(4), None);
        assert_eq!(numbers.number(0, 3), None);
        assert_eq!(numbers.number(7, 0), None);
    }
}
