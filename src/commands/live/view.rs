//! The view on a terminal: from what the watch shows to the screen, from keys to what is shown.

use std::io;
use std::sync::Arc;

use super::screen::{Picture, Screen};
use crate::analyzer::Labelled;
use crate::commands::Error;
use crate::watch::event::Event;
use crate::watch::pump::{GoOn, Moment};
use crate::watch::view::draw::scrollable;
use crate::watch::view::look::Look;
use crate::watch::view::scene::{Follower, Scene, Title};
use crate::watch::view::state::{State, Then};

/// A view that is shown.
pub(super) struct View {
    screen: Screen,
    title: Title,
    look: Look,
    follower: Follower,
    state: State,
    scene: Option<Arc<Scene>>,
}

impl View {
    /// Takes the terminal over.
    pub(super) fn open(title: Title, look: Look) -> Result<Self, Error> {
        let screen = Screen::open().map_err(failed)?;
        let (follower, state) = (Follower::default(), State::default());
        Ok(Self { screen, title, look, follower, state, scene: None })
    }

    /// Takes note of a segment.
    pub(super) fn segment(&mut self, segment: &Labelled<'_>) {
        self.follower.memory().segment(segment);
    }

    /// Takes note of an event.
    pub(super) fn event(&mut self, event: &Event) {
        self.follower.event(event);
    }

    /// Heeds the keys and draws.
    pub(super) fn look(&mut self, moment: &Moment<'_, '_>) -> Result<GoOn, Error> {
        let before = self.state.page;
        if self.heed_keys() == Then::Quit {
            return Ok(GoOn::Stop);
        }
        self.follower.step(moment, &self.state);
        let stands_still = self.state.paused && self.state.page == before;
        if !stands_still || self.scene.is_none() {
            self.scene = Some(Arc::new(self.picture(moment)));
        }
        if let Some(scene) = self.scene.clone() {
            self.screen.show(Picture { scene, state: self.state.clone(), look: self.look }).map_err(failed)?;
        }
        Ok(GoOn::Yes)
    }

    /// Gives the terminal back; whether it took that.
    pub(super) fn close(mut self) -> bool {
        self.screen.close()
    }

    fn heed_keys(&mut self) -> Then {
        for key in self.screen.keys() {
            let rows = self.scene.as_ref().map(|scene| scene.numbers()).unwrap_or_default();
            let lines = self.scene.as_ref().map_or(0, |scene| scrollable(scene, &self.state, self.look));
            if self.state.press(key, &rows, lines) == Then::Quit {
                return Then::Quit;
            }
        }
        Then::GoOn
    }

    /// What is to be seen. Where the picture is held, only the page that was turned to is new.
    fn picture(&mut self, moment: &Moment<'_, '_>) -> Scene {
        let new = self.follower.scene(&self.title, moment, &self.state);
        match self.scene.take().filter(|_| self.state.paused) {
            Some(held) => Scene { details: new.details, ..Arc::unwrap_or_clone(held) },
            None => new,
        }
    }
}

fn failed(source: io::Error) -> Error {
    Error::Write { name: "to the terminal".to_owned(), source }
}
