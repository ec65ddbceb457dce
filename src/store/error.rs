//! Errors of the store.

/// Error of the store. Its text never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL has none of the known forms.
    #[error("store.url is {0:?}, but must be sqlite:PATH, postgres://… or memory:")]
    Url(String),
    /// Nothing is stored, so there is no database.
    #[error("store.url is \"off\", so nothing is stored; name a database with --url")]
    Off,
    /// A store in memory has no database that another process could open.
    #[error("the store is in memory and ends with its process; name a database with --url")]
    Memory,
    /// There is no such file.
    #[error("there is no database at {0}; a gateway makes it at its start")]
    Missing(String),
    /// A folder of the database could not be made.
    #[error("could not create the folder {path} of the store: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A newer program wrote the database.
    #[error(
        "the database has version {found}, but this program knows versions up to {known}; use the newer program, or another database"
    )]
    Newer {
        /// Version of the database.
        found: u64,
        /// Newest known version.
        known: u64,
    },
    /// An older program wrote the database.
    #[error(
        "the database has version {found}, but must have {known} to be read; run `aibal-tui store migrate`"
    )]
    Older {
        /// Version of the database.
        found: u64,
        /// Newest known version.
        known: u64,
    },
    /// A statement took too long.
    #[error("the database did not answer within {0} s")]
    Timeout(u64),
    /// The database refused.
    #[error("{}", text(.0))]
    Database(#[from] sqlx::Error),
    /// A stored value cannot be read.
    #[error("{table}.{column} is {value:?}, which is invalid")]
    Invalid {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The value.
        value: String,
    },
    /// Another author inserted this revision first.
    #[error("revision {number} exists: {who} made it first")]
    RevisionExists {
        /// Its number.
        number: u64,
        /// Who made it.
        who: String,
    },
    /// A token has this name.
    #[error("the token {0:?} exists; revoke it first, or rotate it for a new secret")]
    TokenExists(String),
    /// No valid token has this name.
    #[error("no token that was made at run time has the name {0:?}, or it is revoked")]
    UnknownToken(String),
    /// More tokens are not kept.
    #[error("there are {0} tokens, and no more are kept; revoke some first")]
    TooManyTokens(u64),
    /// The store is off, or its writer has ended.
    #[error("the store is closed")]
    Closed,
}

/// The database's own words, without the address of its server.
fn text(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        sqlx::Error::Io(error) => format!("no connection: {error}"),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::Configuration(_) => "the URL is invalid".to_owned(),
        other => other.to_string(),
    }
}

impl StoreError {
    /// Returns true if the database refused the data itself, so that trying again changes nothing.
    pub(super) fn is_about_data(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return matches!(self, Self::Database(sqlx::Error::Encode(_)));
        };
        let code = error.code().unwrap_or_default();
        if is_of_server(&**error) {
            return ["21", "22", "23"]
                .iter()
                .any(|class| code.starts_with(class));
        }
        // SQLite: too big, constraint, mismatch, range.
        matches!(primary_code(&code), 18 | 19 | 20 | 25)
    }

    /// Returns true if the database cannot read its own data.
    pub(super) fn is_about_damage(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return matches!(self, Self::Database(sqlx::Error::ColumnDecode { .. }));
        };
        let code = error.code().unwrap_or_default();
        if is_of_server(&**error) {
            // Corrupted data or index, no such table or column.
            return ["XX001", "XX002", "42P01", "42703"].contains(&&*code);
        }
        // SQLite: no such table or column, damaged, not a database.
        matches!(primary_code(&code), 1 | 11 | 26)
    }

    /// Returns true if trying again may help.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Database(error) => !matches!(error, sqlx::Error::Configuration(_)),
            _ => false,
        }
    }
}

fn is_of_server(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
}

/// The lower byte of a code of SQLite.
fn primary_code(code: &str) -> i64 {
    code.parse::<i64>().unwrap_or_default() & 0xff
}
