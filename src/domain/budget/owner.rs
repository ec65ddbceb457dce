//! Whose budget it is.

use super::calendar::Period;
use std::fmt;
use std::sync::Arc;

/// Owner of a budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetOwner {
    /// All requests together.
    All,
    /// A client token, by name.
    Token(Arc<str>),
    /// A group of client tokens, by name.
    Group(Arc<str>),
    /// A provider, by name.
    Provider(Arc<str>),
}

impl BudgetOwner {
    /// Returns the name of its budget in the ledger: `day`, `token/NAME/week`.
    pub(super) fn key(&self, period: Period) -> String {
        let period = period.as_str();
        match self {
            Self::All => period.to_owned(),
            Self::Token(name) => format!("token/{name}/{period}"),
            Self::Group(name) => format!("group/{name}/{period}"),
            Self::Provider(name) => format!("provider/{name}/{period}"),
        }
    }

    /// Returns the setting of its limit, for messages: `usd_per_day of the token "app"`.
    pub fn setting(&self, period: Period) -> String {
        let period = period.as_str();
        match self {
            Self::All => format!("[budget] usd_per_{period}"),
            owner => format!("usd_per_{period} of {owner}"),
        }
    }
}

/// Formats for example `the token "app"`.
impl fmt::Display for BudgetOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all requests"),
            Self::Token(name) => write!(f, "the token {name:?}"),
            Self::Group(name) => write!(f, "the group {name:?}"),
            Self::Provider(name) => write!(f, "the provider {name:?}"),
        }
    }
}
