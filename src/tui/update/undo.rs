//! Undo of the last change made here, and the later changes of others that it may revert.

use super::dialogs::{ask, change_choice, last_provider_phrase, target_line};
use crate::contract::{EventKind, ProviderStatus, Status, WeightOverride, WeightsChange};
use crate::tui::change::{Change, Undo, settings_text};
use crate::tui::confirm_dialog::{ConfirmDialog, ConfirmPhrase, DialogKind};
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::Model;

/// Changes of others that are listed; the rest is counted.
const MAX_LISTED_CHANGES: usize = 3;

pub(super) fn undo(model: &mut Model) {
    let Some(undo) = model.undo.last().cloned() else {
        let revisions = model.key(Action::Go(Screen::Revisions));
        let text = format!("nothing to undo from here; {revisions} lists all revisions");
        model.notify(text, false);
        return;
    };
    let Some(status) = model.status.clone() else {
        return;
    };
    // The newest change may not be in the status yet.
    let revision = status.revision.max(undo.after);
    let changes: Vec<Change> = undo
        .changes
        .iter()
        .cloned()
        .map(|it| it.on(revision))
        .collect();
    let arrow = model.theme().mark('→', '>');
    let mut lines = vec![match undo.after {
        0 => "Undo the last change made here:".to_owned(),
        after => format!("Undo the last change made here, rev {after}:"),
    }];
    lines.extend(
        changes
            .iter()
            .map(|change| change_text(change, &status, arrow)),
    );
    // What was done with an alert is in no revision.
    let is_alert = |change: &Change| matches!(change, Change::Alert { .. });
    let is_newest = revision == undo.after || changes.iter().all(is_alert);
    if !is_newest {
        lines.extend(later_changes(&undo, &status));
    }
    lines.push(target_line(model));
    let phrase = last_provider_phrase(model, &changes).or_else(|| {
        let why = "it may revert what others changed since";
        (!is_newest).then(|| ConfirmPhrase::new(format!("rev-{revision}"), why))
    });
    let yes = change_choice(Action::Yes, "Yes, undo it", changes, Vec::new());
    let dialog = ConfirmDialog::new(DialogKind::Undo, lines, vec![yes]);
    ask(model, dialog.with_fields(phrase, false));
}

/// The changes made since, the latest first.
fn later_changes(undo: &Undo, status: &Status) -> Vec<String> {
    let newest = status.revision;
    if undo.after == 0 {
        return vec![format!(
            "Other changes may have been made since; rev {newest} is in effect."
        )];
    }
    let mut lines = vec![format!("Since then, up to rev {newest}:")];
    let since = (undo.after + 1..=newest).rev();
    let count = newest.saturating_sub(undo.after);
    lines.extend(since.take(MAX_LISTED_CHANGES).map(|number| {
        let start = format!("rev {}→{number} ", number - 1);
        let mut events = status.events.iter();
        let event = events.find(|it| it.kind == EventKind::Change && it.text.starts_with(&start));
        event.map_or_else(|| format!("  rev {number}"), |it| format!("  {}", it.text))
    }));
    let more = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(MAX_LISTED_CHANGES);
    if more > 0 {
        lines.push(format!("  and {more} earlier"));
    }
    lines
}

/// A change in words: from the current setting to the new one.
fn change_text(change: &Change, status: &Status, arrow: char) -> String {
    match change {
        Change::Weights(change) => weights_text(change, status, arrow),
        Change::Settings(change) => format!("  back to {}", settings_text(change)),
        Change::Provider { name, change } => {
            let mut providers = status.providers.iter();
            let provider = providers.find(|it| it.performance.provider == *name);
            let mut words = Vec::new();
            let draining = |on: bool| if on { "drain" } else { "stop draining" };
            words.extend(change.draining.map(|on| draining(on).to_owned()));
            let timed = |seconds: u64| format!("drain for {} min", seconds / 60);
            words.extend(change.drain_seconds.map(timed));
            let enabled = |on: bool| if on { "enable" } else { "disable" };
            words.extend(change.enabled.map(|on| enabled(on).to_owned()));
            words.extend(change.priority.map(|to| {
                let from = provider.map_or_else(|| "?".to_owned(), |it| it.priority.to_string());
                format!("priority {from} {arrow} {to}")
            }));
            words.extend(
                change
                    .weights
                    .map(|weights| own_weights_text(provider, weights, arrow)),
            );
            format!("  {name}: {}", words.join(", "))
        }
        Change::Keep => "  keep what is on trial".to_owned(),
        Change::Probe(name) => format!("  probe {name}"),
        Change::Reload => "  reload the configuration".to_owned(),
        Change::Alert {
            name, operation, ..
        } => format!("  {name}: {}", operation.done()),
    }
}

fn weights_text(change: &WeightsChange, status: &Status, arrow: char) -> String {
    let now = &status.weights;
    let rows = [
        ("cost", now.cost, change.cost),
        ("latency", now.latency, change.latency),
        ("reliability", now.reliability, change.reliability),
        ("load", now.load, change.load),
        ("priority", now.priority, change.priority),
    ];
    let named = rows.iter().filter_map(|(name, from, to)| {
        let to = (*to)?;
        Some(format!("{name} {} {arrow} {}", from.round(), to.round()))
    });
    format!("  {}", named.collect::<Vec<_>>().join(" · "))
}

fn own_weights_text(provider: Option<&ProviderStatus>, to: WeightOverride, arrow: char) -> String {
    let words = |weights: WeightOverride| {
        let parts = [
            ("cost", weights.cost),
            ("latency", weights.latency),
            ("reliability", weights.reliability),
        ];
        let named = parts
            .iter()
            .filter_map(|(name, points)| Some(format!("{name} {}", (*points)?)));
        named.collect::<Vec<_>>().join(" ")
    };
    let from = provider.and_then(|it| it.weights).map(words);
    let from = from.map_or_else(|| "none".to_owned(), |from| format!("({from})"));
    match words(to) {
        to if to.is_empty() => format!("{from} {arrow} no own weights"),
        to => format!("own weights {from} {arrow} {to}"),
    }
}
