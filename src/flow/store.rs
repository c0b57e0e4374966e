//! Where flows are kept: those that are under way ready to be changed, the others packed.
//!
//! A flow that is over is packed a little later, when what follows an end has passed. Beside that a number of flows is kept
//! ready, and when there are more, those go to rest that had no segment for longest (as a clock with one hand sees it).
//! A segment wakes its flow up again. Nothing is lost at rest: `packed` says how.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::flow::packed::{Aside, Packer, len, unpack_brief, unpack_into, unpack_key};
pub use crate::flow::packed::{Brief, Digest, Digester};
use crate::flow::places::{GONE, Places};
use crate::flow::{Flow, FlowKey};
use crate::time::Timestamp;

/// Segments that are looked at ahead of their turn at most.
pub const AHEAD: usize = 32;

/// Flows that are kept ready: as many as some hundred megabytes hold.
pub const AWAKE: usize = 1 << 17;
/// Flows that are over and may still have a last ACK coming, at most.
const CLOSING: usize = 1 << 12;
/// Packed flows begin at multiples of so many octets: a place of 31 bits then reaches 8 GiB.
const GRAIN: usize = 4;
/// A line of memory, in octets.
const LINE: usize = 64;
/// Looks at flows for one that had no segment since the last look.
const LOOKS: usize = 32;

/// The flow is ready, and the rest of the place is its slot; else the place is where it lies packed. `GONE` is a slot that
/// never is.
const READY: u32 = 1 << 31;

/// All flows in the order of their first segment.
pub(crate) struct Store {
    places: Places,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots that may be in use.
    awake: usize,
    hand: usize,
    /// Flows that are there.
    len: usize,
    closing: VecDeque<u32>,
    packed: Vec<u8>,
    /// Octets of `packed` whose flow is awake again.
    stale: usize,
    aside: HashMap<u32, Box<Aside>, RandomState>,
    packer: Packer,
    digester: Digester,
}

/// At a border between lines of memory, so that a flow takes no more of them than it must.
#[repr(align(64))]
struct Slot {
    flow: Flow,
    number: u32,
    is_used: bool,
    is_touched: bool,
}

impl Store {
    /// No flows, and room for `awake` of them to be ready. Of those that go to rest `digester` makes a digest.
    pub(super) fn new(awake: usize, digester: Digester) -> Self {
        Self {
            places: Places::default(),
            slots: Vec::new(),
            free: Vec::new(),
            awake: awake.max(1),
            hand: 0,
            len: 0,
            closing: VecDeque::new(),
            packed: Vec::new(),
            stale: 0,
            aside: HashMap::default(),
            packer: Packer::default(),
            digester,
        }
    }

    /// The number that the next flow gets.
    pub(super) fn next(&self) -> u32 {
        self.places.next()
    }

    /// Appends a flow.
    pub(super) fn push(&mut self, flow: Flow) {
        let number = self.next();
        let slot = self.settle(flow, number);
        self.places.push(READY | slot);
        self.len += 1;
    }

    /// Flows that are there.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The flows that are ready from number `from` on, each with its number.
    pub(super) fn ready_from(&self, from: u32) -> impl Iterator<Item = (u32, &Flow)> {
        self.places.numbers_from(from).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// Takes flow `number` out. Its number is not given again.
    pub(super) fn remove(&mut self, number: u32) -> Option<Flow> {
        self.wake(number)?;
        let place = self.places.get_mut(number).filter(|place| **place & READY != 0)?;
        let slot = *place & !READY;
        let taken = self.slots.get_mut(slot as usize)?;
        *place = GONE;
        taken.is_used = false;
        self.len -= 1;
        self.free.push(slot);
        Some(std::mem::replace(&mut taken.flow, Flow::blank()))
    }

    /// Forgets the numbers of flows that were taken out, where there are many.
    pub(super) fn tidy(&mut self) {
        self.places.tidy(self.len);
    }

    /// Whether flow `number` has this key.
    #[inline]
    pub(super) fn has_key(&self, number: u32, key: &FlowKey) -> bool {
        match self.place(number) {
            Some(Place::Ready(slot)) => slot.flow.key == *key,
            Some(Place::Packed(octets)) => unpack_key(octets) == *key,
            None => false,
        }
    }

    /// Flow `number`, if it is awake.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Flow> {
        match self.place(number)? {
            Place::Ready(slot) => Some(&slot.flow),
            Place::Packed(_) => None,
        }
    }

    /// Flow `number`, woken up if it was at rest.
    #[inline]
    pub(super) fn wake(&mut self, number: u32) -> Option<&mut Flow> {
        let place = self.places.get(number)?;
        let slot = if place & READY == 0 { self.unpack(number, place)? } else { place & !READY };
        let slot = self.slots.get_mut(slot as usize)?;
        slot.is_touched = true;
        Some(&mut slot.flow)
    }

