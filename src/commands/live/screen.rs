//! The terminal of the view: taken over when the watch begins, given back however it ends.

use std::io::{self, stdout};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use ratatui::DefaultTerminal;

use crate::watch::view::draw::draw;
use crate::watch::view::look::Look;
use crate::watch::view::scene::Scene;
use crate::watch::view::state::{Key, State};

/// Keys read in one look at most: a held key must not keep the capture waiting.
const KEYS: usize = 64;

/// A terminal that shows the view. Dropping it gives the terminal back, and so does a panic before it says what went wrong.
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// If it refuses.
    pub fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                ratatui::restore();
                Err(error)
            }
        }
    }

    /// Draws the scene.
    ///
    /// # Errors
    /// If the terminal cannot be written to.
    pub fn draw(&mut self, scene: &Scene, state: &State, look: Look) -> io::Result<()> {
        self.0.draw(|frame| draw(frame, scene, state, look))?;
        Ok(())
    }

    /// The keys that were pressed since the last call.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn keys(&self) -> io::Result<Vec<Key>> {
        let mut keys = Vec::new();
        while keys.len() < KEYS && event::poll(Duration::ZERO)? {
            if let Event::Key(pressed) = event::read()? {
                keys.extend(key(pressed));
            }
        }
        Ok(keys)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic that was done before the words on what went wrong: they must not be left behind.
        if !std::thread::panicking() {
            // Where the terminal is gone there is nothing to give back.
            drop(ratatui::try_restore());
        }
        drop(execute!(stdout(), Show));
    }
}

const fn key(event: KeyEvent) -> Option<Key> {
    if matches!(event.kind, KeyEventKind::Release) {
        return None;
    }
    let with_control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c') if with_control => Key::Interrupt,
        KeyCode::Char(_) if with_control => return None,
        KeyCode::Char(char) => Key::Char(char),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
