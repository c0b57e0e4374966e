//! What the flows toward one server say of a timer, and what those toward several servers behind one box say together.

use crate::flow::Socket;
use crate::flow::gaps::Clock;
use crate::report::conclude::gather::Gathered;
use crate::report::conclude::{CANDIDATES, candidate, known_in};
use crate::report::judged::Judged;
use crate::report::model;
use crate::report::units::duration;
use crate::report::words;
use crate::time::Span;
use crate::timeouts::{Expiry, Table};
use crate::verdict::bracket::{Bracket, Contradiction};
use crate::verdict::group::{Group, Place, Shape};
use crate::verdict::path::{Part, Path, Split};
use crate::verdict::service::Service;

/// Paths told one by one.
const PATHS: usize = 8;

/// Servers with what their flows say of a timer on the path, those with deaths first.
pub(super) fn services(timelines: &[Judged], gathered: &Gathered, table: &Table) -> Vec<model::Service> {
    // Of several capture points nobody knows which flows are the same.
    let judged_dead = |server| if timelines.len() == 1 { gathered.died_of_silence(server) } else { 0 };
    let of = |judged: &Judged, server: Socket, service: &Service| {
        let (clock, bracket) = service.telling();
        let split = judged.services.split(server).filter(|_| clock == Clock::Packet);
        let strictest = split.and_then(Split::strictest).map_or(*bracket, |part| part.bracket);
        model::Service {
            server: server.to_string(),
            flows: service.flows,
            // One that others like it explain is no witness for the bracket.
            died: bracket.died.max(if clock == Clock::Packet { judged_dead(server) } else { 0 }),
            clock: clock.name(),
            survived_max_s: bracket.survived_max.map(Span::as_secs_f64),
            died_min_s: bracket.died_min.map(Span::as_secs_f64),
            died_max_s: bracket.died_max.map(Span::as_secs_f64),
            timer_range_s: timer(bracket),
            contradiction: contradiction(clock, bracket, split),
            paths: split.map(paths).unwrap_or_default(),
            candidates: candidates(table, clock, &strictest, strictest.manner()),
        }
    };
    let all = timelines.iter().flat_map(|judged| judged.services.ranked().into_iter().map(move |one| (judged, one)));
    all.map(|(judged, (server, service))| of(judged, server, service)).collect()
}

/// Services behind one box, those with the most deaths first.
pub(super) fn groups(timelines: &[Judged], table: &Table) -> Vec<model::Group> {
    let of = |group: &Group| {
        let bracket = &group.bracket;
        model::Group {
            members: group.members.iter().map(ToString::to_string).collect(),
            flows: group.flows,
            died: bracket.died,
            clock: group.killer.clock.name(),
            manner: group.killer.manner.as_str(),
            survived_max_s: bracket.survived_max.map(Span::as_secs_f64),
            died_min_s: bracket.died_min.map(Span::as_secs_f64),
            died_max_s: bracket.died_max.map(Span::as_secs_f64),
            timer_range_s: timer(bracket),
            candidates: candidates(table, group.killer.clock, bracket, Some(group.killer.manner)),
            reasons: reasons(group),
        }
    };
    timelines.iter().flat_map(|judged| judged.groups.all()).map(of).collect()
}

/// The bracket that the figures of a finding about `server` stand on: that of the service, or of the path of it that kills at
/// the shortest silence, and of the services behind the same box.
pub(super) fn bracket(timelines: &[Judged], server: Socket, clock: Clock, behind: Option<&Group>) -> Option<Bracket> {
    let (judged, service) = timelines.iter().find_map(|judged| Some((judged, judged.services.of(server)?)))?;
    let of_service = match clock {
        Clock::Packet => service.packet,
        Clock::Payload => service.payload,
    };
    let split = judged.services.split(server).filter(|_| clock == Clock::Packet);
    let mut bracket = split.and_then(Split::strictest).map_or(of_service, |part| part.bracket);
    if let Some(group) = behind.filter(|group| group.killer.clock == clock) {
        bracket.merge(&group.bracket);
    }
    Some(bracket)
}

/// Servers by name, those beyond the first few as a number.
pub(super) fn names(servers: &[Socket], most: usize) -> String {
    let named: Vec<String> = servers.iter().take(most).map(ToString::to_string).collect();
    match (servers.len().saturating_sub(most), named.split_last()) {
        (0, Some((last, others))) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        (0, _) => named.concat(),
        (more, _) => format!("{} and {more} more", named.join(", ")),
    }
}

/// Why the flows of a service do not fit one timer, as a clause; `None` where they do.
pub(super) fn contradicted(clock: Clock, bracket: &Bracket, split: Option<&Split>) -> Option<String> {
    let contradiction = bracket.contradiction().filter(|_| clock == Clock::Packet)?;
    Some(match (split, contradiction) {
        (Some(split), _) if split.killing.len() == 1 => {
            let only = split.killing.first().map(|(path, _)| path_name(path)).unwrap_or_default();
            let survived = split.rest.bracket.survived_max.map(duration).unwrap_or_default();
            format!("only {only} died so, everybody else survived up to {survived}")
        }
        (Some(_), _) => "it depends on the path of the client after how long a silence kills".to_owned(),
        (None, Contradiction::Outlived(survived, _)) => {
            format!("yet {} survived too, so that no single timer explains this", duration(survived))
        }
        (None, Contradiction::Scattered(least, most)) => format!(
            "kills were seen after {} and after {}, farther apart than one timer fires late",
            duration(least),
            duration(most)
        ),
    })
}

