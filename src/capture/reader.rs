//! One capture, from its source to its records.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::ahead::ReadAhead;
use super::compressed::{Compression, MAGIC_LEN};
use super::info::{CaptureInfo, Container, Format, Note, Truncation};
use super::pcap::{self, Pcap};
use super::pcapng::{self, Pcapng};
use super::sniff;
use super::spool::Spool;
use super::walk::{Found, Stop};
use super::window::Window;
use super::{Error, LinkType, Record, Told};
use crate::time::Timestamp;

/// Where a capture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, or whatever else the path leads to.
    Path(PathBuf),
    /// What was kept to be read again.
    Spool(Spool),
}

impl Input {
    /// The input that an argument names: `-` is standard input.
    #[must_use]
    pub fn from_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::Path(argument.to_owned()) }
    }

    /// How errors and reports call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::Path(path) => path.display().to_string(),
            Self::Spool(spool) => spool.name().to_owned(),
        }
    }

    /// Whether it can be opened again and gives the same bytes from the start.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Stdin => false,
            Self::Path(path) => std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()),
            Self::Spool(_) => true,
        }
    }
}

/// How far the reading of a capture has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of the file as it is stored (compressed, if it is).
    pub read: u64,
    /// Bytes of the stored file; `None` for pipes and the like.
    pub total: Option<u64>,
}

/// Reads one capture record by record, in constant memory and without seeking.
///
/// ```no_run
/// # use idlegap::capture::{Error, Input, Reader};
/// # fn main() -> Result<(), Error> {
/// let mut reader = Reader::open(&Input::Path("incident.pcapng".into()))?;
/// while let Some(record) = reader.next_record()? {
///     println!("{} {:?}", record.frame, record.time);
/// }
/// println!("{}: {} packets", reader.info().format, reader.info().packets);
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    window: Window<Box<dyn Read + Send>>,
    walk: Walk,
    info: CaptureInfo,
    /// The next record, where it was asked for its time before its turn.
    peeked: Option<Found>,
    ended: bool,
    batch: Vec<Entry>,
    /// What comments said that octets of these records told.
    told: Vec<Told>,
    meter: Arc<Meter>,
    total: Option<u64>,
}

/// A record that was found: everything but its bytes, which stand in the window.
struct Entry {
    time: Timestamp,
    frame: u64,
    link: LinkType,
    interface: u32,
    original_len: u32,
    places: Range<usize>,
    /// How much was told up to this record; 0 where nothing was told of it.
    told: u32,
}

impl Entry {
    /// Numbers a record that stands at `start` of the buffer, and takes note of it and of what was told of it.
    #[inline(always)]
    fn new(found: Found, start: usize, info: &mut CaptureInfo, tales: &mut Vec<Told>) -> Self {
        info.frames += 1;
        let frame = info.frames;
        let time = match found.time {
            Some(time) => {
                info.note_time(time, frame);
                time
            }
            None => info.substitute_time(),
        };
        info.note_record(found.link, found.data.len(), found.original_len);
        let Found { link, interface, original_len, data, told, .. } = found;
        let told = told.map_or(0, |told| {
            tales.push(*told);
            u32::try_from(tales.len()).unwrap_or(0)
        });
        Self { time, frame, link, interface, original_len, places: start + data.start..start + data.end, told }
    }
}

/// The containers. Both walks have the same shape: they find the next record and leave it in the window.
enum Walk {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Reader {
    /// Opens a capture and reads its file header.
    ///
    /// # Errors
    /// If the operating system refuses, or if what is there is no capture.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let name = input.name();
        match input {
            Input::Stdin => Self::from_source(name, io::stdin(), None),
            Input::Spool(spool) => Self::from_source(name, spool.reader(), Some(spool.len())),
            Input::Path(path) => {
                let (file, total) = open_file(path).map_err(|source| Error::Open { name: name.clone(), source })?;
                match file {
                    Some(file) => Self::from_source(name, file, total),
                    None => Err(Error::NotACapture { name, found: "a directory".to_owned() }),
                }
            }
        }
    }

