//! Connections that hold a place without using it: what a balancer's idle timer exists for, and what an attacker with empty
//! connections leaves behind.
//!
//! A connection is **empty** if its handshake was seen to end, no payload passed in either direction (seen, or acknowledged
//! unseen), and it lasted at least 10 s, or at least 1 s and still stood when the capture ended. It is **mostly silent** if payload passed, it
//! lasted at least 60 s, and more than nine tenths of that were silences without any packet (those that count as idle gaps,
//! answered or not, so that keepalive probes do not turn a silent connection into a busy one). It lasts from its first
//! segment in the capture to its last, or to the end of the capture where neither both FINs nor an effective RST ended it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::analyzer::Analysis;
use crate::flow::{Direction, Flow, Orientation, Socket};
use crate::time::{Span, Timestamp};

/// An empty connection that ended sooner was a health check or a scan: it held no place worth counting.
pub const LEAST_EMPTY: Span = Span::from_secs(10);
/// Nor does one that had just begun when the capture ended.
pub const LEAST_STANDING: Span = Span::from_secs(1);
/// A shorter life says nothing of silence.
pub const LEAST_LIFE: Span = Span::from_secs(60);
/// Clients, and services, that are counted one by one; connections of further ones are counted together.
pub const DISTINCT: usize = 1 << 16;

/// Connections that hold a place for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many there are.
    pub connections: u64,
    /// Those of them that still stood when the capture ended.
    pub standing: u64,
    /// How long each lasted, all together, in nanoseconds.
    pub total_nanos: u128,
    /// How long the longest lasted.
    pub longest: Span,
}

impl Held {
    /// Connection-seconds: how long each lasted, all together.
    #[must_use]
    pub fn total_s(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no report shows more digits")]
        let nanos = self.total_nanos as f64;
        nanos / 1e9
    }

    fn add(&mut self, life: Life) {
        self.connections += 1;
        self.standing += u64::from(life.stands);
        self.total_nanos += u128::try_from(life.length.as_nanos()).unwrap_or(0);
        self.longest = self.longest.max(life.length);
    }
}

/// What connections hold a place for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// Handshake and no payload.
    pub empty: Held,
    /// Silent for most of their life.
    pub silent: Held,
}

impl Idle {
    /// How many of both sorts.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.empty.connections + self.silent.connections
    }

    const fn total_nanos(&self) -> u128 {
        self.empty.total_nanos + self.silent.total_nanos
    }

    fn add(&mut self, sort: Sort, life: Life) {
        match sort {
            Sort::Empty => self.empty.add(life),
            Sort::Silent => self.silent.add(life),
        }
    }
}

/// The idle connections of a capture, counted per client and per service.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// All of them.
    pub all: Idle,
    clients: Counted<IpAddr>,
    services: Counted<Socket>,
}

/// The worst of the clients or services, and what is beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking<K> {
    /// Those that hold the most, the worst first.
    pub top: Vec<(K, Idle)>,
    /// How many more there are that were counted one by one.
    pub others: u64,
    /// Connections of those in `others`.
    pub others_connections: u64,
    /// Connections of clients or services beyond the first 65,536, which were counted together.
    pub uncounted: u64,
}

impl Inventory {
    /// Takes stock of the flows of `analysis`.
    #[must_use]
    pub fn take(analysis: &Analysis) -> Self {
        let mut inventory = Self::default();
        analysis.flows.iter().for_each(|flow| inventory.add(&flow, analysis.end));
        inventory
    }

    /// Takes stock of `flow`, whose capture ended at `end`.
    pub(crate) fn add(&mut self, flow: &Flow, end: Timestamp) {
        let life = Life::of(flow, end);
        if let Some(sort) = sort(flow, life) {
            self.all.add(sort, life);
            self.clients.add(client(flow), sort, life);
            self.services.add(flow.server(), sort, life);
        }
    }

    /// The `most` client addresses that hold the most, by connection-seconds. Behind a FULLNAT director these are the real
    /// clients, as the TOA option names them.
    #[must_use]
    pub fn clients(&self, most: usize) -> Ranking<IpAddr> {
        self.clients.ranking(most)
    }

    /// The `most` services (server address and port) of which the most is held, by connection-seconds.
    #[must_use]
    pub fn services(&self, most: usize) -> Ranking<Socket> {
        self.services.ranking(most)
    }
}

