//! Where the output goes, and how it looks.

use std::path::PathBuf;

use clap::Args;

use crate::commands::output::Target;
use crate::report::units::TimeFormat;

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TimeArgs {
    /// How times are shown in text [default: utc]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) time: Option<TimeFormat>,
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct WidthArgs {
    /// Columns of text, from 80 [default: the terminal's, 100 elsewhere]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(80..))]
    pub(super) width: Option<u16>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct GeneralArgs {
    /// Write to a file, which appears whole or not at all
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// No progress and no warnings; errors are still shown
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
}

impl GeneralArgs {
    /// Where the output goes.
    pub(super) fn target(&self) -> Target {
        self.output.clone().map_or(Target::Stdout, |path| match path.as_os_str() == "-" {
            true => Target::Stdout,
            false => Target::File(path),
        })
    }
}
