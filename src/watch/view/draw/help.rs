//! The keys and the marks.

use ratatui::text::{Line, Span};

use super::Pen;

const KEYS: [(&str, &str); 9] = [
    ("q, Ctrl-C", "end the watch and print the report"),
    ("Up, Down", "choose a flow; also k, j, PageUp, PageDown"),
    ("Home, g", "back to the first flow, whichever it is"),
    ("Enter", "details of the flow, with its last segments"),
    ("s", "order: timer, silent, no data, latest, died"),
    ("/", "filter: parts of addresses and ports, open, over, died, keepalive; all words must fit"),
    ("Esc", "clear the filter; back"),
    ("p, space", "hold the picture; the watch goes on"),
    ("?", "this page"),
];

const MARKS: [(&str, &str); 9] = [
    ("!", "silent beyond the share of its timer that is warned of"),
    ("x", "died; the verdict stands in the place of the bar"),
    ("-", "over: closed or reset"),
    ("silent", "time since the last packet either way"),
    ("no data", "time since the last payload either way"),
    ("timer", "how much of the timer has passed"),
    ("left", "until it strikes; +5s: it should have struck 5 s ago"),
    ("c 60s 3/4", "the client's keepalive: time, probes answered of those seen"),
    ("s -", "no probe of the server was seen"),
];

/// The page.
pub(super) fn lines(pen: Pen) -> Vec<Line<'static>> {
    let title = |text: &'static str| Line::styled(text, pen.title());
    let row = |(name, meaning): &(&'static str, &'static str)| {
        Line::from(vec![Span::styled(format!("{name:<10} "), pen.warning()), Span::raw(*meaning)])
    };
    let keys = std::iter::once(title("Keys")).chain(KEYS.iter().map(row));
    keys.chain([Line::default(), title("Marks and columns")]).chain(MARKS.iter().map(row)).collect()
}
