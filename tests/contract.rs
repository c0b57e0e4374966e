//! The JSON contract, held against every kept report and every line of every kept trace.
//!
//! Written from the contract, not from the program: which fields an object has at the least, and what each may hold. A
//! further field is allowed (additive changes), but by its name it obeys the same conventions.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::path::PathBuf;

use serde_json::Value;

/// What a field may hold.
#[derive(Clone, Copy)]
enum Form {
    /// Text that is not empty.
    Text,
    /// Any text.
    AnyText,
    /// `true` or `false`.
    Truth,
    /// A whole number, 0 or more.
    Count,
    /// Frame number, 1 or more; `{file, frame}` in a report of several files.
    Frame,
    /// Seconds, as a number.
    Seconds,
    /// Two of them, the lesser first.
    Range,
    /// RFC 3339 in UTC with nine digits.
    Time,
    /// `addr:port`, IPv6 in brackets.
    Socket,
    /// One of a closed list.
    OneOf(&'static [&'static str]),
    /// A name from an open list.
    Kebab,
    /// The form, or null.
    Maybe(&'static Form),
    /// A list of it.
    List(&'static Form),
    /// An object with a value for each direction.
    Both(&'static Form),
    /// An object with these fields.
    Object(&'static [(&'static str, Form)]),
    /// An object of counts by name.
    Counts,
}

use Form::{
    AnyText, Both, Count, Counts, Frame, Kebab, List, Maybe, Object, OneOf, Range, Seconds, Socket, Text, Time, Truth,
};

const SIDE: Form = OneOf(&["client", "server"]);
const CONFIDENCE: Form = OneOf(&["certain", "likely", "possible"]);
const CLOCK: Form = OneOf(&["packet", "payload"]);
const VERDICT_ID: Form = OneOf(&[
    "idle-reset",
    "idle-reset-next",
    "idle-drop",
    "idle-close",
    "half-closed-timeout",
    "keepalive-exhausted",
    "retransmission-exhausted",
    "zero-window-stall",
    "close-race",
    "age-limit",
    "endpoint-abort",
    "endpoint-no-socket",
    "injected-reset",
    "refused",
    "graceful",
    "open",
    "inconclusive",
]);

const REPORT: Form = Object(&[
    ("schema_version", Text),
    ("tool", Object(&[("name", OneOf(&["idlegap"])), ("version", Text)])),
    ("captures", List(&CAPTURE)),
    ("flows", List(&FLOW)),
    ("flows_total", Count),
    ("verdicts", Counts),
    ("services", List(&SERVICE)),
    ("groups", List(&GROUP)),
    ("findings", List(&FINDING)),
]);

const CAPTURE: Form = Object(&[
    ("file", Text),
    ("format", Text),
    ("link_types", List(&Text)),
    ("packets", Count),
    ("tcp_segments", Count),
    ("first_time", Maybe(&Time)),
    ("last_time", Maybe(&Time)),
    ("skips", List(&SKIP)),
    ("truncated", Truth),
    ("quality", List(&Object(&[("id", Kebab), ("text", Text), ("count", Maybe(&Count))]))),
]);

const SKIP: Form = Object(&[
    ("layer", OneOf(&["link", "tunnel", "ip", "tcp", "icmp"])),
    ("reason", Kebab),
    ("example", Text),
    ("first_frame", Frame),
    ("count", Count),
]);

const FLOW: Form = Object(&[
    ("id", Count),
    ("wireshark_stream", Maybe(&Count)),
    ("community_id", Text),
    ("client", Socket),
    ("server", Socket),
    ("orientation", OneOf(&["handshake", "inferred"])),
    ("tunnel", Maybe(&Text)),
    ("real_client", Maybe(&Socket)),
    ("first_time", Time),
    ("last_time", Time),
    ("packets", Count),
    ("payload_bytes", Both(&Count)),
    ("keepalive", Both(&KEEPALIVE)),
    ("zero_window_probes", Both(&Count)),
    ("retransmissions", Both(&Count)),
    ("gaps", List(&GAP)),
    ("gaps_total", Count),
    ("resets", List(&RESET)),
    ("resets_total", Count),
    ("waiting", Maybe(&WAITING)),
    ("half_open", Maybe(&SIDE)),
    ("verdict", VERDICT),
]);

