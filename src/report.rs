//! From the analysis to words: the serialisable model and what renders it.

pub mod build;
pub mod conclude;
pub mod csv;
pub mod escape;
pub mod evicted;
pub mod html;
pub mod json;
pub mod judged;
pub mod lines;
pub mod model;
pub mod numbers;
mod parallel;
pub mod phrases;
pub mod proof;
#[cfg(test)]
mod sample;
pub mod schema;
pub mod selection;
pub mod survival;
pub mod template;
pub mod text;
pub mod ticket;
pub mod timeline;
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
