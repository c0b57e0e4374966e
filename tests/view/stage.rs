//! A packet script played to a watch with a view, up to a moment.

use std::fmt::Write as _;
use std::sync::LazyLock;

use idlegap::analyzer::Seen;
use idlegap::capture::{LinkType, Record};
use idlegap::report::units::TimeFormat;
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};
use idlegap::timeouts::Table;
use idlegap::watch::pump::Moment;
use idlegap::watch::timer::Timer;
use idlegap::watch::view::draw::{draw, scrollable};
use idlegap::watch::view::look::Look;
use idlegap::watch::view::scene::{Follower, Scene, Title};
use idlegap::watch::view::state::{Key, State, Then};
use idlegap::watch::{Settings, Watch};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::built_in().unwrap());

/// A watch in the middle of a script.
pub(crate) struct Stage<'w> {
    pub(crate) watch: Watch<'w>,
    pub(crate) now: Timestamp,
    follower: Follower,
    title: Title,
    packets: u64,
}

impl Stage<'static> {
    /// Plays what the script has until `seconds` after its beginning, against a timer of so many seconds.
    pub(crate) fn play(script: &str, timer: Option<i64>, seconds: f64) -> Self {
        let timer = timer.map(|seconds| Timer::given(Span::from_secs(seconds)));
        let title =
            Title { source: "eth0, tcp port 80".to_owned(), timer: timer.clone(), warn_at: 0.8, time: TimeFormat::Utc };
        let settings = Settings { warn_at: 0.8, timer, most_flows: usize::MAX, number_streams: true };
        let watch = Watch::new(settings, &TABLE);
        let mut stage = Self { watch, now: Timestamp::default(), follower: Follower::default(), title, packets: 0 };
        if script.is_empty() {
            return stage;
        }
        let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}"));
        let frames = script.frames();
        stage.now = frames[0].time.plus(Span::from_secs_f64(seconds));
        for (number, frame) in (1..).zip(frames.iter().filter(|frame| frame.time <= stage.now)) {
            let (time, original_len, data) = (frame.time, frame.original_len, &frame.bytes[..]);
            let record =
                Record { time, frame: number, link: LinkType(1), interface: 0, data, original_len, told: None };
            if let Seen::Segment(segment) = stage.watch.push(&record) {
                stage.follower.memory().segment(&segment);
            }
            stage.packets += 1;
        }
        stage.watch.tick(stage.now);
        let events: Vec<_> = stage.watch.drain_events().collect();
        events.iter().for_each(|event| stage.follower.event(event));
        stage
    }

    /// What is to be seen; the survey has had time for a whole pass.
    fn scene(&mut self, state: &State) -> Scene {
        let now = (self.packets > 0).then_some(self.now);
        let (watch, packets) = (&self.watch, self.packets);
        let moment = Moment { watch, now, counters: None, packets, unrecorded: 0, troubles: Vec::new() };
        self.follower.step(&moment, state);
        self.follower.scene(&self.title, &moment, state)
    }
}

/// Presses keys, each on what is to be seen after the one before.
pub(crate) fn press(stage: &mut Stage<'static>, state: &mut State, keys: &[Key]) {
    for key in keys {
        let scene = stage.scene(state);
        let lines = scrollable(&scene, state, Look { color: false, ascii: false });
        assert_eq!(state.press(*key, &scene.numbers(), lines), Then::GoOn);
    }
}

/// The screen at this moment.
pub(crate) fn screen(stage: &mut Stage<'static>, state: &State, look: Look, (width, height): (u16, u16)) -> Buffer {
    let scene = stage.scene(state);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, &scene, state, look)).unwrap();
    terminal.backend().buffer().clone()
}

/// The screen as text, without the spaces at the ends of lines.
pub(crate) fn text(stage: &mut Stage<'static>, state: &State, look: Look, size: (u16, u16)) -> String {
    let screen = screen(stage, state, look, size);
    let mut text = String::new();
    for row in screen.content().chunks(usize::from(size.0)) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    text
}

/// A script of `flows` flows: number n says something in second n, and is answered within 10 ms.
pub(crate) fn many(flows: u32) -> String {
    let names: String =
        (0..flows).map(|n| format!("flow f{n} 10.0.{}.1:{} > 10.0.0.2:80\n", n / 250, 40_000 + n)).collect();
    let lines = (0..flows).map(|n| format!("{n} f{n} > P. 1:11(10) ack 1\n+.010 f{n} < . 1:1(0) ack 11\n"));
    names + &lines.collect::<String>()
}