const KEEPALIVE: Form = Object(&[
    ("probes", Count),
    ("answered", Count),
    ("unanswered", Count),
    ("style", Maybe(&OneOf(&["empty", "one-byte", "mixed"]))),
    ("frames", List(&Frame)),
    ("frames_total", Count),
    ("time_s", Maybe(&Seconds)),
    ("time_range_s", Maybe(&Range)),
    ("interval_s", Maybe(&Seconds)),
    ("interval_range_s", Maybe(&Range)),
    ("count", Maybe(&Count)),
]);

const GAP: Form = Object(&[
    ("clock", CLOCK),
    ("start_frame", Frame),
    ("end_frame", Maybe(&Frame)),
    ("duration_s", Seconds),
    ("ended_by", Maybe(&Text)),
    ("outcome", OneOf(&["survived", "died", "open"])),
]);

const RESET: Form = Object(&[
    ("frame", Frame),
    ("from", SIDE),
    ("origin", OneOf(&["endpoint", "middlebox", "unknown"])),
    ("confidence", CONFIDENCE),
    ("reasons", List(&Text)),
    ("effective", Truth),
]);

const WAITING: Form = Object(&[("side", SIDE), ("since_frame", Frame), ("request", Maybe(&AnyText))]);

const VERDICT: Form = Object(&[
    ("id", VERDICT_ID),
    ("confidence", CONFIDENCE),
    ("reasons", List(&Text)),
    ("gap_s", Maybe(&Seconds)),
    ("timeout_s", Maybe(&Seconds)),
    ("frames", List(&Frame)),
]);

const GROUP: Form = Object(&[
    ("members", List(&Socket)),
    ("flows", Count),
    ("died", Count),
    ("clock", CLOCK),
    ("manner", OneOf(&["rst-both", "rst-on-next-packet", "silent-drop", "fin"])),
    ("survived_max_s", Maybe(&Seconds)),
    ("died_min_s", Maybe(&Seconds)),
    ("died_max_s", Maybe(&Seconds)),
    ("timer_range_s", Maybe(&Range)),
    ("candidates", List(&CANDIDATE)),
    ("reasons", List(&Text)),
]);

const PATH: Form = Object(&[
    ("clients", Maybe(&Text)),
    ("flows", Count),
    ("died", Count),
    ("survived_max_s", Maybe(&Seconds)),
    ("died_min_s", Maybe(&Seconds)),
    ("died_max_s", Maybe(&Seconds)),
]);

const SERVICE: Form = Object(&[
    ("timer_range_s", Maybe(&Range)),
    ("contradiction", Maybe(&Text)),
    ("paths", List(&PATH)),
    ("server", Socket),
    ("flows", Count),
    ("died", Count),
    ("survived_max_s", Maybe(&Seconds)),
    ("died_min_s", Maybe(&Seconds)),
    ("candidates", List(&CANDIDATE)),
]);

const CANDIDATE: Form = Object(&[
    ("id", Kebab),
    ("vendor", Text),
    ("product", Text),
    ("idle_s", Seconds),
    ("fit", Kebab),
    ("reasons", List(&Text)),
]);

const FINDING: Form = Object(&[
    ("id", VERDICT_ID),
    ("severity", OneOf(&["high", "medium", "low"])),
    ("title", Text),
    ("detail", AnyText),
    ("flows", List(&Count)),
    ("flows_total", Count),
    ("frames", List(&Frame)),
    ("advice", List(&Object(&[("stack", Text), ("text", Text), ("snippet", AnyText)]))),
]);

const ROW: Form = Object(&[
    ("frame", Frame),
    ("time", Time),
    ("flow", Count),
    ("direction", OneOf(&["c2s", "s2c"])),
    (
        "kind",
        OneOf(&[
            "syn",
            "syn-ack",
            "data",
            "ack",
            "dup-ack",
            "window-update",
            "keepalive-probe",
            "keepalive-ack",
            "zero-window-probe",
            "zero-window-probe-ack",
            "retransmission",
            "out-of-order",
            "challenge-ack",
            "fin",
            "rst",
            "duplicate-frame",
        ]),
    ),
    ("seq", Count),
    ("ack", Maybe(&Count)),
    ("len", Count),
    ("flags", AnyText),
    ("window", Count),
    ("ttl", Count),
    ("note", AnyText),
]);

