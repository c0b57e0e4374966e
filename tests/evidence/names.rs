//! Names of every sort in one capture: where it came from, who asked whom for what.

use std::fs::{self, File};
use std::path::Path;

use idlegap::capture::{InterfaceOptions, LinkType, PcapngWriter, SectionOptions};
use idlegap::script::Script;

use crate::captures::{Cut, cut};
use crate::leaks;
use crate::verdicts::report;

/// What the report on the capture names.
const NAMED: [&str; 5] =
    ["secret-shop.example", "/private/annual-report", "intranet.example", "198.51.100.77", "203.0.113.9"];
/// What stands in the capture and in no report on its flows.
const UNNAMED: [&str; 6] = ["hush-hush", "198.51.100.88", "corp-lan7", "Laptop of", "Plan 9", "called by"];

/// A ClientHello (RFC 8446 4.1.2) with this server name (RFC 6066 3).
fn client_hello(name: &str) -> Vec<u8> {
    let counted = |len: usize, octets: &[u8]| [&octets.len().to_be_bytes()[8 - len..], octets].concat();
    let entry = [&[0][..], &counted(2, name.as_bytes())].concat();
    let extension = [&[0, 0][..], &counted(2, &counted(2, &entry))].concat();
    let body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &counted(2, &extension)].concat();
    let handshake = [&[1][..], &counted(3, &body)].concat();
    [&[0x16, 3, 1][..], &counted(2, &handshake)].concat()
}

/// One flow that says `data` first and dies after 90 s of silence.
fn flow(data: &[u8], port: u16, options: &str) -> Script {
    let hex: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    let len = data.len();
    let end = len + 1;
    Script::parse(&format!(
        "flow 203.0.113.9:{port} > 192.0.2.77:443 isn 1000 5000 mac 00:16:3e:aa:bb:cc 00:16:3e:dd:ee:ff
        0      > S 0:0(0) {options}
        +.01   < S. 0:0(0) ack 1
        +.0001 > . 1:1(0) ack 1
        +.01   > P. 1:{end}({len}) ack 1 data hex:{hex}
        +.01   < . 1:1(0) ack {end}
        +90    < R 1:1(0) ttl 60
        end +5"
    ))
    .unwrap()
}

fn capture(path: &Path) {
    let hello = [&b"PROXY TCP4 198.51.100.77 198.51.100.88 50123 443\r\n"[..], &client_hello("secret-shop.example")];
    let request =
        b"GET /private/annual-report?token=hush-hush HTTP/1.1\r\nHost: intranet.example\r\nCookie: a=hush-hush\r\n\r\n";
    let scripts = [flow(&hello.concat(), 40_001, ""), flow(request, 40_002, "")];
    let section = SectionOptions {
        hardware: Some("Laptop of somebody"),
        os: Some("Plan 9"),
        application: Some("called by 203.0.113.9"),
        comments: &["called by secret-shop.example"],
    };
    let mut writer = PcapngWriter::new(File::create(path).unwrap(), &section).unwrap();
    let interface = InterfaceOptions {
        link: LinkType(1),
        snaplen: 0,
        name: Some("corp-lan7"),
        filter: Some("host 203.0.113.9"),
        comments: &["called by intranet.example"],
    };
    writer.interface(&interface).unwrap();
    let mut frames: Vec<_> = scripts.iter().flat_map(Script::frames).collect();
    frames.sort_by_key(|frame| frame.time);
    for frame in frames {
        writer.packet(0, frame.time, &frame.bytes, frame.original_len, &["called by 198.51.100.77"]).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn no_name_is_left_in_an_extract() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, extract) = (folder.path().join("whole.pcapng"), folder.path().join("extract.pcapng"));
    capture(&whole);
    let told = report(&whole, folder.path()).to_string();
    for name in NAMED {
        assert!(told.contains(name), "the report names {name}: {told}");
    }
    for how in [Cut::Stripped, Cut::Anonymised, Cut::Bare] {
        assert!(cut(&whole, &extract, how, &[]));
        leaks::assert_none("names", &whole, &extract, how);
        let file = fs::read(&extract).unwrap();
        let report = report(&extract, folder.path()).to_string();
        // Addresses and interfaces are no payload.
        let is_header = |name: &&str| ["203.0.113.9", "corp-lan7"].contains(name);
        for name in NAMED.into_iter().chain(UNNAMED).filter(|name| how.anonymises() || !is_header(name)) {
            assert!(!file.windows(name.len()).any(|run| run == name.as_bytes()), "{how:?}: {name} is in the file");
            assert!(!report.contains(name), "{how:?}: {name} is in the report");
        }
    }
}
