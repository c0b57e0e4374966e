//! Findings: what happened to which flows, why that is said, and what to change.

use crate::flow::Socket;
use crate::flow::gaps::Clock;
use crate::report::conclude::filters::filters;
use crate::report::conclude::sentence::Case;
use crate::report::conclude::{Gathered, Group, known_in, services};
use crate::report::judged::{self, Judged};
use crate::report::model::{Advice, Finding};
use crate::report::numbers::FlowNumbers;
use crate::report::units::{duration, plural, seconds};
use crate::report::words;
use crate::timeouts::Table;
use crate::verdict::VerdictId;
use crate::verdict::advice::{Situation, Stack, advise};
use crate::verdict::bracket::{Bracket, manner};
use crate::verdict::group;

/// Services behind one box that are named in a finding.
const MEMBERS: usize = 8;

/// One finding per verdict and service, and those that no verdict tells: first what the one sentence speaks of, then the most
/// severe.
pub(super) fn findings(
    timelines: &[Judged],
    numbers: &FlowNumbers,
    gathered: &Gathered,
    table: &Table,
    several_files: bool,
    stack: Option<Stack>,
) -> Vec<Finding> {
    let case = Case::worst(timelines, gathered);
    let one = |((id, server), group): (&(VerdictId, Option<Socket>), &Group)| {
        let clock = group.first.gap.map_or(Clock::Packet, |(clock, _)| clock);
        let behind = group.behind.and_then(|id| Gathered::group_of(timelines, id));
        let bracket = server.and_then(|server| services::bracket(timelines, server, clock, behind));
        let situation = situation(*id, group, clock, bracket, table);
        let finding =
            Finding { advice: advice(&situation, stack), ..finding(*id, *server, group, behind, several_files) };
        (case.as_ref().is_some_and(|case| case.tells(*id, *server)), finding)
    };
    let pings = gathered.pings.findings(several_files, stack).map(|finding| (false, finding));
    let mut findings: Vec<_> = gathered.ranked().into_iter().map(one).chain(pings).collect();
    findings.sort_by_key(|(is_told, finding)| (!is_told, words::rank(finding.severity)));
    let findings = findings.into_iter();
    findings
        .map(|(_, finding)| Finding { filters: filters(&finding, timelines, numbers, several_files), ..finding })
        .collect()
}

fn finding(
    id: VerdictId,
    server: Option<Socket>,
    group: &Group,
    behind: Option<&group::Group>,
    several_files: bool,
) -> Finding {
    let total = group.flows.total();
    let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
    let gaps = match (group.least, group.most) {
        (Some(least), Some(most)) if seconds(least) == seconds(most) => format!(" ({})", seconds(least)),
        (Some(least), Some(most)) => format!(" ({} to {})", seconds(least), seconds(most)),
        _ => String::new(),
    };
    let reasons: Vec<String> = group.first.reasons.iter().map(words::reason).collect();
    let first = group.flows.iter().next().copied().unwrap_or_default();
    Finding {
        id: id.name(),
        severity: words::severity(id),
        title: format!("{}{to} {}{gaps}", plural(total, "flow"), words::happened(id, total)),
        detail: format!("Flow {first}: {}.{}", reasons.join("; "), behind.map(together).unwrap_or_default()),
        flows: group.flows.iter().copied().collect(),
        flows_total: total,
        frames: group.frames.iter().map(|frame| judged::frame(*frame, several_files)).collect(),
        filters: Vec::new(),
        advice: Vec::new(),
    }
}

/// That other services are behind the same box, and what that says of its timer.
fn together(group: &group::Group) -> String {
    let bracket = &group.bracket;
    let died = bracket.died_min.map(duration).unwrap_or_default();
    let survived = bracket.survived_max.map(|survived| format!("{} survived there, ", duration(survived)));
    format!(
        " The same hand killed {} at {} services ({}), which are most likely behind one box: {}{died} did not survive.",
        plural(bracket.died, "flow"),
        group.members.len(),
        services::names(&group.members, MEMBERS),
        survived.unwrap_or_default(),
    )
}

pub(super) fn advice(situation: &Situation<'_>, stack: Option<Stack>) -> Vec<Advice> {
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
    // Of several kills in sight the earliest is what has to be beaten.
    let earliest = bracket.and_then(|bracket| bracket.timer()).filter(|_| id.is_idle_death()).map(|(least, _)| least);
    let timeout = group.first.timeout.map(|own| earliest.map_or(own, |least| least.min(own)));
    let [client, server] = group.sides;
    Situation {
        verdict: id,
        clock,
        survived_max,
        died_min,
        timeout,
        silence: group.first.gap.map(|(_, gap)| gap.length),
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
        too_many_pings: group.too_many_pings,
    }
}