/// Whether `flow`, whose capture ended at `end`, holds a place without using it.
pub(crate) fn is_listed(flow: &Flow, end: Timestamp) -> bool {
    sort(flow, Life::of(flow, end)).is_some()
}

/// Why a connection is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Empty,
    Silent,
}

/// How long a connection lasted, as far as the capture shows.
#[derive(Clone, Copy, Debug)]
struct Life {
    length: Span,
    /// Whether it still stood when the capture ended.
    stands: bool,
}

impl Life {
    fn of(flow: &Flow, end: Timestamp) -> Self {
        let ended = flow.is_over();
        let until = if ended { flow.last.time } else { end };
        Self { length: until.since(flow.first.time).max(Span::ZERO), stands: !ended }
    }
}

fn sort(flow: &Flow, life: Life) -> Option<Sort> {
    if !is_connection(flow) {
        return None;
    }
    let octets = |direction: Direction| {
        let counters = flow.end(direction).counters();
        counters.payload_bytes.saturating_add(counters.unseen_bytes).saturating_add(counters.missing_bytes)
    };
    let is_empty = Direction::BOTH.into_iter().all(|direction| octets(direction) == 0);
    // Of a connection that began before the capture nobody knows what passed on it.
    let is_whole = flow.orientation == Orientation::Handshake;
    if is_empty && is_whole {
        let least = if life.stands { LEAST_STANDING } else { LEAST_EMPTY };
        return (life.length >= least).then_some(Sort::Empty);
    }
    (life.length >= LEAST_LIFE && is_mostly_silent(flow, life)).then_some(Sort::Silent)
}

/// Whether both ends took part: a handshake that ended, or segments of both ends midstream.
fn is_connection(flow: &Flow) -> bool {
    let both = Direction::BOTH.into_iter().all(|direction| flow.end(direction).last.is_some());
    both && flow.is_established()
}

fn is_mostly_silent(flow: &Flow, life: Life) -> bool {
    let silent = flow.packet_gaps().map_or(Span::ZERO, crate::flow::gaps::Gaps::silent);
    silent.as_nanos() / 9 > life.length.as_nanos() / 10
}

fn client(flow: &Flow) -> IpAddr {
    let real = flow.extras().and_then(|extras| extras.real_client);
    real.map_or(flow.client().ip, |client| client.ip())
}

/// Counts per key, for as many keys as there is room.
#[derive(Clone, Debug)]
struct Counted<K> {
    by_key: HashMap<K, Idle, RandomState>,
    uncounted: u64,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self { by_key: HashMap::default(), uncounted: 0 }
    }
}

impl<K: Copy + Eq + Hash + Ord> Counted<K> {
    fn add(&mut self, key: K, sort: Sort, life: Life) {
        if self.by_key.len() >= DISTINCT && !self.by_key.contains_key(&key) {
            self.uncounted += 1;
            return;
        }
        self.by_key.entry(key).or_default().add(sort, life);
    }

    fn ranking(&self, most: usize) -> Ranking<K> {
        let mut all: Vec<(K, Idle)> = self.by_key.iter().map(|(key, idle)| (*key, *idle)).collect();
        all.sort_unstable_by_key(|(key, idle)| (std::cmp::Reverse(idle.total_nanos()), *key));
        let rest = all.split_off(most.min(all.len()));
        Ranking {
            top: all,
            others: rest.len() as u64,
            others_connections: rest.iter().map(|(_, idle)| idle.connections()).sum(),
            uncounted: self.uncounted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_together() {
        let mut counted = Counted::<u32>::default();
        let life = Life { length: Span::from_secs(1), stands: true };
        (0..DISTINCT as u32 + 5).for_each(|key| counted.add(key, Sort::Empty, life));
        counted.add(0, Sort::Silent, Life { length: Span::from_secs(7), stands: false });
        let ranking = counted.ranking(2);
        assert_eq!((ranking.top.len(), ranking.uncounted), (2, 5));
        assert_eq!(ranking.others, DISTINCT as u64 - 2);
        assert_eq!(ranking.others_connections, DISTINCT as u64 - 2);
        let (key, worst) = ranking.top[0];
        assert_eq!((key, worst.connections(), worst.total_nanos()), (0, 2, 8_000_000_000));
        assert_eq!((worst.empty.standing, worst.silent.standing, worst.silent.longest), (1, 0, Span::from_secs(7)));
        assert_eq!(ranking.top[1].0, 1, "of equals the lower key comes first");
    }
}
