//! The least that any program must do which joins packets to flows: touch every record header and the first 64 bytes of
//! every frame, and look up one flow per packet. What the analysis costs is measured in multiples of this.
//!
//! ```text
//! limit read|hash|index FILE
//! ```
//!
//! `read` only reads; `hash` keeps entries of 64 bytes in an open-addressing table, 32 packets at a time, whose places are
//! prefetched; `index` keeps them in a dense arena behind an index of 8-byte slots, 64 packets at a time, prefetched in two
//! stages. Classic pcap in microseconds over Ethernet only: it is a yardstick, not a tool.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a yardstick: prefetching needs an intrinsic, and a panic is a good report"
)]

use std::error::Error;
use std::fs::File;
use std::io::Read;

const READ_LEN: usize = 1 << 20;
const TAIL_LEN: usize = 1 << 18;
const PAGE_LEN: usize = 4096;
const FIRST_SLOTS: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [variant, path] = arguments.as_slice() else { return Err("usage: limit read|hash|index FILE".into()) };
    #[expect(clippy::disallowed_methods, reason = "a yardstick opens its file itself")]
    let file = File::open(path)?;
    let counts = match variant.as_str() {
        "read" => return read_only(file),
        "hash" => walk(file, Batch::<Hash>::new(32))?,
        "index" => walk(file, Batch::<Index>::new(64))?,
        _ => return Err("the variants are read, hash and index".into()),
    };
    println!("{counts:?}");
    Ok(())
}

/// What comes out, to be held against what the generator put in.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Counts {
    packets: u64,
    flows: usize,
    keepalives: u64,
    resets: u64,
}

/// A buffer whose reads land on a page, with room for a tail before it.
struct Buffer {
    bytes: Vec<u8>,
    read_point: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes = vec![0; TAIL_LEN + PAGE_LEN + READ_LEN];
        let read_point = TAIL_LEN + bytes.as_ptr().wrapping_add(TAIL_LEN).align_offset(PAGE_LEN);
        Self { bytes, read_point }
    }
}

fn read_only(mut file: File) -> Result<(), Box<dyn Error>> {
    let mut buffer = Buffer::new();
    let mut total = 0;
    loop {
        let room = &mut buffer.bytes[buffer.read_point..buffer.read_point + READ_LEN];
        match file.read(room)? {
            0 => break,
            len => total += len,
        }
    }
    println!("{total} bytes");
    Ok(())
}

fn walk<T: Table>(mut file: File, mut batch: Batch<T>) -> Result<Counts, Box<dyn Error>> {
    let mut header = [0; 24];
    file.read_exact(&mut header)?;
    if header[..4] != 0xa1b2_c3d4_u32.to_le_bytes() || header[20..] != [1, 0, 0, 0] {
        return Err("only classic little-endian pcap in microseconds over Ethernet is read".into());
    }
    let mut buffer = Buffer::new();
    let mut start = buffer.read_point;
    loop {
        let len = file.read(&mut buffer.bytes[buffer.read_point..buffer.read_point + READ_LEN])?;
        let end = buffer.read_point + len;
        while end - start >= 16 {
            let bytes = &buffer.bytes[start..end];
            let captured = u32_le(bytes, 8) as usize;
            if bytes.len() < 16 + captured {
                break;
            }
            let time = u64::from(u32_le(bytes, 0)) * 1_000_000 + u64::from(u32_le(bytes, 4));
            if let Some(packet) = decode(&bytes[16..16 + captured], time) {
                batch.push(packet);
            }
            start += 16 + captured;
        }
        if len == 0 {
            break;
        }
        let tail = end - start;
        buffer.bytes.copy_within(start..end, buffer.read_point - tail);
        start = buffer.read_point - tail;
    }
    batch.flush();
    batch.counts.flows = batch.table.flows();
    Ok(batch.counts)
}

fn u32_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u32_be(bytes: &[u8], at: usize) -> u32 {
    u32_le(bytes, at).swap_bytes()
}

