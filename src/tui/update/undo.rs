//! The way back from the last change made here, and what it would cost others.

use super::dialogs::{answer_of, ask, last_word, target_line};
use crate::contract::{EventKind, ProviderStatus, Status, WeightOverride, WeightsChange};
use crate::tui::change::{Change, Undo};
use crate::tui::confirm_dialog::{ConfirmDialog, ConfirmPhrase};
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::Model;

/// The title of the question that undoes the last change.
pub(super) const UNDO: &str = "UNDO";
/// So many changes of others are told; the rest is counted.
const MAX_LISTED_CHANGES: usize = 3;

pub(super) fn undo(model: &mut Model) {
    let Some(undo) = model.undo.last().cloned() else {
        let revisions = model.key(Action::Go(Screen::Revisions));
        let text = format!("nothing was changed from here; {revisions} lists all revisions");
        model.notify(text, false);
        return;
    };
    let Some(status) = model.status.clone() else {
        return;
    };
    // What was changed a moment ago may not be in the news yet.
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
    lines.extend(changes.iter().map(|change| said(change, &status, arrow)));
    let is_newest = revision == undo.after;
    if !is_newest {
        lines.extend(others(&undo, &status));
    }
    lines.push(target_line(model));
    let word = last_word(model, &changes).or_else(|| {
        (!is_newest).then(|| ConfirmPhrase {
            expected: format!("rev-{revision}"),
            typed: String::new(),
            why: "it may take back what others changed since".to_owned(),
        })
    });
    let yes = answer_of('y', "Yes, undo it", changes, Vec::new());
    let mut question = ConfirmDialog::new(UNDO, lines, vec![yes]);
    question.word = word;
    ask(model, question);
}

/// What came into force since, the latest first.
fn others(undo: &Undo, status: &Status) -> Vec<String> {
    let newest = status.revision;
    if undo.after == 0 {
        return vec![format!(
            "Other changes may have come between; rev {newest} is in force."
        )];
    }
    let mut lines = vec![format!("Since then, up to rev {newest}:")];
    let since = (undo.after + 1..=newest).rev();
    let count = newest.saturating_sub(undo.after);
    lines.extend(since.take(MAX_LISTED_CHANGES).map(|number| {
        let start = format!("rev {}→{number} ", number - 1);
        let mut told = status.events.iter();
        let told = told.find(|it| it.kind == EventKind::Change && it.text.starts_with(&start));
        told.map_or_else(|| format!("  rev {number}"), |it| format!("  {}", it.text))
    }));
    let more = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(MAX_LISTED_CHANGES);
    if more > 0 {
        lines.push(format!("  and {more} before"));
    }
    lines
}

/// A change in words: from what is in force to what it asks for.
fn said(change: &Change, status: &Status, arrow: char) -> String {
    match change {
        Change::Weights(change) => weights_said(change, status, arrow),
        Change::Provider { name, change } => {
            let mut providers = status.providers.iter();
            let provider = providers.find(|it| it.performance.provider == *name);
            let mut words = Vec::new();
            let draining = |on: bool| if on { "drain" } else { "no longer drain" };
            words.extend(change.draining.map(|on| draining(on).to_owned()));
            let enabled = |on: bool| if on { "enable" } else { "disable" };
            words.extend(change.enabled.map(|on| enabled(on).to_owned()));
            words.extend(change.priority.map(|to| {
                let from = provider.map_or_else(|| "?".to_owned(), |it| it.priority.to_string());
                format!("priority {from} {arrow} {to}")
            }));
            words.extend(change.weights.map(|own| own_said(provider, own, arrow)));
            format!("  {name}: {}", words.join(", "))
        }
        Change::Keep => "  keep what is on trial".to_owned(),
        Change::Probe(name) => format!("  probe {name}"),
        Change::Reload => "  read the configuration again".to_owned(),
    }
}

fn weights_said(change: &WeightsChange, status: &Status, arrow: char) -> String {
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

fn own_said(provider: Option<&ProviderStatus>, to: WeightOverride, arrow: char) -> String {
    let words = |own: WeightOverride| {
        let parts = [
            ("cost", own.cost),
            ("latency", own.latency),
            ("reliability", own.reliability),
        ];
        let named = parts
            .iter()
            .filter_map(|(name, points)| Some(format!("{name} {}", (*points)?)));
        named.collect::<Vec<_>>().join(" ")
    };
    let from = provider.and_then(|it| it.weights).map(words);
    let from = from.map_or_else(|| "none".to_owned(), |from| format!("({from})"));
    match words(to) {
        to if to.is_empty() => format!("{from} {arrow} no weights of its own"),
        to => format!("weights of its own {from} {arrow} {to}"),
    }
}
