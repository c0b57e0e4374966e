//! The rows of all files together.

use super::entry::{Entry, KeepaliveDefault, Origin};
use super::load::{self, Rows, TableError};

/// All rows: the built-in ones, with the user's own merged over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    entries: Vec<Entry>,
    keepalive_defaults: Vec<KeepaliveDefault>,
}

impl Table {
    /// The table that ships with the program.
    ///
    /// # Errors
    ///
    /// Where the built-in data is broken, which a test rules out.
    pub fn built_in() -> Result<Self, TableError> {
        let Rows { entries, keepalive_defaults } = load::parse(include_str!("table.toml"), &Origin::BuiltIn)?;
        Ok(Self { entries, keepalive_defaults })
    }

    /// `self` with the rows of a user's file merged over it: a row with a known id replaces that row in its place, others are
    /// added at the end. `path` names the file in errors and as the origin of its rows; `text` is what it contains.
    ///
    /// # Errors
    ///
    /// Where `text` is not such a table: the error names file, line, row and key, and says what to do next.
    pub fn merged(mut self, path: &str, text: &str) -> Result<Self, TableError> {
        let own = load::parse(text, &Origin::File(path.to_owned()))?;
        merge(&mut self.entries, own.entries, |entry| &entry.id);
        merge(&mut self.keepalive_defaults, own.keepalive_defaults, |row| &row.id);
        Ok(self)
    }

    /// Every timeout, in the order of the files.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The timeout with exactly this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What stacks send by default, in the order of the files.
    #[must_use]
    pub fn keepalive_defaults(&self) -> &[KeepaliveDefault] {
        &self.keepalive_defaults
    }

    /// The keepalive default with exactly this id.
    #[must_use]
    pub fn keepalive_default(&self, id: &str) -> Option<&KeepaliveDefault> {
        self.keepalive_defaults.iter().find(|row| row.id == id)
    }
}

fn merge<T>(rows: &mut Vec<T>, own: Vec<T>, id: impl Fn(&T) -> &str) {
    for row in own {
        match rows.iter_mut().find(|known| id(known) == id(&row)) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }
}
