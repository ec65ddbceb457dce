//! Parses the arguments, calls the application, turns the result into an exit code.

use aibal_tui::app;
use aibal_tui::cli::arguments::Arguments;
use clap::Parser;
use std::process::ExitCode;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    app::main(Arguments::parse())
}
