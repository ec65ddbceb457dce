//! The values that a client token may have.

use super::error::ApiError;
use crate::contract::{FieldProblem, TokenRequest};
use crate::domain::{
    Money, RateLimits, Role, SpendingLimits, TokenDefinition, TokenTerms, UnixTime, parse_time,
};
use serde_json::{Number, Value};

/// Longest name of a token or group, in characters.
const MAX_NAME_CHARS: usize = 64;
/// Most patterns of models, and their longest text.
const MAX_MODELS: usize = 64;
const MAX_MODEL_CHARS: usize = 200;
/// Most tags, and their longest text.
const MAX_TAGS: usize = 16;
const MAX_TAG_CHARS: usize = 64;
/// Highest limits.
const MAX_USD: f64 = 1e9;
const MAX_RATE: u64 = 1_000_000_000;
/// Names that stand for something else in records.
const TAKEN: [&str; 3] = ["local", "unknown", "AI_GATEWAY_API_KEY"];

/// Returns the token that a request describes.
///
/// # Errors
///
/// All mistakes at once.
pub fn token_definition(
    request: &TokenRequest,
    now: UnixTime,
) -> Result<TokenDefinition, ApiError> {
    let mut mistakes = Vec::new();
    let role = check_names(request, &mut mistakes);
    check_limits(request, &mut mistakes);
    check_lists(request, &mut mistakes);
    let expires_at = request.expires_at.as_deref().and_then(|text| {
        let time = parse_time(text).filter(|time| *time > now);
        if time.is_none() {
            mistakes.push(FieldProblem::new("expiresAt", shown(text), EXPIRY));
        }
        time
    });
    if !mistakes.is_empty() {
        return Err(ApiError::Invalid(mistakes));
    }
    let usd = |usd: Option<f64>| usd.map(Money::from_usd);
    Ok(TokenDefinition {
        role,
        terms: TokenTerms {
            name: request.name.as_str().into(),
            group: request.group.as_deref().map(Into::into),
            spending: SpendingLimits {
                per_day: usd(request.usd_per_day),
                per_week: usd(request.usd_per_week),
                per_month: usd(request.usd_per_month),
            },
            rates: RateLimits {
                requests: request.requests_per_minute,
                tokens: request.tokens_per_minute,
            },
        },
        models: request.models.clone(),
        expires_at,
        tags: request.tags.clone().unwrap_or_default(),
    })
}

/// Checks name, group and role, and returns the role.
fn check_names(request: &TokenRequest, mistakes: &mut Vec<FieldProblem>) -> Role {
    if !is_name(&request.name) || TAKEN.contains(&request.name.as_str()) {
        mistakes.push(FieldProblem::new("name", shown(&request.name), NAME));
    }
    if let Some(group) = request.group.as_deref().filter(|group| !is_name(group)) {
        mistakes.push(FieldProblem::new("group", shown(group), NAME));
    }
    let role = request.role.as_deref().unwrap_or("client");
    role.parse().unwrap_or_else(|_| {
        let expected = "one of client, viewer, operator";
        mistakes.push(FieldProblem::new("role", shown(role), expected));
        Role::Client
    })
}

fn check_limits(request: &TokenRequest, mistakes: &mut Vec<FieldProblem>) {
    for (field, usd) in [
        ("usdPerDay", request.usd_per_day),
        ("usdPerWeek", request.usd_per_week),
        ("usdPerMonth", request.usd_per_month),
    ] {
        if let Some(usd) = usd.filter(|usd| !(0.0..=MAX_USD).contains(usd)) {
            let value = Number::from_f64(usd).map_or_else(|| usd.to_string().into(), Value::Number);
            let expected = "a number of USD from 0 to 1000000000";
            mistakes.push(FieldProblem::new(field, value, expected));
        }
    }
    for (field, rate) in [
        ("requestsPerMinute", request.requests_per_minute),
        ("tokensPerMinute", request.tokens_per_minute),
    ] {
        if let Some(rate) = rate.filter(|rate| !(1..=MAX_RATE).contains(rate)) {
            let expected = "a whole number from 1 to 1000000000";
            mistakes.push(FieldProblem::new(field, rate, expected));
        }
    }
}

fn check_lists(request: &TokenRequest, mistakes: &mut Vec<FieldProblem>) {
    let models = (
        "models",
        &request.models,
        1..=MAX_MODELS,
        MAX_MODEL_CHARS,
        MODELS,
    );
    let tags = ("tags", &request.tags, 0..=MAX_TAGS, MAX_TAG_CHARS, TAGS);
    for (field, texts, count, longest, expected) in [models, tags] {
        let Some(texts) = texts else { continue };
        match texts.iter().find(|text| !is_text(text, longest)) {
            Some(wrong) => mistakes.push(FieldProblem::new(field, shown(wrong), expected)),
            None if !count.contains(&texts.len()) => {
                mistakes.push(FieldProblem::new(field, texts.len(), expected));
            }
            None => {}
        }
    }
}

const NAME: &str =
    "1 to 64 letters, digits, '-', '_', '.' or '@', and no name that the program uses itself";
const MODELS: &str = "1 to 64 patterns of up to 200 printable characters";
const TAGS: &str = "up to 16 words of up to 64 printable characters";
const EXPIRY: &str = "a date or an RFC 3339 time in the future, such as 2027-01-31T18:00:00Z";

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && name.chars().all(is_plain)
}

fn is_text(text: &str, longest: usize) -> bool {
    let length = text.chars().count();
    (1..=longest).contains(&length)
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
}

/// The beginning of a wrong value.
fn shown(text: &str) -> Value {
    text.chars()
        .take(MAX_NAME_CHARS + 1)
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn all_mistakes_are_told_at_once() {
        let request = TokenRequest {
            name: "a b".to_owned(),
            role: Some("root".to_owned()),
            group: Some(String::new()),
            models: Some(Vec::new()),
            usd_per_day: Some(-1.0),
            usd_per_week: Some(f64::NAN),
            requests_per_minute: Some(0),
            expires_at: Some("2020-01-01".to_owned()),
            tags: Some(vec!["a\nb".to_owned()]),
            ..TokenRequest::default()
        };
        let Err(ApiError::Invalid(mistakes)) = token_definition(&request, NOW) else {
            panic!("mistakes");
        };
        let fields: Vec<&str> = mistakes.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "name",
                "group",
                "role",
                "usdPerDay",
                "usdPerWeek",
                "requestsPerMinute",
                "models",
                "tags",
                "expiresAt"
            ]
        );
        for name in ["local", &"x".repeat(65), "a/b"] {
            let request = TokenRequest {
                name: name.to_owned(),
                ..TokenRequest::default()
            };
            assert!(token_definition(&request, NOW).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_is_enough() {
        let request = TokenRequest {
            name: "mobile-app@eu".to_owned(),
            ..TokenRequest::default()
        };
        let expected = TokenDefinition::new("mobile-app@eu", Role::Client);
        assert_eq!(token_definition(&request, NOW).unwrap(), expected);
    }
}
