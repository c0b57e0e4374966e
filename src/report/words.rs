//! Verdicts and evidence put into words.

use crate::flow::gaps::Clock;
use crate::report::units::{duration, plural, seconds};
use crate::timeouts::Expiry;
use crate::verdict::settings::nearby::Sign;
use crate::verdict::{Reason, VerdictId};
use crate::wire::Tunnel;

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
            format!(
                "the RST came after {}, the end it claims to come from never answered in under {}",
                seconds(*delay),
                seconds(*least)
            )
        }
        Reason::AsFastAsSender(delay, least) => {
            format!(
                "the RST came after {}, as late as the answers of the end it claims to come from ({})",
                seconds(*delay),
                seconds(*least)
            )
        }
        Reason::OtherHopLimit(seen, usual) => {
            format!("the RST has TTL {seen}, the end it claims to come from has {usual}")
        }
        Reason::SameHopLimit(seen) => format!("the RST has TTL {seen}, as the end it claims to come from"),
        Reason::BothDirections(apart) if apart.as_nanos() == 0 => {
            "a RST went to both ends at the same moment".to_owned()
        }
        Reason::BothDirections(apart) => format!("a RST went to both ends within {}", seconds(*apart)),
        Reason::Spontaneous(silence) => format!("nothing provoked the RST: {} of silence before", duration(*silence)),
        Reason::OneResetSeen(receiver) => {
            format!(
                "this capture point shows the RST toward the {}; a box that resets both ends sends another",
                receiver.sender()
            )
        }
        Reason::FullnatMark => {
            "the RST has no ACK flag but an acknowledgment number, the mark of an LVS FULLNAT director on the path"
                .to_owned()
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
        Reason::NoRestart => "several flows of this service died so, which no restart of the host explains".to_owned(),
        Reason::NotRepeated => "it was not sent again either: the capture may lack the answer".to_owned(),
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
        Reason::HttpStatus(status) => format!("the server's side answered the silence with HTTP {status}"),
        Reason::ServerFin => "the server's side closed first (FIN)".to_owned(),
        Reason::ProxyFin => "the client, a proxy by its PROXY header, closed first (FIN)".to_owned(),
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
        Reason::SurvivedLonger(span) => {
            format!(
                "the flow had survived {}, so that the shorter silence before the end is no idle timer's",
                duration(*span)
            )
        }
        Reason::OneSided => "only one direction was captured".to_owned(),
        Reason::AlsoFits(id) => format!("{} would look the same", id.name()),
        Reason::LikeOthers(died, Some(survived)) => {
            format!("{} flows of this service died so, and none survived more than {}", died, duration(*survived))
        }
        Reason::LikeOthers(died, None) => format!("{died} flows of this service died so"),
        Reason::OneAge(died, age) => {
            format!("{died} flows of this service ended {} after they began, silent or not", duration(*age))
        }
        Reason::Limited(limit) => format!("the capture allows no surer statement ({})", limit.name()),
        Reason::Outlived(survived, died) => format!(
            "no single timer explains it: {} survived in this service, {} did not",
            duration(*survived),
            duration(*died)
        ),
        Reason::Scattered(least, most) => format!(
            "no single timer explains it: flows of this service were killed after {} and after {}",
            duration(*least),
            duration(*most)
        ),
        Reason::ClosedTogether(closes) => {
            format!("{closes} idle connections were closed in one moment after unlike silences, as by a restart")
        }
        Reason::PeerLost => {
            "flows of this service that were in use went unanswered too, as when the host itself is gone".to_owned()
        }
        Reason::EndsTooSoon => "the capture ends too soon after it".to_owned(),
        Reason::LeftTooSoon => "it was given up too soon after it, for want of memory".to_owned(),
        Reason::ClockSteps => "the capture's clock ran backwards within the flow".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A sign that probes are answered by something nearer than the other end, as a clause.
#[must_use]
pub fn answer_sign(sign: &Sign) -> String {
    match sign {
        Sign::HopLimit(answer, data) => format!("the answers have TTL {answer}, data of that end has {data}"),
        Sign::Delay(answer, data) => format!(
            "every answer came within {}, and nothing else of that end in under {}",
            seconds(*answer),
            seconds(*data)
        ),
    }
}

/// Whether a piece of evidence on a RST argues for an endpoint, or for nobody.
#[must_use]
pub const fn speaks_for_endpoint(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::SameHopLimit(_)
            | Reason::AsFastAsSender(..)
            | Reason::SocketShape
            | Reason::SocketShapeWithoutTimestamps
            | Reason::StatelessShape
            | Reason::IpIdContinues
    )
}

/// What happened, as the predicate of a sentence about `flows` flows.
#[must_use]
pub fn happened(id: VerdictId, flows: u64) -> String {
    let (them, were) = if flows == 1 { ("it", "was") } else { ("them", "were") };
    match id {
        VerdictId::IdleReset => format!("died of silence: a box on the path reset {them}"),
        VerdictId::IdleResetNext => {
            format!("died of silence: a box on the path had forgotten {them} and reset the next packet")
        }
        VerdictId::IdleDrop => "died of silence: what was sent after it was never answered".to_owned(),
        VerdictId::IdleClose => format!("ended in silence: one side closed {them}, most likely at a timer of its own"),
        VerdictId::HalfClosedTimeout => "died half-closed, in the silence after one side's FIN".to_owned(),
        VerdictId::KeepaliveExhausted => "ended when an end gave up".to_owned(),
        VerdictId::RetransmissionExhausted => "ended with data unanswered, without an idle gap before".to_owned(),
        VerdictId::ZeroWindowStall => "stalled, which is no idle timeout".to_owned(),
        VerdictId::CloseRace => "ended in a race: a request met the server's FIN".to_owned(),
        VerdictId::AgeLimit => "ended at one age, busy or not".to_owned(),
        VerdictId::EndpointAbort => format!("{were} aborted by an end"),
        VerdictId::EndpointNoSocket => format!("{were} reset by a host that did not know {them}"),
        VerdictId::InjectedReset => format!("{were} reset by a box on the path, without silence before"),
        VerdictId::Refused => format!("{were} refused or never answered"),
        VerdictId::Graceful => "closed in good order".to_owned(),
        VerdictId::Open => format!("{were} alive at the end of the capture"),
        VerdictId::Inconclusive => "cannot be decided by this capture".to_owned(),
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

/// The place of a severity in a list, the most severe first.
#[must_use]
pub fn rank(severity: &str) -> u8 {
    match severity {
        "high" => 0,
        "medium" => 1,
        _ => 2,
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

/// A tunnel by its kind and number.
#[must_use]
pub fn tunnel(tunnel: Tunnel) -> String {
    match tunnel {
        Tunnel::Gre(None) => "gre".to_owned(),
        Tunnel::Gre(Some(key)) => format!("gre key {key}"),
        Tunnel::Erspan(session) => format!("erspan session {session}"),
        Tunnel::IpInIp => "ip-in-ip".to_owned(),
        Tunnel::Vxlan(vni) => format!("vxlan vni {vni}"),
        Tunnel::Geneve(vni) => format!("geneve vni {vni}"),
        Tunnel::Gtpu(teid) => format!("gtp-u teid {teid}"),
    }
}
