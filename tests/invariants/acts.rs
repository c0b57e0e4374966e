//! What happens in a conversation, act by act.

use idlegap::script::Direction;
use proptest::prelude::*;
use proptest::sample::select;

/// What stays the same throughout a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The capture begins after the handshake.
    pub(crate) midstream: bool,
    pub(crate) timestamps: bool,
    pub(crate) ipv6: bool,
    pub(crate) port: u16,
    /// Time to the other end and back, in microseconds: as seen at the initiator.
    pub(crate) rtt: i64,
    pub(crate) isn: (u32, u32),
    pub(crate) hop_limits: (u8, u8),
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let isn = || prop_oneof![any::<u32>(), (u32::MAX - 300)..=u32::MAX, Just(0)];
    (
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.2),
        select(vec![80, 443, 5432]),
        select(vec![60, 1_500, 20_000, 180_000]),
        (isn(), isn()),
        (select(vec![64, 128]), select(vec![52, 64, 255])),
    )
        .prop_map(|(midstream, timestamps, ipv6, port, rtt, isn, hop_limits)| Setting {
            midstream,
            timestamps,
            ipv6,
            port,
            rtt,
            isn,
            hop_limits,
        })
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Nothing, for so many milliseconds.
    Silence(i64),
    /// Payload, and what becomes of it.
    Say(Direction, u16, Fate),
    /// Keepalive probes, so many milliseconds apart.
    Probes { from: Direction, count: u32, every: i64, octet: bool, answer: Answer },
    /// A receiver that stops reading, and the probes of the other end.
    Stall { reader: Direction, probes: u32, style: Style, reopens: bool },
    /// A RST.
    Reset(Direction, Kind),
    /// A FIN, acknowledged or not.
    Close(Direction, bool),
    /// The same addresses and ports begin anew.
    Reuse(u32, u32),
    /// Whatever: so far from the next number, so long, with these flags.
    Stray { from: Direction, offset: i64, len: u16, flags: u16, ack_offset: i64 },
    /// The last frame is captured again after so many microseconds.
    Copy(i64),
}

/// What becomes of payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Acknowledged,
    /// The capture does not show the acknowledgment.
    AcknowledgedUnseen,
    /// The capture does not show the payload.
    Unseen,
    /// Sent again so many times before it is acknowledged.
    Repeated(u32),
    /// Sent again so many times, and never acknowledged.
    Unanswered(u32),
    /// Sent again although it was acknowledged.
    Spurious,
    /// In two segments, the second first.
    Reordered,
    /// In two segments of which the first is lost: duplicate ACKs, then sent again.
    LostThenFast,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Ack,
    Nothing,
    Payload,
    Reset,
    /// Nothing, until the prober gives up.
    GivenUp,
    /// All but the first are answered.
    LateAck,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Empty, one below, ever longer apart.
    Empty,
    /// One octet, refused.
    Octet,
    /// Empty, one below, every so many milliseconds: a keepalive.
    Steady(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// With ACK, as a socket aborts.
    Abort,
    /// Bare, out of nothing.
    Bare,
    /// Bare, to both ends.
    Both,
    /// Bare with an acknowledgment field, to both ends.
    Fullnat,
    /// Bare, in answer to payload of the other end.
    NoSocket,
    /// Below the window.
    Old,
    /// In the window but not at its edge: challenged.
    Ahead,
    /// Bare, and its claimed sender goes on.
    Injected,
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => silence().prop_map(Act::Silence),
        8 => (side(), length(), fate()).prop_map(|(from, len, fate)| Act::Say(from, len, fate)),
        5 => (side(), 1..5_u32, select(vec![600, 1_000, 5_000, 75_000]), prop::bool::weighted(0.3), answer())
            .prop_map(|(from, count, every, octet, answer)| Act::Probes { from, count, every, octet, answer }),
        2 => (side(), 0..6_u32, style(), any::<bool>())
            .prop_map(|(reader, probes, style, reopens)| Act::Stall { reader, probes, style, reopens }),
        2 => (side(), kind()).prop_map(|(from, kind)| Act::Reset(from, kind)),
        2 => (side(), prop::bool::weighted(0.8)).prop_map(|(from, answered)| Act::Close(from, answered)),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(one, other)| Act::Reuse(one, other)),
        1 => (side(), -3..4_i64, 0..3_u16, 0..64_u16, -2..3_i64)
            .prop_map(|(from, offset, len, flags, ack_offset)| Act::Stray { from, offset, len, flags, ack_offset }),
        1 => (0..1_000_i64).prop_map(Act::Copy),
    ]
}

fn side() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::FromInitiator), Just(Direction::FromResponder)]
}

/// Milliseconds: pauses, thinking, timers and their neighbourhood.
fn silence() -> impl Strategy<Value = i64> {
    prop_oneof![1..900_i64, 900..4_000_i64, select(vec![5_000, 60_000, 90_000, 90_700, 300_000, 350_000, 7_200_000])]
}

fn length() -> impl Strategy<Value = u16> {
    prop_oneof![2 => Just(1_u16), 5 => 2..400_u16, 1 => Just(1_448)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Acknowledged),
        1 => Just(Fate::AcknowledgedUnseen),
        1 => Just(Fate::Unseen),
        1 => (1..5_u32).prop_map(Fate::Repeated),
        1 => (0..6_u32).prop_map(Fate::Unanswered),
        1 => Just(Fate::Spurious),
        1 => Just(Fate::Reordered),
        1 => Just(Fate::LostThenFast),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        5 => Just(Answer::Ack),
        2 => Just(Answer::Nothing),
        1 => Just(Answer::Payload),
        1 => Just(Answer::Reset),
        1 => Just(Answer::GivenUp),
        1 => Just(Answer::LateAck),
    ]
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Empty), Just(Style::Octet), (1_000..6_000_i64).prop_map(Style::Steady)]
}

fn kind() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::Abort,
        Kind::Bare,
        Kind::Both,
        Kind::Fullnat,
        Kind::NoSocket,
        Kind::Old,
        Kind::Ahead,
        Kind::Injected,
    ])
}
