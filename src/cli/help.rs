//! The words of the help, and which help to show.

use clap::CommandFactory;
use clap::builder::StyledStr;

use super::Typed;

pub(super) const ABOUT: &str = "Says which TCP connections in a packet capture died of silence, whose timer killed them, and what to \
                     change";

pub(super) const USAGE: &str = "idlegap [OPTIONS] FILE...
       idlegap [OPTIONS] -r FILE [BPF...]
       idlegap trace [OPTIONS] FILE...
       idlegap timeouts [OPTIONS] [QUERY|ID]...";

pub(super) const EXAMPLES: &str = "\
Examples:
  idlegap incident.pcap                          what died of silence, and why
  idlegap -r incident.pcap tcp port 5432         only these packets, as with tcpdump
  idlegap dump.pcap00 dump.pcap01 dump.pcap02    a rotated set, as one timeline
  ssh web1 sudo tcpdump -s 128 -U -w - 'tcp port 80' | idlegap -
  idlegap --format json incident.pcap.zst | jq '.flows[].verdict.id'
  idlegap trace --flow 3 incident.pcap           one line per segment of one flow
  idlegap timeouts 350                           who is known to give up after 350 s
  idlegap --assume aws-nlb-tcp incident.pcap     whether it can be that box

Captures are pcap or pcapng, plain or compressed with gzip, zstd, lz4 or xz.
The report goes to standard output, everything else to standard error.

Exit codes:
  0  it ran
  1  a verdict named by --fail-on was found
  2  usage error, or something that cannot be read or written";

pub(super) const TRACE_USAGE: &str = "idlegap trace [OPTIONS] FILE...
       idlegap trace [OPTIONS] -r FILE [BPF...]";

pub(super) const TRACE_EXAMPLES: &str = "\
Examples:
  idlegap trace incident.pcap | less -S
  idlegap trace --flow 3 --time relative incident.pcap
  idlegap trace --format jsonl incident.pcap | jq -c 'select(.kind == \"keepalive-probe\")'

Flows have the numbers of the report. A segment that may still turn out to be a probe
holds the rows after it back until that is known.";

pub(super) const TIMEOUTS_EXAMPLES: &str = "\
Examples:
  idlegap timeouts                    all of them
  idlegap timeouts 350                whose default is 350 s, or can be set to it
  idlegap timeouts azure nat          rows that hold these words
  idlegap timeouts aws-nlb-tcp        one row explained, with its source
  idlegap timeouts --format markdown  all of them as a page to publish";

/// The short help of a subcommand, or of the program.
pub(super) fn help(command: Option<&str>) -> StyledStr {
    let mut program = Typed::command();
    // Building it gives the subcommands their full names.
    program.build();
    match command.and_then(|name| program.find_subcommand_mut(name)) {
        Some(subcommand) => subcommand.render_help(),
        None => program.render_help(),
    }
}
