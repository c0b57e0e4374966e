//! The notation of packet scripts.

use idlegap::script::{Script, to_pcap};

/// Parses `data`; what parses prints, parses again to the same, and becomes a capture.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(script) = Script::parse(text) else { return };
    let printed = script.to_string();
    match Script::parse(&printed) {
        Ok(again) => assert!(again == script, "{printed}"),
        Err(error) => panic!("{error}: {printed}"),
    }
    // A script may ask for millions of frames by a few words.
    let frames: u64 =
        script.steps.iter().map(|step| step.repeat.as_ref().map_or(1, |repeat| u64::from(repeat.count))).sum();
    if frames <= 1_000 {
        super::pipeline::run(&to_pcap(&script));
    }
}
