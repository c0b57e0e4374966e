//! From the analysis to words: the serialisable model and what renders it.

pub mod escape;
pub mod json;
pub mod model;
#[cfg(test)]
mod sample;
pub mod text;
pub mod trace;
pub mod units;

/// Which flows a report lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Listed {
    /// Every flow
    All,
    /// Deaths, near misses and odd ones
    Matter,
}
