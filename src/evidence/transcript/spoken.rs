//! Octets that stand in the place of payload where the payload told something: none of them is from the capture.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::kept::Kept;
use crate::capture::LoneOctet;
use crate::script::{Framing, LinkLayer, SegmentSpec};
use crate::seq::Seq;
use crate::wire::Flags;

/// A PROXY protocol header of version 2 (haproxy.org, `proxy-protocol.txt`, section 2.2): 10.1.0.1:50000 to 10.0.0.2:80.
const PROXY_HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\0\x01\x0a\0\0\x02\xc3\x50\0\x50";
const TCP_LEN: usize = 20;
const ETHERNET_LEN: usize = 14;

/// What is said of the payload of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Words {
    /// Nothing: the letters that scripts fill payload with, which are the same in the same place.
    #[default]
    Letters,
    /// It begins with these octets.
    Octets(Vec<u8>),
    /// It is not there, so that nothing can be compared with it.
    Cut,
}

/// What is said of the payload of each of the segments of a flow that `client` opened.
pub(super) fn spoken(kept: &[Kept], client: SocketAddr) -> Vec<Words> {
    let mut words: Vec<Words> = lone_octets(kept);
    let mut put = |at: Option<usize>, octets: &[u8]| {
        let fits = |at: &usize| kept.get(*at).is_some_and(|kept| kept.payload_len as usize >= octets.len());
        if let Some(place) = at.filter(fits).and_then(|at| words.get_mut(at)) {
            *place = Words::Octets(octets.to_vec());
        }
    };
    for (at, segment) in kept.iter().enumerate() {
        if let Some(status) = segment.told.status {
            put(turn_of(kept, at), format!("HTTP/1.1 {status} ").as_bytes());
        }
        if segment.told.client.is_some() {
            put(kept.iter().position(|kept| kept.src == client && kept.payload_len > 0), PROXY_HEADER);
        }
    }
    words
}

/// Single octets, such that each compares with the octet before it in the same place as it did in the capture.
fn lone_octets(kept: &[Kept]) -> Vec<Words> {
    let mut last: HashMap<SocketAddr, Seq> = HashMap::new();
    let mut one = |segment: &Kept| {
        if segment.payload_len == 0 {
            return Words::Letters;
        }
        let start = segment.seq.plus(u32::from(segment.flags.has(Flags::SYN)));
        let end = start.plus(segment.payload_len).minus(1);
        let before = last.get(&segment.src).copied();
        if before.is_none_or(|before| !end.before(before)) {
            last.insert(segment.src, end);
        }
        match segment.told.octet {
            // No letter.
            Some(LoneOctet::Differs) => Words::Octets(vec![0]),
            None if segment.payload_len == 1 && before == Some(segment.seq) => Words::Cut,
            Some(LoneOctet::Repeated) | None => Words::Letters,
        }
    };
    kept.iter().map(&mut one).collect()
}

/// The segment that began the turn in which the segment at `at` spoke.
fn turn_of(kept: &[Kept], at: usize) -> Option<usize> {
    let speaker = kept.get(at)?.src;
    let so_far = kept.iter().enumerate().take(at + 1).rev().filter(|(_, kept)| kept.payload_len > 0);
    so_far.take_while(|(_, kept)| kept.src == speaker).last().map(|(place, _)| place)
}

impl Words {
    /// The segment with these words, in a script of this link layer.
    pub(super) fn put_into(
        self,
        segment: SegmentSpec,
        framing: Framing,
        link: LinkLayer,
        is_ipv4: bool,
    ) -> (SegmentSpec, Framing) {
        match self {
            Self::Letters => (segment, framing),
            Self::Octets(data) => (SegmentSpec { data, ..segment }, framing),
            Self::Cut => {
                let options: usize = segment.options.iter().map(|option| option.wire_len()).sum();
                let link_len = if link == LinkLayer::Raw { 0 } else { ETHERNET_LEN };
                let ip_len = if is_ipv4 { 20 } else { 40 };
                let snap = u32::try_from(link_len + ip_len + TCP_LEN + options.next_multiple_of(4)).ok();
                (segment, Framing { snap, ..framing })
            }
        }
    }
}
