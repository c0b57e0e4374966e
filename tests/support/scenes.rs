//! Captures made for the numbering of streams, what starts a new one and which frames carry one at all, and for the labels
//! that no recorded fixture shows.

use crate::support::packets::{
    ACK, FIN, Frame, RST, SYN, Tcp, client, datagram, ethernet, fragments, fragments6, icmp, ipv4, ipv6, routed, server,
};

const ETHERNET: u32 = 1;

/// A capture with a name.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) link_type: u32,
    pub(crate) frames: Vec<Frame>,
}

/// All of them.
pub(crate) fn all() -> Vec<Scene> {
    let mut scenes = initial_numbers();
    scenes.extend(guessed_numbers());
    scenes.extend(tuples());
    scenes.extend(encapsulations());
    scenes.extend(tunnels());
    scenes.extend(quotes());
    scenes.extend(fragmented());
    scenes.extend(damaged());
    scenes.extend(links());
    scenes.extend(labels());
    scenes
}

fn scene(name: &'static str, frames: Vec<Frame>) -> Scene {
    Scene { name, link_type: ETHERNET, frames }
}

fn segments(name: &'static str, segments: &[Tcp]) -> Scene {
    scene(name, segments.iter().map(Tcp::eth).collect())
}

/// A handshake, client ISN 1000, server ISN 4999.
fn handshake() -> Vec<Tcp> {
    vec![client(SYN, 1000, 0), server(SYN | ACK, 4999, 1001), client(ACK, 1001, 5000)]
}

fn after_handshake(name: &'static str, rest: &[Tcp]) -> Scene {
    segments(name, &[handshake(), rest.to_vec()].concat())
}

fn initial_numbers() -> Vec<Scene> {
    vec![
        segments("syn-again", &[client(SYN, 1000, 0), client(SYN, 1000, 0)]),
        segments("syn-other-isn", &[client(SYN, 1000, 0), client(SYN, 9000, 0), server(SYN | ACK, 5, 9001)]),
        after_handshake("syn-other-isn-while-open", &[client(SYN, 7, 0), client(ACK, 1001, 5000)]),
        after_handshake(
            "syn-again-after-fin",
            &[client(FIN | ACK, 1001, 5000), server(FIN | ACK, 5000, 1002), client(SYN, 1000, 0)],
        ),
        segments("syn-again-after-reset", &[client(SYN, 1000, 0), server(RST | ACK, 0, 1001), client(SYN, 1000, 0)]),
        segments(
            "syn-other-isn-after-reset",
            &[client(SYN, 1000, 0), server(RST | ACK, 0, 1001), client(SYN, 2000, 0)],
        ),
        segments("old-isn-returns", &[client(SYN, 1000, 0), client(SYN, 2, 0), client(SYN, 1000, 0)]),
        segments("simultaneous-open", &[client(SYN, 1000, 0), server(SYN, 700, 0), client(SYN | ACK, 1000, 701)]),
        after_handshake("syn-from-the-other-side", &[server(SYN, 700, 0), server(ACK, 701, 1001)]),
        after_handshake("syn-from-the-other-side-same-isn", &[server(SYN, 4999, 0)]),
        after_handshake("second-syn-ack-other-isn", &[server(SYN | ACK, 8999, 1001), server(ACK, 9000, 1001)]),
        segments("syn-with-fin", &[client(SYN, 1000, 0), client(SYN | FIN, 2, 0)]),
        segments("isn-zero", &[client(SYN, 0, 0), server(SYN | ACK, 0, 1), client(ACK, 1, 1), client(SYN, 0, 0)]),
        segments("late-segments-after-reuse", &[client(SYN, 1000, 0), client(SYN, 9, 0), client(ACK, 1001, 5000)]),
    ]
}

fn guessed_numbers() -> Vec<Scene> {
    vec![
        segments("midstream-then-its-syn", &[client(ACK, 1000, 5000), client(SYN, 999, 0)]),
        segments("midstream-then-other-syn", &[client(ACK, 1000, 5000), client(SYN, 1000, 0)]),
        segments("answer-then-its-syn", &[server(ACK, 5, 1000), client(SYN, 999, 0)]),
        segments("answer-then-other-syn", &[server(ACK, 5, 1000), client(SYN, 1000, 0)]),
        segments("bare-reset-then-syn", &[server(RST, 5, 0), client(SYN, 1000, 0), server(SYN | ACK, 4999, 1001)]),
        segments("own-reset-then-syn", &[client(RST, 5, 0), client(SYN, 1000, 0)]),
        segments("syn-ack-then-syn", &[server(SYN | ACK, 1, 2), client(SYN, 1, 0)]),
        segments("syn-ack-then-other-syn", &[server(SYN | ACK, 1, 2), client(SYN, 77, 0)]),
        segments("no-flags-then-syn", &[client(0, 1000, 0), client(SYN, 77, 0)]),
        segments("guess-wraps", &[client(ACK, 0, 5000), client(SYN, u32::MAX, 0)]),
    ]
}

