//! The tokens of an API, found by the hash of what a client sent.

use crate::domain::{AllowedModels, GroupDefinition, TokenDefinition, UnixTime};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A known token. Only its hash is stored.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its name, which appears in the record of changes, role and limits.
    pub definition: Arc<TokenDefinition>,
    /// The hash of the secret.
    pub sha256: [u8; 32],
    /// The models that it may use, with those of its group; `None`: all.
    pub models: Option<AllowedModels>,
    /// Whether it was revoked: it is known, and not accepted.
    pub is_revoked: bool,
    /// When it was last accepted; clones share it.
    pub last_use: LastUse,
}

impl Token {
    /// A valid token of a definition.
    pub fn new(definition: TokenDefinition, sha256: [u8; 32], groups: &[GroupDefinition]) -> Self {
        Self {
            models: AllowedModels::of(&definition, groups),
            definition: Arc::new(definition),
            sha256,
            is_revoked: false,
            last_use: LastUse::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        self.definition.name()
    }
}

/// Time of the last use of a token in this process.
#[derive(Debug, Clone, Default)]
pub struct LastUse(Arc<AtomicU64>);

impl LastUse {
    /// Notes a use.
    pub(super) fn note(&self, now: UnixTime) {
        self.0.fetch_max(now.micros(), Ordering::Relaxed);
    }

    /// The time; `None` before the first use.
    pub fn time(&self) -> Option<UnixTime> {
        let micros = self.0.load(Ordering::Relaxed);
        (micros > 0).then(|| UnixTime::from_micros(micros))
    }
}

/// All tokens of an API.
#[derive(Debug, Default)]
pub(super) struct TokenTable {
    /// From the configuration.
    configured: Vec<Token>,
    /// From the store. A configured token of the same name outranks one.
    stored: Vec<Token>,
    /// Whether the store was not read yet, and may hold tokens.
    is_waiting: bool,
    /// Places in both lists, one after the other.
    places: BTreeMap<[u8; 32], usize>,
}

impl TokenTable {
    pub fn new(configured: Vec<Token>, stored: Vec<Token>) -> Self {
        let is_new = |token: &Token| configured.iter().all(|known| known.name() != token.name());
        let stored: Vec<Token> = stored.into_iter().filter(is_new).collect();
        let all = configured.iter().chain(&stored);
        // Of two with one secret, the first counts.
        let mut places = BTreeMap::new();
        for (place, token) in all.enumerate() {
            places.entry(token.sha256).or_insert(place);
        }
        Self {
            configured,
            stored,
            is_waiting: false,
            places,
        }
    }

    /// The same until the tokens of the store are known.
    pub fn waiting(&self) -> Self {
        let waiting = Self::new(self.configured.clone(), self.stored.clone());
        Self {
            is_waiting: true,
            ..waiting
        }
    }

    /// The same with these tokens of the configuration; the last uses of known tokens are kept.
    pub fn with_configured(&self, configured: &[Token]) -> Self {
        let next = Self::new(self.kept(configured), self.stored.clone());
        Self {
            is_waiting: self.is_waiting,
            ..next
        }
    }

    /// The same with these tokens of the store; the last uses of known tokens are kept.
    pub fn with_stored(&self, stored: &[Token]) -> Self {
        Self::new(self.configured.clone(), self.kept(stored))
    }

    fn kept(&self, tokens: &[Token]) -> Vec<Token> {
        let known = |token: &Token| self.find_hash(&token.sha256).map(|it| it.last_use.clone());
        let keep = |token: &Token| Token {
            last_use: known(token).unwrap_or_else(|| token.last_use.clone()),
            ..token.clone()
        };
        tokens.iter().map(keep).collect()
    }

    /// Whether no token was ever made. A revoked one counts: nothing becomes open by a revocation.
    pub fn is_empty(&self) -> bool {
        self.configured.is_empty() && self.stored.is_empty() && !self.is_waiting
    }

    /// Whether the store holds a token that is not revoked.
    pub fn has_stored(&self) -> bool {
        self.stored.iter().any(|token| !token.is_revoked)
    }

    pub fn configured(&self) -> &[Token] {
        &self.configured
    }

    /// When each token was last used in this process, by name.
    pub fn last_uses(&self) -> BTreeMap<Arc<str>, UnixTime> {
        let all = self.configured.iter().chain(&self.stored);
        let uses = all.filter_map(|token| Some((Arc::clone(token.name()), token.last_use.time()?)));
        uses.collect()
    }

    /// The token with this secret. The search is by hash, which a sender cannot choose, so its time
    /// tells nothing of the secrets.
    pub fn find(&self, secret: &[u8]) -> Option<&Token> {
        let hash = digest(&SHA256, secret);
        let token = self.find_hash(hash.as_ref().try_into().ok()?)?;
        let is_same = verify_slices_are_equal(&token.sha256, hash.as_ref()).is_ok();
        is_same.then_some(token)
    }

    fn find_hash(&self, sha256: &[u8; 32]) -> Option<&Token> {
        let place = *self.places.get(sha256)?;
        let stored = || self.stored.get(place - self.configured.len());
        self.configured.get(place).or_else(stored)
    }
}