/// The same as whole sentences, with what it means.
fn contradiction(clock: Clock, bracket: &Bracket, split: Option<&Split>) -> Option<String> {
    let clause = contradicted(clock, bracket, split)?;
    let meaning = if split.is_some() {
        "the box stands on a path that not all clients take"
    } else {
        "neither the tunnel, nor the network of the clients, nor their hop limit tells those that died from those that \
         survived: either several boxes share the work and differ, or one forgets flows before their time when it is under \
         pressure"
    };
    Some(format!("{clause}; {meaning}"))
}

fn timer(bracket: &Bracket) -> Option<[f64; 2]> {
    bracket.timer().map(|(least, most)| [least.as_secs_f64(), most.as_secs_f64()])
}

/// Known timeouts inside a bracket.
fn candidates(table: &Table, clock: Clock, bracket: &Bracket, manner: Option<Expiry>) -> Vec<model::Candidate> {
    let found = bracket.died_min.map(|upper| known_in(table, clock, bracket.survived_max, upper, manner));
    found.unwrap_or_default().into_iter().take(CANDIDATES).map(candidate).collect()
}

fn paths(split: &Split) -> Vec<model::Path> {
    let of = |path: Option<&Path>, part: &Part| model::Path {
        clients: path.map(path_name),
        flows: part.flows,
        died: part.bracket.died,
        survived_max_s: part.bracket.survived_max.map(Span::as_secs_f64),
        died_min_s: part.bracket.died_min.map(Span::as_secs_f64),
        died_max_s: part.bracket.died_max.map(Span::as_secs_f64),
    };
    let killing = split.killing.iter().take(PATHS).map(|(path, part)| of(Some(path), part));
    let rest = (split.rest.flows > 0).then(|| of(None, &split.rest));
    killing.chain(rest).collect()
}

fn path_name(path: &Path) -> String {
    match path {
        Path::Tunnel(Some(tunnel)) => format!("clients in {}", words::tunnel(*tunnel)),
        Path::Tunnel(None) => "clients outside any tunnel".to_owned(),
        Path::Client(network) => format!("clients of {network}"),
        Path::HopLimit(hop_limit) => format!("clients whose segments have TTL {hop_limit}"),
    }
}

/// Why the services of a group are taken to be behind one box, and what speaks against it.
fn reasons(group: &Group) -> Vec<String> {
    let clock = match group.killer.clock {
        Clock::Packet => "without a packet",
        Clock::Payload => "without payload",
    };
    let how = format!("flows of each died by {} after a silence {clock}", words::manner(group.killer.manner));
    let looks = group.killer.shape.map(|shape| shape_words(&shape));
    let place = match group.place {
        Place::Server(address) => format!("all are at {address}"),
        Place::Servers(network) => format!("all are in {network}"),
        Place::Clients(network) => format!("clients of all are in {network}"),
        Place::Linked => "each shares its network, or that of its clients, with another".to_owned(),
    };
    let apart = group.apart.iter().map(|(server, survived)| {
        format!("but not {server}, at the same place: {} survived there", duration(*survived))
    });
    let otherwise = if group.killer.manner == Expiry::SilentDrop {
        "but an outage that met all of them would look the same"
    } else {
        "but boxes of one kind, set alike, would look the same"
    };
    let reasons = [how].into_iter().chain(looks).chain([place, agreement(&group.bracket)]);
    reasons.chain(apart).chain([otherwise.to_owned()]).collect()
}

fn agreement(bracket: &Bracket) -> String {
    let died = match (bracket.died_min, bracket.died_max) {
        (Some(least), Some(most)) if duration(least) != duration(most) => {
            format!("{} to {}", duration(least), duration(most))
        }
        (least, _) => least.map(duration).unwrap_or_default(),
    };
    match bracket.survived_max {
        Some(survived) => {
            format!("one timer explains all: none survived more than {}, deaths came after {died}", duration(survived))
        }
        None => format!("one timer explains all: deaths came after {died}"),
    }
}

fn shape_words(shape: &Shape) -> String {
    let to = if shape.to_client { "client" } else { "server" };
    let flags = if shape.has_ack { "with ACK" } else { "without ACK" };
    let mut said = format!("their RSTs are alike: to the {to}, TTL {}, {flags}", shape.hop_limit);
    if shape.fullnat_mark {
        said.push_str(", with the mark of an LVS FULLNAT director");
    }
    if let Some(window) = shape.vendor_window {
        said.push_str(&format!(", with the window {window}, a vendor's code"));
    }
    said
}
