//! Client tokens that were made at run time. All instances of a database share them. A revoked token
//! keeps its row, so that its name and its end stay known.

use super::database::{Connection, Database, Row};
use super::error::StoreError;
use super::options::StoreOptions;
use super::schema;
use super::store::Store;
use crate::domain::{
    Money, RateLimits, SpendingLimits, TokenDefinition, TokenTerms, UnixTime, hexadecimal,
};
use serde::{Deserialize, Serialize};

/// Most tokens that are neither revoked nor replaced.
pub const MAX_TOKENS: u64 = 10_000;

/// Version of the schema from which on there are tokens.
const FIRST_VERSION: u64 = 4;
const COLUMNS: &str = "name, sha256, json, created, created_by, rotated, revoked";

/// A client token of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Name, role and limits.
    pub definition: TokenDefinition,
    /// The hash of the bearer token.
    pub sha256: [u8; 32],
    /// When it was made.
    pub created_at: UnixTime,
    /// Who made it.
    pub created_by: String,
    /// When it last got a new secret.
    pub rotated_at: Option<UnixTime>,
    /// When it ended to be valid.
    pub revoked_at: Option<UnixTime>,
}

/// All tokens of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredTokens {
    /// Number of the newest change; 0 before the first.
    pub version: u64,
    /// By name, the revoked ones included.
    pub tokens: Vec<StoredToken>,
}

/// A change of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenChange {
    /// Add it; its name must be new, or that of a revoked token.
    Create(Box<StoredToken>),
    /// Replace its secret by one with this hash.
    Rotate {
        /// Its name.
        name: String,
        /// The hash of the new secret.
        sha256: [u8; 32],
        /// Now.
        at: UnixTime,
    },
    /// End it.
    Revoke {
        /// Its name.
        name: String,
        /// Now.
        at: UnixTime,
    },
}

impl TokenChange {
    fn name(&self) -> &str {
        match self {
            Self::Create(token) => &token.definition.terms.name,
            Self::Rotate { name, .. } | Self::Revoke { name, .. } => name,
        }
    }
}

/// A definition as JSON; money in pico-dollars, times in microseconds.
#[derive(Debug, Serialize, Deserialize)]
struct TokenShape {
    role: String,
    group: Option<String>,
    models: Option<Vec<String>>,
    per_day: Option<u64>,
    per_week: Option<u64>,
    per_month: Option<u64>,
    requests_per_minute: Option<u64>,
    tokens_per_minute: Option<u64>,
    expires: Option<u64>,
    tags: Vec<String>,
}

impl From<&TokenDefinition> for TokenShape {
    fn from(definition: &TokenDefinition) -> Self {
        let terms = &definition.terms;
        Self {
            role: definition.role.as_str().to_owned(),
            group: terms.group.as_deref().map(str::to_owned),
            models: definition.models.clone(),
            per_day: terms.spending.per_day.map(Money::pico),
            per_week: terms.spending.per_week.map(Money::pico),
            per_month: terms.spending.per_month.map(Money::pico),
            requests_per_minute: terms.rates.requests,
            tokens_per_minute: terms.rates.tokens,
            expires: definition.expires_at.map(UnixTime::micros),
            tags: definition.tags.clone(),
        }
    }
}

impl TokenShape {
    fn definition(self, name: &str) -> Option<TokenDefinition> {
        Some(TokenDefinition {
            role: self.role.parse().ok()?,
            terms: TokenTerms {
                name: name.into(),
                group: self.group.map(Into::into),
                spending: SpendingLimits {
                    per_day: self.per_day.map(Money::from_pico),
                    per_week: self.per_week.map(Money::from_pico),
                    per_month: self.per_month.map(Money::from_pico),
                },
                rates: RateLimits {
                    requests: self.requests_per_minute.filter(|limit| *limit > 0),
                    tokens: self.tokens_per_minute.filter(|limit| *limit > 0),
                },
            },
            models: self.models,
            expires_at: self.expires.map(UnixTime::from_micros),
            tags: self.tags,
        })
    }
}

/// Reads the tokens of a database beside whatever uses it; none where there is no database yet.
pub async fn read_tokens(options: &StoreOptions) -> Result<Vec<StoredToken>, StoreError> {
    let database = match Database::existing(options) {
        Err(StoreError::Missing(_)) => return Ok(Vec::new()),
        database => database?,
    };
    let mut connection = database.connect().await?;
    let tokens = if schema::version(&mut connection).await? < FIRST_VERSION {
        Vec::new()
    } else {
        let rows = connection.fetch(&all_tokens(), Vec::new()).await?;
        rows.iter().map(token).collect::<Result<_, _>>()?
    };
    connection.close().await;
    database.close().await;
    Ok(tokens)
}

fn all_tokens() -> String {
    format!("SELECT {COLUMNS} FROM tokens ORDER BY name")
}

