//! Random scripts for property tests.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::*;
use crate::seq::Seq;
use crate::time::Span;
use crate::wire::Flags;

/// Any script that the parser can return.
pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    let head = (
        prop_oneof![Just(LinkLayer::Ethernet), Just(LinkLayer::Sll), Just(LinkLayer::Sll2), Just(LinkLayer::Raw)],
        option::of(any::<u32>()),
        (1_usize..4, any::<bool>()).prop_flat_map(|(count, named)| {
            vec(flow(), count).prop_map(move |flows| named_flows(flows, named || count > 1))
        }),
    );
    let body = (vec(step(), 0..12), option::of(time()), vec(expectation(), 0..4), any::<bool>());
    (head, body).prop_map(|((link, snap, flows), (steps, end, expectations, other_findings_allowed))| {
        let steps = possible_steps(steps, flows.len());
        let expectations = expectations.into_iter().map(|found| possible(found, &flows)).collect();
        Script { link, snap, flows, steps, end, expectations, other_findings_allowed }
    })
}

fn named_flows(mut flows: Vec<FlowSpec>, named: bool) -> Vec<FlowSpec> {
    for (flow, name) in flows.iter_mut().zip(["first", "Second-2", "x5"]) {
        flow.name = named.then(|| name.to_owned());
    }
    flows
}

/// Directs every step to a flow that exists, and drops copies of nothing.
fn possible_steps(steps: Vec<Step>, flows: usize) -> Vec<Step> {
    let mut segments = 0;
    let possible = |mut step: Step| {
        match &mut step.event {
            Event::Segment(segment) => {
                segment.flow %= flows;
                segments += 1;
            }
            Event::Duplicate(back) if segments == 0 || *back > segments => return None,
            Event::Duplicate(_) => {}
        }
        Some(step)
    };
    steps.into_iter().filter_map(possible).collect()
}

fn possible(mut found: Expectation, flows: &[FlowSpec]) -> Expectation {
    let wanted = found.flow.map(|flow| flow % flows.len());
    found.flow = match found.subject {
        Subject::Verdict => Some(wanted.unwrap_or(0)),
        Subject::Finding => wanted.filter(|_| flows.iter().all(|flow| flow.name.is_some())),
    };
    found
}

fn address() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let v6 = (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    (prop_oneof![v4, v6], any::<u16>(), any::<u16>())
        .prop_map(|((a, b), from, to)| (SocketAddr::new(a, from), SocketAddr::new(b, to)))
        .prop_filter("two ends", |(a, b)| a != b)
}

fn flow() -> impl Strategy<Value = FlowSpec> {
    (address(), any::<(u32, u32)>(), any::<(u8, u8)>(), any::<([u8; 6], [u8; 6])>(), shared_framing()).prop_map(
        |((initiator, responder), isn, hop_limits, macs, framing)| FlowSpec {
            isn: (Seq(isn.0), Seq(isn.1)),
            hop_limits,
            macs,
            framing,
            ..FlowSpec::new(initiator, responder)
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![0..=1_000_000_000_000_000_000_i64, (0..5_000_i64).prop_map(|millis| millis * 1_000_000)]
        .prop_map(Span::from_nanos)
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        span().prop_map(Time::At),
        span().prop_map(Time::After),
        span().prop_map(|span| Time::After(Span::ZERO.minus(span)))
    ]
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        (i64::from(i32::MIN)..=i64::from(u32::MAX)).prop_map(Position::Relative),
        any::<u32>().prop_map(Position::Absolute)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![5 => segment().prop_map(Event::Segment), 1 => (1_usize..4).prop_map(Event::Duplicate)];
    let repeat = (2_u32..20, span()).prop_map(|(count, every)| Repeat { count, every });
    let note = option::of("[a-z:=<(][a-z0-9 :=<>(]{0,20}[a-z)]");
    let expected = (select(KINDS), note).prop_map(|(kind, note)| Expected { kind, note });
    (time(), event, framing(), option::of(expected), option::of(repeat)).prop_map(
        |(time, event, framing, expected, repeat)| {
            let expected = expected.filter(|_| framing.icmp.is_none());
            Step { time, event, framing, expected, repeat }
        },
    )
}

fn segment() -> impl Strategy<Value = SegmentSpec> {
    let numbers = (0_usize..8, any::<bool>(), 0_u16..0x200, position(), option::of(position()));
    let content = (option::of(any::<u16>()), tcp_options(), data(), 0_u16..100);
    (numbers, content).prop_map(|((flow, outward, flags, start, ack), (window, options, data, more))| {
        let flags = Flags(flags);
        SegmentSpec {
            flow,
            direction: if outward { Direction::FromInitiator } else { Direction::FromResponder },
            flags,
            start,
            payload_len: u16::try_from(data.len()).unwrap_or(0) + more,
            ack: ack.or(flags.has(Flags::ACK).then_some(Position::Relative(0))),
            window,
            options,
            data,
        }
    })
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..20), "[ -~\r\n\t]{0,20}".prop_map(String::into_bytes)]
}

