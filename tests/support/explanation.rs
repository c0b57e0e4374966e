//! Why tshark says otherwise: the fewest habits of its bookkeeping that make the difference, where a rule alone does not.

use std::collections::BTreeMap;

use crate::support::difference::{Aspect, Difference, expected};
use crate::support::divergences::DIVERGENCES;
use crate::support::mirror::{Habit, Mirror, Righted};
use crate::support::program::Segment;
use crate::support::tshark::{Label, Row};

/// Gives every difference of labels that no rule covers by itself the habits that explain it, if some do.
pub(crate) fn explain(differences: &mut [Difference], frames: &[(Row, Segment)]) {
    let is_open = |it: &Difference| it.aspect == Aspect::Label && !is_covered(it);
    let mut open: Vec<usize> = (0..differences.len()).filter(|index| is_open(&differences[*index])).collect();
    if open.is_empty() {
        return;
    }
    // What these rules do not give as tshark gives it, they do not explain.
    let plain = labels(frames, Righted::default());
    open.retain(|index| plain.get(&differences[*index].frame) == Some(differences[*index].said()));
    for habits in choices() {
        if open.is_empty() {
            return;
        }
        let righted = labels(frames, Righted::of(&habits));
        open.retain(|index| {
            let difference = &mut differences[*index];
            let said = righted.get(&difference.frame).cloned().unwrap_or_default();
            if said == *difference.said() {
                return true;
            }
            difference.habits.clone_from(&habits);
            let agrees = difference.ours.as_ref().is_some_and(|ours| expected(ours) == said);
            difference.righted = Some(said);
            if agrees || is_covered(difference) {
                return false;
            }
            (difference.habits, difference.righted) = (Vec::new(), None);
            true
        });
    }
}

fn is_covered(difference: &Difference) -> bool {
    DIVERGENCES.iter().any(|it| (it.covers)(difference) && !it.is_habit)
}

fn labels(frames: &[(Row, Segment)], righted: Righted) -> BTreeMap<u64, std::collections::BTreeSet<Label>> {
    let mut mirror = Mirror::new(righted);
    frames.iter().map(|(row, segment)| (row.frame, mirror.take(row, segment))).collect()
}

/// All sets of up to three habits, small ones first.
fn choices() -> Vec<Vec<Habit>> {
    let mut all: Vec<Vec<Habit>> = Habit::ALL.iter().map(|habit| vec![*habit]).collect();
    let mut at = 0;
    while at < all.len() && all[at].len() < 3 {
        let last = *all[at].last().expect("a set of one at least");
        let longer: Vec<Vec<Habit>> =
            Habit::ALL.iter().filter(|habit| **habit > last).map(|habit| [&all[at][..], &[*habit]].concat()).collect();
        all.extend(longer);
        at += 1;
    }
    all
}
