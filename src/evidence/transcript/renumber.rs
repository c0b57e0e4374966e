//! Other numbers in the place of those that tell where a capture comes from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::PLAIN;
use super::kept::Kept;
use crate::flow::Socket;
use crate::script::{Direction, FlowSpec, Framing, IcmpQuote, Position, SegmentSpec, TcpOption};
use crate::seq::Seq;
use crate::wire::{Flags, IcmpKind};

/// The client's port, unless its order beside the server's says who is who.
const CLIENT_PORT: u16 = 40_000;
const ISNS: (Seq, Seq) = (Seq(1_000), Seq(5_000));
/// The first timestamp of either side.
const FIRST_TIMESTAMP: u32 = 1_000;
/// Experiments (RFC 6994) that share the option kinds of a real client's address: their first two octets stay.
const EXPERIMENTS: [[u8; 2]; 6] = [[0xf9, 0x89], [0x45, 0x4e], [0xe2, 0xd4], [0xac, 0xce], [0xac, 0xc0], [0xac, 0xc1]];

/// What the numbers of a flow are counted from. The client's stand first.
pub(super) struct Renumbering {
    client: SocketAddr,
    server: SocketAddr,
    new: [SocketAddr; 2],
    /// What becomes the initial sequence number.
    bases: [Seq; 2],
    /// What becomes the first timestamp.
    timestamps: [Option<u32>; 2],
    macs: HashMap<[u8; 6], [u8; 6]>,
    first_macs: [Option<[u8; 6]>; 2],
    hop_limits: [u8; 2],
}

impl Renumbering {
    pub(super) fn new(kept: &[Kept], client: Socket, server: Socket) -> Self {
        let [client, server] = [client, server].map(|end| SocketAddr::new(end.ip, end.port));
        let of = |end: SocketAddr| kept.iter().filter(move |kept| kept.src == end && kept.error.is_none());
        let first_macs = [client, server].map(|end| of(end).find_map(|kept| kept.src_mac));
        let hop_limits = [client, server].map(|end| of(end).find_map(|kept| kept.hop_limit).unwrap_or(64));
        let all_macs = first_macs.into_iter().flatten().chain(kept.iter().filter_map(|kept| kept.src_mac));
        let mut macs = HashMap::new();
        for mac in all_macs {
            let number = u8::try_from(macs.len() + 1).unwrap_or(u8::MAX);
            macs.entry(mac).or_insert([2, 0, 0, 0, 0, number]);
        }
        Self {
            client,
            server,
            new: new_ends(client, server),
            bases: [base(of(client).next(), of(server)), base(of(server).next(), of(client))],
            timestamps: [first_timestamp(of(client), of(server)), first_timestamp(of(server), of(client))],
            macs,
            first_macs,
            hop_limits,
        }
    }

    /// The flow as the script declares it.
    pub(super) fn flow(&self) -> FlowSpec {
        let [client, server] = self.new;
        let default = FlowSpec::new(client, server);
        let [client_mac, server_mac] = self.first_macs.map(|mac| mac.and_then(|mac| self.macs.get(&mac)).copied());
        let [client_hops, server_hops] = self.hop_limits;
        FlowSpec {
            isn: ISNS,
            hop_limits: (client_hops, server_hops),
            macs: (client_mac.unwrap_or(default.macs.0), server_mac.unwrap_or(default.macs.1)),
            ..default
        }
    }

    /// The segment as the script writes it, in the flow `spec`.
    pub(super) fn segment(&self, kept: &Kept, spec: &FlowSpec) -> (SegmentSpec, Framing) {
        let from_client = kept.src == self.client;
        let direction = if from_client { Direction::FromInitiator } else { Direction::FromResponder };
        let (own, other) = if from_client { (0, 1) } else { (1, 0) };
        let ack = match (kept.flags.has(Flags::ACK), kept.ack.0) {
            (true, _) => Some(self.position(other, kept.ack)),
            (false, 0) => None,
            // It means nothing to the receiver, and something to whoever asks where the segment comes from.
            (false, field) => Some(Position::Absolute(field)),
        };
        let segment = SegmentSpec {
            flow: 0,
            direction,
            flags: kept.flags,
            start: self.position(own, kept.seq),
            payload_len: u16::try_from(kept.payload_len).unwrap_or(u16::MAX),
            ack,
            window: kept.window,
            options: self.options(&kept.options, own, other),
            data: Vec::new(),
        };
        (segment, self.framing(kept, spec, from_client))
    }

