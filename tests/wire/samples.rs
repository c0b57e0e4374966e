//! One frame for every way in which the segment of [`crate::frames`] can be wrapped.

use idlegap::wire::Tunnel;

use crate::frames::*;

/// A frame and what is said of it beside the segment inside.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) link: u16,
    pub(crate) frame: Vec<u8>,
    pub(crate) tunnel: Option<Tunnel>,
}

fn plain(name: &'static str, link: u16, parts: &[&[u8]]) -> Sample {
    Sample { name, link, frame: cat(parts), tunnel: None }
}

/// Every sample.
pub(crate) fn all() -> Vec<Sample> {
    [on_ethernet(), provider(), systems(), old_networks(), wireless(), network(), gre(), tunnels()]
        .into_iter()
        .flatten()
        .collect()
}

fn on_ethernet() -> Vec<Sample> {
    let tagged = cat(&[&[0x20, 0x0a, 0x08, 0x00], &tcp4()]);
    let twice = cat(&[&[0x00, 0x64, 0x81, 0x00], &tagged]);
    let thrice = cat(&[&[0x00, 0xc8, 0x88, 0xa8], &twice]);
    let snapped = snap(0x0800, &tcp4());
    let len = snapped.len() as u16;
    let padded = cat(&[&ethernet(0x0800, &tcp4()), &[0xee; 9]]);
    let backbone = cat(&[&[0, 0, 0x27, 0x10], &ethernet(0x0800, &tcp4())]);
    let sap = cat(&[&[0x06, 0x06, 0x03], &tcp4()]);
    vec![
        plain("ethernet, IPv4", 1, &[&ethernet(0x0800, &tcp4())]),
        plain("ethernet, IPv6", 1, &[&ethernet(0x86dd, &tcp6())]),
        plain("ethernet, padded", 1, &[&padded]),
        plain("802.1Q", 1, &[&ethernet(0x8100, &tagged)]),
        plain("802.1ad and 802.1Q", 1, &[&ethernet(0x88a8, &twice)]),
        plain("0x9100 and 802.1Q", 1, &[&ethernet(0x9100, &twice)]),
        plain("three tags", 1, &[&ethernet(0x9100, &thrice)]),
        plain("802.3 with LLC and SNAP", 1, &[&ethernet(len, &snapped)]),
        plain("802.3 with LLC of IP", 1, &[&ethernet(sap.len() as u16, &sap)]),
        plain("LLC by EtherType", 1, &[&ethernet(0x8870, &snapped)]),
        plain("provider backbone", 1, &[&ethernet(0x88e7, &backbone)]),
    ]
}

fn provider() -> Vec<Sample> {
    const TOP: [u8; 4] = [0x00, 0x01, 0x20, 0x40];
    const BOTTOM: [u8; 4] = [0x00, 0x06, 0x41, 0x3f];
    // Labels 200 and 201, with the bottom-of-stack bit.
    const WIRE: [u8; 4] = [0x00, 0x0c, 0x81, 0x3f];
    const BARE_WIRE: [u8; 4] = [0x00, 0x0c, 0x91, 0x3f];
    let inner = ethernet(0x0800, &tcp4());
    let label = |payload: &[u8]| cat(&[&TOP, &BOTTOM, payload]);
    let pppoe = |ppp: &[u8]| cat(&[&[0x11, 0, 0x12, 0x34], &(ppp.len() as u16).to_be_bytes(), ppp]);
    let ppp4 = cat(&[&[0x00, 0x21], &tcp4()]);
    let ppp6 = cat(&[&[0x00, 0x57], &tcp6()]);
    let short = cat(&[&[0x21], &tcp4()]);
    vec![
        plain("MPLS, IPv4", 1, &[&ethernet(0x8847, &label(&tcp4()))]),
        plain("MPLS, IPv6", 1, &[&ethernet(0x8847, &label(&tcp6()))]),
        plain("MPLS, multicast", 1, &[&ethernet(0x8848, &cat(&[&BOTTOM, &tcp4()]))]),
        plain("MPLS, pseudowire with control word", 1, &[&ethernet(0x8847, &cat(&[&TOP, &WIRE, &[0; 4], &inner]))]),
        plain("MPLS, pseudowire without", 1, &[&ethernet(0x8847, &cat(&[&TOP, &BARE_WIRE, &inner]))]),
        plain("MPLS link", 219, &[&label(&tcp4())]),
        plain("PPPoE, IPv4", 1, &[&ethernet(0x8864, &pppoe(&ppp4))]),
        plain("PPPoE, IPv6", 1, &[&ethernet(0x8864, &pppoe(&ppp6))]),
        plain("PPPoE, compressed protocol", 1, &[&ethernet(0x8864, &pppoe(&short))]),
        plain("PPPoE link", 51, &[&pppoe(&ppp4)]),
        plain("PPP with address and control", 9, &[&[0xff, 0x03], &ppp4]),
        plain("PPP with another control field", 9, &[&[0xff, 0x13], &ppp4]),
        plain("PPP without", 9, &[&ppp6]),
        plain("PPP, compressed protocol", 9, &[&short]),
        plain("PPP, MPLS", 9, &[&[0xff, 0x03, 0x02, 0x81], &label(&tcp4())]),
        plain("PPP in HDLC", 50, &[&[0xff, 0x03], &ppp4]),
        plain("Cisco HDLC as PPP", 50, &[&[0x0f, 0x00, 0x08, 0x00], &tcp4()]),
        plain("Cisco HDLC", 104, &[&[0x8f, 0x00, 0x86, 0xdd], &tcp6()]),
        plain("PPP with direction as address", 166, &[&[0x01, 0x03], &ppp4]),
        plain("PPP with direction", 204, &[&[0x01, 0xff, 0x03], &ppp4]),
    ]
}

