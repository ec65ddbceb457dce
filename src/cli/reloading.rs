//! What a reload changed, as text.

use crate::contract::{ReloadReport, SettingChange};
use serde_json::Value;

/// A line for each setting, or one that says that none changed.
pub fn render_reload(report: &ReloadReport) -> String {
    let revision = report.revision;
    if report.changed.is_empty() {
        return format!("nothing changed, revision {revision}\n");
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
    let side = |value: &Value| match value {
        Value::Null => "not set".to_owned(),
        value => value.to_string(),
    };
    let note = change.note.as_ref().map(|note| format!("  ({note})"));
    format!(
        "  {}: {} → {}{}\n",
        change.key,
        side(&change.from),
        side(&change.to),
        note.unwrap_or_default()
    )
}
