//! What the user has chosen, and what a key changes in it. No terminal here.

use crate::watch::survey::Asked;

/// The longest filter, in characters.
const LONGEST_FILTER: usize = 100;
/// Lines that a page moves by.
const PAGE: usize = 10;

/// A key, as far as the screen knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Ctrl-C: ends the watch, wherever it is pressed.
    Interrupt,
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The list of flows.
    #[default]
    Flows,
    /// One flow, by its number.
    Details(u32),
    /// The keys.
    Help,
}

/// What the user has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is shown.
    pub page: Page,
    /// The order and the filter.
    pub asked: Asked,
    /// While the filter is typed: what it was before.
    pub typing: Option<String>,
    /// Whether the picture stands still. The watch goes on.
    pub paused: bool,
    /// The flow that is chosen; without one it is the first of the list.
    pub chosen: Option<u32>,
    /// Lines scrolled down in the details or the help.
    pub scrolled: usize,
}

/// What the loop is to do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Go on.
    GoOn,
    /// End the watch.
    Quit,
}

impl State {
    /// Takes a key. `rows` are the numbers of the flows in the list, from the first on; `lines` is how many lines the page
    /// has that can be scrolled.
    pub fn press(&mut self, key: Key, rows: &[u32], lines: usize) -> Then {
        match (key, self.page) {
            (Key::Interrupt, _) => return Then::Quit,
            _ if self.typing.is_some() => self.type_filter(key),
            (Key::Char('q'), Page::Flows) => return Then::Quit,
            (Key::Char('?' | 'h'), page) if page != Page::Help => self.turn_to(Page::Help),
            (Key::Char('p' | ' '), _) => self.paused = !self.paused,
            (_, Page::Flows) => self.press_in_list(key, rows),
            (Key::Escape | Key::Enter | Key::Backspace | Key::Char('q' | '?' | 'h'), _) => self.turn_to(Page::Flows),
            _ => self.scrolled = moved(self.scrolled, key).unwrap_or(self.scrolled).min(lines.saturating_sub(1)),
        }
        Then::GoOn
    }

    /// The place of the chosen flow in `rows`.
    #[must_use]
    pub fn place(&self, rows: &[u32]) -> usize {
        let place = self.chosen.and_then(|chosen| rows.iter().position(|number| *number == chosen));
        place.unwrap_or(0)
    }

    fn press_in_list(&mut self, key: Key, rows: &[u32]) {
        match key {
            // A picture that stands still cannot show what is asked of it.
            Key::Char('/' | 'f') => {
                self.paused = false;
                self.typing = Some(self.asked.filter.clone());
            }
            Key::Char('s') => {
                self.paused = false;
                self.asked.order = self.asked.order.next();
            }
            Key::Escape => {
                self.paused = false;
                self.asked.filter.clear();
                self.chosen = None;
            }
            Key::Enter => {
                if let Some(number) = rows.get(self.place(rows)) {
                    self.chosen = Some(*number);
                    self.turn_to(Page::Details(*number));
                }
            }
            Key::Home | Key::Char('g') => self.chosen = None,
            _ => {
                if let Some(place) = moved(self.place(rows), key) {
                    self.chosen = rows.get(place).or(rows.last()).copied();
                }
            }
        }
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Enter => self.typing = None,
            Key::Escape => self.asked.filter = self.typing.take().unwrap_or_default(),
            Key::Backspace => drop(self.asked.filter.pop()),
            Key::Char(char) if self.asked.filter.chars().count() < LONGEST_FILTER && !char.is_control() => {
                self.asked.filter.push(char);
            }
            _ => {}
        }
    }

    const fn turn_to(&mut self, page: Page) {
        self.page = page;
        self.scrolled = 0;
    }
}

/// Where a key moves from a line; `None` if it does not move.
fn moved(line: usize, key: Key) -> Option<usize> {
    Some(match key {
        Key::Up | Key::Char('k') => line.saturating_sub(1),
        Key::Down | Key::Char('j') => line.saturating_add(1),
        Key::PageUp => line.saturating_sub(PAGE),
        Key::PageDown => line.saturating_add(PAGE),
        Key::Home | Key::Char('g') => 0,
        Key::End | Key::Char('G') => usize::MAX,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::survey::Order;

    fn after(keys: &[Key]) -> State {
        let mut state = State::default();
        keys.iter().for_each(|key| assert_eq!(state.press(*key, &[7, 3, 9], 30), Then::GoOn));
        state
    }

    #[test]
    fn the_chosen_flow_stays_chosen_while_the_order_changes() {
        let state = after(&[Key::Down, Key::Down, Key::Down]);
        assert_eq!((state.chosen, state.place(&[7, 3, 9]), state.place(&[9, 7, 3])), (Some(9), 2, 0));
        assert_eq!(state.place(&[1, 2]), 0, "it has gone");
        assert_eq!(after(&[Key::End, Key::Up]).chosen, Some(3));
        assert_eq!(after(&[Key::End, Key::Home]).chosen, None);
    }

    #[test]
    fn details_and_help_open_scroll_and_close() {
        assert_eq!(after(&[Key::Char('?'), Key::End, Key::Up]).scrolled, 28, "of 30 lines, from 0");
        let mut state = after(&[Key::Down, Key::Enter, Key::Down, Key::PageDown]);
        assert_eq!((state.page, state.scrolled), (Page::Details(3), 11));
        assert_eq!(state.press(Key::Char('q'), &[], 0), Then::GoOn);
        assert_eq!((state.page, state.scrolled), (Page::Flows, 0));
        assert_eq!(state.press(Key::Char('q'), &[], 0), Then::Quit);
        assert_eq!(after(&[Key::Char('?')]).page, Page::Help);
        assert_eq!(after(&[Key::Char('?'), Key::Char('?')]).page, Page::Flows);
    }

    #[test]
    fn a_filter_is_typed_taken_back_and_cleared() {
        let typed = [Key::Char('/'), Key::Char('q'), Key::Char('s'), Key::Backspace, Key::Char('2')];
        let state = after(&typed);
        assert_eq!((state.asked.filter.as_str(), state.typing.as_deref()), ("q2", Some("")));
        assert_eq!(after(&[&typed[..], &[Key::Escape]].concat()).asked.filter, "");
        let taken = after(&[&typed[..], &[Key::Enter]].concat());
        assert_eq!((taken.asked.filter.as_str(), taken.typing), ("q2", None));
        assert_eq!(after(&[&typed[..], &[Key::Enter, Key::Escape]].concat()).asked.filter, "");
        let mut state = after(&typed);
        assert_eq!(state.press(Key::Interrupt, &[], 0), Then::Quit);
    }

    #[test]
    fn orders_go_round() {
        let mut state = State::default();
        for order in Order::ALL.into_iter().skip(1).chain([Order::Nearest]) {
            state.press(Key::Char('s'), &[], 0);
            assert_eq!(state.asked.order, order);
        }
        assert!(after(&[Key::Char('p')]).paused && !after(&[Key::Char('p'), Key::Char(' ')]).paused);
    }
}
