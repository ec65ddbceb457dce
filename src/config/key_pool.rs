//! The keys of one provider: a single one, or several that share its requests.

use super::file;
use super::key_file::key_in_file;
use super::origin::Origin;
use super::provider_context::ProviderContext;
use super::report::Report;
use super::settings::PoolKey;
use crate::secrets::{Secret, SecretRef};

/// The keys of a provider.
#[derive(Debug, Default)]
pub(super) struct FoundKeys {
    /// The first one; `None` where the provider needs none.
    pub first: Option<Secret>,
    /// All of them, where there are several.
    pub pool: Vec<PoolKey>,
}

/// The provider's keys; `Err` with the reason where there is none.
pub(super) fn keys(
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    report: &mut Report<'_>,
) -> Result<FoundKeys, String> {
    if provider.api_keys.is_empty() {
        let first = single(provider, context, report)?;
        return Ok(FoundKeys {
            first,
            pool: Vec::new(),
        });
    }
    let at = |name: &str| format!("providers[{}].{name}", provider.name);
    for other in ["api_key", "api_key_env"] {
        let origin = super::resolved::origin_of(report.entries, &at(other));
        if matches!(origin, Origin::File { .. }) {
            let problem = format!("is given together with {other}, but only one of the two may be");
            report.error(&at("api_keys"), None, problem);
            return Err("two keys are given".to_owned());
        }
    }
    pool(provider, context, report)
}

/// The keys of `api_keys`. One that is missing is left out, with a warning.
fn pool(
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    report: &mut Report<'_>,
) -> Result<FoundKeys, String> {
    let key = format!("providers[{}].api_keys", provider.name);
    let is_in_file = matches!(
        super::resolved::origin_of(report.entries, &key),
        Origin::File { .. }
    );
    let (mut pool, mut missing): (Vec<PoolKey>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, entry) in provider.api_keys.iter().enumerate() {
        let (text, weight) = entry.parts();
        let Some(reference) = SecretRef::parse(text) else {
            let problem = "must be a list of keys, each \"env:NAME\" or \"file:PATH\"";
            report.error(&key, None, problem);
            continue;
        };
        let name = match &reference {
            SecretRef::Literal(_) => format!("number {}", at + 1),
            reference => reference.masked(),
        };
        match resolve(reference, context, is_in_file, (&key, report)).and_then(checked) {
            Ok(secret) if pool.iter().any(|known| known.secret == secret) => {
                let problem = "must be given once, but it is the same key as an earlier one";
                report.error(&key, Some(name), problem);
            }
            Ok(secret) => pool.push(PoolKey {
                name,
                weight,
                secret,
            }),
            Err(reason) => missing.push(reason),
        }
    }
    if pool.is_empty() {
        return Err(missing.join("; "));
    }
    for reason in missing {
        report.warn(&key, format!("{reason}; the key is left out"));
    }
    let first = pool.first().map(|key| key.secret.clone());
    if pool.len() == 1 {
        pool.clear();
    }
    Ok(FoundKeys { first, pool })
}

/// The provider's only key; `Ok(None)` where it needs none, `Err` with the reason where it is missing.
fn single(
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    report: &mut Report<'_>,
) -> Result<Option<Secret>, String> {
    let at = |name: &str| format!("providers[{}].{name}", provider.name);
    let origin = |name: &str| super::resolved::origin_of(report.entries, &at(name));
    let (key_origin, variable_origin) = (origin("api_key"), origin("api_key_env"));
    let is_in_file = |origin: &Origin| matches!(origin, Origin::File { .. });
    if is_in_file(&key_origin) && is_in_file(&variable_origin) {
        let problem = "is given together with api_key, but only one of the two may be given";
        report.error(&at("api_key_env"), None, problem);
        return Err("two keys are given".to_owned());
    }
    let reference = match (&provider.api_key, &provider.api_key_env) {
        (Some(text), _) => SecretRef::parse(text),
        (None, Some(name)) => Some(SecretRef::Variable(name.clone())),
        (None, None) => return Ok(None),
    };
    let Some(reference) = reference else {
        return Err("api_key is empty".to_owned());
    };
    let is_in_file = is_in_file(&key_origin);
    let secret = resolve(reference, context, is_in_file, (&at("api_key"), report))?;
    checked(secret).map(Some)
}

/// A key with the place that it comes from.
type FoundKey = (Secret, String);

/// The key, unless no header can hold it.
fn checked((secret, place): FoundKey) -> Result<Secret, String> {
    match http::HeaderValue::from_str(secret.expose()) {
        Ok(_) => Ok(secret),
        Err(_) => Err(format!(
            "the key in {place} has a line break or another character that no header can hold"
        )),
    }
}

/// Reads the key that a reference names.
fn resolve(
    reference: SecretRef,
    context: &ProviderContext<'_>,
    is_in_file: bool,
    (at, report): (&str, &mut Report<'_>),
) -> Result<FoundKey, String> {
    match reference {
        SecretRef::Variable(name) => {
            let text = context.env_vars.get(&name);
            let secret = text.and_then(|(text, _)| Secret::new(text));
            match secret {
                Some(secret) => Ok((secret, format!("the variable {name}"))),
                None => Err(format!("the variable {name} with its key is not set")),
            }
        }
        SecretRef::File(path) => {
            let secret = key_in_file(&context.sources.cwd.join(&path))?;
            Ok((secret, format!("the file {path}")))
        }
        SecretRef::Keystore(name) => Err(format!(
            "keystore:{name} cannot be opened: the key store is not built yet"
        )),
        SecretRef::Literal(secret) => {
            if is_in_file {
                let message = "the file contains the key itself; put it into a variable and name that \
                               variable in api_key_env";
                report.warn(at, message);
            }
            Ok((secret, "api_key".to_owned()))
        }
    }
}
