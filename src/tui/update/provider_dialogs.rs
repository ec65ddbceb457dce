//! Dialogs that change one provider: drain, disable, probe, reset its breakers.

use super::dialogs::{ask, change_choice, last_provider_phrase, revision, target_line};
use crate::contract::{ProviderChange, ProviderStatus};
use crate::tui::change::Change;
use crate::tui::confirm_dialog::{ConfirmDialog, DialogKind};
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Subject, is_blocked};
use crate::tui::takeover::takeover;

/// Ends of a drain that are offered, in seconds.
const HALF_HOUR_S: u64 = 1_800;
const HOUR_S: u64 = 3_600;

fn subject_provider(model: &Model) -> Option<ProviderStatus> {
    let name = match &model.dialog {
        Some(Dialog::Menu(Subject::Provider(name))) => name.clone(),
        Some(Dialog::Menu(Subject::Alert(_))) => model.selected_name()?,
        _ => return None,
    };
    let mut providers = model.status.iter().flat_map(|status| &status.providers);
    providers
        .find(|provider| provider.performance.provider == name)
        .cloned()
}

/// What a drain or a switch changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    Drain,
    StopDraining,
    Disable,
    Enable,
}

impl Switch {
    /// The question: `drain google: finish running requests, accept no new ones`.
    fn question(self, name: &str) -> String {
        match self {
            Self::Drain => format!("drain {name}: finish running requests, accept no new ones"),
            Self::StopDraining => format!("stop draining {name}: send it requests again"),
            Self::Disable => format!("disable {name}: no new requests, no probes"),
            Self::Enable => format!("enable {name}: probe it and send it requests again"),
        }
    }

    /// The change, and the one that undoes it.
    fn changes(self) -> [ProviderChange; 2] {
        let draining = |on: bool| ProviderChange {
            draining: Some(on),
            ..ProviderChange::default()
        };
        let enabled = |on: bool| ProviderChange {
            enabled: Some(on),
            ..ProviderChange::default()
        };
        match self {
            Self::Drain => [draining(true), draining(false)],
            Self::StopDraining => [draining(false), draining(true)],
            Self::Disable => [enabled(false), enabled(true)],
            Self::Enable => [enabled(true), enabled(false)],
        }
    }
}

/// Drains a provider or ends that; with `drains` unset, disables it or enables it again.
pub(super) fn switch(model: &mut Model, drains: bool) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let switch = match (drains, provider.draining, provider.enabled) {
        (true, false, _) => Switch::Drain,
        (true, true, _) => Switch::StopDraining,
        (false, _, true) => Switch::Disable,
        (false, _, false) => Switch::Enable,
    };
    let revision = revision(model);
    let name = provider.performance.provider.clone();
    let change = |change: ProviderChange| {
        let change = ProviderChange { revision, ..change };
        let name = name.clone();
        vec![Change::Provider { name, change }]
    };
    let [to, back] = switch.changes().map(change);
    let mut lines = vec![switch.question(&name)];
    if matches!(switch, Switch::Drain | Switch::Disable) {
        let status = model.status.as_deref();
        lines.extend(status.map(|status| takeover(status, &provider)));
        lines.push(format!(
            "{} requests run there now",
            provider.performance.in_flight
        ));
    }
    lines.push(target_line(model));
    let phrase = last_provider_phrase(model, &to);
    let mut choices = Vec::new();
    if switch == Switch::Drain {
        let ends = [
            (Action::HalfHour, "Drain for 30 minutes", HALF_HOUR_S),
            (Action::Hour, "Drain for 1 hour", HOUR_S),
        ];
        choices.extend(ends.map(|(key, label, seconds)| {
            let timed = ProviderChange {
                drain_seconds: Some(seconds),
                ..ProviderChange::default()
            };
            change_choice(key, label, change(timed), back.clone())
        }));
    }
    let label = match switch {
        Switch::Drain => "Drain until it is undone".to_owned(),
        Switch::StopDraining => "Stop draining".to_owned(),
        Switch::Disable => format!("Disable {name}"),
        Switch::Enable => format!("Enable {name}"),
    };
    choices.push(change_choice(Action::Yes, label, to, back));
    let dialog = ConfirmDialog::new(DialogKind::Provider, lines, choices);
    ask(model, dialog.with_fields(phrase, false));
}

pub(super) fn probe(model: &mut Model) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let name = provider.performance.provider;
    let lines = vec![
        format!("{name}: probe it now?"),
        "The probe lists its models, which is free.".to_owned(),
    ];
    let probe = vec![Change::Probe(name)];
    let yes = change_choice(Action::Yes, "Yes, probe it", probe, Vec::new());
    ask(
        model,
        ConfirmDialog::new(DialogKind::Probe, lines, vec![yes]),
    );
}

/// Closes the breakers of a provider that the operator knows to be healthy.
pub(super) fn reset(model: &mut Model) {
    let Some(provider) = subject_provider(model) else {
        return;
    };
    let name = provider.performance.provider.clone();
    if !is_blocked(&provider) {
        model.dialog = None;
        model.notify(
            format!("{name} has no open breaker and no wait to reset"),
            false,
        );
        return;
    }
    let state = model.theme().state_word(provider.performance.state);
    let lines = vec![
        format!("{name}: reset its breakers and send it requests at once?"),
        format!("now: {state} {}", provider.why),
        "This also ends a wait it asked for. New failures count as usual.".to_owned(),
        target_line(model),
    ];
    let change = ProviderChange {
        reset_breaker: Some(true),
        revision: revision(model),
        ..ProviderChange::default()
    };
    let change = vec![Change::Provider { name, change }];
    let yes = change_choice(Action::Yes, "Yes, reset them", change, Vec::new());
    ask(
        model,
        ConfirmDialog::new(DialogKind::ResetBreakers, lines, vec![yes]),
    );
}