/// Checks `value` at `path` against `form`; what is wrong goes to `faults`.
fn check(value: &Value, form: Form, path: &str, faults: &mut Vec<String>) {
    let good = match form {
        Text => value.as_str().is_some_and(|text| !text.is_empty()),
        AnyText => value.is_string(),
        Truth => value.is_boolean(),
        Count => value.is_u64(),
        Frame => value.as_u64().is_some_and(|number| number > 0) || is_frame_of_file(value),
        Seconds => value.as_f64().is_some_and(|seconds| seconds >= 0.0),
        Range => is_range(value),
        Time => value.as_str().is_some_and(is_rfc3339),
        Socket => value.as_str().is_some_and(is_socket),
        OneOf(names) => value.as_str().is_some_and(|name| names.contains(&name)),
        Kebab => value.as_str().is_some_and(is_kebab),
        Maybe(inner) => {
            return if value.is_null() {
            } else {
                check(value, *inner, path, faults)
            };
        }
        List(inner) => return check_list(value, *inner, path, faults),
        Both(inner) => return check_both(value, *inner, path, faults),
        Object(fields) => return check_object(value, fields, path, faults),
        Counts => value.as_object().is_some_and(|map| map.iter().all(|(key, count)| is_kebab(key) && count.is_u64())),
    };
    if !good {
        faults.push(format!("{path}: {value}"));
    }
}

fn check_list(value: &Value, form: Form, path: &str, faults: &mut Vec<String>) {
    let Some(items) = value.as_array() else {
        return faults.push(format!("{path} is no list: {value}"));
    };
    items.iter().enumerate().for_each(|(index, item)| check(item, form, &format!("{path}[{index}]"), faults));
}

fn check_both(value: &Value, form: Form, path: &str, faults: &mut Vec<String>) {
    let names: Vec<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if names != ["c2s", "s2c"] {
        return faults.push(format!("{path} has not both directions and nothing else: {value}"));
    }
    ["c2s", "s2c"].into_iter().for_each(|name| check(&value[name], form, &format!("{path}.{name}"), faults));
}

fn check_object(value: &Value, fields: &[(&str, Form)], path: &str, faults: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        return faults.push(format!("{path} is no object: {value}"));
    };
    for (name, form) in fields {
        match object.get(*name) {
            Some(field) => check(field, *form, &format!("{path}.{name}"), faults),
            None => faults.push(format!("{path}.{name} is missing")),
        }
    }
    object.iter().for_each(|(name, field)| check_convention(name, field, &format!("{path}.{name}"), faults));
    if let (Some(kept), Some(total)) = (object.get("frames"), object.get("frames_total")) {
        check_total(kept, total, path, faults);
    }
    for (name, total) in object.iter().filter_map(|(name, total)| Some((name.strip_suffix("_total")?, total))) {
        match object.get(name) {
            Some(kept) => check_total(kept, total, &format!("{path}.{name}"), faults),
            None => faults.push(format!("{path}.{name}_total counts no list")),
        }
    }
}

/// What a field's name promises, whether the contract lists the field or not.
fn check_convention(name: &str, value: &Value, path: &str, faults: &mut Vec<String>) {
    let snake = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    let numbers =
        |value: &Value| value.is_number() || value.as_array().is_some_and(|all| all.iter().all(Value::is_number));
    let good = match name {
        _ if name.ends_with("_s") => value.is_null() || numbers(value),
        _ if name.ends_with("_time") => value.is_null() || value.as_str().is_some_and(is_rfc3339),
        _ if name.ends_with("_total") => value.is_u64(),
        _ if name.ends_with("_frame") => value.is_null() || value.is_u64() || is_frame_of_file(value),
        _ => true,
    };
    if !snake && !is_kebab(name) {
        faults.push(format!("{path} has no good name"));
    }
    if !good {
        faults.push(format!("{path} breaks what its name promises: {value}"));
    }
}

fn check_total(kept: &Value, total: &Value, path: &str, faults: &mut Vec<String>) {
    let kept = kept.as_array().map_or(0, Vec::len) as u64;
    if total.as_u64().is_none_or(|total| total < kept) {
        faults.push(format!("{path} keeps {kept} of {total}"));
    }
}

fn is_frame_of_file(value: &Value) -> bool {
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    number("file").is_some() && number("frame").is_some_and(|frame| frame > 0)
}

fn is_range(value: &Value) -> bool {
    let bounds: Vec<f64> = value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    matches!(bounds.as_slice(), [least, most] if least <= most)
}

/// `2026-11-22T18:09:09.193000000Z`.
fn is_rfc3339(text: &str) -> bool {
    const SHAPE: &str = "0000-00-00T00:00:00.000000000Z";
    let same = |(shape, letter): (char, char)| if shape == '0' { letter.is_ascii_digit() } else { shape == letter };
    text.len() == SHAPE.len() && SHAPE.chars().zip(text.chars()).all(same)
}

