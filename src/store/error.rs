//! Errors of the store.

/// Error of the store. Its text never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL has none of the known forms.
    #[error("store.url is {0:?}, but must be sqlite:PATH, postgres://… or memory:")]
    Url(String),
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
        if error
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some()
        {
            return ["21", "22", "23"]
                .iter()
                .any(|class| code.starts_with(class));
        }
        // SQLite: too big, constraint, mismatch, range; the lower byte is the primary code.
        let code: i64 = code.parse().unwrap_or_default();
        matches!(code & 0xff, 18 | 19 | 20 | 25)
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