    /// Flow number `number`, if it is awake and has this key.
    #[inline]
    pub(super) fn seek(&mut self, number: u32, key: &FlowKey) -> Option<&mut Flow> {
        let place = self.places.get(number).filter(|place| place & READY != 0)?;
        let slot = self.slots.get_mut((place & !READY) as usize).filter(|slot| slot.flow.key == *key)?;
        slot.is_touched = true;
        Some(&mut slot.flow)
    }

    /// Flow `number` is over: it goes to rest when as many more are, unless all are to stay ready.
    pub(super) fn close(&mut self, number: u32) {
        if self.awake == usize::MAX {
            return;
        }
        self.closing.push_back(number);
        let room = CLOSING.min(self.awake / 2);
        let many = AHEAD.min(room + 1);
        if self.closing.len() < room + many {
            return;
        }
        // They were not looked at for a while: many together are brought near sooner than one after the other.
        let mut resting = [None; AHEAD];
        resting
            .iter_mut()
            .take(many)
            .for_each(|number| *number = self.closing.pop_front().map(|number| (number, true)));
        self.touch(&resting);
        for (number, _) in resting.into_iter().flatten() {
            let Some(place) = self.places.get(number).filter(|place| *place & READY != 0) else { continue };
            let Some(slot) = self.slots.get_mut((place & !READY) as usize) else { continue };
            if slot.flow.was_silent() && self.free.len() > room {
                // Most of what it has would stand aside, and there is room enough: it waits until that is needed.
                slot.is_touched = false;
            } else {
                self.rest(place & !READY);
            }
        }
    }

    /// Reads something of every line of memory that a segment of these flows will most likely change, which has more than one
    /// octet or has not.
    pub(super) fn touch(&self, visits: &[Option<(u32, bool)>]) {
        let slots = visits.iter().flatten().map(|(number, speaks)| {
            let place = self.places.get(*number).filter(|place| place & READY != 0)?;
            Some((&self.slots.get((place & !READY) as usize)?.flow, *speaks))
        });
        let mut flows = [None; AHEAD];
        let mut sum = 0u64;
        for (place, visit) in flows.iter_mut().zip(slots) {
            *place = visit;
            sum ^= visit.map_or(0, |(flow, _)| flow.touch());
        }
        sum = flows.iter().flatten().fold(sum, |sum, (flow, speaks)| sum ^ flow.touch_further(*speaks));
        sum = flows.iter().flatten().fold(sum, |sum, (flow, speaks)| sum ^ flow.touch_last(*speaks));
        std::hint::black_box(sum);
    }

    /// All flows as they are when the capture ends at `end`, to be read.
    pub(crate) fn finish(mut self, end: Timestamp, mut finish: impl FnMut(&mut Flow)) -> Flows {
        self.slots.iter_mut().filter(|slot| slot.is_used).for_each(|slot| finish(&mut slot.flow));
        Flows { store: self, end }
    }

    /// The flows that are awake.
    pub(crate) fn ready_mut(&mut self) -> impl Iterator<Item = &mut Flow> {
        self.slots.iter_mut().filter(|slot| slot.is_used).map(|slot| &mut slot.flow)
    }

