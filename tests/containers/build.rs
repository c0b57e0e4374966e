//! Captures put together from numbers.

/// A packet to be written into a capture.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) secs: u32,
    pub(crate) nanos: u32,
    pub(crate) data: Vec<u8>,
    pub(crate) original_len: u32,
}

impl Packet {
    pub(crate) fn time(&self) -> i64 {
        i64::from(self.secs) * 1_000_000_000 + i64::from(self.nanos)
    }
}

/// Packets of many lengths, at times that microseconds can express; every third is cut by a snapshot length.
pub(crate) fn packets(count: u32) -> Vec<Packet> {
    let packet = |i: u32| {
        let len = [60, 0, 61, 1514, 98][i as usize % 5];
        let data: Vec<u8> = (0..len).map(|byte: u32| (byte * 7 + i) as u8).collect();
        let original_len = if i.is_multiple_of(3) { len + 100 + i } else { len };
        Packet { secs: 1_700_000_000 + i / 4, nanos: (i % 4) * 250_001_000, data, original_len }
    };
    (0..count).map(packet).collect()
}

fn bytes32(big: bool, value: u32) -> [u8; 4] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

fn bytes16(big: bool, value: u16) -> [u8; 2] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// A flavour of classic pcap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flavour {
    pub(crate) big: bool,
    pub(crate) nano: bool,
    pub(crate) modified: bool,
}

pub(crate) const PLAIN: Flavour = Flavour { big: false, nano: false, modified: false };

pub(crate) fn pcap_header(flavour: Flavour, version: (u16, u16), link: u32) -> Vec<u8> {
    let Flavour { big, nano, modified } = flavour;
    let magic = match (nano, modified) {
        (_, true) => 0xa1b2_cd34,
        (true, _) => 0xa1b2_3c4d,
        _ => 0xa1b2_c3d4,
    };
    let mut bytes = bytes32(big, magic).to_vec();
    bytes.extend(bytes16(big, version.0));
    bytes.extend(bytes16(big, version.1));
    for value in [0, 0, 262_144, link] {
        bytes.extend(bytes32(big, value));
    }
    bytes
}

pub(crate) fn pcap_record(flavour: Flavour, packet: &Packet) -> Vec<u8> {
    let fraction = if flavour.nano { packet.nanos } else { packet.nanos / 1_000 };
    let mut bytes = Vec::new();
    for value in [packet.secs, fraction, packet.data.len() as u32, packet.original_len] {
        bytes.extend(bytes32(flavour.big, value));
    }
    if flavour.modified {
        bytes.extend([0, 0, 0, 9, 8, 0, 4, 0xee]);
    }
    bytes.extend(&packet.data);
    bytes
}

pub(crate) fn pcap(flavour: Flavour, link: u32, packets: &[Packet]) -> Vec<u8> {
    let mut bytes = pcap_header(flavour, (2, 4), link);
    bytes.extend(packets.iter().flat_map(|packet| pcap_record(flavour, packet)));
    bytes
}

/// A pcapng file, block after block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ng {
    pub(crate) big: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Ng {
    /// A file with its first section.
    pub(crate) fn new(big: bool) -> Self {
        Self { big, bytes: Vec::new() }.section(big, u64::MAX, &[])
    }

    pub(crate) fn n16(&self, value: u16) -> [u8; 2] {
        bytes16(self.big, value)
    }

    pub(crate) fn n32(&self, value: u32) -> [u8; 4] {
        bytes32(self.big, value)
    }

    pub(crate) fn n64(&self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let total = 12 + body.len().next_multiple_of(4) as u32;
        self.bytes.extend(bytes32(self.big, kind));
        self.bytes.extend(bytes32(self.big, total));
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0xaa);
        self.bytes.extend(bytes32(self.big, total));
        self
    }

    /// Options with their end mark.
    pub(crate) fn options(&self, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.n16(*code));
            bytes.extend(self.n16(value.len() as u16));
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }

    pub(crate) fn section(mut self, big: bool, len: u64, options: &[(u16, &[u8])]) -> Self {
        self.big = big;
        let mut body = self.n32(0x1a2b_3c4d).to_vec();
        body.extend(self.n16(1));
        body.extend(self.n16(0));
        body.extend(self.n64(len));
        body.extend(self.options(options));
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = self.n16(link).to_vec();
        body.extend([0; 2]);
        body.extend(self.n32(snaplen));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    pub(crate) fn enhanced(
        self,
        interface: u32,
        ticks: u64,
        data: &[u8],
        original_len: u32,
        options: &[(u16, &[u8])],
    ) -> Self {
        let mut body = Vec::new();
        for value in [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, original_len] {
            body.extend(self.n32(value));
        }
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.options(options));
        self.block(6, &body)
    }

    pub(crate) fn simple(self, data: &[u8], original_len: u32) -> Self {
        let body = [&self.n32(original_len), data].concat();
        self.block(3, &body)
    }

    pub(crate) fn obsolete(self, interface: u16, drops: u16, ticks: u64, data: &[u8], original_len: u32) -> Self {
        let mut body = self.n16(interface).to_vec();
        body.extend(self.n16(drops));
        for value in [(ticks >> 32) as u32, ticks as u32, data.len() as u32, original_len] {
            body.extend(self.n32(value));
        }
        body.extend(data);
        self.block(2, &body)
    }

    pub(crate) fn statistics(self, interface: u32, options: &[(u16, u64)]) -> Self {
        let mut body = self.n32(interface).to_vec();
        body.extend([0; 8]);
        let values: Vec<(u16, [u8; 8])> = options.iter().map(|(code, value)| (*code, self.n64(*value))).collect();
        let options: Vec<(u16, &[u8])> = values.iter().map(|(code, value)| (*code, &value[..])).collect();
        body.extend(self.options(&options));
        self.block(5, &body)
    }
}

/// The packets as enhanced packet blocks of one interface with microseconds.
pub(crate) fn pcapng(big: bool, link: u16, packets: &[Packet]) -> Vec<u8> {
    let begin = Ng::new(big).interface(link, 0, &[]);
    let whole = packets
        .iter()
        .fold(begin, |ng, packet| ng.enhanced(0, packet.time() as u64 / 1_000, &packet.data, packet.original_len, &[]));
    whole.bytes
}
