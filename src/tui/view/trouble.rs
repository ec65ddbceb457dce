//! The line of the providers: those in trouble, and what comes next.

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
        spans.push(Span::styled(" no provider in trouble   ", theme.dim()));
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
    let rest = [idle_breakers(status), next_schedule(status)];
    for text in rest.into_iter().flatten() {
        spans.push(Span::styled(format!(" {text}  "), theme.dim()));
    }
    Line::from(spans)
}

/// How many breakers wait for a request that does not come; they judge no provider.
fn idle_breakers(status: &Status) -> Option<String> {
    let models = status
        .providers
        .iter()
        .flat_map(|it| &it.performance.models);
    match models.filter(|model| model.idle).count() {
        0 => None,
        1 => Some("i 1 idle breaker half-open".to_owned()),
        count => Some(format!("i {count} idle breakers half-open")),
    }
}

/// The next change of the weights by a schedule.
pub fn next_schedule(status: &Status) -> Option<String> {
    let next = status.schedule.as_ref()?.next.as_ref()?;
    let wait = format::between(&status.generated_at, &next.at);
    let minute = format::clock(&next.at).get(..5).unwrap_or_default();
    Some(format!("weights {} at {minute}Z in {wait}", next.name))
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

/// Time in the present state, such as ` 4m`.
pub(super) fn since(provider: &ProviderStatus, status: &Status) -> String {
    let since = &provider.state_since;
    format!(" {}", format::between(since, &status.generated_at))
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
