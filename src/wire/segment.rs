//! What the decoder hands on: a TCP header as seen, and the little of the layers below that the analysis weighs.

use std::net::{IpAddr, SocketAddr};
use std::ops::BitOr;

use super::options;
use crate::capture::Told;
use crate::seq::Seq;

/// The control bits of a TCP header (RFC 9293 3.1), CWR, ECE and the former NS bit included.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push function.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN, formerly NS.
    pub const AE: Self = Self(0x100);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// Prints as packetdrill and tcpdump do: `S`, `.` for ACK, `P`, `F`, `R`, `U`, `E`, `W`, `e`; `-` for none.
impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LETTERS: [(Flags, char); 9] = [
            (Flags::SYN, 'S'),
            (Flags::FIN, 'F'),
            (Flags::RST, 'R'),
            (Flags::PSH, 'P'),
            (Flags::URG, 'U'),
            (Flags::ECE, 'E'),
            (Flags::CWR, 'W'),
            (Flags::AE, 'e'),
            (Flags::ACK, '.'),
        ];
        if self.0 == 0 {
            return f.write_str("-");
        }
        LETTERS.iter().filter(|(flag, _)| self.has(*flag)).try_for_each(|(_, letter)| write!(f, "{letter}"))
    }
}

/// The TCP options that the analysis reads. Malformed options end the list; what was read before them stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size (RFC 9293 3.7.1).
    pub mss: Option<u16>,
    /// Window scale shift (RFC 7323 2.2), not yet limited to 14.
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018).
    pub sack_permitted: bool,
    /// TSval and TSecr (RFC 7323 3.2).
    pub timestamps: Option<(u32, u32)>,
    /// Left and right edge of the first SACK block: the latest one (RFC 2018 4), or a DSACK (RFC 2883).
    pub sack: Option<(Seq, Seq)>,
    /// Fast Open cookie or cookie request (RFC 7413), the experimental form (254 with magic 0xF989) included.
    pub fast_open: bool,
    /// Multipath TCP (RFC 8684) in any of its subtypes.
    pub multipath: bool,
    /// The real client, as an LVS FULLNAT director tells it: option 254 (8 or 20 bytes) or 253 (20 bytes).
    pub toa: Option<SocketAddr>,
}

/// A tunnel that carried the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// GRE (RFC 2784), with its key if it has one (RFC 2890).
    Gre(Option<u32>),
    /// ERSPAN over GRE, with its session.
    Erspan(u16),
    /// IPv4 or IPv6 directly inside IPv4 or IPv6 (RFC 2003, RFC 4213, RFC 2473).
    IpInIp,
    /// VXLAN (RFC 7348), with its VNI.
    Vxlan(u32),
    /// GENEVE (RFC 8926), with its VNI.
    Geneve(u32),
    /// GTP-U (3GPP TS 29.281), with its TEID.
    Gtpu(u32),
}

/// What the link layer says of the frame, as far as it says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo {
    /// Source MAC address of the innermost Ethernet (or cooked) header outside any tunnel.
    pub src_mac: Option<[u8; 6]>,
    /// Destination MAC address, likewise.
    pub dst_mac: Option<[u8; 6]>,
    /// VLAN of the outermost 802.1Q or 802.1ad tag.
    pub vlan: Option<u16>,
    /// Cooked captures: the packet type (0 to us, 4 sent by us, ...).
    pub packet_type: Option<u16>,
    /// SLL2: the interface index.
    pub if_index: Option<u32>,
}

/// What is left of the datagram behind the first fragment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentInfo {
    /// IP identification of the datagram.
    pub id: u32,
    /// Payload bytes of the IP datagram carried by this fragment.
    pub len: u32,
}

/// A TCP header as seen, with the length of its payload and what the layers below say of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Source address of the innermost IP header.
    pub src: IpAddr,
    /// Destination address of the innermost IP header.
    pub dst: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: Seq,
    /// The acknowledgment field, also where the ACK flag is clear (it is evidence then).
    pub ack: Seq,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND, unscaled.
    pub window: u16,
    /// Octets of payload, from the IP lengths (never from the captured length); SYN and FIN not counted.
    pub payload_len: u32,
    /// The captured part of the payload.
    pub payload: &'a [u8],
    /// TCP options.
    pub options: Options,
    /// The captured part of the TCP options.
    pub option_bytes: &'a [u8],
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// IPv4 identification; `None` in IPv6 without a fragment header.
    pub ip_id: Option<u16>,
    /// IPv4 don't-fragment bit; `true` in IPv6.
    pub dont_fragment: bool,
    /// Set on the first fragment of a fragmented datagram: `payload_len` covers this fragment only.
    pub fragment: Option<FragmentInfo>,
    /// Link layer.
    pub link: LinkInfo,
    /// The innermost tunnel that carried the segment.
    pub tunnel: Option<Tunnel>,
    /// What its payload told, if that is not here any more.
    pub told: Option<&'a Told>,
}

