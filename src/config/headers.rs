//! Headers of requests to a provider: those that the operator states, and those that pass from clients.

use super::file;
use super::report::Report;
use super::secret_reader::SecretReader;
use crate::secrets::{Secret, SecretRef};
use http::{HeaderName, HeaderValue};

/// Headers of one connection, and those that the gateway's HTTP client sets.
const OF_THE_CONNECTION: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers that are about the client and this gateway only.
const OF_THE_CLIENT: &[&str] = &[
    "api-key",
    "authorization",
    "cookie",
    "forwarded",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "referer",
    "set-cookie",
    "x-api-key",
    "x-goog-api-key",
];

/// The headers of every request to the provider. `Err` with the reason where the value of one is not
/// there, as with a key.
pub(super) fn fixed(
    provider: &file::Provider,
    secrets: &SecretReader<'_>,
    report: &mut Report<'_>,
) -> Result<Vec<(String, Secret)>, String> {
    let mut headers = Vec::new();
    let mut missing = None;
    for (name, text) in &provider.headers {
        let key = format!("providers[{}].headers.{name}", provider.name);
        if let Some(problem) = name_problem(name, OF_THE_CONNECTION) {
            report.error(&key, None, problem);
            continue;
        }
        let value = match SecretRef::parse(text) {
            Some(SecretRef::Command(_)) => {
                let problem = "must not be a command: only keys are read from commands; use file:PATH \
                               or keystore:NAME";
                report.error(&key, None, problem);
                continue;
            }
            Some(reference) => secrets
                .read(&reference, "its value")
                .map(|(value, _)| value),
            None => Err("the value is empty".to_owned()),
        };
        match value {
            Ok(value) if HeaderValue::from_str(value.expose()).is_err() => {
                let problem = "must be text without line breaks and control characters";
                report.error(&key, None, problem);
            }
            Ok(value) => headers.push((name.to_ascii_lowercase(), value)),
            Err(reason) => {
                report.warn(&key, format!("{reason}; the provider is off"));
                missing = missing.or(Some(format!("header {name}: {reason}")));
            }
        }
    }
    missing.map_or(Ok(headers), Err)
}

/// The headers that pass from clients.
pub(super) fn forwarded(provider: &file::Provider, report: &mut Report<'_>) -> Vec<String> {
    let key = format!("providers[{}].forward_headers", provider.name);
    let mut names = Vec::new();
    for name in &provider.forward_headers {
        let is_own = name.to_ascii_lowercase().starts_with("x-aibal-");
        let problem = name_problem(name, OF_THE_CONNECTION)
            .or_else(|| name_problem(name, OF_THE_CLIENT))
            .or(is_own.then_some("must not pass: it is about this gateway only"));
        match problem {
            Some(problem) => report.error(&key, Some(format!("{name:?}")), problem),
            None => names.push(name.to_ascii_lowercase()),
        }
    }
    names
}

/// Why a header of this name must not be set or passed.
fn name_problem(name: &str, reserved: &[&str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some("must be the name of a header: letters, digits and '-'");
    }
    if !reserved.contains(&name.as_str()) {
        None
    } else if OF_THE_CLIENT.contains(&name.as_str()) {
        Some(
            "must not pass: it belongs to the client and this gateway; api_key is the provider's key",
        )
    } else {
        Some("must not be set: it belongs to a single connection")
    }
}
