//! `mint plan`: draws canaries, seals their table, adds them to the watchlist.

use std::collections::HashSet;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    MINT_LIMIT_BYTES, organization_file, replace, required, sealed_context, sealed_path, today, unreadable,
    watchlist_table, write_new,
};
use crate::domain::fingerprints::Fingerprints;
use crate::domain::mint::{Profile, Request, Table, comparable, merkle, mint};
use crate::domain::watchlist::{Chance, Files, OrganizationId, Problems, Watchlist};
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;
use crate::faces::cli::{Exit, Failure};
use crate::ports::seal::Seal;
use crate::ports::vault::{Vault, read_key};

/// About as many bytes as a canary takes in `canaries.csv`.
const ROW_BYTES: usize = 180;
const COLUMNS: [&str; 6] = ["canary", "dataset", "holders", "planted_at", "retired_at", "p"];

/// What to mint
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The organization's watchlist
    #[arg(long, value_name = "DIR")]
    watchlist: PathBuf,
    /// The dataset that is delivered
    #[arg(long, value_name = "ID")]
    dataset: String,
    /// What mint profile wrote, with reserved ranges added
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// A custodian that will receive a copy; repeat it [default: all of the organization]
    #[arg(long, value_name = "CODE")]
    custodian: Vec<String>,
    /// Canaries for each custodian alone
    #[arg(long, value_name = "N", default_value_t = 20)]
    unique: u32,
    /// Canaries that each custodian is given with a probability of .05, .3, .6 or .8
    #[arg(long, value_name = "N", default_value_t = 400)]
    shared: u32,
    /// Fingerprints of real customers: no canary gets a value of theirs; needs --key
    #[arg(long, value_name = "DIR|FILE", requires = "key")]
    fingerprints: Vec<PathBuf>,
    /// The key that they were made with; repeat it for several epochs
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// From when on they are in the copies [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    planted_at: Option<Date>,
}

/// What was minted, as scripts read it.
#[derive(Debug, Serialize)]
struct Minted<'a> {
    mint: &'a str,
    dataset: &'a str,
    planted_at: Date,
    canaries: usize,
    root: &'a str,
}

#[derive(Deserialize)]
struct Whose {
    id: String,
}

#[derive(Deserialize)]
struct Codes {
    #[serde(default)]
    custodian: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Runs `mint plan`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    // Tables are long: the other workers of the runtime go on meanwhile.
    let planned = tokio::task::block_in_place(|| plan(args, context))?;
    commit(&planned, context).await?;
    show(args, &planned, context)
}

/// What was planned, and whose it is.
struct Planned {
    organization: OrganizationId,
    name: String,
    root: String,
    custodians: usize,
    planted_at: Date,
    canaries: usize,
}

/// Writes the root into the audit log of this machine, which each later row covers.
async fn commit(planned: &Planned, context: &Context) -> anyhow::Result<()> {
    let store = context.open_store().await?;
    let committed = (planned.name.as_str(), planned.root.as_str());
    store.commit_mint(&planned.organization, committed, "mint plan", context.clock.now()).await?;
    Ok(())
}

