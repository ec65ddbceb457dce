//! The keys of the current context.

use crate::tui::input_context::LOG;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model};
use ratatui::text::{Line, Span};

/// Returns whether an action applies to the open dialog, if any.
fn applies(model: &Model, action: Action) -> bool {
    match &model.dialog {
        Some(Dialog::Confirm(dialog)) if is_answer(action) => dialog
            .choices
            .iter()
            .any(|choice| choice.key == Some(action)),
        // Gateway and dashboard are one process then.
        _ if action == Action::LogSource => !model.options.all_in_one,
        _ => true,
    }
}

/// Returns whether only some dialogs have this choice.
fn is_answer(action: Action) -> bool {
    matches!(
        action,
        Action::Yes
            | Action::HalfHour
            | Action::Hour
            | Action::Discard
            | Action::Stop
            | Action::Detach
    )
}

pub(super) fn footer<'a>(model: &Model, width: u16) -> Line<'a> {
    let theme = model.theme();
    let keys = model.options.keymap.at(model.input_context(), theme.ascii);
    let mut shown: Vec<_> = keys
        .filter(|(binding, _)| !binding.short.is_empty() && applies(model, binding.action))
        .collect();
    if model.input_context() == LOG {
        // What only a few screens have comes first; the rest is known from elsewhere.
        let is_own = |action| matches!(action, Action::Filter | Action::LogSource);
        shown.sort_by_key(|(binding, _)| !is_own(binding.action));
    }
    let hints: Vec<(String, &str)> = shown
        .iter()
        .map(|(binding, keys)| (keys[0].clone(), binding.short))
        .collect();
    let cells = |(key, short): &(String, &str)| key.chars().count() + short.chars().count() + 3;
    // The last hint, which leads out, is always shown.
    let mut available = usize::from(width).saturating_sub(hints.last().map_or(0, cells));
    let last = hints.len().saturating_sub(1);
    let mut spans = Vec::new();
    for (index, hint) in hints.iter().enumerate() {
        if index < last && cells(hint) > available {
            available = 0;
            continue;
        }
        available = available.saturating_sub(cells(hint));
        spans.push(Span::styled(format!(" {}", hint.0), theme.strong()));
        spans.push(Span::styled(format!(" {} ", hint.1), theme.dim()));
    }
    Line::from(spans)
}
