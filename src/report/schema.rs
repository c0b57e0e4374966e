//! The JSON Schemas of what is written for programs, as `idlegap schema` prints them.
//!
//! They are made from the structures that are written, and their words from the comments there; a test holds the two
//! together. `UPDATE_SCHEMA=1 cargo test --lib schema` makes them anew.

#[cfg(test)]
pub(crate) mod words;

/// What is described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Schema {
    /// The report, `--format json`
    #[default]
    Report,
    /// Each line of `--format jsonl`
    Jsonl,
    /// Each line of `idlegap trace --format jsonl`
    Trace,
    /// Each line of `idlegap live` on a pipe
    Events,
}

impl Schema {
    /// The schema, in the notation of JSON Schema 2020-12.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Report => include_str!("schema/report.json"),
            Self::Jsonl => include_str!("schema/jsonl.json"),
            Self::Trace => include_str!("schema/trace.json"),
            Self::Events => include_str!("../../docs/live-events.schema.json"),
        }
    }
}

#[cfg(test)]
mod tests;
