//! What a template can do with a value.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, State};

use super::Style;
use super::markup::{Markup, cut};
use super::phrases;
use crate::report::model::Frame;
use crate::report::units::{self, Clock};
use crate::time::Span;

/// Makes the filters known.
pub(super) fn add(environment: &mut Environment<'static>, style: Style) {
    let Style { clock, longest } = style;
    environment
        .add_filter("code", move |state: &State<'_, '_>, text: &str| safe(Markup::of(state).code(&cut(text, longest))));
    environment.add_filter("block", move |state: &State<'_, '_>, text: &str| {
        safe(Markup::of(state).block(&cut(text, longest)))
    });
    environment.add_filter("breaks", move |state: &State<'_, '_>, lines: Vec<String>| {
        let markup = Markup::of(state);
        let lines: Vec<_> = lines.iter().map(|line| markup.inline(&cut(line, longest))).collect();
        safe(lines.join(markup.line_break()))
    });
    environment.add_filter("opening", opening);
    environment.add_filter("duration", |secs: f64| units::duration(Span::from_secs_f64(secs)));
    environment.add_filter("seconds", |secs: f64| units::seconds(Span::from_secs_f64(secs)));
    environment.add_filter("number", units::count);
    environment.add_filter("plural", |number: u64, noun: &str| units::plural(number, noun));
    environment.add_filter("time", move |text: &str| time(&clock, text));
    environment.add_filter("frame", |value: &Value| frame(value));
    environment.add_filter("frames", |frames: Vec<Value>| {
        let frames: Result<Vec<String>, Error> = frames.iter().map(frame).collect();
        frames.map(|frames| frames.join(" "))
    });
}

/// The sentences at the beginning of a text that have room in `most` characters, the first in any case.
fn opening(text: &str, most: usize) -> String {
    let begins = |at: usize| text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(char::is_uppercase);
    let ends = text.match_indices(". ").filter(|(at, _)| begins(at + 2)).map(|(at, _)| at + 1);
    let openings = ends.chain([text.len()]).filter_map(|end| text.get(..end));
    let fitting = openings.clone().take_while(|opening| opening.chars().count() <= most).last();
    fitting.or_else(|| openings.clone().next()).unwrap_or(text).to_owned()
}

fn time(clock: &Clock, text: &str) -> Result<String, Error> {
    let time = units::from_rfc3339(text);
    time.map(|time| clock.brief(time)).ok_or_else(|| invalid(&format!("{text:?} is not a time of the report")))
}

/// A frame as the text report names it.
fn frame(value: &Value) -> Result<String, Error> {
    let number = |value: Value| u32::try_from(value).ok();
    let in_file = || {
        let (file, frame) = (value.get_attr("file").ok()?, value.get_attr("frame").ok()?);
        Some(Frame::InFile { file: number(file)?, frame: number(frame)? })
    };
    let frame = number(value.clone()).map(Frame::Only).or_else(in_file);
    frame.map(phrases::frame).ok_or_else(|| invalid(&format!("{value} is not a frame")))
}

fn safe(text: String) -> Value {
    Value::from_safe_string(text)
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem.to_owned())
}
