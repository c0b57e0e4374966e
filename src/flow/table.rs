//! Which flow a segment belongs to.

use std::borrow::Cow;

use crate::flow::index::Index;
use crate::flow::key::{FlowKey, Keyed, Socket};
use crate::flow::mark::{FrameId, Mark};
pub use crate::flow::store::AHEAD;
use crate::flow::store::{Digester, Store};
use crate::flow::{Direction, Flow};
use crate::seq::Seq;
use crate::time::Span;
use crate::wire::{Flags, Segment};

/// All flows in the order of their first segment, and the current generation of each tuple.
pub struct FlowTable {
    index: Index,
    store: Store,
}

/// The key of a segment, hashed for one table.
#[derive(Clone, Copy, Debug)]
pub struct Hashed {
    keyed: Keyed,
    hash: u32,
}

impl Hashed {
    /// A key that is not hashed yet.
    #[must_use]
    #[inline]
    pub const fn new(keyed: Keyed) -> Self {
        Self { keyed, hash: 0 }
    }

    /// The key of the segment.
    #[must_use]
    #[inline]
    pub const fn keyed(&self) -> &Keyed {
        &self.keyed
    }
}

/// Where a segment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the flow, from 0, in the order of first segments.
    pub flow: u32,
    /// Which way the segment went.
    pub direction: Direction,
    /// Whether the segment opened the flow.
    pub is_new: bool,
    /// Whether an earlier generation of the same tuple exists.
    pub is_reuse: bool,
    /// The earlier generation's stream, where Wireshark sees no new one.
    pub stream: Option<u32>,
}

impl FlowTable {
    /// No flows yet, and room for `awake` of them to be ready at a time. Of those that go to rest `digester` makes a digest.
    #[must_use]
    pub fn new(awake: usize, digester: Digester) -> Self {
        Self { index: Index::default(), store: Store::new(awake, digester) }
    }

    /// Hashes `key` for this table.
    #[inline]
    pub fn prepare(&self, key: &mut Hashed) {
        key.hash = self.index.hash(&key.keyed.key);
    }

    /// Reads something of each flow's memory, so that it is at hand when [`place`](Self::place) asks for it: the same steps
    /// for all flows together, since what does not depend on each other is fetched at the same time. Beside each key stands
    /// whether the segment has more than one octet.
    pub fn touch<'a>(&self, keys: impl Iterator<Item = (&'a Hashed, bool)>) {
        let mut visits = [None; AHEAD];
        for (visit, (key, speaks)) in visits.iter_mut().zip(keys) {
            *visit = self.index.peek(key.hash).map(|number| (number, speaks));
        }
        self.store.touch(&visits);
    }

    /// The flow with this key and its number, where nearly every segment finds it: awake, and in the first place to look at.
    #[inline]
    pub(crate) fn seek(&mut self, key: &Hashed) -> Option<(u32, &mut Flow)> {
        let number = self.index.peek(key.hash)?;
        Some((number, self.store.seek(number, &key.keyed.key)?))
    }

    /// The flow of `segment`, created if there is none or if the segment opens a new generation (rule 20). `copy_of` is the
    /// frame that it repeats, of this flow or of an earlier one, if it does.
    #[inline]
    pub fn place(&mut self, segment: &Segment<'_>, key: &Hashed, mark: Mark, copy_of: Option<FrameId>) -> Place {
        let store = &self.store;
        let found = self.index.find(key.hash, |number| store.has_key(number, &key.keyed.key));
        let mut opening = Opening::First;
        if let Some(number) = found
            && let Some(flow) = self.store.wake(number)
        {
            let direction = flow.direction(key.keyed.from_low);
            opening = opens_generation(flow, direction, segment, mark, copy_of);
            if opening == Opening::None {
                return Place { flow: number, direction, is_new: false, is_reuse: false, stream: None };
            }
        }
        self.open(segment, key, mark, found, opening)
    }

    /// Opens a flow, in the place of the one that `found` is the number of.
    fn open(&mut self, segment: &Segment<'_>, key: &Hashed, mark: Mark, found: Option<u32>, opening: Opening) -> Place {
        let Hashed { keyed: Keyed { key, from_low, .. }, hash } = *key;
        let next = self.store.next();
        match found {
            Some(number) => self.index.replace(hash, |flow| flow == number, next),
            None => self.index.insert(hash, next),
        }
        let mut flow = Flow::new(key, from_low, segment, mark);
        let direction = flow.direction(from_low);
        if matches!(opening, Opening::Replay(_)) {
            flow.mark_replayed();
        }
        let Stay { stream, bases } = match opening {
            Opening::Unseen(stay) | Opening::Replay(stay) => stay,
            _ => Stay::default(),
        };
        for (from_low, base) in [true, false].into_iter().zip(bases) {
            let sender = flow.direction(from_low);
            flow.end_mut(sender).base = base;
        }
        self.store.push(flow);
        Place { flow: next, direction, is_new: true, is_reuse: opening != Opening::First, stream }
    }

    /// The current flow between two sockets, and the direction from `src` to `dst`, if the capture has shown one.
    pub fn find(&mut self, src: Socket, dst: Socket) -> Option<(u32, Direction)> {
        let (key, from_low) = FlowKey::new(src, dst);
        let store = &self.store;
        let number = self.index.find(self.index.hash(&key), |number| store.has_key(number, &key))?;
        let direction = self.store.wake(number)?.direction(from_low);
        Some((number, direction))
    }

    /// Flow number `number`, unless it is at rest.
    #[must_use]
    #[inline]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.store.get(number)
    }

    /// Flow number `number`, to change it.
    #[inline]
    pub(crate) fn flow_mut(&mut self, number: u32) -> Option<&mut Flow> {
        self.store.wake(number)
    }

    /// Flow number `number` is over, as far as is known: it may go to rest.
    pub(crate) fn close(&mut self, number: u32) {
        self.store.close(number);
    }

    /// The flows that are ready, each with its number, in the order of their first segment: all of them, if so many may be.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.store.ready_from(0)
    }

    /// The flows that are ready from number `from` on, each with its number.
    pub fn numbered_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        self.store.ready_from(from)
    }

    /// Numbers that were given to flows so far.
    pub(crate) fn total(&self) -> u32 {
        self.store.next()
    }

    /// Flows that are there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no flow is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// All flows, those at rest unpacked to be looked at, each with its number.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Cow<'_, Flow>)> {
        self.store.numbered()
    }

    /// Lets go of the flows that `keep` refuses, each handed to `gone` with its number. Costs a pass over all flows.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32, &Flow) -> bool, mut gone: impl FnMut(u32, Flow)) {
        let refused = self.all().filter(|(number, flow)| !keep(*number, flow)).map(|(number, _)| number);
        let refused: Vec<_> = refused.collect();
        for number in refused {
            if let Some(flow) = self.store.remove(number) {
                self.index.remove(self.index.hash(&flow.key), |other| other == number);
                gone(number, flow);
            }
        }
        self.store.tidy();
    }

    /// Lets go of flow number `number`, if it is there.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Flow> {
        let flow = self.store.remove(number)?;
        self.index.remove(self.index.hash(&flow.key), |other| other == number);
        self.store.tidy();
        Some(flow)
    }

    /// All flows, in the order of their first segment.
    pub(crate) fn into_store(self) -> Store {
        self.store
    }
}

