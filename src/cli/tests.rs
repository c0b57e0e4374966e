use std::path::Path;

use super::*;
use crate::capture::Input;
use crate::commands::output::Target;
use crate::report::Listed;
use crate::report::json::JsonOptions;
use crate::report::text::TextOptions;
use crate::report::trace::Form;
use crate::report::units::TimeFormat;
use crate::time::Span;
use crate::verdict::advice::Stack;

fn lower(words: &[&str], surroundings: &Surroundings) -> Result<Run, Refusal> {
    let words = std::iter::once(&"idlegap").chain(words);
    Typed::try_parse_from(words).map_err(Refusal::Usage)?.lower(surroundings)
}

fn run(words: &[&str]) -> Run {
    lower(words, &Surroundings::PIPES).unwrap_or_else(|error| panic!("{words:?}: {error:?}"))
}

fn error(words: &[&str]) -> String {
    match lower(words, &Surroundings::PIPES) {
        Err(Refusal::Usage(error)) => error.to_string(),
        other => panic!("{words:?}: no usage error but {other:?}"),
    }
}

fn analysis(words: &[&str]) -> analyze::Job {
    match run(words) {
        Run::Analyze(job) => job,
        other => panic!("{other:?}"),
    }
}

fn text(words: &[&str]) -> TextOptions {
    match analysis(words).format {
        analyze::Format::Text(options) => options,
        other => panic!("{other:?}"),
    }
}

fn file(path: &str) -> Input {
    Input::Path(path.into())
}

#[test]
fn the_definitions_are_sound() {
    Typed::command().debug_assert();
}

#[test]
fn bare_words_are_files_and_after_r_they_are_a_filter() {
    let plain = analysis(&["a.pcap", "tcp"]).source;
    assert_eq!((plain.inputs, plain.filter), (vec![file("a.pcap"), file("tcp")], None));
    let tcpdump = analysis(&["-nr", "a.pcap", "-r", "b.pcap", "-c", "5", "tcp", "port", "80"]).source;
    assert_eq!(tcpdump.inputs, [file("a.pcap"), file("b.pcap")]);
    assert_eq!((tcpdump.filter.as_deref(), tcpdump.count), (Some("tcp port 80"), Some(5)));
    assert_eq!(analysis(&["-f", "port 80", "a.pcap"]).source.filter.as_deref(), Some("port 80"));
    assert!(error(&["-r", "a.pcap", "-f", "port 80", "tcp"]).contains("not both"));
}

#[test]
fn without_a_file_a_pipe_is_read_and_a_terminal_gets_help() {
    assert_eq!(analysis(&[]).source.inputs, [Input::Stdin]);
    assert_eq!(analysis(&["-"]).source.inputs, [Input::Stdin]);
    assert_eq!(analysis(&["-r", "-"]).source.inputs, [Input::Stdin]);
    for (words, command) in [(&[][..], None), (&["trace"], Some("trace")), (&["--format", "json"], None)] {
        let refusal = lower(words, &Surroundings::TERMINAL);
        assert!(matches!(refusal, Err(Refusal::NothingToRead(of)) if of == command), "{words:?}: {refusal:?}");
    }
    assert!(help(None).to_string().contains("Usage: idlegap [OPTIONS] FILE..."));
    assert!(help(Some("trace")).to_string().contains("Usage: idlegap trace [OPTIONS] FILE..."));
    assert!(lower(&["-"], &Surroundings::TERMINAL).is_ok(), "asked for in so many words");
    assert!(lower(&["timeouts"], &Surroundings::TERMINAL).is_ok());
}

#[test]
fn defaults_depend_on_the_form() {
    let options = text(&["a.pcap"]);
    assert_eq!((options.flows, options.limit, options.width), (Listed::Matter, 20, 100));
    assert!(!options.color && !options.ascii);
    let json = analysis(&["--format", "json", "--min-gap", "5m50s", "a.pcap"]).format;
    assert_eq!(json, analyze::Format::Json(JsonOptions { flows: Listed::All, min_gap: Span::from_secs(350) }));
    assert!(text(&["--color", "always", "a.pcap"]).color);
    assert!(error(&["--min-gap", "soon", "a.pcap"]).contains("5m50s"));
    assert!(error(&["--width", "79", "a.pcap"]).contains("79"));
}

#[test]
fn verdicts_to_fail_on_are_a_closed_list() {
    let job = analysis(&["--fail-on", "idle-reset,idle-drop", "--fail-on", "open", "a.pcap"]);
    assert_eq!(job.fail_on, ["idle-reset", "idle-drop", "open"]);
    let message = error(&["--fail-on", "idle-rest", "a.pcap"]);
    assert!(message.contains("idle-reset-next") && message.contains("inconclusive"), "{message}");
}

#[test]
fn stacks_are_a_closed_list_and_any_timeout_can_be_assumed() {
    let job = analysis(&["--stack", "go", "--assume", "our-box", "a.pcap"]);
    assert_eq!((job.stack, job.assume.as_deref()), (Some(Stack::Go), Some("our-box")));
    assert_eq!(analysis(&["a.pcap"]).stack, None);
    let message = error(&["--stack", "cobol", "a.pcap"]);
    assert!(Stack::ALL.iter().all(|stack| message.contains(stack.name())), "{message}");
}

#[test]
fn commands_have_their_own_options() {
    let Run::Trace(job) = run(&["trace", "--flow", "3", "--format", "jsonl", "--time", "epoch", "a.pcap"]) else {
        panic!("no trace")
    };
    assert_eq!((job.flow, job.form, job.time), (Some(3), Form::JsonLines, TimeFormat::Epoch));
    assert_eq!(job.source.inputs, [file("a.pcap")]);
    let Run::Timeouts(job) = run(&["timeouts", "azure", "nat", "--output", "t.txt"]) else { panic!("no timeouts") };
    assert_eq!(
        (&job.args.query[..], &job.target),
        (&["azure".to_owned(), "nat".to_owned()][..], &Target::File("t.txt".into()))
    );
    assert!(error(&["--limit", "3", "trace", "a.pcap"]).contains("after its name"));
    assert!(lower(&["-q", "trace", "a.pcap"], &Surroundings::PIPES).is_ok());
    assert_eq!(analysis(&["./trace"]).source.inputs, [file("./trace")]);
}

#[test]
fn what_belongs_to_interfaces_is_not_offered() {
    for option in ["-i", "-w", "-s", "-D"] {
        assert!(error(&[option, "x", "a.pcap"]).contains("unexpected argument"), "{option}");
    }
}

#[test]
fn a_hyphen_as_output_is_standard_output() {
    assert_eq!(analysis(&["--output", "-", "a.pcap"]).target, Target::Stdout);
    assert_eq!(analysis(&["--output", "r.txt", "a.pcap"]).target, Target::File(Path::new("r.txt").into()));
}
