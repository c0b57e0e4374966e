//! Whether the answers to a side's probes come from the far end, or from something nearer that answers for it.
//!
//! Data comes from the far end; pure ACKs may come from a box that keeps the connection alive by itself. So the answers are
//! held against segments with payload, never against other ACKs. Without a sign nothing is said: a box that terminates the
//! connection sends everything itself, and is the far end then.

use crate::flow::probes::Answers;
use crate::flow::{Direction, Flow};
use crate::time::Span;
use crate::verdict::Confidence;

/// A sign that answers do not come from where the data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// TTL or hop limit of an answer, and the nearest of the data.
    HopLimit(u8, u8),
    /// The slowest answer, and the fastest acknowledgment of anything else.
    Delay(Span, Span),
}

/// That something nearer answers, how sure that is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearby {
    /// How sure it is.
    pub confidence: Confidence,
    /// At least one.
    pub signs: Vec<Sign>,
}

/// Whether the probes of the side that sends in `direction` are answered by something nearer than the other end; `None`
/// where nothing says so.
#[must_use]
pub fn answered_nearby(flow: &Flow, direction: Direction) -> Option<Nearby> {
    let answers = flow.probes(direction)?.keepalive.answers;
    let (hops, delay) = (hop_limit(flow, direction, &answers), delay(flow, direction, &answers));
    let confidence = match (hops, delay) {
        _ if answers.delay.count() < 2 => Confidence::Possible,
        (Some((_, Confidence::Likely)), Some(_)) => Confidence::Certain,
        (Some((_, hops)), None) => hops,
        (None, Some((_, delay))) => delay,
        _ => Confidence::Likely,
    };
    let signs: Vec<_> = [hops, delay].into_iter().flatten().map(|(sign, _)| sign).collect();
    (!signs.is_empty()).then_some(Nearby { confidence, signs })
}

/// Beyond this many hops another path is no explanation.
const DETOUR: u8 = 2;

/// No answer has a hop limit of the data. A path may change by a hop or two, once; data that came later with the old
/// value shows that it did not.
fn hop_limit(flow: &Flow, direction: Direction, answers: &Answers) -> Option<(Sign, Confidence)> {
    let data = flow.end(direction.reverse()).baseline.data_hop_limits;
    let pairs = answers.hop_limits.iter().flat_map(|answer| data.iter().map(move |of_data| (answer, of_data)));
    let (answer, of_data) = pairs.min_by_key(|(answer, of_data)| answer.abs_diff(*of_data))?;
    let distance = answer.abs_diff(of_data);
    let confidence =
        if distance > DETOUR || answers.unlike_later_data { Confidence::Likely } else { Confidence::Possible };
    (distance > 0).then_some((Sign::HopLimit(answer, of_data), confidence))
}

/// Below this the fastest acknowledgment is too short to be halved.
const LEAST_DELAY: Span = Span::from_millis(1);
/// A difference that address resolution and scheduling do not explain.
const CLEAR_DELAY: Span = Span::from_millis(5);

/// Every answer came in less than half the time of the fastest acknowledgment. Only with a handshake, which is answered at
/// once as probes are: acknowledgments of data may all have waited for the answer that they came with.
fn delay(flow: &Flow, direction: Direction, answers: &Answers) -> Option<(Sign, Confidence)> {
    let prober = flow.end(direction);
    let fastest = prober.ack_delay.filter(|_| prober.isn.is_some() && prober.counters().payload_bytes > 0)?;
    let (_, slowest) = answers.delay.bounds()?;
    let is_clear = fastest >= LEAST_DELAY && slowest >= Span::ZERO && slowest.times(2) < fastest;
    let confidence = if fastest.minus(slowest) >= CLEAR_DELAY { Confidence::Likely } else { Confidence::Possible };
    is_clear.then_some((Sign::Delay(slowest, fastest), confidence))
}
