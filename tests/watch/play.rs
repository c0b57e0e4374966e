//! Packet scripts played to a watch.

use idlegap::capture::{LinkType, Record};
use idlegap::report::units::from_rfc3339;
use idlegap::script::Script;
use idlegap::time::{Span, Timestamp};
use idlegap::timeouts::Table;
use idlegap::watch::timer::Timer;
use idlegap::watch::{Settings, Watch};
use serde_json::Value;

use crate::schema;

/// How a script is played.
pub(crate) struct Play {
    pub(crate) timer: Option<Timer>,
    pub(crate) most_flows: usize,
    /// Ticks, in nanoseconds after the first frame.
    pub(crate) ticks: Vec<i64>,
}

impl Default for Play {
    fn default() -> Self {
        Self { timer: None, most_flows: usize::MAX, ticks: Vec::new() }
    }
}

/// Played against a timer of so many seconds that counts packets.
pub(crate) fn given(seconds: i64) -> Play {
    Play { timer: Some(Timer::given(Span::from_secs(seconds))), ..Play::default() }
}

impl Play {
    pub(crate) fn settings(&self) -> Settings {
        Settings { warn_at: 0.8, timer: self.timer.clone(), most_flows: self.most_flows, number_streams: true }
    }

    /// All events of the script's capture, which lasts until its `end`; each is valid by the schema.
    pub(crate) fn events(&self, text: &str) -> Vec<Value> {
        let script = Script::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let table = Table::built_in().unwrap();
        let mut watch = Watch::new(self.settings(), &table);
        let mut ticks = self.ticks.iter().map(|nanos| Span::from_nanos(*nanos)).peekable();
        let frames = script.frames();
        let first = frames.first().map_or(Timestamp::default(), |frame| frame.time);
        for (number, frame) in (1..).zip(&frames) {
            while ticks.peek().is_some_and(|tick| first.plus(*tick) <= frame.time) {
                watch.tick(first.plus(ticks.next().unwrap()));
            }
            let (time, original_len) = (frame.time, frame.original_len);
            watch.push(&Record {
                time,
                frame: number,
                link: LinkType(1),
                interface: 0,
                data: &frame.bytes,
                original_len,
                told: None,
            });
            watch.drain_relabels().for_each(drop);
        }
        let last = frames.last().map_or(first, |frame| frame.time);
        watch.tick(last.plus(end_of(text)));
        let events: Vec<Value> = watch.drain_events().map(|event| serde_json::to_value(event).unwrap()).collect();
        schema::validate_all(&events);
        events
    }
}

/// How long after its last frame the script's capture goes on: a second, unless it says so in a line `end +SECONDS`.
fn end_of(text: &str) -> Span {
    let told = text.lines().find_map(|line| line.strip_prefix("end +")?.trim().parse().ok());
    Span::from_secs(told.unwrap_or(1))
}

pub(crate) fn events_of(text: &str, play: &Play) -> Vec<Value> {
    play.events(text)
}

/// When the scripts begin: 2024-01-01T00:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_nanos(1_704_067_200_000_000_000);

/// Seconds since then.
pub(crate) fn seconds(event: &Value) -> f64 {
    let time = from_rfc3339(event["time"].as_str().unwrap()).unwrap();
    (time.since(BEGINNING).as_secs_f64() * 1e6).round() / 1e6
}

pub(crate) fn times(events: &[&Value]) -> Vec<f64> {
    events.iter().map(|event| seconds(event)).collect()
}

pub(crate) fn of_type<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == name).collect()
}

pub(crate) fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}
