//! Who sent a RST: the evidence weighed, and kept to be printed.
//!
//! Each sign adds to one side. No sign alone clears or convicts: hop limits change on load-balanced paths, bare RSTs come
//! from hosts and from routers alike, and a FULLNAT mark names the path and not the sender.

use crate::flow::resets::{Acceptability, Reset};
use crate::flow::{Direction, Flow, SegmentKind};
use crate::time::Span;
use crate::verdict::{Confidence, Origin, Reason, Verdict, VerdictId};

/// RSTs in both directions within this time belong together.
const TOGETHER: Span = Span::from_millis(50);
/// Answers under this time are too close to the capture point to tell a box from a host.
const NEAR: Span = Span::from_millis(1);
/// Windows that name a vendor: Citrix NetScaler, no control block (CTX583058) and idle clean-up (CTX492010).
pub(crate) const VENDOR_WINDOWS: [u16; 2] = [8201, 9300];
/// A hop limit this far from the sender's is another sender's; less may be another path (ECMP).
const FAR_HOPS: u8 = 3;

/// Who sent a RST, how sure that is, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Who.
    pub origin: Origin,
    /// How sure.
    pub confidence: Confidence,
    /// The evidence, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// Weighs the evidence on `reset` of `flow`.
#[must_use]
pub fn attribute(flow: &Flow, reset: &Reset) -> Attribution {
    let mut scales = Scales::balanced();
    weigh_life(reset, &mut scales);
    weigh_delay(flow, reset, &mut scales);
    weigh_path(flow, reset, &mut scales);
    weigh_silence(flow, reset, &mut scales);
    weigh_shape(flow, reset, &mut scales);
    let who = scales.decide();
    // The bare shape says that its sender had no state, not which box that was: what lives on after it may yet tell.
    let stateless = who.origin == Origin::Endpoint && !reset.has_ack;
    let confidence = if stateless { who.confidence.min(Confidence::Likely) } else { who.confidence };
    Attribution { confidence, ..who }
}

/// The same with what the verdict on the flow adds: among flows that died at one age, busy or not, a RST that no live
/// socket sends is possibly a box's.
#[must_use]
pub fn attribute_within(flow: &Flow, reset: &Reset, verdict: &Verdict) -> Attribution {
    let who = attribute(flow, reset);
    let at_one_age = verdict.reasons.iter().find(|reason| matches!(reason, Reason::OneAge(..)));
    match at_one_age.filter(|_| verdict.id == VerdictId::AgeLimit) {
        Some(reason) if who.origin == Origin::Unknown && !reset.has_ack && reset.is_effective() => {
            let reasons = std::iter::once(reason.clone()).chain(who.reasons).collect();
            Attribution { origin: Origin::Middlebox, confidence: Confidence::Possible, reasons }
        }
        _ => who,
    }
}

/// Signs that one RST rarely has more of.
const SIGNS: usize = 8;

/// Points for either side, each with its reason, and whether any of them is a sign that no endpoint gives.
struct Scales {
    middlebox: i32,
    endpoint: i32,
    convicted: bool,
    reasons: Vec<(i32, Reason)>,
}

impl Scales {
    fn balanced() -> Self {
        Self { middlebox: 0, endpoint: 0, convicted: false, reasons: Vec::with_capacity(SIGNS) }
    }

    fn against(&mut self, points: i32, reason: Reason) {
        self.middlebox += points;
        self.reasons.push((points, reason));
    }

    /// A sign that no endpoint gives, even if the capture lost what provoked its RST or the route has changed.
    fn convict(&mut self, points: i32, reason: Reason) {
        self.convicted = true;
        self.against(points, reason);
    }

    fn for_endpoint(&mut self, points: i32, reason: Reason) {
        self.endpoint += points;
        self.reasons.push((points, reason));
    }

    fn decide(mut self) -> Attribution {
        self.reasons.sort_by_key(|(points, _)| -points);
        let margin = self.middlebox - self.endpoint;
        let (origin, confidence) = match margin {
            // However many weak signs there are: a restarted host behind a new route gives all of them.
            3.. if !self.convicted => (Origin::Middlebox, Confidence::Possible),
            6.. if self.endpoint <= 1 => (Origin::Middlebox, Confidence::Certain),
            4.. => (Origin::Middlebox, Confidence::Likely),
            3 => (Origin::Middlebox, Confidence::Possible),
            ..=-4 => (Origin::Endpoint, Confidence::Certain),
            -3 => (Origin::Endpoint, Confidence::Likely),
            -2 => (Origin::Endpoint, Confidence::Possible),
            _ => (Origin::Unknown, Confidence::Possible),
        };
        Attribution { origin, confidence, reasons: self.reasons.into_iter().map(|(_, reason)| reason).collect() }
    }
}

