//! The comparison over any number of captures: how often each class of difference occurs, with an example of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::support::difference::{Aspect, Comparison, Difference};
use crate::support::divergences::covering;

/// Why two programs differ: the name of a divergence, or, where none covers it, what each of them says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Named(String),
    Unnamed(String),
}

impl Class {
    fn of(difference: &Difference) -> Self {
        let names: Vec<&str> = covering(difference);
        match names.split_first() {
            None => Self::Unnamed(unnamed(difference)),
            Some((first, _)) if difference.habits.is_empty() => Self::Named((*first).to_owned()),
            Some(_) => Self::Named(names.join(" + ")),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Unnamed(words) => write!(f, "NOT NAMED: {words}"),
        }
    }
}

/// What each of the two says, so that like differences share a line.
fn unnamed(difference: &Difference) -> String {
    let said = |is_there: bool| if is_there { "a segment" } else { "nothing" };
    match difference.aspect {
        Aspect::Label => {
            let labels = difference.theirs.as_ref().map(|row| &row.labels);
            format!("{} ({}), tshark {:?}", difference.kind(), difference.note(), labels.unwrap_or(&BTreeSet::new()))
        }
        Aspect::Frame => {
            format!("{}, tshark {}", said(difference.ours.is_some()), said(difference.theirs.is_some()))
        }
        Aspect::Stream => "another stream number".to_owned(),
        Aspect::Number => "other sequence numbers or lengths".to_owned(),
        Aspect::Reset => "a RST for one of them only".to_owned(),
    }
}

#[derive(Default)]
struct Count {
    frames: u64,
    captures: u64,
    /// The first one.
    example: String,
}

/// What came of all captures.
#[derive(Default)]
pub(crate) struct Tally {
    compared: u64,
    segments: u64,
    /// Captures that could not be compared, each with the reason.
    refused: Vec<String>,
    classes: BTreeMap<Class, Count>,
}

impl Tally {
    /// Enters one capture.
    pub(crate) fn enter(&mut self, name: &str, comparison: Result<Comparison, String>) {
        let Comparison { segments, differences } = match comparison {
            Ok(comparison) => comparison,
            Err(reason) => return self.refused.push(format!("{name}: {reason}")),
        };
        self.compared += 1;
        self.segments += segments;
        let mut seen = BTreeSet::new();
        for difference in &differences {
            let class = Class::of(difference);
            let count = self.classes.entry(class.clone()).or_default();
            count.frames += 1;
            if seen.insert(class) {
                count.captures += 1;
            }
            if count.example.is_empty() {
                count.example = difference.to_string();
            }
        }
    }

    /// How many classes have no name.
    pub(crate) fn unnamed(&self) -> usize {
        self.classes.keys().filter(|class| matches!(class, Class::Unnamed(_))).count()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differing: u64 = self.classes.values().map(|count| count.frames).sum();
        writeln!(f, "{} captures, {} segments, {differing} differences", self.compared, self.segments)?;
        for refused in &self.refused {
            writeln!(f, "  not compared: {refused}")?;
        }
        for (class, Count { frames, captures, example }) in &self.classes {
            writeln!(f, "  {frames:>7} in {captures:>4} captures  {class}")?;
            writeln!(f, "          {example}")?;
        }
        Ok(())
    }
}
