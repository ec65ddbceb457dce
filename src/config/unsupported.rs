//! Settings that are accepted but not built yet.

use super::resolved::ResolvedSetting;
use super::setting_error::SettingWarning;

/// A setting, or some of its values, without effect yet.
struct UnsupportedSetting {
    /// As in the table of settings; a `.` at its end means everything below.
    pattern: &'static str,
    values: Values,
    /// What applies instead, as the end of a sentence; empty for nothing.
    fallback: &'static str,
}

enum Values {
    All,
    Only(&'static [&'static str]),
}

const fn all(pattern: &'static str) -> UnsupportedSetting {
    UnsupportedSetting {
        pattern,
        values: Values::All,
        fallback: "",
    }
}

/// Kinds of providers are not listed: `Sources::built_kinds` has those that are built.
const UNSUPPORTED: &[UnsupportedSetting] = &[
    UnsupportedSetting {
        pattern: "probe.mode",
        values: Values::Only(&["completion"]),
        fallback: "; models is in force",
    },
    all("probe.usd_per_day"),
];

/// The row that a setting with that value falls under; `None` where it is built.
fn row(pattern: &str, value: &str) -> Option<&'static UnsupportedSetting> {
    let value = value.trim_matches('"');
    let is_meant = |row: &&UnsupportedSetting| {
        let is_pattern = match row.pattern.strip_suffix('.') {
            Some(_) => pattern.starts_with(row.pattern),
            None => pattern == row.pattern,
        };
        is_pattern
            && match row.values {
                Values::All => true,
                Values::Only(words) => words.contains(&value),
            }
    };
    UNSUPPORTED.iter().find(is_meant)
}

/// Returns whether the value of a setting is built; otherwise another value applies.
pub(super) fn is_built(pattern: &str, value: &str) -> bool {
    row(pattern, value).is_none()
}

/// A note for `config show`, for defaults too.
pub(super) fn note(entry: &ResolvedSetting) -> Option<String> {
    let row = row(entry.pattern, &entry.value)?;
    Some(format!("accepted, but not built yet{}", row.fallback))
}

/// A warning for every setting of the operator that has no effect yet.
pub(super) fn warnings(entries: &[ResolvedSetting]) -> Vec<SettingWarning> {
    let warning = |entry: &ResolvedSetting| {
        let row = row(entry.pattern, &entry.value)?;
        let value = match row.values {
            Values::All => String::new(),
            Values::Only(_) => format!("{}: ", entry.value),
        };
        let message = format!("{value}accepted, but not built yet{}", row.fallback);
        Some(SettingWarning::new(
            entry.origin.clone(),
            entry.key.clone(),
            message,
        ))
    };
    entries
        .iter()
        .filter(|entry| entry.origin.is_set())
        .filter_map(warning)
        .collect()
}
