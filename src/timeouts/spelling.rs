//! Guessing what was meant.

/// The known word nearest to `word`, if one is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known.iter().min_by_key(|candidate| edit_distance(word, candidate))?;
    (edit_distance(word, best) <= 1 + word.chars().count() / 4).then_some(*best)
}

/// Whether `word` is `part` with at most a slip or two.
pub(super) fn alike(word: &str, part: &str) -> bool {
    let slips = word.chars().count().min(part.chars().count()) / 4;
    edit_distance(word, part) <= slips.min(2)
}

/// Least number of characters to add, remove, replace or swap with their neighbour (optimal string alignment).
pub(super) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut last_b = None;
        for (j, &cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&row, j) + usize::from(ca != cb);
            let mut best = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if j > 0 && last_a == Some(cb) && last_b == Some(ca) {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
            last_b = Some(cb);
        }
        before = std::mem::replace(&mut row, next);
        last_a = Some(ca);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_as_people_make_them() {
        for (a, b, slips) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("nginx", "ngnix", 1),
            ("haprxy", "haproxy", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edit_distance(a, b), slips, "{a} {b}");
        }
        assert_eq!(nearest("idle_second", &["id", "idle_seconds"]), Some("idle_seconds"));
        assert_eq!(nearest("colour", &["id", "idle_seconds"]), None);
    }
}
