//! The view on a real terminal (a pty that `script` of util-linux makes): however it ends, the terminal is as it was.

#![cfg(all(feature = "tui", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test looks at the clock, and fails where it cannot go on"
)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use idlegap::script::{Script, to_pcap};
use tempfile::TempDir;

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// A program on a terminal of its own.
struct OnTerminal {
    script: Child,
    keys: ChildStdin,
    folder: TempDir,
    /// Keeps the capture's pipe open.
    capture: Option<fs::File>,
}

impl OnTerminal {
    /// Runs `command` (which finds a capture that goes on in `$FIFO`) with the settings of the terminal kept before and after.
    fn run(command: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let fifo = path("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let inside = format!(
            "stty rows 24 cols 80; stty -g > before; sh -c 'echo $$ > pid; exec env --default-signal=HUP {command}'; echo $? > status; stty -g > after"
        );
        let mut script = Command::new("script");
        script.args(["-qfec", &inside, "/dev/null"]).current_dir(folder.path());
        script.env("FIFO", &fifo).env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
        script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stderr(Stdio::null());
        script.stdout(fs::File::create(path("screen")).unwrap());
        let mut script = script.spawn().expect("script of util-linux starts");
        let keys = script.stdin.take().unwrap();
        Self { script, keys, folder, capture: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a capture into the pipe, which stays open.
    fn feed(&mut self, capture: &[u8]) {
        let mut fifo = fs::OpenOptions::new().write(true).open(self.path("fifo")).unwrap();
        fifo.write_all(capture).unwrap();
        self.capture = Some(fifo);
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("screen")).unwrap_or_default()).into_owned()
    }

