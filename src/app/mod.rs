//! Wiring: builds the parts of an instance, starts them and stops them in order. Only `main`
//! imports it.

mod advise_command;
mod alerts_command;
mod audit_command;
mod commands;
mod config_command;
mod config_sources;
mod config_task;
mod config_watcher;
mod dashboard_thread;
mod demo_clients;
mod demo_history;
mod doctor;
mod exit_error;
mod free_call;
mod hidden_input;
mod host_name;
mod import_command;
mod init_command;
mod instance;
mod instance_config;
mod instance_controls;
mod keys_command;
mod ledger_task;
mod lifecycle_log;
mod local_servers;
mod model_lists;
mod output;
mod persist;
mod reload;
mod reloadable_state;
mod run;
mod schedule_task;
mod service_notifier;
mod signals;
mod store;
mod store_command;
mod token_task;
mod tokens_command;
mod vendors;
mod watchdog;

use crate::cli::arguments::{Arguments, CliCommand};
use crate::cli::setup_arguments::PricesCommand;
use exit_error::ExitError;
use std::process::ExitCode;

/// Runs the command that the arguments name.
pub fn main(arguments: Arguments) -> ExitCode {
    // Dependencies compile in two TLS back ends; this selects one. A second call finds it selected.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    disable_huge_pages();
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(error.code())
        }
    }
}

/// The allocator requests pages of two megabytes and often uses a small part of each: without them
/// an idle instance needs 22 MiB instead of 32, and an open stream a third less.
fn disable_huge_pages() {
    // Systems without huge pages return an error, which changes nothing.
    #[cfg(target_os = "linux")]
    let _unsupported = rustix::thread::disable_transparent_huge_pages(true);
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
        Some(CliCommand::Usage(usage)) => commands::usage(&globals, &usage),
        Some(CliCommand::Select(select)) => commands::select(&globals, select),
        Some(CliCommand::Explain(explain)) => commands::explain(&globals, &explain),
        Some(CliCommand::Simulate(simulate)) => commands::simulate(&globals, &simulate),
        Some(CliCommand::Advise(advise)) => advise_command::advise(&globals, &advise),
        Some(CliCommand::Tokens(tokens)) => tokens_command::run(&globals, &tokens),
        Some(CliCommand::Alerts(alerts)) => alerts_command::run(&globals, &alerts),
        Some(CliCommand::Audit(audit)) => audit_command::run(&globals, &audit),
        Some(CliCommand::Store(store)) => store_command::run(&globals, &store),
        Some(CliCommand::Prices(prices)) => match prices.command {
            Some(PricesCommand::Import(import)) => import_command::prices(&globals, &import),
            Some(PricesCommand::List) | None => config_command::prices(&globals),
        },
        Some(CliCommand::Doctor(arguments)) => doctor::run(&globals, &arguments),
        Some(CliCommand::Import(import)) => import_command::run(&globals, &import),
        Some(CliCommand::Keys(keys)) => keys_command::run(&globals, &keys),
        Some(CliCommand::Config(config)) => config_command::run(&globals, &config),
        Some(CliCommand::Completions { shell }) => Ok(commands::completions(shell)),
        Some(CliCommand::Man) => commands::man(),
    }
}
