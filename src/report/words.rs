//! Verdicts and evidence put into words.

use crate::flow::gaps::Clock;
use crate::report::units::{duration, plural, seconds};
use crate::timeouts::Expiry;
use crate::verdict::{Reason, VerdictId};

/// One piece of evidence as a clause.
#[must_use]
pub fn reason(reason: &Reason) -> String {
    path_reason(reason).or_else(|| shape_reason(reason)).unwrap_or_else(|| course_reason(reason))
}

/// Evidence about who stands where on the path.
fn path_reason(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::SenderLives => "the end it claims to come from kept sending after it".to_owned(),
        Reason::ReceiverLives => "its receiver kept sending after it".to_owned(),
        Reason::TooFast(delay, least) => {
            format!("it came after {}, that end never answered in under {}", seconds(*delay), seconds(*least))
        }
        Reason::AsFastAsSender(delay, least) => {
            format!("it came after {}, as late as that end's answers ({})", seconds(*delay), seconds(*least))
        }
        Reason::OtherHopLimit(seen, usual) => format!("its TTL is {seen}, that end's is {usual}"),
        Reason::SameHopLimit(seen) => format!("its TTL is {seen}, as that end's"),
        Reason::BothDirections(apart) if apart.as_nanos() == 0 => {
            "a RST went to both ends at the same moment".to_owned()
        }
        Reason::BothDirections(apart) => format!("a RST went to both ends within {}", seconds(*apart)),
        Reason::Spontaneous(silence) => format!("nothing provoked it: {} of silence before", duration(*silence)),
        Reason::FullnatMark => {
            "no ACK flag but an acknowledgment number: an LVS FULLNAT director is on the path".to_owned()
        }
        Reason::VendorCode(8201) => "window 8201: NetScaler's code for a packet without a connection".to_owned(),
        Reason::VendorCode(9300) => "window 9300: NetScaler's code for cleaning up an idle connection".to_owned(),
        Reason::VendorCode(code) => format!("window {code} is a vendor's code"),
        Reason::OtherMac => "its source MAC address is another".to_owned(),
        _ => return None,
    })
}

/// Evidence in the RST itself.
fn shape_reason(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::SocketShape => "flags, numbers and options are those of a live socket".to_owned(),
        Reason::SocketShapeWithoutTimestamps => {
            "flags and numbers are those of a live socket, but the flow's timestamps are missing".to_owned()
        }
        Reason::StatelessShape => "it is what a host without the connection sends (RFC 9293 3.10.7.1)".to_owned(),
        Reason::IpIdContinues => "its IP identification continues that end's".to_owned(),
        Reason::IpIdBreaks => "its IP identification does not continue that end's".to_owned(),
        Reason::Unacceptable => "it lies outside its receiver's window, which ignores it".to_owned(),
        Reason::Challenged => "its receiver challenged it (RFC 5961)".to_owned(),
        Reason::AfterClose => "the RST came after the connection was closed".to_owned(),
        _ => return None,
    })
}

/// Evidence in the course of the flow.
fn course_reason(reason: &Reason) -> String {
    match reason {
        Reason::ProbesUnanswered(run) => format!("{} unanswered", plural(u64::from(*run), "keepalive probe")),
        Reason::DataUnanswered(0) => "data was never acknowledged".to_owned(),
        Reason::DataUnanswered(repeats) => {
            format!("data was never acknowledged, over {}", plural(u64::from(*repeats), "retransmission"))
        }
        Reason::Gap(Clock::Packet, length) => format!("no packet either way for {}", duration(*length)),
        Reason::Gap(Clock::Payload, length) => format!("no payload either way for {}", duration(*length)),
        Reason::ServerFin => "the server's side closed first (FIN)".to_owned(),
        Reason::ClientFin => "the client's side closed first (FIN)".to_owned(),
        Reason::KeepalivesAnswered(count) => {
            format!("{} answered on the way", plural(u64::from(*count), "keepalive probe"))
        }
        Reason::WindowClosed(probes) => {
            format!("the receiver's window stayed closed over {}", plural(u64::from(*probes), "probe"))
        }
        Reason::SynUnanswered(wait, tries) => {
            format!("{} unanswered in {}", plural(*tries, "SYN"), duration(*wait))
        }
        Reason::SynRefused => "the SYN was answered by a RST".to_owned(),
        Reason::IcmpError => "an ICMP error came back".to_owned(),
        Reason::DataAfterFin => "the client's data met the server's FIN".to_owned(),
        Reason::OneSided => "only one direction was captured".to_owned(),
        Reason::AlsoFits(id) => format!("{} would look the same", id.name()),
        Reason::LikeOthers(died, Some(survived)) => {
            format!("{} flows of this service died so, and none survived more than {}", died, duration(*survived))
        }
        Reason::LikeOthers(died, None) => format!("{died} flows of this service died so"),
        Reason::OneAge(died, age) => {
            format!("{died} flows of this service ended {} after they began, silent or not", duration(*age))
        }
        Reason::EndsTooSoon => "the capture ends too soon after it".to_owned(),
        Reason::ClockSteps => "the capture's clock ran backwards within the flow".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What happened, as the predicate of a sentence: `3 flows ...`.
#[must_use]
pub const fn happened(id: VerdictId) -> &'static str {
    match id {
        VerdictId::IdleReset => "reset by a box on the path after silence",
        VerdictId::IdleResetNext => "forgotten by a box on the path, which reset the next packet after silence",
        VerdictId::IdleDrop => "forgotten after silence: what came next was never answered",
        VerdictId::IdleClose => "closed by the server's side after silence",
        VerdictId::HalfClosedTimeout => "lost after one side had closed and silence followed",
        VerdictId::KeepaliveExhausted => "given up after unanswered keepalive probes",
        VerdictId::RetransmissionExhausted => "left with data unanswered, without an idle gap before",
        VerdictId::ZeroWindowStall => "stalled: the receiver stopped reading",
        VerdictId::CloseRace => "closed by the server while a request was on its way",
        VerdictId::AgeLimit => "ended at one age, busy or not",
        VerdictId::EndpointAbort => "aborted by one of its ends",
        VerdictId::EndpointNoSocket => "reset by a host that did not know the connection",
        VerdictId::InjectedReset => "reset by a box on the path without silence before",
        VerdictId::Refused => "refused or never answered",
        VerdictId::Graceful => "closed in good order",
        VerdictId::Open => "alive at the end of the capture",
        VerdictId::Inconclusive => "not decided by this capture",
    }
}

/// How bad a verdict is for somebody who asks about silence.
#[must_use]
pub const fn severity(id: VerdictId) -> &'static str {
    match id {
        VerdictId::IdleReset
        | VerdictId::IdleResetNext
        | VerdictId::IdleDrop
        | VerdictId::HalfClosedTimeout
        | VerdictId::AgeLimit => "high",
        VerdictId::IdleClose
        | VerdictId::KeepaliveExhausted
        | VerdictId::RetransmissionExhausted
        | VerdictId::InjectedReset
        | VerdictId::ZeroWindowStall
        | VerdictId::CloseRace => "medium",
        _ => "low",
    }
}

/// How a timer killed, in words.
#[must_use]
pub const fn manner(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::RstBoth => "a RST to both ends",
        Expiry::RstOnNextPacket => "a RST to whoever speaks next",
        Expiry::SilentDrop => "silence",
        Expiry::Fin => "a FIN",
        Expiry::Http408 => "HTTP 408",
        Expiry::Http504 => "HTTP 504",
        Expiry::Unknown => "an unknown way",
    }
}
