//! What holds for the store on every database. Each test runs on SQLite, and on a PostgreSQL that
//! the tests start themselves; where it is not installed, these tests say so and pass, unless `CI` is
//! set.

mod audit;
mod audit_chains;
mod checks;
mod cluster;
mod gateway;
mod groups;
mod kills;
mod knowledge;
mod ledger;
mod reading;
mod restarts;
mod rows;
mod sums;
mod tokens;
mod traffic;
mod traps;
mod writing;

use aibal_tui::domain::UnixTime;
use aibal_tui::store::{Store, StoreOptions};
use sqlx::Connection as _;
use tempfile::TempDir;

/// Defines each test once for both databases.
macro_rules! on_both {
    ($(async fn $name:ident($database:ident: $kind:ty) $body:block)+) => {
        $(async fn $name($database: $kind) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store::TestDatabase::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                match $crate::store::TestDatabase::postgres().await {
                    Some(database) => super::$name(database).await,
                    None => eprintln!("skipped: PostgreSQL is not installed"),
                }
            })+
        }
    };
}
use on_both;

/// A database for one test.
#[derive(Debug)]
pub struct TestDatabase {
    pub options: StoreOptions,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::at("sqlite:aibal.db");
        folder.path().clone_into(&mut options.folder);
        Self {
            options,
            _folder: Some(folder),
        }
    }

    pub async fn postgres() -> Option<Self> {
        let url = cluster::database().await?;
        Some(Self {
            options: StoreOptions::at(&url),
            _folder: None,
        })
    }

    /// The `[store]` of a configuration.
    pub fn table(&self) -> String {
        let url = self.options.url.expose();
        let url = match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", self.options.folder.join(path).display()),
            None => url.to_owned(),
        };
        format!("[store]\nurl = {url:?}\n")
    }

    pub async fn open(&self) -> Store {
        Store::open(self.options.clone()).await.unwrap()
    }
}

fn now() -> UnixTime {
    aibal_tui::clock::now()
}

impl TestDatabase {
    /// Runs a statement beside the store, as another program would.
    pub async fn execute(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self.connect().await {
            Pool::Sqlite(pool) => {
                sqlx::query(sql).execute(&pool).await.unwrap();
                pool.close().await;
            }
            Pool::Postgres(pool) => {
                sqlx::query(sql).execute(&pool).await.unwrap();
                pool.close().await;
            }
        }
    }

    /// The one number that a statement answers.
    pub async fn count(&self, sql: &str) -> usize {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let (number,): (i64,) = match self.connect().await {
            Pool::Sqlite(pool) => sqlx::query_as(sql).fetch_one(&pool).await.unwrap(),
            Pool::Postgres(pool) => sqlx::query_as(sql).fetch_one(&pool).await.unwrap(),
        };
        usize::try_from(number).unwrap()
    }

    /// Checks that a file is whole; a server checks itself when it starts.
    pub async fn check(&self) {
        if let Pool::Sqlite(pool) = self.connect().await {
            let check = sqlx::query_as("PRAGMA integrity_check")
                .fetch_one(&pool)
                .await;
            let (text,): (String,) = check.unwrap();
            assert_eq!(text, "ok");
        }
    }

    async fn connect(&self) -> Pool {
        let url = self.options.url.expose();
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = self.options.folder.join(path);
            let url = format!("sqlite:{}", path.display());
            Pool::Sqlite(sqlx::SqlitePool::connect(&url).await.unwrap())
        } else {
            Pool::Postgres(sqlx::PgPool::connect(url).await.unwrap())
        }
    }
}

/// Keeps all writers out until it is released.
pub struct Lock(LockConnection);

enum LockConnection {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Lock {
    pub async fn release(self) {
        match self.0 {
            LockConnection::Sqlite(connection) => connection.close().await.unwrap(),
            LockConnection::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

impl TestDatabase {
    /// Locks what the store writes to, as another program could.
    pub async fn lock(&self) -> Lock {
        let url = self.options.url.expose();
        if let Some(path) = url.strip_prefix("sqlite:") {
            let url = format!("sqlite:{}", self.options.folder.join(path).display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query("BEGIN EXCLUSIVE")
                .execute(&mut connection)
                .await
                .unwrap();
            return Lock(LockConnection::Sqlite(connection));
        }
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        for statement in [
            "BEGIN",
            "LOCK TABLE attempts, requests, events, roll_ups, audit, state, ledger \
             IN ACCESS EXCLUSIVE MODE",
        ] {
            sqlx::query(statement)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        Lock(LockConnection::Postgres(connection))
    }
}

/// Connections beside the store.
enum Pool {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}
