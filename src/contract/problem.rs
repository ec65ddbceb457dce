use crate::domain::{CommandError, WeightsError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An error as RFC 9457 `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the status identifies the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words, for example `Unprocessable Entity`.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// One sentence that names the subject, the value and what was expected.
    pub detail: String,
    /// One for each wrong field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldProblem {
    /// Path of the field, for example `weights.cost`.
    pub field: String,
    /// Value that was sent; `null` for a missing field.
    pub value: Value,
    /// Expected value, for example `a number from 0 to 100`.
    pub expected: String,
    /// Place in a file, for example `aibal.toml:12`; none for a field of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl FieldProblem {
    /// A wrong field of a request.
    pub fn new(field: &str, value: impl Into<Value>, expected: &str) -> Self {
        Self {
            field: field.to_owned(),
            value: value.into(),
            expected: expected.to_owned(),
            place: None,
        }
    }

    /// Sentence, for example `cost is 120, but must be a number from 0 to 100`.
    fn sentence(&self) -> String {
        let Self {
            field,
            value,
            expected,
            ..
        } = self;
        if value.is_null() {
            format!("{field} is missing, but must be {expected}")
        } else {
            format!("{field} is {value}, but must be {expected}")
        }
    }
}

impl Problem {
    /// A problem without single fields.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: title(status).to_owned(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// A problem of wrong fields; the detail joins their sentences.
    pub fn fields(status: u16, errors: Vec<FieldProblem>) -> Self {
        let detail: Vec<String> = errors.iter().map(FieldProblem::sentence).collect();
        Self {
            errors,
            ..Self::new(status, detail.join("; "))
        }
    }

    /// One wrong field of a well-formed body: status 422.
    pub fn field(field: &str, value: impl Into<Value>, expected: &str) -> Self {
        Self::fields(422, vec![FieldProblem::new(field, value, expected)])
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Entity",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        let field = |name: &str, value: f64, expected: &str| Self {
            errors: vec![FieldProblem::new(name, value, expected)],
            ..Self::new(422, detail.clone())
        };
        match error {
            CommandError::Weights(WeightsError::Range { name, value }) => {
                field(name, value, "a number from 0 to 100")
            }
            CommandError::Weights(WeightsError::Sum { sum, .. }) => {
                field("cost + latency + reliability", sum, "100")
            }
            CommandError::Field {
                field: name,
                value,
                expected,
            } => field(name, value, expected),
            CommandError::UnknownProvider { .. }
            | CommandError::UnknownModel { .. }
            | CommandError::UnknownRevision { .. } => Self::new(404, detail),
            CommandError::ExternalLoadLimit { .. } => Self::new(429, detail),
            CommandError::Stale { .. }
            | CommandError::NothingToConfirm
            | CommandError::ConfigOutdated => Self::new(409, detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_with_its_value_and_what_was_expected() {
        let problem = Problem::field("maxCost", -1.0, "a number from 0 up");

        assert_eq!(
            problem.detail,
            "maxCost is -1.0, but must be a number from 0 up"
        );
        assert_eq!(problem.title, "Unprocessable Entity");
    }

    #[test]
    fn a_stale_revision_is_a_conflict_that_names_the_other_change() {
        let problem = Problem::from(CommandError::Stale {
            drafted_on: 3,
            revision: 4,
            who: "ops".to_owned(),
            what: "cost 30→50, latency 40→20".to_owned(),
        });

        assert_eq!(problem.status, 409);
        assert!(problem.detail.contains("ops changed cost 30→50"));
    }
}
