//! What limits the verdicts, in words: each limit in one sentence that says how far it goes and what to do about it.

use crate::analyzer::{Analysis, FileAccount};
use crate::capture::CaptureInfo;
use crate::report::model::Quality;
use crate::report::units::{count, duration, plural, seconds};
use crate::time::Span;
use crate::verdict::quality::{
    LEAST_CLOCK_STEP, Limits, SHORTEST_USUAL_TIMER, Selection, Translation, is_stitched, lost,
};
use crate::wire::{Layer, Skip, SkipReason};

/// Octets of a frame that usually hold what names a request.
const NAMES: u32 = 256;
/// Translated conversations named in a sentence.
const PAIRS_NAMED: usize = 2;

/// The sentences about one capture, those with a count of zero left out.
#[derive(Default)]
struct Notes(Vec<Quality>);

impl Notes {
    /// A sentence about `number` things, if there are any.
    fn counted(&mut self, id: &str, number: u64, text: impl FnOnce() -> String) {
        if number > 0 {
            self.0.push(Quality { id: id.to_owned(), text: text(), count: Some(number) });
        }
    }

    /// A sentence about the capture as a whole.
    fn whole(&mut self, id: &str, text: String) {
        self.0.push(Quality { id: id.to_owned(), text, count: None });
    }
}

/// What the file itself shows.
pub(crate) fn file_quality(info: &CaptureInfo, account: &FileAccount) -> Vec<Quality> {
    let mut notes = Notes::default();
    if let Some(cut) = &info.truncated {
        let place = format!("frame {} (byte {})", cut.frame, count(cut.offset));
        let text = format!("The capture ends early, at {place}: {}; what came later is not judged.", cut.reason);
        notes.whole("truncated", text);
    }
    if info.packets > 0 && account.tcp_segments == 0 {
        let text = "There is no TCP in this capture: check the filter and the interface it was made with.";
        notes.whole("no-tcp", text.to_owned());
    }
    let drops = lost(info);
    notes.counted("drops", drops, || {
        let packets = plural(drops, "packet");
        format!("{packets} lost by the capturing machine: silence may be loss. Capture headers only (-s 128), with a larger buffer (-B 65536).")
    });
    snapshot(info, account, &mut notes);
    clock(info, account, &mut notes);
    notes.counted("duplicates", account.duplicates, || {
        let frames = plural(account.duplicates, "frame");
        format!("{frames} captured more than once (a mirror port, or several interfaces); each was counted once, and nothing is lost by it.")
    });
    let traffic = account.traffic;
    notes.counted("offload", traffic.oversized, || {
        format!(
            "{} longer than a frame can be (up to {} octets): the capturing machine joins or splits them, which is harmless here.",
            plural(traffic.oversized, "segment"),
            count(u64::from(traffic.longest))
        )
    });
    notes.0
}

/// What the snapshot length cut off: headers, names, the one octet that tells a probe.
fn snapshot(info: &CaptureInfo, account: &FileAccount, notes: &mut Notes) {
    let cuts = info.snaplen_cuts;
    let smallest = cuts.smallest.unwrap_or(0);
    let headers = account.skips.iter().filter(|((_, reason), _)| *reason == "too-short").map(|(_, skip)| skip.count);
    let headers = headers.sum::<u64>().min(cuts.count);
    notes.counted("snaplen-headers", headers, || {
        format!(
            "{} cut inside the headers by the snapshot length (down to {smallest} octets) and passed over: capture with -s 128.",
            plural(headers, "frame")
        )
    });
    let hidden = account.traffic.hidden_octets;
    let is_harmless = account.cut_payloads == 0 || (smallest >= NAMES && hidden == 0);
    let payloads = if is_harmless { 0 } else { cuts.count };
    notes.counted("snaplen", payloads, || {
        let look_alikes = match hidden {
            0 => String::new(),
            hidden => format!(
                ", and the octet of {}, so that a repeated octet and a keepalive probe look alike",
                plural(hidden, "one-octet segment")
            ),
        };
        format!(
            "{} cut by the snapshot length (down to {smallest} octets): lengths are right, but names of requests may be \
             missing{look_alikes}. Where that matters capture with -s {NAMES}.",
            plural(cuts.count, "frame")
        )
    });
}

