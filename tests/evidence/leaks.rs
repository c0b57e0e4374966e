//! What must not be found in an extract.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use idlegap::capture::{Input, LinkType, Reader};
use idlegap::wire::{Decoded, Station, decode, trail};

use crate::captures::Cut;

/// So many octets in a row are no chance, and no words that a comment shares with an error page.
const RUN: usize = 12;

/// What a finding says in its own words, as the server did.
const OWN_WORDS: &[u8] = b"too_many_pings";

/// What stands in the frames of a capture.
#[derive(Default)]
struct Contents {
    addresses: HashSet<IpAddr>,
    macs: HashSet<[u8; 6]>,
    payload: HashSet<[u8; RUN]>,
    /// Octets of payload that were captured.
    octets: usize,
    /// Ends of segments as they are written, for servers whose name is their address.
    ends: String,
}

/// Fails if `extract` holds what it must not hold of `capture`.
pub(crate) fn assert_none(name: &str, capture: &Path, extract: &Path, how: Cut) {
    let (before, after) = (contents(capture), contents(extract));
    assert_eq!(after.octets, 0, "{name}: payload is left");
    let file = fs::read(extract).unwrap();
    for run in file.windows(RUN) {
        let run: [u8; RUN] = run.try_into().unwrap();
        let is_header = || how == Cut::Stripped && has(before.ends.as_bytes(), &run);
        assert!(!before.payload.contains(&run) || is_header() || has(OWN_WORDS, &run), "{name}: {run:02x?} is payload");
    }
    if !how.anonymises() {
        return;
    }
    let left: Vec<_> = before.addresses.intersection(&after.addresses).collect();
    assert!(left.is_empty(), "{name}: {left:?}");
    let left: Vec<_> = before.macs.intersection(&after.macs).collect();
    assert!(left.is_empty(), "{name}: {left:02x?}");
    for address in &before.addresses {
        let text = address.to_string();
        assert!(!has(&file, text.as_bytes()), "{name}: {text} is written somewhere");
        let octets = match address {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        // The addresses of scripts are full of zeros, as other things are.
        if octets.iter().filter(|octet| **octet > 2).count() > 2 {
            assert!(!has(&file, &octets), "{name}: {text} stands somewhere");
        }
    }
    // All stations are nobody's address, and all ones stand for an unknown length.
    let telling = |mac: &&[u8; 6]| **mac != [0xff; 6] && mac.iter().filter(|octet| **octet > 2).count() > 3;
    for mac in before.macs.iter().filter(telling) {
        assert!(!has(&file, mac), "{name}: {mac:02x?} stands somewhere");
    }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn contents(path: &Path) -> Contents {
    let mut contents = Contents::default();
    let mut reader = Reader::open(&Input::Path(path.to_owned())).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        match decode(record.link, record.data, record.original_len) {
            Decoded::Segment(segment) => {
                contents.octets += segment.payload.len();
                for end in [(segment.src, segment.src_port), (segment.dst, segment.dst_port)].map(SocketAddr::from) {
                    let end = format!("{end}\n");
                    contents.ends.push_str(if contents.ends.contains(&end) { "" } else { &end });
                }
                let plain = |run: &&[u8]| run.iter().any(|octet| *octet != run[0]);
                let runs = segment.payload.windows(RUN).filter(plain);
                contents.payload.extend(runs.map(|run| <[u8; RUN]>::try_from(run).unwrap()));
                contents.macs.extend([segment.link.src_mac, segment.link.dst_mac].into_iter().flatten());
                contents.addresses.extend(segment.options.toa.map(|client| client.ip()));
            }
            Decoded::Icmp(error) => contents.addresses.extend([error.from, error.src.ip(), error.dst.ip()]),
            _ => {}
        }
        for place in trail(record.link, record.data, record.original_len) {
            let bytes = &record.data[place.start..];
            match place.station {
                Station::Ip => contents.addresses.extend(addresses(bytes)),
                Station::Ethernet if bytes.len() >= 12 => {
                    contents.macs.extend([&bytes[..6], &bytes[6..12]].map(|mac| <[u8; 6]>::try_from(mac).unwrap()));
                }
                Station::Link(LinkType(1)) | Station::Ethernet | Station::Link(_) => {}
                _ => {}
            }
        }
    }
    contents
}

fn addresses(header: &[u8]) -> Vec<IpAddr> {
    let field = |start: usize, len: usize| &header[start..start + len];
    if header[0] >> 4 == 4 {
        [12, 16].map(|start| IpAddr::from(<[u8; 4]>::try_from(field(start, 4)).unwrap())).to_vec()
    } else {
        [8, 24].map(|start| IpAddr::from(<[u8; 16]>::try_from(field(start, 16)).unwrap())).to_vec()
    }
}
