//! What a template sees: the report as the JSON contract has it, with words beside each part.

use std::sync::Arc;

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::report::json::{Counts, JsonOptions, ids, listed};
use crate::report::model::{Advice, Flow, Flows, Report, SCHEMA_VERSION, Tool};
use crate::report::phrases::{self, FilterWords, FlowWords};
use crate::report::selection::Selection;
use crate::report::units::Clock;

/// As many as anybody shows: the engine counts with smaller numbers than this program.
const MOST: usize = 1 << 20;

/// The flows that a template sees.
pub struct Shown {
    flows: Value,
    by_limit: usize,
    by_gap: u64,
    known_timeouts: Vec<String>,
}

impl Shown {
    /// All that are listed, each built when the template comes to it: there may be millions.
    pub fn listed<F: Flows + Send + Sync + 'static>(report: &Report, flows: &Arc<F>, options: JsonOptions) -> Self {
        let ids: Arc<[u32]> = ids(report, options.flows).collect();
        let min_gap = options.min_gap;
        let flows = Value::make_object_iterable((ids, Arc::clone(flows)), move |(ids, flows)| {
            // One value for each number, so that the length is known without building any.
            Box::new(ids.iter().map(move |id| {
                let flow = listed(std::iter::once(*id), flows.as_ref(), min_gap).next();
                flow.map_or(Value::UNDEFINED, |flow| said_of(&flow))
            }))
        });
        Self { flows, by_limit: 0, by_gap: 0, known_timeouts: Vec::new() }
    }

    /// Those of a selection.
    #[must_use]
    pub fn selected(selection: &Selection) -> Self {
        Self {
            flows: selection.shown.iter().map(said_of).collect(),
            by_limit: selection.by_limit,
            by_gap: selection.by_gap,
            known_timeouts: phrases::known_timeouts(&selection.shown),
        }
    }
}

/// The report with the flows `shown`. `most` is how many findings, services and files the template should show.
#[must_use]
pub fn report(report: &Report, shown: Shown, most: usize, clock: &Clock) -> Value {
    let new_advice = phrases::advice_once(&report.findings);
    let findings = report.findings.iter().zip(new_advice);
    context! {
        schema_version => SCHEMA_VERSION,
        tool => value(Tool::SELF),
        summary => value(&report.summary),
        assumption => report.assumption.as_ref().map(|it| said(it, phrases::assumption(it))),
        captures => report.captures.iter().map(|it| said(it, context! {
            title => phrases::capture(it, clock),
            limits => phrases::limits(it),
        })).collect::<Value>(),
        flows => shown.flows,
        flows_total => report.flows_total,
        verdicts => value(Counts(&report.verdicts)),
        services => report.services.iter().map(|it| said(it, context! {
            bracket => phrases::is_telling(it).then(|| phrases::service(it)),
            remarks => phrases::service_remarks(it).into_iter().map(|[label, text]| context! { label, text }).collect::<Value>(),
            candidates => it.candidates.iter().map(phrases::candidate).collect::<Vec<_>>(),
        })).collect::<Value>(),
        groups => report.groups.iter().map(|it| said(it, context! {
            bracket => phrases::group(it),
            candidates => it.candidates.iter().map(phrases::candidate).collect::<Vec<_>>(),
        })).collect::<Value>(),
        inventory => report.inventory.as_ref().map(|it| said(it, context! {
            sorts => phrases::inventory(it),
            holders => phrases::holders(it).into_iter().map(|(whose, who)| context! { whose, who }).collect::<Value>(),
        })),
        findings => findings.map(|(it, advice)| said(it, finding_words(advice, phrases::filters(&it.filters)))).collect::<Value>(),
        words => context! {
            tally => phrases::tally(report),
            timelines => phrases::timelines(report),
            known_timeouts => shown.known_timeouts,
        },
        most => most.min(MOST),
        left_out => context! { flows => shown.by_limit, by_gap => shown.by_gap },
    }
}

/// A part of the report with words on it.
fn said(part: &impl Serialize, words: impl Into<Value>) -> Value {
    let words: Value = words.into();
    context! { words, ..value(part) }
}

fn said_of(flow: &Flow) -> Value {
    said(flow, value(FlowWords::new(flow)))
}

fn finding_words(advice: Vec<&Advice>, filters: Vec<FilterWords>) -> Value {
    context! { advice => value(advice), filters => value(filters) }
}

fn value(part: impl Serialize) -> Value {
    Value::from(Serde(part))
}
