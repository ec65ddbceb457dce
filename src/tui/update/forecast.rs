//! The expected effect of a change of weights, as its review states it, and the phrase that the
//! effect requires.

use crate::contract::{
    ClosedLoopReport, HealthState, SpendingReport, Status, WhatIfReport, WhatIfTotalsReport,
};
use crate::tui::confirm_dialog::ConfirmPhrase;
use crate::tui::draft::Draft;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::preview::{Preview, PreviewBasis, ProviderPreview, insensitivity, moved, preview};
use crate::tui::what_if::WhatIfResult;
use std::collections::BTreeMap;

/// Moving a larger part of the traffic requires a phrase.
const MAX_SILENT_SHIFT: f64 = 0.15;
/// So does a forecast of which a larger part is extrapolated.
const MAX_GUESSED_SHARE: f64 = 0.20;
/// A provider with a smaller share of the traffic does not count as carrying it.
const MIN_CARRIED_SHARE: f64 = 0.01;

/// The forecast, for the review of a draft.
#[derive(Debug)]
pub(super) struct Forecast {
    pub lines: Vec<String>,
    pub phrase: Option<ConfirmPhrase>,
}

/// An objection to a draft: the phrase to type, and the reason.
type Concern = (&'static str, String);

pub(super) fn forecast(model: &Model, status: &Status, draft: &Draft) -> Forecast {
    let known = model.what_if.as_ref().filter(|it| it.is_about(draft));
    let Preview { now, then, basis } = preview(status, draft, known);
    let part = moved(&now, &then);
    let mut lines = vec![insensitivity(status, draft).map_or_else(
        || {
            format!(
                "effect: moves {}% of the traffic{}",
                format::share(part),
                source(basis)
            )
        },
        |why| format!("effect: none, because {why}"),
    )];
    let mut concerns = Vec::new();
    concerns.extend(shift((status, draft), part, known));
    match known {
        Some(prediction) => {
            lines.extend(recorded(model, prediction));
            let (text, concern) = spending(model, status, &prediction.report);
            lines.push(text);
            concerns.extend(concern);
            concerns.extend(guessed(&prediction.report));
        }
        None => concerns.push((
            "unpredicted",
            "no forecast from recorded requests yet".to_owned(),
        )),
    }
    concerns.extend(last_healthy(status, &now, &then));
    let mark = model.theme().mark('✗', 'X');
    lines.extend(
        concerns
            .iter()
            .skip(1)
            .map(|(_, why)| format!("{mark} {why}")),
    );
    let phrase = concerns
        .into_iter()
        .next()
        .map(|(expected, why)| ConfirmPhrase::new(expected, why));
    Forecast { lines, phrase }
}

/// How sure the effect is.
fn source(basis: PreviewBasis) -> &'static str {
    match basis {
        PreviewBasis::ClosedLoop => ", as recorded requests were run",
        PreviewBasis::NextRequests => " from the next request on",
        PreviewBasis::Estimate => ", estimated from the factors",
    }
}

/// Objects to a large shift: the larger of the shift now and the shift over the recorded window,
/// so that neither a quiet moment nor an old window hides the other.
fn shift(
    (status, draft): (&Status, &Draft),
    part: f64,
    known: Option<&WhatIfResult>,
) -> Option<Concern> {
    let recorded = known.map_or(0.0, |prediction| shifted(&prediction.report));
    let shifted_share = if insensitivity(status, draft).is_some() {
        part
    } else {
        part.max(recorded)
    };
    let why = format!(
        "{}% of the traffic is more than {}%",
        format::share(shifted_share),
        format::share(MAX_SILENT_SHIFT)
    );
    (shifted_share > MAX_SILENT_SHIFT).then_some(("big-shift", why))
}

/// The part of the recorded requests that another provider would have served, 0..1.
fn shifted(report: &WhatIfReport) -> f64 {
    let mut gains: BTreeMap<&str, f64> = BTreeMap::new();
    for target in &report.targets {
        *gains.entry(&target.provider).or_default() += target.then.share - target.now.share;
    }
    let gains = gains.into_values();
    gains.fold(0.0, |sum, gain| sum + gain.max(0.0))
}

/// The effect of the draft on the recorded requests, and the part of it that is extrapolated.
fn recorded(model: &Model, prediction: &WhatIfResult) -> Vec<String> {
    let report = &prediction.report;
    let window = prediction.request.window.as_str();
    let age = model.now.saturating_sub(prediction.at).as_secs();
    if report.decisions == 0 {
        return vec![format!(
            "recorded: no request of the last {window} could be replayed ({age} s ago)"
        )];
    }
    let (now, then) = (report.total.now, report.total.then);
    let arrow = model.theme().mark('→', '>');
    let mut lines = vec![
        format!(
            "recorded: {}% of {} requests in {window} would move ({age} s ago{})",
            format::share(shifted(report)),
            report.decisions,
            runs(report)
        ),
        format!(
            "  ok {}{arrow}{}%  p95 {}{arrow}{}  {}% extrapolated",
            format::percent(now.success_rate),
            format::percent(then.success_rate),
            format::latency(now.p95),
            format::latency_range(then.p95, then.p95_range),
            format::share(extrapolated(report))
        ),
    ];
    if let Some(loop_report) = report.closed_loop.as_deref().filter(|it| it.moving) {
        lines.push(format!(
            "{} traffic is changing: the settings in force are forecast {:.1} points off",
            model.theme().mark('✗', 'X'),
            loop_report.self_test_points
        ));
    }
    lines
}

