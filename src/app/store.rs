//! The store of an instance: opened at the start, its past put into the balancer.

use super::exit_error::ExitError;
use super::host_name::host_name;
use crate::clock;
use crate::config::{SettingError, SettingErrors, Settings, Sources};
use crate::domain::{BalancerState, Effect, UnixTime};
use crate::engine::EngineHandle;
use crate::store::{Journal, Store, StoreOptions, read_tokens};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time until a history that could not be read is read again.
const RETRY: Duration = Duration::from_secs(5);

/// What a configuration says about the store. A file belongs to one machine, so the port names the
/// instance; a server may be shared.
pub(super) fn options(settings: &Settings, sources: &Sources, listen: SocketAddr) -> StoreOptions {
    let url = settings.store.url.clone();
    let is_server = url.expose().starts_with("postgres");
    let host = if is_server {
        host_name()
    } else {
        "local".to_owned()
    };
    StoreOptions {
        url,
        folder: sources.state_folder(),
        instance: format!("{host}:{}", listen.port()),
        rows_days: settings.store.rows_days,
        rollup_days: settings.store.rollup_days,
        audit_days: settings.store.audit_days,
    }
}

/// Opens the store.
///
/// # Errors
///
/// A file cannot be opened, or a newer program wrote the database.
pub(super) async fn open(options: StoreOptions) -> Result<Store, ExitError> {
    let shown = options.shown();
    let store = Store::open(options).await.map_err(|error| {
        let text = format!("could not open the store {shown}: {error}");
        ExitError::usage_caused_by(text, error)
    })?;
    let status = store.status();
    if let Some(error) = status.last_error {
        tracing::warn!("the store {shown} is away: {error}; trying again while serving");
    }
    Ok(store)
}

/// Checks that the store holds a token that others than this machine can send.
///
/// # Errors
///
/// `missing`, where it holds none. A store that is away is taken to hold one: until it is read, no
/// request over TCP passes without a token of the configuration.
pub(super) async fn check_token(store: &Store, missing: &SettingError) -> Result<(), ExitError> {
    if store.is_away() {
        return Ok(());
    }
    let stored = store.load_tokens().await.map_err(|error| {
        let text = format!(
            "could not read the tokens of the store {}: {error}",
            store.shown()
        );
        ExitError::usage_caused_by(text, error)
    })?;
    if stored.tokens.iter().any(|token| token.revoked_at.is_none()) {
        return Ok(());
    }
    Err(SettingErrors(vec![missing.clone()]).into())
}

/// The same beside a running gateway, and without making a database.
///
/// # Errors
///
/// `missing`, where the store holds no token, or why it cannot be read.
pub(super) async fn check_token_beside(
    options: &StoreOptions,
    missing: &SettingError,
) -> Result<(), ExitError> {
    let tokens = read_tokens(options).await.map_err(|error| {
        let text = format!(
            "could not read the tokens of the store {}: {error}",
            options.shown()
        );
        ExitError::usage_caused_by(text, error)
    })?;
    if tokens.iter().any(|token| token.revoked_at.is_none()) {
        return Ok(());
    }
    Err(SettingErrors(vec![missing.clone()]).into())
}

/// Puts the past into the state, and returns a journal that continues it and the events of it; `None`
/// if the store cannot be read now.
pub(super) async fn restore(
    store: &Store,
    state: &mut BalancerState,
    now: UnixTime,
) -> (Journal, Option<Vec<Effect>>) {
    let mut journal = Journal::new(store.clone(), now);
    if !store.is_on() {
        return (journal, Some(Vec::new()));
    }
    if store.is_away() {
        return (journal, None);
    }
    match store.load_history(now).await {
        Ok(history) => {
            let (effects, start) = history.apply(state, now);
            journal.restored(start);
            (journal, Some(effects))
        }
        Err(error) => {
            tracing::warn!("could not read the history: {error}; trying again while serving");
            (journal, None)
        }
    }
}

/// Gives the engine the past once the store can be read.
pub(super) async fn restore_later(store: Store, engine: EngineHandle, stop: CancellationToken) {
    let restored = async {
        while store.opened().await.is_ok() {
            match store.load_history(clock::now()).await {
                Ok(history) => {
                    // An engine that has ended needs no past.
                    let _ = engine.restore(history).await;
                    return;
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    };
    tokio::select! {
        () = restored => {}
        () = stop.cancelled() => {}
    }
}
