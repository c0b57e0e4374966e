//! Replays what the fuzzer found worth keeping: `fuzz/corpus`, and the inputs that once broke something.

#[expect(unreachable_pub, reason = "in the fuzzer's package the same modules are a library")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Runs `target` over its corpus; a corpus that is gone is a failure, too.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut inputs: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{}: hardly a corpus", folder.display());
    for input in inputs {
        let data = fs::read(&input).expect("an input");
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "{} breaks it", input.display());
    }
}

macro_rules! replays {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), targets::$name::run);
            }
        )*
    };
}

replays!(containers, frames, pipeline, conversation, script, heads, table);
