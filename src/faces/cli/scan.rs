//! `scan`: finds planted records in local files and folders, without a database.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::context::Context;
use super::output::{Format, Output};
use super::{Exit, Failure, config};
use crate::domain::fingerprints::Fingerprints;
use crate::domain::matcher::{EntryKind, Hit, Matcher, Ownership, Scan, Verdict};
use crate::domain::watchlist::Watchlist;
use crate::ports::sandbox::{Allowance, Sandbox, Searched};
use crate::ports::vault::Vault;
use crate::services::intake::{self, Inspection};

/// Finds planted records in local files, folders and archives
///
/// Reads text, HTML, CSV and dumps in any charset, archives (zip, 7z, rar, tar, gz, xz, zst, bz2; nested, encrypted),
/// workbooks and documents (xlsx, xls, ods, docx, odt, pptx, pdf), mail and SQLite files. Needs no database: watchlists are
/// read from their folders. Values are printed masked; offsets are raw bytes of the member. After the hits of a file stands
/// whose data it is: ours, not ours, mixed or unknown, with the likelihood ratio and the rows tested.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack scan --watchlist watchlists/example-bank leak.zip
  dyepack scan dumps/ --format json
  curl -s https://paste.example/raw/1 | dyepack scan -

Exit codes: 0 nothing found, 1 found, 2 wrong use, 3 a file could not be read.")]
pub(super) struct Args {
    /// A watchlist's folder, or a folder of such folders [default: watchlists]
    #[arg(long = "watchlist", value_name = "DIR")]
    watchlists: Vec<PathBuf>,
    /// Passwords to try on encrypted archives, one a line, the likeliest first
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Files and folders to search; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// A hit, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    path: &'a str,
    member: &'a str,
    organization: &'a str,
    entry: &'a str,
    kind: EntryKind,
    field: &'a str,
    start: u64,
    end: u64,
    masked: &'a str,
    steps: &'a [String],
    strength: u32,
}

/// A verdict, as scripts read it; told from hits by its key `verdict`.
#[derive(Debug, Serialize)]
struct VerdictRow<'a> {
    path: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// What a scan saw in all.
#[derive(Debug, Default)]
struct Tally {
    hits: u64,
    files: usize,
    bytes: u64,
    unreadable: u64,
    oddities: usize,
    rows: Vec<Vec<String>>,
    verdicts: Vec<Vec<String>>,
}

/// Runs the command.
///
/// # Errors
/// `Failure::Usage` for a watchlist or path that is not there or not sound; others when a file cannot be read.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let output = context.output;
    let (watchlists, paths, vault) = (args.watchlists.clone(), args.paths.clone(), context.vault());
    let mut passwords = context.config.archive.passwords.clone();
    if let Some(file) = &args.passwords {
        passwords.splice(0..0, config::passwords(file)?);
    }
    let sandbox = Sandbox::of_this_program(Allowance::default()).context("cannot find this program's own file")?;
    let sandbox = sandbox.with_passwords(passwords);
    let tally = spawn_blocking(move || {
        let (watchlists, fingerprints) = load(&watchlists, vault, output)?;
        let matcher = Matcher::compile(&watchlists).with_fingerprints(&fingerprints);
        // Millions of values are given up one by one, which nothing need wait for.
        thread::spawn(move || drop(watchlists));
        let files = list(&paths)?;
        search(&Searcher { matcher, sandbox }, &files, output)
    })
    .await
    .context("cannot finish the scan")??;
    if output.format() == Format::Table && !tally.rows.is_empty() {
        output.table(&["where", "organization", "entry", "field", "value", "bytes", "bits"], &tally.rows)?;
    }
    if output.format() == Format::Table && !tally.verdicts.is_empty() {
        output.line("")?;
        let headers = ["where", "organization", "verdict", "likelihood ratio", "rows tested", "rows hit", "share"];
        output.table(&headers, &tally.verdicts)?;
    }
    output.note(format!("{} hits in {} files ({} bytes)", tally.hits, tally.files, tally.bytes));
    if tally.oddities > 0 {
        output.note(format!("{} odd things: see the notes above", tally.oddities));
    }
    if tally.unreadable > 0 {
        bail!("cannot read {} of {} files: see the notes above", tally.unreadable, tally.files);
    }
    Ok(if tally.hits > 0 { Exit::Problems } else { Exit::Done })
}

/// Reads watchlists and what can be looked up of their fingerprints; keys may also lie in the `keys` of a folder.
fn load(folders: &[PathBuf], mut vault: Vault, output: Output) -> anyhow::Result<(Vec<Watchlist>, Fingerprints)> {
    let usual = [PathBuf::from("watchlists")];
    let folders = if folders.is_empty() { &usual } else { folders };
    let inner: Result<Vec<_>, _> = folders.iter().map(|path| intake::folders(path)).collect();
    let folders = inner.map_err(|problems| Failure::Usage(problems.to_string()))?.concat();
    let (mut watchlists, mut files) = (Vec::new(), Vec::new());
    for some in folders.chunks(thread::available_parallelism().map_or(1, NonZero::get)) {
        for Inspection { watchlist, fingerprints, problems, .. } in inspect(some) {
            watchlists.push(watchlist.ok_or_else(|| Failure::Usage(problems.to_string()))?);
            files.extend(fingerprints);
        }
    }
    vault = folders.iter().fold(vault, |vault, folder| vault.with_keys_in(folder.join("keys")));
    let (fingerprints, notes) = intake::fingerprints(&files, &vault);
    if !notes.is_empty() {
        output.note(notes);
    }
    Ok((watchlists, fingerprints))
}

