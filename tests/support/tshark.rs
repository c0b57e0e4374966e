//! What tshark says of a capture, frame by frame.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The series whose rules the divergences are written for. Other series label differently.
const SERIES: &str = "4.0.";

const ANALYSIS: [(&str, Label); 11] = [
    ("keep_alive", Label::KeepAlive),
    ("keep_alive_ack", Label::KeepAliveAck),
    ("zero_window_probe", Label::ZeroWindowProbe),
    ("zero_window_probe_ack", Label::ZeroWindowProbeAck),
    ("retransmission", Label::Retransmission),
    ("spurious_retransmission", Label::SpuriousRetransmission),
    ("fast_retransmission", Label::FastRetransmission),
    ("out_of_order", Label::OutOfOrder),
    ("duplicate_ack", Label::DuplicateAck),
    ("window_update", Label::WindowUpdate),
    ("lost_segment", Label::LostSegment),
];

const FIELDS: [&str; 22] = [
    "frame.number",
    "frame.protocols",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.window_size_value",
    "frame.len",
    "ip.len",
    "ipv6.plen",
    "ip.fragment.count",
    "ipv6.fragment.count",
    "frame.time_epoch",
    "tcp.srcport",
    "tcp.dstport",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.analysis.initial_rtt",
    "tcp.options.timestamp.tsval",
];

/// A label of `tcp.analysis.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    KeepAlive,
    KeepAliveAck,
    ZeroWindowProbe,
    ZeroWindowProbeAck,
    Retransmission,
    SpuriousRetransmission,
    FastRetransmission,
    OutOfOrder,
    DuplicateAck,
    WindowUpdate,
    LostSegment,
}

/// A frame in which tshark read at least one TCP header. The lists have one entry per header, outermost first, except
/// `len`: headers quoted in ICMP errors and first fragments have no length.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) frame: u64,
    pub(crate) protocols: String,
    pub(crate) stream: Vec<u32>,
    pub(crate) seq: Vec<u32>,
    pub(crate) ack: Vec<u32>,
    pub(crate) len: Vec<u32>,
    pub(crate) flags: Vec<u32>,
    pub(crate) window: Vec<u32>,
    /// Whether an IP header claims more octets than the frame has.
    pub(crate) is_beyond_frame: bool,
    /// Whether the frame completes a fragmented datagram.
    pub(crate) is_reassembled: bool,
    pub(crate) labels: BTreeSet<Label>,
    /// When it was captured, and the time of the stream's handshake where the row tells it, in nanoseconds.
    pub(crate) time: i128,
    pub(crate) handshake: Option<i128>,
    /// The value of its timestamp option (RFC 7323).
    pub(crate) timestamp: Option<u32>,
    /// Address and port of its sender and its receiver, those of the innermost header.
    pub(crate) ends: (String, String),
}

impl Row {
    /// Whether the header stands inside an ICMP error, so that nobody sent it as a segment here.
    pub(crate) fn is_quoted(&self) -> bool {
        let outside = self.protocols.rsplit_once(":tcp").map_or("", |(outside, _)| outside);
        self.len.is_empty() && outside.split(':').any(|layer| layer == "icmp" || layer == "icmpv6")
    }
}

impl Row {
    /// Whether it has one of these flags.
    pub(crate) fn has_flag(&self, flag: u32) -> bool {
        self.flags.first().is_some_and(|flags| flags & flag != 0)
    }

    /// Whether it has the ACK flag.
    pub(crate) fn acknowledges(&self) -> bool {
        self.has_flag(0x10)
    }

    /// The sequence numbers that its SYN and its FIN take (RFC 9293 3.4).
    pub(crate) fn takes(&self) -> u32 {
        self.flags.first().map_or(0, |flags| (flags & 3).count_ones())
    }
}

/// Whether a tshark of the right series is installed; otherwise, why the comparison cannot run.
pub(crate) fn find() -> Result<(), String> {
    let output =
        Command::new("tshark").arg("--version").output().map_err(|error| format!("tshark does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next().unwrap_or_default();
    if version.contains(&format!(" {SERIES}")) {
        Ok(())
    } else {
        Err(format!("tshark {SERIES}x is wanted, found: {version}"))
    }
}

/// Every frame of `capture` with a TCP header that tshark could read (its first 16 bytes), under default preferences.
pub(crate) fn read(capture: &Path) -> Vec<Row> {
    let mut command = Command::new("tshark");
    command.env("WIRESHARK_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-preferences"));
    command.args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-r"]).arg(capture);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    for (name, _) in ANALYSIS {
        command.arg("-e").arg(format!("tcp.analysis.{name}"));
    }
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let columns: Vec<&str> = line.split('\t').collect();
    let stream = numbers(columns[2]);
    if stream.is_empty() {
        return None;
    }
    let labels = ANALYSIS
        .iter()
        .zip(&columns[FIELDS.len()..])
        .filter(|(_, column)| !column.is_empty())
        .map(|((_, label), _)| *label);
    let frame_len = numbers(columns[8]).first().copied().unwrap_or(u32::MAX);
    let lengths = numbers(columns[9]).into_iter().chain(numbers(columns[10]).into_iter().map(|len| len + 40));
    Some(Row {
        is_beyond_frame: lengths.max().is_some_and(|len| len > frame_len),
        is_reassembled: !columns[11].is_empty() || !columns[12].is_empty(),
        frame: columns[0].parse().unwrap(),
        protocols: columns[1].to_owned(),
        stream,
        seq: numbers(columns[3]),
        ack: numbers(columns[4]),
        len: numbers(columns[5]),
        flags: numbers(columns[6]),
        window: numbers(columns[7]),
        labels: labels.collect(),
        time: nanoseconds(columns[13]).unwrap_or_default(),
        handshake: nanoseconds(columns[20]),
        timestamp: numbers(columns[21]).first().copied(),
        ends: (end(columns[16], columns[18], columns[14]), end(columns[17], columns[19], columns[15])),
    })
}

/// The innermost address, and the innermost port.
fn end(ipv4: &str, ipv6: &str, port: &str) -> String {
    let last = |column: &str| column.rsplit(',').next().unwrap_or_default().to_owned();
    format!("{} {} {}", last(ipv4), last(ipv6), last(port))
}

/// Seconds and a fraction of nine digits.
fn nanoseconds(column: &str) -> Option<i128> {
    let (seconds, fraction) = column.split(',').next_back()?.split_once('.')?;
    Some(seconds.parse::<i128>().ok()? * 1_000_000_000 + fraction.parse::<i128>().ok()?)
}

/// The decimal or 0x-prefixed numbers of a column.
fn numbers(column: &str) -> Vec<u32> {
    let number =
        |text: &str| text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u32::from_str_radix(digits, 16));
    column.split(',').filter(|text| !text.is_empty()).filter_map(|text| number(text).ok()).collect()
}
