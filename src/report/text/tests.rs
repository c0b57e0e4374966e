use super::*;
use crate::report::Listed;
use crate::report::escape::is_hostile;
use crate::report::sample;
use crate::time::Span;

const WANTED: Wanted = Wanted { flows: Listed::Matter, limit: 20, min_gap: Span::ZERO };
const OPTIONS: TextOptions =
    TextOptions { width: 80, color: false, ascii: true, wanted: WANTED, time: TimeFormat::Utc };

fn rendered(options: &TextOptions) -> String {
    let (report, flows) = sample::incident();
    let mut out = Vec::new();
    render(&report, &flows, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_first_line_is_the_sentence() {
    let text = rendered(&TextOptions { width: 120, ..OPTIONS });
    assert!(text.starts_with("1 of 3 flows to 10.0.0.9:80 died after 90.0 s of silence"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_page() {
    for width in [80, 100, 120, 160] {
        for ascii in [true, false] {
            let text = rendered(&TextOptions { width, ascii, ..OPTIONS });
            let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(longest.chars().count() <= usize::from(width), "{width}: {longest:?}\n{text}");
        }
    }
}

#[test]
fn the_killed_flow_is_told_in_full_at_every_width() {
    for width in [80, 100, 120, 160] {
        let text = rendered(&TextOptions { width, ..OPTIONS });
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "10.0.0.1:40000",
            "10.0.0.9:80",
            "idle-reset",
            "certain",
            "90.0 s",
            "stream 0",
            "alibaba-lvs-fullnat-established",
        ] {
            assert!(text.contains(part), "{width}: no {part:?} in\n{text}");
        }
        assert!(words.contains("survived, 90.0 s did not"), "{text}");
        assert!(text.contains("      listen 80 so_keepalive=45s:15s:3;\n"), "{text}");
        assert!(!text.contains("10.0.0.1:40001"), "a graceful flow is listed:\n{text}");
    }
}

#[test]
fn words_from_packets_and_file_names_cannot_steer_the_terminal() {
    for color in [false, true] {
        let text = rendered(&TextOptions { width: 160, color, ..OPTIONS });
        let plain = text.replace("\u{1b}[0m", "");
        assert_eq!(plain.contains('\u{1b}'), color, "{plain:?}");
        if !color {
            assert!(!text.replace('\n', "").contains(is_hostile), "{text:?}");
        }
        assert!(text.contains("incident\\u{1b}]0;x\\u{7}.pcap"), "{text}");
    }
}

#[test]
fn all_flows_are_listed_on_request_and_those_hidden_are_counted() {
    let all = rendered(&TextOptions { wanted: Wanted { flows: Listed::All, ..WANTED }, ..OPTIONS });
    assert!(all.contains("10.0.0.1:40001") && all.contains("10.0.0.1:40002"), "{all}");
    let one = rendered(&TextOptions { wanted: Wanted { flows: Listed::All, limit: 1, ..WANTED }, ..OPTIONS });
    assert!(one.contains("2 flows more; --limit 0 shows all."), "{one}");
    let long = rendered(&TextOptions {
        wanted: Wanted { flows: Listed::All, min_gap: Span::from_secs(90), ..WANTED },
        ..OPTIONS
    });
    assert!(long.contains("2 flows without a gap of 90.0 s not shown."), "{long}");
    let longer = rendered(&TextOptions { wanted: Wanted { min_gap: Span::from_secs(91), ..WANTED }, ..OPTIONS });
    assert!(!longer.contains("10.0.0.1:40000") && longer.contains("1 flow without"), "{longer}");
}

#[test]
fn borders_fit_the_locale() {
    assert!(rendered(&OPTIONS).is_ascii());
    assert!(rendered(&TextOptions { ascii: false, ..OPTIONS }).contains('─'));
}

#[test]
fn an_empty_capture_has_a_report() {
    let (report, flows) = sample::empty();
    let mut out = Vec::new();
    render(&report, &flows, &OPTIONS, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        "The capture holds no packets.\n\nCapture quality\nempty.pcap: pcap, Ethernet, 0 packets, 0 with TCP\n"
    );
}

#[test]
fn times_are_shown_as_asked() {
    assert!(
        rendered(&TextOptions { width: 160, ..OPTIONS }).contains("from 2026-11-22T17:29:00.000Z over 1800 s (30m)")
    );
    let relative = rendered(&TextOptions { width: 160, time: TimeFormat::Relative, ..OPTIONS });
    assert!(relative.contains("from 0.000 over"), "{relative}");
}

#[test]
fn files_that_overlap_are_said_to_be_capture_points() {
    let (mut report, flows) = sample::incident();
    let mut other = report.captures[0].clone();
    other.timeline = 1;
    report.captures.push(other);
    let text = |report: &Report| {
        let mut out = Vec::new();
        render(report, &flows, &OPTIONS, &mut out).unwrap();
        String::from_utf8(out).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(text(&report).contains("different capture points and were analysed separately: [1] and [2]."));
    report.captures[1].timeline = 0;
    assert!(text(&report).contains("follow each other in time and were analysed as one capture"));
}
