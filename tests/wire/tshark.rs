//! tshark as the second reader of every sample.

use std::fs;
use std::process::Command;

use crate::samples::{self, Sample};
use crate::segment;

/// The fields that are compared, of the innermost header that has them.
const FIELDS: [&str; 12] = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.window_size_value",
    "ip.ttl",
];

/// Samples that tshark 4.0 reads otherwise, and why.
const DIVERGENCES: [(&str, &str); 6] = [
    ("MPLS link", "tshark has no name for link type 219"),
    ("PPP with direction as address", "tshark has no name for link type 166"),
    ("NULL, Linux's IPv6", "Linux has no such interface, but programs write this family; tshark does not know it"),
    ("NFLOG, big-endian", "tshark takes the byte order of its own machine"),
    ("IPv6 mobility", "tshark reads nothing behind a mobility header, where RFC 6275 6.1.1 allows for a next header"),
    ("ERSPAN III, IP", "tshark takes every frame of type III for Ethernet"),
];

/// What tshark must be told, since nothing in the frames says it.
const HINTS: [&str; 6] =
    ["-d", "udp.port==8472,vxlan", "-d", "mpls.label==200,pwethcw", "-d", "mpls.label==201,pwethnocw"];

#[test]
fn tshark_reads_the_same() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark is missing");
        println!("SKIPPED: tshark is missing, so nothing was compared");
        return;
    }
    let samples = samples::all();
    let dir = tempfile::tempdir().expect("a directory for the capture");
    let path = dir.path().join("samples.pcapng");
    fs::write(&path, pcapng(&samples)).expect("the capture is written");
    let fields = FIELDS.iter().flat_map(|field| ["-e", field]);
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-E", "separator=|", "-E", "occurrence=l"])
        .args(HINTS)
        .args(fields)
        .arg("-r")
        .arg(&path)
        .output()
        .expect("tshark runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), samples.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for (sample, theirs) in samples.iter().zip(text.lines()) {
        let ours = ours(sample, theirs);
        match DIVERGENCES.iter().find(|(name, _)| *name == sample.name) {
            None => assert_eq!(ours, theirs, "{}", sample.name),
            Some((name, reason)) => assert_ne!(ours, theirs, "{name}: no longer so? {reason}"),
        }
    }
}

/// What the decoder says of `sample`, in the form of `theirs`: with several IP headers in a frame tshark prints one of each
/// version, and the version that does not carry the segment is taken over.
fn ours(sample: &Sample, theirs: &str) -> String {
    let segment = segment(sample.link, &sample.frame);
    let mut columns: Vec<String> = theirs.split('|').map(str::to_owned).collect();
    columns.resize(FIELDS.len(), String::new());
    let mut set = |field: &str, value: String| {
        let column = FIELDS.iter().position(|name| *name == field).expect("a known field");
        columns[column] = value;
    };
    if segment.src.is_ipv4() {
        set("ip.src", segment.src.to_string());
        set("ip.dst", segment.dst.to_string());
        set("ip.ttl", segment.hop_limit.to_string());
    } else {
        set("ipv6.src", segment.src.to_string());
        set("ipv6.dst", segment.dst.to_string());
    }
    set("tcp.srcport", segment.src_port.to_string());
    set("tcp.dstport", segment.dst_port.to_string());
    set("tcp.seq_raw", segment.seq.to_string());
    set("tcp.ack_raw", segment.ack.to_string());
    set("tcp.len", segment.payload_len.to_string());
    set("tcp.flags", format!("0x{:04x}", segment.flags.0));
    set("tcp.window_size_value", segment.window.to_string());
    columns.join("|")
}

/// A capture with an interface for every sample, since they differ in link type.
fn pcapng(samples: &[Sample]) -> Vec<u8> {
    let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4du32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]);
    for sample in samples {
        file.extend(block(1, &[&sample.link.to_le_bytes(), &[0; 6]]));
    }
    for (interface, sample) in samples.iter().enumerate() {
        let len = (sample.frame.len() as u32).to_le_bytes();
        let padding = vec![0; sample.frame.len().next_multiple_of(4) - sample.frame.len()];
        let interface = (interface as u32).to_le_bytes();
        file.extend(block(6, &[&interface, &[0; 8], &len, &len, &sample.frame, &padding]));
    }
    file
}

fn block(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &len, &body, &len].concat()
}
