//! From the analysis to words: the serialisable model and what renders it.

pub mod trace;
pub mod units;
