//! The addresses and ports that name a flow, the same for both directions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::flow::fold::{fold, join};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    low: Socket,
    high: Socket,
}

impl FlowKey {
    /// The key of a segment from `src` to `dst`, and whether `src` is its lower end.
    #[must_use]
    pub fn new(src: Socket, dst: Socket) -> (Self, bool) {
        if src <= dst { (Self { low: src, high: dst }, true) } else { (Self { low: dst, high: src }, false) }
    }

    /// A key to be filled in.
    pub(super) const fn blank() -> Self {
        let nowhere = Socket::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self { low: nowhere, high: nowhere }
    }

    /// The lower end.
    #[must_use]
    pub const fn low(&self) -> Socket {
        self.low
    }

    /// The higher end.
    #[must_use]
    pub const fn high(&self) -> Socket {
        self.high
    }

    /// A hash of the key by fixed rules: whoever sends packets can choose it.
    #[must_use]
    pub fn fold(&self) -> u64 {
        let (low, high) = (self.low, self.high);
        let addresses = match (low.ip, high.ip) {
            (IpAddr::V4(low), IpAddr::V4(high)) => join(low.to_bits(), high.to_bits()),
            (low, high) => fold(wide(low), wide(high)),
        };
        fold(addresses, join(low.port.into(), high.port.into()))
    }

    /// Community ID, version 1 with seed 0: the join key to Zeek, Suricata, Arkime and Wireshark
    /// (github.com/corelight/community-id-spec).
    #[must_use]
    pub fn community_id(&self) -> String {
        const PROTOCOL_TCP: u8 = 6;
        let mut hash = Sha1::new();
        hash.update(0u16.to_be_bytes());
        for end in [self.low, self.high] {
            match end.ip {
                IpAddr::V4(ip) => hash.update(ip.octets()),
                IpAddr::V6(ip) => hash.update(ip.octets()),
            }
        }
        hash.update([PROTOCOL_TCP, 0]);
        hash.update(self.low.port.to_be_bytes());
        hash.update(self.high.port.to_be_bytes());
        format!("1:{}", STANDARD.encode(hash.finalize()))
    }
}

/// An address as one word.
fn wide(ip: IpAddr) -> u64 {
    let bits = match ip {
        IpAddr::V4(ip) => return ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the address")]
    let (high, low) = ((bits >> 64) as u64, bits as u64);
    fold(high, low)
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
    pub fn of(segment: &Segment<'_>) -> Self {
        Self::between(Socket::new(segment.src, segment.src_port), Socket::new(segment.dst, segment.dst_port))
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

    fn socket(text: &str) -> Socket {
        let addr: SocketAddr = text.parse().unwrap();
        Socket::new(addr.ip(), addr.port())
    }

    #[test]
    fn both_directions_share_a_key() {
        let (a, b) = (socket("10.0.0.2:443"), socket("10.0.0.1:50000"));
        let (key, low) = FlowKey::new(a, b);
        assert_eq!(FlowKey::new(b, a), (key, true));
        assert!(!low);
        assert_eq!(key.low(), b);
    }

    /// Baseline of the specification: 128.232.110.120:34855 and 66.35.250.204:80, TCP, seed 0.
    #[test]
    fn community_id_matches_the_published_baseline() {
        let (key, _) = FlowKey::new(socket("128.232.110.120:34855"), socket("66.35.250.204:80"));
        assert_eq!(key.community_id(), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    }
}