fn systems() -> Vec<Sample> {
    let cooked = |hardware: u8, protocol: u16, payload: &[u8]| {
        cat(&[&[0, 4, 0, hardware, 0, 6], &SRC_MAC, &[0, 0], &protocol.to_be_bytes(), payload])
    };
    let cooked2 = |protocol: u16, payload: &[u8]| {
        cat(&[&protocol.to_be_bytes(), &[0, 0, 0, 0, 0, 7, 0, 1, 0, 6], &SRC_MAC, &[0, 0], payload])
    };
    let tagged = cat(&[&[0x20, 0x0a, 0x08, 0x00], &tcp4()]);
    let timestamp = [20, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 8];
    let little =
        cat(&[&[2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, 0x65, 0, 0, 0], &timestamp, &[0x2f, 0, 9, 0]]);
    let big = [2, 0, 0, 1, 0, 8, 0, 1, 8, 0, 1, 0, 0, 5, 0, 10, 0x65, 0, 0, 0, 0, 0x2f, 0, 9];
    let tap = cat(&[&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], &[0; 96], &ethernet(0x0800, &tcp4())]);
    let log = [61, 2, 0, 0];
    vec![
        plain("SLL", 113, &[&cooked(1, 0x0800, &tcp4())]),
        plain("SLL, tagged", 113, &[&cooked(1, 0x8100, &tagged)]),
        plain("SLL, 802.2", 113, &[&cooked(1, 0x0004, &snap(0x86dd, &tcp6()))]),
        plain("SLL2", 276, &[&cooked2(0x86dd, &tcp6())]),
        plain("NULL, little-endian", 0, &[&[2, 0, 0, 0], &tcp4()]),
        plain("NULL, big-endian", 0, &[&[0, 0, 0, 2], &tcp4()]),
        plain("NULL, OpenBSD's IPv6", 0, &[&[24, 0, 0, 0], &tcp6()]),
        plain("NULL, FreeBSD's IPv6", 0, &[&[28, 0, 0, 0], &tcp6()]),
        plain("NULL, macOS's IPv6", 0, &[&[30, 0, 0, 0], &tcp6()]),
        plain("NULL, Linux's IPv6", 0, &[&[0, 0, 0, 10], &tcp6()]),
        plain("LOOP", 108, &[&[0, 0, 0, 2], &tcp4()]),
        plain("RAW, IPv4", 101, &[&tcp4()]),
        plain("RAW, IPv6", 101, &[&tcp6()]),
        plain("RAW by its number on BSD", 12, &[&tcp4()]),
        plain("RAW by its number on OpenBSD", 14, &[&tcp6()]),
        plain("IPv4 link", 228, &[&tcp4()]),
        plain("IPv6 link", 229, &[&tcp6()]),
        plain("NFLOG", 239, &[&little, &tcp4()]),
        plain("NFLOG, big-endian", 239, &[&big, &tcp4()]),
        plain("ENC", 109, &[&[2, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0, 0, 3], &tcp4()]),
        plain("PFLOG", 117, &[&log, &[0; 60], &tcp4()]),
        plain("PKTAP", 258, &[&tap]),
    ]
}

