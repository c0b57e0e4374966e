//! Flows at rest: a flow that is over, or long silent, in a tenth of its memory, without losing anything.
//!
//! One description of each structure serves both ways: the same function, over a [`Coder`] that writes or one that reads,
//! so that the two cannot drift apart. What few flows have (probes, gaps, names) stays as it is, in an [`Aside`].

mod coder;
mod shape;

use crate::flow::gaps::Gaps;
use crate::flow::probes::Probes;
use crate::flow::turns::Heads;
use crate::flow::{Extras, Flow, FlowKey, Socket};

use coder::{Reader, Writer};

/// Flows with more RSTs than this keep them as they are.
const FEW_RESETS: u64 = 2;

/// What few flows have, as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    probes: [Option<Box<Probes>>; 2],
    gaps: Option<Box<[Gaps; 2]>>,
    extras: Option<Box<Extras>>,
    heads: Option<Box<Heads>>,
}

impl Aside {
    /// Takes from `flow` what is not packed; nothing if it has none of it.
    pub(super) fn take(flow: &mut Flow) -> Option<Box<Self>> {
        let is_plain = |extras: &Extras| {
            extras.tunnel.is_none()
                && extras.real_client.is_none()
                && extras.icmp.total() == 0
                && extras.resets.total() <= FEW_RESETS
        };
        let aside = Self {
            probes: std::mem::take(&mut flow.probes),
            gaps: flow.gaps.take(),
            extras: flow.extras.take_if(|extras| !is_plain(extras)),
            heads: flow.heads.take(),
        };
        let Self { probes: [none, neither], gaps: None, extras: None, heads: None } = &aside else {
            return Some(Box::new(aside));
        };
        (none.is_some() || neither.is_some()).then(|| Box::new(aside))
    }

    /// Gives back to `flow` what was taken from it.
    pub(super) fn give_back(self, flow: &mut Flow) {
        flow.probes = self.probes;
        flow.gaps = self.gaps;
        flow.extras = self.extras.or(flow.extras.take());
        flow.heads = self.heads;
    }
}

/// Packs flows; its memory is used again for each.
#[derive(Default)]
pub(super) struct Packer(Writer);

impl Packer {
    /// The octets of `flow`, whose [`Aside`] was taken. They begin with those of its key.
    pub(super) fn pack(&mut self, flow: &mut Flow) -> &[u8] {
        let Self(writer) = self;
        writer.begin();
        shape::key(writer, &mut flow.key);
        shape::flow(writer, flow);
        writer.bytes()
    }
}

/// The flow of these octets, without its [`Aside`], and how many of them it takes.
pub(super) fn unpack(bytes: &[u8]) -> (Flow, usize) {
    let mut reader = Reader::new(bytes);
    let mut flow = Flow::blank();
    shape::key(&mut reader, &mut flow.key);
    shape::flow(&mut reader, &mut flow);
    (flow, reader.position())
}

/// The key of the flow of these octets.
pub(super) fn unpack_key(bytes: &[u8]) -> FlowKey {
    let mut key = FlowKey::blank();
    shape::key(&mut Reader::new(bytes), &mut key);
    key
}

/// The responder of the flow of these octets: its direction is the first thing behind the key.
pub(super) fn unpack_server(bytes: &[u8]) -> Socket {
    let mut reader = Reader::new(bytes);
    let (mut key, mut initiator_is_low) = (FlowKey::blank(), false);
    shape::key(&mut reader, &mut key);
    shape::initiator(&mut reader, &mut initiator_is_low);
    if initiator_is_low { key.high() } else { key.low() }
}
