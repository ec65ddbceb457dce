//! Commands that change the state of the balancer, and their replies.

use super::budget::OverBudgetPolicy;
use super::client_terms::TokenTerms;
use super::config_update::ConfigUpdate;
use super::global_settings::GlobalSettings;
use super::index::ProviderIdx;
use super::strategy::Strategy;
use super::units::{Money, UnixTime};
use super::weights::{WeightOverride, Weights, WeightsError};
use std::sync::Arc;
use std::time::Duration;

/// Change of the state, with its author.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Change global weights.
    SetWeights(WeightsPatch),
    /// Make all changes on trial permanent.
    ConfirmWeights {
        /// Author.
        who: String,
    },
    /// Change strategy, budgets or breakers of the whole instance.
    ChangeSettings(SettingsPatch),
    /// Restore the weights of an earlier revision.
    Rollback {
        /// Number of that revision.
        number: u64,
        /// Author.
        who: String,
    },
    /// Change settings of one provider.
    ChangeProvider {
        /// Name of the provider.
        name: String,
        /// New settings.
        patch: ProviderPatch,
        /// Author.
        who: String,
    },
    /// Count a request that runs outside of the gateway.
    AdjustExternalLoad {
        /// Name of the provider.
        provider: String,
        /// Model id; `None` counts at the provider only.
        model: Option<String>,
        /// Start or end of the request.
        action: ExternalLoadAction,
        /// Name of the token that counts it.
        holder: Arc<str>,
        /// True if the token may count only a part of what the provider takes.
        is_capped: bool,
    },
    /// Apply a reloaded configuration.
    Reconfigure(Box<ConfigUpdate>),
    /// Replace the tokens that the store holds.
    SetStoredTokens(Vec<TokenTerms>),
}

/// New global weights in points, 0..100. `None` keeps the value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeightsPatch {
    /// Points of cost.
    pub cost: Option<f64>,
    /// Points of latency.
    pub latency: Option<f64>,
    /// Points of reliability.
    pub reliability: Option<f64>,
    /// Points of load.
    pub load: Option<f64>,
    /// Points of priority.
    pub priority: Option<f64>,
    /// Expected revision; the command is rejected if it is not the newest.
    pub drafted_on: Option<u64>,
    /// Reason for the record.
    pub reason: Option<String>,
    /// Time on trial, after which the change reverts unless it is confirmed.
    pub revert_after: Option<Duration>,
    /// Author.
    pub who: String,
}

/// A budget to set; `None` inside is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBudget(pub Option<Money>);

/// New settings of the whole instance. `None` keeps a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsPatch {
    /// How a target is selected.
    pub strategy: Option<Strategy>,
    /// Budget per day.
    pub per_day: Option<NewBudget>,
    /// Budget per month.
    pub per_month: Option<NewBudget>,
    /// Handling of requests over a budget.
    pub on_limit: Option<OverBudgetPolicy>,
    /// Failures that open a breaker, 1..=20.
    pub breaker_failures: Option<u64>,
    /// Longest time for which a breaker stays open, in seconds, 1..=600.
    pub breaker_max_open_s: Option<u64>,
    /// Expected revision; the command is rejected if it is not the newest.
    pub drafted_on: Option<u64>,
    /// Reason for the record.
    pub reason: Option<String>,
    /// Time on trial, after which the change reverts unless it is confirmed.
    pub revert_after: Option<Duration>,
    /// Author.
    pub who: String,
}

/// New settings of a provider. `None` keeps the value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProviderPatch {
    /// Enable or disable it.
    pub enabled: Option<bool>,
    /// Start or stop draining it.
    pub draining: Option<bool>,
    /// Drain it for this time; not together with `draining`.
    pub drain_for: Option<Duration>,
    /// Priority, 0..100.
    pub priority: Option<f64>,
    /// Limit on concurrent requests, 1 or more.
    pub max_concurrent: Option<i64>,
    /// Weight override.
    pub weights: Option<WeightOverride>,
    /// Pin all requests that it can serve to it for this time; zero removes the pin.
    pub pin: Option<Duration>,
    /// Close the breakers and end the cooldowns of all its targets.
    pub reset: bool,
    /// Expected revision; the command is rejected if it is not the newest.
    pub drafted_on: Option<u64>,
    /// Time on trial, after which the settings revert unless confirmed; not for pins and resets.
    pub revert_after: Option<Duration>,
}

