//! Where the program differs from tshark on purpose: each difference by name, with the reason and a capture that shows it.

use crate::support::difference::{Aspect, Difference};
use crate::support::tshark::{Label, Row};

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

/// Captures of headers that tshark lists as far as it can read them.
const DAMAGED: [&str; 5] = ["cut-at-16", "total-length-16-of-tcp", "data-offset-0", "data-offset-4", "data-offset-15"];

/// Layers that the program does not look into, as tshark lists them.
const NOT_DECODED: [&str; 5] = ["udp:gre", "udp:ayiya", "gre:wlan", "eth:cfp", "vntag"];

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
        covers: |it| {
            let first = it.theirs.is_none() && it.is_completed_later;
            let last = it.ours.is_none() && it.theirs.as_ref().is_some_and(|row| row.is_reassembled);
            let incomplete = it.theirs.is_none() && it.note().contains("fragmented");
            it.aspect == Aspect::Frame && (first || last || incomplete)
        },
    },
    Divergence {
        name: "damaged-header",
        reason: "a TCP header that is cut or contradicts itself is skipped and counted, though it takes its stream number",
        fixture: "data-offset-4",
        covers: |it| it.aspect == Aspect::Frame && DAMAGED.contains(&it.capture.as_str()) && it.ours.is_none(),
    },
    Divergence {
        name: "damaged-header-number",
        reason: "a header that contradicts itself has no initial number to compare a later SYN with; tshark takes one from it",
        fixture: "data-offset-4",
        covers: |it| it.aspect == Aspect::Stream && DAMAGED.contains(&it.capture.as_str()),
    },
    Divergence {
        name: "reset-without-ack",
        reason: "RFC 9293 3.1: the acknowledgment field counts only under the ACK flag; tshark takes that of a FULLNAT director's RST \
                 for an acknowledgment of what comes next",
        fixture: "lvs-reset-ignored-client",
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            it.past.other.had_reset && (it.is("data", &spurious) || it.is("retransmission", &spurious))
        },
    },
    Divergence {
        name: "fast-open-data-refused",
        reason: "RFC 7413 4.2.2: payload of a SYN or SYN-ACK that was not acknowledged is sent for the first time again",
        fixture: "fast-open-answer-data-refused",
        covers: |it| {
            let is_first = it.past.own.kind.starts_with("syn") || it.past.other.kind.starts_with("syn");
            is_first && it.is("data", &[Label::Retransmission])
        },
    },
    Divergence {
        name: "reset-above-next",
        reason: "a RST takes no sequence space (RFC 9293 3.10.7): one that was challenged moves nothing; tshark moves the next number",
        fixture: "reset-challenged-and-survived",
        covers: |it| it.past.own.had_reset && it.is("data", &[Label::Retransmission]),
    },
    Divergence {
        name: "replayed",
        reason: "the same SYN again, while time runs backwards or after the close, begins a new generation; tshark goes on in the stream",
        fixture: "replayed-capture",
        covers: |it| {
            ["replayed-capture", "replayed-later"].contains(&it.capture.as_str())
                && it.is("data", &[Label::Retransmission])
        },
    },
    Divergence {
        name: "window-closed",
        reason: "semantics rule 14: a window that closes is a changed window; tshark calls window updates only those that leave it open",
        fixture: "zero-window-probe-once",
        covers: |it| it.is("window-update", &[]) && it.has_window(0),
    },
    Divergence {
        name: "fragment-length",
        reason: "the segment stands at the fragment with its header, with the octets of that fragment",
        fixture: "fragments-backwards",
        covers: |it| it.aspect == Aspect::Number && it.note() == "fragmented",
    },
    Divergence {
        name: "length-beyond-frame",
        reason: "the length is the IP header's, also where a tool shortened the frame and its record; tshark takes the shorter of the two",
        fixture: "total-length-beyond-frame",
        covers: |it| {
            let beyond = it.theirs.as_ref().is_some_and(|row| row.is_beyond_frame);
            let shorter = beyond && it.their_len().is_some_and(|len| len < it.len());
            shorter && (it.aspect == Aspect::Number || it.is("data", &[Label::DuplicateAck]))
        },
    },
    Divergence {
        name: "vxlan-on-8472",
        reason: "Linux sends VXLAN to port 8472 unless told otherwise; tshark knows 4789 only",
        fixture: "tunnel-vxlan-old-port",
        covers: |it| it.aspect == Aspect::Frame && it.capture == "tunnel-vxlan-old-port" && it.theirs.is_none(),
    },
    Divergence {
        name: "empty-zero-window-probe",
        reason: "semantics rule 3: Linux probes a closed window with an empty segment below SND.UNA; tshark takes it for a keepalive",
        fixture: "zero-window-stall",
        covers: |it| {
            let is_probe = it.is("zero-window-probe", &[Label::KeepAlive]) && it.len() == 0;
            is_probe && it.is_closed() && it.is_below_acknowledged()
        },
    },
    Divergence {
        name: "answer-to-empty-zero-window-probe",
        reason: "semantics rule 13: the answer to a probe that tshark does not recognise",
        fixture: "zero-window-stall",
        covers: |it| it.is("zero-window-probe-ack", &[]) && it.has_window(0) && it.fits_probe(),
    },
    Divergence {
        name: "one-byte-retransmission",
        reason: "semantics rule 8: the byte was never acknowledged, so it is data again and no keepalive",
        fixture: "loss-single-byte-client",
        covers: |it| it.is("retransmission", &[Label::KeepAlive]) && it.len() == 1 && it.is_old(),
    },
    Divergence {
        name: "answer-to-one-byte-retransmission",
        reason: "what answers data is no answer to a keepalive",
        fixture: "loss-single-byte-client",
        covers: |it| {
            let is_ack = it.one_of("ack", &[&[Label::KeepAliveAck]]) || it.is("dup-ack", &[Label::KeepAliveAck]);
            // A probe is answered once.
            is_ack && (it.past.other.kind != "keepalive-probe" || it.past.own.kind == "keepalive-ack")
        },
    },
    Divergence {
        name: "midstream-zero-window-probe",
        reason: "semantics rule 3 goes by what the far end acknowledged; tshark counts from the first segment it saw",
        fixture: "zero-window-probes-only",
        covers: |it| {
            let is_probe = it.one_of("zero-window-probe", &[&[], &[Label::DuplicateAck]])
                || it.is("zero-window-probe", &[Label::KeepAlive]) && it.len() == 1;
            is_probe && (it.is_closed() || it.note().contains("inferred"))
        },
    },
    Divergence {
        name: "ack-behind-own-fin",
        reason: "semantics rule 9: a pure ACK with the number of the FIN before it is late, not a probe",
        fixture: "ack-after-fin",
        covers: |it| it.is("ack", &[Label::KeepAlive]) && it.len() == 0 && it.is_old(),
    },
    Divergence {
        name: "midstream-probe",
        reason: "semantics rule 7: a probe is known by the answer or by its repetition; tshark counts from the first segment it saw",
        fixture: "midstream-keepalive",
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            let is_probe = it.one_of("keepalive-probe", &[&[], &[Label::DuplicateAck], &spurious]);
            is_probe
                && it.len() <= 1
                && (it.is_below_acknowledged() || it.past.other.acked.is_none() || it.note().contains("inferred"))
        },
    },
    Divergence {
        name: "unrecognised-answer",
        reason: "semantics rule 10: an answer may follow a probe that tshark did not recognise, or stand behind the far end's own probe",
        fixture: "both-ends-probing",
        covers: |it| it.one_of("keepalive-ack", &[&[], &[Label::DuplicateAck]]) && it.fits_probe(),
    },
    Divergence {
        name: "answer-with-another-window",
        reason: "semantics rule 10: the window of an answer may differ; tshark calls it a window update",
        fixture: "answer-with-another-window",
        covers: |it| it.is("keepalive-ack", &[Label::WindowUpdate]) && it.fits_probe(),
    },
    Divergence {
        name: "redundant-ack",
        reason: "semantics rule 15: without data in flight a repeated ACK reports no loss",
        fixture: "loss-single-byte-client",
        covers: |it| it.is("ack", &[Label::DuplicateAck]) && !it.leaves_in_flight(),
    },
    Divergence {
        name: "duplicate-ack-of-a-closed-window",
        reason: "semantics rule 15, RFC 5681 2: the same number and window while data is in flight; tshark leaves closed windows out",
        fixture: "duplicate-ack-of-a-closed-window",
        covers: |it| it.is("dup-ack", &[]) && it.has_window(0) && it.leaves_in_flight(),
    },
    Divergence {
        name: "encapsulation-not-decoded",
        reason: "docs/LIMITATIONS.md: GRE in UDP, AYIYA, 802.11 in GRE, FabricPath and VN-Tag are passed over, and counted",
        fixture: "tunnel-gre-in-udp",
        covers: |it| {
            let within = |row: &Row| NOT_DECODED.iter().any(|layers| row.protocols.contains(layers));
            it.aspect == Aspect::Frame && it.ours.is_none() && it.theirs.as_ref().is_some_and(within)
        },
    },
    Divergence {
        name: "challenge-ack",
        reason: "RFC 5961: the ACK answers a RST or SYN that was not acceptable; tshark sees the same numbers again",
        fixture: "reset-challenged",
        covers: |it| {
            let labels: [&[Label]; 3] = [&[Label::DuplicateAck], &[Label::WindowUpdate], &[Label::KeepAlive]];
            it.past.other.had_control && it.one_of("challenge-ack", &labels)
        },
    },
    Divergence {
        name: "data-behind-a-refused-reset",
        reason: "a RST in the window moves what tshark expects next, so that the data that follows looks old to it",
        fixture: "reset-challenged",
        covers: |it| it.past.own.had_reset && it.is("data", &[Label::Retransmission]),
    },
    Divergence {
        name: "selective-duplicate-ack",
        reason: "semantics rule 15: a SACK block reports a hole whatever the window is; tshark calls it a window update",
        fixture: "duplicate-ack-or-window-update",
        covers: |it| it.is("dup-ack", &[Label::WindowUpdate]) && it.leaves_in_flight(),
    },
    Divergence {
        name: "overtaken-by-an-ack",
        reason: "semantics rules 17 and 18: a pure ACK beyond everything seen shows a hole, and what fills it at once came out of order",
        fixture: "ack-overtakes-data",
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            it.one_of("out-of-order", &[&[Label::Retransmission], &spurious])
        },
    },
    Divergence {
        name: "fast-open-refused",
        reason: "RFC 7413: the SYN-ACK did not take the octet of the SYN, so it is sent for the first time that counts",
        fixture: "fast-open-refused",
        covers: |it| it.capture == "fast-open-refused" && it.is("data", &[Label::KeepAlive]),
    },
    Divergence {
        name: "retransmission-soon",
        reason: "semantics rule 17: what fills no hole is no reordering, however soon it comes",
        fixture: "loss-single-byte-server",
        covers: |it| it.is("retransmission", &[Label::OutOfOrder]) && it.is_old(),
    },
    Divergence {
        name: "handshake-or-fin-again",
        reason: "a repeated SYN, SYN-ACK or FIN keeps its kind, which says more",
        fixture: "syn-again",
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            let labels: [&[Label]; 3] = [&[Label::Retransmission], &[Label::OutOfOrder], &spurious];
            ["syn", "syn-ack", "fin"].iter().any(|kind| it.one_of(kind, &labels)) && it.past.own.next.is_some()
        },
    },
    Divergence {
        name: "duplicate-frame",
        reason: "semantics rule 0: one transmission captured twice counts once",
        fixture: "sll-router",
        covers: |it| {
            let is_copy = it.aspect == Aspect::Label && it.kind() == "duplicate-frame";
            is_copy && it.ours.as_ref().is_some_and(|ours| it.past.own.has_sent(ours))
        },
    },
    Divergence {
        name: "number-zero",
        reason: "the next number is exactly 0 after a wrap, which tshark takes for unknown",
        fixture: "wrap-to-zero-then-again",
        covers: |it| it.past.own.next == Some(0) && (it.is("retransmission", &[]) || it.is("keepalive-probe", &[])),
    },
    Divergence {
        name: "octet-in-flight-at-a-closed-window",
        reason: "semantics rule 2: what probes a closed window is the first octet that was not acknowledged; with others in flight it is data",
        fixture: "octet-behind-others-at-a-closed-window",
        covers: |it| {
            let acknowledged =
                it.past.other.acked.zip(it.ours.as_ref()).is_some_and(|(ack, ours)| ack == ours.seq as u32);
            let is_octet =
                it.is("data", &[Label::ZeroWindowProbe]) || it.is("retransmission", &[Label::ZeroWindowProbe]);
            is_octet && it.is_closed() && it.len() == 1 && !acknowledged
        },
    },
    Divergence {
        name: "big-tcp-over-ipv6",
        reason: "a payload length of 0 without a jumbo option is what segmentation offload leaves above 64 KiB; tshark reads no further",
        fixture: "big-tcp-over-ipv6",
        covers: |it| it.aspect == Aspect::Frame && it.theirs.is_none() && it.len() > 65_000,
    },
];