/// `, 8 runs`, where recorded requests were run through the balancer.
fn runs(report: &WhatIfReport) -> String {
    let has_run = |it: &&ClosedLoopReport| !it.too_little_traffic;
    let closed = report.closed_loop.as_deref().filter(has_run);
    closed.map_or_else(String::new, |it| match it.runs {
        1 => ", 1 run".to_owned(),
        runs => format!(", {runs} runs"),
    })
}

fn extrapolated(report: &WhatIfReport) -> f64 {
    if report.decisions == 0 {
        return 0.0;
    }
    report.extrapolated as f64 / report.decisions as f64
}

fn guessed(report: &WhatIfReport) -> Option<Concern> {
    let part = extrapolated(report);
    let why = format!(
        "{}% of the forecast is extrapolated, more than {}%",
        format::share(part),
        format::share(MAX_GUESSED_SHARE)
    );
    (part > MAX_GUESSED_SHARE).then_some(("extrapolated", why))
}

/// The cost per hour before and after, and the use of the budgets at the end of their periods.
fn spending(model: &Model, status: &Status, report: &WhatIfReport) -> (String, Option<Concern>) {
    let theme = model.theme();
    let arrow = theme.mark('→', '>');
    let now = status.usd_per_hour;
    let (was, would) = (
        report.total.now.usd_per_hour,
        report.total.then.usd_per_hour,
    );
    let then = match (was, would) {
        (Some(was), Some(would)) if was > 0.0 => now * would / was,
        (_, Some(would)) => now + would,
        _ => now,
    };
    let hourly = |rate| format::usd(Some(rate), theme);
    // The figures of runs are those of the panel.
    let shown = match (was, would) {
        (Some(was), Some(would)) if !runs(report).is_empty() => (was, would),
        _ => (now, then),
    };
    let per_1k = |totals: WhatIfTotalsReport| format::usd(totals.usd_per_1k_requests, theme);
    let cost = format!(
        "cost: {}{arrow}{} per 1k, {}{arrow}{}/h",
        per_1k(report.total.now),
        per_1k(report.total.then),
        hourly(shown.0),
        hourly(shown.1)
    );
    let mut concern = None;
    let mut parts = Vec::new();
    let periods = [("day", &status.budget.day), ("month", &status.budget.month)];
    for (period, budget) in periods {
        let ends = |rate| spent_at_end(budget, rate, &status.generated_at);
        let (Some(before), Some(after)) = (ends(now), ends(then)) else {
            continue;
        };
        let (before_text, after_text) = (format::share(before), format::share(after));
        parts.push(format!("{period} {before_text}{arrow}{after_text}%"));
        // A cheaper draft is not objected to.
        if after > 1.0 && then >= now && concern.is_none() {
            let why = format!("{after_text}% of the {period} budget would be spent at its end");
            concern = Some(("over-budget", why));
        }
    }
    if parts.is_empty() {
        return (cost, concern);
    }
    let text = format!("{cost}; budget at its end: {}", parts.join(", "));
    (text, concern)
}

/// The part of a budget that is spent at the end of its period at `rate` USD per hour; `None`
/// without a limit.
fn spent_at_end(budget: &SpendingReport, rate: f64, now: &str) -> Option<f64> {
    let limit = budget.limit_usd.filter(|limit| *limit > 0.0)?;
    let hours = format::seconds_between(now, &budget.resets_at)? as f64 / 3_600.0;
    Some((budget.spent_usd + budget.reserved_usd + rate * hours) / limit)
}

/// Objects if at most one healthy provider would carry traffic, where several do now.
fn last_healthy(
    status: &Status,
    now: &[ProviderPreview],
    then: &[ProviderPreview],
) -> Option<Concern> {
    let carrying = |previews: &[ProviderPreview]| -> Vec<usize> {
        let is_healthy = |at: &usize| {
            let state = status.providers[*at].performance.state;
            matches!(state, HealthState::Ok | HealthState::Slow)
                && previews[*at].share >= MIN_CARRIED_SHARE
        };
        (0..previews.len()).filter(is_healthy).collect()
    };
    let (before, after) = (carrying(now), carrying(then));
    if before.len() < 2 || after.len() > 1 {
        return None;
    }
    let why = match after.first() {
        Some(&last) => format!(
            "{} would be the last healthy one with traffic",
            status.providers[last].performance.provider
        ),
        None => "no healthy provider would have traffic".to_owned(),
    };
    Some(("last-healthy", why))
}
