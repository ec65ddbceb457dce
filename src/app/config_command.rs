//! Commands about the configuration itself.

use super::commands::block_on;
use super::config_sources::sources;
use super::exit_error::ExitError;
use super::instance_config::NoProviderError;
use super::output::{print, print_note};
use super::{dashboard_thread, init_command, local_servers, store};
use crate::cli::arguments::{ConfigCommand, Globals};
use crate::config::{self, CheckReport, Sources};

pub(super) fn run(globals: &Globals, command: &ConfigCommand) -> Result<u8, ExitError> {
    let sources = sources(globals)?;
    match command {
        ConfigCommand::Init(arguments) => return init_command::init(globals, &sources, arguments),
        ConfigCommand::Check => return check(sources),
        ConfigCommand::Show => {
            print(&config::show(&config::load(&sources)?));
        }
        ConfigCommand::Path => print(&config::path(&sources)),
        ConfigCommand::Schema => print(&(config::schema() + "\n")),
    }
    Ok(0)
}

/// Reports every error that `serve` would end with.
fn check(sources: Sources) -> Result<u8, ExitError> {
    block_on(async {
        let (sources, loaded, search) = local_servers::load(sources).await?;
        dashboard_thread::keymap(&loaded)?;
        if let Some(error) = NoProviderError::of(&loaded) {
            let error = error.with_search(&search);
            return Err(ExitError::usage_caused_by(error.to_string(), error));
        }
        if let Some(missing) = &loaded.needs_stored_token {
            let listen = loaded.settings.server.listen;
            let options = store::options(&loaded.settings, &sources, listen);
            store::check_token_beside(&options, missing).await?;
        }
        if let Some(note) = search.used() {
            print_note(&note);
        }
        print(&format!("{}\n", CheckReport::new(&loaded, &sources)));
        Ok(0)
    })
}

/// Prints the price table; the built-in one where the configuration cannot be read.
pub(super) fn prices(globals: &Globals) -> Result<u8, ExitError> {
    let loaded = config::load(&sources(globals)?);
    if loaded.is_err() {
        print_note(
            "the configuration has errors (list them with `aibal-tui config check`); these are the built-in prices",
        );
    }
    print(&config::price_list(loaded.ok().as_ref()));
    Ok(0)
}
