//! The program as a child whose memory is watched.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A child that needs more than this is stopped, so that a failure does not take the machine with it.
const STOP: u64 = 2 << 30;
/// Bytes of output that are kept; the rest is thrown away.
const KEPT: usize = 4 << 20;

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// The most memory that was resident at any time, in bytes.
    pub(crate) peak: u64,
}

impl Ended {
    /// The run was good, and small.
    #[expect(clippy::print_stdout, reason = "the figures are what one runs the full numbers for")]
    pub(crate) fn holds(&self, what: &str) {
        println!("{what}: {} MiB at most", self.peak >> 20);
        assert!(self.peak < super::MEMORY, "{what}: {} MiB", self.peak >> 20);
        assert_eq!(self.code, Some(0), "{what}: {}", self.stderr);
    }

    /// The report, which must be whole.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }
}

/// The program with these arguments, in surroundings of which nothing leaks in, its pipes ready.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end, on what `source` writes into its standard input.
pub(crate) fn feed(arguments: &[&str], source: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send) -> Ended {
    let mut child = command(arguments).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    let write = move || {
        let mut pipe = BufWriter::with_capacity(1 << 16, stdin);
        // A program that has read enough closes its end: no fault of the writer.
        drop(source(&mut pipe).and_then(|()| pipe.flush()));
    };
    thread::scope(|scope| {
        scope.spawn(write);
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let stdout = scope.spawn(|| drain(stdout));
        let stderr = scope.spawn(|| drain(stderr));
        let (code, peak) = watch(&mut child);
        let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
        Ended { code, stdout: stdout.join().unwrap(), stderr, peak }
    })
}

/// Runs the program on `bytes`.
pub(crate) fn run(arguments: &[&str], bytes: &[u8]) -> Ended {
    feed(arguments, |pipe| pipe.write_all(bytes))
}

fn drain(mut source: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    // What cannot be read any more was not written.
    drop(source.by_ref().take(KEPT as u64).read_to_end(&mut kept));
    drop(io::copy(&mut source, &mut io::sink()));
    kept
}

/// Waits for the end; returns the exit code and the most memory that was seen.
fn watch(child: &mut Child) -> (Option<i32>, u64) {
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(child.id()).unwrap_or_default());
        if peak > STOP {
            child.kill().unwrap();
        }
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), peak);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The high-water mark of the resident memory of a process, in bytes (proc(5)).
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Time that a process has spent computing, in ticks of 10 ms (proc(5)).
pub(crate) fn busy(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}
