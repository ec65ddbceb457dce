//! The task that keeps the tokens of the store in force: after a change of this process at once, after
//! one of another process within a second.

use super::reloadable_state::ReloadableState;
use crate::access::{Token, TokenAuth};
use crate::client::{LocalClient, TokenGroups};
use crate::domain::{Command, GroupDefinition, TokenDefinition, TokenTerms, UnixTime};
use crate::engine::{EngineError, EngineHandle};
use crate::store::{Store, StoreError, StoredToken};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Time within which a change of another process is in force.
const INTERVAL: Duration = Duration::from_millis(800);
/// Changes that wait until they are in force.
const QUEUE: usize = 64;

/// The tokens of an instance as its client sees them.
#[derive(Debug, Clone)]
pub(super) struct TokenControls {
    access: TokenAuth,
    changes: mpsc::Sender<oneshot::Sender<()>>,
}

impl TokenControls {
    /// The tokens of the configuration.
    pub fn configured(&self) -> Vec<Arc<TokenDefinition>> {
        let configured = self.access.configured().into_iter();
        configured.map(|token| token.definition).collect()
    }

    /// When each token was last used in this process, by name.
    pub fn last_uses(&self) -> BTreeMap<Arc<str>, UnixTime> {
        self.access.last_uses()
    }

    /// Whether this machine needs no token.
    pub fn trusts_loopback(&self) -> bool {
        self.access.trusts_loopback()
    }

    /// Puts the tokens of the store in force, and waits for it.
    pub async fn apply(&self) {
        let (done, applied) = oneshot::channel();
        // A task that has ended serves no requests that a token could open.
        if self.changes.send(done).await.is_ok() {
            let _ = applied.await;
        }
    }
}

/// Follows the tokens of the store.
#[derive(Debug)]
pub(super) struct TokenTask {
    store: Store,
    handle: EngineHandle,
    local: LocalClient,
    /// Those of the management API and of the model API.
    accesses: [TokenAuth; 2],
    groups: watch::Receiver<Arc<[GroupDefinition]>>,
    changes: mpsc::Receiver<oneshot::Sender<()>>,
    /// Version of the tokens in force.
    version: Option<u64>,
    /// Whether the store failed the last time, so that a failure is told once.
    is_failing: bool,
}

/// Why the tokens of the store are not in force.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl TokenTask {
    /// The task, and what its clients use.
    pub fn new(state: &ReloadableState, store: &Store) -> (Self, TokenControls) {
        let (sender, changes) = mpsc::channel(QUEUE);
        let controls = TokenControls {
            access: state.access.clone(),
            changes: sender,
        };
        let task = Self {
            store: store.clone(),
            handle: state.handle.clone(),
            local: state.local.clone(),
            accesses: [state.access.clone(), state.gateway_access.clone()],
            groups: state.groups.subscribe(),
            changes,
            version: None,
            is_failing: false,
        };
        (task, controls)
    }

    /// Puts the tokens in force before anything listens. While the store cannot be read, every request
    /// over TCP needs a token of the configuration.
    pub async fn begin(&mut self) {
        if !self.store.is_on() {
            return;
        }
        for access in &self.accesses {
            access.await_stored();
        }
        self.refresh().await;
    }

    pub async fn run(mut self, stop: CancellationToken) {
        if !self.store.is_on() {
            return;
        }
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
                changed = self.groups.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.version = None;
                }
                change = self.changes.recv() => match change {
                    Some(done) => waiting.push(done),
                    None => return,
                },
            }
            while let Ok(done) = self.changes.try_recv() {
                waiting.push(done);
            }
            self.refresh().await;
            for done in waiting {
                let _client_may_have_left = done.send(());
            }
        }
    }

    async fn refresh(&mut self) {
        let result = self.try_refresh().await;
        if let Err(error) = &result
            && !self.is_failing
        {
            tracing::warn!("the tokens of the store are not in force: {error}; trying again");
        }
        self.is_failing = result.is_err();
    }

    async fn try_refresh(&mut self) -> Result<(), TokenError> {
        let version = self.store.tokens_version().await?;
        if self.version == Some(version) {
            return Ok(());
        }
        let stored = self.store.load_tokens().await?;
        let groups = Arc::clone(&self.groups.borrow_and_update());
        let valid = stored.tokens.iter().filter(|it| it.revoked_at.is_none());
        let terms: Vec<TokenTerms> = valid.map(|it| it.definition.terms.clone()).collect();
        // Admitted first without limits, a request could pass more than it may; so limits come first.
        self.local.set_stored_groups(token_groups(&terms));
        self.handle.execute(Command::SetStoredTokens(terms)).await?;
        let tokens: Vec<Token> = stored.tokens.iter().map(|it| token(it, &groups)).collect();
        for access in &self.accesses {
            access.set_stored(&tokens);
        }
        self.version = Some(stored.version);
        Ok(())
    }
}

fn token(stored: &StoredToken, groups: &[GroupDefinition]) -> Token {
    Token {
        is_revoked: stored.revoked_at.is_some(),
        ..Token::new(stored.definition.clone(), stored.sha256, groups)
    }
}

/// Names of the tokens of each group.
fn token_groups(terms: &[TokenTerms]) -> TokenGroups {
    let mut groups = TokenGroups::new();
    for token in terms {
        if let Some(group) = &token.group {
            let names = groups.entry(group.to_string()).or_default();
            names.push(token.name.to_string());
        }
    }
    groups
}
