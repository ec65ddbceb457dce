//! Client tokens of the instance in this process. Those of the configuration are shown; those of the
//! store can be made, rotated and revoked.

use super::error::ApiError;
use super::local::LocalClient;
use super::token_validation::token_definition;
use crate::clock;
use crate::contract::{
    NewToken, Problem, TokenList, TokenOrigin, TokenReport, TokenRequest, TokenState, rfc3339,
};
use crate::domain::{TokenDefinition, UnixTime};
use crate::secrets::BearerToken;
use crate::store::{AuditEntry, StoreError, StoredToken, TokenChange};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Told with the first token of an instance that trusted its own machine so far.
const FIRST_TOKEN: &str = "from now on every request over TCP needs a token; without an operator's \
    token, changes go through the Unix socket, or make one with `aibal-tui tokens create NAME --role \
    operator --offline`";

impl LocalClient {
    /// All tokens; of revoked ones, those that the store still knows.
    pub async fn tokens(&self) -> Result<TokenList, ApiError> {
        let now = clock::now();
        let uses = self.controls.token_uses();
        let configured = self.controls.configured_tokens();
        let mut tokens: Vec<TokenReport> = configured
            .iter()
            .map(|definition| {
                let state = state_of(definition, None, now);
                TokenReport::of(definition, TokenOrigin::Configuration, state)
            })
            .collect();
        if self.store().is_on() {
            let stored = self.store().load_tokens().await.map_err(failed)?;
            let is_configured = |token: &StoredToken| {
                configured
                    .iter()
                    .any(|it| it.name() == token.definition.name())
            };
            let stored = stored.tokens.iter().filter(|token| !is_configured(token));
            tokens.extend(stored.map(|token| stored_report(token, now)));
        }
        for token in &mut tokens {
            token.last_used_at = self.last_use(&uses, &token.name).await.map(rfc3339);
        }
        Ok(TokenList { tokens })
    }

    /// The last use in this process, else the last request that the store knows.
    async fn last_use(&self, uses: &BTreeMap<Arc<str>, UnixTime>, name: &str) -> Option<UnixTime> {
        if let Some(time) = uses.get(name) {
            return Some(*time);
        }
        // What the store does not tell is not known.
        self.store().last_request_of(name).await.ok().flatten()
    }

    /// Makes a token in the store; its secret is in the answer and nowhere else.
    pub async fn create_token(&self, request: &TokenRequest) -> Result<NewToken, ApiError> {
        let now = clock::now();
        let definition = token_definition(request, now)?;
        let subject = definition.name().to_string();
        let was_trusted = self.controls.trusts_loopback();
        let made = self.make_token(definition, now).await;
        self.audit_token(
            "token.create",
            &subject,
            made.as_ref().map(|made| &made.report),
        );
        let notice = was_trusted.then(|| FIRST_TOKEN.to_owned());
        Ok(NewToken { notice, ..made? })
    }

    async fn make_token(
        &self,
        definition: TokenDefinition,
        now: UnixTime,
    ) -> Result<NewToken, ApiError> {
        let configured = self.controls.configured_tokens();
        if configured.iter().any(|it| it.name() == definition.name()) {
            return Err(of_configuration(definition.name()));
        }
        let secret = new_secret()?;
        let token = StoredToken {
            definition,
            sha256: secret.sha256,
            created_at: now,
            created_by: self.actor.to_string(),
            rotated_at: None,
            revoked_at: None,
        };
        self.change_token(TokenChange::Create(Box::new(token)), Some(secret))
            .await
    }

    /// Gives a token of the store a new secret; the old one is not accepted any more.
    pub async fn rotate_token(&self, name: &str) -> Result<NewToken, ApiError> {
        let rotated = async {
            self.check_stored(name)?;
            let secret = new_secret()?;
            let change = TokenChange::Rotate {
                name: name.to_owned(),
                sha256: secret.sha256,
                at: clock::now(),
            };
            self.change_token(change, Some(secret)).await
        };
        let rotated = rotated.await;
        self.audit_token(
            "token.rotate",
            name,
            rotated.as_ref().map(|made| &made.report),
        );
        rotated
    }

