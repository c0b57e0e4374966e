//! What was typed after `idlegap live`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::input::SourceArgs;
use super::output::{GeneralArgs, TimeArgs, WidthArgs};
use super::report::{ReportArgs, duration};
use super::surroundings::Surroundings;
use super::{Refusal, usage};
use crate::capture::LiveOptions;
use crate::commands::live::{Events, From, Job};
use crate::commands::output::Target;
use crate::time::Span;
use crate::watch::recorder;
use crate::watch::view::look::Look;

/// Octets that hold all headers and what usually names a request.
const SNAPLEN: u32 = 512;

pub(super) const USAGE: &str = "idlegap live [OPTIONS] -i INTERFACE [BPF...]
       idlegap live [OPTIONS] - [BPF...]
       idlegap live -D";

pub(super) const EXAMPLES: &str = "\
Examples:
  idlegap live -D                                     the interfaces
  idlegap live -i eth0 tcp port 5432                  what happens, and the report in the end (Ctrl-C)
  idlegap live -i any --timeout 350s | jq -c 'select(.type == \"death\")'
  idlegap live -i eth0 --assume aws-nlb-tcp -w proof.pcapng -C 100M -W 10
  idlegap live -i eth0 --metrics 127.0.0.1:9476       counts for Prometheus at the same time
  ssh web1 sudo tcpdump -U -w - tcp port 80 | idlegap live -

On a terminal a view shows the flows that are nearest to their timer; ? lists its keys.
On a pipe every event is a line of JSON, and the last one, of type summary, holds the report.
With --format the report takes their place. --output FILE gives it a file, and events stay.
SIGINT, SIGTERM and SIGHUP end the watch with its report, SIGUSR1 shows counts.";

#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// A BPF expression; after `-`, standard input, on what arrives there
    #[arg(value_name = "BPF")]
    words: Vec<String>,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    width: WidthArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Capture")]
struct CaptureArgs {
    /// The interface, or `any` for all of them
    #[arg(short = 'i', long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// List the interfaces
    #[arg(short = 'D', long)]
    list_interfaces: bool,
    /// Octets kept of each packet, 0 for all: by default the headers and the beginning of a request
    #[arg(short = 's', long, value_name = "N", default_value_t = SNAPLEN)]
    snapshot_length: u32,
    /// The kernel's buffer in KiB, as with tcpdump [default: libpcap's, 2048]
    #[arg(short = 'B', long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=2_097_151))]
    buffer_size: Option<u32>,
    /// Take frames that are not for this machine as well
    #[arg(long)]
    promiscuous: bool,
    /// Accepted for the sake of habit: frames for others are left out anyway
    #[arg(short = 'p')]
    plain: bool,
    /// Accepted for the sake of habit: names are never looked up
    #[arg(short = 'n', action = clap::ArgAction::Count)]
    numeric: u8,
    /// Become this user once the interface is open
    #[arg(short = 'Z', long, value_name = "USER")]
    relinquish_privileges: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watch")]
struct WatchArgs {
    /// The share of a timer that a silence lasts before it is warned of
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "80%")]
    warn_at: f64,
    /// The timer on the path; without it and --assume it is learnt from what dies
    #[arg(long, value_name = "DURATION", value_parser = positive, conflicts_with = "assume")]
    timeout: Option<Span>,
    /// Serve counts for Prometheus on this address: 127.0.0.1:9476, or a port alone for this machine only
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    metrics: Option<SocketAddr>,
    /// On a terminal, print events as lines instead of showing the view
    #[arg(long)]
    no_view: bool,
    /// End after so many packets
    #[arg(short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after so long
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    duration: Option<Span>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Record")]
struct RecordArgs {
    /// Record what is watched, in pcapng
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    write: Option<PathBuf>,
    /// Begin another file when one is this large: 500K, 100M, 2G; a number alone counts millions of bytes, as with tcpdump
    #[arg(short = 'C', long, value_name = "SIZE", value_parser = size, requires = "write")]
    rotate_size: Option<u64>,
    /// Begin another file after so long: seconds, or 10m, 1h
    #[arg(short = 'G', long, value_name = "DURATION", value_parser = positive, requires = "write")]
    rotate_time: Option<Span>,
    /// Keep so many files: the oldest is removed
    #[arg(short = 'W', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), requires = "write")]
    ring: Option<u16>,
}

