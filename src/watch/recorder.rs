//! What is watched, recorded at the same time: the proof that is there when the death has happened.
//!
//! pcapng, nanoseconds. A tick of the watch is written as an interface statistics block that counts nothing, losses as one
//! that counts them, in their places between the packets, so that the recording played again gives the same events. Files
//! are cut by size and by time of capture; with a ring the oldest leaves when a new one begins. A full disk costs packets
//! of the recording, which are counted, and not the watch: blocks are written whole or not at all, and it is tried again, in
//! the same file as a further section of it. With a ring the oldest file makes room first.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::capture::{Counters, InterfaceOptions, LinkType, PcapngWriter, Record, SectionOptions};
use crate::report::units::plural;
use crate::time::{Span, Timestamp};

/// Octets kept in memory before they are written.
const PENDING: usize = 1 << 16;
/// After a failure, how long the disk is given.
const RETRY: Span = Span::from_secs(10);

/// Where and how to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file; where files are cut, they have `-00001` and so on before the end of this name.
    pub path: PathBuf,
    /// Octets after which a file is followed by the next.
    pub rotate_size: Option<u64>,
    /// Time of capture after which a file is followed by the next.
    pub rotate_time: Option<Span>,
    /// Files kept at most: the oldest is removed when there would be more.
    pub ring: Option<usize>,
    /// Octets kept of each packet, as the files say of themselves.
    pub snaplen: u32,
    /// The name of the interface and the filter, as the files say of themselves.
    pub interface: Option<String>,
    /// The filter.
    pub filter: Option<String>,
}

impl Options {
    fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_time.is_some()
    }
}

/// Writes the recording.
pub struct Recorder {
    options: Options,
    writer: Option<PcapngWriter<Pending>>,
    /// Interfaces described in this file: their number and link type in the capture.
    interfaces: Vec<(u32, LinkType)>,
    opened: Option<Timestamp>,
    failed: Option<Timestamp>,
    files: VecDeque<PathBuf>,
    number: u32,
    /// Packets that wait in memory.
    waiting: u64,
    lost: u64,
    troubles: Vec<String>,
}

