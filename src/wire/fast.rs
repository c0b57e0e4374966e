//! The short way to the frames that most captures are made of: Ethernet, perhaps one VLAN tag, IPv4 without options or IPv6
//! without extension headers, and the whole of a TCP header. It costs a third of the general way, and gives the same: what
//! it does not know, it leaves to that one, and a property test holds the two together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::options::{list, usual};
use super::{Decoded, Flags, LinkInfo, Options, Segment, ip};
use crate::seq::Seq;

const TCP_LEN: usize = 20;

/// What the link layer says.
struct Link<'a> {
    src_mac: &'a [u8; 6],
    dst_mac: &'a [u8; 6],
    vlan: Option<u16>,
}

/// What the layers below TCP say.
struct Below<'a> {
    src: IpAddr,
    dst: IpAddr,
    hop_limit: u8,
    ip_id: Option<u16>,
    dont_fragment: bool,
    link: Link<'a>,
}

/// What was captured behind an IP header.
struct Body<'a> {
    header: &'a [u8; TCP_LEN],
    option_bytes: &'a [u8],
    payload: &'a [u8],
    /// How long the payload was on the wire.
    payload_len: u32,
}

/// Decodes an Ethernet frame, if it goes the short way. Every packet comes here, so that all that it says is read where it stands and
/// written where it stays, with nothing in between: hence the steps below are made one function.
#[inline(always)]
pub(super) fn ethernet<'a>(frame: &'a [u8], decoded: &mut Decoded<'a>) -> Option<()> {
    let (header, mut rest) = frame.split_first_chunk::<14>()?;
    let (dst_mac, header) = header.split_first_chunk::<6>()?;
    let (src_mac, mut ether_type) = header.split_first_chunk::<6>()?;
    let mut vlan = None;
    if ether_type == [0x81, 0x00] {
        let (tag, behind) = rest.split_first_chunk::<4>()?;
        let (tag, behind_tag) = tag.split_first_chunk::<2>()?;
        vlan = Some(u16::from_be_bytes(*tag) & 0x0fff);
        (ether_type, rest) = (behind_tag, behind);
    }
    let link = Link { src_mac, dst_mac, vlan };
    match ether_type {
        [0x08, 0x00] => ipv4(rest, link, decoded),
        [0x86, 0xdd] => ipv6(rest, link, decoded),
        _ => None,
    }
}

#[inline(always)]
fn ipv4<'a>(bytes: &'a [u8], link: Link<'_>, decoded: &mut Decoded<'a>) -> Option<()> {
    let (header, behind) = bytes.split_first_chunk::<20>()?;
    let [0x45, _, l0, l1, i0, i1, f0, f1, hop_limit, ip::TCP, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header else {
        return None;
    };
    // Fragments, and lengths that the network card had still to fill in.
    let wire_len = u32::from(u16::from_be_bytes([*l0, *l1])).checked_sub(20)?;
    if f0 & 0x3f != 0 || *f1 != 0 {
        return None;
    }
    let below = Below {
        src: Ipv4Addr::new(*s0, *s1, *s2, *s3).into(),
        dst: Ipv4Addr::new(*d0, *d1, *d2, *d3).into(),
        hop_limit: *hop_limit,
        ip_id: Some(u16::from_be_bytes([*i0, *i1])),
        dont_fragment: f0 & 0x40 != 0,
        link,
    };
    segment(&body(behind, wire_len)?, &below, decoded);
    Some(())
}

#[inline]
fn ipv6<'a>(bytes: &'a [u8], link: Link<'_>, decoded: &mut Decoded<'a>) -> Option<()> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let [0x60..=0x6f, _, _, _, l0, l1, ip::TCP, hop_limit] = header else { return None };
    let (src, rest) = rest.split_first_chunk::<16>()?;
    let (dst, behind) = rest.split_first_chunk::<16>()?;
    let wire_len = u32::from(u16::from_be_bytes([*l0, *l1]));
    if wire_len == 0 {
        return None;
    }
    let below = Below {
        src: Ipv6Addr::from(*src).into(),
        dst: Ipv6Addr::from(*dst).into(),
        hop_limit: *hop_limit,
        ip_id: None,
        dont_fragment: true,
        link,
    };
    segment(&body(behind, wire_len)?, &below, decoded);
    Some(())
}

#[inline(always)]
fn body(behind: &[u8], wire_len: u32) -> Option<Body<'_>> {
    let bytes = behind.get(..wire_len as usize).unwrap_or(behind);
    let header = bytes.first_chunk::<TCP_LEN>()?;
    let [.., offset, _, _, _, _, _, _, _] = *header;
    let header_len = usize::from(offset >> 4) * 4;
    Some(Body {
        header,
        option_bytes: bytes.get(TCP_LEN..header_len)?,
        payload: bytes.get(header_len..)?,
        payload_len: wire_len.checked_sub(u32::from(offset >> 4) * 4)?,
    })
}

#[inline(always)]
fn segment<'a>(body: &Body<'a>, below: &Below<'_>, decoded: &mut Decoded<'a>) {
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = *body.header;
    let usual = usual(body.option_bytes);
    *decoded = Decoded::Segment(Segment {
        src: below.src,
        dst: below.dst,
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
        seq: Seq(u32::from_be_bytes([q0, q1, q2, q3])),
        ack: Seq(u32::from_be_bytes([a0, a1, a2, a3])),
        flags: Flags(u16::from(offset & 1) << 8 | u16::from(flags)),
        window: u16::from_be_bytes([w0, w1]),
        payload_len: body.payload_len,
        payload: body.payload,
        options: Options { timestamps: usual.flatten(), ..Options::default() },
        option_bytes: body.option_bytes,
        hop_limit: below.hop_limit,
        ip_id: below.ip_id,
        dont_fragment: below.dont_fragment,
        fragment: None,
        link: LinkInfo {
            src_mac: Some(*below.link.src_mac),
            dst_mac: Some(*below.link.dst_mac),
            vlan: below.link.vlan,
            packet_type: None,
            if_index: None,
        },
        tunnel: None,
        told: None,
    });
    if let (None, Decoded::Segment(segment)) = (usual, decoded) {
        segment.options = list(body.option_bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::capture::LinkType;
    use crate::script::Script;
    use crate::wire::decode_any;

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
            assert!(ethernet(&frame, &mut Decoded::nothing()).is_some(), "{frame:02x?}");
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
            let mut short = Decoded::nothing();
            if ethernet(&frame, &mut short).is_none() {
                prop_assert!(matches!(short, Decoded::Skip(_)), "nothing is left behind");
                return Ok(());
            }
            let general = decode_any(LinkType(1), &frame, original_len);
            prop_assert_eq!(format!("{short:?}"), format!("{general:?}"));
        }
    }
}
