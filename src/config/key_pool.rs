//! The keys of one provider: a single one, or several that share its requests.

use super::file;
use super::origin::Origin;
use super::provider_context::ProviderContext;
use super::report::Report;
use super::secret_reader::FoundSecret;
use super::settings::{KeyCommand, KeySource, PoolKey};
use crate::secrets::{Program, Secret, SecretRef};
use std::time::Duration;

/// Time after which the output of a command is read again.
const DEFAULT_REFRESH: Duration = Duration::from_mins(15);

/// The keys of a provider.
#[derive(Debug, Default)]
pub(super) struct FoundKeys {
    /// The first one; `None` where the provider needs none.
    pub first: Option<KeySource>,
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
    let origin = super::resolved::origin_of(report.entries, &key);
    let (mut pool, mut missing): (Vec<PoolKey>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, entry) in provider.api_keys.iter().enumerate() {
        let (text, weight) = entry.parts();
        let Some(reference) = SecretRef::parse(text) else {
            let problem = "must be a list of keys, each as in api_key";
            report.error(&key, None, problem);
            continue;
        };
        let name = match &reference {
            SecretRef::Literal(_) => format!("number {}", at + 1),
            reference => reference.masked(),
        };
        match resolve(&reference, provider, context, (&origin, &key, report)) {
            Ok(source) if pool.iter().any(|known| known.source == source) => {
                let problem = "must be given once, but it is the same key as an earlier one";
                report.error(&key, Some(name), problem);
            }
            Ok(source) => pool.push(PoolKey {
                name,
                weight,
                source,
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
    let first = pool.first().map(|key| key.source.clone());
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
) -> Result<Option<KeySource>, String> {
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
    let place = (&key_origin, &*at("api_key"), report);
    resolve(&reference, provider, context, place).map(Some)
}

/// The key, unless no header can hold it.
fn checked((secret, place): FoundSecret) -> Result<Secret, String> {
    match http::HeaderValue::from_str(secret.expose()) {
        Ok(_) => Ok(secret),
        Err(_) => Err(format!(
            "the key in {place} has a line break or another character that no header can hold"
        )),
    }
}

/// Finds the source of the key that a reference names.
fn resolve(
    reference: &SecretRef,
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    (origin, at, report): (&Origin, &str, &mut Report<'_>),
) -> Result<KeySource, String> {
    if let SecretRef::Command(line) = reference {
        return command(line, provider, context, origin).map(KeySource::Command);
    }
    if matches!(reference, SecretRef::Literal(_)) && matches!(origin, Origin::File { .. }) {
        let message = "the file contains the key itself; put it into a variable and name that \
                       variable in api_key_env";
        report.warn(at, message);
    }
    checked(context.secrets.read(reference, "its key")?).map(KeySource::Fixed)
}

/// The command of a key. One that `.env` states is not run: the author of a folder must not start
/// programs of an operator who starts this one in it.
fn command(
    line: &Secret,
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    origin: &Origin,
) -> Result<KeyCommand, String> {
    if matches!(origin, Origin::DotEnv { .. }) && !context.sources.trust_env_file {
        return Err(
            ".env sets a command, which is not run; put it into a configuration file or into the \
             environment, or start with --trust-env-file"
                .to_owned(),
        );
    }
    let program = Program::parse(line.expose());
    Ok(KeyCommand {
        program: program.map_err(|problem| format!("its command {problem}"))?,
        refresh: provider
            .key_refresh_seconds
            .map_or(DEFAULT_REFRESH, Duration::from_secs),
    })
}
