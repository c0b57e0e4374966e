//! Work on many things by several threads, whose results come in the order of the things.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

/// Things that a thread looks at before it hands over what it found: so many that starting a thread for them costs nothing.
const TOGETHER: usize = 1024;

/// Looks at all `things` and takes what came of each, in their order. With more than one of `threads` others look while
/// this one takes, so that `look` must not depend on what was taken.
pub(crate) fn in_order<I: Copy + Send + Sync, T: Send>(
    threads: usize,
    things: impl Iterator<Item = I>,
    look: impl Fn(I) -> T + Sync,
    mut take: impl FnMut(T),
) {
    if threads <= 1 {
        return things.for_each(|thing| take(look(thing)));
    }
    let mut things = things.fuse();
    scope(|scope| {
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < threads {
                let some: Vec<_> = things.by_ref().take(TOGETHER).collect();
                if some.is_empty() {
                    break;
                }
                under_way.push_back(Work::start(scope, some, &look));
            }
            let Some(work) = under_way.pop_front() else { return };
            work.finish().into_iter().for_each(&mut take);
        }
    });
}

/// What comes of some things.
enum Work<'scope, T> {
    UnderWay(ScopedJoinHandle<'scope, Vec<T>>),
    Done(Vec<T>),
}

impl<'scope, T: Send + 'scope> Work<'scope, T> {
    /// Has a thread look at `things`; if the operating system refuses, this one does.
    fn start<I: Copy + Send + Sync + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        things: Vec<I>,
        look: &'scope (impl Fn(I) -> T + Sync),
    ) -> Self {
        let things = Arc::new(things);
        let its = Arc::clone(&things);
        let started = Builder::new()
            .name("verdicts".to_owned())
            .spawn_scoped(scope, move || its.iter().map(|thing| look(*thing)).collect());
        match started {
            Ok(thread) => Self::UnderWay(thread),
            Err(_) => Self::Done(things.iter().map(|thing| look(*thing)).collect()),
        }
    }

    fn finish(self) -> Vec<T> {
        match self {
            Self::UnderWay(thread) => thread.join().unwrap_or_else(|reason| resume_unwind(reason)),
            Self::Done(found) => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_things_comes_in_their_order() {
        for count in [0, 1, TOGETHER, 5 * TOGETHER + 7] {
            for threads in [0, 1, 2, 5] {
                let mut taken = Vec::new();
                in_order(threads, 0..count, |number| number * 2, |double| taken.push(double));
                assert!(taken.iter().copied().eq((0..count).map(|number| number * 2)), "{count} by {threads}");
            }
        }
    }
}
