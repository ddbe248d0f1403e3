//! A folder that holds for itself: manifest, chain, signed heads, the program that checks them, and one signature over all.
//!
//! It appears under its name only when everything is in it.
#![expect(clippy::disallowed_methods, reason = "the command writes the folder it is told to make")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use tempfile::TempDir;

use super::super::context::Context;
use super::super::{Exit, Failure};
use super::head::fetcher;
use crate::domain::evidence::commitment::Proof;
use crate::domain::evidence::ledger::{Entry, Kind, sha256};
use crate::domain::evidence::report::CHECK_PROGRAM;
use crate::ports::signing::unbase64;
use crate::ports::store::{HeadRow, Store};
use crate::services::evidence::heads;

const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.sig";

/// Where the ledger ends, and the own rows in it.
#[derive(Debug, Default, Serialize)]
pub(super) struct LedgerEnd {
    pub(super) rows: u64,
    pub(super) hash: String,
    /// Rows that are told in full, by kind and subject: number and time.
    #[serde(skip)]
    pub(super) own: BTreeMap<(Kind, String), (i64, Timestamp)>,
}

/// A row of `ledger.jsonl`; rows of other organizations show their hashes only.
#[derive(Serialize)]
struct LedgerLine<'a> {
    entry_hash: &'a str,
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a Entry>,
}

/// A folder that is being filled.
pub(super) struct Folder {
    beside: TempDir,
    out: PathBuf,
}

impl Folder {
    /// Begins one that is to stand at `out`.
    ///
    /// # Errors
    /// `Failure::Usage` if something is there already.
    pub(super) fn begin(out: &Path) -> anyhow::Result<Self> {
        if out.exists() {
            return Err(Failure::Usage(format!("{} is there already; name a folder that is not", out.display())).into());
        }
        let parent = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = tempfile::Builder::new().prefix(".exporting-").tempdir_in(parent);
        let beside = beside.with_context(|| format!("cannot write the export beside {}", out.display()))?;
        // It holds other people's data.
        std::fs::set_permissions(beside.path(), std::fs::Permissions::from_mode(0o700))?;
        Ok(Self { beside, out: out.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        self.beside.path()
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        std::fs::write(self.path().join(name), content).with_context(|| format!("cannot write {name} of the export"))
    }

    /// Writes the chain from its first row to its last.
    pub(super) async fn write_ledger(
        &self,
        store: &Store,
        is_own: impl Fn(&Entry) -> bool,
    ) -> anyhow::Result<LedgerEnd> {
        let mut file = BufWriter::new(std::fs::File::create(self.path().join("ledger.jsonl"))?);
        let mut end = LedgerEnd::default();
        loop {
            let rows = store.ledger_after(i64::try_from(end.rows).unwrap_or(i64::MAX)).await?;
            let Some(last) = rows.last() else { break };
            (end.rows, end.hash) = (u64::try_from(last.entry.number).unwrap_or(0), last.hash.clone());
            for row in &rows {
                let entry = Some(&row.entry).filter(|entry| matches!(entry.kind, Kind::Head) || is_own(entry));
                let line = LedgerLine { entry_hash: &row.entry_hash, hash: &row.hash, entry };
                serde_json::to_writer(&mut file, &line)?;
                file.write_all(b"\n")?;
                if let Some(entry) = entry {
                    end.own.insert((entry.kind, entry.subject.clone()), (entry.number, entry.at()));
                }
            }
        }
        file.flush()?;
        Ok(end)
    }

    /// Writes, of these heads, the first that covers each own row, and the newest.
    pub(super) fn write_heads<'a>(&self, heads: &'a [HeadRow], ledger: &LedgerEnd) -> anyhow::Result<Vec<&'a HeadRow>> {
        let rows = i64::try_from(ledger.rows).unwrap_or(i64::MAX);
        let heads: Vec<&HeadRow> = heads.iter().filter(|head| head.number <= rows).collect();
        let mut chosen: BTreeSet<usize> = heads.len().checked_sub(1).into_iter().collect();
        for ((kind, _), (number, _)) in &ledger.own {
            if *kind != Kind::Head {
                chosen.extend(heads.iter().position(|head| head.number >= *number));
            }
        }
        let chosen: Vec<&HeadRow> = chosen.into_iter().filter_map(|at| heads.get(at).copied()).collect();
        std::fs::create_dir(self.path().join("heads")).context("cannot write the heads of the export")?;
        for head in &chosen {
            write_head(&self.path().join("heads").join(&head.day), head)?;
        }
        Ok(chosen)
    }

    /// Writes the openings of planted records.
    pub(super) fn write_proofs(&self, proofs: &[Proof]) -> anyhow::Result<()> {
        if proofs.is_empty() {
            return Ok(());
        }
        self.write("canaries.json", (serde_json::to_string_pretty(proofs)? + "\n").as_bytes())
    }