/// Reads watchlists side by side.
fn inspect(folders: &[PathBuf]) -> Vec<Inspection> {
    thread::scope(|scope| {
        let readers: Vec<_> = folders.iter().map(|folder| scope.spawn(move || intake::inspect(folder))).collect();
        let inspected = readers.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)));
        inspected.collect()
    })
}

/// Lists files in a fixed order; folders recursively, symbolic links inside them not followed.
fn list(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" || path.is_file() {
            files.push(path.clone());
        } else if path.is_dir() {
            list_folder(path, &mut files)?;
        } else {
            return Err(Failure::Usage(format!("there is no file or folder {}", path.display())).into());
        }
    }
    Ok(files)
}

fn list_folder(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut inner = entries.collect::<Result<Vec<_>, _>>()?;
        inner.sort_by_key(fs::DirEntry::path);
        // The last folder pushed is listed first.
        for entry in inner.iter().rev().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            folders.push(entry.path());
        }
        files.extend(
            inner.iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(fs::DirEntry::path),
        );
    }
    Ok(())
}

/// Searches files on all cores and prints what was found in their order.
fn search(searcher: &Searcher, files: &[PathBuf], output: Output) -> anyhow::Result<Tally> {
    let bar = output
        .bar(Some(files.len() as u64), "{spinner} {pos}/{len} files  {per_sec}  {bar:30}  {msg}  {elapsed} left {eta}");
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(16);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get).min(files.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, path)) = take(next, files) {
                    let found = searcher.search(path);
                    if sender.send((index, found)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut tally = Tally { files: files.len(), ..Tally::default() };
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (index, searched) in receiver {
            waiting.insert(index, searched);
            while let Some(searched) = waiting.remove(&due) {
                if let Some(path) = files.get(due) {
                    tally.take(&searcher.matcher, &path.display().to_string(), searched, output)?;
                }
                due += 1;
                show(&bar, &tally);
            }
        }
        bar.finish_and_clear();
        Ok(tally)
    })
}

fn take<'f>(next: &AtomicUsize, files: &'f [PathBuf]) -> Option<(usize, &'f PathBuf)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, files.get(index)?))
}

/// What every file is searched with.
#[derive(Debug)]
struct Searcher {
    matcher: Matcher,
    sandbox: Sandbox,
}

impl Searcher {
    fn search(&self, path: &Path) -> io::Result<Searched> {
        if path.as_os_str() == "-" {
            self.sandbox.search_stream(&self.matcher, "-", &mut io::stdin())
        } else {
            self.sandbox.search_file(&self.matcher, path)
        }
    }
}

/// Tells whose data was searched.
fn verdicts(matcher: &Matcher, scan: &Scan) -> Vec<Verdict> {
    let rates = matcher.rates(scan);
    // Rows that were only passed over are worth a line if they refute a claim, as nobody else does.
    let judged = rates.iter().filter_map(|rates| Some((rates.is_telling(), matcher.judge(rates)?)));
    let said = judged.filter(|(is_telling, verdict)| *is_telling || verdict.verdict != Ownership::Unknown);
    said.map(|(_, verdict)| verdict).collect()
}

fn show(bar: &ProgressBar, tally: &Tally) {
    bar.inc(1);
    bar.set_message(format!("{} MB, {} hits", tally.bytes >> 20, tally.hits));
}

impl Tally {
    fn take(
        &mut self,
        matcher: &Matcher,
        path: &str,
        searched: io::Result<Searched>,
        output: Output,
    ) -> anyhow::Result<()> {
        let Searched { scan, bytes } = match searched {
            Ok(searched) => searched,
            Err(error) => {
                self.unreadable += 1;
                output.note(format!("{path}: cannot be read: {error}"));
                return Ok(());
            }
        };
        self.bytes += bytes;
        self.hits += scan.hits.len() as u64;
        self.oddities += scan.oddities.len();
        for oddity in &scan.oddities {
            output.note(format!("{path}: {} ({})", oddity.detail, oddity.code));
        }
        for hit in &scan.hits {
            match output.format() {
                Format::Json => output.json(&row(path, hit))?,
                Format::Table => self.rows.push(cells(path, hit)),
            }
        }
        for verdict in &verdicts(matcher, &scan) {
            match output.format() {
                Format::Json => output.json(&VerdictRow { path, verdict })?,
                Format::Table => self.verdicts.push(verdict_cells(path, verdict)),
            }
        }
        Ok(())
    }
}

fn row<'a>(path: &'a str, hit: &'a Hit) -> Row<'a> {
    Row {
        path,
        member: &hit.member,
        organization: &hit.organization.0,
        entry: &hit.entry,
        kind: hit.kind,
        field: &hit.field,
        start: hit.span.start,
        end: hit.span.end,
        masked: &hit.masked,
        steps: &hit.steps,
        strength: hit.strength,
    }
}

fn cells(path: &str, hit: &Hit) -> Vec<String> {
    let place = if hit.member.is_empty() { path.to_owned() } else { format!("{path} → {}", hit.member) };
    vec![
        place,
        hit.organization.0.clone(),
        hit.entry.clone(),
        hit.field.clone(),
        hit.masked.clone(),
        format!("{}..{}", hit.span.start, hit.span.end),
        hit.strength.to_string(),
    ]
}

fn verdict_cells(path: &str, verdict: &Verdict) -> Vec<String> {
    let share = verdict.share.map(|share| format!("{:.0} %", share * 100.0));
    vec![
        path.to_owned(),
        verdict.organization.0.clone(),
        verdict.verdict.as_str().to_owned(),
        format!("10^{:.1}", verdict.log10_lr_ours),
        verdict.rows_tested.to_string(),
        verdict.rows_hit.to_string(),
        share.unwrap_or_default(),
    ]
}