    /// Reads a capture from any source of bytes; `total` is their number, if it is known.
    ///
    /// # Errors
    /// If the source fails, or if what it gives is no capture.
    pub fn from_source(name: String, source: impl Read + Send + 'static, total: Option<u64>) -> Result<Self, Error> {
        let meter = Arc::new(Meter::default());
        let mut source = Metered { source, meter: Arc::clone(&meter) };
        let first = match read_first(&mut source) {
            Ok(first) => first,
            Err(source) => return Err(Error::Read { name, source }),
        };
        let compression = Compression::sniff(&first);
        let source = Cursor::new(first).chain(source);
        let mut window = Window::new(match compression {
            Some(compression) => compression.decode(source),
            None => Box::new(source),
        });
        let (walk, container) = match Walk::open(&mut window) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Err(not_a_capture(name, compression, &mut window)),
            Err(error) => return Err(unreadable(name, compression, &meter, error)),
        };
        let info = CaptureInfo::new(name, Format { container, compression });
        Ok(Self { window, walk, info, peeked: None, ended: false, batch: Vec::new(), told: Vec::new(), meter, total })
    }

    /// Has a compressed file decompressed by another thread from here on. A pipe is left alone: its end is waited for
    /// by somebody who wants to see what has come so far.
    pub fn read_ahead(&mut self) {
        if self.info.format.compression.is_some() && self.total.is_some() {
            self.window.change_source(|source| Box::new(ReadAhead::new(source)));
        }
    }

    /// The next record; `None` at the end of the capture, or where the rest of it cannot be read (see
    /// [`CaptureInfo::truncated`]).
    ///
    /// # Errors
    /// If the source fails.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.fill(1)?;
        Ok(self.batch().next())
    }

    /// Finds the next records, `most` of them at most, and no more than can be had without waiting for the source again;
    /// none at the end of the capture, as [`next_record`](Self::next_record) has it.
    ///
    /// # Errors
    /// If the source fails.
    pub fn fill(&mut self, most: usize) -> Result<(), Error> {
        self.batch.clear();
        self.told.clear();
        let Some(first) = self.peeked.take().map_or_else(|| self.find(), |found| Ok(Some(found)))? else {
            return Ok(());
        };
        self.enter(first);
        self.fill_records(most);
        self.fill_blocks(most)
    }

    /// Goes on with the records of a pcap file that stand in the window.
    fn fill_records(&mut self, most: usize) {
        let Self { window, walk: Walk::Pcap(pcap), info, batch, told, .. } = self else { return };
        let pcap = *pcap;
        let (bytes, place) = (window.bytes(), window.place());
        let mut taken = 0;
        while batch.len() < most
            && let Some(found) = bytes.get(taken..).and_then(|bytes| pcap.at_hand(bytes))
        {
            let start = place + taken;
            taken += found.total;
            batch.push(Entry::new(found, start, info, told));
        }
        window.take(taken);
    }

    /// Goes on with the blocks of a pcapng file that stand in the window.
    fn fill_blocks(&mut self, most: usize) -> Result<(), Error> {
        while self.batch.len() < most && matches!(&self.walk, Walk::Pcapng(pcapng) if pcapng.is_at_hand(&self.window)) {
            match self.find()? {
                Some(found) => self.enter(found),
                None => break,
            }
        }
        Ok(())
    }

    /// The records that were found last.
    pub fn batch(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.batch.iter().map(|entry| Record {
            time: entry.time,
            frame: entry.frame,
            link: entry.link,
            interface: entry.interface,
            data: self.window.at(entry.places.clone()),
            original_len: entry.original_len,
            told: (entry.told as usize).checked_sub(1).and_then(|number| self.told.get(number)),
        })
    }

    /// The memory in which these records stand, to be looked at by other threads: it stays as it is until they let go of it,
    /// and what is read next stands elsewhere.
    #[must_use]
    pub const fn memory(&self) -> &Arc<Vec<u8>> {
        self.window.buffer()
    }

    /// Where in [`memory`](Self::memory) the bytes of each of these records stand.
    pub fn places(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.batch.iter().map(|entry| entry.places.clone())
    }

    /// Takes a record out of the window and numbers it.
    fn enter(&mut self, found: Found) {
        let total = found.total;
        self.batch.push(Entry::new(found, self.window.place(), &mut self.info, &mut self.told));
        self.window.take(total);
    }

    /// The time of the next record, which stays the next one; `None` if there is none or if it has no time.
    ///
    /// # Errors
    /// If the source fails.
    pub fn peek_time(&mut self) -> Result<Option<Timestamp>, Error> {
        if self.peeked.is_none() {
            self.peeked = self.find()?;
        }
        Ok(self.peeked.as_ref().and_then(|found| found.time))
    }

    /// What the capture said between the records since the last call, before the record that was read last.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.info.take_notes()
    }

    /// What is known of the capture so far.
    #[must_use]
    pub const fn info(&self) -> &CaptureInfo {
        &self.info
    }

    /// What was learnt of the capture, without the reader.
    #[must_use]
    pub fn into_info(self) -> CaptureInfo {
        self.info
    }

    /// How far the reading has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { read: self.meter.read.load(Ordering::Relaxed), total: self.total }
    }

    fn find(&mut self) -> Result<Option<Found>, Error> {
        if self.ended {
            return Ok(None);
        }
        let found = match &mut self.walk {
            Walk::Pcap(pcap) => pcap.next(&mut self.window),
            Walk::Pcapng(pcapng) => pcapng.next(&mut self.window, &mut self.info),
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(stop) => self.stop(stop).map(|()| None),
        }
    }

    /// Ends the reading: quietly, with a note of the damage, or with an error.
    #[cold]
    fn stop(&mut self, stop: Stop) -> Result<(), Error> {
        self.ended = true;
        let (offset, reason) = match (stop, self.info.format.compression) {
            (Stop::End, _) => return Ok(()),
            (Stop::Damage { offset, reason }, _) => (offset, reason),
            (Stop::Unreadable(error), Some(compression)) if !self.meter.failed.load(Ordering::Relaxed) => {
                (None, self.meter.blame(compression, &error))
            }
            (Stop::Unreadable(source), _) => return Err(Error::Read { name: self.info.name.clone(), source }),
        };
        let offset = offset.unwrap_or_else(|| self.window.offset());
        self.info.truncated = Some(Truncation { offset, frame: self.info.frames + 1, reason });
        Ok(())
    }
}

