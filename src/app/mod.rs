//! Wiring: one page that shows what runs, and in what order it stops. Nothing imports it but
//! `main`.

mod commands;
mod config_command;
mod config_task;
mod config_watcher;
mod dashboard_thread;
mod instance;
mod instance_config;
mod instance_controls;
mod persist;
mod reload;
mod reloadable_state;
mod run;
mod signals;
mod vendors;

use crate::cli::arguments::{Arguments, CliCommand};
use std::process::ExitCode;

/// A usage or configuration error, a port in use, a directory that cannot be written.
const EXIT_USAGE: u8 = 2;
/// Failed while running.
const EXIT_FAILED: u8 = 1;

/// Why the program ends early.
#[derive(Debug)]
pub struct ExitError {
    /// One sentence, or one line for each mistake.
    pub text: String,
    pub code: u8,
}

impl ExitError {
    /// What the user can mend.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: EXIT_USAGE,
        }
    }
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self {
            text: format!("{error:#}"),
            code: EXIT_FAILED,
        }
    }
}

impl From<std::io::Error> for ExitError {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Runs what was typed.
pub fn main(arguments: Arguments) -> ExitCode {
    // Two TLS back ends are compiled into our dependencies; this is the one in use. A second call
    // would only find it there.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    disable_huge_pages();
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            commands::print_error(&fault.text);
            ExitCode::from(fault.code)
        }
    }
}

/// The allocator asks for pages of two megabytes, of which it often uses a corner: without them an
/// idle instance needs 22 MiB instead of 32, and an open stream a third less.
fn disable_huge_pages() {
    // Where the system knows no such pages, there is nothing to do without.
    #[cfg(target_os = "linux")]
    let _unknown = rustix::thread::disable_transparent_huge_pages(true);
}

fn dispatch(arguments: Arguments) -> Result<u8, ExitError> {
    let Arguments { globals, command } = arguments;
    match command {
        None => run::all_in_one(&globals),
        Some(CliCommand::Demo(demo)) if demo.vendors => vendors::run(&globals, demo.seed),
        Some(CliCommand::Demo(demo)) => run::demo(&globals, &demo),
        Some(CliCommand::Serve) => run::serve(&globals),
        Some(CliCommand::Attach(attach)) => run::attach(&globals, &attach),
        Some(CliCommand::Status(status)) => commands::status(&globals, &status),
        Some(CliCommand::Reload(reload)) => commands::reload(&globals, &reload),
        Some(CliCommand::Select(select)) => commands::select(&globals, select),
        Some(CliCommand::Simulate(simulate)) => commands::simulate(&globals, &simulate),
        Some(CliCommand::Prices) => config_command::prices(&globals),
        Some(CliCommand::Config(config)) => config_command::run(&globals, &config),
        Some(CliCommand::Completions { shell }) => Ok(commands::completions(shell)),
        Some(CliCommand::Man) => commands::man(),
    }
}
