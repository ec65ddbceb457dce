//! Moving a draft.

use crate::tui::draft::{CurrentSettings, Draft};
use crate::tui::keymap::Action;
use crate::tui::model::{Model, ORDER_HOLD};

/// A known mix for all, or for the provider whose own weights are in hand.
pub(super) fn mix(model: &mut Model, shared: [u8; 3]) {
    model.dialog = None;
    let in_force = in_force(model);
    with_draft(model, |draft| draft.mix(shared, in_force));
}

pub(super) fn with_draft(model: &mut Model, change: impl FnOnce(&mut Draft)) {
    if let Some(draft) = &mut model.draft {
        change(draft);
    }
}

/// What is in force of the provider whose row is in hand.
fn in_force(model: &Model) -> CurrentSettings {
    let (Some(status), Some(draft)) = (&model.status, &model.draft) else {
        return CurrentSettings::default();
    };
    let name = draft.row.provider();
    let mut providers = status.providers.iter();
    let named = providers.find(|it| Some(it.performance.provider.as_str()) == name);
    named.map_or_else(CurrentSettings::default, |it| {
        CurrentSettings::of(it, &status.weights)
    })
}

/// The providers in the order of the screen, each with what is in force.
fn providers_in_force(model: &Model) -> Vec<(String, CurrentSettings)> {
    let Some(status) = &model.status else {
        return Vec::new();
    };
    let rows = model.rows().into_iter();
    rows.map(|row| {
        let in_force = CurrentSettings::of(row, &status.weights);
        (row.performance.provider.clone(), in_force)
    })
    .collect()
}

pub(super) fn nudge(model: &mut Model, step: i16) {
    let in_force = in_force(model);
    with_draft(model, |draft| draft.nudge(step, in_force));
}

/// Own weights for the provider in hand, or none any more.
pub(super) fn toggle_own(model: &mut Model) {
    let in_force = in_force(model);
    let is_provider = model
        .draft
        .as_mut()
        .is_some_and(|draft| draft.toggle_own(in_force));
    if !is_provider {
        let key = model.key(Action::Panel(1));
        let text = format!("weights of its own belong to a provider: {key} goes there");
        model.notify(text, false);
    }
}

pub(super) fn digit(model: &mut Model, digit: char) {
    let in_force = in_force(model);
    with_draft(model, |draft| draft.digit(digit, in_force));
}

/// To another row; the cursor of the other screens goes with it.
pub(super) fn select(model: &mut Model, step: isize) {
    let providers = providers_in_force(model);
    with_draft(model, |draft| draft.select(step, &providers));
    let row = model.draft.as_ref().and_then(|draft| draft.row.provider());
    if let Some(name) = row.map(str::to_owned) {
        model.cursor = Some(name);
        model.held_until = model.now + ORDER_HOLD;
    }
}
