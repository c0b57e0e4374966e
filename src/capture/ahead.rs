//! Decompression on a thread of its own: while one part of a capture is analysed, the next one is decompressed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes handed over at a time: so many that handing over costs nothing beside decompressing them.
const PIECE_LEN: usize = 1 << 18;
/// Pieces that may wait to be read.
const PIECES: usize = 4;

/// What another thread has read ahead of its turn.
pub(super) struct ReadAhead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// Where used pieces go, to be filled again.
    used: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    /// `piece[at..]` is unread.
    at: usize,
}

impl ReadAhead {
    /// Reads `source` on a thread of its own, until it ends or until nobody wants more.
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let (send, pieces) = sync_channel(PIECES);
        let (used, empty) = sync_channel(PIECES + 1);
        thread::spawn(move || read_all(source, &send, &empty));
        Self { pieces, used, piece: Vec::new(), at: 0 }
    }
}

/// Reads to the end, or to an error, which is the last thing handed over.
fn read_all(mut source: Box<dyn Read + Send>, pieces: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = empty.try_recv().unwrap_or_default();
        piece.resize(PIECE_LEN, 0);
        let (len, result) = read_piece(&mut source, &mut piece);
        piece.truncate(len);
        let is_last = len == 0 || result.is_err();
        // What was read before an error is good.
        if pieces.send(Ok(piece)).is_err() {
            return;
        }
        if let Err(error) = result {
            // Nobody to tell is nobody to care.
            let _ = pieces.send(Err(error));
        }
        if is_last {
            return;
        }
    }
}

/// Fills `piece`, unless the source ends or fails before.
fn read_piece(source: &mut impl Read, piece: &mut [u8]) -> (usize, io::Result<()>) {
    let mut len = 0;
    while let Some(room) = piece.get_mut(len..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Err(error)),
        }
    }
    (len, Ok(()))
}

impl Read for ReadAhead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            // The thread has ended, and said so before if there was an error.
            let Ok(next) = self.pieces.recv() else { return Ok(0) };
            let used = std::mem::replace(&mut self.piece, next?);
            self.at = 0;
            // A piece too many is dropped.
            let _ = self.used.try_send(used);
        }
        let unread = self.piece.get(self.at..).unwrap_or_default();
        let len = unread.len().min(buf.len());
        if let (Some(from), Some(to)) = (unread.get(..len), buf.get_mut(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails behind what it holds.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buf)? {
                0 => Err(io::ErrorKind::InvalidData.into()),
                len => Ok(len),
            }
        }
    }

    #[test]
    fn everything_arrives_in_order() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut read = Vec::new();
        ReadAhead::new(Box::new(io::Cursor::new(bytes.clone()))).read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }

    #[test]
    fn what_was_read_before_an_error_comes_before_it() {
        let mut ahead = ReadAhead::new(Box::new(Failing(b"good")));
        let mut read = [0; 9];
        assert_eq!(ahead.read(&mut read).unwrap(), 4);
        assert_eq!(&read[..4], b"good");
        assert_eq!(ahead.read(&mut read).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(ahead.read(&mut read).unwrap(), 0, "and nothing after it");
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_thread() {
        let (told, tell) = sync_channel(0);
        struct Endless(SyncSender<()>);
        impl Read for Endless {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                Ok(buf.len())
            }
        }
        impl Drop for Endless {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        drop(ReadAhead::new(Box::new(Endless(told))));
        tell.recv().unwrap();
    }
}