impl Segment<'_> {
    /// SEG.LEN: payload octets, with SYN and FIN counted (RFC 9293 3.4).
    #[must_use]
    pub const fn len(&self) -> u32 {
        let units = self.flags.has(Flags::SYN) as u32 + self.flags.has(Flags::FIN) as u32;
        self.payload_len.saturating_add(units)
    }

    /// Whether the segment takes no sequence space.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number after the segment's last unit.
    #[must_use]
    pub const fn end(&self) -> Seq {
        self.seq.plus(self.len())
    }

    /// A hash of the raw option bytes, to recognise the same frame captured twice.
    #[must_use]
    pub fn options_hash(&self) -> u32 {
        options::hash(self.option_bytes)
    }

    /// SEG.ACK where the ACK flag makes it significant.
    #[must_use]
    pub fn acknowledged(&self) -> Option<Seq> {
        self.flags.has(Flags::ACK).then_some(self.ack)
    }
}

/// A later fragment of an IP datagram that carries TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP identification.
    pub id: u32,
    /// Offset of this fragment in the datagram's payload, in octets.
    pub offset: u32,
    /// Octets of the datagram's payload in this fragment.
    pub len: u32,
    /// Whether this is the last one.
    pub last: bool,
}

/// What an ICMP error said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpKind {
    /// Destination unreachable, with its code (ICMPv4 type 3, ICMPv6 type 1).
    Unreachable(u8),
    /// Fragmentation needed or packet too big, with the next hop's MTU in octets (0 if not given).
    TooBig(u32),
    /// Time exceeded.
    TimeExceeded,
    /// Any other error, by its type and code.
    Other(u8, u8),
}

/// An ICMP error about a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent the error.
    pub from: IpAddr,
    /// What it said.
    pub kind: IcmpKind,
    /// Source of the segment that the error quotes.
    pub src: SocketAddr,
    /// Destination of the segment that the error quotes.
    pub dst: SocketAddr,
    /// Sequence number of the quoted segment.
    pub seq: Seq,
    /// Octets of the quoted segment that were captured, its header included. From 16 on Wireshark counts the quoted
    /// connection as a `tcp.stream` of its own if it has not met it before.
    pub quoted_len: u32,
}

/// The layer at which decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Link layer and everything before the network layer.
    Link,
    /// A tunnel header.
    Tunnel,
    /// IPv4, IPv6 and their options and extension headers.
    Ip,
    /// TCP.
    Tcp,
    /// ICMP.
    Icmp,
}

/// Why a frame holds no segment for the analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// Well-formed, but another protocol: EtherType, IP protocol or similar number.
    NotTcp(u16),
    /// A link type that the decoder does not know.
    UnknownLink(u16),
    /// The captured bytes end inside a header: so many are needed, so many are there.
    TooShort {
        /// Bytes needed from `offset` on.
        needed: u32,
        /// Bytes there.
        available: u32,
    },
    /// A header field holds a value that cannot be; the field by its name in the RFC.
    BadField(&'static str, u32),
    /// More headers inside each other than the decoder follows.
    TooDeep,
    /// Encrypted or otherwise unreadable payload (802.11 protected data, ESP).
    Opaque,
}

/// A frame that the analysis passes over: counted, never fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skip {
    /// Where decoding stopped.
    pub layer: Layer,
    /// Why.
    pub reason: SkipReason,
    /// Offset in the frame of the header that could not be read.
    pub offset: u32,
}

impl Skip {
    /// That of a frame that nobody has looked at.
    #[inline]
    pub(crate) const fn unseen() -> Self {
        Self { layer: Layer::Link, reason: SkipReason::Opaque, offset: 0 }
    }
}

/// A TCP header that names a connection, but contradicts the lengths around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Source.
    pub src: SocketAddr,
    /// Destination.
    pub dst: SocketAddr,
    /// What is wrong with it.
    pub skip: Skip,
}

/// What one frame held.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment (or the first fragment of one).
    Segment(Segment<'a>),
    /// A later fragment of a TCP segment.
    Fragment(Fragment),
    /// An ICMP error that quotes a TCP segment.
    Icmp(IcmpError),
    /// A TCP header that cannot be a segment's: passed over, but it names a connection.
    Damaged(Damaged),
    /// Nothing for this analysis.
    Skip(Skip),
}

impl Decoded<'_> {
    /// What there is to say of a frame that nobody has looked at: no constant, which would be copied as a whole.
    #[inline]
    pub(crate) const fn nothing() -> Self {
        Self::Skip(Skip::unseen())
    }
}
