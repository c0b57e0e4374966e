//! From the analysis to the model: every flow on demand, everything else at once.

use std::borrow::Cow;

use crate::flow::gaps::{Clock, Gap, Gaps};
use crate::flow::mark::Mark;
use crate::flow::{Direction, Flow, IcmpEvent, Orientation};
use crate::report::conclude;
use crate::report::evicted::{Evicted, Gone};
pub use crate::report::judged::{Asked, Timeline};
use crate::report::judged::{Judged, frame, outcome, request};
use crate::report::model::{self, Both, Flows, Frame, Report};
use crate::report::numbers::FlowNumbers;
use crate::report::survival::{self, Survival};
use crate::report::units::rfc3339;
use crate::report::words;
use crate::time::{Span, Timestamp};
use crate::timeouts::Table;
use crate::verdict::attribution::attribute_within;
use crate::verdict::bracket::Bracket;
use crate::verdict::settings::nearby::answered_nearby;
use crate::verdict::settings::stack::looks_like;
use crate::verdict::settings::{Estimate, idle_before_capture, settings};
use crate::verdict::{Verdict, VerdictId};
use crate::wire::IcmpKind;

/// Known timeouts named per gap at most.
const NAMED: usize = 3;

/// The report, and the flows it builds on demand.
pub struct Built {
    /// Everything beside the flows.
    pub report: Report,
    timelines: Vec<Judged>,
    numbers: FlowNumbers,
    table: Table,
    several_files: bool,
}

/// Builds the report of a run over `timelines`, whose flows have these `numbers`, with known timeouts from `table`.
#[must_use]
pub fn build(timelines: Vec<Timeline>, numbers: FlowNumbers, table: &Table, asked: Asked<'_>) -> Built {
    build_beside(timelines, numbers, table, asked, Evicted::default())
}

/// The same for a run in which flows had to leave before the end.
#[must_use]
pub fn build_beside(
    timelines: Vec<Timeline>,
    numbers: FlowNumbers,
    table: &Table,
    asked: Asked<'_>,
    evicted: Evicted,
) -> Built {
    let Evicted { gathered, timelines: gone } = evicted;
    let files: usize = timelines.iter().map(|timeline| timeline.files.len()).sum();
    let several_files = files > 1;
    let gone = gone.into_iter().chain(std::iter::repeat_with(Gone::default));
    let timelines: Vec<_> =
        timelines.into_iter().zip(gone).map(|(timeline, gone)| Judged::new(timeline, gone, asked.threads)).collect();
    let report = conclude::report(&timelines, &numbers, table, several_files, asked, gathered);
    Built { report, timelines, numbers, table: table.clone(), several_files }
}

impl Built {
    /// The silences of all services, in the order of the report's.
    #[must_use]
    pub fn survivals(&self) -> Vec<Survival> {
        survival::gather(&self.timelines, &self.numbers)
    }

    /// Flow number `id` with the verdict on it, and the timeline that it is of.
    pub(crate) fn judged(&self, id: u32) -> Option<(Cow<'_, Flow>, Verdict, &Judged)> {
        let (timeline, index) = self.numbers.place(id)?;
        let judged = self.timelines.get(timeline)?;
        let (flow, verdict) = judged.judged(index)?;
        Some((flow, verdict, judged))
    }

    /// The timelines, judged.
    pub(crate) fn timelines(&self) -> &[Judged] {
        &self.timelines
    }
}

impl Flows for Built {
    fn flow(&self, id: u32) -> Option<model::Flow> {
        let (flow, verdict, judged) = self.judged(id)?;
        let (began, several_files) = (judged.began(), self.several_files);
        let service = judged.services.of(flow.server()).map(|service| service.packet);
        let service = service.filter(|bracket| bracket.contradiction().is_none());
        Some(
            FlowBuilder { flow: &flow, verdict: &verdict, began, service, table: &self.table, several_files }.build(id),
        )
    }
}

/// Flow number `id` of a capture that began at `began` and goes on, with the verdict so far.
#[must_use]
pub fn flow(id: u32, flow: &Flow, verdict: &Verdict, began: Option<Timestamp>, table: &Table) -> model::Flow {
    FlowBuilder { flow, verdict, began, service: None, table, several_files: false }.build(id)
}

struct FlowBuilder<'a> {
    flow: &'a Flow,
    verdict: &'a Verdict,
    began: Option<Timestamp>,
    /// The bracket of its service, where no flow contradicts it.
    service: Option<Bracket>,
    table: &'a Table,
    several_files: bool,
}

