//! Whoever listens to the watch: the view or the narrator, the page of metrics, and the signals.

use super::narrator::{Narrator, counts};
use super::signals::Signals;
#[cfg(feature = "tui")]
use super::view::View;
#[cfg(feature = "tui")]
use crate::analyzer::Labelled;
use crate::commands::Error;
use crate::commands::outlet::Outlet;
use crate::time::{Span, Timestamp};
use crate::watch::Watch;
use crate::watch::event::Event;
use crate::watch::exporter::Page;
use crate::watch::metrics;
use crate::watch::pump::{self, GoOn, Moment};
use crate::watch::survey::{Asked, Survey};

/// How often the page of metrics is written anew.
const REFRESH: Span = Span::from_secs(1);
/// Messages held back while the view has the terminal.
#[cfg(feature = "tui")]
const MESSAGES: usize = 100;

/// Everybody who listens.
pub(super) struct Audience<'a> {
    pub(super) narrator: Narrator<'a>,
    #[cfg(feature = "tui")]
    pub(super) view: Option<View>,
    pub(super) metrics: Option<Metrics>,
    pub(super) signals: &'a Signals,
    pub(super) held: Vec<String>,
}

impl Audience<'_> {
    /// The watch is over: the terminal is given back, and what could not be said meanwhile is said.
    pub(super) fn finish(self) -> Left {
        #[cfg(feature = "tui")]
        let is_stuck = self.view.is_some_and(|view| !view.close());
        #[cfg(not(feature = "tui"))]
        let is_stuck = false;
        self.signals.hurry();
        self.held.iter().for_each(|message| self.narrator.note(message));
        let (outlet, untold) = self.narrator.finish();
        Left { is_stuck, outlet, untold }
    }

    #[cfg(feature = "tui")]
    fn look_at_view(&mut self, moment: &mut Moment<'_, '_>) -> Result<Option<GoOn>, Error> {
        let Some(view) = &mut self.view else { return Ok(None) };
        let go_on = view.look(moment)?;
        let asked = self.signals.counts().then(|| counts(moment));
        let room = MESSAGES.saturating_sub(self.held.len());
        self.held.extend(moment.troubles.drain(..).chain(asked).take(room));
        Ok(Some(if self.signals.stop() { GoOn::Stop } else { go_on }))
    }

    #[cfg(not(feature = "tui"))]
    fn look_at_view(&mut self, _moment: &mut Moment<'_, '_>) -> Result<Option<GoOn>, Error> {
        Ok(None)
    }
}

/// What those who listened leave.
pub(super) struct Left {
    /// Whether the terminal takes nothing any more.
    pub(super) is_stuck: bool,
    /// Events on their way.
    pub(super) outlet: Option<Outlet>,
    /// Events that found no room.
    pub(super) untold: u64,
}

impl pump::Audience for Audience<'_> {
    type Error = Error;

    #[cfg(feature = "tui")]
    fn segment(&mut self, segment: &Labelled<'_>) {
        if let Some(view) = &mut self.view {
            view.segment(segment);
        }
    }

    fn event(&mut self, _watch: &Watch<'_>, event: &Event) -> Result<(), Error> {
        #[cfg(feature = "tui")]
        if let Some(view) = &mut self.view {
            view.event(event);
            return Ok(());
        }
        self.narrator.event(event, self.signals)
    }

    fn look(&mut self, mut moment: Moment<'_, '_>) -> Result<GoOn, Error> {
        if let Some(metrics) = &mut self.metrics {
            metrics.refresh(&moment);
        }
        if let Some(go_on) = self.look_at_view(&mut moment)? {
            return Ok(go_on);
        }
        moment.troubles.iter().for_each(|trouble| self.narrator.warning(trouble));
        if self.signals.counts() {
            self.narrator.note(&counts(&moment));
        }
        self.narrator.check()?;
        Ok(if self.signals.stop() { GoOn::Stop } else { GoOn::Yes })
    }
}

/// The page of metrics and what it is written from.
pub(super) struct Metrics {
    page: Page,
    survey: Survey,
    written: Option<Timestamp>,
}

impl Metrics {
    /// Nothing is on the page yet.
    pub(super) fn new(page: Page) -> Self {
        Self { page, survey: Survey::default(), written: None }
    }

    fn refresh(&mut self, moment: &Moment<'_, '_>) {
        let now = moment.now.unwrap_or_default();
        self.survey.step(moment.watch, now, &Asked::default());
        if self.written.is_none_or(|written| now.since(written) >= REFRESH) {
            self.written = Some(now);
            self.page.replace(metrics::text(moment, self.survey.found()));
        }
    }
}
