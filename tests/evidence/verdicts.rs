//! What the report says of flows, and how two reports differ.

use std::fs;
use std::path::Path;

use idlegap::capture::Input;
use idlegap::commands::analyze::{Format, Job, Wanted, run};
use idlegap::commands::output::Target;
use idlegap::commands::read::Source;
use idlegap::report::Listed;
use idlegap::report::json::JsonOptions;
use idlegap::time::Span;
use serde_json::{Value, json};

use crate::captures::Cut;

/// One flow of a report.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// When it began, and its ports: they stay.
    name: String,
    id: String,
    confidence: String,
    /// Everything about the verdict that must stay where payload stays.
    facts: Value,
    /// What must stay in any case.
    bare: Value,
}

impl Judged {
    /// Whether it has a finding.
    pub(crate) fn matters(&self) -> bool {
        !matches!(self.id.as_str(), "graceful" | "open")
    }
}

/// What the JSON report says of every flow of `capture`.
pub(crate) fn judged(capture: &Path, folder: &Path) -> Vec<Judged> {
    let report = folder.join("report.json");
    let job = Job {
        source: Source { inputs: vec![Input::Path(capture.to_owned())], filter: None, count: None, threads: 1 },
        reports: vec![Wanted {
            format: Format::Json(JsonOptions { flows: Listed::All, min_gap: Span::ZERO }),
            target: Target::File(report.clone()),
        }],
        timeouts: None,
        assume: None,
        stack: None,
        fail_on: Vec::new(),
        most_flows: None,
        quiet: true,
    };
    run(&job).unwrap();
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    report["flows"].as_array().unwrap().iter().map(of).collect()
}

fn of(flow: &Value) -> Judged {
    let port = |end: &str| flow[end].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let verdict = &flow["verdict"];
    let of_all = |list: &str, fields: &[&str]| -> Vec<Value> {
        let pick = |item: &Value| fields.iter().map(|field| item[field].clone()).collect();
        flow[list].as_array().unwrap().iter().map(pick).collect()
    };
    let probes = |direction: &str| {
        let stats = &flow["keepalive"][direction];
        ["probes", "answered", "unanswered", "time_s", "interval_s", "count"].map(|field| stats[field].clone())
    };
    let packet_gaps: Vec<Value> =
        of_all("gaps", &["clock", "duration_s", "outcome"]).into_iter().filter(|gap| gap[0] == "packet").collect();
    let bare = json!({
        "gap": verdict["gap_s"], "timeout": verdict["timeout_s"], "half_open": flow["half_open"],
        "packets": flow["packets"], "octets": flow["payload_bytes"], "packet_gaps": packet_gaps,
        "resets": of_all("resets", &["from", "origin", "effective", "confidence", "reasons"]),
    });
    Judged {
        name: format!("{} {} > {}", flow["first_time"].as_str().unwrap(), port("client"), port("server")),
        id: verdict["id"].as_str().unwrap().to_owned(),
        confidence: verdict["confidence"].as_str().unwrap().to_owned(),
        facts: json!({
            "bare": bare, "reasons": verdict["reasons"], "gaps": of_all("gaps", &["clock", "duration_s", "outcome"]),
            "probes": [probes("c2s"), probes("s2c")],
        }),
        bare,
    }
}

/// What the extract says otherwise than the whole. Of `only` flows, if any are named, else of those with findings, none
/// may be missing.
pub(crate) fn differences(whole: &[Judged], extract: &[Judged], how: Cut, only: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, flow) in whole.iter().enumerate() {
        let Some(kept) = extract.iter().find(|kept| kept.name == flow.name) else {
            if if only.is_empty() { flow.matters() } else { only.contains(&number) } {
                found.push(format!("flow {number} is missing"));
            }
            continue;
        };
        let payload_told = flow.id == "idle-close" && kept.id == "graceful" && how != Cut::Whole;
        if kept.id != flow.id && !payload_told {
            found.push(format!("flow {number} was {} and is {}", flow.id, kept.id));
        }
        if payload_told {
            continue;
        }
        let (before, after) = if how == Cut::Whole { (&flow.facts, &kept.facts) } else { (&flow.bare, &kept.bare) };
        if before != after {
            found.push(format!("flow {number}: {before:#} became {after:#}"));
        }
        if rank(&kept.confidence) > rank(&flow.confidence) || how == Cut::Whole && kept.confidence != flow.confidence {
            found.push(format!("flow {number} was {} and is {}", flow.confidence, kept.confidence));
        }
    }
    let strangers = extract.iter().filter(|kept| !whole.iter().any(|flow| flow.name == kept.name));
    found.extend(strangers.map(|kept| format!("{} was not there", kept.name)));
    found
}

fn rank(confidence: &str) -> Option<usize> {
    ["possible", "likely", "certain"].iter().position(|name| *name == confidence)
}
