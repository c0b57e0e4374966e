//! What is generated from the definitions of the command line: completions and manual pages.

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell as Dialect;

use super::{Refusal, Typed, usage};

/// The shells that there are completions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

/// The completions for `shell`.
pub(super) fn completions(shell: Shell) -> String {
    let dialect = match shell {
        Shell::Bash => Dialect::Bash,
        Shell::Zsh => Dialect::Zsh,
        Shell::Fish => Dialect::Fish,
    };
    let mut out = Vec::new();
    clap_complete::generate(dialect, &mut Typed::command(), "idlegap", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The manual page of the program, or of one of its commands.
pub(super) fn man(command: Option<&str>) -> Result<String, Refusal> {
    let mut program = Typed::command();
    // Building it gives the commands their full names and the options that all of them have.
    program.build();
    let described = match command {
        None => program,
        Some(name) => {
            let unknown = || usage(&format!("there is no command {name:?}"));
            let found = program.get_subcommands().find(|command| command.get_name() == name).ok_or_else(unknown)?;
            found.clone()
        }
    };
    let mut out = Vec::new();
    let page = clap_mangen::Man::new(described).manual("idlegap manual".to_owned());
    page.render(&mut out).map_err(|error| usage(&error.to_string()))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
