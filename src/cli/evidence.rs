//! Which packets are to be shown to others, and how much of them.

use clap::Args;

use super::input::SourceArgs;
use super::output::GeneralArgs;
use super::surroundings::Surroundings;
use super::{Refusal, usage};
use crate::commands::evidence::Job;
use crate::commands::output::Target;

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only the flow with this number, as in the report; may be repeated [default: the flows with findings]
    #[arg(long, value_name = "N", help_heading = "Evidence")]
    flow: Vec<u32>,
    /// Cut payload off: what is captured of each packet ends behind its headers
    #[arg(long, help_heading = "Evidence")]
    strip_payload: bool,
    /// Put pseudonyms in the place of all addresses, and cut payload off
    #[arg(long, visible_alias = "anonymize", help_heading = "Evidence")]
    anonymise: bool,
    /// What decides the pseudonyms: 64 hexadecimal digits, or @FILE for a file that holds them [default: random]
    #[arg(long, value_name = "HEX|@FILE", requires = "anonymise", help_heading = "Evidence")]
    key: Option<String>,
}

impl EvidenceArgs {
    /// From what was typed to what will run.
    pub(super) fn lower(self, general: &GeneralArgs, surroundings: &Surroundings) -> Result<Job, Refusal> {
        if general.output.is_none() {
            return Err(usage("say where the evidence goes: -o OUT.pcapng, or -o - for standard output"));
        }
        let target = general.target();
        if target == Target::Stdout && surroundings.stdout_is_terminal {
            return Err(usage("a capture is nothing for a terminal: -o OUT.pcapng writes a file"));
        }
        Ok(Job {
            source: self.source.lower(Some("evidence"), surroundings)?,
            flows: self.flow,
            strip_payload: self.strip_payload,
            anonymise: self.anonymise,
            key: self.key,
            target,
            quiet: general.quiet,
        })
    }
}
