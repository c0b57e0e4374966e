//! Where the program differs from tshark on purpose: each difference by name, with the reason and a capture that shows it.

use crate::support::difference::{Aspect, Difference};
use crate::support::tshark::Label;

/// A deliberate difference.
pub(crate) struct Divergence {
    pub(crate) name: &'static str,
    /// Why the program is right, or why it may differ.
    pub(crate) reason: &'static str,
    /// The capture that must show it: a fixture, a packet script or a scene, by its name.
    pub(crate) fixture: &'static str,
    /// Whether a difference is of this sort.
    pub(crate) covers: fn(&Difference) -> bool,
}

/// Every deliberate difference. One that no capture shows is an error, so is a difference that no entry covers.
pub(crate) const DIVERGENCES: &[Divergence] = &[
    Divergence {
        name: "quoted-header",
        reason: "a TCP header inside an ICMP error was not sent here as a segment; tshark lists it in a stream",
        fixture: "quote-of-known",
        covers: |it| it.aspect == Aspect::Frame && it.theirs.as_ref().is_some_and(|row| row.is_quoted()),
    },
    Divergence {
        name: "fragment-frame",
        reason: "the first fragment carries the header and counts; tshark lists the segment at the fragment that completes the datagram",
        fixture: "fragments",
        covers: |it| it.aspect == Aspect::Frame && it.capture.starts_with("fragments"),
    },
    Divergence {
        name: "incomplete-datagram",
        reason: "the flow of a datagram that was never completed has no stream number in tshark",
        fixture: "fragments-incomplete",
        covers: |it| it.aspect == Aspect::Frame && it.capture == "fragments-incomplete" && it.theirs.is_none(),
    },
    Divergence {
        name: "empty-zero-window-probe",
        reason: "semantics rule 3: Linux probes a closed window with an empty segment below SND.UNA; tshark takes it for a keepalive",
        fixture: "zero-window-stall",
        covers: |it| it.is("zero-window-probe", &[Label::KeepAlive]) && it.len() == 0,
    },
    Divergence {
        name: "answer-to-empty-zero-window-probe",
        reason: "semantics rule 13: the answer to a probe that tshark does not recognise",
        fixture: "zero-window-stall",
        covers: |it| it.is("zero-window-probe-ack", &[]),
    },
    Divergence {
        name: "one-byte-retransmission",
        reason: "semantics rule 8: the byte was never acknowledged, so it is data again and no keepalive",
        fixture: "one-byte-retransmission",
        covers: |it| it.is("retransmission", &[Label::KeepAlive]) && it.len() == 1,
    },
    Divergence {
        name: "ack-behind-own-fin",
        reason: "semantics rule 9: a pure ACK with the number of the FIN before it is late, not a probe",
        fixture: "ack-after-fin",
        covers: |it| it.is("ack", &[Label::KeepAlive]) && it.len() == 0,
    },
    Divergence {
        name: "midstream-probe",
        reason: "semantics rule 7: a probe is known by the answer or by its repetition; tshark counts from the first segment it saw",
        fixture: "one-byte-probes-midstream",
        covers: |it| it.one_of("keepalive-probe", &[&[], &[Label::DuplicateAck], &[Label::Retransmission]]),
    },
    Divergence {
        name: "unrecognised-answer",
        reason: "semantics rule 10: an answer may follow a probe that tshark did not recognise, or stand behind the far end's own probe",
        fixture: "both-ends-probing",
        covers: |it| it.one_of("keepalive-ack", &[&[], &[Label::DuplicateAck]]),
    },
    Divergence {
        name: "answer-with-another-window",
        reason: "semantics rule 10: the window of an answer may differ; tshark calls it a window update",
        fixture: "keepalive-answer-window",
        covers: |it| it.is("keepalive-ack", &[Label::WindowUpdate]),
    },
    Divergence {
        name: "redundant-ack",
        reason: "semantics rule 15: without data in flight a repeated ACK reports no loss",
        fixture: "both-ends-probing",
        covers: |it| it.one_of("ack", &[&[Label::DuplicateAck], &[Label::KeepAliveAck]]),
    },
    Divergence {
        name: "handshake-or-fin-again",
        reason: "a repeated SYN, SYN-ACK or FIN keeps its kind, which says more",
        fixture: "syn-again",
        covers: |it| {
            ["syn", "syn-ack", "fin"]
                .iter()
                .any(|kind| it.one_of(kind, &[&[Label::Retransmission], &[Label::OutOfOrder]]))
        },
    },
    Divergence {
        name: "duplicate-frame",
        reason: "semantics rule 0: one transmission captured twice counts once",
        fixture: "vlans",
        covers: |it| it.aspect == Aspect::Label && it.kind() == "duplicate-frame",
    },
];
