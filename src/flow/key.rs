//! The addresses and ports that name a flow, the same for both directions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::flow::fold::fold;
use crate::wire::Segment;

/// One end of a connection: address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
}

impl Socket {
    /// The socket at `ip` and `port`.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip, port }
    }
}

/// `addr:port`, IPv6 as `[addr]:port`.
impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// Which way a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the initiator (client) to the responder (server).
    FromInitiator,
    /// From the responder (server) to the initiator (client).
    FromResponder,
}

impl Direction {
    /// Both directions, the initiator's first.
    pub const BOTH: [Self; 2] = [Self::FromInitiator, Self::FromResponder];

    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::FromInitiator => Self::FromResponder,
            Self::FromResponder => Self::FromInitiator,
        }
    }

    /// `c2s` or `s2c`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FromInitiator => "c2s",
            Self::FromResponder => "s2c",
        }
    }

    /// The end that sends in this direction: `client` or `server`.
    #[must_use]
    pub const fn sender(self) -> &'static str {
        match self {
            Self::FromInitiator => "client",
            Self::FromResponder => "server",
        }
    }
}

/// The two ends of a flow in a fixed order, so that both directions find the same entry.
///
/// Every packet makes one and compares it with one: it is held as five words, which takes neither a branch on the version
/// of IP nor a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    low: End,
    high: End,
    /// Ports and versions: those of the lower end in the upper half.
    ports: u64,
}

/// An address: one of IPv4 in the lower half of the second word.
type End = [u64; 2];

/// Beside a port: the address is one of IPv6.
const IS_V6: u64 = 1 << 16;

/// What a socket is in a key: address, and port with version.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of an address")]
fn parts(socket: Socket) -> (End, u64) {
    let port = u64::from(socket.port);
    match socket.ip {
        IpAddr::V4(ip) => ([0, u64::from(ip.to_bits())], port),
        IpAddr::V6(ip) => ([(ip.to_bits() >> 64) as u64, ip.to_bits() as u64], port | IS_V6),
    }
}

/// The socket of these parts.
#[expect(clippy::cast_possible_truncation, reason = "an address of IPv4, and a port")]
const fn socket([upper, lower]: End, port: u64) -> Socket {
    let ip = if port & IS_V6 == 0 {
        IpAddr::V4(Ipv4Addr::from_bits(lower as u32))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits((upper as u128) << 64 | lower as u128))
    };
    Socket::new(ip, port as u16)
}

impl FlowKey {
    /// The key of a segment from `src` to `dst`, and whether `src` is its lower end.
    #[must_use]
    pub fn new(src: Socket, dst: Socket) -> (Self, bool) {
        let ((src, src_port), (dst, dst_port)) = (parts(src), parts(dst));
        let order = |address: End, port| (port & IS_V6, address, port);
        let src_is_low = order(src, src_port) <= order(dst, dst_port);
        let (low, high) = if src_is_low { (src, dst) } else { (dst, src) };
        let (low_port, high_port) = if src_is_low { (src_port, dst_port) } else { (dst_port, src_port) };
        (Self { low, high, ports: low_port << 32 | high_port }, src_is_low)
    }

    /// The same for sockets of IPv4, which are in the order of a word each.
    #[inline]
    fn of_v4(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16)) -> (Self, bool) {
        let word = |(ip, port): (Ipv4Addr, u16)| u64::from(ip.to_bits()) << 16 | u64::from(port);
        let (src, dst) = (word(src), word(dst));
        let (low, high) = (src.min(dst), src.max(dst));
        let ports = (low & 0xffff) << 32 | high & 0xffff;
        (Self { low: [0, low >> 16], high: [0, high >> 16], ports }, src <= dst)
    }

    /// A key to be filled in.
    pub(super) const fn blank() -> Self {
        Self { low: [0; 2], high: [0; 2], ports: 0 }
    }

    /// The lower end.
    #[must_use]
    pub const fn low(&self) -> Socket {
        socket(self.low, self.ports >> 32)
    }

    /// The higher end.
    #[must_use]
    pub const fn high(&self) -> Socket {
        socket(self.high, self.ports)
    }

    /// Everything that tells one key from another.
    #[inline]
    pub(super) const fn words(&self) -> [u64; 5] {
        let ([a, b], [c, d]) = (self.low, self.high);
        [a, b, c, d, self.ports]
    }

    /// A hash of the key by fixed rules: whoever sends packets can choose it.
    #[must_use]
    #[inline]
    pub fn fold(&self) -> u64 {
        let [a, b, c, d, ports] = self.words();
        fold(fold(a, b) ^ fold(c, d).rotate_left(32), ports)
    }

    /// Community ID, version 1 with seed 0: the join key to Zeek, Suricata, Arkime and Wireshark
    /// (github.com/corelight/community-id-spec).
    #[must_use]
    pub fn community_id(&self) -> String {
        const PROTOCOL_TCP: u8 = 6;
        let mut hash = Sha1::new();
        hash.update(0u16.to_be_bytes());
        let (low, high) = (self.low(), self.high());
        for end in [low, high] {
            match end.ip {
                IpAddr::V4(ip) => hash.update(ip.octets()),
                IpAddr::V6(ip) => hash.update(ip.octets()),
            }
        }
        hash.update([PROTOCOL_TCP, 0]);
        hash.update(low.port.to_be_bytes());
        hash.update(high.port.to_be_bytes());
        format!("1:{}", STANDARD.encode(hash.finalize()))
    }
}

