//! The `idlegap` command.
use idlegap::analyzer::{Analyzer, Options, Seen};
use idlegap::capture::{Input, Reader};
use idlegap::report::trace::{Form, Row, Rows, write};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let path = args.last().unwrap();
    let mut reader = match Reader::open(&Input::Path(path.into())) { Ok(r) => r, Err(e) => { eprintln!("idlegap: {e}"); std::process::exit(2) } };
    let mut an = Analyzer::new(Options::default());
    let mut rows = Rows::default();
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    let form = if args.iter().any(|a| a == "jsonl") { Form::JsonLines } else { Form::Text };
    if args.get(1).map(String::as_str) != Some("trace") {
        while let Some(r) = reader.next_record().unwrap() { an.push(&r); }
        let a = an.finish(|_| ());
        let table = idlegap::timeouts::Table::built_in().unwrap();
        let built = idlegap::report::build::build(vec![idlegap::report::build::Timeline { analysis: a, files: vec![(0, reader.into_info())] }], &table);
        use idlegap::report::model::Flows;
        let flows: Vec<_> = (0..built.report.flows_total).filter_map(|i| built.flow(i)).collect();
        println!("{}", serde_json::json!({"summary": built.report.summary, "captures": built.report.captures, "flows": flows, "services": built.report.services, "findings": built.report.findings}));
        return;
    }
    while let Some(r) = reader.next_record().unwrap() {
        if let Seen::Segment(l) = an.push(&r) { rows.push(Row::new(&l)); }
        for x in an.drain_relabels() { rows.relabel(&x); }
        while let Some(row) = rows.pop_decided() { write(&mut out, form, &row, None, &idlegap::report::units::epoch(row.time())).unwrap(); }
    }
    an.finish(|x| rows.relabel(&x));
    while let Some(row) = rows.pop() { write(&mut out, form, &row, None, &idlegap::report::units::epoch(row.time())).unwrap(); }
}
