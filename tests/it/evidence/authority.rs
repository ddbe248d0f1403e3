//! Starts `tests/servers/tsa.py`, and asks openssl what it thinks of a time stamp.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::world::program::python;

/// A time-stamping authority that ends with the test.
pub(super) struct Authority {
    child: Child,
    folder: TempDir,
    pub(super) port: u16,
}

impl Authority {
    /// Starts one on a free loopback port.
    pub(super) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), 0)
    }

    fn start_in(folder: TempDir, port: u16) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/tsa.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg("--folder")
            .arg(folder.path())
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        Self { child, folder, port: port.unwrap_or_else(|| panic!("the authority did not start: {line:?}")) }
    }

    /// Its address with a path: `/`, `/busy`, `/other`, `/replay`, `/refuse`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Has openssl check a time stamp, signature and certificates included.
    pub(super) fn verifies(&self, stamp: &Path, stamped: &Path) -> bool {
        let checked = Command::new("openssl")
            .args(["ts", "-verify", "-in"])
            .arg(stamp)
            .arg("-data")
            .arg(stamped)
            .arg("-CAfile")
            .arg(self.root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        checked.status.success() && said.contains("Verification: OK")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
