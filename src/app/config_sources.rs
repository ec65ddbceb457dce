//! What the configuration of this process is read from.

use super::exit_error::ExitError;
use crate::cli::arguments::Globals;
use crate::config::{self, Flags, Loaded, Sources, prices};
use crate::protocols;

/// The files, environment and flags of this process.
pub(super) fn sources(globals: &Globals) -> Result<Sources, ExitError> {
    let flags = Flags {
        listen: globals.listen.clone(),
    };
    let mut sources = Sources::from_process(globals.config.clone(), flags, protocols::kinds())?;
    sources.trust_env_file = globals.trust_env_file;
    if let Some(path) = sources.prices_file() {
        prices::use_imported(&path, &sources.shown(&path)).map_err(ExitError::usage)?;
    }
    Ok(sources)
}

/// The configuration; `None` where it cannot be read, because a dashboard that attaches to another
/// instance needs none.
pub(super) fn loaded(globals: &Globals) -> Option<Loaded> {
    config::load(&sources(globals).ok()?).ok()
}
