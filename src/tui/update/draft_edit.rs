//! Editing a draft.

use crate::tui::draft::{CurrentSettings, Draft};
use crate::tui::keymap::Action;
use crate::tui::model::{Model, ORDER_HOLD};

/// Sets a preset, for all or for the provider whose own weights are selected.
pub(super) fn mix(model: &mut Model, shared: [u8; 3]) {
    model.dialog = None;
    let current = current_settings(model);
    with_draft(model, |draft| draft.mix(shared, current));
}

pub(super) fn with_draft(model: &mut Model, change: impl FnOnce(&mut Draft)) {
    if let Some(draft) = &mut model.draft {
        change(draft);
    }
}

/// The current settings of the provider of the selected row.
fn current_settings(model: &Model) -> CurrentSettings {
    let (Some(status), Some(draft)) = (&model.status, &model.draft) else {
        return CurrentSettings::default();
    };
    let name = draft.row.provider();
    let mut providers = status.providers.iter();
    let named = providers.find(|it| Some(it.performance.provider.as_str()) == name);
    named.map_or_else(CurrentSettings::default, |it| {
        CurrentSettings::new(it, &status.weights)
    })
}

/// The providers in display order, each with its current settings.
fn providers_with_settings(model: &Model) -> Vec<(String, CurrentSettings)> {
    let Some(status) = &model.status else {
        return Vec::new();
    };
    let rows = model.rows().into_iter();
    rows.map(|row| {
        let current = CurrentSettings::new(row, &status.weights);
        (row.performance.provider.clone(), current)
    })
    .collect()
}

pub(super) fn nudge(model: &mut Model, step: i16) {
    let current = current_settings(model);
    with_draft(model, |draft| draft.nudge(step, current));
}

/// Gives the selected provider its own weights, or removes them.
pub(super) fn toggle_own(model: &mut Model) {
    let current = current_settings(model);
    let is_provider = model
        .draft
        .as_mut()
        .is_some_and(|draft| draft.toggle_own(current));
    if !is_provider {
        let key = model.key(Action::Panel(1));
        let text = format!("own weights belong to a provider: {key} selects one");
        model.notify(text, false);
    }
}

pub(super) fn digit(model: &mut Model, digit: char) {
    let current = current_settings(model);
    with_draft(model, |draft| draft.digit(digit, current));
}

/// Selects another row; the cursor of the other screens follows.
pub(super) fn select(model: &mut Model, step: isize) {
    let providers = providers_with_settings(model);
    with_draft(model, |draft| draft.select(step, &providers));
    let row = model.draft.as_ref().and_then(|draft| draft.row.provider());
    if let Some(name) = row.map(str::to_owned) {
        model.cursor = Some(name);
        model.held_until = model.now + ORDER_HOLD;
    }
}
