//! Ethernet frames that hold one TCP segment, checksums included.

/// FIN.
pub(crate) const FIN: u8 = 0x01;
/// SYN.
pub(crate) const SYN: u8 = 0x02;
/// RST.
pub(crate) const RST: u8 = 0x04;
/// PSH.
pub(crate) const PSH: u8 = 0x08;
/// ACK.
pub(crate) const ACK: u8 = 0x10;

/// The shortest frame that Ethernet carries, without its checksum.
const LEAST_FRAME: usize = 60;
/// MSS 1460, SACK permitted, timestamps 0 and 0, no-operation, window scale 7: what Linux sends on a SYN, 20 bytes.
const SYN_OPTIONS: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];

/// The addresses of a flow's client and server.
#[derive(Clone, Copy)]
pub(crate) enum Addresses {
    /// IPv4.
    V4([u8; 4], [u8; 4]),
    /// IPv6.
    V6([u8; 16], [u8; 16]),
}

/// What all segments of a flow share.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    /// Of client and server.
    pub(crate) addresses: Addresses,
    /// Of client and server.
    pub(crate) ports: [u16; 2],
    /// An 802.1Q tag.
    pub(crate) vlan: Option<u16>,
    /// Whether segments but RSTs carry the timestamps option.
    pub(crate) timestamps: bool,
}

/// One segment.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    /// Whether the client sends it.
    pub(crate) by_client: bool,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) payload_len: usize,
    /// The octet that the payload is made of.
    pub(crate) octet: u8,
    /// IP identification, not 0.
    pub(crate) ip_id: u16,
    /// TSval.
    pub(crate) clock: u32,
}

/// Builds the frame of `segment` in `frame`, whose memory is used again.
pub(crate) fn build(frame: &mut Vec<u8>, path: &Path, segment: &Segment) {
    frame.clear();
    let macs = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
    let [src, dst] = if segment.by_client { [0, 1] } else { [1, 0] };
    frame.extend(macs[dst]);
    frame.extend(macs[src]);
    if let Some(vlan) = path.vlan {
        frame.extend([0x81, 0x00]);
        frame.extend(vlan.to_be_bytes());
    }
    let options = options(path, segment);
    let tcp_len = 20 + options.len() + segment.payload_len;
    let pseudo = match path.addresses {
        Addresses::V4(client, server) => {
            let pair = [client, server];
            ipv4(frame, pair[src], pair[dst], tcp_len, segment.ip_id)
        }
        Addresses::V6(client, server) => {
            let pair = [client, server];
            ipv6(frame, pair[src], pair[dst], tcp_len)
        }
    };
    let start = frame.len();
    frame.extend(path.ports[src].to_be_bytes());
    frame.extend(path.ports[dst].to_be_bytes());
    frame.extend(segment.seq.to_be_bytes());
    frame.extend(segment.ack.to_be_bytes());
    frame.push(((20 + options.len()) as u8 / 4) << 4);
    frame.push(segment.flags);
    frame.extend(502_u16.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(&options);
    frame.resize(frame.len() + segment.payload_len, segment.octet);
    let sum = checksum(pseudo + 6 + tcp_len as u32, &frame[start..]);
    frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
    if frame.len() < LEAST_FRAME {
        frame.resize(LEAST_FRAME, 0);
    }
}

fn options(path: &Path, segment: &Segment) -> Vec<u8> {
    let stamp = segment.clock.to_be_bytes();
    if segment.flags & SYN != 0 {
        let mut options = SYN_OPTIONS.to_vec();
        options[8..12].copy_from_slice(&stamp);
        return if path.timestamps { options } else { options[..4].to_vec() };
    }
    if !path.timestamps || segment.flags & RST != 0 {
        return Vec::new();
    }
    let mut options = vec![1, 1, 8, 10];
    options.extend(stamp);
    options.extend(segment.clock.wrapping_sub(1).max(1).to_be_bytes());
    options
}

/// Appends the header; returns the sum over the addresses.
fn ipv4(frame: &mut Vec<u8>, src: [u8; 4], dst: [u8; 4], tcp_len: usize, id: u16) -> u32 {
    frame.extend([0x08, 0x00]);
    let start = frame.len();
    frame.extend([0x45, 0]);
    frame.extend((20 + tcp_len as u16).to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend([0x40, 0, 64, 6, 0, 0]);
    frame.extend(src);
    frame.extend(dst);
    let sum = checksum(0, &frame[start..]);
    frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
    words(&src) + words(&dst)
}

/// Appends the header; returns the sum over the addresses.
fn ipv6(frame: &mut Vec<u8>, src: [u8; 16], dst: [u8; 16], tcp_len: usize) -> u32 {
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((tcp_len as u16).to_be_bytes());
    frame.extend([6, 64]);
    frame.extend(src);
    frame.extend(dst);
    words(&src) + words(&dst)
}

/// The internet checksum (RFC 1071) of `bytes`, begun with `start`.
fn checksum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = start + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn words(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low))).sum()
}
