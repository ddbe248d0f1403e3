//! `source session`: who reads a site, and the cookies that a person brings.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::find;
use crate::domain::session::Login;
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;
use crate::faces::cli::{Exit, Failure};
use crate::ports::accounts;

/// Shows, brings and forgets the session that a site is read with
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source session show forum.example\n  \
                        dyepack source session import forum.example cookies.txt\n  \
                        dyepack source session forget forum.example")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows where the session stands; never a cookie's value
    Show {
        /// The site, by its name or its URL
        source: String,
    },
    /// Takes cookies exported from a browser that is logged in (cookies.txt or JSON), and goes on reading
    Import {
        /// The site, by its name or its URL
        source: String,
        /// The exported file; chmod 600
        file: PathBuf,
    },
    /// Forgets the cookies; the site is logged in to afresh if it has a login file, else read as a guest
    Forget {
        /// The site, by its name or its URL
        source: String,
    },
}

/// What `source session show` tells.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    source: &'a str,
    state: &'a str,
    needs_person: Option<&'static str>,
    logged_in_at: Option<Timestamp>,
    logins_today: u32,
    next_login_at: Option<Timestamp>,
    cookies: Vec<Cookie<'a>>,
}

#[derive(Debug, Serialize)]
struct Cookie<'a> {
    name: &'a str,
    expires_at: Option<Timestamp>,
}

/// Runs `source session`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.action {
        Action::Show { source } => show(&source, context).await,
        Action::Import { source, file } => import(&source, file, context).await,
        Action::Forget { source } => forget(&source, context).await,
    }
}

async fn show(name: &str, context: &Context) -> anyhow::Result<Exit> {
    use crate::domain::session::State;
    let store = context.open_store().await?;
    let source = find(name, &store).await?;
    let Some(row) = store.session(&source.id).await? else {
        context.output.note(format_args!("{} was never read as a member", source.id));
        return Ok(Exit::Done);
    };
    let session = &row.session;
    let shown = Shown {
        source: &source.id.0,
        state: session.state.as_str(),
        needs_person: match session.state {
            State::Person(rest) => Some(rest.words()),
            State::Lost | State::Unproven | State::Member => None,
        },
        logged_in_at: session.logged_in_at,
        logins_today: session.logins,
        next_login_at: session.next_login_at,
        cookies: row.jar.names().map(|(name, expires_at)| Cookie { name, expires_at }).collect(),
    };
    match context.output.format() {
        Format::Json => context.output.json(&shown)?,
        Format::Table => {
            let time = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
            let state = shown.needs_person.unwrap_or(shown.state);
            context.output.line(format_args!(
                "{}: {state}; logged in {}; {} cookies; {} logins on the last day",
                shown.source,
                time(shown.logged_in_at),
                shown.cookies.len(),
                shown.logins_today,
            ))?;
        }
    }
    Ok(Exit::Done)
}

async fn import(name: &str, file: PathBuf, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let (source, now) = (find(name, &store).await?, context.clock.now());
    let jar = match accounts::read(&file, &source.start_url, now).await {
        Ok(Login::Cookies(jar)) => jar,
        Ok(Login::Account(_)) => {
            let mend = format!("dyepack source edit {} --login {}", source.id, file.display());
            return Err(Failure::Usage(format!("{} holds an account, not cookies; use: {mend}", file.display())).into());
        }
        Err(error) => return Err(Failure::Usage(format!("cannot {error}")).into()),
    };
    store.import_session(&source.id, &jar, now).await?;
    context.output.line(format_args!("{} cookies for {} are kept, sealed; it is read again", jar.len(), source.id))?;
    Ok(Exit::Done)
}

async fn forget(name: &str, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let source = find(name, &store).await?;
    let known = store.forget_session(&source.id, context.clock.now()).await?;
    let done = if known { "the session is forgotten" } else { "there was no session" };
    context.output.line(format_args!("{}: {done}", source.id))?;
    Ok(Exit::Done)
}
