//! `(model, message) → effects`. Nothing here draws, waits or sends.

use super::draft::Draft;
use super::keymap::{self, Action};
use super::message::{Effect, Ending, Message};
use super::model::{Dialog, HOLD, Link, Model, NOTICE};
use crate::client::{ClientError, Update};
use crate::contract::{ProviderChange, Status, WeightsReport, Window};
use crossterm::event::{KeyEvent, KeyEventKind};
use std::sync::Arc;
use std::time::Duration;

/// Two Ctrl-C within this time leave an attached dashboard.
const TWICE: Duration = Duration::from_secs(1);

/// Takes in what happened at `now`, time since the start of the dashboard.
pub fn update(model: &mut Model, message: Message, now: Duration) -> Vec<Effect> {
    model.now = now;
    match message {
        Message::Key(key) => return on_key(model, &key),
        Message::Update(Update::Status(status)) => on_status(model, status),
        Message::Update(Update::Lost(why)) => model.link = Link::Lost(why),
        Message::WeightsSet(result) => on_weights(model, result),
        Message::ProviderChanged { name, result } => match result {
            Ok(()) => model.notify(format!("{name}: done"), false),
            Err(error) => model.notify(format!("{name}: {error}"), true),
        },
        Message::Tick => {}
    }
    if model
        .notice
        .as_ref()
        .is_some_and(|notice| !notice.bad && now.saturating_sub(notice.at) > NOTICE)
    {
        model.notice = None;
    }
    Vec::new()
}

fn on_status(model: &mut Model, status: Arc<Status>) {
    // An answer over the old window may still be under way after a change of windows.
    if status.window != model.window {
        return;
    }
    model.link = Link::Live;
    model.status_at = model.now;
    if let Some(draft) = &mut model.draft
        && !draft.is_changed()
    {
        draft.rebase(&status.weights, status.revision);
    }
    model.status = Some(status);
    model.sort();
}

fn on_weights(model: &mut Model, result: Result<WeightsReport, ClientError>) {
    match result {
        Ok(report) => {
            if let Some(draft) = &mut model.draft {
                let row = draft.row;
                *draft = Draft::new(&report.weights, report.revision);
                draft.row = row;
            }
            let saved = report
                .saved
                .map(|saved| format!(" ({saved})"))
                .unwrap_or_default();
            model.notify(format!("applied as rev {}{saved}", report.revision), false);
        }
        Err(error) => {
            // Somebody was quicker: the draft stays, on top of what is in force now.
            if error.status == 409
                && let (Some(draft), Some(status)) = (&mut model.draft, &model.status)
            {
                draft.rebase(&status.weights, status.revision);
            }
            model.notify(format!("not applied: {error}"), true);
        }
    }
}

fn on_key(model: &mut Model, key: &KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let Some((action, digit)) = keymap::lookup(model.place(), key) else {
        return Vec::new();
    };
    if let Some(draft) = &mut model.draft {
        match action {
            Action::RowDown => draft.select(1),
            Action::RowUp => draft.select(-1),
            Action::More => draft.nudge(1),
            Action::Less => draft.nudge(-1),
            Action::MuchMore => draft.nudge(10),
            Action::MuchLess => draft.nudge(-10),
            Action::Digit => draft.digit(digit),
            Action::Reset => draft.reset(),
            _ => {}
        }
    }
    act(model, action)
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Down => move_cursor(model, 1),
        Action::Up => move_cursor(model, -1),
        Action::First => move_cursor(model, isize::MIN),
        Action::Last => move_cursor(model, isize::MAX),
        Action::Weights => open_weights(model),
        Action::Menu => {
            if let Some(provider) = model
                .chosen()
                .map(|chosen| chosen.performance.provider.clone())
            {
                model.dialog = Some(Dialog::Menu { provider });
            }
        }
        Action::Drain | Action::Enable => ask(model, action),
        Action::Confirm => return confirmed(model),
        Action::WindowLonger => return change_window(model, 1),
        Action::WindowShorter => return change_window(model, -1),
        Action::Freeze => freeze(model),
        Action::Help => model.dialog = Some(Dialog::Help),
        Action::Repaint => return vec![Effect::Repaint],
        Action::Back => back(model),
        Action::Review => review(model),
        Action::Apply => return apply(model),
        Action::Quit if model.options.all_in_one => model.dialog = Some(Dialog::Leave),
        Action::Quit => return vec![Effect::End(Ending::Quit)],
        Action::QuitHard => return interrupted(model),
        Action::Stop => return vec![Effect::End(Ending::Stop)],
        Action::Detach => return vec![Effect::End(Ending::Detach)],
        _ => {}
    }
    Vec::new()
}

