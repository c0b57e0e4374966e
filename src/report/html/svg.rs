//! The marks of the pictures: told apart by shape, and by colour besides.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};

use crate::flow::SegmentKind;

/// The shapes, drawn once and used by name. They take the colour of the place where they are used.
const SHAPES: &str = r##"<svg class="shapes" width="0" height="0" aria-hidden="true" focusable="false"><defs>
<path id="m-syn" class="hollow" d="M-6 5L0 -6L6 5Z"/>
<rect id="m-data" class="solid" x="-5" y="-5" width="10" height="10"/>
<circle id="m-ack" class="solid" r="2.5"/>
<circle id="m-other" class="hollow" r="4"/>
<path id="m-probe" class="hollow" d="M0 -7L7 0L0 7L-7 0Z"/>
<path id="m-answer" class="solid" d="M0 -7L7 0L0 7L-7 0Z"/>
<path id="m-window" class="hollow" d="M-5 -5H5V5H-5ZM-5 0H5"/>
<path id="m-again" class="solid" d="M-7 -6L0 0L-7 6ZM0 -6L7 0L0 6Z"/>
<path id="m-late" class="hollow" d="M-4 -6L5 0L-4 6Z"/>
<g id="m-fin"><circle class="solid" r="6.5"/><path class="slit" d="M-4 0H4"/></g>
<path id="m-rst" class="cross" d="M-6 -6L6 6M-6 6L6 -6"/>
<g id="m-icmp"><path class="solid" d="M-7 6L0 -7L7 6Z"/><path class="slit" d="M0 -3V2M0 3.5V5"/></g>
<path id="m-timer" class="solid" d="M-5 -6H5L-5 6H5Z"/>
<g id="m-left"><circle class="solid" r="1.7" cy="-6"/><circle class="solid" r="1.7"/><circle class="solid" r="1.7" cy="6"/></g>
<path id="m-right" class="head" d="M-9 -4L-2 0L-9 4"/>
<path id="m-leftward" class="head" d="M9 -4L2 0L9 4"/>
<path id="m-break" class="break" d="M-7 3L7 -3M-7 9L7 3"/>
<circle id="m-lived" class="hollow" r="3.5"/>
<path id="m-died" class="cross thin" d="M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5"/>
</defs></svg>
"##;

/// What the shapes stand for.
const LEGEND: [(&str, &str, &str); 13] = [
    ("syn", "plain", "SYN, SYN-ACK"),
    ("data", "data", "data"),
    ("ack", "plain", "ACK"),
    ("other", "plain", "duplicate ACK, window update, challenge ACK"),
    ("probe", "probe", "keepalive probe"),
    ("answer", "answer", "its answer"),
    ("window", "window", "zero-window probe and its answer"),
    ("again", "again", "retransmission"),
    ("late", "data", "out of order"),
    ("fin", "fin", "FIN"),
    ("rst", "rst", "RST"),
    ("icmp", "rst", "ICMP error"),
    ("timer", "timer", "known timeout"),
];

/// A shape and the class that colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
}

impl Shape {
    pub(super) const ICMP: Self = Self { name: "icmp", class: "rst" };

    /// How segments of that kind are drawn.
    pub(super) const fn of(kind: SegmentKind) -> Self {
        let (name, class) = match kind {
            SegmentKind::Syn | SegmentKind::SynAck => ("syn", "plain"),
            SegmentKind::Data => ("data", "data"),
            SegmentKind::Ack => ("ack", "plain"),
            SegmentKind::DupAck
            | SegmentKind::WindowUpdate
            | SegmentKind::ChallengeAck
            | SegmentKind::DuplicateFrame => ("other", "plain"),
            SegmentKind::KeepaliveProbe => ("probe", "probe"),
            SegmentKind::KeepaliveAck => ("answer", "answer"),
            SegmentKind::ZeroWindowProbe | SegmentKind::ZeroWindowProbeAck => ("window", "window"),
            SegmentKind::Retransmission => ("again", "again"),
            SegmentKind::OutOfOrder => ("late", "data"),
            SegmentKind::Fin => ("fin", "fin"),
            SegmentKind::Rst => ("rst", "rst"),
        };
        Self { name, class }
    }
}

/// What segments of that kind are called in a picture.
pub(super) const fn words(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Syn => "SYN",
        SegmentKind::SynAck => "SYN-ACK",
        SegmentKind::Data => "data",
        SegmentKind::Ack => "ACK",
        SegmentKind::DupAck => "duplicate ACK",
        SegmentKind::WindowUpdate => "window update",
        SegmentKind::KeepaliveProbe => "keepalive probe",
        SegmentKind::KeepaliveAck => "probe answered",
        SegmentKind::ZeroWindowProbe => "zero-window probe",
        SegmentKind::ZeroWindowProbeAck => "window still closed",
        SegmentKind::Retransmission => "retransmission",
        SegmentKind::OutOfOrder => "out of order",
        SegmentKind::ChallengeAck => "challenge ACK",
        SegmentKind::Fin => "FIN",
        SegmentKind::Rst => "RST",
        SegmentKind::DuplicateFrame => "captured again",
    }
}

/// A part of the width, as SVG takes it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Percent(pub(super) f64);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The shapes, to stand in the page before they are used.
pub(super) fn shapes(out: &mut impl Write) -> io::Result<()> {
    out.write_all(SHAPES.as_bytes())
}

/// One mark.
pub(super) fn mark(shape: Shape, x: Percent, y: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<use href=\"#m-{}\" class=\"{}\" x=\"{x}\" y=\"{y:.1}\"/>", shape.name, shape.class)
}

/// What the shapes stand for.
pub(super) fn legend(out: &mut impl Write) -> io::Result<()> {
    write!(out, "<ul class=\"legend\">")?;
    for (name, class, text) in LEGEND {
        write!(
            out,
            "<li><svg class=\"key\" width=\"18\" height=\"18\" viewBox=\"-9 -9 18 18\" aria-hidden=\"true\" \
             focusable=\"false\"><use href=\"#m-{name}\" class=\"{class}\"/></svg> {text}</li>"
        )?;
    }
    writeln!(out, "</ul>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_shape_that_is_drawn_and_explained() {
        for kind in SegmentKind::ALL {
            let shape = Shape::of(kind);
            assert!(SHAPES.contains(&format!("id=\"m-{}\"", shape.name)), "{kind}");
            assert!(LEGEND.iter().any(|(name, class, _)| (*name, *class) == (shape.name, shape.class)), "{kind}");
        }
    }

    #[test]
    fn what_must_be_told_apart_differs_in_shape() {
        use SegmentKind::{Data, Fin, KeepaliveAck, KeepaliveProbe, Retransmission, Rst, ZeroWindowProbe};
        let kinds = [Data, Fin, KeepaliveAck, KeepaliveProbe, Retransmission, Rst, ZeroWindowProbe];
        let names: std::collections::BTreeSet<_> = kinds.into_iter().map(|kind| Shape::of(kind).name).collect();
        assert_eq!(names.len(), kinds.len());
    }

    #[test]
    fn parts_of_the_width_are_short() {
        let text = |part| Percent(part).to_string();
        assert_eq!((text(26.0), text(33.333_33), text(0.0)), ("26%".to_owned(), "33.33%".to_owned(), "0%".to_owned()));
    }
}
