//! Text input: the filter, the command line, a reason, a phrase.

use crate::foreign::is_unsafe;
use crate::tui::filter::Filter;
use crate::tui::input_context::Screen;
use crate::tui::model::{DecisionView, Dialog, Model};

/// Characters in a filter or a command.
const MAX_TEXT: usize = 200;

pub(super) fn letter(model: &mut Model, c: char) {
    type_in(model, c.encode_utf8(&mut [0; 4]));
}

/// Types pasted text into the open field; without one it is ignored, never taken as keys.
pub(super) fn paste(model: &mut Model, text: &str) {
    if model.input_context().takes_text() {
        type_in(model, text);
    } else {
        model.notify("pasted text is ignored without an open field", false);
    }
}

fn type_in(model: &mut Model, text: &str) {
    if let Some(dialog) = model.confirm_dialog() {
        dialog.type_in(text);
        return;
    }
    with_text(model, |field| {
        let left = MAX_TEXT.saturating_sub(field.chars().count());
        field.extend(text.chars().filter(|c| !is_unsafe(*c)).take(left));
    });
}

pub(super) fn erase(model: &mut Model) {
    if let Some(field) = model.confirm_dialog().and_then(|dialog| dialog.field()) {
        field.pop();
        return;
    }
    with_text(model, |field| {
        field.pop();
    });
}

pub(super) fn clear(model: &mut Model) {
    if let Some(field) = model.confirm_dialog().and_then(|dialog| dialog.field()) {
        field.clear();
        return;
    }
    with_text(model, String::clear);
}

/// Changes the text of a box. A filter applies while it is typed.
fn with_text(model: &mut Model, change: impl FnOnce(&mut String)) {
    match &mut model.dialog {
        Some(Dialog::Filter(text)) => {
            change(text);
            let text = text.clone();
            set_filter(model, &text);
        }
        Some(Dialog::Palette { text, row }) => {
            change(text);
            *row = 0;
        }
        Some(Dialog::Help(help)) => {
            change(&mut help.search);
            help.first = 0;
        }
        Some(
            Dialog::Menu(_)
            | Dialog::Sort
            | Dialog::Presets
            | Dialog::Confirm(_)
            | Dialog::Report { .. },
        )
        | None => {}
    }
}

/// Sets the filter of the screen, or that of the overview where it has none.
pub(super) fn set_filter(model: &mut Model, text: &str) {
    match model.screen {
        Screen::Models => {
            model.models.filter = Filter::new(text);
            return;
        }
        Screen::Clients => {
            model.clients.filter = Filter::new(text);
            return;
        }
        Screen::Log => {
            model.log.filter = Filter::of_log(text);
            return;
        }
        _ => {}
    }
    if model.screen == Screen::Decisions {
        model.decisions_filter = Filter::of_decisions(text);
        // Its rows are asked for again, and followed.
        model.decision_view = DecisionView {
            troubled: model.decision_view.troubled,
            opening: model.decision_view.opening.take(),
            ..DecisionView::default()
        };
        model.decisions.at = 0;
        return;
    }
    model.filter = Filter::new(text);
    let is_shown = model
        .rows()
        .iter()
        .any(|row| Some(&row.performance.provider) == model.cursor.as_ref());
    if !is_shown {
        model.cursor = None;
    }
}
