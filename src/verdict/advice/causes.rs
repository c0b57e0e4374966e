//! What to say whatever the stack: why it happened as far as settings go, what helps, and what does not.

use crate::time::Span;
use crate::timeouts::{Entry, Refresh};
use crate::verdict::{VerdictId, settings::Estimate};

use super::figures::{COMMON_INTERVAL, Figures, Lifetime, PayloadFigures, seconds};
use super::{Remedy, Side, Situation};

/// Rows of the table whose own knob is named.
const KNOBS: usize = 2;
/// Probes so many times as often as the timer expires are more than it needs.
const OFTEN: i64 = 10;

/// The paragraph that stands before the snippets; empty where there is nothing to say.
pub(super) fn text(situation: &Situation<'_>, remedy: &Remedy) -> String {
    let mut said = Vec::new();
    match remedy {
        Remedy::Keepalive(figures) => keepalive(situation, *figures, &mut said),
        Remedy::TooShort(limit) => said.push(too_short(*limit)),
        Remedy::Payload(figures) => payload(situation, *figures, &mut said),
        Remedy::Lifetime(lifetime) => said.push(lifetime_text(*lifetime)),
        Remedy::Nothing => {
            said.extend(no_setting(situation));
            said.extend(gave_up_soon(situation));
            said.extend(too_eager(situation));
        }
    }
    if situation.too_many_pings {
        said.push(too_many_pings());
    }
    if !matches!(remedy, Remedy::Nothing | Remedy::Lifetime(_)) {
        said.extend(knobs(situation, KNOBS));
    }
    said.join(" ")
}

/// The knob of each likely box, a sentence each.
pub(super) fn knobs(situation: &Situation<'_>, most: usize) -> Vec<String> {
    situation.candidates.iter().filter_map(|entry| knob(entry)).take(most).collect()
}

fn knob(entry: &Entry) -> Option<String> {
    let (name, default) = (name(entry), entry.idle.0);
    if entry.setting.contains(" = ") {
        // A switch by which the box kills in this manner, which the product's name says, and not the timer itself.
        return Some(format!("If the box is {name}, its timer is {default} s by default."));
    }
    if entry.is_fixed() || entry.setting.starts_with("none") {
        return Some(format!("If the box is {name}, its timer of {default} s is fixed."));
    }
    (!entry.setting.is_empty())
        .then(|| format!("If the box is {name}, its own knob is {}, by default {default} s.", entry.setting))
}

/// Vendor and product, without saying the same twice.
fn name(entry: &Entry) -> String {
    let Entry { vendor, product, .. } = entry;
    if vendor.is_empty() || product.to_lowercase().contains(&vendor.to_lowercase()) {
        product.clone()
    } else {
        format!("{vendor} {product}")
    }
}

fn keepalive(situation: &Situation<'_>, figures: Figures, said: &mut Vec<String>) {
    let time = figures.time;
    said.push(format!(
        "{}: turn on TCP keepalive at one end at least, with a time and an interval of at most {time} s, since kernels fire up \
         to 12.5 % late.",
        bound(situation)
    ));
    if time < COMMON_INTERVAL {
        said.push(format!(
            "Set both: answered probes repeat at the larger of the two, and Linux leaves the interval at {COMMON_INTERVAL} s."
        ));
    }
    said.extend(already_on(situation, figures));
    said.extend(caution(situation, figures));
    said.extend(payload_rows(situation));
    if situation.verdict == VerdictId::HalfClosedTimeout {
        said.push(half_closed(situation));
    }
    said.extend(half_open(situation));
}

/// What is known of the timer.
fn bound(situation: &Situation<'_>) -> String {
    match (situation.timeout, situation.survived_max, situation.died_min) {
        (Some(timeout), ..) => format!("The timer is {}", seconds(timeout)),
        (None, Some(survived), Some(died)) if survived < died => {
            format!("The timer is longer than {} and at most {}", seconds(survived), seconds(died))
        }
        (None, _, Some(died)) => format!("The timer is at most {}", seconds(died)),
        (None, _, None) => "The timer is not known".to_owned(),
    }
}

/// A bound is not the timer: what to do if it is shorter than the figures suppose.
fn caution(situation: &Situation<'_>, figures: Figures) -> Option<String> {
    let latest = Span::from_nanos(Span::from_secs(figures.time).as_nanos() / 8 * 9);
    let shown = situation.survived_max.is_some_and(|survived| survived >= latest);
    (situation.timeout.is_none() && !shown && figures.time > 1).then(|| {
        "No silence of that length was seen to survive, so the timer may be shorter: if flows still die, halve the figure."
            .to_owned()
    })
}

/// What the keepalives that were seen, or not seen, did.
fn already_on(situation: &Situation<'_>, figures: Figures) -> Vec<String> {
    let Situation { client, server, .. } = situation;
    let limit = situation.limit().unwrap_or_default();
    if client.probes == 0 && server.probes == 0 {
        let ends = [("client", client), ("server", server)];
        let elsewhere = ends.into_iter().filter_map(|(name, side)| on_elsewhere(name, side, limit));
        return std::iter::once(no_probe(situation)).chain(elsewhere).collect();
    }
    let sides = [("client", client, "server", server), ("server", server, "client", client)];
    sides
        .into_iter()
        .filter_map(|(name, side, other, far)| verdict_on(name, side, other, far, limit, figures))
        .collect()
}

