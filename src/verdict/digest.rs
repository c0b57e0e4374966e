//! Verdicts that are settled when a flow goes to rest, in an octet.
//!
//! Of millions of flows of a flood nothing is of interest but what became of each. A flow that a RST has ended, that carried no
//! octet and was never silent, comes out the same whenever the capture ends and whatever the flows beside it show, but for a
//! limit of age. So it is judged once, while it is at hand, and the octet takes the place of the flow in both looks that a
//! report takes at it ([`crate::report`]).

use std::num::NonZeroU8;

use crate::flow::store::Digest;
use crate::flow::{Direction, Flow, Orientation};
use crate::time::Timestamp;
use crate::verdict::ages::died_of_age;
use crate::verdict::bracket::is_ambiguous;
use crate::verdict::outcome::judge_reset;
use crate::verdict::{VerdictId, inventory};

const IS_ESTABLISHED: u8 = 1 << 5;
const MAY_BE_AGED: u8 = 1 << 6;
/// What is left for the verdict: its place among all, and one more.
const VERDICT: u8 = IS_ESTABLISHED - 1;

/// What a digest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) verdict: VerdictId,
    /// Whether the handshake was over.
    pub(crate) is_established: bool,
    /// Whether a limit of age may have ended the flow: then its service may change the verdict.
    pub(crate) may_be_aged: bool,
}

impl Settled {
    /// What there is to say of `flow`; nothing if that is more than fits, or if it may change yet.
    fn of(flow: &Flow) -> Option<Self> {
        if !is_bare(flow) || !flow.is_reset_for_good() {
            return None;
        }
        let verdict = judge_reset(flow)?;
        let is_plain = verdict.gap.is_none()
            && !verdict.id.is_about_service()
            && verdict.id != VerdictId::RetransmissionExhausted
            && !is_ambiguous(&verdict);
        // It is over: the end of the capture takes no part.
        let is_listed = inventory::is_listed(flow, Timestamp::default());
        (is_plain && !is_listed).then(|| Self {
            verdict: verdict.id,
            is_established: flow.is_established(),
            may_be_aged: died_of_age(flow, &verdict).is_some(),
        })
    }
}

/// The digest of `flow`, if there is nothing more to say of it: the digester of an analysis that a report is made from.
#[must_use]
pub fn digest(flow: &Flow) -> Option<Digest> {
    let Settled { verdict, is_established, may_be_aged } = Settled::of(flow)?;
    let place = VerdictId::ALL.iter().position(|id| *id == verdict).and_then(|place| u8::try_from(place + 1).ok())?;
    let flags = [(is_established, IS_ESTABLISHED), (may_be_aged, MAY_BE_AGED)];
    let octet = flags.into_iter().filter(|(is_set, _)| *is_set).fold(place, |octet, (_, flag)| octet | flag);
    NonZeroU8::new(octet).map(Digest)
}

/// From a digest that [`digest`] made.
impl From<Digest> for Settled {
    fn from(Digest(octet): Digest) -> Self {
        let octet = octet.get();
        let place = usize::from(octet & VERDICT).checked_sub(1);
        Self {
            verdict: place.and_then(|place| VerdictId::ALL.get(place)).copied().unwrap_or(VerdictId::Inconclusive),
            is_established: octet & IS_ESTABLISHED != 0,
            may_be_aged: octet & MAY_BE_AGED != 0,
        }
    }
}

/// Whether the flow is known from its handshake on, with segments of both ends, and has nothing but them and RSTs: no payload,
/// no FIN, nothing repeated or missing, nothing that lies beside it.
fn is_bare(flow: &Flow) -> bool {
    let is_bare = |direction| {
        let end = flow.end(direction);
        end.last.is_some()
            && end.last_payload.is_none()
            && end.payload_bytes == 0
            && end.fin_end.is_none()
            && end.rare().is_none()
    };
    let has_resets_alone = flow.extras().is_some_and(|extras| {
        extras.tunnel.is_none()
            && extras.real_client.is_none()
            && extras.icmp.total() == 0
            && extras.clock_steps == 0
            && !extras.replayed
    });
    flow.orientation == Orientation::Handshake
        && has_resets_alone
        && flow.heads().is_none()
        && flow.last_payload.is_none()
        && Direction::BOTH.into_iter().all(is_bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_says_what_it_was_made_of() {
        for (place, verdict) in (1..).zip(VerdictId::ALL) {
            for (flags, is_established, may_be_aged) in
                [(0, false, false), (IS_ESTABLISHED, true, false), (IS_ESTABLISHED | MAY_BE_AGED, true, true)]
            {
                let digest = Digest(NonZeroU8::new(place | flags).unwrap());
                assert_eq!(Settled::from(digest), Settled { verdict, is_established, may_be_aged });
            }
        }
        assert!(VerdictId::ALL.len() < usize::from(VERDICT));
    }
}
