//! What a file is that is no capture, as far as its first bytes tell.

/// First bytes that [`describe`] looks at.
pub(super) const LOOK_LEN: usize = 512;

/// A noun with its article for a file that begins with `first`.
pub(super) fn describe(first: &[u8]) -> String {
    if first.is_empty() {
        return "an empty file".to_owned();
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| first.starts_with(magic)) {
        return (*name).to_owned();
    }
    if first.get(257..262) == Some(b"ustar") {
        return "a tar archive (unpack it first)".to_owned();
    }
    if is_event_trace(first) {
        return "a Windows event trace (convert it with etl2pcapng)".to_owned();
    }
    match text_kind(first) {
        Some(kind) => kind.to_owned(),
        None => format!("a file of unknown kind that begins with {}", hex(first)),
    }
}

/// Capture formats of others first, then what is often taken for a capture by mistake.
const MAGICS: [(&[u8], &str); 33] = [
    (b"snoop\0\0\0", "a snoop capture (convert it with editcap)"),
    (b"GMBU", "a Microsoft Network Monitor capture (convert it with editcap)"),
    (b"RTSS", "a Microsoft Network Monitor 1 capture (convert it with editcap)"),
    (b"XCP\0", "a NetXRay capture (convert it with editcap)"),
    (b"TRSNIFF data", "a Sniffer capture (convert it with editcap)"),
    (b"\x0a\x0d\x0d\x0a", "a pcapng file with a damaged or cut section header"),
    (b"\xd4\xc3\xb2\xa1", "a pcap file that is cut inside its file header"),
    (b"\xa1\xb2\xc3\xd4", "a pcap file that is cut inside its file header"),
    (b"\x4d\x3c\xb2\xa1", "a pcap file that is cut inside its file header"),
    (b"\xa1\xb2\x3c\x4d", "a pcap file that is cut inside its file header"),
    (b"\x34\xcd\xb2\xa1", "a pcap file that is cut inside its file header"),
    (b"\xa1\xb2\xcd\x34", "a pcap file that is cut inside its file header"),
    (b"\xac\x01\x00\x1c", "a pcap variant of IXIA hardware (convert it with editcap)"),
    (b"\xac\x02\x00\x1c", "a pcap variant of IXIA software (convert it with editcap)"),
    (b"\x12\xcb\xe2\xa1", "a pcap variant of Navtel Communications (convert it with editcap)"),
    (b"\xa1\xe2\xcb\x12", "a pcap variant of Navtel Communications (convert it with editcap)"),
    (b"btsnoop\0", "a Bluetooth snoop log"),
    (b"\x1f\x8b", "gzip data inside compressed data (decompress it once)"),
    (b"\x28\xb5\x2f\xfd", "zstd data inside compressed data (decompress it once)"),
    (b"\x04\x22\x4d\x18", "lz4 data inside compressed data (decompress it once)"),
    (b"\xfd7zXZ\0", "xz data inside compressed data (decompress it once)"),
    (b"\x1f\x9d", "data of the old compress program (decompress it first)"),
    (b"BZh", "bzip2 data (decompress it first)"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft compound document"),
];

/// Whether the header of a system trace stands behind the 72 bytes of a trace buffer's own header: version, 32 or 64
/// bits, marker. A trace has no magic number.
fn is_event_trace(first: &[u8]) -> bool {
    matches!(first.get(72..76), Some([_, _, 1 | 2, 0xc0]))
}

fn text_kind(first: &[u8]) -> Option<&'static str> {
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // The look may end inside a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(first.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x1b' | '\x0c')) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    Some(match start.as_str() {
        _ if start.starts_with("<!doctype html") || start.starts_with("<html") => "an HTML page",
        _ if start.starts_with("version https://git-lfs") => "a Git LFS pointer (fetch the file itself)",
        _ if start.starts_with('<') => "an XML document",
        _ if start.starts_with('{') || start.starts_with('[') => "a JSON document",
        _ => "a text file (a capture written with `tcpdump -w` is needed, not its printed lines)",
    })
}

fn hex(first: &[u8]) -> String {
    let bytes: Vec<String> = first.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_named() {
        let mut tar = vec![b'x'; LOOK_LEN];
        tar[100..257].fill(0);
        tar[257..262].copy_from_slice(b"ustar");
        let mut trace = vec![0; LOOK_LEN];
        trace[72..76].copy_from_slice(&[2, 0, 2, 0xc0]);
        for (bytes, expected) in [
            (&b""[..], "an empty file"),
            (b"\n <!DOCTYPE HTML><p>", "an HTML page"),
            (b"\x7fELF\x02\x01\x01", "an ELF program"),
            (b"%PDF-1.7", "a PDF document"),
            (b"snoop\0\0\0\0\0\0\x02", "a snoop capture"),
            (b"GMBU\x00\x02", "a Microsoft Network Monitor capture"),
            (b"12:00:00.1 IP 10.0.0.1 > 10.0.0.2", "a text file"),
            (b"gr\xc3\xbc\xc3", "a text file"),
            (b"{\"a\": 1}", "a JSON document"),
            (b"\0\0\x01\x02 junk", "a file of unknown kind that begins with 00 00 01 02 20 6a 75 6e"),
            (b"\xd4\xc3\xb2\xa1\x02\0", "a pcap file that is cut inside its file header"),
            (&tar, "a tar archive"),
            (&trace, "a Windows event trace"),
        ] {
            let found = describe(bytes);
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
