//! What the process that unpacks does: confine itself, unpack, say what came out, end.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr, RulesetError,
    Scope,
};
use rlimit::Resource;
use serde::{Deserialize, Serialize};

use super::{Sandbox, frame};
use crate::domain::container::{Limits, Order, PASSWORDS_LIMIT, Piece, unpack, unpack_stream};
use crate::domain::secret::Secret;

/// Longest job that is read.
const JOB_BYTES: u32 = 4 << 20;
/// Files that may be open at once: the document, a few times over.
const FILES: u64 = 24;

/// What the process is told on its standard input, before the document.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    name: String,
    /// Bytes of the path of the document; `None` if it follows.
    path: Option<Vec<u8>>,
    limits: Limits,
    passwords: Vec<String>,
    is_careful: bool,
    memory_bytes: u64,
    cpu_seconds: u64,
}

impl Job {
    pub(super) fn new(sandbox: &Sandbox, (name, is_careful): (&str, bool), path: Option<&Path>) -> Self {
        let allowance = &sandbox.0.allowance;
        let passwords = sandbox.0.passwords.iter().take(PASSWORDS_LIMIT);
        Self {
            name: name.to_owned(),
            path: path.map(|path| path.as_os_str().as_bytes().to_vec()),
            limits: allowance.limits,
            passwords: passwords.map(|password| password.reveal().clone()).collect(),
            is_careful,
            memory_bytes: allowance.memory_bytes,
            cpu_seconds: allowance.cpu.as_secs().max(1),
        }
    }

    pub(super) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let length = u32::try_from(text.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        writer.write_all(&length.to_le_bytes())?;
        writer.write_all(&text)
    }

    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        reader.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > JOB_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length as usize];
        reader.read_exact(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// Does one job: reads it and the document from standard input, writes what comes out to standard output.
///
/// # Errors
/// When the job cannot be understood, the limits cannot be set, or the document cannot be opened; nothing was unpacked.
pub fn serve() -> io::Result<()> {
    // What parsers say when they give up is of no use to anyone.
    std::panic::set_hook(Box::new(|_| {}));
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let job = Job::read(&mut stdin)?;
    let document = job.path.map(|path| File::open(PathBuf::from(OsString::from_vec(path)))).transpose()?;
    confine(job.memory_bytes, job.cpu_seconds)?;
    let passwords = job.passwords.into_iter().map(Secret::new).collect();
    let order = Order { name: job.name, limits: job.limits, passwords, is_careful: job.is_careful };
    let mut writer = BufWriter::with_capacity(1 << 16, stdout);
    let mut visit = |piece: Piece<'_>| {
        if frame::write(&mut writer, &piece).is_err() {
            // Nobody reads any more: there is nothing left to do, however deep in an archive this is.
            std::process::exit(1);
        }
    };
    match document {
        Some(file) => unpack(&order, Box::new(file), &mut visit),
        None => unpack_stream(&order, &mut stdin, &mut visit),
    }
    frame::write_done(&mut writer)
}

/// Limits what this process can do from here on, whoever takes it over.
fn confine(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    Resource::AS.set(memory_bytes, memory_bytes)?;
    // A second more tells the two signals apart; the first can be caught, but is not.
    Resource::CPU.set(cpu_seconds, cpu_seconds + 1)?;
    Resource::FSIZE.set(0, 0)?;
    Resource::CORE.set(0, 0)?;
    Resource::NOFILE.set(FILES, FILES)?;
    shut_off().map(drop).map_err(io::Error::other)
}

/// Takes all files but those that are open, all sockets and all signals to other processes away from this thread and what it
/// starts, as far as the kernel can (Landlock, Linux 5.13 and later); one that cannot is no reason not to unpack.
fn shut_off() -> Result<RestrictionStatus, RulesetError> {
    const KNOWN: ABI = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .restrict_self()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use landlock::RulesetStatus;

    use super::*;

    /// Where the kernel knows nothing of Landlock the same calls succeed, and nothing else is promised.
    #[test]
    fn a_thread_that_is_shut_off_reads_what_is_open_and_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("document");
        std::fs::write(&path, "open before").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut document = File::open(&path).unwrap();
        let shut = std::thread::spawn(move || {
            let status = shut_off().unwrap();
            let mut text = String::new();
            document.read_to_string(&mut text).unwrap();
            let denied =
                |error: Option<io::Error>| error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
            let opened = denied(File::open(&path).err());
            let listed = denied(std::fs::read_dir(folder.path()).err());
            let connected = denied(TcpStream::connect(address).err());
            (status.ruleset, text, opened, listed, connected)
        });
        let (status, text, opened, listed, connected) = shut.join().unwrap();
        assert_eq!(text, "open before");
        match status {
            RulesetStatus::FullyEnforced => assert!(opened && listed && connected),
            RulesetStatus::PartiallyEnforced => assert!(opened && listed),
            RulesetStatus::NotEnforced => assert!(!opened && !listed && !connected),
        }
    }
}
