//! The one binary: hands the command line to its face and turns the answer into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dyepack::faces::cli::main()
}
