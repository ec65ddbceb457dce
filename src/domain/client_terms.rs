//! Client tokens and groups of them, and their limits: what requests may spend and send.

use super::budget::SpendingLimits;
use super::rate_limiter::RateLimits;
use super::role::Role;
use super::units::UnixTime;
use std::sync::Arc;

/// A client token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDefinition {
    /// Its role.
    pub role: Role,
    /// Its name and limits.
    pub terms: TokenTerms,
    /// Patterns of the models that it may use; `None`: all.
    pub models: Option<Vec<String>>,
    /// When it ends to be valid.
    pub expires_at: Option<UnixTime>,
    /// Words for people who manage tokens.
    pub tags: Vec<String>,
}

impl TokenDefinition {
    /// Returns a token without limits.
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            role,
            terms: TokenTerms {
                name: name.into(),
                group: None,
                spending: SpendingLimits::default(),
                rates: RateLimits::default(),
            },
            models: None,
            expires_at: None,
            tags: Vec::new(),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &Arc<str> {
        &self.terms.name
    }
}

/// A group of client tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDefinition {
    /// Its name and limits.
    pub terms: GroupTerms,
    /// Patterns of the models that its tokens may use, besides what each may; `None`: all.
    pub models: Option<Vec<String>>,
}

/// Limits of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTerms {
    /// Name of the token.
    pub name: Arc<str>,
    /// Its group, whose limits hold as well.
    pub group: Option<Arc<str>>,
    /// What it may spend.
    pub spending: SpendingLimits,
    /// What it may send per minute.
    pub rates: RateLimits,
}

/// Limits that the tokens of a group share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTerms {
    /// Name of the group.
    pub name: Arc<str>,
    /// What they may spend together.
    pub spending: SpendingLimits,
    /// What they may send per minute together.
    pub rates: RateLimits,
}

/// Limits of all tokens and groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientTerms {
    /// Tokens, by unique names.
    pub tokens: Vec<TokenTerms>,
    /// Groups, by unique names.
    pub groups: Vec<GroupTerms>,
}

impl ClientTerms {
    /// Returns these terms and those `more` tokens whose names are not among them.
    #[must_use]
    pub fn with(&self, more: &[TokenTerms]) -> Self {
        let mut all = self.clone();
        let is_new = |token: &&TokenTerms| self.tokens.iter().all(|own| own.name != token.name);
        all.tokens.extend(more.iter().filter(is_new).cloned());
        all
    }
}
