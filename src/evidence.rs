//! Evidence: the part of a capture that a report's findings rest on, annotated, and fit to be shown to others.
//!
//! [`Selection`](select::Selection) says which flows belong to it, [`Annotations`](annotate::Annotations) what is to be
//! said of single packets, [`rewrite`] cuts payload off and puts [`Pseudonyms`](pseudonyms::Pseudonyms) in the place of
//! addresses, and [`Extract`](extract::Extract) writes the packets as they are read a second time.
//!
//! What the analysis concludes from the extract is what it concludes from the whole: the same packets of the same flows,
//! every flow that a group's finding rests on, the same beginning and end of time, the same losses.

pub mod annotate;
pub mod check;
pub mod extract;
pub mod pseudonyms;
pub mod rewrite;
pub mod select;
pub mod transcript;