fn u16_be(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[derive(Clone, Copy, Default)]
struct Packet {
    key: [u64; 2],
    hash: u64,
    from_low: bool,
    time: u64,
    seq: u32,
    ack: u32,
    flags: u8,
    len: u32,
}

/// Ethernet, one VLAN tag, IPv4 or IPv6, TCP.
fn decode(frame: &[u8], time: u64) -> Option<Packet> {
    let mut at = 14;
    let mut kind = u16_be(frame, 12);
    if kind == 0x8100 {
        kind = u16_be(frame, 16);
        at = 18;
    }
    let (src, dst, tcp, wire_len) = match kind {
        0x0800 if frame[at + 9] == 6 => {
            let header = usize::from(frame[at] & 15) * 4;
            let len = usize::from(u16_be(frame, at + 2)) - header;
            (u64::from(u32_be(frame, at + 12)), u64::from(u32_be(frame, at + 16)), at + header, len)
        }
        0x86dd if frame[at + 6] == 6 => {
            let fold = |at: usize| {
                let word = |at| u64::from(u32_be(frame, at));
                spread(word(at) << 32 | word(at + 4)) ^ (word(at + 8) << 32 | word(at + 12))
            };
            (fold(at + 8), fold(at + 24), at + 40, usize::from(u16_be(frame, at + 4)))
        }
        _ => return None,
    };
    let src = src << 16 | u64::from(u16_be(frame, tcp));
    let dst = dst << 16 | u64::from(u16_be(frame, tcp + 2));
    let from_low = src <= dst;
    let key = if from_low { [src, dst] } else { [dst, src] };
    let len = wire_len - usize::from(frame[tcp + 12] >> 4) * 4;
    Some(Packet {
        key,
        hash: spread(key[0] ^ spread(key[1])),
        from_low,
        time,
        seq: u32_be(frame, tcp + 4),
        ack: u32_be(frame, tcp + 8),
        flags: frame[tcp + 13],
        len: len as u32,
    })
}

fn spread(value: u64) -> u64 {
    let product = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * 0xbf58_476d_1ce4_e5b9_94d0_49bb_1331_11eb;
    (product >> 64) as u64 ^ product as u64
}

/// A cache line of flow state.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Entry {
    key: [u64; 2],
    hash: u64,
    last: u64,
    next: [u32; 2],
    ack: u32,
    gap_max: u32,
    keepalives: u32,
    resets: u32,
}

impl Entry {
    fn new(packet: &Packet) -> Self {
        Self { key: packet.key, hash: packet.hash, last: packet.time, ..Self::default() }
    }

    fn update(&mut self, packet: &Packet, counts: &mut Counts) {
        const FIN_SYN_RST: u8 = 7;
        counts.packets += 1;
        let next = &mut self.next[usize::from(packet.from_low)];
        if packet.flags & 4 != 0 {
            self.resets += 1;
            counts.resets += 1;
        }
        if packet.len <= 1 && packet.flags & FIN_SYN_RST == 0 && packet.seq == next.wrapping_sub(1) {
            self.keepalives += 1;
            counts.keepalives += 1;
        }
        let end = packet.seq.wrapping_add(packet.len + u32::from(packet.flags & 3 != 0));
        if *next == 0 || end.wrapping_sub(*next).cast_signed() > 0 {
            *next = end;
        }
        self.ack = packet.ack;
        self.gap_max = self.gap_max.max((packet.time - self.last) as u32);
        self.last = packet.time;
    }
}

trait Table: Default {
    /// Asks the memory for the first place that a look-up will touch.
    fn prefetch(&self, hash: u64);
    /// Asks for the second place, found by the first.
    fn prefetch_entry(&self, _hash: u64) {}
    fn entry(&mut self, packet: &Packet) -> &mut Entry;
    fn flows(&self) -> usize;
}

struct Batch<T> {
    table: T,
    packets: Vec<Packet>,
    size: usize,
    counts: Counts,
}