    fn framing(&self, kept: &Kept, spec: &FlowSpec, from_client: bool) -> Framing {
        if let Some((kind, from)) = kept.error {
            return Framing { icmp: self.quote(kind, from), ..PLAIN };
        }
        let (usual_hops, (mac, peer_mac)) =
            if from_client { (spec.hop_limits.0, spec.macs) } else { (spec.hop_limits.1, (spec.macs.1, spec.macs.0)) };
        let own_mac = kept.src_mac.and_then(|mac| self.macs.get(&mac)).copied();
        Framing {
            hop_limit: kept.hop_limit.filter(|hops| *hops != usual_hops),
            ip_id: kept.ip_id,
            dont_fragment: (kept.ip_id.is_some() && !kept.dont_fragment).then_some(false),
            macs: own_mac.filter(|own| *own != mac).map(|own| (own, peer_mac)),
            ..PLAIN
        }
    }

    fn quote(&self, kind: IcmpKind, from: IpAddr) -> Option<IcmpQuote> {
        let from = self.address(from);
        match kind {
            IcmpKind::Unreachable(code) => Some(IcmpQuote::Unreachable(code, from)),
            IcmpKind::TooBig(mtu) => Some(IcmpQuote::TooBig(u16::try_from(mtu).unwrap_or(u16::MAX), from)),
            IcmpKind::TimeExceeded => Some(IcmpQuote::TimeExceeded(from)),
            IcmpKind::Other(..) => None,
        }
    }

    /// The ends keep who they are; whoever else spoke stands between them.
    fn address(&self, ip: IpAddr) -> IpAddr {
        let [client, server] = self.new.map(|end| end.ip());
        match ip {
            ip if ip == self.client.ip() => client,
            ip if ip == self.server.ip() => server,
            IpAddr::V4(_) => Ipv4Addr::new(10, 0, 0, 254).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe).into(),
        }
    }

    fn position(&self, end: usize, number: Seq) -> Position {
        let base = self.bases.get(end).copied().unwrap_or_default();
        Position::Relative(i64::from(number.since(base)))
    }

    fn options(&self, mut bytes: &[u8], own: usize, other: usize) -> Vec<TcpOption> {
        let mut options = Vec::new();
        loop {
            bytes = match bytes {
                [1, rest @ ..] => {
                    options.push(TcpOption::NoOperation);
                    rest
                }
                [kind, len, rest @ ..] if *kind != 0 => {
                    let split = usize::from(*len).checked_sub(2).and_then(|len| rest.split_at_checked(len));
                    let Some((data, rest)) = split else { return options };
                    options.push(self.option(*kind, data, own, other));
                    rest
                }
                _ => return options,
            };
        }
    }

    fn option(&self, kind: u8, data: &[u8], own: usize, other: usize) -> TcpOption {
        match (kind, data) {
            (2, [high, low]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([*high, *low])),
            (3, [shift]) => TcpOption::WindowScale(*shift),
            (4, []) => TcpOption::SackPermitted,
            (5, _) if !data.is_empty() && data.len().is_multiple_of(8) => {
                let (edges, _) = data.as_chunks::<4>();
                let mut edges = edges.iter().map(|edge| self.position(other, Seq(u32::from_be_bytes(*edge))));
                TcpOption::Sack(std::iter::from_fn(|| Some((edges.next()?, edges.next()?))).collect())
            }
            (8, [a, b, c, d, e, f, g, h]) => TcpOption::Timestamps(
                self.timestamp(own, u32::from_be_bytes([*a, *b, *c, *d])),
                self.timestamp(other, u32::from_be_bytes([*e, *f, *g, *h])),
            ),
            (34, cookie) => TcpOption::FastOpen(vec![0; cookie.len()]),
            (253 | 254, _) => experiment(kind, data),
            _ => TcpOption::Raw(kind, vec![0; data.len()]),
        }
    }

    /// Zero stands for no timestamp to echo.
    fn timestamp(&self, end: usize, value: u32) -> u32 {
        match self.timestamps.get(end).copied().flatten() {
            Some(first) if value != 0 => value.wrapping_sub(first).wrapping_add(FIRST_TIMESTAMP),
            _ => value,
        }
    }
}