    /// All flows, as they stand.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Cow<'_, Flow>> {
        self.numbered().map(|(_, flow)| flow)
    }

    /// All flows, as they stand, each with its number.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, Cow<'_, Flow>)> {
        self.places.numbers_from(0).filter_map(|number| Some((number, self.read(number)?)))
    }

    fn read(&self, number: u32) -> Option<Cow<'_, Flow>> {
        match self.place(number)? {
            Place::Ready(slot) => Some(Cow::Borrowed(&slot.flow)),
            Place::Packed(octets) => {
                let mut flow = Flow::blank();
                unpack_into(&mut flow, octets);
                if let Some(aside) = self.aside.get(&number) {
                    aside.as_ref().clone().give_back(&mut flow);
                }
                Some(Cow::Owned(flow))
            }
        }
    }

    #[inline]
    fn place(&self, number: u32) -> Option<Place<'_>> {
        let place = self.places.get(number)?;
        if place & READY != 0 {
            return self.slots.get((place & !READY) as usize).map(Place::Ready);
        }
        self.packed.get(place as usize * GRAIN..).map(Place::Packed)
    }

    /// Puts a flow into a slot, and another one to rest if there is no room.
    fn settle(&mut self, flow: Flow, number: u32) -> u32 {
        let free = self.vacant();
        if let Some(slot) = self.slots.get_mut(free as usize) {
            slot.flow = flow;
            (slot.number, slot.is_used, slot.is_touched) = (number, true, true);
            return free;
        }
        self.slots.push(Slot { flow, number, is_used: true, is_touched: true });
        free
    }

    /// The slot for one more flow; beyond the last one where one has to be added.
    fn vacant(&mut self) -> u32 {
        if self.free.is_empty() && self.slots.len() >= self.awake {
            self.make_room();
        }
        self.free.pop().unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(!READY))
    }

    /// Puts the first flow to rest that the hand finds untouched.
    fn make_room(&mut self) {
        for _ in 0..LOOKS {
            let here = self.hand;
            self.hand = if here + 1 < self.slots.len() { here + 1 } else { 0 };
            let Some(slot) = self.slots.get_mut(here) else { continue };
            if !std::mem::take(&mut slot.is_touched) {
                let slot = u32::try_from(here).unwrap_or(!READY);
                if self.rest(slot) {
                    return;
                }
            }
        }
    }

    /// Packs the flow in `slot`; whether it could be.
    fn rest(&mut self, slot: u32) -> bool {
        let Some(Slot { flow, number, is_used, .. }) = self.slots.get_mut(slot as usize) else { return false };
        let at = self.packed.len().next_multiple_of(GRAIN);
        let place = u32::try_from(at / GRAIN).unwrap_or(READY);
        // What is held waits for its judgement, and its flow stays awake.
        if !*is_used || flow.holds_segments() || place >= READY {
            return false;
        }
        let aside = Aside::take(flow);
        let digest = if aside.is_none() { (self.digester)(flow) } else { None };
        if let Some(aside) = aside {
            self.aside.insert(*number, aside);
        }
        self.packed.resize(at, 0);
        self.packed.extend_from_slice(self.packer.pack(flow, digest));
        flow.extras = None;
        *is_used = false;
        if let Some(entry) = self.places.get_mut(*number) {
            *entry = place;
        }
        self.free.push(slot);
        true
    }

    /// Wakes the flow that lies packed at `place`; its slot.
    #[inline(never)]
    fn unpack(&mut self, number: u32, place: u32) -> Option<u32> {
        let slot = self.settle(Flow::blank(), number);
        let flow = &mut self.slots.get_mut(slot as usize)?.flow;
        let len = unpack_into(flow, self.packed.get(place as usize * GRAIN..)?);
        if let Some(aside) = self.aside.remove(&number) {
            aside.give_back(flow);
        }
        self.stale += len.next_multiple_of(GRAIN);
        *self.places.get_mut(number)? = READY | slot;
        if self.stale * 2 > self.packed.len() {
            self.compact();
        }
        Some(slot)
    }

    /// Moves the packed flows together, where most of what is packed is stale: in the mean each octet is moved once.
    fn compact(&mut self) {
        let mut packed = Vec::with_capacity(self.packed.len().saturating_sub(self.stale));
        for place in self.places.iter_mut().filter(|place| **place & READY == 0) {
            let octets = self.packed.get(*place as usize * GRAIN..).unwrap_or_default();
            let len = len(octets);
            packed.resize(packed.len().next_multiple_of(GRAIN), 0);
            *place = u32::try_from(packed.len() / GRAIN).unwrap_or(0);
            packed.extend_from_slice(octets.get(..len).unwrap_or_default());
        }
        self.packed = packed;
        self.stale = 0;
    }
}

enum Place<'a> {
    Ready(&'a Slot),
    Packed(&'a [u8]),
}

/// All flows of a timeline in the order of their first segment, when the capture has ended. Those at rest are unpacked while
/// they are looked at.
pub struct Flows {
    store: Store,
    end: Timestamp,
}

impl Flows {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// How many numbers were given, to flows that are not there any more as well.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.store.next()
    }

    /// The numbers of the flows that are there, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let is_there = |number: &u32| self.store.places.get(*number).is_some_and(|place| place != GONE);
        self.store.places.numbers_from(0).filter(is_there)
    }

    /// Flow number `number`.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Cow<'_, Flow>> {
        let mut flow = self.store.read(number)?;
        if let Cow::Owned(flow) = &mut flow {
            // Nothing is held at rest, so that there is nothing to judge anew.
            flow.finish(self.end, &mut Vec::new());
        }
        Some(flow)
    }

    /// The digest of flow number `number`, if it has one, with what is read without unpacking it. Such a flow is at rest, and
    /// the end of the capture changes nothing about it.
    #[must_use]
    pub fn brief(&self, number: u32) -> Option<(Digest, Brief)> {
        match self.store.place(number)? {
            Place::Ready(_) => None,
            Place::Packed(octets) => unpack_brief(octets),
        }
    }

    /// Reads something of flow number `number`, so that it is at hand when it is asked for.
    #[must_use]
    pub fn touch(&self, number: u32) -> u8 {
        match self.store.place(number) {
            Some(Place::Packed(octets)) => octets.first().map_or(0, |octet| octet ^ octets.get(LINE).unwrap_or(&0)),
            _ => 0,
        }
    }

    /// All flows.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Flow>> {
        self.numbered().map(|(_, flow)| flow)
    }

    /// All flows, each with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, Cow<'_, Flow>)> {
        self.numbers().filter_map(|number| Some((number, self.get(number)?)))
    }
}
