//! Compressed bombs: what is small on disk and endless when unpacked is read as it comes and never held.

use crate::child::{feed, run};
use crate::samples::{self, compressions};
use crate::scaled;

/// Octets of one piece of nothing.
const PIECE: usize = 1 << 20;
/// Pieces in one block of nothing: 1 GiB.
const PIECES: u64 = 1 << 10;

/// A pcapng file whose description of an interface is followed by `blocks` blocks of 1 GiB of zeros of a kind that
/// nobody knows, and these by one packet, cut where nothing but zeros comes.
fn around() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let total = (12 + PIECES * PIECE as u64) as u32;
    let mut begin = 0x0a0d_0d0a_u32.to_le_bytes().to_vec();
    for word in [28_u32, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 1, 20, 1, 0, 20] {
        begin.extend(word.to_le_bytes());
    }
    let open = [0x0bad_u32, total].iter().flat_map(|word| word.to_le_bytes()).collect();
    let close = total.to_le_bytes().to_vec();
    (begin, open, close)
}

/// A packet of 60 octets of nothing.
fn packet() -> Vec<u8> {
    let mut block: Vec<u8> =
        [6_u32, 92, 0, 0x0005_f5e1, 0, 60, 60].iter().flat_map(|word| word.to_le_bytes()).collect();
    block.extend([0; 60]);
    block.extend(92_u32.to_le_bytes());
    block
}

#[test]
fn gibibytes_of_nothing() {
    let blocks = scaled(1, 32);
    let (begin, open, close) = around();
    for (name, compress) in compressions() {
        let Some(piece) = compress(&[0; PIECE]) else { continue };
        let small = |bytes: &[u8]| compress(bytes).unwrap();
        let (begin, open, close, end) = (small(&begin), small(&open), small(&close), small(&packet()));
        let ended = feed(&["--format", "json", "-"], |pipe| {
            pipe.write_all(&begin)?;
            for _ in 0..blocks {
                pipe.write_all(&open)?;
                (0..PIECES).try_for_each(|_| pipe.write_all(&piece))?;
                pipe.write_all(&close)?;
            }
            pipe.write_all(&end)
        });
        ended.holds(&format!("{blocks} GiB of nothing in {name}, {} bytes a MiB", piece.len()));
        let report = ended.json();
        assert_eq!(report["captures"][0]["packets"].as_u64(), Some(1), "{name}");
        assert_eq!(report["captures"][0]["truncated"], false, "{name}");
    }
}

/// What is no capture is refused as soon as that is known, however much there is of it.
#[test]
fn nothing_at_all() {
    for (name, compress) in compressions() {
        let Some(piece) = compress(&[0; PIECE]) else { continue };
        let ended = feed(&["-"], |pipe| (0..PIECES).try_for_each(|_| pipe.write_all(&piece)));
        assert_eq!(ended.code, Some(2), "{name}");
        assert!(ended.stderr.contains(&format!("{name} data that hold")), "{}", ended.stderr);
        assert!(ended.peak < crate::MEMORY, "{name}: {}", ended.peak);
    }
}

/// Only one layer is unpacked.
#[test]
fn a_bomb_in_a_bomb() {
    for (name, compress) in compressions() {
        let Some(inner) = compress(&samples::pcap()) else { continue };
        let ended = run(&["-"], &compress(&inner).unwrap());
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.stderr);
    }
}

/// Records that are all alike compress a hundred times, and each of them is analysed.
#[test]
fn records_that_repeat() {
    let mut piece = samples::pcap().split_off(24);
    piece = piece.repeat(100);
    let pieces = scaled(100, 100_000);
    let begin = &samples::pcap()[..24];
    let compress = compressions()[0].1;
    let (begin, piece) = (compress(begin).unwrap(), compress(&piece).unwrap());
    let ended = feed(&["--format", "json", "-"], |pipe| {
        pipe.write_all(&begin)?;
        (0..pieces).try_for_each(|_| pipe.write_all(&piece))
    });
    // The same SYN again, while time runs backwards, begins a new generation: these are flows without end.
    ended.holds(&format!("{} records that repeat", pieces * 1_000));
}