impl Recorder {
    /// Begins the first file, so that one that cannot be written is known at once.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn new(options: Options) -> io::Result<Self> {
        let mut recorder = Self {
            options,
            writer: None,
            interfaces: Vec::new(),
            opened: None,
            failed: None,
            files: VecDeque::new(),
            number: 0,
            waiting: 0,
            lost: 0,
            troubles: Vec::new(),
        };
        let path = recorder.next_path();
        recorder.begin_file(path)?;
        Ok(recorder)
    }

    /// Records a packet.
    pub fn packet(&mut self, record: &Record<'_>) {
        self.make_ready(record.time);
        if self.writer.is_none() {
            self.lost += 1;
        }
        self.write(record.time, |recorder, writer| {
            let interface = recorder.interface(writer, record.interface, record.link)?;
            let told = record.told.map(ToString::to_string);
            let comments: Vec<&str> = told.iter().map(String::as_str).collect();
            // A time before 1970 cannot be expressed.
            let written = writer.packet(interface, record.time, record.data, record.original_len, &comments);
            recorder.waiting += u64::from(written.is_ok());
            recorder.lost += u64::from(written.is_err());
            Ok(())
        });
    }

    /// Records that nothing was captured until `time`.
    pub fn tick(&mut self, time: Timestamp) {
        self.write(time, |recorder, writer| {
            // Without an interface nothing was captured yet, and no silence has begun.
            recorder.interfaces.first().map_or(Ok(()), |_| writer.tick(0, time))
        });
    }

    /// Records what the capturing side had counted by `time`.
    pub fn count(&mut self, time: Timestamp, counters: &Counters) {
        self.write(time, |recorder, writer| {
            recorder.interfaces.first().map_or(Ok(()), |_| writer.statistics(0, time, counters))
        });
    }

    /// Hands to the system what waits in memory.
    pub fn flush(&mut self, now: Timestamp) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.get_mut().write_out() {
            self.fail(now, &self.current(), &error);
            return;
        }
        // Only what has been written shows that there is room again.
        if std::mem::take(&mut self.waiting) > 0 && self.failed.take().is_some() {
            let lost = plural(self.lost, "packet");
            self.troubles.push(format!("recording goes on in {}; {lost} not recorded", self.current()));
        }
    }

    /// Packets that could not be recorded.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// What went wrong, or right again, since the last call: sentences for whoever watches.
    pub fn take_troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }

    /// Writes one block, and out what has gathered.
    fn write(&mut self, now: Timestamp, block: impl FnOnce(&mut Self, &mut PcapngWriter<Pending>) -> io::Result<()>) {
        let Some(mut writer) = self.writer.take() else { return };
        // Memory does not fail: what cannot be written is a time that the format does not have.
        let _ = block(self, &mut writer);
        let is_full = writer.get_mut().bytes.len() >= PENDING;
        self.writer = Some(writer);
        if is_full {
            self.flush(now);
        }
    }

    fn interface(&mut self, writer: &mut PcapngWriter<Pending>, number: u32, link: LinkType) -> io::Result<u32> {
        if let Some(known) = self.interfaces.iter().position(|known| *known == (number, link)) {
            return Ok(u32::try_from(known).unwrap_or(u32::MAX));
        }
        self.interfaces.push((number, link));
        writer.interface(&InterfaceOptions {
            link,
            snaplen: self.options.snaplen,
            name: self.options.interface.as_deref(),
            filter: self.options.filter.as_deref(),
            comments: &[],
        })
    }

    /// Begins the next file where this one is long enough, or where the disk has had its time.
    fn make_ready(&mut self, now: Timestamp) {
        let opened = *self.opened.get_or_insert(now);
        let is_due = match (&mut self.writer, self.failed) {
            (None, failed) => failed.is_none_or(|failed| now.since(failed) >= RETRY),
            (Some(writer), _) => {
                let is_long = self.options.rotate_size.is_some_and(|most| writer.get_mut().len() >= most);
                is_long || self.options.rotate_time.is_some_and(|most| now.since(opened) >= most)
            }
        };
        if !is_due {
            return;
        }
        self.flush(now);
        let path = self.next_path();
        match self.begin_file(path.clone()) {
            Ok(()) => self.opened = Some(now),
            Err(error) => self.fail(now, &path.display().to_string(), &error),
        }
    }

    /// Begins a file, or goes on with the last one after a failure: what is there is proof.
    fn begin_file(&mut self, path: PathBuf) -> io::Result<()> {
        let is_again = self.files.back() == Some(&path);
        let file = match is_again {
            true => File::options().append(true).open(&path)?,
            false => File::create(&path)?,
        };
        if !is_again {
            self.files.push_back(path);
        }
        let mut pending = Pending::new(file)?;
        pending.write_out()?;
        let application = format!("idlegap {}", env!("CARGO_PKG_VERSION"));
        let section = SectionOptions { application: Some(&application), ..SectionOptions::default() };
        self.interfaces.clear();
        self.writer = Some(PcapngWriter::new(pending, &section)?);
        self.remove_oldest();
        Ok(())
    }

    fn remove_oldest(&mut self) {
        while self.options.ring.is_some_and(|most| self.files.len() > most.max(1)) {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        let Some(oldest) = self.files.pop_front() else { return };
        if let Err(error) = fs::remove_file(&oldest) {
            self.troubles.push(format!("cannot remove {}: {error}", oldest.display()));
        }
    }

    fn next_path(&mut self) -> PathBuf {
        if !self.options.rotates() {
            return self.options.path.clone();
        }
        if let Some(last) = self.files.back().filter(|_| self.failed.is_some()) {
            return last.clone();
        }
        self.number = self.number.saturating_add(1);
        numbered(&self.options.path, self.number)
    }

    fn current(&self) -> String {
        self.files.back().map_or_else(String::new, |path| path.display().to_string())
    }

    /// The disk refused: what waited is lost, the file ends with its last whole block.
    fn fail(&mut self, now: Timestamp, name: &str, error: &io::Error) {
        self.writer = None;
        self.lost += std::mem::take(&mut self.waiting);
        if self.options.ring.is_some() && self.files.len() > 1 {
            self.remove_first();
        }
        if self.failed.is_none() {
            self.troubles.push(format!("cannot record to {name}: {error}; the watch goes on, and so does the attempt"));
        }
        self.failed = Some(now);
    }
}

/// `name.pcapng` with the number of a file: `name-00001.pcapng`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{number:05}{end}"))
}

/// Whole blocks on their way to a file.
struct Pending {
    file: File,
    bytes: Vec<u8>,
    /// Octets of the file that are there for certain.
    written: u64,
}

