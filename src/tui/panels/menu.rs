//! The menus of a provider, a revision and an alert. Each row names the one thing that its key will do.

use super::help;
use crate::contract::{ProviderStatus, Status};
use crate::tui::format;
use crate::tui::input_context::InputContext;
use crate::tui::keymap::{Action, Binding};
use crate::tui::model::{Model, is_blocked};
use crate::tui::takeover::takeover;
use ratatui::style::Style;

/// The actions on a provider, with their effects; one without an effect is dim.
pub fn provider(model: &Model, name: &str) -> Vec<(String, Style)> {
    let status = model.status.as_deref();
    let subject = status.and_then(|status| {
        let mut providers = status.providers.iter();
        let found = providers.find(|it| it.performance.provider == name)?;
        Some((status, found))
    });
    let text = |binding: &Binding| match subject {
        Some((status, provider)) => effect(binding, status, provider),
        None => (binding.text.to_owned(), true),
    };
    rows(model, is_about_provider, text)
}

fn is_about_provider(action: Action) -> bool {
    !matches!(action, Action::Rollback | Action::Mute)
}

/// The actions on the alert under the cursor, and on its provider.
pub fn alert(model: &Model) -> Vec<(String, Style)> {
    let status = model.status.as_deref();
    let subject = status.zip(model.selected());
    let is_muted = model
        .selected_alert()
        .is_some_and(|alert| alert.muted_until.is_some());
    let text = |binding: &Binding| match (binding.action, subject) {
        (Action::Mute, _) if is_muted => ("end the silence about it".to_owned(), true),
        (Action::Mute, _) => ("mute it for 30 min, an hour or a day".to_owned(), true),
        (_, Some((status, provider))) => effect(binding, status, provider),
        (_, None) => (binding.text.to_owned(), true),
    };
    let is_listed = |action| match action {
        Action::Mute => true,
        action => subject.is_some() && is_about_provider(action),
    };
    rows(model, is_listed, text)
}

/// The actions on a revision.
pub fn revision(model: &Model) -> Vec<(String, Style)> {
    let text = |binding: &Binding| (binding.text.to_owned(), true);
    rows(model, |action| action == Action::Rollback, text)
}

/// What an action will do to a provider, and whether it has an effect now.
fn effect(binding: &Binding, status: &Status, provider: &ProviderStatus) -> (String, bool) {
    let name = &provider.performance.provider;
    let text = match binding.action {
        Action::Drain if provider.draining => {
            let end = provider.draining_until.as_ref();
            let end = end.map(|end| {
                let left = format::between(&status.generated_at, end);
                format!("; it ends by itself in {left}")
            });
            format!("stop draining {name}{}", end.unwrap_or_default())
        }
        Action::Drain => format!("drain {name}: {}", takeover(status, provider)),
        Action::Enable if provider.enabled => {
            format!("disable {name}: {}", takeover(status, provider))
        }
        Action::Enable => format!("enable {name}: probes and requests again"),
        Action::ResetBreaker if is_blocked(provider) => {
            format!("close the breakers of {name}: requests at once")
        }
        Action::ResetBreaker => {
            return (format!("no breaker of {name} is open"), false);
        }
        Action::Probe => format!("probe {name} now: lists its models, free of charge"),
        _ => binding.text.to_owned(),
    };
    (text, true)
}

fn rows(
    model: &Model,
    is_listed: impl Fn(Action) -> bool,
    text: impl Fn(&Binding) -> (String, bool),
) -> Vec<(String, Style)> {
    let keymap = &model.options.keymap;
    let all = keymap.at(InputContext::Menu, model.theme().ascii);
    let listed = all.filter(|(binding, _)| is_listed(binding.action));
    let mut rows: Vec<(String, Style)> = listed
        .map(|(binding, keys)| {
            let (text, has_effect) = text(binding);
            let style = if has_effect {
                Style::default()
            } else {
                model.theme().dim()
            };
            (help::row(model, binding, &keys, &text), style)
        })
        .collect();
    rows.push((
        format!(" {} cancel", format::left("Esc", 10)),
        Style::default(),
    ));
    rows
}
