//! The one binary: hands the command line to its face and turns the answer into an exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    dyepack::faces::cli::main()
}
