//! Where the packets come from.

use std::path::PathBuf;

use clap::Args;

use super::surroundings::Surroundings;
use super::{Refusal, usage};
use crate::capture::Input;
use crate::commands::read::Source;

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Input")]
pub(super) struct SourceArgs {
    /// Captures to read, `-` for standard input; after -r, a BPF expression
    #[arg(value_name = "FILE")]
    pub(super) words: Vec<String>,
    /// A capture to read, as with tcpdump; may be repeated
    #[arg(short = 'r', value_name = "FILE")]
    pub(super) read: Vec<PathBuf>,
    /// Only packets that match a BPF expression
    #[arg(short = 'f', value_name = "BPF")]
    pub(super) filter: Option<String>,
    /// Stop after so many packets
    #[arg(short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,
    /// Threads to work with; with 1, compressed files are decompressed by the thread that analyses [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) threads: Option<u32>,
    /// Accepted for the sake of habit: names are never looked up
    #[arg(short = 'n', action = clap::ArgAction::Count)]
    pub(super) numeric: u8,
}

/// Processors that this program may use; one if nobody knows.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl SourceArgs {
    /// From what was typed to what will be read.
    pub(super) fn lower(self, command: Option<&'static str>, surroundings: &Surroundings) -> Result<Source, Refusal> {
        let (files, expression) = match self.read.is_empty() {
            true => (self.words.into_iter().map(PathBuf::from).collect(), String::new()),
            false => (self.read, self.words.join(" ")),
        };
        let filter = match (self.filter, expression) {
            (Some(_), expression) if !expression.is_empty() => {
                return Err(usage(
                    "after -r the remaining words are a BPF expression; give it there or with -f, not both",
                ));
            }
            (filter, expression) => filter.or((!expression.is_empty()).then_some(expression)),
        };
        let mut inputs: Vec<Input> = files.iter().map(|file| Input::from_argument(file)).collect();
        if inputs.is_empty() {
            if surroundings.stdin_is_terminal {
                return Err(Refusal::NothingToRead(command));
            }
            inputs.push(Input::Stdin);
        }
        Ok(Source {
            inputs,
            filter,
            count: self.count,
            threads: self.threads.map_or_else(processors, |count| count as usize),
        })
    }
}
