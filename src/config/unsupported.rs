//! What is accepted but not built yet: one table, which shrinks.

use super::resolved::ResolvedSetting;
use super::setting_error::SettingWarning;

/// A setting, or some of its values, that nothing acts on yet.
struct UnsupportedSetting {
    /// As in the table of settings; a `.` at its end means everything below.
    pattern: &'static str,
    values: Values,
    /// What happens meanwhile, where that is not simply nothing.
    meanwhile: &'static str,
}

enum Values {
    All,
    Only(&'static [&'static str]),
}

const fn all(pattern: &'static str) -> UnsupportedSetting {
    UnsupportedSetting {
        pattern,
        values: Values::All,
        meanwhile: "",
    }
}

/// Kinds of providers are not listed: which protocols are built is told by the caller.
const UNSUPPORTED: &[UnsupportedSetting] = &[
    UnsupportedSetting {
        pattern: "probe.mode",
        values: Values::Only(&["completion"]),
        meanwhile: "; models is in force",
    },
    all("probe.usd_per_day"),
    all("alerts."),
    all("store."),
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

/// Whether a setting's value is built; where it is not, another is in force.
pub(super) fn is_built(pattern: &str, value: &str) -> bool {
    row(pattern, value).is_none()
}

/// A note for `config show`, whether the value is built in or set.
pub(super) fn note(entry: &ResolvedSetting) -> Option<String> {
    let row = row(entry.pattern, &entry.value)?;
    Some(format!("accepted, but not built yet{}", row.meanwhile))
}

/// A warning for every setting that somebody made and that nothing acts on yet.
pub(super) fn warnings(entries: &[ResolvedSetting]) -> Vec<SettingWarning> {
    let warning = |entry: &ResolvedSetting| {
        let row = row(entry.pattern, &entry.value)?;
        let value = match row.values {
            Values::All => String::new(),
            Values::Only(_) => format!("{}: ", entry.value),
        };
        let message = format!("{value}accepted, but not built yet{}", row.meanwhile);
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
