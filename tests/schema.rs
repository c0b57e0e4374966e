//! The JSON Schemas that the program prints, held against everything that it writes as JSON: the kept reports, every recording
//! and every packet script. Fields that a schema does not describe are refused here, though readers must allow them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of a test may fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use idlegap::report::schema::Schema;
use idlegap::script::{Script, to_pcap};
use jsonschema::Validator;
use serde_json::{Value, json};

#[test]
fn every_kept_report_is_as_the_schema_says() {
    let report = strict(Schema::Report);
    let trace = strict(Schema::Trace);
    let lines = strict(Schema::Jsonl);
    let mut seen = 0;
    for case in entries(&root().join("fixtures/golden")) {
        for (name, validator) in [("report.json", &report), ("trace.jsonl", &trace), ("report.jsonl", &lines)] {
            let Ok(text) = std::fs::read_to_string(case.join(name)) else { continue };
            let objects = if name.ends_with("jsonl") { text.lines().collect() } else { vec![text.as_str()] };
            objects.iter().for_each(|object| check(validator, object, &case.join(name).display().to_string()));
            seen += objects.len();
        }
    }
    assert!(seen > 400, "only {seen} objects are kept");
}

#[test]
fn every_recording_is_reported_as_the_schema_says() {
    let folders = entries(&root().join("fixtures/captures"));
    let captures = folders.iter().flat_map(|folder| entries(folder));
    let captures: Vec<_> = captures.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    assert!(captures.len() > 70, "only {} recordings found", captures.len());
    check_all(&captures);
}

#[test]
fn every_script_is_reported_as_the_schema_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |path: PathBuf| {
        let script = Script::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let capture = folder.join(path.file_stem().unwrap()).with_extension("pcap");
        std::fs::write(&capture, to_pcap(&script)).unwrap();
        capture
    };
    let captures: Vec<_> = entries(&root().join("fixtures/scripts")).into_iter().map(write).collect();
    assert!(captures.len() > 100, "only {} scripts found", captures.len());
    check_all(&captures);
    // Several files, and an assumption.
    let several = [captures[0].as_path(), captures[1].as_path()];
    check(&strict(Schema::Report), &printed(&["--format", "json", "--assume", "aws-nlb-tcp"], &several), "two files");
    let lines = strict(Schema::Jsonl);
    let text = printed(&["--format", "jsonl", "--assume", "aws-nlb-tcp"], &several);
    text.lines().for_each(|line| check(&lines, line, "two files"));
    let trace = strict(Schema::Trace);
    printed(&["trace", "--format", "jsonl"], &several).lines().for_each(|line| check(&trace, line, "two files"));
}

#[test]
fn a_field_that_is_not_described_is_noticed() {
    let report = strict(Schema::Report);
    let text = std::fs::read_to_string(root().join("fixtures/golden/f5-300s-both/report.json")).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    assert!(report.is_valid(&value));
    value["flows"][0]["verdict"]["mood"] = json!("sad");
    assert!(!report.is_valid(&value));
    value["flows"][0]["verdict"].as_object_mut().unwrap().remove("mood");
    value["flows"][0]["verdict"]["id"] = json!("idle-rest");
    assert!(!report.is_valid(&value));
    // What is printed for others allows what a later version may add.
    let public: Value = serde_json::from_str(Schema::Report.text()).unwrap();
    assert!(!Schema::Report.text().contains("additionalProperties\": false"));
    value["flows"][0]["verdict"]["id"] = json!("idle-reset-next");
    value["flows"][0]["mood"] = json!("sad");
    assert!(jsonschema::validator_for(&public).unwrap().is_valid(&value));
}

#[test]
fn the_program_prints_the_schemas() {
    for (arguments, schema) in [
        (&["schema"][..], Schema::Report),
        (&["schema", "report"], Schema::Report),
        (&["schema", "jsonl"], Schema::Jsonl),
        (&["schema", "trace"], Schema::Trace),
    ] {
        assert_eq!(printed(arguments, &[]), schema.text());
    }
}

/// Reports on every capture, in all forms that have a schema.
fn check_all(captures: &[PathBuf]) {
    let (report, lines, trace) = (strict(Schema::Report), strict(Schema::Jsonl), strict(Schema::Trace));
    for capture in captures {
        let (capture, name) = ([capture.as_path()], capture.display().to_string());
        check(&report, &printed(&["--format", "json"], &capture), &name);
        printed(&["--format", "jsonl"], &capture).lines().for_each(|line| check(&lines, line, &name));
        printed(&["trace", "--format", "jsonl"], &capture).lines().for_each(|line| check(&trace, line, &name));
    }
}

fn check(validator: &Validator, text: &str, name: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error} in {text}"));
    let errors: Vec<_> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
}

/// The validator of a schema, in which an object has no field that is not described.
fn strict(schema: Schema) -> Validator {
    let mut value: Value = serde_json::from_str(schema.text()).unwrap();
    let definitions = value["$defs"].clone();
    close(&mut value, &definitions);
    jsonschema::validator_for(&value).unwrap()
}

fn close(value: &mut Value, definitions: &Value) {
    match value {
        Value::Object(object) => {
            // A line is what it refers to and its type: both together make the whole object.
            if let (Some(Value::String(reference)), true) =
                (object.get("$ref").cloned(), object.contains_key("properties"))
            {
                let definition = &definitions[reference.rsplit('/').next().unwrap()];
                object.remove("$ref");
                for key in ["properties", "required"] {
                    match (object.get_mut(key), &definition[key]) {
                        (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
                        (Some(Value::Array(own)), Value::Array(more)) => own.extend(more.iter().cloned()),
                        other => panic!("{key}: {other:?}"),
                    }
                }
            }
            if object.contains_key("properties") && object.get("type") == Some(&json!("object")) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(|value| close(value, definitions));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, definitions)),
        _ => {}
    }
}

fn printed(arguments: &[&str], captures: &[&Path]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlegap"));
    command.args(arguments).args(captures).stdin(Stdio::null());
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?} {captures:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