/// How a segment opens a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// It does not: the flow goes on.
    None,
    /// The first of its tuple.
    First,
    /// A SYN with another number: a new generation, and a new stream in Wireshark.
    Reuse,
    /// A SYN-ACK with another number: a new generation whose SYN was not captured. Wireshark stays in its stream.
    Unseen(Stay),
    /// The same SYN again, as no host sends it: the capture holds the packets twice. Wireshark stays.
    Replay(Stay),
}

/// What stays as it was where Wireshark sees the stream go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stay {
    /// The number of the stream.
    stream: Option<u32>,
    /// The initial numbers of the lower and of the higher end, as Wireshark takes them.
    bases: [Option<Seq>; 2],
}

impl Stay {
    fn of(flow: &Flow) -> Self {
        let bases = [true, false].map(|from_low| flow.end(flow.direction(from_low)).base);
        Self { stream: flow.stream, bases }
    }
}

/// Rule 20: a SYN with a number that this direction did not start with opens a new generation.
#[inline]
fn opens_generation(
    flow: &Flow,
    direction: Direction,
    segment: &Segment<'_>,
    mark: Mark,
    copy_of: Option<FrameId>,
) -> Opening {
    if segment.flags.has(Flags::SYN) { opened_by_syn(flow, direction, segment, mark, copy_of) } else { Opening::None }
}

fn opened_by_syn(
    flow: &Flow,
    direction: Direction,
    segment: &Segment<'_>,
    mark: Mark,
    copy_of: Option<FrameId>,
) -> Opening {
    let sender = flow.end(direction);
    if segment.flags.has(Flags::ACK) {
        let is_other = sender.isn.is_some_and(|isn| isn != segment.seq);
        return if is_other { Opening::Unseen(Stay::of(flow)) } else { Opening::None };
    }
    match sender.base {
        Some(base) if base != segment.seq => Opening::Reuse,
        Some(_) if flow.last_payload.is_some() && is_replay(flow, mark, copy_of) => Opening::Replay(Stay::of(flow)),
        _ => Opening::None,
    }
}

/// Whether a SYN that comes again, after payload, is no late copy of the first: time runs backwards, or the connection is over,
/// or no segment lives so long (MSL, RFC 9293 3.4.1). A frame of this flow that was captured twice (rule 0) is none, even if it
/// is the one that ended the flow.
fn is_replay(flow: &Flow, mark: Mark, copy_of: Option<FrameId>) -> bool {
    const SEGMENT_LIFETIME: Span = Span::from_secs(120);
    let is_copy = copy_of.is_some_and(|original| original >= flow.first.frame);
    let again = flow.is_over() && mark.time.since(flow.first.time) > Span::from_secs(1);
    let is_late = again || mark.time.since(flow.last.time) > SEGMENT_LIFETIME;
    mark.time < flow.last.time || (is_late && !is_copy)
}
