//! From the analysis to words: the serialisable model and what renders it.

pub mod build;
pub mod conclude;
pub mod model;
pub mod trace;
pub mod units;
pub mod words;
