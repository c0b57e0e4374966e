//! What the process finds around it: terminals, environment, locale.

use std::io::{self, IsTerminal};

use terminal_size::{Height, Width, terminal_size_of};

use crate::commands::output::Target;

/// Text is never set narrower than this, however narrow the terminal: the longest words must stay whole.
const LEAST_WIDTH: u16 = 80;
/// Columns where there is no terminal.
const PIPE_WIDTH: u16 = 100;

/// Everything beside the arguments that decides how a run looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Whether standard input is a terminal, so that reading it would wait for somebody to type a capture.
    pub(super) stdin_is_terminal: bool,
    /// Whether the locale can show more than ASCII.
    pub(super) is_utf8: bool,
    /// Whether the terminal cannot place text (TERM=dumb).
    pub(super) is_dumb: bool,
    /// Columns of the terminal on standard output, if it is one.
    stdout_columns: Option<u16>,
    pub(super) stdout_is_terminal: bool,
    color: Wish,
}

/// What the environment says of colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    OnTerminals,
    Always,
    Never,
}

impl Surroundings {
    /// Looks around.
    pub(super) fn of_process() -> Self {
        let stdout = io::stdout();
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            is_utf8: is_utf8(variable),
            is_dumb: variable("TERM").is_none_or(|term| term.is_empty() || term == "dumb"),
            stdout_columns: terminal_size_of(&stdout).map(|(Width(columns), Height(_))| columns),
            stdout_is_terminal: stdout.is_terminal(),
            color: wish(variable),
        }
    }

    /// Whether standard output is a terminal.
    pub(super) const fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Columns for text that goes to `target`.
    pub(super) fn width(&self, asked: Option<u16>, target: &Target) -> u16 {
        let terminal = self.stdout_columns.filter(|_| *target == Target::Stdout);
        asked.or(terminal).unwrap_or(PIPE_WIDTH).max(LEAST_WIDTH)
    }

    /// Whether text that goes to `target` is coloured unless the user says otherwise.
    pub(super) fn wants_color(&self, target: &Target) -> bool {
        match self.color {
            Wish::Always => true,
            Wish::Never => false,
            Wish::OnTerminals => self.stdout_is_terminal && *target == Target::Stdout,
        }
    }
}

/// What NO_COLOR (no-color.org), CLICOLOR_FORCE (bixense.com/clicolors) and TERM say.
fn wish(variable: impl Fn(&str) -> Option<String>) -> Wish {
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        Wish::Never
    } else if variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") {
        Wish::Always
    } else if variable("TERM").is_some_and(|term| term == "dumb") {
        Wish::Never
    } else {
        Wish::OnTerminals
    }
}

/// Whether the locale's encoding is UTF-8; the first of these variables that is set decides (POSIX, XBD 8.2).
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_lowercase();
    cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
impl Surroundings {
    /// A run through pipes in a UTF-8 locale.
    pub(super) const PIPES: Self = Self {
        stdin_is_terminal: false,
        is_utf8: true,
        is_dumb: false,
        stdout_columns: None,
        stdout_is_terminal: false,
        color: Wish::OnTerminals,
    };
    /// A run on a terminal.
    pub(super) const TERMINAL: Self =
        Self { stdin_is_terminal: true, stdout_columns: Some(132), stdout_is_terminal: true, ..Self::PIPES };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<'a> {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_environment_decides_on_colour() {
        assert_eq!(wish(env(&[])), Wish::OnTerminals);
        assert_eq!(wish(env(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])), Wish::Never);
        assert_eq!(wish(env(&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1"), ("TERM", "dumb")])), Wish::Always);
        assert_eq!(wish(env(&[("CLICOLOR_FORCE", "0"), ("TERM", "dumb")])), Wish::Never);
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert!(is_utf8(env(&[("LANG", "de_DE.UTF-8")])));
        assert!(is_utf8(env(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")])));
        assert!(!is_utf8(env(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(!is_utf8(env(&[])));
    }

    #[test]
    fn text_is_as_wide_as_the_terminal_and_a_hundred_elsewhere() {
        let file = Target::File("report.txt".into());
        assert_eq!(Surroundings::TERMINAL.width(None, &Target::Stdout), 132);
        assert_eq!(Surroundings::TERMINAL.width(None, &file), 100);
        assert_eq!(Surroundings::TERMINAL.width(Some(90), &Target::Stdout), 90);
        assert_eq!(Surroundings::PIPES.width(None, &Target::Stdout), 100);
        let narrow = Surroundings { stdout_columns: Some(40), ..Surroundings::TERMINAL };
        assert_eq!(narrow.width(None, &Target::Stdout), 80);
        assert!(Surroundings::TERMINAL.wants_color(&Target::Stdout));
        assert!(!Surroundings::TERMINAL.wants_color(&file));
        assert!(!Surroundings::PIPES.wants_color(&Target::Stdout));
    }
}
