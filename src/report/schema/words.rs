//! The closed lists of words, and the other forms that the structures leave open.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::flow::SegmentKind;
use crate::verdict::VerdictId;

/// Types whose only use is to stand in a schema.
macro_rules! forms {
    ($($name:ident: $schema:expr;)*) => { $(
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

forms! {
    Acceptability: among(&["accepted", "challenged", "ignored", "unknown"]);
    Assumed: among(&["holds", "contradicted", "untested"]);
    Clock: among(&["packet", "payload"]);
    Confidence: among(&["certain", "likely", "possible"]);
    Direction: among(&["c2s", "s2c"]);
    Fit: among(&["exact", "inside", "previous", "range"]);
    Found: {
        let mut ids = VerdictId::ALL.map(VerdictId::name).to_vec();
        ids.push("too-many-pings");
        among(&ids)
    };
    Kind: among(&SegmentKind::ALL.map(SegmentKind::name));
    Layer: among(&["link", "tunnel", "ip", "tcp", "icmp"]);
    Manner: among(&["rst-both", "rst-on-next-packet", "silent-drop", "fin"]);
    Orientation: among(&["handshake", "inferred"]);
    Origin: among(&["endpoint", "middlebox", "unknown"]);
    Outcome: among(&["survived", "died", "open"]);
    Selection: among(&["frames", "streams", "addresses"]);
    Severity: among(&["high", "medium", "low"]);
    Side: among(&["client", "server"]);
    Style: among(&["empty", "one-byte", "mixed"]);
    Verdict: among(&VerdictId::ALL.map(VerdictId::name));
    Time: json_schema!({
        "type": "string",
        "format": "date-time",
        "pattern": r"^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"
    });
    Counts: json_schema!({
        "type": "object",
        "propertyNames": { "enum": VerdictId::ALL.map(VerdictId::name) },
        "additionalProperties": { "type": "integer", "minimum": 1 }
    });
}

fn among(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}
