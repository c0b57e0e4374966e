use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::*;
use crate::report::lines::Line;
use crate::report::model;
use crate::report::trace::JsonRow;

/// A report of idlegap, as `--format json` prints it. Within version 1 fields are added, never removed or renamed: ignore
/// those that you do not know. `docs/REPORT-SCHEMA.md` describes them at length.
#[derive(JsonSchema)]
#[schemars(rename = "Report")]
#[expect(dead_code, reason = "its shape is what the renderer writes member by member")]
struct Document {
    /// Version of this contract.
    schema_version: String,
    /// The program that wrote the report.
    tool: model::Tool,
    /// The report in one paragraph.
    summary: model::Summary,
    /// Whether the path can go through the box that `--assume` named; only with that option.
    #[schemars(skip_serializing_if = "Option::is_none")]
    assumption: Option<model::Assumption>,
    /// One per file, in the order in which they were read. Frames refer to them by their index, from 0, where there are
    /// several; text and tickets count the same files from 1.
    captures: Vec<model::Capture>,
    /// One per connection, in the order of their first segments.
    flows: Vec<model::Flow>,
    /// Flows in all, listed or not.
    flows_total: u32,
    /// Flows by verdict, every id that occurs.
    #[schemars(with = "words::Counts")]
    verdicts: (),
    /// Servers with what their flows say of a timer on the path, those with deaths first.
    services: Vec<model::Service>,
    /// Services behind one box, those with the most deaths first.
    groups: Vec<model::Group>,
    /// Connections that hold a place without using it; null where there are none.
    inventory: Option<model::Inventory>,
    /// Conclusions, the most severe first.
    findings: Vec<model::Finding>,
}

fn generated<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

#[test]
fn the_schemas_are_those_of_the_structures() {
    let update = std::env::var_os("UPDATE_SCHEMA").is_some_and(|value| value == "1");
    let schemas = [
        (Schema::Report, "report.json", generated::<Document>("idlegap report")),
        (Schema::Jsonl, "jsonl.json", generated::<Line<'_>>("A line of an idlegap report as JSON lines")),
        (Schema::Trace, "trace.json", generated::<JsonRow<'_>>("A line of idlegap trace")),
    ];
    for (schema, name, now) in schemas {
        if update {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/schema").join(name);
            std::fs::write(path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
            continue;
        }
        let kept: Value = serde_json::from_str(schema.text()).unwrap();
        assert_eq!(kept, now, "{name}: if that is meant, UPDATE_SCHEMA=1 cargo test --lib schema");
    }
}
