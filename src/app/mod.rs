//! Wiring: one page that shows what runs, and in what order it stops. Nothing imports it but
//! `main`.

mod blueprint;
mod commands;
mod configuring;
mod controls;
mod instance;
mod keeping;
mod reloading;
mod running;
mod screen;
mod signals;
mod upkeep;
mod vendors;
mod watching;

use crate::cli::arguments::{Arguments, Command};
use std::process::ExitCode;

/// A usage or configuration error, a port in use, a directory that cannot be written.
const USAGE: u8 = 2;
/// Failed while running.
const FAILED: u8 = 1;

/// Why the program ends early.
#[derive(Debug)]
pub struct Fault {
    /// One sentence, or one line for each mistake.
    pub text: String,
    pub code: u8,
}

impl Fault {
    /// What the user can mend.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: USAGE,
        }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self {
            text: format!("{error:#}"),
            code: FAILED,
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Runs what was typed.
pub fn main(arguments: Arguments) -> ExitCode {
    // Two TLS back ends are compiled into our dependencies; this is the one in use. A second call
    // would only find it there.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    spare_memory();
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            commands::complain(&fault.text);
            ExitCode::from(fault.code)
        }
    }
}

/// The allocator asks for pages of two megabytes, of which it often uses a corner: without them an
/// idle instance needs 22 MiB instead of 32, and an open stream a third less.
fn spare_memory() {
    // Where the system knows no such pages, there is nothing to do without.
    #[cfg(target_os = "linux")]
    let _unknown = rustix::thread::disable_transparent_huge_pages(true);
}

fn dispatch(arguments: Arguments) -> Result<u8, Fault> {
    let Arguments { globals, command } = arguments;
    match command {
        None => running::all_in_one(&globals),
        Some(Command::Demo(demo)) if demo.vendors => vendors::run(&globals, demo.seed),
        Some(Command::Demo(demo)) => running::demo(&globals, &demo),
        Some(Command::Serve) => running::serve(&globals),
        Some(Command::Attach(attach)) => running::attach(&globals, &attach),
        Some(Command::Status(status)) => commands::status(&globals, &status),
        Some(Command::Reload(reload)) => commands::reload(&globals, &reload),
        Some(Command::Select(select)) => commands::select(&globals, select),
        Some(Command::Simulate(simulate)) => commands::simulate(&globals, &simulate),
        Some(Command::Prices) => configuring::prices(&globals),
        Some(Command::Config(config)) => configuring::run(&globals, &config),
        Some(Command::Completions { shell }) => Ok(commands::completions(shell)),
        Some(Command::Man) => commands::man(),
    }
}
