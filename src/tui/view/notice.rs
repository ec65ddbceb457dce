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
        let text = format!(" {}: sent {elapsed} s ago, not answered yet", pending.what);
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

/// What stays to be said where there is no news: a line that is lost, a trial that runs.
fn standing<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    match &model.link {
        // It names the instance, as does the header.
        LinkState::Lost(why) => {
            let why = theme.secret(why);
            Line::styled(format!(" {why}; trying again"), theme.warn())
        }
        _ => match &status.reverts_at {
            Some(at) => Line::styled(
                format!(
                    " on trial: the change goes back at {}Z unless {} keeps it",
                    format::clock(at),
                    model.key(Action::Keep)
                ),
                theme.warn(),
            ),
            None => Line::default(),
        },
    }
}
