//! Flows at rest: a flow that is over, or long silent, in a tenth of its memory, without losing anything.
//!
//! One description of each structure serves both ways: the same function, over a [`Coder`] that writes or one that reads,
//! so that the two cannot drift apart. What few flows have (probes, gaps, names) stays as it is, in an [`Aside`].

mod coder;
mod shape;

use std::num::NonZeroU8;

use crate::flow::gaps::Gaps;
use crate::flow::mark::Mark;
use crate::flow::probes::Probes;
use crate::flow::turns::Heads;
use crate::flow::{Extras, Flow, FlowKey, Orientation, Socket};
use crate::seq::Seq;
use crate::time::Timestamp;

use coder::{Flags, Reader, Writer};
use shape::Front;

/// Flows with more RSTs than this keep them as they are.
const FEW_RESETS: u64 = 2;

/// What those who know more than the flow core say of a flow in an octet when it goes to rest, so that it need not be unpacked
/// to say it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub NonZeroU8);

/// Makes the digest of a flow; none of one that says more than an octet can hold.
pub type Digester = fn(&Flow) -> Option<Digest>;

/// What is read of a flow at rest without unpacking the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The initiator's address and port.
    pub client: Socket,
    /// The responder's address and port.
    pub server: Socket,
    /// The time of the first segment.
    pub first: Timestamp,
    /// The time of the last segment.
    pub last: Timestamp,
    /// What Wireshark takes for the initiator's initial sequence number.
    pub client_base: Option<Seq>,
    /// The responder's initial sequence number, from a SYN.
    pub server_isn: Option<Seq>,
    /// What Wireshark takes for the responder's.
    pub server_base: Option<Seq>,
}

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
    /// The octets of `flow`, whose [`Aside`] was taken, with the `digest` of it. They begin with those of its key.
    pub(super) fn pack(&mut self, flow: &mut Flow, digest: Option<Digest>) -> &[u8] {
        let Self(writer) = self;
        writer.begin();
        let mut front = Front {
            key: flow.key,
            initiator_is_low: flow.initiator_is_low,
            by_handshake: flow.orientation == Orientation::Handshake,
            in_micros: [flow.first, flow.last].iter().all(|mark| mark.time.as_nanos() % 1_000 == 0),
            digest: digest.map_or(0, |Digest(digest)| digest.get()),
        };
        front.pass(writer);
        shape::flow(writer, flow);
        writer.bytes()
    }
}

/// The flow of these octets, without its [`Aside`], put into `flow`; how many of them it takes.
pub(super) fn unpack_into(flow: &mut Flow, bytes: &[u8]) -> usize {
    *flow = Flow::blank();
    let mut reader = Reader::new(bytes);
    let mut front = Front::blank();
    front.pass(&mut reader);
    flow.key = front.key;
    flow.initiator_is_low = front.initiator_is_low;
    flow.orientation = if front.by_handshake { Orientation::Handshake } else { Orientation::Inferred };
    shape::flow(&mut reader, flow);
    reader.position()
}

/// How many octets the flow takes that these begin with.
pub(super) fn len(bytes: &[u8]) -> usize {
    unpack_into(&mut Flow::blank(), bytes)
}

/// The key of the flow of these octets.
pub(super) fn unpack_key(bytes: &[u8]) -> FlowKey {
    let mut front = Front::blank();
    front.pass(&mut Reader::new(bytes));
    front.key
}

/// The digest of the flow of these octets, if there is one, and what stands at their beginning.
pub(super) fn unpack_brief(bytes: &[u8]) -> Option<(Digest, Brief)> {
    let digest = Digest(NonZeroU8::new(*bytes.get(shape::DIGEST_AT)?)?);
    let mut reader = Reader::new(bytes);
    let mut front = Front::blank();
    front.pass(&mut reader);
    let (mut first, mut last) = (Mark::default(), Mark::default());
    let mut numbers = [[None; 2]; 2];
    let [[isn, base], [server_isn, server_base]] = &mut numbers;
    let marks = [&mut first, &mut last];
    shape::beginning(&mut reader, Flags::default(), (marks, [[isn, base], [server_isn, server_base]]));
    let [[_, client_base], [server_isn, server_base]] = numbers;
    let (low, high) = (front.key.low(), front.key.high());
    let (client, server) = if front.initiator_is_low { (low, high) } else { (high, low) };
    let (first, last) = (first.time, last.time);
    Some((digest, Brief { client, server, first, last, client_base, server_isn, server_base }))
}
