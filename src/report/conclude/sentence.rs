//! The first line of a ticket: one sentence that stands alone.

use crate::report::build::Judged;
use crate::report::conclude::{Gathered, Group, candidates};
use crate::report::model::{Service, Summary};
use crate::report::units::{count, duration, plural};
use crate::report::words;
use crate::time::Span;
use crate::timeouts::Table;
use crate::verdict::quality::limits;
use crate::verdict::{Confidence, Reason, VerdictId};

/// Says what happened, or what the capture cannot tell and how to learn it.
pub(crate) fn summary(timelines: &[Judged], gathered: &Gathered, services: &[Service], table: &Table) -> Summary {
    let idle = gathered.groups.iter().filter(|((id, _), _)| id.is_idle_death());
    let worst = idle.max_by_key(|((id, _), group)| (group.flows.total(), std::cmp::Reverse(*id)));
    if let Some(((id, server), group)) = worst {
        let flows = server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
        let of = flows.map_or(u64::from(gathered.flows), |service| service.flows);
        let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
        let mut sentence =
            format!("{} of {}{to} {}", count(group.flows.total()), plural(of, "flow"), words::happened(*id));
        sentence.push_str(&gaps(group));
        sentence.push_str(&evidence(group));
        sentence.push_str(&survivors(
            server.and_then(|server| services.iter().find(|service| service.server == server.to_string())),
        ));
        sentence.push_str(&looks_like(timelines, *server, table));
        sentence.push('.');
        return Summary { sentence, next_step: next_step(group) };
    }
    nothing_idle(timelines, gathered)
}

fn gaps(group: &Group) -> String {
    match (group.least, group.most) {
        (Some(least), Some(most)) if most.minus(least) < Span::from_millis(100) => format!(" of {}", duration(least)),
        (Some(least), Some(most)) => format!(" of {} to {}", duration(least), duration(most)),
        _ => String::new(),
    }
}

/// How we know: the weightiest evidence that is not the gap itself.
fn evidence(group: &Group) -> String {
    let told = |reason: &&Reason| !matches!(reason, Reason::Gap(..) | Reason::Spontaneous(_) | Reason::AlsoFits(_));
    let reasons: Vec<String> = group.first.reasons.iter().filter(told).take(2).map(words::reason).collect();
    let sure = if group.first.confidence == Confidence::Possible { "possibly; " } else { "" };
    let waiting = match group.in_flight {
        0 => String::new(),
        1 => "; 1 had a request in flight".to_owned(),
        number => format!("; {} had a request in flight", count(number)),
    };
    if reasons.is_empty() { waiting } else { format!(" ({sure}{}){waiting}", reasons.join("; ")) }
}

fn survivors(service: Option<&Service>) -> String {
    match service.and_then(|service| service.survived_max_s) {
        Some(secs) => format!("; the longest silence that survived was {}", duration(Span::from_secs_f64(secs))),
        None => String::new(),
    }
}

fn looks_like(timelines: &[Judged], server: Option<crate::flow::Socket>, table: &Table) -> String {
    let service = server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
    let Some(service) = service else { return String::new() };
    let (clock, bracket) = service.telling();
    let found = candidates(table, clock, bracket);
    let names: Vec<String> = found
        .iter()
        .take(2)
        .map(|candidate| {
            let entry = candidate.entry;
            format!("{} {} ({} s)", entry.vendor, entry.product, entry.idle.0).trim_start().to_owned()
        })
        .collect();
    if names.is_empty() { String::new() } else { format!("; looks like {}", names.join(" or ")) }
}

fn next_step(group: &Group) -> Option<String> {
    (group.first.confidence == Confidence::Possible).then(|| {
        "Capture at both ends of the path at once, headers are enough: tcpdump -i any -s 128 -w proof.pcap tcp"
            .to_owned()
    })
}

fn nothing_idle(timelines: &[Judged], gathered: &Gathered) -> Summary {
    let span = timelines.iter().map(|judged| limits(&judged.timeline.analysis).span).max().unwrap_or_default();
    let survived = timelines
        .iter()
        .flat_map(|judged| judged.services.ranked())
        .filter_map(|(_, service)| service.packet.survived_max)
        .max();
    if gathered.flows == 0 {
        let sentence = "This capture holds no TCP segment, so nothing can be said about idle connections.".to_owned();
        return Summary {
            sentence,
            next_step: Some("Check the filter and the interface: tcpdump -i any -s 128 -w capture.pcap tcp".to_owned()),
        };
    }
    let mut sentence =
        format!("None of {} died of silence in {}", plural(u64::from(gathered.flows), "flow"), duration(span));
    if let Some(survived) = survived {
        sentence.push_str(&format!("; the longest silence that survived was {}", duration(survived)));
    }
    let inconclusive = gathered.counts.get(&VerdictId::Inconclusive).copied().unwrap_or(0);
    let mut next_step = None;
    if inconclusive > 0 {
        sentence.push_str(&format!("; {} could not be decided", count(inconclusive)));
        next_step =
            Some("Capture at both ends of the path at once: tcpdump -i any -s 128 -w proof.pcap tcp".to_owned());
    }
    for id in [VerdictId::KeepaliveExhausted, VerdictId::RetransmissionExhausted, VerdictId::ZeroWindowStall] {
        if let Some(number) = gathered.counts.get(&id) {
            sentence.push_str(&format!("; {} {}", plural(*number, "flow"), words::happened(id)));
        }
    }
    sentence.push('.');
    Summary { sentence, next_step }
}