/// Life after the RST: a sender that goes on did not send it.
fn weigh_life(reset: &Reset, scales: &mut Scales) {
    let answers_challenge = reset.trigger.is_some_and(|trigger| trigger.kind == SegmentKind::ChallengeAck);
    if answers_challenge {
        // It clears the old generation of a reused port, and its sender lives on in the new one (RFC 9293 3.10.7.4).
        scales.for_endpoint(4, Reason::StatelessShape);
    } else if reset.sender_lives {
        scales.convict(5, Reason::SenderLives);
    }
    if reset.receiver_lives {
        scales.against(0, Reason::ReceiverLives);
    }
    if reset.challenged {
        scales.against(1, Reason::Challenged);
    } else if reset.acceptability == Acceptability::Outside {
        scales.against(0, Reason::Unacceptable);
    }
}

/// An answer that comes sooner than the sender ever answered.
fn weigh_delay(flow: &Flow, reset: &Reset, scales: &mut Scales) {
    let (Some(trigger), Some(least)) = (reset.trigger, flow.end(reset.direction.reverse()).ack_delay) else {
        return;
    };
    let delay = reset.mark.time.since(trigger.mark.time);
    if least < NEAR || !trigger.seq_is_its_ack {
        return;
    }
    // Without the handshake all that was measured may be delayed acknowledgments (RFC 9293 3.8.6.3), while a RST is
    // never delayed.
    let measured = flow.end(Direction::FromInitiator).isn.is_some() && flow.end(Direction::FromResponder).isn.is_some();
    if delay.times(2) < least {
        match measured {
            true => scales.convict(5, Reason::TooFast(delay, least)),
            false => scales.against(2, Reason::TooFast(delay, least)),
        }
    } else if delay.times(10) >= least.times(8) {
        scales.for_endpoint(2, Reason::AsFastAsSender(delay, least));
    }
}

/// Hop limit and MAC address against those of the sender's earlier segments.
fn weigh_path(flow: &Flow, reset: &Reset, scales: &mut Scales) {
    let baseline = &flow.end(reset.direction).baseline;
    if let (Some(usual), Some(mac)) = (baseline.src_mac, reset.src_mac)
        && usual != mac
    {
        scales.against(1, Reason::OtherMac);
    }
    match baseline.hop_distance(reset.hop_limit) {
        None => {}
        // A box beside the host has the host's hop limit, and boxes start from 64 too: equality clears no RST that
        // nothing provoked.
        Some(0) if reset.trigger.is_none() && !reset.has_ack => {
            scales.for_endpoint(0, Reason::SameHopLimit(reset.hop_limit))
        }
        Some(0) => scales.for_endpoint(2, Reason::SameHopLimit(reset.hop_limit)),
        Some(distance) => {
            let nearest = nearest_hop_limit(baseline.hop_limits(), reset.hop_limit);
            // One or two hops more than a steady sender's: something nearer than it; fewer may be another path.
            let steady = baseline.hop_limits().count() == 1;
            // A SYN alone is no baseline: a scanner makes its own, and the kernel that answers the SYN-ACK another.
            let syn_alone = reset.trigger.is_some_and(|trigger| trigger.kind == SegmentKind::SynAck);
            let points = match distance {
                _ if syn_alone => 1,
                FAR_HOPS.. if !reset.has_ack && is_kernels_own(reset.hop_limit, nearest) => 1,
                FAR_HOPS.. if !reset.has_ack && baseline.is_as_many_routers_away(reset.hop_limit) => 3,
                1..FAR_HOPS if steady && reset.hop_limit > nearest => 3,
                1..FAR_HOPS => 1,
                _ => return scales.convict(4, Reason::OtherHopLimit(reset.hop_limit, nearest)),
            };
            scales.against(points, Reason::OtherHopLimit(reset.hop_limit, nearest));
        }
    }
}

