//! The table as a page of Markdown, by kinds.

use std::io::{self, Write};

use super::explain::{at_expiry, range, restarted_by};
use super::grid::{duration, product};
use crate::report::escape::escaped;
use crate::timeouts::{Confidence, EnabledByDefault, Entry, KeepaliveDefault, Kind, Layer, Origin, Seconds, State};

const ABOUT: &str = "\
# Known idle timeouts

Printed by `idlegap timeouts --format markdown` from the table that the program holds against captures; `idlegap timeouts ID` explains
one row. A row names a default. Operators change defaults: a match is a candidate, never a proof.

- **timeout**: the default, and what it can be set to.
- **restarted by**: what begins the count again. Where every packet does, TCP keepalive holds a connection open; where payload alone
  does, it cannot.
- **source**: where the value was read. *Recalled* values are general knowledge without a source; behaviour is *documented*, or *inferred*
  from the layer that the timer works on.";

/// In the order of the page.
const KINDS: [(Kind, &str); 12] = [
    (Kind::Balancer, "Load balancers"),
    (Kind::Nat, "Address translators"),
    (Kind::Firewall, "Firewalls"),
    (Kind::Kernel, "Kernels on the path"),
    (Kind::Proxy, "Proxies"),
    (Kind::ServiceMesh, "Service meshes"),
    (Kind::CloudService, "Services of clouds"),
    (Kind::Server, "Servers and connection pools"),
    (Kind::Client, "Clients"),
    (Kind::Runtime, "Languages and libraries"),
    (Kind::Os, "Operating systems"),
    (Kind::Standard, "Standards"),
];

/// Prints `timeouts` and `stacks` as one page.
pub(super) fn page(timeouts: &[&Entry], stacks: &[&KeepaliveDefault], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{ABOUT}")?;
    for (kind, title) in KINDS {
        let rows: Vec<_> = timeouts.iter().filter(|entry| entry.kind == kind).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(out, "\n## {title}\n\n| timeout | of | restarted by | at expiry | source |\n|---|---|---|---|---|")?;
        rows.into_iter().try_for_each(|entry| writeln!(out, "{}", row(&timeout(entry))))?;
    }
    if stacks.is_empty() {
        return Ok(());
    }
    let heads = "| stack | on by default | time | interval | probes | source |\n|---|---|---|---|---|---|";
    writeln!(out, "\n## What stacks send by default\n\n{heads}")?;
    stacks.iter().try_for_each(|entry| writeln!(out, "{}", row(&stack(entry))))
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn timeout(entry: &Entry) -> [String; 5] {
    let layer = if entry.layer == Layer::L4 { "layer 4" } else { "layer 7" };
    let state = if entry.state == State::Established { String::new() } else { format!(", {}", entry.state) };
    let expiry: Vec<_> = entry.on_expiry.iter().map(|expiry| text(at_expiry(*expiry))).collect();
    let range = range(entry);
    let range = if range == "not known" { String::new() } else { text(&range) };
    [
        lines([format!("**{}**", duration(entry.idle.span())), range]),
        lines([
            format!("**{}**", text(&product(entry))),
            format!("`{}`", entry.id),
            text(&entry.setting),
            format!("{layer}{state}"),
            text(&entry.scope),
        ]),
        text(restarted_by(entry)),
        expiry.join(" *or* "),
        lines([
            text(&entry.source),
            known(entry.confidence, &entry.origin, Some(entry.behaviour_basis.as_str())),
            entry.checked.map(|date| format!("read again on {}", date.0)).unwrap_or_default(),
        ]),
    ]
}

fn stack(stack: &KeepaliveDefault) -> [String; 6] {
    let seconds = |value: Option<Seconds>| value.map_or_else(|| "-".to_owned(), |value| duration(value.span()));
    let on = match stack.enabled_by_default {
        EnabledByDefault::Yes => "yes",
        EnabledByDefault::No => "no",
        EnabledByDefault::Conditional => "sometimes",
    };
    [
        lines([
            format!("**{}**", text(&stack.product)),
            format!("`{}`", stack.id),
            text(&stack.setting),
            text(&stack.note),
        ]),
        on.to_owned(),
        seconds(stack.time),
        seconds(stack.interval),
        stack.probes.map_or_else(|| "-".to_owned(), |probes| probes.to_string()),
        lines([text(&stack.source), known(stack.confidence, &stack.origin, None)]),
    ]
}

/// How the facts of a row are known, and from which file they are where it is the user's own.
fn known(value: Confidence, origin: &Origin, behaviour: Option<&str>) -> String {
    let behaviour = behaviour.map(|basis| format!(", behaviour {basis}")).unwrap_or_default();
    let file = match origin {
        Origin::BuiltIn => String::new(),
        Origin::File(path) => format!(", from {}", text(path)),
    };
    format!("*value {value}{behaviour}{file}*")
}

/// The parts of a cell below each other, without empty ones.
fn lines<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("<br>")
}

/// Plain text in a cell: nothing in it is markup.
fn text(plain: &str) -> String {
    let mut safe = String::with_capacity(plain.len());
    for char in escaped(plain).chars() {
        if matches!(char, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '&' | '$') {
            safe.push('\\');
        }
        safe.push(char);
    }
    safe
}
