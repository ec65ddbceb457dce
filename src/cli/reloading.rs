//! Changes of a reload, as text.

use crate::contract::{ReloadReport, SettingChange};
use crate::foreign::EscapeControls;
use serde_json::Value;

/// One line for each changed setting, or one line that none changed.
pub fn render_reload(report: &ReloadReport) -> String {
    let revision = report.revision;
    if report.changed.is_empty() {
        // A changed file is usually read before a reload is requested.
        return format!("no change since the last reload, revision {revision}\n");
    }
    let count = report.changed.len();
    let settings = if count == 1 { "setting" } else { "settings" };
    let mut text = format!("{count} {settings} changed, revision {revision}\n");
    for change in &report.changed {
        text.push_str(&line(change));
    }
    text
}

fn line(change: &SettingChange) -> String {
    let text_of = |value: &Value| match value {
        Value::Null => "not set".to_owned(),
        value => value.to_string(),
    };
    let note = change.note.as_ref().map(|note| format!("  ({note})"));
    let line = format!(
        "  {}: {} → {}{}",
        change.key,
        text_of(&change.from),
        text_of(&change.to),
        note.unwrap_or_default()
    );
    format!("{}\n", EscapeControls::line(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_a_line_with_both_values() {
        let change = |key: &str, from: Value, to: Value, note: Option<&str>| SettingChange {
            key: key.to_owned(),
            from,
            to,
            note: note.map(str::to_owned),
        };
        let mut report = ReloadReport {
            changed: vec![
                change("balancing.max_retries", 3.into(), 1.into(), None),
                change(
                    "server.listen",
                    "a".into(),
                    "b".into(),
                    Some("needs a restart"),
                ),
                change("cache.max_mb", Value::Null, 5.into(), None),
            ],
            revision: 7,
            warnings: Vec::new(),
        };

        assert_eq!(
            render_reload(&report),
            "3 settings changed, revision 7\n\
             \x20 balancing.max_retries: 3 → 1\n\
             \x20 server.listen: \"a\" → \"b\"  (needs a restart)\n\
             \x20 cache.max_mb: not set → 5\n"
        );
        report.changed.clear();
        assert_eq!(
            render_reload(&report),
            "no change since the last reload, revision 7\n"
        );
    }
}
