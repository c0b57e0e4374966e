//! The known timeouts that a page names, each with the label that its marks carry.

use std::io::{self, Write};

use super::{Text, duration};
use crate::report::phrases::product;
use crate::timeouts::{Entry, Table};

/// The known timeouts named so far, in the order of their labels.
pub(super) struct Known<'a> {
    table: &'a Table,
    named: Vec<&'a Entry>,
}

/// Timeouts of one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// The value, in seconds.
    pub(super) idle_s: f64,
    /// Their labels: `T1 T2`.
    pub(super) labels: String,
}

impl<'a> Known<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self { table, named: Vec::new() }
    }

    /// Every timeout named so far.
    pub(super) fn named(&self) -> impl Iterator<Item = (String, &'a Entry)> + '_ {
        self.named.iter().enumerate().map(|(place, entry)| (label(place), *entry))
    }

    /// The timeouts with these ids, each with its label; a new one gets the next.
    pub(super) fn name<'b>(&mut self, ids: impl Iterator<Item = &'b String>) -> Vec<(String, &'a Entry)> {
        ids.filter_map(|id| {
            let entry = self.table.get(id)?;
            let place = self.named.iter().position(|known| known.id == entry.id).unwrap_or_else(|| {
                self.named.push(entry);
                self.named.len() - 1
            });
            Some((label(place), entry))
        })
        .collect()
    }
}

fn label(place: usize) -> String {
    format!("T{}", place + 1)
}

/// `T2` before `T10`.
fn sorted<'a, 'b>(named: &'a [(String, &'b Entry)]) -> Vec<&'a (String, &'b Entry)> {
    let mut named: Vec<_> = named.iter().collect();
    named.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    named
}

/// One mark for each value, the shortest first.
pub(super) fn marks(named: &[(String, &Entry)]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for (label, entry) in sorted(named) {
        let idle_s = entry.idle.span().as_secs_f64();
        match marks.iter_mut().find(|mark| mark.idle_s.total_cmp(&idle_s).is_eq()) {
            Some(mark) => mark.labels.push_str(&format!(" {label}")),
            None => marks.push(Mark { idle_s, labels: label.clone() }),
        }
    }
    marks.sort_by(|a, b| a.idle_s.total_cmp(&b.idle_s));
    marks
}

/// What the labels stand for, below a picture.
pub(super) fn legend(named: &[(String, &Entry)], out: &mut impl Write) -> io::Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    write!(out, "<ul class=\"timers\">")?;
    for (label, entry) in sorted(named) {
        let product = product(&entry.vendor, &entry.product);
        let idle = duration(entry.idle.span().as_secs_f64());
        write!(out, "<li><b>{label}</b> {}, {idle} ({})</li>", Text(&product), Text(&entry.id))?;
    }
    writeln!(out, "</ul>")
}