fn tuples() -> Vec<Scene> {
    let itself = |flags, seq, ack, ports| Tcp {
        source: [10, 0, 0, 1],
        destination: [10, 0, 0, 1],
        ports,
        ..client(flags, seq, ack)
    };
    let crossed = Tcp { ports: [80, 1111], ..client(ACK, 1000, 5000) };
    let mapped = |tcp: &Tcp| {
        let address = |last| [[0; 10].as_slice(), &[0xff, 0xff, 10, 0, 0, last]].concat();
        let head = [0x60, 0, 0, 0, 0, 20, 6, 64];
        ethernet(0x86dd, &[head.to_vec(), address(1), address(2), tcp.segment()].concat())
    };
    vec![
        segments("both-ways", &[server(ACK, 5, 6), client(ACK, 6, 5), client(ACK, 6, 5).port(2222), server(ACK, 5, 6)]),
        segments(
            "same-address",
            &[itself(SYN, 1, 0, [5, 6]), itself(SYN | ACK, 9, 2, [6, 5]), itself(SYN, 99, 0, [6, 5])],
        ),
        segments(
            "connected-to-itself",
            &[itself(SYN, 1, 0, [5, 5]), itself(SYN | ACK, 1, 2, [5, 5]), itself(ACK, 2, 2, [5, 5])],
        ),
        segments(
            "port-zero",
            &[Tcp { ports: [0, 0], ..client(ACK, 1, 1) }, Tcp { ports: [0, 1], ..client(ACK, 1, 1) }],
        ),
        segments("crossed-ports", &[client(ACK, 1000, 5000), crossed]),
        scene("mapped-addresses", vec![client(ACK, 1, 1).eth(), mapped(&client(ACK, 1, 1))]),
    ]
}

fn encapsulations() -> Vec<Scene> {
    let segment = client(ACK, 1000, 5000);
    let vlan = |id: u8| ethernet(0x8100, &[vec![0, id, 8, 0], segment.ip()].concat());
    let double = ethernet(0x88a8, &[vec![0, 5, 0x81, 0, 0, 6, 8, 0], segment.ip()].concat());
    let mpls = ethernet(0x8847, &[vec![0, 1, 0, 64, 0, 1, 0x11, 64], segment.ip()].concat());
    let pppoe = ethernet(0x8864, &[vec![0x11, 0, 0, 1, 0, 42, 0, 0x21], segment.ip()].concat());
    let llc = ethernet(48, &[vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 0], segment.ip()].concat());
    vec![
        scene("vlans", vec![segment.eth(), vlan(5), vlan(6)]),
        scene("double-tagged", vec![segment.eth(), double]),
        scene("mpls", vec![segment.eth(), mpls]),
        scene("pppoe", vec![segment.eth(), pppoe]),
        scene("llc-snap", vec![llc]),
        scene("big-tcp-over-ipv6", vec![long_over_ipv6(1), long_over_ipv6(70_001)]),
        scene("tunnel-fragmented-outside", fragmented_outside()),
    ]
}

/// A segment of 70,000 octets in an IPv6 packet whose length nobody has filled in.
fn long_over_ipv6(seq: u32) -> Frame {
    let mut packet = client(ACK, seq, 1).ipv6();
    packet[4..6].fill(0);
    packet.extend([b'x'; 70_000]);
    ethernet(0x86dd, &packet)
}

/// A GRE packet in three fragments of its own, the segment's header in the first; then one that is whole.
fn fragmented_outside() -> Vec<Frame> {
    let carried = [&[0, 0, 8, 0][..], &client(ACK, 1_000, 5_000).payload(1_000).ip()].concat();
    let outer = ipv4([192, 0, 2, 1], [192, 0, 2, 2], 47, &carried);
    let mut frames: Vec<Frame> = fragments(&outer, 400).iter().map(|part| ethernet(0x0800, part)).collect();
    frames.push(client(ACK, 2_000, 5_000).eth());
    frames
}

