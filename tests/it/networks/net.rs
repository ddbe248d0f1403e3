//! Starts and ends the private networks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A running network; dropped, it ends.
pub(super) struct Net {
    folder: TempDir,
    tool: PathBuf,
    pub(super) state: Value,
}

impl Net {
    /// Starts a network; `None`, with a word on stderr, where its tool or program is missing or cannot run.
    pub(super) fn start(tool: &str, program: &str, args: &[String]) -> Option<Self> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tools")).join(tool);
        if !path.is_file() || !has(program) {
            eprintln!("SKIPPED: {tool} is not beside the project, or {program} is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new("python3")
            .arg(&path)
            .arg("start")
            .arg(folder.path().join("net"))
            .args(args)
            .args(["--owner", &std::process::id().to_string(), "--timeout", "90"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        if !started.status.success() {
            // Continuous integration may forbid what i2pnet needs: a network namespace.
            assert_eq!(tool, "i2pnet", "the private Tor network did not start");
            eprintln!("SKIPPED: the private I2P network cannot run here (network namespaces?)");
            return None;
        }
        Some(Self { folder, tool: path, state: serde_json::from_slice(&started.stdout).unwrap() })
    }

    /// Runs one of the tool's commands on this network.
    pub(super) fn run(&self, args: &[&str]) {
        let (command, rest) = args.split_first().unwrap();
        let done = Command::new("python3")
            .arg(&self.tool)
            .arg(command)
            .arg(self.folder.path().join("net"))
            .args(rest)
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success(), "{args:?}");
    }

    /// Returns a text of the network's description.
    pub(super) fn text(&self, pointer: &str) -> String {
        self.state.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}")).to_owned()
    }

    /// Returns the folder of one of the network's processes.
    pub(super) fn home(&self, role: &str) -> PathBuf {
        PathBuf::from(self.text("/dir")).join(role)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        drop(Command::new("python3").arg(&self.tool).arg("stop").arg(self.folder.path().join("net")).status());
    }
}

/// Tells whether a program is installed.
pub(super) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
