//! The screen, drawn from a scene. Nothing is computed here beside what fits where.

mod details;
mod help;
mod list;
mod log;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::flow::gaps;
use crate::report::escape::escaped;
use crate::report::units::{Clock, TimeFormat, count, duration, plural, seconds};
use crate::time::Timestamp;
use crate::watch::timer::{Origin, Timer};
use crate::watch::view::look::Look;
use crate::watch::view::scene::Scene;
use crate::watch::view::state::{Page, State};

/// From so many lines on there is room for the events beside the flows.
const ROOM_FOR_LOG: u16 = 10;

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene, state: &State, look: Look) {
    let pen = Pen { look, clock: scene.clock };
    let area = frame.area();
    let [header, body, footer] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    pen.header(frame, header, scene, state);
    pen.footer(frame, footer, state);
    match (state.page, &scene.details) {
        (Page::Help, _) => pen.scrolled(frame, body, help::lines(pen), state),
        (Page::Details(_), Some(details)) => {
            let width = usize::from(body.width);
            pen.scrolled(frame, body, details::lines(pen, details, scene.title.warn_at, width), state);
        }
        (Page::Details(number), None) => {
            let text = format!("Flow {number} is not held any more: it had to leave for want of room.");
            frame.render_widget(Paragraph::new(pen.fit(&text, usize::from(body.width))), body);
        }
        (Page::Flows, _) => {
            let log_height =
                if body.height < ROOM_FOR_LOG { body.height.min(7) / 3 } else { (body.height / 3).min(10) };
            let [flows, events] = Layout::vertical([Constraint::Min(0), Constraint::Length(log_height)]).areas(body);
            pen.list(frame, flows, scene, state);
            pen.log(frame, events, scene);
        }
    }
}

/// How many lines of the page could be scrolled.
#[must_use]
pub fn scrollable(scene: &Scene, state: &State, look: Look) -> usize {
    let pen = Pen { look, clock: scene.clock };
    match (state.page, &scene.details) {
        (Page::Help, _) => help::lines(pen).len(),
        (Page::Details(_), Some(details)) => details::lines(pen, details, scene.title.warn_at, 0).len(),
        _ => 0,
    }
}

/// What everything is drawn with.
#[derive(Clone, Copy)]
struct Pen {
    look: Look,
    clock: Clock,
}

impl Pen {
    fn color(self, color: Color) -> Style {
        if self.look.color { Style::new().fg(color) } else { Style::new() }
    }

