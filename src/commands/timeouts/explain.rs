//! One row of the table in words.

use comfy_table::Table as Grid;

use super::grid::{LEAST_WIDTH, constrain, duration, grid, product};
use crate::time::{NANOS_PER_SECOND, Span};
use crate::timeouts::{
    COMMON_KEEPALIVE_TIME, Counts, EnabledByDefault, Entry, Expiry, KeepaliveDefault, Layer, Origin, Refresh, Seconds,
    State, Table, keepalive_time,
};

/// Everything about one timeout, label by label.
pub(super) fn timeout(table: &Table, entry: &Entry, width: u16) -> Grid {
    let mut page = Page::new(width);
    page.line("id", &entry.id);
    page.line("product", product(entry));
    page.line("kind", format!("{}, layer {}", entry.kind, if entry.layer == Layer::L4 { 4 } else { 7 }));
    page.line("timeout", duration(entry.idle.span()));
    page.line("range", range(entry));
    if !entry.previous.is_empty() {
        let earlier: Vec<_> = entry
            .previous
            .iter()
            .map(|value| if value.0 == 0 { "no limit".into() } else { duration(value.span()) })
            .collect();
        page.line("earlier", earlier.join(", "));
    }
    page.line("since", entry.since.as_deref().unwrap_or_default());
    page.line("setting", &entry.setting);
    page.line("applies to", &entry.scope);
    page.line("state", entry.state);
    page.line("restarted by", restarted_by(entry));
    for (at, expiry) in entry.on_expiry.iter().enumerate() {
        page.line(if at == 0 { "at expiry" } else { "or" }, at_expiry(*expiry));
        if entry.state != State::Udp {
            page.line("in a capture", in_a_capture(*expiry));
        }
    }
    page.line("keepalive", advice(entry));
    page.line("in time", stacks_in_time(table, entry));
    page.line("note", &entry.note);
    page.line("source", &entry.source);
    let checked = entry.checked.map(|date| format!(", value read again on {}", date.0)).unwrap_or_default();
    page.line("confidence", format!("value {}{checked}; behaviour {}", entry.confidence, entry.behaviour_basis));
    page.line("origin", origin(&entry.origin));
    page.finish()
}

/// Everything about the keepalives of one stack, label by label.
pub(super) fn stack(stack: &KeepaliveDefault, width: u16) -> Grid {
    let mut page = Page::new(width);
    let seconds = |value: Option<Seconds>| {
        value.map_or_else(|| "not known, or that of the system".to_owned(), |value| duration(value.span()))
    };
    page.line("id", &stack.id);
    page.line("product", &stack.product);
    page.line("kind", stack.kind);
    page.line(
        "keepalive",
        match stack.enabled_by_default {
            EnabledByDefault::Yes => "on by default",
            EnabledByDefault::No => "off unless it is asked for",
            EnabledByDefault::Conditional => "on under a condition, see the note",
        },
    );
    page.line("time", seconds(stack.time));
    page.line("interval", seconds(stack.interval));
    page.line(
        "probes",
        stack.probes.map_or_else(|| "not known, or that of the system".to_owned(), |probes| probes.to_string()),
    );
    page.line("setting", &stack.setting);
    page.line("since", stack.since.as_deref().unwrap_or_default());
    page.line("note", &stack.note);
    page.line("source", &stack.source);
    page.line("confidence", stack.confidence);
    page.line("origin", origin(&stack.origin));
    page.finish()
}

pub(super) fn range(entry: &Entry) -> String {
    let least = entry.min.map(|min| duration(min.span()));
    let most = entry.max.map(|max| duration(max.span()));
    match (least, most) {
        _ if entry.is_fixed() => "fixed, cannot be changed".to_owned(),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "not known".to_owned(),
    }
}

pub(super) fn restarted_by(entry: &Entry) -> &'static str {
    match (entry.counts, entry.refresh, entry.state) {
        (Counts::Lifetime, ..) => "nothing: it limits the age of the connection, busy or not",
        (Counts::Exchange, ..) => "the next request only: it limits one request with its answer",
        (_, _, State::Udp) => "datagrams; UDP has no keepalive",
        (_, Refresh::Refreshed, _) => "every packet, empty keepalive probes included (packet clock)",
        (_, Refresh::NotRefreshed, _) => "payload only: TCP keepalive does not restart it (payload clock)",
        (_, Refresh::Unknown, _) => "traffic; whether empty keepalive probes count is not known",
    }
}

