//! The view's screens, cell by cell on a terminal in memory. `UPDATE_GOLDEN=1 cargo test --test view` writes them anew
//! after a wanted change; then read the difference.

#![cfg(feature = "tui")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it cannot go on")]

#[path = "view/stage.rs"]
mod stage;

use idlegap::watch::survey::{Asked, MOST, Order, Survey};
use idlegap::watch::view::look::Look;
use idlegap::watch::view::state::{Key, Page, State};
use ratatui::style::Color;
use stage::{Stage, many, press, screen, text};

/// A director that forgets after 90 s. The first flow is probed every 30 s, the client of the second waits for a report, and
/// a third was closed by both ends.
const STORY: &str = include_str!("view/story.pkt");

const PLAIN: Look = Look { color: false, ascii: false };
const COLOR: Look = Look { color: true, ascii: false };
const ASCII: Look = Look { color: false, ascii: true };

/// Compares a screen with the kept one.
fn expect(name: &str, screen: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view").join(name).with_extension("txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, screen).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(screen, kept, "{}\n{screen}", path.display());
}

fn warned() -> Stage<'static> {
    Stage::play(STORY, Some(90), 85.0)
}

fn dead() -> Stage<'static> {
    Stage::play(STORY, Some(90), 125.0)
}

#[test]
fn before_the_first_packet() {
    let mut stage = Stage::play("", Some(90), 0.0);
    for (name, size) in [("empty-120x30", (120, 30)), ("empty-40x12", (40, 12))] {
        expect(name, &text(&mut stage, &State::default(), PLAIN, size));
    }
}

#[test]
fn a_flow_nears_its_timer() {
    for (name, size) in [("warned-120x30", (120, 30)), ("warned-80x24", (80, 24)), ("warned-40x12", (40, 12))] {
        expect(name, &text(&mut warned(), &State::default(), PLAIN, size));
    }
    expect("ascii-80x24", &text(&mut warned(), &State::default(), ASCII, (80, 24)));
}

#[test]
fn a_flow_has_died() {
    for (name, size) in [("dead-120x30", (120, 30)), ("dead-80x24", (80, 24)), ("dead-40x12", (40, 12))] {
        expect(name, &text(&mut dead(), &State::default(), PLAIN, size));
    }
}

#[test]
fn a_timer_is_learnt() {
    expect("learnt-120x30", &text(&mut Stage::play(STORY, None, 125.0), &State::default(), PLAIN, (120, 30)));
}

#[test]
fn details_of_a_flow() {
    let mut state = State { page: Page::Details(1), ..State::default() };
    expect("details-120x30", &text(&mut dead(), &state, PLAIN, (120, 30)));
    expect("details-80x24", &text(&mut warned(), &state, PLAIN, (80, 24)));
    state.scrolled = 4;
    expect("details-40x12", &text(&mut dead(), &state, PLAIN, (40, 12)));
    state.page = Page::Details(0);
    state.scrolled = 0;
    expect("details-kept-80x24", &text(&mut dead(), &state, PLAIN, (80, 24)));
    state.page = Page::Details(77);
    assert!(text(&mut dead(), &state, PLAIN, (80, 24)).contains("Flow 77 is not held any more"));
}

#[test]
fn help() {
    let mut state = State { page: Page::Help, ..State::default() };
    expect("help-80x24", &text(&mut warned(), &state, PLAIN, (80, 24)));
    state.scrolled = 6;
    expect("help-40x12", &text(&mut warned(), &state, PLAIN, (40, 12)));
}

#[test]
fn a_filter_is_typed() {
    let mut stage = dead();
    let mut state = State::default();
    press(&mut stage, &mut state, &[Key::Char('/'), Key::Char('4'), Key::Char('0'), Key::Char('0'), Key::Char('0')]);
    press(&mut stage, &mut state, &[Key::Char('1')]);
    expect("filter-80x24", &text(&mut stage, &state, PLAIN, (80, 24)));
    press(&mut stage, &mut state, &[Key::Char('x'), Key::Enter]);
    expect("filter-nothing-80x24", &text(&mut stage, &state, PLAIN, (80, 24)));
}

#[test]
fn a_held_picture_says_so() {
    let state = State { paused: true, ..State::default() };
    expect("paused-80x24", &text(&mut warned(), &state, PLAIN, (80, 24)));
}

