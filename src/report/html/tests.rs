//! Pages made from reports made by hand.

use super::*;
use crate::flow::{Direction, FrameId};
use crate::report::model::Frame;
use crate::report::sample;
use crate::report::survival::Step;
use crate::report::timeline::{Collector, Row};

/// Closes text, attributes and elements, and would run, if it were not escaped.
const HOSTILE: &str = "\"'></td></svg></pre></title><script>x()</script><img src=x onerror=y()>&lt;\u{202e}\u{1b}[2J";

fn page(report: &Report, shown: Vec<Flow>, by_limit: usize, steps: Vec<Step>) -> String {
    let courses = shown.iter().map(|flow| (flow.id, Timeline { rows: rows() })).collect();
    let table = Table::built_in().unwrap();
    let material = Material {
        selection: Selection { shown, by_limit, by_gap: 0 },
        courses: &courses,
        survivals: report.services.iter().map(|_| Survival { steps: steps.clone() }).collect(),
        table: &table,
    };
    let options = HtmlOptions::new(Listed::Matter, None, Span::ZERO, TimeFormat::Utc);
    let mut out = Vec::new();
    render(report, &material, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The course of a flow that is silent from frame 9 to the RST in frame 12.
fn rows() -> Vec<Row> {
    let start = crate::report::units::from_rfc3339("2026-11-22T17:29:00.000000000Z").unwrap();
    let row = |number, millis, direction, kind| {
        let mark =
            crate::flow::Mark { time: start.plus(Span::from_millis(millis)), frame: FrameId { file: 0, number } };
        crate::report::timeline::sample_row(mark, direction, kind)
    };
    use crate::flow::SegmentKind::{Ack, Data, Rst};
    let (c2s, s2c) = (Direction::FromInitiator, Direction::FromResponder);
    vec![row(8, 0, c2s, Data), row(9, 10, s2c, Ack), row(12, 90_050, s2c, Rst)]
}

fn steps() -> Vec<Step> {
    let step = |secs: f64, survived, died| Step { least_s: secs, most_s: secs, survived, died, flow: 0 };
    vec![step(30.0, 9, 0), step(60.0, 1, 0), step(90.04, 0, 1)]
}

#[test]
fn the_page_says_and_shows_what_the_report_holds() {
    let (report, flows) = sample::incident();
    let page = page(&report, vec![flows.0[0].clone()], 0, steps());
    let expected = [
        "<p class=\"lead\">1 of 3 flows to 10.0.0.9:80 died after 90.0 s of silence",
        "listen 80 so_keepalive=45s:15s:3;</pre>",
        "<title id=\"t-0\">Timeline of flow 0</title>",
        "<rect class=\"silence died\"",
        ">90.0 s</text>",
        "no packets, died",
        ">60.0 s survived</text>",
        "T1: 90.0 s</text>",
        "RST by a middlebox",
        "<title id=\"ts-0\">Silences of 10.0.0.9:80</title>",
        "<text class=\"strong end\" dx=\"-4\" x=\"",
        "github.com/alibaba/LVS",
    ];
    for words in expected {
        assert!(page.contains(words), "{words} is missing:\n{page}");
    }
}

#[test]
fn an_icmp_error_stands_where_its_time_is() {
    let (report, flows) = sample::incident();
    let after = |seconds: &str, number: u32| {
        let mut flow = flows.0[0].clone();
        flow.icmp.push(crate::report::model::Icmp {
            frame: Frame::Only(number),
            time: format!("2026-11-22T17:{seconds}.000000000Z"),
            about: "client",
            from: "10.0.0.1".to_owned(),
            message: "host unreachable".to_owned(),
        });
        let page = page(&report, vec![flow], 0, steps());
        let drawn = page.split("<h2 id=\"timelines\">").nth(1).unwrap().to_owned();
        ["ICMP error</text>", "no packets, died", "RST by a middlebox"].map(|words| drawn.find(words).unwrap())
    };
    // The silence is from 17:29:00 to 17:30:30; in another file of the run a later frame may be an earlier one.
    let [icmp, silence, reset] = after("29:01", 99);
    assert!(icmp < silence && silence < reset);
    let [icmp, silence, reset] = after("30:29", 1);
    assert!(silence < icmp && icmp < reset);
    let [icmp, silence, reset] = after("30:40", 1);
    assert!(silence < reset && reset < icmp);
}

#[test]
fn a_silence_is_drawn_on_the_clock_on_which_the_flow_died() {
    let (report, flows) = sample::incident();
    let mut flow = flows.0[0].clone();
    let packet = flow.gaps[0].clone();
    // From the data in frame 8, which frame 9 acknowledged.
    let payload = crate::report::model::Gap {
        clock: "payload",
        start_frame: Frame::Only(8),
        duration_s: packet.duration_s + 0.01,
        ..packet.clone()
    };
    flow.gaps = vec![crate::report::model::Gap { outcome: "survived", ..packet }, payload];
    let page = page(&report, vec![flow], 0, steps());
    assert!(page.contains("no payload, died") && !page.contains("no packets, survived"), "{page}");
}

#[test]
fn a_report_without_flows_is_a_page() {
    let (report, _) = sample::empty();
    let page = page(&report, Vec::new(), 0, Vec::new());
    assert!(page.contains("The capture holds no packets."));
    assert!(!page.contains("<svg role") && !page.contains("<table") && page.ends_with("</html>\n"));
}

#[test]
fn whatever_a_field_holds_is_nothing_but_text() {
    let (mut report, mut flows) = sample::incident();
    let hostile = || HOSTILE.to_owned();
    report.summary.sentence = hostile();
    report.summary.next_step = Some(hostile());
    for capture in &mut report.captures {
        (capture.file, capture.format, capture.link_types) = (hostile(), hostile(), vec![hostile()]);
        capture.quality.iter_mut().for_each(|quality| quality.text = hostile());
        capture.skips.iter_mut().for_each(|skip| (skip.example, skip.reason) = (hostile(), hostile()));
    }
    for finding in &mut report.findings {
        (finding.title, finding.detail) = (hostile(), hostile());
        finding.advice.iter_mut().for_each(|advice| {
            (advice.stack, advice.text, advice.snippet) = (hostile(), hostile(), hostile());
        });
    }
    for service in &mut report.services {
        service.server = hostile();
        service.candidates.iter_mut().for_each(|one| (one.vendor, one.product) = (hostile(), hostile()));
    }
    let flow = &mut flows.0[0];
    (flow.client, flow.server) = (hostile(), hostile());
    (flow.tunnel, flow.real_client) = (Some(hostile()), Some(hostile()));
    flow.verdict.reasons = vec![hostile()];
    flow.gaps[0].known_timeouts.push(hostile());
    flow.waiting.as_mut().unwrap().request = Some(hostile());
    flow.icmp.push(crate::report::model::Icmp {
        frame: Frame::Only(10),
        time: hostile(),
        about: "client",
        from: hostile(),
        message: hostile(),
    });
    let page = page(&report, vec![flow.clone()], 0, steps());
    assert_eq!(page.matches("&lt;script&gt;x()&lt;/script&gt;").count(), page.matches("x()").count());
    for raw in ["<script", "<img", "</td></svg>", "\"'>", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(raw), "{raw:?} came through");
    }
}

#[test]
fn thousands_of_flows_make_a_page_of_a_few_megabytes() {
    let (report, flows) = sample::incident();
    let options = HtmlOptions::new(Listed::Matter, None, Span::ZERO, TimeFormat::Utc);
    let rows = options.wanted.most();
    let shown: Vec<Flow> = (0..rows).map(|id| Flow { id: id as u32, ..flows.0[0].clone() }).collect();
    // Courses as long as they get.
    let long = Timeline { rows: std::iter::repeat_with(self::rows).flatten().take(130).collect() };
    let selection = Selection { shown, by_limit: 9_000, by_gap: 0 };
    let courses: HashMap<u32, Timeline> = options.drawn(&selection).map(|flow| (flow.id, long.clone())).collect();
    let table = Table::built_in().unwrap();
    let material = Material { selection, courses: &courses, survivals: Vec::new(), table: &table };
    let mut out = Vec::new();
    render(&report, &material, &options, &mut out).unwrap();
    assert!(out.len() < 10_000_000, "{}", out.len());
    let page = String::from_utf8(out).unwrap();
    assert!(page.contains("9,000 flows more left out of this page"));
    assert!(page.contains("The timelines of 9,900 flows more are left out of this page"));
}

#[test]
fn nothing_is_collected_of_flows_that_are_not_drawn() {
    assert!(Collector::new(std::iter::empty()).finish().is_empty());
}
