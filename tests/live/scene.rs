//! Scenes in network namespaces, played by `tests/live/scenes.py`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::schema;

/// What a scene left.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) events: Vec<Value>,
    pub(crate) errors: String,
    pub(crate) facts: Value,
}

impl Scene {
    /// Plays a scene; `None`, said loudly, where this machine has no namespaces for it. With CI=true that is a failure.
    pub(crate) fn play(name: &str) -> Option<Self> {
        if let Some(missing) = missing() {
            assert!(std::env::var_os("CI").is_none(), "the scene {name} was not played: {missing}");
            eprintln!("SKIPPED: the scene {name} was not played: {missing}");
            return None;
        }
        let folder = TempDir::new().unwrap();
        // The watch becomes somebody else, who must be able to write here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/scenes.py");
        let mut played = Command::new("python3");
        played.args([script, name, env!("CARGO_BIN_EXE_idlegap")]).arg(folder.path());
        let output = played.stdin(Stdio::null()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        let errors = fs::read_to_string(folder.path().join("errors.txt")).unwrap_or_default();
        assert!(output.status.success(), "{complaint}\n{errors}");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let events: Vec<Value> =
            read("events.jsonl").lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        schema::validate_all(&events);
        let facts = serde_json::from_str(&read("facts.json")).unwrap();
        Some(Self { events, errors, facts, folder })
    }

    pub(crate) fn of_type(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["type"] == name).collect()
    }

    /// The last line of the events.
    pub(crate) fn summary(&self) -> &Value {
        let last = self.events.last().unwrap();
        assert_eq!(last["type"], "summary");
        last
    }

    /// The number of the flow whose client has the port that the scene calls `name`.
    pub(crate) fn flow_of(&self, name: &str) -> Value {
        let port = format!(":{}", self.facts[name]);
        let event = self.events.iter().find(|event| event["client"].as_str().is_some_and(|end| end.ends_with(&port)));
        event.unwrap_or_else(|| panic!("{port} in {}", self.told()))["flow"].clone()
    }

    /// The events without the report, for messages.
    pub(crate) fn told(&self) -> String {
        let events = self.events.iter().filter(|event| event["type"] != "summary");
        events.map(|event| format!("{event}\n")).collect::<String>() + &self.errors
    }

    pub(crate) fn ended_well(&self, ended_by: &str) {
        assert_eq!(
            (&self.facts["exit"], &self.summary()["ended_by"]),
            (&0.into(), &ended_by.into()),
            "{}",
            self.errors
        );
    }

    /// The report on a file of the scene, with the flows that matter.
    pub(crate) fn analysed(&self, file: &str) -> Value {
        let mut analysis = Command::new(env!("CARGO_BIN_EXE_idlegap"));
        analysis.args(["--format", "json", "--flows", "matter"]).arg(self.path(file));
        let output = analysis.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The events of a file of the scene that is piped into a watch.
    pub(crate) fn replayed(&self, file: &str, options: &[&str]) -> Vec<Value> {
        let mut watch = Command::new(env!("CARGO_BIN_EXE_idlegap"));
        watch.args(["live"]).args(options).arg("-").stdin(fs::File::open(self.path(file)).unwrap());
        let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many frames tshark reads; `None` where it is missing.
    pub(crate) fn frames_by_tshark(&self, file: &str) -> Option<u64> {
        let mut tshark = Command::new("tshark");
        let output =
            tshark.args(["-n", "-T", "fields", "-e", "frame.number", "-r"]).arg(self.path(file)).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(output.stdout.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).count() as u64)
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }
}

/// What this machine lacks, if anything.
fn missing() -> Option<String> {
    let uid = fs::metadata("/proc/self").map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata));
    if !matches!(uid, Ok(0)) {
        return Some("network namespaces need root".to_owned());
    }
    let lacks = |tool: &&&str| {
        Command::new(**tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    };
    ["ip", "nft", "ethtool", "sysctl", "python3"].iter().find(lacks).map(|tool| format!("{tool} is missing"))
}

/// Whether the kernel confines processes by Landlock: it tells the version of its interface (landlock_create_ruleset(2)).
pub(crate) fn has_landlock() -> bool {
    let ask = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))";
    let told = Command::new("python3").args(["-c", ask]).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&told).trim().parse().is_ok_and(|version: i32| version > 0)
}
