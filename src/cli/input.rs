//! Where the packets come from.

use std::fs;
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
    /// Threads for the flows, beside the one that reads; with 1, it does all. What comes out is the same [default: one per
    /// processor, fewer for small files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) threads: Option<u32>,
    /// Accepted for the sake of habit: names are never looked up
    #[arg(short = 'n', action = clap::ArgAction::Count)]
    pub(super) numeric: u8,
}

/// As many threads as this program may use processors (one if nobody knows), but no more than the captures keep busy: starting
/// one takes as long as analysing some kilobytes.
fn threads(inputs: &[Input]) -> usize {
    const WORTH_A_THREAD: u64 = 4 << 20;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let size = |input: &Input| match input {
        Input::Path(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len()),
        Input::Stdin | Input::Spool(_) => None,
    };
    let bytes: Option<u64> = inputs.iter().map(size).sum();
    bytes.map_or(processors, |bytes| processors.min(usize::try_from(1 + bytes / WORTH_A_THREAD).unwrap_or(usize::MAX)))
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
        let threads = self.threads.map_or_else(|| threads(&inputs), |count| count as usize);
        Ok(Source { inputs, filter, count: self.count, threads })
    }
}
