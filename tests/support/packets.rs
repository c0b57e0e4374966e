//! Frames from parts, for captures that the packet-script notation has no words for: fragments, tunnels, ICMP, cut headers.
//!
//! Checksums stay zero: neither program verifies them.

/// TCP flag bits (RFC 9293 3.1).
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];

/// One record of a capture: the bytes kept, and how long the frame was.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) original_len: u32,
}

impl Frame {
    /// A frame captured whole.
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        let original_len = u32::try_from(bytes.len()).unwrap();
        Self { bytes, original_len }
    }

    /// The frame as a snaplen of `len` bytes leaves it.
    pub(crate) fn cut(mut self, len: usize) -> Self {
        self.bytes.truncate(len);
        self
    }
}

/// A TCP segment between two IPv4 addresses.
#[derive(Clone)]
pub(crate) struct Tcp {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) ports: [u16; 2],
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// In 32-bit words; 5 without options.
    pub(crate) data_offset: u8,
    pub(crate) window: u16,
    pub(crate) payload: Vec<u8>,
}

/// From the client, 10.0.0.1 port 1111, to the server, 10.0.0.2 port 80.
pub(crate) fn client(flags: u8, seq: u32, ack: u32) -> Tcp {
    Tcp {
        source: CLIENT,
        destination: SERVER,
        ports: [1111, 80],
        flags,
        seq,
        ack,
        data_offset: 5,
        window: 8192,
        payload: Vec::new(),
    }
}

/// The other way.
pub(crate) fn server(flags: u8, seq: u32, ack: u32) -> Tcp {
    Tcp { source: SERVER, destination: CLIENT, ports: [80, 1111], ..client(flags, seq, ack) }
}

impl Tcp {
    /// The same segment with another port on the client's side.
    pub(crate) fn port(mut self, port: u16) -> Self {
        let side = usize::from(self.source == SERVER);
        self.ports[side] = port;
        self
    }

    pub(crate) fn payload(mut self, len: usize) -> Self {
        self.payload = vec![b'x'; len];
        self
    }

    /// The TCP header and payload.
    pub(crate) fn segment(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.ports[0].to_be_bytes());
        bytes.extend(self.ports[1].to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([self.data_offset << 4, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.payload);
        bytes
    }

    /// The IPv4 packet.
    pub(crate) fn ip(&self) -> Vec<u8> {
        ipv4(self.source, self.destination, 6, &self.segment())
    }

    /// The packet in an Ethernet frame.
    pub(crate) fn eth(&self) -> Frame {
        ethernet(0x0800, &self.ip())
    }

    /// The segment in IPv6, between addresses that end like the IPv4 ones.
    pub(crate) fn ipv6(&self) -> Vec<u8> {
        ipv6(self.source[3], self.destination[3], 6, &self.segment())
    }
}

/// An IPv4 packet without options, identification 1.
pub(crate) fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, 0, total[0], total[1], 0, 1, 0, 0, 64, protocol, 0, 0];
    bytes.extend(source);
    bytes.extend(destination);
    bytes.extend(payload);
    bytes
}

/// An IPv6 packet between 2001:db8::`source` and 2001:db8::`destination`.
pub(crate) fn ipv6(source: u8, destination: u8, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, len[0], len[1], next_header, 64];
    for last in [source, destination] {
        bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend(payload);
    bytes
}

/// An Ethernet frame.
pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Frame {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(payload);
    Frame::whole(bytes)
}

/// A tunnel packet between two routers: `protocol` over IPv4 over Ethernet.
pub(crate) fn routed(protocol: u8, payload: &[u8]) -> Frame {
    ethernet(0x0800, &ipv4([192, 0, 2, 1], [192, 0, 2, 2], protocol, payload))
}

/// A UDP datagram between two routers.
pub(crate) fn datagram(ports: [u16; 2], payload: &[u8]) -> Frame {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut bytes: Vec<u8> = [ports[0], ports[1], len, 0].iter().flat_map(|field| field.to_be_bytes()).collect();
    bytes.extend(payload);
    routed(17, &bytes)
}

/// An ICMP message from a router, with `quote` behind its eight bytes.
pub(crate) fn icmp(kind: u8, code: u8, quote: &[u8]) -> Frame {
    let mut bytes = vec![kind, code, 0, 0, 0, 0, 0, 0];
    bytes.extend(quote);
    ethernet(0x0800, &ipv4([192, 0, 2, 9], CLIENT, 1, &bytes))
}

/// `packet` (IPv4) in fragments of at most `size` payload bytes, a multiple of eight.
pub(crate) fn fragments(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let count = payload.chunks(size).count();
    payload
        .chunks(size)
        .enumerate()
        .map(|(index, part)| {
            let more = if index + 1 < count { 0x2000 } else { 0 };
            let field = (more | u16::try_from(index * size / 8).unwrap()).to_be_bytes();
            let total = u16::try_from(20 + part.len()).unwrap().to_be_bytes();
            let mut bytes = header.to_vec();
            bytes[2..4].copy_from_slice(&total);
            bytes[6..8].copy_from_slice(&field);
            bytes.extend(part);
            bytes
        })
        .collect()
}

/// `segment` in IPv6 fragments of at most `size` payload bytes, a multiple of eight.
pub(crate) fn fragments6(segment: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = segment.chunks(size).count();
    segment
        .chunks(size)
        .enumerate()
        .map(|(index, part)| {
            let more = u16::from(index + 1 < count);
            let field = (u16::try_from(index * size).unwrap() | more).to_be_bytes();
            let mut bytes = vec![6, 0, field[0], field[1], 0, 0, 0, 7];
            bytes.extend(part);
            ipv6(1, 2, 44, &bytes)
        })
        .collect()
}

/// A classic pcap file of these frames, 10 ms apart.
pub(crate) fn pcap(link_type: u32, frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0]);
    for field in [0, 0, 262_144, link_type] {
        bytes.extend(u32::to_le_bytes(field));
    }
    for (index, frame) in frames.iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        let kept = u32::try_from(frame.bytes.len()).unwrap();
        for field in [1_700_000_000 + index / 100, index % 100 * 10_000, kept, frame.original_len] {
            bytes.extend(u32::to_le_bytes(field));
        }
        bytes.extend(&frame.bytes);
    }
    bytes
}
