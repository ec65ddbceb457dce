//! Versions of the schema, and the statements that lead to each.

use super::database::{Backend, Connection};
use super::error::StoreError;
use super::partitions;
use crate::domain::UnixTime;

/// Number of the lock that one migrating process holds on a server: "aibal" in ASCII.
const MIGRATION_LOCK: &str = "SELECT 1 FROM (SELECT pg_advisory_xact_lock(418112561516)) AS held";

/// Statements of each version, oldest first. A released version never changes.
const VERSIONS: &[&[&str]] = &[V1, V2, V3, V4];

/// `PRIMARY KEY` and partitions of tables of rows differ: see [`statement`].
const V1: &[&str] = &[
    "CREATE TABLE attempts (instance TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, \
     decision TEXT NOT NULL, attempt BIGINT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, \
     client TEXT NOT NULL, tag TEXT NOT NULL, model_asked TEXT NOT NULL, outcome TEXT NOT NULL, \
     failure TEXT NOT NULL, status BIGINT NOT NULL, message TEXT NOT NULL, \
     latency_us BIGINT NOT NULL, first_token_us BIGINT, input_tokens BIGINT, output_tokens BIGINT, \
     cached_tokens BIGINT, cost_pico BIGINT, cost_basis TEXT NOT NULL, \
     dropped_fields BIGINT NOT NULL, streamed BIGINT NOT NULL, load DOUBLE PRECISION NOT NULL, \
     prompt DOUBLE PRECISION NOT NULL, class BIGINT NOT NULL, trial BIGINT NOT NULL, \
     client_deadline BIGINT NOT NULL, silent_us BIGINT, \
     PRIMARY KEY (at, instance, seq)) PARTITIONED",
    "CREATE INDEX attempts_by_decision ON attempts (decision)",
    "CREATE TABLE requests (instance TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, \
     started BIGINT NOT NULL, decision TEXT NOT NULL, request_id TEXT NOT NULL, \
     provider TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL, tag TEXT NOT NULL, \
     model_asked TEXT NOT NULL, outcome TEXT NOT NULL, failure TEXT NOT NULL, \
     status BIGINT NOT NULL, message TEXT NOT NULL, \
     score DOUBLE PRECISION, reason TEXT NOT NULL, attempts BIGINT NOT NULL, \
     latency_us BIGINT NOT NULL, input_tokens BIGINT, output_tokens BIGINT, cached_tokens BIGINT, \
     cost_pico BIGINT, cost_basis TEXT NOT NULL, explanation TEXT NOT NULL, \
     PRIMARY KEY (at, instance, seq)) PARTITIONED",
    "CREATE INDEX requests_by_decision ON requests (decision)",
    "CREATE INDEX requests_by_provider ON requests (provider, at)",
    "CREATE INDEX requests_by_model ON requests (model, at)",
    "CREATE INDEX requests_by_client ON requests (client, at) WHERE client <> ''",
    "CREATE INDEX requests_by_outcome ON requests (outcome, at) WHERE outcome <> 'ok'",
    "CREATE TABLE events (instance TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, \
     number BIGINT NOT NULL, kind TEXT NOT NULL, bad BIGINT NOT NULL, provider TEXT NOT NULL, \
     text TEXT NOT NULL, PRIMARY KEY (at, instance, seq)) PARTITIONED",
    "CREATE TABLE roll_ups (width_s BIGINT NOT NULL, start_s BIGINT NOT NULL, \
     instance TEXT NOT NULL, scope TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, \
     client TEXT NOT NULL, tag TEXT NOT NULL, counted BIGINT NOT NULL, succeeded BIGINT NOT NULL, \
     failed BIGINT NOT NULL, cancelled BIGINT NOT NULL, client_errors BIGINT NOT NULL, \
     rejected_target BIGINT NOT NULL, rejected_budget BIGINT NOT NULL, \
     rejected_room BIGINT NOT NULL, retries BIGINT NOT NULL, \
     latency_sum_ms DOUBLE PRECISION NOT NULL, cost_pico BIGINT NOT NULL, \
     cost_exact BIGINT NOT NULL, cost_estimated BIGINT NOT NULL, cost_unknown BIGINT NOT NULL, \
     metered BIGINT NOT NULL, tokens BIGINT NOT NULL, dropped_fields BIGINT NOT NULL, \
     watched_us BIGINT NOT NULL, usable_us BIGINT NOT NULL, latency TEXT NOT NULL, \
     first_token TEXT NOT NULL, failures TEXT NOT NULL, \
     PRIMARY KEY (width_s, scope, start_s, instance, provider, model, client, tag)) COMPACT",
    "CREATE TABLE audit (instance TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, \
     actor TEXT NOT NULL, origin TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, \
     outcome TEXT NOT NULL, reason TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, \
     previous TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (instance, seq))",
    "CREATE INDEX audit_by_time ON audit (at)",
    "CREATE TABLE revisions (instance TEXT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, \
     who TEXT NOT NULL, reason TEXT NOT NULL, what TEXT NOT NULL, json TEXT NOT NULL, \
     PRIMARY KEY (instance, number))",
    "CREATE TABLE alerts (instance TEXT NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, \
     state TEXT NOT NULL, since BIGINT NOT NULL, at BIGINT NOT NULL, json TEXT NOT NULL, \
     PRIMARY KEY (instance, id))",
    "CREATE TABLE state (instance TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL, \
     at BIGINT NOT NULL, PRIMARY KEY (instance, name))",
    "CREATE TABLE ledger (instance TEXT NOT NULL, epoch BIGINT NOT NULL, budget TEXT NOT NULL, \
     period TEXT NOT NULL, spent_pico BIGINT NOT NULL, leased_pico BIGINT NOT NULL, \
     at BIGINT NOT NULL, PRIMARY KEY (instance, epoch, budget, period))",
    "CREATE INDEX ledger_by_period ON ledger (period)",
];

