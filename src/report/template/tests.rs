use std::sync::Arc;

use super::*;
use crate::report::Listed;
use crate::report::json::JsonOptions;
use crate::report::sample;
use crate::report::units::TimeFormat;
use crate::time::Span;

fn rendered(name: &str, source: &str) -> Result<String, TemplateError> {
    let (model, flows) = sample::incident();
    let clock = phrases::clock(&model, TimeFormat::Utc);
    let options = JsonOptions { flows: Listed::All, min_gap: Span::ZERO };
    let context = report(&model, Shown::listed(&model, &Arc::new(flows), options), usize::MAX, &clock);
    let mut out = Vec::new();
    Template::parse(name, source.to_owned())?.render(context, Style { clock, longest: usize::MAX }, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn text(source: &str) -> String {
    rendered("t.txt", source).unwrap()
}

fn problem(source: &str) -> String {
    rendered("t.txt", source).unwrap_err().to_string()
}

#[test]
fn a_template_sees_the_model() {
    assert_eq!(
        text("{{ flows_total }} {{ verdicts['idle-reset'] }} {{ findings[0].filters[1].filter }}\n"),
        "3 1 tcp.stream in {0}\n"
    );
    assert_eq!(
        text("{% for flow in flows %}{{ flow.id }}:{{ flow.verdict.id }} {% endfor %}"),
        "0:idle-reset 1:graceful 2:graceful "
    );
    assert_eq!(text("{{ flows | length }} {{ captures[0].skips[0].first_frame | frame }}"), "3 3");
    assert_eq!(text("{% if assumption %}yes{% else %}no{% endif %}"), "no");
}

#[test]
fn numbers_become_text_as_elsewhere() {
    assert_eq!(
        text("{{ 350.0 | duration }}, {{ 90.04 | seconds }}, {{ 2356000 | number }}"),
        "350 s (5m50s), 90.0 s, 2,356,000"
    );
    assert_eq!(text("{{ 1 | plural('flow') }} {{ 2 | plural('flow') }}"), "1 flow 2 flows");
    assert_eq!(text("{{ captures[0].first_time | time }}"), "2026-11-22T17:29:00.000Z");
    assert_eq!(text("{{ findings[0].frames | frames }}"), "12 13");
}

#[test]
fn an_opening_is_made_of_whole_sentences() {
    let of = |most: usize| text(&format!("{{{{ 'Set 2.6.32 to 1. 5. Then go. And so on.' | opening({most}) }}}}"));
    assert_eq!(of(0), "Set 2.6.32 to 1. 5.", "one in any case");
    assert_eq!(of(27), "Set 2.6.32 to 1. 5.");
    assert_eq!(of(28), "Set 2.6.32 to 1. 5. Then go.");
    assert_eq!(of(100), "Set 2.6.32 to 1. 5. Then go. And so on.");
}

#[test]
fn the_end_of_the_name_says_what_to_escape() {
    let of = |name: &str| rendered(name, "{{ flows | map(attribute='waiting') | first | attr('request') }}").unwrap();
    let request = "GET /report\\u{1b}[2J";
    assert_eq!(of("t"), request);
    assert_eq!(of("t.md.j2"), "GET `/report\\u{1b}[2J`");
    assert_eq!(of("T.JIRA"), "GET /report&#92;u&#123;1b&#125;&#91;2J");
    assert_eq!(of("t.html"), request);
    assert_eq!(of("t.json"), "\"GET /report\\u001b[2J\"");
    assert_eq!(of("t.csv"), request);
    assert_eq!(rendered("t.html", "{{ '<b>' }}{{ '<b>' | safe }}").unwrap(), "&lt;b&gt;<b>");
    assert_eq!(rendered("t.txt", "{% autoescape 'html' %}{{ '<b>' }}{% endautoescape %}").unwrap(), "&lt;b&gt;");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let syntax = problem("one\n{% if %}\n");
    assert!(syntax.starts_with("t.txt:2: syntax error"), "{syntax}");
    let field = problem("one\ntwo\n{{ summary.sentense }}\n");
    assert!(field.starts_with("t.txt:3: undefined value"), "{field}");
    let filter = problem("\n{{ 1 | furlongs }}");
    assert!(filter.starts_with("t.txt:2: unknown filter") && filter.contains("furlongs"), "{filter}");
    let frame = problem("{{ 'x' | frame }}");
    assert!(frame.starts_with("t.txt:1: ") && frame.contains("x is not a frame"), "{frame}");
}
