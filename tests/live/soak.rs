//! A flood of flows through a live pipe: what is held stays bounded, and what died is counted all the same.

use std::fs;
use std::io::{BufWriter, Read, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Flows of the flood: enough for the ordinary run, or what IDLEGAP_SOAK_FLOWS says.
fn flows() -> u32 {
    std::env::var("IDLEGAP_SOAK_FLOWS").ok().and_then(|number| number.parse().ok()).unwrap_or(200_000)
}

const HELD: u32 = 20_000;
/// One flow in so many is reset out of silence.
const DYING: u32 = 1_000;

#[test]
fn a_flood_of_flows_holds_its_memory() {
    let flows = flows();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(["live", "--timeout", "20s", "--max-flows", &HELD.to_string(), "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let mut peaks = Vec::new();
    let mut flood = Flood::begin(BufWriter::with_capacity(1 << 16, stdin), DYING);
    for number in 0..flows {
        flood.flow(number);
        if number % (flows / 10) == flows / 10 - 1 {
            flood.out.flush().unwrap();
            peaks.extend(resident_kib(child.id()));
        }
    }
    flood.end(flows);
    let text = reader.join().unwrap();
    assert!(child.wait().unwrap().success());
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // Every dead flow and its service; those whose silence ends with the capture wait for their RST in vain.
    let deaths = text.lines().filter(|line| line.contains("\"type\":\"death\"")).count();
    assert_eq!(deaths, (flows / DYING) as usize);
    // The last segment begins a flow of its own.
    assert_eq!(summary["flows_total"], flows + 1);
    let evicted = summary["flows_evicted"].as_u64().unwrap();
    assert!(evicted >= u64::from(flows - HELD), "{evicted}");
    let report = &summary["report"];
    assert_eq!(report["verdicts"]["idle-reset"], flows / DYING, "{}", report["verdicts"]);
    let quality = report["captures"][0]["quality"].as_array().unwrap();
    let told = quality.iter().find(|note| note["id"] == "flows-evicted").unwrap();
    assert_eq!(told["count"], evicted);
    // The table was full after a tenth of the flood at the latest; from then on memory may waver, not grow.
    eprintln!("soak: {flows} flows, resident KiB along the way: {peaks:?}");
    if let (Some(early), Some(late)) = (peaks.get(1), peaks.last()) {
        assert!(*late < early * 3 / 2 + 32_768, "{peaks:?}");
    }
}

/// Resident memory of a process, where the system tells.
fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Flows, one every 100 µs: handshake, request, answer and both FINs, or a request and a RST of a box 20 s later.
pub(crate) struct Flood<W: Write> {
    pub(crate) out: W,
    /// One flow in so many is reset.
    dying: u32,
    /// RSTs that are due: when, and of which flow.
    due: std::collections::VecDeque<(u64, u32)>,
}

const STEP_MICROS: u64 = 100;
const SILENCE_MICROS: u64 = 20_000_000;

impl<W: Write> Flood<W> {
    pub(crate) fn begin(mut out: W, dying: u32) -> Self {
        let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.extend(65_535_u32.to_le_bytes());
        header.extend(101_u32.to_le_bytes());
        out.write_all(&header).unwrap();
        Self { out, dying, due: std::collections::VecDeque::new() }
    }

    pub(crate) fn flow(&mut self, number: u32) {
        let now = u64::from(number) * STEP_MICROS;
        while self.due.front().is_some_and(|(due, _)| *due <= now) {
            let (due, dead) = self.due.pop_front().unwrap();
            self.reset(due, dead);
        }
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        const PUSH: u8 = 24;
        const FIN: u8 = 17;
        self.segment(now, number, true, SYN, (999, 0), 0);
        self.segment(now + 10, number, false, SYN | ACK, (4999, 1000), 0);
        self.segment(now + 20, number, true, ACK, (1000, 5000), 0);
        self.segment(now + 30, number, true, PUSH, (1000, 5000), 10);
        self.segment(now + 40, number, false, ACK, (5000, 1010), 0);
        if number.is_multiple_of(self.dying) {
            self.due.push_back((now + 40 + SILENCE_MICROS, number));
            return;
        }
        self.segment(now + 50, number, false, PUSH, (5000, 1010), 10);
        self.segment(now + 60, number, true, FIN, (1010, 5010), 0);
        self.segment(now + 70, number, false, FIN, (5010, 1011), 0);
        self.segment(now + 80, number, true, ACK, (1011, 5011), 0);
    }

    /// Both ends are reset, each by the exact number, from a box nearer than the server.
    fn reset(&mut self, due: u64, number: u32) {
        self.segment(due, number, false, 20, (5000, 1010), 0);
        self.segment(due + 4, number, true, 20, (1010, 5000), 0);
    }

    pub(crate) fn end(mut self, flows: u32) {
        while let Some((due, number)) = self.due.pop_front() {
            self.reset(due, number);
        }
        // A second later something else shows that the capture went on.
        self.segment(u64::from(flows) * STEP_MICROS + 2 * SILENCE_MICROS, 0, true, 2, (7, 0), 0);
        self.out.flush().unwrap();
    }

    fn segment(&mut self, micros: u64, number: u32, to_server: bool, flags: u8, (seq, ack): (u32, u32), payload: u16) {
        let client =
            ([10, (number >> 24) as u8, (number >> 16) as u8, (number >> 8) as u8], 1_024 + number as u16 % 256);
        let server = ([192, 0, 2, 1 + (number / DYING % 8) as u8], 80);
        let (from, to) = if to_server { (client, server) } else { (server, client) };
        let ttl = match (to_server, flags & 4 != 0) {
            (true, false) => 64,
            (false, false) => 57,
            (_, true) => 61,
        };
        let mut packet = vec![0x45, 0];
        packet.extend((40 + payload).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, ttl, 6, 0, 0]);
        packet.extend(from.0);
        packet.extend(to.0);
        packet.extend(from.1.to_be_bytes());
        packet.extend(to.1.to_be_bytes());
        packet.extend(seq.to_be_bytes());
        packet.extend(ack.to_be_bytes());
        packet.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        packet.resize(40 + usize::from(payload), b'x');
        let (seconds, rest) = (1_700_000_000 + micros / 1_000_000, micros % 1_000_000);
        let length = packet.len() as u32;
        for field in [seconds as u32, rest as u32, length, length] {
            self.out.write_all(&field.to_le_bytes()).unwrap();
        }
        self.out.write_all(&packet).unwrap();
    }
}