fn tunnels() -> Vec<Scene> {
    let segment = client(ACK, 1000, 5000);
    let inside = |head: &[u8], packet: &[u8]| [head, packet].concat();
    let frame = segment.eth().bytes;
    let vxlan = [8, 0, 0, 0, 0, 0, 5, 0];
    let gtp = [0x30, 0xff, 0, 40, 0, 0, 0x12, 0x34];
    let through = |name, tunnel: Frame| scene(name, vec![segment.eth(), tunnel]);
    let six = |tunnel| scene("tunnel-6in4", vec![ethernet(0x86dd, &segment.ipv6()), tunnel]);
    vec![
        through("tunnel-ipip", routed(4, &segment.ip())),
        through("tunnel-gre", routed(47, &inside(&[0, 0, 8, 0], &segment.ip()))),
        through("tunnel-gre-ethernet", routed(47, &inside(&[0, 0, 0x65, 0x58], &frame))),
        through("tunnel-erspan-1", routed(47, &inside(&[0, 0, 0x88, 0xbe], &frame))),
        through(
            "tunnel-erspan-2",
            routed(47, &inside(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 1, 0, 0, 0, 0], &frame)),
        ),
        six(routed(41, &segment.ipv6())),
        through("tunnel-4in6", ethernet(0x86dd, &ipv6(8, 9, 4, &segment.ip()))),
        through("tunnel-vxlan", datagram([5555, 4789], &inside(&vxlan, &frame))),
        through("tunnel-vxlan-source-port", datagram([4789, 6000], &inside(&vxlan, &frame))),
        through("tunnel-vxlan-old-port", datagram([5555, 8472], &inside(&vxlan, &frame))),
        through("tunnel-geneve", datagram([5555, 6081], &inside(&[0, 0, 0x65, 0x58, 0, 0, 5, 0], &frame))),
        through("tunnel-geneve-ip", datagram([5555, 6081], &inside(&[0, 0, 8, 0, 0, 0, 5, 0], &segment.ip()))),
        through("tunnel-gtp-u", datagram([5555, 2152], &inside(&gtp, &segment.ip()))),
        through("tunnel-gre-in-udp", datagram([5555, 4754], &inside(&[0, 0, 8, 0], &segment.ip()))),
        through("ip-in-udp", datagram([5555, 5556], &segment.ip())),
    ]
}

fn quotes() -> Vec<Scene> {
    let quote = |tcp: &Tcp, len: usize| icmp(3, 1, &tcp.ip()[..len]);
    let segment = client(ACK, 1000, 5000);
    let other = segment.clone().port(2222).eth();
    let icmpv6 = ipv6(9, 1, 58, &[vec![1, 0, 0, 0, 0, 0, 0, 0], segment.ipv6()].concat());
    vec![
        scene("quote-8-bytes", vec![quote(&segment, 28), other.clone()]),
        scene("quote-15-bytes", vec![quote(&segment, 35), other.clone()]),
        scene("quote-16-bytes", vec![quote(&segment, 36), other.clone(), segment.eth()]),
        scene("quote-whole", vec![quote(&segment, 40), other.clone(), segment.eth()]),
        scene("quote-of-known", vec![segment.eth(), quote(&segment, 40), other.clone()]),
        scene(
            "quote-syn-then-other-syn",
            vec![quote(&client(SYN, 1, 0), 40), client(SYN, 44, 0).eth(), client(SYN, 45, 0).eth()],
        ),
        scene("quote-time-exceeded", vec![icmp(11, 0, &segment.ip()), other.clone()]),
        scene("quote-redirect", vec![icmp(5, 1, &segment.ip()), other.clone()]),
        scene("tcp-in-echo", vec![icmp(8, 0, &segment.ip()), other.clone()]),
        scene("quote-icmpv6", vec![ethernet(0x86dd, &icmpv6), other, ethernet(0x86dd, &segment.ipv6())]),
    ]
}