impl FlowBuilder<'_> {
    fn build(&self, id: u32) -> model::Flow {
        let flow = self.flow;
        let extras = flow.extras();
        let clocks = [(Clock::Packet, flow.packet_gaps()), (Clock::Payload, flow.payload_gaps())];
        model::Flow {
            id,
            wireshark_stream: flow.stream.filter(|_| !self.several_files),
            community_id: flow.key.community_id(),
            client: flow.client().to_string(),
            server: flow.server().to_string(),
            orientation: match flow.orientation {
                Orientation::Handshake => "handshake",
                Orientation::Inferred => "inferred",
            },
            tunnel: extras.and_then(|extras| extras.tunnel).map(words::tunnel),
            real_client: flow.real_client().map(|client| client.to_string()),
            first_time: rfc3339(flow.first.time),
            last_time: rfc3339(flow.last.time),
            packets: Direction::BOTH.into_iter().map(|direction| flow.end(direction).counters().packets).sum(),
            payload_bytes: self.both(|direction| flow.end(direction).counters().payload_bytes),
            sequence: self.both(|direction| self.sequence(direction)),
            rtt_s: flow.rtt().map(Span::as_secs_f64),
            keepalive: self.both(|direction| self.keepalive(direction)),
            zero_window_probes: self.both(|direction| flow.end(direction).counters().zero_window_probes),
            retransmissions: self.both(|direction| flow.end(direction).counters().retransmissions),
            longest_silence: self.both(|direction| self.silence(direction)),
            gaps: clocks.into_iter().flat_map(|(clock, gaps)| self.gaps(clock, gaps)).collect(),
            gaps_total: clocks.into_iter().filter_map(|(_, gaps)| gaps).map(Gaps::total).sum(),
            resets: flow.resets().map(|reset| self.reset(reset)).collect(),
            resets_total: extras.map_or(0, |extras| extras.resets.total()),
            icmp: extras.into_iter().flat_map(|extras| extras.icmp.iter()).map(|event| self.icmp(event)).collect(),
            icmp_total: extras.map_or(0, |extras| extras.icmp.total()),
            waiting: self.waiting(),
            half_open: self.verdict.half_open.map(Direction::sender),
            verdict: self.verdict(),
        }
    }

    fn both<T>(&self, value: impl Fn(Direction) -> T) -> Both<T> {
        Both { c2s: value(Direction::FromInitiator), s2c: value(Direction::FromResponder) }
    }

    fn frame(&self, mark: Mark) -> Frame {
        frame(mark.frame, self.several_files)
    }

    fn sequence(&self, direction: Direction) -> model::Sequence {
        let counters = self.flow.end(direction).counters();
        model::Sequence {
            segments: counters.packets,
            out_of_order: counters.out_of_order,
            spurious: counters.spurious,
            missing_bytes: counters.missing_bytes,
            unseen_bytes: counters.unseen_bytes,
            duplicate_frames: counters.duplicates,
        }
    }

    fn keepalive(&self, direction: Direction) -> model::Keepalive {
        let began = self.began.and_then(|began| idle_before_capture(self.flow, direction, began));
        let idle_before_capture_s = began.map(Span::as_secs_f64);
        let Some(probes) = self.flow.probes(direction) else {
            return model::Keepalive { idle_before_capture_s, ..model::Keepalive::default() };
        };
        let stats = &probes.keepalive;
        let settings = settings(self.flow, direction);
        let likely = |estimate: Option<Estimate>| estimate.and_then(|estimate| estimate.likely).map(Span::as_secs_f64);
        let range = |estimate: Option<Estimate>| {
            estimate.map(|estimate| [estimate.least.as_secs_f64(), estimate.most.as_secs_f64()])
        };
        model::Keepalive {
            probes: stats.total(),
            answered: stats.answered,
            unanswered: stats.unanswered(),
            answered_by_reset: stats.reset,
            answered_unseen: stats.unseen,
            style: match (stats.empty, stats.one_byte) {
                (0, 0) => None,
                (_, 0) => Some("empty"),
                (0, _) => Some("one-byte"),
                _ => Some("mixed"),
            },
            frames: stats.frames.iter().map(|id| frame(*id, self.several_files)).collect(),
            frames_total: stats.frames.total(),
            time_s: likely(settings.time),
            time_range_s: range(settings.time),
            interval_s: likely(settings.interval),
            interval_range_s: range(settings.interval),
            count: settings.count,
            looks_like: looks_like(self.flow, direction, self.table).into_iter().map(|row| row.id.clone()).collect(),
            answered_nearby: answered_nearby(self.flow, direction).map(|nearby| model::AnsweredNearby {
                confidence: nearby.confidence.name(),
                reasons: nearby.signs.iter().map(words::answer_sign).collect(),
            }),
            idle_before_capture_s,
        }
    }

    fn silence(&self, direction: Direction) -> Option<model::Silence> {
        let silence = self.flow.end(direction).silence;
        (silence.length > Span::ZERO).then(|| model::Silence {
            duration_s: silence.length.as_secs_f64(),
            start_frame: frame(silence.start, self.several_files),
            end_frame: frame(silence.end, self.several_files),
        })
    }

    fn gaps(&self, clock: Clock, gaps: Option<&Gaps>) -> Vec<model::Gap> {
        let kept = gaps.map(Gaps::kept).unwrap_or_default();
        let gap = |gap: &crate::flow::gaps::Gap| model::Gap {
            clock: clock.name(),
            start_frame: self.frame(gap.start),
            end_frame: gap.ended_by.map(|ender| self.frame(ender.mark)),
            duration_s: gap.length.as_secs_f64(),
            ended_by: gap.ended_by.map(|ender| format!("{} {}", ender.direction.sender(), ender.kind)),
            outcome: outcome(self.verdict, clock, gap).name(),
            half_closed: gap.half_closed,
            known_timeouts: self.known_timeouts(clock, gap),
        };
        kept.iter().map(gap).collect()
    }

    /// Which known timers the gap could show: those that ended it if it died, those that it disproves if it survived.
    fn known_timeouts(&self, clock: Clock, gap: &Gap) -> Vec<String> {
        let gap = Gap { outcome: outcome(self.verdict, clock, gap), ..*gap };
        conclude::known(self.table, clock, &gap, self.service, NAMED)
    }

    fn reset(&self, reset: &crate::flow::resets::Reset) -> model::Reset {
        use crate::flow::resets::Acceptability;
        let who = attribute_within(self.flow, reset, self.verdict);
        model::Reset {
            frame: self.frame(reset.mark),
            from: reset.direction.sender(),
            origin: who.origin.name(),
            confidence: who.confidence.name(),
            reasons: who.reasons.iter().map(words::reason).collect(),
            effective: reset.is_effective(),
            acceptability: match reset.acceptability {
                Acceptability::Exact => "accepted",
                Acceptability::InWindow => "challenged",
                Acceptability::Outside => "ignored",
                Acceptability::Unknown => "unknown",
            },
        }
    }

    fn icmp(&self, event: &IcmpEvent) -> model::Icmp {
        model::Icmp {
            frame: self.frame(event.mark),
            time: rfc3339(event.mark.time),
            about: event.about.sender(),
            from: event.from.to_string(),
            message: match event.kind {
                IcmpKind::Unreachable(code) => unreachable(event.from.is_ipv4(), code),
                IcmpKind::TooBig(0) => "fragmentation needed".to_owned(),
                IcmpKind::TooBig(mtu) => format!("fragmentation needed, MTU {mtu}"),
                IcmpKind::TimeExceeded => "time exceeded".to_owned(),
                IcmpKind::Other(kind, code) => format!("ICMP type {kind}, code {code}"),
            },
        }
    }

    /// The client waits for an answer, unless the flow ended in good order.
    fn waiting(&self) -> Option<model::Waiting> {
        let since = self.flow.asked_since()?;
        let over = matches!(self.verdict.id, VerdictId::Graceful);
        (!over).then(|| model::Waiting {
            side: Direction::FromInitiator.sender(),
            since_frame: self.frame(since),
            waited_s: self.flow.last.time.since(since.time).as_secs_f64(),
            request: request(self.flow),
        })
    }

    fn verdict(&self) -> model::Verdict {
        let verdict = self.verdict;
        model::Verdict {
            id: verdict.id.name(),
            confidence: verdict.confidence.name(),
            reasons: verdict.reasons.iter().map(words::reason).collect(),
            gap_s: verdict.gap.map(|(_, gap)| gap.length.as_secs_f64()),
            timeout_s: verdict.timeout.map(Span::as_secs_f64),
            frames: verdict.frames.iter().map(|id| frame(*id, self.several_files)).collect(),
        }
    }
}

/// What could not be reached, or why (RFC 792 and RFC 1812 5.2.7.1; RFC 4443 3.1).
fn unreachable(is_ipv4: bool, code: u8) -> String {
    match (is_ipv4, code) {
        (true, 0) => "network unreachable".to_owned(),
        (true, 1) | (false, 3) => "host unreachable".to_owned(),
        (true, 2) => "protocol unreachable".to_owned(),
        (true, 3) | (false, 4) => "port unreachable".to_owned(),
        (true, 9 | 10 | 13) | (false, 1) => "administratively prohibited".to_owned(),
        (false, 0) => "no route to the destination".to_owned(),
        (false, 6) => "route rejected".to_owned(),
        _ => format!("destination unreachable, code {code}"),
    }
}