#[test]
fn many_flows_scroll() {
    let mut stage = Stage::play(&many(700), Some(900), 750.0);
    let mut state = State::default();
    expect("many-80x24", &text(&mut stage, &state, PLAIN, (80, 24)));
    press(&mut stage, &mut state, &[Key::PageDown, Key::PageDown, Key::Down]);
    expect("many-scrolled-80x24", &text(&mut stage, &state, PLAIN, (80, 24)));
}

#[test]
fn the_readme_shows_a_screen_as_it_is() {
    let screen = text(&mut warned(), &State::default(), PLAIN, (112, 15));
    expect("readme-112x15", &screen);
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&format!("```text\n{screen}```\n")), "{screen}");
}

/// Whatever the size, something is drawn and nothing breaks.
#[test]
fn any_size_will_do() {
    let pages = [Page::Flows, Page::Details(1), Page::Help];
    let mut stage = dead();
    for (width, height) in [(1, 1), (2, 3), (9, 5), (20, 4), (39, 11), (59, 7), (70, 10), (111, 2), (300, 80)] {
        for page in pages {
            for paused in [false, true] {
                let state = State { page, paused, typing: paused.then(String::new), ..State::default() };
                text(&mut stage, &state, PLAIN, (width, height));
            }
        }
    }
}

#[test]
fn colour_is_used_only_where_it_is_wanted() {
    let colors = |look| {
        let screen = screen(&mut dead(), &State::default(), look, (120, 30));
        screen.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(colors(COLOR) && !colors(PLAIN));
}

#[test]
fn ascii_is_ascii() {
    for page in [Page::Flows, Page::Details(0), Page::Help] {
        let state = State { page, ..State::default() };
        for size in [(120, 30), (40, 12)] {
            let screen = text(&mut dead(), &state, ASCII, size);
            assert!(screen.is_ascii(), "{screen}");
        }
    }
}

/// What came from packets or from the keyboard does nothing to the terminal.
#[test]
fn hostile_text_is_written_out() {
    let request = "GET /\u{1b}[m\u{202e} HTTP/1.1\r\nHost: example.org\r\n\r\n";
    let bytes: String = request.bytes().map(|byte| format!("{byte:02x}")).collect();
    let harmless = "\"GET /report HTTP/1.1\\r\\nHost: example.org\\r\\n\\r\\n\"";
    assert!(STORY.contains(harmless));
    let hostile = STORY.replace(harmless, &format!("hex:{bytes}"));
    let mut stage = Stage::play(&hostile, Some(90), 125.0);
    let mut state = State { page: Page::Details(1), ..State::default() };
    state.asked.filter = "\u{202e}".to_owned();
    for page in [Page::Flows, Page::Details(1)] {
        state.page = page;
        let screen = text(&mut stage, &state, PLAIN, (200, 30));
        assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
        assert!(page != Page::Flows || screen.contains("\\u{202e}"), "{screen}");
    }
}

/// A survey in steps finds what one look over everything would have found.
#[test]
fn a_survey_in_steps_finds_the_same() {
    let stage = Stage::play(&many(20_000), Some(900), 20_100.0);
    let now = stage.now;
    for order in Order::ALL {
        let (asked, mut survey) = (Asked { order, filter: "10.0.0.2:80".to_owned() }, Survey::default());
        survey.step(&stage.watch, now, &asked);
        assert_eq!(survey.found().wanted, 0, "one step is no pass");
        survey.step(&stage.watch, now, &asked);
        let found = survey.found();
        assert_eq!((found.wanted, found.alive, found.first.len()), (20_000, 20_000, MOST));
        // Flow n spoke for the last time in second n.
        let numbers: Vec<u32> = match order {
            Order::Latest | Order::Died => (0..20_000).rev().take(MOST).collect(),
            Order::Nearest | Order::Silent | Order::NoData => (0..20_000).take(MOST).collect(),
        };
        assert_eq!(found.first, numbers, "{order:?}");
        // At 20100 s, silent for at most 350 s: flows from 19750 on (0.01 s is the answer).
        assert_eq!(found.silent_at_most, [0, 0, 0, 0, 0, 0, 20, 140, 200, 250, 500, 1_700, 3_500]);
    }
}
