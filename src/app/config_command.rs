//! Commands about the configuration itself.

use super::{ExitError, commands};
use crate::cli::arguments::{ConfigCommand, Globals};
use crate::config::{self, Flags, Sources};
use crate::protocols;
use crate::tui::Keymap;

/// Files, environment and flags of this process.
pub(super) fn sources(globals: &Globals) -> Result<Sources, ExitError> {
    let flags = Flags {
        listen: globals.listen.clone(),
    };
    Ok(Sources::of_process(
        globals.config.clone(),
        flags,
        protocols::kinds(),
    )?)
}

pub(super) fn run(globals: &Globals, command: &ConfigCommand) -> Result<u8, ExitError> {
    let sources = sources(globals)?;
    let mistaken = |mistakes: config::SettingErrors| ExitError::usage(mistakes.to_string());
    match command {
        ConfigCommand::Init => init(globals, &sources)?,
        ConfigCommand::Check => {
            let verdict = config::check(&sources).map_err(mistaken)?;
            if let Some(settings) = dashboard(globals) {
                Keymap::with(&settings.keys).map_err(ExitError::usage)?;
            }
            commands::print(&format!("{verdict}\n"));
        }
        ConfigCommand::Show => {
            commands::print(&config::show(&config::load(&sources).map_err(mistaken)?));
        }
        ConfigCommand::Path => commands::print(&config::path(&sources)),
        ConfigCommand::Schema => commands::print(&(config::schema() + "\n")),
    }
    Ok(0)
}

/// What the configuration says about the screen; nothing where it cannot be read, for a dashboard
/// of an instance elsewhere needs none.
pub(super) fn dashboard(globals: &Globals) -> Option<config::DashboardSettings> {
    let loaded = config::load(&sources(globals).ok()?).ok()?;
    Some(loaded.settings.dashboard)
}

/// The price table; with a configuration that cannot be read, the built-in one.
pub(super) fn prices(globals: &Globals) -> Result<u8, ExitError> {
    let loaded = config::load(&sources(globals)?);
    if loaded.is_err() {
        commands::print_error(
            "the configuration has mistakes (`aibal-tui config check` names them); these are the built-in prices",
        );
    }
    commands::print(&config::price_list(loaded.ok().as_ref()));
    Ok(0)
}

fn init(globals: &Globals, sources: &Sources) -> Result<(), ExitError> {
    let path = globals.config.clone().or_else(|| sources.home_file());
    let path = path.ok_or_else(|| {
        ExitError::usage("there is no home to put a configuration in; name a file with --config")
    })?;
    config::init(&path).map_err(|error| {
        let why = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "it is there already, and was left as it is".to_owned()
        } else {
            error.to_string()
        };
        ExitError::usage(format!("could not write {}: {why}", path.display()))
    })?;
    commands::print(&format!("wrote {}\n", path.display()));
    Ok(())
}