fn tcp_options() -> impl Strategy<Value = Vec<TcpOption>> {
    let v6 = any::<([u8; 16], u16)>().prop_map(|(ip, port)| SocketAddrV6::new(ip.into(), port, 0, 0));
    let option = prop_oneof![
        Just(TcpOption::EndOfList),
        Just(TcpOption::NoOperation),
        Just(TcpOption::SackPermitted),
        any::<u16>().prop_map(TcpOption::MaximumSegmentSize),
        any::<u8>().prop_map(TcpOption::WindowScale),
        any::<(u32, u32)>().prop_map(|(value, echo)| TcpOption::Timestamps(value, echo)),
        vec((position(), position()), 1..4).prop_map(TcpOption::Sack),
        vec(any::<u8>(), 0..16).prop_map(TcpOption::FastOpen),
        address().prop_map(|(client, _)| TcpOption::Toa(client)),
        v6.prop_map(TcpOption::Toa253),
        (2_u8.., vec(any::<u8>(), 0..8)).prop_map(|(kind, bytes)| TcpOption::Raw(kind, bytes)),
    ];
    vec(option, 0..5).prop_map(|mut options| {
        while options.iter().map(TcpOption::wire_len).sum::<usize>() > 40 {
            options.pop();
        }
        options
    })
}

fn shared_framing() -> impl Strategy<Value = Framing> {
    let extension =
        select(vec![Extension::HopByHop, Extension::Destination, Extension::Routing, Extension::AtomicFragment]);
    let tunnel = prop_oneof![
        (0_u32..1 << 24).prop_map(Encapsulation::Vxlan),
        (0_u32..1 << 24).prop_map(Encapsulation::Geneve),
        Just(Encapsulation::Gre),
        Just(Encapsulation::IpInIp)
    ];
    (
        vec(0_u16..4096, 0..4),
        any::<Option<bool>>(),
        any::<bool>(),
        any::<Option<u32>>(),
        vec(extension, 0..4),
        option::of(tunnel),
    )
        .prop_map(|(vlans, dont_fragment, padded, snap, extensions, tunnel)| Framing {
            vlans,
            dont_fragment,
            padded,
            snap,
            extensions,
            tunnel,
            ..Framing::default()
        })
}

fn framing() -> impl Strategy<Value = Framing> {
    let icmp = (any::<u8>(), any::<u16>(), address(), 0..3).prop_map(|(code, mtu, (from, _), which)| match which {
        0 => IcmpQuote::Unreachable(code, from.ip()),
        1 => IcmpQuote::TooBig(mtu, from.ip()),
        _ => IcmpQuote::TimeExceeded(from.ip()),
    });
    let own = (
        any::<Option<u8>>(),
        any::<Option<u16>>(),
        any::<Option<([u8; 6], [u8; 6])>>(),
        option::of((1_u16..100).prop_map(|units| units * 8)),
        any::<Option<u16>>(),
        option::of(icmp),
    );
    (shared_framing(), own).prop_map(|(shared, (hop_limit, ip_id, macs, fragment_at, ip_length, icmp))| Framing {
        hop_limit,
        ip_id,
        macs,
        fragment_at,
        ip_length,
        icmp,
        ..shared
    })
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let setting = || prop_oneof![Just(Setting::Unknown), span().prop_map(Setting::Value)];
    let count = prop_oneof![Just(Setting::Unknown), any::<u32>().prop_map(Setting::Value)];
    let evidence = (1_u64..1000, 0_u64..1000).prop_map(|(first, more)| (first, first + more));
    let timers = (option::of(setting()), option::of(setting()), option::of(count), option::of(span()));
    let words =
        (option::of(select(ORIGINS)), option::of(select(CONFIDENCES)), option::of(select(SIDES)), option::of(evidence));
    (any::<bool>(), select(VERDICTS), option::of(0_usize..8), timers, words).prop_map(
        |(verdict, id, flow, (idle, interval, count, gap), (origin, confidence, half_open, evidence))| Expectation {
            subject: if verdict { Subject::Verdict } else { Subject::Finding },
            id,
            flow,
            idle,
            interval,
            count,
            gap,
            origin,
            confidence,
            half_open,
            evidence,
        },
    )
}
