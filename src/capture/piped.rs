//! A capture that arrives while it is read, as from `ssh host tcpdump -U -w -`.
//!
//! A thread reads and parses; what it has is handed over before each read that may block, so that nothing is kept back
//! while the pipe is open, and in large batches while much is coming.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::info::{Container, Format, Note};
use super::{CaptureInfo, Counters, Error, LinkType, Next, Reader, Record, Source, Told};
use crate::time::Timestamp;

/// How long nothing must come to be called quiet.
const WAIT: Duration = Duration::from_millis(100);
/// Batches on their way at most: beyond, the reader waits, and so does who writes into the pipe.
const BATCHES: usize = 4;
/// Octets of a batch from which on it is handed over.
const BATCH_LEN: usize = 1 << 18;

/// A capture from a pipe.
pub struct Piped {
    batches: Receiver<Message>,
    batch: Batch,
    next: usize,
    info: CaptureInfo,
    last_counters: Option<Counters>,
    ended: bool,
}

/// What the reading thread sends.
enum Message {
    Opened(Box<CaptureInfo>),
    NoCapture(Error),
    Batch(Batch),
    End(Box<CaptureInfo>, Option<Error>),
}

/// Some records, their octets behind each other.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    octets: Vec<u8>,
}

enum Item {
    Record { head: Head, len: usize, at: usize, told: Option<Box<Told>> },
    Note(Note),
}

#[derive(Clone, Copy)]
struct Head {
    time: Timestamp,
    frame: u64,
    link: LinkType,
    interface: u32,
    original_len: u32,
}

impl Piped {
    /// The capture that arrives on `source`, which errors and reports call `name`. Whether it is one shows when it comes.
    #[must_use]
    pub fn new(name: &str, source: impl Read + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let pending = Arc::new(Mutex::new(Batch::default()));
        let source = HandOver { source, pending: Arc::clone(&pending), sender: sender.clone() };
        let format = Format { container: Container::Interface, compression: None };
        let info = CaptureInfo::new(name.to_owned(), format);
        let name = name.to_owned();
        thread::spawn(move || match Reader::from_source(name, source, None) {
            Ok(reader) => read_all(reader, &pending, &sender),
            Err(error) => drop(sender.send(Message::NoCapture(error))),
        });
        Self { batches, batch: Batch::default(), next: 0, info, last_counters: None, ended: false }
    }

    /// Makes sure that the batch at hand has an item left, if one comes in time.
    fn wait(&mut self) -> Result<Waited, Error> {
        while self.next >= self.batch.items.len() {
            if self.ended {
                return Ok(Waited::End);
            }
            match self.batches.recv_timeout(WAIT) {
                Ok(Message::Batch(batch)) => (self.batch, self.next) = (batch, 0),
                Ok(Message::Opened(info)) => self.info = *info,
                Ok(Message::NoCapture(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Ok(Message::End(info, error)) => {
                    self.info = *info;
                    self.ended = true;
                    if let Some(error) = error {
                        return Err(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Waited::Quiet),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        Ok(Waited::Item)
    }
}

enum Waited {
    Item,
    Quiet,
    End,
}

impl Source for Piped {
    fn next(&mut self) -> Result<Next<'_>, Error> {
        match self.wait()? {
            Waited::Quiet => return Ok(Next::Quiet),
            Waited::End => return Ok(Next::End),
            Waited::Item => {}
        }
        let item = self.batch.items.get(self.next);
        self.next += 1;
        Ok(match item {
            Some(Item::Record { head, len, at, told }) => {
                let data = self.batch.octets.get(*at..at.saturating_add(*len)).unwrap_or_default();
                let Head { time, frame, link, interface, original_len } = *head;
                let record = Record { time, frame, link, interface, data, original_len, told: told.as_deref() };
                self.info.frames = frame;
                self.info.note_time(time, frame);
                self.info.note_record(record.link, record.data.len(), record.original_len);
                Next::Record(record)
            }
            Some(Item::Note(Note::Tick(time))) => Next::Tick(*time),
            Some(Item::Note(Note::Counted(time, counters))) => {
                self.last_counters = Some(*counters);
                self.info.counters = *counters;
                Next::Counted(*time, *counters)
            }
            None => Next::Quiet,
        })
    }

    fn counters(&mut self) -> Option<Counters> {
        self.last_counters
    }

    fn info(&self) -> CaptureInfo {
        self.info.clone()
    }
}

/// The source of the reader: whatever was parsed is handed over before more is waited for.
struct HandOver<R> {
    source: R,
    pending: Arc<Mutex<Batch>>,
    sender: SyncSender<Message>,
}

impl<R: Read> Read for HandOver<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !hand_over(&self.pending, &self.sender) {
            return Ok(0);
        }
        self.source.read(buffer)
    }
}

/// Sends what is pending; `false` if nobody listens any more.
fn hand_over(pending: &Mutex<Batch>, sender: &SyncSender<Message>) -> bool {
    let batch = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
    batch.items.is_empty() || sender.send(Message::Batch(batch)).is_ok()
}

fn read_all(mut reader: Reader, pending: &Mutex<Batch>, sender: &SyncSender<Message>) {
    // Here and below: nobody listens where the watch has ended before the capture.
    let _ = sender.send(Message::Opened(Box::new(reader.info().clone())));
    let error = loop {
        if let Err(error) = reader.peek_time() {
            break Some(error);
        }
        let notes = reader.take_notes();
        let record = match reader.next_record() {
            Ok(record) => record,
            Err(error) => break Some(error),
        };
        let is_end = record.is_none();
        let is_full = {
            let mut batch = pending.lock().unwrap_or_else(PoisonError::into_inner);
            batch.items.extend(notes.into_iter().map(Item::Note));
            record.iter().for_each(|record| batch.push(record));
            batch.octets.len() >= BATCH_LEN
        };
        if is_end {
            break None;
        }
        if is_full && !hand_over(pending, sender) {
            return;
        }
    };
    hand_over(pending, sender);
    let _ = sender.send(Message::End(Box::new(reader.into_info()), error));
}

impl Batch {
    fn push(&mut self, record: &Record<'_>) {
        let Record { time, frame, link, interface, data, original_len, told } = *record;
        let head = Head { time, frame, link, interface, original_len };
        let told = told.copied().map(Box::new);
        self.items.push(Item::Record { head, len: data.len(), at: self.octets.len(), told });
        self.octets.extend_from_slice(data);
    }
}