/// No probe is not no keepalive: it may be on, and later than the silence.
fn no_probe(situation: &Situation<'_>) -> String {
    let silence =
        situation.silence.map(seconds).map_or_else(String::new, |silence| format!(" in {silence} of silence"));
    format!(
        "No probe was seen{silence} from either end: keepalive is off, as it is unless a socket asks for it, or its time is longer \
         than that (Linux: 7200 s by default)."
    )
}

/// What the side's host does on another flow, if that would have come too late on this one.
fn on_elsewhere(name: &str, side: &Side, limit: Span) -> Option<String> {
    let elsewhere = side.elsewhere?;
    let time = value(elsewhere.time);
    let on_flow = format!(
        "On flow {} the {name}'s host sent its first probe after {}",
        elsewhere.flow,
        seconds(elsewhere.time.most)
    );
    let latest = Span::from_nanos(elsewhere.time.most.as_nanos() / 8 * 9);
    if time >= limit {
        let (time, limit) = (seconds(time), seconds(limit));
        return Some(format!(
            "{on_flow}: if keepalive is on here too, with {time} against {limit} it never had a chance."
        ));
    }
    if elsewhere.time.most.times(OFTEN) < limit {
        return Some(format!("{on_flow}: in time for a timer of {}, but more often than it needs.", seconds(limit)));
    }
    (latest < limit).then(|| format!("{on_flow}: that setting would have been in time here."))
}

/// What is wrong with the keepalive of one side.
fn verdict_on(name: &str, side: &Side, other: &str, far: &Side, limit: Span, figures: Figures) -> Option<String> {
    if side.probes == 0 {
        return None;
    }
    let (shown, most) = (seconds(limit), figures.time);
    let longest = [side.settings.time, side.settings.interval].into_iter().flatten().map(value).max();
    let time = side.settings.time.map(value);
    let late = |span: Span| Span::from_nanos(span.as_nanos() / 8 * 9) >= limit;
    match (time, longest) {
        (Some(time), _) if time >= limit => Some(format!(
            "Keepalive is already on at the {name}, but with {} against {shown}: it never had a chance. Lower it to {most} s.",
            seconds(time)
        )),
        (_, Some(longest)) if longest >= limit => Some(format!(
            "Keepalive is already on at the {name}, but its interval of {} reaches the timer: lower it to {most} s too.",
            seconds(longest)
        )),
        (_, Some(longest)) if late(longest) => Some(format!(
            "Keepalive is already on at the {name}, but {} is too close to {shown} for a timer that fires late.",
            seconds(longest)
        )),
        _ if side.answered_nearby => Some(format!(
            "Keepalive is on at the wrong side: something nearer than the {other} answers the probes of the {name}, so they \
             do not pass a box beyond it. Turn it on at the {other}, or at whatever answers."
        )),
        (Some(_), _) if side.unanswered == side.probes && far.probes == 0 => Some(format!(
            "Keepalive is on at the {name} and early enough, but no probe was answered: they may not reach the box, so turn \
             it on at the {other} as well."
        )),
        _ => None,
    }
}

/// Rows that would not see a keepalive.
fn payload_rows(situation: &Situation<'_>) -> Option<String> {
    let entry = situation.candidates.iter().take(KNOBS).find(|entry| entry.refresh == Refresh::NotRefreshed)?;
    Some(format!(
        "If the box is {} {}, keepalive does not help: its timer counts payload.",
        entry.vendor, entry.product
    ))
}

fn half_closed(situation: &Situation<'_>) -> String {
    let who = match (situation.client.half_closed, situation.server.half_closed) {
        (true, false) => "The client",
        (false, true) => "The server",
        _ => "One side",
    };
    format!(
        "{who} had closed its direction, and boxes then keep a shorter timer: better not to shut down one direction while an \
         answer is due."
    )
}

/// What the end that was not told should set to notice.
fn half_open(situation: &Situation<'_>) -> Option<String> {
    const USER_TIMEOUT: &str = "TCP_USER_TIMEOUT shortens the 15 minutes or so that Linux repeats unanswered data";
    let (subject, probes) = match (situation.client.half_open, situation.server.half_open) {
        (true, false) => ("The client was", situation.client.probes),
        (false, true) => ("The server was", situation.server.probes),
        (true, true) => ("Both ends were", situation.client.probes.min(situation.server.probes)),
        (false, false) => return None,
    };
    Some(if probes == 0 {
        format!(
            "{subject} left half-open and can hold the dead connection for ever: with keepalive on there too it is noticed, and \
             {USER_TIMEOUT}."
        )
    } else {
        format!("{subject} left half-open and held the dead connection until keepalive asked; {USER_TIMEOUT}.")
    })
}

fn too_short(limit: Span) -> String {
    let half = Span::from_nanos(limit.as_nanos() / 2);
    format!(
        "A timer of {} is too short for TCP keepalive, which counts in whole seconds and fires late: raise that timer, or let \
         the application send something every {}.",
        seconds(limit),
        seconds(half)
    )
}

