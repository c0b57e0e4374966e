//! Reports made by hand, for the tests of the renderers.

use super::model::{
    Advice, Both, Candidate, Capture, Finding, Flow, Flows, Frame, Gap, Keepalive, Quality, Report, Reset, Service,
    Skip, Summary, Verdict, Waiting,
};

/// Flows that are all there.
pub(crate) struct Table(pub(crate) Vec<Flow>);

impl Flows for Table {
    fn flow(&self, id: u32) -> Option<Flow> {
        self.0.get(id as usize).cloned()
    }
}

/// A capture without records.
pub(crate) fn empty() -> (Report, Table) {
    let report = Report {
        captures: vec![capture("empty.pcap", 0)],
        services: Vec::new(),
        groups: Vec::new(),
        inventory: None,
        findings: Vec::new(),
        summary: Summary { sentence: "The capture holds no packets.".to_owned(), next_step: None },
        assumption: None,
        flows_total: 0,
        matter: Vec::new(),
        verdicts: Vec::new(),
    };
    (report, Table(Vec::new()))
}

/// Three flows of one service: one reset by a director after 90 s, two closed in good order.
pub(crate) fn incident() -> (Report, Table) {
    let mut capture = capture("incident\u{1b}]0;x\u{7}.pcap", 1234);
    capture.quality.push(Quality {
        id: "truncated".to_owned(),
        text: "The file ends inside a record: what came after is not known.".to_owned(),
        count: None,
    });
    capture.skips.push(Skip {
        layer: "ip".to_owned(),
        reason: "not-tcp".to_owned(),
        example: "protocol 17".to_owned(),
        first_frame: Frame::Only(3),
        count: 1200,
    });
    let report = Report {
        captures: vec![capture],
        services: vec![service()],
        groups: Vec::new(),
        inventory: None,
        findings: vec![finding()],
        summary: Summary {
            sentence: "1 of 3 flows to 10.0.0.9:80 died after 90.0 s of silence: a box on the path reset both ends."
                .to_owned(),
            next_step: Some("Capture on the client too: sudo tcpdump -s 128 -w client.pcap 'tcp port 80'".to_owned()),
        },
        assumption: None,
        flows_total: 3,
        matter: vec![0],
        verdicts: vec![("idle-reset".to_owned(), 1), ("graceful".to_owned(), 2)],
    };
    (report, Table(vec![killed(), flow(1, "graceful"), flow(2, "graceful")]))
}

/// A flow with nothing to say.
pub(crate) fn flow(id: u32, verdict: &'static str) -> Flow {
    Flow {
        id,
        wireshark_stream: Some(id),
        community_id: "1:x".to_owned(),
        client: format!("10.0.0.1:4000{id}"),
        server: "10.0.0.9:80".to_owned(),
        orientation: "handshake",
        tunnel: None,
        real_client: None,
        first_time: "2026-11-22T17:29:00.000000000Z".to_owned(),
        last_time: "2026-11-22T17:30:30.000000000Z".to_owned(),
        packets: 9,
        payload_bytes: Both { c2s: 100, s2c: 0 },
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
            id: verdict,
            confidence: "certain",
            reasons: Vec::new(),
            gap_s: None,
            timeout_s: None,
            frames: Vec::new(),
        },
    }
}

fn killed() -> Flow {
    let mut flow = flow(0, "idle-reset");
    flow.gaps = vec![Gap {
        clock: "packet",
        start_frame: Frame::Only(9),
        end_frame: Some(Frame::Only(12)),
        duration_s: 90.04,
        ended_by: Some("server rst".to_owned()),
        outcome: "died",
        half_closed: false,
        known_timeouts: vec!["alibaba-lvs-fullnat-established".to_owned()],
    }];
    flow.gaps_total = 1;
    let reset = |frame, from| Reset {
        frame: Frame::Only(frame),
        from,
        origin: "middlebox",
        confidence: "certain",
        reasons: vec!["hop limit 250, the server's is 61".to_owned()],
        effective: true,
        acceptability: "accepted",
    };
    flow.resets = vec![reset(12, "server"), reset(13, "client")];
    flow.resets_total = 2;
    flow.keepalive.c2s = Keepalive {
        probes: 3,
        answered: 3,
        style: Some("empty"),
        time_s: Some(30.0),
        frames: vec![Frame::Only(5)],
        frames_total: 3,
        ..Keepalive::default()
    };
    flow.waiting = Some(Waiting {
        side: "client",
        since_frame: Frame::Only(4),
        waited_s: 350.2,
        request: Some("GET /report\u{1b}[2J".to_owned()),
    });
    flow.verdict.gap_s = Some(90.04);
    flow.verdict.frames = vec![Frame::Only(9), Frame::Only(12), Frame::Only(13)];
    flow
}

fn capture(file: &str, packets: u64) -> Capture {
    Capture {
        file: file.to_owned(),
        format: "pcap".to_owned(),
        link_types: vec!["Ethernet".to_owned()],
        packets,
        tcp_segments: packets.saturating_sub(1200),
        first_time: (packets > 0).then(|| "2026-11-22T17:29:00.000000000Z".to_owned()),
        last_time: (packets > 0).then(|| "2026-11-22T17:59:00.000000000Z".to_owned()),
        timeline: 0,
        skips: Vec::new(),
        truncated: packets > 0,
        quality: Vec::new(),
    }
}

fn service() -> Service {
    Service {
        server: "10.0.0.9:80".to_owned(),
        flows: 3,
        died: 1,
        clock: "packet",
        survived_max_s: Some(60.0),
        died_min_s: Some(90.04),
        died_max_s: Some(90.04),
        timer_range_s: Some([90.04, 90.04]),
        contradiction: None,
        paths: Vec::new(),
        candidates: vec![Candidate {
            id: "alibaba-lvs-fullnat-established".to_owned(),
            vendor: "Alibaba".to_owned(),
            product: "LVS FULLNAT".to_owned(),
            idle_s: 90.0,
            fit: "exact".to_owned(),
            reasons: vec!["both ends reset at the timer".to_owned()],
        }],
    }
}

fn finding() -> Finding {
    Finding {
        id: "idle-reset",
        severity: "high",
        title: "A box on the path resets silent flows after 90 s".to_owned(),
        detail: "Flow 0 was silent for 90.0 s, then both ends got a RST that neither had sent.".to_owned(),
        flows: vec![0],
        flows_total: 1,
        frames: vec![Frame::Only(12), Frame::Only(13)],
        advice: vec![Advice {
            stack: "nginx".to_owned(),
            text: "Turn keepalive on towards the client, first probe after 45 s.".to_owned(),
            snippet: "listen 80 so_keepalive=45s:15s:3;".to_owned(),
        }],
    }
}