/// What is wrong with the times.
fn clock(info: &CaptureInfo, account: &FileAccount, notes: &mut Notes) {
    let steps = info.backward_steps;
    if steps.largest >= LEAST_CLOCK_STEP {
        notes.counted("clock-steps", steps.count, || {
            format!(
                "Time runs backwards {} (first at frame {}, by up to {}): gaps across such a step prove nothing. Capture on a \
                 machine whose clock is kept in step, and do not join files out of order.",
                plural(steps.count, "time"),
                steps.first_frame,
                duration(steps.largest)
            )
        });
    } else {
        notes.counted("reordered", steps.count, || {
            format!(
                "Time runs backwards {}, by up to {} only, as several queues or interfaces hand over their records: harmless.",
                plural(steps.count, "time"),
                seconds(steps.largest)
            )
        });
    }
    if is_stitched(account.pace.longest_step()) {
        let text = format!(
            "Time jumps forward by up to {} between two records, as where captures were joined: gaps across such a jump \
             prove nothing.",
            duration(account.pace.longest_step())
        );
        notes.whole("clock-jumps", text);
    }
    notes.counted("untimed", info.untimed, || {
        format!(
            "{} without a time of their own: gaps around them prove nothing. Capture in a form that keeps times.",
            plural(info.untimed, "record")
        )
    });
    match account.pace.invented() {
        Some(Span::ZERO) => notes.whole(
            "synthetic-clock",
            "All records carry the same time: what was sent is shown, how long anything lasted is not. Use the original \
             capture."
                .to_owned(),
        ),
        Some(step) => notes.whole(
            "synthetic-clock",
            format!(
                "The times are invented (one record every {}): probes may be real, gaps are not. Use the original capture.",
                seconds(step)
            ),
        ),
        None => {}
    }
}

/// The files were captured at several points: what one of them cannot show another one may.
pub(super) fn several_points(points: u64) -> Quality {
    let text = format!(
        "The files overlap in time: they are {points} capture points and were analysed separately. Compare a flow in all of \
         them to see which end sent what."
    );
    Quality { id: "several-points".to_owned(), text, count: Some(points) }
}

/// Flows that left before the end for want of memory.
pub(super) fn evicted(flows: u64) -> Option<Quality> {
    let text = || {
        format!(
            "{} had to leave before the end to hold memory: what they died of is counted, but they are not listed, and what \
             they would still have shown is not. Allow more with --max-flows, or narrow the filter.",
            plural(flows, "flow")
        )
    };
    (flows > 0).then(|| Quality { id: "flows-evicted".to_owned(), text: text(), count: Some(flows) })
}

/// What the flows show.
pub(crate) fn timeline_quality(analysis: &Analysis, limits: &Limits) -> Vec<Quality> {
    let mut notes = Notes::default();
    selection(limits, &mut notes);
    flows(limits, &mut notes);
    ending(limits, &mut notes);
    translated(limits, &mut notes);
    notes.counted("heads-refused", analysis.heads_refused, || {
        format!(
            "{} not read for want of memory: requests in flight may lack their names.",
            plural(analysis.heads_refused, "head")
        )
    });
    notes.counted("fragments-given-up", analysis.fragments_given_up, || {
        format!(
            "{} given up unfinished: the octets in them are not accounted for.",
            plural(analysis.fragments_given_up, "fragmented datagram")
        )
    });
    notes.0
}

/// What the capture filter removed.
fn selection(limits: &Limits, notes: &mut Notes) {
    let traffic = limits.traffic;
    match limits.selection {
        Selection::Everything => {}
        Selection::ResetsOnly => notes.counted("resets-only", traffic.resets, || {
            "The capture holds RSTs alone: who was silent, for how long, and who is to blame cannot be seen. Capture the \
             whole conversation, by host and port."
                .to_owned()
        }),
        Selection::ControlOnly => notes.counted("control-only", traffic.control, || {
            "The capture holds SYN, FIN and RST alone although more was sent: silence between them proves nothing. Capture \
             the whole conversation, by host and port."
                .to_owned()
        }),
        Selection::NoBareAcks => notes.counted("no-bare-acks", traffic.with_payload, || {
            "The capture holds no segment without payload: if a filter removed them, keepalive probes and their answers \
             are missing too, and silence proves nothing. Capture by host and port alone."
                .to_owned()
        }),
        Selection::NoPayload => notes.counted("no-payload", traffic.bare_acks, || {
            "The capture holds no segment with payload although payload was acknowledged: silence proves nothing. Capture \
             by host and port alone; -s 128 keeps it small."
                .to_owned()
        }),
    }
}