    /// Returns the SHA-256 of every file so far.
    pub(super) fn digests(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut digests = BTreeMap::new();
        for name in names(self.path(), "")? {
            digests.insert(name.clone(), sha256(&std::fs::read(self.path().join(&name))?));
        }
        Ok(digests)
    }

    /// Writes manifest and program, has the manifest stamped where an authority is configured, signs all of it, and puts the
    /// folder in its place. Says in words what it is certified by.
    pub(super) async fn finish(self, manifest: &impl Serialize, context: &Context) -> anyhow::Result<String> {
        self.write(MANIFEST, (serde_json::to_string_pretty(manifest)? + "\n").as_bytes())?;
        let said = certify(self.path(), context).await?;
        let failed = || format!("cannot put the export at {}", self.out.display());
        std::fs::rename(self.beside.keep(), &self.out).with_context(failed)?;
        Ok(said)
    }

    /// Writes the program that checks the folder; before the manifest, which names it.
    pub(super) fn write_program(&self) -> anyhow::Result<()> {
        self.write("check.py", CHECK_PROGRAM.as_bytes())
    }
}

/// Writes a head as openssl reads it: `NAME.txt`, `NAME.sig`, `NAME.pub.pem`, and `NAME.tsr` if it is stamped.
pub(super) fn write_head(path: &Path, head: &HeadRow) -> anyhow::Result<()> {
    let named = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    let signature =
        unbase64(&head.signature).context("the head's signature is damaged; see: dyepack evidence verify")?;
    std::fs::write(named(".txt"), &head.document)?;
    std::fs::write(named(".sig"), signature)?;
    std::fs::write(named(".pub.pem"), &head.public_key)?;
    if let Some((answer, _)) = &head.stamp {
        std::fs::write(named(".tsr"), answer)?;
    }
    Ok(())
}

/// `evidence stamp DIR`: stamps an export that was made while the authority was down, and signs it anew.
pub(super) async fn stamp_again(folder: &Path, context: &Context) -> anyhow::Result<Exit> {
    if context.config.evidence.authority.is_none() {
        return Err(Failure::Usage("[evidence] timestamp_url names no authority".to_owned()).into());
    }
    let read = |name: &str| {
        std::fs::read(folder.join(name))
            .map_err(|error| Failure::Usage(format!("{} is no export: {name}: {error}", folder.display())))
    };
    let (sums, signature) = (read(SUMS)?, read(SIGNATURE)?);
    // Nothing that was changed since is signed again.
    let digests = sums_of(folder)?;
    if !context.signer()?.public_key().verifies(&sums, &signature) || digests.as_bytes() != sums {
        let advice = format!("{} is not as it was exported from here; check it with its check.py", folder.display());
        return Err(Failure::Usage(advice).into());
    }
    if folder.join("manifest.json.tsr").exists() {
        context.output.line("it is stamped already")?;
        return Ok(Exit::Done);
    }
    let said = certify(folder, context).await?;
    context.output.line(said)?;
    let is_stamped = folder.join("manifest.json.tsr").exists();
    Ok(if is_stamped { Exit::Done } else { Exit::Problems })
}

async fn certify(folder: &Path, context: &Context) -> anyhow::Result<String> {
    let signer = context.signer()?;
    std::fs::write(folder.join("signing.pub.pem"), signer.public_key().pem())?;
    let mut said = format!("signed with the key {}", signer.public_key().fingerprint());
    if let Some(authority) = &context.config.evidence.authority {
        let manifest = std::fs::read(folder.join(MANIFEST))?;
        match heads::stamp(&fetcher(context), authority, &manifest).await {
            Ok((answer, at)) => {
                std::fs::write(folder.join("manifest.json.tsr"), answer)?;
                write!(said, "; stamped {}", at.strftime("%Y-%m-%d %H:%M:%S UTC"))?;
            }
            Err(reason) => write!(said, "; NOT stamped ({reason}): try dyepack evidence stamp DIR later")?,
        }
    }
    let sums = sums_of(folder)?;
    std::fs::write(folder.join(SUMS), &sums)?;
    std::fs::write(folder.join(SIGNATURE), signer.sign(sums.as_bytes()))?;
    Ok(said)
}

/// Every file but the sums themselves, as sha256sum writes it.
fn sums_of(folder: &Path) -> anyhow::Result<String> {
    let mut sums = String::new();
    for name in names(folder, "")?.iter().filter(|name| ![SUMS, SIGNATURE].contains(&name.as_str())) {
        writeln!(sums, "{}  {name}", sha256(&std::fs::read(folder.join(name))?))?;
    }
    Ok(sums)
}

/// Names of all files below a folder, sorted.
fn names(folder: &Path, within: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(within))? {
        let entry = entry?;
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            found.extend(names(folder, &format!("{name}/"))?);
        } else {
            found.push(name);
        }
    }
    found.sort_unstable();
    Ok(found)
}
