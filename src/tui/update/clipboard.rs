//! Copies the row under the cursor.

use crate::tui::effect::Effect;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::Model;

/// Copies the row under the cursor: its name or id, or for [`Action::CopyAll`] the whole of it as JSON.
pub(super) fn copy(model: &mut Model, action: Action) -> Vec<Effect> {
    let text = match action {
        Action::CopyAll => whole_row(model),
        _ => name(model),
    };
    to_clipboard(model, text)
}

fn name(model: &Model) -> Option<String> {
    match model.screen {
        Screen::Decisions => {
            let rows = model.decision_rows();
            rows.get(model.decisions.at)
                .map(|row| row.decision_id.clone())
        }
        Screen::Revisions => {
            let selected = model.revisions.rows.get(model.revisions.at);
            selected.map(|revision| revision.revision.to_string())
        }
        Screen::Log => {
            let selected = model.log.selected();
            selected.map(|it| format!("{} {} {}", it.at, it.level.as_str(), it.text))
        }
        Screen::Clients => model.selected_client().map(|client| client.name),
        Screen::Overview | Screen::Detail | Screen::Weights | Screen::Models | Screen::Alerts => {
            model.selected_name()
        }
    }
}

fn whole_row(model: &Model) -> Option<String> {
    match model.screen {
        Screen::Decisions => {
            let rows = model.decision_rows();
            let selected = rows.get(model.decisions.at);
            selected.and_then(|row| serde_json::to_string(row).ok())
        }
        Screen::Revisions => {
            let selected = model.revisions.rows.get(model.revisions.at);
            selected.and_then(|revision| serde_json::to_string(revision).ok())
        }
        Screen::Log => {
            let selected = model.log.selected();
            selected.and_then(|it| serde_json::to_string(it).ok())
        }
        Screen::Weights => model
            .status
            .as_ref()
            .and_then(|status| serde_json::to_string(&status.weights).ok()),
        Screen::Clients => {
            let client = model.selected_client();
            client.and_then(|client| serde_json::to_string(&client).ok())
        }
        Screen::Models => {
            let rows = model.model_rows();
            let selected = rows.get(model.model_at(&rows));
            selected.and_then(|row| serde_json::to_string(&row.performance).ok())
        }
        Screen::Overview | Screen::Detail | Screen::Alerts => model
            .selected()
            .and_then(|provider| serde_json::to_string(&provider.performance).ok()),
    }
}

/// No terminal replies whether it accepted a text, so the notice claims nothing, and shows it for copying
/// by hand.
fn to_clipboard(model: &mut Model, text: Option<String>) -> Vec<Effect> {
    let Some(text) = text else {
        model.notify("nothing under the cursor to copy", false);
        return Vec::new();
    };
    model.notify(format!("sent to the clipboard: {text}"), false);
    vec![Effect::Copy(text)]
}