fn old_networks() -> Vec<Sample> {
    let mut routed = SRC_MAC;
    routed[0] |= 0x80;
    let route = [0x06, 0x30, 0x00, 0x11, 0x00, 0x20];
    vec![
        plain("Token Ring", 6, &[&[0x10, 0x40], &DST_MAC, &SRC_MAC, &snap(0x0800, &tcp4())]),
        plain("Token Ring with a route", 6, &[&[0x10, 0x40], &DST_MAC, &routed, &route, &snap(0x0800, &tcp4())]),
        plain("FDDI", 10, &[&[0x50], &DST_MAC, &SRC_MAC, &snap(0x0800, &tcp4())]),
        plain("ATM", 100, &[&snap(0x0800, &tcp4())]),
        plain("IP over InfiniBand", 242, &[&[0; 40], &[0x08, 0, 0, 0], &tcp4()]),
        plain("frame relay", 107, &[&[0x18, 0x41, 0x03, 0xcc], &tcp4()]),
        plain("frame relay by Cisco", 107, &[&[0x18, 0x41, 0x08, 0x00], &tcp4()]),
    ]
}

fn wireless() -> Vec<Sample> {
    const STATION: [u8; 6] = [0x0a, 0, 0, 0, 0, 0x33];
    let body = snap(0x0800, &tcp4());
    let header =
        |kind: u8, flags: u8, addresses: [[u8; 6]; 3]| cat(&[&[kind, flags, 0, 0], &addresses.concat(), &[0x10, 0x00]]);
    let direct = header(0x08, 0, [DST_MAC, SRC_MAC, STATION]);
    let data = cat(&[&direct, &body]);
    let qos = header(0x88, 0x02, [DST_MAC, STATION, SRC_MAC]);
    let ordered = header(0x88, 0x81, [STATION, SRC_MAC, DST_MAC]);
    let bridged = header(0x88, 0x03, [STATION, STATION, DST_MAC]);
    let subframe = cat(&[&DST_MAC, &SRC_MAC, &(body.len() as u16).to_be_bytes(), &body]);
    let tap = [0, 0, 9, 0, 2, 0, 0, 0, 0x00];
    let timed = [0, 0, 0x11, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20];
    let extended = [&[0, 0, 0x19, 0][..], &[3, 0, 0, 0x80, 0, 0, 0, 0], &[0; 4], &[9; 8], &[0x20]].concat();
    let avs = cat(&[&[0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64], &[0; 56], &data]);
    let prism = cat(&[&[0x44, 0, 0, 0, 144, 0, 0, 0], &[0; 136], &data]);
    vec![
        plain("802.11, ad hoc", 105, &[&data]),
        plain("802.11, from the access point", 105, &[&header(0x08, 0x02, [DST_MAC, STATION, SRC_MAC]), &body]),
        plain("802.11, QoS", 105, &[&qos, &[0, 0], &body]),
        plain("802.11, QoS and HT control", 105, &[&ordered, &[0, 0], &[3, 0, 0, 0], &body]),
        plain("802.11, four addresses", 105, &[&bridged, &SRC_MAC, &[0, 0], &body]),
        plain("802.11, aggregate", 105, &[&qos, &[0x80, 0], &subframe]),
        plain("radiotap", 127, &[&tap, &data]),
        plain("radiotap, padded header", 127, &[&timed, &qos, &[0, 0], &[0, 0], &body]),
        plain("radiotap, two bitmaps", 127, &[&extended, &qos, &[0, 0], &[0, 0], &body]),
        plain("PPI", 192, &[&[0, 0, 8, 0, 105, 0, 0, 0], &data]),
        plain("AVS", 163, &[&avs]),
        plain("AVS as Prism", 119, &[&avs]),
        plain("Prism", 119, &[&prism]),
    ]
}

