//! Connections that a server ended because the client sent PINGs of HTTP/2 too often.
//!
//! Beside the verdicts: what became of such a connection its segments say, and the payload only why.

use std::collections::BTreeMap;

use crate::flow::bounded::FirstLast;
use crate::flow::gaps::Clock;
use crate::flow::{Flow, FrameId, Socket};
use crate::report::conclude::findings::advice;
use crate::report::judged;
use crate::report::model::Finding;
use crate::report::units::plural;
use crate::verdict::VerdictId;
use crate::verdict::advice::{Protocol, Side, Situation, Stack};

/// The stable identifier of the finding.
const ID: &str = "too-many-pings";
/// Services with a finding of their own at most; what is beyond shares one.
const GROUPS: usize = 100;

/// Such connections, by service.
#[derive(Clone, Debug, Default)]
pub(super) struct TooManyPings {
    services: BTreeMap<Option<Socket>, Ended>,
}

#[derive(Clone, Debug)]
struct Ended {
    flows: FirstLast<u32>,
    /// The GOAWAY of the first flow, and the PINGs before it.
    frame: FrameId,
    pings: u32,
    port: u16,
}

/// Whether the server named too many PINGs as its reason to end the connection.
pub(crate) fn too_many(flow: &Flow) -> bool {
    complaint(flow).is_some()
}

/// The PINGs that were too many, and the frame that says so.
fn complaint(flow: &Flow) -> Option<(u32, FrameId)> {
    flow.heads()?.too_many_pings()
}

impl TooManyPings {
    /// Takes in `flow`, which has this `number`; whether it is such a connection.
    pub(super) fn enter(&mut self, number: u32, flow: &Flow) -> bool {
        let Some((pings, frame)) = complaint(flow) else { return false };
        let own = Some(flow.server());
        let key = own.filter(|_| self.services.len() < GROUPS || self.services.contains_key(&own));
        let ended = self.services.entry(key).or_insert_with(|| Ended {
            flows: FirstLast::default(),
            frame,
            pings,
            port: flow.server().port,
        });
        ended.flows.push(number);
        true
    }

    /// A finding for each service.
    pub(super) fn findings(&self, several_files: bool, stack: Option<Stack>) -> impl Iterator<Item = Finding> {
        self.services.iter().map(move |(server, ended)| ended.finding(*server, several_files, stack))
    }
}

impl Ended {
    fn finding(&self, server: Option<Socket>, several_files: bool, stack: Option<Stack>) -> Finding {
        let total = self.flows.total();
        let to = server.map(|server| format!(" to {server}")).unwrap_or_default();
        let were = if total == 1 { "was" } else { "were" };
        let first = self.flows.iter().next().copied().unwrap_or_default();
        let seen = match self.pings {
            0 => String::new(),
            pings => format!(", after {} that the capture shows", plural(u64::from(pings), "PING")),
        };
        Finding {
            id: ID,
            severity: "medium",
            title: format!(
                "{}{to} {were} ended by the server because the client pinged too often",
                plural(total, "flow")
            ),
            detail: format!(
                "Flow {first}: the server's GOAWAY has the code ENHANCE_YOUR_CALM and says too_many_pings{seen}."
            ),
            flows: self.flows.iter().copied().collect(),
            flows_total: total,
            frames: vec![judged::frame(self.frame, several_files)],
            filters: Vec::new(),
            advice: advice(&self.situation(), stack),
        }
    }

    fn situation(&self) -> Situation<'static> {
        Situation {
            silence: None,
            verdict: VerdictId::Graceful,
            clock: Clock::Payload,
            survived_max: None,
            died_min: None,
            timeout: None,
            client: Side::default(),
            server: Side::default(),
            server_port: self.port,
            request_in_flight: false,
            candidates: Vec::new(),
            protocol: Some(Protocol::Http2),
            too_many_pings: true,
        }
    }
}
