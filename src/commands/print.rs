//! `idlegap schema`, `idlegap completions`, `idlegap man`: texts that are known before anything is read.

use std::io::Write;

use super::output::Target;
use super::{Error, Status};

/// What is to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The text.
    pub text: String,
    /// Where it goes.
    pub target: Target,
}

/// Prints the text.
///
/// # Errors
/// If it cannot be written.
pub fn run(job: &Job) -> Result<Status, Error> {
    let mut output = job.target.open(&[])?;
    output.write_all(job.text.as_bytes()).map_err(|error| output.error(error))?;
    output.finish()?;
    Ok(Status::Ran)
}