impl LiveArgs {
    /// From what was typed to the watch that will run.
    pub(super) fn lower(self, general: &GeneralArgs, surroundings: &Surroundings) -> Result<Job, Refusal> {
        let from = self.from(surroundings)?;
        let is_asked = self.report.names_a_form();
        let color = self.report.wants_color(&Target::Stdout, surroundings);
        let source = SourceArgs { words: vec!["-".to_owned()], ..SourceArgs::default() };
        let report = self.report.lower(source, &self.time, &self.width, general, surroundings)?;
        let is_printed = report.reports.iter().any(|wanted| wanted.target == Target::Stdout);
        let events = match (surroundings.stdout_is_terminal(), is_asked && is_printed) {
            (true, _) if cfg!(feature = "tui") && !self.watch.no_view && !surroundings.is_dumb => {
                Events::View(Look { color, ascii: !surroundings.is_utf8 })
            }
            (_, true) => Events::None,
            (true, false) => Events::Lines,
            (false, false) => Events::Json,
        };
        Ok(Job {
            record: self.record.lower(&from)?,
            from,
            report,
            events,
            count: self.watch.count,
            duration: self.watch.duration,
            user: self.capture.relinquish_privileges,
            warn_at: self.watch.warn_at,
            timeout: self.watch.timeout,
            metrics: self.watch.metrics,
        })
    }

    fn from(&self, surroundings: &Surroundings) -> Result<From, Refusal> {
        let CaptureArgs { interface, list_interfaces, snapshot_length, buffer_size, promiscuous, .. } = &self.capture;
        if *list_interfaces {
            return Ok(From::Nowhere);
        }
        match (interface, self.words.split_first()) {
            (Some(_), Some((first, _))) if first == "-" => Err(usage("-i and - are two sources: name one of them")),
            (Some(interface), _) => Ok(From::Interface(LiveOptions {
                interface: interface.clone(),
                filter: self.words.join(" "),
                snaplen: if *snapshot_length == 0 { MOST } else { (*snapshot_length).min(MOST) },
                buffer: buffer_size.map(|kib| kib * 1_024),
                promiscuous: *promiscuous,
            })),
            (None, Some((first, _))) if first == "-" && surroundings.stdin_is_terminal => {
                Err(Refusal::NothingToRead(Some("live")))
            }
            (None, Some((first, words))) if first == "-" => {
                Ok(From::Stdin(Some(words.join(" ")).filter(|expression| !expression.is_empty())))
            }
            _ => Err(usage("name an interface with -i, or `-` for standard input; `idlegap live -D` lists interfaces")),
        }
    }
}

/// The longest packet that libpcap takes.
const MOST: u32 = 262_144;

impl RecordArgs {
    fn lower(&self, from: &From) -> Result<Option<recorder::Options>, Refusal> {
        let Some(path) = self.write.clone() else { return Ok(None) };
        if path.as_os_str() == "-" {
            return Err(usage("standard output is for events and the report: name a file to record to"));
        }
        if self.ring.is_some() && self.rotate_size.is_none() && self.rotate_time.is_none() {
            return Err(usage(
                "--ring keeps the latest of several files: say with --rotate-size or --rotate-time when one ends",
            ));
        }
        let (snaplen, interface, filter) = match from {
            From::Interface(options) => {
                let filter = Some(options.filter.clone()).filter(|filter| !filter.is_empty());
                (options.snaplen, Some(options.interface.clone()), filter)
            }
            From::Stdin(filter) => (0, None, filter.clone()),
            From::Nowhere => (0, None, None),
        };
        Ok(Some(recorder::Options {
            path,
            rotate_size: self.rotate_size,
            rotate_time: self.rotate_time,
            ring: self.ring.map(usize::from),
            snaplen,
            interface,
            filter,
        }))
    }
}