fn payload(situation: &Situation<'_>, figures: PayloadFigures, said: &mut Vec<String>) {
    said.push(match situation.answered() {
        0 => "What ended the connection is most likely a timer of payload, which TCP keepalive does not restart.".to_owned(),
        answered => format!(
            "TCP keepalive cannot help here: the timer counts payload. Probes were answered ({answered}), and the connection \
             ended all the same."
        ),
    });
    let raise = if situation.request_in_flight {
        "A request was in flight: raise that timer above the slowest answer to be expected"
    } else {
        "Nothing was asked: raise that timer, or let the client give up idle connections before it expires"
    };
    said.push(match figures.heartbeat {
        Some(every) => format!("{raise}, or let the application send something at least every {every} s."),
        None => format!("{raise}."),
    });
    said.extend(half_open(situation));
}

fn lifetime_text(lifetime: Lifetime) -> String {
    format!(
        "Connections end at an age of {}, busy or not, so neither keepalive nor traffic helps: renew them after {} s.",
        seconds(lifetime.age),
        lifetime.renew
    )
}

/// Where no setting of keepalive or of an idle timer helps: what is left to do.
fn no_setting(situation: &Situation<'_>) -> Option<String> {
    let text = match situation.verdict {
        VerdictId::KeepaliveExhausted => {
            "Keepalive did what it is for: the other end, or the path to it, was gone. Shorter settings notice that sooner and \
             do not prevent it; if only long silences end so, look for a box that forgets them and start probing earlier."
        }
        VerdictId::RetransmissionExhausted => {
            "No timer of silence: data went unanswered, and keepalive does not run while data is in flight. Look at the path \
             and at the other end; TCP_USER_TIMEOUT lets the sender give up sooner than Linux's 15 minutes or so."
        }
        VerdictId::ZeroWindowStall => {
            "No timer: the receiving application stopped reading, and its window stayed closed. Look at that process; a longer \
             timeout only waits longer."
        }
        VerdictId::CloseRace => return Some(close_race(situation)),
        VerdictId::EndpointAbort => {
            "The peer's application aborted the connection. Its log has the reason; no timer on the path took part."
        }
        VerdictId::EndpointNoSocket => {
            "The peer's host no longer knew the connection: it was restarted, or the packets reached another host. Keepalive \
             makes the other end notice sooner and does not prevent it."
        }
        VerdictId::InjectedReset => {
            "A box on the path reset the connection while it was in use: a rule and not a timer, so ask its log. Keepalive has \
             no part in it."
        }
        VerdictId::Refused => {
            "No connection came about, so no timer of silence took part: look at whether the service listens, at its backlog, \
             and at filters on the path."
        }
        VerdictId::AgeLimit => "Connections end at one age, busy or not: renew them before it.",
        _ => return None,
    };
    Some(text.to_owned())
}

fn close_race(situation: &Situation<'_>) -> String {
    let below = situation.limit().and_then(crate::timeouts::keepalive_time).map(seconds);
    let below = below.map_or_else(|| "before the server does".to_owned(), |time| format!("after {time} at most"));
    format!(
        "The request met the server's own idle timer: let the client close idle connections {below}, and repeat requests that \
         are safe to repeat (RFC 9110 9.2.2). TCP keepalive does not help."
    )
}

/// Settings by which a short outage of the path ends the connection, such as Node's ten probes in ten seconds.
fn gave_up_soon(situation: &Situation<'_>) -> Option<String> {
    const OUTAGE: Span = Span::from_secs(60);
    if situation.verdict != VerdictId::KeepaliveExhausted {
        return None;
    }
    [&situation.client, &situation.server].into_iter().find_map(|side| {
        let (interval, count) = (value(side.settings.interval?), side.settings.count?);
        let outage = interval.times(i64::from(count));
        (outage < OUTAGE).then(|| {
            format!(
                "With {count} probes {} apart an outage of {} is enough: more probes, or a longer interval, ride out more.",
                seconds(interval),
                seconds(outage)
            )
        })
    })
}

/// Probes far more often than the timer needs.
fn too_eager(situation: &Situation<'_>) -> Option<String> {
    let limit = situation.limit()?;
    let enough = crate::timeouts::keepalive_time(limit)?;
    let sides = [("client", &situation.client), ("server", &situation.server)];
    sides.into_iter().find_map(|(name, side)| {
        let time = side.settings.time.filter(|time| side.probes > 0 && time.most.times(OFTEN) < limit)?;
        Some(format!(
            "The keepalives of the {name} are too eager: one every {} where {} would do.",
            seconds(value(time)),
            seconds(enough)
        ))
    })
}

fn too_many_pings() -> String {
    "The keepalives of the client are too eager: the server ended the connection because it pinged too often (HTTP/2 GOAWAY \
     too_many_pings). gRPC servers take one ping in 5 minutes unless told otherwise, and one in 2 hours while no call is open."
        .to_owned()
}

fn value(estimate: Estimate) -> Span {
    estimate.likely.unwrap_or(estimate.most)
}
