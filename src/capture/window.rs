//! A sliding view of a byte stream: large aligned reads, records borrowed in place.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

/// Bytes asked of the source at a time.
const READ_LEN: usize = 1 << 20;
/// Room before the read point for the unread tail of the last read; a longer tail makes the buffer grow.
const TAIL_LEN: usize = 1 << 18;
/// Reads into page-aligned memory cost about half of reads into an arbitrary address.
const PAGE_LEN: usize = 4096;

/// The unread part of a byte stream, as far as it is in memory.
///
/// What is asked for is always contiguous. The tail of one read is moved to just before the point where the next one
/// lands, so that this point can stay page-aligned. What is in memory can be shared with other threads: it stays as it is while
/// they look at it, and another buffer takes its place.
pub(super) struct Window<R> {
    source: R,
    buffer: Arc<Vec<u8>>,
    /// Buffers that others may still look at.
    lent: Vec<Arc<Vec<u8>>>,
    /// Where reads land when the buffer is full or empty.
    read_point: usize,
    /// `buffer[start..end]` is unread.
    start: usize,
    end: usize,
    /// Position of `start` in the stream.
    offset: u64,
}

impl Window<Box<dyn Read + Send>> {
    /// Reads from another source from here on, made of this one.
    pub(super) fn change_source(&mut self, change: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send>) {
        let source = std::mem::replace(&mut self.source, Box::new(io::empty()));
        self.source = change(source);
    }
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        let (buffer, read_point) = allocate(TAIL_LEN);
        Self {
            source,
            buffer: Arc::new(buffer),
            lent: Vec::new(),
            read_point,
            start: read_point,
            end: read_point,
            offset: 0,
        }
    }

    /// Position of the first unread byte in the stream, in bytes.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The unread bytes that are in memory.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `len` unread bytes are in memory; `false` if the stream ends before.
    ///
    /// The buffer grows with what arrives, not with what is asked for.
    #[inline]
    pub(super) fn need(&mut self, len: usize) -> io::Result<bool> {
        while self.end - self.start < len {
            if self.read_more()? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next `len` bytes (fewer if they were not asked for with [`need`](Self::need)), which count as read.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start = from.saturating_add(len).min(self.end);
        self.offset += (self.start - from) as u64;
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Where the unread bytes stand in the buffer: places stay where they are until more is read.
    pub(super) const fn place(&self) -> usize {
        self.start
    }

    /// The bytes of the buffer at `places`, read or not.
    #[inline]
    pub(super) fn at(&self, places: Range<usize>) -> &[u8] {
        self.buffer.get(places).unwrap_or_default()
    }

    /// The buffer, to be looked at elsewhere.
    pub(super) const fn buffer(&self) -> &Arc<Vec<u8>> {
        &self.buffer
    }

    /// Passes over `len` bytes without holding them; `false` if the stream ends before.
    pub(super) fn skip(&mut self, len: u64) -> io::Result<bool> {
        let mut left = len;
        loop {
            let available = usize::try_from(left).unwrap_or(usize::MAX);
            left -= self.take(available).len() as u64;
            if left == 0 {
                return Ok(true);
            }
            if self.read_more()? == 0 {
                return Ok(false);
            }
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            self.start = self.read_point;
            self.end = self.read_point;
        } else if self.end == self.buffer.len() {
            self.make_room();
        }
        if Arc::get_mut(&mut self.buffer).is_none() {
            self.change_buffer();
        }
        let room = Arc::get_mut(&mut self.buffer).and_then(|buffer| buffer.get_mut(self.end..)).unwrap_or_default();
        loop {
            match self.source.read(room) {
                Ok(len) => {
                    self.end += len.min(room.len());
                    return Ok(len);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self) {
        let tail = self.end - self.start;
        match Arc::get_mut(&mut self.buffer) {
            Some(buffer) if tail <= self.read_point => {
                buffer.copy_within(self.start..self.end, self.read_point - tail);
                self.start = self.read_point - tail;
                self.end = self.read_point;
            }
            _ => self.change_buffer(),
        }
    }

    /// Moves the unread bytes to another buffer: this one is too small, or others look at it.
    fn change_buffer(&mut self) {
        let tail = self.end - self.start;
        let is_free = |buffer: &Arc<Vec<u8>>| Arc::strong_count(buffer) == 1 && buffer.len() >= tail + READ_LEN;
        let free = self.lent.iter().position(is_free).map(|place| self.lent.swap_remove(place));
        let tail_len = if tail <= TAIL_LEN { TAIL_LEN } else { tail.saturating_mul(2) };
        let mut buffer = free.unwrap_or_else(|| Arc::new(allocate(tail_len).0));
        // As `allocate` has it.
        let read_point = buffer.len() - READ_LEN;
        let room = Arc::get_mut(&mut buffer).and_then(|buffer| buffer.get_mut(read_point - tail..read_point));
        if let Some(room) = room {
            room.copy_from_slice(self.bytes());
        }
        let old = std::mem::replace(&mut self.buffer, buffer);
        if Arc::strong_count(&old) > 1 {
            self.lent.push(old);
        }
        self.read_point = read_point;
        (self.start, self.end) = (read_point - tail, read_point);
    }
}

/// A buffer for `tail_len` bytes and one read behind them, and the page-aligned index at which the read lands.
fn allocate(tail_len: usize) -> (Vec<u8>, usize) {
    let mut buffer = vec![0; tail_len + PAGE_LEN + READ_LEN];
    let misaligned = buffer.as_ptr().wrapping_add(tail_len).align_offset(PAGE_LEN);
    // `align_offset` may decline to answer; an unaligned buffer is only slower.
    let read_point = tail_len + if misaligned < PAGE_LEN { misaligned } else { 0 };
    buffer.truncate(read_point + READ_LEN);
    (buffer, read_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out at most `step` bytes per call and interrupts every other call.
    struct Drip<'a> {
        bytes: &'a [u8],
        step: usize,
        interrupted: bool,
    }

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let len = self.step.min(buf.len());
            self.bytes.read(&mut buf[..len])
        }
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn pieces_of_any_size_come_out_in_order() {
        let bytes = pattern(5 << 20);
        for step in [777, 1 << 16, usize::MAX] {
            let mut window = Window::new(Drip { bytes: &bytes, step, interrupted: false });
            let mut position = 0;
            for len in [1, 15, 4096, 100_000, 3 << 20, 7, 1 << 20].into_iter().cycle() {
                if !window.need(len).unwrap() {
                    break;
                }
                assert_eq!(window.offset(), position as u64);
                assert_eq!(window.take(len), &bytes[position..position + len]);
                position += len;
            }
            assert_eq!(window.bytes(), &bytes[position..], "what is left stays readable");
        }
    }

    #[test]
    fn a_skip_holds_nothing_and_knows_the_end() {
        let bytes = pattern(3 << 20);
        let mut window = Window::new(&bytes[..]);
        assert!(window.skip((3 << 20) - 2).unwrap());
        assert_eq!(window.buffer.len() - window.read_point, READ_LEN);
        assert_eq!(window.offset(), (3 << 20) - 2);
        assert!(!window.skip(3).unwrap());
    }

    #[test]
    fn reads_land_on_a_page() {
        let bytes = pattern(4 << 20);
        let mut window = Window::new(&bytes[..]);
        for _ in 0..40 {
            assert!(window.need(100_001).unwrap());
            window.take(100_001);
        }
        assert_eq!(window.buffer.as_ptr().wrapping_add(window.read_point) as usize % PAGE_LEN, 0);
    }

    /// Whoever looks at a buffer sees it unchanged, however much is read meanwhile; when all have looked away, it is used again.
    #[test]
    fn what_is_shared_stays_as_it_is() {
        let bytes = pattern(9 << 20);
        for step in [70_001, usize::MAX] {
            let mut window = Window::new(Drip { bytes: &bytes, step, interrupted: false });
            let mut shared = std::collections::VecDeque::new();
            let (mut position, mut buffers) = (0, std::collections::HashSet::new());
            while window.need(50_003).unwrap() {
                let from = window.place();
                assert_eq!(window.take(50_003), &bytes[position..position + 50_003]);
                buffers.insert(window.buffer().as_ptr());
                shared.push_back((Arc::clone(window.buffer()), from, position));
                position += 50_003;
                if shared.len() > 60 {
                    let (buffer, from, position) = shared.pop_front().unwrap();
                    assert_eq!(buffer[from..from + 50_003], bytes[position..position + 50_003]);
                }
            }
            assert_eq!(window.bytes(), &bytes[position..]);
            assert!(buffers.len() < 70, "{} buffers", buffers.len());
        }
    }

    #[test]
    fn an_absurd_demand_allocates_no_more_than_arrives() {
        let mut window = Window::new(&[1u8, 2, 3][..]);
        assert!(!window.need(usize::MAX).unwrap());
        assert_eq!(window.bytes(), [1, 2, 3]);
        assert!(window.buffer.len() < 2 << 20);
    }
}
