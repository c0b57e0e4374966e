//! Replays what the fuzzer found worth keeping, and every input that once broke something: `fuzz/corpus`.

#[expect(unreachable_pub, reason = "in the fuzzer's package the same modules are a library")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Runs `target` over its corpus, one input a line in Base64.
fn replay(name: &str, target: fn(&[u8])) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name).with_extension("b64");
    let inputs = fs::read_to_string(&packed).expect("a corpus");
    assert!(inputs.lines().count() >= 100, "{}: hardly a corpus", packed.display());
    for (number, line) in (1..).zip(inputs.lines()) {
        let data = STANDARD.decode(line).expect("Base64");
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "{}:{number} breaks it", packed.display());
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

replays!(containers, frames, pipeline, conversation, evidence, script, heads, table);
