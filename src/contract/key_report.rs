//! Keys of a provider with several.

use super::time::rfc3339;
use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of one of several keys of a provider. The key itself is never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Position in the list of the provider's keys, from 0; as in `x-aibal-key`.
    pub index: usize,
    /// Where it comes from, for example `env:OPENAI_A`.
    pub name: String,
    /// Its weight.
    pub weight: f64,
    /// `ok`, `limited` by the provider's rate limits, or `refused` by the provider.
    pub state: KeyState,
    /// End of that state, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Class of the failure behind it, for example `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Requests left of the provider's rate limits, of the model that has the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_left: Option<f64>,
    /// Tokens left of the provider's rate limits, of the model that has the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_left: Option<f64>,
    /// Attempts with it since the start, or since the keys were changed.
    pub attempts: u64,
}

/// State of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It may be used.
    Ok,
    /// The provider asked to wait.
    Limited,
    /// The provider refuses it, or its account has no credit left.
    Refused,
}

impl KeyState {
    /// Word in the API and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Refused => "refused",
        }
    }
}

impl KeyReport {
    /// Reports of all keys of a provider.
    pub(super) fn all(keys: &[domain::KeySnapshot]) -> Vec<Self> {
        let keys = keys.iter().enumerate();
        keys.map(|(index, key)| Self::new(index, key)).collect()
    }

    fn new(index: usize, key: &domain::KeySnapshot) -> Self {
        let [requests_left, tokens_left] = key.left.map(|left| Some(left?.floor()));
        Self {
            index,
            name: key.name.to_string(),
            weight: key.weight,
            state: match key.blocked {
                None => KeyState::Ok,
                Some((_, domain::Failure::RateLimit(_))) => KeyState::Limited,
                Some(_) => KeyState::Refused,
            },
            until: key.blocked.map(|(until, _)| rfc3339(until)),
            reason: key.blocked.map(|(_, failure)| failure.as_str().to_owned()),
            requests_left,
            tokens_left,
            attempts: key.attempts,
        }
    }
}
