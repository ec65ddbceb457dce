//! The draft on top of the settings in effect.

use crate::contract::{ProviderStatus, Status};
use crate::tui::draft::{CurrentSettings, Draft};
use crate::tui::keymap::Action;
use crate::tui::model::Model;

/// Bases the draft on the settings in effect: its changed rows stay.
pub(super) fn rebase_draft(model: &mut Model) {
    let (Some(draft), Some(status)) = (&mut model.draft, &model.status) else {
        return;
    };
    rebase(draft, status);
    let review = model.key(Action::Open);
    let text = format!(
        "draft on rev {}: {review} reviews it again",
        status.revision
    );
    model.notify(text, false);
}

pub(super) fn rebase(draft: &mut Draft, status: &Status) {
    draft.rebase(&status.weights, status.revision);
    if let Some(settings) = &status.settings {
        draft.rebase_settings(settings);
    }
    draft.renew(current_settings(status));
}

/// The current settings of a provider, by name.
pub(super) fn current_settings(status: &Status) -> impl Fn(&str) -> Option<CurrentSettings> {
    |name: &str| {
        let is_meant = |it: &&ProviderStatus| it.performance.provider == name;
        let provider = status.providers.iter().find(is_meant)?;
        Some(CurrentSettings::new(provider, &status.weights))
    }
}