fn is_socket(text: &str) -> bool {
    let Ok(socket) = text.parse::<std::net::SocketAddr>() else { return false };
    socket.is_ipv4() || text.starts_with('[')
}

fn is_kebab(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.split('-').all(word)
}

/// What the fields of one report promise each other.
fn check_sums(report: &Value, faults: &mut Vec<String>) {
    let flows: Vec<&Value> = report["flows"].as_array().into_iter().flatten().collect();
    let total = report["flows_total"].as_u64();
    let by_verdict: u64 = report["verdicts"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    if total != Some(by_verdict) || total != Some(flows.len() as u64) {
        faults.push(format!("{} flows listed, {by_verdict} verdicts, {total:?} in all", flows.len()));
    }
    for (index, flow) in flows.iter().enumerate() {
        if flow["id"].as_u64() != Some(index as u64) {
            faults.push(format!("flow {index} has number {}", flow["id"]));
        }
        if !flow["community_id"].as_str().is_some_and(|id| id.starts_with("1:")) {
            faults.push(format!("flow {index} has community ID {}", flow["community_id"]));
        }
        let died = |gap: &Value| gap["outcome"] == "open" || gap["end_frame"].is_u64() || gap["end_frame"].is_object();
        if !flow["gaps"].as_array().into_iter().flatten().all(died) {
            faults.push(format!("flow {index} has a gap that is over without an end"));
        }
        for side in ["c2s", "s2c"] {
            let number = |name: &str| flow["keepalive"][side][name].as_u64().unwrap_or_default();
            if number("probes")
                != number("answered") + number("unanswered") + number("answered_by_reset") + number("answered_unseen")
            {
                faults.push(format!("flow {index}, {side}: probes do not add up"));
            }
        }
    }
}

/// The kept files of one name, with their paths.
fn golden(name: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden");
    let cases =
        std::fs::read_dir(folder).expect("goldens are kept").map(|case| case.expect("a readable folder").path());
    let files = cases.map(|case| case.join(name)).filter(|path| path.exists());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable golden");
        (path.display().to_string(), text)
    };
    let files: Vec<_> = files.map(read).collect();
    assert!(files.len() >= 12, "the goldens are gone");
    files
}

#[test]
fn every_kept_report_obeys_the_contract() {
    let mut faults = Vec::new();
    for (path, text) in golden("report.json") {
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        check(&report, REPORT, &path, &mut faults);
        check_sums(&report, &mut faults);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_line_of_every_kept_trace_obeys_the_contract() {
    let mut faults = Vec::new();
    for (path, text) in golden("trace.jsonl") {
        for (number, line) in text.lines().enumerate() {
            let row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{path}: {error}"));
            check(&row, ROW, &format!("{path}:{}", number + 1), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let wrong = |value: Value, form: Form| {
        let mut faults = Vec::new();
        check(&value, form, "it", &mut faults);
        !faults.is_empty()
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("good JSON");
    assert!(!wrong(json(r#""2026-11-22T18:09:09.193000000Z""#), Time));
    assert!(wrong(json(r#""2026-11-22T18:09:09.193Z""#), Time));
    assert!(wrong(json(r#""90.0""#), Seconds) && wrong(json("-1"), Seconds));
    assert!(wrong(json(r#""2001:db8::1:80""#), Socket) && !wrong(json(r#""[2001:db8::1]:80""#), Socket));
    assert!(wrong(json("0"), Frame) && !wrong(json(r#"{"file":0,"frame":3}"#), Frame));
    assert!(wrong(json(r#""idle_reset""#), VERDICT_ID));
    assert!(wrong(json("[3.0, 2.0]"), Range));
    const LISTED: Form = Object(&[("frames", List(&Frame)), ("frames_total", Count)]);
    assert!(!wrong(json(r#"{"frames":[1],"frames_total":2}"#), LISTED));
    assert!(wrong(json(r#"{"frames":[1,2],"frames_total":1}"#), LISTED));
    assert!(wrong(json(r#"{"frames":[1]}"#), LISTED));
    assert!(wrong(json(r#"{"frames":[1],"frames_total":1,"gap_s":"90"}"#), LISTED));
    assert!(wrong(json(r#"{"c2s":1}"#), Both(&Count)));
}
