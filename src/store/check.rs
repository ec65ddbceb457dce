//! Looks at a database from outside, beside a running gateway or without one: whether it is whole,
//! and what it holds.

use super::database::{Backend, Connection, Database};
use super::error::StoreError;
use super::options::{Location, StoreOptions};
use super::partitions::{self, DAY_US, ROW_TABLES};
use super::schema;
use super::tables::{
    ALERTS, ATTEMPTS, AUDIT, EVENTS, LEDGER, REQUESTS, REVISIONS, ROLL_UPS, STATE, TOKENS, Table,
};
use crate::domain::UnixTime;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All tables, those of rows first.
const TABLES: [&Table; 10] = [
    &ATTEMPTS, &REQUESTS, &EVENTS, &ROLL_UPS, &AUDIT, &REVISIONS, &ALERTS, &STATE, &LEDGER, &TOKENS,
];
/// Tables of rows that lost their place as a partition.
const DETACHED: &str = "SELECT CAST(relname AS TEXT) FROM pg_class \
                        WHERE relkind = 'r' AND NOT relispartition AND pg_table_is_visible(oid) \
                        AND relname ~ '^(attempts|requests|events)_[0-9]+$' ORDER BY relname";

/// What a database holds, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCheck {
    /// Kind of the database.
    pub backend: Backend,
    /// Version of its schema; 0 before the first migration.
    pub version: u64,
    /// Version that this program would bring it to.
    pub newest_version: u64,
    /// One sentence for each damage.
    pub problems: Vec<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// What each table holds; without those that cannot be read.
    pub tables: Vec<TableCheck>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCheck {
    /// Its name.
    pub name: &'static str,
    /// Number of rows.
    pub rows: u64,
    /// Number of UTC days that the rows are of.
    pub days: u64,
    /// Number of partitions, where the table has any.
    pub partitions: Option<u64>,
    /// Times of the oldest and of the newest row.
    pub times: Option<(UnixTime, UnixTime)>,
}

/// Checks a database that exists; `is_thorough` reads every value and every index.
///
/// # Errors
///
/// There is no such database, it cannot be reached, or a newer program wrote it. Damage is no error.
pub async fn check_database(
    options: &StoreOptions,
    is_thorough: bool,
    now: UnixTime,
) -> Result<DatabaseCheck, StoreError> {
    let database = Database::existing(options)?;
    let mut check = DatabaseCheck {
        backend: database.backend(),
        version: 0,
        newest_version: schema::newest(),
        problems: Vec::new(),
        bytes: 0,
        tables: Vec::new(),
    };
    if let Location::File(path) = Location::parse(options)? {
        check.bytes = file_size(&path).await;
    }
    let connection = database.connect().await;
    if let Some(mut connection) = check.unless_damaged("the database", connection)? {
        let result = check.read(&mut connection, is_thorough, now).await;
        connection.close().await;
        result?;
    }
    database.close().await;
    Ok(check)
}

/// Brings a database to the newest version; returns the versions before and after.
///
/// # Errors
///
/// The database cannot be reached, or a newer program wrote it.
pub async fn migrate_database(
    options: &StoreOptions,
    now: UnixTime,
) -> Result<(u64, u64), StoreError> {
    if Location::parse(options)? == Location::Memory {
        return Err(StoreError::Memory);
    }
    let database = Database::new(options)?;
    let mut connection = database.connect().await?;
    let migrated = schema::migrate(&mut connection, now).await;
    connection.close().await;
    database.close().await;
    Ok((migrated?, schema::newest()))
}

impl DatabaseCheck {
    async fn read(
        &mut self,
        connection: &mut Connection,
        is_thorough: bool,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let version = schema::version(connection).await;
        let Some(version) = self.unless_damaged("schema_version", version)? else {
            return Ok(());
        };
        self.version = version;
        if version > self.newest_version {
            return Err(StoreError::Newer {
                found: version,
                known: self.newest_version,
            });
        }
        if self.backend == Backend::Sqlite {
            let whole = check_file(connection, is_thorough).await;
            let found = self.unless_damaged("the file", whole)?;
            self.problems.extend(found.unwrap_or_default());
        }
        if version == 0 {
            return Ok(());
        }
        for table in TABLES {
            let read = read_table(connection, table).await;
            let read = self.unless_damaged(table.name, read)?;
            self.tables.extend(read);
        }
        if self.backend == Backend::Postgres {
            self.read_server(connection, is_thorough, now).await?;
        }
        Ok(())
    }