impl Pending {
    fn new(file: File) -> io::Result<Self> {
        let written = file.metadata()?.len();
        Ok(Self { file, bytes: Vec::with_capacity(PENDING), written })
    }

    fn len(&self) -> u64 {
        self.written + self.bytes.len() as u64
    }

    /// Writes what is there, or nothing of it.
    fn write_out(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.bytes);
        match &written {
            Ok(()) => self.written += self.bytes.len() as u64,
            // A device that cannot be cut has no end to damage.
            Err(_) => drop(self.file.set_len(self.written)),
        }
        self.bytes.clear();
        written
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path: PathBuf) -> Options {
        let (rotate_size, rotate_time, ring) = (None, None, None);
        Options { path, rotate_size, rotate_time, ring, snaplen: 0, interface: None, filter: None }
    }

    fn record(second: i64, frame: u64, data: &[u8]) -> Record<'_> {
        let time = Timestamp::from_nanos(second * 1_000_000_000);
        Record { time, frame, link: LinkType(1), interface: 0, data, original_len: 1_500, told: None }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_ring_of_files_cut_by_time_holds_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pcapng");
        let mut recorder =
            Recorder::new(Options { rotate_time: Some(Span::from_secs(10)), ring: Some(2), ..options(path) }).unwrap();
        (0..45).for_each(|second| recorder.packet(&record(second, second as u64 + 1, &[0; 60])));
        recorder.flush(Timestamp::from_nanos(45_000_000_000));
        // Files begin at 0, 10, 20, 30 and 40 s.
        assert_eq!(names(folder.path()), ["w-00004.pcapng", "w-00005.pcapng"]);
        assert_eq!(recorder.lost(), 0);
    }

    #[test]
    fn files_cut_by_size_stay_near_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        let mut recorder = Recorder::new(Options { rotate_size: Some(10_000), ..options(path) }).unwrap();
        (0..100).for_each(|frame| recorder.packet(&record(frame, frame as u64 + 1, &[7; 500])));
        recorder.flush(Timestamp::from_nanos(0));
        let lengths: Vec<_> =
            names(folder.path()).iter().map(|name| fs::metadata(folder.path().join(name)).unwrap().len()).collect();
        assert_eq!(lengths.len(), 6, "532 octets a packet: 19 fit");
        assert!(lengths.iter().all(|length| *length < 10_000 + 700), "{lengths:?}");
    }

    /// A disk that is full for a while costs what comes meanwhile; what comes later is a further section of the same file.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_recording_that_goes_on_is_one_file() {
        use crate::capture::{Input, Reader};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pcapng");
        let mut recorder =
            Recorder::new(Options { rotate_size: Some(1_000_000), ring: Some(3), ..options(path) }).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        for second in 0..40 {
            recorder.packet(&record(second, second as u64 + 1, &[0; 60]));
            if second == 5 {
                // As if the disk had filled up.
                recorder.writer.as_mut().unwrap().get_mut().file = full.try_clone().unwrap();
            }
            recorder.flush(Timestamp::from_nanos(second * 1_000_000_000));
        }
        // Lost: the packet of 5 s, and those until the next attempt, 10 s later.
        assert_eq!(recorder.lost(), 10);
        let troubles = recorder.take_troubles();
        assert!(
            troubles.len() == 2 && troubles[1].contains("goes on") && troubles[1].contains("10 packets"),
            "{troubles:?}"
        );
        assert_eq!(names(folder.path()), ["w-00001.pcapng"]);
        let mut reader = Reader::open(&Input::Path(folder.path().join("w-00001.pcapng"))).unwrap();
        let mut seconds = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            seconds.push(record.time.as_nanos() / 1_000_000_000);
        }
        assert_eq!(seconds, (0..5).chain(15..40).collect::<Vec<_>>());
    }

    /// `/dev/full` takes nothing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_once_and_counted() {
        let mut recorder = Recorder::new(options("/dev/full".into())).unwrap();
        (0..40).for_each(|second| {
            recorder.packet(&record(second, second as u64 + 1, &[0; 60]));
            recorder.flush(Timestamp::from_nanos(second * 1_000_000_000));
        });
        let troubles = recorder.take_troubles();
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert!(troubles[0].contains("No space left") && troubles[0].contains("/dev/full"), "{troubles:?}");
        assert_eq!(recorder.lost(), 40);
    }
}
