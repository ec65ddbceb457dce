//! Wishes to change something, and the answers to them.

use super::config_update::ConfigUpdate;
use super::index::ProviderIdx;
use super::units::UnixTime;
use super::weights::{WeightOverride, Weights, WeightsError};
use std::time::Duration;

/// A command, with the name of its sender.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    SetWeights(WeightsPatch),
    /// Keep what is on trial.
    ConfirmWeights {
        who: String,
    },
    /// Go back to the weights as they stood at a revision.
    Rollback {
        number: u64,
        who: String,
    },
    ChangeProvider {
        name: String,
        patch: ProviderPatch,
        who: String,
    },
    /// Requests that run outside of the gateway, and are counted in and out by hand.
    AdjustExternalLoad {
        provider: String,
        model: Option<String>,
        action: ExternalLoadAction,
    },
    /// The configuration was read again.
    Reconfigure(Box<ConfigUpdate>),
}

/// New weights; what is missing keeps its value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeightsPatch {
    pub cost: Option<f64>,
    pub latency: Option<f64>,
    pub reliability: Option<f64>,
    pub load: Option<f64>,
    pub priority: Option<f64>,
    /// The revision the wish was drafted on; refused where it is not the newest any more.
    pub drafted_on: Option<u64>,
    pub reason: Option<String>,
    /// Undo by itself after this long.
    pub revert_after: Option<Duration>,
    pub who: String,
}

/// New settings of a provider; what is missing keeps its value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProviderPatch {
    pub enabled: Option<bool>,
    pub draining: Option<bool>,
    /// 0..100.
    pub priority: Option<f64>,
    /// 1 or more.
    pub max_concurrent: Option<i64>,
    pub weights: Option<WeightOverride>,
    /// Everything that it may serve goes there for so long; zero ends that.
    pub pin: Option<Duration>,
    /// Close the breakers of all its targets, and ask it again even where it was to be left alone.
    pub reset: bool,
    /// The revision the wish was drafted on; refused where it is not the newest any more.
    pub drafted_on: Option<u64>,
    /// The settings undo themselves after this long; pins and resets have no part in it.
    pub revert_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalLoadAction {
    Increment,
    Decrement,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandReply {
    Weights {
        weights: Weights,
        revision: u64,
        reverts_at: Option<UnixTime>,
        /// Warnings about these weights.
        warnings: Vec<String>,
    },
    Provider {
        /// The changed provider.
        place: ProviderIdx,
        revision: u64,
        /// Time at which its unconfirmed settings revert.
        reverts_at: Option<UnixTime>,
    },
    InFlight(u32),
    /// The revision that the configuration is in force with.
    Reconfigured(u64),
}

/// Error of a rejected command; nothing has changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(
        "revision is {drafted_on}, but {revision} is the newest: {who} changed {what}; read it and try again"
    )]
    Stale {
        drafted_on: u64,
        revision: u64,
        who: String,
        what: String,
    },
    #[error("provider {name:?} is unknown; there {}", list(known))]
    UnknownProvider { name: String, known: Vec<String> },
    #[error(
        "model {model:?} is unknown at provider {provider:?}; there {}",
        list(known)
    )]
    UnknownModel {
        provider: String,
        model: String,
        known: Vec<String>,
    },
    #[error("{field} is {value}, but must be {expected}")]
    Field {
        field: &'static str,
        value: f64,
        expected: &'static str,
    },
    #[error("revision {number} is not stored; the oldest stored revision is {oldest}")]
    UnknownRevision { number: u64, oldest: u64 },
    #[error("no weights are on trial, so there is nothing to keep")]
    NothingToConfirm,
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
