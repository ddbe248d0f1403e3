//! The program as a child process, and the folders it works in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A data directory of its own, removed at the end.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Installation {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    /// Returns the same installation, its state kept in another database than its own SQLite.
    pub(crate) fn on(self, database: Option<String>) -> Self {
        Self { database, ..self }
    }

    /// Prepares a command on this installation; its environment holds no settings of the machine's own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dyepack"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DYEPACK_")) {
            command.env_remove(name);
        }
        if let Some(database) = &self.database {
            command.env("DYEPACK_STORE_URL", database);
        }
        command.args(args).arg("--data").arg(self.data()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts a command, its output thrown away.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command that must succeed and returns its JSON lines.
    pub(crate) fn rows(&self, args: &[&str]) -> Vec<serde_json::Value> {
        let output = self.run(&[args, &["--format", "json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// The Python of `tests/servers/requirements.txt`.
pub(crate) fn python() -> PathBuf {
    let path = std::env::var_os("DYEPACK_TEST_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python"), PathBuf::from);
    assert!(path.exists(), "{} is missing: run tests/run, which makes what the tests use", path.display());
    path
}
