//! The lines of the log view.

use crate::client::{ClientError, log_list};
use crate::contract::LogList;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use std::time::Duration;

/// Lines are requested this often: a busy gateway writes many a second, more than can be read, and more
/// than a slow line to the terminal carries.
const LOG_REFRESH: Duration = Duration::from_secs(2);
/// Cells of one step sideways.
const SIDE_STEP: usize = 10;
/// Cells that a text can be moved to the left.
const MAX_COLUMN: usize = 1_000;

/// Requests the lines after those that are known.
pub(super) fn watched(model: &mut Model) -> Vec<Effect> {
    let is_recent = |at| model.now.saturating_sub(at) < LOG_REFRESH;
    if model.log.asked || model.log.asked_at.is_some_and(is_recent) {
        return Vec::new();
    }
    model.log.asked_at = Some(model.now);
    let wanted = model.log.wanted();
    if model.log_is_remote() {
        model.log.asked = true;
        return vec![Effect::AskLog(wanted)];
    }
    model.log.receive(log_list(&model.options.logs, &wanted));
    Vec::new()
}

/// Takes in lines of the gateway.
pub(super) fn on_log(model: &mut Model, answer: Result<LogList, ClientError>) {
    // The operator may have switched to the lines of the dashboard meanwhile.
    if !model.log_is_remote() {
        return;
    }
    model.log.asked = false;
    match answer {
        Ok(list) => model.log.receive(list),
        Err(error) => model.log.error = Some(error.to_string()),
    }
}

/// Switches between the lines of the gateway and those of the dashboard.
pub(super) fn switch(model: &mut Model) -> Vec<Effect> {
    if model.options.all_in_one {
        model.notify("gateway and dashboard are one process with one log", false);
        return Vec::new();
    }
    model.log.switch();
    watched(model)
}

/// Moves the texts sideways.
pub(super) fn side(model: &mut Model, step: isize) {
    let cells = isize::try_from(SIDE_STEP).unwrap_or(1).saturating_mul(step);
    let column = model.log.column.saturating_add_signed(cells);
    model.log.column = column.min(MAX_COLUMN);
}
