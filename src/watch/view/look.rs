//! How a screen may look on this terminal.

/// What the terminal and its user allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether there may be colour. Without it marks and words say the same.
    pub color: bool,
    /// Whether nothing but ASCII can be shown.
    pub ascii: bool,
}

impl Look {
    /// The part of a bar that is used up, and the part that is left.
    #[must_use]
    pub const fn bar(self) -> (char, char) {
        if self.ascii { ('#', '.') } else { ('█', '░') }
    }

    /// What stands for text that was cut off.
    #[must_use]
    pub const fn cut(self) -> char {
        if self.ascii { '~' } else { '…' }
    }

    /// What stands between two counts.
    #[must_use]
    pub const fn between(self) -> &'static str {
        if self.ascii { " | " } else { " · " }
    }
}
