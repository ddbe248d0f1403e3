//! `unpack`: what the program runs itself as to read hostile containers; not for people.

use std::process::ExitCode;

use crate::ports::sandbox;

/// Unpacks the document on standard input within limits; started by the program itself
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Runs the command, without an async runtime: it starts in a few milliseconds.
pub(super) fn run(_: &Args) -> ExitCode {
    match sandbox::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::output::complain(&format!("cannot unpack: {error}"));
            ExitCode::from(3)
        }
    }
}
