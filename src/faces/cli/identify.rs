//! `identify`: shows the identifiers that stand in a text, with their canonical forms.

use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::context::Context;
use super::output::{Format, Output};
use super::{Exit, Failure};
use crate::domain::identifier::{Identified, identify_view};
use crate::domain::text::{Form, View, charset_of, form_of, piece_end};

/// Shows the identifiers in a text or page: cards, accounts, identity numbers, telephones, mail, wallets, handles
///
/// Finds payment cards, IBANs, Chinese resident identity numbers and company codes, Russian INN and SNILS, US social
/// security numbers, telephone numbers, mail and Jabber addresses, Bitcoin, Litecoin, Ethereum, Tron and Monero addresses,
/// Telegram, Tox and Session handles, and, behind a word that says so, accounts and passports. Text and HTML in any charset.
///
/// Canonical forms are printed in full: the text is yours and nothing is stored. A value that fails its check is told, as
/// not valid, only where a word before it or its form says what it is meant to be. `start` and `end` are raw bytes of the
/// file. A number that is valid as several kinds is told once for each.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack identify post.html
  echo 'card 4111 1111 1111 1111, tg @example_shop' | dyepack identify - --format json

A JSON line is {\"kind\", \"start\", \"end\", \"canonical\", \"valid\"}.
Exit codes: 0 done, whatever was found, 2 there is no such file, 3 it could not be read.")]
pub(super) struct Args {
    /// File to read, or `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Text is read in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// What a piece repeats of the one before where a line had to be cut; half of it is more than any identifier.
const OVERLAP_BYTES: usize = 4096;
/// A page is read whole, up to here.
const PAGE_LIMIT_BYTES: usize = 64 << 20;
/// More rows make no table for people.
const TABLE_ROWS: usize = 10_000;

/// An identifier, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    kind: &'static str,
    start: u64,
    end: u64,
    canonical: &'a str,
    valid: bool,
}

/// Runs `identify`.
///
/// # Errors
/// `Failure::Usage` for a file that cannot be opened; others when it cannot be read.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let name = args.file.to_string_lossy().into_owned();
    let shown = Shown { output: context.output, table: Vec::new(), count: 0 };
    if name == "-" {
        return spawn_blocking(move || shown.all_of(io::stdin().lock(), &name))
            .await
            .context("cannot finish reading")?;
    }
    let file = tokio::fs::File::open(&args.file)
        .await
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.file.display())))?
        .into_std()
        .await;
    spawn_blocking(move || shown.all_of(file, &name)).await.context("cannot finish reading")?
}

/// What was shown so far.
struct Shown {
    output: Output,
    table: Vec<Vec<String>>,
    count: u64,
}

impl Shown {
    fn all_of(mut self, mut source: impl Read, name: &str) -> anyhow::Result<Exit> {
        let mut bytes = Vec::new();
        fill(&mut source, &mut bytes, PIECE_BYTES, name)?;
        let total = match form_of(&bytes, name, None) {
            Form::Markup => self.page(&mut source, bytes, name)?,
            Form::Plain => self.text(&mut source, bytes, name)?,
        };
        if !self.table.is_empty() {
            self.output.table(&["kind", "canonical", "valid", "bytes"], &self.table)?;
        }
        match self.count {
            0 => self.output.note(format!("no identifiers in {total} bytes")),
            count if self.output.format() == Format::Table && count > TABLE_ROWS as u64 => {
                self.output
                    .note(format!("{count} identifiers; the first {TABLE_ROWS} are shown, --format json shows all"));
            }
            count => self.output.note(format!("{count} identifiers in {total} bytes")),
        }
        Ok(Exit::Done)
    }

    fn page(&mut self, source: &mut impl Read, mut bytes: Vec<u8>, name: &str) -> anyhow::Result<u64> {
        fill(source, &mut bytes, PAGE_LIMIT_BYTES, name)?;
        if bytes.len() >= PAGE_LIMIT_BYTES {
            self.output.note(format!("{name}: only its first {} MB were read; split it", PAGE_LIMIT_BYTES >> 20));
        }
        let view = View::new(&bytes, None, Form::Markup, String::new());
        for identified in identify_view(&view) {
            self.show(&identified, 0)?;
        }
        Ok(bytes.len() as u64)
    }

    /// Reads a text of any length in pieces cut at line ends, or, in an endless line, at pieces that overlap.
    fn text(&mut self, source: &mut impl Read, mut bytes: Vec<u8>, name: &str) -> anyhow::Result<u64> {
        let (charset, mark_bytes) = charset_of(&bytes, None);
        let mut buffer = String::new();
        // Where the bytes at hand begin in the source, where the next piece begins in them, and from where on it is told.
        let (mut offset, mut start, mut told_from) = (0_u64, mark_bytes, mark_bytes);
        loop {
            fill(source, &mut bytes, start + PIECE_BYTES + 1, name)?;
            let piece = piece_end(&bytes, charset, start, PIECE_BYTES);
            let next = if piece.is_line_end { piece.end } else { piece.resume(OVERLAP_BYTES) };
            let told_to = next + (piece.end - next) / 2;
            let view = View::of_piece(bytes.get(start..piece.end).unwrap_or_default(), charset, Form::Plain, buffer);
            for identified in identify_view(&view) {
                if (told_from..told_to).contains(&(start + identified.range.start)) {
                    self.show(&identified, offset + start as u64)?;
                }
            }
            buffer = view.text;
            if piece.end >= bytes.len() || next <= start {
                return Ok(offset + bytes.len() as u64);
            }
            bytes.drain(..next);
            offset += next as u64;
            (start, told_from) = (0, told_to - next);
        }
    }

    fn show(&mut self, identified: &Identified, offset: u64) -> anyhow::Result<()> {
        self.count += 1;
        let row = Row {
            kind: identified.kind.as_str(),
            start: offset + identified.range.start as u64,
            end: offset + identified.range.end as u64,
            canonical: &identified.canonical,
            valid: identified.is_valid,
        };
        match self.output.format() {
            Format::Json => self.output.json(&row)?,
            Format::Table if self.table.len() < TABLE_ROWS => self.table.push(vec![
                row.kind.to_owned(),
                row.canonical.to_owned(),
                if row.valid { "yes" } else { "no" }.to_owned(),
                format!("{}..{}", row.start, row.end),
            ]),
            Format::Table => {}
        }
        Ok(())
    }
}

/// Reads until there are so many bytes, or no more.
fn fill(source: &mut impl Read, bytes: &mut Vec<u8>, length: usize, name: &str) -> anyhow::Result<()> {
    let missing = length.saturating_sub(bytes.len());
    source.take(missing as u64).read_to_end(bytes).with_context(|| format!("cannot read {name}"))?;
    Ok(())
}
