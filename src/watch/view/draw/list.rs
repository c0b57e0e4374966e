//! The list of flows.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Pen;
use crate::flow::Direction;
use crate::report::units::{clock, count};
use crate::time::Span as Time;
use crate::verdict::settings::Settings;
use crate::watch::view::Row;
use crate::watch::view::memory::Recent;
use crate::watch::view::scene::{self, Scene};
use crate::watch::view::state::State;

/// Columns of a duration.
const DURATION: usize = 7;
/// Columns of a share in percent.
const SHARE: usize = 6;
/// Columns of the keepalive of both sides.
const KEEPALIVE: usize = 20;
/// Columns of the last segment.
const LAST: usize = 16;
/// From so much of a timer on, the bar changes its colour.
const HALF: f64 = 0.5;

/// Which columns there is room for, and how wide those are that give way.
#[derive(Clone, Copy, Debug)]
struct Columns {
    number: usize,
    ends: usize,
    bar: usize,
    silences: bool,
    keepalive: bool,
}

impl Columns {
    fn new(width: usize, number: usize) -> Self {
        let (silences, keepalive) = (width >= 70, width >= 112);
        let bar = match width {
            0..60 => 6,
            60..150 => 8,
            _ => 20,
        };
        let mut taken = 2 + number + 1 + 1 + bar + 1 + DURATION;
        if silences {
            taken += 2 * (DURATION + 1) + SHARE;
        }
        if keepalive {
            taken += KEEPALIVE + 1 + LAST + 1;
        }
        Self { number, ends: width.saturating_sub(taken), bar, silences, keepalive }
    }

    /// Columns of the bar, the share and what is left: how a flow ended takes them all.
    const fn of_timer(self) -> usize {
        self.bar + if self.silences { SHARE } else { 0 } + 1 + DURATION
    }
}

impl Pen {
    /// The flows, with a line that says which, and one that names the columns.
    pub(super) fn list(self, frame: &mut Frame<'_>, area: Rect, scene: &Scene, state: &State) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let numbers = scene.numbers();
        let digits = numbers.iter().max().map_or(1, |number| number.to_string().len());
        let columns = Columns::new(width, digits.max(3));
        let mut lines = vec![
            Line::styled(self.fit(&which(scene, state, self.look.between()), width), self.title()),
            Line::styled(self.fit(&names(columns), width), Style::new().add_modifier(Modifier::UNDERLINED)),
        ];
        let place = state.place(&numbers);
        let room = height.saturating_sub(lines.len()).max(1);
        let first = place.saturating_sub(room - 1);
        for (at, line) in scene.rows.iter().enumerate().skip(first).take(room) {
            lines.push(self.row(line, columns, at == place, scene.title.warn_at));
        }
        if scene.rows.is_empty() {
            lines.push(Line::styled(self.fit(nothing(scene), width), self.faint()));
        }
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn row(self, line: &scene::Line, columns: Columns, is_chosen: bool, warn_at: f64) -> Line<'static> {
        let row = &line.row;
        let (mark, style) = self.mark(row, warn_at);
        let chosen = if is_chosen { '>' } else { ' ' };
        let ends = self.ends(&row.client.to_string(), &row.server.to_string(), columns.ends);
        let plain = if row.is_over && !row.died { self.faint() } else { Style::new() };
        let mut spans = vec![
            Span::styled(format!("{chosen}{mark}"), style),
            Span::styled(format!("{:>1$} {ends:<2$} ", row.flow, columns.number, columns.ends), plain),
        ];
        if columns.silences {
            let silences = format!("{:>2$} {:>2$} ", clock(row.idle), clock(row.payload_idle), DURATION);
            spans.push(Span::styled(silences, plain));
        }
        spans.push(Span::styled(self.of_timer(line, columns), style));
        if columns.keepalive {
            let keepalive = self.fit(&keepalive(row), KEEPALIVE);
            let last = self.fit(&line.last.map(last).unwrap_or_default(), LAST);
            spans.push(Span::styled(format!(" {keepalive:<KEEPALIVE$} {last:<LAST$}"), plain));
        }
        let line = Line::from(spans);
        if is_chosen { line.style(Style::new().add_modifier(Modifier::REVERSED)) } else { line }
    }

