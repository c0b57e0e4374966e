//! HTTP/2 in clear text, frame by frame (RFC 9113 4.1 and 6).
//!
//! A frame says how long it is, so that an observer steps from header to header and passes over everything else. Where it
//! does not know that a frame begins, a header is believed only if every part of it is as the RFC has senders write it.

pub mod hpack;
mod huffman;

use super::{Decoded, Found, behind};
use crate::flow::Direction;

/// The connection preface of a client (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Octets of a frame header (RFC 9113 4.1).
const HEADER: usize = 9;
/// The longest frame payload unless the receiver allows more (`SETTINGS_MAX_FRAME_SIZE`, RFC 9113 6.5.2), in octets.
const LONGEST: usize = 1 << 14;
/// Octets of a GOAWAY's debug data that are waited for.
const DEBUG_DATA: usize = 64;

/// `ENHANCE_YOUR_CALM` (RFC 9113 7): the peer shows a behaviour that may cause too much load.
pub const ENHANCE_YOUR_CALM: u32 = 0x0b;
/// What gRPC servers write into the debug data of a GOAWAY for too many PINGs (gRPC proposal A8).
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// `END_STREAM` of DATA and HEADERS, `ACK` of SETTINGS and PING.
const FLAG_END_OR_ACK: u8 = 0x1;
const FLAG_END_HEADERS: u8 = 0x4;
const FLAG_PADDED: u8 = 0x8;
const FLAG_PRIORITY: u8 = 0x20;

/// Why an end closes the connection (RFC 9113 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// The error code (RFC 9113 7); 0 for a close in good order.
    pub code: u32,
    /// Whether the code is [`ENHANCE_YOUR_CALM`] and the debug data names too many PINGs as the reason. Other floods have
    /// the same code.
    pub too_many_pings: bool,
}

/// A frame, as far as it matters who waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A header block, or the beginning of one.
    Headers {
        /// The stream.
        stream: u32,
        /// Whether the sender has said everything on this stream after these fields.
        ends_stream: bool,
        /// The block without padding and priority, as far as it is here.
        block: &'a [u8],
        /// Whether that is all of it.
        whole: bool,
    },
    /// The last DATA of a stream.
    StreamEnds(u32),
    /// A RST_STREAM: neither end waits for the other on this stream any more.
    Reset(u32),
    /// A PING; whether it answers one.
    Ping {
        /// Whether it is the answer.
        ack: bool,
    },
    /// A GOAWAY.
    GoAway(GoAway),
    /// Anything else.
    Other,
}

/// What stands where a frame is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Too little to tell.
    NeedMore,
    /// No frame begins here.
    Lost,
    /// A frame of which enough was seen.
    Frame(Frame<'a>, usize),
    /// A frame of which more may follow; its length in octets, header included.
    Unfinished(Frame<'a>, usize),
}

/// The preface of a client's connection. What it asks follows in frames.
#[must_use]
pub fn preface(head: &[u8]) -> Decoded<'_> {
    match behind(head, PREFACE) {
        Ok(_) => Decoded::Whole(Found::Frames { behind: PREFACE.len() }),
        Err(other) => other,
    }
}

/// A connection under way, whose preface was not captured: only by frames whose header is fixed in nearly every octet.
#[must_use]
pub fn under_way(head: &[u8]) -> Decoded<'_> {
    const SIGNS: [[u8; HEADER]; 3] = [
        [0, 0, 8, PING, 0, 0, 0, 0, 0],
        [0, 0, 8, PING, FLAG_END_OR_ACK, 0, 0, 0, 0],
        [0, 0, 0, SETTINGS, FLAG_END_OR_ACK, 0, 0, 0, 0],
    ];
    let start = head.get(..HEADER).unwrap_or(head);
    // A GOAWAY has 8 octets at the least, and hardly more than 255.
    let goaway = [0, 0, start.get(2).copied().unwrap_or(8).max(8), GOAWAY, 0, 0, 0, 0, 0];
    let agrees = SIGNS.iter().chain([&goaway]).any(|sign| sign.starts_with(start));
    match (agrees, start.len() == HEADER) {
        (true, true) => Decoded::Whole(Found::Frames { behind: 0 }),
        (true, false) => Decoded::NeedMore,
        (false, _) => Decoded::No,
    }
}