fn fragmented() -> Vec<Scene> {
    let other = client(ACK, 1, 1).port(2222).eth();
    let parts: Vec<Frame> = fragments(&client(ACK, 1000, 5000).payload(3000).ip(), 1000)
        .iter()
        .map(|part| ethernet(0x0800, part))
        .collect();
    let parts6: Vec<Frame> = fragments6(&client(ACK, 1000, 5000).payload(2500).segment(), 1232)
        .iter()
        .map(|part| ethernet(0x86dd, part))
        .collect();
    let backwards = parts.iter().rev().cloned().collect();
    let cut = |parts: &[Frame]| parts.iter().cloned().map(|part| part.cut(96)).collect();
    let between = [&parts[..1], std::slice::from_ref(&other), &parts[1..]].concat();
    let atomic = ipv6(1, 2, 44, &[vec![6, 0, 0, 0, 0, 0, 0, 7], client(ACK, 1, 1).segment()].concat());
    vec![
        scene("fragments", parts.clone()),
        scene("fragments-with-another-between", between),
        scene("fragments-backwards", backwards),
        scene("fragments-twice", [parts.clone(), parts.clone()].concat()),
        scene("fragments-incomplete", vec![parts[0].clone(), parts[1].clone(), other.clone()]),
        scene("fragments-cut", cut(&parts)),
        scene("fragments-v6", parts6.clone()),
        scene("fragments-v6-cut", [cut(&parts6), vec![other.clone()]].concat()),
        scene("fragment-v6-atomic", vec![ethernet(0x86dd, &atomic), other]),
    ]
}

fn damaged() -> Vec<Scene> {
    let segment = client(ACK, 1000, 5000);
    let other = segment.clone().port(2222).eth();
    let total_length = |value: u16| {
        let mut packet = segment.ip();
        packet[2..4].copy_from_slice(&value.to_be_bytes());
        vec![ethernet(0x0800, &packet), other.clone()]
    };
    let header_length = |words: u8| {
        let header = |seq| Tcp { data_offset: words, ..client(SYN, seq, 0) };
        vec![header(3).eth(), client(SYN, 4, 0).eth()]
    };
    let kept = |len: usize| vec![segment.eth().cut(34 + len), other.clone()];
    vec![
        scene("cut-at-8", kept(8)),
        scene("cut-at-15", kept(15)),
        scene("cut-at-16", kept(16)),
        scene("cut-at-20", kept(20)),
        scene("total-length-zero", total_length(0)),
        scene("total-length-below-header", total_length(12)),
        scene("total-length-header-only", total_length(20)),
        scene("total-length-12-of-tcp", total_length(32)),
        scene("total-length-16-of-tcp", total_length(36)),
        scene("total-length-beyond-frame", total_length(1400)),
        scene("data-offset-0", header_length(0)),
        scene("data-offset-4", header_length(4)),
        scene("data-offset-15", header_length(15)),
    ]
}

fn links() -> Vec<Scene> {
    let segment = client(ACK, 1000, 5000);
    let link = |name, link_type, head: &[u8]| Scene {
        name,
        link_type,
        frames: vec![Frame::whole([head, &segment.ip()].concat())],
    };
    let wireless =
        [8, 1, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0x10, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    vec![
        link("link-null", 0, &[2, 0, 0, 0]),
        link("link-null-big-endian", 0, &[0, 0, 0, 2]),
        link("link-loop", 108, &[0, 0, 0, 2]),
        link("link-ppp", 9, &[0xff, 3, 0, 0x21]),
        link("link-raw", 101, &[]),
        link("link-ipv4", 228, &[]),
        link("link-sll", 113, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]),
        link("link-sll2", 276, &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]),
        link("link-wireless", 105, &wireless),
        link("link-radiotap", 127, &[[0, 0, 8, 0, 0, 0, 0, 0].as_slice(), &wireless].concat()),
        scene("udp-only", vec![ethernet(0x0800, &ipv4([10, 0, 0, 1], [10, 0, 0, 2], 17, &[0, 7, 0, 7, 0, 8, 0, 0]))]),
    ]
}

/// What the recorded fixtures do not show of the labels.
fn labels() -> Vec<Scene> {
    let wider = Tcp { window: 9000, ..server(ACK, 5000, 1011) };
    let probed = [client(ACK, 1001, 5000).payload(10), server(ACK, 5000, 1011), client(ACK, 1010, 5000), wider];
    let closing = [client(FIN | ACK, 1001, 5000), server(ACK, 5000, 1001).payload(10), client(ACK, 1001, 5010)];
    vec![after_handshake("answer-with-another-window", &probed), after_handshake("ack-after-fin", &closing)]
}
