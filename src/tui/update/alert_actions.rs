//! What operators do with alerts: acknowledge at once, mute for a chosen time. Both can be undone.

use super::dialogs::{ask, change_choice, send, target_line};
use crate::tui::change::{AlertHandling, Change};
use crate::tui::confirm_dialog::{ConfirmDialog, DialogKind};
use crate::tui::effect::Effect;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Subject};

/// Lengths of a silence that are offered, in seconds.
const SILENCES: [(Action, &str, u64); 3] = [
    (Action::HalfHour, "Mute for 30 minutes", 1_800),
    (Action::Hour, "Mute for 1 hour", 3_600),
    (Action::Yes, "Mute for a day", 86_400),
];

/// Acknowledges the selected alert: nothing is asked, because it stops nothing and can be undone.
pub(super) fn acknowledge(model: &mut Model) -> Vec<Effect> {
    let Some(alert) = model.selected_alert().cloned() else {
        let alerts = model.key(Action::Go(crate::tui::input_context::Screen::Alerts));
        model.notify(format!("no alert is selected; {alerts} lists all"), false);
        return Vec::new();
    };
    if alert.until.is_some() {
        model.notify("this alert is over: there is nothing to acknowledge", false);
        return Vec::new();
    }
    if let Some(who) = &alert.acknowledged_by {
        let who = model.theme().secret(who.as_str());
        model.notify(format!("{who} has acknowledged it already"), false);
        return Vec::new();
    }
    if let Some(why) = model.refusal() {
        model.notify(why, true);
        return Vec::new();
    }
    let change = |operation| {
        vec![Change::Alert {
            id: alert.id.clone(),
            name: alert_name(&alert.rule, alert.provider.as_deref()),
            operation,
        }]
    };
    let what = "acknowledgement".to_owned();
    let (to, back) = (AlertHandling::Acknowledge, AlertHandling::Withdraw);
    send(model, what, change(to), change(back))
}

/// Asks for how long the alert of the open menu is muted; one that is muted is told again.
pub(super) fn mute(model: &mut Model) {
    let Some(Dialog::Menu(Subject::Alert(id))) = &model.dialog else {
        return;
    };
    let rows = model.alert_rows();
    let mut alerts = rows.iter().filter_map(|row| match row {
        crate::tui::model::AlertListRow::Alert(alert) => Some(*alert),
        crate::tui::model::AlertListRow::Provider(_) => None,
    });
    let Some(alert) = alerts.find(|alert| alert.id == *id).cloned() else {
        model.dialog = None;
        model.notify("this alert is not listed any more", false);
        return;
    };
    let name = alert_name(&alert.rule, alert.provider.as_deref());
    let change = |seconds| {
        vec![Change::Alert {
            id: alert.id.clone(),
            name: name.clone(),
            operation: AlertHandling::Mute(seconds),
        }]
    };
    let mut lines = vec![format!("{name}: {}", alert.message)];
    let choices = if alert.muted_until.is_some() {
        lines.push("It is muted. If it still lasts, receivers are told of it again.".to_owned());
        vec![change_choice(
            Action::Yes,
            "End the silence",
            change(0),
            change(SILENCES[1].2),
        )]
    } else {
        lines.push("Receivers hear nothing of it meanwhile, also if it comes again.".to_owned());
        let choices = SILENCES.iter();
        choices
            .map(|&(key, label, seconds)| change_choice(key, label, change(seconds), change(0)))
            .collect()
    };
    lines.push(target_line(model));
    ask(model, ConfirmDialog::new(DialogKind::Mute, lines, choices));
}

fn alert_name(rule: &str, provider: Option<&str>) -> String {
    provider.map_or_else(|| rule.to_owned(), |name| format!("{rule} {name}"))
}
