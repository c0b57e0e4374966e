//! Findings: what happened to which flows, why that is said, and what to change.

use crate::flow::Socket;
use crate::flow::gaps::Clock;
use crate::report::conclude::filters::filters;
use crate::report::conclude::{Gathered, Group, known_in};
use crate::report::judged::{self, Judged};
use crate::report::model::{Advice, Finding};
use crate::report::numbers::FlowNumbers;
use crate::report::units::{duration, plural};
use crate::report::words;
use crate::timeouts::Table;
use crate::verdict::VerdictId;
use crate::verdict::advice::{Situation, Stack, advise};
use crate::verdict::service::{Bracket, manner};

/// One finding per verdict and service.
pub(super) fn findings(
    timelines: &[Judged],
    numbers: &FlowNumbers,
    gathered: &Gathered,
    table: &Table,
    several_files: bool,
    stack: Option<Stack>,
) -> Vec<Finding> {
    let one = |((id, server), group): (&(VerdictId, Option<Socket>), &Group)| {
        let service = server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
        let clock = group.first.gap.map_or(Clock::Packet, |(clock, _)| clock);
        let bracket = service.map(|service| match clock {
            Clock::Packet => service.packet,
            Clock::Payload => service.payload,
        });
        let situation = situation(*id, group, clock, bracket, table);
        let finding = finding(*id, *server, group, several_files);
        let filters = filters(&group.frames, &finding.flows, timelines, numbers, several_files);
        Finding { filters, advice: advice(&situation, stack), ..finding }
    };
    gathered.groups.iter().map(one).collect()
}

fn finding(id: VerdictId, server: Option<Socket>, group: &Group, several_files: bool) -> Finding {
    let total = group.flows.total();
    let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
    let gaps = match (group.least, group.most) {
        (Some(least), Some(most)) if duration(least) == duration(most) => format!(" ({})", duration(least)),
        (Some(least), Some(most)) => format!(" ({} to {})", duration(least), duration(most)),
        _ => String::new(),
    };
    let reasons: Vec<String> = group.first.reasons.iter().map(words::reason).collect();
    let first = group.flows.iter().next().copied().unwrap_or_default();
    Finding {
        id: id.name(),
        severity: words::severity(id),
        title: format!("{}{to} {}{gaps}", plural(total, "flow"), words::happened(id, total)),
        detail: format!("Flow {first}: {}.", reasons.join("; ")),
        flows: group.flows.iter().copied().collect(),
        flows_total: total,
        frames: group.frames.iter().map(|frame| judged::frame(*frame, several_files)).collect(),
        filters: Vec::new(),
        advice: Vec::new(),
    }
}

fn advice(situation: &Situation<'_>, stack: Option<Stack>) -> Vec<Advice> {
    let advice = advise(situation, stack).into_iter();
    advice.map(|advice| Advice { stack: advice.stack.to_owned(), text: advice.text, snippet: advice.snippet }).collect()
}

fn situation<'a>(
    id: VerdictId,
    group: &Group,
    clock: Clock,
    bracket: Option<Bracket>,
    table: &'a Table,
) -> Situation<'a> {
    // What every flow of the service needs: the shortest silence that died of any of them.
    let died_min = bracket.and_then(|bracket| bracket.died_min).filter(|_| id.is_idle_death()).or(group.least);
    let survived_max = bracket.and_then(|bracket| bracket.survived_max);
    let known = died_min.filter(|_| id.is_idle_death());
    let known = known.map(|died| known_in(table, clock, survived_max, died, manner(id))).unwrap_or_default();
    let [client, server] = group.sides;
    Situation {
        verdict: id,
        clock,
        survived_max,
        died_min,
        timeout: group.first.timeout,
        client,
        server,
        server_port: group.port,
        request_in_flight: group.in_flight > 0,
        candidates: known
            .iter()
            .filter(|candidate| !candidate.kills_otherwise)
            .map(|candidate| candidate.entry)
            .collect(),
        protocol: group.protocol,
        too_many_pings: false,
    }
}
