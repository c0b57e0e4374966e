//! Generates the captures that idlegap is measured on, and prints what they hold.
//!
//! ```text
//! workload bulk|small|flood [--size N] [--pcapng] OUTPUT
//! ```
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of a few hundred lines that nobody's data pass through: a panic is a good report"
)]

mod frame;
mod generate;
mod random;
mod truth;

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use generate::{Sink, Workload};
use idlegap::capture::{InterfaceOptions, LinkType, PcapngWriter, SectionOptions};
use idlegap::time::{Span, Timestamp};

const ETHERNET: LinkType = LinkType(1);
const SNAPLEN: u32 = 65_535;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_pcapng = take(&mut arguments, "--pcapng").is_some();
    let size = take(&mut arguments, "--size").map(|at| arguments.remove(at).parse()).transpose()?;
    let [name, output] = arguments.as_slice() else {
        return Err("usage: workload bulk|small|flood [--size N] [--pcapng] OUTPUT".into());
    };
    let workload = Workload::from_name(name).ok_or("the workloads are bulk, small and flood")?;
    let size = size.unwrap_or_else(|| workload.full_size());
    let output = BufWriter::with_capacity(1 << 20, File::create(output)?);
    let truth = if is_pcapng {
        let mut writer = PcapngWriter::new(output, &SectionOptions::default())?;
        writer.interface(&InterfaceOptions {
            link: ETHERNET,
            snaplen: SNAPLEN,
            name: None,
            filter: None,
            comments: &[],
        })?;
        let mut sink = Pcapng(writer);
        let truth = workload.generate(size, &mut sink)?;
        sink.0.finish()?;
        truth
    } else {
        let mut sink = Pcap::new(output)?;
        let truth = workload.generate(size, &mut sink)?;
        sink.0.flush()?;
        truth
    };
    print!("{truth}");
    Ok(())
}

/// Removes `option` from the arguments; returns where it stood.
fn take(arguments: &mut Vec<String>, option: &str) -> Option<usize> {
    let at = arguments.iter().position(|argument| argument == option)?;
    arguments.remove(at);
    Some(at)
}

/// Classic pcap, little-endian, in microseconds: what tcpdump writes, so that peers need not convert.
struct Pcap<W>(W);

impl<W: Write> Pcap<W> {
    fn new(mut sink: W) -> io::Result<Self> {
        let fields = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, SNAPLEN, u32::from(ETHERNET.0)];
        fields.iter().try_for_each(|field: &u32| sink.write_all(&field.to_le_bytes()))?;
        Ok(Self(sink))
    }
}

impl<W: Write> Sink for Pcap<W> {
    fn frame(&mut self, time_us: u64, frame: &[u8]) -> io::Result<()> {
        let len = frame.len() as u32;
        for field in [(time_us / 1_000_000) as u32, (time_us % 1_000_000) as u32, len, len] {
            self.0.write_all(&field.to_le_bytes())?;
        }
        self.0.write_all(frame)
    }
}

struct Pcapng<W: Write>(PcapngWriter<W>);

impl<W: Write> Sink for Pcapng<W> {
    fn frame(&mut self, time_us: u64, frame: &[u8]) -> io::Result<()> {
        let time = Timestamp::from_nanos(0).plus(Span::from_micros(time_us.cast_signed()));
        self.0.packet(0, time, frame, frame.len() as u32, &[])
    }
}
