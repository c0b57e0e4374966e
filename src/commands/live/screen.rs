//! The terminal of the view: taken over when the watch begins, given back however it ends.

use std::io::{self, stdout};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use crossterm::cursor::Show;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use ratatui::DefaultTerminal;

use crate::watch::view::draw::draw;
use crate::watch::view::look::Look;
use crate::watch::view::scene::Scene;
use crate::watch::view::state::{Key, State};

/// Keys that wait to be heeded, at most.
const KEYS: usize = 64;

/// A terminal that shows the view. Dropping it gives the terminal back, and so does a panic before it says what went wrong.
pub struct Screen {
    terminal: DefaultTerminal,
    keys: Receiver<Key>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// If it refuses.
    pub fn open() -> io::Result<Self> {
        let opened = ratatui::try_init().and_then(|terminal| Ok(Self { terminal, keys: listen()? }));
        if opened.is_err() {
            ratatui::restore();
        }
        opened
    }

    /// Draws the scene.
    ///
    /// # Errors
    /// If the terminal cannot be written to.
    pub fn draw(&mut self, scene: &Scene, state: &State, look: Look) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, scene, state, look))?;
        Ok(())
    }

    /// The keys that were pressed since the last call. A terminal that cannot be read any more ends the watch: nobody could.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        while keys.len() < KEYS {
            match self.keys.try_recv() {
                Ok(key) => keys.push(key),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    keys.push(Key::Interrupt);
                    break;
                }
            }
        }
        keys
    }
}

/// Reads keys in a thread of its own, which ends with the process: half an escape sequence makes its reader wait for the
/// other half, and the capture must not.
fn listen() -> io::Result<Receiver<Key>> {
    let (sender, receiver) = sync_channel(KEYS);
    let read = move || {
        while let Ok(event) = event::read() {
            let pressed = if let Event::Key(pressed) = event { key(pressed) } else { None };
            if pressed.is_some_and(|key| sender.send(key).is_err()) {
                break;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(read)?;
    Ok(receiver)
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic that was done before the words on what went wrong: they must not be left behind.
        if !thread::panicking() {
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
