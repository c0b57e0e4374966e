//! The first line of a ticket: one sentence that stands alone.

use crate::flow::gaps::Clock;
use crate::flow::{Direction, Socket};
use crate::report::conclude::{Gathered, Group, known_in, services};
use crate::report::judged::Judged;
use crate::report::model::Summary;
use crate::report::phrases;
use crate::report::proof::{self, Question, Situation};
use crate::report::units::{count, duration, plural};
use crate::report::words;
use crate::time::Span;
use crate::timeouts::{Entry, Table};
use crate::verdict::bracket::{Bracket, manner};
use crate::verdict::group;
use crate::verdict::quality::lost;
use crate::verdict::{Confidence, Reason, VerdictId};

/// Services behind one box that are named.
const MEMBERS: usize = 3;

/// Says what happened, or what the capture cannot tell and how to learn it.
pub(crate) fn summary(timelines: &[Judged], gathered: &Gathered, table: &Table) -> Summary {
    let Some(case) = Case::worst(timelines, gathered) else {
        return nothing_idle(timelines, gathered);
    };
    let group = case.group;
    let twin = case.twin(timelines, gathered);
    let total = count(group.flows.total());
    let of = plural(case.of(timelines, gathered), "flow");
    let mut sentence = format!("{total} of {of}{} {}", case.to(), story(&case, twin.is_some()));
    sentence.push_str(&waiting(group));
    sentence.push_str(half_open(group));
    sentence.push_str(&too_late(group));
    sentence.push_str(&case.survivors(timelines));
    sentence.push_str(&case.looks_like(timelines, table));
    let mut told = group.flows.total();
    if let Some((other, copies)) = twin {
        told += copies.flows.total();
        let copies = plural(copies.flows.total(), "connection");
        sentence.push_str(&format!("; on the box's other side, to {other}, {copies} ended in the same way"));
    }
    sentence.push_str(&others(gathered, told));
    sentence.push('.');
    Summary { sentence, next_step: next_step(timelines, case.server, group) }
}

/// The flows that the sentence speaks of: of one verdict, and of one service or of several behind one box.
pub(super) struct Case<'a> {
    id: VerdictId,
    group: &'a Group,
    server: Option<Socket>,
    behind: Option<&'a group::Group>,
}

impl<'a> Case<'a> {
    /// The most flows that died of silence together.
    pub(super) fn worst(timelines: &'a [Judged], gathered: &'a Gathered) -> Option<Self> {
        let alone =
            gathered.groups.iter().map(|((id, server), group)| Case { id: *id, group, server: *server, behind: None });
        let together = gathered.boxes.iter().map(|((id, at), group)| {
            let behind = Gathered::group_of(timelines, *at);
            Case { id: *id, group, server: behind.and_then(|behind| behind.members.first().copied()), behind }
        });
        let idle = alone.chain(together).filter(|case| case.id.is_idle_death());
        // A box has killed more than any service behind it has lost.
        idle.max_by_key(|case| (case.group.flows.total(), case.behind.is_some(), std::cmp::Reverse(case.id)))
    }

    /// Whether flows of this verdict and service are among them.
    pub(super) fn tells(&self, id: VerdictId, server: Option<Socket>) -> bool {
        let is_member = |group: &group::Group| server.is_some_and(|server| group.members.contains(&server));
        id == self.id && self.behind.map_or(server == self.server, is_member)
    }

    /// Among how many flows they are.
    fn of(&self, timelines: &[Judged], gathered: &Gathered) -> u64 {
        let service = self.server.and_then(|server| timelines.iter().find_map(|judged| judged.services.of(server)));
        let of_service = service.map_or(u64::from(gathered.flows), |service| service.flows);
        self.behind.map_or(of_service, |group| group.flows)
    }

    fn to(&self) -> String {
        match (self.behind, self.server) {
            (Some(group), _) => format!(
                " to {} services behind what looks like one box ({})",
                group.members.len(),
                services::names(&group.members, MEMBERS)
            ),
            (None, Some(server)) => format!(" to {server}"),
            (None, None) => String::new(),
        }
    }

