//! From the text of a table to its rows: every fault is named with file, line, row and key, and with what to do about it.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{Entry, Expiry, KeepaliveDefault, Origin, Seconds};
use super::spelling::nearest;

/// Why a table could not be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {place}{problem}; {next_step}")]
pub struct TableError {
    /// The file, or `built-in`.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// Row and key, as far as the fault is in one: ``[[timeout]] "my-box", key `idle_seconds`: ``.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub next_step: String,
}

/// The user's own table, to be read and merged over the built-in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the user named it, so that its absence is an error; the default place may be empty.
    pub required: bool,
}

/// The file that holds the user's own table: what `--timeouts` named, else IDLEGAP_TIMEOUTS, else `idlegap/timeouts.toml` below
/// XDG_CONFIG_HOME, else the same below `~/.config`. Empty variables count as unset, and a relative XDG_CONFIG_HOME is ignored (XDG
/// Base Directory Specification, "All paths set in these environment variables must be absolute").
#[must_use]
pub fn user_file(
    flag: Option<&Path>,
    idlegap_timeouts: Option<&OsStr>,
    xdg_config_home: Option<&OsStr>,
    home: Option<&OsStr>,
) -> Option<UserFile> {
    let set = |value: Option<&OsStr>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = flag.map(Path::to_path_buf).or_else(|| set(idlegap_timeouts)) {
        return Some(UserFile { path, required: true });
    }
    let config = set(xdg_config_home).filter(|path| path.is_absolute());
    let config = config.or_else(|| set(home).map(|home| home.join(".config")))?;
    Some(UserFile { path: config.join("idlegap").join("timeouts.toml"), required: false })
}

/// The rows of one file.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) entries: Vec<Entry>,
    pub(super) keepalive_defaults: Vec<KeepaliveDefault>,
}

/// Reads the rows of one file.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Rows, TableError> {
    let file = File { text, origin };
    let document = DeTable::parse(text).map_err(|error| {
        file.error(error.span(), String::new(), error.message().trim_end(), "correct the TOML syntax there")
    })?;
    let mut read = Rows::default();
    for (key, rows) in document.into_inner() {
        match key.get_ref().as_ref() {
            Entry::SECTION => read.entries = file.rows(rows)?,
            KeepaliveDefault::SECTION => read.keepalive_defaults = file.rows(rows)?,
            other => {
                return Err(file.error(
                    Some(key.span()),
                    String::new(),
                    &format!("unknown key `{other}`"),
                    "put every row under [[timeout]] or [[keepalive_default]]",
                ));
            }
        }
    }
    Ok(read)
}

/// What the loader needs to know of a kind of row.
trait Row: DeserializeOwned {
    const SECTION: &str;
    const KEYS: &[&str];

    fn id(&self) -> &str;
    fn set_origin(&mut self, origin: Origin);
    /// What is wrong although every value has the right type.
    fn check(&self) -> Result<(), Fault>;
}

/// A fault in one value: the key, what is wrong, and what to do.
struct Fault {
    key: &'static str,
    problem: String,
    next_step: &'static str,
}

impl Row for Entry {
    const SECTION: &str = "timeout";
    #[rustfmt::skip]
    const KEYS: &[&str] = &[
        "id", "vendor", "product", "setting", "layer", "kind", "idle_seconds", "min_seconds", "max_seconds", "previous_seconds",
        "since", "resets_on_keepalive", "on_expiry", "scope", "state", "counts", "cuts", "source", "confidence",
        "behaviour_basis", "note", "checked",
    ];

    fn id(&self) -> &str {
        &self.id
    }

    fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    fn check(&self) -> Result<(), Fault> {
        check_id(&self.id)?;
        let idle = self.idle.0;
        if idle == 0 {
            return fault(
                "idle_seconds",
                "a timer of 0 s",
                "give at least 1, or leave the row out where there is no limit",
            );
        }
        if self.min.is_some_and(|Seconds(min)| min > idle) {
            return fault(
                "min_seconds",
                "greater than idle_seconds",
                "make min_seconds the least value that can be set",
            );
        }
        if self.max.is_some_and(|Seconds(max)| max < idle) {
            return fault(
                "max_seconds",
                "less than idle_seconds",
                "make max_seconds the greatest value that can be set",
            );
        }
        check_expiry(&self.on_expiry)
    }
}

impl Row for KeepaliveDefault {
    const SECTION: &str = "keepalive_default";
    #[rustfmt::skip]
    const KEYS: &[&str] = &[
        "id", "product", "kind", "enabled_by_default", "time_seconds", "interval_seconds", "probes", "setting", "since", "source",
        "confidence", "note",
    ];

    fn id(&self) -> &str {
        &self.id
    }

    fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    fn check(&self) -> Result<(), Fault> {
        check_id(&self.id)?;
        for (key, value) in [("time_seconds", self.time), ("interval_seconds", self.interval)] {
            if value == Some(Seconds(0)) {
                return fault(
                    key,
                    "a time of 0 s",
                    "give at least 1, or leave the key out where the value is not known",
                );
            }
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), Fault> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if id.split('-').all(word) {
        return Ok(());
    }
    fault("id", &format!("{id:?} is not kebab-case"), "use lower-case letters and digits, joined by single hyphens")
}

fn check_expiry(on_expiry: &[Expiry]) -> Result<(), Fault> {
    if on_expiry.is_empty() {
        return fault("on_expiry", "an empty list", "name what happens at expiry, or write [\"unknown\"]");
    }
    if on_expiry.contains(&Expiry::Unknown) && on_expiry.len() > 1 {
        return fault("on_expiry", "\"unknown\" beside something known", "leave \"unknown\" out");
    }
    let again =
        on_expiry.iter().enumerate().find(|(at, expiry)| on_expiry.iter().take(*at).any(|before| before == *expiry));
    match again {
        Some((_, expiry)) => fault("on_expiry", &format!("\"{expiry}\" stands there twice"), "name each only once"),
        None => Ok(()),
    }
}

fn fault<T>(key: &'static str, problem: &str, next_step: &'static str) -> Result<T, Fault> {
    Err(Fault { key, problem: problem.to_owned(), next_step })
}

/// One file while it is read.
struct File<'a> {
    text: &'a str,
    origin: &'a Origin,
}

impl File<'_> {
    fn rows<R: Row>(&self, rows: Spanned<DeValue<'_>>) -> Result<Vec<R>, TableError> {
        let span = rows.span();
        let DeValue::Array(rows) = rows.into_inner() else {
            let advice = format!("start each row with [[{}]], in double brackets", R::SECTION);
            return Err(self.error(
                Some(span),
                String::new(),
                &format!("`{}` is not a list of rows", R::SECTION),
                &advice,
            ));
        };
        let mut read: Vec<R> = Vec::with_capacity(rows.len());
        for (at, value) in rows.into_iter().enumerate() {
            let place = RowPlace::new::<R>(self, at, &value);
            let row: R = place.read(value)?;
            if read.iter().any(|other| other.id() == row.id()) {
                return Err(place.error("id", "this id stands in the file already", "give every row an id of its own"));
            }
            read.push(row);
        }
        Ok(read)
    }

    fn error(&self, span: Option<Range<usize>>, place: String, problem: &str, next_step: &str) -> TableError {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        TableError {
            file: self.origin.to_string(),
            line: 1 + before.matches('\n').count(),
            place,
            problem: problem.replace('\n', ", "),
            next_step: next_step.to_owned(),
        }
    }
}

/// Where one row stands, to name its faults.
struct RowPlace<'a> {
    file: &'a File<'a>,
    /// ``[[timeout]] "my-box"``
    name: String,
    span: Range<usize>,
    /// Every key of the row, with the places of its name and of its value.
    keys: Vec<(String, Range<usize>, Range<usize>)>,
}

impl<'a> RowPlace<'a> {
    fn new<R: Row>(file: &'a File<'a>, at: usize, value: &Spanned<DeValue<'_>>) -> Self {
        let table = value.get_ref().as_table();
        let id = table.and_then(|table| table.get("id")).and_then(|id| id.get_ref().as_str());
        let name = id.map_or_else(|| format!("row {}", at + 1), |id| format!("{id:?}"));
        let keys =
            table.into_iter().flatten().map(|(key, value)| (key.get_ref().to_string(), key.span(), value.span()));
        Self { file, name: format!("[[{}]] {name}", R::SECTION), span: value.span(), keys: keys.collect() }
    }

    fn read<R: Row>(&self, value: Spanned<DeValue<'_>>) -> Result<R, TableError> {
        if let Some((key, _, _)) = self.keys.iter().find(|(key, _, _)| !R::KEYS.contains(&key.as_str())) {
            let next_step = match nearest(key, R::KEYS) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys are {}", R::KEYS.join(", ")),
            };
            return Err(self.error(key, "unknown key", &next_step));
        }
        let text =
            |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().is_some_and(|text| text.contains(char::is_control));
        if let Some((key, _)) = value.get_ref().as_table().into_iter().flatten().find(|(_, value)| text(value)) {
            return Err(self.error(key.get_ref(), "a control character in the text", "leave it out"));
        }
        let mut row = R::deserialize(value.into_deserializer()).map_err(|error| self.serde_error(&error))?;
        row.check().map_err(|fault| self.error(fault.key, &fault.problem, fault.next_step))?;
        row.set_origin(self.file.origin.clone());
        Ok(row)
    }

    fn serde_error(&self, error: &toml::de::Error) -> TableError {
        let message = error.message();
        if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            return self.error(missing, "this key is missing", &format!("add a line `{missing} = ...` to the row"));
        }
        let at = error.span().unwrap_or_else(|| self.span.clone());
        let key = self.keys.iter().find(|(_, _, value)| value.start <= at.start && at.end <= value.end);
        let key = key.map_or("", |(key, _, _)| key.as_str());
        self.error(key, message, "write a value of the kind that is expected")
    }

    fn error(&self, key: &str, problem: &str, next_step: &str) -> TableError {
        let span = self.keys.iter().find(|(name, _, _)| name == key).map_or(&self.span, |(_, name, _)| name);
        let key = if key.is_empty() { String::new() } else { format!(", key `{}`", key.escape_debug()) };
        self.file.error(Some(span.clone()), format!("{}{key}: ", self.name), problem, next_step)
    }
}
