//! The numbers of flows in a run of several timelines.

/// Numbers flows through all timelines in the order of their first segments.
///
/// Files are read one after the other, so the new flows of one file have consecutive numbers: one entry per file is all
/// there is to remember.
#[derive(Clone, Debug, Default)]
pub struct FlowNumbers {
    timelines: Vec<Timeline>,
    /// Timeline and run of each file.
    files: Vec<(usize, Run)>,
}

/// The flows of one timeline.
#[derive(Clone, Debug, Default)]
struct Timeline {
    count: u32,
    /// One for each of its files.
    runs: Vec<Run>,
}

/// The flows that first appeared in one file.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Place of the first of them within its timeline.
    index: u32,
    /// Number of the first of them in the report.
    number: u32,
}

impl FlowNumbers {
    /// What follows is a file of `timeline`.
    pub fn begin_file(&mut self, timeline: usize) {
        let number = self.total();
        if self.timelines.len() <= timeline {
            self.timelines.resize_with(timeline + 1, Timeline::default);
        }
        let Some(of_timeline) = self.timelines.get_mut(timeline) else { return };
        let run = Run { index: of_timeline.count, number };
        of_timeline.runs.push(run);
        self.files.push((timeline, run));
    }

    /// Enters that flow `index` of the current file's timeline was seen.
    #[inline]
    pub fn note(&mut self, timeline: usize, index: u32) {
        if let Some(timeline) = self.timelines.get_mut(timeline)
            && timeline.count <= index
        {
            timeline.count = index.saturating_add(1);
        }
    }

    /// Enters that the current file, of this timeline, holds the first segments of so many flows.
    pub fn add(&mut self, timeline: usize, flows: u32) {
        if let Some(timeline) = self.timelines.get_mut(timeline) {
            timeline.count = timeline.count.saturating_add(flows);
        }
    }

    /// Flows in all.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.timelines.iter().fold(0, |sum, timeline| sum.saturating_add(timeline.count))
    }

    /// The number of flow `index` of `timeline`; `None` if no such flow was seen.
    #[must_use]
    pub fn number(&self, timeline: usize, index: u32) -> Option<u32> {
        let timeline = self.timelines.get(timeline).filter(|timeline| index < timeline.count)?;
        let after = timeline.runs.partition_point(|run| run.index <= index);
        let run = timeline.runs.get(after.checked_sub(1)?)?;
        Some(run.number + (index - run.index))
    }

    /// Timeline of flow `number`, and its place there; `None` beyond the last one.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<(usize, u32)> {
        if number >= self.total() {
            return None;
        }
        let after = self.files.partition_point(|(_, run)| run.number <= number);
        let (timeline, run) = self.files.get(after.checked_sub(1)?)?;
        Some((*timeline, run.index + (number - run.number)))
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