    async fn read_server(
        &mut self,
        connection: &mut Connection,
        is_thorough: bool,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.bytes = server_size(connection).await?;
        let mut days: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        let mut readable: Vec<String> = Vec::new();
        for table in ROW_TABLES {
            let partitions = partitions::list(connection, table).await?;
            days.insert(table, partitions.iter().map(|(_, day)| *day).collect());
            readable.extend(partitions.into_iter().map(|(name, _)| name));
        }
        for table in &mut self.tables {
            table.partitions = days.get(table.name).map(|days| days.len() as u64);
        }
        self.problems
            .extend(missing_partitions(&days, partitions::day(now)));
        for row in connection.fetch(DETACHED, Vec::new()).await? {
            let name = row.string(0)?;
            self.problems
                .push(format!("{name} is no partition of its table any more"));
        }
        if !is_thorough {
            return Ok(());
        }
        let others = TABLES.iter().map(|table| table.name);
        let others = others.filter(|name| !ROW_TABLES.contains(name));
        readable.extend(others.map(str::to_owned));
        for name in readable {
            // One at a time, so that who deletes a partition never waits for long.
            let sql =
                format!("SELECT max(octet_length(CAST(line AS TEXT))) > 0 FROM {name} AS line");
            let read = connection.run_slowly(&sql).await;
            self.unless_damaged(&name, read)?;
        }
        Ok(())
    }

    /// The result, or `None` if the database cannot read its own data, which is noted.
    fn unless_damaged<T>(
        &mut self,
        part: &str,
        result: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_about_damage() => {
                self.problems.push(format!("{part}: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What SQLite says of its own file.
async fn check_file(
    connection: &mut Connection,
    is_thorough: bool,
) -> Result<Vec<String>, StoreError> {
    let sql = if is_thorough {
        "PRAGMA integrity_check"
    } else {
        "PRAGMA quick_check"
    };
    let mut problems = Vec::new();
    for row in connection.fetch_slowly(sql).await? {
        let text = row.string(0)?;
        if text != "ok" {
            problems.push(text);
        }
    }
    Ok(problems)
}

async fn read_table(
    connection: &mut Connection,
    table: &'static Table,
) -> Result<TableCheck, StoreError> {
    let name = table.name;
    let columns = table.column_list();
    connection
        .run_slowly(&format!("SELECT {columns} FROM {name} LIMIT 1"))
        .await?;
    let at = match name {
        "roll_ups" => "start_s * 1000000",
        "tokens" => "created",
        _ => "at",
    };
    let sql = format!(
        "SELECT CAST(sum(number) AS BIGINT), count(*), min(oldest), max(newest) FROM \
         (SELECT count(*) AS number, min({at}) AS oldest, max({at}) AS newest FROM {name} \
         GROUP BY ({at}) / {DAY_US}) AS days"
    );
    let rows = connection.fetch_slowly(&sql).await?;
    let mut check = TableCheck {
        name,
        rows: 0,
        days: 0,
        partitions: None,
        times: None,
    };
    if let Some(row) = rows.first() {
        check.rows = row.count(0)?;
        check.days = row.count(1)?;
        let times = row.optional_count(2)?.zip(row.optional_count(3)?);
        check.times = times
            .map(|(oldest, newest)| (UnixTime::from_micros(oldest), UnixTime::from_micros(newest)));
    }
    Ok(check)
}

/// Days that one table of rows has a partition for and another has not. Retention removes the oldest
/// and the future is made ahead, so only what lies between counts.
fn missing_partitions(days: &BTreeMap<&str, BTreeSet<u64>>, today: u64) -> Vec<String> {
    let known: BTreeSet<u64> = days.values().flatten().copied().collect();
    let mut problems = Vec::new();
    for (table, own) in days {
        let oldest = own.first().copied().unwrap_or(0);
        for day in known.range(oldest..=today.max(oldest)) {
            if !own.contains(day) {
                problems.push(format!("{table}_{day} is missing, the partition of a day"));
            }
        }
    }
    problems
}

async fn server_size(connection: &mut Connection) -> Result<u64, StoreError> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let names = names.join("|");
    let sql = format!(
        "SELECT CAST(sum(pg_total_relation_size(oid)) AS BIGINT) FROM pg_class \
         WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^({names})(_[0-9]+)?$'"
    );
    let rows = connection.fetch(&sql, Vec::new()).await?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

/// Size of a file of SQLite with what is not yet part of it.
async fn file_size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let mut bytes = 0;
    for path in [path.as_os_str(), &log] {
        let metadata = tokio::fs::metadata(path).await;
        bytes += metadata.map_or(0, |metadata| metadata.len());
    }
    bytes
}