    /// Ends a token of the store; it is not accepted any more, also by streams that run.
    pub async fn revoke_token(&self, name: &str) -> Result<TokenReport, ApiError> {
        let revoked = async {
            self.check_stored(name)?;
            let change = TokenChange::Revoke {
                name: name.to_owned(),
                at: clock::now(),
            };
            self.change_token(change, None).await
        };
        let revoked = revoked.await.map(|changed| changed.report);
        self.audit_token("token.revoke", name, revoked.as_ref());
        revoked
    }

    /// Writes a change and waits until it is in force.
    async fn change_token(
        &self,
        change: TokenChange,
        secret: Option<BearerToken>,
    ) -> Result<NewToken, ApiError> {
        if !self.store().is_on() {
            let detail = "tokens are made in the store, and [store] url is \"off\"; set it, or add \
                          [[auth.tokens]] to the configuration";
            return Err(Problem::new(409, detail).into());
        }
        let token = self.store().change_token(change).await.map_err(failed)?;
        self.controls.apply_tokens().await;
        Ok(NewToken {
            token: secret.map_or_else(String::new, |made| made.secret.expose().to_owned()),
            report: stored_report(&token, clock::now()),
            notice: None,
        })
    }

    fn check_stored(&self, name: &str) -> Result<(), ApiError> {
        let configured = self.controls.configured_tokens();
        if configured.iter().any(|it| **it.name() == *name) {
            return Err(of_configuration(name));
        }
        Ok(())
    }

    fn audit_token(
        &self,
        action: &'static str,
        name: &str,
        result: Result<&TokenReport, &ApiError>,
    ) {
        let (after, reason) = match result {
            Ok(report) => (
                serde_json::to_string(report).unwrap_or_default(),
                String::new(),
            ),
            Err(error) => (String::new(), error.to_string()),
        };
        if result.is_ok() {
            let what = action.trim_start_matches("token.");
            let text = format!("token {name:?}: {what}d by {}", self.actor);
            self.handle.emit_info(text, false);
        }
        self.audit(
            action,
            AuditEntry {
                subject: name.to_owned(),
                is_done: result.is_ok(),
                reason,
                after,
                ..AuditEntry::default()
            },
        );
    }
}

/// A token of the store for people and programs.
pub fn stored_report(token: &StoredToken, now: UnixTime) -> TokenReport {
    let state = state_of(&token.definition, token.revoked_at, now);
    TokenReport {
        created_at: Some(rfc3339(token.created_at)),
        created_by: Some(token.created_by.clone()),
        rotated_at: token.rotated_at.map(rfc3339),
        revoked_at: token.revoked_at.map(rfc3339),
        ..TokenReport::of(&token.definition, TokenOrigin::Store, state)
    }
}

fn state_of(
    definition: &TokenDefinition,
    revoked_at: Option<UnixTime>,
    now: UnixTime,
) -> TokenState {
    if revoked_at.is_some() {
        TokenState::Revoked
    } else if definition.expires_at.is_some_and(|at| at <= now) {
        TokenState::Expired
    } else {
        TokenState::Valid
    }
}

fn new_secret() -> Result<BearerToken, ApiError> {
    let none = || {
        Problem::new(
            500,
            "the system gave no random bytes for a token; try again",
        )
    };
    BearerToken::generate().ok_or_else(|| none().into())
}

fn of_configuration(name: &str) -> ApiError {
    let detail = format!(
        "the token {name:?} is in the configuration; change it in [[auth.tokens]] and reload"
    );
    Problem::new(409, detail).into()
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn failed(error: StoreError) -> ApiError {
    let status = match error {
        StoreError::UnknownToken(_) => 404,
        StoreError::TokenExists(_) | StoreError::TooManyTokens(_) => 409,
        _ => 503,
    };
    let detail = match status {
        503 => format!("the store could not be used: {error}; nothing was changed"),
        _ => error.to_string(),
    };
    Problem::new(status, detail).into()
}
