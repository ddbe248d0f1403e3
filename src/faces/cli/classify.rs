//! `classify`: reads posts as JSON lines and says of each whether it offers data for sale, and what it claims.

use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::listing::{self, Act, Claims, Listing, Written};

/// Says of each post whether it offers data for sale, and what it claims
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  echo '{\"id\": 1, \"text\": \"Selling bank customer database, 120k rows, 900$\"}' | dyepack classify -

A line is {\"id\": …, \"text\": …}; \"title\", \"board\", \"tags\" (a text or a list) and \"page\" (the title of the page) may be
given. Without a title, the first line of the text counts as one. Each span in the answer names the part whose bytes it
counts; a list of tags counts as one text, a blank between tags.")]
pub(super) struct Args {
    /// JSON lines to read, or `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// Longest line that is read; a longer one is refused.
const LINE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Row {
    id: serde_json::Value,
    text: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    board: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    tags: Tags,
}

/// Labels as one text or as a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tags {
    One(String),
    Many(Vec<String>),
}

impl Default for Tags {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl Row {
    fn read(&self) -> Listing {
        let tags = match &self.tags {
            Tags::One(text) => text,
            Tags::Many(list) => &list.join(" "),
        };
        listing::read(&Written { title: &self.title, text: &self.text, tags, board: &self.board, page: &self.page })
    }
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    id: &'a serde_json::Value,
    sale: f64,
    label: &'static str,
    price: Option<f64>,
    currency: Option<&'a str>,
    volume: Option<f64>,
    seller: Option<&'a str>,
    /// As written: this command shows its user what he gave it.
    contacts: Vec<&'a str>,
    act: Act,
    cues: &'a [String],
    /// All that was read, with spans.
    claims: &'a Claims,
}

/// Runs `classify`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.file.as_os_str() == "-" {
        return answer(std::io::stdin().lock(), context);
    }
    let file = tokio::fs::File::open(&args.file)
        .await
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.file.display())))?;
    answer(BufReader::new(file.into_std().await), context)
}

fn answer(mut lines: impl BufRead, context: &Context) -> anyhow::Result<Exit> {
    let mut table: Vec<Vec<String>> = Vec::new();
    let (mut number, mut line) = (0_u64, Vec::new());
    loop {
        line.clear();
        let read = (&mut lines).take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line).context("cannot read the posts")?;
        if read == 0 {
            break;
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row: Row = serde_json::from_slice(&line).map_err(|error| {
            Failure::Usage(format!("line {number} is not a post ({error}); a line is {{\"id\": 1, \"text\": \"…\"}}"))
        })?;
        let listing = row.read();
        match context.output.format() {
            Format::Json => context.output.json(&as_json(&row, &listing))?,
            Format::Table => table.push(as_cells(&row, &listing)),
        }
    }
    if matches!(context.output.format(), Format::Table) {
        context.output.table(&["id", "sale", "act", "price", "volume", "seller", "because"], &table)?;
    }
    Ok(Exit::Done)
}

fn as_json<'a>(row: &'a Row, listing: &'a Listing) -> Answer<'a> {
    let claims = &listing.claims;
    Answer {
        id: &row.id,
        sale: (listing.sale * 10_000.0).round() / 10_000.0,
        label: if listing.is_offer() { "data_sale" } else { "not_data_sale" },
        price: listing.price.as_ref().map(|price| price.amount),
        currency: listing.price.as_ref().map(|price| price.currency.as_str()),
        volume: claims.volume.as_ref().map(|found| found.value.amount),
        seller: claims.seller.as_ref().map(|found| found.value.as_str()),
        contacts: claims.contacts.iter().map(|found| found.value.written.reveal().as_str()).collect(),
        act: listing.act,
        cues: &listing.cues,
        claims,
    }
}

fn as_cells(row: &Row, listing: &Listing) -> Vec<String> {
    let claims = &listing.claims;
    vec![
        row.id.as_str().map_or_else(|| row.id.to_string(), str::to_owned),
        format!("{:.2}", listing.sale),
        listing.act.as_str().to_owned(),
        listing.price.as_ref().map_or_else(String::new, |price| format!("{} {}", price.amount, price.currency)),
        claims.volume.as_ref().map_or_else(String::new, |found| found.value.amount.to_string()),
        claims.seller.as_ref().map_or_else(String::new, |found| found.value.clone()),
        listing.cues.iter().take(3).cloned().collect::<Vec<_>>().join("; "),
    ]
}
