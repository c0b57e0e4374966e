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

/// One flow of a report.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// When it began, and its ports: they stay.
    name: String,
    id: String,
    /// Everything about the flow that must stay.
    facts: Value,
}

impl Judged {
    /// Whether it has a finding.
    pub(crate) fn matters(&self) -> bool {
        !matches!(self.id.as_str(), "graceful" | "open")
    }

    /// The id of its verdict.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// What the JSON report says of every flow of `capture`.
pub(crate) fn judged(capture: &Path, folder: &Path) -> Vec<Judged> {
    report(capture, folder)["flows"].as_array().unwrap().iter().map(of).collect()
}

/// The ids of all findings, each with the number of its flows.
pub(crate) fn findings(capture: &Path, folder: &Path) -> Vec<(String, u64)> {
    let report = report(capture, folder);
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|finding| (finding["id"].as_str().unwrap().to_owned(), finding["flows_total"].as_u64().unwrap())).collect()
}

/// The JSON report on `capture`.
pub(crate) fn report(capture: &Path, folder: &Path) -> Value {
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
    serde_json::from_slice(&fs::read(report).unwrap()).unwrap()
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
    Judged {
        name: format!("{} {} > {}", flow["first_time"].as_str().unwrap(), port("client"), port("server")),
        id: verdict["id"].as_str().unwrap().to_owned(),
        facts: json!({
            "verdict": verdict["id"], "confidence": verdict["confidence"], "gap": verdict["gap_s"],
            "timeout": verdict["timeout_s"], "half_open": flow["half_open"], "reasons": verdict["reasons"],
            "packets": flow["packets"], "octets": flow["payload_bytes"],
            "gaps": of_all("gaps", &["clock", "duration_s", "outcome"]),
            "resets": of_all("resets", &["from", "origin", "effective", "confidence", "reasons"]),
            "probes": [probes("c2s"), probes("s2c")],
        }),
    }
}

/// What the extract says otherwise than the whole. Of `only` flows, if any are named, else of those with findings, none
/// may be missing.
pub(crate) fn differences(whole: &[Judged], extract: &[Judged], only: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, flow) in whole.iter().enumerate() {
        let Some(kept) = extract.iter().find(|kept| kept.name == flow.name) else {
            if if only.is_empty() { flow.matters() } else { only.contains(&number) } {
                found.push(format!("flow {number} is missing"));
            }
            continue;
        };
        for (fact, before) in flow.facts.as_object().unwrap() {
            let after = &kept.facts[fact];
            if before != after {
                found.push(format!("flow {number}: {fact} was {before} and is {after}"));
            }
        }
    }
    let strangers = extract.iter().filter(|kept| !whole.iter().any(|flow| flow.name == kept.name));
    found.extend(strangers.map(|kept| format!("{} was not there", kept.name)));
    found
}
