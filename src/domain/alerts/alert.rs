//! One alert, its identity, and what is told about it.

use super::rule::{AlertRule, AlertSeverity};
use crate::domain::units::UnixTime;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What an alert concerns besides its rule; all parts are empty for the whole instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSubject {
    /// Name of the provider.
    pub provider: Option<Arc<str>>,
    /// Model of the provider.
    pub model: Option<Arc<str>>,
    /// Name of the budget.
    pub budget: Option<Arc<str>>,
}

impl AlertSubject {
    /// Returns the subject of one provider.
    pub fn provider(name: &Arc<str>) -> Self {
        Self {
            provider: Some(Arc::clone(name)),
            ..Self::default()
        }
    }

    /// Returns the subject of one budget.
    pub fn budget(name: &str) -> Self {
        Self {
            budget: Some(name.into()),
            ..Self::default()
        }
    }
}

/// Identity of an alert, computed from rule and subject: every instance of a fleet gives the same
/// problem the same id, so that receivers merge what several instances send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(u64);

impl AlertId {
    /// Computes the id: FNV-1a over rule and subject.
    pub fn of(rule: AlertRule, subject: &AlertSubject) -> Self {
        let parts = [
            Some(rule.as_str()),
            subject.provider.as_deref(),
            subject.model.as_deref(),
            subject.budget.as_deref(),
        ];
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for part in parts {
            // A byte that no UTF-8 text contains ends each part.
            for byte in part.unwrap_or_default().bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Self(hash)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for AlertId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| is_plain);
        id.map(Self).ok_or(())
    }
}

/// Acknowledgement of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Author.
    pub who: String,
    /// Time of it.
    pub at: UnixTime,
}

/// Silence about an alert until a time, also if it ends and begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Author.
    pub who: String,
    /// End of the silence.
    pub until: UnixTime,
}

/// One problem that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Identity.
    pub id: AlertId,
    /// Its rule.
    pub rule: AlertRule,
    /// Its severity.
    pub severity: AlertSeverity,
    /// What it concerns.
    pub subject: AlertSubject,
    /// Begin of the problem.
    pub since: UnixTime,
    /// End of the problem; `None` while it lasts.
    pub until: Option<UnixTime>,
    /// Measured value, in the unit of the threshold.
    pub value: f64,
    /// Threshold that the value passed.
    pub threshold: f64,
    /// The problem in one sentence, without the provider's name.
    pub message: String,
    /// Who knows of it.
    pub acknowledged: Option<Acknowledgement>,
    /// Silence about it.
    pub muted: Option<Mute>,
}

impl Alert {
    /// Returns the state as a word: `firing`, `acknowledged`, `muted` or `resolved`.
    pub fn state(&self) -> &'static str {
        if self.until.is_some() {
            "resolved"
        } else if self.muted.is_some() {
            "muted"
        } else if self.acknowledged.is_some() {
            "acknowledged"
        } else {
            "firing"
        }
    }
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertChange {
    /// It began, or became worse.
    Raised,
    /// An operator knows of it.
    Acknowledged,
    /// An operator silenced it.
    Muted,
    /// It ended.
    Resolved,
    /// The delivery is tested.
    Test,
}

impl AlertChange {
    /// Returns the word in the API and for receivers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Muted => "muted",
            Self::Resolved => "resolved",
            Self::Test => "test",
        }
    }
}

/// A change of an alert, for operators and receivers.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertNotice {
    /// What happened.
    pub change: AlertChange,
    /// The alert after it.
    pub alert: Alert,
}

impl AlertNotice {
    /// Returns one line for the events and the log, without the provider's name.
    pub fn text(&self) -> String {
        let message = &self.alert.message;
        match self.change {
            AlertChange::Raised | AlertChange::Test => message.clone(),
            AlertChange::Acknowledged => {
                let who = self.alert.acknowledged.as_ref().map(|it| &*it.who);
                format!("acknowledged by {}: {message}", who.unwrap_or_default())
            }
            AlertChange::Muted => {
                let who = self.alert.muted.as_ref().map(|it| &*it.who);
                format!("muted by {}: {message}", who.unwrap_or_default())
            }
            AlertChange::Resolved => format!("over: {message}"),
        }
    }
}
