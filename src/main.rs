//! The `idlegap` command.

use std::io::{self, Write};
use std::process::ExitCode;

use idlegap::cli::{self, Run};
use idlegap::commands::{analyze, evidence, live, print, script, timeouts, trace};
use idlegap::report::escape::escaped;

fn main() -> ExitCode {
    let outcome = match cli::parse() {
        Run::Analyze(job) => analyze::run(&job),
        Run::Script(job) => script::run(&job),
        Run::Live(job) => live::run(&job),
        Run::Trace(job) => trace::run(&job),
        Run::Evidence(job) => evidence::run(&job),
        Run::Timeouts(job) => timeouts::run(&job),
        Run::Print(job) => print::run(&job),
    };
    match outcome {
        Ok(status) => status.into(),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone there is nobody to tell.
            drop(writeln!(io::stderr(), "idlegap: {}", escaped(&error.to_string())));
            ExitCode::from(2)
        }
    }
}