fn network() -> Vec<Sample> {
    let mut with_options = tcp4();
    with_options[0] = 0x47;
    with_options[3] += 8;
    with_options.splice(20..20, [0x94, 0x04, 0, 0, 1, 1, 1, 0]);
    let authentication = |next: u8, payload: &[u8]| cat(&[&[next, 4], &[0; 6], &[0, 0, 0, 9], &[0xaa; 12], payload]);
    let hop_by_hop =
        cat(&[&[60, 0, 5, 2, 0, 0, 1, 0], &[43, 1], &[1, 12], &[0; 12], &[6, 0, 0, 0, 0, 0, 0, 0], &tcp()]);
    let atomic = cat(&[&[6, 0, 0, 0, 0xab, 0xcd, 0x12, 0x34], &tcp()]);
    vec![
        plain("IPv4 options", 101, &[&with_options]),
        plain("IPv4 authentication", 101, &[&ip4(51, &authentication(6, &tcp()))]),
        plain("IPv6 authentication", 101, &[&ip6(51, &authentication(6, &tcp()))]),
        plain("IPv6 extension headers", 101, &[&ip6(0, &hop_by_hop)]),
        plain("IPv6 mobility", 101, &[&ip6(135, &cat(&[&[6, 0, 0, 0, 0, 0, 0, 0], &tcp()]))]),
        plain("IPv6 atomic fragment", 101, &[&ip6(44, &atomic)]),
    ]
}

fn tunnelled(name: &'static str, tunnel: Tunnel, protocol: u8, parts: &[&[u8]]) -> Sample {
    Sample { name, link: 1, frame: ethernet(0x0800, &outer4(protocol, &cat(parts))), tunnel: Some(tunnel) }
}

fn gre() -> Vec<Sample> {
    const KEY: [u8; 4] = [0, 0, 0x30, 0x39];
    const SEQUENCE: [u8; 4] = [0, 0, 0, 5];
    let frame = ethernet(0x0800, &tcp4());
    let ppp = cat(&[&[0xff, 0x03, 0x00, 0x21], &tcp4()]);
    let call = cat(&[&(ppp.len() as u16).to_be_bytes(), &[0x12, 0x34]]);
    let session = [0x10, 0x64, 0x10, 0x7b, 0, 0, 0, 1];
    let third = [0x20, 0x64, 0x10, 0x7b, 0, 0, 0, 1, 0, 0];
    let sample = |name, tunnel, parts: &[&[u8]]| tunnelled(name, tunnel, 47, parts);
    vec![
        sample("GRE", Tunnel::Gre(None), &[&[0, 0, 0x08, 0x00], &tcp4()]),
        sample("GRE, IPv6", Tunnel::Gre(None), &[&[0, 0, 0x86, 0xdd], &tcp6()]),
        sample("GRE, checksum", Tunnel::Gre(None), &[&[0x80, 0, 0x08, 0x00, 0x74, 0xb9, 0, 0], &tcp4()]),
        sample("GRE, key", Tunnel::Gre(Some(12345)), &[&[0x20, 0, 0x08, 0x00], &KEY, &tcp4()]),
        sample("GRE, sequence", Tunnel::Gre(None), &[&[0x10, 0, 0x08, 0x00], &SEQUENCE, &tcp4()]),
        sample("GRE, all", Tunnel::Gre(Some(12345)), &[&[0xb0, 0, 8, 0, 0, 0, 0, 0], &KEY, &SEQUENCE, &tcp4()]),
        sample("GRE, Ethernet", Tunnel::Gre(Some(12345)), &[&[0x20, 0, 0x65, 0x58], &KEY, &frame]),
        sample("GRE, MPLS", Tunnel::Gre(None), &[&[0, 0, 0x88, 0x47], &[0, 0x06, 0x41, 0x3f], &tcp4()]),
        sample("ERSPAN I", Tunnel::Erspan(0), &[&[0, 0, 0x88, 0xbe], &frame]),
        sample("ERSPAN II", Tunnel::Erspan(0x7b), &[&[0x10, 0, 0x88, 0xbe], &SEQUENCE, &session, &frame]),
        sample("ERSPAN III", Tunnel::Erspan(0x7b), &[&[0x10, 0, 0x22, 0xeb], &SEQUENCE, &third, &[0, 0], &frame]),
        sample(
            "ERSPAN III, subheader",
            Tunnel::Erspan(0x7b),
            &[&[0x10, 0, 0x22, 0xeb], &SEQUENCE, &third, &[0, 1], &[0; 8], &frame],
        ),
        sample(
            "ERSPAN III, IP",
            Tunnel::Erspan(0x7b),
            &[&[0x10, 0, 0x22, 0xeb], &SEQUENCE, &third, &[0x08, 0], &tcp4()],
        ),
        sample("WCCP", Tunnel::Gre(None), &[&[0, 0, 0x88, 0x3e], &tcp4()]),
        sample("WCCP, redirect header", Tunnel::Gre(None), &[&[0, 0, 0x88, 0x3e], &[0x05, 0x59, 0, 0x48], &tcp4()]),
        sample("PPTP", Tunnel::Gre(Some(0x1234)), &[&[0x30, 0x01, 0x88, 0x0b], &call, &SEQUENCE, &ppp]),
        sample(
            "PPTP with acknowledgment",
            Tunnel::Gre(Some(0x1234)),
            &[&[0x30, 0x81, 0x88, 0x0b], &call, &SEQUENCE, &[0, 0, 0, 4], &ppp],
        ),
    ]
}

