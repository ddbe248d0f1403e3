//! `evidence head`: the signed heads of the chain, shown and handed out.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use super::super::context::Context;
use super::super::output::Format;
use super::super::source::fetch_options;
use super::super::{Exit, Failure};
use super::folder::write_head;
use super::shown;
use crate::domain::evidence::head::Head;
use crate::ports::fetch::Fetcher;
use crate::ports::store::{HeadRow, Store};
use crate::services::evidence::heads;

/// Which head, and what to do with it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Every head, the oldest first
    #[arg(long, conflicts_with_all = ["day", "out"])]
    all: bool,
    /// The head of this day (UTC) [default: the newest]
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// Sign today's head first, if there is none yet, queue its mails, and ask the time-stamping authority
    #[arg(long)]
    sign: bool,
    /// Write head-DAY.txt, .sig, .pub.pem (and .tsr) into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A head, as scripts read it.
#[derive(Serialize)]
struct Row<'a> {
    day: &'a str,
    rows: i64,
    hash: String,
    signed_at: String,
    key: String,
    stamped_at: Option<String>,
    stamp_error: Option<&'a str>,
    document: &'a str,
    signature: &'a str,
    public_key: &'a str,
}

/// Runs `evidence head`.
pub(super) async fn run(args: &Args, store: &Store, context: &Context) -> anyhow::Result<Exit> {
    if args.sign {
        let ports = heads_ports(store, context)?;
        let looked = heads::look(&ports, &heads_options(context)).await.map_err(shown)?;
        let said = if looked.is_signed { "today's head is signed" } else { "today has a signed head already" };
        context.output.note(said);
    }
    let all = store.heads().await?;
    let chosen: Vec<&HeadRow> = match &args.day {
        None if args.all => all.iter().collect(),
        None => all.last().into_iter().collect(),
        Some(day) => all.iter().filter(|row| row.day == *day).collect(),
    };
    if chosen.is_empty() {
        let which = args.day.as_deref().unwrap_or("any day");
        let advice = format!("no head of {which} is signed here; sign one with: dyepack evidence head --sign");
        return Err(Failure::Usage(advice).into());
    }
    show(&chosen, args, context)?;
    if let (Some(out), [head]) = (&args.out, chosen.as_slice()) {
        hand_out(head, out, context)?;
    }
    Ok(Exit::Done)
}

fn show(chosen: &[&HeadRow], args: &Args, context: &Context) -> anyhow::Result<()> {
    let rows: Vec<Row<'_>> = chosen.iter().map(|head| row(head)).collect();
    if context.output.format() == Format::Json {
        return Ok(rows.iter().try_for_each(|row| context.output.json(row))?);
    }
    if args.all {
        let cells = |row: &Row<'_>| {
            let stamped = row.stamped_at.clone().or_else(|| row.stamp_error.map(|error| format!("not yet: {error}")));
            vec![
                row.day.to_owned(),
                row.rows.to_string(),
                row.hash.clone(),
                row.signed_at.clone(),
                stamped.unwrap_or_else(|| "no".to_owned()),
            ]
        };
        let headers = ["day", "rows", "hash of the last row", "signed (UTC)", "stamped (UTC)"];
        return Ok(context.output.table(&headers, &rows.iter().map(cells).collect::<Vec<_>>())?);
    }
    for row in &rows {
        context.output.line(row.document.trim_end())?;
        context.output.line(format_args!("\nsignature: {}", row.signature))?;
        match (&row.stamped_at, row.stamp_error) {
            (Some(at), _) => context.output.line(format_args!("stamped:   {at} UTC"))?,
            (None, Some(error)) => context.output.line(format_args!("stamped:   not yet ({error}); tried again"))?,
            (None, None) => context.output.line("stamped:   no")?,
        }
        context.output.line(format_args!("\n{}", row.public_key.trim_end()))?;
        if args.out.is_none() {
            context.output.note("write it out for openssl with: --out DIR");
        }
    }
    Ok(())
}

fn row(head: &HeadRow) -> Row<'_> {
    let parsed = Head::parse(&head.document);
    let time = |at| super::super::case::time(Some(at));
    Row {
        day: &head.day,
        rows: head.number,
        hash: parsed.as_ref().map(|parsed| parsed.hash.clone()).unwrap_or_default(),
        signed_at: time(head.signed_at),
        key: parsed.map(|parsed| parsed.key).unwrap_or_default(),
        stamped_at: head.stamp.as_ref().map(|(_, at)| time(*at)),
        stamp_error: head.stamp_error.as_deref(),
        document: &head.document,
        signature: &head.signature,
        public_key: &head.public_key,
    }
}

fn hand_out(head: &HeadRow, out: &std::path::Path, context: &Context) -> anyhow::Result<()> {
    let failed = || format!("cannot write into {}", out.display());
    std::fs::create_dir_all(out).with_context(failed)?;
    let name = out.join(format!("head-{}", head.day));
    write_head(&name, head).with_context(failed)?;
    let name = name.display();
    context.output.note(format_args!(
        "wrote {name}.txt, .sig and .pub.pem; check with:\n  openssl pkeyutl -verify -pubin -inkey {name}.pub.pem -rawin -in \
         {name}.txt -sigfile {name}.sig"
    ));
    if head.stamp.is_some() {
        context.output.note(format_args!(
            "and its time stamp, with the authority's certificate:\n  openssl ts -verify -in {name}.tsr -data {name}.txt \
             -CAfile AUTHORITY.pem"
        ));
    }
    Ok(())
}

/// `evidence stamp`: asks for every stamp that is missing, now.
pub(super) async fn stamp(store: &Store, context: &Context) -> anyhow::Result<Exit> {
    let options = heads_options(context);
    if options.authority.is_none() {
        return Err(Failure::Usage("[evidence] timestamp_url names no authority".to_owned()).into());
    }
    store.hurry_stamps(context.clock.now()).await?;
    let looked = heads::look(&heads_ports(store, context)?, &options).await.map_err(shown)?;
    context.output.line(format_args!("{} heads stamped", looked.stamped))?;
    let unstamped = store.heads().await?.into_iter().filter(|head| head.stamp.is_none());
    let errors: Vec<String> =
        unstamped.filter_map(|head| Some(format!("{}: {}", head.day, head.stamp_error?))).collect();
    for error in &errors {
        context.output.line(format_args!("not stamped: {error}"))?;
    }
    Ok(if errors.is_empty() { Exit::Done } else { Exit::Problems })
}

/// What signing and stamping works with.
pub(in super::super) fn heads_ports(store: &Store, context: &Context) -> anyhow::Result<heads::Ports> {
    Ok(heads::Ports {
        store: store.clone(),
        signer: context.signer()?,
        fetcher: fetcher(context),
        clock: context.clock.clone(),
    })
}

/// Who is told of heads, and who stamps them.
pub(in super::super) fn heads_options(context: &Context) -> heads::Options {
    let config = &context.config;
    heads::Options { operator: config.operator.mail.clone(), authority: config.evidence.authority.clone() }
}

pub(super) fn fetcher(context: &Context) -> Fetcher {
    Fetcher::new(fetch_options(context), context.clock.clone())
}
