//! The short way to the frames that most captures are made of: Ethernet, perhaps one VLAN tag, IPv4 without options or IPv6
//! without extension headers, and the whole of a TCP header. It costs a third of the general way, and gives the same: what
//! it does not know, it leaves to that one, and a property test holds the two together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::options::{hash, options};
use super::{Flags, LinkInfo, Segment, ip};
use crate::seq::Seq;

const TCP_LEN: usize = 20;

/// What the IP header says.
struct Packet<'a> {
    src: IpAddr,
    dst: IpAddr,
    hop_limit: u8,
    id: Option<u16>,
    dont_fragment: bool,
    /// What was captured behind the header.
    body: &'a [u8],
    /// How long that was on the wire.
    wire_len: u32,
}

/// The segment of an Ethernet frame, if it goes the short way.
#[inline]
pub(super) fn ethernet(frame: &[u8]) -> Option<Segment<'_>> {
    let ([d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low], mut rest) = frame.split_first_chunk::<14>()?;
    let mut ether_type = [*high, *low];
    let mut vlan = None;
    if ether_type == [0x81, 0x00] {
        let ([tag_high, tag_low, high, low], behind) = rest.split_first_chunk::<4>()?;
        vlan = Some(u16::from_be_bytes([tag_high & 0x0f, *tag_low]));
        ether_type = [*high, *low];
        rest = behind;
    }
    let packet = match ether_type {
        [0x08, 0x00] => ipv4(rest)?,
        [0x86, 0xdd] => ipv6(rest)?,
        _ => return None,
    };
    let src_mac = Some([*s0, *s1, *s2, *s3, *s4, *s5]);
    let dst_mac = Some([*d0, *d1, *d2, *d3, *d4, *d5]);
    segment(&packet, LinkInfo { src_mac, dst_mac, vlan, packet_type: None, if_index: None })
}

#[inline]
fn ipv4(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, body) = bytes.split_first_chunk::<20>()?;
    let [0x45, _, l0, l1, i0, i1, f0, f1, hop_limit, ip::TCP, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header else {
        return None;
    };
    // Fragments, and lengths that the network card had still to fill in.
    let wire_len = u32::from(u16::from_be_bytes([*l0, *l1])).checked_sub(20)?;
    if f0 & 0x3f != 0 || *f1 != 0 {
        return None;
    }
    Some(Packet {
        src: Ipv4Addr::new(*s0, *s1, *s2, *s3).into(),
        dst: Ipv4Addr::new(*d0, *d1, *d2, *d3).into(),
        hop_limit: *hop_limit,
        id: Some(u16::from_be_bytes([*i0, *i1])),
        dont_fragment: f0 & 0x40 != 0,
        body: body.get(..wire_len as usize).unwrap_or(body),
        wire_len,
    })
}

#[inline]
fn ipv6(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let [0x60..=0x6f, _, _, _, l0, l1, ip::TCP, hop_limit] = header else { return None };
    let (src, rest) = rest.split_first_chunk::<16>()?;
    let (dst, body) = rest.split_first_chunk::<16>()?;
    let wire_len = u32::from(u16::from_be_bytes([*l0, *l1]));
    if wire_len == 0 {
        return None;
    }
    Some(Packet {
        src: Ipv6Addr::from(*src).into(),
        dst: Ipv6Addr::from(*dst).into(),
        hop_limit: *hop_limit,
        id: None,
        dont_fragment: true,
        body: body.get(..wire_len as usize).unwrap_or(body),
        wire_len,
    })
}

#[inline]
fn segment<'a>(packet: &Packet<'a>, link: LinkInfo) -> Option<Segment<'a>> {
    let (header, _) = packet.body.split_first_chunk::<TCP_LEN>()?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = *header;
    let header_len = usize::from(offset >> 4) * 4;
    let payload_len = packet.wire_len.checked_sub(u32::try_from(header_len).ok()?)?;
    let option_bytes = packet.body.get(TCP_LEN..header_len)?;
    let payload = packet.body.get(header_len..)?;
    Some(Segment {
        src: packet.src,
        dst: packet.dst,
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
        seq: Seq(u32::from_be_bytes([q0, q1, q2, q3])),
        ack: Seq(u32::from_be_bytes([a0, a1, a2, a3])),
        flags: Flags(u16::from(offset & 1) << 8 | u16::from(flags)),
        window: u16::from_be_bytes([w0, w1]),
        payload_len,
        payload,
        options: options(option_bytes),
        options_hash: hash(option_bytes),
        hop_limit: packet.hop_limit,
        ip_id: packet.id,
        dont_fragment: packet.dont_fragment,
        fragment: None,
        link,
        tunnel: None,
        told: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::capture::LinkType;
    use crate::script::Script;
    use crate::wire::{Decoded, decode_any};

    /// A frame of each shape that goes the short way, and of some that do not.
    fn frames() -> Vec<Vec<u8>> {
        let text = "flow 10.0.0.1:1 > 10.0.0.2:2\n0 > S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>\n\
            +.1 > P. 1:20(19) ack 1 <nop,nop,TS val 9 ecr 7>\n+.1 < R 1:1(0)";
        let other = "flow [2001:db8::1]:1 > [2001:db8::2]:2\n0 > . 1:9(8) ack 1";
        let mut frames = Vec::new();
        for text in [text, other] {
            let script = Script::parse(text).unwrap();
            for frame in script.frames() {
                let mut tagged = frame.bytes.clone();
                tagged.splice(12..12, [0x81, 0x00, 0xe0, 0x64]);
                frames.extend([frame.bytes, tagged]);
            }
        }
        frames
    }

    #[test]
    fn the_usual_frames_go_the_short_way() {
        for frame in frames() {
            assert!(ethernet(&frame).is_some(), "{frame:02x?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever is damaged, cut or padded: where the short way leads anywhere, the general way leads there too.
        #[test]
        fn both_ways_lead_to_the_same(
            frame: Index,
            damage in vec((any::<Index>(), any::<u8>()), 0..4),
            cut: Index,
            padding in 0..9_usize,
            original_len in prop_oneof![Just(0), 0..200_u32],
        ) {
            let mut frames = frames();
            let mut frame = frames.swap_remove(frame.index(frames.len()));
            frame.resize(frame.len() + padding, 0);
            damage.iter().for_each(|(place, value)| *place.get_mut(&mut frame) ^= value);
            if padding == 0 {
                frame.truncate(cut.index(frame.len() + 1));
            }
            let Some(short) = ethernet(&frame) else { return Ok(()) };
            let Decoded::Segment(general) = decode_any(LinkType(1), &frame, original_len) else {
                return Err(TestCaseError::fail(format!("no segment in {frame:02x?}, but {short:?}")));
            };
            prop_assert_eq!(format!("{short:?}"), format!("{general:?}"));
        }
    }
}