/// Reads the frame that `head`, sent in `direction`, begins with; `sure` if it is known that one begins there.
#[must_use]
pub fn step(head: &[u8], direction: Direction, sure: bool) -> Step<'_> {
    let Some((header, payload)) = head.split_first_chunk() else { return Step::NeedMore };
    let header = Header::from_octets(header);
    if !header.is_possible() || !sure && !header.is_usual(direction) {
        return Step::Lost;
    }
    let here = payload.get(..header.len).unwrap_or(payload);
    let whole = here.len() == header.len;
    let len = HEADER.saturating_add(header.len);
    let frame = match header.kind {
        HEADERS => match block(&header, here) {
            Some(block) => {
                let ends_stream = header.flags & FLAG_END_OR_ACK != 0;
                let all = whole && header.flags & FLAG_END_HEADERS != 0;
                Frame::Headers { stream: header.stream, ends_stream, block, whole: all }
            }
            None if whole => return Step::Lost,
            None => return Step::NeedMore,
        },
        GOAWAY => match go_away(here) {
            Some(frame) if whole || here.len() >= 8 + DEBUG_DATA => frame,
            _ => return Step::NeedMore,
        },
        RST_STREAM => Frame::Reset(header.stream),
        DATA if header.flags & FLAG_END_OR_ACK != 0 => Frame::StreamEnds(header.stream),
        PING => Frame::Ping { ack: header.flags & FLAG_END_OR_ACK != 0 },
        _ => Frame::Other,
    };
    if header.kind == HEADERS && !whole { Step::Unfinished(frame, len) } else { Step::Frame(frame, len) }
}

/// A frame header (RFC 9113 4.1).
struct Header {
    len: usize,
    kind: u8,
    flags: u8,
    reserved: bool,
    stream: u32,
}

impl Header {
    fn from_octets(octets: &[u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *octets;
        let stream = u32::from_be_bytes(stream);
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        Self { len, kind, flags, reserved: stream >> 31 == 1, stream: stream & 0x7fff_ffff }
    }

    /// What a receiver must take for an error (RFC 9113 6.1 to 6.10) is no frame.
    const fn is_possible(&self) -> bool {
        let of_stream = self.stream != 0;
        match self.kind {
            DATA | HEADERS | PUSH_PROMISE | CONTINUATION => of_stream,
            PRIORITY => of_stream && self.len == 5,
            RST_STREAM => of_stream && self.len == 4,
            SETTINGS => {
                !of_stream && self.len.is_multiple_of(6) && (self.flags & FLAG_END_OR_ACK == 0 || self.len == 0)
            }
            PING => !of_stream && self.len == 8,
            GOAWAY => !of_stream && self.len >= 8,
            WINDOW_UPDATE => self.len == 4,
            _ => true,
        }
    }

    /// What may be there and hardly is: unknown types, undefined flags, frames longer than the receiver must allow, and
    /// streams of the wrong end (RFC 9113 5.1.1).
    const fn is_usual(&self, direction: Direction) -> bool {
        let defined = match self.kind {
            DATA => FLAG_END_OR_ACK | FLAG_PADDED,
            HEADERS => FLAG_END_OR_ACK | FLAG_END_HEADERS | FLAG_PADDED | FLAG_PRIORITY,
            SETTINGS | PING => FLAG_END_OR_ACK,
            PUSH_PROMISE => FLAG_END_HEADERS | FLAG_PADDED,
            CONTINUATION => FLAG_END_HEADERS,
            _ => 0,
        };
        let is_promise = self.kind == PUSH_PROMISE;
        let opens = self.kind == HEADERS || is_promise;
        let by_client = matches!(direction, Direction::FromInitiator);
        !self.reserved
            && self.kind <= CONTINUATION
            && self.len <= LONGEST
            && self.flags & !defined == 0
            && !(by_client && (is_promise || opens && self.stream.is_multiple_of(2)))
    }
}

/// The header block within the payload of a HEADERS frame (RFC 9113 6.2), as far as it is here.
fn block<'a>(header: &Header, here: &'a [u8]) -> Option<&'a [u8]> {
    let is_padded = header.flags & FLAG_PADDED != 0;
    let padding = if is_padded { usize::from(*here.first()?) } else { 0 };
    let start = usize::from(is_padded) + if header.flags & FLAG_PRIORITY != 0 { 5 } else { 0 };
    let end = header.len.checked_sub(padding)?;
    here.get(..end).unwrap_or(here).get(start..)
}

