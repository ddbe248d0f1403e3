//! The command line: one file per subcommand; this one only parses, sets the scene and dispatches.

mod alert;
mod attribute;
mod case;
mod check;
mod classify;
mod config;
mod contact;
mod context;
mod crawl;
mod demo;
mod drill;
mod evidence;
mod fares;
mod fingerprint;
mod health;
mod hit;
mod identify;
mod init;
mod mint;
mod output;
mod read;
mod register;
mod run;
mod scan;
mod serve;
mod source;
mod train_listing;
mod unpack;
mod user;
mod watchlist;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::Context;
use output::Format;

/// Finds planted customer records on forums, markets and paste sites, and tells the institution whose copy leaked.
#[derive(Debug, Parser)]
#[command(name = "dyepack", version, about, propagate_version = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  dyepack demo                                     watch the whole product work on this machine
  dyepack init                                     write a starter configuration and keys
  dyepack watchlist import watchlists/example-bank enrol it
  dyepack source add https://forum.example/        add a site to read
  dyepack run                                      read what is due, mail what is found, serve the console

Exit codes: 0 done, 1 found problems, 2 wrong use, 3 environment (network, database, mail) failed.";

/// Options that every command takes.
#[derive(Debug, clap::Args)]
struct Shared {
    /// Configuration file [default: dyepack.toml in the data directory, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "DYEPACK_CONFIG")]
    config: Option<PathBuf>,
    /// Where state is kept [default: the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "DYEPACK_DATA")]
    data: Option<PathBuf>,
    /// How results are printed [default: table on a terminal, json elsewhere]
    #[arg(long, global = true, value_enum)]
    format: Option<Format>,
    /// Say more on stderr: -v rare events, -vv every page
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say less on stderr: errors only, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Check(check::Args),
    Watchlist(watchlist::Args),
    Fingerprint(fingerprint::Args),
    Source(source::Args),
    Crawl(crawl::Args),
    Run(run::Args),
    Serve(serve::Args),
    User(user::Args),
    Health(health::Args),
    Drill(drill::Args),
    Hit(hit::Args),
    Case(case::Args),
    Alert(alert::Args),
    Contact(contact::Args),
    Evidence(evidence::Args),
    Attribute(attribute::Args),
    Mint(mint::Args),
    Register(register::Args),
    Scan(scan::Args),
    Read(read::Args),
    Identify(identify::Args),
    Classify(classify::Args),
    #[command(hide = true)]
    TrainListing(train_listing::Args),
    #[command(hide = true)]
    Unpack(unpack::Args),
}

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, and problems were found (a bad watchlist, a scan with hits).
    Problems,
}

/// A failure whose exit code is not 3.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The user asked for something that cannot be; the message says how to mend it.
    #[error("{0}")]
    Usage(String),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Unpack(args) = &cli.command {
        return unpack::run(args);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::new(error).context("cannot start the async runtime")),
    };
    log_to_stderr(&cli.shared);
    match runtime.block_on(dispatch(cli)) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Problems) => ExitCode::from(1),
        Err(error) => report(&error),
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let context = Context::new(&cli.shared)?;
    match cli.command {
        Command::Alert(args) => alert::run(&args, &context).await,
        Command::Attribute(args) => attribute::run(&args, &context).await,
        Command::Mint(args) => mint::run(&args, &context).await,
        Command::Register(args) => register::run(&args, &context).await,
        Command::Case(args) => case::run(&args, &context).await,
        Command::Contact(args) => contact::run(&args, &context).await,
        Command::Check(args) => check::run(&args, &context).await,
        Command::Classify(args) => classify::run(&args, &context).await,
        Command::Demo(args) => Box::pin(demo::run(args, &context)).await,
        Command::Drill(args) => Box::pin(drill::run(&args, &context)).await,
        Command::Health(args) => health::run(&args, &context).await,
        Command::Evidence(args) => evidence::run(&args, &context).await,
        Command::Fingerprint(args) => fingerprint::run(args, &context).await,
        Command::Hit(args) => hit::run(&args, &context).await,
        Command::Identify(args) => identify::run(&args, &context).await,
        Command::Init(args) => init::run(&args, &context).await,
        Command::Run(args) => Box::pin(run::run(args, &context)).await,
        Command::Serve(args) => serve::run(&args, &context).await,
        Command::User(args) => user::run(&args, &context).await,
        Command::Scan(args) => scan::run(&args, &context).await,
        Command::Watchlist(args) => watchlist::run(&args, &context).await,
        Command::Read(args) => read::run(args, &context).await,
        // Runs without a runtime, before this.
        Command::Unpack(_) => Ok(Exit::Done),
        Command::TrainListing(args) => train_listing::run(&args, &context).await,
        Command::Source(args) => source::run(args, &context).await,
        Command::Crawl(args) => crawl::run(args, &context).await,
    }
}

/// Prints what failed, why and what to do, and picks the exit code; a closed pipe ends quietly.
fn report(error: &anyhow::Error) -> ExitCode {
    let is_closed_pipe =
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe);
    if is_closed_pipe {
        return ExitCode::SUCCESS;
    }
    output::complain(&format!("{error:#}"));
    match error.downcast_ref::<Failure>() {
        Some(Failure::Usage(_)) => ExitCode::from(2),
        None => ExitCode::from(3),
    }
}

fn log_to_stderr(shared: &Shared) {
    let level = match (shared.quiet, shared.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "dyepack=info,warn",
        (false, 2) => "dyepack=debug,warn",
        (false, _) => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("DYEPACK_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let has_colour = std::io::stderr().is_terminal() && !config::is_colour_unwanted();
    // A second call (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(has_colour)
        .with_writer(output::ProgressSafeStderr)
        .with_target(false)
        .try_init();
}
