//! Where a report goes: standard output, or a file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Error;
use crate::capture::Input;

/// Bytes gathered before they are written.
const BUFFER_LEN: usize = 1 << 16;

/// Where the user wants the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    #[default]
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Target {
    /// Opens the target now, so that one that cannot be written fails before hours of reading.
    ///
    /// # Errors
    /// If the file cannot be created, or if it is one of the `inputs`.
    pub fn open(&self, inputs: &[Input]) -> Result<Output, Error> {
        let sink = match self {
            Self::Stdout => stdout(),
            Self::File(path) => {
                refuse_input(path, inputs)?;
                open_file(path).map_err(|source| self.error(source))?
            }
        };
        Ok(Output { sink, target: self.clone() })
    }

    fn error(&self, source: io::Error) -> Error {
        let name = match self {
            Self::Stdout => "the report".to_owned(),
            Self::File(_) => self.name(),
        };
        Error::Write { name, source }
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Opens all targets now, as [`Target::open`] does one.
///
/// # Errors
/// As there; and if two of them are the same file, or both standard output.
pub fn open<'a>(targets: impl Iterator<Item = &'a Target>, inputs: &[Input]) -> Result<Vec<Output>, Error> {
    let mut outputs: Vec<Output> = Vec::new();
    for target in targets {
        let output = target.open(inputs)?;
        if outputs.iter().any(|other| other.sink.replaces_same(&output.sink)) {
            return Err(Error::SameTarget { name: target.name() });
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// A report being written.
pub struct Output {
    sink: Sink,
    target: Target,
}

enum Sink {
    /// A terminal: each line as it comes.
    Terminal(StdoutLock<'static>),
    Pipe(BufWriter<StdoutLock<'static>>),
    /// What is there already and is no regular file, as /dev/null or a named pipe: it cannot be replaced.
    Device(BufWriter<File>),
    /// A file beside the one that it is to replace.
    Beside(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    /// Finishes the report: a file takes its place.
    ///
    /// # Errors
    /// If the last bytes cannot be written or the file cannot be put into its place.
    pub fn finish(mut self) -> Result<(), Error> {
        let finished = self.sink.flush().and_then(|()| match self.sink {
            Sink::Beside(writer, path) => {
                let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
                keep_permissions(&file, &path)?;
                file.persist(path).map(drop).map_err(|error| error.error)
            }
            _ => Ok(()),
        });
        finished.map_err(|source| self.target.error(source))
    }

    /// Whether it goes to standard output.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        self.target == Target::Stdout
    }

    /// The error of a failed write, with the name of the target.
    #[must_use]
    pub fn error(&self, source: io::Error) -> Error {
        self.target.error(source)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Sink {
    /// Whether what goes to one would be lost in the other, or mixed with it.
    fn replaces_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Beside(_, path), Self::Beside(_, other)) => path == other,
            (Self::Terminal(_) | Self::Pipe(_), Self::Terminal(_) | Self::Pipe(_)) => true,
            _ => false,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Terminal(writer) => writer,
            Self::Pipe(writer) => writer,
            Self::Device(writer) => writer,
            Self::Beside(writer, _) => writer,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

fn stdout() -> Sink {
    let stdout = io::stdout().lock();
    if stdout.is_terminal() { Sink::Terminal(stdout) } else { Sink::Pipe(BufWriter::with_capacity(BUFFER_LEN, stdout)) }
}

fn open_file(path: &Path) -> io::Result<Sink> {
    // Through a link, what it points to is replaced and the link stays.
    let path = fs::canonicalize(path).or_else(|_| beside(path))?;
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(metadata) if !metadata.is_file() => {
            return Ok(Sink::Device(BufWriter::with_capacity(BUFFER_LEN, File::options().write(true).open(path)?)));
        }
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".idlegap-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the umask decides.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    Ok(Sink::Beside(BufWriter::with_capacity(BUFFER_LEN, file), path))
}

/// The path of a file that is not there yet, so that it compares with others.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(fs::canonicalize(folder)?.join(name))
}

/// Gives the new file the permissions of the one that it replaces.
fn keep_permissions(file: &NamedTempFile, path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) => file.as_file().set_permissions(metadata.permissions()),
        Err(_) => Ok(()),
    }
}

fn refuse_input(path: &Path, inputs: &[Input]) -> Result<(), Error> {
    let Ok(output) = fs::canonicalize(path) else { return Ok(()) };
    let is_input = |input: &Input| match input {
        Input::Stdin | Input::Spool(_) => false,
        Input::Path(input) => fs::canonicalize(input).is_ok_and(|input| input == output),
    };
    if fs::metadata(&output).is_ok_and(|metadata| metadata.is_file()) && inputs.iter().any(is_input) {
        return Err(Error::OverInput { name: path.display().to_string() });
    }
    Ok(())
}