fn go_away<'a>(here: &[u8]) -> Option<Frame<'a>> {
    let [_, _, _, _, a, b, c, d, debug @ ..] = here else { return None };
    let code = u32::from_be_bytes([*a, *b, *c, *d]);
    let says_so = debug.windows(TOO_MANY_PINGS.len()).any(|octets| octets == TOO_MANY_PINGS);
    Some(Frame::GoAway(GoAway { code, too_many_pings: code == ENHANCE_YOUR_CALM && says_so }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKS: Direction = Direction::FromInitiator;
    const ANSWERS: Direction = Direction::FromResponder;

    /// A frame as RFC 9113 4.1 draws it.
    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn every_kind_of_frame() {
        let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
        for (octets, expected) in [
            (settings, Frame::Other),
            (frame(4, 1, 0, &[]), Frame::Other),
            (frame(0, 0, 1, b"hello"), Frame::Other),
            (frame(0, 1, 1, b"hello"), Frame::StreamEnds(1)),
            (frame(3, 0, 5, &[0, 0, 0, 8]), Frame::Reset(5)),
            (frame(2, 0, 3, &[0, 0, 0, 0, 15]), Frame::Other),
            (frame(6, 0, 0, &[7; 8]), Frame::Ping { ack: false }),
            (frame(6, 1, 0, &[7; 8]), Frame::Ping { ack: true }),
            (frame(8, 0, 0, &[0, 0, 255, 255]), Frame::Other),
            (frame(9, 4, 1, &[0x82]), Frame::Other),
            (frame(5, 4, 1, &[0, 0, 0, 2, 0x82]), Frame::Other),
            (frame(1, 5, 1, &[0x82]), Frame::Headers { stream: 1, ends_stream: true, block: &[0x82], whole: true }),
        ] {
            assert_eq!(step(&octets, ANSWERS, false), Step::Frame(expected, octets.len()), "{octets:x?}");
            let more = [&octets[..], b"more"].concat();
            assert_eq!(step(&more, ANSWERS, false), Step::Frame(expected, octets.len()), "{octets:x?}");
        }
    }

    #[test]
    fn padding_and_priority_are_no_part_of_the_block() {
        // Pad length 2, no dependency, weight 16, the block, the padding.
        let both = frame(1, 0x2c, 3, &[2, 0, 0, 0, 0, 15, 0x82, 0x84, 0, 0]);
        let block = |step| match step {
            Step::Frame(Frame::Headers { block, whole, .. }, _) => Some((block, whole)),
            Step::Unfinished(Frame::Headers { block, whole, .. }, 19) => Some((block, whole)),
            _ => None,
        };
        assert_eq!(block(step(&both, ASKS, false)), Some((&[0x82, 0x84][..], true)));
        assert_eq!(block(step(&both[..16], ASKS, false)), Some((&[0x82][..], false)));
        assert_eq!(step(&both[..9], ASKS, false), Step::NeedMore);
        let too_much = frame(1, 0x0c, 3, &[9, 0x82]);
        assert_eq!(step(&too_much, ASKS, true), Step::Lost);
    }

    #[test]
    fn a_goaway_says_why() {
        let debug = |code: u8, debug: &[u8]| frame(7, 0, 0, &[&[0, 0, 0, 5, 0, 0, 0, code][..], debug].concat());
        for (octets, code, too_many_pings) in [
            (debug(0x0b, b"too_many_pings"), 0x0b, true),
            (debug(0x0b, b""), 0x0b, false),
            (debug(0x0b, b"rapid reset"), 0x0b, false),
            (debug(0, b"max_age"), 0, false),
            (debug(2, b"too_many_pings"), 2, false),
        ] {
            let expected = Step::Frame(Frame::GoAway(GoAway { code, too_many_pings }), octets.len());
            assert_eq!(step(&octets, ANSWERS, true), expected);
            assert_eq!(step(&octets[..octets.len() - 1], ANSWERS, true), Step::NeedMore);
        }
        let long = debug(0x0b, &[b'x'; 4000]);
        assert!(matches!(step(&long[..9 + 8 + 64], ANSWERS, true), Step::Frame(Frame::GoAway(_), 4017)));
    }

    #[test]
    fn what_is_no_frame() {
        for octets in [
            frame(6, 0, 0, &[0; 7]), // a PING of 7 octets
            frame(6, 0, 1, &[0; 8]), // a PING on a stream
            frame(4, 0, 0, &[0; 5]), // a setting of 5 octets
            frame(4, 1, 0, &[0; 6]), // an acknowledgment with settings
            frame(0, 0, 0, b"x"),    // DATA on no stream
            frame(7, 0, 0, &[0; 7]), // a GOAWAY of 7 octets
            frame(8, 0, 0, &[0; 5]), // a WINDOW_UPDATE of 5 octets
        ] {
            assert_eq!(step(&octets, ANSWERS, true), Step::Lost, "{octets:x?}");
        }
        // What only somebody who knows that a frame begins takes for one.
        for octets in [
            frame(0x0c, 0, 0, b"origin"),
            frame(0, 0x40, 1, b"x"),
            frame(1, 4, 2, &[0x82]),
            frame(6, 0, 1 << 31, &[0; 8]),
            frame(0, 0, 1, &[0; LONGEST + 1]),
        ] {
            assert_eq!(step(&octets, ASKS, false), Step::Lost);
            assert!(matches!(step(&octets, ASKS, true), Step::Frame(..)));
        }
        assert_eq!(step(b"HTTP/1.1 200 OK", ANSWERS, false), Step::Lost);
    }

    #[test]
    fn prefaces_and_connections_under_way() {
        let frames = |behind| Decoded::Whole(Found::Frames { behind });
        let head = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        assert_eq!(preface(head), frames(24));
        assert_eq!(preface(&head[..20]), Decoded::NeedMore);
        assert_eq!(preface(b"PRI * HTTP/2.1"), Decoded::No);
        for octets in [frame(6, 0, 0, &[1; 8]), frame(6, 1, 0, &[1; 8]), frame(4, 1, 0, &[]), frame(7, 0, 0, &[0; 22])]
        {
            assert_eq!(under_way(&octets), frames(0));
            assert_eq!(under_way(&octets[..8]), Decoded::NeedMore);
        }
        for octets in
            [frame(6, 0, 1, &[1; 8]), frame(4, 0, 0, &[0; 6]), frame(1, 4, 1, &[0x82]), frame(7, 0, 0, &[0; 7])]
        {
            assert_eq!(under_way(&octets), Decoded::No);
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(head in proptest::collection::vec(any::<u8>(), 0..200), asks: bool, sure: bool) {
            match step(&head, if asks { ASKS } else { ANSWERS }, sure) {
                Step::NeedMore | Step::Lost => {}
                Step::Frame(frame, len) | Step::Unfinished(frame, len) => {
                    prop_assert!(len >= HEADER);
                    let block = if let Frame::Headers { block, .. } = frame { block.len() } else { 0 };
                    prop_assert!(block <= head.len() - HEADER);
                }
            }
        }

        /// What was taken for a frame stays that frame, whatever follows.
        #[test]
        fn a_frame_outlives_every_continuation(
            kind in 0..11_u8, flags: u8, stream in 0..6_u32, payload in proptest::collection::vec(any::<u8>(), 0..120),
            cut: prop::sample::Index, sure: bool,
        ) {
            let octets = frame(kind, flags, stream, &payload);
            let early = step(&octets[..cut.index(octets.len() + 1)], ASKS, sure);
            if matches!(early, Step::Lost | Step::Frame(..)) {
                prop_assert_eq!(early, step(&octets, ASKS, sure));
            }
        }
    }
}