/// Limits that some flows share.
fn flows(limits: &Limits, notes: &mut Notes) {
    let of_all = |number: u64| format!("{} of {}", count(number), plural(limits.flows, "flow"));
    notes.counted("midstream", limits.midstream, || {
        format!(
            "{} began before the capture: who initiated is inferred, and window scales are unknown.",
            of_all(limits.midstream)
        )
    });
    notes.counted("one-sided", limits.one_sided, || {
        format!(
            "One direction only was captured of {}: whether anything was answered cannot be seen. Capture where both \
             directions pass, best at an end.",
            of_all(limits.one_sided)
        )
    });
    // What a filter removed is missing everywhere, and that is said already.
    let incomplete = if limits.selection == Selection::Everything { limits.incomplete } else { 0 };
    notes.counted("incomplete", incomplete, || {
        format!(
            "Octets are missing from the capture in {}: what looks like silence may be what was missed. Capture headers only \
             (-s 128), so that none is dropped.",
            of_all(limits.incomplete)
        )
    });
    notes.counted("replayed", limits.replayed, || {
        format!(
            "The capture holds {} twice (merged or replayed files): use one of the originals.",
            of_all(limits.replayed)
        )
    });
    notes.counted("icmp-errors", limits.icmp_errors, || {
        format!(
            "ICMP errors speak of {}: an unreachable host or too small an MTU explains what looks like a timer.",
            of_all(limits.icmp_errors)
        )
    });
    notes.counted("tunnelled", limits.tunnelled, || {
        format!(
            "A tunnel carried {}: a box on the outer path times the tunnel, not these flows.",
            of_all(limits.tunnelled)
        )
    });
    notes.counted("behind-fullnat", limits.behind_fullnat, || {
        format!(
            "An LVS FULLNAT director forwarded {} (TOA option): their addresses are those behind it, not the clients'.",
            of_all(limits.behind_fullnat)
        )
    });
}

/// Whether the capture ended before its question was answered.
fn ending(limits: &Limits, notes: &mut Notes) {
    let ending = limits.ending;
    let silent = plural(ending.silent, "flow");
    if ending.is_too_short() {
        notes.counted("short", ending.silent, || {
            format!(
                "The capture ends in silence ({silent}, at most {}), and no silence in it lasts the {} of the shortest usual \
                 idle timer: none can show. Capture for longer.",
                duration(ending.open_longest),
                seconds(SHORTEST_USUAL_TIMER)
            )
        });
    } else {
        notes.counted("open-gaps", ending.silent, || {
            format!(
                "The capture ends in the longest silence of {silent}, which had lasted up to {}: whether it survives cannot be \
                 seen. Capture for longer.",
                duration(ending.open_longest)
            )
        });
    }
}

/// Both sides of a NAT or balancer.
fn translated(limits: &Limits, notes: &mut Notes) {
    let total = limits.translated.total;
    notes.counted("both-sides-of-nat", total, || {
        let pair = |pair: &Translation| {
            let (before, after) = (pair.before, pair.after);
            format!("{} > {} is {} > {}", before.0, before.1, after.0, after.1)
        };
        let named: Vec<String> = limits.translated.pairs.iter().take(PAIRS_NAMED).map(pair).collect();
        format!(
            "Both sides of a NAT or balancer are in this capture: {} twice, under two pairs of addresses ({}{}). Each copy \
             counts as a flow; what one side shows and the other does not was born or lost in between.",
            plural(total, "conversation"),
            named.join("; "),
            if total > PAIRS_NAMED as u64 { "; and more" } else { "" }
        )
    });
}

pub(crate) const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Link => "link",
        Layer::Tunnel => "tunnel",
        Layer::Ip => "ip",
        Layer::Tcp => "tcp",
        Layer::Icmp => "icmp",
    }
}

/// A skip in words: what was wrong, and where in the frame.
pub(crate) fn skip(skip: &Skip) -> String {
    let layer = layer(skip.layer);
    let what = match skip.reason {
        SkipReason::NotTcp(number) if skip.layer == Layer::Link => format!("another protocol (type 0x{number:04x})"),
        SkipReason::NotTcp(number) => format!("another protocol (number {number})"),
        SkipReason::UnknownLink(number) => format!("link type {number} is not decoded"),
        SkipReason::TooShort { needed, available } => {
            format!("the {layer} header needs {needed} octets, {available} are there")
        }
        SkipReason::BadField(field, value) => format!("{layer} header: {field} is {value}"),
        SkipReason::TooDeep => "too many headers inside each other".to_owned(),
        SkipReason::Opaque => "encrypted".to_owned(),
    };
    format!("{what}, at octet {}", skip.offset)
}