/// tcpdump's way of saying `live`: `idlegap -i eth0`, `idlegap -nni eth0`, `idlegap -D`. What is typed gets the word that
/// is missing.
pub(super) fn with_subcommand(mut typed: Vec<OsString>, known: &[&str]) -> Vec<OsString> {
    let words = typed.iter().skip(1).map(|word| word.to_string_lossy());
    for word in words {
        if known.contains(&&*word) || word == "--" {
            return typed;
        }
        let is_live = match word.strip_prefix("--") {
            Some(long) => matches!(long.split('=').next(), Some("interface" | "list-interfaces")),
            None => is_live_cluster(&word),
        };
        if is_live {
            typed.insert(1, "live".into());
            return typed;
        }
    }
    typed
}

/// `-i`, `-ieth0`, `-nni`, `-D`: short flags, and among them one that only `live` has.
fn is_live_cluster(word: &str) -> bool {
    let Some(flags) = word.strip_prefix('-') else { return false };
    flags.trim_start_matches(['n', 'q', 'p']).starts_with(['i', 'D'])
}

fn percent(text: &str) -> Result<f64, &'static str> {
    const WRONG: &str = "a share is written as 80%, above 0 and at most 100";
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent: f64 = number.parse().map_err(|_| WRONG)?;
    if percent > 0.0 && percent <= 100.0 { Ok(percent / 100.0) } else { Err(WRONG) }
}

/// An address with a port; a port alone is one of this machine.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix(':').unwrap_or(text).parse().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_| text.parse()).map_err(|_| "an address is written as 127.0.0.1:9476, [::1]:9476 or 9476")
}

fn positive(text: &str) -> Result<Span, &'static str> {
    let span = duration(text)?;
    if span > Span::ZERO { Ok(span) } else { Err("it must be longer than 0") }
}

fn size(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a size is written as 500K, 100M or 2G; a number alone counts millions of bytes";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
        "" => 1_000_000,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        _ => return Err(WRONG),
    };
    let number: u64 = digits.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).filter(|size| *size > 0).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(words: &str) -> String {
        let typed = words.split(' ').map(OsString::from).collect();
        let with = with_subcommand(typed, &["live", "trace", "timeouts"]);
        with.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_interface_means_live() {
        for (typed, expected) in [
            ("idlegap -i eth0 tcp", "idlegap live -i eth0 tcp"),
            ("idlegap -nni eth0 -w x", "idlegap live -nni eth0 -w x"),
            ("idlegap -w x -ieth0", "idlegap live -w x -ieth0"),
            ("idlegap -D", "idlegap live -D"),
            ("idlegap --interface=lo", "idlegap live --interface=lo"),
            ("idlegap live -i eth0", "idlegap live -i eth0"),
            ("idlegap trace -i", "idlegap trace -i"),
            ("idlegap -r incident.pcap", "idlegap -r incident.pcap"),
            ("idlegap -- -i", "idlegap -- -i"),
        ] {
            assert_eq!(completed(typed), expected);
        }
    }

    #[test]
    fn metrics_stay_on_this_machine_unless_an_address_says_otherwise() {
        let addresses = ["9476", ":9476", "127.0.0.1:9476", "0.0.0.0:80", "[::1]:1"].map(|text| address(text).unwrap());
        let shown = addresses.map(|address| address.to_string());
        assert_eq!(shown, ["127.0.0.1:9476", "127.0.0.1:9476", "127.0.0.1:9476", "0.0.0.0:80", "[::1]:1"]);
        assert!(address("localhost").is_err() && address("1.2.3.4").is_err() && address("99999").is_err());
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!((size("1"), size("500k"), size("2G")), (Ok(1_000_000), Ok(500_000), Ok(2_000_000_000)));
        assert!(size("0").is_err() && size("1T").is_err() && size("x").is_err() && size("99999999999G").is_err());
        assert_eq!((percent("80%"), percent("12.5")), (Ok(0.8), Ok(0.125)));
        assert!(percent("0").is_err() && percent("101%").is_err() && percent("NaN").is_err());
    }
}
