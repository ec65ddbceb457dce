//! Commands about the configuration itself.

use super::exit_error::ExitError;
use super::output::{print, print_note};
use crate::cli::arguments::{ConfigCommand, Globals};
use crate::config::{self, Flags, Sources};
use crate::protocols;
use crate::tui::Keymap;

/// The files, environment and flags of this process.
pub(super) fn sources(globals: &Globals) -> Result<Sources, ExitError> {
    let flags = Flags {
        listen: globals.listen.clone(),
    };
    let mut sources = Sources::from_process(globals.config.clone(), flags, protocols::kinds())?;
    sources.trust_env_file = globals.trust_env_file;
    Ok(sources)
}

pub(super) fn run(globals: &Globals, command: &ConfigCommand) -> Result<u8, ExitError> {
    let sources = sources(globals)?;
    match command {
        ConfigCommand::Init => init(globals, &sources)?,
        ConfigCommand::Check => {
            let report = config::check(&sources)?;
            if let Some(settings) = dashboard(globals) {
                Keymap::with(&settings.keys).map_err(ExitError::usage)?;
            }
            print(&format!("{report}\n"));
        }
        ConfigCommand::Show => {
            print(&config::show(&config::load(&sources)?));
        }
        ConfigCommand::Path => print(&config::path(&sources)),
        ConfigCommand::Schema => print(&(config::schema() + "\n")),
    }
    Ok(0)
}

/// The dashboard's settings; `None` where the configuration cannot be read, because a dashboard that
/// attaches to another instance needs none.
pub(super) fn dashboard(globals: &Globals) -> Option<config::DashboardSettings> {
    let loaded = config::load(&sources(globals).ok()?).ok()?;
    Some(loaded.settings.dashboard)
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

fn init(globals: &Globals, sources: &Sources) -> Result<(), ExitError> {
    let path = globals.config.clone().or_else(|| sources.home_file());
    let path = path.ok_or_else(|| {
        ExitError::usage(
            "there is no home directory for a configuration file; name a file with --config",
        )
    })?;
    config::init(&path).map_err(|error| {
        let why = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "the file exists and was not changed; edit it, or name another file with --config"
                .to_owned()
        } else {
            error.to_string()
        };
        let text = format!("could not write {}: {why}", path.display());
        ExitError::usage_caused_by(text, error)
    })?;
    print(&format!("wrote {}\n", path.display()));
    print_note("edit the file, then run `aibal-tui config check`");
    Ok(())
}
