//! Random TCP conversations that could have been: what two hosts say to each other, what is lost on the way or never
//! captured, and how it ends. They are packet scripts, so that a failing one can be read and kept.

use std::fmt;

use idlegap::script::Script;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::acts::{act, setting};
use crate::stage::Stage;

/// A script that is shown as a script.
#[derive(Clone, PartialEq)]
pub(crate) struct Conversation(pub(crate) Script);

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

/// A conversation between hosts of the network 10.`net`.0.0/16 or 2001:db8:`net`::/48.
pub(crate) fn conversation(net: u8) -> impl Strategy<Value = Conversation> {
    let played = (setting(), vec(act(), 1..14)).prop_map(move |(setting, acts)| {
        let mut stage = Stage::new(setting, net);
        acts.into_iter().for_each(|act| stage.play(act));
        Conversation(stage.script)
    });
    played.prop_filter("nothing was said", |talk| !talk.0.steps.is_empty())
}