fn tunnels() -> Vec<Sample> {
    let frame = ethernet(0x0800, &tcp4());
    let v6 = |name, next: u8, payload: &[u8]| Sample {
        name,
        link: 1,
        frame: ethernet(0x86dd, &outer6(next, payload)),
        tunnel: Some(Tunnel::IpInIp),
    };
    let by_udp = |name, tunnel, port: u16, parts: &[&[u8]]| tunnelled(name, tunnel, 17, &[&udp(port, &cat(parts))]);
    let vxlan = cat(&[&[0x08, 0, 0, 0, 0, 0x12, 0x34, 0], &frame]);
    let vni = Tunnel::Vxlan(0x1234);
    let geneve = Tunnel::Geneve(0xabcdef);
    let teid = Tunnel::Gtpu(0x0102_0304);
    let gtp = |flags: u8, rest: &[u8]| cat(&[&[flags, 255], &(rest.len() as u16).to_be_bytes(), &[1, 2, 3, 4], rest]);
    let extended = cat(&[&[0, 7, 0, 0x85, 1, 0x10, 9, 0xc0, 1, 0, 5, 0], &tcp4()]);
    let nested = cat(&[&[0x08, 0, 0, 0, 0, 0, 9, 0], &ethernet(0x0800, &outer4(17, &udp(4789, &vxlan)))]);
    vec![
        tunnelled("IPv4 in IPv4", Tunnel::IpInIp, 4, &[&tcp4()]),
        tunnelled("IPv6 in IPv4", Tunnel::IpInIp, 41, &[&tcp6()]),
        v6("IPv4 in IPv6", 4, &tcp4()),
        v6("IPv6 in IPv6", 41, &tcp6()),
        by_udp("VXLAN", vni, 4789, &[&vxlan]),
        by_udp("VXLAN by Linux's port", vni, 8472, &[&vxlan]),
        by_udp("VXLAN-GPE, IPv4", vni, 4790, &[&[0x0c, 0, 0, 1, 0, 0x12, 0x34, 0], &tcp4()]),
        by_udp("VXLAN-GPE, IPv6", vni, 4790, &[&[0x0c, 0, 0, 2, 0, 0x12, 0x34, 0], &tcp6()]),
        by_udp("VXLAN-GPE, Ethernet", vni, 4790, &[&[0x0c, 0, 0, 3, 0, 0x12, 0x34, 0], &frame]),
        by_udp("GENEVE", geneve, 6081, &[&[0, 0, 0x65, 0x58, 0xab, 0xcd, 0xef, 0], &frame]),
        by_udp("GENEVE, IP", geneve, 6081, &[&[0, 0, 0x08, 0x00, 0xab, 0xcd, 0xef, 0], &tcp4()]),
        by_udp(
            "GENEVE, options",
            geneve,
            6081,
            &[&[2, 0, 0x65, 0x58, 0xab, 0xcd, 0xef, 0, 1, 2, 3, 1, 9, 9, 9, 9], &frame],
        ),
        by_udp("GTP-U", teid, 2152, &[&gtp(0x30, &tcp4())]),
        by_udp("GTP-U, sequence", teid, 2152, &[&gtp(0x32, &cat(&[&[0, 7, 0, 0], &tcp6()]))]),
        by_udp("GTP-U, extension headers", teid, 2152, &[&gtp(0x34, &extended)]),
        by_udp("VXLAN in VXLAN", vni, 4789, &[&nested]),
        Sample {
            name: "VXLAN in IPv6",
            link: 1,
            frame: ethernet(0x86dd, &outer6(17, &udp(4789, &vxlan))),
            tunnel: Some(vni),
        },
    ]
}
