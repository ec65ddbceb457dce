//! What `aibal-tui doctor` found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of a check, from the best to the worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DoctorResult {
    /// The check was not made.
    Skipped,
    /// All is well.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work.
    Broken,
}

impl DoctorResult {
    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Broken => "broken",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorCheck {
    /// What was checked: `configuration`, `provider`, `clock`, `dns`, `tls`, `database`, `terminal`,
    /// `descriptors` or `listen`.
    pub check: String,
    /// Which of several, for example the name of a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The result.
    pub result: DoctorResult,
    /// What was found. Never holds a key.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// All checks, and the worst result of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// The worst result.
    pub result: DoctorResult,
    /// The checks.
    pub checks: Vec<DoctorCheck>,
}

impl DoctorCheck {
    /// A check with a result and without advice.
    pub fn new(check: &str, result: DoctorResult, message: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            subject: None,
            result,
            message: message.into(),
            advice: None,
        }
    }

    /// The same about one of several.
    #[must_use]
    pub fn of(self, subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..self
        }
    }

    /// The same with what to do.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }
}

impl DoctorReport {
    /// The report of these checks.
    pub fn new(checks: Vec<DoctorCheck>) -> Self {
        let worst = checks.iter().map(|check| check.result).max();
        Self {
            result: worst.unwrap_or(DoctorResult::Ok),
            checks,
        }
    }
}
