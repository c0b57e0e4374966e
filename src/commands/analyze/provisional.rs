use crate::reading::Reading;
use crate::report::model::*;
pub(super) struct Provisional<'a>(&'a Reading);
impl Flows for Provisional<'_> {
    fn flow(&self, id: u32) -> Option<Flow> {
        let (timeline, index) = self.0.numbers.place(id)?;
        let flow = self.0.timelines.get(timeline)?.flows.get(index as usize)?;
        Some(Flow {
            id,
            wireshark_stream: flow.stream,
            community_id: String::new(),
            client: String::new(),
            server: String::new(),
            orientation: "inferred",
            tunnel: None,
            real_client: None,
            first_time: String::new(),
            last_time: String::new(),
            packets: 0,
            payload_bytes: Both::default(),
            sequence: Both::default(),
            rtt_s: None,
            keepalive: Both::default(),
            zero_window_probes: Both::default(),
            retransmissions: Both::default(),
            longest_silence: Both::default(),
            gaps: Vec::new(),
            gaps_total: 0,
            resets: Vec::new(),
            resets_total: 0,
            icmp: Vec::new(),
            icmp_total: 0,
            waiting: None,
            half_open: None,
            verdict: Verdict {
                id: "inconclusive",
                confidence: "possible",
                reasons: Vec::new(),
                gap_s: None,
                timeout_s: None,
                frames: Vec::new(),
            },
        })
    }
}
pub(super) fn build(reading: &Reading) -> (Report, Provisional<'_>) {
    let captures = reading.files.iter().map(|file| Capture {
        file: file.info.name.clone(),
        format: file.info.format.to_string(),
        link_types: Vec::new(),
        packets: file.info.packets,
        tcp_segments: 0,
        first_time: file.info.first_time.map(crate::report::units::rfc3339),
        last_time: file.info.last_time.map(crate::report::units::rfc3339),
        timeline: file.timeline as u32,
        skips: Vec::new(),
        truncated: file.info.truncated.is_some(),
        quality: Vec::new(),
    });
    let total = reading.numbers.total();
    let report = Report {
        captures: captures.collect(),
        services: Vec::new(),
        findings: Vec::new(),
        summary: Summary { sentence: format!("{total} flows."), next_step: None },
        flows_total: total,
        matter: (0..total).collect(),
        verdicts: vec![("inconclusive".to_owned(), total.into())],
    };
    (report, Provisional(reading))
}