/// The ends of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    /// Both of them.
    pub key: FlowKey,
    /// Whether the lower one sent the segment.
    pub from_low: bool,
    fold: u64,
}

impl Keyed {
    /// The ends of `segment`.
    #[must_use]
    #[inline]
    pub fn of(segment: &Segment<'_>) -> Self {
        let Segment { src, dst, src_port, dst_port, .. } = segment;
        // By reference, since addresses that were just written are waited for if more is read than was written.
        let (key, from_low) = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => FlowKey::of_v4((*src, *src_port), (*dst, *dst_port)),
            _ => FlowKey::new(Socket::new(*src, *src_port), Socket::new(*dst, *dst_port)),
        };
        Self { key, from_low, fold: key.fold() }
    }

    /// A hash of the key by fixed rules: whoever sends packets can choose it.
    #[must_use]
    pub const fn fold(&self) -> u64 {
        self.fold
    }

    /// The ends of a segment from `src` to `dst`.
    #[must_use]
    pub fn between(src: Socket, dst: Socket) -> Self {
        let (key, from_low) = FlowKey::new(src, dst);
        Self { key, from_low, fold: key.fold() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Socket {
        let addr: SocketAddr = text.parse().unwrap();
        Socket::new(addr.ip(), addr.port())
    }

    #[test]
    fn both_directions_share_a_key() {
        let (a, b) = (parse("10.0.0.2:443"), parse("10.0.0.1:50000"));
        let (key, low) = FlowKey::new(a, b);
        assert_eq!(FlowKey::new(b, a), (key, true));
        assert!(!low);
        assert_eq!(key.low(), b);
    }

    proptest! {
        /// The words say what the sockets say, and are in their order.
        #[test]
        fn a_key_holds_its_sockets(ips: [(bool, u128); 2], ports: [u16; 2], same_ip: bool) {
            let ip = |(is_v4, bits): (bool, u128)| match is_v4 {
                true => IpAddr::from(Ipv4Addr::from_bits(bits as u32)),
                false => IpAddr::from(Ipv6Addr::from_bits(bits)),
            };
            let src = Socket::new(ip(ips[0]), ports[0]);
            let dst = Socket::new(if same_ip { src.ip } else { ip(ips[1]) }, ports[1]);
            let (key, src_is_low) = FlowKey::new(src, dst);
            prop_assert_eq!(src_is_low, src <= dst);
            if let (IpAddr::V4(src_ip), IpAddr::V4(dst_ip)) = (src.ip, dst.ip) {
                prop_assert_eq!((key, src_is_low), FlowKey::of_v4((src_ip, src.port), (dst_ip, dst.port)));
            }
            prop_assert_eq!((key.low(), key.high()), (src.min(dst), src.max(dst)));
            prop_assert_eq!(key == FlowKey::new(src, src).0, src == dst);
        }
    }

    /// Baseline of the specification: 128.232.110.120:34855 and 66.35.250.204:80, TCP, seed 0.
    #[test]
    fn community_id_matches_the_published_baseline() {
        let (key, _) = FlowKey::new(parse("128.232.110.120:34855"), parse("66.35.250.204:80"));
        assert_eq!(key.community_id(), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    }
}