fn move_cursor(model: &mut Model, step: isize) {
    let rows = model.order.len();
    let Some(last) = rows.checked_sub(1) else {
        return;
    };
    let at = model
        .cursor
        .as_ref()
        .and_then(|name| model.order.iter().position(|row| row == name));
    let next = at.unwrap_or(0).saturating_add_signed(step).min(last);
    model.cursor = model.order.get(next).cloned();
    model.held_until = model.now + HOLD;
}

fn open_weights(model: &mut Model) {
    model.in_weights = true;
    if model.draft.is_none()
        && let Some(status) = &model.status
    {
        model.draft = Some(Draft::new(&status.weights, status.revision));
    }
}

fn freeze(model: &mut Model) {
    model.frozen = if model.frozen.is_some() {
        None
    } else {
        model.status.clone()
    };
    model.sort();
}

fn back(model: &mut Model) {
    if model.dialog.take().is_some() {
        return;
    }
    if model.notice.take_if(|notice| notice.bad).is_some() {
        return;
    }
    model.in_weights = false;
    if model
        .draft
        .as_ref()
        .is_some_and(|draft| !draft.is_changed())
    {
        model.draft = None;
    }
}

fn change_window(model: &mut Model, step: isize) -> Vec<Effect> {
    let at = Window::ALL
        .iter()
        .position(|window| *window == model.window)
        .unwrap_or(0);
    let next = at.saturating_add_signed(step).min(Window::ALL.len() - 1);
    if next == at {
        return Vec::new();
    }
    model.window = Window::ALL[next];
    model.frozen = None;
    vec![Effect::Watch(model.window)]
}

fn ask(model: &mut Model, action: Action) {
    let Some(Dialog::Menu { provider }) = model.dialog.take() else {
        return;
    };
    if refused(model) {
        return;
    }
    let Some(status) = &model.status else { return };
    let Some(now) = status
        .providers
        .iter()
        .find(|p| p.performance.provider == provider)
    else {
        return;
    };
    let (what, change) = if action == Action::Drain {
        let what = if now.draining {
            "send it requests again"
        } else {
            "drain it: running requests end, no new ones"
        };
        (
            what,
            ProviderChange {
                draining: Some(!now.draining),
                ..ProviderChange::default()
            },
        )
    } else {
        let what = if now.enabled {
            "disable it"
        } else {
            "enable it"
        };
        (
            what,
            ProviderChange {
                enabled: Some(!now.enabled),
                ..ProviderChange::default()
            },
        )
    };
    model.dialog = Some(Dialog::Confirm {
        provider,
        what: what.to_owned(),
        change,
    });
}

fn confirmed(model: &mut Model) -> Vec<Effect> {
    let Some(Dialog::Confirm {
        provider,
        change,
        what,
    }) = model.dialog.take()
    else {
        return Vec::new();
    };
    model.notify(format!("{provider}: {what} … sent"), false);
    vec![Effect::ChangeProvider {
        name: provider,
        change,
    }]
}

fn review(model: &mut Model) {
    let Some(draft) = &model.draft else { return };
    if !draft.is_changed() {
        model.notify("nothing to apply: the draft is what is in force", false);
    } else if !refused(model) {
        model.dialog = Some(Dialog::Review);
    }
}

fn apply(model: &mut Model) -> Vec<Effect> {
    model.dialog = None;
    let Some(draft) = &model.draft else {
        return Vec::new();
    };
    let change = draft.change();
    model.notify("weights … sent", false);
    vec![Effect::SetWeights(change)]
}

fn refused(model: &mut Model) -> bool {
    if model.options.read_only {
        model.notify(
            "read-only: this dashboard was started with --read-only",
            true,
        );
    }
    model.options.read_only
}

fn interrupted(model: &mut Model) -> Vec<Effect> {
    if model.options.all_in_one {
        model.dialog = Some(Dialog::Leave);
        return Vec::new();
    }
    let again = model
        .interrupted_at
        .is_some_and(|at| model.now.saturating_sub(at) <= TWICE);
    model.interrupted_at = Some(model.now);
    if again {
        return vec![Effect::End(Ending::Quit)];
    }
    model.notify("Ctrl-C once more leaves", false);
    Vec::new()
}
