//! The first line of a ticket: one sentence that stands alone.

use crate::flow::gaps::Clock;
use crate::flow::{Direction, Socket};
use crate::report::conclude::{Gathered, Group, known_in};
use crate::report::judged::Judged;
use crate::report::model::{Service, Summary};
use crate::report::proof::{self, Question, Situation};
use crate::report::units::{count, duration, plural};
use crate::report::words;
use crate::time::Span;
use crate::timeouts::{Entry, Table};
use crate::verdict::quality::lost;
use crate::verdict::service::manner;
use crate::verdict::{Confidence, Reason, VerdictId};

/// Says what happened, or what the capture cannot tell and how to learn it.
pub(crate) fn summary(timelines: &[Judged], gathered: &Gathered, services: &[Service], table: &Table) -> Summary {
    let idle = gathered.groups.iter().filter(|((id, _), _)| id.is_idle_death());
    let worst = idle.max_by_key(|((id, _), group)| (group.flows.total(), std::cmp::Reverse(*id)));
    let Some(((id, server), group)) = worst else {
        return nothing_idle(timelines, gathered);
    };
    let service = server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
    let twin = twin(timelines, gathered, *id, *server);
    let of = service.map_or(u64::from(gathered.flows), |service| service.flows);
    let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
    let mut sentence =
        format!("{} of {}{to} {}", count(group.flows.total()), plural(of, "flow"), story(*id, group, twin.is_some()));
    sentence.push_str(&waiting(group));
    sentence.push_str(half_open(group));
    sentence.push_str(&too_late(group));
    let named = server.map(|server| server.to_string());
    sentence.push_str(&survivors(services.iter().find(|service| Some(&service.server) == named.as_ref())));
    sentence.push_str(&looks_like(timelines, *server, *id, group, table));
    if let Some((other, copies)) = twin {
        let copies = plural(copies.flows.total(), "connection");
        sentence.push_str(&format!("; on the box's other side, to {other}, {copies} ended in the same way"));
    }
    let told = [*server, twin.map_or(*server, |(other, _)| Some(other))];
    sentence.push_str(&others(gathered, *id, &told));
    sentence.push('.');
    Summary { sentence, next_step: next_step(timelines, *server, group) }
}

/// What happened to the flows of a group, and how we know.
fn story(id: VerdictId, group: &Group, both_sides: bool) -> String {
    let them = if group.flows.total() == 1 { "it" } else { "them" };
    let gap = gaps(group);
    let how = evidence(group);
    let box_ = match group.first.confidence {
        Confidence::Certain => "a box on the path",
        Confidence::Likely => "most likely a box on the path",
        Confidence::Possible => "possibly a box on the path",
    };
    match id {
        VerdictId::IdleReset => {
            let ends = if both_sides { "both ends" } else { them };
            format!("died of silence: after {gap} without a packet {box_} reset {ends}{how}")
        }
        VerdictId::IdleResetNext => {
            format!("died of silence: {box_} forgot {them}, and the first packet after {gap} met its RST{how}")
        }
        VerdictId::IdleDrop => {
            format!("died of silence: what was sent after {gap} without a packet was never answered{how}")
        }
        VerdictId::HalfClosedTimeout => format!("died half-closed, {gap} after one side had closed{how}"),
        _ => {
            let by_proxy = group.first.reasons.contains(&Reason::ProxyFin);
            let closer = if by_proxy { "the client's side, a proxy by its PROXY header," } else { "the server's side" };
            format!("ended in silence: {closer} closed {them} after {gap} without payload{how}")
        }
    }
}

/// The silences of a group: one length, or from the shortest to the longest.
fn gaps(group: &Group) -> String {
    match (group.least, group.most) {
        (Some(least), Some(most)) if most.minus(least) < Span::from_secs(1) => duration(least),
        (Some(least), Some(most)) => format!("{} to {}", duration(least), duration(most)),
        _ => "a while".to_owned(),
    }
}

/// How we know: the weightiest evidence for what is said, without what the sentence says anyway.
fn evidence(group: &Group) -> String {
    let said = |reason: &&Reason| {
        !matches!(
            reason,
            Reason::Gap(..)
                | Reason::Spontaneous(_)
                | Reason::AlsoFits(_)
                | Reason::ServerFin
                | Reason::ProxyFin
                | Reason::DataAfterFin
                | Reason::ReceiverLives
                | Reason::OneResetSeen(_)
        ) && !words::speaks_for_endpoint(reason)
    };
    let mut told: Vec<&Reason> = group.first.reasons.iter().filter(said).take(2).collect();
    if told.is_empty() {
        told.extend(group.first.reasons.iter().find(|reason| matches!(reason, Reason::Spontaneous(_))));
    }
    let reasons: Vec<String> = told.into_iter().map(words::reason).collect();
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}