impl Walk {
    /// Recognises the container and reads its file header; `None` if it is no capture.
    fn open<R: Read>(window: &mut Window<R>) -> io::Result<Option<(Self, Container)>> {
        if !window.need(4)? {
            return Ok(None);
        }
        if pcapng::begins_section(window.bytes()) {
            window.need(pcapng::SECTION_HEADER_LEN)?;
            let order = pcapng::sniff(window.bytes()).filter(|_| window.bytes().len() >= pcapng::SECTION_HEADER_LEN);
            return Ok(order.map(|order| (Self::Pcapng(Pcapng::new(order)), Container::Pcapng(order))));
        }
        let Some(container) = pcap::sniff(window.bytes()) else { return Ok(None) };
        let Container::Pcap { order, subsecond, modified } = container else { return Ok(None) };
        if !window.need(pcap::FILE_HEADER_LEN)? {
            return Ok(None);
        }
        let walk = Pcap::new(order, subsecond, modified, window.bytes());
        window.take(pcap::FILE_HEADER_LEN);
        Ok(walk.map(|walk| (Self::Pcap(walk), container)))
    }
}

/// Counts what is read from the operating system, and knows whether it failed (and not the decompression) or ended.
#[derive(Default)]
struct Meter {
    read: AtomicU64,
    failed: AtomicBool,
    ended: AtomicBool,
}

impl Meter {
    /// Why decompression failed: there was no more, or what was there is wrong.
    fn blame(&self, compression: Compression, error: &io::Error) -> String {
        if self.ended.load(Ordering::Relaxed) {
            return format!("the file ends inside the {compression} data");
        }
        format!("the {compression} data are damaged: {error}")
    }
}

struct Metered<R> {
    source: R,
    meter: Arc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.source.read(buf);
        match &result {
            Ok(0) => self.meter.ended.store(true, Ordering::Relaxed),
            Ok(len) => {
                self.meter.read.fetch_add(*len as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.meter.failed.store(true, Ordering::Relaxed),
        }
        result
    }
}

/// Opens a file and tells its size if it has one; no file for a directory.
#[expect(clippy::disallowed_methods, reason = "this is the place where captures are opened")]
fn open_file(path: &Path) -> io::Result<(Option<File>, Option<u64>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Ok((None, None));
    }
    Ok((Some(file), metadata.is_file().then_some(metadata.len())))
}

/// Bytes to begin with: a page, so that the reads after it stay aligned in the file too.
const FIRST_LEN: usize = 4096;

/// The bytes that tell the compression. A slow pipe is not waited for longer than that takes.
fn read_first(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = vec![0; FIRST_LEN];
    let mut len = 0;
    while len < MAGIC_LEN {
        match source.read(first.get_mut(len..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    first.truncate(len);
    Ok(first)
}

fn not_a_capture<R: Read>(name: String, compression: Option<Compression>, window: &mut Window<R>) -> Error {
    // An error here only means that there is less to look at.
    let _ = window.need(sniff::LOOK_LEN);
    let mut found = sniff::describe(window.bytes());
    if let Some(compression) = compression {
        found = format!("{compression} data that hold {found}");
    }
    Error::NotACapture { name, found }
}

fn unreadable(name: String, compression: Option<Compression>, meter: &Meter, source: io::Error) -> Error {
    match compression {
        Some(compression) if !meter.failed.load(Ordering::Relaxed) => {
            let reason = meter.blame(compression, &source);
            Error::Decompress { name, compression: compression.name(), reason }
        }
        _ => Error::Read { name, source },
    }
}
