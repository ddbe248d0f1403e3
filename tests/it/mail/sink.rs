//! Starts `tests/servers/smtp_sink.py` and reads what it kept.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::world::program::python;

/// A mail server that ends with the test.
pub(crate) struct Sink {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

/// A mail as the server received it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) login: bool,
    bytes: Vec<u8>,
}

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    /// Returns a header field's value as written, without folding.
    pub(crate) fn header(&self, name: &str) -> String {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap();
        let unfolded = head.replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        unfolded.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    }
}

impl Sink {
    /// Starts a server on a free loopback port with the given options.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), 0, options)
    }

    /// Starts a server on a port.
    pub(crate) fn start_at(port: u16, options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), port, options)
    }

    fn start_in(folder: TempDir, port: u16, options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/smtp_sink.py");
        let mut child = Command::new(python())
            .arg(script)
            .args(["--folder".as_ref(), folder.path().join("mail").as_os_str()])
            .args(["--certificate".as_ref(), folder.path().join("certificate.pem").as_os_str()])
            .args(["--port", &port.to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        let port =
            port.unwrap_or_else(|| panic!("the mail server did not start (it said {line:?}); run tests/run once"));
        Self { child, folder, port }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The URL with the server's own certificate as one to trust.
    pub(crate) fn trusted_url(&self, scheme: &str) -> String {
        format!("{}?ca={}", self.url(scheme), self.folder.path().join("certificate.pem").display())
    }

    /// Returns what was received, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        let folder = self.folder.path().join("mail");
        let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|name| name.extension().is_some_and(|extension| extension == "eml"));
        names.sort();
        names.iter().map(|name| received(name)).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // A second panic would hide the first.
        if !std::thread::panicking() {
            self.received().iter().for_each(|mail| super::scan::assert_harmless(&mail.text()));
        }
    }
}

/// Returns a port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn received(name: &Path) -> Received {
    let facts: serde_json::Value = serde_json::from_slice(&fs::read(name.with_extension("json")).unwrap()).unwrap();
    Received {
        from: facts["from"].as_str().unwrap().to_owned(),
        to: facts["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect(),
        tls: facts["tls"].as_bool().unwrap(),
        login: facts["login"].as_bool().unwrap(),
        bytes: fs::read(name).unwrap(),
    }
}