/// How many had asked for something, and for what.
fn waiting(group: &Group) -> String {
    let what = match (&group.request, group.in_flight) {
        (None, _) => String::new(),
        (Some(request), 1) => format!(" ({request})"),
        (Some(request), _) => format!(" (the first: {request})"),
    };
    match (group.in_flight, group.flows.total()) {
        (0, _) => String::new(),
        (1, 1) => format!(", while a request was waiting{what}"),
        (2, 2) => format!(", both while a request was waiting{what}"),
        (some, all) if some == all => format!(", each while a request was waiting{what}"),
        (some, _) => format!(", {} of them while a request was waiting{what}", count(some)),
    }
}

/// The end that nobody told, where a RST shows that the other was: whether it is alive after a drop nobody knows.
const fn half_open(group: &Group) -> &'static str {
    match group.first.half_open {
        Some(_) if matches!(group.first.id, VerdictId::IdleDrop) => "",
        Some(Direction::FromInitiator) => "; the client was not told and stays half-open",
        Some(Direction::FromResponder) => "; the server was not told and stays half-open",
        None => "",
    }
}

/// That keepalive was on and its first probe came into a connection that was dead already.
fn too_late(group: &Group) -> String {
    let prober = group.first.gap.and_then(|(_, gap)| gap.ended_by).filter(|ender| ender.kind.is_probe());
    let late = prober.and_then(|ender| {
        let [client, server] = &group.sides;
        let from_client = ender.direction == Direction::FromInitiator;
        let (name, side) = if from_client { ("client", client) } else { ("server", server) };
        let time = side.settings.time.filter(|_| side.answered == 0)?;
        Some(format!(
            "; the {name}'s keepalive was on, but with {} it came too late",
            duration(time.likely.unwrap_or(time.most))
        ))
    });
    late.unwrap_or_default()
}

/// The same connections on the other side of a box that translates addresses, if it reset them there as well.
fn twin<'a>(
    timelines: &[Judged],
    gathered: &'a Gathered,
    id: VerdictId,
    server: Option<Socket>,
) -> Option<(Socket, &'a Group)> {
    let server = server.filter(|_| id == VerdictId::IdleReset)?;
    let mut pairs = timelines.iter().flat_map(|judged| &judged.limits.translated.pairs);
    let other = pairs.find_map(|pair| match (pair.before.1, pair.after.1) {
        (before, after) if before == server => Some(after),
        (before, after) if after == server => Some(before),
        _ => None,
    })?;
    let group = gathered.groups.get(&(id, Some(other)))?;
    (other != server).then_some((other, group))
}

/// Other flows that died of silence, which the sentence does not speak of.
fn others(gathered: &Gathered, id: VerdictId, told: &[Option<Socket>]) -> String {
    let untold = |key: &(VerdictId, Option<Socket>)| key.0.is_idle_death() && !(key.0 == id && told.contains(&key.1));
    let of_others = gathered.groups.iter().filter(|(key, _)| untold(key));
    match of_others.map(|(_, group)| group.flows.total()).sum::<u64>() {
        0 => String::new(),
        1 => "; 1 other flow died of silence too".to_owned(),
        more => format!("; {} other flows died of silence too", count(more)),
    }
}

fn survivors(service: Option<&Service>) -> String {
    match service.and_then(|service| service.survived_max_s) {
        Some(secs) => format!("; the longest silence that survived is {}", duration(Span::from_secs_f64(secs))),
        None => String::new(),
    }
}

/// Known timers inside the bracket that kill as the flows of the group died.
fn looks_like(timelines: &[Judged], server: Option<Socket>, id: VerdictId, group: &Group, table: &Table) -> String {
    let service = server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
    let (Some(service), Some(least), Some((clock, _))) = (service, group.least, group.first.gap) else {
        return String::new();
    };
    let bracket = match clock {
        Clock::Packet => &service.packet,
        Clock::Payload => &service.payload,
    };
    let found = known_in(table, clock, bracket.survived_max, least, manner(id));
    let name = |entry: &Entry| {
        // What stands in brackets or behind a comma tells rows of the table apart, and no boxes.
        let product = entry.product.split([',', '(']).next().unwrap_or_default().trim_end();
        format!("{} {product} ({} s)", entry.vendor, entry.idle.0).trim_start().to_owned()
    };
    let named = found.iter().filter(|candidate| !candidate.kills_otherwise).take(2);
    let names: Vec<String> = named.map(|candidate| name(candidate.entry)).collect();
    if names.is_empty() { String::new() } else { format!("; looks like {}", names.join(" or ")) }
}

/// The capture that would settle whose doing it was, where this one leaves that open.
fn next_step(timelines: &[Judged], server: Option<Socket>, group: &Group) -> Option<String> {
    let open = group.first.confidence == Confidence::Possible;
    open.then(|| proof::advice(Question::WhoseDoing, &situation(timelines, server, group.least)))
}

