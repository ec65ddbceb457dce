//! One interface to both databases: text with `$1`, three kinds of values, rows by position.

use super::error::StoreError;
use super::options::{Location, StoreOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, PgPool, Row as _,
    SqliteConnection, SqlitePool,
};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::timeout;

/// How long a lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for one statement, or for a connection.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read.
const READERS: u32 = 3;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// Kind of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In a file or in memory.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// Name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A value of a statement; `None` is NULL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(Some(number))
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        Self::Int(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<f64>> for Value {
    fn from(number: Option<f64>) -> Self {
        Self::Real(number)
    }
}

/// PostgreSQL stores no zero bytes in texts, so they are left out.
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.replace('\0', "")))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(|text| text.replace('\0', "")))
    }
}

/// One row of an answer.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($name:ident, $kind:ty) => {
        pub(super) fn $name(&self, place: usize) -> Result<Option<$kind>, StoreError> {
            let value = match self {
                Self::Sqlite(row) => row.try_get::<Option<$kind>, usize>(place),
                Self::Postgres(row) => row.try_get::<Option<$kind>, usize>(place),
            };
            value.map_err(StoreError::from)
        }
    };
}

impl Row {
    column!(int, i64);
    column!(real, f64);
    column!(text, String);

    /// A count; NULL is 0.
    pub(super) fn count(&self, place: usize) -> Result<u64, StoreError> {
        let number = self.int(place)?.unwrap_or(0);
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// A count that may be unknown.
    pub(super) fn optional_count(&self, place: usize) -> Result<Option<u64>, StoreError> {
        let number = self.int(place)?;
        Ok(number.and_then(|number| u64::try_from(number).ok()))
    }

    /// A text; NULL is empty.
    pub(super) fn string(&self, place: usize) -> Result<String, StoreError> {
        Ok(self.text(place)?.unwrap_or_default())
    }
}

/// Where and how to connect.
#[derive(Debug, Clone)]
enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

/// A database: connections that read, and the means to open one that writes.
#[derive(Debug, Clone)]
pub(super) struct Database {
    target: Target,
    readers: Readers,
}

#[derive(Debug, Clone)]
enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// One connection, for a task that writes.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

macro_rules! run {
    ($executor:expr, $sql:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql.to_owned()));
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        query.execute($executor).await?.rows_affected()
    }};
}

macro_rules! fetch {
    ($executor:expr, $sql:expr, $values:expr, $row:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql.to_owned()));
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        let rows = query.fetch_all($executor).await?;
        rows.into_iter().map($row).collect()
    }};
}

impl Database {
    /// Prepares the connections; opens none. A file and its folder are made where they are missing.
    pub(super) fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let location = Location::parse(options)?;
        location.make_folder()?;
        Self::at(location, true)
    }

    /// The same for a database that exists.
    pub(super) fn existing(options: &StoreOptions) -> Result<Self, StoreError> {
        let location = Location::parse(options)?;
        match &location {
            Location::Memory => return Err(StoreError::Memory),
            Location::File(path) if !path.exists() => {
                return Err(StoreError::Missing(path.display().to_string()));
            }
            Location::File(_) | Location::Server(_) => {}
        }
        Self::at(location, false)
    }

    fn at(location: Location, create: bool) -> Result<Self, StoreError> {
        let is_memory = location == Location::Memory;
        let target = match location {
            Location::Memory => {
                let memory = SqliteConnectOptions::from_str("sqlite::memory:")?;
                Target::Sqlite(memory.statement_cache_capacity(STATEMENTS))
            }
            Location::File(path) => Target::Sqlite(
                SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(create)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .busy_timeout(BUSY_TIMEOUT)
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging(),
            ),
            Location::Server(url) => Target::Postgres(
                PgConnectOptions::from_str(&url)?
                    .application_name("aibal-tui")
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging(),
            ),
        };
        let readers = match &target {
            Target::Sqlite(options) => {
                let pool = SqlitePoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(STATEMENT_TIMEOUT);
                let pool = if is_memory {
                    // The data lives as long as one connection does.
                    pool.idle_timeout(None).max_lifetime(None)
                } else {
                    pool
                };
                Readers::Sqlite(pool.connect_lazy_with(options.clone()))
            }
            Target::Postgres(options) => Readers::Postgres(
                PgPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(STATEMENT_TIMEOUT)
                    .connect_lazy_with(options.clone()),
            ),
        };
        Ok(Self { target, readers })
    }

    pub(super) fn backend(&self) -> Backend {
        match self.target {
            Target::Sqlite(_) => Backend::Sqlite,
            Target::Postgres(_) => Backend::Postgres,
        }
    }

    /// Opens a connection of its own.
    pub(super) async fn connect(&self) -> Result<Connection, StoreError> {
        within(async {
            Ok(match &self.target {
                Target::Sqlite(options) => Connection::Sqlite(options.connect().await?),
                Target::Postgres(options) => Connection::Postgres(options.connect().await?),
            })
        })
        .await
    }

    /// Reads rows over a connection of the pool.
    pub(super) async fn fetch(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        within(async {
            Ok(match &self.readers {
                Readers::Sqlite(pool) => fetch!(pool, sql, values, Row::Sqlite),
                Readers::Postgres(pool) => fetch!(pool, sql, values, Row::Postgres),
            })
        })
        .await
    }

    /// Closes all connections that read.
    pub(super) async fn close(&self) {
        match &self.readers {
            Readers::Sqlite(pool) => pool.close().await,
            Readers::Postgres(pool) => pool.close().await,
        }
    }
}

impl Connection {
    /// Runs one statement and returns the number of changed rows.
    pub(super) async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        within(async {
            Ok(match self {
                Self::Sqlite(connection) => run!(connection, sql, values),
                Self::Postgres(connection) => run!(connection, sql, values),
            })
        })
        .await
    }

    /// Reads rows.
    pub(super) async fn fetch(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        within(async {
            Ok(match self {
                Self::Sqlite(connection) => fetch!(connection, sql, values, Row::Sqlite),
                Self::Postgres(connection) => fetch!(connection, sql, values, Row::Postgres),
            })
        })
        .await
    }

    /// Reads rows, however long it takes.
    pub(super) async fn fetch_slowly(&mut self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let values: Vec<Value> = Vec::new();
        Ok(match self {
            Self::Sqlite(connection) => fetch!(connection, sql, values, Row::Sqlite),
            Self::Postgres(connection) => fetch!(connection, sql, values, Row::Postgres),
        })
    }

    /// Runs one statement, however long it takes.
    pub(super) async fn run_slowly(&mut self, sql: &str) -> Result<u64, StoreError> {
        let values: Vec<Value> = Vec::new();
        Ok(match self {
            Self::Sqlite(connection) => run!(connection, sql, values),
            Self::Postgres(connection) => run!(connection, sql, values),
        })
    }

    /// Begins a transaction that writes. A connection whose transaction failed is not used again, so
    /// nothing rolls it back.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        let sql = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        };
        self.run(sql, Vec::new()).await.map(drop)
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT", Vec::new()).await.map(drop)
    }

    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Postgres(_) => Backend::Postgres,
        }
    }

    pub(super) async fn close(self) {
        // Nothing is lost by a connection that does not close properly.
        let _closed = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }
}

/// Ends a statement that takes too long.
async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(STATEMENT_TIMEOUT, work)
        .await
        .unwrap_or(Err(StoreError::Timeout(STATEMENT_TIMEOUT.as_secs())))
}