    fn bad(self) -> Style {
        self.color(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn warning(self) -> Style {
        self.color(Color::Yellow)
    }

    fn good(self) -> Style {
        self.color(Color::Green)
    }

    fn title(self) -> Style {
        self.color(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What matters less. It is dimmed and not grey: what grey is, some terminals do not show.
    fn faint(self) -> Style {
        if self.look.color { Style::new().add_modifier(Modifier::DIM) } else { Style::new() }
    }

    /// The time of day, or what the user asked for instead.
    fn time(self, time: Timestamp) -> String {
        let text = self.clock.brief(time);
        match text.split_once('T') {
            Some((_, of_day)) => of_day.chars().take(8).collect(),
            None => text,
        }
    }

    /// As much of a text as fits into `width` columns, harmless for a terminal.
    fn fit(self, text: &str, width: usize) -> String {
        let text = escaped(text);
        if columns(&text) <= width {
            return text;
        }
        let mut fitting = String::new();
        for char in text.chars() {
            if columns(&fitting) + columns(char.encode_utf8(&mut [0; 4])) >= width {
                break;
            }
            fitting.push(char);
        }
        if width > 0 {
            fitting.push(self.look.cut());
        }
        fitting
    }

    /// The end of a text, where its beginning does not fit.
    fn fit_end(self, text: &str, width: usize) -> String {
        let length = text.chars().count();
        if length <= width {
            return text.to_owned();
        }
        let kept = text.chars().skip(length - width.saturating_sub(1).min(length));
        std::iter::once(self.look.cut()).chain(kept).take(width).collect()
    }

    /// Two sockets in `width` columns: of what does not fit the beginnings are left out, so that the ports stay.
    fn ends(self, client: &str, server: &str, width: usize) -> String {
        if client.len() + server.len() + 3 <= width {
            return format!("{client} > {server}");
        }
        let room = width.saturating_sub(1);
        let for_server = server.len().min((room / 2).max(room.saturating_sub(client.len())));
        let server = self.fit_end(server, for_server);
        let client = self.fit_end(client, room.saturating_sub(server.chars().count()));
        format!("{client}>{server}")
    }

    fn header(self, frame: &mut Frame<'_>, area: Rect, scene: &Scene, state: &State) {
        let width = usize::from(area.width);
        let zone = if scene.title.time == TimeFormat::Utc { " UTC" } else { "" };
        let time = scene.now.map_or_else(|| "waiting for packets".to_owned(), |now| self.time(now) + zone);
        let right = if state.paused { format!("PAUSED {time}") } else { time };
        let left_width = width.saturating_sub(right.len() + 1);
        let left = self.fit(&format!("idlegap{}{}", self.look.between(), scene.title.source), left_width);
        let right_style = if state.paused { self.warning().add_modifier(Modifier::REVERSED) } else { self.title() };
        let first = Line::from(vec![
            Span::styled(format!("{left}{:1$}", "", left_width.saturating_sub(columns(&left)) + 1), self.title()),
            Span::styled(right, right_style),
        ]);
        let deaths: u64 = scene.deaths.iter().map(|(_, count)| count).sum();
        let style = if deaths > 0 || scene.lost > 0 { self.bad() } else { Style::new() };
        let counts = Line::styled(self.fit(&self.counts(scene, deaths), width), style);
        let timer = Line::raw(self.fit(&timer(scene, width), width));
        frame.render_widget(Paragraph::new(vec![first, timer, counts]), area);
    }

    fn counts(self, scene: &Scene, deaths: u64) -> String {
        let mut parts = vec![plural(deaths, "death")];
        if !scene.deaths.is_empty() {
            let by: Vec<_> =
                scene.deaths.iter().map(|(verdict, number)| format!("{} {verdict}", count(*number))).collect();
            parts = vec![format!("{}: {}", plural(deaths, "death"), by.join(", "))];
        }
        parts.push(plural(scene.warnings, "warning"));
        for (number, what) in [(scene.saved, "saved by keepalive"), (scene.unanswered, "unanswered probes")] {
            if number > 0 {
                parts.push(format!("{} {what}", count(number)));
            }
        }
        if scene.lost > 0 {
            parts.push(format!("{} LOST BY THE CAPTURE", count(scene.lost)));
        }
        if scene.unrecorded > 0 {
            parts.push(format!("{} not recorded", count(scene.unrecorded)));
        }
        parts.push(plural(scene.packets, "packet"));
        if scene.evicted > 0 {
            parts.push(format!("{} left for want of room", plural(scene.evicted, "flow")));
        }
        parts.join(self.look.between())
    }

    fn footer(self, frame: &mut Frame<'_>, area: Rect, state: &State) {
        let width = usize::from(area.width);
        let text = match (&state.typing, state.page) {
            (Some(_), _) => {
                // The end of what is typed is what the user looks at.
                let typed = format!("filter: {}_", escaped(&state.asked.filter));
                let room = width.saturating_sub("  Enter ok  Esc undo".len());
                format!("{}  Enter ok  Esc undo", self.fit_end(&typed, room))
            }
            (None, Page::Flows) => "q quit  ? help  Enter details  / filter  s sort  p pause".to_owned(),
            (None, _) => "Esc back  Up/Down scroll  p pause  Ctrl-C quit".to_owned(),
        };
        frame.render_widget(Paragraph::new(Line::styled(self.fit(&text, width), self.title())), area);
    }

    fn scrolled(self, frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>, state: &State) {
        let shown: Vec<_> = lines.into_iter().skip(state.scrolled).collect();
        frame.render_widget(Paragraph::new(shown).wrap(ratatui::widgets::Wrap { trim: false }), area);
    }
}

/// What silences are held against.
fn timer(scene: &Scene, width: usize) -> String {
    const NARROW: usize = 70;
    match &scene.title.timer {
        Some(timer) if width < NARROW => format!("timer {}", seconds(timer.length)),
        Some(timer) => format!("timer {}; warned at {:.0} %", of_timer(timer), scene.title.warn_at * 100.0),
        None if width < NARROW => "no timer given: learnt from deaths".to_owned(),
        None => {
            "no timer given (--timeout 350s or --assume ID): it is learnt from the first death of a service".to_owned()
        }
    }
}

/// A timer with its origin and what it counts.
fn of_timer(timer: &Timer) -> String {
    let origin = match &timer.origin {
        Origin::Assumed(id) => format!("of {id} (assumed)"),
        Origin::Given => "(given)".to_owned(),
        Origin::Learnt => "or less (learnt from a death)".to_owned(),
    };
    let counts = match timer.clock {
        gaps::Clock::Packet => "any packet restarts it",
        gaps::Clock::Payload => "only payload restarts it",
    };
    format!("{} {origin}, {counts}", duration(timer.length))
}

/// Columns that a text takes.
fn columns(text: &str) -> usize {
    Span::raw(text).width()
}