    /// The same connections on the other side of a box that translates addresses, if it reset them there as well.
    fn twin(&self, timelines: &[Judged], gathered: &'a Gathered) -> Option<(Socket, &'a Group)> {
        let server = self.server.filter(|_| self.id == VerdictId::IdleReset && self.behind.is_none())?;
        let mut pairs = timelines.iter().flat_map(|judged| &judged.limits.translated.pairs);
        let other = pairs.find_map(|pair| match (pair.before.1, pair.after.1) {
            (before, after) if before == server => Some(after),
            (before, after) if after == server => Some(before),
            _ => None,
        })?;
        let group = gathered.groups.get(&(self.id, Some(other)))?;
        (other != server).then_some((other, group))
    }

    fn clock(&self) -> Clock {
        self.group.first.gap.map_or(Clock::Packet, |(clock, _)| clock)
    }

    fn bracket(&self, timelines: &[Judged]) -> Option<Bracket> {
        let of_service = || services::bracket(timelines, self.server?, self.clock(), None);
        self.behind.map(|group| group.bracket).or_else(of_service)
    }

    /// The longest silence that survived, or that none explains what died.
    fn survivors(&self, timelines: &[Judged]) -> String {
        let whole = self.server.filter(|_| self.behind.is_none()).and_then(|server| {
            let judged = timelines.iter().find(|judged| judged.services.of(server).is_some())?;
            let (clock, bracket) = judged.services.of(server)?.telling();
            let clause = services::contradicted(clock, bracket, judged.services.split(server))?;
            Some((clause, judged.services.split(server).is_some()))
        });
        let survived = self.bracket(timelines).and_then(|bracket| bracket.survived_max).map(duration);
        match (whole, survived) {
            (Some((clause, true)), Some(survived)) => {
                format!("; {clause}; the longest silence that survived there is {survived}")
            }
            (Some((clause, _)), _) => format!("; {clause}"),
            (None, Some(survived)) => format!("; the longest silence that survived is {survived}"),
            (None, None) => String::new(),
        }
    }

    /// Known timers inside the bracket that kill as the flows died.
    fn looks_like(&self, timelines: &[Judged], table: &Table) -> String {
        let (Some(bracket), Some(least)) = (self.bracket(timelines), self.group.least) else {
            return String::new();
        };
        let found = known_in(table, self.clock(), bracket.survived_max, least, manner(self.id));
        let name = |entry: &Entry| {
            // What stands in brackets or behind a comma tells rows of the table apart, and no boxes.
            let product = entry.product.split([',', '(']).next().unwrap_or_default().trim_end();
            format!("{} ({} s)", phrases::product(&entry.vendor, product), entry.idle.0).trim_start().to_owned()
        };
        let named = found.iter().filter(|candidate| !candidate.kills_otherwise).take(2);
        let names: Vec<String> = named.map(|candidate| name(candidate.entry)).collect();
        if names.is_empty() { String::new() } else { format!("; looks like {}", names.join(" or ")) }
    }
}

/// What happened to the flows of a group, and how we know.
fn story(case: &Case<'_>, both_sides: bool) -> String {
    let Case { id, group, behind, .. } = *case;
    let them = if group.flows.total() == 1 { "it" } else { "them" };
    let gap = gaps(group);
    let how = evidence(group);
    let box_ = match (group.first.confidence, behind) {
        (Confidence::Certain, Some(_)) => "it",
        (_, Some(_)) => "most likely it",
        (Confidence::Certain, None) => "a box on the path",
        (Confidence::Likely, None) => "most likely a box on the path",
        (Confidence::Possible, None) => "possibly a box on the path",
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

/// Other flows that died of silence, which the sentence does not speak of.
fn others(gathered: &Gathered, told: u64) -> String {
    let idle = gathered.groups.iter().filter(|((id, _), _)| id.is_idle_death());
    let all: u64 = idle.map(|(_, group)| group.flows.total()).sum();
    match all.saturating_sub(told) {
        0 => String::new(),
        1 => "; 1 other flow died of silence too".to_owned(),
        more => format!("; {} other flows died of silence too", count(more)),
    }
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
    gathered.ranked().into_iter().filter(|((id, _), _)| *id != VerdictId::Inconclusive)
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