fn plan(args: &Args, context: &Context) -> anyhow::Result<Planned> {
    let profile: Profile = parse(&args.profile, &required(&args.profile, MINT_LIMIT_BYTES)?)?;
    let organization = organization_file(&args.watchlist)?;
    let path = args.watchlist.join("canaries.csv");
    let enrolled = watchlist_table(&path)?.unwrap_or_default();
    let request = Request {
        dataset: args.dataset.clone(),
        planted_at: args.planted_at.unwrap_or_else(|| today(context)),
        custodians: custodians(args, &organization)?,
        unique: args.unique,
        shared: args.shared,
        p: [0.05, 0.3, 0.6, 0.8].into_iter().filter_map(Chance::new).collect(),
        taken: cells(&enrolled).map(|cell| comparable(&cell)).collect(),
        customers: customers(args, context)?,
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| anyhow::anyhow!("cannot get random numbers from the operating system"))?;
    let table = mint(&profile, &request, &seed).map_err(|error| Failure::Usage(format!("cannot {error}")))?;
    let (custodians, planted_at, canaries) = (request.custodians.len(), table.planted_at, table.canaries.len());
    let seal = context.seal()?;
    let table = Arc::new(table);
    // Each takes seconds for a million canaries, and so does giving up the table: whoever has done with it last does that.
    let (merged, sealed) = thread::scope(|scope| {
        let (minted, enrolled, path) = (Arc::clone(&table), &enrolled, &path);
        let merging = scope.spawn(|| {
            let merged = merged(enrolled, &minted).with_context(|| format!("cannot add to {}", path.display()));
            drop(minted);
            merged.and_then(|merged| check(&args.watchlist, &organization, &merged).map(|()| merged))
        });
        let sealed = Sealed::of(&table, &seal);
        drop(table);
        (merging.join().unwrap_or_else(|panic| resume_unwind(panic)), sealed)
    });
    let (merged, Sealed { name, root, bytes }) = (merged?, sealed?);
    keep(args, (&name, &root), &bytes)?;
    replace(&path, &merged)?;
    let organization: Whose = parse(&args.watchlist.join("organization.toml"), &organization)?;
    let id = OrganizationId::parse(&organization.id).unwrap_or_else(|| OrganizationId(organization.id.clone()));
    Ok(Planned { organization: id, name, root, custodians, planted_at, canaries })
}

fn show(args: &Args, planned: &Planned, context: &Context) -> anyhow::Result<Exit> {
    let Planned { name, root, planted_at, canaries, .. } = planned;
    match context.output.format() {
        Format::Json => context.output.json(&Minted {
            mint: name,
            dataset: &args.dataset,
            planted_at: *planted_at,
            canaries: *canaries,
            root,
        })?,
        Format::Table => {
            context.output.line(format_args!(
                "{name}: {canaries} canaries for {} custodians, added to {}",
                planned.custodians,
                args.watchlist.join("canaries.csv").display()
            ))?;
            context.output.line(format_args!("root: {root}, noted in the audit log of this machine"))?;
        }
    }
    Ok(Exit::Done)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> anyhow::Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(path, &error))?;
    toml::from_str(text).map_err(|error| unreadable(path, &error.message()).into())
}

/// Opens the fingerprints asked for; each must be of one of the keys.
fn customers(args: &Args, context: &Context) -> anyhow::Result<Fingerprints> {
    let mut customers = Fingerprints::default();
    let mut keys = Vec::new();
    for path in &args.key {
        keys.push(read_key(path).map_err(|error| Failure::Usage(error.to_string()))?);
    }
    for path in &args.fingerprints {
        for file in dpf_files(path)? {
            let refused = |reason: &dyn std::fmt::Display| unreadable(&file, reason);
            let (set, _) = Vault::inspect(&file).map_err(|error| refused(&format!("it {error}")))?;
            let count = set.count();
            let set = Arc::new(set);
            if !keys.iter().any(|key| customers.add(key, Arc::clone(&set))) {
                return Err(refused(&"none of the keys is the one it was made with").into());
            }
            context.output.note(format_args!("{}: {count} customers' values are left alone", file.display()));
        }
    }
    Ok(customers)
}

/// Lists the files of fingerprints that a path means.
fn dpf_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "dpf")).collect();
    files.sort();
    if files.is_empty() { Err(unreadable(path, &"it holds no .dpf file").into()) } else { Ok(files) }
}

/// Returns the custodians asked for, else all of the organization.
fn custodians(args: &Args, organization: &[u8]) -> anyhow::Result<Vec<String>> {
    let known: Codes = parse(&args.watchlist.join("organization.toml"), organization)?;
    let mut codes: Vec<String> = known.custodian.into_iter().map(|custodian| custodian.code).collect();
    if let Some(unknown) = args.custodian.iter().find(|code| !codes.contains(code)) {
        return Err(Failure::Usage(format!("there is no custodian {unknown} in organization.toml")).into());
    }
    if !args.custodian.is_empty() {
        codes.retain(|code| args.custodian.contains(code));
    }
    codes.sort();
    codes.dedup();
    Ok(codes)
}

