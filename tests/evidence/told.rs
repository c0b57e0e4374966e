//! What cut octets told: it stands beside the packet, is believed where the octets are gone, and nowhere else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use idlegap::capture::{InterfaceOptions, LinkType, PcapngWriter, SectionOptions};
use idlegap::evidence::pseudonyms::{Key, Pseudonyms};
use idlegap::script::Script;

use crate::captures::{Cut, KEY, cut, recordings};
use crate::verdicts::{findings, judged};

fn recording(name: &str) -> PathBuf {
    recordings().into_iter().find(|(of, _)| of == name).unwrap().1
}

fn has(path: &Path, text: &str) -> bool {
    fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Real octets, and what is left of them.
#[test]
fn what_octets_told_stands_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let extract = folder.path().join("extract.pcapng");
    let mut pseudonyms = Pseudonyms::new(Some(&Key::from_argument(KEY).unwrap()));
    let client = format!("client={}", pseudonyms.address("198.51.100.10".parse().unwrap()));
    for (name, stripped, anonymised) in [
        ("haproxy-http-request-408", "told status=408", "told status=408"),
        ("haproxy-server-timeout-504", "told status=504", "told status=504"),
        ("haproxy-proxy-protocol", "told client=withheld", &*client),
        ("haproxy-proxy-protocol-v2", "told client=withheld", &*client),
        ("grpc-too-many-pings", "told too-many-pings=", "told too-many-pings="),
        ("one-byte-probes-exhausted", "told octet=", "told octet="),
    ] {
        let capture = recording(name);
        let before = findings(&capture, folder.path());
        for (how, told) in [(Cut::Stripped, stripped), (Cut::Anonymised, anonymised), (Cut::Bare, anonymised)] {
            assert!(cut(&capture, &extract, how, &[]), "{name}");
            assert!(has(&extract, told), "{name}, {how:?}: {told}");
            assert_eq!(findings(&extract, folder.path()), before, "{name}, {how:?}");
        }
        assert!(cut(&capture, &extract, Cut::Whole, &[]), "{name}");
        assert!(!has(&extract, "payload told"), "{name}: the octets are there");
        // What the first extract says in the place of octets, the second one says as well.
        assert!(cut(&capture, &extract, Cut::Stripped, &[]), "{name}");
        let again = folder.path().join("again.pcapng");
        assert!(cut(&extract, &again, Cut::Whole, &[]), "{name}");
        assert!(has(&again, stripped), "{name}");
    }
}

/// A request after which the server's side closes, and a comment on its answer.
fn commented(path: &Path, data: &str, snap: &str, comment: &str) {
    let script = format!(
        "flow 10.0.0.1:40000 > 10.0.0.2:80 isn 1000 5000
        0      > S 0:0(0)
        +.01   < S. 0:0(0) ack 1
        +.0001 > . 1:1(0) ack 1
        +1     > P. 1:101(100) ack 1
        +.01   < . 1:1(0) ack 101
        +60    < P. 1:101(100) ack 101 {data} {snap}
        +.0001 < F. 101:101(0) ack 101
        +.01   > F. 101:101(0) ack 102
        +.01   < . 102:102(0) ack 102
        end +5"
    );
    let script = Script::parse(&script).unwrap();
    let mut writer = PcapngWriter::new(File::create(path).unwrap(), &SectionOptions::default()).unwrap();
    let interface = InterfaceOptions { link: LinkType(1), snaplen: 0, name: None, filter: None, comments: &[] };
    writer.interface(&interface).unwrap();
    for (number, frame) in script.frames().iter().enumerate() {
        let comments = if number == 5 { &["of no interest", comment][..] } else { &[] };
        writer.packet(0, frame.time, &frame.bytes, frame.original_len, comments).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn octets_beat_comments_and_comments_have_one_form() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture.pcapng");
    let line = "data \"HTTP/1.1 504 Gateway Time-out\\r\\n\\r\\n\"";
    let told = "idlegap: payload told status=504";
    for (data, snap, comment, verdict) in [
        (line, "", "", "idle-close"),
        (line, "snap 54", "", "graceful"),
        (line, "snap 54", told, "idle-close"),
        ("", "snap 54", told, "idle-close"),
        // The octets are there, and say something else.
        ("", "", told, "graceful"),
        ("data \"HTTP/1.1 200 OK\\r\\n\\r\\n\"", "", told, "graceful"),
        // One octet is enough to say that octets are there.
        ("", "snap 55", told, "graceful"),
        ("", "snap 54", "idlegap: payload told status=200", "graceful"),
        ("", "snap 54", "idlegap: payload told status=504 ", "graceful"),
        ("", "snap 54", "idlegap: payload told octet=differs status=504", "idle-close"),
    ] {
        commented(&capture, data, snap, comment);
        let flows = judged(&capture, folder.path());
        assert_eq!(flows[0].id(), verdict, "{data:?} {snap:?} {comment:?}");
    }
}
