//! `aibal-tui import` and `aibal-tui prices import`: files of LiteLLM become ours.

use super::config_sources::sources;
use super::exit_error::ExitError;
use super::output::{print, print_note};
use crate::cli::arguments::Globals;
use crate::cli::setup_arguments::{ImportCommand, LitellmArgs, PricesImportArgs};
use crate::clock;
use crate::config::{self, Flags, Sources, write_new};
use crate::contract::rfc3339;
use crate::import::{import_litellm, import_prices};
use crate::protocols;
use std::path::Path;

pub(super) fn run(globals: &Globals, command: &ImportCommand) -> Result<u8, ExitError> {
    match command {
        ImportCommand::Litellm(arguments) => litellm(globals, arguments),
    }
}

/// Prints or writes the configuration; what has no counterpart goes to stderr.
fn litellm(globals: &Globals, arguments: &LitellmArgs) -> Result<u8, ExitError> {
    let (text, shown) = (read(&arguments.file)?, arguments.file.display().to_string());
    let sources = sources(globals)?;
    let environment = |name: &str| sources.environment.get(name).cloned();
    let imported = import_litellm(&text, &shown, &environment)
        .map_err(|error| ExitError::usage_caused_by(format!("{shown}: {error}"), error))?;
    for note in &imported.notes {
        print_note(&format!("{shown}: {note}"));
    }
    let providers = counted(imported.providers, "provider");
    let counts = format!("{providers} and {}", counted(imported.routes, "route"));
    let Some(path) = &arguments.output else {
        print(&imported.toml);
        print_note(&format!(
            "{counts}; write them with --output FILE, then check with `aibal-tui config check --config FILE`"
        ));
        return Ok(0);
    };
    write(path, &imported.toml, arguments.force)?;
    let path = path.display();
    print(&format!("wrote {path}: {counts}\n"));
    print_note(&format!(
        "check it with `aibal-tui config check --config {path}`"
    ));
    Ok(0)
}

/// Writes the table beside the configuration, where every start reads it.
pub(super) fn prices(globals: &Globals, arguments: &PricesImportArgs) -> Result<u8, ExitError> {
    let (text, shown) = (read(&arguments.file)?, arguments.file.display().to_string());
    let name = arguments
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let now = rfc3339(clock::now());
    let day = now.get(..10).unwrap_or(&now);
    let imported = import_prices(&text, &format!("LiteLLM's {name}"), day)
        .map_err(|error| ExitError::usage_caused_by(format!("{shown}: {error}"), error))?;
    for (reason, count) in &imported.skipped {
        print_note(&format!("skipped {count}: {reason}"));
    }
    let taken = counted(imported.taken, "model");
    if arguments.print {
        print(&imported.toml);
        print_note(&format!("took {taken}"));
        return Ok(0);
    }
    let path = match &arguments.output {
        Some(path) => path.clone(),
        // A table that cannot be read must not stop its own replacement.
        None => plain_sources(globals)?.prices_file().ok_or_else(|| {
            ExitError::usage("there is no home directory for the table; name a file with --output")
        })?,
    };
    write(&path, &imported.toml, true)?;
    print(&format!("wrote {}: {taken}\n", path.display()));
    if arguments.output.is_none() {
        print_note("it is used from the next start; `aibal-tui prices` prints all prices in force");
    }
    Ok(0)
}

/// The sources of the configuration, without the table of prices beside it.
fn plain_sources(globals: &Globals) -> Result<Sources, ExitError> {
    let config = globals.config.clone();
    Ok(Sources::from_process(
        config,
        Flags::default(),
        protocols::kinds(),
    )?)
}

/// A number with its noun.
fn counted(count: usize, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

fn read(path: &Path) -> Result<String, ExitError> {
    let shown = path.display();
    let bytes = config::read_bytes(path).map_err(|error| {
        ExitError::usage_caused_by(format!("{shown} could not be read: {error}"), error)
    })?;
    String::from_utf8(bytes)
        .map_err(|error| ExitError::usage_caused_by(format!("{shown} is not UTF-8"), error))
}

fn write(path: &Path, text: &str, overwrite: bool) -> Result<(), ExitError> {
    write_new(path, text, overwrite).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "the file exists and was not changed; overwrite it with --force".to_owned()
            }
            _ => error.to_string(),
        };
        let text = format!("could not write {}: {why}", path.display());
        ExitError::usage_caused_by(text, error)
    })
}
