//! Providers that are configured like another one: `like = "openai-eu"`.

use super::origin::Origins;
use super::resolved::text_in;
use super::setting_error::{SettingError, did_you_mean};
use config::{Map, Value, ValueKind};

/// Settings of which one replaces all others.
const KEYS: [&str; 3] = ["api_key", "api_key_env", "api_keys"];
/// Settings that each provider has for itself.
const OWN: [&str; 2] = ["name", "like"];

/// Gives every provider with `like` what it does not say itself.
pub(super) fn inherit(providers: &mut [Value], origins: &Origins, errors: &mut Vec<SettingError>) {
    let stated: Vec<Map<String, Value>> = providers.iter().map(table).collect();
    for (at, provider) in providers.iter_mut().enumerate() {
        let ValueKind::Table(own) = &mut provider.kind else {
            continue;
        };
        match ancestors(&stated, at) {
            Ok(ancestors) => {
                for ancestor in ancestors {
                    add_missing(own, ancestor);
                }
            }
            Err(problem) => {
                let name = text_in(own, "name").unwrap_or_default();
                let value = own.get("like").map(|like| origins.get(like));
                let key = format!("providers[{name}].like");
                let error = SettingError::new(
                    value.unwrap_or(super::origin::Origin::BuiltIn),
                    key,
                    problem,
                );
                let like = text_in(own, "like").unwrap_or_default();
                errors.push(error.with_value(format!("{like:?}")));
            }
        }
    }
}

fn table(provider: &Value) -> Map<String, Value> {
    match &provider.kind {
        ValueKind::Table(table) => table.clone(),
        _ => Map::new(),
    }
}

/// The tables that a provider inherits from, the nearest first; none without `like`.
fn ancestors(all: &[Map<String, Value>], at: usize) -> Result<Vec<&Map<String, Value>>, String> {
    let name_of = |at: usize| all.get(at).and_then(|table| text_in(table, "name"));
    let mut chain = vec![at];
    let mut found = Vec::new();
    let mut current = all.get(at);
    while let Some(like) = current.and_then(|table| text_in(table, "like")) {
        let Some(next) = (0..all.len()).find(|&other| name_of(other) == Some(like)) else {
            let names = (0..all.len()).filter(|other| !chain.contains(other));
            let near = did_you_mean(like, names.filter_map(name_of));
            return Err(format!("must be the name of another provider{near}"));
        };
        let is_cycle = chain.contains(&next);
        chain.push(next);
        if is_cycle {
            let names: Vec<&str> = chain.iter().filter_map(|&at| name_of(at)).collect();
            let names = names.join(" → ");
            return Err(format!("must not lead back to itself ({names})"));
        }
        current = all.get(next);
        found.extend(current);
    }
    Ok(found)
}

/// Adds what a table does not state.
fn add_missing(own: &mut Map<String, Value>, other: &Map<String, Value>) {
    let has_key = KEYS.iter().any(|name| own.contains_key(*name));
    for (name, value) in other {
        let is_key = KEYS.contains(&name.as_str());
        if OWN.contains(&name.as_str()) || (is_key && has_key) {
            continue;
        }
        own.entry(name.clone()).or_insert_with(|| value.clone());
    }
}
