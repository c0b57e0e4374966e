//! What was typed after `idlegap trace`.

use clap::Args;

use super::Refusal;
use super::input::SourceArgs;
use super::output::{GeneralArgs, TimeArgs};
use super::surroundings::Surroundings;
use crate::commands::trace;
use crate::report::trace::Form;

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Only the flow with this number
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(super) flow: Option<u32>,
    /// The form of the rows
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(super) format: Form,
    #[command(flatten)]
    pub(super) time: TimeArgs,
}

impl TraceArgs {
    /// From what was typed to the trace that will run.
    pub(super) fn lower(self, general: &GeneralArgs, surroundings: &Surroundings) -> Result<trace::Job, Refusal> {
        Ok(trace::Job {
            source: self.source.lower(Some("trace"), surroundings)?,
            flow: self.flow,
            form: self.format,
            time: self.time.time.unwrap_or_default(),
            target: general.target(),
            quiet: general.quiet,
        })
    }
}
