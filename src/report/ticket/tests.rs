use super::*;
use crate::report::Listed;
use crate::report::model::{Advice, Report};
use crate::report::sample::{self, Table};
use crate::time::Span;

const WANTED: Wanted = Wanted { flows: Listed::Matter, limit: 20, min_gap: Span::ZERO };
const FORMS: [(Form, bool, usize); 5] = [
    (Form::Text, true, 3_500),
    (Form::Markdown, true, 3_500),
    (Form::Jira, true, 3_500),
    (Form::Markdown, false, 60_000),
    (Form::Jira, false, 30_000),
];

fn rendered(report: &Report, flows: &Table, form: Form, brief: bool, wanted: Wanted) -> String {
    let mut out = Vec::new();
    render(report, flows, &TicketOptions { form, brief, wanted, time: TimeFormat::Utc }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_form_begins_with_the_sentence() {
    let (report, flows) = sample::incident();
    for (form, brief, _) in FORMS {
        let text = rendered(&report, &flows, form, brief, WANTED);
        let first = text.lines().next().unwrap().trim_matches('*');
        assert_eq!(first, report.summary.sentence, "{form:?}");
        assert!(text.contains("frame.number in"), "{text}");
        assert!(text.ends_with('\n') && !text.contains("\n\n\n"), "{text:?}");
    }
}

#[test]
fn an_empty_report_is_a_ticket_too() {
    let (report, flows) = sample::empty();
    for (form, brief, _) in FORMS {
        assert!(rendered(&report, &flows, form, brief, WANTED).contains("The capture holds no packets."));
    }
}

/// More of everything than anybody would read, and every text as long as no file has it.
fn monstrous() -> (Report, Table) {
    let (mut report, flows) = sample::incident();
    let long = |sign: &str| sign.repeat(10_000);
    let mut flow = flows.0[0].clone();
    flow.waiting.as_mut().unwrap().request = Some(long("@|`["));
    flow.tunnel = Some(long("<b>"));
    let mut finding = report.findings[0].clone();
    finding.title = long("t*");
    finding.detail = long("d_ ");
    finding.advice = vec![Advice { stack: long("s"), text: long("x "), snippet: long("`\n") }; 8];
    report.findings = vec![finding; 50];
    let mut service = report.services[0].clone();
    service.server = long("[");
    report.services = vec![service; 50];
    let mut capture = report.captures[0].clone();
    capture.file = long("{}");
    report.captures = vec![capture; 50];
    report.summary.sentence = long("\u{202e}");
    report.summary.next_step = Some(long("n"));
    report.flows_total = 1_200;
    report.matter = (0..1_200).collect();
    (report, Table(vec![flow; 1_200]))
}

#[test]
fn whatever_the_report_holds_a_ticket_fits() {
    let (report, flows) = monstrous();
    for (form, brief, room) in FORMS {
        for limit in [0, 20] {
            let text = rendered(&report, &flows, form, brief, Wanted { limit, ..WANTED });
            assert!(text.chars().count() <= room, "{form:?} {brief}: {} characters", text.chars().count());
            assert!(text.contains("characters left out"), "{form:?} {brief}");
            if !brief {
                for left in ["flows more left out", "findings more left", "services more left", "files more left"] {
                    assert!(text.contains(left), "{form:?}: {left} is not named");
                }
            }
        }
    }
}

#[test]
fn the_limit_holds_where_there_is_room() {
    let (mut report, flows) = sample::incident();
    report.matter = vec![0, 1, 2];
    let text = rendered(&report, &flows, Form::Markdown, false, Wanted { limit: 2, ..WANTED });
    assert!(text.contains("1 flow more left out") && text.contains("| 1 | 10.0.0.1:40001"), "{text}");
    let all = rendered(&report, &flows, Form::Markdown, false, Wanted { limit: 0, ..WANTED });
    assert!(!all.contains("left out") && all.contains("| 2 | 10.0.0.1:40002"), "{all}");
}
