//! The line for the result of the last change.

use crate::contract::Status;
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::{LinkState, Model};
use ratatui::text::Line;

pub(super) fn notice<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    if let Some(pending) = &model.pending {
        let elapsed = model.now.saturating_sub(pending.at).as_secs();
        let text = format!(" {}: sent {elapsed} s ago, no reply yet", pending.what);
        return Line::styled(text, theme.warn());
    }
    match &model.notice {
        Some(notice) if notice.bad => Line::styled(
            format!(" {} {}  (Esc)", theme.mark('✗', 'X'), notice.text),
            theme.bad(),
        ),
        Some(notice) => Line::styled(
            format!(" {} {}", theme.mark('✓', '+'), notice.text),
            theme.good(),
        ),
        None => standing(model, status),
    }
}

/// The text without a notice: a lost connection, or a running trial.
fn standing<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    match &model.link {
        // The error names the instance, which is masked in the header as well.
        LinkState::Lost(why) => {
            let why = theme.secret(why);
            Line::styled(format!(" {why}; retrying"), theme.warn())
        }
        LinkState::Waiting | LinkState::Live => match &status.reverts_at {
            Some(at) => Line::styled(
                format!(
                    " on trial: the change reverts at {}Z unless {} keeps it",
                    format::clock(at),
                    model.key(Action::Keep)
                ),
                theme.warn(),
            ),
            None => Line::styled(incidents(model, status), theme.dim()),
        },
    }
}

/// What an exercise has due, by the clock of the instance.
fn incidents(model: &Model, status: &Status) -> String {
    let incidents = model.options.incidents.as_ref();
    let text = incidents
        .zip(format::unix_seconds(&status.generated_at))
        .and_then(|(incidents, now)| incidents.text(now));
    text.map_or_else(String::new, |text| format!(" {text}"))
}