    /// The bar with what is left of the timer, or how the flow ended.
    fn of_timer(self, line: &scene::Line, columns: Columns) -> String {
        let (row, width) = (&line.row, columns.of_timer());
        let text = match (&line.verdict, &row.timer, row.share) {
            (Some(verdict), ..) => format!("died: {verdict}"),
            _ if row.is_over => "over".to_owned(),
            (None, Some(timer), Some(share)) => {
                let left = left(timer.length, share);
                let percent =
                    if columns.silences { format!(" {:>3.0} %", (share * 100.0).min(999.0)) } else { String::new() };
                format!("{}{percent} {left:>DURATION$}", self.bar(share, columns.bar))
            }
            _ if columns.silences => "no timer known".to_owned(),
            _ => format!("silent {}", clock(row.idle)),
        };
        format!("{:<width$}", self.fit(&text, width))
    }

    /// A bar of `width` columns that is full when the timer strikes.
    pub(super) fn bar(self, share: f64, width: usize) -> String {
        let (used, left) = self.look.bar();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the width, which is small"
        )]
        #[expect(clippy::cast_precision_loss, reason = "the width of a screen is small")]
        let filled = (share.clamp(0.0, 1.0) * width as f64) as usize;
        (0..width).map(|column| if column < filled { used } else { left }).collect()
    }

    /// A mark that says without colour what the colour says.
    fn mark(self, row: &Row, warn_at: f64) -> (char, Style) {
        match row.share {
            _ if row.died => ('x', self.bad()),
            _ if row.is_over => ('-', self.faint()),
            Some(share) if share >= warn_at => ('!', self.bad()),
            Some(share) if share >= HALF => (' ', self.warning()),
            Some(_) => (' ', self.good()),
            None => (' ', self.faint()),
        }
    }
}

/// What is left of a timer, or for how long it should have struck.
pub(super) fn left(length: Time, share: f64) -> String {
    let left = Time::from_secs_f64(length.as_secs_f64() * (1.0 - share));
    if left < Time::ZERO { format!("+{}", clock(left.abs())) } else { clock(left) }
}

/// Which flows are shown, and in which order.
fn which(scene: &Scene, state: &State, between: &str) -> String {
    let order = format!("Flows, {}", state.asked.order.name());
    let flows = u64::try_from(scene.flows).unwrap_or(u64::MAX);
    let shown = u64::try_from(scene.rows.len()).unwrap_or(u64::MAX);
    let of = match (state.asked.filter.is_empty(), shown < scene.wanted) {
        (true, false) => format!("{between}{}", count(flows)),
        (true, true) => format!("{between}{} of {}", count(shown), count(flows)),
        (false, false) => {
            format!("{between}{} of {} with \"{}\"", count(scene.wanted), count(flows), state.asked.filter)
        }
        (false, true) => {
            format!("{between}{} of {} with \"{}\"", count(shown), count(scene.wanted), state.asked.filter)
        }
    };
    order + &of
}

fn names(columns: Columns) -> String {
    let mut text = format!("  {:>1$} {2:<3$} ", "no", columns.number, "client > server", columns.ends);
    if columns.silences {
        text += &format!("{:>DURATION$} {:>DURATION$} ", "silent", "no data");
    }
    let bar = columns.bar + if columns.silences { SHARE } else { 0 };
    text += &format!("{:<bar$} {:>DURATION$}", "timer", "left");
    if columns.keepalive {
        text += &format!(" {:<KEEPALIVE$} {:<LAST$}", "keepalive seen", "last segment");
    }
    text
}

const fn nothing(scene: &Scene) -> &'static str {
    match (scene.packets, scene.flows) {
        (0, _) => "Nothing was captured yet.",
        (_, 0) => "No TCP connection was seen yet.",
        _ => "No flow matches the filter: Esc clears it.",
    }
}

/// Keepalive as far as it was seen, per side: the time, probes answered of probes sent.
fn keepalive(row: &Row) -> String {
    let sides = row.keepalive.iter().zip(row.probes).zip(row.probes_answered).zip(["c", "s"]);
    let of_side = |(((settings, probes), answered), side): (((&Settings, u32), u32), &str)| {
        if probes == 0 {
            return format!("{side} -");
        }
        let time = settings.time.and_then(|time| time.likely).map_or_else(|| "?".to_owned(), clock);
        format!("{side} {time} {answered}/{probes}")
    };
    sides.map(of_side).collect::<Vec<_>>().join(", ")
}

/// The last segment: whose, and what.
fn last(last: Recent) -> String {
    let side = match last.direction {
        Direction::FromInitiator => 'c',
        Direction::FromResponder => 's',
    };
    format!("{side} {}", last.kind)
}
