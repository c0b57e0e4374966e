//! The container readers: pcap and pcapng, plain or compressed.

use std::io::{Cursor, Read};

use idlegap::capture::Reader;

/// More than this is not read: a small compressed file may hold a large capture.
const MOST: u64 = 1 << 20;

/// What captures begin with whose decompressors give nothing of the block or the read in which the damage is: how large that is
/// depends on the pipe. Those are lz4 and xz; what gzip and zstd give up to the damage is always the same.
const BY_THE_BLOCK: [&[u8]; 3] = [b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18", b"\xfd7zXZ"];

/// Reads `data` as a capture, in one go and octet by octet: both must show the same.
pub fn run(data: &[u8]) {
    let at_once = walk(Cursor::new(data.to_vec()));
    let bit_by_bit = walk(OneByOne(Cursor::new(data.to_vec())));
    if BY_THE_BLOCK.iter().any(|magic| data.starts_with(magic)) {
        let both = at_once.0.iter().zip(&bit_by_bit.0);
        assert!(both.clone().all(|(one, other)| one == other), "a slow pipe shows other records");
        return;
    }
    assert_eq!(at_once, bit_by_bit, "a slow pipe shows something else");
}

/// Frame, time, link type and lengths of a record.
type Seen = (u64, i64, u16, u32, usize);

/// What there is to see: records, and how it ended.
fn walk(source: impl Read + Send + 'static) -> (Vec<Seen>, String) {
    let mut seen = Vec::new();
    let mut reader = match Reader::from_source("input".to_owned(), source, None) {
        Ok(reader) => reader,
        // What it is instead is said by as much of it as can be had at a time.
        Err(_) => return (seen, "refused".to_owned()),
    };
    let mut octets = 0;
    let end = loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                seen.push((
                    record.frame,
                    record.time.as_nanos(),
                    record.link.0,
                    record.original_len,
                    record.data.len(),
                ));
                octets += record.data.len() as u64;
                if octets > MOST || seen.len() > 10_000 {
                    break "enough".to_owned();
                }
            }
            Ok(None) => break "the end".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    let info = reader.into_info();
    (seen, format!("{end} {:?} {}", info.truncated.map(|cut| (cut.frame, cut.reason)), info.frames))
}

/// Hands out one octet at a time, as a stalling pipe may.
struct OneByOne(Cursor<Vec<u8>>);

impl Read for OneByOne {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(1);
        self.0.read(buffer.get_mut(..len).unwrap_or_default())
    }
}