/// RSTs out of silence, and in both directions.
fn weigh_silence(flow: &Flow, reset: &Reset, scales: &mut Scales) {
    let twin = flow
        .resets()
        .find(|other| other.direction != reset.direction && other.mark.time.since(reset.mark.time).abs() <= TOGETHER);
    // What was not captured may have provoked it.
    let receiver_seen = flow.end(reset.direction.reverse()).last.is_some();
    let spontaneous = receiver_seen && reset.trigger.is_none() && reset.silence >= flow.gap_threshold();
    let twin_spontaneous = twin.is_some_and(|twin| twin.trigger.is_none());
    if let Some(twin) = twin.filter(|_| spontaneous || twin_spontaneous) {
        let apart = twin.mark.time.since(reset.mark.time).abs();
        let silence = reset.silence.max(twin.silence);
        if silence >= flow.gap_threshold() {
            scales.convict(4, Reason::BothDirections(apart));
        }
    }
    let gave_up = flow.probes(reset.direction).is_some_and(|probes| probes.keepalive.run > 0)
        || flow.end(reset.direction).in_flight();
    if spontaneous && !gave_up {
        // A live socket that aborts sends RST with ACK; out of silence a bare one is a box's, unless the capture lacks
        // the one segment that provoked it: the absence of a sign alone convicts nobody.
        scales.against(if reset.has_ack { 0 } else { 3 }, Reason::Spontaneous(reset.silence));
    }
    if reset.has_fullnat_mark() {
        match spontaneous {
            true => scales.convict(3, Reason::FullnatMark),
            false => scales.against(0, Reason::FullnatMark),
        }
    }
    if VENDOR_WINDOWS.contains(&reset.window) && reset.window != flow.end(reset.direction).window.unwrap_or(0) {
        scales.convict(3, Reason::VendorCode(reset.window));
    }
}

/// Flags, options and IP identification.
fn weigh_shape(flow: &Flow, reset: &Reset, scales: &mut Scales) {
    let sender = flow.end(reset.direction);
    let negotiated = sender.timestamps.is_some();
    if reset.has_ack {
        let receiver_next = flow.end(reset.direction.reverse()).snd_nxt;
        let knows_both_numbers = receiver_next == Some(reset.ack_field);
        match (knows_both_numbers, negotiated, reset.timestamps) {
            (true, true, true) => scales.for_endpoint(3, Reason::SocketShape),
            (true, false, _) => scales.for_endpoint(2, Reason::SocketShape),
            (true, true, false) => scales.for_endpoint(1, Reason::SocketShapeWithoutTimestamps),
            (false, ..) => {}
        }
    } else if reset.trigger.is_some_and(|trigger| trigger.seq_is_its_ack) {
        scales.for_endpoint(0, Reason::StatelessShape);
    }
    if let (Some(id), Some(last)) = (reset.ip_id, sender.baseline.last_ip_id)
        && id != 0
        && sender.baseline.ip_id_step > sender.baseline.ip_id_jump
    {
        if (1..=64).contains(&id.wrapping_sub(last)) {
            scales.for_endpoint(2, Reason::IpIdContinues);
        } else {
            scales.against(1, Reason::IpIdBreaks);
        }
    }
}

/// Whether a hop limit is the default of the kernel whose sockets send 255 by choice (RFC 5082), after as many routers: a
/// host without the connection answers with its kernel's own.
fn is_kernels_own(hop_limit: u8, of_sockets: u8) -> bool {
    let routers = u8::MAX - of_sockets;
    of_sockets > 128 && [64_u8, 128].into_iter().any(|default| default.checked_sub(routers) == Some(hop_limit))
}

fn nearest_hop_limit(seen: impl Iterator<Item = (u8, u16)>, hop_limit: u8) -> u8 {
    seen.map(|(value, _)| value).min_by_key(|value| value.abs_diff(hop_limit)).unwrap_or(hop_limit)
}

/// The RST that ended the flow and its attribution.
#[must_use]
pub fn decisive(flow: &Flow) -> Option<(&Reset, Attribution)> {
    let reset = decisive_reset(flow)?;
    Some((reset, attribute(flow, reset)))
}

/// The RST that ended the flow: the first that was obeyed, else the first.
pub(crate) fn decisive_reset(flow: &Flow) -> Option<&Reset> {
    // A challenge ACK is a sign of life of the receiver, too.
    let survived = |reset: &Reset| {
        (reset.receiver_lives || reset.challenged) && (reset.sender_lives || reset.challenged && reset.receiver_lives)
    };
    flow.resets().find(|reset| reset.is_effective()).or_else(|| flow.resets().find(|reset| !survived(reset)))
}

/// The end that a RST in `direction` left in ignorance: the claimed sender, unless a RST went its way too.
#[must_use]
pub fn half_open_after(flow: &Flow, reset: &Reset, origin: Origin) -> Option<Direction> {
    if origin != Origin::Middlebox {
        return None;
    }
    let other = flow.resets().find(|other| other.direction != reset.direction && other.is_effective());
    if reset.is_effective() {
        return other.is_none().then_some(reset.direction);
    }
    other.map(|_| reset.direction.reverse())
}
