//! The courses of single flows, from a second reading of the captures.
//!
//! The first reading tells which flows matter and what decides them; keeping every segment of every flow until then would
//! take the memory of the whole capture.

use std::collections::HashMap;

use super::Error;
use super::console::Console;
use super::read::{Source, Witness, read_bounded};
use crate::analyzer::Seen;
use crate::capture::Record;
use crate::flow::Relabel;
use crate::report::model::Flow;
use crate::report::timeline::{Collector, Timeline};

/// Reads everything again and gathers the courses of `flows`, by their numbers. What there is to complain of was said at
/// the first reading.
///
/// # Errors
/// If what could be read before can be read no more.
pub fn read_again(
    source: &Source,
    most_flows: usize,
    flows: impl Iterator<Item = Flow>,
) -> Result<HashMap<u32, Timeline>, Error> {
    let mut flows = flows.peekable();
    if flows.peek().is_none() {
        return Ok(HashMap::new());
    }
    let mut watcher = Watcher(Collector::new(flows));
    read_bounded(source, most_flows, &mut Console::mute(), &mut watcher)?;
    Ok(watcher.0.finish())
}

struct Watcher(Collector);

impl Witness for Watcher {
    fn record(&mut self, _record: &Record<'_>, seen: &Seen<'_>, flow: impl Fn(u32) -> u32) -> Result<(), Error> {
        if let Seen::Segment(segment) = seen {
            self.0.segment(flow(segment.flow), segment);
        }
        Ok(())
    }

    fn relabel(&mut self, relabel: &Relabel) {
        self.0.relabel(relabel);
    }
}