/// A table as it is kept.
struct Sealed {
    name: String,
    root: String,
    bytes: Vec<u8>,
}

impl Sealed {
    fn of(table: &Table, seal: &Seal) -> anyhow::Result<Self> {
        let root = merkle::hex(&table.root());
        let name = format!("{}-{}-{}", table.dataset, table.planted_at, root.get(..8).unwrap_or_default());
        let mut written = Ok(());
        let bytes = table.canaries.len() * 2 * ROW_BYTES;
        let bytes =
            seal.seal_written(bytes, &sealed_context(&name), |text| written = serde_json::to_writer(text, table))?;
        written?;
        Ok(Self { name, root, bytes })
    }
}

/// Keeps the sealed table and its root beside it, before anything else is written.
fn keep(args: &Args, (name, root): (&str, &str), sealed: &[u8]) -> anyhow::Result<()> {
    let path = sealed_path(&args.watchlist, name);
    let folder = path.parent().unwrap_or(&args.watchlist);
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    write_new(&path, sealed, 0o600)?;
    write_new(&path.with_extension("root"), format!("{root}\n").as_bytes(), 0o644)
}

/// Lists every cell of a CSV text; what cannot be read is refused later, by the watchlist's own reader.
fn cells(text: &[u8]) -> impl Iterator<Item = String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let records: Vec<csv::StringRecord> = reader.records().filter_map(Result::ok).collect();
    let cells: HashSet<String> = records.iter().flat_map(|record| record.iter().map(str::to_owned)).collect();
    cells.into_iter()
}

/// Returns `canaries.csv` with the minted ones added; columns that were missing are added at the end.
fn merged(enrolled: &[u8], table: &Table) -> anyhow::Result<Vec<u8>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(enrolled);
    let mut header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let fields = table.fields.iter().flatten().map(String::as_str);
    for name in COLUMNS.into_iter().chain(fields) {
        if !header.iter().any(|known| known == name) {
            header.push(name.to_owned());
        }
    }
    let writer = Vec::with_capacity(enrolled.len() + table.canaries.len() * ROW_BYTES);
    let mut writer = csv::Writer::from_writer(writer);
    writer.write_record(&header)?;
    for record in reader.records() {
        let record = record?;
        writer.write_record((0..header.len()).map(|at| record.get(at).unwrap_or_default()))?;
    }
    let day = table.planted_at.to_string();
    let own: Vec<Option<usize>> = header.iter().map(|name| COLUMNS.iter().position(|known| known == name)).collect();
    let place_of = |name: &String| table.fields.iter().position(|known| known.as_ref() == Some(name));
    let places: Vec<Option<usize>> = header.iter().map(place_of).collect();
    for canary in &table.canaries {
        let (holders, p) = (canary.holders.join("|"), canary.p.map(|p| f64::from(p).to_string()).unwrap_or_default());
        let own_cells = [canary.id.as_str(), &table.dataset, &holders, &day, "", &p];
        writer.write_record(own.iter().zip(&places).map(|(own, place)| match (own, place) {
            (Some(own), _) => own_cells[*own],
            (None, Some(place)) => canary.cells.get(*place).map_or("", String::as_str),
            (None, None) => "",
        }))?;
    }
    Ok(writer.into_inner()?)
}

/// Refuses to write a watchlist that would not be read.
fn check(watchlist: &Path, organization: &[u8], canaries: &[u8]) -> anyhow::Result<()> {
    let whole = watchlist.canonicalize().map_err(|error| unreadable(watchlist, &error))?;
    let folder = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = Files {
        folder: &folder,
        path: "",
        organization: Some(organization),
        canaries: Some(canaries),
        deliveries: None,
    };
    let mut problems = Problems::default();
    if Watchlist::is_sound(&files, &mut problems) {
        return Ok(());
    }
    Err(Failure::Usage(format!("the watchlist would not be read with these canaries:\n{problems}")).into())
}
