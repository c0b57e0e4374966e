//! The rules of `deny.toml` hold for everything that the program is built from.
//!
//! `cargo deny check` says the same and more, on every platform; this runs everywhere, without a network and without a
//! program that takes minutes to build.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use toml::Table;

fn file(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The texts of an array.
fn texts(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// Names and versions of what is allowed to occur twice, with the reason for each.
fn skipped(rules: &Table) -> BTreeMap<String, String> {
    let entry = |it: &toml::Value| {
        let reason = it["reason"].as_str().unwrap();
        assert!(reason.len() > 10, "{it:?} needs a reason");
        (it["crate"].as_str().unwrap().to_owned(), reason.to_owned())
    };
    rules["bans"]["skip"].as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn everything_comes_from_the_registry() {
    let (rules, lock) = (file("deny.toml"), file("Cargo.lock"));
    let allowed = texts(&rules["sources"]["allow-registry"]);
    for package in lock["package"].as_array().unwrap() {
        let Some(source) = package.get("source") else {
            assert_eq!(package["name"].as_str(), Some("idlegap"), "only the program itself is in the repository");
            continue;
        };
        let source = source.as_str().unwrap().strip_prefix("registry+").unwrap_or("not a registry");
        assert!(allowed.contains(source), "{package:?}");
        assert!(package.get("checksum").is_some(), "{package:?}");
    }
}

#[test]
fn nothing_occurs_twice_without_a_reason() {
    let (rules, lock) = (file("deny.toml"), file("Cargo.lock"));
    assert_eq!(rules["bans"]["multiple-versions"].as_str(), Some("deny"));
    let mut skipped = skipped(&rules);
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        versions.entry(package["name"].as_str().unwrap()).or_default().push(package["version"].as_str().unwrap());
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let excused: Vec<_> =
            versions.iter().filter_map(|version| skipped.remove(&format!("{name}@{version}"))).collect();
        assert_eq!(excused.len() + 1, versions.len(), "{name} occurs as {versions:?}");
    }
    assert!(skipped.is_empty(), "no longer there: {skipped:?}");
}

#[test]
fn licences_are_accepted() {
    let allowed = texts(&file("deny.toml")["licenses"]["allow"]);
    for (name, licence) in licences() {
        assert!(is_accepted(&licence, &allowed), "{name} is licensed under {licence}");
    }
}

/// Name and licence of every package that is built here.
fn licences() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--all-features"])
        .args(["--filter-platform", &host(), "--manifest-path"])
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "{} packages", packages.len());
    let text = |package: &Value, name: &str| package[name].as_str().unwrap_or_default().to_owned();
    packages.iter().map(|package| (text(package, "name"), text(package, "license"))).collect()
}

/// The platform that is built for, as rustc names it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Whether a licence expression can be satisfied with the accepted licences. Of `A OR B` one is enough, of `A AND B`
/// both are needed, which binds closer; the slash is an old way to write `OR`.
fn is_accepted(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let accepted = any_of(&words, &mut at, allowed);
    accepted && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut accepted = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        accepted |= all_of(words, at, allowed);
    }
    accepted
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut accepted = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        accepted &= one(words, at, allowed);
    }
    accepted
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let accepted = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return accepted && closed;
    }
    // An exception allows more than the licence does.
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    allowed.contains(*word)
}

#[test]
fn expressions_are_read() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib"].map(str::to_owned).into();
    for (expression, accepted) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Zlib", true),
        ("MIT AND (Apache-2.0 OR GPL-3.0)", false),
        ("GPL-3.0 OR MIT AND Zlib", true),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT AND", false),
        ("MIT Zlib", false),
    ] {
        assert_eq!(is_accepted(expression, &allowed), accepted, "{expression}");
    }
}
