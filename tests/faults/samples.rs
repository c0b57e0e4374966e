//! Small captures in every container and compression.

use std::io::Write;
use std::process::{Command, Stdio};

use flate2::write::GzEncoder;
use idlegap::capture::{InterfaceOptions, LinkType, PcapngWriter, SectionOptions};
use idlegap::script::{Script, to_pcap};
use lz4_flex::frame::FrameEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// A connection that a box forgets while the client probes the other one.
const STORY: &str = "\
flow dead  10.0.0.1:40000 > 10.0.0.2:80 isn 1000 5000
flow alive 10.0.0.1:40001 > 10.0.0.2:80 isn 7000 9000
0       dead  > S   0:0(0)    win 64240 <mss 1460>
+.02    dead  < S.  0:0(0)    ack 1 win 65160 <mss 1460>
+.0001  dead  > .   1:1(0)    ack 1
+1      dead  > P.  1:41(40)  ack 1 data \"GET /report HTTP/1.1\\r\\n\\r\\n\"
+.02    dead  < .   1:1(0)    ack 41
+.1     alive > P.  1:51(50)  ack 1
+.02    alive < .   1:1(0)    ack 51
+60     alive > .   50:50(0)  ack 1
+.02    alive < .   1:1(0)    ack 51
+30     dead  < R   1:1(0)    win 0 ttl 62 ipid 0
";

/// The capture of a small story, as a pcap file.
pub(crate) fn pcap() -> Vec<u8> {
    to_pcap(&Script::parse(STORY).unwrap())
}

/// The same as a pcapng file that says more of itself.
pub(crate) fn pcapng() -> Vec<u8> {
    let script = Script::parse(STORY).unwrap();
    let section = SectionOptions::default();
    let mut writer = PcapngWriter::new(Vec::new(), &section).unwrap();
    let options = InterfaceOptions {
        link: LinkType(1),
        snaplen: 0,
        name: Some("tap0"),
        filter: Some("tcp"),
        comments: &["a story"],
    };
    let interface = writer.interface(&options).unwrap();
    for frame in script.frames() {
        writer.packet(interface, frame.time, &frame.bytes, frame.original_len, &["seen"]).unwrap();
    }
    writer.finish().unwrap()
}

/// Both containers, plain and in every compression that can be made here, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let plain = [("pcap", pcap()), ("pcapng", pcapng())];
    let every = plain.into_iter().flat_map(|(name, bytes)| {
        let compressed = compressions().into_iter().filter_map(|(how, compress)| Some((how, compress(&bytes)?)));
        let mut forms: Vec<_> = compressed.map(|(how, bytes)| (format!("{name}, {how}"), bytes)).collect();
        forms.push((name.to_owned(), bytes.clone()));
        forms
    });
    every.collect()
}

type Compress = fn(&[u8]) -> Option<Vec<u8>>;

/// Every compression with its name; `None` where the program that makes it is missing.
pub(crate) fn compressions() -> [(&'static str, Compress); 4] {
    [("gzip", gzip), ("zstd", zstd), ("lz4", lz4), ("xz", xz)]
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    Some(encoder.finish().unwrap())
}

fn zstd(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(compress_to_vec(bytes, CompressionLevel::Fastest))
}

fn lz4(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    Some(encoder.finish().unwrap())
}

/// No library here makes the format.
pub(crate) fn xz(bytes: &[u8]) -> Option<Vec<u8>> {
    if !crate::has("xz") {
        return None;
    }
    let mut child = Command::new("xz")
        .args(["-c", "-0", "--check=crc32"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let compressed = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    Some(compressed)
}
