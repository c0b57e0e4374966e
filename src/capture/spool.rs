//! What can be read only once, kept in a temporary file so that it can be read again.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes kept in a file without a name, which the system removes with the last owner of this.
#[derive(Clone, Debug)]
pub struct Spool {
    name: String,
    file: Arc<Mutex<File>>,
    len: u64,
}

impl Spool {
    /// Reads `source` to its end and keeps all of it; `name` is what errors and reports call it.
    ///
    /// # Errors
    /// If the source fails, or if there is no room for what it gives.
    pub fn keep(name: String, source: &mut impl Read) -> io::Result<Self> {
        Self::write(name, |file| io::copy(source, file).map(drop)).map(|((), spool)| spool)
    }

    /// Keeps what `write` writes, and hands on what it returns.
    ///
    /// # Errors
    /// As `write`, or if there is no room.
    pub fn write<T>(name: String, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut writer = BufWriter::new(tempfile::tempfile()?);
        let result = write(&mut writer)?;
        let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        let len = file.seek(SeekFrom::End(0))?;
        Ok((result, Self { name, file: Arc::new(Mutex::new(file)), len }))
    }

    /// What errors and reports call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from the start, whoever else is reading them.
    pub fn reader(&self) -> impl Read + Send + use<> {
        SpoolReader { file: Arc::clone(&self.file), at: 0 }
    }
}

/// One and the same spool, not one with the same bytes.
impl PartialEq for Spool {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for Spool {}

struct SpoolReader {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let len = file.read(buf)?;
        self.at += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_do_not_disturb_each_other() {
        let spool = Spool::keep("here".to_owned(), &mut &b"twice as good"[..]).unwrap();
        let (mut one, mut other) = (spool.reader(), spool.reader());
        let mut start = [0; 5];
        one.read_exact(&mut start).unwrap();
        let (mut rest, mut all) = (String::new(), String::new());
        other.read_to_string(&mut all).unwrap();
        one.read_to_string(&mut rest).unwrap();
        assert_eq!((&start, rest.as_str(), all.as_str()), (b"twice", " as good", "twice as good"));
        assert_eq!((spool.len(), spool.name()), (13, "here"));
    }
}