    /// Waits until the screen has shown `text`. What moves the cursor or colours is left out, and so are spaces: the screen
    /// writes only what has changed.
    fn wait_for(&self, text: &str) {
        let (began, text) = (Instant::now(), text.replace(' ', ""));
        while !written(&self.screen()).contains(&text) {
            assert!(began.elapsed() < Duration::from_secs(60), "{text:?} does not come:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.path("pid")).unwrap();
        assert!(Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
    }

    /// The program has ended: returns its exit status and what it printed after the view.
    fn ended(mut self) -> (String, String) {
        let began = Instant::now();
        while !fs::exists(self.path("after")).unwrap() || fs::read(self.path("after")).unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(self.capture.take());
        self.script.wait().unwrap();
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap();
        assert_eq!(read("before"), read("after"), "the settings of the terminal");
        let screen = self.screen();
        let (_, rest) = screen.split_once(ENTER).expect("the view was shown");
        let (view, after) = rest.rsplit_once(LEAVE).expect("the view was left");
        assert!(!after.contains(ENTER) && !view.contains(ENTER), "once");
        let (cursor, hidden) = (screen.rfind(SHOW_CURSOR), screen.rfind("\u{1b}[?25l"));
        assert!(cursor > hidden, "the cursor is there again: {after:?}");
        (read("status").trim().to_owned(), after.to_owned())
    }
}

/// The characters that a terminal was sent, without control sequences (`ESC [` up to a letter) and spaces.
fn written(sent: &str) -> String {
    let mut pieces = sent.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    let text =
        pieces.map(|piece| piece.split_once(|char: char| char.is_ascii_alphabetic()).map_or("", |(_, text)| text));
    (first + &text.collect::<String>()).replace(' ', "")
}

fn capture() -> Vec<u8> {
    to_pcap(&Script::parse(include_str!("view/story.pkt")).unwrap())
}

/// The program with its view, once it shows the story.
fn view() -> OnTerminal {
    let program = env!("CARGO_BIN_EXE_idlegap");
    let mut terminal = OnTerminal::run(&format!("{program} live - --timeout 90s < $FIFO"));
    terminal.feed(&capture());
    terminal.wait_for("died: idle-reset");
    terminal
}

fn expect_report(terminal: OnTerminal) {
    let (status, after) = terminal.ended();
    assert_eq!(status, "0", "{after}");
    assert!(after.contains("died of silence") && after.contains("26 packets captured"), "{after}");
}

#[test]
fn q_ends_with_the_report() {
    let mut terminal = view();
    // Details, back, and the end.
    terminal.press("\r");
    terminal.wait_for("Last segments");
    terminal.press("qq");
    expect_report(terminal);
}

/// An escape sequence that does not go on, as Alt-[ sends it, keeps nothing waiting.
#[test]
fn half_an_escape_sequence_does_not_stop_the_watch() {
    let mut terminal = view();
    terminal.press("\u{1b}[");
    std::thread::sleep(Duration::from_millis(500));
    terminal.signal("-TERM");
    expect_report(terminal);
}

#[test]
fn control_c_ends_with_the_report() {
    let mut terminal = view();
    terminal.press("\u{3}");
    expect_report(terminal);
}

#[test]
fn the_end_of_the_input_ends_with_the_report() {
    let mut terminal = view();
    drop(terminal.capture.take());
    expect_report(terminal);
}

#[test]
fn signals_end_with_the_report() {
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let terminal = view();
        terminal.signal(signal);
        expect_report(terminal);
    }
}

#[test]
fn a_terminal_that_shrinks_is_drawn_anew() {
    let mut terminal = view();
    let pid = fs::read_to_string(terminal.path("pid")).unwrap();
    let size = format!("stty rows 12 cols 40 < /proc/{}/fd/1", pid.trim());
    assert!(Command::new("sh").args(["-c", &size]).status().unwrap().success());
    // The words of a narrow screen.
    terminal.wait_for("/ filter…");
    terminal.press("q");
    expect_report(terminal);
}

/// A terminal that takes nothing, as over a connection that hangs: no packet waits for it, the recording is whole, the watch ends
/// when it is to end, and what is asked for in a file is there.
#[test]
fn a_terminal_that_takes_nothing_keeps_nothing_waiting() {
    let program = env!("CARGO_BIN_EXE_idlegap");
    let options = "--timeout 90s --duration 12s -w seen.pcapng --report json=report.json";
    let mut terminal = OnTerminal::run(&format!("{program} live - {options} < $FIFO 2> errors"));
    let begun = Instant::now();
    terminal.feed(&capture());
    terminal.wait_for("died: idle-reset");
    let pid = fs::read_to_string(terminal.path("pid")).unwrap();
    let pid = pid.trim();
    // Nobody reads what the terminal is sent, and each change of its size has all of it drawn anew.
    let hold = |signal: &str| {
        assert!(Command::new("kill").args([signal, &terminal.script.id().to_string()]).status().unwrap().success())
    };
    hold("-STOP");
    for round in 0..30 {
        let size = format!("stty rows {} cols 200 < /proc/{pid}/fd/1", 50 + round % 2);
        assert!(Command::new("sh").args(["-c", &size]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(120));
    }
    // More than the pipe holds: it is taken in while nothing can be drawn.
    let records = capture()[24..].repeat(2_000);
    let fed = Instant::now();
    terminal.capture.as_mut().unwrap().write_all(&records).unwrap();
    assert!(fed.elapsed() < Duration::from_secs(8), "{:?}", fed.elapsed());
    let mut lasts = true;
    while lasts && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(200));
        lasts = fs::exists(format!("/proc/{pid}")).unwrap() && !fs::exists(terminal.path("status")).unwrap();
    }
    hold("-CONT");
    let errors = fs::read_to_string(terminal.path("errors")).unwrap();
    assert!(!lasts && errors.contains("the terminal takes nothing"), "{errors}");
    assert!(errors.contains(&format!("{} packets captured", group(26 * 2_001))), "{errors}");
    let mut analysis = Command::new(program);
    let recorded = analysis.args(["--format", "json"]).arg(terminal.path("seen.pcapng")).output().unwrap();
    let packets = |json: &[u8]| {
        let report: serde_json::Value = serde_json::from_slice(json).unwrap();
        report["captures"][0]["packets"].as_u64()
    };
    assert_eq!(packets(&recorded.stdout), Some(26 * 2_001));
    assert_eq!(packets(&fs::read(terminal.path("report.json")).unwrap()), Some(26 * 2_001));
    drop(terminal.capture.take());
    terminal.script.wait().unwrap();
    let read = |name: &str| fs::read_to_string(terminal.path(name)).unwrap();
    assert_eq!((read("status").trim(), read("before")), ("2", read("after")), "the settings of the terminal");
}

/// A terminal that is there no more ends the watch; the recording and reports for files are whole.
#[test]
fn a_terminal_that_vanishes_ends_the_watch_with_its_reports() {
    let program = env!("CARGO_BIN_EXE_idlegap");
    let options = "--timeout 90s -w seen.pcapng --report json=report.json";
    let mut terminal = OnTerminal::run(&format!("{program} live - {options} < $FIFO 2> errors"));
    terminal.feed(&capture());
    terminal.wait_for("died: idle-reset");
    let pid = fs::read_to_string(terminal.path("pid")).unwrap();
    terminal.script.kill().unwrap();
    terminal.script.wait().unwrap();
    let begun = Instant::now();
    while fs::exists(format!("/proc/{}", pid.trim())).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the watch goes on");
        std::thread::sleep(Duration::from_millis(100));
    }
    let report: serde_json::Value = serde_json::from_slice(&fs::read(terminal.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["captures"][0]["packets"], 26);
    let mut analysis = Command::new(program);
    let recorded = analysis.args(["--format", "json"]).arg(terminal.path("seen.pcapng")).output().unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&recorded.stdout).unwrap();
    assert_eq!(recorded["captures"][0]["packets"], 26);
}

/// A number as the program writes it.
fn group(number: u64) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    let this = std::env::current_exe().unwrap();
    let this = this.display();
    let terminal = OnTerminal::run(&format!("{this} --ignored --exact --nocapture panics_while_the_view_is_shown"));
    let (status, after) = terminal.ended();
    assert_eq!(status, "101");
    assert!(after.contains("the view has gone wrong"), "what went wrong is said on the ordinary screen: {after}");
}

/// Run by the test above on a terminal of its own.
#[test]
#[ignore = "part of another test"]
fn panics_while_the_view_is_shown() {
    let _screen = idlegap::commands::live::screen::Screen::open().unwrap();
    panic!("the view has gone wrong");
}