/// Change of the external load of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalLoadAction {
    /// A request started.
    Increment,
    /// A request ended.
    Decrement,
}

/// Result of an accepted command.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandReply {
    /// Weights in effect.
    Weights {
        /// Global weights.
        weights: Weights,
        /// Newest revision.
        revision: u64,
        /// Time at which unconfirmed changes revert.
        reverts_at: Option<UnixTime>,
        /// Warnings about these weights.
        warnings: Vec<String>,
    },
    /// Settings of the whole instance in effect.
    Settings {
        /// Strategy, budgets and breakers.
        settings: GlobalSettings,
        /// Newest revision.
        revision: u64,
        /// Time at which unconfirmed changes of them revert.
        reverts_at: Option<UnixTime>,
    },
    /// Provider settings in effect.
    Provider {
        /// The changed provider.
        place: ProviderIdx,
        /// Newest revision.
        revision: u64,
        /// Time at which its unconfirmed settings revert.
        reverts_at: Option<UnixTime>,
    },
    /// Requests in flight after [`Command::AdjustExternalLoad`].
    InFlight(u32),
    /// Revision of the applied configuration.
    Reconfigured(u64),
    /// The tokens are in force.
    StoredTokensSet,
}

/// Error of a rejected command; the state is unchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The weights are invalid.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The expected revision is not the newest.
    #[error(
        "revision is {drafted_on}, but {revision} is the newest: {who} changed {what}; read it and try again"
    )]
    Stale {
        /// Expected revision.
        drafted_on: u64,
        /// Newest revision.
        revision: u64,
        /// Author of the newest revision.
        who: String,
        /// Changes of the newest revision.
        what: String,
    },
    /// No provider has this name.
    #[error("provider {name:?} is unknown; there {}", list(known))]
    UnknownProvider {
        /// Requested name.
        name: String,
        /// Names of the configured providers.
        known: Vec<String>,
    },
    /// The provider has no such model.
    #[error(
        "model {model:?} is unknown at provider {provider:?}; there {}",
        list(known)
    )]
    UnknownModel {
        /// Name of the provider.
        provider: String,
        /// Requested model id.
        model: String,
        /// Model ids of the provider.
        known: Vec<String>,
    },
    /// A value is out of range.
    #[error("{field} is {value}, but must be {expected}")]
    Field {
        /// Name of the field in the API.
        field: &'static str,
        /// Rejected value.
        value: f64,
        /// Description of the valid range.
        expected: &'static str,
    },
    /// A token counts as many requests as it may.
    #[error("{holder:?} counts {limit} requests at {provider} already, and may count no more")]
    ExternalLoadLimit {
        /// Name of the token.
        holder: Arc<str>,
        /// Name of the provider.
        provider: String,
        /// Number of requests that it may count there.
        limit: usize,
    },
    /// The revision never existed, or is no longer stored.
    #[error("revision {number} is not stored; the oldest stored revision is {oldest}")]
    UnknownRevision {
        /// Requested revision.
        number: u64,
        /// Oldest stored revision.
        oldest: u64,
    },
    /// No change is on trial.
    #[error("no weights are on trial, so there is nothing to keep")]
    NothingToConfirm,
    /// The configuration was read before the providers changed.
    #[error("the providers have changed since the configuration was read; reload it")]
    ConfigOutdated,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "are none".to_owned(),
        [one] => format!("is {one}"),
        many => format!("are {}", many.join(", ")),
    }
}
