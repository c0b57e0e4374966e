//! The latest events.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::Pen;
use crate::watch::view::memory::{Entry, Weight};
use crate::watch::view::scene::Scene;

/// From so many columns on an event is told in full.
const FULL: usize = 60;
/// From so many columns on the ends of its flow are named too.
const WITH_ENDS: usize = 140;

impl Pen {
    /// As many of the latest events as there is room for, the latest first.
    pub(super) fn log(self, frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let mut lines = vec![Line::styled(self.fit("What happened, the latest first", width), self.title())];
        if scene.log.is_empty() {
            lines.push(Line::styled(self.fit("Nothing yet.", width), self.faint()));
        }
        let entries = scene.log.iter().take(height.saturating_sub(1));
        lines.extend(
            entries.map(|entry| Line::styled(self.fit(&self.entry(entry, width), width), self.weight(entry.weight))),
        );
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn entry(self, entry: &Entry, width: usize) -> String {
        let flow = match (&entry.ends, entry.flow) {
            (Some(ends), Some(flow)) if width >= WITH_ENDS => format!(" {ends} (flow {flow})"),
            (_, Some(flow)) => format!(" flow {flow}"),
            _ => String::new(),
        };
        let text = if width >= FULL { &entry.text } else { &entry.brief };
        format!("{}{flow} {}: {text}", self.time(entry.time), entry.name)
    }

    fn weight(self, weight: Weight) -> ratatui::style::Style {
        match weight {
            Weight::Bad => self.bad(),
            Weight::Warning => self.warning(),
            Weight::Good => self.good(),
        }
    }
}
