//! Where the program differs from tshark on purpose: each difference by name, with the reason and a capture that shows it.

use crate::support::difference::{Aspect, Difference};
use crate::support::mirror::{ACK, Habit};
use crate::support::tshark::{Label, Row};

/// A deliberate difference.
pub(crate) struct Divergence {
    pub(crate) name: &'static str,
    /// Why the program is right, or why it may differ.
    pub(crate) reason: &'static str,
    /// The capture that must show it: a fixture, a packet script or a scene, by its name.
    pub(crate) fixture: &'static str,
    /// Whether it is a habit of tshark's bookkeeping, to which a rule may come.
    pub(crate) is_habit: bool,
    /// Whether a difference is of this sort.
    pub(crate) covers: fn(&Difference) -> bool,
}

/// Captures of headers that tshark lists as far as it can read them.
const DAMAGED: [&str; 5] = ["cut-at-16", "total-length-16-of-tcp", "data-offset-0", "data-offset-4", "data-offset-15"];

/// Layers that the program does not look into, as tshark lists them.
const NOT_DECODED: [&str; 5] = ["udp:gre", "udp:ayiya", "gre:wlan", "eth:cfp", "vntag"];

/// The names of the divergences that cover a difference.
pub(crate) fn covering(difference: &Difference) -> Vec<&'static str> {
    DIVERGENCES.iter().filter(|it| (it.covers)(difference)).map(|it| it.name).collect()
}

