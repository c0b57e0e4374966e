//! What limits the verdicts, in words.

use crate::analyzer::{Analysis, FileAccount};
use crate::capture::CaptureInfo;
use crate::report::model::Quality;
use crate::report::units::{count, duration, plural};
use crate::verdict::quality::limits;
use crate::wire::{Layer, Skip, SkipReason};

fn quality(id: &str, text: String, number: u64) -> Quality {
    Quality { id: id.to_owned(), text, count: Some(number) }
}

/// What the file itself shows.
pub(crate) fn file_quality(info: &CaptureInfo, account: &FileAccount) -> Vec<Quality> {
    let mut found = Vec::new();
    if let Some(cut) = &info.truncated {
        let text =
            format!("The capture ends early, at frame {} (byte {}): {}.", cut.frame, count(cut.offset), cut.reason);
        found.push(Quality { id: "truncated".to_owned(), text, count: None });
    }
    let drops =
        info.counters.system_drops.unwrap_or(0) + info.counters.interface_drops.unwrap_or(0) + info.lost_between;
    if drops > 0 {
        let text = format!("{} lost by the capturing machine: silence may be loss.", plural(drops, "packet"));
        found.push(quality("drops", text, drops));
    }
    let cuts = info.snaplen_cuts;
    if cuts.count > 0 && account.cut_payloads > 0 {
        let smallest = cuts.smallest.unwrap_or(0);
        let text = format!(
            "{} cut by the snapshot length (down to {smallest} octets): lengths are right, names may be missing.",
            plural(cuts.count, "frame")
        );
        found.push(quality("snaplen", text, cuts.count));
    }
    let steps = info.backward_steps;
    if steps.count > 0 {
        let text = format!(
            "Time runs backwards {} (first at frame {}, by up to {}): gaps across such a step prove nothing.",
            plural(steps.count, "time"),
            steps.first_frame,
            duration(steps.largest)
        );
        found.push(quality("clock-steps", text, steps.count));
    }
    if info.untimed > 0 {
        let text =
            format!("{} without a time of their own: gaps around them prove nothing.", plural(info.untimed, "record"));
        found.push(quality("untimed", text, info.untimed));
    }
    if account.duplicates > 0 {
        let text = format!("{} captured more than once; each was counted once.", plural(account.duplicates, "frame"));
        found.push(quality("duplicates", text, account.duplicates));
    }
    if info.packets > 0 && account.tcp_segments == 0 {
        let text = "There is no TCP in this capture: check the filter and the interface it was made with.".to_owned();
        found.push(Quality { id: "no-tcp".to_owned(), text, count: None });
    }
    found
}

/// What the flows show.
pub(crate) fn timeline_quality(analysis: &Analysis) -> Vec<Quality> {
    let limits = limits(analysis);
    let mut found = Vec::new();
    let mut note = |id: &str, number: u64, text: String| {
        if number > 0 {
            found.push(quality(id, text, number));
        }
    };
    let of_all = |number: u64| format!("{} of {}", count(number), plural(limits.flows, "flow"));
    note(
        "midstream",
        limits.midstream,
        format!(
            "{} began before the capture: who initiated is inferred, and window scales are unknown.",
            of_all(limits.midstream)
        ),
    );
    note(
        "one-sided",
        limits.one_sided,
        format!(
            "{} show one direction only: answers cannot be seen. Capture where both directions pass.",
            of_all(limits.one_sided)
        ),
    );
    note(
        "incomplete",
        limits.incomplete,
        format!("{} have octets that the capture does not hold.", of_all(limits.incomplete)),
    );
    note(
        "replayed",
        limits.replayed,
        format!("{} occur twice in the capture (merged or replayed files).", of_all(limits.replayed)),
    );
    note(
        "behind-fullnat",
        limits.behind_fullnat,
        format!("{} come through an LVS FULLNAT director (TOA option).", of_all(limits.behind_fullnat)),
    );
    note(
        "fragments-given-up",
        analysis.fragments_given_up,
        format!("{} given up unfinished.", plural(analysis.fragments_given_up, "fragmented datagram")),
    );
    found
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
