//! The analysis, as the judge of scripts wants it.

use std::collections::HashMap;
use std::io::Cursor;
use std::net::SocketAddr;

use idlegap::analyzer::{Analyzer, Options, Seen};
use idlegap::capture::Reader;
use idlegap::flow::{Direction, Flow, FlowKey};
use idlegap::report::trace::{Row, Rows};
use idlegap::time::Span;
use idlegap::verdict::service::Services;
use idlegap::verdict::{attribution, settings};

use crate::judge::{Judgement, Observed};

/// Everything that the analysis says of a capture.
pub(crate) fn observe(capture: &[u8]) -> Observed {
    let mut reader = Reader::from_source("script".to_owned(), Cursor::new(capture.to_vec()), None).expect("a capture");
    let mut analyzer = Analyzer::new(Options::default());
    let mut rows = Rows::default();
    while let Some(record) = reader.next_record().expect("memory can be read") {
        if let Seen::Segment(labelled) = analyzer.push(&record) {
            rows.push(Row::new(&labelled));
        }
        analyzer.drain_relabels().for_each(|relabel| rows.relabel(&relabel));
    }
    let analysis = analyzer.finish(|relabel| rows.relabel(&relabel));
    let mut observed = Observed::default();
    while let Some(row) = rows.pop() {
        observed.rows.insert(u64::from(row.frame().number), (row.kind().name().to_owned(), row.notes().to_string()));
    }
    let services = Services::gather(&analysis);
    let mut generations: HashMap<FlowKey, usize> = HashMap::new();
    for flow in analysis.flows.iter() {
        let generation = generations.entry(flow.key).or_default();
        let verdict = services.judge(&flow, &analysis);
        let judgement = judgement(&flow, *generation, &verdict);
        *generation += 1;
        if verdict.id.matters() {
            observed.findings.push(judgement.clone());
        }
        observed.verdicts.push(judgement);
    }
    observed
}

fn judgement(flow: &Flow, generation: usize, verdict: &idlegap::verdict::Verdict) -> Judgement {
    let ends = [flow.client(), flow.server()].map(|end| SocketAddr::new(end.ip, end.port));
    let prober = Direction::BOTH.into_iter().find(|direction| flow.probes(*direction).is_some());
    let settings = prober.map(|direction| settings::settings(flow, direction)).unwrap_or_default();
    // The capture sees a timer up to a round trip early or late.
    let range = |estimate: settings::Estimate| {
        (estimate.least.minus(Span::from_millis(50)), estimate.most.plus(Span::from_millis(50)))
    };
    Judgement {
        id: verdict.id.name().to_owned(),
        flow: Some((ends, generation)),
        idle: settings.time.map(range),
        interval: settings.interval.map(range),
        count: settings.count,
        gap: verdict.gap.map(|(_, gap)| gap.length),
        origin: attribution::decisive(flow).map(|(reset, _)| {
            let who = attribution::attribute_within(flow, reset, verdict);
            who.origin.name().to_owned()
        }),
        confidence: Some(verdict.confidence.name().to_owned()),
        half_open: verdict.half_open.map(|direction| direction.sender().to_owned()),
        evidence: verdict.frames.iter().map(|frame| u64::from(frame.number)).collect(),
    }
}