fn situation(timelines: &[Judged], service: Option<Socket>, timer: Option<Span>) -> Situation<'static> {
    let lossy = timelines.iter().any(|judged| judged.timeline.files.iter().any(|(_, info)| lost(info) > 0));
    Situation { service, timer, names: false, interface: None, vlan: false, tunnel: None, lossy }
}

/// What would settle what this capture leaves open, where no flow died of silence in it.
fn open_question(timelines: &[Judged], undecided: u64) -> Option<String> {
    let asked = timelines.iter().find_map(|judged| Some((proof::open_question(&judged.limits)?, judged)));
    let (question, judged) = match (asked, undecided) {
        (Some(asked), _) => asked,
        (None, 0) => return None,
        (None, _) => (Question::WhoseDoing, timelines.first()?),
    };
    Some(proof::advice(question, &situation(timelines, None, Some(judged.limits.ending.open_longest))))
}

/// No flow died of silence: what else ended badly, and the longest silence that survived.
fn nothing_idle(timelines: &[Judged], gathered: &Gathered) -> Summary {
    if gathered.flows == 0 {
        let sentence = "This capture holds no TCP segment, so nothing can be said about idle connections.".to_owned();
        let next_step =
            Some("Check the filter and the interface: tcpdump -i any -s 128 -w capture.pcap tcp".to_owned());
        return Summary { sentence, next_step };
    }
    let mut parts: Vec<String> = of_note(gathered).filter(|((id, _), _)| !is_minor(*id)).map(ended).collect();
    if parts.is_empty() || gathered.flows > 1 {
        parts.push(none_died(timelines, gathered));
    }
    let survived = timelines
        .iter()
        .flat_map(|judged| judged.services.ranked())
        .filter_map(|(_, service)| service.packet.survived_max);
    parts.extend(survived.max().map(|survived| format!("the longest silence that survived is {}", duration(survived))));
    if let (flows @ 1.., sent, answered) = gathered.kept_alive {
        let probes = plural(sent, "keepalive probe");
        parts.push(format!("{} kept alive: {probes}, {} answered", plural(flows, "flow"), count(answered)));
    }
    let undecided = gathered.undecided();
    let next_step = open_question(timelines, undecided);
    if undecided > 0 && undecided < u64::from(gathered.flows) {
        parts.push(format!("{} could not be decided", plural(undecided, "flow")));
    }
    Summary { sentence: capitalised(&format!("{}.", parts.join("; "))), next_step }
}

/// Groups of flows of which it is known how they ended.
fn of_note(gathered: &Gathered) -> impl Iterator<Item = (&(VerdictId, Option<Socket>), &Group)> {
    gathered.groups.iter().filter(|((id, _), _)| *id != VerdictId::Inconclusive)
}

/// Whether an end is told behind the answer to the question about silence, not before it.
fn is_minor(id: VerdictId) -> bool {
    words::severity(id) == "low"
}

/// That no flow died of silence, as far as the capture can tell, and what happened to some in its stead.
fn none_died(timelines: &[Judged], gathered: &Gathered) -> String {
    let (flows, undecided) = (u64::from(gathered.flows), gathered.undecided());
    let which = match (flows, undecided) {
        (1, 1) => return "whether the only flow died of silence cannot be decided by this capture".to_owned(),
        (all, none_judged) if all == none_judged => {
            let flows = plural(flows, "flow");
            return format!("whether any of {flows} died of silence cannot be decided by this capture");
        }
        (1, _) => "the only flow did not die".to_owned(),
        (_, 0) => format!("none of {} died", plural(flows, "flow")),
        _ => format!("none of the {} that could be decided died", plural(flows - undecided, "flow")),
    };
    let span = timelines.iter().map(|judged| judged.limits.span).max().unwrap_or_default();
    let minor = of_note(gathered).filter(|((id, _), _)| is_minor(*id));
    let instead: Vec<String> = minor
        .map(|((id, _), group)| match (flows, group.flows.total()) {
            (1, _) => format!(" but {}", words::happened(*id, 1)),
            (_, some) => format!("; {} {}", plural(some, "flow"), words::happened(*id, some)),
        })
        .collect();
    format!("{which} of silence in {}{}", duration(span), instead.concat())
}

/// A group of flows that ended badly, but not of silence.
fn ended(((id, server), group): (&(VerdictId, Option<Socket>), &Group)) -> String {
    let total = group.flows.total();
    let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
    let how = match id {
        VerdictId::AgeLimit => {
            group.first.reasons.first().map(|reason| format!(" ({})", words::reason(reason))).unwrap_or_default()
        }
        _ => evidence(group),
    };
    format!("{}{to} {}{how}", plural(total, "flow"), words::happened(*id, total))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
