//! A throw-away PostgreSQL cluster of Debian's own binaries, and the store's whole contract on it.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::store::keep_all;

/// A user that every Unix has and that is not root: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running cluster; stopped and removed when dropped.
pub(crate) struct Cluster {
    folder: TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts a cluster on a free loopback port.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("dyepack-pg-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        if is_root(folder.path()) {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut cluster = Self { folder, binaries: binaries(), port: 0 };
        let data = cluster.folder.path().join("data").display().to_string();
        cluster.run("initdb", &["-D", &data, "-U", "dyepack", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
        for _ in 0..3 {
            // Free now; another process may take it before the server does, then the next one is tried.
            cluster.port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            if cluster.pg_ctl_start(&data) {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start: {}", fs::read_to_string(cluster.folder.path().join("log")).unwrap());
    }

    /// Makes an empty database and returns its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        // A name of PostgreSQL holds 63 bytes.
        let name: String = name.chars().take(60).collect();
        let port = self.port.to_string();
        self.run("createdb", &["-h", "127.0.0.1", "-p", &port, "-U", "dyepack", &name]);
        format!("postgres://dyepack@127.0.0.1:{port}/{name}")
    }

    fn pg_ctl_start(&self, data: &str) -> bool {
        let socket = self.folder.path().display();
        let options = format!(
            "-p {} -h 127.0.0.1 -k '{socket}' -F -c full_page_writes=off -c synchronous_commit=off -c max_connections=300",
            self.port
        );
        let log = self.folder.path().join("log").display().to_string();
        self.command("pg_ctl", &["-D", data, "-w", "-t", "60", "-l", &log, "-o", &options, "start"])
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program, arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.binaries.join(program);
        let mut command = if fs::metadata(self.folder.path()).unwrap().uid() == NOBODY {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir("/").env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.path().join("data").display().to_string();
        // The folder goes next: there is nothing to shut down gently for.
        drop(self.command("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]).output());
    }
}

fn is_root(own: &Path) -> bool {
    fs::metadata(own).unwrap().uid() == 0
}

fn binaries() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let places = versions.into_iter().rev().map(|(_, path)| path).chain(on_path);
    let found = places.into_iter().find(|place| place.join("initdb").exists());
    found.expect("PostgreSQL is missing: run tests/run, or on Debian: apt-get install postgresql")
}

#[tokio::test]
async fn every_promise_of_the_store_is_kept_on_postgresql() {
    let cluster = Cluster::start();
    keep_all(|name| cluster.database(name)).await;
}
