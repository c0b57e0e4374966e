//! From the link layer to TCP: any link type, any bytes.

use idlegap::capture::{LinkType, Record};
use idlegap::time::Timestamp;
use idlegap::wire::{self, Decoded};

use super::analysis::Course;

/// The link types that captures have, and one that nothing has.
const LINKS: [u16; 24] =
    [1, 0, 12, 9, 50, 51, 100, 101, 105, 107, 108, 109, 113, 117, 119, 127, 163, 228, 229, 239, 253, 276, 283, 65_000];

/// The first octet chooses the link type; what follows are frames, each behind its length and a claim about its length
/// on the wire.
pub fn run(data: &[u8]) {
    let Some((link, mut rest)) = data.split_first() else { return };
    let link = LinkType(LINKS.get(usize::from(*link) % LINKS.len()).copied().unwrap_or(1));
    let mut course = Course::default();
    for frame in 1..=64 {
        let Some(([len, claim], behind)) = rest.split_first_chunk::<2>() else { break };
        let (bytes, after) = behind.split_at(usize::from(*len).min(behind.len()));
        rest = after;
        let captured = bytes.len() as u32;
        let original_len = match claim % 4 {
            0 => captured,
            1 => captured.saturating_add(u32::from(*claim)),
            2 => captured / 2,
            _ => u32::MAX,
        };
        if let Decoded::Segment(segment) = wire::decode(link, bytes, original_len) {
            assert!(segment.payload.len() <= bytes.len(), "payload from nowhere");
        }
        let time = Timestamp::from_nanos(i64::from(*claim) * frame as i64 * 1_000_000_000);
        course.push(&Record { time, frame, link, interface: 0, data: bytes, original_len, told: None });
    }
    course.conclude();
}
