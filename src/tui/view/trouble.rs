//! The line of providers in trouble.

use super::held::held;
use crate::contract::{AlertReport, ProviderStatus, Status, StoreReport};
use crate::tui::format;
use crate::tui::model::{Model, trouble};
use crate::tui::panels::alert_text;
use ratatui::text::{Line, Span};

pub(super) fn trouble_line<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    let mut spans = Vec::new();
    if status.dropped.total() > 0 {
        spans.push(Span::styled(
            format!(" {} DROPPED ", status.dropped.total()),
            theme.bad(),
        ));
    }
    if let Some(text) = status.store.as_ref().and_then(store_trouble) {
        spans.push(Span::styled(text, theme.bad()));
    }
    let troubled = troubled(status);
    let others = other_alerts(status, &troubled);
    let held = held(status, theme);
    if troubled.is_empty() && others.is_empty() && spans.is_empty() {
        let none = Span::styled(" no provider in trouble  ", theme.dim());
        return std::iter::once(none).chain(held).collect();
    }
    if !troubled.is_empty() {
        spans.push(Span::styled(format!(" !!{} ", troubled.len()), theme.bad()));
    }
    for provider in troubled {
        let performance = &provider.performance;
        spans.push(Span::styled(
            theme.state_word(performance.state),
            theme.state(performance.state),
        ));
        spans.push(Span::raw(format!(
            " {}{}: {}   ",
            performance.provider,
            since(provider, status),
            provider.why
        )));
    }
    for alert in others {
        let word = format!(" {} ", alert.severity.to_uppercase());
        spans.push(Span::styled(word, theme.bad()));
        spans.push(Span::raw(format!(" {}   ", alert_text(alert, theme))));
    }
    spans.extend(held);
    Line::from(spans)
}

/// What is wrong with the store; `None` while it writes and lost nothing.
fn store_trouble(store: &StoreReport) -> Option<String> {
    match &*store.state {
        "failing" => Some(format!(" STORE FAILING {} WAIT ", store.queued)),
        "behind" => Some(format!(" STORE BEHIND {} ", store.queued)),
        _ if store.dropped > 0 => Some(format!(" STORE LOST {} ", store.dropped)),
        _ => None,
    }
}

/// Alerts that wait for an operator and that no provider in trouble shows.
fn other_alerts<'s>(status: &'s Status, troubled: &[&ProviderStatus]) -> Vec<&'s AlertReport> {
    let is_shown = |name: &String| {
        let mut names = troubled.iter().map(|it| &it.performance.provider);
        names.any(|shown| shown == name)
    };
    let alerts = status.alerts.iter();
    alerts
        .filter(|alert| alert.state == "firing")
        .filter(|alert| !alert.provider.as_ref().is_some_and(is_shown))
        .collect()
}

/// Time since the trouble began, such as ` 4m`.
pub(super) fn since(provider: &ProviderStatus, status: &Status) -> String {
    let since = provider.trouble_since.as_ref();
    since.map_or_else(String::new, |since| {
        format!(" {}", format::between(since, &status.generated_at))
    })
}

pub(super) fn troubled(status: &Status) -> Vec<&ProviderStatus> {
    let mut troubled: Vec<&ProviderStatus> = status
        .providers
        .iter()
        .filter(|provider| trouble(provider.performance.state) > 1)
        .collect();
    troubled.sort_by_key(|provider| std::cmp::Reverse(trouble(provider.performance.state)));
    troubled
}