/// What becomes the initial sequence number of a side: that of its SYN, else what makes its first octet number 1. A side
/// that was not heard is known by what the other acknowledged.
fn base<'a>(first: Option<&Kept>, mut other: impl Iterator<Item = &'a Kept>) -> Seq {
    match first {
        Some(first) if first.flags.has(Flags::SYN) => first.seq,
        Some(first) => first.seq.minus(1),
        None => other.find(|kept| kept.flags.has(Flags::ACK)).map_or(Seq(0), |kept| kept.ack.minus(1)),
    }
}

/// The first timestamp of a side, or the first that the other echoes, if that is earlier.
fn first_timestamp<'a>(
    mut own: impl Iterator<Item = &'a Kept>,
    mut other: impl Iterator<Item = &'a Kept>,
) -> Option<u32> {
    let sent = own.find_map(|kept| timestamps(&kept.options)).map(|(value, _)| value);
    let echoed = other.find_map(|kept| timestamps(&kept.options).map(|(_, echo)| echo).filter(|echo| *echo != 0));
    match (sent, echoed) {
        (Some(sent), Some(echoed)) => Some(if Seq(echoed).before(Seq(sent)) { echoed } else { sent }),
        (one, another) => one.or(another),
    }
}

fn timestamps(mut options: &[u8]) -> Option<(u32, u32)> {
    loop {
        options = match options {
            [8, 10, a, b, c, d, e, f, g, h, ..] => {
                return Some((u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h])));
            }
            [1, rest @ ..] => rest,
            [kind, len, ..] if *kind != 0 && *len >= 2 => options.get(usize::from(*len)..)?,
            _ => return None,
        };
    }
}

/// An option of a kind that experiments share with a real client's address.
fn experiment(kind: u8, data: &[u8]) -> TcpOption {
    const PORT: u16 = 50_000;
    const REAL_CLIENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
    let id = data.first_chunk().filter(|id| EXPERIMENTS.contains(id));
    match (kind, data.len(), id) {
        (_, len, Some(id)) => TcpOption::Raw(kind, id.iter().copied().chain(std::iter::repeat(0)).take(len).collect()),
        (254, 6, None) => TcpOption::Toa(SocketAddr::new(Ipv4Addr::new(10, 1, 0, 1).into(), PORT)),
        (254, 18, None) => TcpOption::Toa(SocketAddr::new(REAL_CLIENT.into(), PORT)),
        (253, 18, None) => TcpOption::Toa253(SocketAddrV6::new(REAL_CLIENT, PORT, 0, 0)),
        (_, len, None) => TcpOption::Raw(kind, vec![0; len]),
    }
}

/// The new ends: the server keeps its port, which says what it serves.
fn new_ends(client: SocketAddr, server: SocketAddr) -> [SocketAddr; 2] {
    let ips: [IpAddr; 2] = if client.is_ipv4() {
        [Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into()]
    } else {
        let host = |number| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into();
        [host(1), host(2)]
    };
    let [client_ip, server_ip] = ips;
    let port = if server.port() < CLIENT_PORT { CLIENT_PORT } else { client.port() };
    [SocketAddr::new(client_ip, port), SocketAddr::new(server_ip, server.port())]
}