pub(super) fn at_expiry(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::SilentDrop => "the flow is forgotten and nobody is told; later packets are dropped (silent-drop)",
        Expiry::RstBoth => "both ends are sent a RST at once (rst-both)",
        Expiry::RstOnNextPacket => "the flow is forgotten; whoever sends next is sent a RST (rst-on-next-packet)",
        Expiry::Fin => "the connection is closed in good order (fin)",
        Expiry::Http408 => "the client is answered HTTP 408 and the connection is closed (http-408)",
        Expiry::Http504 => "the client is answered HTTP 504 (http-504)",
        Expiry::Unknown => "not known",
    }
}

fn in_a_capture(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::SilentDrop => "silence, then segments sent again and again that nothing answers",
        Expiry::RstBoth => "silence, then a RST that nothing provoked; a capture at one end shows one of the two",
        Expiry::RstOnNextPacket => {
            "silence, then a segment that is answered by a RST at once; the other end hears nothing and stays ESTABLISHED"
        }
        Expiry::Fin => "silence, then a FIN that no request provoked",
        Expiry::Http408 => "silence, then a response 408 to no complete request, and a FIN",
        Expiry::Http504 => "a request, silence, then a response 504",
        Expiry::Unknown => "silence before whatever ends the flow",
    }
}

/// What keepalive can do about the timer, and which time to set.
fn advice(entry: &Entry) -> String {
    match (entry.state, entry.counts, entry.cuts) {
        (State::Udp, ..) => return "none: UDP has no keepalive".to_owned(),
        (State::Unacknowledged, ..) => return "cannot help: no probe is sent while data waits for its ACK".to_owned(),
        (State::Handshake, ..) => return "cannot help: it starts when the connection is established".to_owned(),
        (_, Counts::Lifetime, _) => return "cannot help: expect the close, or raise the limit".to_owned(),
        (_, Counts::Exchange, _) => return "cannot help: answer sooner, or raise the limit".to_owned(),
        (_, _, false) => return "not needed: this timer by itself ends no connection".to_owned(),
        _ => {}
    }
    let time = match keepalive_time(entry.idle.span()) {
        Some(COMMON_KEEPALIVE_TIME) => {
            format!("turn it on; the usual time of {} is short enough", duration(COMMON_KEEPALIVE_TIME))
        }
        Some(time) => format!("first probe after at most {}; timers fire up to 12.5 % late", duration(time)),
        None => "too short a timeout for TCP keepalive, which counts in whole seconds: raise it".to_owned(),
    };
    match entry.refresh {
        Refresh::Refreshed => time,
        Refresh::Unknown => format!("not known to help. If it does: {time}"),
        Refresh::NotRefreshed => {
            let half = Span::from_secs((entry.idle.span().as_nanos() / 2 / NANOS_PER_SECOND).max(1));
            format!(
                "TCP keepalive cannot help here: raise the timeout, or let the application send something every {}",
                duration(half)
            )
        }
    }
}

/// The stacks that hold a flow open against this timer without being asked.
fn stacks_in_time(table: &Table, entry: &Entry) -> String {
    let applies = entry.refresh == Refresh::Refreshed && entry.state == State::Established && entry.cuts;
    let Some(latest) = keepalive_time(entry.idle.span()).filter(|_| applies && entry.counts == Counts::Silence) else {
        return String::new();
    };
    let on = table.keepalive_defaults().iter().filter(|stack| stack.enabled_by_default == EnabledByDefault::Yes);
    let early = on.filter_map(|stack| stack.time.filter(|time| time.span() <= latest).map(|time| (&stack.id, time.0)));
    let named: Vec<_> = early.map(|(id, secs)| format!("{id} ({secs} s)")).collect();
    if named.is_empty() {
        "no stack of the table by its default".to_owned()
    } else {
        format!("by default: {}", named.join(", "))
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => "built-in table".to_owned(),
        Origin::File(path) => path.clone(),
    }
}

/// Labels on the left, text that wraps on the right.
struct Page(Grid);

impl Page {
    fn new(width: u16) -> Self {
        Self(grid(width.max(LEAST_WIDTH)))
    }

    /// Adds a line unless it has nothing to say.
    fn line(&mut self, label: &str, text: impl ToString) {
        let text = text.to_string();
        if !text.is_empty() {
            self.0.add_row([label.to_owned(), text]);
        }
    }

    fn finish(mut self) -> Grid {
        constrain(&mut self.0, &[Some(12), None]);
        self.0
    }
}