impl Store {
    /// Number of the newest change of tokens; 0 before the first.
    pub async fn tokens_version(&self) -> Result<u64, StoreError> {
        let sql = "SELECT MAX(version) FROM tokens";
        let rows = self.database()?.fetch(sql, Vec::new()).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// All tokens.
    pub async fn load_tokens(&self) -> Result<StoredTokens, StoreError> {
        // Read first: a change between the two is then read again, and never missed.
        let version = self.tokens_version().await?;
        let rows = self.database()?.fetch(&all_tokens(), Vec::new()).await?;
        let tokens = rows.iter().map(token).collect::<Result<_, _>>()?;
        Ok(StoredTokens { version, tokens })
    }

    /// Changes one token; returns its row, which is safe by then.
    ///
    /// # Errors
    ///
    /// The name is taken or unknown, there are too many tokens, or the database failed; nothing has
    /// changed then.
    pub async fn change_token(&self, change: TokenChange) -> Result<StoredToken, StoreError> {
        let mut connection = self.database()?.connect().await?;
        connection.begin().await?;
        let token = changed(&mut connection, &change).await?;
        write(&mut connection, &token).await?;
        connection.commit().await?;
        connection.close().await;
        Ok(token)
    }

    /// When a client last sent a request that the store still knows.
    pub async fn last_request_of(&self, client: &str) -> Result<Option<UnixTime>, StoreError> {
        let sql = "SELECT MAX(at) FROM requests WHERE client = $1 AND client <> ''";
        let rows = self.database()?.fetch(sql, vec![client.into()]).await?;
        let at = rows.first().map_or(Ok(None), |row| row.optional_count(0))?;
        Ok(at.map(UnixTime::from_micros))
    }
}

/// The row after a change.
async fn changed(
    connection: &mut Connection,
    change: &TokenChange,
) -> Result<StoredToken, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE name = $1");
    let rows = connection.fetch(&sql, vec![change.name().into()]).await?;
    let known = rows.first().map(token).transpose()?;
    let valid = known.filter(|token| token.revoked_at.is_none());
    let name = || change.name().to_owned();
    match (change, valid) {
        (TokenChange::Create(_), Some(_)) => Err(StoreError::TokenExists(name())),
        (TokenChange::Create(token), None) => {
            let sql = "SELECT COUNT(*) FROM tokens WHERE revoked IS NULL";
            let rows = connection.fetch(sql, Vec::new()).await?;
            if rows.first().map_or(Ok(0), |row| row.count(0))? >= MAX_TOKENS {
                return Err(StoreError::TooManyTokens(MAX_TOKENS));
            }
            Ok((**token).clone())
        }
        (TokenChange::Rotate { sha256, at, .. }, Some(token)) => Ok(StoredToken {
            sha256: *sha256,
            rotated_at: Some(*at),
            ..token
        }),
        (TokenChange::Revoke { at, .. }, Some(token)) => Ok(StoredToken {
            revoked_at: Some(*at),
            ..token
        }),
        (TokenChange::Rotate { .. } | TokenChange::Revoke { .. }, None) => {
            Err(StoreError::UnknownToken(name()))
        }
    }
}

async fn write(connection: &mut Connection, token: &StoredToken) -> Result<(), StoreError> {
    let sql = "INSERT INTO tokens (name, sha256, json, created, created_by, rotated, revoked, version) \
               SELECT $1, $2, $3, $4, $5, $6, $7, COALESCE(MAX(version), 0) + 1 FROM tokens \
               WHERE true \
               ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, json = excluded.json, \
               created = excluded.created, created_by = excluded.created_by, \
               rotated = excluded.rotated, revoked = excluded.revoked, version = excluded.version";
    let shape = TokenShape::from(&token.definition);
    let json = serde_json::to_string(&shape).unwrap_or_default();
    let values = vec![
        (&*token.definition.terms.name).into(),
        hexadecimal(&token.sha256).as_str().into(),
        json.as_str().into(),
        token.created_at.micros().into(),
        token.created_by.as_str().into(),
        token.rotated_at.map(UnixTime::micros).into(),
        token.revoked_at.map(UnixTime::micros).into(),
    ];
    connection.run(sql, values).await.map(drop)
}

fn token(row: &Row) -> Result<StoredToken, StoreError> {
    let (name, sha256, json) = (row.string(0)?, row.string(1)?, row.string(2)?);
    let invalid = |column, value| StoreError::Invalid {
        table: "tokens",
        column,
        value,
    };
    let shape: Option<TokenShape> = serde_json::from_str(&json).ok();
    let definition = shape.and_then(|shape| shape.definition(&name));
    let hash = bytes(&sha256);
    Ok(StoredToken {
        definition: definition.ok_or_else(|| invalid("json", json))?,
        sha256: hash.ok_or_else(|| invalid("sha256", "****".to_owned()))?,
        created_at: UnixTime::from_micros(row.count(3)?),
        created_by: row.string(4)?,
        rotated_at: row.optional_count(5)?.map(UnixTime::from_micros),
        revoked_at: row.optional_count(6)?.map(UnixTime::from_micros),
    })
}

fn bytes(hexadecimal: &str) -> Option<[u8; 32]> {
    let digits = hexadecimal.as_bytes().chunks(2);
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}
