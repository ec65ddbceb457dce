//! `aibal-tui store`: looks at the database and migrates it, whether a gateway runs or not.

use super::commands::block_on;
use super::config_sources::sources;
use super::exit_error::ExitError;
use super::output::{print, report_text};
use crate::cli::arguments::{DatabaseArgs, Globals, StoreCommand};
use crate::cli::{render_database, render_migration};
use crate::clock;
use crate::config;
use crate::contract::{DatabaseReport, MigrationReport, TableReport, rfc3339};
use crate::secrets::Secret;
use crate::store::{
    DatabaseCheck, StoreError, StoreOptions, TableCheck, check_database, migrate_database,
};

/// The database is damaged.
const EXIT_DAMAGED: u8 = 1;

pub(super) fn run(globals: &Globals, command: &StoreCommand) -> Result<u8, ExitError> {
    match command {
        StoreCommand::Check { thorough, database } => check(globals, database, *thorough),
        StoreCommand::Migrate(database) => migrate(globals, database),
    }
}

fn check(globals: &Globals, arguments: &DatabaseArgs, thorough: bool) -> Result<u8, ExitError> {
    let options = options(globals, arguments.url.as_deref())?;
    block_on(async {
        let check = check_database(&options, thorough, clock::now()).await;
        let check = check.map_err(|error| failed(&options, error))?;
        let report = report(&options, check);
        print(&report_text(&report, arguments.json, render_database)?);
        Ok(if report.is_whole { 0 } else { EXIT_DAMAGED })
    })
}

fn migrate(globals: &Globals, arguments: &DatabaseArgs) -> Result<u8, ExitError> {
    let options = options(globals, arguments.url.as_deref())?;
    block_on(async {
        let migrated = migrate_database(&options, clock::now()).await;
        let (from, to) = migrated.map_err(|error| failed(&options, error))?;
        let report = MigrationReport {
            url: options.shown(),
            from,
            to,
        };
        print(&report_text(&report, arguments.json, render_migration)?);
        Ok(0)
    })
}

/// The configured store, or the one at a URL.
pub(super) fn options(globals: &Globals, url: Option<&str>) -> Result<StoreOptions, ExitError> {
    let sources = sources(globals)?;
    let url = match url {
        Some(url) => Secret::from(url),
        None => config::load(&sources)?.settings.store.url,
    };
    Ok(StoreOptions {
        url,
        folder: sources.state_folder(),
        ..StoreOptions::memory()
    })
}

fn failed(options: &StoreOptions, error: StoreError) -> ExitError {
    ExitError::usage_caused_by(format!("the store {}: {error}", options.shown()), error)
}

fn report(options: &StoreOptions, check: DatabaseCheck) -> DatabaseReport {
    let rows = ["attempts", "requests", "events"];
    let times = check.tables.iter().filter(|it| rows.contains(&it.name));
    let oldest = times.filter_map(|table| table.times).min();
    DatabaseReport {
        url: options.shown(),
        database: check.backend.as_str().to_owned(),
        is_whole: check.problems.is_empty(),
        version: check.version,
        newest_version: check.newest_version,
        problems: check.problems,
        bytes: check.bytes,
        oldest_row: oldest.map(|(oldest, _)| rfc3339(oldest)),
        tables: check.tables.iter().map(table).collect(),
    }
}

fn table(table: &TableCheck) -> TableReport {
    TableReport {
        name: table.name.to_owned(),
        rows: table.rows,
        days: table.days,
        partitions: table.partitions,
        oldest: table.times.map(|(oldest, _)| rfc3339(oldest)),
        newest: table.times.map(|(_, newest)| rfc3339(newest)),
    }
}
