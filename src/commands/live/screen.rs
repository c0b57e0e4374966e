//! The terminal of the view: taken over when the watch begins, given back however it ends.
//!
//! A thread of its own draws. It is handed the latest picture, and where the terminal is slow it passes over those between:
//! a terminal that takes nothing at all (a stopped `ssh`) holds up that thread and not the capture.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{panic, thread};

use crossterm::cursor::Show;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::prelude::CrosstermBackend;

use crate::commands::outlet::{PATIENCE, stdout};
use crate::watch::clock::EdgeClock;
use crate::watch::view::draw::draw;
use crate::watch::view::look::Look;
use crate::watch::view::scene::Scene;
use crate::watch::view::state::{Key, State};

/// Keys that wait to be heeded, at most.
const KEYS: usize = 64;
/// How often it is looked whether the terminal has been given back.
const SLICE: Duration = Duration::from_millis(100);
/// How long a picture that is being drawn may keep a panic waiting.
const STROKE: Duration = Duration::from_millis(500);
/// The name of the thread that draws.
const PAINTER: &str = "screen";

/// A terminal that shows the view. Dropping it gives the terminal back, and so does a panic before it says what went wrong.
pub struct Screen {
    easel: Arc<Easel>,
    keys: Receiver<Key>,
    is_closed: bool,
}

/// What is to be drawn.
#[derive(Clone)]
pub struct Picture {
    /// What is to be seen.
    pub scene: Arc<Scene>,
    /// What the user has chosen.
    pub state: State,
    /// What the terminal allows.
    pub look: Look,
}

type Canvas = Terminal<CrosstermBackend<BufWriter<File>>>;

/// Where the next picture waits for the thread that draws.
#[derive(Default)]
struct Easel {
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Default)]
struct Desk {
    next: Option<Picture>,
    /// A picture is being drawn.
    is_drawing: bool,
    /// Nothing is to be drawn any more; the terminal is given back.
    is_closed: bool,
    /// Something panicked, and has given the terminal back.
    is_left: bool,
    /// The thread has ended.
    is_over: bool,
    failed: Option<io::Error>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// If it refuses.
    pub fn open() -> io::Result<Self> {
        let mut canvas = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout()?)))?;
        let easel = Arc::new(Easel::default());
        enable_raw_mode()?;
        let taken = execute!(canvas.backend_mut(), EnterAlternateScreen);
        give_back_on_panic(&easel);
        let opened = taken.and_then(|()| Ok((begin(&easel, canvas)?, listen()?)));
        match opened {
            Ok(((), keys)) => Ok(Self { easel, keys, is_closed: false }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Has a picture drawn as soon as the terminal takes it, in the place of one that still waits. Never waits.
    ///
    /// # Errors
    /// If an earlier one could not be written to the terminal.
    pub fn show(&self, picture: Picture) -> io::Result<()> {
        let mut desk = self.easel.lock();
        if let Some(error) = desk.failed.take() {
            return Err(error);
        }
        if desk.is_over {
            return Err(io::Error::other("the view has ended"));
        }
        desk.next = Some(picture);
        self.easel.changed.notify_all();
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

    /// Gives the terminal back; whether it took that. One that takes nothing is left to itself, as it was before but for what
    /// it shows.
    pub fn close(&mut self) -> bool {
        self.is_closed = true;
        let clock = EdgeClock::new();
        let mut desk = self.easel.lock();
        desk.is_closed = true;
        desk.next = None;
        self.easel.changed.notify_all();
        while !desk.is_over && clock.elapsed() < PATIENCE {
            desk = self.easel.wait(desk, SLICE);
        }
        if !desk.is_over {
            // This needs no answer of the terminal.
            drop(disable_raw_mode());
        }
        desk.is_over
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic that was done before the words on what went wrong: they must not be left behind.
        if !self.is_closed && !thread::panicking() {
            self.close();
        }
    }
}

impl Easel {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, desk: MutexGuard<'a, Desk>, most: Duration) -> MutexGuard<'a, Desk> {
        self.changed.wait_timeout(desk, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The next picture; `None` when nothing is to be drawn any more.
    fn next(&self) -> Option<Picture> {
        let mut desk = self.lock();
        desk.is_drawing = false;
        self.changed.notify_all();
        while !desk.is_closed && !desk.is_left {
            if let Some(picture) = desk.next.take() {
                desk.is_drawing = true;
                return Some(picture);
            }
            desk = self.wait(desk, SLICE);
        }
        None
    }
}

/// Draws in a thread of its own until the screen is closed, and gives the terminal back then.
fn begin(easel: &Arc<Easel>, mut canvas: Canvas) -> io::Result<()> {
    let easel = Arc::clone(easel);
    let paint = move || {
        let over = Over(&easel);
        let result = loop {
            let Some(Picture { scene, state, look }) = easel.next() else { break Ok(()) };
            if let Err(error) = canvas.draw(|frame| draw(frame, &scene, &state, look)) {
                break Err(error);
            }
        };
        // The cursor is shown again.
        drop(canvas);
        if !easel.lock().is_left {
            give_back();
        }
        easel.lock().failed = result.err();
        drop(over);
    };
    thread::Builder::new().name(PAINTER.to_owned()).spawn(paint)?;
    Ok(())
}

/// Says that the thread has ended, however it does.
struct Over<'a>(&'a Easel);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut desk = self.0.lock();
        (desk.is_over, desk.is_drawing) = (true, false);
        self.0.changed.notify_all();
    }
}

/// Gives the terminal back. Where it is gone there is nothing to give back.
fn give_back() {
    drop(disable_raw_mode());
    if let Ok(mut terminal) = stdout() {
        drop(execute!(terminal, LeaveAlternateScreen, Show));
    }
}

/// A panic says what went wrong on the ordinary screen, and nothing is drawn after it.
fn give_back_on_panic(easel: &Arc<Easel>) {
    let easel = Arc::downgrade(easel);
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Some(easel) = easel.upgrade() {
            let is_painter = thread::current().name() == Some(PAINTER);
            let mut desk = easel.lock();
            let was_left = std::mem::replace(&mut desk.is_left, true) || desk.is_over;
            if desk.is_drawing && !is_painter {
                desk = easel.wait(desk, STROKE);
            }
            drop(desk);
            if !was_left {
                give_back();
            }
        }
        say(panic);
    }));
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