/// Every deliberate difference. One that no capture shows is an error, so is a difference that no entry covers.
pub(crate) const DIVERGENCES: &[Divergence] = &[
    Divergence {
        name: "quoted-header",
        reason: "a TCP header inside an ICMP error was not sent here as a segment; tshark lists it in a stream",
        fixture: "quote-of-known",
        is_habit: false,
        covers: |it| it.aspect == Aspect::Frame && it.theirs.as_ref().is_some_and(|row| row.is_quoted()),
    },
    Divergence {
        name: "fragment-frame",
        reason: "the first fragment carries the header and counts; tshark lists the segment at the fragment that completes the datagram",
        fixture: "fragments",
        is_habit: false,
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
        is_habit: false,
        covers: |it| it.aspect == Aspect::Frame && DAMAGED.contains(&it.capture.as_str()) && it.ours.is_none(),
    },
    Divergence {
        name: "damaged-header-number",
        reason: "a header that contradicts itself has no initial number to compare a later SYN with; tshark takes one from it",
        fixture: "data-offset-4",
        is_habit: false,
        covers: |it| it.aspect == Aspect::Stream && DAMAGED.contains(&it.capture.as_str()),
    },
    Divergence {
        name: "window-closed",
        reason: "semantics rule 14: a window that closes is a changed window; tshark calls window updates only those that leave it open",
        fixture: "zero-window-probe-once",
        is_habit: false,
        covers: |it| it.is("window-update", &[]) && it.has_window(0),
    },
    Divergence {
        name: "fragment-length",
        reason: "the segment stands at the fragment with its header, with the octets of that fragment",
        fixture: "fragments-backwards",
        is_habit: false,
        covers: |it| it.aspect == Aspect::Number && it.note() == "fragmented",
    },
    Divergence {
        name: "length-beyond-frame",
        reason: "the length is the IP header's, also where a tool shortened the frame and its record; tshark takes the shorter of the two",
        fixture: "total-length-beyond-frame",
        is_habit: false,
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
        is_habit: false,
        covers: |it| it.aspect == Aspect::Frame && it.capture == "tunnel-vxlan-old-port" && it.theirs.is_none(),
    },
    Divergence {
        name: "empty-zero-window-probe",
        reason: "semantics rule 3: Linux probes a closed window with an empty segment below SND.UNA; tshark takes it for a keepalive",
        fixture: "zero-window-stall",
        is_habit: false,
        covers: |it| {
            let is_probe = it.is("zero-window-probe", &[Label::KeepAlive]) && it.len() == 0;
            is_probe && it.is_closed() && it.is_below_acknowledged()
        },
    },
    Divergence {
        name: "answer-to-empty-zero-window-probe",
        reason: "semantics rule 13: the answer to a probe that tshark does not recognise",
        fixture: "zero-window-stall",
        is_habit: false,
        covers: |it| it.is("zero-window-probe-ack", &[]) && it.has_window(0) && it.fits_probe(),
    },
    Divergence {
        name: "one-byte-retransmission",
        reason: "semantics rule 8: the byte was never acknowledged, so it is data again and no keepalive",
        fixture: "loss-single-byte-client",
        is_habit: false,
        covers: |it| {
            it.is("retransmission", &[Label::KeepAlive]) && it.len() == 1 && it.is_old() && !it.is_below_acknowledged()
        },
    },
    Divergence {
        name: "answer-to-one-byte-retransmission",
        reason: "what answers data is no answer to a keepalive",
        fixture: "loss-single-byte-client",
        is_habit: false,
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
        is_habit: false,
        covers: |it| {
            let is_probe = it.one_of("zero-window-probe", &[&[], &[Label::DuplicateAck]])
                || it.is("zero-window-probe", &[Label::KeepAlive]) && it.len() == 1;
            is_probe && (it.is_closed() || it.note().contains("inferred"))
        },
    },
    Divergence {
        name: "ack-behind-own-fin",
        reason: "semantics rule 9: a pure ACK with a number that was not acknowledged, within a second of the own FIN, or with an older timestamp, is late",
        fixture: "ack-after-fin",
        is_habit: false,
        covers: |it| {
            let is_late = !it.is_below_acknowledged() || it.is_soon_after_fin() || it.is_overtaken();
            it.is("ack", &[Label::KeepAlive]) && it.len() == 0 && it.is_old() && is_late
        },
    },
    Divergence {
        name: "midstream-probe",
        reason: "semantics rule 7: a probe is known by the answer or by its repetition; tshark counts from the first segment it saw",
        fixture: "midstream-keepalive",
        is_habit: false,
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            let again: [&[Label]; 2] = [&[Label::Retransmission], &spurious];
            let is_probe =
                it.one_of("keepalive-probe", &[&[], &[Label::DuplicateAck]]) || it.one_of("keepalive-probe", &again);
            is_probe
                && it.len() <= 1
                && (it.is_below_acknowledged() || it.past.other.acked.is_none() || it.note().contains("inferred"))
        },
    },
    Divergence {
        name: "unrecognised-answer",
        reason: "semantics rule 10: an answer may follow a probe that tshark did not recognise, or stand behind the far end's own probe",
        fixture: "both-ends-probing",
        is_habit: false,
        covers: |it| it.one_of("keepalive-ack", &[&[], &[Label::DuplicateAck]]) && it.fits_probe(),
    },
    Divergence {
        name: "answer-with-another-window",
        reason: "semantics rule 10: the window of an answer may differ; tshark calls it a window update",
        fixture: "answer-with-another-window",
        is_habit: false,
        covers: |it| it.is("keepalive-ack", &[Label::WindowUpdate]) && it.fits_probe(),
    },
    Divergence {
        name: "redundant-ack",
        reason: "semantics rule 15: without data in flight a repeated ACK reports no loss",
        fixture: "loss-single-byte-client",
        is_habit: false,
        covers: |it| it.is("ack", &[Label::DuplicateAck]) && (!it.leaves_in_flight() || it.takes_syn_alone()),
    },
    Divergence {
        name: "duplicate-ack-of-a-closed-window",
        reason: "semantics rule 15, RFC 5681 2: the same number and window while data is in flight; tshark leaves closed windows out",
        fixture: "duplicate-ack-of-a-closed-window",
        is_habit: false,
        covers: |it| it.is("dup-ack", &[]) && it.has_window(0) && it.leaves_in_flight(),
    },
    Divergence {
        name: "encapsulation-not-decoded",
        reason: "docs/LIMITATIONS.md: GRE in UDP, AYIYA, 802.11 in GRE, FabricPath and VN-Tag are passed over, and counted",
        fixture: "tunnel-gre-in-udp",
        is_habit: false,
        covers: |it| {
            let within = |row: &Row| NOT_DECODED.iter().any(|layers| row.protocols.contains(layers));
            it.aspect == Aspect::Frame && it.ours.is_none() && it.theirs.as_ref().is_some_and(within)
        },
    },
    Divergence {
        name: "challenge-ack",
        reason: "RFC 5961: the ACK answers a RST or SYN that was not acceptable; tshark sees the same numbers again",
        fixture: "reset-challenged",
        is_habit: false,
        covers: |it| {
            let labels: [&[Label]; 3] = [&[Label::DuplicateAck], &[Label::WindowUpdate], &[Label::KeepAlive]];
            it.past.other.had_control && it.one_of("challenge-ack", &labels)
        },
    },
    Divergence {
        name: "selective-duplicate-ack",
        reason: "semantics rule 15: a SACK block reports a hole whatever the window is; tshark calls it a window update",
        fixture: "duplicate-ack-or-window-update",
        is_habit: false,
        covers: |it| it.is("dup-ack", &[Label::WindowUpdate]) && it.leaves_in_flight(),
    },
    Divergence {
        name: "overtaken-by-an-ack",
        reason: "semantics rules 17 and 18: a pure ACK beyond everything seen shows a hole, and what fills it at once came out of order",
        fixture: "ack-overtakes-data",
        is_habit: false,
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            it.one_of("out-of-order", &[&[Label::Retransmission], &spurious])
        },
    },
    Divergence {
        name: "retransmission-soon",
        reason: "semantics rule 17: what fills no hole is no reordering, however soon it comes",
        fixture: "loss-single-byte-server",
        is_habit: false,
        covers: |it| it.is("retransmission", &[Label::OutOfOrder]) && it.is_old(),
    },
    Divergence {
        name: "handshake-or-fin-again",
        reason: "a repeated SYN, SYN-ACK or FIN keeps its kind, which says more",
        fixture: "syn-again",
        is_habit: false,
        covers: |it| {
            let spurious = [Label::Retransmission, Label::SpuriousRetransmission];
            let labels: [&[Label]; 3] = [&[Label::Retransmission], &[Label::OutOfOrder], &spurious];
            ["syn", "syn-ack", "fin"].iter().any(|kind| it.one_of(kind, &labels)) && it.is_old()
        },
    },
    Divergence {
        name: "duplicate-frame",
        reason: "semantics rule 0: one transmission captured twice counts once",
        fixture: "sll-router",
        is_habit: false,
        covers: |it| {
            let is_copy = it.aspect == Aspect::Label && it.kind() == "duplicate-frame";
            is_copy && it.ours.as_ref().is_some_and(|ours| it.past.own.has_sent(ours))
        },
    },
    Divergence {
        name: "big-tcp-over-ipv6",
        reason: "a payload length of 0 without a jumbo option is what segmentation offload leaves above 64 KiB; tshark reads no further",
        fixture: "big-tcp-over-ipv6",
        is_habit: false,
        covers: |it| it.aspect == Aspect::Frame && it.theirs.is_none() && it.len() > 65_000,
    },
    Divergence {
        name: "acknowledged-octet-sent-again",
        reason: "semantics rule 5: a push, the same octet and the spacing of a retransmission timer are no garbage byte's",
        fixture: "last-acknowledged-byte-sent-again",
        is_habit: false,
        covers: |it| {
            it.is("retransmission", &[Label::KeepAlive])
                && it.len() == 1
                && it.note().contains("spurious")
                && it.is_below_acknowledged()
                && it.comes_as_retransmission()
        },
    },
    Divergence {
        name: "probe-without-ack",
        reason: "RFC 9293 3.10.7.4: a segment without the ACK flag is thrown away, so it probes nothing",
        fixture: "flagless-segment",
        is_habit: false,
        covers: |it| {
            let labels: [&[Label]; 2] = [&[Label::ZeroWindowProbe], &[Label::KeepAlive]];
            ["ack", "data", "retransmission"].iter().any(|kind| it.one_of(kind, &labels)) && !it.has_flag(ACK)
        },
    },
    Divergence {
        name: "octet-that-stays-undecided",
        reason: "semantics rule 7: of one octet that comes twice in a capture of one direction nothing tells what it was",
        fixture: "octet-twice-without-an-answer",
        is_habit: false,
        covers: |it| it.is("data", &[Label::KeepAlive]) && it.len() == 1 && it.note().contains("unresolved"),
    },
    Divergence {
        name: "acknowledges-another-number-than-the-probes",
        reason: "semantics rule 10: what answers a probe acknowledges the octet that it asks for",
        fixture: "answer-below-an-inferred-probe",
        is_habit: false,
        covers: |it| {
            it.one_of("dup-ack", &[&[Label::KeepAliveAck]]) && it.past.other.probes[0].is_some() && !it.answers_probe()
        },
    },
    Divergence {
        name: "reset-moves-numbers",
        reason: "a RST takes no sequence space, and what is not acceptable changes nothing (RFC 9293 3.10.7); tshark takes over its numbers",
        fixture: "reset-challenged-and-survived",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Resets),
    },
    Divergence {
        name: "next-number-behind-the-acknowledged",
        reason: "semantics rule 19: what was acknowledged was sent; tshark's next number knows only what was captured",
        fixture: "unseen-octets-sent-again",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Unseen),
    },
    Divergence {
        name: "number-zero",
        reason: "RFC 9293 3.4: 0 is a sequence number as any other; tshark takes it for none, and none for 0",
        fixture: "wrap-to-zero-then-again",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Zero),
    },
    Divergence {
        name: "one-stream-for-two-connections",
        reason: "semantics rule 20: a SYN or SYN-ACK that opens another connection begins with numbers of its own; tshark goes on in its stream",
        fixture: "replayed-capture",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Generations),
    },
    Divergence {
        name: "last-acknowledgment-not-the-highest",
        reason: "RFC 9293 3.10.7.4: an acknowledgment below SND.UNA changes nothing; tshark takes the last one, and its window",
        fixture: "old-acknowledgment-twice",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Backwards),
    },
    Divergence {
        name: "acknowledgment-without-its-flag",
        reason: "RFC 9293 3.1: the acknowledgment field counts only under the ACK flag",
        fixture: "acknowledgment-field-without-its-flag",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Flagless),
    },
    Divergence {
        name: "probe-before-the-last-segment",
        reason: "semantics rule 10: an unanswered probe can be answered though its sender sent something else since, and once",
        fixture: "zero-window-answer-twice",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::LastOnly),
    },
    Divergence {
        name: "fast-open-refused",
        reason: "RFC 7413 4.2.2: octets of a SYN or SYN-ACK that were not acknowledged are sent for the first time again",
        fixture: "fast-open-refused",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Refused),
    },
    Divergence {
        name: "syn-and-fin-together",
        reason: "RFC 9293 3.4: SYN and FIN take a number each; tshark counts one where a segment has both",
        fixture: "syn-and-fin-together",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Together),
    },
    Divergence {
        name: "longer-than-the-octet-before",
        reason: "semantics rule 17: what begins below the next number is sent again; tshark leaves out what begins one below",
        fixture: "octet-sent-again-with-more",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Longer),
    },
    Divergence {
        name: "octet-in-flight-at-a-closed-window",
        reason: "semantics rule 2: what probes a closed window is the first octet that was not acknowledged; with others in flight it is data",
        fixture: "octet-behind-others-at-a-closed-window",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Octets),
    },
    Divergence {
        name: "fin-at-a-closed-window",
        reason: "a FIN keeps its kind, whatever comes with it; tshark takes its only octet for a probe of the closed window",
        fixture: "fin-with-an-octet-at-a-closed-window",
        is_habit: false,
        covers: |it| it.is("fin", &[Label::ZeroWindowProbe]) && it.len() == 1 && it.is_closed(),
    },
    Divergence {
        name: "octet-fills-a-hole",
        reason: "semantics rule 17: an octet that was never acknowledged and fills a hole at once came out of order",
        fixture: "octet-out-of-order",
        is_habit: false,
        covers: |it| {
            it.is("out-of-order", &[Label::KeepAlive]) && it.len() == 1 && it.is_old() && !it.is_below_acknowledged()
        },
    },
    Divergence {
        name: "challenge-ack-counts",
        reason: "RFC 5961 3.2 and 4.2: a challenge ACK answers what was refused; what it repeats, or closes, is no news of the transfer",
        fixture: "window-in-a-challenge",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Challenges),
    },
    Divergence {
        name: "probe-before-what-was-captured",
        reason: "semantics rule 7: a probe stands one below what was sent before it, though the capture begins with it",
        fixture: "octet-behind-first-probes",
        is_habit: true,
        covers: |it| it.habits.contains(&Habit::Probes),
    },
];
