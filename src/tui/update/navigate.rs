//! What Enter opens on each screen.

use super::actions::go;
use super::rollback;
use crate::tui::input_context::Screen;
use crate::tui::message::Effect;
use crate::tui::model::{Listing, Model};

pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Weights => {
            rollback::review(model);
            Vec::new()
        }
        Screen::Decisions => {
            let rows = model.decision_rows();
            let chosen = rows.get(model.decisions.at);
            let Some(provider) = chosen.and_then(|row| row.provider.clone()) else {
                return Vec::new();
            };
            let mut known = model.shown().into_iter().flat_map(|it| &it.providers);
            if !known.any(|it| it.performance.provider == provider) {
                model.notify(format!("{provider} is configured no more"), false);
                return Vec::new();
            }
            model.cursor = Some(provider);
            go(model, Screen::Detail)
        }
        _ => {
            let Some(chosen) = model.selected_name() else {
                model.notify("no provider is chosen", false);
                return Vec::new();
            };
            model.cursor = Some(chosen);
            model.decisions = Listing::default();
            go(model, Screen::Detail)
        }
    }
}