impl<T: Table> Batch<T> {
    fn new(size: usize) -> Self {
        Self { table: T::default(), packets: Vec::with_capacity(size), size, counts: Counts::default() }
    }

    fn push(&mut self, packet: Packet) {
        self.table.prefetch(packet.hash);
        self.packets.push(packet);
        if self.packets.len() == self.size {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.packets.iter().for_each(|packet| self.table.prefetch_entry(packet.hash));
        for packet in &self.packets {
            self.table.entry(packet).update(packet, &mut self.counts);
        }
        self.packets.clear();
    }
}

fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads nothing that the program could notice, wherever the pointer leads.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = std::hint::black_box(place);
}

/// Entries in an open-addressing table that doubles when it is half full.
struct Hash {
    entries: Vec<Entry>,
    used: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Self { entries: vec![Entry::default(); FIRST_SLOTS], used: 0 }
    }
}

impl Hash {
    fn place(entries: &[Entry], hash: u64, key: [u64; 2]) -> usize {
        let mask = entries.len() - 1;
        let mut at = hash as usize & mask;
        while entries[at].hash != 0 && entries[at].key != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let mut entries = vec![Entry::default(); self.entries.len() * 2];
        for entry in self.entries.iter().filter(|entry| entry.hash != 0) {
            let at = Self::place(&entries, entry.hash, entry.key);
            entries[at] = *entry;
        }
        self.entries = entries;
    }
}

impl Table for Hash {
    fn prefetch(&self, hash: u64) {
        prefetch(&self.entries[hash as usize & (self.entries.len() - 1)]);
    }

    fn entry(&mut self, packet: &Packet) -> &mut Entry {
        if self.used * 2 > self.entries.len() {
            self.grow();
        }
        let at = Self::place(&self.entries, packet.hash, packet.key);
        let entry = &mut self.entries[at];
        if entry.hash == 0 {
            *entry = Entry::new(packet);
            self.used += 1;
        }
        entry
    }

    fn flows(&self) -> usize {
        self.used
    }
}

/// Entries in the order of their coming, behind an index of 8-byte slots that quadruples when it is half full.
struct Index {
    /// Upper half of the hash, and number of the entry from 1; 0 for none.
    slots: Vec<(u32, u32)>,
    entries: Vec<Entry>,
}

impl Default for Index {
    fn default() -> Self {
        Self { slots: vec![(0, 0); FIRST_SLOTS], entries: Vec::new() }
    }
}

impl Index {
    fn grow(&mut self) {
        let mut slots = vec![(0, 0); self.slots.len() * 4];
        let mask = slots.len() - 1;
        for (entry, number) in self.entries.iter().zip(1..) {
            let mut at = entry.hash as usize & mask;
            while slots[at].1 != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = ((entry.hash >> 32) as u32, number);
        }
        self.slots = slots;
    }
}

impl Table for Index {
    fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[hash as usize & (self.slots.len() - 1)]);
    }

    fn prefetch_entry(&self, hash: u64) {
        let (_, number) = self.slots[hash as usize & (self.slots.len() - 1)];
        if let Some(entry) = self.entries.get(number.wrapping_sub(1) as usize) {
            prefetch(entry);
        }
    }

    fn entry(&mut self, packet: &Packet) -> &mut Entry {
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let tag = (packet.hash >> 32) as u32;
        let mut at = packet.hash as usize & mask;
        loop {
            let (found, number) = self.slots[at];
            if number == 0 {
                self.entries.push(Entry::new(packet));
                self.slots[at] = (tag, self.entries.len() as u32);
                return self.entries.last_mut().unwrap_or_else(|| unreachable!());
            }
            if found == tag && self.entries[number as usize - 1].key == packet.key {
                return &mut self.entries[number as usize - 1];
            }
            at = (at + 1) & mask;
        }
    }

    fn flows(&self) -> usize {
        self.entries.len()
    }
}