/// No query reads attempts by their decision, and every row paid for the index.
///
/// Sums of clients by the day, made of those by the hour.
const V2: &[&str] = &[
    "DROP INDEX attempts_by_decision",
    "INSERT INTO roll_ups (width_s, start_s, instance, scope, provider, model, client, tag, \
     counted, succeeded, failed, cancelled, client_errors, rejected_target, rejected_budget, \
     rejected_room, retries, latency_sum_ms, cost_pico, cost_exact, cost_estimated, cost_unknown, \
     metered, tokens, dropped_fields, watched_us, usable_us, latency, first_token, failures) \
     SELECT 86400, start_s / 86400 * 86400, instance, scope, provider, model, client, tag, \
     SUM(counted), SUM(succeeded), SUM(failed), SUM(cancelled), SUM(client_errors), \
     SUM(rejected_target), SUM(rejected_budget), SUM(rejected_room), SUM(retries), \
     SUM(latency_sum_ms), SUM(cost_pico), SUM(cost_exact), SUM(cost_estimated), \
     SUM(cost_unknown), SUM(metered), SUM(tokens), SUM(dropped_fields), SUM(watched_us), \
     SUM(usable_us), string_agg(latency, ' '), string_agg(first_token, ' '), \
     string_agg(failures, ' ') FROM roll_ups WHERE width_s = 3600 AND scope = 'client' \
     GROUP BY 2, 3, 4, 5, 6, 7, 8",
];

/// Requests in trouble, and requests by the id that their client knows. Ids begin with the same letters
/// whatever the language of the database, so they are compared by bytes.
const V3: &[&str] = &[
    "CREATE INDEX IF NOT EXISTS requests_in_trouble ON requests (at) WHERE failure <> ''",
    "CREATE INDEX IF NOT EXISTS requests_by_id ON requests (request_id BYTEWISE)",
];

/// Client tokens that were made at run time.
const V4: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tokens (name TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL, \
     json TEXT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL, rotated BIGINT, \
     revoked BIGINT, version BIGINT NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS tokens_by_hash ON tokens (sha256)",
    "CREATE INDEX IF NOT EXISTS tokens_by_version ON tokens (version)",
];

/// Newest version that this program knows.
pub(super) fn newest() -> u64 {
    VERSIONS.len() as u64
}

/// Version of a database; 0 for an empty one.
pub(super) async fn version(connection: &mut Connection) -> Result<u64, StoreError> {
    let exists = match connection.backend() {
        Backend::Sqlite => "SELECT 1 FROM sqlite_master WHERE name = 'schema_version'",
        Backend::Postgres => {
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'schema_version' \
             AND table_schema = ANY (current_schemas(false))"
        }
    };
    if connection.fetch(exists, Vec::new()).await?.is_empty() {
        return Ok(0);
    }
    let rows = connection
        .fetch("SELECT max(version) FROM schema_version", Vec::new())
        .await?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

/// Brings a database to the newest version, and returns the version before. One process at a time
/// does it; a failure changes nothing.
pub(super) async fn migrate(connection: &mut Connection, now: UnixTime) -> Result<u64, StoreError> {
    let found = version(connection).await?;
    if found > newest() {
        return Err(StoreError::Newer {
            found,
            known: newest(),
        });
    }
    if found == newest() {
        return Ok(found);
    }
    let backend = connection.backend();
    connection.begin().await?;
    if backend == Backend::Postgres {
        connection.fetch(MIGRATION_LOCK, Vec::new()).await?;
    }
    let create = "CREATE TABLE IF NOT EXISTS schema_version \
                  (version BIGINT PRIMARY KEY, at BIGINT NOT NULL)";
    connection.run(create, Vec::new()).await?;
    // Another process may have migrated since.
    let found = version(connection).await?;
    for (number, statements) in (1_u64..).zip(VERSIONS) {
        if number <= found {
            continue;
        }
        for text in *statements {
            connection
                .run(&statement(text, backend), Vec::new())
                .await?;
        }
        let insert = "INSERT INTO schema_version (version, at) VALUES ($1, $2)";
        connection
            .run(insert, vec![number.into(), now.micros().into()])
            .await?;
    }
    partitions::create_ahead(connection, now).await?;
    connection.commit().await?;
    Ok(found)
}

/// A statement in the words of one database.
fn statement(text: &str, backend: Backend) -> String {
    let (partitioned, compact) = match backend {
        Backend::Sqlite => ("", " WITHOUT ROWID"),
        Backend::Postgres => (" PARTITION BY RANGE (at)", ""),
    };
    let text = text
        .replace(" PARTITIONED", partitioned)
        .replace(" COMPACT", compact);
    compared_by_bytes(&text, backend)
}

/// Puts how texts are compared by their bytes after each `BYTEWISE` column: SQLite always does.
pub(super) fn compared_by_bytes(text: &str, backend: Backend) -> String {
    let collation = match backend {
        Backend::Sqlite => "",
        Backend::Postgres => " COLLATE \"C\"",
    };
    text.replace(" BYTEWISE", collation)
}
