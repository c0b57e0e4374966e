//! From the analysis to words: the serialisable model and what renders it.

pub mod build;
pub mod conclude;
pub mod escape;
pub mod evicted;
pub mod json;
pub mod judged;
pub mod model;
pub mod numbers;
pub mod proof;
#[cfg(test)]
mod sample;
pub mod text;
pub mod trace;
pub mod units;
pub mod words;

/// Which flows a report lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Listed {
    /// Every flow
    All,
    /// Deaths, near misses and odd ones
    Matter,
}
